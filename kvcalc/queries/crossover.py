"""From which context on sparse attention saves compute, over a whole decode step."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from kvcalc.model import Model
from kvcalc.units import MAX_TOKENS


@dataclass(frozen=True)
class Crossover:
    """Contexts in tokens: where a step costs no more than the dense one, and half of it.

    A step is 2 FLOPs per active parameter plus the attention FLOPs over the cache.
    `halves_with_projections` counts the indexer's too, where the model file gives their size.
    """

    name: str
    active_parameters: int
    costs_less: int | None
    halves: int | None
    halves_with_projections: int | None

    def __str__(self) -> str:
        step = f"at {self.active_parameters:,} active parameters a decode step of {self.name}"
        if self.costs_less is None:
            return f"Derived: {step} never takes fewer FLOPs than with dense attention."
        less = f"takes more FLOPs than with dense attention below {self.costs_less:,} tokens"
        if self.halves is None:
            return f"Derived: {step} {less}, and never half as many."
        text = f"Derived: {step} {less}, and half as many from {self.halves:,} tokens on."
        if self.halves_with_projections is None:
            return text
        moved = self.halves_with_projections - self.halves
        return (
            f"{text} Counting the indexer's projections moves the half to "
            f"{self.halves_with_projections:,} (+{moved:,})."
        )


def crossover(model: Model) -> Crossover | None:
    """The crossover of a model with sparse attention; None where it has none, or no known size."""
    dense = {name: scheme.dense or scheme for name, scheme in model.attention.items()}
    other = replace(model, attention=dense, architecture=None)
    if model.active_parameters is None or dense == model.attention:
        return None
    if None in (model.cache.flops(1), other.cache.flops(1)):
        return None
    weights = 2 * model.active_parameters
    projections = _projections(model)

    def costs(tokens: int, share: int, extra: int) -> bool:
        # flops that are known at one context are known at all
        sparse = share * (weights + extra + (model.cache.flops(tokens) or 0))
        return sparse <= weights + (other.cache.flops(tokens) or 0)

    def halves(extra: int) -> int | None:
        return first(lambda tokens: costs(tokens, 2, extra))

    return Crossover(
        name=model.name,
        active_parameters=model.active_parameters,
        costs_less=first(lambda tokens: costs(tokens, 1, 0)),
        halves=halves(0),
        halves_with_projections=None if projections is None else halves(2 * projections),
    )


def _projections(model: Model) -> int | None:
    schemes = [model.attention[name] for layer in model.layers for name in layer]
    sizes = [scheme.indexer_weights for scheme in schemes if scheme.dense]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def first(holds: Callable[[int], bool]) -> int | None:
    """The smallest context at which something holds that holds ever after; None: at none."""
    if not holds(MAX_TOKENS):
        return None
    low, high = 0, MAX_TOKENS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def ever_after(holds: Callable[[int], bool], period: int, turns: Iterable[int]) -> int | None:
    """The smallest context from which on something holds at every one; None: at the last not.

    Between two turns it goes on to hold at contexts that are a period apart.
    """
    starts = [1, *sorted(turn for turn in set(turns) if 1 < turn <= MAX_TOKENS)]
    for start, end in reversed([*pairwise([*starts, MAX_TOKENS + 1])]):
        last = start - 1  # at which it does not hold
        for place in range(start, min(start + period, end)):
            behind = range(place + max(0, -(-(last + 1 - place) // period)) * period, end, period)
            if behind and not holds(behind[0]):
                last = behind[bisect_left(behind, True, key=holds) - 1]
        if last >= start:
            return None if last + period > MAX_TOKENS else last + 1
    return 1
