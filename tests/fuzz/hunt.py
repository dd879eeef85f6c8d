"""Draws the inputs of a door, runs them, and keeps the smallest input of each finding."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky, HypothesisWarning, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from tests.fuzz.attempt import SECRET, Attempt, emptied
from tests.fuzz.doors import DOORS
from tests.fuzz.promises import broken, is_steady
from tests.fuzz.running import Outcome, guarded, peak, ran

ROUND = 1_000
"""Inputs that are drawn from one seed: the next round has the next seed."""

PEAK = 300_000_000
"""Bytes of memory that no door may take, this fuzzer's own among them."""

MOST_ROUNDS = 4
"""Times as many rounds as would do, where a door has not so many inputs."""


@dataclass(frozen=True)
class Finding:
    """An input that broke a promise, or raised what nobody foresaw."""

    what: str
    attempt: str
    detail: str
    seed: int


@dataclass
class Report:
    """What came of the inputs of a door.

    codes    how many ended with which exit code, or with what error
    slowest  CPU seconds of the slowest input
    seconds  of CPU for everything, drawing among it
    peak     bytes of memory, of this fuzzer too
    again    how often a promise was broken
    """

    door: str
    inputs: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    peak: int = 0
    findings: list[Finding] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)


class _Found(Exception):
    """Tells hypothesis that an input is one to be made smaller."""


class Hunt:
    """A door's inputs, round by round."""

    def __init__(self, door: str, drawn: SearchStrategy[Attempt], folder: Path, keep: Path) -> None:
        self.door, self.drawn, self.folder, self.keep = door, drawn, folder, keep
        self.report = Report(door)
        self.smallest: dict[str, tuple[Attempt, Outcome]] = {}

    def run(self, inputs: int, first_seed: int) -> Report:
        """Draw so many inputs, or as many as there are."""
        for number in range(MOST_ROUNDS * (inputs // ROUND + 1)):
            left = inputs - self.report.inputs
            if left <= 0:
                break
            self._round(min(left, ROUND), first_seed + number)
        self.report.peak, self.report.seconds = peak(), time.process_time()
        return self.report

    def _round(self, inputs: int, number: int) -> None:
        """A round goes on with a new draw where a finding has ended the one before."""
        end, draw = self.report.inputs + inputs, 0
        while (left := end - self.report.inputs) > 0 and draw < 20:
            before = self.report.inputs
            self._draw(left, number + 1_000_000 * draw)
            draw += 1
            if self.report.inputs == before:
                break

    def _draw(self, inputs: int, number: int) -> None:
        goal: list[str] = []

        def one(attempt: Attempt) -> None:
            outcome, wrong = self._tried(attempt, count=not goal)
            new = [what for what in wrong if what not in self._known()]
            for what in new:
                self.smallest[what] = (attempt, outcome)
            steady = [what for what in new if is_steady(what)]
            goal.extend(steady[:1] if not goal else ())
            if goal and goal[0] in wrong:
                self.smallest[goal[0]] = (attempt, outcome)
                raise _Found

        with contextlib.suppress(_Found, Flaky, Unsatisfiable):
            self._hypothesis(one, inputs, number)
        for what in list(self.smallest):
            self._keep(what, number)

    def _hypothesis(self, one: Callable[[Attempt], None], inputs: int, number: int) -> None:
        ways = settings(
            max_examples=inputs,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(ways(given(self.drawn)(one)))()

    def _tried(self, attempt: Attempt, count: bool) -> tuple[Outcome, list[str]]:
        emptied(self.folder)
        attempt.write_into(self.folder)
        outcome = ran(attempt)
        wrong = broken(attempt, outcome)
        if count:
            report, error = self.report, outcome.error
            report.inputs += 1
            report.codes[type(error).__name__ if error else f"exit {outcome.code}"] += 1
            report.slowest = max(report.slowest, outcome.seconds)
            report.again.update(wrong)
        return outcome, wrong

    def _known(self) -> set[str]:
        return {finding.what for finding in self.report.findings} | set(self.smallest)

    def _keep(self, what: str, number: int) -> None:
        attempt, outcome = self.smallest.pop(what)
        said = outcome.trace or (outcome.err or outcome.out)[:1_000]
        finding = Finding(what, str(attempt), said, number)
        self.report.findings.append(finding)
        told = f"{what}\ndoor {self.door}, seed {number}, {outcome.seconds:.2f} s of CPU\n\n{said}"
        attempt.keep(self.keep / f"{self.door}-{len(self.report.findings)}", told)


def hunt(door: str, inputs: int, first: int, keep: Path) -> Report:
    """Hunt at a door, in a scratch folder beside which a secret lies."""
    guarded()
    warnings.simplefilter("ignore", HypothesisWarning)  # the strategies have long names
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="kvcalc-fuzz-", dir=shared) as scratch:
        outside, folder = Path(scratch, "outside"), Path(scratch, "work")
        for made in (outside, folder):
            made.mkdir()
        (outside / "token").write_text(f"{SECRET}\n", encoding="utf-8")
        (outside / "env.yaml").write_text(f"token: {SECRET}\n", encoding="utf-8")
        here = os.getcwd()
        os.chdir(folder)
        try:
            report = Hunt(door, DOORS[door](), folder, keep).run(inputs, first)
        finally:
            os.chdir(here)
    if report.peak > PEAK:
        report.findings.append(Finding(f"peak of {report.peak / 1e6:.0f} MB", "", "", first))
    return report
