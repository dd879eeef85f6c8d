"""The order of layers as it is written: a number, the shortest pattern, or a list of runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from kvcalc.errors import UsageError
from kvcalc.model import Layer
from kvcalc.schema.forms.layers import NO_CACHE

_SPEAKABLE = re.compile(r"[^*+\s]{1,1000}")
"""A name that can stand in an item, and as a key of YAML."""

Order = int | dict[str, object]


def order_of(layers: Sequence[Layer], names: Sequence[str]) -> Order:
    """What `layers_of` reads these layers from.

    Raises UsageError for a name that cannot stand in an item: `a b`, `a*5`, `a+b` or `none`.
    """
    if len(names) == 1 and set(layers) == {tuple(names)}:
        return len(layers)
    period = _period(layers)
    if 2 * period <= len(layers):
        return {"count": len(layers), "pattern": _runs(layers[:period])}
    return {"count": len(layers), "list": _runs(layers)}


def _period(layers: Sequence[Layer]) -> int:
    """After how many layers they repeat, at the latest after all of them."""
    count = len(layers)
    periods = (p for p in range(1, count) if layers[p:] == layers[: count - p])
    return next(periods, count)


def _runs(layers: Sequence[Layer]) -> list[str]:
    runs = ((_item(layer), len(list(run))) for layer, run in itertools.groupby(layers))
    return [item if times == 1 else f"{item}*{times}" for item, times in runs]


def _item(layer: Layer) -> str:
    for name in layer:
        if not _SPEAKABLE.fullmatch(name) or layer == (NO_CACHE,):
            text = f"the attention entry {name!r} cannot be named in layers"
            raise UsageError(f"{text}: no space, * or + in a name, and none means no cache")
    return "+".join(layer) or NO_CACHE
