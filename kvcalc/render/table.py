"""Tables: box lines and colour on a terminal, plain columns of full width anywhere else."""

from __future__ import annotations

import io
from typing import Any

from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kvcalc.printable import printable
from kvcalc.render import Style, View
from kvcalc.render.plain import lines_of
from kvcalc.render.sheets import Sheet

FULL_WIDTH = 10**9
MANY_ROWS = 500
"""A longer table is plain on a terminal, too: rich takes a millisecond for a row."""


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below.

    A sheet without columns is those lines alone. A table wider than the terminal is printed
    without box lines; no cell is ever broken, and none has what a terminal would obey.
    """
    sheet = view.sheet(answer, style).changed(printable)
    many = len(sheet.columns[0].cells) > MANY_ROWS if sheet.columns else False
    if style.width is None or many:
        return "\n".join(lines_of(sheet)) + "\n"
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=FULL_WIDTH, highlight=False)
    blocks: list[Text | Table] = [Text(sheet.title, style="bold")] if sheet.title else []
    blocks += [_fitting(sheet, console, style.width)] if sheet.columns else []
    blocks += [Text("\n".join(sheet.below))] if sheet.below else []
    for number, block in enumerate(blocks):
        if number:
            console.print()
        console.print(block)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _fitting(sheet: Sheet, console: Console, width: int) -> Table:
    table = _table(sheet, boxed=True)
    if Measurement.get(console, console.options, table).maximum > width:
        return _table(sheet, boxed=False)
    return table


def _table(sheet: Sheet, *, boxed: bool) -> Table:
    table = Table(
        box=box.ROUNDED if boxed else None,
        header_style="bold",
        pad_edge=boxed,
        padding=(0, 1) if boxed else (0, 2, 0, 0),
    )
    for column in sheet.columns:
        justify: JustifyMethod = "right" if column.number else "left"
        table.add_column(Text(column.heading), justify=justify, no_wrap=True)
    for number, row in enumerate(sheet.rows):
        table.add_row(*map(Text, row), style="bold green" if number in sheet.marked else None)
    return table
