"""The GPUs that are modelled: what of them decides backends, and with these the size of a block.

Compute capabilities, as vllm/platforms/cuda.py tells backends apart by them.
"""

from __future__ import annotations

from dataclasses import dataclass

HOPPER, BLACKWELL = 9, 10
"""Generations, by the first digits of their compute capability; below are Ampere and Ada."""
ADA = 89
"""The compute capability from which kernels read fp8."""
LARGE, MIDDLE, SMALL = 16_384, 8_192, 2_048
"""A server's batched tokens by default: on GPUs of 160 GiB or more, of 70 GiB or more but the A100,
and on others (engine/arg_utils.py:2973-3003)."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: its compute capability, 90 for 9.0, and `max_num_batched_tokens` by default."""

    name: str
    capability: int
    batched_tokens: int

    @property
    def family(self) -> int:
        """The generation: 8 of Ampere and Ada, 9 of Hopper, 10 of Blackwell."""
        return self.capability // 10

    @property
    def sequences(self) -> int:
        """`max_num_seqs` of a server that is told nothing."""
        return 256 if self.batched_tokens == SMALL else 1_024


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("h100", 90, MIDDLE),
        Gpu("h200", 90, MIDDLE),
        Gpu("b200", 100, LARGE),
        Gpu("gb200", 100, LARGE),
        Gpu("a100", 80, SMALL),
        Gpu("l40s", 89, SMALL),
    )
}
