"""What comes of one configuration and setting: vLLM's answer beside kvcalc's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.conformance.vllm.ask_kvcalc import Answer

EQUAL = "equal"
REFUSED_BY_BOTH = "refused by both"
REFUSED_HERE = "refused by kvcalc"
UNEQUAL = "UNEQUAL"
ANSWERED = "ANSWERED"
CRASHED = "CRASHED"
NO_PLAN = "no plan"

GOOD = (EQUAL, REFUSED_BY_BOTH)
BAD = (UNEQUAL, ANSWERED, CRASHED)
"""A number that is not vLLM's, one where vLLM has none, and no answer at all."""

WORDS = (EQUAL, REFUSED_BY_BOTH, REFUSED_HERE, NO_PLAN, *BAD)
"""Every verdict, in the order of the tally."""

DIGITS = 4
"""Of the concurrency that are compared: vLLM prints two."""


@dataclass(frozen=True)
class Verdict:
    """A word of the tally, and what there is to say."""

    word: str
    detail: str = ""


def judged(theirs: dict[str, Any], ours: Answer) -> Verdict:
    """Hold kvcalc's answer to the planner's."""
    if ours.crashed:
        return Verdict(CRASHED, ours.crashed)
    if "refused" in theirs:
        if ours.refused:
            both = f"vLLM: {theirs['refused']}; kvcalc: {ours.refused}"
            return Verdict(REFUSED_BY_BOTH, both)
        return Verdict(ANSWERED, f"{ours.reserved:,} B, where vLLM says {theirs['refused']}")
    if ours.refused:
        return Verdict(REFUSED_HERE, ours.refused)
    plan = theirs["plan"]
    pairs = {
        "reserved": (f"{max(plan['reserved_bytes']):,}", f"{ours.reserved:,}"),
        "tokens": (f"{plan['tokens']:,}", f"{ours.tokens:,}"),
        "concurrency": (_rounded(plan["concurrency"]), _rounded(ours.concurrency)),
        "log": ("; ".join(plan["log"]), "; ".join(ours.log)),
    }
    told = [f"{name} {own}, vLLM {right}" for name, (right, own) in pairs.items() if own != right]
    return Verdict(UNEQUAL, "; ".join(told)) if told else Verdict(EQUAL, _figures(plan))


def _rounded(number: float | None) -> str:
    return "none" if number is None else f"{number:.{DIGITS}f}"


def _figures(plan: dict[str, Any]) -> str:
    return f"{max(plan['reserved_bytes']):,} B, {plan['tokens']:,} tokens"
