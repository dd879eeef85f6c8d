"""From what is stored to what is allocated: every way in which llama.cpp keeps more, or less."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.layers import elements
from kvcalc.engines.llama_cpp.states import F32, States
from kvcalc.engines.llama_cpp.types import row
from kvcalc.engines.reservation import Term

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvcalc.cache import Settled
    from kvcalc.engines.llama_cpp.layers import Row
    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.settings import Room

NOT_KEPT = "tensors that are not kept"
BESIDE_THESE = "layers that are kept beside those counted"
TYPES = "cells in type_k and type_v, not in the dtype of the model"
PADDED = "values padded to those of the widest layer, without flash attention"
UNAPPLIED = "windows that are not applied: every token is kept"
SLOTS = "as many slots as n_parallel says, whatever the batch"
CELLS = "cells beyond the tokens: n_ctx, in 256s"
BESIDE = "cells beside a window: n_ubatch, in 256s"
AT_LENGTH = "windows as long as n_ctx: swa_full"
F32_STATES = "states and convolutions in f32"
STEPS = "states to roll back to: n_rs_seq"
ALIGNED = "tensors of states in whole 32 B"
COMPRESSORS = "states of compressors"

LAST = (SLOTS, CELLS, BESIDE, AT_LENGTH, STEPS, ALIGNED, COMPRESSORS)
"""What makes a context of one sequence's rows and states comes behind what makes those."""


def terms_of(
    memories: Iterable[Memory], room: Room, tokens: int, sequences: int, stored: int
) -> tuple[Term, ...]:
    """The terms of `sequences` sequences of so many tokens; they add up to the byte.

    stored  bytes that the ideal stores of one of them
    """
    found = Counter[str]()
    kept = 0
    for memory in memories:
        if isinstance(memory, Cells):
            kept += _of_cells(memory, room, tokens, sequences, found)
        elif isinstance(memory, States):
            kept += _of_states(memory, room, tokens, sequences, found)
        else:
            found[COMPRESSORS] += memory.size(room)
    others = Term(NOT_KEPT if kept < stored else BESIDE_THESE, sequences * (kept - stored))
    ordered = sorted(found, key=lambda rule: LAST.index(rule) if rule in LAST else -1)
    terms = (others, *(Term(rule, found[rule]) for rule in ordered))
    return tuple(term for term in terms if term.bytes)


def _ideal(kept: Iterable[Settled], tokens: int) -> int:
    return sum(one.stored(tokens) for one in kept)


def _of_cells(memory: Cells, room: Room, tokens: int, sequences: int, found: Counter[str]) -> int:
    """Adds the steps from the ideal to the cells; what the ideal stores of one sequence."""
    ideal = live = 0
    for one, layers in Counter(one for _, one in memory.rows).items():
        steps = _steps(memory, one, tokens)
        ideal += layers * steps[0][1]
        live += layers * steps[-1][1]
        for (_, before), (rule, after) in pairwise(steps):
            found[rule] += sequences * layers * (after - before)
    found[SLOTS] += (room.slots - sequences) * live
    beside = AT_LENGTH if memory.settings.swa_full else BESIDE
    rest = CELLS if memory.window is None else beside
    found[rest] += memory.size(room) - room.slots * live
    return ideal


def _steps(memory: Cells, one: Row, tokens: int) -> list[tuple[str, int]]:
    """Bytes of one sequence in a layer: as the ideal has it, and after each rule."""
    kept = [settled.tensor for settled in one.kept]
    # a layer that keeps nothing has values all the same where these are as wide as the widest
    entries = max((tensor.extent.entries(tokens) for tensor in kept), default=tokens)
    own = memory.settings
    keys = row(own.type_k, elements(kept, "k", "latent", "rope", "index"))
    typed = keys + row(own.type_v, elements(kept, "v"))
    bare = memory.key_bytes(one) + memory.value_bytes(one, padding=False)
    padded = memory.key_bytes(one) + memory.value_bytes(one)
    per_token = tokens if memory.window is None and memory.ratio is None else entries
    return [
        ("", _ideal(one.kept, tokens)),
        (TYPES, typed * entries),
        (one.why, bare * entries),
        (PADDED, padded * entries),
        (UNAPPLIED if one.why == "" else one.why, padded * per_token),
    ]


def _of_states(memory: States, room: Room, tokens: int, sequences: int, found: Counter[str]) -> int:
    ideal = single = 0
    for one, layers in Counter(one for _, one in memory.states).items():
        ideal += layers * _ideal(one.kept, tokens)
        single += layers * F32 * (one.r + one.s + one.p)
    found[F32_STATES] += sequences * (single - ideal)
    found[SLOTS] += (room.slots - sequences) * single
    rows = memory.rows(room)
    found[STEPS] += (rows - room.slots) * single
    found[ALIGNED] += memory.size(room) - rows * single
    return ideal
