"""Tables: box lines and colour on a terminal, plain columns of full width anywhere else."""

from __future__ import annotations

from typing import Any

from kvcalc.printable import printable
from kvcalc.render import Style, View
from kvcalc.render.plain import lines_of

MANY_ROWS = 500
"""A longer table is plain on a terminal, too: rich takes a millisecond for a row."""


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below.

    A sheet without columns is those lines alone. No cell is ever broken, and none has what a
    terminal would obey.
    """
    sheet = view.sheet(answer, style).changed(printable)
    many = len(sheet.columns[0].cells) > MANY_ROWS if sheet.columns else False
    if style.width is None or many:
        return "\n".join(lines_of(sheet)) + "\n"
    from kvcalc.render.terminal import drawn

    return drawn(sheet, style.width)
