"""What sequences keep together: sums by hand, brute force over entries, what is refused."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.cache import Cache, CacheTensor, Group, Role, Settled
from kvcalc.extents import Beyond, Chunk, Every, Extent, Fixed, Share, Window
from kvcalc.formats import BF16
from kvcalc.parallel.ranks import Ranks
from kvcalc.parallel.stages import Stage
from kvcalc.queries.deployed import Deployed, deployed
from kvcalc.question import question
from kvcalc.sharing import NOTHING_SHARED, Sharing, lasting

if TYPE_CHECKING:
    from tests.conftest import Cli

K = 1024
LLAMA = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x (k, v) x KV heads x width x bf16, 131,072 B a token."""
MLA = 61 * (512 + 64) * 2
"""DeepSeek-V3: 70,272 B a token; a latent has no heads to split."""
GLOBAL, LOCAL = 10 * 2 * 16 * 128 * 2, 52 * 2 * 16 * 128 * 2
"""Gemma 3 27B: 10 layers that grow, 81,920 B a token, and 52 with windows of 1,024."""
WHISPER = 32 * 2 * 20 * 64 * 2
"""Whisper large-v3: 163,840 B a token, of the text and of the 1,500 of the source."""
STATE = 64 * (80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 128) * 2)
"""Mamba2 2.7B: a state in fp32, and three columns of a convolution in bf16."""


@pytest.mark.parametrize(
    ("extent", "prefix", "entries", "why"),
    [
        (Every(), 6, 6, "an entry per token"),
        (Every(4, 4), 6, 1, "tokens 1 to 4; that of 5 to 8 is not there yet"),
        (Every(4, 4), 3, 0, "none is there"),
        (Every(4, 1), 6, 1, "of two that are there the second has 5 and 6, and is being filled"),
        (Every(4, 1), 8, 2, "both are full"),
        (Every(4, 3), 7, 1, "the second comes at 7 and is filled up to 8"),
        (Every(16, 32), 31, 0, "the first block of 32 is not whole"),
        (Every(16, 32), 32, 1, "it is"),
        (Every(16, 32), 47, 1, "blocks of 32 begin every 16: the second ends at 48"),
        (Every(16, 32), 48, 2, "both are whole"),
        (Every(128, 128), 2_048, 16, "2,048 / 128"),
        (Window(1_024), 512, 0, "each sequence writes over its own"),
        (Window(1_024, 4), 2_048, 0, "sinks are in the same buffer"),
        (Chunk(8_192), 8_192, 0, "each has its own chunk"),
        (Fixed(4), 100, 0, "a state, or a source"),
        (Beyond(128), 100, 0, "all are in the window that is kept apart"),
        (Beyond(128), 300, 172, "those that have left it"),
        (Share(Every(), 4), 6, 2, "entries 1 and 5 are the first rank's"),
        (Share(Every(), 4, 1), 6, 2, "2 and 6 the second's"),
        (Share(Every(), 4, 2), 6, 1, "3 alone"),
        (Share(Every(), 4, 3), 3, 0, "the fourth is not there"),
        (Share(Every(4, 1), 2, 1), 11, 1, "of two that last"),
        (Share(Fixed(9), 2), 11, 0, "a source, dealt out"),
        (Every(), 0, 0, "no prefix"),
    ],
)
def test_entries_that_last(extent: Extent, prefix: int, entries: int, why: str) -> None:
    assert lasting(extent, prefix) == entries, why


@pytest.mark.parametrize(
    ("model", "context", "asked", "stored", "growth", "read"),
    [
        # a prefix of 2,048 tokens once, and 6,144 more of each of four sequences
        (
            "llama-3.1-8b",
            8 * K,
            {"batch": 4, "shared_prefix": 2 * K},
            LLAMA * (2_048 + 4 * 6_144),
            LLAMA,
            4 * LLAMA * 8_192,
        ),
        # all of it is the prefix, and read by each
        (
            "llama-3.1-8b",
            8 * K,
            {"batch": 4, "shared_prefix": 8 * K},
            LLAMA * 8_192,
            LLAMA,
            4 * LLAMA * 8_192,
        ),
        ("llama-3.1-8b", 8 * K, {"shared_prefix": 2 * K}, LLAMA * 8_192, LLAMA, LLAMA * 8_192),
        (
            "llama-3.1-8b",
            8 * K,
            {"batch": 4, "shared_prefix": "0"},
            4 * LLAMA * 8_192,
            LLAMA,
            4 * LLAMA * 8_192,
        ),
        # windows of 1,024 are each sequence's own
        (
            "gemma-3-27b",
            32 * K,
            {"batch": 64, "shared_prefix": "24K"},
            GLOBAL * (24_576 + 64 * 8_192) + 64 * LOCAL * 1_024,
            GLOBAL,
            64 * (GLOBAL * 32_768 + LOCAL * 1_024),
        ),
        # and so are states, which are read and written
        ("mamba2-2.7b", 2 * K, {"batch": 3, "shared_prefix": K}, 3 * STATE, 0, 6 * STATE),
        # beams of one sequence look at one source, each on its own
        (
            "whisper-large-v3",
            448,
            {"beams": 8},
            WHISPER * (8 * 448 + 1_500),
            8 * WHISPER,
            8 * WHISPER * (448 + 1_500),
        ),
        (
            "whisper-large-v3",
            448,
            {"batch": 3, "beams": 8},
            3 * WHISPER * (8 * 448 + 1_500),
            8 * WHISPER,
            24 * WHISPER * 1_948,
        ),
        # the first 4 tokens are of every transcript, and of all beams
        (
            "whisper-large-v3",
            448,
            {"batch": 3, "beams": 8, "shared_prefix": 4},
            WHISPER * (4 + 3 * 8 * 444 + 3 * 1_500),
            8 * WHISPER,
            24 * WHISPER * 1_948,
        ),
        ("mamba2-2.7b", 2 * K, {"beams": 4}, 4 * STATE, 0, 8 * STATE),
    ],
)
def test_what_is_kept(
    model: str, context: int, asked: dict[str, Any], stored: int, growth: int, read: int
) -> None:
    answer = kvcalc.show(model, context, **asked)
    assert (answer.stored, answer.read) == (stored, read)
    assert answer.growth == growth
    assert answer.stored == sum(line.stored for line in answer.lines)
    (row,) = (row for row in kvcalc.compare(model, context=context, **asked).rows if row.native)
    assert row.amounts == answer.amounts


def test_whisper_with_eight_beams_is_833_mb_and_not_2_553() -> None:
    assert kvcalc.show("whisper-large-v3", 448, beams=8).stored == 832_962_560
    assert kvcalc.show("whisper-large-v3", 448, batch=8).stored == 2_553_282_560


def test_learned_tokens_are_no_source() -> None:
    """CPM-Ant caches a prompt of its own, which every beam has."""
    config = {"model_type": "cpmant", "prompt_length": 32, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "dim_head": 16, "hidden_size": 64}
    one = kvcalc.show(config, 10).stored
    assert one == 2 * 2 * 4 * 16 * 2 * (32 + 10)
    assert kvcalc.show(config, 10, beams=3).stored == 3 * one


@pytest.mark.parametrize(
    ("model", "context", "batch", "beams", "terms"),
    [
        # as its own generate keeps it: 24 rows of the text and 24 of the source
        ("whisper-large-v3", 448, 3, 8, [3 * 7 * WHISPER * 1_500]),
        ("whisper-large-v3", 448, 3, 1, []),
        # windows are a token short in every beam
        ("gemma-3-27b", 8 * K, 2, 4, [-8 * LOCAL]),
    ],
)
def test_transformers_keeps_a_source_for_every_beam(
    model: str, context: int, batch: int, beams: int, terms: list[int]
) -> None:
    answer = kvcalc.show(model, context, batch, beams=beams, engine="transformers")
    assert answer.reservation
    assert [term.bytes for term in answer.reservation.terms] == terms
    alone = kvcalc.show(model, context, batch * beams, engine="transformers")
    assert answer.reserved == answer.stored + sum(terms) == alone.reserved


def test_flops_are_of_every_beam() -> None:
    one = kvcalc.show("whisper-large-v3", 448).flops
    assert one is not None
    assert kvcalc.show("whisper-large-v3", 448, 3, beams=8).flops == 24 * one


@pytest.mark.parametrize(
    ("model", "asked", "rank", "total"),
    [
        # 4 sequences on each of two copies, which has the prefix, and half of the heads a GPU
        (
            "llama-3.1-8b",
            {"batch": 8, "tp": 2, "dp": 2, "shared_prefix": 2 * K},
            LLAMA // 2 * (2_048 + 4 * 6_144),
            LLAMA * (2 * 2_048 + 8 * 6_144),
        ),
        # 3 on one copy, 2 on the other
        (
            "llama-3.1-8b",
            {"batch": 5, "dp": 2, "shared_prefix": 2 * K},
            LLAMA * (2_048 + 3 * 6_144),
            LLAMA * (2 * 2_048 + 5 * 6_144),
        ),
        # a copy without a sequence has no prefix
        (
            "llama-3.1-8b",
            {"batch": 2, "dp": 4, "shared_prefix": 2 * K},
            LLAMA * 8_192,
            2 * LLAMA * 8_192,
        ),
        # 16 of 32 layers
        (
            "llama-3.1-8b",
            {"batch": 4, "pp": 2, "shared_prefix": 2 * K},
            LLAMA // 2 * (2_048 + 4 * 6_144),
            LLAMA * (2_048 + 4 * 6_144),
        ),
        # a latent is on each of the tp ranks
        (
            "deepseek-v3",
            {"batch": 4, "tp": 8, "shared_prefix": 2 * K},
            MLA * (2_048 + 4 * 6_144),
            8 * MLA * (2_048 + 4 * 6_144),
        ),
        # tokens dealt out to four: the first has 513 of 2,049, and 1,535 of 6,143 more; others 512
        # and 1,536
        (
            "deepseek-v3",
            {"batch": 4, "tp": 4, "dcp": 4, "shared_prefix": 2_049},
            MLA * (512 + 4 * 1_536),
            MLA * (2_049 + 4 * 6_143),
        ),
        # one sequence: the first rank has as many as any
        (
            "deepseek-v3",
            {"tp": 4, "dcp": 4, "shared_prefix": 2_049},
            MLA * 2_048,
            MLA * 8_192,
        ),
    ],
)
def test_on_several_gpus(model: str, asked: dict[str, Any], rank: int, total: int) -> None:
    answer = kvcalc.show(model, 8 * K, **asked)
    assert answer.total
    assert (answer.stored, answer.total.stored) == (rank, total)
    prefix, batch = asked["shared_prefix"], asked.get("batch", 1)
    once = kvcalc.show(model, 8 * K, batch, shared_prefix=prefix).stored
    assert answer.copies == total - once


def test_a_source_dealt_out_is_one_for_all_beams() -> None:
    answer = kvcalc.show("whisper-large-v3", 448, tp=20, dcp=4, beams=8)
    assert answer.stored == WHISPER // 5 * (8 * 112 + 375)


def test_the_fullest_stage_is_another_where_a_prefix_is_shared() -> None:
    """A stage of windows keeps more of many sequences than one whose prefix is there once."""
    model = {
        "name": "Two halves", "heads": 8, "head_dim": 64, "dtype": "bf16",
        "layers": {"count": 4, "list": ["near*2", "far*2"]},
        "attention": {
            "near": {"kind": "gqa", "kv_heads": 8, "window": 1_000},
            "far": {"kind": "gqa", "kv_heads": 8},
        },
    }  # fmt: skip
    entry = 2 * 2 * 8 * 64 * 2
    alone = kvcalc.show(model, 4_000, 10, pp=2)
    assert (alone.rank and alone.rank.stage, alone.stored) == (2, entry * 40_000)
    together = kvcalc.show(model, 4_000, 10, pp=2, shared_prefix=3_500)
    assert (together.rank and together.rank.stage, together.stored) == (1, entry * 10_000)
    assert together.total
    assert together.total.stored == entry * (10_000 + 3_500 + 10 * 500)


COUNTS = st.integers(1, 40)
EXTENTS = st.one_of(
    st.builds(Every, st.integers(1, 9), st.integers(1, 20)),
    st.builds(Window, COUNTS, st.integers(0, 3)),
    st.builds(Chunk, COUNTS),
    st.builds(Beyond, COUNTS),
    st.builds(Fixed, COUNTS),
)


@st.composite
def tensors(draw: st.DrawFn) -> CacheTensor:
    extent = draw(EXTENTS)
    crosses = isinstance(extent, Fixed) and draw(st.booleans())
    roles: list[Role] = ["k"] if crosses else ["latent", "rope", "index", "state"]
    shared = draw(st.integers(0, 4)) == 0
    role, width = draw(st.sampled_from(roles)), draw(COUNTS)
    return CacheTensor("t", role, width, extent, shared=shared, crosses=crosses)


CACHES = st.lists(st.tuples(st.integers(1, 3), tensors()), min_size=1, max_size=4)
quick = settings(derandomize=True, max_examples=200, deadline=None, database=None)


def made(drawn: list[tuple[int, CacheTensor]]) -> tuple[Group, ...]:
    return tuple(Group("g", layers, (Settled(t, BF16),)) for layers, t in drawn)


def kept(extent: Extent, tokens: int) -> list[tuple[int, int]]:
    """Each entry there is: its number, and the token after which nothing more is put into it."""
    never = 10**9
    if isinstance(extent, Every):
        ends = (
            max(extent.first + n * extent.stride, (n + 1) * extent.stride)
            for n in range(extent.entries(tokens))
        )
        return list(enumerate(ends))
    if isinstance(extent, Beyond):  # an entry leaves the window `size` tokens behind
        return [(n, n + 1 + extent.size) for n in range(extent.entries(tokens))]
    return [(n, never) for n in range(extent.entries(tokens))]


def by_force(
    groups: tuple[Group, ...], tokens: int, sequences: int, shared: Sharing, rank: int, of: int
) -> int:
    """Bytes on one of the ranks that share tokens: every entry of every sequence and beam, once."""
    found = 0
    for group in groups:
        (settled,) = group.tensors
        tensor = settled.tensor
        held = set()
        for n, end in [] if tensor.shared else kept(tensor.extent, tokens):
            if tensor.role != "state" and n % of != rank:
                continue
            for sequence in range(sequences):
                for beam in range(shared.beams):
                    whose = (sequence, 0 if tensor.crosses else beam)
                    held.add((n,) if end <= shared.prefix else (n, *whose))
        found += group.layers * settled.entry_bytes * len(held)
    return found


@quick
@given(CACHES, COUNTS, st.integers(0, 40), st.integers(1, 4), st.integers(1, 3))
def test_what_is_kept_once_and_by_each_is_all(
    drawn: list[tuple[int, CacheTensor]], more: int, prefix: int, sequences: int, beams: int
) -> None:
    groups, tokens = made(drawn), prefix + more
    cache, sharing = Cache(groups), Sharing(prefix, beams)
    once, each = sharing.once(cache, tokens), sharing.each(cache, tokens)
    total = by_force(groups, tokens, sequences, sharing, 0, 1)
    assert once + sequences * each == sharing.stored(cache, tokens, sequences) == total
    amounts, alone = sharing.of_cache(cache, tokens, sequences), cache.at(tokens)
    assert amounts.stored == total
    assert amounts.read == sequences * beams * alone.read
    assert amounts.growth == beams * alone.growth
    if beams == 1:
        assert once + each == cache.stored(tokens)
        assert amounts.fixed == sequences * alone.fixed
    assert sharing.stored(cache, tokens + 1, sequences) >= total


@quick
@given(CACHES, COUNTS, COUNTS, COUNTS)
def test_shorter_sequences_keep_less(
    drawn: list[tuple[int, CacheTensor]], prefix: int, sequences: int, tokens: int
) -> None:
    """Below the prefix, too: what fits is looked for by halves."""
    cache, sharing = Cache(made(drawn)), Sharing(prefix)
    sizes = [sharing.stored(cache, t, sequences) for t in range(1, prefix + tokens)]
    assert sizes == sorted(sizes)


@quick
@given(CACHES, st.integers(0, 40), COUNTS, st.integers(1, 5), st.sampled_from([2, 3, 4, 7]), COUNTS)
def test_the_fullest_of_ranks_that_share_tokens(
    drawn: list[tuple[int, CacheTensor]], prefix: int, more: int, sequences: int, dcp: int, dp: int
) -> None:
    groups, tokens = made(drawn), prefix + more
    stage = Stage(0, 1, 0, 1, groups, Ranks(tp=dcp, dcp=dcp, dp=dp))
    sharing = Sharing(prefix)
    ranks = [by_force(groups, tokens, sequences, sharing, n, dcp) for n in range(dcp)]
    caches = stage.caches(tokens, sharing)
    assert max(sharing.stored(cache, tokens, sequences) for cache in caches) == max(ranks)
    if dp == 1:
        assert stage.total(tokens, sequences, sharing).stored == sum(ranks)


@pytest.mark.parametrize(
    ("model", "context", "asked"),
    [
        ("llama-3.1-8b", 8 * K, {"shared_prefix": 2 * K}),
        ("llama-3.1-8b", 8 * K, {"shared_prefix": 2 * K, "dp": 2, "tp": 2}),
        ("llama-3.1-8b", 8 * K, {}),
        ("gemma-3-27b", 8 * K, {"shared_prefix": 2 * K, "pp": 3}),
        ("deepseek-v3", 8 * K, {"shared_prefix": 2_049, "tp": 8, "dcp": 8}),
        ("whisper-large-v3", 448, {"beams": 8, "shared_prefix": 4}),
        ("mamba2-2.7b", K, {"beams": 2}),
    ],
)
def test_the_most_that_fit(model: str, context: int, asked: dict[str, Any]) -> None:
    placed = deployed(kvcalc.load(model), question(**asked))
    for memory in (10**9, 40 * 2**30, 2 * 10**11):
        most = placed.largest_batch(memory, context)
        assert most is not None
        for batch, fits in ((most, True), (most + 1, False)):
            assert not batch or (placed.at(context, batch).amounts.stored <= memory) == fits


def test_where_any_number_fits_or_none() -> None:
    llama = deployed(kvcalc.load("llama-3.1-8b"), question(shared_prefix=8 * K))
    assert llama.largest_batch(LLAMA * 8 * K, 8 * K) is None
    assert llama.largest_batch(LLAMA * 8 * K - 1, 8 * K) == 0
    assert Deployed(llama.model, Ranks(), (), None).sharing == NOTHING_SHARED


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            "show llama-3.1-8b -c 8K --shared-prefix 9K",
            "--shared-prefix: a prefix of 9,216 tokens is no part of a context of 8,192 tokens: "
            "name a longer context, or a shorter prefix",
        ),
        (
            "compare llama-3.1-8b gemma-3-27b -c 4K,128K --shared-prefix 8K",
            "--shared-prefix: a prefix of 8,192 tokens is no part of a context of 4,096 tokens: "
            "name a longer context, or a shorter prefix",
        ),
        (
            "show whisper-large-v3 --shared-prefix 449",
            "--shared-prefix: a prefix of 449 tokens is no part of a context of 448 tokens: "
            "name a longer context, or a shorter prefix",
        ),
        (
            "show llama-3.1-8b --shared-prefix x",
            "--shared-prefix: 'x' is not a number of tokens; write it like 131072, 128k or 128K",
        ),
        ("show llama-3.1-8b --beams 0", "--beams: 0 beams: there are between 1 and 10,000"),
        ("show llama-3.1-8b --beams x", "--beams: 'x' is not a whole number"),
        (
            "show llama-3.1-8b --engine vllm --beams 4",
            "--beams: what vllm keeps of 4 beams is not known here: leave beams out, or the engine",
        ),
        (
            "compare llama-3.1-8b --engine llama.cpp -c 4K --shared-prefix 2K",
            "llama.cpp keeps a prefix of 2,048 tokens for each sequence: a slot of its server "
            "copies nothing from the cells of another request's; leave it out",
        ),
        (
            "show llama-3.1-8b --draft llama-3.2-1b --engine transformers --beams 2",
            "--beams: transformers has no draft beside 2 beams: leave one of them out",
        ),
        (
            "compare llama-3.1-8b --beams 2 --expect mha/gqa=4x",
            "--expect: figures are of sequences that share nothing: leave beams and a shared "
            "prefix out",
        ),
    ],
)
def test_what_cannot_be_asked(args: str, words: str, cli: Cli) -> None:
    done = cli(*args.split())
    assert (done.code, done.out, done.err) == (2, "", f"Error: {words}\n")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"shared_prefix": -1}, "shared_prefix: shared prefix -1: it is between 0 and 1,000,000,"),
        ({"shared_prefix": 1.5}, "shared_prefix: shared prefix 1.5 is not a whole number of tok"),
        ({"beams": True}, "beams: True is not a whole number of beams"),
        ({"beams": 10**5}, "beams: 100,000 beams: there are between 1 and 10,000"),
    ],
)
def test_what_python_cannot_ask(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(kvcalc.UsageError) as raised:
        kvcalc.show("llama-3.1-8b", 8 * K, **asked)
    assert str(raised.value).startswith(words)


ONE = "one sequence shares its prefix with none, and keeps all of it: --batch says how many"
OWN = "Mamba2-2.7B keeps nothing of a prefix that sequences could share: each has its own"


@pytest.mark.parametrize(
    ("model", "asked", "notes"),
    [
        ("llama-3.1-8b", {"shared_prefix": 100}, (ONE,)),
        ("llama-3.1-8b", {"shared_prefix": 100, "batch": 2}, ()),
        ("llama-3.1-8b", {"shared_prefix": 100, "beams": 2}, ()),
        ("mamba2-2.7b", {"shared_prefix": 100, "batch": 2}, (OWN,)),
    ],
)
def test_what_a_reader_is_told(model: str, asked: dict[str, Any], notes: tuple[str, ...]) -> None:
    assert kvcalc.show(model, 1_000, **asked).notes == notes
    compared = kvcalc.compare(model, context=1_000, **asked).notes
    assert tuple(note for note in (ONE, OWN) if note in compared) == notes


def test_ratios_are_of_all_that_share() -> None:
    """Llama's prefix is there once; of Gemma's windows each sequence has its own."""
    llama, gemma = LLAMA * (24 * K + 64 * 8 * K), GLOBAL * (24 * K + 64 * 8 * K) + 64 * LOCAL * K
    asked: dict[str, Any] = {"context": 32 * K, "batch": 64, "shared_prefix": 24 * K}
    answer = kvcalc.compare("llama-3.1-8b", "gemma-3-27b", **asked)
    ratio = answer.rows[1].ratio
    assert ratio is not None
    assert (ratio.numerator * gemma, answer.rows[1].stored) == (ratio.denominator * llama, gemma)


def test_a_sum_is_written_out(cli: Cli) -> None:
    args = ("show", "whisper-large-v3", "-c", "448", "-b", "3", "--beams", "8")
    out = cli(*args, "--shared-prefix", "4", "--explain").out
    for line in (
        "context 448, batch 3, 8 beams each, 4 tokens shared",
        "stored at T = 448: 3 sequences x 8 beams x layers x entries x bytes per entry, those of "
        "the first 4 tokens once",
        "self.k   32 layers x (4 + 3 sequences x 8 beams x 444) x (20 heads x 64 x 2 = 2,560 B)",
        "cross.k  3 sequences x 32 layers x (1,500 whatever T = 1,500) x (20 heads x 64 x 2",
        "stored = 2,483,814,400 B",
        "growth just after T = 448: 8 beams x layers x entries per token x bytes per entry",
        "self.k   8 beams x 32 layers x 1 x",
        "self.k   3 sequences x 8 beams x 32 layers x 448 x",
        "cross.k  3 sequences x 8 beams x 32 layers x 1,500 x",
    ):
        assert line in out
    one = cli("show", "whisper-large-v3", "-c", "448", "--beams", "8").out
    assert "batch 1, 8 beams\n" in one
    assert "B per sequence" not in one
    flops = cli(*args, "--metric", "flops", "--explain").out
    assert "3 sequences x 8 beams x 32 layers x 448 x 2 x 1,280 multiply-adds" in flops


def test_documents_and_records_say_what_is_shared(cli: Cli) -> None:
    args = ("llama-3.1-8b", "-c", "8K", "-b", "4", "--shared-prefix", "2K")
    for command in ("show", "compare"):
        document = json.loads(cli(command, *args, "--json").out)
        assert (document["query"]["shared_prefix"], document["query"]["beams"]) == (2_048, 1)
        for row in csv.DictReader(io.StringIO(cli(command, *args, "-f", "csv").out)):
            assert (row["shared_prefix"], row["beams"]) == ("2048", "1")


def test_a_rank_that_is_not_the_first_says_its_rule() -> None:
    assert Share(Every(), 4, 2).rule == "ceil((T - 2) / 4)"
    assert Share(Every(4, 4), 2, 1).rule == "ceil(((floor(T / 4)) - 1) / 2)"
    assert replace(Share(Every(), 4)).rule == "ceil(T / 4)"
