"""A walk through the bytes of a GGUF header, from the front, which never goes too far."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from kvcalc.importers.gguf.limits import MAX_TEXT, Allowance, cut_short, damaged

_LENGTH = struct.Struct("<Q")


@dataclass
class Walk:
    """Where a walk has come to. Every step raises Unreadable where it would go too far.

    size       bytes of the whole file, as it was when it was opened
    allowance  what may be read of it
    """

    file: BinaryIO
    size: int
    allowance: Allowance
    at: int = 0

    def must_have(self, count: int) -> None:
        """See that there are so many bytes more, in the file and in what a header may have."""
        end = self.at + count
        if end > self.size:
            raise cut_short()
        if end > self.allowance.size:
            self.allowance.spend("size", end)

    def take(self, count: int) -> bytes:
        """The next bytes, of which there must be enough."""
        self.must_have(count)
        self.at += count
        found = self.file.read(count)
        if len(found) < count:  # the file has become shorter
            raise cut_short()
        return found

    def skip(self, count: int) -> None:
        """Step over the next bytes."""
        self.must_have(count)
        self.at += count
        self.file.seek(self.at)

    def width(self, code: str) -> int:
        """The bytes of a number, by the letter that the struct module has for it."""
        return struct.calcsize(f"<{code}")

    def numbers(self, code: str, count: int) -> tuple[Any, ...]:
        """The next numbers, all of one kind."""
        return struct.unpack(f"<{count}{code}", self.take(count * self.width(code)))

    def uint64(self) -> int:
        """The next number of 64 bits: how long something is, or how many there are."""
        return int.from_bytes(self.take(8), "little")

    def uint32(self) -> int:
        """The next number of 32 bits: a type, a version, a number of dimensions."""
        return int.from_bytes(self.take(4), "little")

    def text(self, most: int, what: str) -> bytes:
        """The next text, which is kept, as it is written."""
        length = self.uint64()
        self.must_have(length)
        if length > most:
            raise damaged(f"{what} claims {length:,} bytes, more than {most:,}")
        self.allowance.spend("kept", length)
        return self.take(length)

    def skip_texts(self, count: int) -> None:
        """Step over so many texts, none of which may be longer than one that is kept."""
        # written out, as a vocabulary has hundreds of thousands of them
        read, unpack, at = self.file.read, _LENGTH.unpack, self.at
        end = min(self.size, self.allowance.size)
        for _ in range(count):
            head = read(8)
            if len(head) < 8:
                raise cut_short()
            length = unpack(head)[0]
            at += 8 + length
            if at > end or length > MAX_TEXT:
                self.at = at - length
                self.must_have(length)
                raise damaged(f"a token claims {length:,} bytes, more than {MAX_TEXT:,}")
            read(length)
        self.at = at
