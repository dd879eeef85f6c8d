"""GitHub workflow commands: an annotation at file and line for whatever does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.queries.check import Checked
from kvcalc.render.sheets import said

if TYPE_CHECKING:
    from kvcalc.queries.check import Result
    from kvcalc.render import Answer, Style


def render(answer: Answer, style: Style) -> str:
    """An error per result that is not as recorded, and a notice with the tally."""
    assert isinstance(answer, Checked)
    lines = [_error(result) for result in answer.results if not result.ok]
    lines.append(f"::notice title=kvcalc check::{answer.passed} passed, {answer.failed} failed")
    return "".join(f"{line}\n" for line in lines)


def _error(result: Result) -> str:
    message = " ".join(part for part in (said(result), result.note) if part)
    place = f"file={_property(result.file)},line={result.line},title={_property(result.id)}"
    return f"::error {place}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
