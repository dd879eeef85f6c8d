"""What fits into so much memory: the most sequences of a context, and the longest context of one.

Both are exact inverses of what is stored, or of what an engine says that it serves.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.engines import version_of
from kvcalc.engines.reservation import Capacity, Report, Reservation
from kvcalc.errors import UsageError
from kvcalc.model import Model
from kvcalc.queries.asked import drafts_of, filled, names_of, notes_on
from kvcalc.queries.deployed import Deployed, Placed, Rank, deployed, resolved
from kvcalc.question import Question
from kvcalc.sharing import NOTHING_SHARED, sharing_of
from kvcalc.units import MAX_TOKENS
from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_PERIOD = 100_000
"""Tokens after which an engine charges as much again, at most: each of them is looked at."""


@dataclass(frozen=True)
class Fitted(Placed, Measured):
    """What a GPU's memory does for one model; its amounts are of one sequence of the context.

    available        bytes for the cache on every GPU
    largest_batch    sequences of the context, over all copies; None where they take nothing
    largest_context  up to which every context fits, for one sequence; None where all do, as none
                     takes more than another
    report           what the engine would log
    """

    model: str
    variant: Model
    context: int
    available: int
    amounts: Amounts
    reservation: Reservation | None
    total: Amounts | None
    rank: Rank | None
    fits: bool
    largest_batch: int | None
    largest_context: int | None
    report: Report | None = None
    notes: tuple[str, ...] = ()

    @property
    def taken(self) -> int:
        """Bytes that one sequence takes, and the engine's pool beside it."""
        if self.reservation is None:
            return self.stored
        return self.reservation.bytes + (self.reservation.pool or 0)

    @property
    def short(self) -> int:
        """Bytes that are wanting for one sequence; 0 also where an engine's reason is another."""
        return 0 if self.fits else max(0, self.taken - self.available)


@dataclass(frozen=True, repr=False)
class Fit(Answer):
    """A row per model; memory is what each GPU has for the cache, in bytes."""

    models: tuple[Model, ...]
    query: Question
    memory: int
    rows: tuple[Fitted, ...]
    notes: tuple[str, ...] = ()
    engine_version: str | None = None

    @property
    def draft(self) -> str | None:
        """What the drafts beside the models are called; None where there are none."""
        return drafts_of(self.models)

    @property
    def fits(self) -> bool:
        """Whether one sequence of each model fits."""
        return all(row.fits for row in self.rows)

    @property
    def told(self) -> tuple[str, ...]:
        """The notes on all of it, and those on a model by its name."""
        of_rows = (f"{row.model}: {note}" for row in self.rows for note in row.notes)
        return (*self.notes, *dict.fromkeys(of_rows))


def fit(models: Sequence[Model], question: Question, memory: int) -> Fit:
    """How much of each model fits into the memory that every GPU has for the cache, in bytes.

    Raises UsageError.
    """
    query = filled(question, models)
    if sharing_of(query) != NOTHING_SHARED:
        raise UsageError(
            "what fits of sequences that share is not known: leave beams and prefix out"
        )
    adapted = tuple(model.adapted(query) for model in models)
    placed = [deployed(model, query) for model in adapted]
    told = [note for model in models for note in notes_on(model, query)]
    return Fit(
        models=adapted,
        query=resolved(query, placed, query.context),
        memory=memory,
        rows=tuple(
            _fitted(name, Room(one, memory), query.tokens)
            for name, one in zip(names_of(models), placed, strict=True)
        ),
        notes=tuple(dict.fromkeys(told)),
        engine_version=version_of(query),
    )


@dataclass(frozen=True)
class Room:
    """A model on its GPUs, each of which has so many bytes for the cache."""

    placed: Deployed
    memory: int

    def capacity(self, tokens: int) -> Capacity:
        """What is served, by all copies of the model. Raises UsageError where an engine does."""
        if self.placed.plan:
            return self.placed.plan.capacity(self.memory, tokens)
        each = self.memory // max(1, self.taken(tokens))
        return Capacity(each * self.placed.ranks.dp)

    def taken(self, tokens: int) -> int:
        """Bytes that one sequence takes on the fullest rank."""
        if self.placed.plan:
            return self.placed.plan.at(tokens, 1).bytes
        caches = [stage.cache for stage in self.placed.stages] or [self.placed.model.cache]
        return max(cache.stored(tokens) for cache in caches)

    def holds(self, tokens: int) -> bool:
        """Whether one sequence fits; one that is too long for an engine's settings does not."""
        served = self.asked(tokens)
        return isinstance(served, Capacity) and served.largest_batch >= 1

    def asked(self, tokens: int) -> Capacity | UsageError:
        """What is served, or why an engine takes no sequence of that length."""
        try:
            return self.capacity(tokens)
        except UsageError as error:
            return error

    @property
    def period(self) -> int:
        """Tokens after which one sequence takes as much again, or more. Raises UsageError."""
        period = self.placed.plan.period if self.placed.plan else 1
        if period > MAX_PERIOD:
            text = f"what an engine keeps of {self.placed.model.name} comes even after {period:,}"
            raise UsageError(f"{text} tokens, too many to look at: leave the engine out")
        return period

    @property
    def longest(self) -> int:
        """The longest context up to which every one fits; the longest of all where all do.

        Between contexts that are a period apart those that fit come first, so that each place in
        the period is bisected, as far as it may hold one that is shorter than what is known.
        """
        period, first = self.period, MAX_TOKENS + 1  # the first that does not fit
        for place in range(1, period + 1):
            alike = range(place, first, period)
            if alike and not self.holds(alike[-1]):
                first = alike[bisect_left(alike, True, key=lambda tokens: not self.holds(tokens))]
        return first - 1

    @property
    def grows(self) -> bool:
        """Whether a sequence that is as long as can be takes more than one of half its length."""
        half = MAX_TOKENS // 2 // self.period * self.period
        return self.taken(MAX_TOKENS) > self.taken(MAX_TOKENS - half)


def _fitted(name: str, room: Room, tokens: int) -> Fitted:
    kept, capacity, placed = room.placed.at(tokens, 1), room.capacity(tokens), room.placed
    longest = room.longest
    endless = longest == MAX_TOKENS and not room.grows
    of_engine = kept.reservation.notes if kept.reservation else ()
    row = Fitted(
        model=name,
        variant=placed.model,
        context=tokens,
        available=room.memory,
        amounts=kept.amounts,
        reservation=kept.reservation,
        total=kept.total,
        rank=kept.rank,
        fits=capacity.largest_batch >= 1,
        largest_batch=capacity.largest_batch if room.taken(tokens) else None,
        largest_context=None if endless else longest,
        report=capacity.report,
        notes=native_row(placed.model).notes + of_engine + capacity.notes,
    )
    refused = isinstance(longer := room.asked(longest + 1), UsageError)
    ends = (f"the longest context is the engine's own: {longer}",) if refused else ()
    return replace(row, notes=(*row.notes, *_on(row), *ends))


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
    if row.fits and longest is not None and longest < row.context:
        yield f"{row.context:,} tokens fit, and of shorter contexts {longest + 1:,} does not"
