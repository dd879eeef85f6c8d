"""Tables: fitted to a terminal, with box lines and colour, plain and of full width elsewhere."""

from __future__ import annotations

from typing import Any

from kvcalc.printable import printable
from kvcalc.render import Style, View
from kvcalc.render.plain import lines_of


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below.

    A sheet without columns is those lines alone. No cell is ever cut, and none has what a terminal
    would obey.
    """
    sheet = view.sheet(answer, style).changed(printable)
    if style.width is None and style.look == "plain":
        return "\n".join(lines_of(sheet)) + "\n"
    from kvcalc.render.fitting import fitted
    from kvcalc.render.terminal import drawn

    if style.width is None:
        # a pipe gets all of it, coloured where that is forced
        return drawn(sheet, style.look)
    fitting = fitted(sheet, style.width, every=style.wide)
    return drawn(fitting, style.look, style.width if style.boxed else 0)
