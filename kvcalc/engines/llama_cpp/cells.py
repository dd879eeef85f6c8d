"""One cache of cells: so many of them for each stream, a row of each layer in every one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.settings import padded
from kvcalc.engines.llama_cpp.types import row

if TYPE_CHECKING:
    from kvcalc.engines.llama_cpp.layers import Row
    from kvcalc.engines.llama_cpp.settings import Room, Settings


def mib(size: int) -> str:
    """Bytes in MiB, as C prints them of a float: `%7.2f`."""
    rounded: float = struct.unpack("f", struct.pack("f", size))[0]
    return f"{rounded / 2**20:7.2f}"


@dataclass(frozen=True)
class Cells:
    """A `llama_kv_cache`.

    rows    by the number of a layer
    window  how many tokens its layers look back; None is all
    ratio   how many tokens a cell stands for
    apart   whether each slot has cells of its own, however the others are
    widest  elements of a value that each is padded to, where values are transposed; else None
    """

    rows: tuple[tuple[int, Row], ...]
    settings: Settings
    window: int | None = None
    ratio: int | None = None
    apart: bool = False
    widest: int | None = None

    def cells(self, room: Room) -> int:
        """Cells of one stream."""
        if self.ratio is not None:
            return padded(max(1, -(-room.cells // self.ratio)))
        if self.window is None or self.settings.swa_full:
            return room.cells
        shared = room.streams == 1 and not self.apart
        return room.window(self.window, room.slots if shared else 1)

    def streams(self, room: Room) -> int:
        """How many times there are so many cells."""
        return room.slots if self.apart else room.streams

    def size(self, room: Room) -> int:
        """Bytes of all of it."""
        return sum(self._sides(room))

    def _sides(self, room: Room) -> tuple[int, int]:
        cells = self.cells(room) * self.streams(room)
        return cells * self._row[0], cells * self._row[1]

    @cached_property
    def _row(self) -> tuple[int, int]:
        """Bytes of a cell over all layers: keys, and values."""
        keys = sum(self.key_bytes(one) for _, one in self.rows)
        return keys, sum(self.value_bytes(one) for _, one in self.rows)

    def key_bytes(self, one: Row) -> int:
        """Bytes of the key in a layer's row."""
        return row(self.settings.type_k, one.k)

    def value_bytes(self, one: Row, *, padding: bool = True) -> int:
        """Bytes of the value in a layer's row, with what it is padded by."""
        if one.v is None:
            return 0
        wide = self.widest if padding and self.widest is not None else one.v
        return row(self.settings.type_v, wide)

    def line(self, room: Room) -> str:
        """What is logged of it (llama-kv-cache.cpp)."""
        keys, values = self._sides(room)
        return (
            f"llama_kv_cache: size = {mib(keys + values)} MiB ({self.cells(room):6d} cells, "
            f"{len(self.rows):3d} layers, {room.slots:2d}/{self.streams(room)} seqs), "
            f"K ({self.settings.type_k}): {mib(keys)} MiB, "
            f"V ({self.settings.type_v}): {mib(values)} MiB"
        )
