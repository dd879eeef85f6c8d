"""Recurrent states, which `type_k` and `type_v` leave alone: they are in f32, one for each slot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import mib

if TYPE_CHECKING:
    from kvcalc.engines.llama_cpp.layers import State
    from kvcalc.engines.llama_cpp.settings import Room, Settings

F32 = 4
ALIGNMENT = 32
"""Bytes that a tensor in a buffer of the CPU is padded to (ggml-backend.cpp)."""


def aligned(size: int) -> int:
    """Bytes of a tensor in its buffer."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class States:
    """A `llama_memory_recurrent`: for each slot, and each step that can be rolled back, a row.

    layers  of the model, with or without a state
    """

    states: tuple[tuple[int, State], ...]
    settings: Settings
    layers: int

    def rows(self, room: Room) -> int:
        """States of one layer."""
        return room.slots * (1 + self.settings.n_rs_seq)

    def size(self, room: Room) -> int:
        """Bytes of all of it, each tensor aligned."""
        rows = self.rows(room)
        return sum(layers * aligned(F32 * rows * part) for part, layers in self._parts.items())

    @cached_property
    def _parts(self) -> Counter[int]:
        """How many tensors there are of so many elements."""
        return Counter(part for _, one in self.states for part in (one.r, one.s, one.p))

    @cached_property
    def _whole(self) -> tuple[int, int, int]:
        """Elements of R, S and P over all layers."""
        r, s, p = (sum(getattr(one, part) for _, one in self.states) for part in "rsp")
        return r, s, p

    def line(self, room: Room) -> str:
        """What is logged of it (llama-memory-recurrent.cpp)."""
        each = F32 * self.rows(room)
        r, s, p = (each * part for part in self._whole)
        steps = self.settings.n_rs_seq if self.states else 0  # of none, none is rolled back
        return (
            f"llama_memory_recurrent: size = {mib(r + s + p)} MiB ({room.slots:6d} cells, "
            f"{self.layers:3d} layers, {room.slots:2d} seqs {steps:2d} rs_seq), "
            f"R (f32): {mib(r)} MiB, S (f32): {mib(s)} MiB, P (f32): {mib(p)} MiB"
        )


@dataclass(frozen=True)
class Compressing:
    """What DeepSeek-V4's compressors keep of tokens that no entry holds yet: keys and scores.

    layers  by number, elements of both
    """

    layers: tuple[tuple[int, int], ...]
    settings: Settings

    def size(self, room: Room) -> int:
        """Bytes of all of it, each tensor aligned."""
        rows = room.slots * (1 + self.settings.n_rs_seq)
        return sum(n * 2 * aligned(F32 * rows * part // 2) for part, n in self._parts.items())

    @cached_property
    def _parts(self) -> Counter[int]:
        """How many layers there are of so many elements."""
        return Counter(part for _, part in self.layers)
