"""A model on its GPUs: what the fullest rank amounts to, what all of them do, what is reserved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts
from kvcalc.engines import plan
from kvcalc.parallel.ranks import Ranks, ranks_of
from kvcalc.sharing import NOTHING_SHARED, Sharing, sharing_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.cache import Cache
    from kvcalc.engines.reservation import Plan, Reservation
    from kvcalc.mix import Mix
    from kvcalc.model import Model
    from kvcalc.parallel.stages import Stage
    from kvcalc.question import Question, Setting


@dataclass(frozen=True)
class Rank:
    """The rank that figures are of: its stage out of so many, with layers `first` to `last`.

    gpus   how many GPUs there are in all
    alike  whether each of them keeps as much
    """

    stage: int
    stages: int
    first: int
    last: int
    gpus: int = 1
    alike: bool = False

    def __str__(self) -> str:
        if self.stages == 1:
            return f"{'each' if self.alike else 'the fullest'} of {self.gpus:,} GPUs"
        layers = f"layers {self.first:,} to {self.last:,}"
        return (
            f"a GPU of stage {self.stage:,} of {self.stages:,} ({layers}), "
            f"{'as each' if self.alike else 'the fullest'} of {self.gpus:,}"
        )


@dataclass(frozen=True)
class Kept:
    """What one rank keeps of a batch: the one that reserves most, without an engine stores most.

    cache      what it keeps of one sequence
    sequences  how many of the batch it keeps something of
    total      over all GPUs; None on one, as is `rank`
    """

    cache: Cache
    sequences: int
    amounts: Amounts
    total: Amounts | None = None
    rank: Rank | None = None
    reservation: Reservation | None = None


@dataclass(frozen=True)
class Deployed:
    """A model on its ranks, its stages cut and the engine's plan made once."""

    model: Model
    ranks: Ranks
    stages: tuple[Stage, ...]
    plan: Plan | None
    sharing: Sharing = NOTHING_SHARED

    def at(self, tokens: int, batch: int) -> Kept:
        """What is kept of `batch` sequences of `tokens` tokens."""
        sharing = self.sharing
        reservation = self.plan.at(tokens, batch, sharing.prefix) if self.plan else None
        if not self.stages:
            cache = self.model.cache
            amounts = sharing.of_cache(cache, tokens, batch)
            return Kept(cache, batch, amounts, reservation=reservation)
        sequences, gpus = self.ranks.sequences(batch), self.ranks.gpus
        at_stage = [self.stages[reservation.stage]] if reservation else self.stages
        stage, cache = max(
            ((stage, cache) for stage in at_stage for cache in stage.caches(tokens, sharing)),
            key=lambda kept: sharing.stored(kept[1], tokens, sequences),
        )
        amounts = sharing.of_cache(cache, tokens, sequences)
        totals = (stage.total(tokens, batch, sharing) for stage in self.stages)
        total = sum(totals, Amounts())
        alike = total.stored == gpus * amounts.stored
        if reservation:
            alike &= reservation.total == gpus * reservation.bytes
        rank = Rank(stage.number + 1, stage.of, stage.first + 1, stage.end, gpus, alike)
        return Kept(cache, sequences, amounts, total, rank, reservation)

    def largest_batch(self, memory: int, tokens: int, mix: Mix | None = None) -> int | None:
        """The most sequences of `tokens` tokens that fit into `memory` bytes on each GPU, ideally.

        Of all copies together; None where any number does, as one takes nothing. Of a mix with
        `tokens` for its longest, as many as take so much on average: none where that has no room.
        """
        sharing = self.sharing
        caches = [cache for stage in self.stages for cache in stage.caches(tokens, sharing)]
        fitting: list[int] = []
        for cache in caches or [self.model.cache]:
            each: int | Fraction = sharing.each(cache, tokens)
            if mix:
                each = mix.mean(partial(sharing.each, cache))
            left = memory - sharing.once(cache, tokens)
            if left < 0 or (mix and sharing.each(cache, tokens) > left):
                return 0
            fitting += [int(left / Fraction(each))] if each else []
        return self.ranks.dp * min(fitting) if fitting else None


class Placed:
    """What an engine reserves of an answer or a row, and what there is of it over all GPUs."""

    reservation: Reservation | None
    total: Amounts | None

    @property
    def reserved(self) -> int | None:
        """Bytes that the engine asked for charges; None where none is."""
        return self.reservation.bytes if self.reservation else None

    @property
    def pool(self) -> int | None:
        """Bytes that whoever uses the engine's pool pays; None where it has none."""
        return self.reservation.pool if self.reservation else None

    @property
    def reserved_total(self) -> int | None:
        """Bytes that the engine charges on all GPUs; None on one."""
        return self.reservation.total if self.reservation and self.total else None

    @property
    def pool_total(self) -> int | None:
        """The pools of all GPUs; None on one."""
        return self.reservation.pool_total if self.reservation and self.total else None


def resolved(question: Question, placed: Sequence[Deployed], context: int | None) -> Question:
    """The question with the engine's settings as resolved; None where they differ by the row.

    context  of the answer; None where there are several
    """
    told = [one.plan.settings_at(context) for one in placed if one.plan]
    if not told:
        return question
    found: dict[str, Setting] = {}
    for name in dict.fromkeys(name for settings in told for name in settings):
        first, *others = (settings.get(name) for settings in told)
        found[name] = first if all(value == first for value in others) else None
    return replace(question, settings=found)


def deployed(model: Model, question: Question) -> Deployed:
    """A model, changed as asked, on the ranks asked for. Raises UsageError."""
    ranks = ranks_of(question)
    if ranks.layers:  # of a single stage, too, they may be wrong
        ranks.partition(len(model.layers) - model.predicting)
    planned, sharing = plan(model, question), sharing_of(question)
    if ranks.gpus == 1:
        return Deployed(model, ranks, (), planned, sharing)
    from kvcalc.parallel.stages import stages_of

    cut = planned.cut if planned else None
    if cut:  # an engine that deals layers out so copies what one reads of another's cache
        ranks = replace(ranks, layers=cut)
    stages = stages_of(model, ranks, across=cut is not None)
    return Deployed(model, ranks, stages, planned, sharing)
