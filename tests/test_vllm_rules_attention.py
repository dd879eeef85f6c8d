"""What vLLM's backends make of attention: sizes of blocks, dtypes, and what it refuses.

Every number is one that vLLM 0.33.0's own planner gave for the same configuration, with its sum:
blocks of one sequence x bytes of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import kvcalc
from kvcalc.engines import plan
from kvcalc.errors import UsageError
from kvcalc.question import question

SHARED = {
    "num_hidden_layers": 4,
    "hidden_size": 4096,
    "torch_dtype": "bfloat16",
    "max_position_embeddings": 131072,
}
LLAMA = SHARED | {
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
LATENTS = SHARED | {
    "model_type": "deepseek_v3",
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "q_lora_rank": 1536,
}
INDEXED = LATENTS | {
    "model_type": "deepseek_v32",
    "index_topk": 2048,
    "index_head_dim": 128,
    "index_n_heads": 64,
}
WINDOWS = SHARED | {
    "model_type": "gemma2",
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "head_dim": 256,
    "sliding_window": 4096,
}
PADDED = SHARED | {
    "model_type": "minicpm3",
    "num_hidden_layers": 8,
    "hidden_size": 2560,
    "num_attention_heads": 40,
    "num_key_value_heads": 40,
    "kv_lora_rank": 256,
    "qk_rope_head_dim": 32,
    "qk_nope_head_dim": 64,
    "v_head_dim": 64,
    "q_lora_rank": 768,
}
SINKS = LLAMA | {"model_type": "gpt_oss", "head_dim": 64, "sliding_window": 128}
BLOOM = {
    "model_type": "bloom",
    "n_layer": 4,
    "n_head": 32,
    "hidden_size": 4096,
    "torch_dtype": "bfloat16",
}
UNLIKE = SHARED | {
    "model_type": "mimo_v2_flash",
    "num_hidden_layers": 6,
    "num_attention_heads": 64,
    "num_key_value_heads": 4,
    "head_dim": 192,
    "v_head_dim": 128,
    "sliding_window": 128,
    "swa_num_attention_heads": 64,
    "swa_num_key_value_heads": 8,
    "swa_head_dim": 192,
    "swa_v_head_dim": 128,
    "hybrid_layer_pattern": [0, 1, 1, 1, 1, 0],
}
IMAGES = SHARED | {
    "model_type": "gemma3",
    "text_config": WINDOWS | {"model_type": "gemma3_text", "sliding_window_pattern": 2},
    "vision_config": {},
}
GLM = {"model_type": "glm4v_moe", "text_config": LLAMA | {"model_type": "glm4v_moe_text"}}
GROUPED = LLAMA | {"num_key_value_heads": 4}
YOUTU = LATENTS | {"model_type": "youtu", "num_attention_heads": 16, "num_key_value_heads": 16}


def reserved(config: dict[str, Any] | str, **asked: Any) -> int:
    """Bytes of one sequence of 4,096 tokens."""
    asking = question(4096, engine="vllm", **asked)
    found = plan(kvcalc.load(config).adapted(asking), asking)
    assert found
    return found.at(4096, 1).bytes


@dataclass(frozen=True)
class Row:
    """What is asked of one configuration, and what vLLM sets aside."""

    config: dict[str, Any]
    asked: dict[str, Any]
    reserved: int
    sum: int


def on(gpu: str = "h100", **settings: Any) -> dict[str, Any]:
    """Settings of a question."""
    return {"settings": {"gpu": gpu, "max_num_batched_tokens": 8192, **settings}}


EIGHT = LLAMA | {"num_hidden_layers": 8}
ROWS = (
    # nvfp4 is not Blackwell's alone: 16 tokens x 2 x 8 heads x (64 + 8) B
    Row(LLAMA, {"kv_dtype": "nvfp4"}, 18_874_368, 256 * 4 * 16 * 2 * 8 * 72),
    Row(LLAMA, {"kv_dtype": "fp8_e5m2"}, 33_554_432, 256 * 4 * 16 * 2 * 8 * 128),
    # of sparse latents fp8 is rows of 656 B on Hopper, fp8_e4m3 goes to FlashInfer: 576 B
    Row(INDEXED, {"kv_dtype": "fp8"}, 12_910_592, 64 * 4 * 64 * (656 + 132)),
    Row(INDEXED, {"kv_dtype": "fp8_e4m3"}, 11_599_872, 64 * 4 * 64 * (576 + 132)),
    # Triton reads blocks of 16 tokens where FlashMLA has 64, if they are asked for
    Row(
        LATENTS,
        {"kv_dtype": "fp8", **on(block_size=48)},
        9_510_912,
        86 * 4 * 48 * 576,
    ),
    # FlashInfer reads a window in 32 of 48 tokens, padded to the page: 129 + 86 blocks
    Row(
        WINDOWS,
        on("b200", block_size=48),
        338_165_760,
        (129 + 86) * 2 * 48 * 16_384,
    ),
    # where FlashAttention is asked for, Blackwell reads heads of 256 in blocks of 128
    Row(
        LLAMA | {"head_dim": 256},
        on("b200", attention_backend="FLASH_ATTN"),
        134_217_728,
        32 * 4 * 128 * 8192,
    ),
    # a skipped window of 16 tokens in pages of 32 in fp8: 257 blocks beside 128, 128 and 129
    Row(
        WINDOWS,
        {"kv_dtype": "fp8", **on(kv_cache_dtype_skip_layers="0")},
        168_296_448,
        (257 + 128 + 128 + 129) * 32 * 8192,
    ),
    # where the first layer is skipped, FlashAttention counts int8 without its scales: 16 tokens
    # are 262,144 B, and pages of 32 tokens in int8 are 266,240 B
    Row(
        WINDOWS,
        {
            "kv_dtype": "int8_per_token_head",
            **on(kv_cache_dtype_skip_layers="sliding_window"),
        },
        205_004_800,
        (257 + 128) * 2 * 32 * 16 * 2 * (256 + 4),
    ),
    # keys of 64 + 32 elements, values padded to them: 48 + 2 and 48 + 4 B of 40 heads, 4 layers
    # of 8, in blocks of 32
    Row(
        PADDED,
        {"kv_dtype": "turboquant_4bit_nc"},
        318_504_960,
        128 * 4 * 32 * 40 * (2 * 2 * 96 + 102),
    ),
    # keys of 192 and values of 128 have slots of a byte an element in whatever is a byte or less:
    # windows of 8 heads in blocks of 16 tokens, full layers of 4 heads in blocks of 32
    Row(
        UNLIKE,
        {"kv_dtype": "int4_per_token_head"},
        52_592_640,
        (128 + 2 * 257) * 2 * 16 * 8 * (192 + 128),
    ),
    # the Transformers backend keeps latents wherever kv_lora_rank is stated
    Row(YOUTU, {}, 18_874_368, 256 * 4 * 16 * 1152),
    # and no index keys: A.X-K2 has no class of its own.
    Row(INDEXED | {"model_type": "axk2"}, {}, 18_874_368, 256 * 4 * 16 * 1152),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.config['model_type']} {row.asked}")
def test_what_it_sets_aside(row: Row) -> None:
    assert row.sum == row.reserved
    assert reserved(row.config, **row.asked) == row.reserved


REFUSED: tuple[tuple[dict[str, Any] | str, dict[str, Any], str], ...] = (
    (UNLIKE, {"kv_dtype": "fp8", **on("a100")}, "in fp8"),
    (UNLIKE, {"kv_dtype": "fp8_e5m2"}, "in fp8_e5m2"),
    (
        UNLIKE,
        {"kv_dtype": "fp8", **on(kv_cache_dtype_skip_layers="sliding_window")},
        "do not fit pages of 49,152 B",
    ),
    (
        IMAGES,
        {"kv_dtype": "int8_per_token_head", **on(kv_cache_dtype_skip_layers="0")},
        "its backends pack tokens unlike",
    ),
    ("minimax-m3", {"kv_dtype": "int8_per_token_head"}, "is not modelled"),
    (LATENTS, {"kv_dtype": "turboquant_k8v4"}, "no backend keeps latents in turboquant_k8v4"),
    (GLM, {"tp": 8}, "the 12 heads of its vision tower cannot be split over 8 ranks"),
    ("mpt-7b", {}, "an earlier version served it"),
    (LLAMA, {"kv_dtype": "fp16"}, "a cache in fp16 beside a model in bf16"),
    (LLAMA, {"kv_dtype": "nvfp4_4over6"}, "no attention backend of the h100"),
    (EIGHT, {"kv_dtype": "ultraquant_4bit"}, "no attention backend of the h100"),
    (LLAMA, on(block_size=8), "in blocks of 8 tokens"),
    (LLAMA, on(block_size=100), "in blocks of 100 tokens"),
    (LATENTS, {"kv_dtype": "fp8_e5m2"}, "in fp8_e5m2"),
    (LATENTS, {"kv_dtype": "fp8_ds_mla"}, "in fp8_ds_mla"),
    (LATENTS, {"kv_dtype": "int8_per_token_head"}, "in int8_per_token_head"),
    (LATENTS, {"kv_dtype": "fp8", **on("a100")}, "of the a100"),
    (INDEXED, on("a100"), "of the a100"),
    (INDEXED, {"kv_dtype": "fp8_e5m2"}, "in fp8_e5m2"),
    (LATENTS | {"v_head_dim": 64}, {}, "keys and values of 128 + 64 and 64 elements"),
    (SINKS, {"kv_dtype": "fp8", **on("a100")}, "of the a100"),
    (SINKS, {"tp": 16}, "its 8 KV heads are not repeated on 16 ranks"),
    (BLOOM, {"kv_dtype": "fp8"}, "no fp8 beside ALiBi"),
    (GROUPED, {"kv_dtype": "int8_per_token_head", "tp": 8, "dcp": 2}, "in int8_per_token_head"),
    (SINKS | {"num_hidden_layers": 8}, {"kv_dtype": "turboquant_k8v4"}, "in turboquant_k8v4"),
    (WINDOWS | {"num_hidden_layers": 8}, {"kv_dtype": "turboquant_k8v4"}, "in turboquant_k8v4"),
    (EIGHT, {"kv_dtype": "turboquant_k8v4", **on("b200")}, "whose blocks are laid out otherwise"),
    (
        WINDOWS,
        {"kv_dtype": "fp8", **on(kv_cache_dtype_skip_layers="0,3")},
        "pages of windows, of 262,144 B, cannot become 524,288 B",
    ),
    (LLAMA, on(attention_backend="FLASHMLA"), "attention_backend FLASHMLA is not for what"),
    (LLAMA | {"model_type": "diffllama"}, {}, "serves no such model"),
)


@pytest.mark.parametrize(("config", "asked", "why"), REFUSED)
def test_what_it_refuses(config: dict[str, Any] | str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why.replace("+", r"\+")):
        reserved(config, **asked)
