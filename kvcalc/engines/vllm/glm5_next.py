"""GLM-5.3-Flash: latents, index keys pooled by 16, and a ring of the tokens not yet pooled.

models/glm5next: blocks lie outside layers, whose rows then begin at multiples of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.caches import Cached
from kvcalc.engines.vllm.gpus import BLACKWELL
from kvcalc.engines.vllm.specs import Spec
from kvcalc.engines.vllm.strides import by_keys, by_rows
from kvcalc.extents import Every

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.engines.vllm.caches import Keeping

PAGE = 32
"""Rows of a page of FlashInfer, on Blackwell (backends/mla/flashinfer_mla_sparse.py:73)."""
SIDES, HALF_BYTES = 2, 2
"""A key and its gate, in bf16."""


def packed(caches: Sequence[Cached], keeping: Keeping) -> tuple[Cached, ...]:
    """The caches of one layer with their strides aligned, and the ring beside its index keys."""
    return tuple(own for cached in caches for own in _aligned(cached, keeping))


def _aligned(cached: Cached, keeping: Keeping) -> tuple[Cached, ...]:
    spec = cached.spec
    if spec.kind == "state":
        return (cached,)
    key = cached.tensors[0]
    if key.role != "index":
        return (by_rows(cached, PAGE if keeping.settings.gpu.family == BLACKWELL else 1),)
    assert isinstance(key.extent, Every)
    return by_keys(cached), _ring(key.extent.stride, key.width, keeping)


def _ring(pool: int, width: int, keeping: Keeping) -> Cached:
    """As many slots as a power of two of pools holds a pool and the tokens that are drafted."""
    slots = pool
    while slots < pool + keeping.settings.speculative:
        slots *= 2
    page = slots * SIDES * width * HALF_BYTES
    spec = Spec("ring", slots, page, page, blocks=1, like="ring")
    return Cached(spec, (), page, "rings of tokens not yet pooled")
