"""Tables: cut to a terminal's width with box lines and colour, of full width anywhere else."""

from __future__ import annotations

from typing import Any

from kvcalc.printable import printable
from kvcalc.render import Style, View
from kvcalc.render.plain import Paint, as_it_is, lines_of


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below.

    A sheet without columns is those lines alone. No cell is ever cut, and none has what a terminal
    would obey.
    """
    sheet, boxed = view.sheet(answer, style).changed(printable), False
    if style.width is not None:
        # a pipe gets all of it as it is
        from kvcalc.render.fitting import fitted

        sheet, boxed = fitted(sheet, style.width, boxed=style.boxed, every=style.wide)
    return "\n".join(lines_of(sheet, _paint(style), boxed=boxed)) + "\n"


def _paint(style: Style) -> Paint:
    if style.look == "plain":
        return as_it_is
    from kvcalc.render.terminal import bold, coloured

    return coloured if style.look == "colour" else bold
