"""What of a GPU's memory is left for the cache: the sum, part by part.

available = utilization x memory - weights - a draft's - driver and communication - activations
- graphs. vLLM's servers print this ledger; of 17 published ones it adds up to 0.01 GiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Basis, Estimate

if TYPE_CHECKING:
    from fractions import Fraction

WEIGHTS, DRAFT_WEIGHTS = "weights", "draft weights"
OVERHEAD, GRAPHS, ACTIVATIONS = "driver and communication", "graphs", "activations"
"""The parts that there are."""


@dataclass(frozen=True)
class Part:
    """One thing that takes some of a GPU's memory."""

    name: str
    size: Estimate


@dataclass(frozen=True)
class Budget:
    """One GPU's memory, and what takes it.

    memory       bytes that the GPU has; None where only what is left is known, as is utilization
    utilization  the part of it that is used
    parts        what takes some of that
    left         what is left for the cache, where that is known and not worked out
    """

    memory: int | None = None
    utilization: Fraction | None = None
    parts: tuple[Part, ...] = ()
    left: Estimate | None = None

    @property
    def usable(self) -> int | None:
        """Bytes of the memory that are used, rounded up as vLLM does (v1/worker/utils.py)."""
        if self.memory is None or self.utilization is None:
            return None
        return ceil(self.memory * self.utilization)

    def taken_by(self, *names: str) -> int:
        """Bytes of these parts, at the likeliest."""
        return sum(part.size.likely for part in self.parts if part.name in names)

    @property
    def available(self) -> Estimate:
        """Bytes for the cache; less than none where the rest takes more than there is."""
        if self.left is not None:
            return self.left
        usable = self.usable or 0
        low, likely, high = (
            usable - sum(getattr(part.size, bound) for part in self.parts)
            for bound in ("high", "likely", "low")
        )
        basis: Basis = "known" if low == high else "estimated"
        return Estimate(low, likely, high, basis, "what the others leave")
