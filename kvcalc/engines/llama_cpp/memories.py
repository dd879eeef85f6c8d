"""Which caches a context has, in the order in which they are made (llama-model.cpp, create_memory).

by layers that attend                 full, then window
with an index                         full, index, window; in a hybrid the index comes last
with states                           full, window, states
DeepSeek-V4                           full (of no layer), window, csa, hca, lid, three states
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.attention.compressed import SharedKV
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
    elements,
    kept_of,
    window_of,
)
from kvcalc.engines.llama_cpp.settings import NAME
from kvcalc.engines.llama_cpp.states import Compressing, States
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.engines.llama_cpp.architectures import Rules
    from kvcalc.engines.llama_cpp.layers import Kept, State
    from kvcalc.engines.llama_cpp.settings import Settings
    from kvcalc.model import Layer, Model

Memory = Cells | States | Compressing
VALUE = "attention.value_length"
RATIO = {CSA_ENTRIES: 4, HCA_ENTRIES: 128, CSA_INDEX: 4}


@dataclass(frozen=True)
class Target:
    """A model as a context is made for it.

    architecture       the GGUF architecture that it is of; None where it names none at all
    trunk, predicting  its layers, without those of multi-token prediction, and those
    in_file            whether those are in the file of the model, and not in one of their own
    """

    model: Model
    architecture: str | None
    rules: Rules
    settings: Settings
    trunk: tuple[Layer, ...]
    predicting: tuple[Layer, ...]
    in_file: bool = True

    @property
    def blocks(self) -> int:
        """Layers of the file."""
        return len(self.trunk) + (len(self.predicting) if self.in_file else 0)

    @property
    def no_value(self) -> bool:
        """Whether its file does not say how wide the value of a latent is, which decides blocks."""
        named = self.model.architecture
        if named is None or self.rules.latent_value or self.rules.expands:
            return False
        return VALUE in self.model.unstated if named.dialect == "gguf" else self.rules.no_value

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """Of all its layers, of prediction or not."""
        names = dict.fromkeys(name for layer in (*self.trunk, *self.predicting) for name in layer)
        return tuple(self.model.attention[name] for name in names)

    @property
    def compresses(self) -> bool:
        """Whether it keeps DeepSeek-V4's entries, which are keys alone."""
        return not self.rules.values and any(isinstance(one, SharedKV) for one in self.schemes)

    @property
    def window(self) -> int | None:
        """Tokens of its windows; None without. Raises UsageError where they differ, if applied."""
        sizes = {size for scheme in self.schemes if (size := window_of(scheme))}
        if len(sizes) > 1 and self.rules_here.windows:
            told = " and ".join(f"{size:,}" for size in sorted(sizes))
            text = f"{NAME} has one length of window for all layers that have one"
            raise UsageError(f"{text}; {self.model.name} has {told} tokens")
        return self.rules.window or max(sizes) if sizes else None

    @property
    def rules_here(self) -> Rules:
        """The rules, without windows in a model for which the loader does not apply them."""
        at = self.rules.slides_at
        return self.rules if at in (None, len(self.trunk)) else replace(self.rules, windows=False)

    @property
    def widest(self) -> int | None:
        """Elements that a value is padded to; None where values are as they come."""
        if not self.settings.transposed:
            return None
        schemes = (s.expanded or s if self.rules.expands else s for s in self.schemes)
        return max((elements(scheme.kept, "v") for scheme in schemes), default=0)


def memories_of(target: Target) -> tuple[Memory, ...]:
    """What the model's own context has. Raises UsageError for what llama.cpp has no cache for."""
    leaks = target.rules.leaks and target.in_file
    layers = (*target.trunk, *target.predicting) if leaks else target.trunk
    kept = _kept(target, layers)
    if target.compresses:
        return _of_compressed(target, kept)
    trunk = len(target.trunk)  # llama-memory-recurrent.cpp goes no further
    states = [(number, one.state) for number, one in enumerate(kept[:trunk]) if one.state]
    hybrid = target.rules.hybrid or bool(states)
    rows = _by_cache(kept)
    if target.rules.indexes and len(rows[INDEX]) < len(rows[FULL]):
        text = f"{NAME} keeps index keys in every layer of {target.architecture} that attends"
        raise UsageError(f"{text}, and how wide those of {target.model.name} are is not known")
    if not hybrid:  # a layer without attention has a row all the same, of nothing
        empty = [(n, Row(0, 0)) for n, layer in enumerate(layers) if not layer]
        rows[FULL] = sorted([*rows[FULL], *empty], key=lambda item: item[0])
    if not hybrid:
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
        if name != INDEX or target.rules.indexes:
            rows[name] = [(first + number, _predicting(one, target)) for number, one in found]
    if target.rules.indexes:  # the one memory of a hybrid that is made without its states
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
        (number, tensor.width * tensor.extent.entries(10**12))
        for number, layer in enumerate(target.trunk)
        for name in layer
        for tensor in target.model.attention[name].left_over()
    ]
    return (*cells, Compressing(tuple(carried), own))
