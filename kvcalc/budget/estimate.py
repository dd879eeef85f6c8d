"""Bytes that are known, or that lie between two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Basis = Literal["given", "known", "estimated"]
"""Whether the asker said so, a file or a log does, or a rule makes a guess of it."""


@dataclass(frozen=True)
class Estimate:
    """Bytes of one GPU, or of all weights: the least, the likeliest and the most.

    All three are alike where they are known.

    rule  what they rest on, in a few words
    """

    low: int
    likely: int
    high: int
    basis: Basis
    rule: str

    @classmethod
    def exact(cls, size: int, basis: Basis, rule: str) -> Estimate:
        """Bytes that are known."""
        return cls(size, size, size, basis, rule)

    @property
    def is_exact(self) -> bool:
        """Whether it is no estimate."""
        return self.low == self.high
