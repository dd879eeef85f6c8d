"""A model that Python has as a dict: held to what a file could say, its places told as paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from kvcalc.document import Document
from kvcalc.errors import InputError, InvalidValue, Problem, briefly
from kvcalc.jsontext import MAX_VALUES
from kvcalc.yamltext import MAX_DEPTH, TOO_DEEP

if TYPE_CHECKING:
    from kvcalc.errors import Place

MAX_BITS = 14_000
"""Of a whole number; Python writes none of more than 4,300 digits."""


class Places:
    """Data has no lines: where something stands is told by the path to it."""

    in_braces = True

    def position(self, path: Place) -> tuple[int, int]:
        """Neither line nor column."""
        return 0, 0


def document_of(data: Mapping[Any, Any]) -> Document:
    """The data as a file's would be read. Raises InputError for what no file could say."""
    copy = _Copy()
    try:
        document = Document("", copy.of(data, ()), Places())
        problems = tuple(copy.problems)
    except InvalidValue as error:
        document, problems = Document("", None, Places()), error.problems
    if problems:
        raise InputError([document.placed(problem) for problem in problems])
    return document


class _Copy:
    """A copy in the types of JSON, and what cannot be copied so."""

    def __init__(self) -> None:
        self.values, self.problems = 0, list[Problem]()

    def of(self, value: Any, path: Place) -> Any:
        """The copy of a value. Raises InvalidValue for more than is sane."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise InvalidValue([Problem(f"more than {MAX_VALUES:,} values")])
        if len(path) > MAX_DEPTH:
            raise InvalidValue([Problem(TOO_DEEP, "", path[:1])])
        if isinstance(value, Mapping):
            return {key: self.of(item, (*path, key)) for key, item in self._fields(value, path)}
        if isinstance(value, list | tuple):
            return [self.of(item, (*path, number)) for number, item in enumerate(value)]
        if isinstance(value, date):  # YAML's own reader makes them of what is text here
            return value.isoformat()
        if value is not None and not isinstance(value, bool | int | float | str):
            text = f"{briefly(value)} is nothing that JSON or YAML could say"
            self.problems.append(Problem(text, "give a number, a text, a list or a dict", path))
            return None
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            self.problems.append(Problem("a number of too many digits", "", path))
            return None
        return value

    def _fields(self, value: Mapping[Any, Any], path: Place) -> Iterator[tuple[str, Any]]:
        for key, item in value.items():
            if isinstance(key, str):
                yield key, item
            else:
                text = f"the key {briefly(key)} is not text"
                self.problems.append(Problem(text, "make it one", path))
