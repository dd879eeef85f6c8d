"""What one layer keeps, in llama.cpp's rows: a key and a value per cell, index rows, a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.attention.compressed import CSA, HCA, CSA2Window, SharedKV
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.cache import STATE_ROLES
from kvcalc.engines.llama_cpp.settings import NAME
from kvcalc.errors import UsageError
from kvcalc.extents import Every, Fixed, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor, Settled
    from kvcalc.engines.llama_cpp.architectures import Rules
    from kvcalc.model import Layer, Model

FULL, WINDOW, INDEX = "full", "window", "index"
CSA_ENTRIES, HCA_ENTRIES, CSA_INDEX = "csa", "hca", "lid"
RATIOS = {4: CSA_ENTRIES, 128: HCA_ENTRIES}
"""How many tokens a compressed entry may stand for: sparse, and heavily compressed."""

EXPANDED = "keys and values of every head in place of a latent"
TWICE = "a value beside what is a key and a value at once"
INDEX_VALUES = "values beside the keys of an index"
POOLED = "index rows of every token, and what is pooled of them"


@dataclass(frozen=True)
class Row:
    """One layer's row of a cell, in one cache.

    k     elements of its key
    v     elements of its value; None where keys alone are kept, of latents
    kept  the tensors of the ideal in its place
    why   in what its elements differ from those
    """

    k: int
    v: int | None
    kept: tuple[Settled, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class State:
    """One layer's recurrent state: elements of R (convolutions, shifts), S (states) and P."""

    r: int
    s: int
    p: int
    kept: tuple[Settled, ...]


@dataclass(frozen=True)
class Kept:
    """What one layer keeps: a row in each of some caches, and a state."""

    rows: tuple[tuple[str, Row], ...] = ()
    state: State | None = None


def is_state(scheme: Scheme) -> bool:
    """Whether it keeps a state, or a convolution, and no entries."""
    return bool(scheme.kept) and {tensor.role for tensor in scheme.kept} <= STATE_ROLES


def elements(tensors: Iterable[CacheTensor], *roles: str) -> int:
    """The elements of one entry of the tensors of these roles."""
    return sum((t.heads or 1) * t.width for t in tensors if t.role in roles)


def kept_of(model: Model, layer: Layer, rules: Rules, owns: bool | None = None) -> Kept:
    """What a layer keeps of a model.

    owns  whether it keeps its entries, where that is not as its schemes say

    Raises UsageError for entries that llama.cpp has no cache for.
    """
    schemes = [model.attention[name] for name in layer]
    rows = [
        row
        for scheme in schemes
        if not is_state(scheme)
        for row in _rows(scheme, model.storage(scheme).settle(scheme.kept), rules, owns)
    ]
    states = [scheme for scheme in schemes if is_state(scheme)]
    return Kept(tuple(rows), _state(model, states) if states else None)


def _rows(
    scheme: Scheme, settled: tuple[Settled, ...], rules: Rules, owns: bool | None
) -> Iterator[tuple[str, Row]]:
    shared = all(one.tensor.shared for one in settled) if owns is None else not owns
    if shared or scheme.crosses:  # src/models/t5.cpp: what crosses is computed anew each step
        return
    if isinstance(scheme, SharedKV):
        yield from _compressed(scheme, settled, rules)
        return
    _refuse_unknown(scheme)
    index = [one for one in settled if one.tensor.role == "index"]
    entries = tuple(one for one in settled if one.tensor.role != "index")
    where = WINDOW if window_of(scheme) and rules.windows else FULL
    yield where, _entry(scheme, entries, rules)
    yield from _index(scheme, tuple(index), rules)


def _entry(scheme: Scheme, kept: tuple[Settled, ...], rules: Rules) -> Row:
    tensors = [one.tensor for one in kept]
    latent = elements(tensors, "latent", "rope")
    if not latent:
        return Row(elements(tensors, "k"), elements(tensors, "v"), kept)
    if rules.expands and scheme.expanded:
        every = scheme.expanded.kept
        return Row(elements(every, "k"), elements(every, "v"), kept, EXPANDED)
    return Row(latent, None, kept)


def _index(scheme: Scheme, kept: tuple[Settled, ...], rules: Rules) -> Iterator[tuple[str, Row]]:
    """Index keys are kept of every token, in the type of keys."""
    if isinstance(scheme, BlockSparse):  # llama-kv-cache-msa.cpp
        yield INDEX, Row(scheme.index_dim, scheme.shape.value_dim, kept, INDEX_VALUES)
    elif isinstance(scheme, DSA):
        if scheme.indexer == "own":
            pooled = rules.pooled > 1 or scheme.index_every > 1
            yield INDEX, Row(rules.pooled * scheme.index_dim, None, kept, POOLED * pooled)
    elif kept:
        extent, *others = dict.fromkeys(one.tensor.extent for one in kept)
        if others:
            raise UsageError(f"{NAME} has one cache for index keys, as many for all of a layer")
        pooled = isinstance(extent, Every) and extent.stride > 1
        width = elements((one.tensor for one in kept), "index")
        yield INDEX, Row(width * (rules.pooled if pooled else 1), None, kept, POOLED * pooled)


def _compressed(
    scheme: SharedKV, settled: tuple[Settled, ...], rules: Rules
) -> Iterator[tuple[str, Row]]:
    """DeepSeek-V4's entries: a window, one per so many tokens, and their index keys."""
    if isinstance(scheme, CSA2Window):
        raise UsageError(f"{NAME} keeps no entries such as those of DeepSeek-V4.1")
    width, windows = scheme.shape.key_dim, isinstance(settled[0].tensor.extent, Window)
    own = tuple(one for one in settled if one.tensor.name in ("kv", "kv_rope"))
    rest = tuple(one for one in settled if one not in own)
    where = WINDOW if windows else FULL
    yield where, Row(width, width, own, TWICE) if rules.kv_twice else Row(width, None, own)
    if not isinstance(scheme, HCA):
        return
    if RATIOS.get(scheme.compress) != (CSA_ENTRIES if isinstance(scheme, CSA) else HCA_ENTRIES):
        text = f"{NAME} has caches of an entry per 4 tokens with an index, and per 128 without"
        raise UsageError(f"{text}, not per {scheme.compress:,}")
    index = tuple(one for one in rest if one.tensor.role == "index")
    yield RATIOS[scheme.compress], Row(width, None, tuple(o for o in rest if o not in index))
    if isinstance(scheme, CSA):
        yield CSA_INDEX, Row(scheme.index_dim, None, index)


def window_of(scheme: Scheme) -> int | None:
    """Tokens of its window, or chunk; None where it has none. Raises UsageError for a sink."""
    windows = {t.extent for t in scheme.kept if isinstance(t.extent, Window)}
    if not windows:
        return None
    if any(window.sink for window in windows):
        raise UsageError(f"{NAME} keeps no attention sinks beside a window")
    return max(window.size for window in windows)


def _refuse_unknown(scheme: Scheme) -> None:
    """Raises UsageError for roles and extents that only other engines have caches for."""
    for tensor in scheme.kept:
        extent = tensor.extent
        per_token = isinstance(extent, Window) or extent == Every()
        known = tensor.role in ("k", "v", "latent", "rope") and per_token
        if not known and tensor.role != "index":
            text = f"{NAME} has no cache for {tensor.name}, a {tensor.role} tensor"
            raise UsageError(f"{text} of {extent.rule} entries")
    if isinstance(scheme, DSA) and scheme.latents == "shared":
        raise UsageError(f"{NAME} has no layers that read the latents of others")


def _state(model: Model, schemes: list[Scheme]) -> State:
    """States, convolutions and shifts; what is kept beside a state of another scheme is P."""
    stated = [any(tensor.role == "state" for tensor in scheme.kept) for scheme in schemes]
    beside = any(stated)
    r = s = p = 0
    kept: list[Settled] = []
    for scheme, own in zip(schemes, stated, strict=True):
        kept += model.storage(scheme).settle(scheme.kept)
        columns = sum(_whole(t) for t in scheme.kept if t.role != "state")
        s += sum(_whole(t) for t in scheme.kept if t.role == "state")
        r += 0 if beside and not own else columns
        p += columns if beside and not own else 0
    return State(r, s, p, tuple(kept))


def _whole(tensor: CacheTensor) -> int:
    """The elements of all entries, which are a fixed number. Raises UsageError if not."""
    if not isinstance(tensor.extent, Fixed):  # of a custom scheme: states are nothing else
        text = f"{NAME} has no cache for {tensor.name}, a {tensor.role} tensor"
        raise UsageError(f"{text} of {tensor.extent.rule} entries")
    return (tensor.heads or 1) * tensor.width * tensor.extent.count
