"""The header of a GGUF file: its keys and values, and how large its tensors are.

The layout is that of the GGUF specification, the numbers are the gguf package's. Its own reader
is not used: it makes an object of every token (13 s where a vocabulary has 150,000 tokens and as
many merges), and it needs the tensors' data to be there.
"""

from __future__ import annotations

import os
import pathlib
import stat
from dataclasses import dataclass, field
from typing import Any

from gguf.constants import GGUF_VERSION, GGUFValueType

from kvcalc.importers.gguf.limits import (
    KEPT_ITEMS,
    MAX_KEY,
    MAX_TEXT,
    Allowance,
    Unreadable,
    cut,
    damaged,
)
from kvcalc.importers.gguf.tensors import Tensors, read_tensors
from kvcalc.importers.gguf.walk import Walk

OLDEST = 2
"""Version 1 counted in 32 bits."""

CONVERT = "convert the model again with llama.cpp's convert_hf_to_gguf.py"

_CODES = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.FLOAT64: "d",
    GGUFValueType.BOOL: "B",
}


@dataclass(frozen=True)
class Skipped:
    """What stands for a value that was stepped over, such as a vocabulary."""

    what: str

    def __repr__(self) -> str:
        return f"<{self.what}>"


@dataclass(frozen=True)
class Header:
    """Keys with their values, and what is known of the tensors."""

    values: dict[str, Any] = field(repr=False)
    tensors: Tensors


def read_header(path: pathlib.Path, allowance: Allowance) -> Header:
    """The header of a GGUF file, which spends of an allowance.

    Raises Unreadable, also where the system cannot open the file and where it is none.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would be to wait for it
            raise Unreadable("this is not a file that can be read")
        with path.open("rb") as file:
            walk = Walk(file, os.fstat(file.fileno()).st_size, allowance)
            header = _header(walk)
            allowance.spend("size", walk.at)
            return header
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror or error}") from error


def _header(walk: Walk) -> Header:
    _check_magic(walk)
    tensors, entries = walk.uint64(), walk.uint64()
    walk.allowance.spend("tensors", tensors)
    walk.allowance.spend("keys", entries)
    values: dict[str, Any] = {}
    for _ in range(entries):
        key = _key(walk)
        if key in values:
            raise damaged(f"the key {cut(key)!r} stands in it twice")
        values[key] = _value(walk, key)
    return Header(values, read_tensors(walk, tensors, values))


def _check_magic(walk: Walk) -> None:
    if walk.size < 4 or walk.take(4) != b"GGUF":
        raise Unreadable("the file does not begin with GGUF, as every GGUF file does")
    version = walk.uint32()
    if version and not version & 0xFFFF:
        hint = "turn a copy around with gguf-convert-endian, which the gguf package brings"
        raise Unreadable("this is a big-endian GGUF file, which kvcalc does not read", hint)
    if version < OLDEST:
        raise Unreadable(f"this is GGUF version {version}, which is no longer read", CONVERT)
    if version > GGUF_VERSION:
        text = f"this is GGUF version {version}; versions {OLDEST} to {GGUF_VERSION} are read"
        raise Unreadable(text, "pip install --upgrade gguf kvcalc")


def _key(walk: Walk) -> str:
    key = walk.text(MAX_KEY, "a key")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise damaged(f"the key {cut(repr(key))} is no UTF-8") from error


def _value(walk: Walk, key: str) -> Any:
    kind = _type(walk, key)
    if kind == GGUFValueType.ARRAY:
        return _array(walk, key)
    if kind == GGUFValueType.STRING:
        return _text(walk, key)
    (value,) = _numbers(walk, key, kind, 1)
    return value


def _type(walk: Walk, key: str) -> GGUFValueType:
    kind = walk.uint32()
    try:
        return GGUFValueType(kind)
    except ValueError as error:
        raise damaged(f"the value of {cut(key)!r} is of type {kind:,}") from error


def _is_vocabulary(key: str) -> bool:
    return key.startswith("tokenizer.")


def _text(walk: Walk, key: str) -> Any:
    """A text; a tokenizer's may be a whole file, and is stepped over."""
    if _is_vocabulary(key):
        length = walk.uint64()
        walk.skip(length)
        return Skipped(f"{length:,} bytes")
    return walk.text(MAX_TEXT, f"the value of {cut(key)!r}").decode(errors="replace")


def _numbers(walk: Walk, key: str, kind: GGUFValueType, count: int) -> list[Any]:
    found = walk.numbers(_CODES[kind], count)
    if kind != GGUFValueType.BOOL:
        return list(found)
    if any(number > 1 for number in found):
        raise damaged(f"the value of {cut(key)!r} is neither true nor false")
    return [bool(number) for number in found]


def _array(walk: Walk, key: str) -> Any:
    """The items, or, where they are many, how many there are."""
    kind, count = _type(walk, key), walk.uint64()
    if kind == GGUFValueType.ARRAY:
        raise damaged(f"the value of {cut(key)!r} is an array of {count:,} arrays")
    kept = count <= KEPT_ITEMS and not _is_vocabulary(key)
    if kept:
        walk.allowance.spend("items", count)
    if kind != GGUFValueType.STRING:
        if kept:
            return _numbers(walk, key, kind, count)
        walk.skip(count * walk.width(_CODES[kind]))
        return Skipped(f"{count:,} items")
    walk.must_have(8 * count)
    walk.allowance.spend("texts", count)
    if kept:
        return [_text(walk, key) for _ in range(count)]
    walk.skip_texts(count)
    return Skipped(f"{count:,} items")
