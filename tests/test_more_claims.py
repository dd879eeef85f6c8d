"""The claims of reports, vendors and issues: verdict and figure, each worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import kvcalc

CLAIMS = Path(__file__).resolve().parents[1] / "configs" / "claims"

K = 1_024
M = K * K
LLAMA_70B = 80 * 2 * 8 * 128 * 2
LLAMA_8B = 32 * 2 * 8 * 128
"""Elements a token, not bytes."""
KDA_STATES = 69 * (96 * 128 * 128 * 4 + 3 * 3 * 96 * 128 * 2)
DS_MLA = 512 + 16 + 128
"""fp8_ds_mla of DeepSeek-V3.2: values, four fp32 scales, 64 of RoPE in bf16."""
INDEX = 128 + 4
V32 = 61 * (DS_MLA + INDEX)
V4_ENTRY = 448 + 7 + 1 + 64 * 2
V4_FLASH = Fraction(21 * (V4_ENTRY + 64 + 4), 4) + Fraction(20 * V4_ENTRY, 128)
V41_OWN = (256 + 32) + (64 + 4)
V41 = Fraction(3 * V41_OWN, 2) + V41_OWN
V1 = 95 * 2 * 8 * 128 * 2
GPT_OSS = 2 * 8 * 64 * 2
"""One layer of gpt-oss, 20b or 120b, a token."""
QWEN_27B = 16 * 2 * 4 * 256
"""Elements a token in the 16 layers of Qwen3.8-27B that attend."""


def less(part: int | Fraction, whole: int | Fraction) -> Fraction:
    """What is saved, as a share."""
    return 1 - Fraction(part, whole)


BY_HAND = {
    # reports
    "step3-8k-kimi-k2": ("confirmed", 8 * K * 61 * (512 + 64)),
    "step3-32k-kimi-k2": ("confirmed", 32 * K * 61 * (512 + 64)),
    "deepseek-v4.1-890": ("confirmed", 890),
    "deepseek-v4.1-v1-389120": ("confirmed", 389_120),
    "deepseek-v4.1-v3.2-48068": ("confirmed", 48_068),
    "deepseek-v4.1-v4-flash-3514": ("confirmed", Fraction(14_057, 4)),
    "deepseek-v4.1-8.1x": ("confirmed", Fraction(V1, V32)),
    "deepseek-v4.1-13.7x": ("confirmed", V32 / V4_FLASH),
    "deepseek-v4.1-3.9x": ("confirmed", V4_FLASH / V41),
    "deepseek-v4.1-437-fold": ("confirmed", V1 / V41),
    "distserve-opt-66b-1.13gb": ("holds-if", 512 * 64 * 2 * 72 * 128 * 2),
    "h2o-180gb": ("confirmed", 128 * K * 48 * 2 * 56 * 128 * 2),
    "jamba-8x": ("confirmed", Fraction(32, 4)),
    "yoco-80x": ("confirmed", 80),
    "yoco-128k-in-1gb": ("confirmed", 128 * K * 2 * 16 * 128 * 2),
    # vendors
    "nvidia-llama-2-7b-2gb": ("confirmed", 1 * 4_096 * 2 * 32 * 4_096 * 2),
    "nvidia-llama-3-70b-40gb": ("confirmed", 128_000 * LLAMA_70B),
    "nvidia-nvfp4-50": ("holds-if", less(8 + 1, 16)),
    "apple-37.5": ("confirmed", less(5, 5 + 3)),
    "kvcache-ai-k3-0.4-gib": ("confirmed", KDA_STATES),
    "kvcache-ai-k3-3tb": ("holds-if", -(-1_000_000 // 128) * KDA_STATES),
    "kvcache-ai-k3-40gb": ("holds-if", 1_000_000 // 10_000 * KDA_STATES),
    "scaling-book-1.3tb": ("confirmed", 240 * 32 * K * LLAMA_70B // 2),
    "spheron-llama-3-70b-42gb": ("confirmed", 128_000 * LLAMA_70B),
    "spheron-llama-3.1-70b-343gb": ("confirmed", 8 * 128 * K * LLAMA_70B),
    "raschka-gemma-4-e2b-2.7gb": (
        "holds-if",
        4 * 2 * 512 * 2 * 128 * K + 16 * 2 * 256 * 2 * 512,
    ),
    "raschka-gemma-4-e4b-6gb": (
        "holds-if",
        3 * 2 * 2 * 512 * 2 * 128 * K + 15 * 2 * 2 * 256 * 2 * 512,
    ),
    "learnaivisually-kimi-28x": ("confirmed", Fraction(2 * 64 * 128, 512 + 64)),
    "radixmla-71x": ("confirmed", Fraction(128 * (128 + 64 + 128), 512 + 64)),
    "anel-qwen3-next-32mb": ("refuted", 32 * 128 * 128 * 4),
    # issues
    "ollama-gemma-4-26b-128k": (
        "holds-if",
        25 * 1_024 * 2 * 8 * 256 * 2 + 5 * 128 * K * 2 * 2 * 512 * 2,
    ),
    "hf-mem-gpt-oss-120b-73728": ("holds-if", 18 * GPT_OSS),
    "hf-mem-gpt-oss-20b-6.09-gib": ("confirmed", 32 * 12 * (8 * K + 128) * GPT_OSS),
    "hf-mem-gpt-oss-20b-49-percent": ("confirmed", less(8 * K + 128, 2 * 8 * K)),
    "hf-mem-gemma-4-31b-983040": ("holds-if", 50 * 2 * 16 * 256 * 2 + 10 * 2 * 4 * 512 * 2),
    "reddit-gemma-4-31b-490kb": ("holds-if", 10 * 2 * 4 * 512),
    "reddit-qwen3-32b-128kb": ("holds-if", 64 * 2 * 8 * 128),
    "tt-metal-gpt-oss-44": ("confirmed", less(128 * K + 2 * 8_192, 2 * 128 * K)),
    "rapid-mlx-gemma-4-12b-16kb": ("confirmed", 8 * 2 * 1 * 512 * 2),
    "rapid-mlx-gemma-4-12b-128kb": ("refuted", 8 * 2 * 1 * 512 * 2),
    "portos-qwen3.8-27b-65.5kb": ("confirmed", QWEN_27B * 2),
    "portos-qwen3.8-27b-1m": ("holds-if", 1_000_000 * QWEN_27B * 2),
    "b00t-qwen3.8-27b-4.8gb": ("confirmed", 256 * K * QWEN_27B * 18 // 32),
    "fak-qwen3.8-27b-149.6-mib": ("confirmed", 48 * (48 * 128 * 128 + 3 * 10_240) * 4),
    "taos-qwen3.5-9b-4146": (
        "confirmed",
        8 * 128 * K * 2 * 4 * 256 * 2 + 24 * (32 * 128 * 128 + 3 * 8_192) * 4,
    ),
    "rapid-mlx-qwen3.5-35b-20.8gb": (
        "refuted",
        157_713 * 10 * 2 * 2 * 256 * 2 + 30 * (32 * 128 * 128 * 4 + 3 * 8_192 * 2),
    ),
    "sparkrun-deepseek-v4-flash-88064": (
        "refuted",
        21 * (512 * 2 + INDEX) // 4 + 20 * 512 * 2 // 128,
    ),
    "vllm-51041-56-bytes": ("refuted", V4_FLASH),
    "sglang-11309-43.67gb": ("holds-if", 975_424 * V32),
    "sglang-30531-13.62": ("confirmed", less(78 * 576 + 21 * INDEX, 78 * 576 + 78 * INDEX)),
    "lil-vllm-glm-5.2-54728": ("confirmed", 79 * DS_MLA + 22 * INDEX),
    "lil-vllm-glm-5.2-37032": ("confirmed", 79 * (256 + 32 + 16 + 128) + 22 * INDEX),
    "colibri-glm-5.2-47.1gb": ("holds-if", 256 * K * (78 * 576 * 4 + 21 * INDEX)),
    "lmcache-694-two-latents": ("contradicted", None),
    "ollama-6276-1.1gb": ("holds-if", 32 * K * LLAMA_8B * 18 // 32),
    "ollama-6276-quarter": ("holds-if", Fraction(18, 64)),
    "homelab-qwen2.5-7b-870mib": ("refuted", 2 * 8 * K * 28 * 2 * 4 * 128 * 34 // 32),
    "command-r-2560mib": ("confirmed", 2_560 * M),
    "kvdirect-640mb": ("holds-if", 16 * K * LLAMA_70B // 8),
    "ai-engineering-llama-3-70b-32gb": ("refuted", 32 * K * LLAMA_70B * 8),
    "model-optimizer-gpt-oss-30-percent": ("confirmed", less(45, 64)),
}


def test_the_sums_of_deepseek_are_those_printed() -> None:
    assert (V1, V32) == (389_120, 48_068)
    assert (Fraction("3514.25"), Fraction(890)) == (V4_FLASH, V41)


@pytest.fixture(scope="module")
def results() -> dict[str, kvcalc.Result]:
    return {result.id: result for result in kvcalc.check().results}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_verdict_and_its_figure(name: str, results: dict[str, kvcalc.Result]) -> None:
    verdict, figure = BY_HAND[name]
    assert results[name].verdict == verdict
    assert results[name].computed == figure


READINGS = {
    "gemma-4-26b-a4b-1536-cells": (
        128 * K,
        25 * 1_536 * 2 * 8 * 256 * 2 + 5 * 128 * K * 2 * 2 * 512 * 2,
    ),
    "gemma-4-31b-uniform": (1, 983_040),
    "gemma-4-e2b-shared-layers-256": (128 * K, 20 * 2 * 256 * 2 * 128 * K),
    "gemma-4-e4b-shared-layers-full": (
        128 * K,
        (15 * 2 * 2 * 256 * 2 + 3 * 2 * 2 * 512 * 2) * 128 * K,
    ),
    "deepseek-v4.1-flash-as-stored": (M, M * 890 + 40 * 128 * (512 + 16)),
    "kimi-k3-kda-layers": (M, KDA_STATES),
}
"""What claims models keep: the readings under which figures hold, and what is put together."""


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_and_its_figure(name: str) -> None:
    context, stored = READINGS[name]
    assert kvcalc.show(str(CLAIMS / "models" / f"{name}.yaml"), context).stored == stored


@pytest.mark.parametrize(
    ("figure", "unit", "printed"),
    [
        (512 * 64 * 2 * 72 * 128 * 2, K * M, "1.125"),
        (7_813 * KDA_STATES, M * M, "3.19"),
        (100 * KDA_STATES, K * M, "41.85"),
        (975_424 * V32, K * M, "43.667"),
        (32 * K * LLAMA_8B * 18 // 32, K * M, "1.125"),
        (16 * K * LLAMA_70B // 8, M, "640"),
        (64 * K * 572 // 2, M, "17.875"),
        (32 * K * 32 * 2 * 64 * 128 * 2, K * M, "32"),
        (2 * 2 * 8 * K * 28 * 2 * 4 * 128 * 2, K * M, "1.75"),
        (157_713 * 64 * 2 * 8 * 128, 10**9, "20.67"),
        (50 * 2 * 16 * 256 + 10 * 2 * 4 * 512, 1, "450560"),
        (60 * 2 * 16 * 256, 1, "491520"),
        (18 * 2 * 2 * 256 * 2 * 128 * K, 10**9, "4.83"),
    ],
)
def test_what_the_notes_say_that_a_figure_is(figure: int, unit: int, printed: str) -> None:
    decimals = len(printed.partition(".")[2])
    assert f"{figure / unit:.{decimals}f}" == printed
