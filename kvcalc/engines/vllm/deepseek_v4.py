"""DeepSeek-V4: entries, index keys and compressors' states, in pages of 576 bytes' multiples.

models/deepseek_v4: attention.py, compressor.py, sparse_swa.py. A window's entries have blocks of 64
tokens, compressed ones of 256; a compressor's states are windows of fp32 rows in short blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.caches import Cached
from kvcalc.engines.vllm.dtypes import FP8_DS_MLA, bytes_of
from kvcalc.engines.vllm.specs import Spec
from kvcalc.errors import UsageError
from kvcalc.extents import Every, Window
from kvcalc.formats import FP32

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor

ALIGN = 576
BLOCK, WINDOW_BLOCK = 256, 64
OVERLAPPING_BLOCK, OTHER_BLOCK = 4, 8
"""Tokens of a block of a compressor's states, where its entries overlap and where they do not."""
OVERLAPPING = 4
"""The stride of entries that overlap."""


def caches_of(scheme: Scheme) -> tuple[Cached, ...]:
    """What one layer keeps. Raises UsageError for what is not DeepSeek-V4's."""
    kept = scheme.kept
    latents = [t for t in kept if t.role in ("latent", "rope")]
    if any(tensor.shared for tensor in kept) or not latents:
        raise UsageError("vllm: how it keeps a layer such as these of DeepSeek-V4 is not modelled")
    own = tuple(t for t in latents if isinstance(t.extent, Window))
    compressed = tuple(t for t in latents if isinstance(t.extent, Every))
    found = [_window(own)] if own else []
    if compressed:
        found.append(_compressed(compressed, bytes_of(compressed, FP8_DS_MLA), "rows"))
    found += [
        _compressed((key,), key.format.entry_bytes(key.width), "index keys")
        for key in kept
        if key.role == "index" and key.format
    ]
    stride = next((t.extent.stride for t in compressed if isinstance(t.extent, Every)), 0)
    return (*found, *(_state(tensor, stride) for tensor in scheme.left_over()))


def _padded(content: int) -> int:
    return -(-content // ALIGN) * ALIGN


def _window(own: tuple[CacheTensor, ...]) -> Cached:
    row = bytes_of(own, FP8_DS_MLA)
    extent, content = own[0].extent, WINDOW_BLOCK * row
    assert isinstance(extent, Window)
    spec = Spec(
        "window", WINDOW_BLOCK, _padded(content), content, extent.size, mla=True, align=ALIGN
    )
    return Cached(spec, own, row, f"fp8_ds_mla: rows of {row:,} B")


def _compressed(tensors: tuple[CacheTensor, ...], row: int, what: str) -> Cached:
    extent = tensors[0].extent
    assert isinstance(extent, Every)
    content = BLOCK // extent.stride * row
    like = (what, extent.stride)
    spec = Spec("full", BLOCK, _padded(content), content, mla=True, align=ALIGN, like=like)
    return Cached(spec, tensors, row, f"fp8_ds_mla: rows of {row:,} B" if what == "rows" else what)


def _state(tensor: CacheTensor, stride: int) -> Cached:
    """A compressor's state: a row of fp32 per token of a window."""
    row, extent = FP32.entry_bytes(tensor.width), tensor.extent
    assert isinstance(extent, Window)
    block = OVERLAPPING_BLOCK if stride == OVERLAPPING else OTHER_BLOCK
    content = block * row
    like = ("carry", tensor.width)
    spec = Spec(
        "window", block, _padded(content), content, extent.size, mla=True, align=ALIGN, like=like
    )
    return Cached(spec, (), row, "compressors' states")
