"""What a scheme is: a frozen dataclass in its paper's words that expands to cache tensors."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from kvcalc.attention.bounds import Count, SourceLength, TokenCount, bounds_of
from kvcalc.cache import CacheTensor
from kvcalc.errors import InvalidValue, Problem
from kvcalc.extents import Chunk, Every, Extent, Fixed, Window
from kvcalc.formats import Format, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence


INHERITED = ("heads", "head_dim", "dtype", "source_length")
"""Fields that an attention entry takes from the model where it does not set them itself."""

BOUNDED = ("window", "sink", "chunk")
"""Fields by which an attention entry keeps but some of the tokens."""

Parts = Callable[[Format], tuple[Format, Format | None]]
"""Tells a format's dtype from the scale that is stored with it, if any."""

Offer = dict[str, int] | str
"""How a kind stands beside any model unasked: its fields, or why it cannot."""


@dataclass(frozen=True)
class Shape:
    """What a what-if takes over from a layer: query heads, K and V widths, dtype, the source."""

    heads: int
    key_dim: int
    value_dim: int
    dtype: Layout | None = None
    cross: bool = False
    source_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scheme(ABC):
    """One way for a layer to remember. Raises InvalidValue where its numbers cannot be."""

    kind: ClassVar[str]
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names that YAML may use for a field."""
    expanded_name: ClassVar[str] = ""
    """The row that shows `expanded`, for kinds that have it."""

    dtype: Annotated[Layout | None, "the cache's dtype in these layers"] = None

    def __post_init__(self) -> None:
        problems = _out_of_bounds(self) or list(self.problems())
        if problems:
            raise InvalidValue(problems)

    def problems(self) -> Sequence[Problem]:
        """What cannot be, beyond the bounds of single fields; paths are field names."""
        return ()

    @abstractmethod
    def expand(self) -> tuple[CacheTensor, ...]:
        """The tensors that one layer of this scheme keeps."""

    @cached_property
    def kept(self) -> tuple[CacheTensor, ...]:
        """The same, worked out once."""
        return expanded(self)

    def left_over(self) -> tuple[CacheTensor, ...]:
        """What a compressor keeps of tokens that no finished entry holds; only engines count it."""
        return ()

    def plain(self) -> Self:
        """The same with its defaults written out, so that two that mean the same are equal."""
        return self

    @property
    def shape(self) -> Shape | None:
        """The heads and widths a what-if takes over; None leaves them to the model's own."""
        return None

    @property
    def variant(self) -> str:
        """What tells two schemes of this kind apart in a row's name."""
        return "what-if"

    @property
    def detail(self) -> str:
        """What a table adds to the kind's name."""
        return ""

    @property
    def expanded(self) -> Scheme | None:
        """What an engine stores that does not absorb a compressed form; None: nothing else."""
        return None

    @property
    def dense(self) -> Scheme | None:
        """What a sparse scheme would be if a step read and scored every entry; None: it does."""
        return None

    @property
    def indexer_weights(self) -> int | None:
        """Weights of what picks the entries that a step reads; None where that is not known."""
        return None

    @property
    def crosses(self) -> bool:
        """Whether it attends to an encoder's output."""
        return False

    def over(self, source_length: int) -> Scheme:
        """The same scheme where an encoder's output has so many tokens."""
        return self

    @classmethod
    @cache
    def names(cls) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(field.name for field in dataclasses.fields(cls))

    def unscaled(self, parts: Parts) -> Scheme:
        """The same scheme with scales in fields of their own, where it has such fields.

        Raises UsageError where one field cannot hold them.
        """
        return self

    @classmethod
    def offered(cls, native: Sequence[Scheme], heads: Sequence[int]) -> Offer:
        """How this kind stands beside a model with these schemes and head counts, unasked.

        Asked of the kinds in `kvcalc.attention.BESIDE` alone.
        """
        return {}

    @classmethod
    def made(cls, given: Mapping[str, Any]) -> Self:
        """This scheme from fields of which None counts as not given.

        Raises InvalidValue, also where a field is missing.
        """
        present = {name: value for name, value in given.items() if value is not None}
        missing = [name for name in _required(cls) if name not in present]
        if missing:
            raise InvalidValue([*(_missing(cls, name) for name in missing), *cls.lacking(present)])
        return cls(**present)

    @classmethod
    def lacking(cls, given: Mapping[str, Any]) -> Sequence[Problem]:
        """What is missing where either of two fields would do."""
        return ()

    @classmethod
    def widths(cls, shape: Shape) -> Mapping[str, int]:
        """The widths that a what-if takes over, unless it names a head_dim of its own."""
        return {}

    @classmethod
    def stand_in(cls, shape: Shape, fields: Mapping[str, Any]) -> Self:
        """This scheme in the place of another of that shape. Raises InvalidValue."""
        widths = {} if fields.get("head_dim") else cls.widths(shape)
        own = {
            "heads": shape.heads,
            "dtype": shape.dtype,
            "cross": shape.cross,
            "source_length": shape.source_length,
        }
        taken = {name: value for name, value in own.items() if name in cls.names()}
        return cls.made({**taken, **widths, **fields})


@lru_cache(maxsize=1024)
def expanded(scheme: Scheme) -> tuple[CacheTensor, ...]:
    """What a layer of this scheme keeps, worked out once for all that are equal."""
    return scheme.expand()


@cache
def _required(scheme: type[Scheme]) -> tuple[str, ...]:
    fields = dataclasses.fields(scheme)
    return tuple(field.name for field in fields if field.default is dataclasses.MISSING)


def _missing(scheme: type[Scheme], name: str) -> Problem:
    also = "".join(f" (or {alias})" for alias, field in scheme.aliases.items() if field == name)
    hint = "set it in the entry, or once for the whole model" if name in INHERITED else ""
    return Problem(f"{scheme.kind} needs {name}{also}", hint, (name,))


def _out_of_bounds(scheme: Scheme) -> list[Problem]:
    problems = []
    for name, bound in bounds_of(type(scheme)):
        value = getattr(scheme, name)
        if value is not None and not bound.low <= value <= bound.high:
            text = f"{name} is {value:,}; it must be from {bound.low} to {bound.high:,}"
            problems.append(Problem(text, path=(name,)))
    return problems


@dataclass(frozen=True, kw_only=True)
class Attention(Scheme):
    """A scheme in which query heads attend to entries kept per token."""

    heads: Annotated[Count, "query heads"]
    head_dim: Annotated[Count | None, "width of one key and one value head"] = None
    window: Annotated[TokenCount | None, "sliding window: the last so many tokens are kept"] = None
    sink: Annotated[
        TokenCount | None, "attention sinks: the first so many tokens, kept beside the window"
    ] = None
    chunk: Annotated[TokenCount | None, "chunked attention: tokens of the current chunk"] = None
    shared: Annotated[bool, "another layer stores this cache: it is read here, not stored"] = False
    cross: Annotated[bool, "cross attention, over the encoder's output"] = False
    source_length: Annotated[SourceLength | None, "tokens of the encoder's output"] = None

    def problems(self) -> Sequence[Problem]:
        given = [name for name in ("window", "chunk", "cross") if getattr(self, name)]
        if len(given) > 1:
            text = f"{given[0]} and {given[1]} exclude each other; keep one"
            return [Problem(text, path=(given[1],))]
        if self.sink and not self.window:
            text, hint = "a sink needs a window", "set window: the last tokens, beside the first"
            return [Problem(text, hint, ("sink",))]
        return []

    @abstractmethod
    def entries(self) -> tuple[CacheTensor, ...]:
        """The tensors of one layer, as if it stored them itself."""

    def expand(self) -> tuple[CacheTensor, ...]:
        if not (self.shared or self.cross):
            return self.entries()
        return tuple(
            replace(tensor, shared=self.shared, crosses=self.cross) for tensor in self.entries()
        )

    def plain(self) -> Self:
        # without cross attention nobody asks for the source; 0 tokens of it is what none says
        source = (self.source_length or None) if self.cross else None
        return replace(super().plain(), source_length=source)

    @property
    def crosses(self) -> bool:
        return self.cross

    def over(self, source_length: int) -> Self:
        return replace(self, source_length=source_length)

    @property
    def extent(self) -> Extent:
        """Which tokens are kept: all, a window, a chunk, or those of the source."""
        if self.cross:
            return Fixed(self.source_length or 0)
        if self.window:
            return Window(self.window, self.sink or 0)
        return Chunk(self.chunk) if self.chunk else Every()


@dataclass(frozen=True, kw_only=True)
class KeyedAttention(Attention):
    """Attention whose keys and values have widths of their own, head_dim where they do not."""

    key_field: ClassVar[str] = "key_dim"
    """The field that gives the width of a key."""

    value_dim: Annotated[Count | None, "width of one value head, where it is not head_dim"] = None

    @classmethod
    def lacking(cls, given: Mapping[str, Any]) -> Sequence[Problem]:
        if given.get("head_dim") or (given.get(cls.key_field) and given.get("value_dim")):
            return ()
        hint = f"set head_dim, or {cls.key_field} and value_dim"
        return [Problem(f"{cls.kind} needs head_dim", hint, ("head_dim",))]

    def problems(self) -> Sequence[Problem]:
        return self.lacking(vars(self)) or super().problems()

    def plain(self) -> Self:
        given: dict[str, Any] = {**self.widths(self.shape), "head_dim": None}
        return replace(super().plain(), **given)

    @property
    def shape(self) -> Shape:
        key = getattr(self, self.key_field) or self.head_dim or 0
        value = self.value_dim or self.head_dim or 0
        return Shape(self.heads, key, value, self.dtype, self.cross, self.source_length)

    @classmethod
    def widths(cls, shape: Shape) -> Mapping[str, int]:
        return {cls.key_field: shape.key_dim, "value_dim": shape.value_dim}
