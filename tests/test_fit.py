"""`fit`: how many sequences fit into a memory and how long one is, by hand and by brute force."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.engines import ENGINES
from kvcalc.engines.reservation import Capacity, Report, Reservation, as_the_longest
from kvcalc.errors import UsageError
from kvcalc.queries.deployed import Deployed, deployed
from kvcalc.queries.room import MAX_PERIOD, Room
from kvcalc.question import question
from kvcalc.units import MAX_TOKENS, memory_of, parse_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.mix import Mix
    from kvcalc.question import Setting
    from tests.conftest import Cli, ModelFile

GIB = 2**30
K = 1024
LLAMA = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x (k, v) x KV heads x width x bf16, 131,072 B a token."""
MLA = 61 * (512 + 64) * 2
"""DeepSeek-V3: 70,272 B a token; a latent has no heads to split."""
GLOBAL, LOCAL = 10 * 2 * 16 * 128 * 2, 52 * 2 * 16 * 128 * 2
"""Gemma 3 27B: 10 layers that grow, 81,920 B a token, and 52 with windows of 1,024."""
STATE = 64 * (80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 128) * 2)
"""Mamba2 2.7B: a state in fp32, and three columns of a convolution in bf16."""


class Case(NamedTuple):
    """A model, a memory and a context; what one sequence takes, how many fit, and how long one."""

    model: str
    memory: int
    context: int
    stored: int
    batch: int
    longest: int | None
    asked: Mapping[str, Any] = MappingProxyType({})


CASES = (
    # 40 x 2^30 / 131,072 = 327,680 tokens, which are 2.5 sequences
    Case("llama-3.1-8b", 40 * GIB, 131_072, LLAMA * 131_072, 2, 327_680),
    # a token more, a byte less
    Case("llama-3.1-8b", LLAMA * 1000, 1000, LLAMA * 1000, 1, 1000),
    Case("llama-3.1-8b", LLAMA * 1000 - 1, 1000, LLAMA * 1000, 0, 999),
    Case("llama-3.1-8b", LLAMA - 1, 1, LLAMA, 0, 0),
    Case("llama-3.1-8b", 1, 1000, LLAMA * 1000, 0, 0),
    Case("llama-3.1-8b", 3 * LLAMA * 1000, 1000, LLAMA * 1000, 3, 3000),
    # heads are split; beyond 8 ranks each is there more than once
    Case("llama-3.1-8b", 40 * GIB, 131_072, LLAMA // 2 * 131_072, 5, 655_360, {"tp": 2}),
    Case("llama-3.1-8b", 40 * GIB, 131_072, LLAMA // 8 * 131_072, 20, 8 * 327_680, {"tp": 16}),
    # every stage has half of the layers, every copy its own sequences: 2 x (40 GiB // 16 GiB)
    Case("llama-3.1-8b", 40 * GIB, 131_072, LLAMA // 2 * 131_072, 5, 655_360, {"pp": 2}),
    Case("llama-3.1-8b", 40 * GIB, 131_072, LLAMA * 131_072, 2 * 2, 327_680, {"dp": 2}),
    Case("llama-3.1-8b", 15 * GIB, 131_072, LLAMA * 131_072, 0, 122_880, {"dp": 4}),
    # 40 x 2^30 // 70,272 = 611,191, and 18 x 32,768 of them, whatever tp
    Case("deepseek-v3", 40 * GIB, 32_768, MLA * 32_768, 18, 611_191),
    Case("deepseek-v3", 40 * GIB, 32_768, MLA * 32_768, 18, 611_191, {"tp": 8}),
    # tokens in turns: ceil(T / 8) of them are on the fullest rank
    Case("deepseek-v3", 40 * GIB, 32_768, MLA * 4096, 149, 8 * 611_191, {"tp": 8, "dcp": 8}),
    Case("deepseek-v3", 40 * GIB, 32_768, MLA * 8192, 74, 4 * 611_191, {"tp": 8, "dcp": 4}),
    # 61 layers over 3 are 20, 21, 20: 21 x 1,152 B a token on the fullest stage
    Case("deepseek-v3", 40 * GIB, 32_768, 21 * 1152 * 32_768, 54, 1_775_366, {"pp": 3}),
    # windows: 507,904 B a token up to 1,024, 81,920 from there
    Case("gemma-3-27b", 40 * GIB, 131_072, GLOBAL * 131_072 + LOCAL * K, 3, 518_963),
    Case("gemma-3-27b", (GLOBAL + LOCAL) * K - 1, K, (GLOBAL + LOCAL) * K, 0, K - 1),
    Case("gemma-3-27b", (GLOBAL + LOCAL) * K, K, (GLOBAL + LOCAL) * K, 1, K),
    Case("gemma-3-27b", (GLOBAL + LOCAL) * K + GLOBAL - 1, K, (GLOBAL + LOCAL) * K, 1, K),
    Case("gemma-3-27b", (GLOBAL + LOCAL) * K + GLOBAL, K, (GLOBAL + LOCAL) * K, 1, K + 1),
    # a state takes the same at every context: 40 x 2^30 // 169,836,544
    Case("mamba2-2.7b", 40 * GIB, 2048, STATE, 252, None),
    Case("mamba2-2.7b", STATE, 2048, STATE, 1, None),
    Case("mamba2-2.7b", STATE - 1, 2048, STATE, 0, 0),
    # every layer has a window of 4,096: what fits it fits any context
    Case("mistral-7b-v0.1", LLAMA * 4096, 5000, LLAMA * 4096, 1, None),
    Case("mistral-7b-v0.1", LLAMA * 4096 - 1, 5000, LLAMA * 4096, 0, 4095),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_fits(case: Case) -> None:
    answer = kvcalc.fit(case.model, memory=case.memory, context=case.context, **case.asked)
    (row,) = answer.rows
    assert (row.stored, row.available) == (case.stored, case.memory)
    assert (row.largest_batch, row.largest_context) == (case.batch, case.longest)
    assert answer.fits == row.fits == (case.batch > 0)
    assert row.short == max(0, 0 if row.fits else case.stored - case.memory)


def test_the_rank_that_limits() -> None:
    answer = kvcalc.fit("deepseek-v3", memory="40GiB", context="32K", pp=3)
    assert str(answer.rows[0].rank) == "a GPU of stage 2 of 3 (layers 21 to 41), the fullest of 3"
    assert "of each of 3 GPUs (pp 3)" in str(answer)
    assert (
        "bytes of DeepSeek-V3 are on a GPU of stage 2 of 3 (layers 21 to 41), the fullest"
        in str(answer)
    )
    assert kvcalc.fit("deepseek-v3", memory="40GiB").rows[0].rank is None
    by_layers = kvcalc.fit("llama-3.1-8b", memory="40GiB", pp_layers="8,24", tp=2, dcp=1, dp=3)
    assert "of each of 12 GPUs (tp 2, pp 2, dp 3)" in str(by_layers)
    assert by_layers.rows[0].largest_context == 40 * GIB // (24 * LLAMA // 32 // 2)


# by brute force: every context, every budget at which something changes


WINDOWED = """\
name: Windowed
heads: 4
head_dim: 8
layers: { count: 5, pattern: [local*2, global, state] }
dtype: bf16
attention:
  local: { kind: gqa, kv_heads: 2, window: 7 }
  global: { kind: gqa, kv_heads: 4 }
  state: { kind: mamba1, inner_dim: 8, state_dim: 2, conv_kernel: 3 }
"""
STRIDED = """\
name: Strided
layers: 3
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: latent, role: latent, width: 3, every: 5 }
    - { name: late, role: latent, width: 2, every: { stride: 4, first: 9 } }
    - { name: head, role: k, heads: 2, width: 1, window: 6 }
"""
SAW = """\
name: Saw
architecture: deepseek_v4
heads: 4
head_dim: 16
layers: { count: 4, list: [swa, csa, hca, csa] }
dtype: bf16
attention:
  swa: { kind: shared_kv, rope_dim: 4, window: 8 }
  csa: { kind: csa, rope_dim: 4, compress: 4, window: 8, index_heads: 2, index_dim: 4, top_k: 5 }
  hca: { kind: hca, rope_dim: 4, compress: 6, window: 8 }
"""
LONGEST = 90
"""Contexts that are looked at one by one."""

BRUTE = [
    (WINDOWED, {}),
    (WINDOWED, {"engine": "transformers"}),
    (WINDOWED, {"tp": 2}),
    (WINDOWED, {"pp": 2}),
    (WINDOWED, {"tp": 4, "dcp": 2}),
    (STRIDED, {}),
    (STRIDED, {"pp_layers": "1,2"}),
    (SAW, {}),
    (SAW, {"engine": "transformers"}),
    (SAW, {"engine": "transformers", "draft": WINDOWED}),
]


@pytest.mark.parametrize(("text", "asked"), BRUTE)
def test_the_longest_context_is_the_one_that_trying_them_all_finds(
    text: str, asked: dict[str, Any], model_file: ModelFile
) -> None:
    asked = dict(asked)
    model = kvcalc.load(model_file(text))
    if draft := asked.pop("draft", None):
        asked["draft"] = kvcalc.load(model_file(draft, "draft.yaml"))
    answers = [kvcalc.show(model, tokens, **asked) for tokens in range(1, LONGEST + 1)]
    taken = [one.stored if one.reserved is None else one.reserved for one in answers]
    assert (text == SAW and "engine" in asked) == (taken != sorted(taken))
    # what is taken up to some context; after it comes a context at which more is
    most = list(accumulate(taken, max))
    budgets = {size + more for size in taken for more in (-1, 0, 1)}
    for memory in sorted(budget for budget in budgets if 1 <= budget < most[-1]):
        longest = next(tokens for tokens, size in enumerate(most) if size > memory)
        context = longest % LONGEST + 1
        (row,) = kvcalc.fit(model, memory=memory, context=context, **asked).rows
        assert row.largest_context == longest
        assert row.largest_batch == memory // taken[context - 1]
        assert row.fits == (taken[context - 1] <= memory)


def test_a_context_that_fits_between_some_that_do_not(model_file: ModelFile) -> None:
    model = kvcalc.load(model_file(SAW))
    sizes = [
        kvcalc.show(model, tokens, engine="transformers").reserved or 0 for tokens in range(1, 40)
    ]
    drop = next(n for n in range(20, 39) if sizes[n] < max(sizes[:n]))
    answer = kvcalc.fit(model, memory=sizes[drop], context=drop + 1, engine="transformers")
    (row,) = answer.rows
    assert row.fits
    assert row.largest_context is not None
    assert row.largest_context < drop
    told = f"{drop + 1} tokens fit, and of shorter contexts {row.largest_context + 1} does not"
    assert told in row.notes


def test_a_bundled_model_of_many_strides_just_below_and_at_a_tooth() -> None:
    """DeepSeek-V4-Flash: transformers carries up to 127 tokens of a stride of 128."""
    asked: dict[str, Any] = {"engine": "transformers"}
    sizes = {
        tokens: kvcalc.show("deepseek-v4-flash", tokens, **asked).reserved or 0
        for tokens in range(1, 1400)
    }
    peak = max(sizes[tokens] for tokens in range(1, 1024))
    at = next(tokens for tokens, size in sizes.items() if size == peak)
    for memory in (peak - 1, peak, sizes[1024], sizes[1100]):
        (row,) = kvcalc.fit("deepseek-v4-flash", memory=memory, context=1, **asked).rows
        longest = next(tokens for tokens, size in sizes.items() if size > memory) - 1
        assert row.largest_context == longest
    assert sizes[at + 1] < peak


@pytest.mark.parametrize("name", ["gpt-oss-120b", "gemma-3-27b", "deepseek-v4-flash"])
@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "transformers"])
def test_an_engine_that_pages_serves_no_token_more(name: str, engine: str) -> None:
    """Every context up to 2,000, budgets at which one of them begins to fit, and beside these."""
    model, asked = kvcalc.load(name), question(1, engine=engine)
    placed = deployed(model.adapted(asked), asked)
    assert placed.plan
    tried = range(1, 2001)
    kept = [placed.plan.at(tokens, 1) for tokens in tried]
    taken = sorted({one.bytes + (one.pool or 0) for one in kept})
    for memory in {size + more for size in taken[:: len(taken) // 9 + 1] for more in (-1, 0, 1)}:
        room = Room(placed, memory)
        served = (placed.plan.capacity(memory, tokens).largest_batch for tokens in tried)
        fitting = [batch >= 1 for batch in served]
        longest = fitting.index(False) if False in fitting else room.longest
        assert room.longest == longest
        assert not any(fitting[longest:])
        (row,) = kvcalc.fit(model, memory=memory, context=1, engine=engine).rows
        assert row.largest_context == longest


# an engine with pages, a pool, a maximum of its own, and a log


@dataclass(frozen=True)
class Paged:
    """Pages of 16 tokens and 1,000 B, one of them kept back; nothing above `limit` tokens."""

    limit: int = MAX_TOKENS
    period: int = 1
    cut: None = None

    def settings_at(self, context: int | None) -> dict[str, Setting]:
        return {}

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        if context > self.limit:
            raise UsageError(f"{context:,} tokens are beyond max_model_len")
        return Reservation(1000 * batch * -(-context // 16), tuple, pool=1000)

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        pages = -(-context // 16)
        if context > self.limit:
            raise UsageError(f"{context:,} tokens are beyond max_model_len")
        left = memory // 1000 - 1
        lines = (f"GPU KV cache size: {16 * left:,} tokens", f"Concurrency: {left / pages:.2f}x")
        return Capacity(left // pages, Report(16 * left, left / pages, lines))

    fails = ""

    def serving(self, batch: int) -> Paged:
        return self

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        return as_the_longest(self, memory, mix)

    def mean(self, mix: Mix) -> Fraction:
        return Fraction(self.at(mix.longest, 1).bytes)


def paged(monkeypatch: pytest.MonkeyPatch, plan: Any) -> None:
    monkeypatch.setattr("kvcalc.queries.deployed.plan", lambda model, question: plan)


def test_an_engine_says_how_many_it_serves(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    paged(monkeypatch, Paged())
    args = ("fit", "llama-3.1-8b", "--memory", "25kB", "-c", "100", "--engine", "transformers")
    (row,) = json.loads(cli(*args, "--json").out)["rows"]
    # 25 pages, one kept back: 24 x 16 tokens for one, 24 // 7 sequences of 100
    assert (row["largest_context"], row["largest_batch"], row["fits"]) == (384, 3, True)
    assert (row["reserved_bytes"], row["pool_bytes"]) == (7000, 1000)
    log = ["GPU KV cache size: 384 tokens", "Concurrency: 3.43x"]
    report = {"capacity_tokens": 384, "concurrency": pytest.approx(24 / 7), "log": log}
    assert row["engine_report"] == report
    ran = cli(*args)
    assert ran.out.splitlines()[-2:] == log
    assert "reserved by transformers 5." in ran.out
    assert [ran.out.count(word) for word in ("reserved B", "pool B", "7,000")] == [1, 1, 1]
    several = cli("fit", "deepseek-v3", *args[1:])
    assert several.out.count("\nDeepSeek-V3: Concurrency: 3.43x") == 1
    (line,) = csv.DictReader(io.StringIO(cli(*args, "-f", "csv").out))
    assert json.loads(line["engine_report"]) == report


def test_what_an_engine_keeps_back_is_wanting_too(
    monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    paged(monkeypatch, Paged())
    args = ("fit", "llama-3.1-8b", "-c", "100", "--engine", "transformers", "--memory")
    ran = cli(*args, "7500B")
    assert ran.code == 1
    told = "takes 8.00 kB (8,000 B), 500 B more than there is"
    assert told in ran.out
    assert cli(*args, "8kB").code == 0


def test_an_engine_may_serve_none_where_the_bytes_are_there(
    monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    class Refusing(Paged):
        def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
            return Capacity(0)

    paged(monkeypatch, Refusing())
    ran = cli("fit", "llama-3.1-8b", "-c", "9", "--engine", "transformers", "--memory", "1MB")
    assert ran.code == 1
    assert "takes 2.00 kB (2,000 B), and transformers, set up so, serves none" in ran.out


def test_an_engines_own_maximum_ends_the_longest_context(monkeypatch: pytest.MonkeyPatch) -> None:
    paged(monkeypatch, Paged(limit=4096))
    asked: dict[str, Any] = {"memory": "1GB", "engine": "transformers"}
    (row,) = kvcalc.fit("llama-3.1-8b", context=100, **asked).rows
    assert row.largest_context == 4096
    own = "the longest context is the engine's own: 4,097 tokens are beyond max_model_len"
    assert own in row.notes
    with pytest.raises(UsageError, match="beyond max_model_len"):
        kvcalc.fit("llama-3.1-8b", context=4097, **asked)


def test_a_period_that_is_too_long_to_look_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    paged(monkeypatch, Paged(period=MAX_PERIOD + 1))
    with pytest.raises(UsageError, match="100,001 tokens, too many to look at"):
        kvcalc.fit("llama-3.1-8b", memory="1GB", engine="transformers")


def test_a_pool_is_looked_at_no_more_often_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The places of a period are not bisected each: most are one look."""
    looks = []

    class Counting(Paged):
        def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
            looks.append(context)
            return super().capacity(memory, context)

    placed = deployed(kvcalc.load("llama-3.1-8b"), question(100))
    room = Room(Deployed(placed.model, placed.ranks, (), Counting(period=1000)), 10**9)
    assert room.longest == 16 * (10**6 - 1)
    assert len(looks) < 2 * 1000


# what is told


def test_notes_on_what_a_longest_context_is(model_file: ModelFile) -> None:
    (own,) = kvcalc.fit("llama-3.1-8b", memory="40GiB", context="8K").rows
    assert own.notes == ("the longest context, 327,680, is beyond its own 131,072 tokens",)
    (state,) = kvcalc.fit("mamba2-2.7b", memory="40GiB", context=1000).rows
    assert state.notes == ("any context fits, as one sequence takes no more from some context on",)
    small = kvcalc.load(model_file(WINDOWED))
    (row,) = kvcalc.fit(small, memory="999PB", context=1000).rows
    assert row.largest_context == MAX_TOKENS
    assert row.notes == ("1,000,000,000,000 tokens fit, and kvcalc counts no further",)


LATE = """\
name: Late
layers: 1
dtype: bf16
attention: { kind: custom, tensors: [{ name: late, role: latent, width: 8, every: 64 }] }
"""


def test_what_keeps_nothing_fits_any_number_of_times(cli: Cli, model_file: ModelFile) -> None:
    args = ("fit", model_file(LATE), "--memory", "20B", "-c")
    for more in ((), ("--engine", "transformers")):
        ran = cli(*args, "63", *more)
        assert ran.code == 0
        assert ran.out.splitlines()[-1].split()[-2:] == ["any", "127"]
        assert "note: Late: nothing is kept of 63 tokens: any number of such" in ran.err
        assert cli(*args, "64", *more).out.splitlines()[-1].split()[-2:] == ["1", "127"]


def test_a_table_of_models(cli: Cli) -> None:
    ran = cli("fit", "llama-3.1-8b", "mamba2-2.7b", "--memory", "40GiB", "-c", "32K", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == """\
2 models, context 32,768, 42.95 GB (42,949,672,960 B) for the cache

model         B per sequence  per sequence  sequences of 32,768  longest context
Llama 3.1 8B   4,294,967,296   4,294.97 MB                   10          327,680
Mamba2-2.7B      169,836,544     169.84 MB                  252              any
"""
    )


def test_exit_1_says_what_is_wanting_and_what_would_fit(cli: Cli) -> None:
    args = ("fit", "deepseek-v3", "llama-3.1-8b", "--memory", "10GiB", "-c", "128K")
    ran = cli(*args, "--units", "iec")
    assert ran.code == 1
    assert ran.out.splitlines()[-3:] == [
        "Llama 3.1 8B does not fit: one sequence of 131,072 tokens takes 16.00 GiB "
        "(17,179,869,184 B), 6.00 GiB (6,442,450,944 B) more than there is",
        "what fits: the cache in fp8, --kv-dtype fp8: 1 of 131,072 tokens",
        "or: 81,920 tokens for one sequence",
    ]
    lines = cli(*args, "-f", "jsonl")
    assert lines.code == 1
    first, second = map(json.loads, lines.out.splitlines())
    assert (first["fits"], first["short_bytes"]) == (True, 0)
    assert (second["fits"], second["short_bytes"]) == (False, 6 * GIB)
    assert "does not fit: one sequence of" in cli(*args, "-f", "markdown").out


def test_a_document_and_its_rows(cli: Cli) -> None:
    args = ("fit", "deepseek-v3", "--memory", "40GiB", "-c", "32K", "--tp", "8", "--dp", "2")
    document = json.loads(cli(*args, "--json").out)
    assert (document["kind"], document["engine_version"]) == ("fit", None)
    query = document["query"]
    assert (query["memory"], query["context"], query["batch"]) == (40 * GIB, 32_768, None)
    assert (query["tp"], query["dp"]) == (8, 2)
    (row,) = document["rows"]
    assert row["cache_bytes_available"] == 40 * GIB
    assert (row["largest_context"], row["largest_batch"], row["fits"]) == (611_191, 36, True)
    assert (row["engine_report"], row["reserved_bytes"]) == (None, None)
    assert row["stored_bytes"] == MLA * 32_768
    # a latent is on each of the 8 ranks of the copy that has the sequence
    assert row["stored_bytes_total"] == 8 * MLA * 32_768
    assert row["rank"] == {"stage": 1, "stages": 1, "first": 1, "last": 61}
    (line,) = csv.DictReader(io.StringIO(cli(*args, "-f", "csv").out))
    assert (line["memory"], line["batch"], line["kv_dtype"]) == (str(40 * GIB), "", "bf16")
    assert (line["largest_batch"], line["fits"]) == ("36", "true")


def test_models_of_one_name_go_by_their_files(cli: Cli, model_file: ModelFile) -> None:
    files = [model_file(LATE, "a.yaml"), model_file(LATE, "b.yaml")]
    rows = json.loads(cli("fit", *files, "--memory", "1GB", "--json").out)["rows"]
    assert [file in row["model"] for file, row in zip(files, rows, strict=True)] == [True, True]


def test_a_draft_takes_its_part(cli: Cli) -> None:
    args = ("fit", "llama-3.1-8b", "--draft", "llama-3.2-1b", "--memory", "40GiB", "-c", "32K")
    ran = cli(*args)
    assert ran.out.startswith("Llama 3.1 8B: 32 layers, 32 heads x 128, bf16, draft Llama 3.2 1B, ")
    (row,) = json.loads(cli(*args, "--json").out)["rows"]
    # the draft's 16 layers of 8 x 64: 32,768 B a token beside 131,072
    assert row["largest_context"] == 40 * GIB // (LLAMA + 16 * 2 * 8 * 64 * 2) == 262_144


# the memory, and what cannot be


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("40GiB", 40 * 2**30),
        ("40 GiB", 40 * 2**30),
        (" 80GB ", 80 * 10**9),
        ("1.5TB", 1_500_000_000_000),
        ("64 KiB", 65_536),
        ("1,024MiB", 2**30),
        ("1_024 B", 1024),
        ("512kB", 512_000),
        ("512KB", 512_000),
        # 79.2 x 2^30 = 85,040,352,460.8
        ("79.2GiB", 85_040_352_460),
        (42_949_672_960, 40 * 2**30),
        (1, 1),
        ("1000PB", 10**18),
    ],
)
def test_how_a_memory_is_written(given: int | str, size: int) -> None:
    assert memory_of(given) == size


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("40", "'40' has no unit; write it like 40GiB, of 2^30 B each, or 40GB, of 10^9 B"),
        ("42949672960", "has no unit"),
        ("40G", "unknown unit 'G'; write it like 40GiB"),
        ("40gb", "unknown unit 'gb'; write it like 40GiB"),
        ("40Gib", "unknown unit 'Gib'"),
        ("40 GiB each", "is no size of a memory; write it like 40GiB"),
        ("GiB", "'GiB' is no size of a memory"),
        ("lots", "'lots' is no size of a memory"),
        ("", "'' is no size of a memory"),
        ("1e3GB", "is no size of a memory"),
        ("40,5GiB", "is no size of a memory"),
        ("9" * 70 + "B", "is no size of a memory"),
        ("0GiB", "0 B is no memory: give 1 B to"),
        ("0.2B", "0 B is no memory: give 1 B to"),
        ("-5GiB", "-5,368,709,120 B is no memory: give 1 B to"),
        ("1001PB", "is no memory: give 1 B to 1,000,000,000,000,000,000 B"),
    ],
)
def test_what_a_memory_cannot_be(given: str, words: str, cli: Cli) -> None:
    with pytest.raises(ValueError, match=r"memory|unit") as raised:
        parse_memory(given)
    assert words in str(raised.value)
    ran = cli("fit", "llama-3.1-8b", f"--memory={given}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --memory: ")
    assert words in ran.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--memory or --gpu is missing; for example: --memory 40GiB, or --gpu h200 --gpus 8"),
        (("--memory",), "--memory needs a value: --memory SIZE"),
        (("--memory", "4GB", "-b", "0"), "batch 0: it is between 1 and"),
        (("--memory", "4GB", "-c", "8K,32K"), "--context: several contexts are for compare alone"),
        (("--memory", "4GB", "-c", "0"), "--context: 0 tokens: a context is between"),
        (("--memory", "4GB", "--tp", "3"), "32 query heads, which 3 ranks cannot share"),
        (("--memory", "4GB", "--tp", "2", "--engine", "transformers"), "has no layout for several"),
        (("--memory", "4GB", "--engine", "transfomers"), "did you mean transformers?"),
        (("--memory", "4GB", "--kv-cache-memory-bytes", "4"), "is another name of --memory"),
        (("--memory", "4GB", "--gpu", "h200"), "whatever it is: leave --gpu out"),
        (("--memory", "4GB", "--memroy", "4GB"), "did you mean --memory"),
        (("--kv-cache-memory-bytes", "0"), "--memory: 0 B is no memory"),
        (("--kv-cache-memory-bytes", "1.5"), "--memory: '1.5' has no unit"),
    ],
)
def test_what_is_refused(args: tuple[str, ...], words: str, cli: Cli) -> None:
    ran = cli("fit", "llama-3.1-8b", *args)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


@pytest.mark.parametrize("name", ["--kv-cache-memory-bytes", "--kv_cache_memory_bytes"])
@pytest.mark.parametrize("value", ["42949672960", "40GiB"])
def test_vllms_name_for_the_memory_takes_bytes_without_a_unit(
    name: str, value: str, cli: Cli
) -> None:
    for args in ((name, value), (f"{name}={value}",)):
        found = json.loads(cli("fit", "llama-3.1-8b", *args, "--json").out)
        assert found["query"]["memory"] == 40 * GIB


@pytest.mark.parametrize("name", ["--memory", "--kv-cache-memory-bytes", "--kv-cache-memory"])
def test_other_commands_point_to_fit(name: str, cli: Cli) -> None:
    for command in ("show", "compare", "check"):
        ran = cli(command, "llama-3.1-8b", name, "40GiB")
        assert ran.code == 2
        assert "kvcalc fit MODEL --memory 40GiB" in ran.err


def test_in_python_the_memory_is_text_or_bytes() -> None:
    answer = kvcalc.fit("deepseek-v3", memory="40GiB", context="32K")
    assert answer == kvcalc.fit("deepseek-v3", memory=40 * GIB, context=32_768)
    assert (answer.rows[0].largest_batch, answer.memory) == (18, 40 * GIB)
    with pytest.raises(UsageError, match="fit needs at least one model"):
        kvcalc.fit(memory="40GiB")
