"""Asking kvcalc what llama.cpp allocates, as a user does: its command line, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from typer.testing import CliRunner

from kvcalc.cli import app
from tests.conformance.llama_cpp.settings import Setting

REFUSED = 2
"""The exit code of a question that has no answer."""


@dataclass(frozen=True)
class Answer:
    """What kvcalc says; `refused` or `crashed` tells why it says nothing.

    log  the lines that llama.cpp prints of the memory it takes
    """

    reserved: int | None = None
    log: list[str] = field(default_factory=list)
    refused: str = ""
    crashed: str = ""


def ask(model: str, setting: Setting) -> Answer:
    """What is reserved for a model, by its name or the path of its file, and what is printed."""
    answer = _shown(model, setting)
    if not setting.mtp or answer.reserved is None:
        return answer
    # kvcalc tells of both contexts, the library of the one of MTP layers: what comes on top
    trunk = _shown(model, replace(setting, mtp=False))
    assert trunk.reserved is not None
    return Answer(answer.reserved - trunk.reserved, answer.log[len(trunk.log) :])


def _shown(model: str, setting: Setting) -> Answer:
    arguments = ["show", model, "--engine", "llama.cpp", *setting.arguments(), "--json"]
    done = CliRunner().invoke(app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return Answer(crashed=repr(done.exception))
    if done.exit_code == REFUSED:
        return Answer(refused=" ".join(done.stderr.split()))
    document = json.loads(done.stdout)
    return Answer(document["reserved_bytes"], document["engine_report"]["log"])
