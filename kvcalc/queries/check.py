"""Hold figures to what is computed: the results of `check`, and a model's own `expect:`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.answer import Answer
from kvcalc.claim import BY_HAND
from kvcalc.expect import Expectation
from kvcalc.model import Model
from kvcalc.queries.parts import Part, best_case, cache_of, holds, placed, value_of
from kvcalc.queries.remarks import remarks_on
from kvcalc.whatif import Rows, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.claim import AnsweredQuestion, Claim, Verdict
    from kvcalc.errors import Problem

NAMED = 3
"""Skipped files whose names a note tells."""


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
    assumed: Fraction | None = None
    """What is computed under the claim's `holds_if`, where that is what it holds by."""
    remarks: tuple[str, ...] = ()
    """Readings under which the figure would be right, where it is not as it stands."""
    note: str = ""
    claim: Claim | None = None

    @property
    def assumed_text(self) -> str:
        """The assumed value as its figure would print it; empty where nothing is assumed."""
        statement = self.claim.assumed if self.claim else None
        if statement is None or self.assumed is None:
            return ""
        return statement.expectation.figure.printed(self.assumed)

    @property
    def ok(self) -> bool:
        """Whether the verdict is the one that the file records."""
        return self.verdict == self.expected

    @property
    def by_hand(self) -> bool:
        """Whether the verdict is recorded and not computed, so that it neither passes nor fails."""
        return self.verdict in BY_HAND

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
class Skipped:
    """What was passed over, as it holds nothing to check, and why that is so."""

    file: str
    why: str


@dataclass(frozen=True, repr=False)
class Checked(Answer):
    """All results of one run, or those that have the word `selected`.

    `errors` are what is wrong with the files that could not be checked.
    """

    results: tuple[Result, ...]
    selected: str = ""
    skipped: tuple[Skipped, ...] = ()
    errors: tuple[Problem, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """What was skipped, counted by the reason, with some of the names."""
        reasons: dict[str, list[str]] = {}
        for one in self.skipped:
            reasons.setdefault(one.why, []).append(one.file)
        return tuple(f"skipped {_some(files)}: {why}" for why, files in reasons.items())

    @property
    def passed(self) -> int:
        """How many verdicts are as recorded, those apart that are recorded alone."""
        return sum(result.ok and not result.by_hand for result in self.results)

    @property
    def failed(self) -> int:
        """How many verdicts are not as recorded."""
        return sum(not result.ok for result in self.results)

    @property
    def by_hand(self) -> int:
        """How many verdicts are recorded alone."""
        return sum(result.by_hand for result in self.results)

    @property
    def questions(self) -> tuple[AnsweredQuestion, ...]:
        """The questions that results answer, as they stand in their files."""
        asked = (result.claim.question for result in self.results if result.claim)
        found = dict.fromkeys(question for question in asked if question)
        files = list(dict.fromkeys(question.file for question in found))
        return tuple(sorted(found, key=lambda one: (files.index(one.file), one.line)))


def _some(files: Sequence[str]) -> str:
    """How many files, and which; of many, the first of them."""
    if len(files) == 1:
        return files[0]
    named = ", ".join(files[:NAMED])
    more = f" and {len(files) - NAMED:,} more" if len(files) > NAMED else ""
    return f"{len(files):,} files ({named}{more})"


def expected(model: Model, rows: Rows | None = None) -> tuple[Result, ...]:
    """One result per entry of a model's `expect:`, without a draft, as its file has it.

    `rows` are the model's, where they are made already. Raises UsageError where one names no row.
    """
    if not model.expect:
        return ()
    model = replace(model, draft=None)
    rows = rows or rows_of(model)
    return tuple(_expected(model, rows, expectation) for expectation in model.expect)


def _expected(model: Model, rows: Rows, expectation: Expectation) -> Result:
    context = expectation.context or model.default_context
    longest = expectation.context or model.max_context or context
    with placed(model.file, expectation.line, expectation.entry):
        caches = [cache_of(rows, name) for name in expectation.schemes]
        name = f"{model.slug or model.name}:{expectation.entry}"
        return judged(
            expectation, [Part(cache, context, longest) for cache in caches], name, model.file
        )


def judged(expectation: Expectation, parts: Sequence[Part], name: str, file: str = "") -> Result:
    """A result of that name on a figure alone: confirmed, or refuted with remarks.

    Raises UsageError where its best case cannot be searched for.
    """
    found = value_of(expectation, parts)
    return Result(
        id=name,
        file=file,
        line=expectation.line,
        expectation=expectation,
        computed=None if found is None else found.value,
        verdict="confirmed" if holds(expectation, found) else "refuted",
        remarks=remarks_on(expectation, parts, found),
        note=best_case(found),
    )
