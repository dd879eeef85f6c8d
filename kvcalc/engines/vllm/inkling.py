"""Inkling: the convolution of a layer is a window beside its attention.

models/inkling: nvidia/sconv_swa_attn.py and attention.py. Its channels are kept by KV head, each as
wide as a power of two, in bf16 whatever the cache's dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.caches import Cached
from kvcalc.engines.vllm.specs import Spec
from kvcalc.extents import Fixed

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.model import Layer, Model

HALF_BYTES = 2


def caches_of(scheme: Scheme, model: Model, layer: Layer, tp: int) -> tuple[Cached, ...]:
    """What one rank keeps of a convolution over the channels of its layer's KV heads."""
    (conv,) = scheme.kept
    tensors = (tensor for name in layer for tensor in model.attention[name].kept)
    kv_heads = next(tensor.heads or 1 for tensor in tensors if tensor.role == "k")
    assert isinstance(conv.extent, Fixed)
    taps, channels = conv.extent.count + 1, (conv.heads or 1) * conv.width
    width = 1
    while width < channels // kv_heads:
        width *= 2
    row = kv_heads // tp * width * HALF_BYTES
    page = taps * row
    spec = Spec("window", taps, page, page, size=taps, like=("convolution", row))
    return (Cached(spec, (conv,), row, "convolutions as windows"),)
