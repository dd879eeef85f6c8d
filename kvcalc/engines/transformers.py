"""transformers: its dynamic cache, as it stands after a prefill (5.24.0, cache_utils.py).

It pages nothing and quantizes nothing, but keeps some tensors otherwise than the ideal:

- a window of W tokens holds W - 1 (the next token's own comes when it is computed), a chunk c - 1;
- a convolution keeps all K columns, a recurrent state is fp32;
- index keys are in the cache's dtype, without a scale;
- DeepSeek-V4's compressors keep the tokens that no finished entry holds yet, keys and gates, and
  where entries overlap the last stride again, with its gate in fp32.

What single models keep otherwise is said by `Model.engines`; a state whose dtype is left open there
is in the cache's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES
from kvcalc.errors import UsageError
from kvcalc.extents import Every, Window
from kvcalc.formats import FLOATS, FP32

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.cache import Cache, CacheTensor, Group
    from kvcalc.formats import Format
    from kvcalc.model import Model

NAME = "transformers"


@dataclass(frozen=True)
class KeptLayers:
    """One layer's tensors as transformers keeps them, and how many layers do."""

    layers: int
    tensors: tuple[CacheTensor, ...]
    dtype: Format
    instead: bool
    """Whether these tensors are kept in the place of the model's own."""

    def stored(self, tokens: int) -> int:
        """Bytes of all these layers after `tokens` tokens."""
        return self.layers * sum(self._bytes(tensor, tokens) for tensor in self.tensors)

    def _bytes(self, tensor: CacheTensor, tokens: int) -> int:
        if tensor.shared:
            return 0
        if tensor.role == "carry":
            return self._carried(tensor, tokens)
        elements = (tensor.heads or 1) * tensor.width * _entries(tensor, tokens)
        return self._format(tensor).entry_bytes(elements)

    def _format(self, tensor: CacheTensor) -> Format:
        if tensor.role == "state" and not self.instead:
            return FP32  # whatever the model pins
        pinned = tensor.format if tensor.format in FLOATS else None
        return pinned or self.dtype

    def _carried(self, tensor: CacheTensor, tokens: int) -> int:
        stride = max(t.extent.stride for t in self.tensors if isinstance(t.extent, Every))
        stored = self.dtype.entry_bytes(tensor.width * (tokens % stride))
        overlaps = isinstance(tensor.extent, Window) and tensor.extent.size > stride
        if not overlaps or tokens < stride:
            return stored
        # a quarter of an overlapping compressor's width is one half's keys, a quarter its gates
        again = tensor.width // 4 * stride
        return stored + self.dtype.entry_bytes(again) + FP32.entry_bytes(again)


def _entries(tensor: CacheTensor, tokens: int) -> int:
    if isinstance(tensor.extent, Window):
        return min(tokens, tensor.extent.size - 1)
    more = 1 if tensor.role == "conv" else 0
    return tensor.extent.entries(tokens) + more


@dataclass(frozen=True)
class TransformersPlan:
    """transformers' cache of one model; sequences of a batch are kept alike."""

    kept: tuple[KeptLayers, ...]
    notes: tuple[str, ...]

    def reserved(self, context: int, batch: int) -> int:
        """Bytes after a prefill of `context` tokens in each of `batch` sequences."""
        return batch * sum(kept.stored(context) for kept in self.kept)


def plan(model: Model, cache: Cache) -> TransformersPlan:
    """How transformers keeps a cache: the model's own, or a what-if's on the same model.

    Raises UsageError where it is stored in a dtype that is no float.
    """
    instead = model.engines.get(NAME, {}) if cache is model.cache else {}
    kept = tuple(_kept(group, instead.get(group.name), model) for group in cache.groups)
    notes = [f"{NAME} keeps {name} otherwise than the ideal" for name in instead]
    return TransformersPlan(kept, tuple(notes))


def _kept(group: Group, instead: Scheme | None, model: Model) -> KeptLayers:
    own = tuple(settled.tensor for settled in group.tensors)
    tensors = instead.expand() if instead else own
    return KeptLayers(group.layers, tensors, _dtype(group, model), instead is not None)


def _dtype(group: Group, model: Model) -> Format:
    """The one dtype of a cache: the question's, that of the entries, or the model's."""
    own = [settled.format for settled in group.tensors if settled.tensor.role in ENTRY_ROLES]
    layout = model.kv_dtype or model.dtype
    asked = [layout.format_of(role, None) for role in ("k", "v")]
    found = {stored for stored in (own if own and not model.kv_dtype else asked) if stored}
    if found and found <= set(FLOATS):
        return max(found, key=lambda stored: stored.bits)
    names = " and ".join(sorted({stored.name for stored in found})) or layout.name
    text = f"{NAME} keeps its cache in floats of 16 or 32 bits, not in {names}"
    raise UsageError(f"{text}; add --kv-dtype bf16")
