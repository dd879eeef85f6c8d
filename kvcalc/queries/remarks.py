"""Remarks beside a figure that does not hold as it stands: readings under which it would.

They are computed and change no verdict: a wrong unit reads otherwise than an error of four times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

from kvcalc.cache import Cache, Group
from kvcalc.expect import Expectation
from kvcalc.figures import FIGURE_UNITS, TWINS, Figure
from kvcalc.queries.parts import Found, Part, difference, holds, value_of

Reading = tuple[str, Fraction]
"""What else is computed, and its value."""


def remarks_on(
    expectation: Expectation, parts: Sequence[Part], found: Found | None
) -> tuple[str, ...]:
    """What would make a figure right that is not: the plainest readings that do.

    A unit or an ending comes before parts of the cache and factors, and these before both at once.
    """
    if found is None or holds(expectation, found):
        return ()
    value = found.value
    if found.estimated:
        return (f"an estimate, {difference(expectation.figure, value)}",)
    figure, twin = expectation.figure, _twin(expectation.figure)
    if twin and twin.holds(value):
        return (f"right in {twin.unit}",)
    if figure.bound not in ("", "nearly", "about"):
        return ()
    readings = list(_readings(expectation, parts, value))
    plain = [*_endings(figure, value), *_right(figure, readings)]
    if plain or twin is None:
        return tuple(plain)
    return tuple(f"{name}, in {twin.unit}" for name in _right(twin, readings))


def _right(figure: Figure, readings: Sequence[Reading]) -> Iterable[str]:
    return dict.fromkeys(name for name, value in readings if figure.holds(value))


def _twin(figure: Figure) -> Figure | None:
    """The same number in the unit that is often meant instead."""
    return figure.in_unit(TWINS[figure.unit]) if figure.unit in TWINS else None


def _endings(figure: Figure, value: Fraction) -> Iterator[str]:
    """How else than by rounding the number may have been shortened."""
    if figure.bound:
        return
    if value // figure.step * figure.step == figure.value:
        yield "truncated"
    digits = str(figure.value / figure.step)
    kept = len(digits.rstrip("0"))
    # a zero behind the point was written to count
    whole = figure.step >= FIGURE_UNITS[figure.unit]
    if whole and 0 < kept < len(digits) and _rounds_so(figure, len(digits) - kept, value):
        yield f"right to {kept} digit{'s' if kept > 1 else ''}"


def _rounds_so(figure: Figure, zeros: int, value: Fraction) -> bool:
    """Whether a value rounds to a figure's number with as many digits as stand before its zeros."""
    step = figure.step * 10**zeros
    if value < figure.value == step:
        step /= 10  # below a power of ten its digits are of the next place: 94 is 90, not 100
    return replace(figure, step=step).holds(value)


def _readings(
    expectation: Expectation, parts: Sequence[Part], value: Fraction
) -> Iterator[Reading]:
    """What else the figure may be of, and what that is."""
    if expectation.quantity != "flops":
        yield from _changed("K alone", _without_values, expectation, parts)
    if len(parts) == 1:
        for number in range(len(parts[0].cache.groups)):
            yield from _changed("one layer", partial(_one_layer, number), expectation, parts)
    if expectation.figure.unit != "%":
        yield "half", value / 2
        yield "double", value * 2


def _changed(
    name: str,
    change: Callable[[Cache], Cache],
    expectation: Expectation,
    parts: Sequence[Part],
) -> Iterator[Reading]:
    """The value with the one or the other cache changed."""
    for number, part in enumerate(parts):
        found = value_of(expectation, [*parts[:number], part.of(change), *parts[number + 1 :]])
        if found is not None:
            yield name, found.value


def _without_values(cache: Cache) -> Cache:
    return Cache(tuple(map(_keys_of, cache.groups)))


def _keys_of(group: Group) -> Group:
    return replace(group, tensors=tuple(t for t in group.tensors if t.tensor.role != "v"))


def _one_layer(number: int, cache: Cache) -> Cache:
    return Cache((replace(cache.groups[number], layers=1),))
