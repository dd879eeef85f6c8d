"""What a tensor, a cache, a row amounts to: every quantity of it at one context, as one value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvcalc.expect import Quantity

NOTHING = Fraction(0)


@dataclass(frozen=True)
class Amounts:
    """What a tensor, a cache or a row amounts to at one context.

    stored, fixed and read are bytes, growth bytes per token; flops is None where nobody said.
    """

    stored: int = 0
    growth: Fraction = NOTHING
    fixed: int = 0
    read: int = 0
    flops: int | None = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.stored + other.stored,
            self.growth + other.growth,
            self.fixed + other.fixed,
            self.read + other.read,
            None if self.flops is None or other.flops is None else self.flops + other.flops,
        )

    def times(self, count: int) -> Amounts:
        """As much of everything `count` times."""
        if count == 1:
            return self
        return Amounts(
            count * self.stored,
            count * self.growth,
            count * self.fixed,
            count * self.read,
            None if self.flops is None else count * self.flops,
        )

    def of_batch(self, sequences: int) -> Amounts:
        """The amounts of so many sequences; growth stays that of one."""
        return replace(self.times(sequences), growth=self.growth) if sequences > 1 else self

    def of(self, quantity: Quantity) -> Fraction | None:
        """One of them, in bytes or FLOPs; None where the FLOPs are not known."""
        amount = getattr(self, quantity)
        return None if amount is None else Fraction(amount)


class Measured:
    """What holds amounts answers for each of them."""

    amounts: Amounts

    @property
    def stored(self) -> int:
        """Bytes of live cache state."""
        return self.amounts.stored

    @property
    def growth(self) -> Fraction:
        """Bytes per further token of one sequence."""
        return self.amounts.growth

    @property
    def fixed(self) -> int:
        """Bytes of what no longer grows."""
        return self.amounts.fixed

    @property
    def read(self) -> int:
        """Bytes that one decode step moves."""
        return self.amounts.read

    @property
    def flops(self) -> int | None:
        """Attention FLOPs of one decode step; None where they are not known."""
        return self.amounts.flops
