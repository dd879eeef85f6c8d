"""Problems of a file as a test expects them: their place, and words that help."""

from __future__ import annotations

from typing import NamedTuple

from kvcalc import InputError

ANYWHERE = -1

LEAKS = ("constrained-int", "literal[", "function-", "isoformat", "datetime", "[key]", "Form")
"""Words of pydantic, of Python and of our own classes, which tell a reader of YAML nothing."""


class Wrong(NamedTuple):
    """One problem as it must be told: its place, and words from what it says and advises."""

    line: int
    column: int
    message: str
    hint: str = ""


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def must_tell(error: InputError, path: str, wrong: list[Wrong]) -> None:
    """Each of these problems, in this order and in its place, and nothing of our own insides."""
    told = str(error)
    assert len(error.problems) == len(wrong), told
    for problem, (line, column, message, hint) in zip(error.problems, wrong, strict=True):
        assert problem.file == path
        assert line in (ANYWHERE, problem.line), told
        assert column in (ANYWHERE, problem.column), told
        assert message in problem.message, told
        assert hint in f"{problem.message}\n{problem.hint}", told
    assert not [leak for leak in LEAKS if leak in told], told
