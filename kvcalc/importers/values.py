"""What the values of somebody else's file say, and how they are told of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeGuard

from kvcalc.units import MAX_TOKENS

MAX_NUMBER = MAX_TOKENS
"""The largest number that a file may state: none counts more than the tokens of a context."""

_LONGEST = 200
"""How much of a name a message tells: it may have to be written down again."""

LENGTH = 60
"""How much of a value a message tells, in characters."""

_MANY_BITS = 10_000
"""A whole number of more has more digits than Python would print."""


def whole(value: Any) -> Any:
    """A whole number that is written with a point, as a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def alike(one: Any, other: Any) -> bool:
    """Whether two values say the same: 256 and 256.0 do, also in lists; true and 1 do not."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def is_number(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number, of a size that one may have; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def list_of(kind: type, value: Any) -> list[Any] | None:
    """A list of values of one kind, numbers among them as whole ones; None where it is none."""
    if not isinstance(value, list):
        return None
    items = [whole(item) for item in value] if kind is int else value
    fit = all(is_number(item) if kind is int else isinstance(item, kind) for item in items)
    return items if fit else None


def short(value: Any, length: int = LENGTH) -> str:
    """A value as Python writes it, or how that begins: a file's may be as long as the file."""
    text = ""
    for piece in _written(value, length):
        text += piece
        if len(text) > length:
            return f"{text[: length - 3]}..."
    return text


def cut(name: str) -> str:
    """The name of a field, or how that begins."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def _written(value: Any, length: int) -> Iterator[str]:
    """What Python writes for a value, piece by piece."""
    if isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _written(item, length)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for number, (name, item) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _written(name, length)
            yield ": "
            yield from _written(item, length)
        yield "}"
    elif isinstance(value, int) and value.bit_length() > _MANY_BITS:
        yield f"a number of {value.bit_length():,} bits"
    else:
        yield repr(value[: length + 1] if isinstance(value, str) else value)


def layer_number(key: object) -> int | None:
    """The layer that a key of `per_layer_config` names, by a number that may begin with zeros."""
    return int(str(key)) if re.fullmatch("[0-9]{1,9}", str(key)) else None
