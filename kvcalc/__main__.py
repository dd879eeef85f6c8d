"""The entry point: answers --version before anything heavy is imported."""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False  # as typing has it, whose import takes longer than all of `--version`
if TYPE_CHECKING:
    from typing import TextIO


class Stream(io.TextIOWrapper):
    """Standard output or error whose reader may leave early, as `| head` does: that is no error."""

    def write(self, text: str) -> int:
        """Write, into nothing once nobody reads."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._abandon()
            return len(text)

    def flush(self) -> None:
        """Flush, into nothing once nobody reads."""
        try:
            super().flush()
        except BrokenPipeError:
            self._abandon()

    def _abandon(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def _patient(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started the program
        return open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, lines = stream.encoding, stream.line_buffering
    # a character that the reader's encoding lacks is written as an escape, not a traceback
    errors = "backslashreplace" if stream.errors == "strict" else stream.errors
    return Stream(stream.detach(), encoding=encoding, errors=errors, line_buffering=lines)


def main() -> None:
    """Run the command line. Exit codes: 0 answered, 1 the answer is no, 2 could not run."""
    sys.stdout, sys.stderr = _patient(sys.stdout), _patient(sys.stderr)
    if sys.argv[1:] == ["--version"]:
        from kvcalc import __version__

        print(f"kvcalc {__version__}")
        return
    gc.disable()  # a run is over before its garbage would be worth the time
    from kvcalc.cli import run

    run()


if __name__ == "__main__":
    main()
