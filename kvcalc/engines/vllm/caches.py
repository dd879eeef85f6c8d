"""What vLLM keeps of each layer of a model: one spec or more, and the tensors that they are for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.cache import STATE_ROLES
from kvcalc.engines.vllm.dtypes import FP8, PER_HEAD, bytes_of
from kvcalc.engines.vllm.kv_backends import DIFFKV
from kvcalc.engines.vllm.specs import Spec
from kvcalc.engines.vllm.states import drafted, state_spec
from kvcalc.errors import UsageError
from kvcalc.extents import Chunk, Every, Fixed, Window
from kvcalc.parallel.tensors import heads_of_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor, Settled
    from kvcalc.engines.vllm.architectures import Rules
    from kvcalc.engines.vllm.attending import Reader
    from kvcalc.engines.vllm.dtypes import Dtype
    from kvcalc.engines.vllm.settings import Settings
    from kvcalc.formats import Layout


@dataclass(frozen=True)
class Keeping:
    """How one model is kept: what every layer of it goes by.

    block   tokens of a block of attention
    page    what windows are padded to, where layers are left in another dtype
    reader  what reads this layer
    """

    rules: Rules
    settings: Settings
    dtype: Dtype
    tp: int
    block: int
    page: int | None = None
    reader: Reader | None = None


@dataclass(frozen=True)
class Cached:
    """One cache of a layer on one rank: its spec, and the tensors of the ideal that it holds.

    row    bytes of one entry of all of them, as they are kept; of a state, all but drafted columns
    why    what makes that another number of bytes than in the ideal
    held   the same tensors as the ideal stores them on that rank
    """

    spec: Spec
    tensors: tuple[CacheTensor, ...]
    row: int
    why: str = ""
    held: tuple[Settled, ...] = ()

    def ideal(self, tokens: int) -> int:
        """Bytes of these tensors after `tokens` tokens, as the ideal stores them."""
        return sum(settled.stored(tokens) for settled in self.held)

    def live(self, tokens: int) -> int:
        """Bytes of as many entries, as they are kept here; asked where some of them are held."""
        if self.spec.kind in ("state", "ring"):
            return self.row
        extent = self.held[0].tensor.extent
        if self.spec.kind == "full" and isinstance(extent, Window):
            return self.row * tokens
        return self.row * extent.entries(tokens)


def caches_of(scheme: Scheme, keeping: Keeping, *, skipped: bool = False) -> tuple[Cached, ...]:
    """What one layer of a scheme keeps on one rank; nothing where it reads another's alone.

    skipped  whether it is left in the model's own dtype

    Raises UsageError for what vLLM has no cache for.
    """
    tensors = tuple(tensor for tensor in scheme.kept if not tensor.shared)
    if any(tensor.role in STATE_ROLES for tensor in tensors):
        spec = state_spec(scheme, tensors, keeping.rules, keeping.settings, keeping.tp)
        more = drafted(scheme, tensors, keeping.settings, keeping.tp)
        why = "states of other widths" if keeping.rules.kda_of_rope else "states in another dtype"
        return (Cached(spec, tensors, spec.content - more, why),)
    layout = keeping.dtype.own if skipped else keeping.dtype.layout
    found = []
    latents = tuple(tensor for tensor in tensors if tensor.role in ("latent", "rope"))
    pair = tuple(tensor for tensor in tensors if tensor.role in ("k", "v"))
    index = tuple(tensor for tensor in tensors if tensor.role == "index")
    if latents and not keeping.rules.latents:
        found.append(_expanded(scheme, latents, keeping, layout))
    elif latents:
        found.append(_latents(latents, keeping, layout))
    if pair:
        found.append(_pair(pair, keeping, layout, skipped=skipped))
    found += [_index(key, keeping) for key in index]
    if left := set(tensors) - {*latents, *pair, *index}:
        roles = ", ".join(sorted(tensor.role for tensor in left))
        raise UsageError(f"vllm: how it keeps {roles} tensors is not modelled")
    return tuple(found)


def _pair(
    pair: tuple[CacheTensor, ...], keeping: Keeping, layout: Layout, *, skipped: bool
) -> Cached:
    """Keys and values, of heads that ranks share."""
    own = tuple(replace(t, heads=heads_of_rank(t, keeping.tp)) for t in pair)
    if keeping.reader and keeping.reader.backend is DIFFKV and layout.name in PER_HEAD:
        layout = FP8  # its slots have no scales (flash_attn_diffkv.py)
    row = bytes_of(own, layout)
    spec = _attention(own, keeping, row, mla=False)
    if spec.kind == "window" and keeping.reader:
        spec = _window(spec, keeping, keeping.reader, row)
    why = "layers in the model's own dtype" if skipped else "keys and values in another dtype"
    return Cached(spec, pair, row, why)


def _window(spec: Spec, keeping: Keeping, reader: Reader, row: int) -> Spec:
    """A window has blocks of its own, the largest that its backend reads (attention.py:622-675)."""
    block = reader.window_block(keeping.page // row if keeping.page else keeping.block)
    content = block * row
    page = keeping.page or content
    if content > page:
        text = f"a window's blocks of {content:,} B do not fit pages of {page:,} B"
        raise UsageError(f"vllm refuses to start: {text} of the other layers")
    return replace(spec, block=block, content=content, page=page, fixed=keeping.page is not None)


def _latents(latents: tuple[CacheTensor, ...], keeping: Keeping, layout: Layout) -> Cached:
    row = bytes_of(latents, layout)
    why = f"{layout.name}: rows of {row:,} B"
    return Cached(_attention(latents, keeping, row, mla=True), latents, row, why)


def _expanded(
    scheme: Scheme, latents: tuple[CacheTensor, ...], keeping: Keeping, layout: Layout
) -> Cached:
    """Keys and values of every head, the values padded to the width of the keys."""
    whole = scheme.expanded
    assert whole is not None
    (key,) = (replace(t, heads=heads_of_rank(t, keeping.tp)) for t in whole.kept if t.role == "k")
    pair = key, replace(key, name="v", role="v")
    row = bytes_of(pair, layout)
    why = "latents expanded to the keys and values of every head"
    return Cached(_attention(pair, keeping, row, mla=False), latents, row, why)


def _index(key: CacheTensor, keeping: Keeping) -> Cached:
    """Index keys, in their own format whatever the cache's dtype."""
    stored = key.format
    if stored is None or not isinstance(key.extent, Every):
        raise UsageError("vllm: how it keeps index keys such as these is not modelled")
    row = stored.entry_bytes(key.width)
    return Cached(_attention((key,), keeping, row, mla=True), (key,), row, "index keys")


def _attention(tensors: Sequence[CacheTensor], keeping: Keeping, row: int, *, mla: bool) -> Spec:
    """A spec of entries of `row` bytes; those of several tokens fill fewer slots of a block."""
    extents = {tensor.extent for tensor in tensors}
    if len(extents) > 1:
        raise UsageError("vllm: keys and values of unlike extents are not modelled")
    extent, block = extents.pop(), keeping.block
    like = tuple((t.role, t.width, t.heads) for t in tensors), row
    if isinstance(extent, Every):
        page = block // extent.stride * row
        return Spec("full", block, page, page, mla=mla, like=(like, extent.stride))
    page = block * row
    if isinstance(extent, Fixed):
        return Spec("cross", block, page, page, like=like)
    assert isinstance(extent, Window)
    if extent.sink:
        raise UsageError("vllm keeps no attention sinks beside a window")
    if isinstance(extent, Chunk):
        return Spec("chunk", block, page, page, size=extent.size, mla=mla, like=like)
    size = extent.size + keeping.rules.window_more
    return Spec("window", block, page, page, size=size, mla=mla, like=like)
