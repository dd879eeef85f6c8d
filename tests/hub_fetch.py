"""Calls the hub as a source: the real client, in a process of its own, against a hub of ours.

The client reads its variables as it is imported, so each call is a program with its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from tests.hub_server import Hub, running

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """\
import json, sys
from pathlib import Path
from kvcalc.errors import InputError
from kvcalc.importers.hub import fetch

try:
    found = fetch(sys.argv[1])
except InputError as error:
    told = {"problems": [[p.message, p.hint, p.file] for p in error.problems]}
else:
    told = {
        "config": json.loads(found.path.read_bytes()),
        "weight_bytes": found.weight_bytes,
        "quantized": found.quantized,
        "name": found.name,
        "source": found.source,
        "notes": found.notes,
    }
Path(sys.argv[2]).write_text(json.dumps(told))
"""
WITHOUT_CLIENT = f"import sys\nsys.modules['huggingface_hub'] = None\n{PROGRAM}"
LLAMA = {"model_type": "llama", "num_hidden_layers": 2}
NOBODY = "http://127.0.0.1:9"
"""Port 9 is reserved for a service that no machine runs."""


class Told(NamedTuple):
    """What a call of `fetch` came to: what was found, or the one problem."""

    config: object = None
    weight_bytes: int | None = None
    name: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    quantized: object = None
    message: str = ""
    hint: str = ""


class Fetch(Protocol):
    """Calls `fetch` in a process with these variables, and sees that it writes nothing."""

    def __call__(self, reference: str, program: str = PROGRAM, **env: str) -> Told: ...


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as server:
        yield server


@pytest.fixture
def fetch(hub: Hub, tmp_path: Path) -> Fetch:
    def run(reference: str, program: str = PROGRAM, **env: str) -> Told:
        ours = ("HF_", "HUGGING", "TRANSFORMERS_", "XDG_")
        outside = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and not name.lower().endswith("_proxy")
        }
        settings = {
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_ETAG_TIMEOUT": "2",
            "TQDM_POSITION": "-1",  # the client shows its bars then, though on no terminal
        }
        answer = tmp_path / "answer.json"
        done = subprocess.run(
            [sys.executable, "-c", program, reference, str(answer)],
            env={**outside, **settings, **env},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.stderr) == (b"", b"")
        return told(json.loads(answer.read_text()), reference)

    return run


def told(answer: dict[str, object], reference: str) -> Told:
    if "problems" not in answer:
        notes = answer.pop("notes")
        assert isinstance(notes, list)
        return Told(**answer, notes=tuple(notes))  # type: ignore[arg-type]
    problems = answer["problems"]
    assert isinstance(problems, list)
    [[message, hint, file]] = problems
    assert file == reference
    return Told(message=message, hint=hint)


def index(size: object) -> dict[str, object]:
    return {"metadata": {"total_size": size}, "weight_map": {"a": "model-00001-of-00001"}}


def kvcalc_of(
    hub: Hub, home: Path, *arguments: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """kvcalc in a process of its own, with this hub and an empty cache."""
    outside = {n: v for n, v in os.environ.items() if not n.startswith(("HF_", "HUGGING"))}
    settings = {
        "HF_HOME": str(home),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_ETAG_TIMEOUT": "2",
    }
    return subprocess.run(
        [sys.executable, "-m", "kvcalc", *arguments],
        env={**outside, **settings, **env},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
