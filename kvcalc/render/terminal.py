"""Sheets on a terminal, drawn by rich: box lines where there is room for them, few colours."""

from __future__ import annotations

import io
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kvcalc.render.sheets import Sheet, Tone

Look = Literal["plain", "bold", "colour"]
"""No escapes; weight alone; and with colour."""

STYLES: dict[Tone, str] = {
    "title": "bold",
    "total": "bold",
    "own": "bold green",
    "failed": "bold red",
    "wrong": "red",
    "doubtful": "yellow",
    "open": "dim",
}
"""Each colour is the terminal's own, which a light and a dark one both show."""
FULL_WIDTH = 10**9
"""Of a page on which rich cuts nothing: it is the columns that are fitted to a terminal."""


def drawn(sheet: Sheet, look: Look, box_width: int = 0) -> str:
    """The blocks of a sheet; the table has box lines if it is no wider with them than this."""
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=True,
        width=FULL_WIDTH,
        height=1,  # without one rich takes a dumb terminal for 80 columns wide
        highlight=False,
        color_system=None if look == "plain" else "standard",
        no_color=look == "bold",
    )
    for number, block in enumerate(_blocks(sheet, console, box_width)):
        if number:
            console.print()
        console.print(block)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _blocks(sheet: Sheet, console: Console, box_width: int) -> list[Text | Table]:
    below = Text("\n".join(sheet.below))
    if sheet.alarm:
        below.highlight_words([sheet.alarm], STYLES["failed"])
    blocks: list[Text | Table] = [_toned(sheet.title, "title")] if sheet.title else []
    blocks += [_table(sheet, console, box_width)] if sheet.columns else []
    blocks += [Text("\n".join(sheet.footnotes))] if sheet.footnotes else []
    return blocks + ([below] if sheet.below else [])


def _table(sheet: Sheet, console: Console, box_width: int) -> Table:
    table = Table(box=box.ROUNDED, header_style="none")
    for column in sheet.columns:
        table.add_column(
            _toned(column.heading, "title"),
            justify="right" if column.number else "left",
            no_wrap=True,
            # measured at once: rich takes twice as long where it measures cell by cell
            width=_measured(Text("\n".join((column.heading, *column.cells))), console),
        )
    for number, row in enumerate(sheet.rows):
        whole = sheet.tones[number] if sheet.tones else None
        tones = (column.tones[number] if column.tones else None for column in sheet.columns)
        # a cell's own tone goes before its row's
        table.add_row(*(_toned(c, tone or whole) for c, tone in zip(row, tones, strict=True)))
    if _measured(table, console) > box_width:
        table.box, table.pad_edge, table.padding = None, False, (0, 2, 0, 0)
        # with one, older versions of rich pad it all the same
        table.columns[-1].width = None
    return table


def _measured(block: Text | Table, console: Console) -> int:
    return Measurement.get(console, console.options, block).maximum


def _toned(text: str, tone: Tone | None) -> Text:
    """Text that stands out, and the blanks beside it do not."""
    return Text.styled(text, STYLES[tone]) if tone else Text(text)
