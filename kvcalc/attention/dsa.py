"""DeepSeek sparse attention: a lightning indexer picks the latents that a step reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from kvcalc.attention.base import Count, TokenCount
from kvcalc.attention.mla import MLA
from kvcalc.cache import CacheTensor, TopK
from kvcalc.formats import FP8, FP32, Format


@dataclass(frozen=True, kw_only=True)
class DSA(MLA):
    """MLA plus an index key [index_dim] per token; a step reads every index key and top_k latents.

    DeepSeek-V3.2, arXiv 2512.02556, section 2.1. An fp8 index key has one fp32 scale beside it.
    """

    kind: ClassVar[str] = "dsa"

    index_heads: Annotated[Count, "query heads of the indexer"]
    index_dim: Annotated[Count, "width of one index key"]
    top_k: Annotated[TokenCount, "tokens whose latents one step reads"]
    index_dtype: Annotated[Format, "dtype of the index key"] = FP8
    index_scale: Annotated[
        Format | Literal["none"] | None, "dtype of its scale; fp32 for fp8 keys if absent"
    ] = None

    @property
    def index_format(self) -> Format:
        """How an index key is stored, its scale included."""
        scale = self.index_scale or (FP32 if self.index_dtype == FP8 else "none")
        return self.index_dtype if isinstance(scale, str) else self.index_dtype.scaled(scale)

    def expand(self) -> tuple[CacheTensor, ...]:
        picked = tuple(replace(t, reads=TopK(self.top_k)) for t in super().expand())
        index = CacheTensor(
            "index_key", "index", self.index_dim, self.extent, format=self.index_format
        )
        return (*picked, index)
