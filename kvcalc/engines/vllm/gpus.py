"""The GPUs that are modelled: what of them decides backends, and with these the size of a block.

Compute capabilities, as vllm/platforms/cuda.py tells backends apart by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.budget.allowance import steps_of
from kvcalc.errors import UsageError
from kvcalc.units import IEC_UNITS

if TYPE_CHECKING:
    from kvcalc import hardware

GIB = IEC_UNITS["GiB"]
HOPPER, BLACKWELL, WORKSTATION = 9, 10, 12
"""Generations, by the first digits of their compute capability; below are Ampere and Ada.

Blackwell of servers is 10.0 and 10.3, of workstations 12.0 and 12.1, which has other kernels.
"""
ADA = 89
"""The compute capability from which kernels read fp8."""
GB10 = 121
"""The compute capability of a GPU with the memory of a large one, and not its speed."""
LARGE, MIDDLE, SMALL = 16_384, 8_192, 2_048
"""A server's batched tokens by default: on GPUs of 160 GiB or more, of 70 GiB or more but the A100
and GB10, and on others (engine/arg_utils.py:2973-3003)."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: its compute capability, 90 for 9.0, and `max_num_batched_tokens` by default.

    name  that of its file in configs/gpus
    """

    name: str
    capability: int
    batched_tokens: int

    @property
    def family(self) -> int:
        """The generation: 8 of Ampere and Ada, 9 of Hopper, 10 and 12 of Blackwell."""
        return self.capability // 10

    @property
    def sequences(self) -> int:
        """`max_num_seqs` of a server that is told nothing."""
        return 256 if self.batched_tokens == SMALL else 1_024


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("h100", 90, MIDDLE),
        Gpu("h100-pcie", 90, MIDDLE),
        Gpu("h100-nvl", 90, MIDDLE),
        Gpu("h200", 90, MIDDLE),
        Gpu("h20", 90, MIDDLE),
        Gpu("b200", 100, LARGE),
        Gpu("gb200", 100, LARGE),
        Gpu("b300", 103, LARGE),
        Gpu("gb300", 103, LARGE),
        Gpu("a100-80gb", 80, SMALL),
        Gpu("a100-40gb", 80, SMALL),
        Gpu("a10", 86, SMALL),
        Gpu("l4", 89, SMALL),
        Gpu("l40s", 89, SMALL),
        Gpu("rtx-3090", 86, SMALL),
        Gpu("rtx-4090", 89, SMALL),
        Gpu("rtx-5090", 120, SMALL),
        Gpu("rtx-pro-6000", 120, MIDDLE),
        Gpu("gb10", 121, SMALL),
    )
}
ALSO = {"a100": "a100-80gb"}
"""What else they are called."""


def gpu_named(gpu: hardware.Gpu) -> str:
    """The name here of a GPU: its own, or that of one which all rules take for the same.

    Raises UsageError where there is none.
    """
    if gpu.slug in GPUS or gpu.slug in ALSO:
        return gpu.slug
    if gpu.capability is None:
        text = "it is modelled for GPUs that run CUDA alone: leave the engine out"
        stated = ', or state capability: "8.9" in its file' if gpu.vendor == "NVIDIA" else ""
        raise UsageError(f"vllm on {gpu.slug}: {text}{stated}")
    tokens, _ = steps_of(gpu)
    for known in GPUS.values():
        if (known.capability, known.batched_tokens) == (gpu.capability, tokens):
            return known.name
    text = f"of compute capability {gpu.capability / 10} and {gpu.memory / GIB:.0f} GiB"
    raise UsageError(f"vllm on {gpu.slug}: none is modelled {text}: leave the engine out")
