"""`fit` beside brute force: what it says fits does, one token or one sequence more does not.

What is taken is summed up here, layer by layer, or is what `show` says of each batch and context;
no inverse of `fit`'s is asked.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.hardware import Gpu
from kvcalc.queries.layouts import KINDS, layout_name, layouts_of
from kvcalc.question import Question
from kvcalc.units import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvcalc.queries.fitted import Fitted

GIB = 2**30
LONGEST = 80
"""Contexts that are looked at one by one."""
MOST = 40
"""Sequences that are."""
TOY = Gpu("toy", "Toy", "Nobody", 24 * GIB, 10**12, 32 * 10**9, 89)
SURE: dict[str, Any] = {"gpu": TOY, "overhead": GIB, "activations": GIB}

quick = settings(derandomize=True, max_examples=60, deadline=None, database=None)


class Kind(NamedTuple):
    """A kind of layer as a file has it, and its bytes on a rank of `tp`, summed up by hand."""

    entry: dict[str, Any]
    stored: Callable[[int, int], int]


def heads(kv_heads: int, window: int | None) -> Kind:
    """Keys and values of 4 numbers each, in bf16."""
    entry: dict[str, Any] = {"kind": "gqa", "kv_heads": kv_heads, "head_dim": 4}
    if window:
        entry["window"] = window
    return Kind(
        entry,
        lambda tokens, tp: 2 * 2 * 4 * max(1, kv_heads // tp) * min(tokens, window or tokens),
    )


def latent(width: int) -> Kind:
    """It has no heads, and every rank has a copy."""
    entry = {"kind": "mla", "latent_dim": width, "rope_dim": 2}
    return Kind(entry, lambda tokens, tp: 2 * (width + 2) * tokens)


def state(inner: int) -> Kind:
    """3 numbers of a state in fp32 for each channel, and 3 columns of a convolution in bf16."""
    entry = {"kind": "mamba1", "inner_dim": 8 * inner, "state_dim": 3, "conv_kernel": 4}
    return Kind(entry, lambda tokens, tp: 8 * inner // tp * (3 * 4 + 3 * 2))


def strided(width: int, stride: int, first: int) -> Kind:
    """An entry when `first` tokens of a stride are there."""
    tensor = {"name": "kept", "role": "latent", "width": width}
    tensor["every"] = {"stride": stride, "first": first}
    return Kind(
        {"kind": "custom", "tensors": [tensor]},
        lambda tokens, tp: 2 * width * max(0, (tokens - first) // stride + 1),
    )


KINDS_OF_LAYERS = st.one_of(
    st.builds(heads, st.sampled_from([1, 2, 4, 8]), st.none() | st.integers(1, 50)),
    st.builds(latent, st.integers(1, 20)),
    st.builds(state, st.integers(1, 6)),
    st.integers(1, 9).flatmap(
        lambda n: st.builds(strided, st.integers(1, 6), st.just(n), st.integers(1, n))
    ),
)


class Layers(NamedTuple):
    """A model of some kinds of layers, as data, and what some of its layers store."""

    kinds: list[Kind]

    @property
    def data(self) -> dict[str, Any]:
        names = [f"l{number}" for number in range(len(self.kinds))]
        return {
            "name": "Drawn",
            "heads": 8,
            "head_dim": 4,
            "dtype": "bf16",
            "layers": {"count": len(names), "list": names},
            "attention": {n: one.entry for n, one in zip(names, self.kinds, strict=True)},
        }

    def stages(self, cut: list[int]) -> list[list[Kind]]:
        ends = [sum(cut[: n + 1]) for n in range(len(cut))]
        return [self.kinds[end - n : end] for end, n in zip(ends, cut, strict=True)]


@st.composite
def layouts(draw: st.DrawFn, layers: int) -> dict[str, Any]:
    """Ranks of each kind, and how the layers are cut."""
    found: dict[str, Any] = {"tp": draw(st.sampled_from([1, 1, 2, 4, 8]))}
    found["dp"] = draw(st.sampled_from([1, 1, 2, 3]))
    if layers > 1 and draw(st.booleans()):
        first = draw(st.integers(1, layers - 1))
        found["pp_layers"] = f"{first},{layers - first}"
    return found


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Layers, dict[str, Any]]:
    model = Layers(draw(st.lists(KINDS_OF_LAYERS, min_size=1, max_size=4)))
    return model, draw(layouts(len(model.kinds)))


def of_stages(model: Layers, layout: dict[str, Any], tokens: int) -> list[int]:
    """Bytes of one sequence on a rank of each stage."""
    cut = [int(n) for n in layout.get("pp_layers", str(len(model.kinds))).split(",")]
    stages = model.stages(cut)
    return [sum(kind.stored(tokens, layout["tp"]) for kind in stage) for stage in stages]


def longest_that_fits(memory: int, batch: int, taken: Callable[[int, int], int]) -> int:
    """By trying them all, up to LONGEST."""
    tried = range(1, LONGEST + 2)
    return next((t for t in tried if taken(t, batch) > memory), LONGEST + 2) - 1


def most_that_fit(memory: int, tokens: int, taken: Callable[[int, int], int]) -> int:
    """By trying them all, up to MOST."""
    tried = range(1, MOST + 2)
    return next((n for n in tried if taken(tokens, n) > memory), MOST + 2) - 1


def agrees(found: int | None, tried: int, most: int) -> bool:
    """Whether an answer is what trying them all found, as far as they were tried."""
    return found is None or found > most if tried > most else found == tried


def holds_to(row: Fitted, memory: int, batch: int, taken: Callable[[int, int], int]) -> None:
    assert row.available == memory
    assert row.fits == (taken(row.context, batch) <= memory)
    assert agrees(row.largest_batch, most_that_fit(memory, row.context, taken), MOST)
    assert agrees(row.largest_context, longest_that_fits(memory, batch, taken), LONGEST)
    if row.largest_context is None:  # whatever the context
        assert taken(MAX_TOKENS, batch) <= memory
    elif LONGEST < row.largest_context < MAX_TOKENS:
        assert taken(row.largest_context, batch) <= memory < taken(row.largest_context + 1, batch)


CONTEXTS, BATCHES = st.integers(1, LONGEST), st.integers(1, 12)
BESIDE = st.sampled_from([-1, 0, 0, 1]) | st.integers(-400, 4_000)
"""Bytes more or less than something takes."""


@quick
@given(drawn(), CONTEXTS, BATCHES, CONTEXTS, BATCHES, BESIDE)
def test_without_an_engine(
    of: tuple[Layers, dict[str, Any]], context: int, batch: int, at: int, for_: int, beside: int
) -> None:
    model, layout = of

    def taken(tokens: int, sequences: int) -> int:
        copies: int = layout["dp"]
        return max(of_stages(model, layout, tokens)) * -(-sequences // copies)

    memory = max(1, taken(at, for_) + beside)
    answer = kvcalc.fit(model.data, memory=memory, context=context, batch=batch, **layout)
    holds_to(answer.rows[0], memory, batch, taken)
    for way in answer.rows[0].ways_out:
        again: dict[str, Any] = {"context": context, "batch": batch, **layout}
        again[way.knob] = way.value
        assert kvcalc.fit(model.data, memory=memory, **again).fits
        if way.knob in ("context", "batch"):
            step = layout["dp"] if way.knob == "batch" else 1
            again[way.knob] = int(way.value) + step
            assert not kvcalc.fit(model.data, memory=memory, **again).fits


@quick
@given(drawn(), st.lists(CONTEXTS, min_size=2, max_size=4, unique=True), BATCHES, BATCHES, BESIDE)
def test_a_mix(
    of: tuple[Layers, dict[str, Any]], lengths: list[int], batch: int, for_: int, beside: int
) -> None:
    model, layout = of
    per_cent = [10] * (len(lengths) - 1)
    shares = dict(zip(lengths, [*per_cent, 100 - sum(per_cent)], strict=True))
    weighted = [
        [Fraction(share * size, 100) for size in of_stages(model, layout, tokens)]
        for tokens, share in shares.items()
    ]
    mean = max(sum(stage, Fraction(0)) for stage in zip(*weighted, strict=True))
    longest = max(of_stages(model, layout, max(lengths)))
    memory = max(1, int(mean * for_) + beside)
    text = ",".join(f"{tokens}:{share}%" for tokens, share in shares.items())
    (row,) = kvcalc.fit(model.data, memory=memory, context=text, batch=batch, **layout).rows

    def needed(sequences: int) -> int:
        """The longest has to find its room, too."""
        copies: int = layout["dp"]
        return max(longest, ceil(mean * -(-sequences // copies)))

    tried = most_that_fit(memory, 0, lambda tokens, sequences: needed(sequences))
    assert agrees(row.largest_batch, tried, MOST)
    assert row.fits == (needed(batch) <= memory)
    assert "context" not in [way.knob for way in row.ways_out]
    for way in row.ways_out:
        if way.knob == "batch":
            assert needed(int(way.value)) <= memory < needed(int(way.value) + layout["dp"])


@quick
@given(
    st.lists(KINDS_OF_LAYERS, min_size=1, max_size=3).map(Layers),
    st.sampled_from([1, 2, 4]),
    st.integers(0, 50),
    st.integers(1, 3),
    st.integers(1, 30),
    BATCHES,
    st.tuples(CONTEXTS, BATCHES, BESIDE),
)
def test_what_sequences_share(
    model: Layers,
    tp: int,
    prefix: int,
    beams: int,
    more: int,
    batch: int,
    there: tuple[int, int, int],
) -> None:
    """By what `show` says of each context, which is none that is shorter than the prefix."""
    loaded = kvcalc.load(model.data)
    asked: dict[str, Any] = {"tp": tp, "beams": beams}
    if prefix:
        asked["shared_prefix"] = prefix

    @cache
    def taken(tokens: int, sequences: int) -> int:
        return kvcalc.show(loaded, max(tokens, prefix), sequences, **asked).stored

    at, for_, beside = there
    memory = max(1, taken(at, for_) + beside)
    found = kvcalc.fit(loaded, memory=memory, context=prefix + more, batch=batch, **asked)
    (row,) = found.rows
    holds_to(row, memory, batch, taken)
    assert not row.largest_context or row.largest_context >= prefix


class Served(NamedTuple):
    """A model under an engine, what is asked of it, and how many sequences at which contexts."""

    model: str
    engine: str
    asked: dict[str, Any]
    batch: int = 1
    contexts: range = range(1, 400)


SERVED = [
    Served("llama-3.1-8b", "transformers", {}, 3),
    Served("gemma-3-27b", "transformers", {"kv_dtype": "fp32"}, 1, range(1, 1_200)),
    Served("deepseek-v4-flash", "transformers", {}, 2),
    Served("whisper-large-v3", "transformers", {"beams": 3}, 2),
    Served("llama-3.1-8b", "vllm", {"tp": 2, "dp": 2}, 5),
    Served("gemma-3-27b", "vllm", {"tp": 8}, 2),
    Served("deepseek-v3", "vllm", {"tp": 8, "dcp": 4, "kv_dtype": "fp8"}, 3),
    Served("deepseek-v3", "vllm", {"pp": 3}, 2),
    Served("qwen3-next-80b-a3b", "vllm", {"tp": 2}, 1),
    Served("gpt-oss-120b", "vllm", {"settings": {"max_num_seqs": "9"}}, 8),
    Served("llama-3.1-8b", "vllm", {"shared_prefix": 100}, 4, range(100, 500)),
    Served("gemma-4-e4b", "llama.cpp", {}, 2, range(1, 700)),
    Served("qwen3-next-80b-a3b", "llama.cpp", {"kv_dtype": "q8_0"}, 3),
    Served("gpt-oss-20b", "ollama", {}, 1),
]


@cache
def taken_by(number: int) -> Callable[[int, int], int | None]:
    """What an engine reserves of so many; None where it runs no more of them at once."""
    served = SERVED[number]
    loaded = kvcalc.load(served.model)

    @cache
    def taken(tokens: int, sequences: int) -> int | None:
        asked, batch = dict(served.asked), sequences
        if served.engine in ("llama.cpp", "ollama"):  # a slot for each
            asked["settings"], batch = {"n_parallel": sequences}, 1
        try:
            found = kvcalc.show(loaded, tokens, batch, engine=served.engine, **asked)
        except kvcalc.UsageError:  # more slots than there are
            return None
        most = found.query.settings.get("max_num_seqs")
        if isinstance(most, int) and sequences > most * found.query.dp:
            return None
        assert found.reserved is not None
        return found.reserved + (found.pool or 0)

    return taken


@quick
@given(st.sampled_from(range(len(SERVED))), st.data())
def test_under_an_engine(number: int, data: st.DataObject) -> None:
    served, taken = SERVED[number], taken_by(number)
    at, context = (data.draw(st.sampled_from(served.contexts)) for _ in range(2))
    there, for_ = taken(at, served.batch), data.draw(BATCHES)
    assert there is not None
    memory = max(1, there * for_ // served.batch + data.draw(BESIDE))

    def fits(tokens: int, sequences: int) -> bool:
        size = taken(tokens, sequences)
        return size is not None and size <= memory

    answer = kvcalc.fit(
        served.model,
        memory=memory,
        context=context,
        batch=served.batch,
        engine=served.engine,
        **served.asked,
    )
    (row,) = answer.rows
    assert row.fits == fits(context, served.batch)
    copies = served.asked.get("dp", 1)
    most = row.largest_batch
    assert most is not None
    assert most % copies == 0
    assert most == 0 or fits(context, most)
    assert not fits(context, most + 1)
    longest = row.largest_context
    first = next((t for t in served.contexts if not fits(t, served.batch)), None)
    if first is not None:
        assert longest == (first - 1 if first > served.contexts.start else 0)
    elif longest is None:
        assert fits(MAX_TOKENS, served.batch)
    else:
        assert longest >= served.contexts[-1]
        assert fits(longest, served.batch)
        assert not fits(longest + 1, served.batch)


# on GPUs


GPU_MODELS = ["llama-3.1-8b", "deepseek-v2-lite", "gemma-3-27b", "qwen3-30b-a3b"]


@settings(quick, max_examples=12)
@given(
    st.sampled_from(GPU_MODELS),
    st.sampled_from([1, 2, 3, 4, 6, 8]),
    st.sampled_from([1, 1, 2]),
    st.integers(4, 40).map(lambda n: n * GIB),
    st.integers(1, 300),
    st.sampled_from([1_000, 8_192, 40_000]),
    st.fractions(Fraction(1, 2), 1, max_denominator=100),
)
def test_layouts_and_what_to_turn(
    name: str, gpus: int, tp: int, weights: int, batch: int, context: int, utilization: Fraction
) -> None:
    gpus *= tp
    asked: dict[str, Any] = {"context": context, "batch": batch, "weights": weights, "gpu": TOY}
    asked["utilization"] = utilization
    answer = kvcalc.fit(name, gpus=gpus, tp=tp, **asked)
    rows = {row.layout: row for row in answer.rows}
    assert len(rows) == len(answer.rows)
    for row in answer.rows:
        assert row.ranks.tp * row.ranks.pp * row.ranks.dp == gpus
        assert row.ranks.tp % tp == 0
        adds_up(row, utilization)
        if row.fits or row.best:  # else that is asked again what to turn
            alone: dict[str, Any] = {kind: getattr(row.ranks, kind) for kind in (*KINDS, "dcp")}
            (same,) = kvcalc.fit(name, gpus=gpus, **alone, **asked).rows
            assert replace(same, ways_out=()) == replace(row, best=True, ways_out=())
    (best,) = answer.bests
    ranked = [(row.fits, row.largest_batch or 0, row.largest_context or 0) for row in answer.rows]
    assert (best.fits, best.largest_batch, best.largest_context) == max(ranked)
    assert all(row is best or not row.ways_out for row in answer.rows)
    turned(best, name, {"gpus": gpus, "tp": tp}, asked)


def adds_up(row: Fitted, utilization: Fraction) -> None:
    """To the byte, at the likeliest and at both ends; and what fits then is in order."""
    budget = row.budget
    assert budget.memory == TOY.memory
    assert budget.usable == ceil(TOY.memory * utilization)
    for bound, other in (("low", "high"), ("likely", "likely"), ("high", "low")):
        spent = sum(getattr(part.size, other) for part in budget.parts)
        assert getattr(budget.available, bound) == budget.usable - spent
    for part in budget.parts:
        assert 0 <= part.size.low <= part.size.likely <= part.size.high
    for span, likely in ((row.batches, row.largest_batch), (row.contexts, row.largest_context)):
        assert span is not None
        assert (span.least or 0) <= (likely or 0) <= (span.most or 0)
    for size, fitting in (
        (budget.available.low, row.batches and row.batches.least),
        (budget.available.likely, row.largest_batch),
        (budget.available.high, row.batches and row.batches.most),
    ):
        known: dict[str, Any] = {
            "memory": size,
            **{kind: getattr(row.ranks, kind) for kind in (*KINDS, "dcp")},
        }
        if size > 0:
            (same,) = kvcalc.fit(row.variant, context=row.context, **known).rows
            assert same.largest_batch == fitting
        else:
            assert fitting == 0


KNOBS = ["layout", "kv_dtype", "context", "batch", "gpus"]


def turned(best: Fitted, name: str, laid: dict[str, Any], asked: dict[str, Any]) -> None:
    """Each way out is one, and what is less of it is none."""
    ways = {way.knob: way for way in best.ways_out}
    assert list(ways) == [knob for knob in KNOBS if knob in ways]
    assert not (best.fits and ways)
    if best.fits:
        return
    own = {kind: getattr(best.ranks, kind) for kind in (*KINDS, "dcp")}
    fewer: dict[str, Any] = {"gpus": best.ranks.gpus, **own, **asked}
    for knob, more in (("context", 1), ("batch", best.ranks.dp)):
        value = ways[knob].value if knob in ways else 0
        assert isinstance(value, int)
        assert value == 0 or serves(name, {**fewer, knob: value})
        if value + more <= asked[knob]:
            assert not serves(name, {**fewer, knob: value + more})
    dtype = serves(name, {**laid, **asked, "kv_dtype": "fp8"})
    assert dtype == ("kv_dtype" in ways)
    for doubled in range(1, 6):
        more_gpus = best.ranks.gpus << doubled
        if "gpus" not in ways or more_gpus < int(ways["gpus"].value):
            assert not serves(name, {**asked, "gpus": more_gpus})
        else:
            assert serves(name, {**asked, "gpus": more_gpus})
            break
    enough = int(ways["gpus"].value) if "gpus" in ways else 0
    for between in range(best.ranks.gpus + 1, min(8, enough)):
        assert not serves(name, {**asked, "gpus": between})
    if laid["tp"] > 1:
        free = kvcalc.fit(name, gpus=laid["gpus"], **asked)
        assert free.fits == ("layout" in ways)
        assert not free.fits or ways["layout"].value == free.bests[0].layout


def serves(name: str, asked: dict[str, Any]) -> bool:
    """Whether so many sequences are no more than the most of a layout."""
    wanted: int = asked["batch"]
    answer = kvcalc.fit(name, **{**asked, "batch": None})
    return max(row.largest_batch or 0 for row in answer.rows) >= wanted


def test_another_layout_takes_all_the_gpus_and_is_none_for_what_is_known_of_one() -> None:
    """Of 8 GPUs, 4 of each copy: 36 sequences at the most; 8 that share the tokens have 146."""
    asked: dict[str, Any] = {"gpus": 8, "context": 32_768, "weights": 16 * GIB, **SURE}
    (best,) = kvcalc.fit("deepseek-v2-lite", tp=4, batch=100, **asked).bests
    assert best.largest_batch == 36
    assert best.ways_out[0].knob == "layout"
    assert best.ways_out[0].value == "tp 8, dcp 8"
    # copies of 8 GPUs each would have 24, if they had as much left
    asked = {"gpu": "h100", "gpus": 16, "tp": 16, "context": 32_768, "available": "5GiB"}
    (row,) = kvcalc.fit("llama-3.1-8b", batch=12, **asked).rows
    assert row.largest_batch == 10
    assert not {"layout", "gpus"} & {way.knob for way in row.ways_out}


@quick
@given(st.sampled_from([*GPU_MODELS, "deepseek-v3", "jamba-1.5-large"]), st.integers(1, 3))
def test_weights_on_the_gpus(name: str, pp: int) -> None:
    """All GPUs together hold at least all of them, and more ranks hold no more each."""
    model = kvcalc.load(name)
    found = []
    for tp in (1, 2, 4, 8):
        gpu = replace(TOY, memory=4_000 * GIB)
        (row,) = kvcalc.fit(model, gpu=gpu, tp=tp, pp=pp, context=1, weights=100 * GIB).rows
        (part,) = (part.size for part in row.budget.parts if part.name == "weights")
        assert part.low <= part.likely <= part.high
        assert tp * pp * part.likely >= 100 * GIB
        assert tp * pp * part.high >= 100 * GIB
        found.append(part)
    for bound in ("low", "likely", "high"):
        sizes = [getattr(part, bound) for part in found]
        assert sizes == sorted(sizes, reverse=True)


@quick
@given(st.integers(1, 100 * GIB), st.sampled_from([1, 2, 8]), st.sampled_from([None, "vllm"]))
def test_what_is_known_is_taken_as_it_is(left: int, tp: int, engine: str | None) -> None:
    """`--available` beside a GPU, or none, is `--memory`, and no other layout is said to do."""
    asked: dict[str, Any] = {"context": 9_000, "batch": 40, "tp": tp, "engine": engine}
    known = (
        kvcalc.fit("gemma-3-27b", available=left, gpu="h100", **asked),
        kvcalc.fit("gemma-3-27b", available=left, **asked),
        kvcalc.fit("gemma-3-27b", memory=left, **asked),
    )
    for answer in known:
        (row,) = answer.rows
        assert row.available == left
        assert row.budget.available.is_exact
        assert (row.batches, row.contexts) == (None, None)
        assert not {"layout", "gpus"} & {way.knob for way in row.ways_out}
    served = {(a.rows[0].largest_batch, a.rows[0].largest_context, a.fits) for a in known}
    assert len(served) == 1


LOGGED = "(Worker_TP0 pid=31) INFO 09-23 18:12:34 [gpu_worker.py:298] Available KV cache memory: "
LEDGER = """
INFO 09-23 18:12:39 [gpu_worker.py:391] Free memory on device (78.66/79.19 GiB) on startup. Desired\
 GPU memory utilization is (0.9, 71.27 GiB). Actual usage is 14.08 GiB for weight, 1.97 GiB for \
peak activation, 0.07 GiB for non-torch memory, and 0.67 GiB for CUDAGraph memory. Replace \
gpu_memory_utilization config with `--kv-cache-memory=58333988249` to fit into requested memory, or\
 `--kv-cache-memory=66273897472` to fully utilize gpu memory. Current kv cache memory in use is \
59212694937 bytes.
"""


def test_a_log_is_met(tmp_path: Path) -> None:
    """The server said 451,744 tokens, and 110.29x of 4,096; 131,072 B a token, 16 in a block."""
    log = tmp_path / "server.log"
    asked: dict[str, Any] = {"ledger": log, "engine": "vllm", "context": 4_096}
    log.write_text(f"{LOGGED}55.15 GiB{LEDGER}", encoding="utf-8")
    (row,) = kvcalc.fit("llama-3.1-8b", **asked).rows
    assert (row.available, row.batches, row.contexts) == (59_212_694_937, None, None)
    assert row.report
    assert row.report.capacity_tokens == 451_744
    assert f"{row.report.concurrency:.2f}" == "110.29"
    # of the two decimals alone: half of one either way, 2 or 3 blocks of 2 MiB
    log.write_text(f"{LOGGED}55.15 GiB\n", encoding="utf-8")
    (row,) = kvcalc.fit("llama-3.1-8b", **asked).rows
    assert row.contexts
    assert row.contexts.least
    assert row.contexts.most
    assert row.contexts.least <= 451_744 - 16 <= row.contexts.most  # a block stays null
    assert row.contexts.most - row.contexts.least == 5 * 16


def test_of_what_keeps_nothing_any_number_fits_where_there_is_room_for_the_weights() -> None:
    late = strided(8, 64, 64).entry
    data = {"name": "Late", "dtype": "bf16", "layers": 1, "attention": late}
    for weights, most in ((10, None), (40, 0)):
        (row,) = kvcalc.fit(data, **SURE, weights=weights * GIB, context=10).rows
        assert (row.largest_batch, row.fits) == (most, most is None)
        assert any("any number" in note for note in row.notes) == (most is None)


@pytest.mark.parametrize("name", GPU_MODELS)
@pytest.mark.parametrize("gpus", [1, 2, 3, 4, 6, 8, 12, 16])
def test_layouts_are_all_there_are_or_say_why_not(name: str, gpus: int) -> None:
    """But for stages of one GPU each, and fewer ranks that share tokens, where others do."""
    all_of_them = {layout_name(one) for one in layouts_of(kvcalc.load(name), Question(), gpus)}
    answer = kvcalc.fit(name, gpus=gpus, weights=9 * GIB, context=1_000, **SURE)
    told = [row.layout for row in answer.rows]
    for text in answer.refused:
        told += text.partition(" with ")[2].partition(": ")[0].split(" or ")
    assert len(told) == len(set(told))
    assert set(told) <= all_of_them
    for left_out in all_of_them - set(told):
        assert "dcp" in left_out or ("pp" in left_out and "tp" not in left_out)
