"""Markdown: the sheet as a table, aligned so that it reads well unrendered too.

A name is text, whatever is in it: no markup, no HTML, nobody who is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kvcalc.printable import printable
from kvcalc.render import Style, View
from kvcalc.render.sheets import Sheet, wide

if TYPE_CHECKING:
    from kvcalc.render.documents import Document, Fact

_MARKUP = re.compile(r"[\\|\[]|<(?=[A-Za-z/!?])|&(?=#?\w+;)")
"""The end of a cell, a link, a tag, a character by its name."""
_PAIRED = re.compile(r"[`~]|(?<!\s)\*|\*(?!\s)|(?<![^\W_])_|_(?![^\W_])")
"""What sets text off where there are two of it: no star by itself, no underscore within a word."""
_START = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=>|[-+*#=](?!\d)))")
"""How a paragraph begins that would be a list, a heading or a quotation, and not a number."""
_END = re.compile(r"(?:(?<=\s)|^)#+$")
"""How a heading ends that would lose it."""
_CALLED = re.compile(r"(?<!\w)@(?=\w)", re.ASCII)
"""Who is called by name, to whom GitHub would write."""


def write(view: View, answer: Any, style: Style) -> str:
    """A document where the view makes one, else its sheet."""
    document = getattr(view, "document", None)
    lines = _document(document(answer, style)) if document else _sheet(view.sheet(answer, style))
    return "\n".join(lines) + "\n"


def _document(document: Document) -> list[str]:
    """Headings, paragraphs, and facts with what there is to say of each listed below it."""
    lines: list[str] = []
    document = document.changed(_on_a_line)
    for section in document.sections:
        if section.heading:
            heading = _END.sub(r"\\\g<0>", _escaped(section.heading.strip()))
            lines += [f"{'#' * section.level} {heading}", ""]
        for paragraph in section.prose:
            lines += [_START.sub(r"\1\\", _escaped(paragraph)), ""]
        for fact in section.facts:
            lines += _fact(fact)
        if section.sheet:
            lines += [*_sheet(section.sheet), ""]
    return [*lines, _escaped(document.below)] if document.below else lines[:-1]


def _fact(fact: Fact) -> Iterator[str]:
    """The verdict first, where one looks for it, then a list of what there is to say."""
    verdict, said, told, name = _on_one_line(fact.verdict, fact.said, fact.told, fact.name)
    told = f": {told}" if told else ""
    yield f"**{verdict}** {said}{told} ({name})"
    yield ""
    for label, text in fact.more:
        yield f"- {label}: {_escaped(text)}"
    yield ""


def _sheet(sheet: Sheet) -> list[str]:
    """Title, table if there is one, and the lines below it as they are."""
    sheet = sheet.changed(_on_a_line)
    title = [f"**{_escaped(sheet.title)}**"] if sheet.title else []
    table = _table(sheet) if sheet.columns else []
    notes = [line for note in sheet.footnotes for line in ("", _START.sub(r"\1\\", _escaped(note)))]
    between = [""] if title and table else []
    return [*title, *between, *table, *notes, *_fenced(sheet.below)]


def _table(sheet: Sheet) -> list[str]:
    """The header, a rule that says how columns are set, and the rows, in columns of one width."""
    table = [[_escaped(column.heading) for column in sheet.columns]]
    table += [list(map(_escaped, row)) for row in sheet.rows]
    widths = [max(3, *map(wide, column)) for column in zip(*table, strict=True)]
    flush_right = [column.number for column in sheet.columns]
    rules = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, flush_right, strict=True)
    ]
    return [_line(row, widths, flush_right) for row in (table[0], rules, *table[1:])]


def _line(row: list[str], widths: list[int], flush_right: list[bool]) -> str:
    cells = []
    for cell, width, right in zip(row, widths, flush_right, strict=True):
        blank = " " * (width - wide(cell))
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
    return _on_one_line(text)[0]


def _on_one_line(*texts: str) -> list[str]:
    """Texts, escaped, that stand on one line: a sign in the one pairs with that in another."""
    shown = [_MARKUP.sub(r"\\\g<0>", text) for text in texts]
    if sum(len(_PAIRED.findall(text)) for text in shown) > 1:
        shown = [_PAIRED.sub(r"\\\g<0>", text) for text in shown]
    return [_CALLED.sub("@&#8203;", text) for text in shown]
