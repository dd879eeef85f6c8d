"""Tables: box lines and colour on a terminal, plain columns of full width anywhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kvcalc.render.sheets import sheet_of

if TYPE_CHECKING:
    from kvcalc.render import Answer, Style
    from kvcalc.render.sheets import Sheet

PIPE_WIDTH = 100_000


def render(answer: Answer, style: Style) -> str:
    """The answer's sheet with its title above and its other lines below."""
    sheet = sheet_of(answer, style)
    terminal = style.width is not None
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=style.width or PIPE_WIDTH, highlight=False
    )
    if sheet.title:
        console.print(Text(sheet.title, style="bold"), "", sep="\n")
    console.print(_table(sheet, terminal))
    if sheet.below:
        console.print(Text("\n".join(("", *sheet.below))))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(sheet: Sheet, terminal: bool) -> Table:
    table = Table(
        box=box.ROUNDED if terminal else None,
        header_style="bold",
        pad_edge=terminal,
        padding=(0, 1) if terminal else (0, 2, 0, 0),
    )
    for column in sheet.columns:
        table.add_column(
            Text(column.heading), justify="right" if column.number else "left", overflow="fold"
        )
    for number, row in enumerate(sheet.rows):
        table.add_row(*map(Text, row), style="bold green" if number in sheet.marked else None)
    return table
