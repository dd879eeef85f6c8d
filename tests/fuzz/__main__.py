"""Throws inputs at every door of kvcalc and holds what comes to promises.

Example: python -m tests.fuzz                           1,000 inputs per door
         python -m tests.fuzz --inputs 100000 --seed 7  as many over all doors, from this seed
         python -m tests.fuzz --door gguf --keep found

Promised: exit codes 0, 1 and 2, no traceback, no more than a second of CPU and 300 MB, text that
does not act on a terminal, bytes that are whole numbers and do not fall as tokens come, and nothing
of a file that is no model. Exits 1 with a finding; each is kept as files, with what repeats it.
Run by hand: it is no part of the suite.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz.doors import DOORS
from tests.fuzz.hunt import Finding, Report, hunt


def main() -> None:
    """Hunt at the doors that are asked for, each in a process of its own, and tell what came."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz kvcalc.")
    parser.add_argument("--inputs", type=int, default=1_000 * len(DOORS), help="over all doors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--door", action="append", choices=list(DOORS), help="repeatable")
    parser.add_argument("--keep", type=Path, help="where findings are kept")
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.gettempdir(), "kvcalc-fuzz-findings")
    doors = asked.door or list(DOORS)
    each = -(-asked.inputs // len(doors))
    reports = [_told(_hunted(door, each, asked.seed, keep.resolve())) for door in doors]
    findings = sum(len(report.findings) for report in reports)
    inputs, peak = sum(r.inputs for r in reports), max(r.peak for r in reports)
    seconds = sum(r.seconds for r in reports)
    told = f"{inputs:,} inputs in {seconds:,.0f} s of CPU, seed {asked.seed}"
    print(f"{told}, peak {peak / 1e6:.0f} MB")
    print(f"{findings} findings, kept in {keep}" if findings else "nothing found")
    sys.exit(1 if findings else 0)


def _hunted(door: str, inputs: int, seed: int, keep: Path) -> Report:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(hunt, door, inputs, seed, keep).result()
        except BrokenProcessPool:
            report = Report(door)
            report.findings.append(Finding("the process died", "", "", seed))
            return report


def _told(report: Report) -> Report:
    codes = ", ".join(f"{code}: {count:,}" for code, count in sorted(report.codes.items()))
    about = f"{report.seconds:.0f} s of CPU, slowest {report.slowest:.2f} s"
    about += f", peak {report.peak / 1e6:.0f} MB"
    print(f"{report.door:15} {report.inputs:7,} inputs  {codes}  ({about})")
    for number, finding in enumerate(report.findings, 1):
        shown = finding.attempt.encode("ascii", "backslashreplace").decode()[:160]
        times = report.again[finding.what]
        print(f"  {report.door}-{number}: {finding.what} ({times:,} times, seed {finding.seed})")
        print(f"    {shown}")
    sys.stdout.flush()
    return report


if __name__ == "__main__":
    main()
