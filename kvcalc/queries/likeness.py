"""Which entry of one model answers to which of another, however they are named and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from kvcalc.attention.base import Attention, KeyedAttention
from kvcalc.attention.compressed import CSA
from kvcalc.attention.recurrent import Recurrent
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.errors import KvcalcError
from kvcalc.formats import FP32, Format, Layout

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.model import Layer, Model

Contents = frozenset[tuple[Hashable, int]]
"""How many of each tensor are kept, names aside."""


@dataclass(frozen=True)
class Entry:
    """An attention entry with its defaults written out; equal where nothing but the name differs.

    instead  what engines keep in its place
    """

    name: str = field(compare=False)
    scheme: Scheme
    instead: tuple[tuple[str, Scheme], ...]
    contents: Contents = field(compare=False)


Pair = tuple[Entry | None, Entry | None]


def entry_of(model: Model, name: str) -> Entry:
    """The entry of that name."""
    scheme = plain(model.attention[name], model)
    found = {engine: by[name] for engine, by in sorted(model.engines.items()) if name in by}
    instead = ((engine, plain(kept, model)) for engine, kept in found.items())
    others = tuple((engine, kept) for engine, kept in instead if kept != scheme)
    return Entry(name, scheme, others, contents_of(model, (name,)))


def contents_of(model: Model, layer: Layer) -> Contents:
    """What one layer keeps."""
    return frozenset(sum((_tensors(model, model.attention[n]) for n in layer), Counter()).items())


def keep_alike(model: Model, scheme: Scheme, other: Scheme) -> bool:
    """Whether a layer of either would keep the same in this model."""
    try:
        return _tensors(model, scheme) == _tensors(model, other)
    except KvcalcError:  # this model's dtype has no place for what the other keeps
        return False


def _tensors(model: Model, scheme: Scheme) -> Counter[Hashable]:
    return Counter(settled.identity for settled in model.group("", 1, scheme).tensors)


def plain(scheme: Scheme, model: Model) -> Scheme:
    """The same scheme with its defaults written out, so that two that mean the same are equal."""
    given: dict[str, Any] = {"dtype": None if scheme.dtype == model.dtype else scheme.dtype}
    if isinstance(scheme, KeyedAttention):
        widths = {scheme.key_field: scheme.shape.key_dim, "value_dim": scheme.shape.value_dim}
        given |= {**widths, "head_dim": None}
    if isinstance(scheme, Attention):
        given["source_length"] = (scheme.source_length or None) if scheme.cross else None
    if isinstance(scheme, DSA | BlockSparse | CSA):
        given["index_dtype"] = scheme.index_key(scheme.index_dtype).format
        given["index_scale"] = "none"
    if isinstance(scheme, Recurrent):
        given["state_dtype"] = scheme.state_dtype or FP32
    return replace(scheme, **given)


def pairs_of(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[Pair]:
    """Every entry of both once, beside the one it is most like, or beside None."""
    left, right = list(ours), list(theirs)
    found: list[Pair] = []
    for alike in LIKENESSES:
        for one in list(left):
            match = next((other for other in right if alike(one, other)), None)
            if match is not None:
                left.remove(one)
                right.remove(match)
                found.append((one, match))
    if len(left) == len(right) == 1:
        return [*found, (left[0], right[0])]
    return [*found, *((one, None) for one in left), *((None, other) for other in right)]


def _role(entry: Entry) -> Hashable:
    """What an entry is for: its kind, and how it is limited."""
    marks = ("window", "chunk", "cross", "shared", "indexer")
    limits = (getattr(entry.scheme, mark, None) for mark in marks)
    return entry.scheme.kind, *(x if isinstance(x, str) else bool(x) for x in limits)


def _likenesses() -> Iterator[Callable[[Entry, Entry], bool]]:
    keys: tuple[Callable[[Entry], Hashable], ...] = (
        lambda e: (e, e.name),
        lambda e: e,
        lambda e: (e.scheme, e.name),
        lambda e: e.scheme,
        lambda e: (e.contents, e.name),
        lambda e: e.contents,
        lambda e: (_role(e), e.name),
        _role,
        lambda e: (e.scheme.kind, e.name),
        lambda e: e.scheme.kind,
        lambda e: e.name,
    )
    for key in keys:
        yield lambda one, other, key=key: key(one) == key(other)  # type: ignore[misc]


LIKENESSES = tuple(_likenesses())
"""From the same to what has only its name in common."""


def words(scheme: Scheme) -> str:
    """A scheme as a reader would say it: `gqa (heads 32, kv_heads 8, window 128)`."""
    all_of_it = ((f.name, f.default, getattr(scheme, f.name)) for f in fields(scheme))
    told = [f"{n} {word(v)}" for n, default, v in all_of_it if v not in (None, default, "none")]
    return f"{scheme.kind} ({', '.join(told)})"


def word(value: object) -> str:
    """A field's value as a reader would say it."""
    if isinstance(value, Format | Layout):
        return value.name
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return "; ".join(f"{t.name} {t.heads or 1} x {t.width} ({t.extent.rule})" for t in value)
    return str(value)
