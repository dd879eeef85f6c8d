"""JSON as its own grammar has it, and where each part of it stands.

Not all JSON is YAML: an emoji written as two escapes is not, nor a key of over 1,024 characters.
Places are looked for in the text, and only where they are asked after: a file may be large.
"""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.yamltext import MAX_DEPTH, TOO_DEEP, is_deep, repeated_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_VALUES = 500_000
"""Each takes many times the memory of its text. What lists every expert of a trillion parameters,
384 of 60 layers with three projections and four settings for each, has 345,600."""

Members = dict[str | int, tuple[int, int]]
"""Where each member of an object or a list begins, and where its value does."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[^\s\[\]{}:,"]+')
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BLANK = re.compile(r"[ \t\n\r]*")
_KEY = re.compile(r"[ \t\n\r]*:")
_READ: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode
"""Reads one value, and tells where it ends."""
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
    if _HALF_ESCAPED.search(text) and (halves := list(_halves(text))):
        raise InvalidValue(halves)
    return data, repeated


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


def repeated_keys(text: str) -> Iterator[Problem]:
    """Keys that stand twice in an object; the text must be JSON."""
    places = Places(text)
    inside: list[dict[str, int] | None] = []
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word in ("{", "["):
            inside.append({} if word == "{" else None)
        elif word in ("}", "]"):
            inside.pop()
        elif inside and (keys := inside[-1]) is not None and _KEY.match(text, found.end()):
            key = json.loads(word)
            if key in keys:
                here, first = places.at(found.start()), places.at(keys[key])
                yield _problem(*repeated_key(key, first), here)
            keys.setdefault(key, found.start())


def _problem(text: str, hint: str, place: tuple[int, int]) -> Problem:
    return Problem(text, hint, (), "", *place)


class Places:
    """Where the parts of a JSON text stand."""

    in_braces = True

    def __init__(self, text: str) -> None:
        self.text = text
        self.members: dict[int, Members] = {}

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column of the value at a path, or of the nearest thing above it."""
        start = value = self._after(0)
        for step in path:
            members = self._members(value)
            found = members.get(step) or members.get(str(step))
            if found is None:
                break
            start, value = found
        return self.at(start)

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character; only line feeds end a line."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    @cached_property
    def _lines(self) -> list[int]:
        """Where the lines begin."""
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def _after(self, offset: int) -> int:
        """Where the next word begins, behind the blank."""
        found = _BLANK.match(self.text, offset)
        return found.end() if found else offset

    def _members(self, value: int) -> Members:
        """The members of an object or a list, by key or number, of equal keys the first."""
        if value not in self.members:
            read = {"{": self._fields, "[": self._items}.get(self.text[value])
            self.members[value] = read(value) if read else {}
        return self.members[value]

    def _fields(self, value: int) -> Members:
        fields: Members = {}
        at = self._after(value + 1)
        while self.text[at] != "}":
            key, end = _READ(self.text, at)
            inner = self._after(self._after(end) + 1)  # behind the colon
            fields.setdefault(key, (at, inner))
            at = self._next(inner)
        return fields

    def _items(self, value: int) -> Members:
        items: Members = {}
        at = self._after(value + 1)
        while self.text[at] != "]":
            items[len(items)] = (at, at)
            at = self._next(at)
        return items

    def _next(self, value: int) -> int:
        """Where the next member begins, or the end of all, behind a value and its comma."""
        at = self._after(_READ(self.text, value)[1])
        return self._after(at + 1) if self.text[at] == "," else at
