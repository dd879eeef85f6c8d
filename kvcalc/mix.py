"""A mix of contexts, as real sequences have: so many per cent of each, weighted exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.errors import briefly
from kvcalc.units import MAX_DIGITS, exact, parse_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

HOW = "write it like 2K:40%,8K:50%,64K:10%"
MOST = 1_000
"""Lengths of one mix; nobody writes down more."""


@dataclass(frozen=True)
class Mix:
    """Contexts in tokens, shortest first, and the share of the sequences that have each."""

    shares: tuple[tuple[int, Fraction], ...]

    @property
    def longest(self) -> int:
        """The longest of its contexts."""
        return self.shares[-1][0]

    def mean(self, of: Callable[[int], Fraction | int]) -> Fraction:
        """The mean over the sequences of what is a function of the tokens."""
        return sum((share * of(tokens) for tokens, share in self.shares), Fraction(0))

    def __str__(self) -> str:
        return ",".join(f"{tokens}:{_percent(share)}%" for tokens, share in self.shares)


def is_mix(text: object) -> bool:
    """Whether a text is meant as a mix, and not as a context or several."""
    return isinstance(text, str) and (":" in text or "%" in text)


def mix_of(given: object) -> Mix | None:
    """The mix that a context is, or its text; None where it is none. Raises ValueError."""
    if isinstance(given, str) and is_mix(given):
        return parse_mix(given)
    return given if isinstance(given, Mix) else None


def parse_mix(text: str) -> Mix:
    """Read `2K:40%,8K:50%,64K:10%`, whose shares are 100 % together. Raises ValueError."""
    items = text.split(",")
    if len(items) > MOST:
        raise ValueError(f"a mix of {len(items):,} lengths: there are at most {MOST:,}")
    shares: dict[int, Fraction] = {}
    for item in items:
        tokens, share = _read(item)
        if tokens in shares:
            raise ValueError(f"{tokens:,} tokens are in the mix twice: add their shares up")
        shares[tokens] = share
    together = sum(shares.values())
    if together != 1:
        raise ValueError(f"{briefly(text)} adds up to {_percent(together)} %: it has to be 100 %")
    if len(shares) == 1:
        raise ValueError(f"{briefly(text)} is one length: name it alone, or several")
    return Mix(tuple(sorted(shares.items())))


def _read(item: str) -> tuple[int, Fraction]:
    length, colon, share = item.partition(":")
    if not colon:
        raise ValueError(f"{briefly(item)} has no share; {HOW}")
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", share, re.ASCII)
    if match is None or len(share) > MAX_DIGITS:
        raise ValueError(f"{briefly(share)} is no share of a mix; {HOW}")
    percent = Fraction(match[1])
    if not percent:
        raise ValueError(f"{briefly(item)} is nothing of the mix: leave it out")
    return parse_tokens(length), percent / 100


def _percent(share: Fraction | int) -> str:
    return exact(Fraction(share) * 100)
