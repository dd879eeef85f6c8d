"""Why configurations are refused: each refusal counted once, by the first of its causes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

CAUSES = (
    ("an unknown model_type", r"model_type '([^']*)' is not known|no model_type"),
    (
        "an unknown field in a known family",
        r"^(\S+) is not (?:a field|an object) that kvcalc knows",
    ),
    ("an unknown kind of layer", r"^'([^']*)' layers are not known"),
    ("a missing field", r"^(\S+)(?: \(or [^)]*\))? is missing"),
    ("fields that contradict each other", r"^(\S+) .*contradict"),
)
"""What a problem's message says, in the order in which a cause makes the later ones moot."""

OTHER = ("a value that cannot be, or is not known", r"^(\S+)")

MOST_NAMED = 8
"""Subjects that are named for a cause: the fields, or the types."""


def cause_of(messages: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The first cause that one of the problems of a refusal has, and what they name by it."""
    for cause, pattern in (*CAUSES, OTHER):
        found = [match for text in messages if (match := re.search(pattern, text))]
        if found:
            named = (match.group(1) for match in found)
            return cause, tuple(dict.fromkeys(name for name in named if name))
    return OTHER[0], ()


def by_cause(refusals: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line per cause: how many refusals have it, and what they name most often.

    refusals  the messages of the problems of each refused configuration
    """
    counts: Counter[str] = Counter()
    named: dict[str, Counter[str]] = {}
    for messages in refusals:
        cause, names = cause_of(messages)
        counts[cause] += 1
        named.setdefault(cause, Counter()).update(names)
    for cause, count in counts.most_common():
        most = named[cause].most_common(MOST_NAMED)
        more = len(named[cause]) - len(most)
        told = [name if times == 1 else f"{name} ({times})" for name, times in most]
        told += [f"{more} more"] if more else []
        yield f"{count:5} refused for {cause}{': ' if told else ''}{', '.join(told)}"
