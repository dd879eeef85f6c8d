"""What a decode step moves and how long it takes at least, by hand; the crossing by brute force."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.budget.estimate import Estimate
from kvcalc.hardware import Gpu
from kvcalc.model import Architecture
from kvcalc.queries.crossover import ever_after
from kvcalc.queries.decoding import ALL, MAX_PERIOD, UNKNOWN, UNSIZED, Decoding, decoding
from kvcalc.queries.deployed import deployed
from kvcalc.question import question
from kvcalc.render.decoding import DECODING, lines
from kvcalc.render.schema import _schema
from kvcalc.units import MAX_TOKENS
from tests.documents import closed, validator_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.model import Model
    from tests.conftest import ModelFile

GPU = Gpu("toy", "Toy", "Nobody", 10**12, bandwidth=10**12)
"""A terabyte a second: a byte takes a picosecond."""
LLAMA = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x (k, v) x KV heads x width x bf16, 131,072 B a token."""
INDEX, PICKED = 61 * (128 + 4), 61 * (512 + 64) * 2
"""DeepSeek-V3.2: an index key in fp8 and its scale for every token, 2,048 latents of bf16."""
STATE = 64 * (80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 128) * 2)
"""Mamba2 2.7B: a state in fp32, and three columns of a convolution in bf16."""


def size(low: int, high: int | None = None) -> Estimate:
    return Estimate(low, low, low if high is None else high, "given", "as given")


def step(
    model: Model | str, tokens: int, batch: int, weights: Estimate | None, **asked: Any
) -> Decoding:
    loaded = kvcalc.load(model) if isinstance(model, str) else model
    query = question(tokens, batch=batch, **asked)
    return decoding(deployed(loaded.adapted(query), query), tokens, batch, weights, GPU)


class Case(NamedTuple):
    """A model and a batch; bytes of cache and weights, of all stages, and tokens a second."""

    model: str
    context: int
    batch: int
    weights: Estimate | None
    cache: int
    read: Fraction | None
    moved: Fraction
    rate: Fraction | None
    asked: Mapping[str, Any] = MappingProxyType({})


GB = 10**9
T = Fraction(10**12)
CASES = (
    # 131,072 x 1,000 B a sequence, beside 16 GB of weights
    Case("llama-3.1-8b", 1000, 1, size(16 * GB), LLAMA * 1000, Fraction(16 * GB),
         Fraction(LLAMA * 1000 + 16 * GB), T / (LLAMA * 1000 + 16 * GB)),
    Case("llama-3.1-8b", 1000, 28, size(16 * GB), 28 * LLAMA * 1000, Fraction(16 * GB),
         Fraction(28 * LLAMA * 1000 + 16 * GB), 28 * T / (28 * LLAMA * 1000 + 16 * GB)),
    # the least of a range
    Case("llama-3.1-8b", 1000, 1, size(16 * GB, 20 * GB), LLAMA * 1000, Fraction(16 * GB),
         Fraction(LLAMA * 1000 + 16 * GB), T / (LLAMA * 1000 + 16 * GB)),
    # a GPU moves its own heads; bytes of weights are those of one GPU
    Case("llama-3.1-8b", 1000, 28, size(2 * GB), 28 * LLAMA * 125, Fraction(2 * GB),
         Fraction(28 * LLAMA * 125 + 2 * GB), 28 * T / (28 * LLAMA * 125 + 2 * GB), {"tp": 8}),
    # no weights known: what is moved at least is the cache
    Case("llama-3.1-8b", 1000, 28, None, 28 * LLAMA * 1000, None,
         Fraction(28 * LLAMA * 1000), T / (LLAMA * 1000)),
    # 3 sequences on two copies are 2 and 1, of which the first has most to move
    Case("llama-3.1-8b", 1000, 3, size(16 * GB), 2 * LLAMA * 1000, Fraction(16 * GB),
         Fraction(2 * LLAMA * 1000 + 16 * GB),
         2 * T / (2 * LLAMA * 1000 + 16 * GB) + T / (LLAMA * 1000 + 16 * GB), {"dp": 2}),
    # one on four leaves three copies idle
    Case("llama-3.1-8b", 1000, 1, None, LLAMA * 1000, None,
         Fraction(LLAMA * 1000), T / (LLAMA * 1000), {"dp": 4}),
    # two stages of 16 layers, one after the other; overlapping, each is as fast as the other
    Case("llama-3.1-8b", 1000, 4, size(8 * GB), LLAMA // 2 * 4000, Fraction(8 * GB),
         Fraction(LLAMA * 4000 + 16 * GB), 4 * T / (LLAMA // 2 * 4000 + 8 * GB), {"pp": 2}),
    # 8 and 24 layers: the second moves 3/4 of the cache, and both half of all there is at least
    Case("llama-3.1-8b", 1000, 4, size(1), LLAMA * 3000, Fraction(1),
         Fraction(LLAMA * 4000 + 2), 4 * T / (LLAMA * 3000), {"pp_layers": "8,24"}),
    Case("llama-3.1-8b", 1000, 4, size(GB), LLAMA * 3000, Fraction(GB),
         Fraction(LLAMA * 4000 + 2 * GB), 4 * T / (LLAMA * 2000 + GB), {"pp_layers": "8,24"}),
    # a latent is read by every rank; of 685,355,329,792 parameters a token reads 37 billion
    Case("deepseek-v3.2", 32_768, 28, size(86 * GB),
         28 * (INDEX * 32_768 + PICKED * 2048), Fraction(86 * GB * 37 * GB, 685_355_329_792),
         28 * (INDEX * 32_768 + PICKED * 2048) + Fraction(86 * GB * 37 * GB, 685_355_329_792),
         28 * T / (28 * (INDEX * 32_768 + PICKED * 2048)
                   + Fraction(86 * GB * 37 * GB, 685_355_329_792)), {"tp": 8}),
    # a state is read, and written back
    Case("mamba2-2.7b", 5, 2, None, 2 * 2 * STATE, None, Fraction(4 * STATE), T / (2 * STATE)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model} {dict(case.asked)}")
def test_what_a_step_moves(case: Case) -> None:
    found = step(case.model, case.context, case.batch, case.weights, **case.asked)
    assert (found.cache, found.weights) == (case.cache, case.read)
    assert found.seconds == case.moved / 10**12
    assert found.rate == case.rate


def test_nothing_moved_takes_no_time() -> None:
    model = kvcalc.load("llama-3.1-8b")
    empty = replace(model, layers=((),))
    found = step(empty, 10, 3, None)
    assert found.cache == 0
    assert found.seconds == Fraction(0)
    assert found.rate is None
    assert next(lines(found, "si")) == (
        "one step of 3 sequences moves at least 0 B of cache: 0 s at 1 TB/s, a roofline bound"
    )
    assert found.outweighs is None


@pytest.mark.parametrize(
    ("stated", "code", "read", "rule"),
    [
        ({}, "llama", 100, ALL),
        ({"active": 100}, None, 100, ALL),
        ({"active": 120}, None, 100, ALL),
        ({"active": 25}, "llama", 25, "25 of 100 parameters, as for one token; more read more"),
        ({"experts": 60}, "mixtral", 40, "40 of 100 parameters, as for one token; more read"),
        # a file that names no active parameters may be of a model that has experts
        ({}, "mixtral", None, UNKNOWN),
        ({}, "qwen3_moe", None, UNKNOWN),
        ({}, None, None, UNKNOWN),
        ({"parameters": None}, "llama", None, UNKNOWN),
        ({"parameters": None, "active": 25}, "llama", None, UNKNOWN),
    ],
)
def test_how_many_weights_a_token_reads(
    stated: dict[str, int | None], code: str | None, read: int | None, rule: str
) -> None:
    model = replace(
        kvcalc.load("llama-3.1-8b"),
        parameters=stated.get("parameters", 100),
        active_parameters=stated.get("active"),
        expert_parameters=stated.get("experts"),
        architecture=Architecture(code) if code else None,
    )
    found = step(model, 10, 1, size(300))
    assert found.weights == (None if read is None else 3 * read)
    assert found.rule.startswith(rule)
    assert (found.outweighs is None) == (read is None)
    assert found.outweighs_all == 1
    assert step(model, 10, 1, None).rule == UNSIZED


# the crossing


@pytest.mark.parametrize(
    ("model", "batch", "weights", "these", "every", "asked"),
    [
        # 16,000,000,000 / 131,072 = 122,070.3
        ("llama-3.1-8b", 1, size(16 * GB), 122_071, 122_071, {}),
        ("llama-3.1-8b", 10, size(16 * GB), 12_208, 12_208, {}),
        ("llama-3.1-8b", 1, size(LLAMA * 7), 7, 7, {}),
        ("llama-3.1-8b", 1, size(LLAMA * 7 + 1), 8, 8, {}),
        ("llama-3.1-8b", 1, size(1), 1, 1, {}),
        ("llama-3.1-8b", 1, size(LLAMA * 7, LLAMA * 9), 7, 9, {}),
        # 2 sequences on the fullest copy; two stages with as many weights each
        ("llama-3.1-8b", 3, size(LLAMA * 7), 4, 4, {"dp": 2}),
        ("llama-3.1-8b", 1, size(LLAMA * 7), 14, 14, {"pp": 2}),
        # 3 B a parameter are 111 GB of those that a token reads, 2,056,065,989,376 B of all;
        # 2,048 latents are 143,917,056 B, and an index key for each token 8,052 B:
        # 110,856,082,944 / 8,052 = 13,767,521.48, 2,055,922,072,320 / 8,052 = 255,330,610.08
        ("deepseek-v3.2", 1, size(3 * 685_355_329_792), 13_767_522, 255_330_611, {}),
        # a state never grows
        ("mamba2-2.7b", 1, size(2 * STATE + 1), None, None, {}),
        # every layer has a window of 4,096
        ("mistral-7b-v0.1", 1, size(LLAMA * 4096), 4096, 4096, {}),
        ("mistral-7b-v0.1", 1, size(LLAMA * 4096 + 1), None, None, {}),
        ("llama-3.1-8b", 1, None, None, None, {}),
    ],
)
def test_from_where_on_the_cache_outweighs_the_weights(
    model: str,
    batch: int,
    weights: Estimate | None,
    these: int | None,
    every: int | None,
    asked: dict[str, Any],
) -> None:
    found = step(model, 10, batch, weights, **asked)
    assert (found.outweighs, found.outweighs_all) == (these, every)


SAWS = {
    "pool": "{ name: latent, role: latent, width: 4, reads: { top_k: 6, pool: 5 } }",
    "blocks": "{ name: k, role: k, heads: 2, width: 2, reads: { top_k_blocks: 2, block_size: 7 } }",
    "window": "{ name: k, role: k, width: 4, window: 23, reads: { top_k: 5, pool: 6 } }",
    "strided": "{ name: k, role: k, width: 4, every: 3, reads: { top_k: 3, pool: 2 } }",
    "late": "{ name: k, role: k, width: 4, every: { stride: 2, first: 9 }, "
    "reads: { top_k_blocks: 1, block_size: 3 } }",
    "all": "{ name: v, role: v, width: 1 }",
}
LONGEST = 150
"""Contexts that are looked at one by one, beyond which nothing is read that was not before."""


@pytest.mark.parametrize(
    "kinds",
    ["pool", "blocks", "window", "strided", "late", "pool blocks", "window pool", "late all",
     "blocks all", "strided window all", "pool late window", "all"],
)  # fmt: skip
def test_the_crossing_where_less_may_be_read_of_more(kinds: str, model_file: ModelFile) -> None:
    tensors = "".join(f"\n    - {SAWS[kind]}" for kind in kinds.split())
    text = f"name: Saw\nlayers: 3\ndtype: bf16\nattention:\n  kind: custom\n  tensors:{tensors}\n"
    model = replace(kvcalc.load(model_file(text)), parameters=1, active_parameters=1)
    read = [0, *(model.cache.read(tokens) for tokens in range(1, LONGEST + 1))]
    grows = "all" in kinds.split()
    sizes = {size + more for size in read for more in (0, 1)} - {0}
    assert sizes
    for weights in sizes:
        fewer = [tokens for tokens in range(1, LONGEST + 1) if read[tokens] < weights]
        least = fewer[-1] + 1 if fewer else 1
        if least > LONGEST - 50:  # never, or not as far as it was looked at
            if grows:
                continue
            assert step(model, 10, 1, size(weights)).outweighs is None
        else:
            assert step(model, 10, 1, size(weights)).outweighs == least


@pytest.mark.parametrize(
    ("fails", "period", "turns", "least"),
    [
        ([], 1, (), 1),
        ([1, 2, 3], 1, (), 4),
        ([1, 3, 5], 2, (), 6),
        ([2], 7, (), 3),
        ([1, 2, 5, 6], 1, (5,), 7),
        ([5, 8], 3, (5, 0, 10**13), 9),
        ([MAX_TOKENS], 1, (MAX_TOKENS,), None),
        ([*range(4, 10)], 1, (4,), 10),
    ],
)
def test_what_holds_ever_after(
    fails: list[int], period: int, turns: tuple[int, ...], least: int | None
) -> None:
    assert ever_after(lambda tokens: tokens not in fails, period, turns) == least


def test_what_repeats_too_seldom_is_not_looked_for(model_file: ModelFile) -> None:
    text = (
        "name: Seldom\nlayers: 3\ndtype: bf16\nattention:\n  kind: custom\n  tensors:\n"
        f"    - {{ name: k, role: k, width: 4, every: {MAX_PERIOD}, "
        "reads: { top_k: 3, pool: 2 } }\n"
    )
    model = replace(kvcalc.load(model_file(text)), parameters=1, active_parameters=1)
    found = step(model, 10, 1, size(5))
    assert (found.searched, found.outweighs, found.outweighs_all) == (False, None, None)
    assert "the cache is read so unevenly that its crossing with the weights" in told(found)


# what is told


def told(found: Decoding) -> str:
    return "\n".join(lines(found, "si"))


def test_a_step_in_words() -> None:
    found = step("deepseek-v3.2", 32_768, 28, size(86 * GB), tp=8)
    # 28 x (8,052 x 32,768 + 70,272 x 2,048) = 11,417,419,776; 86 x 37 / 685.36 = 4.64;
    # 16.06 GB / 1 TB/s = 16.06 ms; 28 / 0.01606 = 1,743.4
    # weights / 28 less those latents, a key each: 21,898,911 / 8,052 = 2,719.7, and of 86 GB
    # (3,071,428,571 - 143,917,056) / 8,052 = 363,575.7
    assert told(found).splitlines() == [
        "one step of 28 sequences moves at least 11.42 GB of cache and 4.64 GB of weights on the "
        "busiest of 8 GPUs: 16.1 ms at 1 TB/s, a roofline bound; at most 1,743 tokens/s, one a "
        "sequence and step",
        "weights: 37,000,000,000 of 685,355,329,792 parameters, as for one token; more read more "
        "experts, up to all",
        "the cache of so many sequences outweighs these weights from 2,720 tokens on, and "
        "outweighs all there may be from 363,576 tokens on (beyond its own 163,840)",
    ]


@pytest.mark.parametrize(
    ("model", "batch", "weights", "asked", "words"),
    [
        ("llama-3.1-8b", 1, size(16 * GB), {}, "one step of 1 sequence moves at least 131.07 MB"),
        ("llama-3.1-8b", 1, size(16 * GB), {}, "at most 61.99 tokens/s, one a sequence and step"),
        ("llama-3.1-8b", 1, size(1), {}, "the cache outweighs the weights from 1 token on"),
        ("llama-3.1-8b", 1, size(GB), {}, "the cache outweighs the weights from 7,630 tokens on"),
        ("llama-3.1-8b", 3, size(GB), {"dp": 2}, "of 3 sequences (2 on the fullest copy) moves"),
        ("llama-3.1-8b", 4, size(8 * GB), {"pp": 2},
         "524.29 MB of cache and 16.00 GB of weights on a GPU of each of 2 stages, one after the "
         "other: 16.5 ms at 1 TB/s, a roofline bound; at most 484 tokens/s with stages that over"),
        ("llama-3.1-8b", 1, None, {}, "weights beside the cache are left out: their bytes are not"),
        ("mamba2-2.7b", 1, size(10**12), {}, "left out: how many of them a step reads is not kn"),
        ("mamba2-2.7b", 1, size(10**12), {}, "the cache never outweighs all weights"),
        ("llama-3.1-8b", 1, size(10**18), {}, "never outweighs the weights, up to 1,000,000,000"),
        ("mamba2-2.7b", 1, size(10**12), {"engine": "vllm"},
         "the engine keeps less than is counted as moved (states in another dtype): a step may"),
        ("deepseek-v3", 1, None, {"mtp": True}, "tokens that are drafted and taken come on top"),
        ("llama-3.1-8b", 1, None, {"draft": "llama-3.2-1b"}, "tokens that are drafted and taken"),
    ],
)  # fmt: skip
def test_lines_below_a_table(
    model: str, batch: int, weights: Estimate | None, asked: dict[str, Any], words: str
) -> None:
    loaded = kvcalc.load(model)
    if draft := asked.get("draft"):
        loaded, asked = replace(loaded, draft=kvcalc.load(draft)), {}
    assert words in told(step(loaded, 1000, batch, weights, **asked))


def test_units_are_those_asked_for() -> None:
    found = step("llama-3.1-8b", 1000, 1, size(16 * GB, 17 * GB))
    assert "125.00 MiB of cache and 14.90 GiB of weights: 16.1 ms at 931.32 GiB/s" in next(
        lines(found, "iec")
    )
    moe = step("deepseek-v3.2", 1000, 1, size(86 * GB))
    first = next(lines(moe, "bytes"))
    # 86 x 10^9 x 37 x 10^9 / 685,355,329,792 = 4,642,847,092.1
    assert "4,642,847,092 B of weights: 4.72 ms at 1,000,000,000,000 B/s" in first


@pytest.mark.parametrize("weights", [size(86 * GB), None])
def test_a_document(weights: Estimate | None) -> None:
    document = DECODING(step("deepseek-v3.2", 1000, 2, weights))
    defined: dict[str, Any] = {}
    schema = closed({**_schema(DECODING, defined), "$defs": defined})
    validator_of(schema).validate(document)
    assert document["bound"] == "roofline"
    cache = 2 * (INDEX + PICKED) * 1000
    assert (
        document["cache_bytes_per_step"] == document["stages"][0]["cache_bytes_per_step"] == cache
    )
    if weights is None:
        assert document["weight_bytes_per_step"] is None
        assert document["least_seconds"] == cache / 10**12
        assert document["weight_bytes_per_step_exact"] is None
        assert document["outweighs_weights_from"] is None
        return
    share = Fraction(86 * GB * 37 * GB, 685_355_329_792)
    assert document["weight_bytes_per_step"] == float(share)
    assert document["weight_bytes_per_step_exact"] == f"{share.numerator}/{share.denominator}"
    seconds = (cache + share) / 10**12
    assert document["least_seconds_exact"] == f"{seconds.numerator}/{seconds.denominator}"
    assert document["most_tokens_per_second"] == float(2 / seconds)
