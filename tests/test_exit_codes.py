"""Exit codes are 0, 1, 2 and 130, whatever is closed, full, unforeseen or interrupted."""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import kvcalc
from kvcalc import catalog
from kvcalc.__main__ import main
from tests.conftest import PROGRAM, TIMEOUT, environment

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

REFUTED = """\
{ name: S, heads: 8, head_dim: 64, layers: 2, dtype: bf16,
  attention: { kind: gqa, kv_heads: 2 }, expect: { mha/gqa: 5x } }
"""


CLOSED = ">&- 2>&- <&-"


class Row(NamedTuple):
    """A command, and its exit code while nothing is in its way."""

    args: tuple[str, ...]
    code: int
    answers: bool = True


COMMANDS = (
    Row(("show", "llama-3.1-8b"), 0),
    Row(("show", "nosuch"), 2, answers=False),
    Row(("compare", "llama-3.1-8b"), 0),
    Row(("fit", "llama-3.1-8b", "--memory", "40GiB"), 0),
    Row(("fit", "llama-3.1-8b", "--memory", "4GiB"), 1),
    Row(("check", "deepseek-v3.yaml"), 0),
    Row(("check", "REFUTED"), 1),
    Row(("list",), 0),
    Row(("import", "llama-3.1-8b"), 0),
    Row(("import", "llama-3.1-8b", "--diff", "llama-3.2-1b"), 1),
    Row(("diff", "llama-3.1-8b", "llama-3.2-1b"), 1),
    Row(("schema", "model"), 0),
    Row(("help", "show"), 0),
    Row(("--version",), 0),
    Row(("nosuch",), 2, answers=False),
)
SHOWN = COMMANDS[:2]

CASES = (
    *((row, streams) for row in COMMANDS for streams in (">/dev/full", "2>/dev/full", CLOSED)),
    *((row, streams) for row in SHOWN for streams in (">&-", "2>&-", "<&-", "| true")),
    (COMMANDS[4], "| true"),
)


def ran(args: tuple[str, ...], streams: str, *, stdin: str = "</dev/null") -> tuple[int, str]:
    """The program's exit code and what it said on standard error, with its streams as a shell's."""
    script = f'"$@" {stdin} {streams}'
    if streams.startswith("|"):
        script = f'set -o pipefail; "$@" {stdin} {streams}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *PROGRAM, *args],
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("row", "streams"), CASES, ids=[f"{' '.join(row.args)} {streams}" for row, streams in CASES]
)
def test_what_is_closed_or_full_changes_no_code_but_to_2(
    row: Row, streams: str, model_file: ModelFile
) -> None:
    args = tuple(model_file(REFUTED) if arg == "REFUTED" else arg for arg in row.args)
    code, said = ran(args, streams)
    full = streams == ">/dev/full" and row.answers
    assert code == (2 if full else row.code), said
    assert ("cannot write standard output: No space left on device" in said) is full
    assert "Traceback" not in said
    assert "Exception ignored" not in said


@pytest.mark.parametrize(
    ("stdin", "words"),
    [("<&-", "standard input is closed"), ("</dev/null", "empty"), ("</dev/zero", "-: ")],
)
def test_standard_input_that_is_none_is_2(stdin: str, words: str) -> None:
    code, said = ran(("show", "-"), "", stdin=stdin)
    assert code == 2
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "encoding",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:surrogateescape"},
        {"PYTHONIOENCODING": "ascii:nosuch"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_a_character_that_an_encoding_lacks_is_no_reason_to_fail(
    encoding: dict[str, str], model_file: ModelFile
) -> None:
    path = model_file(REFUTED.replace("name: S", "name: Bl\u00fcte"))
    done = subprocess.run(
        [*PROGRAM, "show", path],
        capture_output=True,
        env=environment() | encoding,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(rb"Bl\xfcte: 2 layers")


@pytest.mark.parametrize("place", ["/dev/full", ".", "nosuch/a.txt", "/dev/null/a"])
@pytest.mark.parametrize("command", ["show", "compare", "import", "check"])
def test_a_file_that_cannot_be_written_is_2(command: str, place: str, cli: Cli) -> None:
    ran = cli(command, "deepseek-v3", "-o", place)
    assert (ran.code, ran.out) == (2, "")
    assert f"cannot write {place}: " in ran.err


@pytest.mark.parametrize("command", ["show", "check"])
def test_an_interrupt_is_130_and_says_no_more(command: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = subprocess.Popen(
        [*PROGRAM, command, str(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        # whoever runs the tests in the background has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with child, pipe.open("wb"):  # opens when it is being read
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=TIMEOUT)
    assert child.returncode == 130
    assert out == b""
    assert b"Traceback" not in err


Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Main]:
    """Runs the entry point in this process: its exit code, and what it wrote."""

    def run(*args: str) -> tuple[int, str, str]:
        out, err = io.BytesIO(), io.BytesIO()
        monkeypatch.setattr(sys, "argv", ["kvcalc", *args])
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8"))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8"))
        with pytest.raises(SystemExit) as exited:
            main()
        sys.stdout.flush()
        sys.stderr.flush()
        return int(str(exited.value.code)), out.getvalue().decode(), err.getvalue().decode()

    yield run
    gc.enable()  # a run of the program goes without


def raising(error: BaseException) -> Callable[..., None]:
    def raised(*args: object, **kwargs: object) -> None:
        raise error

    return raised


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError("of 51 GB"), 2, "Error: there is not enough memory for this"),
        (RecursionError("of hunter2"), 2, "Error: kvcalc did not foresee this: RecursionError"),
        (ValueError("hunter2"), 2, "Error: kvcalc did not foresee this: ValueError"),
        (SystemError("hunter2"), 2, "Error: kvcalc did not foresee this: SystemError"),
        (GeneratorExit(), 2, "Error: kvcalc did not foresee this: GeneratorExit"),
        (OSError(5, "hunter2"), 2, "Error: kvcalc did not foresee this: OSError"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_nobody_foresaw_is_one_line_without_its_text(
    error: BaseException, code: int, said: str, program: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvcalc, "show", raising(error))
    ended, out, err = program("show", "llama-3.1-8b")
    assert (ended, out) == (code, "")
    assert err.strip().startswith(said)
    assert err.strip().count("\n") == 0
    assert "hunter2" not in err
    assert "51 GB" not in err


def test_its_place_is_told_and_a_report_asked_for(
    program: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "load_all", None)
    code, _, err = program("show", "llama-3.1-8b")
    assert code == 2
    assert re.search(r"TypeError in kvcalc/references\.py, line \d+; please report it", err)
    assert "NoneType" not in err


def test_what_acts_on_a_terminal_is_an_escape_on_standard_error(program: Main) -> None:
    code, _, err = program("show", "--\x1b[31m\u202e")
    assert code == 2
    assert "\x1b" not in err
    assert r"\x1b[31m\u202e" in err


def test_a_stream_that_is_no_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "argv", ["kvcalc", "--version"])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as exited:
        main()
    assert (exited.value.code, err.getvalue()) == (0, "")
    assert out.getvalue() == f"kvcalc {kvcalc.__version__}\n"
