"""What `check` prints: a result per expectation and claim, and whether all is as recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kvcalc.errors import UsageError
from kvcalc.queries.check import Checked, Result
from kvcalc.render import Style
from kvcalc.render.keys import SOURCE, Each, JsonObject, Key, as_fraction, envelope
from kvcalc.render.sheets import Sheet, numbers, text, wrapped

if TYPE_CHECKING:
    from kvcalc.render.documents import Document


def _verdicts() -> Any:
    from kvcalc.claim import Verdict

    return Verdict


def _assumption(result: Result) -> str | None:
    return result.claim.assumption if result.claim and result.assumed is not None else None


def _undecided(result: Result) -> str:
    return result.claim.undecided if result.claim else ""


def _question(result: Result) -> str | None:
    question = result.claim.question if result.claim else None
    return question.ask if question else None


RESULT = JsonObject(
    "ResultDocument",
    "One expectation held against what was computed.",
    Key("id", str),
    Key("file", str),
    Key("line", int),
    Key("printed", str, says="The figure; empty where none is printed."),
    Key("computed", str, "computed_text", "The same as computed, with two digits more."),
    Key("computed_exact", str | None, lambda result: as_fraction(result.computed)),
    Key("verdict", _verdicts),
    Key("expected", _verdicts, says="The verdict that the file records."),
    Key("ok", bool, says="Whether it is the one computed."),
    Key("note", str),
    Key("holds_if", str | None, _assumption, "What has to be changed for it to hold."),
    Key("assumed", str, "assumed_text", "What is computed then."),
    Key("assumed_exact", str | None, lambda result: as_fraction(result.assumed)),
    Key("remarks", [str], lambda result: list(result.remarks), "What would make the figure right."),
    Key("by_hand", bool, says="Whether the verdict is recorded and not computed."),
    Key("question", str | None, _question, "What it answers with others."),
    Each("evidence", SOURCE, lambda result: result.claim.evidence if result.claim else ()),
    Key("undecided", str, _undecided, "Why nothing decides it."),
)
QUESTION = JsonObject(
    "QuestionDocument",
    "A question that claims answer together, with their ids.",
    Key("ask", str),
    Key("answer", str),
    Key("claims", [str], lambda question: list(question.claims)),
)
RECORDS = Each("results", RESULT)
DOCUMENT = JsonObject(
    "CheckDocument",
    "`kvcalc check`.",
    *envelope("check"),
    Key("passed", int),
    Key("failed", int),
    Key("by_hand", int, says="Verdicts that are recorded alone: they neither pass nor fail."),
    Each("questions", QUESTION),
    RECORDS,
)


def checked(answer: object) -> Checked:
    """The answer, for formats of CI. Raises UsageError where it holds nothing to figures."""
    if not isinstance(answer, Checked):
        raise UsageError("this format is for what is checked: name another, or ask check")
    return answer


def sheet(answer: Checked, style: Style) -> Sheet:
    """The results, those that are not as recorded marked, and the tally; why, of selected ones."""
    results = answer.results
    remarks = [remarked(result) for result in results]
    columns = (
        text("claim", (result.id for result in results)),
        numbers("printed", (result.printed for result in results)),
        numbers("computed", (result.computed_text for result in results)),
        text("verdict", map(verdict_of, results)),
        *([text("remark", remarks)] if any(remarks) else ()),
        text("where", (f"{result.file}:{result.line}" for result in results)),
    )
    failed = frozenset(n for n, result in enumerate(results) if not result.ok)
    reasons = _reasons(answer, style) if answer.selected else ()
    return Sheet("", columns, failed, (*reasons, tally(answer)))


def _reasons(answer: Checked, style: Style) -> Iterator[str]:
    """Of each result that says why, a paragraph."""
    for result in answer.results:
        if reason := why(result):
            yield from wrapped(f"{result.id}: {reason}", style.width)
            yield ""


def document(answer: Checked, style: Style) -> Document:
    """The results as a fact sheet to link to."""
    # made for one format alone
    from kvcalc.render.facts import fact_sheet

    return fact_sheet(answer, style)


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


def held(result: Result) -> str:
    """What a claim assumes and what is computed then; empty but for one that holds by that."""
    assumption = _assumption(result)
    return f"{assumption}, which gives {result.assumed_text}" if assumption else ""


def tally(answer: Checked) -> str:
    """How many results are as recorded, how many are not, and how many are by hand."""
    by_hand = f", {answer.by_hand} recorded by hand" if answer.by_hand else ""
    return f"{answer.passed} passed, {answer.failed} failed{by_hand}"


def why(result: Result) -> str:
    """What there is to say of a result on one line: what it assumes, the note, the evidence."""
    claim = result.claim
    if claim is None:
        return result.note
    assumed = f"Holds if {held(result)}." if held(result) else ""
    evidence = "; ".join(f"{source.origin}: {source.says}" for source in claim.evidence)
    return " ".join(part for part in (assumed, result.note, evidence, claim.undecided) if part)
