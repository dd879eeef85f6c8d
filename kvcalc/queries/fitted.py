"""One model in one layout on its GPUs: what there is for its cache, and what of it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts, Measured
from kvcalc.budget.budget import Budget
from kvcalc.engines.reservation import Report, Reservation
from kvcalc.errors import UsageError
from kvcalc.model import Model
from kvcalc.parallel.ranks import Ranks
from kvcalc.queries.deployed import Deployed, Placed, Rank
from kvcalc.queries.layouts import layout_name
from kvcalc.queries.room import Room
from kvcalc.units import MAX_TOKENS
from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.queries.ways_out import WayOut


@dataclass(frozen=True)
class Span:
    """The least and the most of a number that rests on an estimate; None is without an end."""

    least: int | None
    most: int | None


@dataclass(frozen=True)
class Fitted(Placed, Measured):
    """What GPUs do for one model in one layout; its amounts are of one sequence of the context.

    budget           what of a GPU's memory is for the cache
    wanted           sequences that are to fit
    largest_batch    sequences of the context, over all copies; None where they take nothing
    largest_context  up to which every context fits, for as many as are wanted; None where all do
    batches          the least and the most sequences; None where they are as certain as the memory
    contexts         the least and the most tokens, alike
    report           what the engine would log
    best             whether no other layout of the model's serves more
    ways_out         what to turn where it does not fit, the cheapest first
    """

    model: str
    variant: Model
    ranks: Ranks
    context: int
    wanted: int
    budget: Budget
    amounts: Amounts
    reservation: Reservation | None
    total: Amounts | None
    rank: Rank | None
    fits: bool
    taken: int
    largest_batch: int | None
    largest_context: int | None
    batches: Span | None = None
    contexts: Span | None = None
    report: Report | None = None
    best: bool = True
    ways_out: tuple[WayOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> str:
        """The layout in words."""
        return layout_name(self.ranks)

    @property
    def available(self) -> int:
        """Bytes for the cache on every GPU, at the likeliest."""
        return self.budget.available.likely

    @property
    def short(self) -> int:
        """Bytes that are wanting for what is to fit; 0 also where an engine's reason is another."""
        return 0 if self.fits else max(0, self.taken - self.available)


def fitted(name: str, placed: Deployed, budget: Budget, tokens: int, wanted: int) -> Fitted:
    """What fits of a model on its GPUs. Raises UsageError where an engine takes no such context."""
    room = Room(placed, budget.available.likely, wanted)
    kept, capacity = placed.at(tokens, 1), room.capacity(tokens)
    row = Fitted(
        model=name,
        variant=placed.model,
        ranks=placed.ranks,
        context=tokens,
        wanted=wanted,
        budget=budget,
        amounts=kept.amounts,
        reservation=kept.reservation,
        total=kept.total,
        rank=kept.rank,
        fits=capacity.largest_batch >= wanted,
        taken=_taken(placed, tokens, wanted),
        largest_batch=capacity.largest_batch if room.taken(tokens) else None,
        largest_context=room.largest_context,
        report=capacity.report,
    )
    row = row if budget.available.is_exact else _spanning(row, placed)
    of_engine = kept.reservation.notes if kept.reservation else ()
    notes = native_row(placed.model).notes + of_engine + capacity.notes
    return replace(row, notes=(*notes, *_on(row), *_ends(row, room)))


def _taken(placed: Deployed, tokens: int, batch: int) -> int:
    """Bytes that so many sequences take on the fullest rank, and the engine's pool beside them."""
    kept = placed.at(tokens, batch)
    if kept.reservation is None:
        return kept.amounts.stored
    return kept.reservation.bytes + (kept.reservation.pool or 0)


def _spanning(row: Fitted, placed: Deployed) -> Fitted:
    """The row with what fits at the least, and at the most, that there is for the cache."""
    available = row.budget.available
    least, most = (Room(placed, size, row.wanted) for size in (available.low, available.high))
    batches = (room.capacity(row.context).largest_batch for room in (least, most))
    return replace(
        row,
        batches=None if row.largest_batch is None else Span(*batches),
        contexts=Span(least.largest_context, most.largest_context),
    )


def _ends(row: Fitted, room: Room) -> Iterator[str]:
    longest = row.largest_context
    if longest is not None and isinstance(longer := room.asked(longest + 1), UsageError):
        yield f"the longest context is the engine's own: {longer}"


def _on(row: Fitted) -> Iterator[str]:
    """What a reader of a row's longest context should know."""
    longest, own = row.largest_context, row.variant.max_context
    if row.largest_batch is None:
        yield f"nothing is kept of {row.context:,} tokens: any number of such sequences fits"
    if longest is None:
        yield "any context fits, as one sequence takes no more from some context on"
    elif longest == MAX_TOKENS:
        yield f"{MAX_TOKENS:,} tokens fit, and kvcalc counts no further"
    elif own and longest > own:
        yield f"the longest context, {longest:,}, is beyond its own {own:,} tokens"
    if row.fits and row.batches and (row.batches.least or 0) < row.wanted:
        yield "it fits at the likeliest, and not with the least that may be left for the cache"
    if row.fits and longest is not None and longest < row.context:
        yield f"{row.context:,} tokens fit, and of shorter contexts {longest + 1:,} does not"
