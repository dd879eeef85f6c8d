"""What vLLM refuses to start with, and what is not modelled of it: never a number, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import kvcalc
from kvcalc.engines.vllm.groups import Held, groups_of
from kvcalc.engines.vllm.packing import packed_groups
from kvcalc.engines.vllm.specs import Need, Serving, Spec, need_of
from kvcalc.errors import UsageError


def model(**fields: Any) -> dict[str, Any]:
    """A small model of 4 layers."""
    given = {"name": "small", "dtype": "bf16", "heads": 8, "head_dim": 64, "layers": 4}
    return {**given, "attention": {"kind": "gqa", "kv_heads": 2}, **fields}


def custom(*tensors: dict[str, Any]) -> dict[str, Any]:
    """The same of a scheme written tensor by tensor."""
    return model(attention={"kind": "custom", "tensors": list(tensors)})


KEY = {"name": "k", "role": "k", "heads": 2, "width": 64}
VALUE = {**KEY, "name": "v", "role": "v"}
TWO_DTYPES = {
    "one": {"kind": "gqa", "kv_heads": 2, "dtype": "fp8"},
    "other": {"kind": "gqa", "kv_heads": 2},
}
STATES = {"kind": "mamba1", "inner_dim": 128, "state_dim": 16, "conv_kernel": 4}
REFUSED: tuple[tuple[str | dict[str, Any], dict[str, Any], str], ...] = (
    ("minimax-text-01", {}, "no class for MiniMax-Text-01 any more"),
    ("rwkv7-2.9b", {}, "no layer that keeps a rwkv7 state"),
    ("t5-small", {}, "no class for T5 Small: it serves no such model"),
    ("gemma-3n-e4b", {"pp": 2}, "has no pipeline stages; leave --pp out"),
    ("starcoder2-7b", {"tp": 8}, "36 query heads"),
    ("phi-4", {"tp": 4}, "10"),
    ("qwen3-next-80b-a3b", {"tp": 2, "dcp": 2}, "needs --tp to hold each of the 2 KV heads 2"),
    ("gemma-3-27b", {"tp": 32, "dcp": 2}, "a window cannot be shared out"),
    ("deepseek-v3.2", {"tp": 8, "dcp": 8}, "sparse latents in fp8_ds_mla alone; add --kv-dtype"),
    ("deepseek-v4-flash", {"kv_dtype": "bf16"}, "kept as fp8_ds_mla alone, not as bf16"),
    ("deepseek-v4-flash", {"settings": {"block_size": 128}}, "in blocks of 128 tokens is not"),
    ("whisper-large-v3", {"kv_dtype": "turboquant_k8v4", "context": 448}, "crosses to an encoder"),
    ("llama-3.1-8b", {"kv_dtype": "q8_0"}, "vllm has no cache dtype q8_0: it takes bf16"),
    (
        "inkling-small",
        {"kv_dtype": "turboquant_k8v4"},
        "Inkling's layers keep|no attention backend",
    ),
    (
        "whisper-large-v3",
        {"context": 4_096, "settings": {"max_num_batched_tokens": 2_048}},
        "max_num_batched_tokens 2,048 is less than 4,096 tokens",
    ),
    (
        "llama-3.1-8b",
        {"settings": {"max_num_seqs": 512, "max_num_batched_tokens": 256}},
        "max_num_seqs 512 is more than max_num_batched_tokens 256",
    ),
    ("llama-3.1-8b", {"settings": {"num_speculative_tokens": 2}}, "nothing drafts them; add --mtp"),
    (
        "llama-3.1-8b",
        {"settings": {"kv_cache_dtype_skip_layers": "0,first"}},
        "has 'first': it is a layer's number from 0, or sliding_window",
    ),
    ("llama-3.1-8b", {"settings": {"gpu": "h10"}}, "gpu is 'h10'; did you mean h100"),
    ("llama-3.1-8b", {"settings": {"blocksize": 16}}, "did you mean block_size"),
    (
        "llama-3.1-8b",
        {"context": 9_000, "settings": {"max_model_len": 8_192}},
        "9,000 tokens are more than max_model_len 8,192",
    ),
    (
        "kimi-k3",
        {"settings": {"kda_prefill_backend": "flashinfer"}},
        "does not prefill KDA of Kimi-K3|Kimi",
    ),
    (model(attention=TWO_DTYPES, layers={"count": 4, "pattern": ["one", "other"]}), {}, "has fp8"),
    (model(attention=STATES), {"mtp": True}, "whether .+ has MTP layers is not known"),
    (
        model(attention=STATES, architecture="qwen3_next"),
        {"mtp": True},
        "no attention that its MTP layers could have",
    ),
    (
        model(attention={"kind": "gqa", "kv_heads": 2, "window": 16, "sink": 4}),
        {},
        "keeps no attention sinks beside a window",
    ),
    (custom(KEY, {**VALUE, "window": 8}), {}, "keys and values of unlike extents"),
    (
        custom({**KEY, "every": {"first": 32, "stride": 16}}, {**VALUE, "fixed": 8}),
        {},
        "unlike extents",
    ),
    (
        custom(KEY, VALUE, {"name": "x", "role": "compressed", "width": 64}),
        {},
        "compressed tensors",
    ),
    (
        custom(KEY, VALUE, {"name": "i", "role": "index", "width": 64, "window": 8}),
        {},
        "index keys such as these is not modelled",
    ),
    (
        model(architecture="deepseek_v4"),
        {},
        "a layer such as these of DeepSeek-V4 is not modelled",
    ),
)


@pytest.mark.parametrize(("named", "asked", "why"), REFUSED)
def test_refused(named: str | dict[str, Any], asked: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        kvcalc.show(named, **{"context": 1_024, "engine": "vllm", **asked})


def test_a_draft_that_is_no_head_has_the_models_dtype() -> None:
    with pytest.raises(UsageError, match="in the model's dtype; leave --draft-kv-dtype out"):
        kvcalc.show("llama-3.3-70b", draft="llama-3.2-1b", draft_kv_dtype="fp8", engine="vllm")


def test_a_head_may_have_a_dtype_of_its_own() -> None:
    head = {
        "architectures": ["LlamaForCausalLMEagle3"],
        "model_type": "llama",
        "num_hidden_layers": 1,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "hidden_size": 4_096,
        "head_dim": 128,
        "draft_vocab_size": 32_000,
    }
    shown = kvcalc.show("llama-3.1-8b", 16_384, draft=head, draft_kv_dtype="fp8", engine="vllm")
    # 32 layers in bf16 and one in fp8, in one group: blocks of both
    assert shown.reserved == 1_024 * 16 * 8 * 128 * 2 * (32 * 2 + 1)


def spec(page: int, **fields: Any) -> Spec:
    """A cache of full attention, in blocks of 16."""
    return replace(Spec("full", 16, page, page), **fields)


def test_latents_whose_pages_do_not_divide_are_refused() -> None:
    caches = [Held(0, spec(100, mla=True)), Held(1, spec(160, kind="window", size=8))]
    with pytest.raises(UsageError, match="pages of 100 B do not divide pages of 160 B"):
        groups_of(caches)


def test_pages_that_do_not_divide_are_padded() -> None:
    window = spec(100, kind="window", size=8)
    groups = groups_of([Held(0, spec(160)), Held(1, window)])
    assert [group.spec.page for group in groups] == [160, 160]
    assert [group.spec.block for group in groups] == [16, 16]


def test_pages_that_divide_take_more_tokens() -> None:
    groups = groups_of([Held(0, spec(160)), Held(1, spec(80, kind="window", size=8))])
    assert [(group.spec.page, group.spec.block) for group in groups] == [(160, 16), (160, 32)]


def test_packed_where_every_bucket_has_one_size_of_page() -> None:
    # a block holds one state or all four layers: 400 B take two windows of 160, three of 120
    full = [Held(n, spec(100)) for n in range(4)]
    windows = [Held(n, spec(160, kind="window", size=8)) for n in range(4, 9)]
    groups = packed_groups([*full, *windows])
    assert [len(group.caches) for group in groups] == [4, 2, 2, 1]


NEEDS = (
    (spec(1), Need(16, 10**12)),
    # 7 + 100 tokens, and a block more; a chunk has none
    (spec(1, kind="window", size=8), Need(16, 107, 1)),
    (spec(1, kind="chunk", size=8), Need(16, 108)),
    (spec(1, kind="cross"), Need(1, 0, 4)),
    (spec(1, kind="state", blocks=3), Need(1, 0, 3)),
    (spec(1, kind="ring", blocks=1), Need(1, 0, 1)),
)


@pytest.mark.parametrize(("of", "need"), NEEDS)
def test_what_a_request_needs(of: Spec, need: Need) -> None:
    assert need_of(of, Serving(in_flight=100, batched=50)) == need


def test_blocks_by_hand() -> None:
    assert [Need(16, 107, 1).blocks(tokens) for tokens in (1, 16, 17, 107, 10**6)] == [
        2,
        2,
        3,
        8,
        8,
    ]
    assert Need(16, 10**12, ranks=8).blocks(1_025) == 9


def reserved(named: str | dict[str, Any], **asked: Any) -> int:
    """Bytes of one sequence of 1,024 tokens."""
    shown = kvcalc.show(named, **{"context": 1_024, "engine": "vllm", **asked})
    assert shown.reservation
    assert shown.stored + sum(term.bytes for term in shown.reservation.terms) == shown.reserved
    return shown.reservation.bytes


def test_what_the_refused_ones_next_to_it_answer() -> None:
    # 64 blocks of 32 layers x 8 heads x 2 x 128 x 1 B, which FlashInfer reads on an older GPU
    assert reserved("llama-3.1-8b", kv_dtype="fp8", settings={"gpu": "a100"}) == 1_024 * 65_536
    # lightning's states are in the model's dtype: 4 layers of 8 x 64 x 64 x 2 B, two blocks
    state = {"kind": "lightning", "state_heads": 8, "key_dim": 64, "value_dim": 64}
    settings = {"enable_prefix_caching": True}
    assert reserved(model(attention=state), settings=settings) == 2 * 4 * 8 * 64 * 64 * 2
    # prefilled by FlashInfer on Blackwell, no state of a prompt is kept: 2 blocks of a state, not 3
    half = {"gpu": "b200", "mamba_ssm_cache_dtype": "bfloat16"}
    other = reserved("kimi-k3", settings=half)
    assert reserved("kimi-k3", settings={**half, "kda_prefill_backend": "flashinfer"}) < other


def test_an_mtp_layer_that_is_not_listed_has_a_window_as_others() -> None:
    layers = {"count": 4, "pattern": ["full", "local"]}
    attention = {
        "full": {"kind": "gqa", "kv_heads": 2},
        "local": {"kind": "gqa", "kv_heads": 2, "window": 128},
    }
    small = model(architecture="mimo_v2_flash", layers=layers, attention=attention)
    step = {"max_num_batched_tokens": 16, "max_num_seqs": 1, "async_scheduling": False}
    # 2 full and, with it, 3 windows: as 3 is not less than 1.5 x 2, groups of 2, one of 1 and 2
    blocks = 64 + 2 * ((127 + 16 + 15) // 16 + 1)
    assert reserved(small, mtp=True, settings=step) == blocks * 2 * 16 * 2 * 2 * 64 * 2


def test_a_model_of_no_known_type_is_planned_by_the_general_rules() -> None:
    shown = kvcalc.show(model(), 1_000, engine="vllm")
    # 63 blocks of 4 layers x 16 tokens x 2 heads x 2 x 64 x 2 B
    assert shown.reserved == 63 * 4 * 16 * 512
    assert "planned by vllm's general rules, as no model_type of it is known" in shown.notes
    known = kvcalc.show(model(architecture="llama"), 1_000, engine="vllm")
    assert known.reserved == shown.reserved
    assert not any("general rules" in note for note in known.notes)
