"""What a log is read into, and how its lines are looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Estimate
from kvcalc.units import decimals

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = {"B": 1, "bytes": 1, "MiB": 2**20, "MB": 2**20, "GiB": 2**30, "GB": 2**30}
"""Servers write GB and mean 2^30 bytes, as torch does."""
MANY = 100_000
"""Lines of one kind that are looked at; a server has as many as ranks, or as starts."""
NUMBER = r"(-?\d{1,12}(?:\.\d{1,6})?)"
_COLOURS = re.compile(r"(?:\x1b\[|\^\[\[)[0-9;]{0,20}[A-Za-z]")


@dataclass(frozen=True)
class Amount:
    """Bytes as a log prints them: rounded, so that they may be off by `within` either way."""

    size: int
    within: int = 0

    @classmethod
    def printed(cls, number: str, unit: str) -> Amount:
        """A number as it is printed: of two decimals, or of more, or of whole bytes.

        Two also where fewer are there: vLLM prints 8.0 for 8.00.
        """
        if UNITS[unit] == 1:
            return cls(int(number))
        places = max(2, len(number.partition(".")[2]))
        return cls(round(Fraction(number) * UNITS[unit]), -(-UNITS[unit] // (2 * 10**places)))

    @property
    def is_exact(self) -> bool:
        """Whether it is printed to the byte."""
        return self.within == 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.size + other.size, self.within + other.within)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.size - other.size, self.within + other.within)

    def meets(self, other: Amount) -> bool:
        """Whether both can be the same number of bytes."""
        return abs(self.size - other.size) <= self.within + other.within

    def __str__(self) -> str:
        return f"{decimals(Fraction(self.size, 2**30), 2)} GiB"


@dataclass(frozen=True)
class Ledger:
    """What a server's log says of the memory of one of its GPUs, None where it does not.

    left         what it has for the cache
    line         where that is said, counted from 1
    total        what the driver reports
    utilization  which part of it the server takes
    weights      as loaded, a draft's too
    overhead     what it takes outside of torch: driver and communication
    consumed     weights and overhead, where they are told together
    activations  what a step takes at most
    estimate     of graphs, that was taken off as well
    graphs       as captured, which most versions do not take off
    tokens       that it says it has room for, and longest those of a request that it says so with
    ranks        GPUs of the server, as far as ranks that it names tell; of one it names none
    file         the log
    """

    engine: str
    left: Amount
    line: int
    total: Amount | None = None
    utilization: Fraction | None = None
    weights: Amount | None = None
    overhead: Amount | None = None
    consumed: Amount | None = None
    activations: Amount | None = None
    estimate: Amount | None = None
    graphs: Amount | None = None
    tokens: int | None = None
    longest: int | None = None
    ranks: int | None = None
    file: str = ""
    notes: tuple[str, ...] = ()

    @property
    def available(self) -> int:
        """Bytes that it has for the cache."""
        return self.left.size

    @property
    def estimate_of_available(self) -> Estimate:
        """The same, as far as it is rounded where it is printed."""
        left, place = self.left, f"{self.file}:{self.line}"
        low, high = left.size - left.within, left.size + left.within
        return Estimate(low, left.size, high, "known", f"as {self.engine} says in {place}")

    def noting(self, *notes: str) -> Ledger:
        """The same with notes added."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Found:
    """An amount, the line that it stands in, and where in the log's text."""

    amount: Amount
    line: int
    at: int


@dataclass(frozen=True)
class Log:
    """A log's text, or a part of it that begins at line `first`."""

    text: str
    first: int = 1

    @classmethod
    def of(cls, text: str) -> Log:
        """A log without its colours, and without what progress bars return to."""
        return cls(_COLOURS.sub("", text).replace("\r", " "))

    def starts(self, pattern: str) -> list[Log]:
        """The parts that begin where a pattern matches; all in one where that is nowhere."""
        found = [(match.start(), line) for match, line in self.matches(pattern)]
        if not found:
            return [self]
        ends = [at for at, _ in found[1:]] + [len(self.text)]
        return [Log(self.text[at:end], line) for (at, line), end in zip(found, ends, strict=True)]

    def matches(self, pattern: str) -> Iterator[tuple[re.Match[str], int]]:
        """Where a pattern matches, each with its line. A blank in it is any white space."""
        at, line = 0, self.first
        found = re.finditer(pattern.replace(" ", r"\s{1,40}"), self.text)
        for match in islice(found, MANY):
            line += self.text.count("\n", at, match.start())
            at = match.start()
            yield match, line

    def amounts(self, pattern: str, unit: str = "GiB") -> list[Found]:
        """What a pattern's first group holds in a unit, wherever it matches."""
        return [
            Found(Amount.printed(match[1], unit), line, match.start())
            for match, line in self.matches(pattern)
        ]

    def most(self, pattern: str, unit: str = "GiB") -> Amount | None:
        """The largest of these, as ranks may differ; None where it matches nowhere."""
        found = [one.amount for one in self.amounts(pattern, unit)]
        return max(found, key=lambda amount: amount.size, default=None)

    def ratio(self, pattern: str) -> Fraction | None:
        """The number that a pattern's first group last holds."""
        found = [match[1] for match, _ in self.matches(pattern)]
        return Fraction(found[-1]) if found else None

    def ranks(self, *patterns: str) -> int | None:
        """How many ranks there are at least, as the highest that is named of each kind is the last
        of its kind; None where no more than one is named.

        patterns  a kind each, whose first group is the number
        """
        last = (max((int(m[1]) for m, _ in self.matches(p)), default=0) for p in patterns)
        found = prod(number + 1 for number in last)
        return found if found > 1 else None

    def before(self, word: str, at: int, most: int = 2_000) -> Log:
        """From a word's last place before another place to that one; nothing where it is far."""
        start = self.text.rfind(word, max(0, at - most), at)
        return Log(self.text[start:at] if start >= 0 else "")
