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
    "h200": Gpu("NVIDIA H200", (9, 0), 141, 132),
    "b200": Gpu("NVIDIA B200", (10, 0), 180, 148),
    "gb200": Gpu("NVIDIA GB200", (10, 0), 186, 152),
    "a100": Gpu("NVIDIA A100-SXM4-80GB", (8, 0), 80, 108),
    "l40s": Gpu("NVIDIA L40S", (8, 9), 45, 142),
}
"""By the name that vLLM's setting `gpu` has in kvcalc."""
