"""The rows of `compare MODEL`: the model's own cache, and what other schemes would keep.

A what-if puts one scheme with full attention where a layer attends, and one in a layer that has a
state alone, on the layer's own query heads and widths. No scheme is known here by its name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.attention import KINDS
from kvcalc.cache import STATE_ROLES, Cache
from kvcalc.errors import UsageError
from kvcalc.extents import Every

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvcalc.attention.base import Scheme, Shape
    from kvcalc.model import Layer, Model

NATIVE = "native"
_PREFERRED = ("mha", "mqa", "gqa")
"""Which name a row goes by where several fit, by the contract of `compare`."""


@dataclass(frozen=True)
class Row:
    """One scheme on a model: the first name is its own in the table, it answers to all of them."""

    names: tuple[str, ...]
    label: str
    native: bool
    cache: Cache
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the row is called."""
        return self.names[0]

    def answers_to(self, name: str) -> bool:
        """Whether an expectation or a baseline of that name means this row."""
        return name in self.names or (self.native and name == NATIVE)


@dataclass(frozen=True)
class Rows:
    """All rows of a model in table order, the first the baseline, and why one is missing."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def find(self, name: str) -> Row | None:
        """The row that answers to a name."""
        return next((row for row in self.rows if row.answers_to(name)), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that some row answers to."""
        return (*(name for row in self.rows for name in row.names), NATIVE)


def rows_of(model: Model) -> Rows:
    """The rows of a model. Raises InvalidValue where a `compare:` scheme does not fit it."""
    native = native_row(model)
    shapes = [shape for layer in dict.fromkeys(model.layers) for shape in _shapes(model, layer)]
    if not shapes:
        return Rows((native,), ("no what-if rows: no layer of the model keeps a cache",))
    if not all(shapes):
        return Rows((native,), ("no what-if rows: the model has no query heads to put them on",))
    what_ifs, notes = _what_ifs(model, native.name)
    return Rows(tuple(_merged([*what_ifs, native])), notes)


def native_row(model: Model) -> Row:
    """What the model ships: named by the kind of its one scheme at full length, else `native`."""
    scheme = _only_scheme(model)
    if scheme is None or any(len(layer) > 1 for layer in model.layers):
        return Row((NATIVE,), NATIVE, True, model.cache, _left(model, _used(model)))
    full = all(isinstance(t.extent, Every) and not t.shared for t in scheme.expand())
    name, label = (scheme.kind, scheme.kind + scheme.detail) if full else (NATIVE, NATIVE)
    return Row((name,), label, True, model.cache, _left(model, [scheme]))


def _used(model: Model) -> list[Scheme]:
    return [model.attention[name] for name in dict.fromkeys(n for la in model.layers for n in la)]


def _only_scheme(model: Model) -> Scheme | None:
    schemes = {model.attention[name] for layer in model.layers for name in layer}
    return schemes.pop() if len(schemes) == 1 else None


def _attending(model: Model, layer: Layer) -> list[Scheme]:
    schemes = [model.attention[name] for name in layer]
    return [s for s in schemes if any(t.role not in STATE_ROLES for t in s.expand())]


def _shapes(model: Model, layer: Layer) -> list[Shape | None]:
    if attending := _attending(model, layer):
        return [scheme.shape or model.shape for scheme in attending]
    own = (model.attention[name].shape for name in layer)
    return [next((shape for shape in own if shape), model.shape)] if layer else []


def _what_ifs(model: Model, own_name: str) -> tuple[list[Row], tuple[str, ...]]:
    native = [s for layer in dict.fromkeys(model.layers) for s in _attending(model, layer)]
    shapes = [s for layer in dict.fromkeys(model.layers) for s in _shapes(model, layer) if s]
    unasked: dict[str, Row] = {}
    asked: dict[str, Row] = {}
    notes: list[str] = []
    for kind, scheme in KINDS.items():
        offer = scheme.offered(native, [shape.heads for shape in shapes])
        fields = model.compare.get(kind, offer)
        if isinstance(fields, str):
            notes.append(fields)
        elif fields is not None:
            counts: Counter[Scheme] = Counter()
            for layer, layers in Counter(model.layers).items():
                for shape in filter(None, _shapes(model, layer)):
                    counts[scheme.stand_in(shape, fields)] += layers
            try:
                row = _row(model, counts, native, own_name)
                row.cache.stored(1)
            except UsageError as error:
                # the model's own row is answered, even where this one cannot be stored so
                notes.append(f"no {kind} row: {error}")
                continue
            (asked if offer is None else unasked)[kind] = row
    expanded = _expanded(model, notes)
    in_file_order = [asked[kind] for kind in model.compare if kind in asked]
    return [*unasked.values(), *expanded, *in_file_order], tuple(notes)


def _row(model: Model, counts: Counter[Scheme], native: Iterable[Scheme], own_name: str) -> Row:
    scheme = next(iter(counts))
    variants = {own.variant for own in native if own.kind == scheme.kind}
    name, detail = scheme.kind, scheme.detail
    if variants and scheme.variant not in variants:
        name, detail = f"{scheme.kind}-{scheme.variant}", ""
    cache = _cache(model, scheme.kind, counts)
    if name == own_name and cache.contents != model.cache.contents:
        name = f"{name}-what-if"
    return Row((name,), name + detail, False, cache, _left(model, counts))


def _cache(model: Model, name: str, counts: Counter[Scheme]) -> Cache:
    several = len(counts) > 1
    return Cache(
        tuple(
            model.group(f"{name}-{number}" if several else name, layers, scheme)
            for number, (scheme, layers) in enumerate(counts.items(), start=1)
        )
    )


def _left(model: Model, schemes: Iterable[Scheme]) -> tuple[str, ...]:
    """A note on the roles of a row that a layout does not name."""
    kept: dict[str, dict[str, None]] = {}
    for scheme in schemes:
        for role in model.storage(scheme).unnamed(scheme.expand()):
            kept.setdefault((scheme.dtype or model.dtype).name, {})[role] = None
    layout = model.kv_dtype.name if model.kv_dtype else ""
    return tuple(
        f"{layout} does not name {', '.join(roles)}: kept in {dtype}"
        for dtype, roles in kept.items()
    )


def _expanded(model: Model, dropped: list[str]) -> list[Row]:
    attention = {name: scheme.expanded or scheme for name, scheme in model.attention.items()}
    names = {s.expanded_name for s in model.attention.values() if s.expanded}
    try:
        cache, notes = replace(model, attention=attention).cache, _left(model, attention.values())
        cache.stored(1)
    except UsageError as error:
        dropped += [f"no {name} row: {error}" for name in sorted(names)]
        return []
    return [Row((name,), name, False, cache, notes) for name in sorted(names)]


def _merged(rows: list[Row]) -> list[Row]:
    """Rows that keep the very same tensors are one row that answers to every name."""
    merged: list[Row] = []
    for row in rows:
        twin = next((m for m in merged if m.cache.contents == row.cache.contents), None)
        if twin is None:
            merged.append(row)
            continue
        both = (twin, row) if _rank(twin) <= _rank(row) else (row, twin)
        names = tuple(dict.fromkeys(both[0].names + both[1].names))
        # the model's own tensors say more than their bytes: what a step computes with them
        own = next((r for r in both if r.native), both[0])
        merged[merged.index(twin)] = replace(
            both[0], names=names, native=own.native, cache=own.cache, notes=own.notes
        )
    return merged


def _rank(row: Row) -> int:
    return _PREFERRED.index(row.name) if row.name in _PREFERRED else len(_PREFERRED)
