"""What fits, of random models in random layouts: it does, and one more does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.errors import UsageError
from kvcalc.queries.deployed import deployed
from kvcalc.queries.room import Room
from kvcalc.question import question

if TYPE_CHECKING:
    from kvcalc.model import Model

LONGEST = 70
"""Contexts that are tried one by one: pages of 16 and windows end before it."""
quick = settings(derandomize=True, max_examples=150, deadline=None, database=None)

ENDLESS = st.fixed_dictionaries(
    {"kind": st.just("gqa"), "kv_heads": st.sampled_from([1, 2, 4, 8]), "head_dim": st.just(64)}
)
WINDOWED = st.builds(lambda one, window: one | {"window": window}, ENDLESS, st.integers(2, 40))
LATENT = st.fixed_dictionaries(
    {
        "kind": st.just("mla"),
        "latent_dim": st.sampled_from([128, 512]),
        "rope_dim": st.just(64),
        "head_dim": st.just(128),
    }
)
STRIDED = st.fixed_dictionaries(
    {"every": st.integers(2, 9), "role": st.just("latent"), "width": st.integers(1, 9)}
).map(lambda one: {"kind": "custom", "tensors": [{"name": "c", **one}]})
STATE = st.integers(1, 9).map(
    lambda width: {
        "kind": "custom",
        "tensors": [{"name": "s", "role": "state", "heads": 8, "width": width, "fixed": 1}],
    }
)
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"tp": 2},
    {"pp": 2},
    {"dp": 2},
    {"tp": 4, "dcp": 2},
    {"tp": 2, "pp": 2, "dp": 3},
]
ENGINES = [
    *(("vllm", layout) for layout in LAYOUTS),
    *((name, {"pp": n}) for name in ("llama.cpp", "ollama", "transformers") for n in (1, 2)),
]
EXACT = ("vllm", "transformers")
"""Engines that reserve more for more sequences, and serve as many as they have room for."""


@st.composite
def models(draw: st.DrawFn, architecture: str | None = None) -> Model:
    """A model of up to eight layers; one of an architecture is of attention that engines know."""
    if architecture == "deepseek_v3":
        kinds = {"only": draw(LATENT)}
    elif architecture == "llama":
        kinds = {"only": draw(ENDLESS)}
    elif architecture:
        full = draw(ENDLESS)
        kinds = {"local": full | {"window": draw(st.integers(2, 40))}, "full": full}
    else:
        every: st.SearchStrategy[dict[str, Any]] = st.one_of(
            ENDLESS, WINDOWED, LATENT, STRIDED, STATE
        )
        kinds = {f"k{n}": draw(every) for n in range(draw(st.integers(1, 3)))}
    count = draw(st.integers(2, 8))
    said: dict[str, Any] = {"name": "Random", "heads": 8, "dtype": "bf16", "attention": kinds}
    said["layers"] = {"count": count, "pattern": list(kinds)}
    assume(count >= len(kinds))
    return kvcalc.load(said | ({"architecture": architecture} if architecture else {}))


@quick
@given(
    model=models(),
    ranks=st.sampled_from(LAYOUTS),
    batch=st.integers(1, 6),
    at=st.integers(1, LONGEST + 10),
    more=st.integers(-2, 2_000),
    context=st.integers(1, LONGEST),
)
def test_without_an_engine(
    model: Model, ranks: dict[str, Any], batch: int, at: int, more: int, context: int
) -> None:
    def taken(tokens: int, sequences: int) -> int:
        return kvcalc.show(model, tokens, sequences, **ranks).stored

    memory = taken(at, batch) + more
    assume(memory > 0)
    (row,) = kvcalc.fit(model, memory=memory, context=context, batch=batch, **ranks).rows
    most = row.largest_batch
    if most is None:
        assert taken(context, 1) == 0
    else:
        assert most == 0 or taken(context, most) <= memory
        assert taken(context, most + 1) > memory
    assert row.fits == (taken(context, batch) <= memory)
    tried = (tokens for tokens in range(1, LONGEST + 1) if taken(tokens, batch) > memory)
    first = next(tried, None)
    longest = row.largest_context
    if first is None:
        assert longest is None or longest >= LONGEST
    else:
        assert longest == first - 1
    if longest:
        assert taken(longest, batch) <= memory < taken(longest + 1, batch)


@quick
@given(
    model=st.sampled_from(["llama", "gemma3_text", "deepseek_v3"]).flatmap(models),
    deployment=st.sampled_from(ENGINES),
    batch=st.integers(1, 6),
    at=st.integers(1, LONGEST + 10),
    more=st.integers(-2, 100_000),
    context=st.integers(1, LONGEST),
)
def test_with_an_engine(
    model: Model,
    deployment: tuple[str, dict[str, Any]],
    batch: int,
    at: int,
    more: int,
    context: int,
) -> None:
    engine, ranks = deployment
    try:
        placed = deployed(model, question(context, batch, engine=engine, **ranks))
    except UsageError:
        reject()

    def taken(tokens: int, sequences: int) -> int:
        reservation = placed.at(tokens, sequences).reservation
        assert reservation is not None
        return reservation.bytes + (reservation.pool or 0)

    memory = taken(at, batch) + more
    room = Room(placed, memory, batch)
    most = room.capacity(context).largest_batch
    assert most == 0 or taken(context, most) <= memory
    if engine in EXACT:
        assert taken(context, most + 1) > memory
    first = next((tokens for tokens in range(1, LONGEST + 1) if not room.holds(tokens)), None)
    if first is None:
        assert room.longest >= LONGEST
    else:
        assert room.longest == first - 1
