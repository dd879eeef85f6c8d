"""Runs one attempt in this process, with its streams caught and its time and memory watched."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import typer

import kvcalc
from kvcalc.__main__ import ErrorStream, Stream
from kvcalc.cli import app
from kvcalc.errors import KvcalcError
from tests.fuzz.attempt import Attempt, Call

SECONDS = 1.0
"""Of CPU: what takes longer is a finding."""

ENOUGH_SECONDS, WALL_SECONDS = 6.0, 20.0
"""Of CPU, and on the clock: what takes longer is stopped."""

MEMORY = 1_500_000_000
"""Of address space: what asks for more gets a MemoryError."""

_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
COMMAND = typer.main.get_command(app)
PACKAGE = str(Path(kvcalc.__file__).parent)


class Stopped(BaseException):
    """An attempt that took too long; no error that anybody should handle."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: code, text, CPU seconds, and what was raised but not foreseen.

    slow_in  where in kvcalc the time went, if it took long
    grown    how much the peak of this process's memory rose, in bytes
    """

    code: int | None
    out: str
    err: str
    seconds: float
    error: BaseException | None = None
    slow_in: str = ""
    grown: int = 0

    @property
    def place(self) -> str:
        """Where in kvcalc the error arose."""
        return _place(self.error.__traceback__) if self.error else ""

    @property
    def trace(self) -> str:
        """The last lines of the traceback."""
        lines = traceback.format_exception(self.error) if self.error else []
        return "".join([line[:500] for line in lines][-12:])


def guarded() -> None:
    """Hold this process to an amount of memory, and away from the network."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["HF_HUB_OFFLINE"] = "1"


def peak() -> int:
    """The most memory that this process has ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ran(attempt: Attempt) -> Outcome:
    """Run it in the working directory, where its files are."""
    call = attempt.call
    todo: Callable[[], int] = (lambda: _called(call)) if call else lambda: _commanded(attempt.args)
    streams, out, err = (sys.stdin, sys.stdout, sys.stderr), io.BytesIO(), io.BytesIO()
    sinks = Stream(out, **_TEXT), ErrorStream(err, **_TEXT)
    code, error, before = None, None, peak()
    with _alarms() as slow:
        sys.stdin = io.TextIOWrapper(io.BytesIO(attempt.stdin), encoding="utf-8")
        sys.stdout, sys.stderr = sinks
        started = time.process_time()
        try:
            code = todo()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            error = raised
        seconds = time.process_time() - started
        sys.stdin, sys.stdout, sys.stderr = streams
    for sink in sinks:
        sink.flush()
    said, told = (written.getvalue().decode(errors="replace") for written in (out, err))
    return Outcome(code, said, told, seconds, error, "".join(slow[:1]), peak() - before)


def _commanded(args: tuple[str, ...]) -> int:
    try:
        COMMAND.main(list(args), prog_name="kvcalc")
    except SystemExit as exited:
        return exited.code if isinstance(exited.code, int) else 0
    return 0


def _called(call: Call) -> int:
    try:
        print(repr(getattr(kvcalc, call.function)(*call.args, **call.options))[:2000])
    except KvcalcError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


@contextmanager
def _alarms() -> Iterator[list[str]]:
    """Note where time goes, and stop what takes too much of it."""
    places: list[str] = []

    def tick(number: int, frame: FrameType | None) -> None:
        places.append(_frame_place(frame))
        if number == signal.SIGALRM or len(places) > ENOUGH_SECONDS / SECONDS:
            raise Stopped

    signal.signal(signal.SIGPROF, tick)
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_PROF, SECONDS * 0.7, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS, SECONDS)
    try:
        yield places
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _place(trace: TracebackType | None) -> str:
    found = "outside of kvcalc"
    while trace:
        if trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
            found = _named(trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _frame_place(frame: FrameType | None) -> str:
    while frame and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return _named(frame, frame.f_lineno) if frame else "outside of kvcalc"


def _named(frame: FrameType, line: int) -> str:
    code = frame.f_code
    return f"{code.co_filename.removeprefix(PACKAGE).lstrip('/')}:{line} {code.co_name}"
