"""The alphabet: cache tensors, how they are stored, and every quantity as a sum over them.

Every attention scheme expands to these, and nothing above knows more about a scheme than this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from kvcalc.amounts import Amounts
from kvcalc.errors import InvalidValue, Problem, UsageError
from kvcalc.extents import All, Beyond, Every, Window
from kvcalc.formats import FLOATS, FP32, NONE, widths_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from kvcalc.expect import Quantity
    from kvcalc.extents import Extent, Reads
    from kvcalc.formats import Format, IndexFormat, Layout, Widths

Role = Literal[
    "k", "v", "latent", "rope", "kv", "compressed", "index", "state", "conv", "shift", "carry"
]
"""What a tensor is to an engine: attention entries (kv: one for both; compressed: one that tells of
the past apart from a window), an index over them, a state, or a compressor's left-over, which each
engine keeps by its own rule and `stored` leaves out."""

PERIOD_DIGITS = 30
MAX_PERIOD = 10**PERIOD_DIGITS
"""Tokens after which the strides of a cache come out even: the denominator of its growth."""

STATE_ROLES: frozenset[Role] = frozenset({"state", "conv", "shift"})
ALL = All()
ENTRY_ROLES: frozenset[Role] = frozenset({"k", "v", "latent", "rope", "kv", "compressed"})


@dataclass(frozen=True)
class CacheTensor:
    """One tensor a layer keeps: entries of `heads` x `width` elements.

    heads   equal parts that tensor parallelism may split; None is headless and replicated
    width   elements per entry and head
    format  None is left to whoever stores it: the cache's dtype, or for a state the ideal's fp32
    shared  another layer stores it: read here, not stored here
    crosses it is of what cross attention looks back at, not of the sequence's own tokens
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
    crosses: bool = False
    macs: int | None = None


@dataclass(frozen=True)
class Storage:
    """How a cache is stored: the model's own layout, and what a question puts in its place."""

    dtype: Layout
    kv_dtype: Layout | None = None
    index_dtype: IndexFormat | None = None

    def settle(self, tensors: Sequence[CacheTensor]) -> tuple[Settled, ...]:
        """The tensors of one layer with their formats filled in.

        Raises UsageError where a layout does not exist for them or names no format for one.
        """
        latent = _latent_widths(tensors)
        settled: list[Settled] = []
        for tensor in tensors:
            if tensor.role != "index" or self.index_dtype != NONE:
                settled += self._settled(tensor, latent)
        even = (self.kv_dtype or self.dtype).even
        return tuple(_in_even_slots(settled) if even else settled)

    def _settled(self, tensor: CacheTensor, latent: Widths | None) -> tuple[Settled, ...]:
        stored = self._format(tensor, latent)
        if not stored.residual:
            return (Settled(tensor, stored),)
        last = tensor.format or self._own(tensor.role, latent)
        if last.residual:
            text = f"{stored.name} does not say in which dtype the last tokens of a cache are kept"
            raise UsageError(f"{text}: it is for a question's kv_dtype alone")
        if tensor.extent != Every() or tensor.reads != ALL:
            text = (
                f"{stored.name} keeps the last {stored.residual:,} tokens apart, which is known of"
            )
            kept = f"{tensor.extent.rule} entries, {tensor.reads.rule} of them read"
            text = f"{text} full attention alone; {tensor.name} has {kept}"
            raise UsageError(f"{text}: {stored.name}_r0 is the same without such tokens")
        rest = replace(tensor, extent=Beyond(stored.residual))
        last_tokens = Window(stored.residual)
        residual = replace(tensor, name=f"{tensor.name}_residual", extent=last_tokens)
        return Settled(rest, stored), Settled(residual, last)

    def _format(self, tensor: CacheTensor, latent: Widths | None) -> Format:
        asked = None
        if tensor.role == "index" and self.index_dtype and self.index_dtype != NONE:
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


def _in_even_slots(settled: Sequence[Settled]) -> list[Settled]:
    """Where a head's key and value share a slot of an odd number of bytes, the value takes more."""
    keys = iter([one for one in settled if one.tensor.role == "k"])
    found = []
    for one in settled:
        key = next(keys, None) if one.tensor.role == "v" else None
        odd = key is not None and (key.bytes_per_head + one.bytes_per_head) % 2
        found.append(replace(one, format=one.format.padded()) if odd else one)
    return found


def _latent_widths(tensors: Sequence[CacheTensor]) -> Widths | None:
    return widths_of((tensor.role, tensor.width) for tensor in tensors)


@dataclass(frozen=True)
class Settled:
    """A cache tensor whose format is known, so that it can be counted in bytes."""

    tensor: CacheTensor
    format: Format

    @property
    def bytes_per_head(self) -> int:
        """Bytes of one head's entry."""
        return self.format.entry_bytes(self.tensor.width)

    @cached_property
    def entry_bytes(self) -> int:
        """Bytes of one entry over all heads."""
        return (self.tensor.heads or 1) * self.bytes_per_head

    def stored(self, tokens: int) -> int:
        """Bytes held after `tokens` tokens; none where another layer stores them."""
        tensor = self.tensor
        return 0 if tensor.shared else self.entry_bytes * tensor.extent.entries(tokens)

    def growth(self, tokens: int) -> Fraction | int:
        """Bytes added per further token."""
        tensor = self.tensor
        return 0 if tensor.shared else self.entry_bytes * tensor.extent.growth(tokens)

    def read(self, tokens: int) -> int:
        """Bytes one decode step moves with `tokens` tokens in the cache."""
        tensor = self.tensor
        return self.entry_bytes * tensor.reads.touched(tensor.extent.entries(tokens))

    def flops(self, tokens: int) -> int | None:
        """Operations of one decode step on these entries, two per multiply-add; None: unknown."""
        tensor = self.tensor
        if tensor.macs is None:
            return None
        return 2 * tensor.macs * tensor.reads.used(tensor.extent.entries(tokens))

    def at(self, tokens: int) -> Amounts:
        """What this tensor amounts to with `tokens` tokens in the cache."""
        stored, growth = self.stored(tokens), self.growth(tokens)
        fixed = 0 if growth else stored
        return Amounts(stored, Fraction(growth), fixed, self.read(tokens), self.flops(tokens))

    @cached_property
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
    """Like layers: `layers` of them keep each of `tensors`.

    left_over  what their compressors keep besides, which only engines count
    """

    name: str
    layers: int
    tensors: tuple[Settled, ...]
    left_over: tuple[Settled, ...] = ()


@dataclass(frozen=True)
class Cache:
    """All that one sequence keeps: every quantity is a sum over groups, exact to the byte.

    Raises InvalidValue where its strides make growth a fraction that nobody can read.
    """

    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        extents = {tensor.tensor.extent for _, tensor in self.tensors}
        strides = sorted({extent.stride for extent in extents if isinstance(extent, Every)})
        if math.lcm(*strides) > MAX_PERIOD:
            told = ", ".join(f"{stride:,}" for stride in strides[:3])
            text = f"{len(strides):,} strides (an entry per {told}, ... tokens) have no multiple"
            text, hint = f"{text} below 10^{PERIOD_DIGITS}", "no cache needs so many"
            raise InvalidValue([Problem(text, hint, ("attention",))])

    def stored(self, tokens: int) -> int:
        """Bytes of live cache state after `tokens` tokens."""
        return sum(layers * tensor.stored(tokens) for layers, tensor in self.tensors)

    def growth(self, tokens: int) -> Fraction:
        """Bytes per token of what still grows just after `tokens` tokens."""
        return Fraction(sum(layers * tensor.growth(tokens) for layers, tensor in self.tensors))

    def fixed(self, tokens: int) -> int:
        """Bytes of what no longer grows at `tokens` tokens: full windows, states."""
        full = ((n, tensor) for n, tensor in self.tensors if not tensor.growth(tokens))
        return sum(layers * tensor.stored(tokens) for layers, tensor in full)

    def read(self, tokens: int) -> int:
        """Bytes one decode step moves; the new token's own write is left out, a state's is not."""
        return sum(layers * tensor.read(tokens) for layers, tensor in self.tensors)

    def flops(self, tokens: int) -> int | None:
        """Attention FLOPs of one decode step with `tokens` tokens in the cache; None: unknown.

        Counted: scores and values (MLA in its absorbed form), index scores, state updates and
        read-outs, convolution taps. Not counted: projections, softmax, norms, the new token itself.
        """
        total = 0
        for layers, tensor in self.tensors:
            flops = tensor.flops(tokens)
            if flops is None:
                return None
            total += layers * flops
        return total

    def at(self, tokens: int) -> Amounts:
        """All quantities with `tokens` tokens in the cache."""
        return Amounts(
            self.stored(tokens),
            self.growth(tokens),
            self.fixed(tokens),
            self.read(tokens),
            self.flops(tokens),
        )

    def amount(self, quantity: Quantity, tokens: int) -> Fraction | None:
        """One quantity, in bytes or FLOPs; None where the FLOPs are not known."""
        found: Fraction | int | None = getattr(self, quantity)(tokens)
        return None if found is None else Fraction(found)

    @cached_property
    def tensors(self) -> tuple[tuple[int, Settled], ...]:
        """Every tensor, and how many layers keep one."""
        return tuple((group.layers, tensor) for group in self.groups for tensor in group.tensors)

    @cached_property
    def contents(self) -> Mapping[Hashable, int]:
        """How many of each tensor are kept, names aside: equal where two caches are the same."""
        counts: dict[Hashable, int] = {}
        for group in self.groups:
            for tensor in (*group.tensors, *group.left_over):
                counts[tensor.identity] = counts.get(tensor.identity, 0) + group.layers
        return counts
