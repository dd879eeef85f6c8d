"""The tensors that a GGUF header lists: how many bytes they have, and of which layers they are."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from gguf.constants import GGML_QUANT_SIZES, GGUF_DEFAULT_ALIGNMENT

from kvcalc.importers.gguf.limits import (
    MAX_DIMENSIONS,
    MAX_ELEMENTS,
    MAX_KEY,
    cut,
    damaged,
)
from kvcalc.importers.gguf.walk import Walk

ALIGNMENT = "general.alignment"

_SHAPES = tuple(struct.Struct(f"<{rank}QIQ") for rank in range(MAX_DIMENSIONS + 1))
"""Of tensors by their number of dimensions: the dimensions, the type and the offset."""

_SIZES = {int(kind): size for kind, size in GGML_QUANT_SIZES.items()}
"""Elements and bytes of a block, by the number of a type."""


@dataclass(frozen=True)
class Tensors:
    """What a header says of its tensors.

    count         how many there are
    bytes         None where a tensor's type is not known to the gguf package
    unknown_type  the number of that type
    complete      whether the file is long enough to hold all of them
    first_block   the first layer that has a tensor; None where none has
    """

    count: int
    bytes: int | None
    unknown_type: int | None = None
    complete: bool = True
    first_block: int | None = None


def read_tensors(walk: Walk, count: int, values: Mapping[str, Any]) -> Tensors:
    """The tensors of a header whose keys have been read. Raises Unreadable."""
    total, end, unknown, names = 0, 0, None, set[bytes]()
    alignment = _alignment(values)
    for _ in range(count):
        name = walk.text(MAX_KEY, "the name of a tensor")
        if name in names:
            raise damaged(f"the tensor {_named(name)} stands in it twice")
        names.add(name)
        rank = walk.uint32()
        if rank > MAX_DIMENSIONS:
            raise damaged(f"a tensor has {rank:,} dimensions")
        *shape, kind, offset = _SHAPES[rank].unpack(walk.take(_SHAPES[rank].size))
        elements = prod(shape)
        if elements > MAX_ELEMENTS or max(shape, default=0) > MAX_ELEMENTS:
            raise damaged(f"the tensor {_named(name)} claims {elements:,} elements")
        if kind not in _SIZES:
            unknown = kind
            continue
        block, size = _SIZES[kind]
        if shape and shape[0] % block:
            text = f"has rows of {shape[0]:,} elements, which blocks of {block} do not divide"
            raise damaged(f"the tensor {_named(name)} {text}")
        stored = elements // block * size
        total, end = total + stored, max(end, offset + stored)
    walk.allowance.spend("weights", total)
    start = -(-walk.at // alignment) * alignment
    complete = not count or start + end <= walk.size
    known = None if unknown is not None else total
    return Tensors(count, known, unknown, complete, _first_block(names))


def _alignment(values: Mapping[str, Any]) -> int:
    """To how many bytes the first tensor is aligned: a power of two, as llama.cpp has it."""
    stated = values.get(ALIGNMENT, GGUF_DEFAULT_ALIGNMENT)
    if type(stated) is not int or stated < 1 or stated & (stated - 1):
        raise damaged(f"{ALIGNMENT} is {cut(stated)}, which is no power of two")
    return stated


def _named(name: bytes) -> str:
    return repr(cut(name.decode(errors="replace")))


def _first_block(names: Iterable[bytes]) -> int | None:
    """The smallest number of a layer that a tensor belongs to."""
    blocks = (re.match(rb"blk\.(\d{1,9})\.", name) for name in names)
    return min((int(block[1]) for block in blocks if block), default=None)
