"""What is found while a file is read: what is wrong, what is to be told, and what is worked out.

A problem names its field as the file does, wherever that stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

from kvcalc.errors import InvalidValue, Nearest, Place, Problem
from kvcalc.importers.vocabulary import ALIASES

T = TypeVar("T")

PLACEHOLDER = 1
"""Stands for a number that is missing or wrong, so that one run shows every problem."""


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


@dataclass
class Named(Findings):
    """What a configuration says, under which names, and what is wrong with that."""

    data: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Place = ()
    _: KW_ONLY
    prefix: str = ""
    """What goes before the name of a field in a message, for nested objects."""
    placeholders: Counter[str] = field(default_factory=Counter)
    """The fields that PLACEHOLDER stands for, and how often it was taken for them."""

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names that a file may use for a field."""
        return self.names.get(name) or ALIASES.get(name) or (name,)

    def said(self, name: str) -> str:
        """The name that this file uses for a field."""
        names = self.names_of(name)
        return next((n for n in names if self.data.get(n) is not None), names[0])

    def problem(self, text: str, name: str, hint: str | Nearest = "") -> None:
        """A problem at one field."""
        self.add(Problem(text, hint, (*self.where, name)))

    def wrong(self, name: str, text: str) -> None:
        """A problem with the value of one field, unless it is PLACEHOLDER that it is found of."""
        if not self.unreadable(name):
            self.problem(f"{self.prefix}{self.said(name)} {text}", self.said(name))

    def placeholder(self, name: str, text: str) -> int:
        """PLACEHOLDER in the place of a value that is no number, which is a problem."""
        said = self.said(name)
        self.problem(f"{self.prefix}{said} {text}", said)
        self.placeholders[f"{self.prefix}{said}"] += 1
        return PLACEHOLDER

    def unreadable(self, name: str) -> bool:
        """Whether PLACEHOLDER stands for a field that was read."""
        return f"{self.prefix}{self.said(name)}" in self.placeholders

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Take the problems of a scheme that cannot be for problems of this configuration.

        One that was made with PLACEHOLDER has them of what is missing or wrong, which is told.
        """
        before = self.placeholders.total()
        try:
            yield
        except InvalidValue as error:
            for problem in error.problems if self.placeholders.total() == before else ():
                names = (self.said(str(word)) for word in problem.path[:1])
                place = (name for name in names if name in self.data)
                self.add(replace(problem, path=(*self.where, *place)))
