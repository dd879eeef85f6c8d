"""Asking kvcalc what vLLM sets aside, as a user does: through its command line, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from kvcalc.cli import app
from tests.conformance.vllm.settings import Setting, Value

REFUSED = 2
"""The exit code of a question that has no answer."""


@dataclass(frozen=True)
class Answer:
    """What kvcalc says; `refused` or `crashed` tells why it says nothing.

    log  the lines that a server prints when it has divided its memory
    """

    reserved: int | None = None
    tokens: int | None = None
    concurrency: float | None = None
    log: list[str] = field(default_factory=list)
    refused: str = ""
    crashed: str = ""


class _NoAnswerError(Exception):
    """Why a command printed no document: carried to the one place that makes an Answer of it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.refused or answer.crashed)
        self.answer = answer


def ask(config: Path, gpu: str, setting: Setting, context: int, memory_gib: int) -> Answer:
    """The reservation and both log numbers of one configuration and setting."""
    arguments = [str(config), *_arguments(gpu, setting, context)]
    try:
        shown = _document("show", *arguments)
        fitted = _document("fit", *arguments, "--memory", f"{memory_gib}GiB")
    except _NoAnswerError as error:
        return error.answer
    report = fitted["rows"][0]["engine_report"]
    log = report["log"]
    return Answer(
        shown["reserved_bytes"],
        report["capacity_tokens"],
        report["concurrency"],
        log if isinstance(log, list) else str(log).splitlines(),
    )


def _arguments(gpu: str, setting: Setting, context: int) -> list[str]:
    given = ["--engine", "vllm", "-c", str(context), "-E", f"gpu={gpu}"]
    for name in ("tp", "pp", "dcp"):
        size = getattr(setting, name)
        given += [f"--{name}", str(size)] if size > 1 else []
    given += ["--kv-dtype", setting.kv_dtype] if setting.kv_dtype != "auto" else []
    given += ["--mtp"] if "num_speculative_tokens" in setting.options else []
    for name, value in setting.options.items():
        given += ["-E", f"{name}={_spelt(value)}"]
    return given


def _spelt(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise _NoAnswerError(Answer(crashed=repr(done.exception)))
    if done.exit_code == REFUSED:
        raise _NoAnswerError(Answer(refused=" ".join(done.stderr.split())))
    return json.loads(done.stdout)
