"""The best case over all contexts, exactly: what `up to` speaks of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kvcalc.cache import Cache, CacheTensor
from kvcalc.errors import UsageError
from kvcalc.queries.crossover import first

MOST_SUMS = 50_000
"""Tensors times contexts that one best case is looked for among."""


@dataclass(frozen=True)
class Best:
    """A value, and the context in tokens at which it is that."""

    value: Fraction
    context: int


def best(
    value: Callable[[int], Fraction | None], caches: Sequence[Cache], longest: int
) -> Best | None:
    """The largest value over all contexts up to `longest`, at the first of those that have it.

    value  a quantity of one of these caches, or how two of them compare

    None where it exists at none. Raises UsageError for caches that repeat too seldom for a search.
    """
    found: Best | None = None
    for context in _contexts(caches, longest):
        at = value(context)
        if at is not None and (found is None or at > found.value):
            found = Best(at, context)
    return found


def _contexts(caches: Iterable[Cache], longest: int) -> list[int]:
    """Contexts among which is the best one.

    Between two turns a quantity is a straight line and what repeats with a period. Along contexts
    that lie a period apart the ratio of two such only rises or only falls, so its largest is less
    than a period away from one of the two turns.
    """
    tensors = [settled.tensor for cache in caches for _, settled in cache.tensors]
    period = math.lcm(*(t.extent.period * t.reads.period for t in tensors))
    turns = {1, longest, *(turn for tensor in tensors for turn in _turns(tensor))}
    within = sorted(turn for turn in turns if turn <= longest)
    if min(2 * period * len(within), longest) * len(tensors) > MOST_SUMS:
        text = f"the best case is not searched for: the caches repeat each {period:,} tokens"
        raise UsageError(f"{text} and turn at {len(within):,}; name one context instead of up to")
    if 2 * period * len(within) >= longest:
        return list(range(1, longest + 1))
    near = {turn + step for turn in within for step in range(-period, period + 1)}
    return sorted(context for context in near if 1 <= context <= longest)


def _turns(tensor: CacheTensor) -> Iterator[int]:
    """The contexts at which what is kept or read of a tensor takes another direction."""
    yield from tensor.extent.turns
    for entries in tensor.reads.turns:
        context = _holding(tensor, entries)
        if context is not None:
            yield context


def _holding(tensor: CacheTensor, entries: int) -> int | None:
    """The first context at which there are so many entries; None where there never are."""
    return first(lambda tokens: tensor.extent.entries(tokens) >= entries)
