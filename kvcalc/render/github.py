"""GitHub workflow commands: an annotation at file and line for whatever does not hold."""

from __future__ import annotations

from typing import Any

from kvcalc.printable import printable
from kvcalc.queries.check import Result
from kvcalc.render import Style, View
from kvcalc.render.check import checked
from kvcalc.render.verdicts import tally, told


def write(view: View, answer: Any, style: Style) -> str:
    """An error per result that is not as recorded, and a notice with the tally."""
    lines = [_error(result) for result in checked(answer).results if not result.ok]
    lines.append(f"::notice title=kvcalc check::{tally(answer)}")
    return "".join(f"{line}\n" for line in lines)


def _error(result: Result) -> str:
    message = ". ".join(part for part in (told(result), result.note) if part)
    place = f"file={_property(result.file)},line={result.line},title={_property(result.id)}"
    return f"::error {place}::{_data(message)}"


def _data(text: str) -> str:
    # line ends have an escape of the format's own
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
