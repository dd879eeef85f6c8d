"""The backends of keys and values, and the order in which they are asked (platforms/cuda.py)."""

from __future__ import annotations

from kvcalc.engines.vllm.backends import (
    ANY_FP8,
    FLOATS,
    OWN,
    WIDEST,
    WITH_FP8,
    Attends,
    Backend,
    always,
    is_old,
)
from kvcalc.engines.vllm.dtypes import PACKED, PER_HEAD
from kvcalc.engines.vllm.gpus import HOPPER

WIDE = 256
PREFIX_WIDTHS = (WIDE, 512)


def _flash_version(attends: Attends) -> int:
    """FlashAttention's version for a width (v1/attention/backends/fa_utils.py:68-243)."""
    if attends.prudent or not attends.server:
        return 2
    if attends.hopper:
        return 4 if attends.width > WIDE else 3
    return 4 if attends.width <= 128 else 2


def _flash_takes(attends: Attends) -> bool:
    """flash_attn.py: widths of 8's multiples, and those above 256 where there is version 4."""
    width, version = attends.width, _flash_version(attends)
    most = WIDEST if attends.server else WIDE
    if attends.latents or width % 8 or width > most:
        return False
    if attends.sinks and (attends.prudent or not attends.server):
        return False
    if attends.fp8:
        takes = attends.blackwell and version == 4
        on_hopper = attends.hopper and (version == 3 or (version == 4 and width == WIDEST))
        if not (takes or on_hopper) or (attends.images and attends.hopper):
            return False
    return not attends.images or version == 4


def _flash_sizes(attends: Attends) -> tuple[int, ...]:
    """Of the widest heads, version 4 reads fp8 in pages of 64 (flash_attn.py:294-319)."""
    return (64,) if attends.pages_of_64 else _flash_wide(attends)


def _flash_paged(attends: Attends) -> tuple[int, ...]:
    fp8 = attends.hopper and attends.fp8 and attends.width == WIDEST
    return (64,) if fp8 else _flash_wide(attends)


def _flash_wide(attends: Attends) -> tuple[int, ...]:
    """On Blackwell, version 4 reads heads of 256 in pages of 128 (fa_utils.py:246-290)."""
    wide = attends.blackwell and attends.width == attends.value == WIDE
    plain = attends.dtype == OWN and not (attends.prudent or attends.dealt)
    other = attends.sinks or attends.soft_cap or attends.images
    return (128,) if wide and plain and not other else (16,)


def _flashinfer_takes(attends: Attends) -> bool:
    """flashinfer.py:630-735."""
    if attends.latents or attends.images or attends.width not in (64, 128, 256, WIDEST):
        return False
    if attends.sinks and attends.gpu.family < HOPPER:
        return False
    if attends.dtype.startswith("nvfp4") and not attends.blackwell:
        return attends.dtype == "nvfp4" and attends.width != 64 and not attends.sinks
    return True


def _flashinfer_sizes(attends: Attends) -> tuple[int, ...]:
    """Larger pages where query heads share a KV head, on Blackwell (flashinfer.py:599-618)."""
    large = attends.blackwell and attends.groups > 1
    return (16, 32, 64, 128, 256, 512, 1024) if large else (16, 32, 64)


def _triton_takes(attends: Attends) -> bool:
    """triton_attn.py; its kernel refuses fp8 before 8.9 (line 515)."""
    quantized = attends.dtype.startswith("fp8")
    return not attends.latents and attends.width >= 32 and not (quantized and is_old(attends))


def _flex_takes(attends: Attends) -> bool:
    return not (attends.latents or attends.sinks or attends.soft_cap)


def _composite_takes(attends: Attends) -> bool:
    """triton_flash_attn.py, triton_flashinfer.py: where images attend both ways."""
    return attends.images and attends.width in PREFIX_WIDTHS


def _diffkv_takes(attends: Attends) -> bool:
    """flash_attn_diffkv.py on Hopper and Blackwell, else triton_attn_diffkv.py."""
    if attends.dtype == OWN or attends.hopper:
        return True
    return attends.fp8 and not (attends.blackwell or is_old(attends))


FLASH = Backend("FLASH_ATTN", WITH_FP8, _flash_takes, _flash_sizes, paged=_flash_paged)
FLASHINFER = Backend(
    "FLASHINFER",
    (*ANY_FP8, "nvfp4", "nvfp4_4over6"),
    _flashinfer_takes,
    _flashinfer_sizes,
    multiples=False,
)
TRITON = Backend("TRITON_ATTN", (*ANY_FP8, *PER_HEAD), _triton_takes, always(16), dealt=False)
TRITON_FLASH = Backend(
    "TRITON_FLASH_ATTN", WITH_FP8, _composite_takes, _flash_sizes, paged=_flash_paged, dealt=False
)
TRITON_FLASHINFER = Backend(
    "TRITON_FLASHINFER", ANY_FP8, _composite_takes, always(64), multiples=False, dealt=False
)
FLEX = Backend("FLEX_ATTENTION", FLOATS, _flex_takes, always(16), dealt=False)
# it supports no windows, chunks, sinks or images (turboquant_attn.py)
TURBO = Backend(
    "TURBOQUANT",
    PACKED,
    lambda a: not (a.latents or a.window or a.chunk or a.sinks or a.images),
    always(16, 32, 64, 128),
    multiples=False,
    dealt=False,
)
# of which a model's own class is the only reader (models/mimo_v2.py:320-338)
DIFFKV = Backend(
    "FLASH_ATTN_DIFFKV", (*WITH_FP8, *PER_HEAD), _diffkv_takes, always(16), any_block=True
)
COMPOSITE = (TRITON_FLASH, TRITON_FLASHINFER)
