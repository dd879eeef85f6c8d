"""What a field of a scheme may hold: its annotation, and the bound that this states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, get_args

from kvcalc.units import MAX_TOKENS


@dataclass(frozen=True)
class Bound:
    """The smallest and the largest value a field may have."""

    low: int
    high: int


MAX_COUNT = 1_000_000
Count = Annotated[int, Bound(1, MAX_COUNT)]
CountOrZero = Annotated[int, Bound(0, MAX_COUNT)]
TokenCount = Annotated[int, Bound(1, MAX_TOKENS)]
SourceLength = Annotated[int, Bound(0, MAX_TOKENS)]


@cache
def field_hints(scheme: type) -> Mapping[str, Any]:
    """The annotations of a scheme's fields, extras included: what the YAML schema is made from."""
    hints: dict[str, Any] = {}
    for base in reversed(scheme.__mro__):
        hints |= _own_hints(base)
    return {field.name: hints[field.name] for field in dataclasses.fields(scheme)}


@cache
def _own_hints(scheme: type) -> Mapping[str, Any]:
    return get_annotations(scheme, eval_str=True)


def bound_of(hint: Any) -> Bound | None:
    """The bound that an annotation states, however deep in a union."""
    own = (extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Bound))
    return next(own, None) or next(filter(None, map(bound_of, get_args(hint))), None)


@cache
def bounds_of(scheme: type) -> tuple[tuple[str, Bound], ...]:
    """The fields that have a bound."""
    found = ((name, bound_of(hint)) for name, hint in field_hints(scheme).items())
    return tuple((name, bound) for name, bound in found if bound)
