"""The order of layers: a number, a pattern that repeats, or a list that adds up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection

from kvcalc.errors import InvalidValue, Nearest, Problem
from kvcalc.model import MAX_LAYERS, Layer
from kvcalc.schema.forms.layers import NO_CACHE, OrderForm

MAX_CACHES = 16
_ITEM = re.compile(r"([^*\s]+)(?:\s*\*\s*(\d{1,9}))?")


def layers_of(layers: int | OrderForm, names: Collection[str]) -> tuple[Layer, ...]:
    """The entries of each layer, in order. Raises InvalidValue with every problem of the items."""
    if isinstance(layers, int):
        if len(names) != 1:
            text = "layers is a number, but attention has several entries"
            hint = f"write layers: {{count: ..., pattern: [{', '.join(names)}]}}"
            raise InvalidValue([Problem(text, hint)])
        return (tuple(names),) * layers
    pattern, listed, count = layers.get("pattern"), layers.get("list"), layers["count"]
    if (pattern is None) == (listed is None):
        text = "layers has a count and either a pattern or a list"
        raise InvalidValue([Problem(text, "write {count: 62, pattern: [local*5, global]}")])
    key = "list" if pattern is None else "pattern"
    runs, problems = [], []
    for number, item in enumerate(pattern or listed or ()):
        try:
            runs.append(_run(item, names))
        except InvalidValue as error:
            problems += [problem.under((key, number)) for problem in error.problems]
    total = sum(times for _, times in runs)
    if not problems and key == "list" and total != count:
        text = f"the list has {total:,} layers, count says {count:,}"
        problems.append(Problem(text, "make them equal", ("list",)))
    if problems:
        raise InvalidValue(problems)
    order = itertools.chain.from_iterable(itertools.repeat(*run) for run in runs)
    repeated = itertools.cycle(order) if key == "pattern" else order
    return tuple(itertools.islice(repeated, count))


def _run(item: str, names: Collection[str]) -> tuple[Layer, int]:
    match = _ITEM.fullmatch(item.strip())
    if match is None:
        raise InvalidValue([Problem(f"{item!r} is no layer item", "write name, name*5 or a+b")])
    layer = () if match[1] == NO_CACHE else tuple(match[1].split("+"))
    if len(layer) > MAX_CACHES:
        text = f"a layer of {len(layer):,} caches"
        raise InvalidValue([Problem(text, f"a layer keeps at most {MAX_CACHES}")])
    unknown = [name for name in layer if name not in names]
    if unknown:
        text = f"no attention entry is called {unknown[0]!r}"
        raise InvalidValue([Problem(text, Nearest(unknown[0], (*names, NO_CACHE)))])
    times = int(match[2] or 1)
    if not 1 <= times <= MAX_LAYERS:
        text = f"{item!r} repeats {times:,} times"
        raise InvalidValue([Problem(text, f"an item stands for 1 to {MAX_LAYERS:,} layers")])
    return layer, times
