"""Tables: box lines and colour on a terminal, plain columns of full width anywhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kvcalc.render.sheets import sheet_of

if TYPE_CHECKING:
    from kvcalc.render import Answer, Style
    from kvcalc.render.sheets import Sheet

FULL_WIDTH = 100_000


def render(answer: Answer, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below.

    A table wider than the terminal is printed without box lines; no cell is ever broken.
    """
    sheet = sheet_of(answer, style)
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=style.width is not None, width=FULL_WIDTH, highlight=False
    )
    table = _table(sheet, boxed=style.width is not None)
    if style.width is not None and Measurement.get(console, console.options, table).maximum > (
        style.width
    ):
        table = _table(sheet, boxed=False)
    if sheet.title:
        console.print(Text(sheet.title, style="bold"), "", sep="\n")
    console.print(table)
    if sheet.below:
        console.print(Text("\n".join(("", *sheet.below))))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


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
