"""The entry point: answers --version before anything heavy is imported."""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False  # as typing has it, whose import takes longer than all of `--version`
if TYPE_CHECKING:
    from typing import TextIO


_LENIENT = ("backslashreplace", "namereplace", "xmlcharrefreplace", "replace", "ignore")
"""What can be done about a character that an encoding lacks, without an exception."""


class Unwritten(OSError):
    """What is to be printed cannot be: the disk is full, say."""


class Stream(io.TextIOWrapper):
    """Standard output, whose reader may leave early, as `| head` does: that is no error."""

    def write(self, text: str) -> int:
        """Write, into nothing once nobody reads."""
        try:
            return super().write(text)
        except OSError as error:
            self._forgive(error)
            return len(text)

    def flush(self) -> None:
        """Flush, into nothing once nobody reads."""
        try:
            super().flush()
        except OSError as error:
            self._forgive(error)

    def _forgive(self, error: OSError) -> None:
        """Raises Unwritten where the reader has not simply left."""
        self._abandon()
        if not isinstance(error, BrokenPipeError):
            raise Unwritten(error.errno, error.strerror)

    def _abandon(self) -> None:
        # what is left in the buffer must not be tried again when the interpreter exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


class ErrorStream(Stream):
    """Standard error: nothing that is told there acts on a terminal, and nothing fails there."""

    def write(self, text: str) -> int:
        """Write, with what a terminal would obey as escapes."""
        from kvcalc.printable import printable_lines

        return super().write(printable_lines(text))

    def _forgive(self, error: OSError) -> None:
        self._abandon()


def _patient(stream: TextIO | None, kind: type[Stream]) -> TextIO:
    if stream is None:  # closed by whoever started the program
        return open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, lines = stream.encoding, stream.line_buffering
    # a character that the reader's encoding lacks is written as an escape, not a traceback; the C
    # locale and PYTHONIOENCODING may name other ways, some of which fail or are none
    errors = stream.errors if stream.errors in _LENIENT else "backslashreplace"
    return kind(stream.detach(), encoding=encoding, errors=errors, line_buffering=lines)


def main() -> None:
    """Run the command line and exit: 0 answered, 1 the answer is no, 2 could not run.

    130 is for who interrupts it, and there is no other code.
    """
    sys.stdout, sys.stderr = _patient(sys.stdout, Stream), _patient(sys.stderr, ErrorStream)
    try:
        code = _code()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:  # whatever it is: exit code 1 would say that the answer is no
        code = 2
        print(_last_words(error), file=sys.stderr)
    sys.exit(code)


def _code() -> int:
    """The exit code of a command, which has run."""
    if sys.argv[1:] == ["--version"]:
        from kvcalc import __version__

        print(f"kvcalc {__version__}")
        return 0
    gc.disable()  # a run is over before its garbage would be worth the time
    from kvcalc.cli import run

    try:
        run()
    except SystemExit as exited:
        return exited.code if isinstance(exited.code, int) else 0
    return 0


def _last_words(error: BaseException) -> str:
    """A line on what nobody has foreseen; of its text nothing, which may be a file's own."""
    if isinstance(error, Unwritten):
        return f"Error: cannot write standard output: {error.strerror}"
    if isinstance(error, MemoryError):
        return "Error: there is not enough memory for this"
    trace, place = error.__traceback__, ""
    while trace:
        code = trace.tb_frame.f_code
        if (at := code.co_filename.rfind("kvcalc")) >= 0:
            place = f" in {code.co_filename[at:]}, line {trace.tb_lineno}"
        trace = trace.tb_next
    told = f"Error: kvcalc did not foresee this: {type(error).__name__}{place}"
    return f"{told}; please report it with the command and what it read"


if __name__ == "__main__":
    main()
