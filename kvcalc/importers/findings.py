"""What is found while a file is read: what is wrong, what is to be told, and what is worked out."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kvcalc.errors import Problem

T = TypeVar("T")


@dataclass(kw_only=True)
class Findings:
    """Problems and notes in the order in which they were found, each once."""

    problems: dict[Problem, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    kept: dict[Hashable, Any] = field(default_factory=dict)
    """What was worked out once, and holds for every layer."""

    def add(self, problem: Problem) -> None:
        """Something that is wrong."""
        self.problems[problem] = None

    def note(self, text: str) -> None:
        """Something that a reader of the numbers should know."""
        self.notes[text] = None

    def once(self, what: Hashable, work: Callable[[], T]) -> T:
        """What comes of the whole file, worked out for the first layer that asks."""
        if what not in self.kept:
            self.kept[what] = work()
        found: T = self.kept[what]
        return found
