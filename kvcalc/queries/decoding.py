"""What one decode step moves, of the cache and of the weights, and how long it takes at least.

The bound is the roofline of memory: bytes over bandwidth. Arithmetic, what GPUs tell each other
and what an engine adds to the cache's bytes come on top of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.queries.crossover import ever_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.budget.estimate import Estimate
    from kvcalc.cache import Cache, CacheTensor
    from kvcalc.hardware import Gpu
    from kvcalc.model import Model
    from kvcalc.queries.deployed import Deployed

MAX_PERIOD = 10_000
"""Tokens after which what is read repeats, at most, where a crossing is looked for."""

OF_EXPERTS = frozenset(
    {
        *("bailing_hybrid", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots1", "gpt_oss"),
        *("jamba", "kimi_k2", "kimi_linear", "laguna", "longcat_flash", "minimax_m1"),
        *("minimax_m2", "mixtral", "qwen3_next"),
    }
)
"""Architectures that have experts, and no `moe` in their name."""

ALL = "counted as if a step read all of them, an input embedding and an encoder too"
SHARE = "{read:,} of {parameters:,} parameters, as for one token; more read more experts, up to all"
UNSIZED = "their bytes are not known"
UNKNOWN = "how many of them a step reads is not known: state parameters and active_parameters"


@dataclass(frozen=True)
class Moved:
    """Bytes that one GPU of a pipeline stage moves in one step.

    cache    on the rank of the stage that keeps most
    weights  at least, as if all stages had as many; None where that is not known
    """

    cache: int
    weights: Fraction | None

    @property
    def total(self) -> Fraction:
        """Of both, as far as they are known."""
        return self.cache + (self.weights or Fraction(0))


@dataclass(frozen=True)
class Decoding:
    """One decode step of a batch, in which each sequence has `context` tokens.

    sequences       of the batch, on the fullest copy
    gpus            how many there are in all
    longest         the context that the model is made for, where it says so
    stages          of pipeline parallelism: a step passes one after the other
    rate            tokens a second at most, one a sequence and step; None where nothing is moved
    rule            which of the weights are counted as read
    outweighs       from which context on the cache's bytes are no fewer than these weights'; None
                    where that is never so, or not known
    outweighs_all   the same beside all weights
    searched        whether that was looked for: not where what is read repeats too seldom
    notes           what a reader of the bytes should know
    """

    context: int
    batch: int
    sequences: int
    gpus: int
    longest: int | None
    gpu: Gpu
    stages: tuple[Moved, ...]
    rate: Fraction | None
    rule: str
    outweighs: int | None
    outweighs_all: int | None
    searched: bool
    notes: tuple[str, ...] = ()

    @property
    def busiest(self) -> Moved:
        """What is moved on the GPU that moves most."""
        return max(self.stages, key=lambda stage: stage.total)

    @property
    def cache(self) -> int:
        """Bytes of cache that the busiest GPU moves."""
        return self.busiest.cache

    @property
    def weights(self) -> Fraction | None:
        """Bytes of weights that it reads at least; None where that is not known."""
        return self.busiest.weights

    @property
    def sized(self) -> bool:
        """Whether the weights' bytes are known, be it not how many of them are read."""
        return self.rule != UNSIZED

    @property
    def seconds(self) -> Fraction:
        """The least time of a step: stages do their parts of it one after the other.

        Without the weights' part where that is not known.
        """
        return sum((stage.total for stage in self.stages), Fraction(0)) / self.gpu.bandwidth


def decoding(
    placed: Deployed, tokens: int, batch: int, weights: Estimate | None, gpu: Gpu
) -> Decoding:
    """One decode step of `batch` sequences of `tokens` tokens.

    weights  bytes of one GPU, here as on each
    """
    model, read = placed.model, _read(placed.model)
    caches = tuple(stage.cache for stage in placed.stages) or (model.cache,)
    least = None
    if weights is not None and read is not None:
        least = Fraction(weights.low * read, model.parameters or 1)
    sequences = placed.ranks.sequences(batch)
    crossing = Crossing(caches, sequences)
    return Decoding(
        context=tokens,
        batch=batch,
        sequences=sequences,
        gpus=placed.ranks.gpus,
        longest=model.max_context,
        gpu=gpu,
        stages=tuple(Moved(sequences * cache.read(tokens), least) for cache in caches),
        rate=_rate([cache.read(tokens) for cache in caches], placed, batch, least, gpu),
        rule=UNSIZED if weights is None else _rule(model, read),
        outweighs=None if least is None else crossing.over(least),
        outweighs_all=None if weights is None else crossing.over(weights.high),
        searched=crossing.period <= MAX_PERIOD,
        notes=tuple(_notes(placed, tokens)),
    )


def _notes(placed: Deployed, tokens: int) -> Iterator[str]:
    """What the bound leaves out: drafted tokens, and what an engine keeps in fewer bytes."""
    if placed.model.draft or placed.model.predicting:
        yield "tokens that are drafted and taken come on top of one a sequence and step"
    reservation = placed.at(tokens, 1).reservation
    fewer = [term.rule for term in reservation.terms if term.bytes < 0] if reservation else []
    if fewer:
        text = f"the engine keeps less than is counted as moved ({'; '.join(fewer)})"
        yield f"{text}: a step may take less time"


def _read(model: Model) -> int | None:
    """The parameters that a step of one token reads at least; None where that is not known.

    As large a share of a GPU's weights is read at least: parameters of experts have no more bytes
    than others, and where GPUs share the experts of a layer one has no less to read than others.
    """
    parameters = model.parameters
    if parameters is None:
        return None
    if model.active_parameters is not None:
        return min(model.active_parameters, parameters)
    if model.expert_parameters is not None:
        return parameters - model.expert_parameters
    code = model.architecture
    names = {code.name, code.inner} if code else set()
    dense = names and not any("moe" in name or name in OF_EXPERTS for name in names)
    return parameters if dense else None


def _rule(model: Model, read: int | None) -> str:
    if read is None:
        return UNKNOWN
    if read == model.parameters:
        return ALL
    return SHARE.format(read=read, parameters=model.parameters)


def _rate(
    reads: list[int], placed: Deployed, batch: int, weights: Fraction | None, gpu: Gpu
) -> Fraction | None:
    """Tokens a second over all copies, which are no faster when they share a batch less evenly.

    reads  bytes of one sequence on each stage: as they overlap, the slowest of them sets the pace,
           and no stage that has most to move has less than they have on average
    """
    copies, rate = placed.ranks.dp, Fraction(0)
    each, more = divmod(batch, copies)
    for sharing, sequences in ((more, each + 1), (copies - more, each)):
        if sharing * sequences:
            average = Fraction(sequences * sum(reads), len(reads)) + (weights or 0)
            moved = max(Fraction(sequences * max(reads)), average)
            if not moved:
                return None
            rate += sharing * sequences * gpu.bandwidth / moved
    return rate


@dataclass(frozen=True)
class Crossing:
    """From which context on the caches of so many sequences outweigh something, over all stages."""

    caches: tuple[Cache, ...]
    sequences: int

    def over(self, weights: Fraction | int) -> int | None:
        """The context from which on they do, with so many bytes of weights on each stage."""
        if self.period > MAX_PERIOD:
            return None
        turns = {turn for tensor in self._picked for turn in tensor.extent.turns}

        def outweigh(tokens: int) -> bool:
            read = sum(cache.read(tokens) for cache in self.caches)
            return self.sequences * read >= len(self.caches) * weights

        return ever_after(outweigh, self.period, turns)

    @cached_property
    def period(self) -> int:
        """Tokens after which no fewer bytes are read than before; 1 where they never are fewer."""
        return math.lcm(*(tensor.extent.period * tensor.reads.period for tensor in self._picked))

    @cached_property
    def _picked(self) -> tuple[CacheTensor, ...]:
        """Tensors of which fewer entries may be read when there are more."""
        tensors = (settled.tensor for cache in self.caches for _, settled in cache.tensors)
        return tuple(tensor for tensor in tensors if tensor.reads.period > 1)
