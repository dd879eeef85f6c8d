"""Tables on a terminal: box lines where there is room for them, and colour."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kvcalc.render.sheets import Sheet

FULL_WIDTH = 10**9


def drawn(sheet: Sheet, width: int) -> str:
    """A sheet for a terminal of so many columns; a table that is wider has no box lines."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=FULL_WIDTH, highlight=False)
    blocks: list[Text | Table] = [Text(sheet.title, style="bold")] if sheet.title else []
    blocks += [_fitting(sheet, console, width)] if sheet.columns else []
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
