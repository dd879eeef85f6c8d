"""Hold kvcalc's `--engine llama.cpp` to what llama.cpp's library allocates.

Example: python -m tests.conformance llama.cpp --build         get the library, once
         python -m tests.conformance llama.cpp                 every bundled model
         python -m tests.conformance llama.cpp --rows FILE     headers in a file of JSON lines

Prints a line per model and setting, and the tally; exits 1 where a number or a line of the log is
not llama.cpp's, and where there is one and llama.cpp refuses.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.conformance.llama_cpp import verdict
from tests.conformance.llama_cpp.ask_kvcalc import ask
from tests.conformance.llama_cpp.ask_llama_cpp import answers
from tests.conformance.llama_cpp.cases import Case, bundled, of_rows
from tests.conformance.llama_cpp.environment import (
    CannotBuildError,
    build,
    chosen,
    libraries_in,
    unanswerable,
)
from tests.conformance.llama_cpp.settings import GRIDS
from tests.conformance.llama_cpp.verdict import Verdict, judged

COULD_NOT_RUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where kvcalc holds, 1 where it does not, 2 where there is no library."""
    asked = _parser().parse_args(arguments)
    environment = chosen(asked.environment)
    if asked.build:
        return _build(environment)
    libraries = libraries_in(environment)
    if libraries is None:
        print(f"no llama.cpp in {environment}: get it with --build", file=sys.stderr)
        return COULD_NOT_RUN
    with tempfile.TemporaryDirectory() as folder:
        if asked.rows is None:
            cases = list(bundled(GRIDS[asked.grid], asked.only))
        else:
            cases = list(of_rows(asked.rows, Path(folder), asked.only))
        tally = _tally(libraries, cases, asked.record)
    print(", ".join(f"{word} {tally[word]}" for word in verdict.WORDS))
    return 0 if tally[verdict.EQUAL] and not any(tally[word] for word in verdict.BAD) else 1


def _build(environment: Path) -> int:
    try:
        if libraries_in(environment) is None:
            build(environment)
    except CannotBuildError as error:
        print(f"llama.cpp's library cannot be got: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    print(f"llama.cpp's library is in {environment}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance llama.cpp",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=Path, help="a file of headers and settings, as JSON lines")
    parser.add_argument("--only", help="these alone of its names, separated by commas")
    parser.add_argument("--grid", choices=GRIDS, default="small", help="settings tried on each")
    parser.add_argument("--environment", type=Path, help="where llama.cpp is, or is to be")
    parser.add_argument("--build", action="store_true", help="get it")
    parser.add_argument(
        "--record",
        type=argparse.FileType("a"),
        help="add llama.cpp's answers to this file, as JSON lines",
    )
    return parser


def _tally(libraries: Path, cases: Sequence[Case], record: IO[str] | None) -> Counter[str]:
    """Print a verdict per case and setting, as they come, and count them."""
    tally: Counter[str] = Counter()
    reasons = {id(case): unanswerable(libraries, case.architecture, case.keys) for case in cases}
    for case in cases:
        if why := reasons[id(case)]:
            _told(tally, case, "", Verdict(verdict.NO_ANSWER, why))
    tried = [case for case in cases if not reasons[id(case)]]
    for case, found in zip(tried, answers(libraries, [case.job for case in tried]), strict=True):
        for setting, theirs in zip(case.settings, found, strict=True):
            _told(tally, case, str(setting), judged(theirs, ask(case.reference, setting)))
            if record is not None:
                row = {"model": case.name, "arch": case.architecture, "hparams": case.keys}
                said = {**row, "settings": setting.as_asked(), **theirs}
                print(json.dumps(said), file=record, flush=True)
    return tally


def _told(tally: Counter[str], case: Case, setting: str, found: Verdict) -> None:
    tally[found.word] += 1
    detail = found.detail.replace(case.reference, case.name)
    print(f"{found.word:17} {case.name:26} {setting:40} {detail}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
