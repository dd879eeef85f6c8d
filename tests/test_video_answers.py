"""The fact sheet on a video's claims: every number in its answers is held to its sum."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import chain
from math import prod

import pytest

import kvcalc
from kvcalc.claim import AnsweredQuestion
from kvcalc.queries.check import Checked
from kvcalc.queries.compare import ComparedRow
from kvcalc.queries.verdict import verdict_on

# what documents say, as they print it

DIM, LAYERS, HEADS, NOPE, VALUE, LATENT, ROPE = 7_168, 61, 128, 128, 128, 512, 64
"""deepseek-ai/DeepSeek-V3@9b4e978:inference/configs/config_671B.json, R1's as well."""
INDEX_HEADS, INDEX_DIM, SCALE, TOP_K = 64, 128, 4, 2_048
"""deepseek-ai/DeepSeek-V3.2-Exp@3b99a53:inference/config_671B_v3.2.json, model.py, line 449."""
SMALL_4 = (36, 32, 256, 64, 64, 128)
"""Layers, heads, latent, RoPE, nope and value: transformers 5.24.0, mistral4, lines 78-89."""
DENSE_7B = "33.2 37.0 37.9 45.2 30.0 42.9 34.6 43.5"
"""MQA, MHA on BBH, MMLU, C-Eval, CMMLU: DeepSeek-V2, arXiv 2405.04434, Table 8, p. 32."""
T5 = "81.3 81.9 28.5 28.4"
"""MQA, MHA on TriviaQA and WMT: GQA, arXiv 2305.13245, Table 1."""
WARM_UP, SPARSE = 1_000 * 16 * 131_072, 15_000 * 480 * 131_072
"""Steps x sequences x 128K tokens: DeepSeek_V3_2.pdf, section 2.1; 2.1B and 943.7B there."""
ROSE, FELL, STAYED = 7, 6, 1
"""Benchmarks in Table 1 there."""
HALF_DECODING, HALF_PREFILLING = Fraction("14.86"), Fraction("41.02")
"""In K tokens, by the points of the curves of Figure 3 there: one cost is half the other."""
PRICES = (("0.56", "0.28"), ("0.07", "0.028"), ("1.68", "0.42"))
"""USD per million tokens of input, cached input and output, before and after."""
ACTIVE = 37_000_000_000
"""Parameters per token: deepseek-ai/DeepSeek-V3@9b4e978:README.md."""

# what is computed

V3, V32, SMALL, LLM = "deepseek-v3", "deepseek-v3.2", "mistral-small-4", "deepseek-67b"
K_128 = 131_072


@cache
def row(model: str, scheme: str, context: int = K_128) -> ComparedRow:
    (found,) = (r for r in kvcalc.compare(model, context=context).rows if r.scheme == scheme)
    return found


def growth(model: str, scheme: str) -> Fraction:
    """Bytes a token."""
    return row(model, scheme).growth


def flops(model: str, context: int, scheme: str) -> int:
    """What a decode step's attention takes."""
    found = row(model, scheme, context).flops
    assert found is not None
    return found


def stored(model: str, scheme: str, context: int) -> int:
    """Bytes of a whole cache."""
    return row(model, scheme, context).stored


def read(model: str, context: int) -> int:
    """Bytes of cache that a decode step reads."""
    return kvcalc.show(model, context).read


def step(model: str, context: int) -> int:
    """FLOPs of a decode step, the weights' and the attention's."""
    attention = kvcalc.show(model, context).flops
    assert attention is not None
    return 2 * ACTIVE + attention


def first(cost: Callable[[str, int], int], share: int) -> int:
    """The context from which DSA costs no more than this part of dense MLA, by bisection."""
    low, high = TOP_K, K_128
    while high - low > 1:
        middle = (low + high) // 2
        if share * cost(V32, middle) <= cost(V3, middle):
            high = middle
        else:
            low = middle
    return high


def less(before: Fraction | int, after: Fraction | int) -> Fraction:
    """By how many percent."""
    return 100 * (1 - Fraction(after) / Fraction(before))


Value = Fraction | int
Numbers = list[tuple[str, Value]]


def baseline() -> Numbers:
    mha = growth(V3, "mha")
    sum_of: Numbers = [("61", LAYERS), ("2", 2), ("128", HEADS), ("128", NOPE), ("2", 2)]
    return [
        ("61", len(kvcalc.load(V3).layers)),
        ("128", HEADS),
        ("128", NOPE),
        *[*sum_of, ("3,997,696", mha), ("524", Fraction(stored(V3, "mha", K_128), 10**9))],
        ("128K", Fraction(K_128, 1_024)),
        ("192", NOPE + ROPE),
        ("128", VALUE),
        ("4,997,120", growth(V3, "mla-expanded")),
        ("70,272", growth(V3, "mla")),
    ]


def single() -> Numbers:
    sum_of: Numbers = [("61", LAYERS), ("2", 2), ("1", 1), ("128", NOPE), ("2", 2)]
    return [
        ("128", HEADS),
        *sum_of,
        ("31,232", growth(V3, "mqa")),
        ("128", growth(V3, "mha") / growth(V3, "mqa")),
        *((word, Fraction(word)) for word in DENSE_7B.split()),
        ("7B", 7),
        *((word, Fraction(word)) for word in T5.split()),
    ]


def group() -> Numbers:
    gqa = growth(V3, "gqa")
    return [
        ("16", gqa / growth(V3, "mqa")),
        ("128", HEADS),
        ("8", Fraction(HEADS, 16)),
        ("499,712", gqa),
        ("8", growth(V3, "mha") / gqa),
        ("512", LATENT),
        ("64", ROPE),
        ("128", HEADS),
        ("64", growth(LLM, "mha") / growth(LLM, "mqa")),
        ("8", growth(LLM, "gqa") / growth(LLM, "mqa")),
        ("389,120", growth(LLM, "gqa")),
    ]


def latent() -> Numbers:
    expanded = "mla-expanded"
    return [
        ("7,168", DIM),
        ("512", LATENT),
        ("7,168", DIM),
        ("64", ROPE),
        ("512", LATENT),
        ("128", HEADS),
        ("128", NOPE),
        ("71", growth(V3, expanded) / growth(V3, "mla")),
        ("3.4", Fraction(flops(V3, K_128, "mla"), flops(V3, K_128, expanded))),
    ]


def constant() -> Numbers:
    layers, _, width, rope, *_ = SMALL_4
    return [
        ("512", LATENT),
        ("64", ROPE),
        ("61", LAYERS),
        ("57", growth(V3, "mha") / growth(V3, "mla")),
        ("256", width),
        ("64", rope),
        ("320", growth(SMALL, "mla") / layers / 2),
        ("36", len(kvcalc.load(SMALL).layers)),
        ("23,040", growth(SMALL, "mla")),
        ("19.2", growth(SMALL, "mha") / growth(SMALL, "mla")),
        ("57", growth(V3, "mha") / growth(V3, "mla")),
        ("25.6", growth(SMALL, "mla-expanded") / growth(SMALL, "mla")),
        ("71", growth(V3, "mla-expanded") / growth(V3, "mla")),
    ]


def stack() -> Numbers:
    with_keys, without = growth(V32, "dsa"), growth(V3, "mla")
    return [
        ("64", INDEX_HEADS),
        ("128", INDEX_DIM),
        ("4", SCALE),
        ("2,048", TOP_K),
        ("78,324", with_keys),
        ("11.5%", -less(without, with_keys)),
        ("2.1B", Fraction(WARM_UP, 10**9)),
        ("943.7B", Fraction(SPARSE, 10**9)),
        ("14", ROSE + FELL + STAYED),
        ("7", ROSE),
        ("6", FELL),
    ]


def reproducible() -> Numbers:
    prices: list[Numbers] = [
        [(before, Fraction(before)), (after, Fraction(after)), (percent, less(*pair))]
        for percent, (before, after) in zip(("50%", "60%", "75%"), PRICES, strict=True)
        for pair in [(Fraction(before), Fraction(after))]
    ]
    return [
        ("37B", Fraction(ACTIVE, 10**9)),
        ("9,579", first(step, 2)),
        ("5,314", first(read, 2)),
        ("2,314", first(read, 1)),
        ("128K", Fraction(K_128, 1_024)),
        ("87%", less(read(V3, K_128), read(V32, K_128))),
        ("15K", HALF_DECODING),
        ("41K", HALF_PREFILLING),
        *chain.from_iterable(prices),
    ]


ANSWERS: dict[str, Callable[[], Numbers]] = {
    "Which baseline": baseline,
    "What is a single KV": single,
    "What is a group": group,
    "What is the latent": latent,
    "Is 576 constant": constant,
    "Does DSA stand alone": stack,
    "What of the 50%": reproducible,
}
"""How each question begins, in their order, and the numbers of its answer."""

NAMES = re.compile(r"DeepSeek LLM 67B|Mistral Small 4")
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:%|[KB]\b)?(?!\d)")
SUM = re.compile(r"(?<![\d,.])([\d,.]+(?: ([x+]) [\d,.]+)(?: \2 [\d,.]+)*)(?: B)? = ([\d,]+\d)")


def numbers(text: str) -> list[str]:
    """Every number of a text as it is written; what has one in its name is no number."""
    return NUMBER.findall(NAMES.sub("", text))


def rounds(written: str, value: Fraction | int) -> bool:
    """Whether a value is printed so, to the last digit written."""
    number = Decimal(written.rstrip("%KB").replace(",", ""))
    half = Fraction(10) ** int(number.as_tuple().exponent) / 2
    return Fraction(number) - half <= value < Fraction(number) + half


@pytest.fixture(scope="module")
def checked() -> Checked:
    return kvcalc.check("video")


@pytest.fixture(scope="module")
def questions(checked: Checked) -> tuple[AnsweredQuestion, ...]:
    return checked.questions


def test_the_questions_are_asked_in_their_order(questions: tuple[AnsweredQuestion, ...]) -> None:
    assert len(questions) == len(ANSWERS)
    for question, begins in zip(questions, ANSWERS, strict=True):
        assert question.ask.startswith(begins)


def test_every_claim_is_under_a_question_in_order(checked: Checked) -> None:
    asked = [name for question in checked.questions for name in question.claims]
    assert asked == [result.id for result in checked.results]


def test_an_answer_has_two_lines(questions: tuple[AnsweredQuestion, ...]) -> None:
    for question in questions:
        assert len(question.answer.splitlines()) <= 2, question.ask
        assert len(question.answer) <= 420, question.ask


@pytest.mark.parametrize("begins", ANSWERS)
def test_every_number_of_an_answer_is_held(
    begins: str, questions: tuple[AnsweredQuestion, ...]
) -> None:
    (answer,) = (q.answer for q in questions if q.ask.startswith(begins))
    held = ANSWERS[begins]()
    assert numbers(answer) == [written for written, _ in held]
    assert [(written, float(value)) for written, value in held if not rounds(written, value)] == []


def test_the_sums_of_the_answers_come_out(questions: tuple[AnsweredQuestion, ...]) -> None:
    sums = [found for question in questions for found in SUM.findall(question.answer)]
    assert len(sums) == 3
    for terms, sign, result in sums:
        values = [int(term.replace(",", "")) for term in terms.split(f" {sign} ")]
        assert (prod(values) if sign == "x" else sum(values)) == int(result.replace(",", ""))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("V3.2-Exp in bf16: 61 x 2 B, (524 GB at 128K).", ["61", "2", "524", "128K"]),
        ("33.2 / 37.0, 11.5% more", ["33.2", "37.0", "11.5%"]),
        ("DeepSeek LLM 67B and Mistral Small 4 have 7,168, R1 2.1B", ["7,168", "2.1B"]),
    ],
)
def test_numbers_are_told_from_names(text: str, found: list[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("written", "value", "so"),
    [
        ("57", Fraction(32_768, 576), True),
        ("57.0", Fraction(32_768, 576), False),
        ("3,997,696", 3_997_697, False),
        ("11.5%", Fraction("11.46"), True),
    ],
)
def test_a_number_is_held_to_its_last_digit(written: str, value: Fraction, so: bool) -> None:
    assert rounds(written, value) is so


def test_what_dsa_reads_worked_out() -> None:
    """132 B of every index key and 1,152 B of 2,048 tokens, against 1,152 B of every token."""
    entry, key = (LATENT + ROPE) * 2, INDEX_DIM + SCALE
    chosen = TOP_K * entry
    assert (entry, key, chosen) == (1_152, 132, 2_359_296)
    assert -(-chosen // (entry - key)) == 2_314 == first(read, 1)
    assert -(-2 * chosen // (entry - 2 * key)) == 5_314 == first(read, 2)
    for context in (2_313, 2_314, 5_313, 5_314, K_128):
        assert read(V3, context) == LAYERS * entry * context
        assert read(V32, context) == LAYERS * (key * context + chosen)


def test_what_the_absorbed_form_costs_worked_out() -> None:
    """Per cached token and layer: scores over 576, values over 512; or over 192 and 128."""
    absorbed, written_out = HEADS * (576 + 512) * 2, HEADS * (192 + 128) * 2
    assert (absorbed, written_out) == (278_528, 81_920)
    assert flops(V3, 1_000, "mla") == LAYERS * absorbed * 1_000
    assert flops(V3, 1_000, "mla-expanded") == LAYERS * written_out * 1_000


def test_an_mha_of_other_heads_worked_out() -> None:
    layers, heads, width, rope, nope, value = SMALL_4
    assert growth(SMALL, "mla") == layers * (width + rope) * 2 == 23_040
    assert growth(SMALL, "mha") == layers * heads * (nope + value) * 2 == 442_368


WORKED_OUT = {
    "video-mla-576": ("holds-if", 512, 512 + 64),
    "video-dsa-memory": ("holds-if", 1 - Fraction(1_284, 1_152), 1 - Fraction(788, 1_152)),
    "video-dsa-read-50": (
        "holds-if",
        1 - Fraction(19_660_800, 150_994_944),
        1 - Fraction(3_060_744, 6_121_728),
    ),
}
"""The verdict, the value as stated, and the one under what it holds with."""


@pytest.mark.parametrize("name", WORKED_OUT)
def test_what_holds_under_an_assumption(name: str, checked: Checked) -> None:
    (result,) = (result for result in checked.results if result.id == name)
    verdict, stated, assumed = WORKED_OUT[name]
    assert (result.verdict, result.computed) == (verdict, stated)
    assert result.claim is not None
    under = verdict_on(replace(result.claim, stated=result.claim.assumed, assumed=None))
    assert (under.verdict, under.computed) == ("confirmed", assumed)


def test_what_documents_decide(checked: Checked) -> None:
    """Recorded by hand is what has no figure; two questions are left open, and said so."""
    left = [result.id for result in checked.results if result.verdict == "not-computable"]
    assert left == ["video-dsa-novel", "video-dsa-compute-50"]
    by_hand = [result for result in checked.results if result.by_hand]
    assert {str(result.verdict) for result in by_hand} == {"supported"}
    for result in by_hand:
        assert result.claim is not None
        assert result.claim.evidence
