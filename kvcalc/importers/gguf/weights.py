"""The weights of a GGUF model, by the header of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvcalc.importers.gguf.header import Header
from kvcalc.importers.gguf.limits import cut
from kvcalc.importers.gguf.tensors import Tensors

COUNT = "split.count"


@dataclass(frozen=True)
class Weights:
    """What is known of a model's weights.

    bytes        None where that cannot be told for certain
    notes        why not, or what is odd about them
    first_block  the first layer that has a tensor in what was read; None where none has
    """

    bytes: int | None
    notes: tuple[str, ...] = ()
    first_block: int | None = None


def weights_of(header: Header) -> Weights:
    """The weights of the model whose file has this header."""
    first, why_not = header.tensors.first_block, _part_of(header.values)
    if why_not:
        return Weights(None, (why_not,), first)
    return Weights(*_sum(header.tensors), first)


def _sum(tensors: Tensors) -> tuple[int | None, tuple[str, ...]]:
    if tensors.bytes is None:
        kind = tensors.unknown_type
        text = f"weights of type {kind}, which the gguf package does not know: not counted"
        return None, (text,)
    if tensors.complete:
        return tensors.bytes or None, ()
    return tensors.bytes, ("the file ends before its weights do; its header is whole",)


def _part_of(values: Mapping[str, Any]) -> str:
    """Why a file does not hold all weights, or ""; 0 parts are what merging them leaves."""
    stated = values.get(COUNT, 0)
    if type(stated) is not int or stated < 0:
        text = f"{COUNT} is {cut(stated)}, which is no number of files"
        return f"{text}: the weights' bytes are not known"
    text = f"one file of {stated:,}: the weights' bytes are not known from it alone"
    return text if stated > 1 else ""
