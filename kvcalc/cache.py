"""The alphabet: cache tensors, how many entries they hold after T tokens, what a step reads.

Every attention scheme expands to these, and nothing above knows more about a scheme than this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from kvcalc.formats import FP32, Format

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["k", "v", "latent", "rope", "index", "state", "conv", "shift"]
"""What a tensor is to an engine: attention entries, an index over them, or a state."""

ROLES: tuple[Role, ...] = get_args(Role)
STATE_ROLES: frozenset[Role] = frozenset({"state", "conv", "shift"})


class Extent(Protocol):
    """How many entries a tensor holds, as a function of the tokens seen."""

    def entries(self, tokens: int) -> int:
        """Entries held after `tokens` tokens."""

    def growth(self, tokens: int) -> Fraction:
        """Entries added per further token, averaged over a stride; 0 once it is full."""

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

    def growth(self, tokens: int) -> Fraction:
        return Fraction(1, self.stride)

    @property
    def rule(self) -> str:
        if self.stride == self.first == 1:
            return "T"
        if self.stride == self.first:
            return f"floor(T / {self.stride})"
        return f"1 + floor((T - {self.first}) / {self.stride}) from T = {self.first}"


@dataclass(frozen=True)
class Window:
    """The last `size` tokens: min(T, size)."""

    size: int

    def entries(self, tokens: int) -> int:
        return min(tokens, self.size)

    def growth(self, tokens: int) -> Fraction:
        return Fraction(int(tokens < self.size))

    @property
    def rule(self) -> str:
        return f"min(T, {self.size:,})"


@dataclass(frozen=True)
class Chunk(Window):
    """The current chunk of at most `size` tokens: min(T, size), the most held up to T."""


@dataclass(frozen=True)
class Fixed:
    """A constant number of entries: a recurrent state, a convolution's columns."""

    count: int = 1

    def entries(self, tokens: int) -> int:
        return self.count

    def growth(self, tokens: int) -> Fraction:
        return Fraction(0)

    @property
    def rule(self) -> str:
        return f"{self.count:,} whatever T"


class Reads(Protocol):
    """What one decode step touches of the entries that are there."""

    def touched(self, entries: int) -> int:
        """Entries moved; one that is read and written back counts twice."""

    @property
    def rule(self) -> str:
        """Which entries these are, in words."""


@dataclass(frozen=True)
class All:
    """Every entry is read."""

    def touched(self, entries: int) -> int:
        return entries

    @property
    def rule(self) -> str:
        return "all"


@dataclass(frozen=True)
class TopK:
    """An index picks the `k` entries that are read."""

    k: int

    def touched(self, entries: int) -> int:
        return min(entries, self.k)

    @property
    def rule(self) -> str:
        return f"top {self.k:,}"


@dataclass(frozen=True)
class ReadWrite:
    """A state: read, and written back."""

    def touched(self, entries: int) -> int:
        return 2 * entries

    @property
    def rule(self) -> str:
        return "read and written back"


@dataclass(frozen=True)
class CacheTensor:
    """One tensor a layer keeps: entries of `heads` x `width` elements.

    heads   equal parts that tensor parallelism may split; None is headless and replicated
    width   elements per entry and head
    format  None is left to whoever stores it: the cache's dtype, or for a state the ideal's fp32
    """

    name: str
    role: Role
    width: int
    extent: Extent
    heads: int | None = None
    format: Format | None = None
    reads: Reads = All()

    def settled(self, dtype: Format) -> Settled:
        """The tensor with its format filled in, as the ideal keeps it at this cache dtype."""
        default = FP32 if self.role == "state" else dtype
        return Settled(self, self.format or default)


@dataclass(frozen=True)
class Settled:
    """A cache tensor whose format is known, so that it can be counted in bytes."""

    tensor: CacheTensor
    format: Format

    @property
    def entry_bytes(self) -> int:
        """Bytes of one entry over all heads."""
        return (self.tensor.heads or 1) * self.format.entry_bytes(self.tensor.width)

    def stored(self, tokens: int) -> int:
        """Bytes held after `tokens` tokens."""
        return self.entry_bytes * self.tensor.extent.entries(tokens)

    def growth(self, tokens: int) -> Fraction:
        """Bytes added per further token."""
        return self.entry_bytes * self.tensor.extent.growth(tokens)

    def read(self, tokens: int) -> int:
        """Bytes one decode step moves with `tokens` tokens in the cache."""
        return self.entry_bytes * self.tensor.reads.touched(self.tensor.extent.entries(tokens))

    @property
    def storage(self) -> Settled:
        """The same without the free-text name: what two tensors have in common if they are one."""
        return replace(self, tensor=replace(self.tensor, name=""))


@dataclass(frozen=True)
class Group:
    """Like layers: `layers` of them keep each of `tensors`."""

    name: str
    layers: int
    tensors: tuple[Settled, ...]


@dataclass(frozen=True)
class Cache:
    """All that one sequence keeps: every quantity is a sum over groups, exact to the byte."""

    groups: tuple[Group, ...]

    def stored(self, tokens: int) -> int:
        """Bytes of live cache state after `tokens` tokens."""
        return sum(g.layers * t.stored(tokens) for g in self.groups for t in g.tensors)

    def growth(self, tokens: int) -> Fraction:
        """Bytes per token of what still grows just after `tokens` tokens."""
        total = sum(g.layers * t.growth(tokens) for g in self.groups for t in g.tensors)
        return Fraction(total)

    def fixed(self, tokens: int) -> int:
        """Bytes of what no longer grows at `tokens` tokens: full windows, states."""
        return sum(
            g.layers * t.stored(tokens)
            for g in self.groups
            for t in g.tensors
            if not t.growth(tokens)
        )

    def read(self, tokens: int) -> int:
        """Bytes one decode step moves; the new token's own write is left out, a state's is not."""
        return sum(g.layers * t.read(tokens) for g in self.groups for t in g.tensors)

    @property
    def contents(self) -> Mapping[Settled, int]:
        """How many of each tensor are kept, names aside: equal where two caches are the same."""
        counts: dict[Settled, int] = {}
        for group in self.groups:
            for tensor in group.tensors:
                counts[tensor.storage] = counts.get(tensor.storage, 0) + group.layers
        return counts
