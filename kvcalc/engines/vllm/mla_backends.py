"""The backends of latents, dense and sparse, and of the index keys beside them."""

from __future__ import annotations

from collections.abc import Callable

from kvcalc.engines.vllm.backends import (
    FLOATS,
    WITH_FP8,
    Attends,
    Backend,
    always,
    is_old,
)
from kvcalc.engines.vllm.dtypes import DS_MLA
from kvcalc.engines.vllm.gpus import BLACKWELL, HOPPER

PICKED = 2_048


def is_dense(attends: Attends) -> bool:
    return attends.latents and not attends.sparse


def _mla(*families: int, widths: tuple[int, ...] = (320, 512, 576)) -> Callable[[Attends], bool]:
    """Dense latents of these widths, on these generations (mla_attention.py:1623)."""
    return lambda a: is_dense(a) and a.gpu.family in families and a.width in widths


def _flashinfer_mla(attends: Attends) -> bool:
    return _mla(BLACKWELL)(attends) and attends.nope in (64, 128, 192)


def _triton_mla(attends: Attends) -> bool:
    """triton_mla.py; its kernel refuses fp8 before 8.9 (line 204)."""
    return is_dense(attends) and not (attends.fp8 and is_old(attends))


def _sparse(attends: Attends) -> bool:
    """flashmla_sparse.py, flashattn_mla_sparse.py, flashinfer_mla_sparse*.py."""
    if not (attends.sparse and attends.server):
        return False
    if attends.dtype == "nvfp4_ds_mla":
        return attends.blackwell
    return attends.dtype != "fp8_ds_mla" or attends.width == 576 or attends.hopper


def _sparse_of_workstations(attends: Attends) -> bool:
    """flashinfer_mla_sparse.py:180-244: of 12.x, whose index picks so many entries and no other."""
    return attends.sparse and attends.workstation and attends.picks == PICKED


def _sparse_sizes(attends: Attends) -> tuple[int, ...]:
    """FlashInfer's, on Blackwell, is of 32 (flashinfer_mla_sparse.py:94)."""
    return (32,) if attends.blackwell and attends.dtype != "nvfp4_ds_mla" else (64,)


FLASH_ATTN_MLA = Backend("FLASH_ATTN_MLA", FLOATS, _mla(HOPPER), always(16))
FLASHMLA = Backend("FLASHMLA", WITH_FP8, _mla(HOPPER), always(64), multiples=False)
FLASHINFER_MLA = Backend(
    "FLASHINFER_MLA", WITH_FP8, _flashinfer_mla, always(32, 64), multiples=False
)
CUTLASS_MLA = Backend("CUTLASS_MLA", WITH_FP8, _mla(BLACKWELL), always(128), multiples=False)
TRITON_MLA = Backend("TRITON_MLA", WITH_FP8, _triton_mla, always(16))
SPARSE = Backend("sparse MLA", (*WITH_FP8, "fp8_ds_mla", "nvfp4_ds_mla"), _sparse, _sparse_sizes)
# it packs its entries, whatever is asked for (mla_attention.py:371)
SPARSE_120 = Backend("sparse MLA", (DS_MLA[0],), _sparse_of_workstations, always(64), dealt=False)
# backends/mla/indexer.py:285-370: nothing else reads index keys
INDEX = Backend("index", (), lambda a: a.sparse, always(64), multiples=False, any_block=True)
PREFILLED = ((128, 64, 128), (192, 64, 256), (64, 64, 128), (256, 0, 256))
"""Widths of dense latents' keys without RoPE, with it, and values, that a prompt can be read in.

v1/attention/backends/mla/prefill/flash_attn.py:313-337, of which Blackwell's others are some.
"""
