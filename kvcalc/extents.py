"""How many entries a cache tensor holds after T tokens, and which of them a decode step touches."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Protocol


class Extent(Protocol):
    """How many entries a tensor holds, as a function of the tokens seen."""

    def entries(self, tokens: int) -> int:
        """Entries held after `tokens` tokens."""

    def growth(self, tokens: int) -> Fraction | int:
        """Entries added per further token, averaged over a stride; 0 once it is full."""

    @property
    def turns(self) -> tuple[int, ...]:
        """The tokens at which its growth begins or ends."""

    @property
    def period(self) -> int:
        """Tokens after which it has grown by a whole number of entries again."""

    @property
    def rule(self) -> str:
        """The entries as a formula in T."""


@dataclass(frozen=True)
class Every:
    """One entry per `stride` tokens, from the token numbered `first` on."""

    stride: int = 1
    first: int = 1

    def entries(self, tokens: int) -> int:
        return 0 if tokens < self.first else 1 + (tokens - self.first) // self.stride

    def growth(self, tokens: int) -> Fraction | int:
        return 1 if self.stride == 1 else Fraction(1, self.stride)

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.first,)

    @property
    def period(self) -> int:
        return self.stride

    @property
    def rule(self) -> str:
        if self.stride == self.first == 1:
            return "T"
        if self.stride == self.first:
            return f"floor(T / {self.stride})"
        return f"1 + floor((T - {self.first}) / {self.stride}) from T = {self.first}"


@dataclass(frozen=True)
class Window:
    """The last `size` tokens, and the first `sink` beside them: min(T, size + sink)."""

    size: int
    sink: int = 0
    period: ClassVar[int] = 1

    def entries(self, tokens: int) -> int:
        return min(tokens, self.size + self.sink)

    def growth(self, tokens: int) -> Fraction | int:
        return int(tokens < self.size + self.sink)

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.size + self.sink,)

    @property
    def rule(self) -> str:
        return f"min(T, {self.size:,}{f' + {self.sink:,}' if self.sink else ''})"


class Chunk(Window):
    """The current chunk of at most `size` tokens: min(T, size), the most held up to T."""


@dataclass(frozen=True)
class Beyond:
    """All but the last `size` tokens: max(0, T - size), beside a window kept at full precision."""

    size: int
    period: ClassVar[int] = 1

    def entries(self, tokens: int) -> int:
        return max(0, tokens - self.size)

    def growth(self, tokens: int) -> Fraction | int:
        return int(tokens >= self.size)

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.size,)

    @property
    def rule(self) -> str:
        return f"max(0, T - {self.size:,})"


@dataclass(frozen=True)
class Fixed:
    """A constant number of entries: a recurrent state, a convolution's columns."""

    count: int = 1
    turns: ClassVar[tuple[int, ...]] = ()
    period: ClassVar[int] = 1

    def entries(self, tokens: int) -> int:
        return self.count

    def growth(self, tokens: int) -> Fraction | int:
        return 0

    @property
    def rule(self) -> str:
        return f"{self.count:,} whatever T"


@dataclass(frozen=True)
class Share:
    """What one of `of` ranks keeps, which take the entries of `extent` in turns; the first is 0."""

    extent: Extent
    of: int
    rank: int = 0

    def entries(self, tokens: int) -> int:
        return self.dealt(self.extent.entries(tokens))

    def growth(self, tokens: int) -> Fraction | int:
        return Fraction(self.extent.growth(tokens)) / self.of

    def dealt(self, entries: int) -> int:
        """How many of so many entries this rank keeps."""
        return -(-(entries - self.rank) // self.of)

    @property
    def turns(self) -> tuple[int, ...]:
        return self.extent.turns

    @property
    def period(self) -> int:
        return self.of * self.extent.period

    @property
    def rule(self) -> str:
        rule = self.extent.rule
        dealt = rule if rule == "T" else f"({rule})"
        left = f"({dealt} - {self.rank:,})" if self.rank else dealt
        return f"ceil({left} / {self.of})"


class Reads(Protocol):
    """What one decode step touches of the entries that are there."""

    def touched(self, entries: int) -> int:
        """Entries moved; one that is read and written back counts twice."""

    def used(self, entries: int) -> int:
        """Entries that the step computes with."""

    @property
    def turns(self) -> tuple[int, ...]:
        """The entries at which it begins to leave some out."""

    @property
    def period(self) -> int:
        """Entries after which it takes as many as before, once it leaves some out."""

    @property
    def rule(self) -> str:
        """Which entries these are, in words."""


@dataclass(frozen=True)
class All:
    """Every entry is read."""

    turns: ClassVar[tuple[int, ...]] = ()
    period: ClassVar[int] = 1

    def touched(self, entries: int) -> int:
        return entries

    def used(self, entries: int) -> int:
        return entries

    @property
    def rule(self) -> str:
        return "all"


@dataclass(frozen=True)
class TopK:
    """An index picks the `k` entries that are read, and the unfinished pool of `pool` comes too."""

    k: int
    pool: int = 1

    def touched(self, entries: int) -> int:
        return min(entries, self.k + entries % self.pool)

    def used(self, entries: int) -> int:
        return self.touched(entries)

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.k, self.k + self.pool)

    @property
    def period(self) -> int:
        return self.pool

    @property
    def rule(self) -> str:
        return f"top {self.k:,}" + (f" and T mod {self.pool}" if self.pool > 1 else "")


@dataclass(frozen=True)
class EvenShare(TopK):
    """What the first of `of` ranks reads of the top `k`, where these fall evenly on them."""

    of: int = 1

    def touched(self, entries: int) -> int:
        return min(entries, -(-self.k // self.of))

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.touched(self.k),)

    @property
    def rule(self) -> str:
        return f"top {self.k:,}, evenly on {self.of:,} ranks"


@dataclass(frozen=True)
class TopBlocks:
    """An index picks `blocks` blocks of `size` entries, the newest, unfinished one among them."""

    blocks: int
    size: int

    def touched(self, entries: int) -> int:
        newest = entries % self.size or min(entries, self.size)
        return min(entries, (self.blocks - 1) * self.size + newest)

    def used(self, entries: int) -> int:
        return self.touched(entries)

    @property
    def turns(self) -> tuple[int, ...]:
        return (self.blocks * self.size,)

    @property
    def period(self) -> int:
        return self.size

    @property
    def rule(self) -> str:
        return f"top {self.blocks:,} blocks of {self.size:,}"


@dataclass(frozen=True)
class ReadWrite:
    """A state: read, and written back."""

    turns: ClassVar[tuple[int, ...]] = ()
    period: ClassVar[int] = 1

    def touched(self, entries: int) -> int:
        return 2 * entries

    def used(self, entries: int) -> int:
        return entries

    @property
    def rule(self) -> str:
        return "read and written back"
