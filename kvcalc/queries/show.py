"""One model's cache, broken down by layer group and tensor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.cache import Group, Settled
from kvcalc.engines import version_of
from kvcalc.model import Model
from kvcalc.queries.asked import alone, drafts_of, filled, notes_on
from kvcalc.queries.deployed import Placed, Rank, deployed, resolved
from kvcalc.question import Question
from kvcalc.sharing import sharing_of
from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from kvcalc.engines.reservation import Reservation


@dataclass(frozen=True)
class TensorLine(Measured):
    """One tensor over all layers of its group, and in one of them, for the batch."""

    group: str
    layers: int
    settled: Settled
    entries: int
    amounts: Amounts
    per_layer: Amounts


@dataclass(frozen=True)
class LayerGroup:
    """Layers that keep the same tensors; what one of them amounts to, for the batch."""

    name: str
    layers: int
    lines: tuple[TensorLine, ...]

    @property
    def per_layer(self) -> Amounts:
        """The sum over the tensors of one layer."""
        return sum((line.per_layer for line in self.lines), Amounts())


@dataclass(frozen=True, repr=False)
class Breakdown(Placed, Measured, Answer):
    """A model's cache; its amounts are the sums of the lines, to the byte.

    On several GPUs all that is of one of them, its `rank`, which has `sequences` of the batch, and
    `total`, `reserved_total` and `pool_total` are of all; on one these are None. An engine adds its
    `reservation`, of which `reserved` and `pool` are the bytes.
    """

    model: Model
    query: Question
    lines: tuple[TensorLine, ...]
    amounts: Amounts
    reservation: Reservation | None = None
    notes: tuple[str, ...] = ()
    total: Amounts | None = None
    rank: Rank | None = None
    sequences: int = 1
    engine_version: str | None = None

    @property
    def copies(self) -> int | None:
        """Bytes of what all GPUs store that one alone would not have twice; None on one."""
        if self.total is None:
            return None
        tokens, batch = self.query.tokens, self.query.batch
        alone = sharing_of(self.query).stored(self.model.cache, tokens, batch)
        return self.total.stored - alone

    @property
    def groups(self) -> tuple[LayerGroup, ...]:
        """The lines by the layers that keep them."""
        found = groupby(self.lines, key=attrgetter("group", "layers"))
        return tuple(LayerGroup(*key, tuple(lines)) for key, lines in found)

    @property
    def draft(self) -> str | None:
        """What the draft beside the model is called; None where there is none."""
        return drafts_of([self.model])

    @property
    def told(self) -> tuple[str, ...]:
        """The notes on all of it."""
        return self.notes


def show(model: Model, question: Question) -> Breakdown:
    """Break a model's cache down, with what an engine keeps of it. Raises UsageError."""
    query = filled(question, [model])
    adapted = model.adapted(query)
    placed = deployed(adapted, query)
    kept = placed.at(query.tokens, query.batch)
    reservation = kept.reservation
    of_engine = reservation.notes if reservation else ()
    lines = tuple(
        _line(group, settled, query, kept.sequences)
        for group in kept.cache.groups
        for settled in group.tensors
    )
    return Breakdown(
        model=adapted,
        query=resolved(query, [placed], query.context),
        lines=lines,
        amounts=sum((line.amounts for line in lines), Amounts()),
        reservation=reservation,
        notes=notes_on(model, query) + alone(query) + of_engine + native_row(adapted).notes,
        total=kept.total,
        rank=kept.rank,
        sequences=kept.sequences,
        engine_version=version_of(query),
    )


def _line(group: Group, settled: Settled, query: Question, sequences: int) -> TensorLine:
    entries = settled.tensor.extent.entries(query.tokens)
    one = sharing_of(query).of(settled, query.tokens, sequences)
    return TensorLine(
        group.name, group.layers, settled, entries, one.times(group.layers), per_layer=one
    )
