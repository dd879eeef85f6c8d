"""Results to text, one file per output format; adding a format is a file and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kvcalc.expect import Quantity
    from kvcalc.queries.check import Checked
    from kvcalc.queries.compare import Comparison
    from kvcalc.queries.listing import Listing
    from kvcalc.queries.show import Breakdown
    from kvcalc.units import System

    Answer = Comparison | Breakdown | Checked | Listing

FORMATS = {
    "table": "kvcalc.render.table",
    "json": "kvcalc.render.json",
    "jsonl": "kvcalc.render.jsonl",
    "csv": "kvcalc.render.csv",
    "markdown": "kvcalc.render.markdown",
    "github": "kvcalc.render.github",
    "junit": "kvcalc.render.junit",
}
"""By name, the module whose `render(answer, style)` writes it; imported when it is used."""

FormatName = Literal["table", "json", "jsonl", "csv", "markdown", "github", "junit"]


@dataclass(frozen=True)
class Style:
    """How an answer looks: units for people, the sum written out (of one metric, or of all).

    width is the terminal's, None where the text goes to a pipe or a file.
    """

    units: System = "si"
    explain: bool = False
    metric: Quantity | None = None
    width: int | None = None


def render(answer: Answer, format_name: FormatName, style: Style) -> str:
    """The answer as text that ends in a newline."""
    text: str = import_module(FORMATS[format_name]).render(answer, style)
    return text
