"""What llama.cpp refuses to start with (llama-context.cpp, llama_init_from_model)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.attention.compressed import SharedKV
from kvcalc.engines.llama_cpp.architectures import MAX_LAYERS
from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.converted import drops_mtp
from kvcalc.engines.llama_cpp.layers import elements
from kvcalc.engines.llama_cpp.settings import NAME, VERSION
from kvcalc.engines.llama_cpp.types import BLOCK
from kvcalc.errors import UsageError, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.target import Target
    from kvcalc.parallel.ranks import Ranks
    from kvcalc.question import Question

_FLOATS = "name f16, bf16 or f32"
_NAME_ONE = "latents are kept as keys alone: name one type"


def refuse_layout(ranks: Ranks) -> None:
    """Raises WrongArgument for GPUs that share more than whole layers."""
    for name in ("tp", "dp", "dcp"):
        if getattr(ranks, name) > 1:
            text = f"{NAME} gives whole layers to each GPU (split-mode layer)"
            raise WrongArgument(name, f"{text}: name their number by --pp, and leave --{name} out")


def refuse_question(question: Question) -> None:
    """Raises UsageError for what is asked of the cache and llama.cpp has no way to do."""
    if question.index_dtype is not None:
        text = f"{NAME} keeps index keys in the type of keys"
        raise UsageError(f"{text}: leave --index-dtype out, or say --kv-dtype")


def refuse_draft(ranks: Ranks) -> None:
    """Raises WrongArgument for a draft beside a model on several GPUs."""
    if ranks.pp > 1:
        text = f"on which of several GPUs {NAME} has a draft is not modelled"
        raise WrongArgument("pp", f"{text}: leave --pp, or --draft, out")


def refuse_predicting(target: Target) -> None:
    """Raises UsageError for MTP layers that no context is made of."""
    layers, most = len(target.predicting), target.rules.mtp_layers
    if drops_mtp(target.model, target.architecture):
        text = f"its converter leaves the MTP layers of {target.model.name} out"
        raise UsageError(f"{NAME} {VERSION} has no MTP for it: {text}; leave --mtp out")
    if target.architecture is not None and layers > most:
        text = f"{NAME} {VERSION} has no graph of {layers:,} MTP layers in {target.architecture}"
        raise UsageError(f"{text}; leave --mtp out")


def refuse_target(target: Target, memories: Sequence[Memory]) -> None:
    """Raises UsageError for a model, or a draft, in types that it cannot be kept in."""
    if (layers := len(target.trunk) + len(target.predicting)) > MAX_LAYERS:
        text = f"{NAME} has models of at most {MAX_LAYERS} layers"
        raise UsageError(f"{text}, and {target.model.name} has {layers:,}")
    own = target.settings
    if _keys_alone(target) and own.type_k != own.type_v:
        text = f"model does not support different K ({own.type_k}) and V ({own.type_v}) cache types"
        raise UsageError(f"{NAME} refuses to start: {text}; {_NAME_ONE}")
    if own.quantized[1] and own.transposed:
        text = f"quantized V cache ({own.type_v}) requires flash_attn to be enabled"
        enable = "" if target.rules.no_flash else "leave flash_attn out, or "
        raise UsageError(f"{NAME} refuses to start: {text}; {enable}{_FLOATS}")
    _refuse_blocks(target, [memory for memory in memories if isinstance(memory, Cells)])


def _keys_alone(target: Target) -> bool:
    """Whether it keeps latents, or DeepSeek-V4's entries; an index beside values is no matter."""
    return target.compresses or any(
        elements(scheme.kept, "latent")
        for scheme in target.schemes
        if not isinstance(scheme, SharedKV) and not (target.rules.expands and scheme.expanded)
    )


def _refuse_blocks(target: Target, attending: Sequence[Cells]) -> None:
    """Types in blocks must divide a head; without flash attention its graph fails, too."""
    own = target.settings
    if target.no_value and any(own.quantized):
        text = "its file does not say how wide a value is (attention.value_length)"
        raise UsageError(f"{NAME}: whether blocks divide it is not known, as {text}; {_FLOATS}")
    quantized = dict(zip("kv", own.quantized, strict=True))
    for side, type_, width in _heads(target):
        if quantized[side] and width % BLOCK:
            text = f"{side.upper()} cache type {type_} with block size {BLOCK} does not divide "
            text += f"n_embd_head_{side}={width}"
            raise UsageError(f"{NAME} refuses to start: {text}; {_FLOATS}")
    for cells in attending:
        for _, one in cells.rows:
            if own.quantized[0] and one.k % BLOCK:
                text = f"a row of {one.k:,} elements is not in blocks of {BLOCK}"
                raise UsageError(f"{NAME} refuses {own.type_k}: {text}; {_FLOATS}")


def _heads(target: Target) -> Iterator[tuple[str, str, int]]:
    """The widths of heads, as the header has them: of latents, a latent is the value."""
    own = target.settings
    names = dict.fromkeys(name for layer in target.trunk for name in layer)
    for scheme in (target.model.attention[name] for name in names):
        if target.rules.expands and scheme.expanded:
            scheme = scheme.expanded
        for tensor in scheme.kept:
            if tensor.role in ("k", "v"):
                yield tensor.role, getattr(own, f"type_{tensor.role}"), tensor.width
        if isinstance(scheme, SharedKV):
            width = scheme.shape.key_dim
            yield from (("k", own.type_k, width), ("v", own.type_v, width))
        elif latent := elements(scheme.kept, "latent"):
            both = latent + elements(scheme.kept, "rope")
            yield from (("k", own.type_k, both), ("v", own.type_v, latent))
