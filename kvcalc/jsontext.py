"""JSON as its own grammar has it, and where each part of it stands.

Not all JSON is YAML: an emoji written as two escapes is not, nor a key of over 1,024 characters.
Places are looked for in the text, and only where they are asked after: a file may be large.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.yamltext import MAX_DEPTH, TOO_DEEP, is_deep, repeated_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_VALUES = 500_000
"""Each takes many times the memory of its text. What lists every expert of a trillion parameters,
384 of 60 layers with three projections and four settings for each, has 345,600."""

Member = tuple[str | int, int, int]
"""The key or the number of a member, where it begins, and where its value does."""

# one without an end goes on to that of all, or each quote in it would be tried as a beginning
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_TOKEN = re.compile(rf'{_TEXT.pattern}|[\[\]{{}}]|[^\s\[\]{{}}:,"]++', re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]*+")
_COLON = rf"{_BLANK.pattern}:{_BLANK.pattern}"
_KEYS = re.compile(rf"({_TEXT.pattern}){_COLON}|{_TEXT.pattern}|[\[\]{{}}]", re.DOTALL)
"""Keys with their colons, and what stands between those of two objects."""
_KEY = re.compile(rf"({_TEXT.pattern}){_COLON}", re.DOTALL)
_SCALAR = re.compile(rf'(?:{_TEXT.pattern}|[^\s\[\]{{}}:,"]++){_BLANK.pattern}', re.DOTALL)
_READ: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode
"""Reads one value, and tells where it ends."""
_PAGE = 4_096
"""Characters of a text in which lines are counted anew for each place."""
_FAR = 50_000
"""Members of an object or a list among which the place of one is looked for."""
_MANY = 1_000
"""Problems of one kind that are told one by one."""
_HALF = re.compile("[\ud800-\udfff]")
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


class NotJSON(InvalidValue):
    """A text that is no JSON at all; it may be YAML."""


def decoded(text: str) -> tuple[Any, bool]:
    """The data, and whether a key stands twice in some object (the last of them is in the data).

    Raises NotJSON, and InvalidValue for what has too many values or is nested too deeply, a number
    of too many digits, or half a character; all with line and column.
    """
    if _has_more_values(text, MAX_VALUES):
        raise InvalidValue([_problem(f"more than {MAX_VALUES:,} values", "", (1, 1))])
    repeated = False

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) < len(pairs)
        return found

    try:
        data = json.loads(text, object_pairs_hook=made)
    except json.JSONDecodeError as error:
        place = error.lineno, error.colno
        raise NotJSON([Problem(f"not JSON: {error.msg}", "", (), "", *place)]) from None
    except RecursionError:
        raise InvalidValue(_too_deep(text)) from None
    except ValueError:
        raise InvalidValue(list(_long_numbers(text))) from None
    if is_deep(data):
        raise InvalidValue(_too_deep(text))
    if _HALF_ESCAPED.search(text) and (halves := _told(_halves(text))):
        raise InvalidValue(halves)
    return data, repeated


def _told(problems: Iterator[Problem]) -> list[Problem]:
    """The problems, or the first of them where they are too many to be told one by one."""
    found = list(islice(problems, _MANY + 1))
    if len(found) <= _MANY:
        return found
    return [replace(found[0], message=f"{found[0].message}, the first of more than {_MANY:,}")]


def _has_more_values(text: str, most: int) -> bool:
    """Whether there are more than so many values, by the signs that one begins or follows."""
    signs = _signs(text)
    # texts may hold such signs; to look for where they are takes a while
    return signs > most and _signs(_TEXT.sub("", text)) > most


def _signs(text: str) -> int:
    return sum(text.count(sign) for sign in ",[{")


def _too_deep(text: str) -> list[Problem]:
    """The first list or object that stands in too many others."""
    depth = 0
    for found in _TOKEN.finditer(text):
        depth += (found[0] in ("[", "{")) - (found[0] in ("]", "}"))
        if depth > MAX_DEPTH:
            return [_problem(TOO_DEEP, "", Places(text).at(found.start()))]
    return [Problem(TOO_DEEP)]


def _long_numbers(text: str) -> Iterator[Problem]:
    """Whole numbers of more digits than Python reads."""
    places = Places(text)
    for found in _TOKEN.finditer(text):
        digits = found[0].lstrip("-")
        if len(digits) > sys.get_int_max_str_digits() and digits.isdecimal():
            told = f"a number of {len(digits):,} digits"
            yield _problem(told, "", places.at(found.start()))


def _halves(text: str) -> Iterator[Problem]:
    """Escapes of half a character without the other half: no text that could be printed."""
    places = Places(text)
    for found in _TOKEN.finditer(text):
        if _HALF_ESCAPED.search(found[0]) and (half := _HALF.search(json.loads(found[0]))):
            what = f"the escape \\u{ord(half[0]):04x} is half a character"
            yield _problem(what, "write the other half, too", places.at(found.start()))


def repeated_keys(text: str) -> list[Problem]:
    """Keys that stand twice in an object; the text must be JSON."""
    return _told(_repeated(text))


def _repeated(text: str) -> Iterator[Problem]:
    places = Places(text)
    inside: list[dict[str, int]] = []
    for found in _KEYS.finditer(text):
        if found[1]:
            key, keys, start = _unquoted(found[1]), inside[-1], found.start()
            if keys.setdefault(key, start) != start:
                first = places.at(keys[key])
                yield _problem(*repeated_key(key, first), places.at(start))
        elif found[0] in "{[":
            inside.append({})
        elif found[0] in "}]":
            inside.pop()


def _unquoted(word: str) -> str:
    """A text as JSON writes it, without its quotes and escapes."""
    return str(json.loads(word)) if "\\" in word else word[1:-1]


def _problem(text: str, hint: str, place: tuple[int, int]) -> Problem:
    return Problem(text, hint, (), "", *place)


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
            yield _unquoted(found[1]), at, found.end()
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
