"""An attention backend: what it takes, and of which sizes it reads blocks.

v1/attention/backends: `supports_...` of each, in v1/attention/backend.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.dtypes import E4M3
from kvcalc.engines.vllm.gpus import ADA, BLACKWELL, HOPPER, WORKSTATION

if TYPE_CHECKING:
    from kvcalc.engines.vllm.gpus import Gpu

OWN = "auto"
"""The model's own floats, under whichever name."""
WIDEST = 512
FLOATS = (OWN,)
WITH_FP8 = (*FLOATS, *E4M3)
ANY_FP8 = (*WITH_FP8, "fp8_e5m2")


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
    dealt   whether ranks share the tokens of a sequence
    picks   entries that an index picks for each token
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
    chunk: bool = False
    sinks: bool = False
    images: bool = False
    alibi: bool = False
    soft_cap: bool = False
    block: int | None = None
    groups: int = 1
    prudent: bool = False
    dealt: bool = False
    picks: int = 0
    pages_of_64: bool = False

    @property
    def fp8(self) -> bool:
        """Whether its entries are fp8 as FlashAttention knows it."""
        return self.dtype in E4M3

    @property
    def hopper(self) -> bool:
        """Whether the GPU is of 9.0."""
        return self.gpu.family == HOPPER

    @property
    def blackwell(self) -> bool:
        """Whether the GPU is of 10.0 or 10.3."""
        return self.gpu.family == BLACKWELL

    @property
    def server(self) -> bool:
        """Whether the GPU is of a generation that FlashAttention has kernels of its own for."""
        return self.hopper or self.blackwell

    @property
    def workstation(self) -> bool:
        """Whether the GPU is of 12.0 or 12.1."""
        return self.gpu.family == WORKSTATION


@dataclass(frozen=True)
class Backend:
    """One backend: what it takes, and of which sizes it reads blocks.

    sizes     tokens of a block that it reads
    multiples whether it reads any multiple of them as one block, or cuts that up
    any_block whether it is not asked if a block that is asked for is one of them
    dealt     whether its tokens can be dealt out to ranks (`supports_dcp` of its implementation)
    paged     the same as sizes for one layer, where sizes go by what the whole model has
    """

    name: str
    dtypes: tuple[str, ...]
    takes: Callable[[Attends], bool]
    sizes: Callable[[Attends], tuple[int, ...]]
    multiples: bool = True
    paged: Callable[[Attends], tuple[int, ...]] | None = None
    any_block: bool = False
    dealt: bool = True

    def reads(self, attends: Attends) -> bool:
        """Whether it takes a layer."""
        asked = attends.block
        fits = asked is None or self.any_block or self.fits(attends, asked)
        dealt = self.dealt or not attends.dealt
        return attends.dtype in self.dtypes and self.takes(attends) and fits and dealt

    def fits(self, attends: Attends, block: int) -> bool:
        """Whether blocks of so many tokens are some of its own (v1/attention/backend.py)."""
        return any(block % size == 0 for size in self.sizes(attends))

    def window_block(self, attends: Attends, most: int) -> int:
        """The largest block of a window that it reads uncut (attention.py:99-129)."""
        sizes = self.sizes(attends) if self.paged is None else self.paged(attends)
        if self.multiples:
            return max(max(size, most // size * size) for size in sizes)
        return max((size for size in sizes if size <= most), default=min(sizes))


def always(*sizes: int) -> Callable[[Attends], tuple[int, ...]]:
    return lambda _: sizes


def is_old(attends: Attends) -> bool:
    return attends.gpu.capability < ADA
