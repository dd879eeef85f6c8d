"""Sheets on a terminal: as wide as it is, and no number is ever cut.

In this order, as far as it takes: headings on several lines, words on several lines, and fewer
columns, those that repeat another first. rich, which draws them, has no ranks of columns, and cuts
words that are longer than a line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap

from kvcalc.render.plain import GAP
from kvcalc.render.sheets import Column, Sheet, wide

HEADING = 6
"""A heading is not set narrower than this."""
SET_IN = 2
"""A cell goes on so much further in, that nothing in it begins a line."""
HANGING = 4
EQUALS = "  = "
"""Where a line of a sum is broken first: what it comes to goes below."""


def fitted(sheet: Sheet, width: int, *, every: bool) -> Sheet:
    """The sheet for a terminal of so many columns.

    What is left out of the table is named below it; with `every` that is nothing.
    """
    columns, left_out = sheet.columns, []
    shown = _laid(columns, width)
    while _taken(shown) > width and not every and (last := max(c.rank for c in columns)):
        first = next(n for n, column in enumerate(columns) if column.rank == last)
        left_out.append(columns[first].heading)
        columns = tuple(c._replace(heading=c.alone or c.heading) for c in columns)
        columns = columns[:first] + columns[first + 1 :]
        shown = _laid(columns, width)
    told = [f"left out: {', '.join(left_out)}; --wide shows all"] if left_out else []
    return sheet._replace(
        title="\n".join(hung(sheet.title, width)),
        columns=shown,
        footnotes=_lines(sheet.footnotes, width) + _lines(told, width),
        below=_lines(sheet.below, width),
    )


def _widest(column: Column) -> int:
    """The columns of a terminal that a column takes."""
    texts = (column.heading, *column.cells)
    return max(wide(line) for text in texts for line in text.split("\n"))


def _taken(columns: Sequence[Column]) -> int:
    return sum(map(_widest, columns)) + len(GAP) * (len(columns) - 1)


def _laid(columns: tuple[Column, ...], width: int) -> tuple[Column, ...]:
    """The columns as they are, or folded where they are too wide."""
    return columns if _taken(columns) <= width else _folded(columns, width)


def _folded(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """Headings as wide as their cells, words as wide as there is room for."""
    columns = [_below_each_other(column) for column in columns]
    widths = list(map(_widest, columns))
    floors = [_narrowest(c) if c.folds else w for c, w in zip(columns, widths, strict=True)]
    cells = [list(map(wide, column.cells)) for column in columns]
    excess = _taken(columns) - width
    while excess > 0 and widths != floors:
        # where the fewest further cells are broken for it
        may = [(cells[n].count(widths[n]), n) for n in range(len(columns)) if widths[n] > floors[n]]
        widths[min(may)[1]] -= 1
        excess -= 1
    return tuple(
        column._replace(cells=tuple("\n".join(_broken(c, to, column)) for c in column.cells))
        if to < _widest(column)
        else column
        for column, to in zip(columns, widths, strict=True)
    )


def _below_each_other(column: Column) -> Column:
    width = max(HEADING, *map(wide, (*column.cells, *column.heading.split())))
    return column._replace(heading="\n".join(_words(column.heading, width)))


def _narrowest(column: Column) -> int:
    """The least width at which no word is cut."""
    heading = max(map(wide, column.heading.split("\n")))
    words = (wide(word) for cell in column.cells for word in _apart(cell, column).split())
    longest = max(words, default=0) + (0 if column.number else SET_IN)
    return min(_widest(column), max(column.folds, heading, longest))


def _broken(cell: str, width: int, column: Column) -> list[str]:
    if wide(cell) <= width:
        return [cell]
    lines = _words(_apart(cell, column), width, 0 if column.number else SET_IN)
    return lines if " " in cell else [re.sub(r"(?<=[-:]) ", "", line) for line in lines]


def _apart(cell: str, column: Column) -> str:
    """A cell with a blank where it may be broken: a name is at hyphens and colons, no number is."""
    return cell if column.number or " " in cell else re.sub(r"(?<=[-:])", " ", cell)


def _words(text: str, width: int, set_in: int = 0, indent: str = "") -> list[str]:
    """Text on lines of so many columns, no word of it cut; what follows the first is set in."""
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * set_in,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [text]


def _lines(lines: Sequence[str], width: int) -> tuple[str, ...]:
    return tuple(part for line in lines for part in hung(line, width))


def hung(line: str, width: int) -> list[str]:
    """A line, broken between words where it is too long; what follows is set in."""
    if wide(line) <= width:
        return [line]
    product, equals, total = line.rpartition(EQUALS)
    if equals and wide(product) <= width:
        return [product.rstrip(), (equals + total).strip().rjust(width)]
    indent = " " * (len(line) - len(line.lstrip()))
    return _words(line.lstrip(), max(width, 2 * HANGING + len(indent)), HANGING, indent)
