"""The exceptions kvcalc raises on purpose, each with the exit code the command line gives it.

KvcalcError            2  something kept the question from being answered
|- UsageError          2  the question itself makes no sense (a draft's dtype without a draft, ...)
|  |- WrongArgument    2  an argument that cannot be (a context of 0, ...), by its name
|  `- Unanswerable     2  a question in a file makes no sense, with its place
|- InvalidValue       2  an attention scheme whose numbers cannot be
`- InputError          2  files that cannot be read or are wrong; every problem at once
"""

from __future__ import annotations

import bisect
import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from kvcalc.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
Made = TypeVar("Made")
Place = tuple[str | int, ...]
"""Where in a file's data a value stands: keys and list positions from the top."""

MANY = 300
"""Known words that a misspelt one is compared with; of more, those beside it in the alphabet."""
SHOWN = 50
"""Problems that are told in full; of more than these the number is told."""
LONG = 80
"""Characters of a value that are shown; of a longer one it is its beginning."""


@dataclass(frozen=True)
class Nearest:
    """The hint for a misspelt word, worked out when it is read: that takes a while."""

    word: str
    known: tuple[str, ...]
    otherwise: str = ""

    def __str__(self) -> str:
        return did_you_mean(self.word, self.known) or self.otherwise


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and the way out. Lines and columns count from 1."""

    message: str
    advice: str | Nearest = ""
    path: Place = ()
    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def hint(self) -> str:
        """The way out, in words."""
        return str(self.advice)

    def under(self, prefix: Place) -> Problem:
        """The same problem seen from further up in the file."""
        return replace(self, path=(*prefix, *self.path))

    def __str__(self) -> str:
        where = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])
        text = printable(f"{where}: {self.message}" if where else self.message)
        hint = printable(self.hint)
        return f"{text}\n  {hint}" if hint else text


class KvcalcError(Exception):
    """Anything kvcalc refuses, in words for the person who asked."""

    exit_code: ClassVar[int] = 2


class UsageError(KvcalcError):
    """A question that makes no sense as asked."""


class WrongArgument(UsageError, ValueError):
    """An argument of a public function that cannot be what it is; the text has its name."""

    def __init__(self, argument: str, text: str) -> None:
        super().__init__(argument, text)
        self.argument, self.text = argument, text

    @property
    def says_which(self) -> bool:
        """Whether the text begins with the argument's name."""
        return self.text.split(" ", 1)[0] == self.argument

    def __str__(self) -> str:
        return self.text if self.says_which else f"{self.argument}: {self.text}"


class Unanswerable(UsageError):
    """What a file asks and has no answer, as the problem that it is there."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class InvalidValue(KvcalcError):
    """Values that cannot be; the paths of `problems` start where the values stand."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(p.message for p in problems[:SHOWN]))
        self.problems = tuple(problems)


class InputError(KvcalcError):
    """Files that cannot be read or are wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return listed(self.problems)  # hints take a while: not before somebody reads them


def listed(problems: Sequence[Problem]) -> str:
    """Problems in words, a number of them at most, and how many there are if not one alone."""
    lines = [str(problem) for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"{len(problems):,} problems, of which the first {SHOWN} are shown")
    elif len(problems) > 1:
        lines.append(f"{len(problems)} problems")
    return "\n".join(lines)


def checked(argument: str, check: Callable[[T], Made], value: T) -> Made:
    """What a check makes of an argument. Raises WrongArgument where that raises ValueError."""
    try:
        return check(value)
    except ValueError as error:
        raise WrongArgument(argument, str(error)) from None


def briefly(value: object) -> str:
    """A value as it is shown to who gave it, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # a number of too many digits, or an object that cannot be shown
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= LONG else f"{text[:LONG]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: the nearest known ones, or all where they are few."""
    names, wanted = sorted(set(known)), word.lower()
    looked_at = names
    if len(names) > MANY:  # to look at all of them takes a while
        at = bisect.bisect(names, wanted)
        looked_at = names[max(0, at - MANY // 2) : at + MANY // 2]
    near = difflib.get_close_matches(wanted, looked_at, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 40 else ""
