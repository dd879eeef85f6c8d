"""Claims found in the open, of engines and of model cards: each value worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import kvcalc

CLAIMS = Path(__file__).parent.parent / "configs" / "claims"

Verdicts = dict[str, tuple[str, Fraction | None]]

FULL = 131_072
"""128 Ki tokens."""

LLAMA_70B = 80 * 2 * 8 * 128 * 2
"""Bytes a token takes in Llama 3.1 70B in bf16: layers, K and V, KV heads, width, bytes."""

NEMOTRON = 128 * 64 * 128 * 4 + 3 * (8_192 + 2 * 8 * 128) * 2
"""Bytes of one Mamba-2 layer of Nemotron 3 Super: heads x width x states in fp32, and three
columns of the convolution in bf16."""

GRANITE = 128 * 64 * 128 * 4 + 3 * (8_192 + 2 * 128) * 2
"""The same of a layer of Granite 4.0 H Small, whose heads share one group of B and C."""

ENGINES: Verdicts = {
    # tokens of a block x layers x K and V x KV heads x width x bytes
    "vllm-2026-block-mistral-small-24b": ("holds-if", Fraction(16 * 40 * 2 * 8 * 128 * 2)),
    "vllm-2026-block-deepseek-v2-lite": ("holds-if", Fraction(64 * 27 * (512 + 64) * 2)),
    "vllm-2026-block-qwen3-8b": ("refuted", Fraction(16 * 36 * 2 * 8 * 128 * 2)),
    "vllm-2026-block-llama-70b": ("holds-if", Fraction(16 * LLAMA_70B)),
    # a head's K and V of 128: 512 B in bf16, 128 + 64 + 4 B packed; the first two layers and the
    # last two are left in bf16
    "vllm-2026-turboquant-k8v4": ("confirmed", Fraction(80 * 512, 76 * 196 + 4 * 512)),
    "vllm-2026-turboquant-4bit-nc": ("supported", None),
    # 16 values: 32 B in bf16, 8 B and the byte of their scale
    "sglang-fp4-3.56x": ("confirmed", Fraction(32, 9)),
    "sglang-fp8-block-scales": ("contradicted", None),
    "sglang-11309-54.52-gb": ("holds-if", Fraction(1_462_784 * 61 * (656 + 132))),
    "trtllm-12683-45k": ("confirmed", Fraction((61 + 3) * (512 + 64 + 132))),
    "trtllm-helix-mla-replicated": ("supported", None),
    "hf-mem-70-12-gib": ("holds-if", Fraction(32 * (2 * 8 * 64 * 2) * (12 * 8_192 + 12 * 128))),
    "omlx-2725-4x": ("confirmed", Fraction(40, 10)),
    "transformers-48761-glm-5-57x": ("confirmed", Fraction(64 * (256 + 256), 512 + 64)),
    "transformers-48761-deepseek-v3-57x": (
        "holds-if",
        Fraction(128 * (128 + 64 + 128), 512 + 64),
    ),
    # 32 values: 32 B and two of the scale, or 16 and two, of 64 in f16
    "ollama-faq-q8-half": ("confirmed", Fraction(32 + 2, 64)),
    "ollama-faq-q4-quarter": ("holds-if", Fraction(16 + 2, 64)),
    "realizar-8.59-gb": ("refuted", Fraction(32 * 2 * 4_096 * 8 * 128 * 4)),
    # blocks of 32 values, 32 B and four of the scale
    "realizar-q8-2.15-gb": ("refuted", Fraction(32 * 2 * 4_096 * 8 * 128 * (32 + 4), 32)),
    "qwen2.5-0.5b-q8-6528": ("confirmed", Fraction(24 * 2 * 2 * 64 * 34, 32)),
}

CARDS: Verdicts = {
    # all 70 layers, of 10 that see everything and 60 that see 128 tokens
    "mimo-v2.5-pro-7x": ("confirmed", Fraction(70 * 2**20, 10 * 2**20 + 60 * 128)),
    # heads x (QK and AV) x 128 x 2 over all tokens; of M3, three layers of them, and in the others
    # 2,048 tokens, each after an index of four heads
    "minimax-m3-1-20": (
        "refuted",
        Fraction(
            62 * 48 * 2 * 128 * 2 * 2**20,
            3 * 64 * 2 * 128 * 2 * 2**20 + 57 * (64 * 2 * 128 * 2 * 2_048 + 4 * 128 * 2 * 2**20),
        ),
    ),
    # one layer of M3 that sees everything, over one that selects
    "minimax-msa-28.4x": (
        "holds-if",
        Fraction(64 * 2 * 128 * 2 * 2**20, 64 * 2 * 128 * 2 * 2_048 + 4 * 128 * 2 * 2**20),
    ),
    "zaya1-8b-8x": ("holds-if", Fraction(8, 2)),
    "nemotron-3-super-state-2-mib": ("holds-if", Fraction(128 * 64 * 128 * 4)),
    "nemotron-3-super-7-gb": (
        "refuted",
        Fraction(8 * (2 * 2 * 128 * 2) * 10**6 + 40 * NEMOTRON),
    ),
    "granite-4.0-70-percent": (
        "confirmed",
        1 - Fraction(4 * 2 * 8 * 128 * 2 * FULL + 36 * GRANITE, 40 * 2 * 8 * 128 * 2 * FULL),
    ),
    "nemotron-super-49b-70-percent": ("refuted", 1 - Fraction(49, 80)),
    "gemma-3-one-in-five": ("contradicted", None),
    "gpt-2-300-kib": ("holds-if", Fraction(12 * 2 * 768 * 4)),
    "njalla-fp8-150-kb": ("refuted", Fraction(LLAMA_70B, 2)),
    "mdjawad-llama-3-70b-84-gb": ("holds-if", Fraction(32_000 * LLAMA_70B)),
    "digitalapplied-llama-70b-135-gb": ("refuted", Fraction(1_000_000 * LLAMA_70B)),
    "fridays-128k-32-mb": ("refuted", Fraction(FULL * 2 * 128 * 2)),
    "ai-engineering-7b-16-kb": ("holds-if", Fraction(32 * 2 * 32 * 128 * 2)),
}

TABLES = [("engines", ENGINES), ("cards", CARDS)]


@pytest.mark.parametrize(("name", "table"), TABLES)
def test_each_claim_has_the_value_and_the_verdict_worked_out_by_hand(
    name: str, table: Verdicts
) -> None:
    results = kvcalc.check(str(CLAIMS / f"{name}.yaml")).results
    found = {result.id: (result.verdict, result.computed) for result in results}
    assert {name: found.get(name) for name in table} == table
