"""Bundled claims that were judged a second time: each verdict and its sum, worked out by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest

import kvcalc
from kvcalc.queries.verdict import verdict_on

MILLION = 1024 * 1024
KDA_STATE = 32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2
"""One Kimi Linear layer: fp32 states of 32 heads, and three columns of its convolutions."""

SOFTMAX_8K = 10 * 2 * 64 * (128 + 128) * 8_192
"""FLOPs of the 10 softmax layers of MiniMax-M1 at 8K."""

STATES = 70 * 64 * 128 * 128
"""Elements of the states of its other 70 layers."""

V32_LAYOUT = 61 * (656 + 132) * MILLION
V32_IDEAL = 61 * (1_152 + 132) * MILLION


def v4(csa: int, hca: int, window: int, entry: int, key: int) -> int:
    """Bytes of DeepSeek-V4 at 1,048,576 tokens: compressed entries, windows of 128, index keys."""
    compressed = csa * MILLION // 4 * (entry + key) + hca * MILLION // 128 * entry
    return compressed + (csa + hca + window) * 128 * entry


@dataclass(frozen=True)
class Mended:
    """The verdict on a claim, its value as stated and under its assumption, and the sum."""

    verdict: str
    stated: Fraction | int | None
    by_hand: str
    assumed: Fraction | int | None = None


MENDED = {
    # deepseek.yaml
    "deepseek-v2-table8": Mended("supported", None, "BBH 37.0 over 35.6 and 33.2, and three more"),
    "isca-2025-llama-ratio": Mended("refuted", Fraction(516_096, 70_272), "7.344, never 7.28"),
    "isca-2025-text-327": Mended(
        "refuted", 80 * 2 * 8 * 128 * 2, "327,680 B: 328 KB rounded, 327 with its digits cut off"
    ),
    "vllm-v4-post-1375": Mended("confirmed", 1_408 * MILLION, "1,476,395,008 B = 1.375 GiB"),
    "vllm-v4-post-c4a": Mended(
        "confirmed", v4(1, 0, 0, 1_024, 256), "262,272 x 1,024 + 262,144 x 256 B = 320.125 MiB"
    ),
    "vllm-v4-post-c128a": Mended("confirmed", v4(0, 1, 0, 1_024, 0), "8,320 x 1,024 B = 8.125 MiB"),
    "vllm-v4-post-87x": Mended(
        "confirmed",
        Fraction(61 * 1_408 * MILLION, v4(30, 31, 0, 1_024, 256)),
        "83.875 / 9.6246 GiB = 8.71",
    ),
    "vllm-v4-post-2x": Mended(
        "confirmed",
        Fraction(v4(30, 31, 0, 1_024, 256), v4(30, 31, 0, 584, 68)),
        "10,334,371,840 / 5,280,404,480 B = 1.957",
    ),
    "deepseek-v4-pro-10-percent": Mended(
        "holds-if",
        Fraction(v4(30, 31, 0, 1_024, 132), V32_IDEAL),
        "9,359,196,160 / 82,128,666,624 B = 11.4%; 5,280,404,480 / 50,402,951,168 = 10.48%",
        Fraction(v4(30, 31, 0, 584, 68), V32_LAYOUT),
    ),
    "deepseek-v4-flash-7-percent": Mended(
        "holds-if",
        Fraction(v4(21, 20, 2, 1_024, 132), V32_IDEAL),
        "6,537,216,000 / 82,128,666,624 B = 7.96%; 3,688,172,544 / 50,402,951,168 = 7.32%",
        Fraction(v4(21, 20, 2, 584, 68), V32_LAYOUT),
    ),
    "deepseek-v4-figure-1-pro-9.5x": Mended(
        "holds-if",
        Fraction(V32_IDEAL, v4(30, 31, 0, 1_024, 132)),
        "8.78 as stated; 50,402,951,168 / 5,280,404,480 B = 9.545",
        Fraction(V32_LAYOUT, v4(30, 31, 0, 584, 68)),
    ),
    "deepseek-v4-figure-1-flash-13.7x": Mended(
        "holds-if",
        Fraction(V32_IDEAL, v4(21, 20, 2, 1_024, 132)),
        "12.56 as stated; 50,402,951,168 / 3,688,172,544 B = 13.666",
        Fraction(V32_LAYOUT, v4(21, 20, 2, 584, 68)),
    ),
    "deepseek-v4-gqa8-2-percent": Mended(
        "confirmed",
        Fraction(v4(30, 31, 0, 584, 68), 61 * 2 * 8 * 128 * 2 * MILLION),
        "5,280,404,480 / 261,993,005,056 B = 2.02%",
    ),
    "deepseek-v4-pro-27-percent-flops": Mended("supported", None, "1 / 3.7 = 27.0%"),
    "deepseek-v4-flash-10-percent-flops": Mended("supported", None, "1 / 9.8 = 10.2%"),
    "llm-academy-71x": Mended("confirmed", Fraction(128 * (192 + 128), 576), "40,960 / 576 = 71.1"),
    "gguf-parser-17-mb": Mended(
        "refuted", 61 * 576 * 65_536 // 2, "1,151 MB; one layer of 576 is 18 MiB, of 572 17.875"
    ),
    # papers.yaml
    "step3-10-percent": Mended("refuted", Fraction(1, 9), "1 - 512/576 = 11.1%, 10 to one digit"),
    "step3-8k-flops-minimax-m1": Mended(
        "holds-if",
        SOFTMAX_8K + 4 * STATES,
        "2.684e9 + 4 x 73,400,320 = 2.978e9; with 10 per element 3.418e9",
        SOFTMAX_8K + 10 * STATES,
    ),
    "step3-32k-flops-minimax-m1": Mended(
        "holds-if",
        4 * SOFTMAX_8K + 4 * STATES,
        "10.737e9 + 4 x 73,400,320 = 1.103e10; with 10 per element 1.147e10",
        4 * SOFTMAX_8K + 10 * STATES,
    ),
    "mimo-v2-flash-6x": Mended(
        "holds-if", Fraction(48, 9), "48 layers over 9 that grow; over 8 with 5:1 in all blocks", 6
    ),
    "kimi-linear-75": Mended(
        "holds-if",
        1 - Fraction(7 * 1_152 * MILLION + 20 * KDA_STATE, 27 * 1_152 * MILLION),
        "1 - (7 latents + 20 states) / 27 = 73.94%; 1 - (1 + 3 states) / 4 = 74.87%",
        1 - Fraction(1_152 * MILLION + 3 * KDA_STATE, 4 * 1_152 * MILLION),
    ),
    "gemma-3-27b-kv-32k": Mended(
        "refuted",
        10 * 32_768 * 4_096 + 52 * 1_024 * 4_096,
        "1.56 GB; 62 x 32,768 x 8,192 B = 16.64 GB in bf16 without windows",
    ),
    "pagedattention-1.6-gb": Mended(
        "holds-if",
        2_048 * 2 * 5_120 * 40 * 2,
        "1.678 GB, and 1.5625 GiB",
        2_048 * 2 * 5_120 * 40 * 2,
    ),
    # docs.yaml
    "hf-kv-quantization-5gb": Mended(
        "confirmed", 2 * 2 * 32 * 32 * 128 * 10_000, "5,242,880,000 B, 4.9% above 5 GB"
    ),
    "hf-octocoder-15gb": Mended(
        "confirmed", 16_000 * 40 * 2 * 48 * 128 * 2, "15.73 GB, 4.9% above 15: within 15.75"
    ),
    "hf-octocoder-400mb": Mended("confirmed", 16_000 * 40 * 2 * 128 * 2, "327.68 MB"),
    "vllm-2023-llama-13b": Mended("confirmed", 2_048 * 40 * 2 * 5_120 * 2, "1.678 GB, so 1.7"),
    "vllm-2026-mla-14x": Mended(
        "holds-if",
        Fraction(2 * 64 * 128, 576),
        "16,384 / 576 = 28.4 for Kimi's 64 heads; 2 x 32 x 128 / 576 = 14.2",
        Fraction(8_192, 576),
    ),
    "vllm-2026-kimi-k2.5-100k": Mended(
        "holds-if",
        100_000 * 61 * 576,
        "3.51 GB; 102,400 x 61 x 656 = 4,097,638,400 B = 3.816 GiB",
        102_400 * 61 * 656,
    ),
    "character-ai-20x": Mended(
        "supported", None, "8 x 2 x 6T / (T + 5,120) is over 20 where 76T is over 102,400"
    ),
    "scaling-book-5.3-gb": Mended("refuted", 32_768 * 163_840, "5.369 GB; 5.3 with 162e3 a token"),
    "scaling-book-324-kb": Mended("refuted", 327_680, "327.68 kB, 320 KiB"),
    "scaling-book-41.9e9": Mended("refuted", 32 * 8_192 * 163_840, "42.95e9, 40 GiB"),
    "nollama-96-kb": Mended("confirmed", 48 * 2 * 4 * 128 * 2, "98,304 B: 96 KiB, 2.4% above 96"),
}


@pytest.fixture(scope="module")
def results() -> dict[str, kvcalc.Result]:
    return {result.id: result for result in kvcalc.check().results}


@pytest.mark.parametrize("name", MENDED)
def test_the_second_verdict_is_the_sum_s(name: str, results: dict[str, kvcalc.Result]) -> None:
    mended, result = MENDED[name], results[name]
    assert (result.verdict, result.ok) == (mended.verdict, True), mended.by_hand
    assert result.computed == mended.stated, mended.by_hand
    assert result.claim is not None
    if mended.assumed is not None:
        under = verdict_on(replace(result.claim, stated=result.claim.assumed, assumed=None))
        assert (under.verdict, under.computed) == ("confirmed", mended.assumed), mended.by_hand


WORDS = {
    "about": r"about|around|roughly|approximately|~|\N{ALMOST EQUAL TO}",
    "nearly": r"nearly|almost",
    "up to": r"up to|as much as",
    "over": r"more than|over \d",
    "<": r"less than",
    ">": r"larger",
}
OF_ANOTHER_NUMBER = {"vllm-2026-mla-14x": "the ~8K of the quote is not the 14x"}


@pytest.mark.parametrize("file", ["deepseek.yaml", "papers.yaml", "docs.yaml"])
def test_a_figure_has_the_word_of_its_quote(file: str, results: dict[str, kvcalc.Result]) -> None:
    own = [r for r in results.values() if r.file == file and r.expectation and r.claim]
    assert len(own) > 25
    for result in own:
        assert result.claim is not None
        quoted = {word for word, said in WORDS.items() if re.search(said, result.claim.quote)}
        written = re.match(r"[a-z ]+(?= )|[<>]|", result.printed)
        assert written is not None
        expected = set() if result.id in OF_ANOTHER_NUMBER else quoted
        assert ({written[0]} - {""}) == expected, result.id


def flops(model: str) -> int:
    """Attention FLOPs of the model's own row for one token at 1,048,576 of context."""
    (row,) = (row for row in kvcalc.compare(model, context=MILLION).rows if row.native)
    assert row.amounts.flops is not None
    return row.amounts.flops


def test_the_operations_of_figure_1_of_deepseek_v4() -> None:
    # scores and values of the entries that are read, and the scores of the index keys
    v32_core = 2 * 61 * 128 * (576 + 512) * 2_048
    v32_index = 2 * 61 * 64 * 128 * MILLION
    pro_core = 2 * 128 * (512 + 512) * (30 * (1_024 + 128) + 31 * (8_192 + 128))
    pro_index = 2 * 30 * 64 * 128 * MILLION // 4
    flash_core = 2 * 64 * (512 + 512) * (21 * (512 + 128) + 20 * (8_192 + 128) + 2 * 128)
    flash_index = 2 * 21 * 64 * 128 * MILLION // 4
    assert flops("deepseek-v3.2") == v32_core + v32_index == 1_082_767_966_208
    assert flops("deepseek-v4-pro") == pro_core + pro_index == 205_520_896_000
    assert flops("deepseek-v4-flash") == flash_core + flash_index == 113_799_856_128
    # two for each activated parameter; bf16 counts twice and fp4 half in V4, V3.2's core once
    v32 = 2 * 37 * 10**9 + v32_core + v32_index
    pro = 2 * 49 * 10**9 + 2 * pro_core + pro_index // 2
    flash = 2 * 13 * 10**9 + 2 * flash_core + flash_index // 2
    assert [f"{v32 / 1e9:.1f}", f"{pro / 1e9:.1f}", f"{flash / 1e9:.1f}"] == [
        "1156.8",
        "315.8",
        "118.3",
    ]
    assert [f"{v32 / pro:.2f}", f"{v32 / flash:.2f}"] == ["3.66", "9.78"]  # printed 3.7 and 9.8
    assert [f"{pro / v32:.1%}", f"{flash / v32:.1%}"] == ["27.3%", "10.2%"]  # printed 27 and 10
    twice = v32 + v32_core
    assert [f"{twice / pro:.2f}", f"{twice / flash:.2f}"] == ["3.77", "10.07"]
