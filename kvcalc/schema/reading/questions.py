"""The questions under which a file groups its claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kvcalc.claim import AnsweredQuestion
from kvcalc.errors import Nearest, Place, Problem


class Questions:
    """A file's questions, each claim under one of them at most; what is wrong is told."""

    def __init__(
        self, written: Sequence[Mapping[str, Any]], file: str, line_of: Callable[[Place], int]
    ) -> None:
        self.problems: list[Problem] = []
        self._by_claim: dict[str, AnsweredQuestion] = {}
        self._places: dict[str, Place] = {}
        for number, question in enumerate(written):
            place: Place = ("questions", number)
            ids = tuple(question["claims"])
            found = AnsweredQuestion(question["ask"], question["answer"], ids, file, line_of(place))
            for nth, name in enumerate(ids):
                self._put(name, found, (*place, "claims", nth))

    def _put(self, name: str, question: AnsweredQuestion, place: Place) -> None:
        if name in self._by_claim:
            text = f"claim {name!r} is under two questions, or twice under one"
            self.problems.append(Problem(text, "name it once", place))
        self._by_claim[name], self._places[name] = question, place

    def of(self, claim: str) -> AnsweredQuestion | None:
        """The question that a claim answers."""
        return self._by_claim.get(claim)

    def unknown(self, claims: Collection[str]) -> list[Problem]:
        """The names under questions that no claim has."""
        known = tuple(claims)
        return [
            Problem(f"no claim is called {name!r}", Nearest(name, known), place)
            for name, place in self._places.items()
            if name not in claims
        ]
