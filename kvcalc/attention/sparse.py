"""Sparse attention: every entry is stored, an index picks those that a step reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from kvcalc.attention.base import Attention, Parts
from kvcalc.attention.bounds import Bound, Count, TokenCount
from kvcalc.attention.heads import GQA
from kvcalc.attention.mla import MLA
from kvcalc.cache import CacheTensor
from kvcalc.errors import Problem, UsageError
from kvcalc.extents import Every, Extent, TopBlocks, TopK
from kvcalc.formats import BF16, FP8, FP32, NONE, Format, IndexFormat

IndexScale = Format | Literal["none"] | None


@dataclass(frozen=True, kw_only=True)
class Indexed(Attention):
    """What all indexers keep: an index key [index_dim] per token, headless."""

    index_heads: Annotated[Count, "query heads of the indexer"]
    index_dim: Annotated[Count, "width of one index key"]
    index_dtype: Annotated[IndexFormat, "dtype of the index key; none leaves it out"]
    index_scale: Annotated[
        IndexScale, "dtype of an index key's scale; without it fp32 for fp8 keys, else none"
    ] = None

    def unscaled(self, parts: Parts) -> Self:
        if self.index_dtype == NONE:
            return self
        dtype, scale = parts(self.index_dtype)
        if scale is None:
            return self
        if isinstance(self.index_scale, Format):
            text = f"index keys in {self.index_dtype.name} with one scale more cannot be written"
            raise UsageError(text)
        return replace(self, index_dtype=dtype, index_scale=scale)

    def plain(self) -> Self:
        stored = next((key.format for key in self.index_keys(self.extent)), NONE)
        given: dict[str, Any] = {"index_dtype": stored, "index_scale": "none"}
        return replace(super().plain(), **given)

    def index_keys(self, extent: Extent) -> tuple[CacheTensor, ...]:
        """The index key, stored in its own format: `kv_dtype` leaves it alone."""
        dtype = self.index_dtype
        if dtype == NONE:
            return ()
        scale = self.index_scale or (FP32 if dtype == FP8 else NONE)
        stored = dtype if scale == NONE else dtype.scaled(scale)
        macs = self.index_heads * self.index_dim
        return (
            CacheTensor("index_key", "index", self.index_dim, extent, format=stored, macs=macs),
        )


@dataclass(frozen=True, kw_only=True)
class DSA(Indexed, MLA):
    """MLA plus an index key per token; a step reads every index key and top_k latents.

    DeepSeek-V3.2, arXiv 2512.02556, section 2.1. GLM-5.2 shares one layer's selection with the
    next ones, GLM-5.3-Flash keeps one index key per pool and always reads the unfinished pool.
    Mistral-Large-4 has layers that read another's latents.
    """

    kind: ClassVar[str] = "dsa"

    top_k: Annotated[TokenCount, "tokens whose latents one step reads"]
    index_dtype: Annotated[IndexFormat, "dtype of the index key; none leaves it out"] = FP8
    index_every: Annotated[Count, "tokens that share one pooled index key"] = 1
    indexer: Annotated[
        Literal["own", "shared"], "shared: another layer's selection, no index keys here"
    ] = "own"
    latents: Annotated[
        Literal["own", "shared"], "shared: another layer's latents, beside the index keys here"
    ] = "own"
    index_parameters: Annotated[
        Annotated[int, Bound(1, 10**12)] | None, "weights of one layer's indexer"
    ] = None

    @property
    def indexer_weights(self) -> int | None:
        return self.index_parameters

    @property
    def dense(self) -> MLA:
        inherited = {field.name: getattr(self, field.name) for field in fields(MLA)}
        return MLA(**inherited)

    def problems(self) -> Sequence[Problem]:
        if self.index_every > 1 and (self.window or self.chunk or self.cross):
            text = "index_every needs full attention: no window, chunk or cross beside it"
            return [*super().problems(), Problem(text, path=("index_every",))]
        return super().problems()

    def entries(self) -> tuple[CacheTensor, ...]:
        reads = TopK(self.top_k, self.index_every)
        elsewhere = self.latents == "shared"
        picked = tuple(
            replace(tensor, reads=reads, shared=elsewhere) for tensor in super().entries()
        )
        if self.indexer == "shared":
            return picked
        pooled = Every(self.index_every, self.index_every)
        return (*picked, *self.index_keys(pooled if self.index_every > 1 else self.extent))


@dataclass(frozen=True, kw_only=True)
class BlockSparse(Indexed, GQA):
    """GQA plus an index key per token; a step reads the best blocks of keys and values.

    MiniMax-M3: transformers 5.24.0, models/minimax_m3_vl/modeling_minimax_m3_vl.py, the indexer.
    The newest block is always among the blocks that are read.
    """

    kind: ClassVar[str] = "block_sparse"

    block_size: Annotated[TokenCount, "tokens of one block"]
    top_k_blocks: Annotated[Count, "blocks that one step reads, per KV head"]
    index_dtype: Annotated[IndexFormat, "dtype of the index key; none leaves it out"] = BF16

    def entries(self) -> tuple[CacheTensor, ...]:
        reads = TopBlocks(self.top_k_blocks, self.block_size)
        picked = tuple(replace(tensor, reads=reads) for tensor in super().entries())
        return (*picked, *self.index_keys(self.extent))
