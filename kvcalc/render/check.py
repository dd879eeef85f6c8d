"""What `check` prints: a result per expectation and claim, and whether all is as recorded."""

from __future__ import annotations

from typing import Any

from kvcalc.errors import UsageError
from kvcalc.queries.check import Checked, Result
from kvcalc.render import Style
from kvcalc.render.keys import Each, JsonObject, Key, as_fraction, envelope
from kvcalc.render.sheets import Sheet, numbers, text


def _verdicts() -> Any:
    from kvcalc.claim import Verdict

    return Verdict


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
)
RECORDS = Each("results", RESULT)
DOCUMENT = JsonObject(
    "CheckDocument",
    "`kvcalc check`.",
    *envelope("check"),
    Key("passed", int),
    Key("failed", int),
    RECORDS,
)


def checked(answer: object) -> Checked:
    """The answer, for formats of CI. Raises UsageError where it holds nothing to figures."""
    if not isinstance(answer, Checked):
        raise UsageError("this format is for what is checked: name another, or ask check")
    return answer


def sheet(answer: Checked, style: Style) -> Sheet:
    """The results, those that are not as recorded marked, and the tally."""
    columns = (
        text("claim", (result.id for result in answer.results)),
        numbers("printed", (result.printed for result in answer.results)),
        numbers("computed", (result.computed_text for result in answer.results)),
        text("verdict", map(verdict_of, answer.results)),
        text("where", (f"{result.file}:{result.line}" for result in answer.results)),
    )
    failed = frozenset(n for n, result in enumerate(answer.results) if not result.ok)
    return Sheet("", columns, failed, (tally(answer),))


def fact_sheet(answer: Checked, style: Style) -> Sheet:
    """The results as a document to link to: what was said, where, and why it holds or does not."""
    claim, printed, computed, verdict, _ = sheet(answer, style).columns
    said = (f'"{r.claim.quote}"' if r.claim else r.id for r in answer.results)
    why, source = map(_why, answer.results), map(_source, answer.results)
    columns = (claim, text("said", said), printed, computed, verdict, text("why", why))
    return Sheet("", (*columns, text("source", source)), below=(tally(answer),))


def told(result: Result) -> str:
    """One line on a result: what is printed, what is computed, and the verdict."""
    if not result.printed:
        return f"no figure is printed: {verdict_of(result)}"
    return f"{result.printed} is printed, {result.computed_text} computed: {verdict_of(result)}"


def verdict_of(result: Result) -> str:
    """The verdict, and beside it the recorded one where they differ."""
    return result.verdict if result.ok else f"{result.verdict} (recorded: {result.expected})"


def tally(answer: Checked) -> str:
    """How many results are as recorded, and how many are not."""
    return f"{answer.passed} passed, {answer.failed} failed"


def _why(result: Result) -> str:
    evidence = result.claim.evidence if result.claim else ""
    return " ".join(part for part in (result.note, evidence) if part)


def _source(result: Result) -> str:
    if result.claim is None:
        return f"{result.file}:{result.line}"
    kind = "primary" if result.claim.primary else "not primary"
    return f"{result.claim.source.origin} ({kind}, read {result.claim.source.read})"
