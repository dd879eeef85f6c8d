"""What the values of somebody else's file say, and how they are told of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kvcalc.units import MAX_TOKENS

MAX_NUMBER = MAX_TOKENS
"""The largest number that a file may state: none counts more than the tokens of a context."""

_TOLD = 60
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


def short(value: Any) -> str:
    """A value as Python writes it, or how that begins: a file's may be as long as the file."""
    text = ""
    for piece in _written(value):
        text += piece
        if len(text) > _TOLD:
            return f"{text[: _TOLD - 3]}..."
    return text


def _written(value: Any) -> Iterator[str]:
    """What Python writes for a value, piece by piece."""
    if isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _written(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for number, (name, item) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _written(name)
            yield ": "
            yield from _written(item)
        yield "}"
    elif isinstance(value, int) and value.bit_length() > _MANY_BITS:
        yield f"a number of {value.bit_length():,} bits"
    else:
        yield repr(value[: _TOLD + 1] if isinstance(value, str) else value)


def layer_number(key: object) -> int | None:
    """The layer that a key of `per_layer_config` names, by a number that may begin with zeros."""
    return int(str(key)) if re.fullmatch("[0-9]{1,9}", str(key)) else None
