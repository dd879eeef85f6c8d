"""Answers to text: a module per question says what there is to print, a module per format how."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from kvcalc.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from kvcalc.expect import Quantity
    from kvcalc.render.keys import JsonObject
    from kvcalc.render.records import Records
    from kvcalc.render.sheets import Sheet
    from kvcalc.render.terminal import Look
    from kvcalc.units import System

VIEWS = {
    "Comparison": "kvcalc.render.compare",
    "Breakdown": "kvcalc.render.show",
    "Fit": "kvcalc.render.fit",
    "Checked": "kvcalc.render.check",
    "Listing": "kvcalc.render.listing",
    "Dtypes": "kvcalc.render.dtypes",
    "EngineSettings": "kvcalc.render.settings",
    "Gpus": "kvcalc.render.gpus",
    "Difference": "kvcalc.render.diff",
}
"""By the class of the answer, the module of its question; imported when it is used."""

WRITERS = ("table", "json", "jsonl", "csv", "markdown", "github", "junit", "sarif")
"""Each is written by `write(view, answer, style)` of its module, imported when it is used."""

WITH_ERRORS = ("json", "github", "junit", "sarif")
"""Those in which a check has what is wrong with files beside the results of the others."""


class Style(NamedTuple):
    """How an answer looks: units for people, the sum written out (of one metric, or of all).

    per_layer adds what one layer of each group keeps.
    width is the terminal's, None where the text goes to a pipe or a file; wide shows all columns
    whatever it is, boxed is for a terminal that can draw lines.
    """

    units: System = "si"
    explain: bool = False
    per_layer: bool = False
    metric: Quantity | None = None
    width: int | None = None
    wide: bool = False
    boxed: bool = False
    look: Look = "plain"


class View(Protocol):
    """What the module of a question has; besides, a `document` if it says more as prose."""

    DOCUMENT: JsonObject
    RECORDS: Records
    """The list that the document is about, flat, each with what was asked."""

    def sheet(self, answer: Any, style: Style) -> Sheet:
        """Titled columns of text."""


def render(answer: object, format_name: str, style: Style) -> str:
    """The answer as text that ends in a newline. Raises UsageError for what no format can do."""
    if format_name not in WRITERS:
        hint = did_you_mean(format_name, WRITERS)
        raise UsageError(f"unknown format {format_name!r}; {hint}")
    view = _view_of(answer)
    text: str = import_module(f"{__name__}.{format_name}").write(view, answer, style)
    return text


def to_dict(answer: object) -> dict[str, Any]:
    """The answer's document as data."""
    return _view_of(answer).DOCUMENT(answer)


def _view_of(answer: object) -> View:
    # a module is of the protocol that its names are of, which no type says
    view: Any = import_module(VIEWS[type(answer).__name__])
    return cast("View", view)
