"""What of a model's cache fits into a GPU's memory: exact inverses of what is stored or served."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.reservation import Capacity
from kvcalc.errors import UsageError
from kvcalc.units import MAX_BATCH, MAX_TOKENS

if TYPE_CHECKING:
    from kvcalc.mix import Mix
    from kvcalc.queries.deployed import Deployed

MAX_PERIOD = 100_000
"""Tokens after which an engine charges as much again, at most: each of them is looked at."""


@dataclass(frozen=True)
class Room:
    """A model on its GPUs, each of which has so many bytes for the cache; it may be less than none.

    batch  sequences that are to fit, over all copies of the model
    mix    of lengths, where they have not all one
    """

    placed: Deployed
    memory: int
    batch: int = 1
    mix: Mix | None = None

    def capacity(self, tokens: int) -> Capacity:
        """What is served, by all copies of the model. Raises UsageError where an engine does."""
        if self.memory <= 0:
            return Capacity(0)
        plan, prefix = self.placed.plan, self.placed.sharing.prefix
        if plan:
            mix = self.mix
            return (
                plan.mixed(self.memory, mix) if mix else plan.capacity(self.memory, tokens, prefix)
            )
        most = self.placed.largest_batch(self.memory, tokens, self.mix)
        return Capacity(MAX_BATCH if most is None else most)

    def taken(self, tokens: int, batch: int = 1) -> int:
        """Bytes that so many sequences take on the fullest rank."""
        kept = self.placed.at(tokens, batch)
        return kept.reservation.bytes if kept.reservation else kept.amounts.stored

    def holds(self, tokens: int) -> bool:
        """Whether the batch fits; one that is too long for an engine's settings does not."""
        served = self.asked(tokens)
        return isinstance(served, Capacity) and served.largest_batch >= self.batch

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
        Contexts begin with the prefix that is shared, if any is.
        """
        period, first = self.period, MAX_TOKENS + 1  # the first that does not fit
        prefix = self.placed.sharing.prefix
        if prefix and not self.holds(prefix):
            return 0
        for place in range(prefix + 1, prefix + period + 1):
            alike = range(place, first, period)
            if alike and not self.holds(alike[-1]):
                first = alike[bisect_left(alike, True, key=lambda tokens: not self.holds(tokens))]
        return first - 1

    @property
    def endless(self) -> bool:
        """Whether any context fits: the longest does, and takes no more than one of half of it."""
        half = MAX_TOKENS // 2 // self.period * self.period
        grows = self.taken(MAX_TOKENS) > self.taken(MAX_TOKENS - half)
        return self.holds(MAX_TOKENS) and not grows

    @property
    def largest_context(self) -> int | None:
        """The longest context up to which every one fits; None where any does."""
        longest = self.longest
        return None if longest == MAX_TOKENS and self.endless else longest
