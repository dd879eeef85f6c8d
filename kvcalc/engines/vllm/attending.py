"""What the layers of a model attend with, and which backend reads each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.backends import OWN, WIDEST, Attends, Backend
from kvcalc.engines.vllm.choosing import backend_of
from kvcalc.engines.vllm.dtypes import E4M3
from kvcalc.engines.vllm.gpus import BLACKWELL, HOPPER
from kvcalc.engines.vllm.kv_backends import (
    DIFFKV,
    FLASHINFER,
    FLEX,
    TRITON_FLASHINFER,
    TURBO,
)
from kvcalc.engines.vllm.mla_backends import INDEX
from kvcalc.errors import UsageError
from kvcalc.extents import Chunk, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.engines.vllm.target import Target
    from kvcalc.model import Layer, Model
    from kvcalc.parallel.stages import Stage

    Skips = Callable[[int, Model, Layer], bool]

UNLIKE = {FLASHINFER, TURBO}
"""Backends of which one lays blocks out otherwise than the other, on Blackwell."""


@dataclass(frozen=True)
class Reader:
    """A backend, and the layer that it reads."""

    backend: Backend
    attends: Attends

    @property
    def sizes(self) -> tuple[int, ...]:
        """Tokens of the blocks that it reads."""
        return self.backend.sizes(self.attends)

    def fits(self, block: int) -> bool:
        """Whether blocks of so many tokens are some of its own."""
        return self.backend.fits(self.attends, block)

    def window_block(self, most: int) -> int:
        """The largest block of a window, up to `most` tokens where it can be."""
        return self.backend.window_block(self.attends, most)


def readers_of(target: Target, skips: Skips) -> tuple[Reader, ...]:
    """Every kind of layer and its backend, in order of the layers. Raises UsageError.

    skips  whether a layer is left in the model's own dtype
    """
    found: dict[Reader, None] = {}
    for model in (model for model in (target.model, target.model.draft) if model):
        for number, layer in enumerate(model.layers):
            for name in layer:
                scheme = target.as_kept(model.attention[name])
                reader = reader_of(target, scheme, skipped=skips(number, model, layer))
                if reader:
                    found[reader] = None
                if reader and reader.attends.sparse:
                    found[Reader(INDEX, reader.attends)] = None
    if target.settings.gpu.family == BLACKWELL and {one.backend for one in found} >= UNLIKE:
        # v1/attention/backends/utils.py:274, and flashinfer.py:736 on Blackwell
        text = f"{target.dtype.name} leaves layers to FlashInfer, whose blocks are laid out"
        raise UsageError(f"vllm refuses to start on a {target.settings.gpu.name}: {text} otherwise")
    return tuple(found)


def refuse_unlike_stages(target: Target, stages: Sequence[Stage], skips: Skips) -> None:
    """v1/attention/backends/utils.py:319: blocks of all stages have to be laid out alike."""
    layers, draft = target.model.layers, target.model.draft
    of_stages = []
    for stage in stages:
        own = [(n, target.model, layers[n]) for n in range(stage.first, stage.end)]
        if draft and stage is stages[-1]:
            own += [(n, draft, layer) for n, layer in enumerate(draft.layers)]
        readers = (
            reader_of(target, target.as_kept(model.attention[name]), skipped=skips(n, model, layer))
            for n, model, layer in own
            for name in layer
        )
        of_stages.append({_layout(reader) for reader in readers if reader} - {None})
    if any(found != of_stages[0] for found in of_stages):
        text = "stages lay their blocks out in unlike ways, as not all of them have layers that"
        raise UsageError(
            f"vllm refuses to start on a {target.settings.gpu.name}: {text} the same backends read"
            "; ask for other stages, with --pp or --pp-layers"
        )


def _layout(reader: Reader) -> str | None:
    """How a backend has its blocks laid out; None where it reads them in any way."""
    if reader.backend in (FLEX, TURBO):
        return "tokens first"
    heads_first = reader.backend in (FLASHINFER, TRITON_FLASHINFER) and reader.attends.blackwell
    return "heads first" if heads_first else None


def reader_of(target: Target, scheme: Scheme, *, skipped: bool) -> Reader | None:
    """What reads a layer of a scheme; None where no backend is looked for. Raises UsageError.

    skipped  whether it is left in the model's own dtype
    """
    attends = _attends(target, scheme, skipped=skipped)
    if attends is None:
        return None
    unlike = target.is_of("mimo_v2") and attends.width != attends.value
    brought = (DIFFKV,) if unlike else ()
    backend = backend_of(attends, target.settings.backend, target.model.name, brought)
    return Reader(backend, attends)


def _attends(target: Target, scheme: Scheme, *, skipped: bool) -> Attends | None:
    roles = {tensor.role: tensor for tensor in scheme.kept}
    sparse = target.latents and scheme.dense is not None
    if target.rules.own_backend and not sparse:
        return None
    dtype = OWN if skipped or target.rules.own_dtype else target.dtype.asked
    whole = {tensor.role: tensor for tensor in (scheme.expanded or scheme).kept}
    if "k" not in whole or scheme.crosses:
        return None
    key, value, latents = whole["k"], whole["v"], target.latents and "latent" in roles
    rope = roles["rope"].width if "rope" in roles else 0
    width = roles["latent"].width + rope if latents else key.width
    queries, kv_heads = getattr(scheme, "heads", 1), key.heads or 1
    own = max(1, kv_heads // target.ranks.tp)
    groups, left = divmod(queries // target.ranks.tp, own)
    return Attends(
        target.settings.gpu,
        dtype,
        width,
        value.width,
        latents=latents,
        sparse=sparse,
        nope=key.width - rope if latents else 0,
        rope=rope if latents else 0,
        window=isinstance(key.extent, Window) and not isinstance(key.extent, Chunk),
        chunk=isinstance(key.extent, Chunk),
        sinks=target.rules.sinks,
        images=target.image_prefixes,
        alibi=target.rules.alibi,
        soft_cap=target.rules.soft_cap,
        block=target.settings.block_size,
        groups=1 if left else groups,
        prudent=target.dtype.packed,
        dealt=target.ranks.dcp > 1,
        picks=getattr(scheme, "top_k", 0),
        pages_of_64=target.settings.gpu.family == HOPPER
        and target.dtype.asked in E4M3
        and target.widest == WIDEST,
    )
