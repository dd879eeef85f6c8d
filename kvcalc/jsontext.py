"""JSON as its own grammar has it, and what is wrong in it and where.

Not all JSON is YAML: an emoji written as two escapes is not, nor a key of over 1,024 characters.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from kvcalc.errors import InvalidValue, Problem
from kvcalc.jsonplaces import COLON, TEXT, Places, unquoted
from kvcalc.yamltext import MAX_DEPTH, TOO_DEEP, is_deep, repeated_key

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_VALUES = 500_000
"""Each takes many times the memory of its text. What lists every expert of a trillion parameters,
384 of 60 layers with three projections and four settings for each, has 345,600."""

_TOKEN = re.compile(rf'{TEXT.pattern}|[\[\]{{}}]|[^\s\[\]{{}}:,"]++', re.DOTALL)
_KEYS = re.compile(rf"({TEXT.pattern}){COLON}|{TEXT.pattern}|[\[\]{{}}]", re.DOTALL)
"""Keys with their colons, and what stands between those of two objects."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
"""Whatever follows: what is wrong with that comes later than what is with a whole number."""
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
    return signs > most and _signs(TEXT.sub("", text)) > most


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
        number = _NUMBER.match(found[0])
        if number and not number[2] and len(number[1]) > sys.get_int_max_str_digits():
            told = f"a number of {len(number[1]):,} digits"
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
            key, keys, start = unquoted(found[1]), inside[-1], found.start()
            if keys.setdefault(key, start) != start:
                first = places.at(keys[key])
                yield _problem(*repeated_key(key, first), places.at(start))
        elif found[0] in "{[":
            inside.append({})
        elif found[0] in "}]":
            inside.pop()


def _problem(text: str, hint: str, place: tuple[int, int]) -> Problem:
    return Problem(text, hint, (), "", *place)
