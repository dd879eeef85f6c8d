"""What comes of one model and setting: llama.cpp's answer beside kvcalc's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.conformance.llama_cpp.ask_kvcalc import Answer

EQUAL = "equal"
REFUSED_BY_BOTH = "refused by both"
REFUSED_HERE = "refused by kvcalc"
UNEQUAL = "UNEQUAL"
ANSWERED = "ANSWERED"
CRASHED = "CRASHED"
NO_ANSWER = "no answer"

BAD = (UNEQUAL, ANSWERED, CRASHED)
"""A number that is not llama.cpp's, one where it has none, and no answer at all."""

WORDS = (EQUAL, REFUSED_BY_BOTH, REFUSED_HERE, NO_ANSWER, *BAD)
"""Every verdict, in the order of the tally."""

OF_THE_CACHE = re.compile(r"cache type|quantized V cache")
"""What a refusal says that is of the types asked for, and not of the header."""


@dataclass(frozen=True)
class Verdict:
    """A word of the tally, and what there is to say."""

    word: str
    detail: str = ""


def judged(theirs: dict[str, Any], ours: Answer) -> Verdict:
    """Hold kvcalc's answer to the library's."""
    if ours.crashed:
        return Verdict(CRASHED, ours.crashed)
    why = theirs.get("refused") or theirs.get("failed")
    if why is not None:
        return _without_a_size(why, ours)
    if ours.refused:
        return Verdict(REFUSED_HERE, ours.refused)
    taken = theirs["context_bytes"]
    pairs = {
        "reserved": (f"{taken:,}", f"{ours.reserved:,}"),
        "log": ("; ".join(theirs["log"]), "; ".join(ours.log)),
    }
    told = [
        f"{name} {own}, llama.cpp {right}" for name, (right, own) in pairs.items() if own != right
    ]
    return Verdict(UNEQUAL, "; ".join(told)) if told else Verdict(EQUAL, f"{taken:,} B")


def _without_a_size(why: str, ours: Answer) -> Verdict:
    """An abort, or a header that is not taken, says nothing of the cache."""
    if not OF_THE_CACHE.search(why):
        return Verdict(NO_ANSWER, why)
    if ours.refused:
        return Verdict(REFUSED_BY_BOTH, f"llama.cpp: {why}; kvcalc: {ours.refused}")
    return Verdict(ANSWERED, f"{ours.reserved:,} B, where llama.cpp says {why}")
