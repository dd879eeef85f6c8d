"""One model in one layout on its GPUs: what there is for its cache, and what of it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
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

    from kvcalc.mix import Mix
    from kvcalc.queries.decoding import Decoding
    from kvcalc.queries.offload import Offload
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
    largest_context  up to which every context fits, for as many as are wanted, or for one beside a
                     mix; None where all do
    batches          the least and the most sequences; None where they are as certain as the memory
    contexts         the least and the most tokens, alike
    report           what the engine would log
    best             whether no other layout of the model's serves more
    ways_out         what to turn where it does not fit, the cheapest first
    mean             bytes that a sequence of a mix takes on average; None where all are as long
    decoding         what a step of those wanted, or of the most, moves; None without a GPU
    offload          what rests outside of the GPUs, where that was asked for
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
    mean: Fraction | None = None
    decoding: Decoding | None = None
    offload: Offload | None = None
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


@dataclass(frozen=True)
class Wanted:
    """What is to fit: sequences of a context, or of a mix of which that is the longest.

    batch  how many; None looks for the most
    """

    tokens: int
    batch: int | None = None
    mix: Mix | None = None

    @property
    def least(self) -> int:
        """How many have to fit for the answer to be yes."""
        return 1 if self.batch is None else self.batch

    @property
    def alike(self) -> int:
        """Sequences that the longest context is looked for: those of a mix are not alike."""
        return 1 if self.mix else self.least


def fitted(name: str, placed: Deployed, budget: Budget, wanted: Wanted) -> Fitted:
    """What fits of a model on its GPUs. Raises UsageError where an engine takes no such context."""
    tokens, size = wanted.tokens, budget.available.likely
    room = Room(placed, size, wanted.least, wanted.mix)
    kept, capacity = placed.at(tokens, 1), room.capacity(tokens)
    alike = Room(placed, size, wanted.alike)
    endless = capacity.largest_batch > 0 and not room.taken(tokens)
    row = Fitted(
        model=name,
        variant=placed.model,
        ranks=placed.ranks,
        context=tokens,
        wanted=wanted.least,
        budget=budget,
        amounts=kept.amounts,
        reservation=kept.reservation,
        total=kept.total,
        rank=kept.rank,
        fits=capacity.largest_batch >= wanted.least,
        taken=_taken(placed, wanted),
        largest_batch=None if endless else capacity.largest_batch,
        largest_context=alike.largest_context,
        report=capacity.report,
        mean=_mean(placed, wanted.mix) if wanted.mix else None,
    )
    row = row if budget.available.is_exact else _spanning(row, placed, wanted)
    of_engine = kept.reservation.notes if kept.reservation else ()
    notes = native_row(placed.model).notes + of_engine + capacity.notes
    return replace(row, notes=(*notes, *_remarks(row), *_ends(row, alike)))


def _taken(placed: Deployed, wanted: Wanted) -> int:
    """Bytes that what is wanted takes on the fullest rank, and the engine's pool beside it."""
    plan = placed.plan and placed.plan.serving(wanted.least)
    kept = replace(placed, plan=plan).at(wanted.tokens, wanted.least)
    pool = (kept.reservation.pool or 0) if kept.reservation else 0
    if wanted.mix:
        together = ceil(placed.ranks.sequences(wanted.least) * _mean(placed, wanted.mix))
        # the longest is among them, however few
        return max(together, Room(placed, 0).taken(wanted.tokens)) + pool
    return pool + (kept.reservation.bytes if kept.reservation else kept.amounts.stored)


def _mean(placed: Deployed, mix: Mix) -> Fraction:
    """Bytes that a sequence of a mix takes on the fullest rank, on average."""
    return placed.plan.mean(mix) if placed.plan else mix.mean(Room(placed, 0).taken)


def _spanning(row: Fitted, placed: Deployed, wanted: Wanted) -> Fitted:
    """The row with what fits at the least, and at the most, that there is for the cache."""
    ends = (row.budget.available.low, row.budget.available.high)
    rooms = (Room(placed, size, wanted.least, wanted.mix) for size in ends)
    batches = (room.capacity(row.context).largest_batch for room in rooms)
    contexts = (Room(placed, size, wanted.alike).largest_context for size in ends)
    return replace(
        row,
        batches=None if row.largest_batch is None else Span(*batches),
        contexts=Span(*contexts),
    )


def _ends(row: Fitted, room: Room) -> Iterator[str]:
    longest = row.largest_context
    if longest is not None and isinstance(longer := room.asked(longest + 1), UsageError):
        yield f"the longest context is the engine's own: {longer}"


def _remarks(row: Fitted) -> Iterator[str]:
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
    if row.fits and longest is not None and longest < row.context and row.mean is None:
        yield f"{row.context:,} tokens fit, and of shorter contexts {longest + 1:,} does not"
