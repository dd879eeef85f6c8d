"""The layouts of a model on GPUs: each tried, the best of them, and why others cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError, WrongArgument
from kvcalc.queries.budgets import budget_of, must_be_known
from kvcalc.queries.costs import with_costs
from kvcalc.queries.deployed import Deployed, deployed
from kvcalc.queries.fitted import Fitted, Wanted, fitted
from kvcalc.queries.layouts import is_last_resort, layout_name, layouts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.machine import Machine
    from kvcalc.model import Model
    from kvcalc.question import Question

    Tried = tuple[Deployed, Fitted]


@dataclass(frozen=True)
class LaidOut:
    """The layouts of one model that can be, each with what fits, and why others cannot."""

    tried: tuple[Tried, ...]
    refused: tuple[str, ...]

    @property
    def best(self) -> tuple[Tried, ...]:
        """The layout that serves most, alone."""
        return tuple(one for one in self.tried if one[1].best)

    def with_best(self, placed: Deployed, row: Fitted) -> LaidOut:
        """The same with another row for the best."""
        tried = tuple((placed, row) if old.best else (one, old) for one, old in self.tried)
        return replace(self, tried=tried)


def laid_out(name: str, model: Model, query: Question, machine: Machine, wanted: Wanted) -> LaidOut:
    """A model in each layout of the machine. Raises UsageError where it can be in none of them."""
    must_be_known(model, machine)
    model = model.adapted(query)
    found: list[Tried] = []
    refused: list[tuple[str, UsageError]] = []
    layouts = layouts_of(model, query, machine.gpus)
    if len(layouts) > 1 and machine.left is not None:
        text = "what is left for the cache is of one layout"
        raise WrongArgument("gpus", f"{text}: say which, such as --tp {machine.gpus}")
    for layout in layouts:
        if _is_no_better(layout, query, [row for _, row in found]):
            continue
        try:
            found.append(_tried(name, model, layout, machine, wanted, sought=len(layouts) > 1))
        except UsageError as error:
            refused.append((layout_name(layout), error))
    if not found:
        raise refused[-1][1]
    best = max(range(len(found)), key=lambda n: _rank(found[n][1]))
    marked = ((one, replace(row, best=n == best)) for n, (one, row) in enumerate(found))
    return LaidOut(tuple(marked), _told(name, refused))


def _is_no_better(layout: Question, query: Question, found: Sequence[Fitted]) -> bool:
    """Whether what it is a resort for is there: stages of one GPU each where nothing else fits, and
    fewer ranks that share tokens where more cannot."""
    if is_last_resort(layout):
        return any(row.fits for row in found)
    return layout.dcp > query.dcp and any(row.ranks.dcp > 1 for row in found)


def _tried(
    name: str, model: Model, layout: Question, machine: Machine, wanted: Wanted, *, sought: bool
) -> Tried:
    """A model in one layout; one that was sought, and not asked for, has to run, too."""
    placed = deployed(model, layout)
    if placed.plan and placed.plan.fails and sought:
        raise UsageError(placed.plan.fails)
    row = fitted(name, placed, budget_of(placed, layout, machine), wanted)
    return placed, with_costs(row, placed, machine, wanted)


def _told(name: str, refused: Sequence[tuple[str, UsageError]]) -> tuple[str, ...]:
    """Why layouts cannot be, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for layout, error in refused:
        reasons.setdefault(str(error), []).append(layout)
    return tuple(f"{name} with {' or '.join(at)}: {why}" for why, at in reasons.items())


def _rank(row: Fitted) -> tuple[bool, float, float, int]:
    """What is better: what is wanted fits, then more sequences, longer ones, and more left."""
    batch, context = row.largest_batch, row.largest_context
    endless = float("inf")
    most, longest = (endless if number is None else number for number in (batch, context))
    return row.fits, most, longest, row.available
