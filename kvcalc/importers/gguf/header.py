"""The header of a GGUF file: its keys and values, and how large its tensors are.

The layout is that of the GGUF specification, the numbers are the gguf package's. Its own reader
is not used: it makes an object of every token (13 s where a vocabulary has 150,000 tokens and as
many merges), and it needs the tensors' data to be there.
"""

from __future__ import annotations

import pathlib
import re
import struct
from dataclasses import dataclass, field
from math import prod
from typing import Any, BinaryIO

from gguf.constants import (
    GGML_QUANT_SIZES,
    GGUF_DEFAULT_ALIGNMENT,
    GGUF_VERSION,
    GGMLQuantizationType,
    GGUFValueType,
)

OLDEST = 2
"""Version 1 counted in 32 bits."""

MAX_ENTRIES = 1_000_000
MAX_ITEMS = 50_000_000
MAX_DIMENSIONS = 4
KEPT_ITEMS = 10_000
"""A longer array is a vocabulary, not a list of layers: it is stepped over."""

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
    GGUFValueType.BOOL: "?",
}
_LENGTH = struct.Struct("<Q")


class Unreadable(Exception):
    """A header that cannot be read: what is wrong with the file, and the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Header:
    """Keys with their values, and the tensors' bytes.

    tensor_bytes  None where a tensor's type is not known to the gguf package
    unknown_type  the number of that type
    complete      whether the file is long enough to hold all tensors
    first_block   the first layer that has a tensor; None where none has
    """

    values: dict[str, Any] = field(repr=False)
    tensor_bytes: int | None
    unknown_type: int | None = None
    complete: bool = True
    first_block: int | None = None


def read_header(path: pathlib.Path) -> Header:
    """The header of a GGUF file. Raises Unreadable, also where the system cannot open the file."""
    try:
        with path.open("rb") as file:
            return _Walk(file, path.stat().st_size).header()
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror or error}") from error


@dataclass
class _Walk:
    """A walk through the header, from the front; `size` is the whole file's."""

    file: BinaryIO
    size: int
    at: int = 0

    def header(self) -> Header:
        self._check_magic()
        tensors, entries = self.number("Q"), self.number("Q")
        for count, what in ((tensors, "tensors"), (entries, "keys")):
            if count > MAX_ENTRIES:
                raise _damaged(f"it claims {count:,} {what}")
        values: dict[str, Any] = {}
        for _ in range(entries):
            key = self.text()
            if key in values:
                raise _damaged(f"the key {key!r} stands in it twice")
            values[key] = self.value(key)
        return self._with_tensors(values, tensors)

    def _check_magic(self) -> None:
        if self.size < 4 or self.take(4) != b"GGUF":
            raise Unreadable("the file does not begin with GGUF, as every GGUF file does")
        version = self.number("I")
        if version and not version & 0xFFFF:
            hint = "turn a copy around with gguf-convert-endian, which the gguf package brings"
            raise Unreadable("this is a big-endian GGUF file, which kvcalc does not read", hint)
        if version < OLDEST:
            raise Unreadable(f"this is GGUF version {version}, which is no longer read", CONVERT)
        if version > GGUF_VERSION:
            text = f"this is GGUF version {version}; versions {OLDEST} to {GGUF_VERSION} are read"
            raise Unreadable(text, "pip install --upgrade gguf kvcalc")

    def _with_tensors(self, values: dict[str, Any], count: int) -> Header:
        total, end, unknown, blocks = 0, 0, None, set[int]()
        for _ in range(count):
            blocks |= _block(self.text())
            dimensions = self.number("I")
            if dimensions > MAX_DIMENSIONS:
                raise _damaged(f"a tensor has {dimensions:,} dimensions")
            elements = prod(self.number("Q") for _ in range(dimensions))
            kind, offset = self.number("I"), self.number("Q")
            try:
                block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
            except (ValueError, KeyError):
                unknown = kind
                continue
            stored = elements // block * size
            total, end = total + stored, max(end, offset + stored)
        alignment = values.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
        alignment = alignment if isinstance(alignment, int) and alignment > 0 else 1
        start = -(-self.at // alignment) * alignment
        complete = not count or start + end <= self.size
        known = None if unknown is not None else total
        return Header(values, known, unknown, complete, min(blocks, default=None))

    def take(self, count: int) -> bytes:
        """The next bytes, of which there must be enough."""
        self._must_have(count)
        self.at += count
        found = self.file.read(count)
        if len(found) < count:
            raise _cut_short()
        return found

    def skip(self, count: int) -> None:
        self._must_have(count)
        self.at += count
        self.file.seek(self.at)

    def _must_have(self, count: int) -> None:
        if self.at + count > self.size:
            raise _cut_short()

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def text(self) -> str:
        return self.take(self.number("Q")).decode("utf-8", errors="replace")

    def value(self, key: str) -> Any:
        kind = self._type(key)
        if kind == GGUFValueType.ARRAY:
            return self._array(key)
        return self.text() if kind == GGUFValueType.STRING else self.number(_CODES[kind])

    def _type(self, key: str) -> GGUFValueType:
        kind = self.number("I")
        try:
            return GGUFValueType(kind)
        except ValueError as error:
            raise _damaged(f"the value of {key!r} is of type {kind:,}") from error

    def _array(self, key: str) -> Any:
        """The items, or, where they are many, how many there are."""
        kind, count = self._type(key), self.number("Q")
        if kind == GGUFValueType.ARRAY or count > MAX_ITEMS:
            raise _damaged(f"the value of {key!r} is an array of {count:,} arrays or more")
        if count <= KEPT_ITEMS and not key.startswith("tokenizer."):
            if kind == GGUFValueType.STRING:
                return [self.text() for _ in range(count)]
            code = f"<{count}{_CODES[kind]}"
            return list(struct.unpack(code, self.take(struct.calcsize(code))))
        if kind == GGUFValueType.STRING:
            self._skip_texts(count)
        else:
            self.skip(count * struct.calcsize(f"<{_CODES[kind]}"))
        return f"<{count:,} items>"

    def _skip_texts(self, count: int) -> None:
        # written out, as a vocabulary has hundreds of thousands of them
        read, unpack, at = self.file.read, _LENGTH.unpack, self.at
        for _ in range(count):
            head = read(8)
            if len(head) < 8:
                raise _cut_short()
            length = unpack(head)[0]
            at += 8 + length
            if at > self.size:
                raise _cut_short()
            read(length)
        self.at = at


def _block(tensor: str) -> set[int]:
    """The number of the layer that a tensor belongs to, if to one."""
    found = re.match(r"blk\.(\d{1,9})\.", tensor)
    return {int(found[1])} if found else set()


def _cut_short() -> Unreadable:
    text = "the file ends in the middle of its GGUF header"
    return Unreadable(text, "download or copy it again: only a part has arrived")


def _damaged(why: str) -> Unreadable:
    return Unreadable(f"the GGUF header is damaged: {why}", "download or copy it again")
