"""Where output goes: answers to standard output or a file, notes to standard error."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from kvcalc.errors import UsageError
from kvcalc.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".md": "markdown",
    ".xml": "junit",
    ".sarif": "sarif",
    ".yaml": "yaml",
    ".yml": "yaml",
}
"""The format that a file's suffix names. Any other is refused: what opens such a file expects
something else in it."""
ANY = ("", ".", ".txt")
"""Suffixes of a file that may hold text in any format."""


def _chosen(asked: str | None, file: Path | None, formats: Sequence[str]) -> str:
    """The format that is asked for, or that the suffix of a file names; else the first.

    Raises UsageError where the two differ, and for a suffix that stands for none of the formats.
    """
    suffix = file.suffix.lower() if file is not None else ""
    if file is None or suffix in ANY or _is_device(file):
        return asked or formats[0]
    named = SUFFIXES.get(suffix, "")
    if named not in formats:
        text = f"-o {file}: {suffix} is no suffix of what is written here"
        raise UsageError(f"{text}; name it {_suffixes(formats)}")
    if asked in (None, named):
        return named
    text = f"-o {file} is written as {named}, and {asked} is asked for"
    raise UsageError(f"{text}; leave out one of them, or name it {_suffixes([asked])}")


def _suffixes(formats: Sequence[str]) -> str:
    """How a file in one of these formats may be called."""
    *others, last = [*(f"*{s}" for s, named in SUFFIXES.items() if named in formats), "*.txt"]
    return f"{', '.join(others)} or {last}" if others else last


def _is_device(file: Path) -> bool:
    """Whether it is a device or a pipe, whose name says nothing of what goes there."""
    return os.path.exists(file) and not (os.path.isfile(file) or os.path.isdir(file))


@dataclass(frozen=True)
class Output:
    """A format (None where none was asked for), a file or standard output, and what is shown."""

    format: str | None
    file: Path | None
    quiet: bool = False
    units: Any = "si"
    wide: bool = False
    colour: Any = "auto"

    def among(self, formats: Sequence[str]) -> Output:
        """The same in one of the formats, the first by default. Raises UsageError."""
        return replace(self, format=_chosen(self.format, self.file, formats))

    def notes(self, notes: Iterable[str]) -> None:
        """What a reader of the answer should know."""
        for note in () if self.quiet else notes:
            typer.echo(f"note: {printable(note)}", err=True)

    def results(self, results: Iterable[Any]) -> None:
        """What was held to figures, where a format is of rows alone and does not show it."""
        if self.format in ("csv", "jsonl"):
            self.notes(
                f"{one.id}={one.printed}: {one.verdict}, {one.computed_text} is computed"
                for one in results
            )

    def answer(self, answer: Any, **style: Any) -> None:
        """An answer in the format asked for. Raises UsageError where it cannot be written."""
        from kvcalc.cli.screen import shown
        from kvcalc.render import Style, render

        reader = shown(self.colour, to_file=self.file is not None)
        styled = Style(units=self.units, wide=self.wide, **reader, **style)
        self.text(render(answer, self.format or "table", styled))

    def text(self, text: str) -> None:
        """Text as it is. Raises UsageError where it cannot be written."""
        if self.file is not None:
            try:
                self.file.write_text(text, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise UsageError(f"cannot write {self.file}: {error.strerror}") from None
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            raise UsageError(f"cannot write standard output: {error.strerror}") from None
