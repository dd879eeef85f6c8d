"""Values as JSON has them, of any type and size: told in a few letters, never in full."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeGuard

LENGTH = 60
"""Letters of a value that a message shows."""

MAX_NUMBER = 2**64
"""Beyond what 64 bits hold no file states a size: what is made of such could not be printed."""

_BITS = 13_000
"""Of a whole number that Python still writes out: beyond 4,300 digits it does not."""


def short(value: Any, length: int = LENGTH) -> str:
    """A value in a message. Of a long or a deep one no more is looked at than is shown."""
    text = ""
    for piece in _pieces(value, length):
        text += piece
        if len(text) > length:
            return f"{text[: length - 3]}..."
    return text


def _pieces(value: Any, length: int) -> Iterator[str]:
    """The repr of a value in pieces; each level that it nests has a bracket before the next."""
    if isinstance(value, dict):
        yield "{"
        for number, (key, inner) in enumerate(value.items()):
            yield ", " if number else ""
            yield from chain(_pieces(key, length), (": ",), _pieces(inner, length))
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, inner in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(inner, length)
        yield "]"
    elif isinstance(value, str):
        yield repr(value[: length + 1])
    elif isinstance(value, int) and value.bit_length() > _BITS:
        yield "a number of some thousand digits"
    else:
        yield repr(value)


def whole(value: Any) -> Any:
    """A whole number that is written with a point, as a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_number(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number, of a size that one may have; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def alike(value: Any, other: Any) -> bool:
    """Whether two values say the same: true is no 1."""
    return type(value) is type(other) and value == other


def list_of(kind: type, value: Any) -> list[Any] | None:
    """A list of values of one kind, numbers among them as whole ones; None where it is none."""
    if not isinstance(value, list):
        return None
    items = [whole(item) for item in value]
    fit = all(is_number(item) if kind is int else isinstance(item, kind) for item in items)
    return items if fit else None
