"""Markdown: the sheet as a table, aligned so that it reads well unrendered too.

A name is text, whatever is in it: no markup, no HTML, nobody who is called.
"""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len

from kvcalc.printable import printable
from kvcalc.render import Style, View

_MARKUP = re.compile(r"[\\|\[]|<(?=[A-Za-z/!?])|&(?=#?\w+;)")
"""The end of a cell, a link, a tag, a character by its name."""
_PAIRED = re.compile(r"[`~]|(?<!\s)\*|\*(?!\s)|(?<![^\W_])_|_(?![^\W_])")
"""What sets text off where there are two of it: no star by itself, no underscore within a word."""
_CALLED = re.compile(r"(?<!\w)@(?=\w)", re.ASCII)
"""Who is called by name, to whom GitHub would write."""


def write(view: View, answer: Any, style: Style) -> str:
    """Title, table, and the lines below it as they are."""
    sheet = getattr(view, "fact_sheet", view.sheet)(answer, style).changed(_on_a_line)
    table = [[_escaped(column.heading) for column in sheet.columns]]
    table += [list(map(_escaped, row)) for row in sheet.rows]
    widths = [max(3, *map(cell_len, column)) for column in zip(*table, strict=True)]
    flush_right = [column.number for column in sheet.columns]
    rules = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, flush_right, strict=True)
    ]
    lines = [_line(row, widths, flush_right) for row in (table[0], rules, *table[1:])]
    title = [f"**{_escaped(sheet.title)}**", ""] if sheet.title else []
    return "\n".join([*title, *lines, *_fenced(sheet.below)]) + "\n"


def _line(row: list[str], widths: list[int], flush_right: list[bool]) -> str:
    cells = []
    for cell, width, right in zip(row, widths, flush_right, strict=True):
        blank = " " * (width - cell_len(cell))
        cells.append(blank + cell if right else cell + blank)
    return f"| {' | '.join(cells)} |"


def _fenced(lines: tuple[str, ...]) -> list[str]:
    """Lines as they are, between fences that none of them can close."""
    runs = (len(run) for line in lines for run in re.findall("`+", line))
    fence = "`" * max(3, max(runs, default=0) + 1)
    return ["", fence, *lines, fence] if lines else []


def _on_a_line(text: str) -> str:
    return printable(text.replace("\r\n", " ").replace("\r", " ").replace("\n", " "))


def _escaped(text: str) -> str:
    shown = _MARKUP.sub(r"\\\g<0>", text)
    if len(_PAIRED.findall(shown)) > 1:
        shown = _PAIRED.sub(r"\\\g<0>", shown)
    return _CALLED.sub("@&#8203;", shown)
