"""A model as the engine sees it: layers in order, each with the schemes it keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kvcalc.cache import Cache, Group
from kvcalc.units import check_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from kvcalc.attention.base import Scheme, Shape
    from kvcalc.expect import Expectation
    from kvcalc.formats import Format

DEFAULT_CONTEXT = 131_072

Layer = tuple[str, ...]
"""The names of the attention entries that one layer keeps; () keeps nothing."""


@dataclass(frozen=True)
class Source:
    """What was really read: where, what it says, and when (an ISO date)."""

    origin: str
    says: str = ""
    read: str = ""


@dataclass(frozen=True)
class Model:
    """A model's cache-relevant facts. `layers` names entries of `attention`, in layer order."""

    name: str
    dtype: Format
    attention: Mapping[str, Scheme]
    layers: tuple[Layer, ...] = field(repr=False)
    shape: Shape | None = None
    """Heads and widths for what-ifs in layers that have none of their own."""
    compare: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What-if schemes to set beside the model's own: fields by kind."""
    expect: tuple[Expectation, ...] = ()
    vendor: str = ""
    max_context: int | None = None
    confidence: str = ""
    sources: tuple[Source, ...] = ()
    file: str = ""

    @property
    def default_context(self) -> int:
        """The context answered for where none is asked."""
        return min(DEFAULT_CONTEXT, self.max_context or DEFAULT_CONTEXT)

    @cached_property
    def cache(self) -> Cache:
        """What one sequence keeps, like layers together, in the order they first come."""
        counts = Counter(name for layer in self.layers for name in layer)
        return Cache(tuple(self._group(name, layers) for name, layers in counts.items()))

    def _group(self, name: str, layers: int) -> Group:
        scheme = self.attention[name]
        dtype = scheme.dtype or self.dtype
        return Group(name, layers, tuple(t.settled(dtype) for t in scheme.expand()))

    def stored(self, context: int, batch: int = 1) -> int:
        """Bytes of live cache state of `batch` sequences after `context` tokens each."""
        return batch * self.cache.stored(check_tokens(context))

    def growth(self, context: int) -> Fraction:
        """Bytes per token of one sequence's tensors still growing just after `context` tokens."""
        return self.cache.growth(check_tokens(context))

    def fixed(self, context: int, batch: int = 1) -> int:
        """Bytes of what no longer grows at `context` tokens: full windows, states."""
        return batch * self.cache.fixed(check_tokens(context))

    def read(self, context: int, batch: int = 1) -> int:
        """Bytes of cache that one decode step moves at `context` tokens."""
        return batch * self.cache.read(check_tokens(context))
