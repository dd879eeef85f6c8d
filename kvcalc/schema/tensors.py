"""Cache tensors as `kind: custom` writes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from kvcalc.attention.base import MAX_COUNT
from kvcalc.cache import ALL, STATE_ROLES, CacheTensor, Role
from kvcalc.errors import InvalidValue, Problem
from kvcalc.extents import (
    All,
    Beyond,
    Chunk,
    Every,
    Extent,
    Fixed,
    Reads,
    ReadWrite,
    TopBlocks,
    TopK,
    Window,
)
from kvcalc.schema.fields import DType, Strict, Text, tag, word_or_mapping
from kvcalc.units import MAX_TOKENS

Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
EXTENTS = ("every", "window", "chunk", "beyond", "fixed")


class StrideFile(Strict):
    """An entry per `stride` tokens from the token numbered `first` on."""

    stride: Tokens
    first: Tokens


class ReadsFile(Strict):
    """An index picks so many entries per step, beside an unfinished pool, or so many blocks."""

    top_k: Tokens | None = None
    pool: Annotated[
        Tokens | None, Field(description="entries of a pool, read until it is full")
    ] = None
    top_k_blocks: Tokens | None = None
    block_size: Tokens | None = None

    def reads(self) -> Reads:
        """What it describes. Raises InvalidValue where that is neither the one nor the other."""
        given = {name for name, value in self if value is not None}
        if self.top_k is not None and given <= {"top_k", "pool"}:
            return TopK(self.top_k, self.pool or 1)
        if self.top_k_blocks is not None and given == {"top_k_blocks", "block_size"}:
            return TopBlocks(self.top_k_blocks, self.block_size or 1)
        text = "reads is neither a top_k (with or without pool) nor top_k_blocks with block_size"
        raise InvalidValue([Problem(text, "write for example {top_k: 2048}", ("reads",))])


Stride = Annotated[
    Annotated[Tokens, Tag(tag("word"))] | Annotated[StrideFile, Tag(tag("mapping"))],
    Discriminator(word_or_mapping),
]
ReadsWord = Annotated[
    Annotated[Literal["all", "read_write"], Tag(tag("word"))]
    | Annotated[ReadsFile, Tag(tag("mapping"))],
    Discriminator(word_or_mapping),
]


class TensorFile(Strict):
    """One cache tensor; without an extent it has an entry per token."""

    name: Text
    role: Role
    width: Annotated[int, Field(ge=1, le=10**9, description="elements per entry and head")]
    heads: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    dtype: DType | None = None
    scale: Annotated[DType | None, Field(description="dtype of one scale per entry and head")] = (
        None
    )
    every: Stride | None = None
    window: Tokens | None = None
    chunk: Tokens | None = None
    beyond: Annotated[Tokens | None, Field(description="all but the last so many tokens")] = None
    fixed: Tokens | None = None
    reads: ReadsWord | None = None
    shared: Annotated[bool, Field(description="another layer stores it")] = False
    macs: Annotated[
        int | None, Field(ge=0, le=10**12, description="multiply-adds per entry and decode step")
    ] = None

    def tensor(self) -> CacheTensor:
        """The tensor it describes. Raises InvalidValue where its fields exclude each other."""
        given = [name for name in EXTENTS if getattr(self, name) is not None]
        problems = []
        if len(given) > 1:
            text = f"tensor {self.name!r} has {' and '.join(given)}; keep one"
            problems.append(Problem(text, path=(given[1],)))
        if self.scale is not None and self.dtype is None:
            hint = "set dtype beside it, for example dtype: fp8"
            text = f"tensor {self.name!r} has a scale but no dtype"
            problems.append(Problem(text, hint, ("scale",)))
        reads: Reads = ALL
        try:
            reads = self._reads()
        except InvalidValue as error:
            problems += error.problems
        if problems:
            raise InvalidValue(problems)
        stored = self.dtype.scaled(self.scale) if self.dtype and self.scale else self.dtype
        return CacheTensor(
            name=self.name,
            role=self.role,
            width=self.width,
            extent=self._extent(),
            heads=self.heads,
            format=stored,
            reads=reads,
            shared=self.shared,
            macs=self.macs,
        )

    def _extent(self) -> Extent:
        if self.window is not None:
            return Window(self.window)
        if self.chunk is not None:
            return Chunk(self.chunk)
        if self.beyond is not None:
            return Beyond(self.beyond)
        if self.fixed is not None:
            return Fixed(self.fixed)
        if isinstance(self.every, StrideFile):
            return Every(self.every.stride, self.every.first)
        return Every() if self.every is None else Every(self.every, self.every)

    def _reads(self) -> Reads:
        if isinstance(self.reads, ReadsFile):
            return self.reads.reads()
        default = "read_write" if self.role in STATE_ROLES else "all"
        return ReadWrite() if (self.reads or default) == "read_write" else All()
