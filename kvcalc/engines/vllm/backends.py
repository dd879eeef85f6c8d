"""Which attention backend reads a layer on a GPU, and in blocks of which sizes.

v1/attention/backends: each backend's `supports_...`, in the order of platforms/cuda.py:84-181. The
first that takes a layer has it; where none does, vLLM does not start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.settings import AUTO
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from kvcalc.engines.vllm.gpus import Gpu

OWN = "auto"
"""The model's own floats, under whichever name."""
FP8 = ("fp8", "fp8_e4m3")
AMPERE, ADA, HOPPER, BLACKWELL = 80, 89, 9, 10
WIDEST = 512
PREFIX_WIDTHS = (256, 512)


@dataclass(frozen=True)
class Attends:
    """What a backend has to take: one layer of attention on one rank.

    dtype   "auto" for the model's own floats, else what its entries are kept in
    width   elements of a key, or of a latent and its RoPE key; value of a value
    nope    of a latent's key, without the RoPE key; rope is that
    images  whether tokens of an image attend to each other both ways
    block   tokens of a block, where they are asked for
    groups  query heads to a KV head, where they divide
    prudent whether FlashAttention is held to its version 2, as packed dtypes do (arg_utils.py:2753)
    pages_of_64  whether the widest heads of the model are of 512 elements, and the cache is fp8
    """

    gpu: Gpu
    dtype: str
    width: int
    value: int
    latents: bool = False
    sparse: bool = False
    nope: int = 0
    rope: int = 0
    window: bool = False
    sinks: bool = False
    images: bool = False
    block: int | None = None
    groups: int = 1
    prudent: bool = False
    pages_of_64: bool = False

    @property
    def fp8(self) -> bool:
        """Whether its entries are fp8 as FlashAttention knows it."""
        return self.dtype in FP8

    @property
    def hopper(self) -> bool:
        """Whether the GPU is of 9.0."""
        return self.gpu.family == HOPPER

    @property
    def blackwell(self) -> bool:
        """Whether the GPU is of 10.0."""
        return self.gpu.family == BLACKWELL


@dataclass(frozen=True)
class Backend:
    """One backend: what it takes, and of which sizes it reads blocks.

    sizes     tokens of a block that it reads
    multiples whether it reads any multiple of them as one block, or cuts that up
    any_block whether it is not asked if a block that is asked for is one of them
    paged     the same as sizes for one layer, where sizes go by what the whole model has
    """

    name: str
    dtypes: tuple[str, ...]
    takes: Callable[[Attends], bool]
    sizes: Callable[[Attends], tuple[int, ...]]
    multiples: bool = True
    paged: Callable[[Attends], tuple[int, ...]] | None = None
    any_block: bool = False

    def reads(self, attends: Attends) -> bool:
        """Whether it takes a layer."""
        asked = attends.block
        fits = asked is None or self.any_block or self.fits(attends, asked)
        return attends.dtype in self.dtypes and self.takes(attends) and fits

    def fits(self, attends: Attends, block: int) -> bool:
        """Whether blocks of so many tokens are some of its own (v1/attention/backend.py)."""
        return any(block % size == 0 for size in self.sizes(attends))

    def window_block(self, attends: Attends, most: int) -> int:
        """The largest block of a window that it reads uncut (attention.py:99-129)."""
        sizes = self.sizes(attends) if self.paged is None else self.paged(attends)
        if self.multiples:
            return max(max(size, most // size * size) for size in sizes)
        return max((size for size in sizes if size <= most), default=min(sizes))


def _flash_version(attends: Attends) -> int:
    """FlashAttention's version for a width (v1/attention/backends/fa_utils.py:68-243)."""
    if attends.prudent or attends.gpu.family < HOPPER:
        return 2
    if attends.hopper:
        return 4 if attends.width > PREFIX_WIDTHS[0] else 3
    return 4 if attends.width <= 128 else 2


def _flash_takes(attends: Attends) -> bool:
    """flash_attn.py: widths of 8's multiples, and those above 256 where there is version 4."""
    width, version = attends.width, _flash_version(attends)
    most = WIDEST if attends.gpu.family in (HOPPER, BLACKWELL) else PREFIX_WIDTHS[0]
    if attends.latents or width % 8 or width > most:
        return False
    if attends.sinks and (attends.gpu.family < HOPPER or attends.prudent):
        return False
    if attends.fp8:
        takes = attends.blackwell and version == 4
        on_hopper = attends.hopper and (version == 3 or (version == 4 and width == WIDEST))
        if not (takes or on_hopper) or (attends.images and attends.hopper):
            return False
    return not attends.images or version == 4


def _flash_sizes(attends: Attends) -> tuple[int, ...]:
    """Of the widest heads, version 4 reads fp8 in pages of 64 (flash_attn.py:294-319)."""
    return (64,) if attends.pages_of_64 else (16,)


def _flash_paged(attends: Attends) -> tuple[int, ...]:
    return (64,) if attends.hopper and attends.fp8 and attends.width == WIDEST else (16,)


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
    return not attends.latents and attends.width >= 32 and not (quantized and _old(attends))


def _composite_takes(attends: Attends) -> bool:
    """triton_flash_attn.py, triton_flashinfer.py: where images attend both ways."""
    return attends.images and attends.width in PREFIX_WIDTHS


def _old(attends: Attends) -> bool:
    return attends.gpu.capability < ADA


def _dense(attends: Attends) -> bool:
    return attends.latents and not attends.sparse


def _mla(*families: int, widths: tuple[int, ...] = (320, 512, 576)) -> Callable[[Attends], bool]:
    """Dense latents of these widths, on these generations (mla_attention.py:1623)."""
    return lambda a: _dense(a) and a.gpu.family in families and a.width in widths


def _flashinfer_mla(attends: Attends) -> bool:
    return _mla(BLACKWELL)(attends) and attends.nope in (64, 128, 192)


def _triton_mla(attends: Attends) -> bool:
    """triton_mla.py; its kernel refuses fp8 before 8.9 (line 204)."""
    return _dense(attends) and not (attends.fp8 and _old(attends))


def _sparse(attends: Attends) -> bool:
    """flashmla_sparse.py, flashattn_mla_sparse.py, flashinfer_mla_sparse*.py."""
    if not attends.sparse or attends.gpu.family not in (HOPPER, BLACKWELL):
        return False
    if attends.dtype == "nvfp4_ds_mla":
        return attends.blackwell
    return attends.dtype != "fp8_ds_mla" or attends.width == 576 or attends.hopper


def _sparse_sizes(attends: Attends) -> tuple[int, ...]:
    """FlashInfer's, on Blackwell, is of 32 (flashinfer_mla_sparse.py:94)."""
    return (32,) if attends.blackwell and attends.dtype != "nvfp4_ds_mla" else (64,)


def _diffkv_takes(attends: Attends) -> bool:
    """flash_attn_diffkv.py on Hopper, else triton_attn_diffkv.py."""
    if attends.dtype == OWN or attends.hopper:
        return True
    return attends.gpu.capability == ADA and attends.fp8


def _always(*sizes: int) -> Callable[[Attends], tuple[int, ...]]:
    return lambda _: sizes


FLOATS = (OWN,)
WITH_FP8 = (*FLOATS, *FP8)
ANY_FP8 = (*WITH_FP8, "fp8_e5m2")
PER_HEAD = ("fp8_per_token_head", "int8_per_token_head", "int4_per_token_head")
TURBOQUANT = ("turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")

FLASH = Backend("FLASH_ATTN", WITH_FP8, _flash_takes, _flash_sizes, paged=_flash_paged)
FLASHINFER = Backend(
    "FLASHINFER",
    (*ANY_FP8, "nvfp4", "nvfp4_4over6"),
    _flashinfer_takes,
    _flashinfer_sizes,
    multiples=False,
)
TRITON = Backend("TRITON_ATTN", (*ANY_FP8, *PER_HEAD), _triton_takes, _always(16))
TRITON_FLASH = Backend(
    "TRITON_FLASH_ATTN", WITH_FP8, _composite_takes, _flash_sizes, paged=_flash_paged
)
TRITON_FLASHINFER = Backend(
    "TRITON_FLASHINFER", ANY_FP8, _composite_takes, _always(64), multiples=False
)
FLEX = Backend("FLEX_ATTENTION", FLOATS, lambda a: not a.latents and not a.sinks, _always(16))
# it supports neither windows nor sinks nor images (turboquant_attn.py)
TURBO = Backend(
    "TURBOQUANT",
    TURBOQUANT,
    lambda a: not (a.latents or a.window or a.sinks or a.images),
    _always(16, 32, 64, 128),
    multiples=False,
)
FLASH_ATTN_MLA = Backend("FLASH_ATTN_MLA", FLOATS, _mla(HOPPER), _always(16))
FLASHMLA = Backend("FLASHMLA", WITH_FP8, _mla(HOPPER), _always(64), multiples=False)
FLASHINFER_MLA = Backend(
    "FLASHINFER_MLA", WITH_FP8, _flashinfer_mla, _always(32, 64), multiples=False
)
CUTLASS_MLA = Backend("CUTLASS_MLA", WITH_FP8, _mla(BLACKWELL), _always(128), multiples=False)
TRITON_MLA = Backend("TRITON_MLA", WITH_FP8, _triton_mla, _always(16))
# of which a model's own class is the only reader (models/mimo_v2.py:320-338)
DIFFKV = Backend(
    "FLASH_ATTN_DIFFKV", (*WITH_FP8, *PER_HEAD), _diffkv_takes, _always(16), any_block=True
)
SPARSE = Backend("sparse MLA", (*WITH_FP8, "fp8_ds_mla", "nvfp4_ds_mla"), _sparse, _sparse_sizes)

# backends/mla/indexer.py:285-370: nothing else reads index keys
INDEX = Backend("index", (), lambda a: a.sparse, _always(64), multiples=False, any_block=True)
COMPOSITE = (TRITON_FLASH, TRITON_FLASHINFER)
BACKENDS = (
    *(FLASH, FLASHINFER, TRITON, FLEX, TURBO, TRITON_FLASH, TRITON_FLASHINFER),
    *(FLASH_ATTN_MLA, FLASHMLA, FLASHINFER_MLA, CUTLASS_MLA, TRITON_MLA, SPARSE),
)


def _by_priority(attends: Attends) -> tuple[Backend, ...]:
    if attends.blackwell:
        latents = (FLASHINFER_MLA, CUTLASS_MLA, TRITON_MLA, SPARSE)
        return (TRITON_FLASHINFER, FLASHINFER, FLASH, TRITON, FLEX, TURBO, *latents)
    composite = (TRITON_FLASH,) if attends.hopper else ()
    latents = (FLASH_ATTN_MLA, FLASHMLA, TRITON_MLA, SPARSE)
    return (*composite, FLASH, FLASHINFER, TRITON, FLEX, TURBO, *latents)


PREFILLED = ((128, 64, 128), (192, 64, 256), (64, 64, 128), (256, 0, 256))
"""Widths of dense latents' keys without RoPE, with it, and values, that a prompt can be read in.

v1/attention/backends/mla/prefill/flash_attn.py:313-337, of which Blackwell's others are some.
"""


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
    if _dense(attends) and (attends.nope, attends.rope, attends.value) not in PREFILLED:
        widths = f"{attends.nope} + {attends.rope} and {attends.value}"
        text = f"no backend reads a prompt of latents with keys and values of {widths} elements"
        raise UsageError(f"vllm refuses to start: {text}, as {name} has")
    return found
