"""What `check` prints: a result per expectation and claim, and whether all is as recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kvcalc.errors import UsageError
from kvcalc.queries.check import Checked, Result
from kvcalc.render import Style
from kvcalc.render.keys import SOURCE, Each, JsonObject, Key, as_fraction, envelope
from kvcalc.render.records import Records
from kvcalc.render.sheets import Sheet, Tone, numbers, text
from kvcalc.render.verdicts import assumption, remarked, tally, verdict_of, why

if TYPE_CHECKING:
    from kvcalc.render.documents import Document


def _verdicts() -> Any:
    from kvcalc.claim import Verdict

    return Verdict


def _undecided(result: Result) -> str:
    return result.claim.undecided if result.claim else ""


def _of_claim(name: str) -> Callable[[Result], Any]:
    return lambda result: getattr(result.claim, name, None)


def _source(result: Result) -> dict[str, Any] | None:
    return SOURCE(result.claim.source) if result.claim else None


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
    Key("holds_if", str | None, assumption, "What has to be changed for it to hold."),
    Key("assumed", str, "assumed_text", "What is computed then."),
    Key("assumed_exact", str | None, lambda result: as_fraction(result.assumed)),
    Key("remarks", [str], lambda result: list(result.remarks), "What would make the figure right."),
    Key("by_hand", bool, says="Whether the verdict is recorded and not computed."),
    Key("question", str | None, _question, "What it answers with others."),
    Each("evidence", SOURCE, lambda result: result.claim.evidence if result.claim else ()),
    Key("undecided", str, _undecided, "Why nothing decides it."),
    Key("quote", str | None, _of_claim("quote"), "What was said; null for a model's own figure."),
    Key("primary", bool | None, _of_claim("primary"), "Whether its source is the first."),
    Key("source", (SOURCE, type(None)), _source, "Where it was said."),
)
QUESTION = JsonObject(
    "QuestionDocument",
    "A question that claims answer together, with their ids.",
    Key("ask", str),
    Key("answer", str),
    Key("claims", [str], lambda question: list(question.claims)),
)
TONES: dict[str, Tone] = {
    "refuted": "wrong",
    "holds-if": "doubtful",
    "misattributed": "doubtful",
    "not-computable": "open",
}
"""What computed verdicts stand out for; one that is recorded by hand does not."""
SKIPPED = JsonObject(
    "SkippedDocument",
    "What was passed over, and why there is nothing to check in it.",
    Key("file", str),
    Key("why", str),
)
ERROR = JsonObject(
    "ErrorDocument",
    "What is wrong with a file, or with naming it.",
    Key("file", str, says="Empty where no file is named."),
    Key("line", int | None, lambda problem: problem.line or None),
    Key("column", int | None, lambda problem: problem.column or None),
    Key("message", str),
    Key("hint", str, says="The way out."),
)
RESULTS = Each("results", RESULT)
RECORDS = Records(RESULTS)
DOCUMENT = JsonObject(
    "CheckDocument",
    "`kvcalc check`.",
    *envelope("check"),
    Key("passed", int),
    Key("failed", int),
    Key("by_hand", int, says="Verdicts that are recorded alone: they neither pass nor fail."),
    Each("questions", QUESTION),
    RESULTS,
    Each("skipped", SKIPPED),
    Each("errors", ERROR),
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
    verdicts = text("verdict", map(verdict_of, results))
    columns = (
        text("claim", (result.id for result in results), folds=20),
        numbers("printed", (result.printed for result in results), folds=10),
        numbers("computed", (result.computed_text for result in results), folds=10),
        verdicts._replace(tones=tuple(TONES.get(r.verdict) if r.ok else None for r in results)),
        *([text("remark", remarks, 1, folds=16)] if any(remarks) else ()),
        text("where", map(_where, results), 2),
    )
    reasons = _reasons(answer) if answer.selected else ()
    return Sheet(
        "",
        columns,
        tuple(None if result.ok else "failed" for result in results),
        (*reasons, tally(answer)),
        alarm=f"{answer.failed} failed" if answer.failed else "",
    )


def _where(result: Result) -> str:
    """File and line; a model that was made in Python has neither."""
    return f"{result.file}:{result.line}" if result.file else ""


def _reasons(answer: Checked) -> Iterator[str]:
    """Of each result that says why, a paragraph."""
    for result in answer.results:
        if reason := why(result):
            yield f"{result.id}: {reason}"
            yield ""


def document(answer: Checked, style: Style) -> Document:
    """The results as a fact sheet to link to."""
    # made for one format alone
    from kvcalc.render.facts import fact_sheet

    expected = tuple(result for result in answer.results if not result.claim)
    table = sheet(Checked(expected), style)._replace(below=()) if expected else None
    return fact_sheet(answer, table)
