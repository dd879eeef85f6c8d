"""Markdown: the sheet as a table, aligned so that it reads well unrendered too."""

from __future__ import annotations

from typing import Any

from kvcalc.render import Style, View


def write(view: View, answer: Any, style: Style) -> str:
    """Title, table, and the lines below it as they are."""
    sheet = getattr(view, "fact_sheet", view.sheet)(answer, style)
    widths = [max(map(len, (c.heading, "---", *map(_escaped, c.cells)))) for c in sheet.columns]
    numbers = [column.number for column in sheet.columns]
    rules = [
        "-" * (width - 1) + ":" if number else "-" * width
        for width, number in zip(widths, numbers, strict=True)
    ]
    rows = [tuple(column.heading for column in sheet.columns), tuple(rules)]
    rows += [tuple(map(_escaped, row)) for row in sheet.rows]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        )
        + " |"
        for row in rows
    ]
    title = [f"**{_escaped(sheet.title)}**", ""] if sheet.title else []
    below = ["", "```", *sheet.below, "```"] if sheet.below else []
    return "\n".join([*title, *lines, *below]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\r", " ").replace("\n", " ")
