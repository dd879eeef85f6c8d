"""One model's cache, broken down by layer group and tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.model import NO_CHANGE, Change
from kvcalc.queries.query import Query, notes_on, query_for
from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from fractions import Fraction

    from kvcalc.cache import Settled
    from kvcalc.model import Model


@dataclass(frozen=True)
class TensorLine:
    """One tensor over all layers of its group: bytes for the batch, growth for one sequence."""

    group: str
    layers: int
    settled: Settled
    entries: int
    stored: int
    growth: Fraction
    read: int
    flops: int | None


@dataclass(frozen=True)
class Breakdown:
    """A model's cache; the totals are the sums of the lines, to the byte."""

    model: Model
    query: Query
    lines: tuple[TensorLine, ...]
    stored: int
    growth: Fraction
    fixed: int
    read: int
    flops: int | None
    reserved: int | None = None
    notes: tuple[str, ...] = ()


def show(
    model: Model,
    context: int | None = None,
    batch: int = 1,
    change: Change = NO_CHANGE,
    engine: str | None = None,
) -> Breakdown:
    """Break a model's cache down, with what an engine keeps of it.

    Raises UsageError where context or batch is out of bounds.
    """
    query = query_for([model], context, batch, change, engine)
    adapted = query.adapted(model)
    cache, tokens = adapted.cache, query.context
    lines = tuple(
        TensorLine(
            group=group.name,
            layers=group.layers,
            settled=settled,
            entries=settled.tensor.extent.entries(tokens),
            stored=batch * group.layers * settled.stored(tokens),
            growth=group.layers * settled.growth(tokens),
            read=batch * group.layers * settled.read(tokens),
            flops=_times(batch * group.layers, settled.flops(tokens)),
        )
        for group in cache.groups
        for settled in group.tensors
        if settled.tensor.role != "carry"
    )
    return Breakdown(
        model=adapted,
        query=query,
        lines=lines,
        stored=batch * cache.stored(tokens),
        growth=cache.growth(tokens),
        fixed=batch * cache.fixed(tokens),
        read=batch * cache.read(tokens),
        flops=_times(batch, cache.flops(tokens)),
        reserved=query.reserved(adapted, cache),
        notes=notes_on(model, query) + native_row(adapted).notes,
    )


def _times(count: int, flops: int | None) -> int | None:
    return None if flops is None else count * flops
