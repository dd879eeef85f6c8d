"""What rests outside of the GPUs, and how soon it is back, by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.errors import WrongArgument
from kvcalc.hardware import Gpu
from kvcalc.queries.deployed import deployed
from kvcalc.queries.offload import EACH, IN_USE, PLANNED, PLANNED_ONCE, Offload, Outside, offload
from kvcalc.question import question
from kvcalc.render.offload import OFFLOAD, lines
from kvcalc.render.schema import _schema
from tests.documents import closed, validator_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.model import Model

GB, TB = 10**9, 10**12
GPU = Gpu("toy", "Toy", "Nobody", 10**12, bandwidth=TB, link=64 * GB)
SHARED = replace(GPU, name="Shared", link=None, shared=True)
LLAMA = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x (k, v) x KV heads x width x bf16, 131,072 B a token."""
MLA = 61 * (512 + 64) * 2
"""DeepSeek-V3: 70,272 B a token; a latent has no heads to split."""
STATE = 64 * (80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 128) * 2)
"""Mamba2 2.7B: a state in fp32, and three columns of a convolution in bf16."""


def rest(
    model: Model | str, tokens: int, outside: Outside, gpu: Gpu | None = GPU, **asked: Any
) -> Offload:
    loaded = kvcalc.load(model) if isinstance(model, str) else model
    query = question(tokens, **asked)
    return offload(deployed(loaded.adapted(query), query), tokens, gpu, outside)


class Case(NamedTuple):
    """A model in 1 TB of host memory: what one sequence takes there, and of that on one GPU."""

    model: str
    context: int
    taken: int
    loaded: int
    sequences: int
    once: int | None = None
    rule: str = EACH
    asked: Mapping[str, Any] = MappingProxyType({})


K = 1024
VLLM = {"engine": "vllm"}
CASES = (
    # 10^12 / (131,072 x 32,768) = 232.8
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 32 * K, 232),
    # heads are split, so that all GPUs have one sequence once; beyond 8 each head is there twice
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 4 * K, 232, asked={"tp": 8}),
    Case("llama-3.1-8b", 32 * K, 2 * LLAMA * 32 * K, LLAMA * 4 * K, 116, 232, asked={"tp": 16}),
    # a sequence is on one copy, and on every stage
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 32 * K, 232, asked={"dp": 4}),
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 16 * K, 232, asked={"pp": 2}),
    # a latent on every GPU: 10^12 / (70,272 x 32,768) = 434.3, an eighth of that 54.3
    Case("deepseek-v3", 32 * K, 8 * MLA * 32 * K, MLA * 32 * K, 54, 434, asked={"tp": 8}),
    # tokens in turns: nothing is kept twice
    Case("deepseek-v3", 32 * K, MLA * 32 * K, MLA * 4 * K, 434, asked={"tp": 8, "dcp": 8}),
    Case("mamba2-2.7b", 32 * K, STATE, STATE, 5888),
    # blocks of 16 tokens: 2,049 of them for a token more than 32,768
    Case("llama-3.1-8b", 32 * K + 1, LLAMA * 32_784, LLAMA * 32_784, 232, None, PLANNED, VLLM),
    # 16 tokens of 61 latents are 1,124,352 B, 274.5 pages of 4,096 B: 2,048 blocks of 275 pages,
    # once for all GPUs, or for those of a copy; 10^12 / 2,306,867,200 = 433.5
    Case("deepseek-v3", 32 * K, 2048 * 275 * 4096, MLA * 32 * K, 433, None, PLANNED_ONCE,
         {**VLLM, "tp": 8}),
    Case("deepseek-v3", 32 * K, 2048 * 275 * 4096, MLA * 32 * K, 433, None, PLANNED_ONCE,
         {**VLLM, "tp": 4, "dp": 2}),
    # with other parallelism each GPU has its own there: dcp 2 leaves 4 ranks with half of it each
    Case("deepseek-v3", 32 * K, 4 * MLA * 32 * K, MLA * 16 * K, 108, None, PLANNED,
         {**VLLM, "tp": 8, "dcp": 2}),
    # cells are there whatever the batch: a slot's own are written out
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 32 * K, 232, None, IN_USE,
         {"engine": "llama.cpp"}),
    Case("llama-3.1-8b", 32 * K, LLAMA * 32 * K, LLAMA * 32 * K, 232, None, PLANNED,
         {"engine": "transformers"}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model} {dict(case.asked)}")
def test_what_rests_outside(case: Case) -> None:
    found = rest(case.model, case.context, Outside(TB, 2 * TB), **case.asked)
    assert (found.taken, found.loaded, found.rule) == (case.taken, case.loaded, case.rule)
    assert found.host
    assert (found.host.sequences, found.host.once) == (case.sequences, case.once)
    assert found.host.seconds == Fraction(case.loaded, 64 * GB)
    assert found.disk
    assert found.disk.sequences == 2 * TB // case.taken
    assert found.disk.seconds is None


def test_an_engine_has_blocks_in_whole_pages() -> None:
    own = kvcalc.load("llama-3.1-8b")
    one = replace(own, layers=own.layers[:1])
    # 16 tokens of a layer's key and value in fp8 are 4,096 B a head, on each of 8 GPUs
    fp8 = rest(one, 16, Outside(TB), engine="vllm", kv_dtype="fp8", tp=8)
    assert (fp8.taken, fp8.loaded) == (16 * 2 * 8 * 128, 16 * 2 * 128)
    assert fp8.taken == 8 * 4096
    # a head of its own on each of 16 GPUs as well, and once more in host memory
    copied = rest(one, 16, Outside(TB), engine="vllm", kv_dtype="fp8", tp=16)
    assert (copied.taken, copied.once, copied.rule) == (16 * 4096, None, PLANNED)


@pytest.mark.parametrize(
    ("gpu", "outside", "link", "host", "disk"),
    [
        (GPU, Outside(TB), 64 * GB, Fraction(LLAMA * 1000, 64 * GB), None),
        (GPU, Outside(TB, link=32 * GB), 32 * GB, Fraction(LLAMA * 1000, 32 * GB), None),
        (None, Outside(TB, link=32 * GB), 32 * GB, Fraction(LLAMA * 1000, 32 * GB), None),
        (None, Outside(TB), None, None, None),
        (SHARED, Outside(TB, link=GB), GB, Fraction(LLAMA * 1000, GB), None),
        (SHARED, Outside(None, TB), None, None, None),
        (GPU, Outside(None, TB), 64 * GB, None, None),
        (GPU, Outside(None, TB, None, 7 * GB), 64 * GB, None, Fraction(LLAMA * 1000, 7 * GB)),
        (SHARED, Outside(None, TB, None, 7 * GB), None, None, Fraction(LLAMA * 1000, 7 * GB)),
        # no sooner than over the link
        (GPU, Outside(None, TB, GB, 7 * GB), GB, None, Fraction(LLAMA * 1000, GB)),
    ],
)
def test_how_soon_one_is_back(
    gpu: Gpu | None,
    outside: Outside,
    link: int | None,
    host: Fraction | None,
    disk: Fraction | None,
) -> None:
    found = rest("llama-3.1-8b", 1000, outside, gpu)
    assert found.link == link
    assert (found.host.seconds if found.host else None) == host
    assert (found.disk.seconds if found.disk else None) == disk


def test_a_disk_is_read_once_for_all_gpus() -> None:
    found = rest("deepseek-v3", 1000, Outside(None, TB, None, GB), tp=8)
    assert found.disk
    assert found.disk.seconds == Fraction(MLA * 1000, GB)
    split = rest("llama-3.1-8b", 1000, Outside(None, TB, None, GB), tp=8)
    assert split.disk
    assert split.disk.seconds == Fraction(LLAMA * 1000, GB)


@pytest.mark.parametrize(
    ("gpu", "outside", "words"),
    [
        (GPU, Outside(), "offload: nothing is said of what is outside of the GPUs: give --host-"),
        (GPU, Outside(link=GB), "offload: nothing is said of what is outside of the GPUs: give"),
        (GPU, Outside(TB, None, None, GB), "disk_bandwidth: a disk's bandwidth is said, and not"),
        (SHARED, Outside(TB), "host_memory: Shared shares its memory with the host, so that noth"),
    ],
)
def test_questions_without_an_answer(gpu: Gpu, outside: Outside, words: str) -> None:
    with pytest.raises(WrongArgument) as raised:
        rest("llama-3.1-8b", 1000, outside, gpu)
    assert str(raised.value).startswith(words)


def told(found: Offload) -> list[str]:
    return list(lines(found, "si"))


def test_lines_below_a_table() -> None:
    found = rest("deepseek-v3", 32 * K, Outside(TB, 4 * TB, None, 7 * GB), tp=8)
    # 8 x 70,272 x 32,768 = 18.42 GB; 2.30 GB at 64 GB/s are 36.0 ms, at 7 GB/s 329 ms
    assert told(found) == [
        "outside of the GPUs a sequence of 32,768 tokens takes 18.42 GB (each GPU's part of it), "
        "or 2.30 GB where what GPUs keep alike is stored once",
        "1.00 TB of host memory holds 54 of them, 434 where what GPUs keep alike is stored once; "
        "one is back after 36.0 ms at the soonest (2.30 GB at 64 GB/s)",
        "4.00 TB of disk holds 217 of them, 1,737 where what GPUs keep alike is stored once; "
        "one is back after 329 ms at the soonest (2.30 GB at 7 GB/s)",
    ]


@pytest.mark.parametrize(
    ("gpu", "outside", "words"),
    [
        (None, Outside(TB), "how soon one is back is not known: say --link 64GB/s"),
        (GPU, Outside(None, TB), "how soon one is back is not known: say --disk-bandwidth 7GB/s"),
        (GPU, Outside(None, TB, GB, 7 * GB), "131 ms at the soonest (limited by the link of a GPU"),
        (GPU, Outside(10**6), "1.00 MB of host memory holds 0 of them; one is back after 2.05 ms"),
    ],
)
def test_what_is_told_of_a_bandwidth(gpu: Gpu | None, outside: Outside, words: str) -> None:
    assert words in told(rest("llama-3.1-8b", 1000, outside, gpu))[1]


def test_what_keeps_nothing_rests_in_any_number() -> None:
    empty = replace(kvcalc.load("llama-3.1-8b"), layers=((),))
    found = rest(empty, 1000, Outside(TB))
    assert found.host
    assert (found.host.sequences, found.host.once) == (None, None)
    assert found.host.seconds == Fraction(0)
    assert "1.00 TB of host memory holds any number of them, as nothing is kept" in told(found)[1]


@pytest.mark.parametrize("outside", [Outside(TB), Outside(None, TB, None, 7 * GB)])
def test_a_document(outside: Outside) -> None:
    document = OFFLOAD(rest("deepseek-v3", 32 * K, outside, tp=8))
    defined: dict[str, Any] = {}
    validator_of(closed({**_schema(OFFLOAD, defined), "$defs": defined})).validate(document)
    assert document["bytes_per_sequence"] == 8 * MLA * 32 * K
    assert document["bytes_per_sequence_stored_once"] == MLA * 32 * K
    assert (document["host_memory"] is None) == (outside.host is None)
    there = document["host_memory"] or document["disk"]
    assert (there["bytes"], there["sequences"], there["sequences_stored_once"]) == (TB, 54, 434)
    seconds = Fraction(MLA * 32 * K, 64 * GB if outside.host else 7 * GB)
    assert there["least_seconds"] == float(seconds)
    assert there["least_seconds_exact"] == f"{seconds.numerator}/{seconds.denominator}"
