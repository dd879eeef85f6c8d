"""Printed figures, which carry their own precision, and what is said of them in words.

`57x` stands for every value that rounds to it, the half-open interval [56.5, 57.5). Trailing zeros
count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal, get_args

from kvcalc.units import FLOP_UNITS, MAX_DIGITS, SIZE_UNITS, decimals, format_ratio, rounded

Bound = Literal["", ">", "<", "up to", "nearly", "about", "over"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)
"""What may stand before a number; nothing but the number is rounded."""

MEANINGS: dict[Bound, str] = {
    "": "rounds to it",
    ">": "more than it, by however much",
    "<": "at most it, by however much",
    "up to": "the largest of all contexts rounds to it",
    "nearly": "at most it, and rounds to it or is short of it by 5 % at most",
    "about": "rounds to it, or is within 5 % of it",
    "over": "more than it, by less than a quarter of it",
}
"""When a value makes a figure true, by what stands before the number."""

GLOSSARY = "; ".join(f"`{f'{bound} 57x'.strip()}` {told}" for bound, told in MEANINGS.items())
"""All meanings on one line, as schemas tell them."""

NEAR = Fraction(5, 100)
OVER = Fraction(1, 4)

COUNTED = ("tokens", "sequences")
FIGURE_UNITS = {"x": Fraction(1), "%": Fraction(1, 100)} | {
    unit: Fraction(size)
    for unit, size in (SIZE_UNITS | FLOP_UNITS | dict.fromkeys(COUNTED, 1)).items()
}
_BINARY = {"kB": "KiB", "KB": "KiB", "MB": "MiB", "GB": "GiB", "TB": "TiB", "PB": "PiB"}
TWINS = {binary: decimal for decimal, binary in _BINARY.items() if decimal != "KB"} | _BINARY
"""The unit that is often written for another one."""

_NUMBER = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)"
_WORDS = "|".join(bound for bound in BOUNDS if bound.isascii() and bound[:1].isalpha())
_FIGURE = rf"(?:([<>])\s*|({_WORDS})\s+)?{_NUMBER}\s*(x|%|[A-Za-z]+)?"


@dataclass(frozen=True)
class Figure:
    """A printed number, as a ratio, a fraction, bytes, FLOPs, tokens or sequences.

    It stands for every value that rounds to it: low <= value < high, half a `step` around `value`;
    with a `bound` before it, for what `MEANINGS` tells.
    """

    text: str
    unit: str
    value: Fraction
    step: Fraction
    bound: Bound = ""

    @property
    def low(self) -> Fraction:
        """The smallest value that prints so."""
        return self.value - self.step / 2

    @property
    def high(self) -> Fraction:
        """The smallest value above that does not."""
        return self.value + self.step / 2

    def holds(self, value: Fraction) -> bool:
        """Whether the figure is true of this value; of `up to`, of the largest there is."""
        rounds = self.low <= value < self.high
        match self.bound:
            case ">":
                return value > self.value
            case "<":
                return value <= self.value
            case "over":
                return self.value < value < self.value * (1 + OVER)
            case "nearly":
                return value <= self.value and (rounds or value >= self.value * (1 - NEAR))
            case "about":
                return rounds or abs(value - self.value) <= self.value * NEAR
        return rounds

    def printed(self, value: Fraction) -> str:
        """A value in the figure's unit, to two digits more than the figure has, or whole."""
        if self.unit == "x" and value.denominator == 1:
            return format_ratio(value)
        scaled = value / FIGURE_UNITS[self.unit]
        step, places = self.step / FIGURE_UNITS[self.unit], 0
        while step * 10**places < 1:
            places += 1
        if (scaled * 10**places).denominator != 1:
            places += 2
        # a value beside the edge of what the figure stands for must not look as if it were on it
        while self.holds(rounded(scaled, places) * FIGURE_UNITS[self.unit]) != self.holds(value):
            places += 1
        return decimals(scaled, places) + ("" if self.unit in "x%" else " ") + self.unit

    def in_unit(self, unit: str) -> Figure:
        """The same number in another unit."""
        factor = FIGURE_UNITS[unit] / FIGURE_UNITS[self.unit]
        return replace(self, unit=unit, value=self.value * factor, step=self.step * factor)

    @property
    def is_ratio(self) -> bool:
        """Whether the figure compares two things."""
        return self.unit in ("x", "%")

    @property
    def is_size(self) -> bool:
        """Whether the figure counts bytes."""
        return self.unit in SIZE_UNITS

    @property
    def is_flops(self) -> bool:
        """Whether the figure counts operations."""
        return self.unit in FLOP_UNITS


def parse_figure(text: str) -> Figure:
    """Read `57x`, `93.3%`, `70.272 kB`, `2.88e8 B`, `>20x`, `up to 75%`.

    Raises ValueError with the way out.
    """
    match = re.fullmatch(_FIGURE, text.strip())
    if match is None or len(text) > MAX_DIGITS:
        like = "write it like 57x, 93.3% or 70.272 kB"
        words = ", ".join(filter(None, BOUNDS[:-1])) + f" or {BOUNDS[-1]}"
        raise ValueError(f"{text!r} is not a figure; {like}; before it may stand {words}")
    sign, word, number, unit = match.groups()
    if unit not in FIGURE_UNITS:
        have = f"unknown unit {unit!r}" if unit else f"{text!r} has no unit"
        raise ValueError(
            f"{have}; write x for a ratio, % for a reduction, a size (kB, GB, GiB), GFLOPs, tokens "
            "or sequences"
        )
    decimal = Decimal(number.replace(",", ""))
    step = Fraction(10) ** int(decimal.as_tuple().exponent) * FIGURE_UNITS[unit]
    value = Fraction(decimal) * FIGURE_UNITS[unit]
    bound = next(bound for bound in BOUNDS if bound == (sign or word or ""))
    return Figure(text.strip(), unit, value, step, bound)
