"""The rows of `compare MODEL`: the model itself, and what it would be with other schemes.

A what-if puts one scheme with full attention where a layer attends, and one in a layer that has a
state alone, on the layer's own query heads and widths. No scheme is known here by its name. A model
with windows is set beside itself without them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.attention import BESIDE, KINDS, PREFERRED
from kvcalc.attention.base import BOUNDED
from kvcalc.cache import STATE_ROLES
from kvcalc.errors import InvalidValue, UsageError
from kvcalc.extents import Every

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from kvcalc.attention.base import Scheme, Shape
    from kvcalc.cache import Cache
    from kvcalc.model import Layer, Model

NATIVE = "native"
NO_WINDOW = "no-window"


@dataclass(frozen=True)
class Row:
    """A model under one scheme: the first name is its own in the table, it answers to all."""

    names: tuple[str, ...]
    label: str
    native: bool
    model: Model
    notes: tuple[str, ...] = ()

    @property
    def cache(self) -> Cache:
        """What one sequence keeps."""
        return self.model.cache

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
    places = _Places(model)
    if not places.shapes:
        return Rows((native,), ("no what-if rows: no layer of the model keeps a cache",))
    if not all(places.shapes):
        return Rows((native,), ("no what-if rows: the model has no query heads to put them on",))
    notes: list[str] = []
    what_ifs = _what_ifs(places, native.name, notes)
    rows = [*what_ifs, *_without_windows(model), native]
    return Rows(tuple(_merged(rows)), tuple(notes))


def native_row(model: Model) -> Row:
    """What the model ships: named by the kind of its one scheme at full length, else `native`."""
    schemes = model.schemes
    name = label = NATIVE
    if len(schemes) == 1 and all(len(layer) <= 1 for layer in dict.fromkeys(model.layers)):
        scheme = schemes[0]
        if all(isinstance(t.extent, Every) and not t.shared for t in scheme.kept):
            name, label = scheme.kind, scheme.kind + scheme.detail
    return Row((name,), label, True, model, _left(model, schemes))


class _Places:
    """Where in a model a what-if stands in: the shape of each attention that a layer keeps."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.attending = {layer: self._attending(layer) for layer in dict.fromkeys(model.layers)}
        self.by_layer = {layer: self._shapes(layer) for layer in self.attending}
        self.shapes = [shape for shapes in self.by_layer.values() for shape in shapes]

    @property
    def native(self) -> list[Scheme]:
        """The schemes that attend, a layer of each kind after the other."""
        return [scheme for schemes in self.attending.values() for scheme in schemes]

    def _attending(self, layer: Layer) -> list[Scheme]:
        schemes = [self.model.attention[name] for name in layer]
        return [s for s in schemes if any(t.role not in STATE_ROLES for t in s.kept)]

    def _shapes(self, layer: Layer) -> list[Shape | None]:
        if attending := self.attending[layer]:
            return [scheme.shape or self.model.shape for scheme in attending]
        own = (self.model.attention[name].shape for name in layer)
        return [next((shape for shape in own if shape), self.model.shape)] if layer else []

    def filled(self, kind: type[Scheme], fields: Mapping[str, Any]) -> Model:
        """The model with one scheme in each place."""
        names: dict[Scheme, str] = {}
        by_shape: dict[Shape, str] = {}
        for shape in filter(None, dict.fromkeys(self.shapes)):
            scheme = kind.stand_in(shape, fields)
            by_shape[shape] = names.setdefault(scheme, f"{kind.kind}-{len(names) + 1}")
        layers: dict[Layer, Layer] = {
            layer: tuple(by_shape[shape] for shape in shapes if shape)
            for layer, shapes in self.by_layer.items()
        }
        if len(names) == 1:
            names = dict.fromkeys(names, kind.kind)
            layers = {layer: (kind.kind,) * len(own) for layer, own in layers.items()}
        other = _instead(self.model, {name: scheme for scheme, name in names.items()})
        return replace(other, layers=tuple(layers[layer] for layer in self.model.layers), mtp=())


def _instead(model: Model, attention: Mapping[str, Scheme]) -> Model:
    """The model with other schemes: no architecture is known to run it, no file speaks of it."""
    return replace(model, attention=attention, architecture=None, stated_window=None, unstated=())


def _what_ifs(places: _Places, own_name: str, notes: list[str]) -> list[Row]:
    """The rows beside the model's own, in table order; why one is missing goes into `notes`."""
    native, compare = places.native, places.model.compare
    heads = [shape.heads for shape in places.shapes if shape]
    found: dict[str, Row] = {}
    for kind in [kind for kind in KINDS if kind in BESIDE or kind in compare]:
        scheme = KINDS[kind]
        fields = compare[kind] if kind in compare else scheme.offered(native, heads)
        if isinstance(fields, str):
            notes.append(fields)
            continue
        try:
            row = _row(places, places.filled(scheme, fields), own_name)
            row.cache.read(1)
        except UsageError as error:
            # the model's own row is answered, even where this one cannot be stored so
            notes.append(f"no {kind} row: {error}")
            continue
        found[kind] = row
    expanded = _expanded(places.model, notes)
    asked = [found[kind] for kind in compare if kind in found and kind not in BESIDE]
    return [*(found[kind] for kind in BESIDE if kind in found), *expanded, *asked]


def _row(places: _Places, other: Model, own_name: str) -> Row:
    scheme = next(iter(other.attention.values()))
    variants = {own.variant for own in places.native if own.kind == scheme.kind}
    name, detail = scheme.kind, scheme.detail
    if variants and scheme.variant not in variants:
        name, detail = f"{scheme.kind}-{scheme.variant}", ""
    if name == own_name and other.cache.contents != places.model.cache.contents:
        name = f"{name}-what-if"
    return Row((name,), name + detail, False, other, _left(other, other.schemes))


def _left(model: Model, schemes: Iterable[Scheme]) -> tuple[str, ...]:
    """A note on the roles of a row that a layout does not name."""
    if model.kv_dtype is None:
        return ()
    kept: dict[str, dict[str, None]] = {}
    for scheme in schemes:
        for role in model.storage(scheme).unnamed(scheme.kept):
            kept.setdefault((scheme.dtype or model.dtype).name, {})[role] = None
    return tuple(
        f"{model.kv_dtype.name} does not name {', '.join(roles)}: kept in {dtype}"
        for dtype, roles in kept.items()
    )


def _expanded(model: Model, dropped: list[str]) -> list[Row]:
    """The model as an engine stores it that does not absorb a compressed form, if it has one."""
    expanded = {name: scheme.expanded for name, scheme in model.attention.items()}
    attention = {name: expanded[name] or scheme for name, scheme in model.attention.items()}
    names = {model.attention[name].expanded_name for name, found in expanded.items() if found}
    if not names:
        return []
    try:
        other = _instead(model, attention)
        notes = _left(other, attention.values())
        other.cache.read(1)
    except UsageError as error:
        dropped += [f"no {name} row: {error}" for name in sorted(names)]
        return []
    return [Row((name,), name, False, other, notes) for name in sorted(names)]


def _without_windows(model: Model) -> list[Row]:
    """The model at full length, as an engine keeps it that has no windows; nothing if it is that.

    A cache that is compressed beyond its window is none without one: then there is no such row.
    """
    try:
        attention = {name: _full(scheme) for name, scheme in model.attention.items()}
    except InvalidValue:
        return []
    other = _instead(model, attention)
    if other.schemes == model.schemes:
        return []
    return [Row((NO_WINDOW,), NO_WINDOW, False, other, _left(other, other.schemes))]


def _full(scheme: Scheme) -> Scheme:
    bounds: dict[str, Any] = {name: None for name in BOUNDED if name in scheme.names()}
    return replace(scheme, **bounds)


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
            both[0], names=names, native=own.native, model=own.model, notes=own.notes
        )
    return merged


def _rank(row: Row) -> int:
    return PREFERRED.index(row.name) if row.name in PREFERRED else len(PREFERRED)
