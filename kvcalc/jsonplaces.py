"""Where the parts of a JSON text stand.

They are looked for in the text, and only where they are asked after: a file may be large.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvcalc.errors import Place

Member = tuple[str | int, int, int]
"""The key or the number of a member, where it begins, and where its value does."""

# one without an end goes on to that of all, or each quote in it would be tried as a beginning
TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]*+")
COLON = rf"{_BLANK.pattern}:{_BLANK.pattern}"
_KEY = re.compile(rf"({TEXT.pattern}){COLON}", re.DOTALL)
_SCALAR = re.compile(rf'(?:{TEXT.pattern}|[^\s\[\]{{}}:,"]++){_BLANK.pattern}', re.DOTALL)
_READ: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode
"""Reads one value, and tells where it ends."""
_PAGE = 4_096
"""Characters of a text in which lines are counted anew for each place."""
_FAR = 50_000
"""Members of an object or a list among which the place of one is looked for."""


def unquoted(word: str) -> str:
    """A text as JSON writes it, without its quotes and escapes."""
    return str(json.loads(word)) if "\\" in word else word[1:-1]


class Places:
    """Where the parts of a JSON text stand."""

    in_braces = True

    def __init__(self, text: str) -> None:
        self.text = text
        self.inside: dict[int, _Inside] = {}

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column of the value at a path, or of the nearest thing above it."""
        start = value = self._after(0)
        for step in path:
            found = self._member(value, step)
            if found is None:
                break
            start, value = found
        return self.at(start)

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character; only line feeds end a line."""
        page = offset // _PAGE
        line, begin = self._pages[page]
        line += self.text.count("\n", page * _PAGE, offset)
        begin = max(begin, self.text.rfind("\n", page * _PAGE, offset) + 1)
        return line, offset - begin + 1

    @cached_property
    def _pages(self) -> list[tuple[int, int]]:
        """The line in which each page of the text begins, and where that line does."""
        pages, line, begin = [], 1, 0
        for start in range(0, len(self.text) + 1, _PAGE):
            pages.append((line, begin))
            line += self.text.count("\n", start, start + _PAGE)
            begin = max(begin, self.text.rfind("\n", start, start + _PAGE) + 1)
        return pages

    def _after(self, offset: int) -> int:
        """Where the next word begins, behind the blank."""
        found = _BLANK.match(self.text, offset)
        return found.end() if found else offset

    def _member(self, value: int, step: str | int) -> tuple[int, int] | None:
        """Where a member of an object or a list begins, and its value; of equal keys the first.

        What stands behind it is not read before somebody asks after it, nor what is too far off.
        """
        if self.text[value] not in "{[":
            return None
        if value not in self.inside:
            read = self._fields if self.text[value] == "{" else self._items
            self.inside[value] = _Inside(read(value))
        key = str(step) if self.text[value] == "{" else step
        inside = self.inside[value]
        if key not in inside.known and len(inside.known) < _FAR:
            inside.read_to(key)
        return inside.known.get(key)

    def _fields(self, value: int) -> Iterator[Member]:
        at = self._after(value + 1)
        while found := _KEY.match(self.text, at):
            yield unquoted(found[1]), at, found.end()
            at = self._next(found.end())
        self.inside[value].end = at + 1

    def _items(self, value: int) -> Iterator[Member]:
        number, at = 0, self._after(value + 1)
        while self.text[at] != "]":
            yield number, at, at
            number, at = number + 1, self._next(at)
        self.inside[value].end = at + 1

    def _next(self, value: int) -> int:
        """Where the next member begins, or the end of all, behind a value and its comma."""
        scalar = _SCALAR.match(self.text, value)
        at = scalar.end() if scalar else self._after(self._end(value))
        return self._after(at + 1) if self.text[at] == "," else at

    def _end(self, value: int) -> int:
        """Where an object or a list ends; nothing that was looked into is read once more."""
        inside = self.inside.get(value)
        if inside is None:
            return _READ(self.text, value)[1]
        inside.read_to(None)
        return inside.end


class _Inside:
    """The members of an object or a list, as far as they have been read."""

    def __init__(self, rest: Iterator[Member]) -> None:
        self.known: dict[str | int, tuple[int, int]] = {}
        self.rest = rest
        self.end = 0

    def read_to(self, key: str | int | None) -> None:
        """Read on, up to a member of this key or to the end."""
        for name, start, value in self.rest:
            if len(self.known) < _FAR:
                self.known.setdefault(name, (start, value))
            if key is not None and (name == key or len(self.known) == _FAR):
                return
