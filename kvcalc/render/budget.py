"""A GPU's memory written out: what it has, what takes some of it, what is left for the cache."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from kvcalc.budget.budget import Budget
from kvcalc.budget.estimate import Estimate
from kvcalc.render.keys import Each, JsonObject, Key, number
from kvcalc.units import System, exact, format_size, size_unit

PART = JsonObject(
    "BudgetPartDocument",
    "What takes some of a GPU's memory, or is left of it: the likeliest, the least and the most.",
    Key("part", str, "name"),
    Key("bytes", int, "size.likely"),
    Key("least_bytes", int, "size.low"),
    Key("most_bytes", int, "size.high"),
    Key("basis", str, "size.basis", "given, known or estimated"),
    Key("rule", str, "size.rule", "What it rests on."),
)
BUDGET = JsonObject(
    "BudgetDocument",
    "One GPU's memory; what is left after all parts of what is used is for the cache.",
    Key("memory_bytes", int | None, "memory"),
    Key(
        "utilization",
        int | float | None,
        lambda budget: None if budget.utilization is None else number(budget.utilization),
    ),
    Key("usable_bytes", int | None, "usable"),
    Each("parts", PART),
)


def document(row: Any) -> dict[str, Any] | None:
    """The budget of a row of which more is known than what is left."""
    return None if row.budget.memory is None else BUDGET(row.budget)


BUDGET_OF = Key(
    "budget", (BUDGET, type(None)), document, "Null where only what is left for the cache is known."
)


def lines(budget: Budget, gpu: str, units: System) -> Iterator[str]:
    """The sum, a part to a line, with the range of what is estimated and what it rests on."""
    if budget.memory is None:
        return
    found = list(_sum(budget, gpu, units))
    names, sizes = (max(len(line[at]) for line in found) for at in (0, 1))
    for name, size, beside in found:
        yield f"  {name:<{names}}  {size:>{sizes}}  {beside}".rstrip()


def _sum(budget: Budget, gpu: str, units: System) -> Iterator[tuple[str, str, str]]:
    memory = budget.memory or 0
    unit = size_unit([memory], units)

    def sized(size: int) -> str:
        return format_size(size, unit, 2)

    yield gpu, sized(memory), f"{memory:,} B"
    if budget.utilization is not None:
        part = exact(budget.utilization)
        yield f"x {part}", sized(budget.usable or 0), "the part that is used"
    for one in budget.parts:
        yield f"- {one.name}", sized(one.size.likely), _beside(one.size, unit)
    available = budget.available
    yield "= for the cache", sized(available.likely), _beside(available, unit)


def _beside(size: Estimate, unit: str) -> str:
    """The range of an estimate, and its rule."""
    if size.is_exact:
        return size.rule
    bounds = " to ".join(_plain(bound, unit) for bound in (size.low, size.high))
    return f"({bounds}) {size.rule}"


def _plain(size: int, unit: str) -> str:
    """A number of a unit without its name."""
    return format_size(Fraction(size), unit, 2).rsplit(" ", 1)[0]
