"""The GPUs that vLLM can be told of: what its platform asks a driver for, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver describes it.

    capability  the compute capability, which chooses among the attention backends
    gib         memory; it decides the default of max_num_batched_tokens, never what a cache takes
    processors  streaming multiprocessors
    """

    name: str
    capability: tuple[int, int]
    gib: int
    processors: int


GPUS = {
    "h100": Gpu("NVIDIA H100 80GB HBM3", (9, 0), 80, 132),
    "h100-pcie": Gpu("NVIDIA H100 PCIe", (9, 0), 80, 114),
    "h100-nvl": Gpu("NVIDIA H100 NVL", (9, 0), 94, 132),
    "h200": Gpu("NVIDIA H200", (9, 0), 141, 132),
    "h20": Gpu("NVIDIA H20", (9, 0), 96, 78),
    "b200": Gpu("NVIDIA B200", (10, 0), 180, 148),
    "gb200": Gpu("NVIDIA GB200", (10, 0), 186, 152),
    "b300": Gpu("NVIDIA B300 SXM6 AC", (10, 3), 268, 148),
    "gb300": Gpu("NVIDIA GB300", (10, 3), 277, 152),
    "a100-80gb": Gpu("NVIDIA A100-SXM4-80GB", (8, 0), 80, 108),
    "a100-40gb": Gpu("NVIDIA A100-SXM4-40GB", (8, 0), 40, 108),
    "a10": Gpu("NVIDIA A10", (8, 6), 23, 72),
    "l4": Gpu("NVIDIA L4", (8, 9), 23, 58),
    "l40s": Gpu("NVIDIA L40S", (8, 9), 45, 142),
    "rtx-3090": Gpu("NVIDIA GeForce RTX 3090", (8, 6), 24, 82),
    "rtx-4090": Gpu("NVIDIA GeForce RTX 4090", (8, 9), 24, 128),
    "rtx-5090": Gpu("NVIDIA GeForce RTX 5090", (12, 0), 32, 170),
    "rtx-pro-6000": Gpu("NVIDIA RTX PRO 6000 Blackwell Server Edition", (12, 0), 95, 188),
    "gb10": Gpu("NVIDIA GB10", (12, 1), 120, 48),
}
"""By the name that vLLM's setting `gpu` has in kvcalc."""
