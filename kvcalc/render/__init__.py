"""Answers to text: a module per question says what there is to print, a module per format how."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kvcalc.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from kvcalc.expect import Quantity
    from kvcalc.queries.check import Result
    from kvcalc.render.keys import Document, Each
    from kvcalc.render.sheets import Sheet
    from kvcalc.units import System

VIEWS = {
    "Comparison": "kvcalc.render.compare",
    "Breakdown": "kvcalc.render.show",
    "Checked": "kvcalc.render.check",
    "Listing": "kvcalc.render.listing",
    "Difference": "kvcalc.render.diff",
}
"""By the class of the answer, the module of its question; imported when it is used."""

WRITERS = {
    "table": "kvcalc.render.table",
    "json": "kvcalc.render.json",
    "jsonl": "kvcalc.render.jsonl",
    "csv": "kvcalc.render.csv",
    "markdown": "kvcalc.render.markdown",
    "github": "kvcalc.render.github",
    "junit": "kvcalc.render.junit",
}
"""By format, the module whose `write(view, answer, style)` writes it; imported when it is used."""


class Style(NamedTuple):
    """How an answer looks: units for people, the sum written out (of one metric, or of all).

    width is the terminal's, None where the text goes to a pipe or a file.
    """

    units: System = "si"
    explain: bool = False
    metric: Quantity | None = None
    width: int | None = None


class View(Protocol):
    """What the module of a question has; `results` or `fact_sheet` besides, if it has any."""

    DOCUMENT: Document
    RECORDS: Each
    """The list that the document is about, flat."""

    def sheet(self, answer: Any, style: Style) -> Sheet:
        """Titled columns of text."""


def render(answer: object, format_name: str, style: Style) -> str:
    """The answer as text that ends in a newline. Raises UsageError for what no format can do."""
    if format_name not in WRITERS:
        hint = did_you_mean(format_name, WRITERS)
        raise UsageError(f"unknown format {format_name!r}; {hint}")
    view = import_module(VIEWS[type(answer).__name__])
    text: str = import_module(WRITERS[format_name]).write(view, answer, style)
    return text


def results_of(view: Any, answer: Any) -> Sequence[Result]:
    """What an answer holds to figures, for formats of CI. Raises UsageError where that is none."""
    if not hasattr(view, "results"):
        raise UsageError("this format is for what is checked: name another, or ask check")
    found: Sequence[Result] = view.results(answer)
    return found
