"""How much a configuration may say: what is far beyond any model is refused before it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.importers.harmless import is_harmless, passes_anywhere
from kvcalc.importers.values import cut
from kvcalc.importers.vocabulary import WRAPPERS

MAX_FIELDS = 40_000
"""Values that are looked at one by one, in one object and in all. Published files have hundreds
beside what nobody looks into: labels, a vocabulary, or every expert's quantization. Ten thousand
layers of three values each fit."""


def refuse_endless(data: Mapping[str, Any]) -> None:
    """Raises InvalidValue where a configuration has more values than are looked at."""
    values = 0
    for path, inner in _collections(data):
        values += len(inner)
        if len(inner) > MAX_FIELDS:
            called = cut(".".join(str(step) for step in path)) or "the file"
            kind = "fields" if isinstance(inner, dict) else "items"
            raise _too_many(f"{called} has {len(inner):,} {kind}", path)
        if values > MAX_FIELDS:
            raise _too_many(f"the file has more than {MAX_FIELDS:,} values", ())


def _too_many(text: str, path: Place) -> InvalidValue:
    return InvalidValue([Problem(f"{text}: at most {MAX_FIELDS:,} are looked at", "", path)])


def _collections(data: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any] | list[Any]]]:
    """Every object and list that may be looked into, and where it stands."""
    todo: list[tuple[Place, Any]] = [((), data)]
    while todo:
        path, value = todo.pop()
        yield path, value
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        found = [(key, item) for key, item in inner if isinstance(item, dict | list)]
        if isinstance(value, dict) and (path == () or path[-1] in WRAPPERS):
            found = [each for each in found if not _is_passed(*each)]
        todo += [((*path, key), item) for key, item in reversed(found)]


def _is_passed(name: Any, value: object) -> bool:
    """Whether nobody looks into a field; harmless lists may be a family's own."""
    return passes_anywhere(name) or (isinstance(value, dict) and is_harmless(name))
