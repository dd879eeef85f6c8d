"""A published claim: what was said and where, about which models, and the figure it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kvcalc.expect import Expectation
from kvcalc.model import Model, Source
from kvcalc.question import Question
from kvcalc.whatif import Rows, rows_of

Verdict = Literal["confirmed", "holds-if", "misattributed", "refuted", "not-computable"]

AS_IT_IS = Question()


@dataclass(frozen=True)
class Side:
    """One thing that a claim speaks of: a model, and the question that is asked of it.

    scheme    names a row of the model, its own one if None
    question  its context is the side's own; None: the one that the sides share
    """

    model: Model
    scheme: str | None = None
    question: Question = AS_IT_IS

    @cached_property
    def rows(self) -> Rows:
        """The rows of the model as asked. Raises UsageError where the question does not fit it."""
        return rows_of(self.model.adapted(self.question))


@dataclass(frozen=True)
class Statement:
    """A figure, and the sides that its expectation names.

    Without named sides the expectation names rows of the one model in `sides[""]`.
    """

    expectation: Expectation
    sides: Mapping[str, Side]
    context: int | None = None

    @property
    def subject(self) -> Side | None:
        """The one model that the statement is about, where it is about one."""
        return self.sides.get("")


@dataclass(frozen=True)
class Claim:
    """A claim with its source. `stated` is None where nothing in it can be computed."""

    id: str
    quote: str
    source: Source
    primary: bool
    stated: Statement | None
    assumed: Statement | None = None
    """The statement under `holds_if`."""
    about: Side | None = None
    """The model that a claim without a figure speaks of, for derived facts."""
    ships: str | None = None
    evidence: str = ""
    expected: Verdict = "confirmed"
    note: str = ""
    file: str = ""
    line: int = 0
