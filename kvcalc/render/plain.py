"""Lines of a sheet: plain columns as wide as they need to be, in box lines where they are wanted.

A thousand rows take no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from kvcalc.render.sheets import Column, Sheet, Tone, wide

GAP = "  "
BOX = "─│╭┬╮├┼┤╰┴╯"
"""What box lines are made of."""

Paint = Callable[[str, Tone | None], str]
"""Gives a text the look of what it stands out for."""


def as_it_is(text: str, tone: Tone | None) -> str:
    """The look of text in pipes and files: none."""
    return text


def lines_of(sheet: Sheet, paint: Paint = as_it_is, *, boxed: bool = False) -> Iterator[str]:
    """The title, the columns and the other lines, an empty line between each two of them."""
    below = (_alarmed(line, sheet.alarm, paint) for line in sheet.below)
    blocks: list[Iterable[str]] = []
    blocks += [[paint(line, "title") for line in sheet.title.split("\n")]] if sheet.title else []
    blocks += [_table(_unfolded(sheet), paint, boxed)] if sheet.columns else []
    blocks += [sheet.footnotes] if sheet.footnotes else []
    blocks += [below] if sheet.below else []
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from (line.rstrip() for line in block)


def _alarmed(line: str, alarm: str, paint: Paint) -> str:
    return line.replace(alarm, paint(alarm, "failed")) if alarm else line


def _table(sheet: Sheet, paint: Paint, boxed: bool) -> Iterator[str]:
    headings = [column.heading.split("\n") for column in sheet.columns]
    high = max(map(len, headings))
    columns = [
        _aligned(column, [""] * (high - len(heading)) + heading, sheet.tones, paint)
        for column, heading in zip(sheet.columns, headings, strict=True)
    ]
    rows = list(zip(*columns, strict=True))
    if not boxed:
        yield from map(GAP.join, rows)
        return
    rules = ["─" * (widest(column) + 2) for column in sheet.columns]
    yield f"╭{'┬'.join(rules)}╮"
    for number, row in enumerate(rows):
        if number == high:
            yield f"├{'┼'.join(rules)}┤"
        yield f"│ {' │ '.join(row)} │"
    yield f"╰{'┴'.join(rules)}╯"


def widest(column: Column) -> int:
    """The columns of a terminal that a column takes."""
    texts = (column.heading, *column.cells)
    return max(wide(line) for text in texts for line in text.split("\n"))


def _aligned(
    column: Column, heading: list[str], row_tones: tuple[Tone | None, ...], paint: Paint
) -> list[str]:
    """The heading and the cells, all of one width; a cell's own tone goes before its row's."""
    texts = [*heading, *column.cells]
    widths = list(map(wide, texts))
    longest = max(widths)
    blanks = [" " * (longest - width) for width in widths]
    if paint is not as_it_is:
        own = column.tones or (None,) * len(column.cells)
        pairs = zip_longest(own, row_tones[: len(own)])
        tones = [cell or row for cell, row in pairs]
        texts = [paint(line, "title") for line in heading] + list(map(paint, column.cells, tones))
    return [
        blank + text if column.number else text + blank
        for text, blank in zip(texts, blanks, strict=True)
    ]


def _unfolded(sheet: Sheet) -> Sheet:
    """The same with a row for each line of cells that have several."""
    if not any("\n" in cell for column in sheet.columns for cell in column.cells):
        return sheet
    folded = [[cell.split("\n") for cell in row] for row in sheet.rows]
    highs = [max(map(len, row)) for row in folded]
    rows = [line for row in folded for line in zip_longest(*row, fillvalue="")]

    def stretched(tones: tuple[Tone | None, ...]) -> tuple[Tone | None, ...]:
        return tuple(t for t, high in zip(tones, highs, strict=False) for _ in range(high))

    columns = (
        column._replace(cells=cells, tones=stretched(column.tones))
        for column, cells in zip(sheet.columns, zip(*rows, strict=True), strict=True)
    )
    return sheet._replace(columns=tuple(columns), tones=stretched(sheet.tones))
