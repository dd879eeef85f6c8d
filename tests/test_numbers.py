"""Published models to the byte: every sum by hand, and where its numbers come from."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import pytest

import kvcalc
from kvcalc.figures import parse_figure
from kvcalc.units import format_ratio

Quantity = Literal["stored", "growth", "fixed", "read"]

V2_PAPER = "DeepSeek-V2, arXiv 2405.04434, table 1"
V3_CONFIG = "deepseek-ai/DeepSeek-V3 config: 61 layers, 128 heads, 128 + 64 and 128 wide, rank 512"
V32_CODE = "DeepSeek-V3.2-Exp inference/model.py: fp8 index key of 128, one fp32 scale, top 2048"
GEMMA_CONFIG = "Gemma 3 27B config: 62 layers, 10 global, 16 KV heads of 128, window 1,024"
GPT_OSS_CONFIG = "gpt-oss-120b config: 36 layers, every other full, 8 KV heads of 64, window 128"
SCOUT_CONFIG = "Llama 4 Scout config: 48 layers, every 4th full, 8 KV heads of 128, chunk 8,192"


@pytest.mark.parametrize(
    ("name", "scheme", "context", "quantity", "by_hand", "size", "source"),
    [
        ("deepseek-v3", "mha", 131_072, "growth", 61 * 2 * 128 * 128 * 2, 3_997_696, V2_PAPER),
        ("deepseek-v3", "gqa", 131_072, "growth", 61 * 2 * 16 * 128 * 2, 499_712, V2_PAPER),
        ("deepseek-v3", "mqa", 131_072, "growth", 61 * 2 * 1 * 128 * 2, 31_232, V2_PAPER),
        ("deepseek-v3", "mla", 131_072, "growth", 61 * (512 + 64) * 2, 70_272, V2_PAPER),
        ("deepseek-v3", "mla-expanded", 131_072, "growth", 61 * 128 * ((128 + 64) + 128) * 2,
         4_997_120, V3_CONFIG),
        ("deepseek-v3", "mla", 131_072, "stored", 131_072 * 61 * (512 + 64) * 2, 9_210_691_584,
         V3_CONFIG),
        ("deepseek-v3", "mha", 131_072, "stored", 131_072 * 61 * 2 * 128 * 128 * 2, 523_986_010_112,
         V3_CONFIG),
        ("deepseek-v3", "mla", 131_072, "read", 131_072 * 61 * (512 + 64) * 2, 9_210_691_584,
         V3_CONFIG),
        ("deepseek-v3.2", "dsa", 131_072, "growth", 61 * (512 + 64) * 2 + 61 * (128 * 1 + 4),
         78_324, V32_CODE),
        ("deepseek-v3.2", "dsa", 131_072, "read", 61 * (132 * 131_072 + 1_152 * 2_048),
         1_199_308_800, V32_CODE),
        ("deepseek-v3.2", "dsa", 131_072, "stored", 131_072 * 61 * (1_152 + 132), 10_266_083_328,
         V32_CODE),
        ("deepseek-v3.2", "mla-expanded", 131_072, "growth", 61 * 128 * ((128 + 64) + 128) * 2,
         4_997_120, V32_CODE),
        ("gemma-3-27b", "native", 1, "growth", 62 * 2 * 16 * 128 * 2, 507_904, GEMMA_CONFIG),
        ("gemma-3-27b", "native", 1_023, "growth", 62 * 2 * 16 * 128 * 2, 507_904, GEMMA_CONFIG),
        ("gemma-3-27b", "native", 1_024, "growth", 10 * 2 * 16 * 128 * 2, 81_920, GEMMA_CONFIG),
        ("gemma-3-27b", "native", 131_072, "growth", 10 * 2 * 16 * 128 * 2, 81_920, GEMMA_CONFIG),
        ("gemma-3-27b", "native", 131_072, "stored",
         131_072 * 81_920 + 52 * 1_024 * (2 * 16 * 128 * 2), 11_173_625_856, GEMMA_CONFIG),
        ("gemma-3-27b", "native", 131_072, "fixed", 52 * 1_024 * (2 * 16 * 128 * 2), 436_207_616,
         GEMMA_CONFIG),
        ("gpt-oss-120b", "native", 1, "growth", 36 * 2 * 8 * 64 * 2, 73_728, GPT_OSS_CONFIG),
        ("gpt-oss-120b", "native", 131_072, "growth", 18 * 2 * 8 * 64 * 2, 36_864, GPT_OSS_CONFIG),
        ("gpt-oss-120b", "native", 131_072, "stored",
         131_072 * 36_864 + 18 * 128 * (2 * 8 * 64 * 2), 4_836_556_800, GPT_OSS_CONFIG),
        ("gpt-oss-120b", "native", 131_072, "fixed", 18 * 128 * (2 * 8 * 64 * 2), 4_718_592,
         GPT_OSS_CONFIG),
        ("llama-2-7b", "mha", 10_000, "stored", 10_000 * 32 * 2 * 32 * 128 * 2, 5_242_880_000,
         "Llama-2-7B config: 32 layers, 32 heads of 128, float16"),
        ("llama-2-7b", "mha", 4_096, "growth", 32 * 2 * 32 * 128 * 2, 524_288,
         "Llama-2-7B config: 32 layers, 32 heads of 128, float16"),
        ("deepseek-v2", "mla", 131_072, "growth", 60 * (512 + 64) * 2, 69_120, V2_PAPER),
        ("deepseek-v2", "mla", 131_072, "stored", 131_072 * 60 * (512 + 64) * 2, 9_059_696_640,
         V2_PAPER),
        ("deepseek-v2", "mha", 131_072, "growth", 60 * 2 * 128 * 128 * 2, 3_932_160, V2_PAPER),
        ("llama-3.1-8b", "gqa", 131_072, "growth", 32 * 2 * 8 * 128 * 2, 131_072,
         "Llama-3.1-8B config: 32 layers, 8 KV heads, 4096 / 32 wide"),
        ("llama-3.1-8b", "gqa", 131_072, "stored", 131_072 * 32 * 2 * 8 * 128 * 2, 17_179_869_184,
         "Llama-3.1-8B config: 32 layers, 8 KV heads, 4096 / 32 wide"),
        ("llama-3.1-70b", "gqa", 131_072, "growth", 80 * 2 * 8 * 128 * 2, 327_680,
         "Llama-3.1-70B config: 80 layers, 8 KV heads, 8192 / 64 wide"),
        ("llama-3.1-70b", "gqa", 131_072, "stored", 131_072 * 80 * 2 * 8 * 128 * 2, 42_949_672_960,
         "Llama-3.1-70B config: 80 layers, 8 KV heads, 8192 / 64 wide"),
        ("llama-3.1-405b", "gqa", 131_072, "growth", 126 * 2 * 8 * 128 * 2, 516_096,
         "Llama-3.1-405B config: 126 layers, 8 KV heads, 16384 / 128 wide"),
        ("llama-3.1-405b", "gqa", 131_072, "stored", 131_072 * 126 * 2 * 8 * 128 * 2,
         67_645_734_912, "Llama-3.1-405B config: 126 layers, 8 KV heads, 16384 / 128 wide"),
        ("qwen2.5-72b", "gqa", 131_072, "growth", 80 * 2 * 8 * 128 * 2, 327_680,
         "Qwen2.5-72B config: 80 layers, 8 KV heads, 8192 / 64 wide, window switched off"),
        ("qwen2.5-72b", "gqa", 131_072, "stored", 131_072 * 80 * 2 * 8 * 128 * 2, 42_949_672_960,
         "Qwen2.5-72B config: 80 layers, 8 KV heads, 8192 / 64 wide, window switched off"),
        ("qwen3-32b", "gqa", 40_960, "growth", 64 * 2 * 8 * 128 * 2, 262_144,
         "Qwen3-32B config: 64 layers, 8 KV heads, head_dim 128"),
        ("qwen3-32b", "gqa", 40_960, "stored", 40_960 * 64 * 2 * 8 * 128 * 2, 10_737_418_240,
         "Qwen3-32B config: 64 layers, 8 KV heads, head_dim 128"),
        ("falcon-7b", "mqa", 2_048, "growth", 32 * 2 * 1 * 64 * 2, 8_192,
         "Falcon-7B config: 32 layers, 71 heads of 4544 / 71, multi_query"),
        ("falcon-7b", "mqa", 2_048, "stored", 2_048 * 32 * 2 * 1 * 64 * 2, 16_777_216,
         "Falcon-7B config: 32 layers, 71 heads of 4544 / 71, multi_query"),
        ("falcon-7b", "mha", 2_048, "growth", 32 * 2 * 71 * 64 * 2, 581_632,
         "Falcon-7B config: 32 layers, 71 heads of 4544 / 71, multi_query"),
        ("mistral-7b-v0.1", "native", 4_095, "growth", 32 * 2 * 8 * 128 * 2, 131_072,
         "Mistral-7B-v0.1 config: 32 layers, 8 KV heads, 4096 / 32 wide, window 4,096"),
        ("mistral-7b-v0.1", "native", 4_096, "growth", 0, 0,
         "Mistral-7B-v0.1 config: the window is on every layer"),
        ("mistral-7b-v0.1", "native", 32_768, "stored", 4_096 * 32 * 2 * 8 * 128 * 2, 536_870_912,
         "Mistral-7B-v0.1 config: 32 layers, 8 KV heads, 4096 / 32 wide, window 4,096"),
        ("mistral-7b-v0.1", "gqa", 32_768, "stored", 32_768 * 32 * 2 * 8 * 128 * 2, 4_294_967_296,
         "Mistral-7B-v0.1 config, without its window"),
        ("llama-4-scout", "native", 8_191, "growth", 48 * 2 * 8 * 128 * 2, 196_608, SCOUT_CONFIG),
        ("llama-4-scout", "native", 8_192, "growth", 12 * 2 * 8 * 128 * 2, 49_152, SCOUT_CONFIG),
        ("llama-4-scout", "native", 131_072, "stored",
         131_072 * 49_152 + 36 * 8_192 * (2 * 8 * 128 * 2), 7_650_410_496, SCOUT_CONFIG),
        ("llama-4-scout", "native", 131_072, "fixed", 36 * 8_192 * (2 * 8 * 128 * 2), 1_207_959_552,
         SCOUT_CONFIG),
        ("llama-4-scout", "mha", 1, "growth", 48 * 2 * 40 * 128 * 2, 983_040, SCOUT_CONFIG),
    ],
)  # fmt: skip
def test_bytes(
    name: str,
    scheme: str,
    context: int,
    quantity: Quantity,
    by_hand: int,
    size: int,
    source: str,
) -> None:
    (row,) = (r for r in kvcalc.compare(name, context=context).rows if r.scheme == scheme)
    assert getattr(row, quantity) == by_hand == size, source
    if row.native:
        assert getattr(kvcalc.load(name), quantity)(context) == size, source


@pytest.mark.parametrize(
    ("name", "baseline", "scheme", "by_hand", "ratio", "printed", "source"),
    [
        ("deepseek-v3", "mha", "mha", "3997696/3997696", "1", "1x", V2_PAPER),
        ("deepseek-v3", "mha", "gqa", "128/16", "8", "8x", V2_PAPER),
        ("deepseek-v3", "mha", "mqa", "128/1", "128", "128x", V2_PAPER),
        ("deepseek-v3", "mha", "mla", "32768/576", "512/9", "56.89x", V2_PAPER),
        ("deepseek-v3", "mha", "mla-expanded", "3997696/4997120", "4/5", "0.80x", V3_CONFIG),
        ("deepseek-v3", "mla-expanded", "mla", "4997120/70272", "640/9", "71.11x", V3_CONFIG),
        ("deepseek-v2", "mha", "mla", "3932160/69120", "512/9", "56.89x", V2_PAPER),
        ("falcon-7b", "mha", "mqa", "71/1", "71", "71x", "71 query heads share one"),
        ("llama-3.1-8b", "mha", "gqa", "32/8", "4", "4x", "32 heads in 8 groups"),
        ("llama-3.1-70b", "mha", "gqa", "64/8", "8", "8x", "64 heads in 8 groups"),
        ("llama-3.1-405b", "mha", "gqa", "128/8", "16", "16x", "128 heads in 8 groups"),
        ("qwen2.5-72b", "mha", "gqa", "64/8", "8", "8x", "64 heads in 8 groups"),
        ("qwen3-32b", "mha", "gqa", "64/8", "8", "8x", "64 heads in 8 groups"),
        ("llama-4-scout", "mha", "gqa", "40/8", "5", "5x", "40 heads in 8 groups"),
    ],
)
def test_ratios(
    name: str, baseline: str, scheme: str, by_hand: str, ratio: str, printed: str, source: str
) -> None:
    answer = kvcalc.compare(name, baseline=baseline)
    (row,) = (r for r in answer.rows if r.scheme == scheme)
    assert row.ratio == Fraction(by_hand) == Fraction(ratio), source
    assert format_ratio(row.ratio) == printed


def test_llama_405b_over_deepseek_v3() -> None:
    ratio = kvcalc.compare("llama-3.1-405b", "deepseek-v3").rows[1].ratio
    assert ratio == Fraction(126 * 2 * 8 * 128 * 2, 61 * (512 + 64) * 2)
    assert ratio == Fraction(516_096, 70_272)
    assert parse_figure("7.344x").holds(ratio)
    assert not parse_figure("7.28x").holds(ratio)


def test_llama_2_past_its_own_context_is_answered_with_a_note() -> None:
    answer = kvcalc.show("llama-2-7b", 10_000)
    assert answer.stored == 10_000 * 524_288 == 5_242_880_000
    (note,) = answer.notes
    assert "10,000" in note
    assert "4,096" in note
    assert kvcalc.show("llama-2-7b", 4_096).notes == ()


@pytest.mark.parametrize(
    ("name", "schemes"),
    [
        ("deepseek-v2", ["mha", "gqa", "mqa", "mla-expanded", "mla"]),
        ("deepseek-v3", ["mha", "gqa", "mqa", "mla-expanded", "mla"]),
        ("deepseek-v3.2", ["mha", "gqa", "mqa", "mla-expanded", "dsa"]),
        ("llama-2-7b", ["mha", "gqa", "mqa"]),
        ("llama-3.1-8b", ["mha", "gqa", "mqa"]),
        ("llama-3.1-70b", ["mha", "gqa", "mqa"]),
        ("llama-3.1-405b", ["mha", "gqa", "mqa"]),
        ("qwen2.5-72b", ["mha", "gqa", "mqa"]),
        ("qwen3-32b", ["mha", "gqa", "mqa"]),
        ("falcon-7b", ["mha", "mqa"]),
        ("mistral-7b-v0.1", ["mha", "gqa", "mqa", "native"]),
        ("gemma-3-27b", ["mha", "gqa", "mqa", "native"]),
        ("gpt-oss-120b", ["mha", "gqa", "mqa", "native"]),
        ("llama-4-scout", ["mha", "gqa", "mqa", "native"]),
    ],
)
def test_the_rows_of_a_bundled_model(name: str, schemes: list[str]) -> None:
    assert [row.scheme for row in kvcalc.compare(name).rows] == schemes
