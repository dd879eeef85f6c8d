"""A result in words: the verdict, what is computed beside it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.queries.check import Checked, Result

if TYPE_CHECKING:
    from kvcalc.errors import Problem


def assumption(result: Result) -> str | None:
    """What a claim that holds only by an assumption assumes; None for any other."""
    return result.claim.assumption if result.claim and result.assumed is not None else None


def told(result: Result) -> str:
    """One line on a result: what is printed, what is computed, and the verdict."""
    remark = remarked(result)
    verdict = f"{verdict_of(result)}, {remark}" if remark else verdict_of(result)
    if not result.printed:
        return f"no figure is printed: {verdict}"
    return f"{result.printed} is printed, {result.computed_text} computed: {verdict}"


def verdict_of(result: Result) -> str:
    """The verdict, and beside it the recorded one where they differ."""
    return result.verdict if result.ok else f"{result.verdict} (recorded: {result.expected})"


def remarked(result: Result) -> str:
    """How else a figure that does not hold could have been meant; empty where nothing is known."""
    return " or ".join(result.remarks)


def holds_by(result: Result) -> str:
    """What a claim assumes and what is computed then; empty but for one that holds by that."""
    assumed = assumption(result)
    return f"{assumed}, which gives {result.assumed_text}" if assumed else ""


def tally(answer: Checked) -> str:
    """How many results are as recorded, how many are not, and what there is besides."""
    errors = len(answer.errors)
    more = {
        "recorded by hand": answer.by_hand,
        "skipped": len(answer.skipped),
        "error" if errors == 1 else "errors": errors,
    }
    besides = "".join(f", {count} {what}" for what, count in more.items() if count)
    return f"{answer.passed} passed, {answer.failed} failed{besides}"


def wrong(problem: Problem) -> str:
    """What is wrong with a file, and the way out, on one line."""
    return ". ".join(part for part in (problem.message, problem.hint) if part)


def why(result: Result) -> str:
    """What there is to say of a result on one line: what it assumes, the note, the evidence."""
    claim = result.claim
    if claim is None:
        return result.note
    assumed = f"Holds if {holds_by(result)}." if holds_by(result) else ""
    evidence = "; ".join(f"{source.origin}: {source.says}" for source in claim.evidence)
    return " ".join(part for part in (assumed, result.note, evidence, claim.undecided) if part)
