"""`fit --gpu`: what GPUs have for the cache, layouts beside each other, what to turn, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvcalc
from kvcalc.budget.budget import ACTIVATIONS, GRAPHS, OVERHEAD, WEIGHTS, Budget, Part
from kvcalc.budget.estimate import Estimate
from kvcalc.hardware import Gpu
from kvcalc.machine import Machine
from kvcalc.queries.budgets import budget_of
from kvcalc.queries.costs import UNEVEN
from kvcalc.queries.deployed import deployed
from kvcalc.queries.layouts import layouts_of
from kvcalc.question import Question

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

GIB = 2**30
TOY = Gpu("toy", "Toy", "Nobody", 24 * GIB, 10**12, 32 * 10**9, 89)
"""24 GiB, of which 0.9 are 23,192,823,399 B."""
USABLE = 23_192_823_399
LLAMA = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x (k, v) x KV heads x width x bf16, 131,072 B a token."""
SURE: dict[str, Any] = {"gpu": TOY, "overhead": GIB, "activations": GIB, "weights": 14 * GIB}
"""Nothing is estimated on one GPU: 23,192,823,399 - 16 x 2^30 = 6,012,954,215 B are left."""
LEFT = USABLE - 16 * GIB


def test_what_is_left_of_a_gpu_is_what_the_rest_leaves() -> None:
    (row,) = kvcalc.fit("llama-3.1-8b", context=8192, **SURE).rows
    assert row.budget.usable == USABLE
    parts = {part.name: part.size.likely for part in row.budget.parts}
    assert parts == {WEIGHTS: 14 * GIB, OVERHEAD: GIB, ACTIVATIONS: GIB}
    # 6,012,954,215 // (131,072 x 8,192) = 5; // 131,072 = 45,875
    assert row.available == LEFT == 6_012_954_215
    assert (row.largest_batch, row.largest_context) == (5, 45_875)
    assert (row.batches, row.contexts, row.layout) == (None, None, "one GPU")


@pytest.mark.parametrize(
    ("utilization", "usable"),
    [
        (1, 24 * GIB),
        (0.5, 12 * GIB),
        ("50%", 12 * GIB),
        ("0.92", 23_708_219_474),  # 24 x 2^30 x 0.92 = 23,708,219,473.9
        (Fraction(1, 3), 8 * GIB),
    ],
)
def test_the_part_that_is_used(utilization: Any, usable: int) -> None:
    (row,) = kvcalc.fit("llama-3.1-8b", utilization=utilization, context=1, **SURE).rows
    assert row.budget.usable == usable
    assert row.available == usable - 16 * GIB


@pytest.mark.parametrize(
    ("engine", "used"), [(None, "9/10"), ("vllm", "23/25"), ("transformers", "1"), ("ollama", "1")]
)
def test_engines_use_their_own_part(engine: str | None, used: str) -> None:
    gpu = replace(TOY, slug="l40s")  # one that vLLM knows
    (row,) = kvcalc.fit("llama-3.1-8b", engine=engine, context=1, **{**SURE, "gpu": gpu}).rows
    assert str(row.budget.utilization) == used


def test_an_estimate_is_a_range_and_so_is_what_fits() -> None:
    parts = (
        Part(WEIGHTS, Estimate.exact(60, "given", "")),
        Part(OVERHEAD, Estimate(1, 2, 5, "estimated", "")),
        Part(GRAPHS, Estimate(0, 3, 10, "estimated", "")),
    )
    budget = Budget(100, Fraction(9, 10), parts)
    # 90 - 60 - 5 - 10, - 2 - 3, - 1 - 0
    found = budget.available
    assert (found.low, found.likely, found.high, found.basis) == (15, 25, 29, "estimated")
    assert budget.taken_by(OVERHEAD, GRAPHS) == 5
    assert (Budget().usable, Budget(100).usable) == (None, None)
    sure = Budget(100, Fraction(1), parts[:1]).available
    assert (sure.likely, sure.is_exact, sure.basis) == (40, True, "known")
    (row,) = kvcalc.fit("llama-3.1-8b", gpu=TOY, context=8192, weights=14 * GIB).rows
    assert row.batches is not None
    assert row.contexts is not None
    available = row.budget.available
    for size, batch, context in (
        (available.low, row.batches.least, row.contexts.least),
        (available.likely, row.largest_batch, row.largest_context),
        (available.high, row.batches.most, row.contexts.most),
    ):
        assert batch == max(0, size) // (LLAMA * 8192)
        assert context == max(0, size) // LLAMA


class Laid(NamedTuple):
    """What is asked of a layout and of GPUs, and the layouts that stand beside each other."""

    model: str
    gpus: int | None
    asked: dict[str, Any]
    layouts: list[str]


@pytest.mark.parametrize(
    "case",
    [
        Laid("llama-3.1-8b", None, {}, ["one GPU"]),
        Laid("llama-3.1-8b", 1, {}, ["one GPU"]),
        Laid("llama-3.1-8b", 2, {}, ["tp 2", "dp 2", "pp 2"]),
        Laid("llama-3.1-8b", 4, {}, ["tp 4", "tp 2, pp 2", "tp 2, dp 2", "dp 4", "pp 4"]),
        Laid("llama-3.1-8b", 4, {"tp": 4}, ["tp 4"]),
        Laid("llama-3.1-8b", None, {"tp": 2, "pp": 2}, ["tp 2, pp 2"]),
        Laid("llama-3.1-8b", 4, {"tp": 2}, ["tp 2, pp 2", "tp 2, dp 2"]),
        Laid("llama-3.1-8b", 4, {"pp": 2}, ["tp 2, pp 2", "pp 2, dp 2"]),
        Laid("llama-3.1-8b", 8, {"dp": 2, "tp": 2}, ["tp 2, pp 2, dp 2"]),
        Laid("llama-3.1-8b", 4, {"pp_layers": (20, 12), "pp": 2}, ["tp 2, pp 2", "pp 2, dp 2"]),
        # 8 KV heads: of 16 ranks two keep the same, of 2 none do
        Laid(
            "llama-3.1-8b",
            16,
            {"pp_layers": (32,)},
            [
                "tp 16",
                "tp 8, dp 2",
                "tp 4, dp 4",
                "tp 2, dp 8",
                "dp 16",
                "tp 16, dcp 2",
            ],
        ),
        # a latent has no heads: every rank keeps it
        Laid("deepseek-v3", 2, {}, ["tp 2", "dp 2", "tp 2, dcp 2", "pp 2"]),
        Laid("deepseek-v3", 2, {"dcp": 1, "tp": 2}, ["tp 2"]),
    ],
    ids=str,
)
def test_layouts(case: Laid) -> None:
    model = kvcalc.load(case.model)
    found = layouts_of(model, Question(**case.asked), case.gpus)
    named = []
    for one in found:
        sizes = {"tp": one.tp, "pp": one.pp, "dp": one.dp, "dcp": one.dcp}
        told = ", ".join(f"{name} {size}" for name, size in sizes.items() if size > 1)
        named.append(told or "one GPU")
        assert one.tp * one.pp * one.dp == (case.gpus or one.tp * one.pp * one.dp)
    assert named == case.layouts


def test_the_best_layout_is_marked_and_those_that_cannot_be_are_told() -> None:
    sure = {**SURE, "overhead": 2 * GIB}
    answer = kvcalc.fit("llama-3.1-8b", gpus=3, context=8192, **sure)
    # 32 query heads are not for 3: copies, and stages of 11, 11 and 10 layers only without them
    assert [row.layout for row in answer.rows] == ["dp 3"]
    assert any("with tp 3" in note and "query heads" in note for note in answer.told)
    answer = kvcalc.fit("llama-3.1-8b", gpus=2, context=8192, **sure)
    assert [(row.layout, row.best) for row in answer.rows] == [("tp 2", True), ("dp 2", False)]
    assert "tp 2 (best)" in str(answer)
    # half of 131,072 B a token, and half of the weights at the least
    best = answer.bests[0]
    assert best.budget.available.high == USABLE - 3 * GIB - 7 * GIB
    assert best.batches is not None
    assert best.batches.most == (USABLE - 10 * GIB) // (LLAMA // 2 * 8192)


def test_stages_of_one_gpu_are_tried_where_copies_do_not_fit() -> None:
    # 141.1 GB of weights: no copy fits into 85 GB, a third of them does
    answer = kvcalc.fit("llama-3.1-70b", gpu="h100", gpus=3, context=8192)
    told = [(row.layout, row.fits, row.best) for row in answer.rows]
    assert told == [("dp 3", False, False), ("pp 3", True, True)]


def test_several_models_are_each_laid_out_as_serves_most() -> None:
    answer = kvcalc.fit("llama-3.1-8b", "qwen3-8b", gpus=2, context=8192, **SURE)
    assert [row.model for row in answer.rows] == ["Llama 3.1 8B", "Qwen3-8B"]
    alone = [
        kvcalc.fit(name, gpus=2, context=8192, **SURE) for name in ("llama-3.1-8b", "qwen3-8b")
    ]
    assert [row.layout for row in answer.rows] == [one.bests[0].layout for one in alone]
    assert answer.rows == tuple(one.bests[0] for one in alone)


def test_so_many_sequences_yes_or_no() -> None:
    for batch, fits in ((5, True), (6, False)):
        answer = kvcalc.fit("llama-3.1-8b", context=8192, batch=batch, **SURE)
        (row,) = answer.rows
        assert (answer.fits, row.fits, row.wanted, row.largest_batch) == (fits, fits, batch, 5)
        # 6,012,954,215 // (131,072 x 5) = 9,175; // (131,072 x 6) = 7,645
        assert row.largest_context == {5: 9_175, 6: 7_645}[batch]
        assert row.short == (0 if fits else 6 * LLAMA * 8192 - LEFT)


def test_what_to_turn_comes_cheapest_first() -> None:
    answer = kvcalc.fit(
        "llama-3.1-8b", context=8192, batch=6, tp=2, gpus=2, utilization=0.4, **SURE
    )
    # 0.4 x 24 GiB leaves 0.6 GiB beside half of the weights at the most, of which one needs 0.5
    (row,) = answer.rows
    assert not answer.fits
    assert [way.knob for way in row.ways_out] == ["context", "batch", "gpus"]
    (row,) = kvcalc.fit("llama-3.1-8b", context=8192, batch=6, **SURE).rows
    knobs = {way.knob: way for way in row.ways_out}
    assert list(knobs) == ["kv_dtype", "context", "batch", "gpus"]
    # in fp8 half as much: 6,012,954,215 // (65,536 x 8,192) = 11
    assert (knobs["kv_dtype"].value, knobs["kv_dtype"].row.largest_batch) == ("fp8", 11)
    assert (knobs["context"].value, knobs["batch"].value) == (7_645, 5)
    assert knobs["gpus"].value == 2
    assert knobs["gpus"].row.fits


def test_a_server_that_plans_and_fails_is_offered_for_none() -> None:
    """v1/attention/backends/mla/flashmla_sparse.py: 16 heads a rank fill up to 64, and 128 of 8
    ranks that share tokens do not; 64 of 4 do."""
    asked: dict[str, Any] = {"gpu": "h200", "engine": "vllm", "kv_dtype": "fp8", "context": "32K"}
    answer = kvcalc.fit("deepseek-v3.2", gpus=8, **asked)
    assert {row.ranks.dcp for row in answer.rows} == {1, 4}
    assert any("tp 8, dcp 8: vllm plans so and then fails" in note for note in answer.told)
    told = kvcalc.fit("deepseek-v3.2", gpus=8, tp=8, dcp=8, **asked).told
    assert any("takes --dcp 4 at most, with 16 query heads on a rank" in note for note in told)
    told = kvcalc.fit("deepseek-v3.2", gpus=4, tp=4, dcp=2, memory=None, **asked).told
    assert any("takes no --dcp, with 32 query heads on a rank" in note for note in told)
    # GLM-5 has 64 heads: 8 of them on a rank
    assert "dcp 8" in {
        row.layout[-5:] for row in kvcalc.fit("glm-5", gpus=8, weight_dtype="fp8", **asked).rows
    }


def test_slots_are_as_many_as_are_wanted() -> None:
    (row,) = kvcalc.fit(
        "llama-3.1-8b", memory="10GiB", context="32K", batch=3, engine="llama.cpp"
    ).rows
    # 4 GiB a slot
    assert (row.taken, row.short, row.largest_batch) == (12 * GIB, 2 * GIB, 2)
    mix = "1K:50%,8K:50%"
    (row,) = kvcalc.fit(
        "llama-3.1-8b", memory="10GiB", context=mix, batch=11, engine="llama.cpp"
    ).rows
    assert (row.mean, row.taken, row.largest_batch) == (Fraction(GIB), 11 * GIB, 10)
    (row,) = kvcalc.fit("llama-3.1-8b", memory="10GiB", context=mix, engine="transformers").rows
    assert (row.mean, row.largest_batch) == (Fraction(GIB), 10)
    settings = {"n_parallel": 4}
    asked: dict[str, Any] = {"context": "4K", "engine": "llama.cpp", "settings": settings}
    (row,) = kvcalc.fit("llama-3.1-8b", memory="10GiB", **asked).rows
    assert "n_parallel is 4: what is reserved is of all slots" in row.notes


def test_a_knob_that_cannot_be_turned_is_not_told_of() -> None:
    asked: dict[str, Any] = {"context": 8192, "batch": 9, "engine": "transformers", **SURE}
    with pytest.raises(kvcalc.UsageError):
        kvcalc.fit("llama-3.1-8b", **asked, kv_dtype="fp8")
    (row,) = kvcalc.fit("llama-3.1-8b", **asked).rows
    assert [way.knob for way in row.ways_out] == ["context", "batch"]
    (row,) = kvcalc.fit("llama-3.1-8b", memory=1, context=8192).rows
    assert row.ways_out == ()
    assert "not one token fits" in str(kvcalc.fit("llama-3.1-8b", memory=1, context=8192))


def test_what_leaves_nothing_known_has_no_budget() -> None:
    asked = Question(context=8)
    with pytest.raises(kvcalc.UsageError, match="say --gpu, or --memory"):
        budget_of(deployed(kvcalc.load("llama-3.1-8b"), asked), asked, Machine())


def test_another_layout_may_do(cli: Cli, tmp_path: Path) -> None:
    # latents are copied by tp, and shared out by dcp
    sure = {**SURE, "weights": 20 * GIB}
    answer = kvcalc.fit("deepseek-v2-lite", context=32_768, batch=20, tp=4, gpus=4, **sure)
    (row,) = answer.rows
    assert not answer.fits
    assert row.ways_out[0].knob == "layout"
    assert row.ways_out[0].row.fits
    assert "what fits: another layout" in str(answer)


def test_weights_that_leave_nothing_say_how_short_it_is_and_on_how_many_gpus_it_fits() -> None:
    answer = kvcalc.fit("llama-3.1-8b", context=8192, **{**SURE, "weights": 40 * GIB})
    (row,) = answer.rows
    assert (row.largest_batch, row.largest_context, answer.fits) == (0, 0, False)
    short = 42 * GIB - USABLE
    assert row.available == -short
    assert f"take 21.90 GB ({short:,} B) more than there is" in str(answer)
    (way,) = row.ways_out
    # on two each has 20 GiB of them, and 22 is more than 21.6; three have no heads to share, and
    # 11 of 32 layers at the most
    assert (way.knob, way.value, way.row.layout) == ("gpus", 3, "pp 3")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"gpus": 4, "tp": 8}, "tp: 8 ranks are more than 4 GPUs"),
        ({"gpus": 8, "tp": 3}, "gpus: tp 3 is 3 GPUs, which does not divide the 8"),
        ({"gpus": 8, "tp": 2, "pp": 2, "dp": 4}, "is 16 GPUs, which does not divide the 8"),
        ({"gpus": 16, "tp": 2, "pp": 2, "dp": 2}, "gpus: the layout takes 8 of 16 GPUs"),
        ({"gpus": 0}, "gpus: 0 GPUs: it is between 1 and 10,000"),
        ({"gpus": 10_001}, "gpus: 10,001 GPUs: it is between 1 and 10,000"),
        ({"gpus": True}, "True is not a whole number of GPUs"),
        ({"utilization": 0}, "utilization: 0 is not between 0 and 1"),
        ({"utilization": "92"}, "utilization: '92' is not between 0 and 1"),
        ({"utilization": "most"}, "utilization: 'most' is no part of a whole"),
        ({"weights": "0GB"}, "weights: 0 B is no memory"),
        ({"weights": "-5GB"}, "weights: -5,000,000,000 B is no memory"),
        ({"weights": 1, "weight_dtype": "fp8"}, "each say how large the weights are"),
        ({"weight_dtype": "fp9"}, "weight_dtype: "),
        ({"weight_dtype": 8}, "weight_dtype: 8 is not the name of a dtype"),
        ({"available": 1, "memory": 2}, "--available and --memory each say what is left"),
        ({"memory": 1}, "whatever it is: leave --gpu out"),
        ({"batch": 0}, "batch 0: it is between 1 and"),
        ({"gpu": 8}, "gpu: 8 is neither a GPU nor the name of one"),
        ({"gpu": None, "gpus": 8}, "--memory or --gpu is missing"),
        ({"gpu": None, "memory": "1GB", "gpus": 8}, "or say how GPUs share a model: --tp 8"),
        ({"available": "1GB", "gpus": 8}, "of one layout: say which, such as --tp 8"),
        ({"available": "1GB", "overhead": 8}, "all else: leave --overhead out"),
        ({"available": "1GB", "utilization": 0.5}, "all else: leave --utilization out"),
        ({"available": "1GB", "activations": 8}, "all else: leave --activations out"),
        (
            {"gpu": None, "memory": "1GB", "weights": 8},
            "--memory says what is left beside all else",
        ),
        (
            {"gpu": None, "memory": "1GB", "weight_dtype": "fp8"},
            "all else: leave --weight-dtype out",
        ),
        ({"gpsu": 8}, "there is no argument 'gpsu'; did you mean gpu or gpus?"),
        ({"link": 10**9}, "--link is of what rests outside of GPUs: add --offload"),
        ({"offload": True}, "offload"),
        ({"offload": 1}, "offload is true or false, not 1"),
        ({"ledger": 5}, "ledger: 5 is not the path of a log"),
    ],
    ids=str,
)
def test_what_cannot_be(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(kvcalc.UsageError) as raised:
        kvcalc.fit("llama-3.1-8b", **{"gpu": TOY, **asked})
    assert words in str(raised.value)


def test_unknown_weights_name_the_options_that_give_them() -> None:
    model = replace(kvcalc.load("llama-3.1-8b"), weight_dtype=None)
    with pytest.raises(kvcalc.UsageError, match=r"--weights SIZE.*--weight-dtype NAME"):
        kvcalc.fit(model, gpu=TOY)
    with pytest.raises(kvcalc.UsageError, match=r"of Llama 3\.1 8B, which drafts, are not known"):
        kvcalc.fit("llama-3.1-8b", gpu=TOY, weights=GIB, draft=model)


def test_what_a_server_said_is_taken_as_it_is(cli: Cli) -> None:
    (row,) = kvcalc.fit("llama-3.1-8b", gpu=TOY, available="5GiB", context=8192).rows
    assert (row.available, row.largest_batch, row.largest_context) == (5 * GIB, 5, 40_960)
    assert row.budget.parts == ()
    (same,) = kvcalc.fit("llama-3.1-8b", available="5GiB", context=8192).rows
    assert (same.largest_batch, same.largest_context) == (5, 40_960)


def test_weights_beside_a_known_memory_are_those_that_a_step_reads() -> None:
    left: dict[str, Any] = {"gpu": TOY, "available": "5GiB", "context": 8192}
    for weights in (None, 3 * GIB):
        (row,) = kvcalc.fit("llama-3.1-8b", **left, weights=weights).rows
        assert row.available == 5 * GIB
        assert row.decoding is not None
        assert row.decoding.weights == weights


def test_a_draft_has_weights_of_its_own() -> None:
    (row,) = kvcalc.fit(
        "llama-3.1-8b", draft="llama-3.2-1b", context=8192, **{**SURE, "weights": 8 * GIB}
    ).rows
    # 1,235,814,400 parameters in bf16
    assert row.budget.taken_by("draft weights") == 2_471_628_800


@given(
    left=st.integers(1, 40 * GIB),
    batch=st.integers(1, 40),
    context=st.integers(1, 50_000),
    layout=st.sampled_from([{}, {"tp": 2}, {"pp": 2}, {"dp": 2}, {"tp": 16, "dcp": 2}]),
    name=st.sampled_from(["llama-3.1-8b", "gemma-3-27b", "mistral-7b-v0.1"]),
)
def test_what_fits_does_and_one_more_does_not(
    left: int, batch: int, context: int, layout: dict[str, Any], name: str
) -> None:
    (row,) = kvcalc.fit(name, available=left, context=context, batch=batch, **layout).rows
    copies = layout.get("dp", 1)

    def taken(tokens: int, sequences: int) -> int:
        answer = kvcalc.show(name, tokens, -(-sequences // copies) * copies, **layout)
        return answer.amounts.stored

    most = row.largest_batch or 0
    assert most == 0 or taken(context, most) <= left
    assert taken(context, most + copies) > left
    assert row.fits == (taken(context, batch) <= left)
    if row.largest_context:
        assert taken(row.largest_context, batch) <= left
        assert taken(row.largest_context + 1, batch) > left
    elif row.largest_context == 0:
        assert taken(1, batch) > left


def test_documents_and_rows_have_the_budget(cli: Cli) -> None:
    args = ("fit", "llama-3.1-8b", "--gpu", "h100", "--gpus", "2", "-c", "8K", "-b", "4")
    document = json.loads(cli(*args, "--json").out)
    query = document["query"]
    assert (query["gpu"], query["gpus"], query["memory"], query["batch"]) == ("h100", 2, None, 4)
    first = document["rows"][0]
    assert (first["tp"], first["pp"], first["dp"], first["dcp"], first["gpus"]) == (2, 1, 1, 1, 2)
    budget = first["budget"]
    assert budget["usable_bytes"] == ceil(Fraction(budget["memory_bytes"]) * 9 / 10)
    spent = sum(part["bytes"] for part in budget["parts"])
    assert first["cache_bytes_available"] == budget["usable_bytes"] - spent
    assert first["largest_batch_least"] <= first["largest_batch"] <= first["largest_batch_most"]
    lines = cli(*args, "-f", "csv").out.splitlines()
    assert len(lines) == 1 + len(document["rows"])
    assert '""part"": ""weights"", ""bytes"":' in cli(*args, "-f", "csv").out
    table = cli(*args).out
    assert "the memory of each GPU (" in table
    assert "x 0.9 " in table


K = 1024


def test_a_mix_takes_as_much_as_its_lengths_do_on_average() -> None:
    mix = "2K:40%,8K:50%,64K:10%"
    (row,) = kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix).rows
    # 131,072 x (2,048 x 0.4 + 8,192 x 0.5 + 65,536 x 0.1) = 131,072 x 11,468.8
    assert row.mean == LLAMA * Fraction(114_688, 10)
    # 40 x 2^30 / that = 28.57
    assert (row.context, row.largest_batch, row.largest_context) == (64 * K, 28, 327_680)
    for batch, fits in ((28, True), (29, False)):
        answer = kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, batch=batch)
        assert answer.fits is fits
        # the longest context is of one, as those of a mix are not alike
        assert answer.rows[0].largest_context == 327_680
    assert answer.rows[0].short == 29 * LLAMA * 114_688 // 10 + 1 - 40 * GIB
    for words in ("29 sequences of the mix take", "fewer sequences, 28, of the mix"):
        assert words in str(answer)
    assert "longest context for 29" not in str(answer)
    # two copies: each has its own 28
    assert kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, dp=2).rows[0].largest_batch == 56


def test_a_mix_that_does_not_fit_is_told_of_as_one() -> None:
    """2,048 x 0.4 + 8,192 x 0.6 = 5,734.4 tokens on average, 751,619,276.8 B: eight just fit."""
    answer = kvcalc.fit("llama-3.1-8b", **SURE, context="2K:40%,8K:60%", batch=9)
    assert not answer.fits
    (row,) = answer.rows
    assert (row.largest_batch, row.largest_context) == (8, LEFT // LLAMA)
    text = str(answer)
    assert "9 sequences of the mix take 6.76 GB (6,764,573,492 B), 751.62 MB" in text
    assert "what fits: the cache in fp8, --kv-dtype fp8: 16 of the mix\n" in text
    assert "or: fewer sequences, 8, of the mix\n" in text
    assert "longest context for" not in text


def test_engines_mix_lengths_each_in_its_way() -> None:
    mix = "2K:40%,8K:50%,64K:10%"
    (row,) = kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, engine="vllm").rows
    # 20,480 blocks of 16, one of them null; 128 x 0.4 + 512 x 0.5 + 4,096 x 0.1 = 716.8 on average
    assert (row.largest_batch, row.mean) == (28, 2_097_152 * Fraction(7_168, 10))
    assert row.report is not None
    assert row.report.log[0].endswith("for 65,536 tokens per request: 5.00x")
    assert kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, engine="vllm").query.settings[
        "max_model_len"
    ] == (64 * K)
    for engine in ("transformers", "llama.cpp"):
        (row,) = kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, engine=engine).rows
        longest = kvcalc.fit("llama-3.1-8b", memory="40GiB", context="64K", engine=engine).rows[0]
        assert row.largest_batch == longest.largest_batch == 5
        assert "takes as much as one of 65,536 tokens" in " ".join(row.notes)
    settings = {"max_model_len": 32 * K}
    with pytest.raises(kvcalc.UsageError, match="more than max_model_len 32,768"):
        kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, engine="vllm", settings=settings)
    with pytest.raises(kvcalc.UsageError, match="a mix of lengths beside a shared prefix"):
        kvcalc.fit("llama-3.1-8b", memory="40GiB", context=mix, shared_prefix=1024)


def test_a_draft_is_padded_with_the_model() -> None:
    asked: dict[str, Any] = {"draft": "llama-3.2-1b", "engine": "transformers", "memory": "40GiB"}
    (row,) = kvcalc.fit("llama-3.1-8b", context="1K:50%,8K:50%", **asked).rows
    # 2^30 B, and 16 layers x 2 x 8 x 64 x 2 B = 32,768 B a token of the draft, for each of 8,192
    each = GIB + 8192 * 32_768
    assert (row.mean, row.largest_batch) == (Fraction(each), 40 * GIB // each)


def test_the_weights_of_a_draft_may_stay_unknown_where_what_is_left_is_known() -> None:
    unknown = replace(kvcalc.load("llama-3.2-1b"), weight_dtype=None)
    asked: dict[str, Any] = {"gpu": TOY, "available": "5GiB", "context": 8192, "draft": unknown}
    (row,) = kvcalc.fit("llama-3.1-8b", weights=GIB, **asked).rows
    assert row.decoding is not None
    assert row.decoding.weights == GIB


def test_a_prefix_is_there_once() -> None:
    asked: dict[str, Any] = {"memory": "40GiB", "context": "8K", "shared_prefix": "6K"}
    (row,) = kvcalc.fit("llama-3.1-8b", **asked).rows
    # 327,680 tokens: 6,144 once, and 2,048 of each
    assert row.largest_batch == (327_680 - 6_144) // 2_048 == 157
    assert kvcalc.fit("llama-3.1-8b", dp=2, **asked).rows[0].largest_batch == 2 * 157
    # under vLLM one block of 16 is null
    (row,) = kvcalc.fit("llama-3.1-8b", engine="vllm", **asked).rows
    assert row.largest_batch == (20_480 - 1 - 384) // 128 == 156
    assert "6,144 are kept once" in " ".join(row.notes)
    with pytest.raises(kvcalc.UsageError, match=r"llama\.cpp keeps a prefix"):
        kvcalc.fit("llama-3.1-8b", engine="llama.cpp", **asked)


def test_beams_look_at_one_source() -> None:
    # 163,840 B x (8 x 448 + 1,500) = 832,962,560
    (row,) = kvcalc.fit("whisper-large-v3", memory=832_962_560, context=448, beams=8).rows
    assert (row.stored, row.largest_batch, row.largest_context) == (832_962_560, 1, 448)
    assert not kvcalc.fit("whisper-large-v3", memory=832_962_559, context=448, beams=8).fits


def test_a_step_reads_the_cache_and_the_weights() -> None:
    (row,) = kvcalc.fit("llama-3.1-8b", context=8192, **SURE).rows
    assert row.decoding is not None
    # of the five that fit: 5 x 131,072 x 8,192 B and 14 GiB, at 10^12 B/s
    assert (row.decoding.batch, row.decoding.cache) == (5, 5 * LLAMA * 8192)
    assert row.decoding.seconds == Fraction(5 * LLAMA * 8192 + 14 * GIB, 10**12)
    (row,) = kvcalc.fit("llama-3.1-8b", context=8192, batch=2, **SURE).rows
    assert row.decoding is not None
    assert row.decoding.batch == 2
    for more in ({"batch": 6}, {"shared_prefix": 8}, {"context": "1K:50%,2K:50%"}):
        (row,) = kvcalc.fit("llama-3.1-8b", **{"context": 8192, **SURE, **more}).rows
        assert (row.decoding is None) == ("batch" not in more)
    (row,) = kvcalc.fit("llama-3.1-8b", context="1M", **SURE).rows
    assert row.decoding is None  # nothing fits


@pytest.mark.parametrize("asked", [{"shared_prefix": 8}, {"beams": 2}, {"context": "8:50%,9:50%"}])
def test_a_step_that_is_not_worked_out_is_told(asked: dict[str, Any]) -> None:
    (row,) = kvcalc.fit("llama-3.1-8b", **{**SURE, "context": 64, **asked}).rows
    assert row.decoding is None
    assert row.notes[-1] == UNEVEN
    rest = {"available": GIB, "context": 64, **asked}
    assert UNEVEN not in kvcalc.fit("llama-3.1-8b", **rest).rows[0].notes


def test_what_rests_outside_of_the_gpus() -> None:
    sure = {**SURE, "offload": True, "host_memory": "1TB", "disk": "2TB"}
    (row,) = kvcalc.fit("llama-3.1-8b", context=8192, **sure).rows
    assert row.offload is not None
    assert row.offload.host is not None
    assert row.offload.disk is not None
    # 10^12 // 2^30 = 931; 2^30 B over 32 x 10^9 B/s
    assert (row.offload.host.sequences, row.offload.disk.sequences) == (931, 1862)
    assert row.offload.host.seconds == Fraction(2**30, 32 * 10**9)
    assert row.offload.disk.seconds is None
    assert "1.00 TB of host memory holds 931" in str(
        kvcalc.fit("llama-3.1-8b", context=8192, **sure)
    )


def test_what_a_reader_should_know_of_a_gpu() -> None:
    nominal = replace(TOY, nominal=True)
    told = kvcalc.fit("llama-3.1-8b", **{**SURE, "gpu": nominal}, context=8).told
    assert any("its memory is what its vendor calls it" in note for note in told)
    told = kvcalc.fit("llama-3.1-8b", gpu=TOY, weight_dtype="nvfp4", context=8).told
    assert any("keep some of them in more bits" in note for note in told)
    told = kvcalc.fit("llama-3.1-8b", gpu=TOY, context=32_768).told
    assert any("not with the least that may be left" in note for note in told)


def test_a_servers_log_is_what_it_says(tmp_path: Path, cli: Cli) -> None:
    log = tmp_path / "vllm.log"
    log.write_text("INFO [gpu_worker.py:298] Available KV cache memory: 40.0 GiB\n")
    (row,) = kvcalc.fit("llama-3.1-8b", ledger=log, context=8192).rows
    assert (row.available, row.largest_batch, row.largest_context) == (40 * GIB, 40, 327_680)
    # 40.0 is from 39.995 to 40.005: 327,639.04 and 327,720.96 tokens
    assert row.contexts is not None
    assert (row.contexts.least, row.contexts.most) == (327_639, 327_720)
    ran = cli("fit", "llama-3.1-8b", "--ledger", str(log), "--gpu", "h100", "-c", "8K", "--json")
    document = json.loads(ran.out)
    assert (document["query"]["ledger"], document["query"]["gpu"]) == (str(log), "h100")
    assert document["rows"][0]["largest_batch"] == 40


def test_the_engine_runs_on_the_gpu() -> None:
    asked: dict[str, Any] = {"gpu": "h200", "engine": "vllm", "context": 8192}
    assert kvcalc.fit("llama-3.1-8b", **asked).query.settings["gpu"] == "h200"
    same = kvcalc.fit("llama-3.1-8b", settings={"gpu": "h200"}, **asked)
    assert same.rows == kvcalc.fit("llama-3.1-8b", **asked).rows
    with pytest.raises(kvcalc.UsageError, match="--gpu is h200, and -E gpu is 'b200'"):
        kvcalc.fit("llama-3.1-8b", settings={"gpu": "b200"}, **asked)
    with pytest.raises(kvcalc.UsageError, match="vllm on mi300x: it is modelled for GPUs that run"):
        kvcalc.fit("llama-3.1-8b", **{**asked, "gpu": "mi300x"})
    # no engine without a setting of it asks
    assert kvcalc.fit("llama-3.1-8b", **{**asked, "engine": "llama.cpp"}).fits
