"""vLLM's planner as a process: a job a line on standard input, an answer a line on standard output.

Run by the Python that has vLLM:  python -m tests.conformance.vllm.planner --gpu h100

A job is {"name": ..., "config": {...}, "settings": [...]}: a config.json and what to ask of it.
Each setting gets an answer with the name, its place in the list, and one of these:
  plan     what vLLM plans
  refused  why vLLM does not serve it
  failed   why no plan came out that is not vLLM's refusal: a crash, or the time was up

A job runs in a process of its own, so that nothing one model leaves behind reaches the next.

All that is not vLLM's own, none of which computes the size of a cache:
  1 hollow packages that need a GPU to be imported          hollow.py
  2 what the hollow Triton and FlashInfer say of themselves  hollow.py
  3 the driver's library: eight GPUs of the kind asked for   machine.py
  4 torch.cuda and torch.accelerator, which agree with it    machine.py
  5 compiled operators: looked up, never run                 machine.py
  6 parallel groups: sizes and ranks, nothing is sent        ranks.py
  7 tensors on the meta device: shapes without memory        ranks.py
  8 model classes looked at in this process                  engine.py
  9 the workers: each builds its stage, and has the memory   engine.py
 10 configuration classes that checkpoints bring themselves  checkpoints.py
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tests.conformance.vllm.planner.gpus import GPUS

LONGEST = 120
"""Seconds that one plan may take."""

REFUSALS = ("ValueError", "ValidationError", "NotImplementedError", "AssertionError")
"""How vLLM says no. Anything else is a fault, of vLLM or of what stands in for the GPU."""

TOO_LITTLE = ("Unrecognized model in", "No model architectures are specified")
"""What it says where a file does not tell which model it is of: that is no refusal of a model."""

FRAMES = 2


def main() -> None:
    """Answer jobs until there are no more."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.vllm.planner")
    parser.add_argument("--gpu", choices=GPUS, default="h100")
    gpu = parser.parse_args().gpu
    with _own_output() as answers:
        _prepare(gpu)
        for line in sys.stdin:
            for answer in _in_a_child(json.loads(line)):
                print(json.dumps(answer), file=answers, flush=True)


@contextlib.contextmanager
def _own_output() -> Iterator[IO[str]]:
    """Standard output for answers alone: whatever vLLM prints goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        yield answers


def _prepare(gpu: str) -> None:
    """Install the stubs, then import what every plan needs, once for all children."""
    from tests.conformance.vllm.planner import hollow, machine

    hollow.hollow_packages()
    machine.describe(GPUS[gpu])
    hollow.complete_packages(lambda number, size: -(-number // size))
    from tests.conformance.vllm.planner import checkpoints, ranks

    ranks.share_a_machine()
    checkpoints.register()
    for name in ("tests.conformance.vllm.planner.engine", "vllm.model_executor.models.llama"):
        importlib.import_module(name)


def _in_a_child(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answers to a job, in order, also where the process that works on it dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            _work(job, pipe)
        os._exit(0)
    os.close(writing)
    answered = 0
    with os.fdopen(reading, encoding="utf-8") as pipe:
        for line in pipe:
            answered += 1
            yield json.loads(line)
    _, status = os.waitpid(child, 0)
    for place in range(answered, len(job["settings"])):
        yield {
            "name": job["name"],
            "place": place,
            "failed": f"its process ended early, with status {status}",
        }


def _work(job: dict[str, Any], pipe: IO[str]) -> None:
    from tests.conformance.vllm.planner.engine import plan

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(job["config"]), encoding="utf-8")
        for place, setting in enumerate(job["settings"]):
            signal.alarm(LONGEST)
            try:
                answer: dict[str, Any] = {"plan": plan(folder, setting)}
            except Exception as error:
                kind = "refused" if _refuses(error) else "failed"
                answer = {kind: _said(error, folder)}
            answer |= {"name": job["name"], "place": place}
            print(json.dumps(answer), file=pipe, flush=True)
        signal.alarm(0)


def _refuses(error: Exception) -> bool:
    unread = any(words in str(error) for words in TOO_LITTLE)
    return type(error).__name__ in REFUSALS and not unread


def _said(error: Exception, folder: str) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".replace(folder, "MODEL").split())
    text = text.partition(" [type=")[0]  # pydantic goes on with the whole input
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{text[:400]} (at {places})"


if __name__ == "__main__":
    main()
