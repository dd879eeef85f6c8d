"""What an engine answers: a plan made once, and what it charges at one context and batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kvcalc.mix import Mix
    from kvcalc.question import Setting


@dataclass(frozen=True)
class Term:
    """By how many bytes one rule of an engine differs from the ideal."""

    rule: str
    bytes: int


@dataclass(frozen=True)
class Report:
    """What an engine itself would log of its cache.

    concurrency  in the engine's own arithmetic, of floats
    log          the lines as it prints them
    """

    capacity_tokens: int
    concurrency: float
    log: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """Terms that have been made: as they are compared, copied and kept in files."""

    terms: tuple[Term, ...]

    def __call__(self) -> tuple[Term, ...]:
        return self.terms


class Reservation(NamedTuple):
    """What an engine charges to a batch: bytes, and the terms that lead there from `stored`.

    Of the rank that reserves most, at the stage of that number.

    tell    makes the terms, which most who ask for bytes do not: a tuple is made at once
    pool    bytes that whoever uses the engine's pool pays beside it; None where it has none
    total   bytes over all GPUs, and pool_total the pool's
    report  what the engine would log, where its settings alone decide that
    notes   what a reader of the figure should know, of the rules that bite here
    parked  bytes that it takes outside of the GPUs, where the engine moves it there by a rule of
            its own; None: as many as on all of them
    """

    bytes: int
    tell: Callable[[], tuple[Term, ...]]
    notes: tuple[str, ...] = ()
    stage: int = 0
    pool: int | None = None
    total: int | None = None
    pool_total: int | None = None
    report: Report | None = None
    parked: int | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        """By how much each rule differs from what is stored; they add up to the byte."""
        return self.tell()

    @property
    def made(self) -> Reservation:
        """The same with its terms made."""
        return self._replace(tell=Told(self.terms))

    # what a plan tells by is of that plan alone, and can neither be compared nor pickled
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reservation) and tuple(self.made) == tuple(other.made)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self.made))

    def __reduce__(self) -> tuple[type[Reservation], tuple[Any, ...]]:
        return Reservation, tuple(self.made)


@dataclass(frozen=True)
class Capacity:
    """What is served with so many bytes for the cache on every GPU.

    largest_batch  sequences of the context asked for, over all copies; 0 where not one fits
    report         what the engine would log
    notes          what a reader of these should know
    """

    largest_batch: int
    report: Report | None = None
    notes: tuple[str, ...] = ()


class Plan(Protocol):
    """How an engine keeps one model's cache: made once, asked often."""

    def settings_at(self, context: int | None) -> Mapping[str, Setting]:
        """The engine's own settings as resolved; None where one follows the context, of several."""

    @property
    def period(self) -> int:
        """Tokens after which it charges as much again, or more, than for so many less."""

    @property
    def fails(self) -> str:
        """Why a server fails though the engine has planned its cache; nothing where it does not."""

    def serving(self, batch: int) -> Plan:
        """The same set up for so many sequences, where its settings leave their number open."""

    @property
    def cut(self) -> tuple[int, ...] | None:
        """Layers of each GPU where it deals them out by a rule of its own; None: as evenly as can
        be."""

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        """What is charged to `batch` sequences of `context` tokens each.

        shared  how many of their first tokens are the same; where that is any, terms lead from
                what is stored with their entries kept once

        Raises UsageError where an engine keeps a common prefix for each sequence.
        """

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        """How many sequences of `context` tokens are served with `memory` bytes on each GPU.

        Those of `period` tokens more are no more, where more than `shared` are asked for. Raises
        UsageError for a context that the engine does not take, and as `at` does.
        """

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        """The same of sequences of several lengths, so many per cent of each.

        Raises UsageError for a context that the engine does not take.
        """

    def mean(self, mix: Mix) -> Fraction:
        """Bytes that one of these takes on average."""


@dataclass(frozen=True)
class WithDraft:
    """A model's plan and its draft's, which add up; the draft's terms and notes say so."""

    model: Plan
    draft: Plan

    def settings_at(self, context: int | None) -> Mapping[str, Setting]:
        """Those of the model's plan."""
        return self.model.settings_at(context)

    @property
    def cut(self) -> None:
        """None is for several GPUs."""

    @property
    def period(self) -> int:
        """Of both."""
        return math.lcm(self.model.period, self.draft.period)

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        """What is charged to both."""
        own, draft = (one.at(context, batch, shared) for one in (self.model, self.draft))
        return Reservation(
            own.bytes + draft.bytes,
            lambda: own.terms + tuple(Term(f"draft: {one.rule}", one.bytes) for one in draft.terms),
            own.notes + tuple(f"draft: {note}" for note in draft.notes),
        )

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        """Of both together."""
        return Capacity(memory // max(1, self.at(context, 1, shared).bytes))

    @property
    def fails(self) -> str:
        """Of either."""
        return self.model.fails or self.draft.fails

    def serving(self, batch: int) -> WithDraft:
        """Both."""
        return WithDraft(self.model.serving(batch), self.draft.serving(batch))

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        """Of both together, padded as the model is alone."""
        return as_the_longest(self, memory, mix)

    def mean(self, mix: Mix) -> Fraction:
        """Each is as the longest."""
        return Fraction(self.at(mix.longest, 1).bytes)


def as_the_longest(plan: Plan, memory: int, mix: Mix) -> Capacity:
    """What is served of a mix where every sequence takes as much as the longest."""
    found = plan.capacity(memory, mix.longest)
    note = f"every sequence of the mix takes as much as one of {mix.longest:,} tokens"
    return replace(found, notes=(*found.notes, note))


def refuse_sharing(engine: str, shared: int, why: str) -> None:
    """Raises UsageError for tokens in common, of an engine that keeps them for each sequence."""
    if shared:
        text = f"{engine} keeps a prefix of {shared:,} tokens for each sequence: {why}"
        raise UsageError(f"{text}; leave it out")
