"""How layers follow one another where a configuration does not list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvcalc.errors import InvalidValue
from kvcalc.importers.family import Schedule
from kvcalc.importers.fields import Fields
from kvcalc.importers.values import is_number, short, whole
from kvcalc.model import MAX_LAYERS

FULL = "full_attention"
SLIDING = "sliding_attention"
CHUNKED = "chunked_attention"
LINEAR = "linear_attention"
INDEXED = "indexed_attention"
HYBRID, HYBRID_SLIDING = "hybrid", "hybrid_sliding"
CONV, MOE, MLP = "conv", "moe", "mlp"
"""The kinds of layers, as published configurations call them."""


def repeated(f: Fields, name: str, kinds: Sequence[str], times: int, beside: int = 0) -> list[str]:
    """Layers that come so many times, which the field `name` says.

    beside  how many layers there are besides
    Raises InvalidValue where there are more than any model has: no list is made of them.
    """
    if len(kinds) * times + beside > MAX_LAYERS:
        f.wrong(name, f"makes more than {MAX_LAYERS:,} layers, the most that are counted")
        raise InvalidValue(list(f.problems))
    return list(kinds) * times


def same(kind: str = FULL) -> Schedule:
    """All layers alike."""
    return lambda f: [kind] * f.count("layers")


def sliding_where_stated(f: Fields) -> Sequence[str]:
    """A layer slides where the file (or the family) states a window for it, else it does not."""
    return [SLIDING if window else FULL for window in f.each("window")]


def sliding_above(f: Fields) -> Sequence[str]:
    """Qwen's rule: with `use_sliding_window`, the layers from `max_window_layers` on slide."""
    layers, first = f.count("layers"), f.optional("max_window_layers", least=0)
    if not (f.flag("use_sliding_window") and f.optional("window") and first is not None):
        return [FULL] * layers
    return [SLIDING if layer >= first else FULL for layer in range(layers)]


def every(
    period: int | str, kind: str = FULL, others: str = SLIDING, offset: int | str = -1
) -> Schedule:
    """One layer of `kind` in each `period` (a number, or the field that says it), else `others`.

    offset  the position in the period, from 0; -1 is the last
    """

    def schedule(f: Fields) -> Sequence[str]:
        size = f.count(period) if isinstance(period, str) else period
        place = f.count(offset, least=0) if isinstance(offset, str) else offset
        if isinstance(offset, str) and place >= size:
            f.wrong(offset, f"is {place}, beyond the period of {size} layers")
        return [
            kind if layer % size == place % size else others for layer in range(f.count("layers"))
        ]

    return schedule


def listed(name: str, kinds: Mapping[object, str]) -> Schedule:
    """A list with an item per layer, and what its items mean."""

    def schedule(f: Fields) -> Sequence[str]:
        items = f.get(name)
        if not isinstance(items, list | str) or len(items) < f.count("layers"):
            f.wrong(name, "must have an item per layer")
            return []
        items = [whole(item) for item in items]
        odd = [item for item in items if not (is_number(item) or isinstance(item, str))]
        if odd:
            text = f"names a layer {short(odd[0])}; it must have a number or a text per layer"
            f.wrong(name, text)
            return []
        return [kinds.get(item, str(item)) for item in items]

    return schedule


def numbered(name: str, kind: str, others: str) -> Schedule:
    """A list with the numbers of the layers of one kind, from 0."""

    def schedule(f: Fields) -> Sequence[str]:
        stated, layers = f.items(name) or [], f.count("layers")
        outside = next((n for n in stated if not 0 <= n < layers), None)
        if outside is not None:
            f.wrong(name, f"names layer {outside}, which the model does not have")
        chosen = set(stated)
        return [kind if layer in chosen else others for layer in range(layers)]

    return schedule
