"""Plain columns for pipes and files, as wide as they need to be; a thousand rows take no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvcalc.render.sheets import Column, Sheet, wide

GAP = "  "


def lines_of(sheet: Sheet) -> Iterator[str]:
    """The title, the columns and the other lines, an empty line between each two of them."""
    blocks: list[Sequence[str]] = [[sheet.title]] if sheet.title else []
    blocks += [_table(sheet)] if sheet.columns else []
    blocks += [lines for lines in (sheet.footnotes, sheet.below) if lines]
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from (line.rstrip() for line in block)


def _table(sheet: Sheet) -> list[str]:
    columns = [_aligned(column) for column in sheet.columns]
    return [GAP.join(row) for row in zip(*columns, strict=True)]


def _aligned(column: Column) -> list[str]:
    """The heading and the cells, all of one width."""
    texts = [column.heading, *column.cells]
    widths = list(map(wide, texts))
    longest = max(widths)
    blanks = (" " * (longest - width) for width in widths)
    pairs = zip(texts, blanks, strict=True)
    return [blank + text if column.number else text + blank for text, blank in pairs]
