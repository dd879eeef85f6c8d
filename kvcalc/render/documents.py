"""Answers as documents to link to: headings, prose, and facts with their reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kvcalc.render.sheets import Sheet


class Fact(NamedTuple):
    """What was said and under which name, what there is to say to it, and more by its label."""

    said: str
    name: str
    told: str
    verdict: str
    more: tuple[tuple[str, str], ...] = ()

    def changed(self, change: Callable[[str], str]) -> Fact:
        """The same fact with each of its texts changed."""
        more = tuple((change(label), change(text)) for label, text in self.more)
        said, name, told, verdict = map(change, (self.said, self.name, self.told, self.verdict))
        return Fact(said, name, told, verdict, more)


class Section(NamedTuple):
    """A heading (none where it is empty), paragraphs, facts, and what is better set as a table."""

    heading: str
    level: int = 1
    prose: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    sheet: Sheet | None = None

    def changed(self, change: Callable[[str], str]) -> Section:
        """The same section with each of its texts changed."""
        facts = tuple(fact.changed(change) for fact in self.facts)
        sheet = self.sheet.changed(change) if self.sheet else None
        prose = tuple(map(change, self.prose))
        return Section(change(self.heading), self.level, prose, facts, sheet)


class Document(NamedTuple):
    """Sections, and a last line if there is one."""

    sections: tuple[Section, ...]
    below: str = ""

    def changed(self, change: Callable[[str], str]) -> Document:
        """The same document with each of its texts changed."""
        return Document(tuple(s.changed(change) for s in self.sections), change(self.below))
