"""DeepSeek-V4's attention: one shared entry as key and value, and streams that compress it.

DeepSeek-V4 technical report, section 2.3; the stored pieces as in vLLM 0.33.0,
models/deepseek_v4/attention.py and compressor.py. CSA2 of DeepSeek-V4.1-Flash, arXiv 2609.19969,
by models/deepseek_v41/attention.py and compressor.py of the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from kvcalc.attention.base import Attention, Shape
from kvcalc.attention.bounds import Count, CountOrZero, TokenCount
from kvcalc.attention.sparse import Indexed
from kvcalc.cache import CacheTensor
from kvcalc.errors import Problem
from kvcalc.extents import All, Every, Extent, TopBlocks, TopK, Window
from kvcalc.formats import FP8, IndexFormat


@dataclass(frozen=True, kw_only=True)
class SharedKV(Attention):
    """One headless entry per token that is key and value at once: [head_dim], rope_dim of it RoPE.

    Stored as latent [head_dim - rope_dim] and rope [rope_dim].
    """

    kind: ClassVar[str] = "shared_kv"

    rope_dim: Annotated[CountOrZero, "the part of head_dim that carries RoPE"]

    @classmethod
    def lacking(cls, given: Mapping[str, Any]) -> Sequence[Problem]:
        if given.get("head_dim"):
            return ()
        return [Problem(f"{cls.kind} needs head_dim", "set it once for the model", ("head_dim",))]

    def problems(self) -> Sequence[Problem]:
        if self.head_dim is None:
            return self.lacking(vars(self))
        if self.rope_dim >= self.head_dim:
            text = f"rope_dim {self.rope_dim} is a part of head_dim {self.head_dim}"
            return [Problem(text, "make it smaller", ("rope_dim",))]
        return super().problems()

    @property
    def shape(self) -> Shape:
        width = self.head_dim or 0
        return Shape(self.heads, width, width, self.dtype, self.cross, self.source_length)

    @classmethod
    def widths(cls, shape: Shape) -> Mapping[str, int]:
        return {"head_dim": shape.key_dim}

    def stream(self, name: str, extent: Extent) -> tuple[CacheTensor, ...]:
        """The entries of one stream, in the two parts that layouts store apart."""
        # each element is scored as a key and summed up as a value, by every query head
        width, each = (self.head_dim or 0) - self.rope_dim, 2 * self.heads
        latent = CacheTensor(name, "latent", width, extent, macs=each * width)
        if not self.rope_dim:
            return (latent,)
        macs = each * self.rope_dim
        return (latent, CacheTensor(f"{name}_rope", "rope", self.rope_dim, extent, macs=macs))

    def carried(self, name: str, width: int, tokens: int) -> CacheTensor:
        """What a compressor keeps of up to so many tokens: their keys and their gates."""
        return CacheTensor(name, "carry", width, Window(tokens), shared=self.shared, macs=0)

    def entries(self) -> tuple[CacheTensor, ...]:
        return self.stream("kv", self.extent)


@dataclass(frozen=True, kw_only=True)
class WindowedKV(SharedKV):
    """What has a window in every layer."""

    def problems(self) -> Sequence[Problem]:
        if not self.window:
            return [*super().problems(), Problem(f"{self.kind} needs a window", path=("window",))]
        return super().problems()


@dataclass(frozen=True, kw_only=True)
class HCA(WindowedKV):
    """Heavily compressed attention: a window, and one entry per `compress` tokens, all read."""

    kind: ClassVar[str] = "hca"

    compress: Annotated[Count, "tokens that one compressed entry stands for"]

    @property
    def compressed_extent(self) -> Every:
        """An entry once every `compress` tokens are complete."""
        return Every(self.compress, self.compress)

    def entries(self) -> tuple[CacheTensor, ...]:
        return (
            *super().entries(),
            *self.stream("compressed", self.compressed_extent),
        )

    def left_over(self) -> tuple[CacheTensor, ...]:
        return (self.carried("compressor", 2 * (self.head_dim or 0), self.compress),)


@dataclass(frozen=True, kw_only=True)
class CSA(HCA, Indexed):
    """Compressed sparse attention: like HCA, but an index picks top_k of the compressed entries.

    One index key [index_dim] per compressed entry. Entries overlap, so a compressor carries twice
    as much (keys and gates) over two strides.
    """

    kind: ClassVar[str] = "csa"

    top_k: Annotated[TokenCount, "compressed entries that one step reads"]
    index_dtype: Annotated[IndexFormat, "dtype of the index key; none leaves it out"] = FP8

    def entries(self) -> tuple[CacheTensor, ...]:
        compressed = self.stream("compressed", self.compressed_extent)
        return (
            *self.stream("kv", self.extent),
            *(replace(tensor, reads=TopK(self.top_k)) for tensor in compressed),
            *self.index_keys(self.compressed_extent),
        )

    def left_over(self) -> tuple[CacheTensor, ...]:
        overlap = 2 * self.compress
        return (
            self.carried("compressor", 4 * (self.head_dim or 0), overlap),
            self.carried("index_compressor", 4 * self.index_dim, overlap),
        )


@dataclass(frozen=True, kw_only=True)
class CSA2Window(WindowedKV):
    """A layer of DeepSeek-V4.1 that has a window alone: entries [head_dim], RoPE among the rest.

    Unlike V4's, no layout divides them into latent and RoPE.
    """

    kind: ClassVar[str] = "csa2_swa"

    def undivided(self, role: Literal["kv", "compressed"], extent: Extent) -> CacheTensor:
        """The entries of one stream: each a key and a value to every query head."""
        width = self.head_dim or 0
        return CacheTensor(role, role, width, extent, macs=2 * self.heads * width)

    def entries(self) -> tuple[CacheTensor, ...]:
        return (self.undivided("kv", self.extent),)


@dataclass(frozen=True, kw_only=True)
class CSA2(CSA2Window, HCA, Indexed):
    """Compressed sparse attention 2: its own window, and a compressed cache that layers share.

    A full layer keeps entries [head_dim] and index keys [index_dim], one per `compress` tokens
    (1: per token) without overlap, and picks top_k. Of the layers after it one that reindexes
    scores these keys anew, or those of the best blocks among them; the others reuse what was
    picked. Both keep their windows alone.
    """

    kind: ClassVar[str] = "csa2"

    mode: Annotated[
        Literal["full", "reindex", "reuse"], "whose entries and selection; full: its own"
    ] = "full"
    top_k: Annotated[TokenCount, "compressed entries that one step reads"]
    index_dtype: Annotated[IndexFormat, "dtype of the index key; none leaves it out"] = FP8
    candidate_blocks: Annotated[
        Count | None, "blocks of index keys that a layer which reindexes scores; all without it"
    ] = None
    block_size: Annotated[TokenCount | None, "index keys of one candidate block"] = None

    def problems(self) -> Sequence[Problem]:
        problems = list(super().problems())
        given = {name: getattr(self, name) for name in ("candidate_blocks", "block_size")}
        missing = [name for name, value in given.items() if value is None]
        if len(missing) == 1:
            other = next(name for name in given if name not in missing)
            problems.append(Problem(f"{other} needs {missing[0]}", path=(missing[0],)))
        elif not missing and self.mode != "reindex":
            text = (
                f"candidate_blocks are of another layer's index keys: mode {self.mode} reads none"
            )
            problems.append(Problem(text, "mode: reindex", ("candidate_blocks",)))
        return problems

    def entries(self) -> tuple[CacheTensor, ...]:
        elsewhere = self.mode != "full"
        compressed = self.undivided("compressed", self.compressed_extent)
        picked = replace(compressed, reads=TopK(self.top_k), shared=elsewhere)
        if self.mode == "reuse":
            return (*super().entries(), picked)
        blocks, size = self.candidate_blocks, self.block_size
        scored = TopBlocks(blocks, size) if blocks and size else All()
        keys = self.index_keys(self.compressed_extent)
        return (
            *super().entries(),
            picked,
            *(replace(key, reads=scored, shared=elsewhere) for key in keys),
        )

    def left_over(self) -> tuple[CacheTensor, ...]:
        # an index key is made of the finished entry, and an entry of one token is finished at once
        if self.mode != "full" or self.compress == 1:
            return ()
        return super().left_over()
