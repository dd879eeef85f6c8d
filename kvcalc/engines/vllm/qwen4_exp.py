"""Qwen4: a ring of index keys not yet averaged, and convolutions behind embeddings of n-grams.

models/qwen4_exp: common/qsa_cache.py and nvidia/ple_layer.py. With index keys, blocks lie outside
layers; a convolution of n-grams is kept whole by every rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.blocks import DEFAULT
from kvcalc.engines.vllm.caches import Cached
from kvcalc.engines.vllm.specs import Spec
from kvcalc.engines.vllm.states import whole_spec
from kvcalc.errors import UsageError
from kvcalc.extents import Every
from kvcalc.formats import BF16

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.engines.vllm.caches import Keeping


def refuse(pools: int, asked: int | None) -> None:
    """Raises UsageError for index keys of so many tokens, in blocks that were asked for."""
    # before a block grows until a state fits into it
    block = asked or DEFAULT
    if block % pools:
        text = f"index keys of {pools:,} tokens do not divide a block of {block:,}"
        raise UsageError(f"vllm refuses to start: {text}; -E block_size={pools} does")


def ngrams(scheme: Scheme, keeping: Keeping, gdn: Scheme) -> tuple[Cached, ...]:
    """The convolution of one layer; a prefill's is exported where Gated DeltaNet's state is."""
    (shift,) = scheme.kept
    spec, row = whole_spec(shift, gdn, keeping.rules, keeping.settings)
    return (Cached(spec, (shift,), row, "states in another dtype"),)


def with_ring(caches: Sequence[Cached], keeping: Keeping) -> tuple[Cached, ...]:
    """The caches of one layer, and the ring beside its index keys if it has these."""
    key = next((c.tensors[0] for c in caches if c.tensors and c.tensors[0].role == "index"), None)
    if key is None:
        return tuple(caches)
    assert isinstance(key.extent, Every)
    pool = key.extent.stride
    slots = -(-(pool + keeping.settings.speculative) // pool) * pool
    if keeping.block % slots:
        text = f"a ring of {slots:,} tokens does not divide a block of {keeping.block:,}"
        raise UsageError(f"vllm refuses to start: {text}")
    page = BF16.entry_bytes(slots * key.width)
    ring = Spec("ring", slots, page, page, blocks=1, like="ring")
    return (*caches, Cached(ring, (), page, "rings of tokens not yet averaged"))
