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


@dataclass(frozen=True)
class WithDraft:
    """A model's plan and its draft's, which add up; the draft's terms and notes say so."""

    model: Plan
    draft: Plan

    def at(self, context: int, batch: int) -> Reservation:
        """What is charged to both."""
        own, draft = self.model.at(context, batch), self.draft.at(context, batch)
        return Reservation(
            own.bytes + draft.bytes,
            own.terms + tuple(Term(f"draft: {term.rule}", term.bytes) for term in draft.terms),
            own.notes + tuple(f"draft: {note}" for note in draft.notes),
        )
