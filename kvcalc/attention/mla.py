"""Multi-head latent attention: one latent for all heads, and a RoPE key beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from kvcalc.attention.base import KeyedAttention
from kvcalc.attention.bounds import Count, CountOrZero
from kvcalc.attention.heads import MHA
from kvcalc.cache import CacheTensor


@dataclass(frozen=True, kw_only=True)
class MLA(KeyedAttention):
    """One latent for all heads, from which keys and values are projected, and one RoPE key.

    Per token: latent [latent_dim] and rope [rope_dim], headless. The query's own latent is not
    cached. DeepSeek-V2, arXiv 2405.04434, section 2.1 and table 1.
    """

    kind: ClassVar[str] = "mla"
    key_field: ClassVar[str] = "nope_dim"
    expanded_name: ClassVar[str] = "mla-expanded"

    latent_dim: Annotated[Count, "width of the compressed KV latent (kv_lora_rank)"]
    rope_dim: Annotated[CountOrZero, "width of the decoupled RoPE key (qk_rope_head_dim)"]
    nope_dim: Annotated[Count | None, "key width per head without RoPE; head_dim if absent"] = None

    @property
    def variant(self) -> str:
        return str(self.latent_dim)

    @property
    def expanded(self) -> MHA:
        shape = self.shape
        return MHA(
            heads=self.heads,
            key_dim=shape.key_dim + self.rope_dim,
            value_dim=shape.value_dim,
            window=self.window,
            sink=self.sink,
            chunk=self.chunk,
            shared=self.shared,
            cross=self.cross,
            source_length=self.source_length,
            dtype=self.dtype,
        )

    def entries(self) -> tuple[CacheTensor, ...]:
        # absorbed: every query head scores the latent, and sums it up again as its value
        macs = 2 * self.heads * self.latent_dim
        latent = CacheTensor("latent", "latent", self.latent_dim, self.extent, macs=macs)
        if not self.rope_dim:
            return (latent,)
        macs = self.heads * self.rope_dim
        return (latent, CacheTensor("rope", "rope", self.rope_dim, self.extent, macs=macs))
