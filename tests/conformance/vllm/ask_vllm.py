"""Asking vLLM's planner, in a process run by the Python that has vLLM."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.vllm.environment import python_of
from tests.conformance.vllm.settings import Setting

CHECKOUT = Path(__file__).parents[3]

LAST_WORDS = 2_000
"""Characters of what a planner wrote last, where it ended before its work."""


class PlannerError(Exception):
    """The planner ended before it had answered everything."""


def plans(
    environment: Path,
    gpu: str,
    configs: Sequence[tuple[str, dict[str, Any]]],
    settings: Sequence[Setting],
) -> Iterator[dict[str, Any]]:
    """An answer for each configuration and each setting, in order, as it comes.

    configs  a name and the contents of a config.json
    Raises PlannerError.
    """
    asked = [setting.as_asked() for setting in settings]
    with tempfile.TemporaryFile("w+") as jobs, tempfile.TemporaryFile("w+") as said:
        for name, config in configs:
            print(json.dumps({"name": name, "config": config, "settings": asked}), file=jobs)
        jobs.seek(0)
        planner = subprocess.Popen(
            [python_of(environment), "-m", "tests.conformance.vllm.planner", "--gpu", gpu],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "VLLM_CACHE_ROOT": str(environment / "cache"),
            },
            stdin=jobs,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        answered = 0
        with planner:
            assert planner.stdout is not None
            for line in planner.stdout:
                answered += 1
                yield json.loads(line)
        if answered < len(configs) * len(asked):
            said.seek(0)
            raise PlannerError(said.read()[-LAST_WORDS:])
