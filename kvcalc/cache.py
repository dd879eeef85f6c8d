"""The alphabet: cache tensors, how they are stored, and every quantity as a sum over them.

Every attention scheme expands to these, and nothing above knows more about a scheme than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from kvcalc.errors import UsageError
from kvcalc.extents import All, Extent, Reads
from kvcalc.formats import FLOATS, FP32, SEVERAL, Format, Layout, Widths

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

Role = Literal["k", "v", "latent", "rope", "index", "state", "conv", "shift", "carry"]
"""What a tensor is to an engine: attention entries, an index over them, a state, or a
compressor's left-over, which each engine keeps by its own rule and `stored` leaves out."""

STATE_ROLES: frozenset[Role] = frozenset({"state", "conv", "shift"})
ALL = All()
ENTRY_ROLES: frozenset[Role] = frozenset({"k", "v", "latent", "rope"})


@dataclass(frozen=True)
class CacheTensor:
    """One tensor a layer keeps: entries of `heads` x `width` elements.

    heads   equal parts that tensor parallelism may split; None is headless and replicated
    width   elements per entry and head
    format  None is left to whoever stores it: the cache's dtype, or for a state the ideal's fp32
    shared  another layer stores it: read here, not stored here
    macs    multiply-adds that one entry takes part in per decode step, over all query heads;
            None where nobody said
    """

    name: str
    role: Role
    width: int
    extent: Extent
    heads: int | None = None
    format: Format | None = None
    reads: Reads = ALL
    shared: bool = False
    macs: int | None = None


@dataclass(frozen=True)
class Storage:
    """How a cache is stored: the model's own layout, and what a question puts in its place."""

    dtype: Layout
    kv_dtype: Layout | None = None
    index_dtype: Format | None = None

    def settle(self, tensors: Sequence[CacheTensor]) -> tuple[Settled, ...]:
        """The tensors of one layer with their formats filled in.

        Raises UsageError where a layout does not exist for them or names no format for one.
        """
        latent = _latent_widths(tensors)
        return tuple(Settled(tensor, self._format(tensor, latent)) for tensor in tensors)

    def _format(self, tensor: CacheTensor, latent: Widths | None) -> Format:
        asked = None
        if tensor.role == "index" and self.index_dtype:
            asked = self.index_dtype
        elif self.kv_dtype and (tensor.role == "index" or tensor.role in ENTRY_ROLES):
            asked = self.kv_dtype.format_of(tensor.role, latent)
        pinned = tensor.format or (FP32 if tensor.role == "state" else None)
        return asked or pinned or self._own(tensor.role, latent)

    def _own(self, role: Role, latent: Widths | None) -> Format:
        # index keys, convolutions and left-overs are in the model's dtype, as its keys are
        own = self.dtype.format_of(role if role in ENTRY_ROLES else "k", latent)
        if own is None or (role in STATE_ROLES and own not in FLOATS):
            text = f"dtype {self.dtype.name} does not say how a {role} tensor is stored"
            raise UsageError(f"{text}; set dtype in its attention entry")
        return own

    def unnamed(self, tensors: Sequence[CacheTensor]) -> tuple[Role, ...]:
        """The roles among these tensors that `kv_dtype` leaves in the model's own dtype."""
        if self.kv_dtype is None:
            return ()
        latent = _latent_widths(tensors)
        roles = dict.fromkeys(t.role for t in tensors if t.role in ENTRY_ROLES)
        return tuple(r for r in roles if self.kv_dtype.format_of(r, latent) is None)


def _latent_widths(tensors: Sequence[CacheTensor]) -> Widths | None:
    latents = {tensor.width for tensor in tensors if tensor.role == "latent"}
    ropes = {tensor.width for tensor in tensors if tensor.role == "rope"}
    if len(latents) > 1 or len(ropes) > 1:
        return SEVERAL
    return (latents.pop(), ropes.pop() if ropes else 0) if latents else None


@dataclass(frozen=True)
class Settled:
    """A cache tensor whose format is known, so that it can be counted in bytes."""

    tensor: CacheTensor
    format: Format

    @property
    def entry_bytes(self) -> int:
        """Bytes of one entry over all heads."""
        return (self.tensor.heads or 1) * self.format.entry_bytes(self.tensor.width)

    @property
    def kept(self) -> bool:
        """Whether this layer stores it: neither another layer nor an engine's own rule does."""
        return not self.tensor.shared and self.tensor.role != "carry"

    def stored(self, tokens: int) -> int:
        """Bytes held after `tokens` tokens."""
        return self.entry_bytes * self.tensor.extent.entries(tokens) if self.kept else 0

    def growth(self, tokens: int) -> Fraction:
        """Bytes added per further token."""
        return self.entry_bytes * self.tensor.extent.growth(tokens) if self.kept else Fraction(0)

    def read(self, tokens: int) -> int:
        """Bytes one decode step moves with `tokens` tokens in the cache."""
        if self.tensor.role == "carry":
            return 0
        return self.entry_bytes * self.tensor.reads.touched(self.tensor.extent.entries(tokens))

    def flops(self, tokens: int) -> int | None:
        """Operations of one decode step on these entries, two per multiply-add; None: unknown."""
        if self.tensor.macs is None:
            return None
        return 2 * self.tensor.macs * self.tensor.reads.used(self.tensor.extent.entries(tokens))

    @property
    def identity(self) -> Hashable:
        """What two tensors have in common if they are one: all but the free-text name."""
        tensor = self.tensor
        return (
            self.format,
            tensor.role,
            tensor.width,
            tensor.heads,
            tensor.extent,
            tensor.reads,
            tensor.shared,
        )


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

    def flops(self, tokens: int) -> int | None:
        """Attention FLOPs of one decode step with `tokens` tokens in the cache; None: unknown.

        Counted: scores and values (MLA in its absorbed form), index scores, state updates and
        read-outs, convolution taps. Not counted: projections, softmax, norms, the new token itself.
        """
        total = 0
        for group in self.groups:
            for tensor in group.tensors:
                flops = tensor.flops(tokens)
                if flops is None:
                    return None
                total += group.layers * flops
        return total

    @cached_property
    def contents(self) -> Mapping[Hashable, int]:
        """How many of each tensor are kept, names aside: equal where two caches are the same."""
        counts: dict[Hashable, int] = {}
        for group in self.groups:
            for tensor in group.tensors:
                counts[tensor.identity] = counts.get(tensor.identity, 0) + group.layers
        return counts
