"""Asking llama.cpp, each header in a process of its own: a failed assertion takes that alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[3]

AT_ONCE = 2
PATIENCE_SECONDS = 300

Job = tuple[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""An architecture, the keys of a header without it before them, and llama.cpp's settings."""


def answers(folder: Path, jobs: Sequence[Job]) -> Iterator[list[dict[str, Any]]]:
    """An answer for each setting of each job, in order."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield from threads.map(lambda job: ask(folder, job), jobs)


def ask(folder: Path, job: Job) -> list[dict[str, Any]]:
    """The answers of one job; where the process ends early, one says so and the rest are asked."""
    architecture, keys, settings = job
    found: list[dict[str, Any]] = []
    while len(found) < len(settings):
        wanted = [dict(setting) for setting in settings[len(found) :]]
        asked = {"architecture": architecture, "keys": dict(keys), "settings": wanted}
        done = _run(folder, json.dumps(asked))
        said = [json.loads(line) for line in done.stdout.splitlines()]
        found += said if len(said) == len(wanted) else [*said, _ended(done)]
    return found


def _run(folder: Path, job: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance.llama_cpp.library", str(folder)],
        input=job + "\n",
        cwd=CHECKOUT,
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), "GGML_NO_BACKTRACE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def _ended(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told = done.stderr.strip().splitlines()
    last = told[-1] if told else "without a word"
    return {"failed": f"exit {done.returncode}: {last}"}
