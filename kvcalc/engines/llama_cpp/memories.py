"""Which caches a context has, in the order in which they are made (llama-model.cpp, create_memory).

by layers that attend                 full, then window
with an index                         full, index, window; in a hybrid the index comes last
with states                           full, window, states
DeepSeek-V4                           full (of no layer), window, csa, hca, lid, three states
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.layers import (
    CSA_ENTRIES,
    CSA_INDEX,
    FULL,
    HCA_ENTRIES,
    INDEX,
    TWICE,
    WINDOW,
    Row,
    kept_of,
)
from kvcalc.engines.llama_cpp.settings import NAME
from kvcalc.engines.llama_cpp.states import Compressing, States
from kvcalc.errors import UsageError
from kvcalc.units import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvcalc.engines.llama_cpp.layers import Kept, State
    from kvcalc.engines.llama_cpp.target import Target
    from kvcalc.model import Layer

Memory = Cells | States | Compressing
RATIO = {CSA_ENTRIES: 4, HCA_ENTRIES: 128, CSA_INDEX: 4}


def memories_of(target: Target) -> tuple[Memory, ...]:
    """What the model's own context has. Raises UsageError for what llama.cpp has no cache for."""
    more = target.predicting if target.rules.keeps_mtp and target.in_file else ()
    layers = (*target.trunk, *more)
    kept = _kept(target, layers)
    if target.compresses:
        return _of_compressed(target, kept)
    trunk = len(target.trunk)  # llama-memory-recurrent.cpp goes no further
    states = [(number, one.state) for number, one in enumerate(kept[:trunk]) if one.state]
    hybrid = target.rules.hybrid or bool(states)
    rows = _by_cache(kept)
    if target.rules.indexed and len(rows[INDEX]) < len(rows[FULL]):
        text = f"{NAME} keeps index keys in every layer of {target.architecture} that attends"
        raise UsageError(f"{text}, and how wide those of {target.model.name} are is not known")
    if not hybrid:  # a layer without attention has a row all the same, if of nothing
        empty = replace(rows[FULL][0][1], kept=()) if target.rules.as_encoder else Row(0, 0)
        bare = [(number, empty) for number, layer in enumerate(layers) if not layer]
        rows[FULL] = sorted([*rows[FULL], *bare], key=lambda item: item[0])
        return _attending(target, rows, last=False)
    if not target.rules.hybrid and not any(rows.values()):
        return (States(tuple(states), target.settings, len(target.trunk)),)
    return _of_hybrid(target, rows, states)


def _of_hybrid(
    target: Target, rows: dict[str, list[tuple[int, Row]]], states: Sequence[tuple[int, State]]
) -> tuple[Memory, ...]:
    """Cells of layers that attend, states, and the index last."""
    attending = _attending(target, rows, last=True)
    index = attending[-1:] if rows[INDEX] else ()
    recurrent = States(tuple(states), target.settings, len(target.trunk))
    return (*attending[: len(attending) - len(index)], recurrent, *index)


def predicting_memories_of(target: Target) -> tuple[Memory, ...]:
    """What the context of the layers of multi-token prediction has: no states."""
    kept = _kept(target, target.predicting)
    first = len(target.trunk)
    rows: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for name, found in _by_cache(kept).items():
        if name != INDEX or target.rules.indexed:
            rows[name] = [(first + number, _predicting(one, target)) for number, one in found]
    if target.rules.indexed:  # the one memory of a hybrid that is made without its states
        return _of_hybrid(target, rows, ())
    return _attending(target, rows, last=False)


def _predicting(one: Row, target: Target) -> Row:
    """DeepSeek-V4's are in a cache of windows like any other, which knows no keys alone."""
    return replace(one, v=one.k, why=TWICE) if target.compresses else one


def _kept(target: Target, layers: Iterable[Layer]) -> list[Kept]:
    """What each layer keeps; like layers are looked at once."""
    known: dict[tuple[Layer, bool | None], Kept] = {}
    found = []
    for number, layer in enumerate(layers):
        owns = None if target.rules.keeps is None else number < target.rules.keeps
        if (layer, owns) not in known:
            known[layer, owns] = kept_of(target.model, layer, target.rules_here, owns)
        found.append(known[layer, owns])
    return found


def _by_cache(kept: Sequence[Kept]) -> dict[str, list[tuple[int, Row]]]:
    rows: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for number, one in enumerate(kept):
        for name, row in one.rows:
            rows[name].append((number, row))
    return rows


def _attending(
    target: Target, rows: dict[str, list[tuple[int, Row]]], *, last: bool
) -> tuple[Memory, ...]:
    """The cells of layers that attend; the index comes last, or before the window.

    Where windows are applied there are cells of them, be it for no layer of this context.
    """
    own, wide = target.settings, target.widest
    found = [Cells(tuple(rows[FULL]), own, widest=wide)]
    window = Cells(tuple(rows[WINDOW]), own, target.window, widest=wide)
    index = Cells(tuple(rows[INDEX]), own, widest=_widest(rows[INDEX]) if own.transposed else None)
    order = (window, index) if last else (index, window)
    slides = target.rules_here.windows and target.window is not None
    return (*found, *(one for one in order if one.rows or (slides and one is window)))


def _widest(rows: Sequence[tuple[int, Row]]) -> int:
    return max((one.v or 0 for _, one in rows), default=0)


def _of_compressed(target: Target, kept: Sequence[Kept]) -> tuple[Memory, ...]:
    """llama-kv-cache-dsv4.cpp: each slot has cells of its own, however n_ctx is shared."""
    rows, own = _by_cache(kept), target.settings
    cells = [
        Cells(tuple(rows[FULL]), own, apart=True),
        Cells(tuple(rows[WINDOW]), own, target.window, apart=True),
        *(Cells(tuple(rows[name]), own, ratio=n, apart=True) for name, n in RATIO.items()),
    ]
    carried = [
        (number, tensor.width * tensor.extent.entries(MAX_TOKENS))
        for number, layer in enumerate(target.trunk)
        for name in layer
        for tensor in target.model.attention[name].left_over()
    ]
    return (*cells, Compressing(tuple(carried), own))
