"""The GPUs that are modelled: what of them decides backends, and with these the size of a block.

Compute capability and memory, as the driver tells them (vllm/platforms/cuda.py).
"""

from __future__ import annotations

from dataclasses import dataclass

HOPPER, BLACKWELL = 9, 10
"""Generations, by the first digits of their compute capability; below are Ampere and Ada."""
ADA = 89
"""The compute capability from which kernels read fp8."""
LARGE, MIDDLE = 160, 70
"""GiB from which a server's default of batched tokens is larger (engine/arg_utils.py)."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: its compute capability, 90 for 9.0, and its memory in whole GiB.

    prudent  whether the default of batched tokens is the least whatever its memory
    """

    name: str
    capability: int
    memory: int
    prudent: bool = False

    @property
    def family(self) -> int:
        """The generation: 8 of Ampere and Ada, 9 of Hopper, 10 of Blackwell."""
        return self.capability // 10

    @property
    def batched_tokens(self) -> int:
        """`max_num_batched_tokens` of a server that is told nothing."""
        if self.memory >= LARGE:
            return 16_384
        return 8_192 if self.memory >= MIDDLE and not self.prudent else 2_048

    @property
    def sequences(self) -> int:
        """`max_num_seqs` of a server that is told nothing."""
        return 1_024 if self.batched_tokens > 2_048 else 256


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("h100", 90, 79),
        Gpu("h200", 90, 139),
        Gpu("b200", 100, 178),
        Gpu("gb200", 100, 184),
        Gpu("a100", 80, 79, prudent=True),
        Gpu("l40s", 89, 44),
    )
}
