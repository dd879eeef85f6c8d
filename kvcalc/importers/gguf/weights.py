"""The weights of a GGUF model, by the headers of its file or of all parts of a split one.

What must hold for the parts of a split model is what llama.cpp checks as it loads them, as vendored
in llama-cpp-python 0.3.36: src/llama-model-loader.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvcalc.importers.files import PART
from kvcalc.importers.gguf.header import Header, read_header
from kvcalc.importers.gguf.limits import Allowance, Unreadable, cut
from kvcalc.importers.gguf.tensors import Tensors

NUMBER, COUNT, TENSORS = "split.no", "split.count", "split.tensors.count"

MAX_PARTS = 1_000
"""Of a split model; the largest published ones have some hundred."""


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


class _Incomplete(Exception):
    """Why the parts of a split model do not make up one whole."""


def weights_of(path: Path, header: Header, allowance: Allowance) -> Weights:
    """The weights of the model whose file, or first part, has this header."""
    first = header.tensors.first_block
    try:
        count = _count(header.values)
        tensors = [header.tensors] if count is None else _parts(path, header, count, allowance)
    except _Incomplete as error:
        return Weights(None, (str(error),), first)
    blocks = [part.first_block for part in tensors if part.first_block is not None]
    return Weights(*_sum(tensors), min(blocks, default=None))


def _sum(parts: Sequence[Tensors]) -> tuple[int | None, tuple[str, ...]]:
    unknown = next((part for part in parts if part.bytes is None), None)
    if unknown is not None:
        kind = unknown.unknown_type
        text = f"weights of type {kind}, which the gguf package does not know: not counted"
        return None, (text,)
    total = sum(part.bytes or 0 for part in parts) or None
    if all(part.complete for part in parts):
        return total, ()
    return total, ("the file ends before its weights do; its header is whole",)


def _count(values: Mapping[str, Any]) -> int | None:
    """How many parts there are; None where the model is in one. 0 is what merging them leaves."""
    stated = values.get(COUNT, 0)
    if type(stated) is not int or stated < 0:
        text = f"{COUNT} is {cut(stated)}, which is no number of files"
        raise _Incomplete(f"{text}: the weights' bytes are not known")
    return stated if stated > 1 else None


def _parts(path: Path, header: Header, count: int, allowance: Allowance) -> list[Tensors]:
    """The tensors of all parts, in their order. Raises _Incomplete."""
    named = PART.match(path.stem)
    several = range(min(count, MAX_PARTS))
    names = [_name(named["stem"], n, count, path.suffix) for n in several] if named else []
    if count > MAX_PARTS or not names or names[0] != path.name:
        raise _Incomplete(f"one file of {count:,}: the weights' bytes are not known from it alone")
    _check(path.name, header, 0, count)
    found = [header.tensors]
    for number, name in enumerate(names[1:], 1):
        part = _beside(path, name, allowance)
        _check(name, part, number, count)
        found.append(part.tensors)
    stated, there = header.values.get(TENSORS), sum(part.count for part in found)
    if stated != there:
        text = f"{TENSORS} is {cut(stated)}, the parts hold {there:,}"
        raise _Incomplete(f"{text}: the weights' bytes are not known")
    return found


def _name(stem: str, number: int, count: int, suffix: str) -> str:
    return f"{stem}-{number + 1:05}-of-{count:05}{suffix}"


def _beside(path: Path, name: str, allowance: Allowance) -> Header:
    """The header of another part.

    It lies beside the first, or where links to both lead, as in the hub's cache, and nowhere else.
    """
    part = path.with_name(name)
    try:
        if part.resolve().parent != path.resolve().parent:
            raise Unreadable("it lies in another folder")
        return read_header(part, allowance)
    except (Unreadable, OSError, RuntimeError) as error:
        raise _missing(name, str(error)) from None


def _check(name: str, part: Header, number: int, count: int) -> None:
    for key, due in ((NUMBER, number), (COUNT, count)):
        stated = part.values.get(key)
        if type(stated) is not int or stated != due:
            raise _missing(name, f"its {key} is {cut(stated)}, not {due}")


def _missing(name: str, why: str) -> _Incomplete:
    return _Incomplete(f"{name}: {why}; without it the weights' bytes are not known")
