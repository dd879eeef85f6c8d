"""Does a model file keep what its `expect:` says?"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from kvcalc.errors import UsageError, did_you_mean
from kvcalc.whatif import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.cache import Cache
    from kvcalc.expect import Expectation, Quantity
    from kvcalc.model import Model
    from kvcalc.whatif import Row, Rows


@dataclass(frozen=True)
class Result:
    """One expectation held against what was computed; `computed` is None for a division by 0."""

    id: str
    file: str
    line: int
    expectation: Expectation
    computed: Fraction | None

    @property
    def verdict(self) -> Literal["confirmed", "refuted"]:
        """Whether the computed value lies inside the printed precision."""
        holds = self.computed is not None and self.expectation.figure.holds(self.computed)
        return "confirmed" if holds else "refuted"

    @property
    def ok(self) -> bool:
        """Whether the file may say so."""
        return self.verdict == "confirmed"

    @property
    def computed_text(self) -> str:
        """The computed value as the figure would print it, with two digits more."""
        if self.computed is None:
            return "undefined"
        return self.expectation.figure.printed(self.computed)


@dataclass(frozen=True)
class Checked:
    """All results of one run."""

    results: tuple[Result, ...]

    @property
    def passed(self) -> int:
        """How many hold."""
        return sum(result.ok for result in self.results)

    @property
    def failed(self) -> int:
        """How many do not."""
        return len(self.results) - self.passed


def check(models: Sequence[Model]) -> Checked:
    """Hold each model to its own `expect:`, at its own dtype, batch 1 and default context."""
    return Checked(tuple(result for model in models for result in judge(model)))


def judge(model: Model) -> tuple[Result, ...]:
    """One result per expectation of a model. Raises UsageError where one names no row."""
    rows = rows_of(model)
    slug = PurePath(model.file).name.removesuffix(".yaml") or model.name
    return tuple(
        Result(f"{slug}:{e.entry}", model.file, e.line, e, _computed(model, rows, e))
        for e in model.expect
    )


def _computed(model: Model, rows: Rows, expectation: Expectation) -> Fraction | None:
    context = expectation.context or model.default_context
    sizes = [
        quantity_of(_find(rows, name).cache, expectation.quantity, context)
        for name in expectation.schemes
    ]
    return combine(expectation, sizes)


def combine(expectation: Expectation, sizes: Sequence[Fraction | None]) -> Fraction | None:
    """The quantity or the ratio that an expectation speaks of; None where it does not exist."""
    above, below = sizes[0], sizes[-1]
    if above is None or below is None or len(sizes) == 1:
        return above
    if expectation.figure.unit == "%":
        return 1 - below / above if above else None
    return above / below if below else None


def _find(rows: Rows, name: str) -> Row:
    row = rows.find(name)
    if row is None:
        raise UsageError(f"no row is called {name!r}; {did_you_mean(name, rows.names)}")
    return row


def quantity_of(cache: Cache, quantity: Quantity, context: int) -> Fraction | None:
    """One quantity of one sequence, in bytes or FLOPs; None where the FLOPs are not known."""
    match quantity:
        case "growth":
            return cache.growth(context)
        case "stored":
            return Fraction(cache.stored(context))
        case "read":
            return Fraction(cache.read(context))
        case "flops":
            flops = cache.flops(context)
            return None if flops is None else Fraction(flops)
