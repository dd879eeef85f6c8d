"""References to the hub, such as hf:org/name@revision, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvcalc.errors import InputError, Problem
from kvcalc.importers.recognition import HUB

MAIN = "main"

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[\w.-][\w./+-]*", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """A reference taken apart."""

    reference: str
    repository: str
    revision: str

    def problem(self, message: str, hint: str) -> Problem:
        return Problem(message, hint, file=self.reference)


def asked_of(reference: str) -> Asked:
    """What a reference asks for. Raises InputError where it is none."""
    repository, at, revision = reference.removeprefix(HUB).partition("@")
    asked = Asked(reference, repository, revision or MAIN)
    if at and not _REVISION.fullmatch(revision):
        text = f"{revision!r} is no name of a revision" if revision else "nothing after the @"
        raise InputError([asked.problem(text, "name a branch, a tag or a commit after the @")])
    if not _REPOSITORY.fullmatch(repository):
        raise InputError([misnamed(asked)])
    return asked


def misnamed(asked: Asked) -> Problem:
    """What is wrong with a name that no repository can have."""
    text = f"{asked.repository!r} is no name of a repository"
    hint = f"write {HUB}organisation/name, with @revision where not {MAIN} is meant"
    return asked.problem(text, hint)
