"""Ways to run kvcalc: in this process, as a program of its own, on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pytest
from typer.testing import CliRunner

from kvcalc.cli import app
from tests.hub_fetch import fetch, hub

__all__ = ["fetch", "hub"]

PROGRAM = [sys.executable, "-m", "kvcalc"]
TIMEOUT = 60
Stream = Literal["stdin", "stdout", "stderr"]


@dataclass(frozen=True)
class Ran:
    """What a run left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


class Cli(Protocol):
    """Runs the command line in this process."""

    def __call__(self, *args: str, stdin: str | None = None) -> Ran: ...


class Process(Protocol):
    """Runs the program; a stream named in `closed` is a pipe that nobody reads."""

    def __call__(
        self,
        *args: str,
        stdin: bytes = b"",
        cwd: Path | None = None,
        closed: Stream | None = None,
        **env: str,
    ) -> Ran: ...


class Terminal(Protocol):
    """Runs the program with the streams of `on` on a terminal; `out` has what that shows.

    The terminal has so many columns, or does not say how many: 0.
    """

    def __call__(
        self, *args: str, on: tuple[Stream, ...] = ("stdout",), columns: int = 0, **env: str
    ) -> Ran: ...


class ModelFile(Protocol):
    """Writes a file into the test's own folder and returns its path."""

    def __call__(self, content: str | bytes, name: str = "model.yaml") -> str: ...


def environment(**extra: str) -> dict[str, str]:
    """The environment without what changes how text looks, and with what the test sets."""
    looks = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"}
    kept = {name: value for name, value in os.environ.items() if name not in looks}
    return {**kept, "TERM": "xterm-256color", **extra}


@pytest.fixture(scope="session")
def cli() -> Cli:
    def run(*args: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, list(args), input=stdin, prog_name="kvcalc")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def process() -> Process:
    def run(
        *args: str,
        stdin: bytes = b"",
        cwd: Path | None = None,
        closed: Stream | None = None,
        **env: str,
    ) -> Ran:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(
                [*PROGRAM, *args],
                input=stdin,
                stdout=writer if closed == "stdout" else subprocess.PIPE,
                stderr=writer if closed == "stderr" else subprocess.PIPE,
                cwd=cwd,
                env=environment(**env),
                timeout=TIMEOUT,
                check=False,
            )
        finally:
            os.close(writer)
        return Ran(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())

    return run


@pytest.fixture
def terminal() -> Terminal:
    def run(*args: str, on: tuple[Stream, ...] = ("stdout",), columns: int = 0, **env: str) -> Ran:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        with subprocess.Popen(
            [*PROGRAM, *args],
            stdin=theirs if "stdin" in on else subprocess.DEVNULL,
            stdout=theirs if "stdout" in on else subprocess.PIPE,
            stderr=theirs if "stderr" in on else subprocess.PIPE,
            env=environment(**env),
        ) as child:
            os.close(theirs)
            shown = b"".join(iter(lambda: _shown(ours), b""))
            out, err = child.communicate(timeout=TIMEOUT)
        os.close(ours)
        return Ran(child.returncode, (shown + (out or b"")).decode(), (err or b"").decode())

    return run


def _shown(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side has closed it
        return b""


@pytest.fixture
def model_file(tmp_path: Path) -> ModelFile:
    def write(content: str | bytes, name: str = "model.yaml") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write
