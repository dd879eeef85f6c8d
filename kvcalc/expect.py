"""What a file is held to: `mha/mla: 57x`, `a/b: 93.3%`, `mla.growth: 70.272 kB`, `...@128K`.

Of a server: `native.tokens: 439,984 tokens`, `.concurrency: 3.36x`, `.sequences: 28 sequences`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from kvcalc.errors import did_you_mean
from kvcalc.figures import Figure, parse_figure
from kvcalc.units import parse_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

Quantity = Literal["stored", "growth", "read", "flops"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
"""What there is of a cache itself."""
Served = Literal["reserved", "tokens", "concurrency", "sequences"]
SERVED: tuple[Served, ...] = get_args(Served)
"""What there is of it on a server: bytes that its engine reserves, and what its memory holds."""
WORDS = (*QUANTITIES, *SERVED)


@dataclass(frozen=True)
class Expectation:
    """One entry of `expect:`; `other` is the ratio's lower side, None for a plain quantity."""

    entry: str
    figure: Figure
    scheme: str
    other: str | None = None
    quantity: Quantity | Served = "stored"
    context: int | None = None
    line: int = 0

    @property
    def of_cache(self) -> Quantity | None:
        """What of a cache itself it speaks of; None where that is of a server."""
        return next((word for word in QUANTITIES if word == self.quantity), None)

    @property
    def served(self) -> Served | None:
        """What of a server it speaks of; None where that is of a cache itself."""
        return next((word for word in SERVED if word == self.quantity), None)

    @property
    def schemes(self) -> tuple[str, ...]:
        """The rows it speaks of."""
        return (self.scheme,) if self.other is None else (self.scheme, self.other)


def parse_expectation(
    entry: str, printed: object, line: int = 0, names: Sequence[str] = (), serverless: str = ""
) -> Expectation:
    """Read one entry and its printed figure. Raises ValueError, saying what would do.

    names       what models are called that it may speak of; without, it speaks of schemes
    serverless  who speaks of no server, where none is spoken of
    """
    match = re.fullmatch(_entry(names), entry.strip())
    if match is None or not (match[2] or match[3]):
        raise ValueError(f"{entry!r} is no expectation; write a/b, a.stored, a.growth or a.read")
    if not isinstance(printed, str):
        raise ValueError(f"{printed!r} has no unit; write 57x, 93.3% or a size such as 70.272 kB")
    scheme, word, other, other_word, context = match.groups()
    quantity = _quantity(word)
    if other is not None and _quantity(other_word) != quantity:
        raise ValueError(f"{entry} compares unlike quantities; write the same one on both sides")
    figure = parse_figure(printed)
    _same_kind(entry, other, quantity, figure)
    tokens = None if context is None else parse_tokens(context)
    found = Expectation(entry, figure, scheme, other, quantity, tokens, line)
    if found.served and figure.bound == "up to":
        text = f"{entry} is of one context, and up to looks through all"
        raise ValueError(f"{text}; write <, nearly or about")
    if serverless and found.served:
        hint = f"{serverless} names none: write it into a claims file, with its engine and GPUs"
        raise ValueError(f"{entry} is of a server, and {hint}")
    return found


def _entry(names: Sequence[str]) -> str:
    """What an entry looks like; of names that begin alike the longest is meant."""
    name, word = r"[\w-]+", r"[\w-]+"
    if names:  # a dot is part of what models are called, and no quantity need follow
        known = map(_in_any_case, sorted(names, key=len, reverse=True))
        name, word = "|".join([*known, "[^/@]+?"]), "|".join(WORDS)
    side = rf"({name})(?:\.({word}))?"
    return rf"{side}(?:/{side})?(?:@(.+))?"


def _in_any_case(name: str) -> str:
    return f"(?i:{re.escape(name)})"


def _quantity(word: str | None) -> Quantity | Served:
    for quantity in WORDS:
        if quantity == (word or "stored"):
            return quantity
    raise ValueError(f"unknown quantity {word!r}; {did_you_mean(word or '', WORDS)}")


def _same_kind(entry: str, other: str | None, quantity: Quantity | Served, figure: Figure) -> None:
    if other is not None:
        if not figure.is_ratio:
            raise ValueError(f"{entry} is a ratio; write it as 57x or 93.3%, not as {figure.text}")
    elif quantity in ("tokens", "sequences"):
        if figure.unit != quantity:
            raise ValueError(f"{entry} counts {quantity}; write it like 28 {quantity}")
    elif quantity == "concurrency":
        if figure.unit != "x":
            raise ValueError(f"{entry} is how often a context fits; write it like 3.36x")
    elif quantity == "flops":
        if not figure.is_flops:
            raise ValueError(f"{entry} counts operations; write it in FLOPs, GFLOPs or TFLOPs")
    elif not figure.is_size:
        raise ValueError(f"{entry} is a size; write it with a unit such as kB or GiB")
