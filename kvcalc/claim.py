"""A published claim: what was said and where, about which models, and the figure it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kvcalc.expect import Expectation
from kvcalc.figures import Figure
from kvcalc.machine import Machine
from kvcalc.model import Model, Source
from kvcalc.question import NOTHING_ASKED, Question
from kvcalc.whatif import Rows, rows_of

Verdict = Literal[
    "confirmed",
    "holds-if",
    "misattributed",
    "refuted",
    "supported",
    "contradicted",
    "not-computable",
]
"""The first four are computed. A document decides the next two, and nothing the last: no figure is
there, or one that lies within what is estimated."""


BY_HAND: frozenset[Verdict] = frozenset({"supported", "contradicted"})
"""What a document decides and arithmetic does not: recorded, it neither passes nor fails."""


@dataclass(frozen=True)
class Side:
    """One thing that a claim speaks of: a model, with what-ifs of its own.

    `scheme` names a row of the model, its own one if None; a context of None is shared.

    machine  what serves it, where a figure is of that
    left     what is left of each GPU for the cache, as it was printed
    """

    model: Model
    scheme: str | None = None
    question: Question = NOTHING_ASKED
    machine: Machine | None = None
    left: Figure | None = None

    @cached_property
    def rows(self) -> Rows:
        """The rows of the model with its what-ifs. Raises UsageError where they do not fit it."""
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
class AnsweredQuestion:
    """A question and its answer, as a fact sheet has them above the claims of these ids."""

    ask: str
    answer: str
    claims: tuple[str, ...]
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Claim:
    """A claim with its source. `stated` is None where it has no figure."""

    id: str
    quote: str
    source: Source
    primary: bool
    stated: Statement | None
    assumed: Statement | None = None
    """The statement under `holds_if`."""
    assumption: str = ""
    """What `holds_if` changes, as the file has it."""
    about: Side | None = None
    """The model that a claim without a figure speaks of, for derived facts."""
    ships: str | None = None
    evidence: tuple[Source, ...] = ()
    """The documents that decide a claim without a figure, each with the place in it."""
    undecided: str = ""
    """Why nothing decides a claim without a figure."""
    question: AnsweredQuestion | None = None
    """The question that it answers with others."""
    expected: Verdict = "confirmed"
    note: str = ""
    title: str = ""
    """Of all claims in its file."""
    file: str = ""
    line: int = 0
