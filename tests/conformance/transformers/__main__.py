"""Hold kvcalc's `--engine transformers` against the caches that transformers builds.

Example: python -m tests.conformance                  every causal-LM class default
         python -m tests.conformance --sample         twenty of them, one per kind of cache
         python -m tests.conformance FOLDER           every configuration in a folder

Prints a line per configuration, the refusals of a folder by cause, and the tally; exits 1 where a
number is wrong, where one of the sample is not exact, or where more than a twentieth of a folder
is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

import kvcalc
from kvcalc.errors import InputError, KvcalcError
from tests.conformance.transformers.cases import class_defaults, folder, with_fields
from tests.conformance.transformers.causes import by_cause
from tests.conformance.transformers.oracle import NotMeasurableError, Oracle, quiet

CONTEXTS = (1_000, 1_003, 5_000)

MOST_REFUSED = 0.05
"""The part of a folder of published configurations that may be refused."""

SAMPLE = (
    *("llama", "qwen2", "gemma2", "gemma3_text", "gemma4_text", "mistral", "llama4_text", "falcon"),
    *("gpt2", "bart", "deepseek_v3", "deepseek_v32", "deepseek_v4", "glm_moe_dsa", "kimi_linear"),
    *("qwen3_next", "mamba2", "lfm2", "falcon_h1", "mimo_v2_flash"),
)
"""One family for each kind of cache that transformers has."""


@dataclass(frozen=True)
class Outcome:
    """What came of one configuration: exact, wrong, refused, read (nothing to hold it to).

    problems  what it was refused for
    """

    name: str
    verdict: str
    detail: str = ""
    problems: tuple[str, ...] = ()


def outcome(name: str, data: dict[str, Any], config: PreTrainedConfig | str) -> Outcome:
    """Compare kvcalc with transformers at every context."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "config.json"
        path.write_text(json.dumps(data), encoding="utf-8")
        try:
            model = kvcalc.load(str(path))
        except KvcalcError as error:
            measured = "" if isinstance(config, str) else _measurable(config)
            return Outcome(name, "refused", f"{_first(error, path)}{measured}", _problems(error))
    if isinstance(config, str):
        return Outcome(name, "read", config)
    differences: list[str] = []
    try:
        oracle = Oracle(config)
        for context in CONTEXTS:
            differences += _difference(model, oracle, context)
    except NotMeasurableError as error:
        if not differences:
            return Outcome(name, "read", str(error))
    except KvcalcError as error:
        return Outcome(name, "refused", str(error))
    return Outcome(name, "wrong" if differences else "exact", "; ".join(differences))


def _difference(model: kvcalc.Model, oracle: Oracle, context: int) -> list[str]:
    kept = oracle.measure(context)
    answer = kvcalc.show(
        model, context, kv_dtype="bf16", engine="transformers", source_length=oracle.source
    )
    if answer.reserved == kept:
        return []
    return [f"at {context:,} transformers keeps {kept:,} B, kvcalc says {answer.reserved:,} B"]


def _measurable(config: PreTrainedConfig) -> str:
    """Whether a refusal could have been held to a number."""
    try:
        Oracle(config).measure(CONTEXTS[0])
    except NotMeasurableError as error:
        return f" (transformers: {error})"
    return " (transformers measures it)"


def _first(error: KvcalcError, path: Path) -> str:
    return str(error).splitlines()[0].replace(f"{path}:", "").strip()


def _problems(error: KvcalcError) -> tuple[str, ...]:
    if isinstance(error, InputError):
        return tuple(problem.message for problem in error.problems)
    return (str(error),)


def _outcomes(arguments: argparse.Namespace) -> Iterator[Outcome]:
    if arguments.folder is not None:
        for name, data, config in folder(arguments.folder):
            yield outcome(name, data, config)
        return
    names = arguments.families.split(",") if arguments.families else None
    if arguments.fields:
        for name, data, config in with_fields(arguments.fields, names):
            yield outcome(name, data, config)
        return
    for name, config in class_defaults(list(SAMPLE) if arguments.sample else names):
        if isinstance(config, str):
            yield Outcome(name, "none", config)
        else:
            yield outcome(name, json.loads(config.to_json_string(use_diff=False)), config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per configuration, why some were refused, the tally; 1 where one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of config.json files")
    parser.add_argument("--sample", action="store_true", help="twenty families")
    parser.add_argument("--families", help="these alone, separated by commas")
    parser.add_argument(
        "--fields",
        type=json.loads,
        help='every class with these: \'{"use_sliding_window": false, "sliding_window": 64}\'',
    )
    quiet()
    asked = parser.parse_args(arguments)
    tally: Counter[str] = Counter()
    refusals: list[tuple[str, ...]] = []
    for found in _outcomes(asked):
        tally[found.verdict] += 1
        refusals += [found.problems] if found.verdict == "refused" else []
        print(f"{found.verdict:8} {found.name:28} {found.detail}".rstrip(), flush=True)
    for line in by_cause(refusals) if asked.folder else ():
        print(line)
    words = ("exact", "read", "refused", "wrong", "none")
    print(", ".join(f"{word} {tally[word]}" for word in words))
    if asked.sample:
        return 0 if tally["exact"] == tally.total() else 1
    refused = MOST_REFUSED * tally.total() if asked.folder else tally.total()
    return 1 if tally["wrong"] or not tally["exact"] or tally["refused"] > refused else 0


if __name__ == "__main__":
    sys.exit(main())
