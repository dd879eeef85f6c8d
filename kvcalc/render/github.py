"""GitHub workflow commands: an annotation at file and line for whatever does not hold."""

from __future__ import annotations

from typing import Any

from kvcalc.errors import Problem
from kvcalc.printable import printable
from kvcalc.queries.check import Result
from kvcalc.render import Style, View
from kvcalc.render.check import checked
from kvcalc.render.verdicts import tally, told, wrong


def write(view: View, answer: Any, style: Style) -> str:
    """An error for all that is wrong or not as recorded, and a notice with the tally."""
    lines = [_wrong(problem) for problem in checked(answer).errors]
    lines += [_error(result) for result in answer.results if not result.ok]
    lines.append(f"::notice title=kvcalc check::{tally(answer)}")
    return "".join(f"{line}\n" for line in lines)


def _error(result: Result) -> str:
    message = ". ".join(part for part in (told(result), result.note) if part)
    return _command(message, file=result.file, line=result.line, title=result.id)


def _wrong(problem: Problem) -> str:
    place = {"line": problem.line, "col": problem.column}
    return _command(wrong(problem), file=problem.file, **place, title="kvcalc check")


def _command(message: str, **properties: str | int) -> str:
    told = (f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    return f"::error {','.join(told)}::{_data(message)}"


def _data(text: str) -> str:
    # line ends have an escape of the format's own
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
