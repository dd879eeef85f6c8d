"""DeepSeek-V4's attention: one shared entry as key and value, and streams that compress it.

DeepSeek-V4 technical report, section 2.3; the stored pieces as in vLLM 0.33.0,
models/deepseek_v4/attention.py and compressor.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from kvcalc.attention.base import Attention, Shape
from kvcalc.attention.bounds import Count, CountOrZero, TokenCount
from kvcalc.attention.sparse import Indexed
from kvcalc.cache import CacheTensor
from kvcalc.errors import Problem
from kvcalc.extents import Every, Extent, TopK, Window
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
class HCA(SharedKV):
    """Heavily compressed attention: a window, and one entry per `compress` tokens, all read."""

    kind: ClassVar[str] = "hca"

    compress: Annotated[Count, "tokens that one compressed entry stands for"]

    def problems(self) -> Sequence[Problem]:
        if not self.window:
            return [*super().problems(), Problem(f"{self.kind} needs a window", path=("window",))]
        return super().problems()

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
