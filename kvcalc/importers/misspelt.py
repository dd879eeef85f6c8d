"""Which known name another one is a misspelling of: by one letter, or by its underscores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import takewhile

_SHORT = 4
"""A name of so many letters or fewer is near too many others."""


class Spellings:
    """Known names, so that those near another one are found without a look at each.

    One letter that is wrong, missing, too many or swapped with the next leaves the first third
    of a name as it is, or the last.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._bare: dict[str, list[str]] = defaultdict(list)
        self._starts: dict[tuple[int, str], list[str]] = defaultdict(list)
        self._ends: dict[tuple[int, str], list[str]] = defaultdict(list)
        for name in known:
            lower = name.lower()
            self._bare[_bare(lower)].append(name)
            if (length := len(lower)) > _SHORT:
                third = length // 3
                self._starts[length, lower[:third]].append(name)
                self._ends[length, lower[-third:]].append(name)

    def near(self, name: str) -> str:
        """The first known name, by the alphabet, that this is a misspelling of; "" for none."""
        lower = name.lower()
        candidates = [*self._bare.get(_bare(lower), ())]
        for length in range(len(lower) - 1, len(lower) + 2):
            third = length // 3
            candidates += self._starts.get((length, lower[:third]), ())
            candidates += self._ends.get((length, lower[-third:]), ())
        return min((other for other in candidates if nearly(lower, other.lower())), default="")


def _bare(name: str) -> str:
    return name.replace("_", "")


def nearly(name: str, other: str) -> bool:
    """Whether a name is another one but for underscores or one letter."""
    if _bare(name) == _bare(other):
        return True
    start = _alike(name, other)
    wrong, right = name[start:], other[start:]
    end = _alike(wrong[::-1], right[::-1])
    wrong, right = wrong[: len(wrong) - end], right[: len(right) - end]
    swapped = len(wrong) == 2 and wrong == right[::-1]
    return len(other) > _SHORT and (swapped or max(len(wrong), len(right)) == 1)


def _alike(a: str, b: str) -> int:
    """With how many letters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
