"""What every engine answers with: a plan, made once and asked often."""

from __future__ import annotations

from typing import Protocol


class Plan(Protocol):
    """How an engine keeps one model's cache."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figure should know."""

    def reserved(self, context: int, batch: int) -> int:
        """Bytes charged to `batch` sequences of `context` tokens each."""
