"""What vLLM servers printed of their memory: the sum closes, and how far off the estimate is.

`published_ledgers.csv` has a line for each, in GiB of one GPU as printed; what is empty was not.
`graphs` says what became of the estimate of captured graphs: taken off `apart` from activations,
or `inside` of them; `none` where that version took nothing off, `eager` where none were captured.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

import pytest

from kvcalc.budget.allowance import Work, allowance
from kvcalc.budget.budget import ACTIVATIONS, GRAPHS, OVERHEAD, WEIGHTS, Budget, Part
from kvcalc.budget.estimate import Estimate
from kvcalc.hardware import Gpu
from kvcalc.parallel.ranks import Ranks

HERE = Path(__file__).parent
GIB = 2**30
HUNDREDTH = Fraction(1, 100)
OUT_OF_RANGE = ["Qwen3-VL-30B, 4 x RTX 3090, 0.11.0"]
"""A video encoder of 153,600 tokens was profiled, which the rule knows nothing of."""


def gib(text: str) -> int:
    return round(Fraction(text) * GIB)


@dataclass(frozen=True)
class Server:
    """A line of the table."""

    line: dict[str, str]

    @property
    def name(self) -> str:
        line = self.line
        several = f"{line['gpus']} x " if line["gpus"] != "1" else ""
        return f"{line['model']}, {several}{line['gpu']}, {line['version']}"

    @property
    def printed(self) -> int:
        """Bytes that it said to have for the cache."""
        return gib(self.line["available_gib"])

    @property
    def is_whole(self) -> bool:
        """Whether it printed all parts."""
        return bool(self.line["non_torch_gib"] and self.line["activations_gib"])

    @property
    def sum(self) -> Fraction:
        """What its parts leave, in GiB."""
        line = self.line
        requested = round(Fraction(line["total_gib"]) * Fraction(line["utilization"]), 2)
        names = ["weights_gib", "non_torch_gib", "activations_gib"]
        names += ["estimate_gib"] if line["graphs"] == "apart" else []
        return requested - sum(Fraction(line[name]) for name in names)

    @property
    def predicted(self) -> Estimate:
        """What kvcalc expects, from the weights as loaded."""
        line = self.line
        device = Gpu(
            "gpu",
            line["gpu"],
            "NVIDIA",
            memory=gib(line["total_gib"]),
            bandwidth=1,
            capability=int(line["capability"]),
        )
        work = Work(
            active=int(line["active"]),
            layers=int(line["layers"]),
            experts=line["experts"] == "yes",
            recurrent=line["recurrent"] == "yes",
            batched=int(line["batched"] or 0) or None,
            sequences=int(line["sequences"] or 0) or None,
        )
        rest = allowance("vllm", device, Ranks(int(line["tp"]), dp=int(line["dp"])), work)
        parts: tuple[Part, ...] = (
            Part(WEIGHTS, Estimate.exact(gib(line["weights_gib"]), "known", "as printed")),
            Part(OVERHEAD, rest.overhead),
            Part(ACTIVATIONS, rest.activations),
        )
        if line["graphs"] not in ("none", "eager"):
            parts += (Part(GRAPHS, rest.graphs),)
        return Budget(device.memory, Fraction(line["utilization"]), parts).available

    @property
    def is_in_range(self) -> bool:
        """Whether what it printed, to a hundredth, is none beside the estimate's ends."""
        found, within = self.predicted, GIB // 100
        return found.low - within <= self.printed <= found.high + within

    @property
    def error(self) -> int:
        return self.predicted.likely - self.printed

    @property
    def row(self) -> str:
        """The line of the README's table."""
        sizes = (self.predicted.likely, self.printed)
        numbers = [f"{size / GIB:.2f}" for size in sizes]
        return f"| {self.name} | {' | '.join(numbers)} | {self.error / GIB:+.2f} |"


with (HERE / "published_ledgers.csv").open(encoding="utf-8", newline="") as lines:
    SERVERS = [Server(line) for line in csv.DictReader(lines)]
SECTION = (
    (HERE.parent / "README.md")
    .read_text(encoding="utf-8")
    .partition("### How far off the estimate is\n")[2]
    .partition("\n#")[0]
)


def test_every_server_is_there_and_says_where_it_was_read() -> None:
    assert len(SERVERS) == len({server.name for server in SERVERS}) == 25
    for server in SERVERS:
        assert server.line["source"]
        assert server.line["read"] == "2026-11-27"
        assert server.line["graphs"] in ("apart", "inside", "none", "eager")


WHOLE = [server for server in SERVERS if server.is_whole]


def test_most_printed_all_parts() -> None:
    assert len(WHOLE) == 18


@pytest.mark.parametrize("server", WHOLE, ids=lambda server: server.name)
def test_what_is_available_is_what_the_parts_leave(server: Server) -> None:
    """utilization x total - weights - non-torch - activations (- graphs), to 0.01 GiB."""
    printed = Fraction(server.line["available_gib"])
    assert abs(server.sum - round(printed, 2)) <= HUNDREDTH


def test_the_range_holds_what_was_printed() -> None:
    assert [server.name for server in SERVERS if not server.is_in_range] == OUT_OF_RANGE
    for server in SERVERS:
        found = server.predicted
        assert found.low <= found.likely <= found.high


def test_the_readme_has_the_table_and_what_comes_of_it() -> None:
    table = SECTION.partition("| server |")[2].partition("\n\n")[0]
    _, _, *rows = table.splitlines()
    assert rows == [server.row for server in SERVERS]
    far = [one for one in SERVERS if 100 * abs(one.error) > 3 * one.printed]
    close = len(SERVERS) - len(far)
    held = sum(server.is_in_range for server in SERVERS)
    half = median(abs(server.error) for server in SERVERS) / GIB
    told = (
        f"{close} of {len(SERVERS)} are within 3 %, half within {half:.1f} GiB, "
        f"and {held} within the range"
    )
    assert told in " ".join(SECTION.split())
    assert all(server.error > 0 for server in far)
