"""Where output goes: answers to standard output or a file, notes to standard error."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from kvcalc.errors import UsageError
from kvcalc.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Output:
    """A format (None where none was asked for), a file or standard output, and what is shown."""

    format: str | None
    file: Path | None
    quiet: bool = False
    units: Any = "si"
    wide: bool = False
    colour: Any = "auto"

    def notes(self, notes: Iterable[str]) -> None:
        """What a reader of the answer should know."""
        for note in () if self.quiet else notes:
            typer.echo(f"note: {printable(note)}", err=True)

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
