"""States, hybrids and what drafts, as the planner of vLLM 0.33.0 keeps them: each with its sum.

A model is bundled, or a configuration that was given to the planner; an H100, 8,192 tokens a step
and two batches in flight unless said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import kvcalc
from kvcalc.engines import plan
from kvcalc.errors import UsageError
from kvcalc.question import question


@dataclass(frozen=True)
class Row:
    """What one sequence reserves on the dearest rank, and the sum."""

    model: str | dict[str, Any]
    context: int
    reserved: int
    sum: int
    asked: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    draft: dict[str, Any] | None = None


def planned(row: Row | Refused) -> Any:
    """The bytes that one sequence reserves."""
    asking = question(row.context, engine="vllm", settings=row.settings, **row.asked)
    model = kvcalc.load(row.model)
    if row.draft:
        model = replace(model, draft=kvcalc.load(row.draft))
    found = plan(model.adapted(asking), asking)
    assert found
    return found.at(row.context, 1).bytes


@dataclass(frozen=True)
class Refused:
    """What vLLM does not start with, and a word of why."""

    model: str | dict[str, Any]
    why: str
    asked: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    context: int = 32_768
    draft: dict[str, Any] | None = None


MTP: dict[str, Any] = {"mtp": True}
LLAMA = {"model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8}
SMALL = {**LLAMA, "num_hidden_layers": 16, "hidden_size": 2048, "head_dim": 64}
ERNIE = {
    "model_type": "ernie4_5_moe",
    "num_hidden_layers": 28,
    "hidden_size": 2560,
    "num_attention_heads": 20,
    "num_key_value_heads": 4,
    "head_dim": 128,
}
QWEN = {
    "model_type": "qwen3_5_moe_text",
    "num_hidden_layers": 8,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 128,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "full_attention_interval": 4,
    "mamba_ssm_dtype": "float32",
    "mtp_num_hidden_layers": 1,
}
QWEN4 = {"model_type": "qwen4_exp_text"}
INDEXER = {
    "indexer_n_heads": 8,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 64,
    "indexer_budget": 2048,
    "indexer_compress_ratio": 16,
}
INKLING = {
    "model_type": "inkling_mm_model",
    "text_config": {
        "num_hidden_layers": 7,
        "hidden_size": 3072,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "swa_num_attention_heads": 32,
        "swa_num_key_value_heads": 8,
        "swa_head_dim": 128,
        "sliding_window_size": 512,
        "conv_kernel_size": 6,
        "local_layer_ids": [0, 1, 2, 3, 4, 6],
    },
}
# which layers have windows is not said: vLLM's class takes none, transformers' five of six
INKLING_SMALL = {
    "model_type": "inkling_mm_model",
    "text_config": {
        "num_hidden_layers": 42,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "swa_num_attention_heads": 32,
        "swa_num_key_value_heads": 8,
        "swa_head_dim": 128,
        "sliding_window_size": 512,
        "conv_kernel_size": 4,
    },
}
KIMI = {
    "model_type": "kimi_linear",
    "num_hidden_layers": 8,
    "num_attention_heads": 32,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "linear_attn_config": {
        "full_attn_layers": [4, 8],
        "kda_layers": [1, 2, 3, 5, 6, 7],
        "head_dim": 64,
        "num_heads": 64,
        "short_conv_kernel_size": 4,
    },
}
FP8: dict[str, Any] = {"kv_dtype": "fp8"}
SKIPPED = {"kv_cache_dtype_skip_layers": "5,7"}
SKIPPED_WINDOWS = {"kv_cache_dtype_skip_layers": "sliding_window"}

ROWS = (
    # prefix caching decides the mode: 7 groups of 4 states in 2 blocks, not in 1
    Row(
        "jamba-1.5-mini",
        32_768,
        555_745_280,
        (410 + 7 * 2) * 4 * 80 * 4096,
        {},
        {"mamba_cache_mode": "none"},
    ),
    Row(
        "jamba-1.5-mini",
        32_768,
        546_570_240,
        (410 + 7) * 4 * 80 * 4096,
        {},
        {"mamba_cache_mode": "align", "enable_prefix_caching": False},
    ),
    # states of 2 B an element
    Row(
        "jamba-1.5-mini",
        32_768,
        555_745_280,
        (410 + 7 * 2) * 4 * 80 * 4096,
        {},
        {"mamba_ssm_cache_dtype": "float16"},
    ),
    # a block of 16 tokens of bf16, 32,768 B, takes 32 of fp8, whether a layer is left out or not
    Row(
        "lfm2-1.2b",
        32_768,
        202_113_024,
        (1024 + 2 * 2) * 6 * 32 * 1024,
        FP8,
        SKIPPED_WINDOWS,
    ),
    # layer 5 in bf16 has pages of 65,536 B, the other 5 blocks of 64 tokens; 10 states apart
    Row(
        "lfm2-1.2b",
        32_768,
        236_191_744,
        (1024 + 5 * 512 + 10 * 2) * 65536,
        FP8,
        SKIPPED,
    ),
    # the page that skipped layers share is reckoned as a key and a value of 576 B: 3,840 x 1,152
    Row(
        "kimi-linear-48b",
        32_768,
        340_623_360,
        (5 + 3 * 2) * 7 * 3840 * 1152,
        FP8,
        SKIPPED_WINDOWS,
    ),
    # its own layers of latents are not left out
    Row("kimi-linear-48b", 32_768, 340_623_360, (5 + 3 * 2) * 7 * 3840 * 1152, FP8, SKIPPED),
    # others are: layer 5 keeps 1,024 x 1,152 B, 6 take 2,048 tokens; 35 states in 2 blocks each
    Row(
        "ling-3.0-flash",
        32_768,
        233_570_304,
        (32 + 6 * 16 + 35 * 2) * 1024 * 1152,
        FP8,
        SKIPPED,
    ),
    # states stay fp32 whatever is set: 5 groups of 7, in pages of 512 x 1,152 B
    Row(
        "ling-3.0-flash",
        32_768,
        305_528_832,
        (64 + 5 * 2) * 7 * 512 * 1152,
        {},
        {"mamba_ssm_cache_dtype": "bfloat16"},
    ),
    # without chunks of a prompt, a step holds the longest: 2,048 blocks of the decoder and encoder
    Row("whisper-large-v3", 32_768, 10_737_418_240, (2048 + 2048) * 32 * 16 * 5120, {}, {}),
    # both of its MTP layers beside 28
    Row(
        {**ERNIE, "num_nextn_predict_layers": 2},
        32_768,
        2_013_265_920,
        2048 * 30 * 16 * 2048,
        MTP,
    ),
    # a block of 48 is no step: 128 x 16 tokens hold KDA's 1,122,304 B in latents of 576 B
    Row(
        KIMI,
        20_000,
        37_748_736,
        (10 + 3 * 2) * 2 * 2048 * 576,
        FP8,
        {"block_size": 48},
    ),
    # index keys of 16 tokens in pages of 576 / 16 x 128 B, and a ring; 3 states in groups of 10
    Row(
        {**QWEN4, **INDEXER},
        20_000,
        532_915_200,
        (35 + 1 + 3 * 3) * 10 * (576 * 2048 + 36 * 128),
    ),
    # 11 layers of index keys with MTP's, in a fourth block of each group of states
    Row(
        {**QWEN4, **INDEXER},
        20_000,
        625_287_168,
        (35 + 1 + 3 * 4) * 11 * (576 * 2048 + 36 * 128),
        MTP,
    ),
    # two convolutions of n-grams set the size of a group: 16 of states, 5 of attention; at tp 16
    # they are the largest state, 147,456 B in 192 tokens of 1,024 B
    Row({**QWEN4, "ple_layer_ids": [1, 2]}, 20_000, 526_123_008, (16 * 3 + 5 * 35) * 2 * 1179648),
    Row(
        {**QWEN4, "ple_layer_ids": [1, 2]},
        20_000,
        225_312_768,
        (16 * 3 + 5 * 105) * 2 * 192 * 1024,
        {"tp": 16},
    ),
    # a layer in each group; convolutions are windows of 6 in pages of 6 x 8 x 1,024 x 2 B
    Row(INKLING, 100_000, 3_118_497_792, (7 * 2733 + 6 * 1057 + 6250) * 98304),
    # 42 layers of all tokens in blocks of 32, 42 convolutions in blocks of 4
    Row(INKLING_SMALL, 100_000, 39_762_788_352, (4098 + 3125) * 42 * 131072),
    Row(INKLING_SMALL, 100_000, 4_970_348_544, (4098 + 3125) * 42 * 16384, {"tp": 8}),
    # dtypes of a scale per head are a byte an element: 48 tokens of 2,048 B
    Row(
        INKLING,
        100_000,
        2_293_727_232,
        (7 * 2733 + 6 * 353 + 2084) * 48 * 2048,
        {"kv_dtype": "int8_per_token_head"},
    ),
    # one attention of its MTP layers; states with a column and a block more
    Row(
        "nemotron-3-super-120b-fp8",
        32_768,
        1_077_608_448,
        (8 + 5 * 4) * 9 * 4176 * 1024,
        {**MTP, "kv_dtype": "bf16"},
    ),
    # stage 0 has states alone, in blocks that are not those of others: a group of 3 of its own
    Row(QWEN, 32_768, 622_854_144, (16 + 2 * 4) * 3 * 2112 * 4096, {**MTP, "pp": 3}),
    # a draft of its own layers leaves its first two in bf16 too, 65,536 B, and not its last
    Row(
        "llama-3.1-8b",
        16_384,
        1_238_368_256,
        512 * (4 * 131072 + 28 * 50176 + 2 * 65536 + 14 * 25600),
        {"kv_dtype": "turboquant_k8v4"},
        {"num_speculative_tokens": 3},
        SMALL,
    ),
    # on Blackwell latents lie in pages of 32 rows: 11 x (4,456,448 + 71,808) up to 93 x 540,672 B
    Row(
        {"model_type": "glm5_next", "text_config": {"model_type": "glm5_next_text"}},
        1_048_576,
        6_737_854_464,
        (121 + 4 * 3 + 1) * 93 * 540672,
        {},
        {"gpu": "b200"},
    ),
)
IDS = [f"{row.model} {row.asked} {row.settings}"[-70:] for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_bytes_of_a_sequence(row: Row) -> None:
    assert row.sum == row.reserved
    assert planned(row) == row.reserved


REFUSED = (
    Refused("nemotron-3-nano-30b", "8 parts of conv_bc", {"tp": 16}),
    Refused("falcon-h1-7b", "attend to all", {"kv_dtype": "turboquant_4bit_nc"}),
    Refused("zamba2-2.7b", "attend to all", {"kv_dtype": "turboquant_k8v4"}),
    Refused("kimi-linear-48b", "is larger than", {}, {"mamba_ssm_cache_dtype": "bfloat16"}),
    Refused("kimi-k3", "float32 or bfloat16", {}, {"mamba_ssm_cache_dtype": "float16"}),
    Refused("glm-5.3-flash", "in blocks of 64 tokens", {}, {"block_size": 32}),
    Refused("zamba2-2.7b", "by which numbers", FP8, {"kv_cache_dtype_skip_layers": "5"}),
    Refused("inkling-small", "8 KV heads are not repeated on 16", {"tp": 16}),
    Refused("kimi-linear-48b", "does not prefill", {}, {"kda_prefill_backend": "flashkda"}),
    Refused("kimi-k3", "on a a100", {}, {"kda_prefill_backend": "flashkda", "gpu": "a100"}),
    Refused("kimi-k3", "but on Blackwell", {}, {"kda_prefill_backend": "flashinfer"}),
    Refused({**QWEN4, **INDEXER, "indexer_compress_ratio": 64}, "do not divide a block of 16"),
    Refused(
        {**QWEN4, **INDEXER},
        "ring of 64 tokens",
        MTP,
        {"num_speculative_tokens": 40, "enable_prefix_caching": False},
    ),
    Refused({**QWEN4, "ple_layer_ids": [1]}, "no pipeline stages", {"pp": 2}),
    Refused(QWEN4, "state of n-grams", {"tp": 16}),
    Refused(
        {
            "model_type": "nemotron_h",
            "hidden_size": 4_096,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "hybrid_override_pattern": "*-*-",
            "torch_dtype": "bfloat16",
        },
        "a state of its class that no layer has",
    ),
    Refused("whisper-large-v3", "needs Ada", FP8, {"gpu": "a100"}, context=448),
    Refused("llama-3.1-8b", "no MTP", MTP),
    Refused("kimi-linear-48b", "no MTP", MTP),
    # without an architecture, and without attention that such a layer could be like
    Refused("mamba2-2.7b", "is not known", MTP),
    Refused("deepseek-v3", "num_speculative_tokens is 0", MTP, {"num_speculative_tokens": 0}),
    Refused(ERNIE, "lists no MTP layers", MTP),
    Refused({"model_type": "hy_v4"}, "not modelled", MTP),
    Refused("deepseek-v3", "--mtp alone", {"mtp_layers": 1}),
    Refused(
        {**ERNIE, "num_nextn_predict_layers": 2},
        "no multiple of 2",
        MTP,
        {"num_speculative_tokens": 3},
    ),
    Refused(
        "deepseek-v3",
        "leaves no slot",
        MTP,
        {"num_speculative_tokens": 3, "max_num_batched_tokens": 3, "max_num_seqs": 1},
    ),
    Refused("llama-3.1-8b", "beside stages", {"pp": 2}, {}, draft=SMALL),
    Refused("mamba2-2.7b", "has states, or attention", {}, {}, draft=SMALL),
    Refused(
        "lfm2-1.2b",
        "are not modelled",
        {"kv_dtype": "turboquant_k8v4"},
        {"kv_cache_dtype_skip_layers": "2"},
    ),
)


@pytest.mark.parametrize("row", REFUSED, ids=[f"{row.model} {row.why}"[-60:] for row in REFUSED])
def test_refused_as_vllm_does(row: Refused) -> None:
    with pytest.raises(UsageError, match=row.why):
        planned(row)


def test_windows_that_are_not_applied_are_a_term() -> None:
    shown = kvcalc.show(INKLING_SMALL, 100_000, engine="vllm")
    assert shown.reservation
    terms = {term.rule: term.bytes for term in shown.reservation.terms}
    assert shown.stored + sum(terms.values()) == 39_762_788_352
    unapplied = "windows of which its file does not say where they are"
    assert terms[unapplied] == 35 * (100_000 - 512) * 8 * 2 * 128 * 2


BESIDE: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("mamba2-2.7b", "llama-3.2-1b", {}, "has states, or attention"),
    ("llama-3.1-8b", "mamba2-2.7b", {}, "has states, or attention"),
    ("inkling-small", "lfm2-1.2b", {}, "by unlike rules"),
    ("qwen2.5-3b", "deepseek-v3", {}, "by unlike rules"),
    ("deepseek-v3", "deepseek-v4-flash", {}, "by unlike rules"),
    ("llama-3.1-8b", "command-a-plus", {}, "by unlike rules"),
    ("falcon-h1-7b", "nemotron-h-56b", {}, "by unlike rules"),
    ("llama-3.1-8b", "llama-3.2-1b", {"draft_kv_dtype": "fp8"}, "leave --draft-kv-dtype out"),
    ("whisper-large-v3", "llama-3.2-1b", {}, "to an encoder's output"),
    ("llama-3.1-8b", "t5-small", {}, "no class for T5"),
    ("deepseek-v3", "llama-3.2-1b", MTP, "leave --mtp or --draft out"),
)


@pytest.mark.parametrize(("model", "draft", "asked", "why"), BESIDE)
def test_drafts_that_are_not_kept_as_the_model_is(
    model: str, draft: str, asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        kvcalc.show(model, 4_096, draft=draft, engine="vllm", **asked)


def test_a_draft_of_latents_is_beside_no_row_that_keeps_none() -> None:
    beside: dict[str, Any] = {"draft": "mistral-large-3", "engine": "vllm"}
    answer = kvcalc.compare("ling-3.0-flash", context=4_096, **beside)
    assert [row.label for row in answer.rows if row.native]
    assert any(note.startswith("no mqa row") and "unlike rules" in note for note in answer.told)


def test_a_hybrid_class_caches_prefixes_also_where_no_layer_attends() -> None:
    """Three layers of LFM2's convolution, 2 x 2,048 elements each: two blocks, as vLLM has them."""
    config = {
        "model_type": "lfm2",
        "num_hidden_layers": 3,
        "hidden_size": 2_048,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "conv_L_cache": 3,
        "layer_types": ["conv"] * 3,
        "torch_dtype": "bfloat16",
    }
    assert kvcalc.show(config, 128_000, engine="vllm").reserved == 2 * 3 * 2 * 2_048 * 2
    assert (
        kvcalc.show("mamba2-2.7b", 2_048, engine="vllm").query.settings["enable_prefix_caching"]
        is False
    )


def test_no_plan_of_a_model_that_keeps_nothing() -> None:
    nothing = {"kind": "gqa", "kv_heads": 2, "shared": True}
    config = {"name": "N", "heads": 8, "head_dim": 64, "dtype": "bf16", "layers": 4}
    with pytest.raises(UsageError, match="N keeps nothing"):
        kvcalc.show({**config, "attention": nothing}, 100, engine="vllm")
