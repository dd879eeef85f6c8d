"""What an engine answers: a plan made once, and what it charges at one context and batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Term:
    """By how many bytes one rule of an engine differs from the ideal."""

    rule: str
    bytes: int


@dataclass(frozen=True)
class Reservation:
    """What an engine charges to a batch: bytes, and the terms that lead there from `stored`.

    notes  what a reader of the figure should know, of the rules that bite here
    """

    bytes: int
    terms: tuple[Term, ...]
    notes: tuple[str, ...] = ()


class Plan(Protocol):
    """How an engine keeps one model's cache: made once, asked often."""

    def at(self, context: int, batch: int) -> Reservation:
        """What is charged to `batch` sequences of `context` tokens each."""
