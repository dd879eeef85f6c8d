"""Which backend has a layer: the first of the GPU's that takes it (platforms/cuda.py:84-181)."""

from __future__ import annotations

from kvcalc.engines.vllm.backends import OWN, Attends, Backend
from kvcalc.engines.vllm.kv_backends import (
    FLASH,
    FLASHINFER,
    FLEX,
    TRITON,
    TRITON_FLASH,
    TRITON_FLASHINFER,
    TURBO,
)
from kvcalc.engines.vllm.mla_backends import (
    CUTLASS_MLA,
    FLASH_ATTN_MLA,
    FLASHINFER_MLA,
    FLASHMLA,
    PREFILLED,
    SPARSE,
    SPARSE_120,
    TRITON_MLA,
    is_dense,
)
from kvcalc.engines.vllm.settings import AUTO
from kvcalc.errors import UsageError

BACKENDS = (
    *(FLASH, FLASHINFER, TRITON, FLEX, TURBO, TRITON_FLASH, TRITON_FLASHINFER),
    *(FLASH_ATTN_MLA, FLASHMLA, FLASHINFER_MLA, CUTLASS_MLA, TRITON_MLA, SPARSE),
)


def _by_priority(attends: Attends) -> tuple[Backend, ...]:
    others = (TRITON, FLEX, TURBO)
    if attends.blackwell:
        latents = (FLASHINFER_MLA, CUTLASS_MLA, TRITON_MLA, SPARSE)
        return (TRITON_FLASHINFER, FLASHINFER, FLASH, *others, *latents)
    if attends.workstation:
        return (FLASH, FLASHINFER, *others, TRITON_MLA, SPARSE_120)
    composite = (TRITON_FLASH,) if attends.hopper else ()
    latents = (FLASH_ATTN_MLA, FLASHMLA, TRITON_MLA, SPARSE)
    return (*composite, FLASH, FLASHINFER, *others, *latents)


def backend_of(
    attends: Attends, asked: str, name: str, brought: tuple[Backend, ...] = ()
) -> Backend:
    """The backend of one layer of the model `name`. Raises UsageError where there is none.

    brought  those that its class brings along, if any
    """
    some = brought or _by_priority(attends)
    if asked != AUTO and not brought:
        some = tuple(backend for backend in BACKENDS if backend.name == asked)
    found = next((backend for backend in some if backend.reads(attends)), None)
    what = "attends with" if attends.dtype == OWN else f"attends with in {attends.dtype}"
    if found is None and asked != AUTO and not brought:
        raise UsageError(f"attention_backend {asked} is not for what {name} {what}; leave it out")
    if found is None:
        sized = f", in blocks of {attends.block:,} tokens" if attends.block else ""
        text = f"no attention backend of the {attends.gpu.name} takes what {name} {what}{sized}"
        raise UsageError(f"vllm refuses to start: {text}")
    _must_run(found, attends, name)
    return found


def _must_run(found: Backend, attends: Attends, name: str) -> None:
    """Raises UsageError for what a backend refuses that has been chosen all the same."""
    if is_dense(attends) and (attends.nope, attends.rope, attends.value) not in PREFILLED:
        widths = f"{attends.nope} + {attends.rope} and {attends.value}"
        text = f"no backend reads a prompt of latents with keys and values of {widths} elements"
        raise UsageError(f"vllm refuses to start: {text}, as {name} has")
    if found is FLASH and attends.alibi and attends.fp8:
        # its version 2 is taken for ALiBi (fa_utils.py:110, flash_attn.py:1140)
        text = f"FlashAttention reads no fp8 beside ALiBi's slopes, as {name} has"
        raise UsageError(f"vllm refuses to start: {text}")
