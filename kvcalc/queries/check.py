"""Hold figures to what is computed: the results of `check`, and a model's own `expect:`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError, did_you_mean
from kvcalc.expect import Expectation
from kvcalc.model import Model
from kvcalc.whatif import Row, Rows, rows_of

if TYPE_CHECKING:
    from kvcalc.claim import Claim, Verdict


@dataclass(frozen=True)
class Result:
    """One expectation held against what was computed, and the verdict on it.

    `expectation` is None where a claim has no figure, `computed` where there is nothing to compute.
    """

    id: str
    file: str
    line: int
    expectation: Expectation | None
    computed: Fraction | None
    verdict: Verdict
    expected: Verdict = "confirmed"
    note: str = ""
    claim: Claim | None = None

    @property
    def ok(self) -> bool:
        """Whether the verdict is the one that the file records."""
        return self.verdict == self.expected

    @property
    def printed(self) -> str:
        """The figure as it was printed."""
        return self.expectation.figure.text if self.expectation else ""

    @property
    def computed_text(self) -> str:
        """The computed value as the figure would print it, with two digits more."""
        if self.expectation is None:
            return ""
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


def expected(model: Model, rows: Rows | None = None) -> tuple[Result, ...]:
    """One result per entry of a model's `expect:`, without a draft, as its file has it.

    `rows` are the model's, where they are made already. Raises UsageError where one names no row.
    """
    if not model.expect:
        return ()
    model = replace(model, draft=None)
    rows = rows or rows_of(model)
    slug = PurePath(model.file).name.removesuffix(".yaml") or model.name
    return tuple(_result(slug, model, rows, expectation) for expectation in model.expect)


def _result(slug: str, model: Model, rows: Rows, expectation: Expectation) -> Result:
    context = expectation.context or model.default_context
    sizes = [
        _find(rows, name).cache.amount(expectation.quantity, context)
        for name in expectation.schemes
    ]
    computed = combine(expectation, sizes)
    holds = computed is not None and expectation.figure.holds(computed)
    return Result(
        id=f"{slug}:{expectation.entry}",
        file=model.file,
        line=expectation.line,
        expectation=expectation,
        computed=computed,
        verdict="confirmed" if holds else "refuted",
    )


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
