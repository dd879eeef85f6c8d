"""Hold kvcalc's `--engine vllm` against what vLLM's own planner says.

Example: python -m tests.conformance vllm --build         make vLLM's environment, once
         python -m tests.conformance vllm                 twenty configurations, one per kind
         python -m tests.conformance vllm FOLDER          every configuration in a folder

Prints a line per configuration and setting, and the tally; exits 1 where a number is not vLLM's,
where there is one and vLLM refuses, and where one of the twenty is not held to a number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import IO, Any

from tests.conformance.vllm import verdict
from tests.conformance.vllm.additions import completed
from tests.conformance.vllm.ask_kvcalc import ask
from tests.conformance.vllm.ask_vllm import PlannerError, plans
from tests.conformance.vllm.environment import build, chosen, is_built
from tests.conformance.vllm.planner.gpus import GPUS
from tests.conformance.vllm.settings import GRIDS, Setting
from tests.conformance.vllm.verdict import Verdict, judged

SAMPLE = Path(__file__).with_name("sample.json")
"""A configuration for each way in which vLLM sizes a cache, with no more than both need."""

CONTEXT_OF_A_REFUSAL = 1_024
"""What kvcalc is asked where vLLM names no context: one that every model has."""

COULD_NOT_RUN = 2

Named = tuple[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where kvcalc holds, 1 where it does not, 2 where vLLM could not be asked."""
    asked = _parser().parse_args(arguments)
    environment = chosen(asked.environment)
    if asked.build:
        return _build(environment)
    if not is_built(environment):
        print(f"no vLLM in {environment}: make it with --build", file=sys.stderr)
        return COULD_NOT_RUN
    configs = _configs(asked.folder, asked.only)
    try:
        tally = _tally(environment, asked.gpu, configs, GRIDS[asked.grid], asked.record)
    except PlannerError as error:
        print(f"vLLM's planner ended early:\n{error}", file=sys.stderr)
        return COULD_NOT_RUN
    print(", ".join(f"{word} {tally[word]}" for word in verdict.WORDS))
    held = tally[verdict.EQUAL] and not any(tally[word] for word in verdict.BAD)
    if asked.folder is None:
        held = held and tally.total() == sum(tally[word] for word in verdict.GOOD)
    return 0 if held else 1


def _build(environment: Path) -> int:
    try:
        if not is_built(environment):
            build(environment)
    except subprocess.CalledProcessError as error:
        print(f"vLLM's environment cannot be made: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    print(f"vLLM's environment is in {environment}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance vllm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of config.json files")
    parser.add_argument("--only", help="these alone of its names, separated by commas")
    parser.add_argument("--grid", choices=GRIDS, default="small", help="settings tried on each")
    parser.add_argument("--gpu", choices=GPUS, default="h100", help="what vLLM is told it runs on")
    parser.add_argument("--environment", type=Path, help="where vLLM is, or is to be")
    parser.add_argument("--build", action="store_true", help="make that environment")
    parser.add_argument(
        "--record",
        type=argparse.FileType("a"),
        help="add vLLM's answers to this file, as JSON lines",
    )
    return parser


def _configs(folder: Path | None, only: str | None) -> list[Named]:
    """The sample, or the configurations in a folder, or in folders of models in it."""
    if folder is None:
        named = list(json.loads(SAMPLE.read_text(encoding="utf-8")).items())
    else:
        named = list(_in(folder))
    return [(name, config) for name, config in named if not only or name in only.split(",")]


def _in(folder: Path) -> Iterator[Named]:
    for file in sorted((*folder.glob("*.json"), *folder.glob("*/config.json"))):
        config = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(config, dict) and "models" not in config:
            yield file.stem if file.parent == folder else file.parent.name, config


def _tally(
    environment: Path,
    gpu: str,
    configs: list[Named],
    settings: Sequence[Setting],
    record: IO[str] | None,
) -> Counter[str]:
    """Print a verdict per configuration and setting, as they come, and count them."""
    tally: Counter[str] = Counter()
    served = [(name, completed(config)) for name, config in configs]
    answers = plans(environment, gpu, served, settings)
    with tempfile.TemporaryDirectory() as folder:
        for ((name, config), setting), theirs in zip(
            product(configs, settings), answers, strict=True
        ):
            path = Path(folder) / name / "config.json"  # kvcalc calls a model by its folder
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(config), encoding="utf-8")
            found = _verdict(path, gpu, setting, theirs)
            tally[found.word] += 1
            detail = found.detail.replace(str(path), name)
            print(f"{found.word:17} {name:26} {setting!s:40} {detail}".rstrip(), flush=True)
            if record is not None:
                row = {"gpu": gpu, "setting": setting.as_asked(), **theirs}
                print(json.dumps(row), file=record, flush=True)
    return tally


def _verdict(path: Path, gpu: str, setting: Setting, theirs: dict[str, Any]) -> Verdict:
    if "failed" in theirs:
        return Verdict(verdict.NO_PLAN, theirs["failed"])
    plan = theirs.get("plan", {})
    context = plan.get("resolved", {}).get("max_model_len") or setting.context
    memory = plan.get("memory_gib", setting.memory_gib)
    return judged(theirs, ask(path, gpu, setting, context or CONTEXT_OF_A_REFUSAL, memory))


if __name__ == "__main__":
    sys.exit(main())
