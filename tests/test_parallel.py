"""What ranks keep, by hand; then of any model: that they add up to its cache and the copies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.amounts import Amounts
from kvcalc.attention.custom import Custom
from kvcalc.cache import ALL, ENTRY_ROLES, CacheTensor, Role
from kvcalc.errors import UsageError, WrongArgument
from kvcalc.extents import (
    EvenShare,
    Every,
    Extent,
    Fixed,
    Reads,
    ReadWrite,
    Share,
    TopBlocks,
    TopK,
    Window,
)
from kvcalc.formats import BF16, uniform
from kvcalc.model import Model
from kvcalc.parallel.ranks import Ranks, ranks_of
from kvcalc.parallel.stages import query_heads, stages_of
from kvcalc.parallel.tensors import SHARED_OUT, heads_of_rank, of_rank
from kvcalc.question import question


@pytest.mark.parametrize(
    ("layers", "pp", "stages"),
    [
        (27, 1, (27,)),
        (27, 2, (14, 13)),
        (45, 4, (11, 11, 12, 11)),
        (61, 8, (7, 7, 8, 8, 8, 8, 8, 7)),  # 61 = 8 x 7 + 5: stages 7 back to 3
        (62, 4, (15, 16, 16, 15)),
        (64, 4, (16, 16, 16, 16)),
        (4, 4, (1, 1, 1, 1)),
        (7, 4, (2, 2, 2, 1)),
    ],
)
def test_how_layers_are_cut(layers: int, pp: int, stages: tuple[int, ...]) -> None:
    assert Ranks(pp=pp).partition(layers) == stages
    assert sum(stages) == layers


def test_layers_may_be_named() -> None:
    ranks = ranks_of(question(pp_layers="11, 11,12,11"))
    assert (ranks.pp, ranks.gpus, ranks.partition(45)) == (4, 4, (11, 11, 12, 11))
    assert ranks_of(question(pp_layers=[30, 31], pp=2, tp=4, dp=3)).gpus == 2 * 4 * 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"pp_layers": "11,12", "pp": 3}, "pp_layers: 2 stages are named, and pp is 3: leave one"),
        ({"tp": 8, "dcp": 3}, "dcp: 3 does not divide tp, which is 8"),
        ({"dcp": 2}, "dcp: 2 does not divide tp, which is 1"),
        ({"pp_layers": "30,30"}, "pp_layers: 30, 30 are 60 layers, and the model has 61"),
        ({"pp_layers": "60"}, "pp_layers: 60 are 60 layers, and the model has 61"),
        ({"pp": 62}, "pp: 61 layers do not make 62 stages"),
        ({"tp": 3}, "tp: DeepSeek-V3 has 128 query heads, which 3 ranks cannot share"),
    ],
)
def test_ranks_that_cannot_be(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongArgument) as raised:
        kvcalc.show("deepseek-v3", 10, **asked)
    assert str(raised.value).startswith(words)


def kept(heads: int | None, role: Role = "k", reads: Reads = ALL) -> CacheTensor:
    return CacheTensor("a", role, 64, Every(), heads, reads=reads, macs=4_096)


@pytest.mark.parametrize(
    ("role", "heads", "tp", "rank"),
    [
        ("k", 4, 2, 2),  # Qwen3-235B-A22B: 4 KV heads
        ("k", 4, 4, 1),
        ("k", 4, 8, 1),  # each of them twice
        ("k", 4, 16, 1),
        ("k", 8, 8, 1),
        ("latent", None, 8, None),
        ("index", None, 8, None),
        ("state", 32, 8, 4),
        ("conv", 16, 8, 2),
        ("conv", 8, 8, 1),  # Mamba2's B and C by groups: max(1, groups / tp)
        ("conv", 1, 8, 1),
        ("conv", 2, 8, 1),
    ],
)
def test_the_heads_of_a_rank(role: Role, heads: int | None, tp: int, rank: int | None) -> None:
    assert of_rank(kept(heads, role), Ranks(tp=tp)).heads == rank
    assert of_rank(kept(heads, role), Ranks(pp=tp)) == kept(heads, role)


@pytest.mark.parametrize(
    ("role", "heads", "tp", "words"),
    [
        ("k", 6, 4, "the 6 heads of a cannot be split over 4 ranks: tp has to divide them, or be"),
        ("k", 8, 12, "the 8 heads of a cannot be split over 12 ranks"),
        ("conv", 6, 4, "the 6 equal parts of a cannot be split over 4 ranks"),
        ("state", 4, 8, "the 4 heads of a cannot be split over 8 ranks: tp has to divide them"),
    ],
)
def test_heads_that_cannot_be_split(role: Role, heads: int, tp: int, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        heads_of_rank(kept(heads, role), tp)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("heads", "role", "ranks", "macs"),
    [
        (8, "k", Ranks(tp=8), 512),
        (1, "k", Ranks(tp=8), 512),  # each rank has an eighth of the query heads
        (None, "latent", Ranks(tp=8, dcp=8), 4_096),  # which are gathered for its tokens
        (None, "latent", Ranks(tp=8, dcp=2), 1_024),
        (8, "k", Ranks(tp=3), None),
        (None, "index", Ranks(tp=8), 4_096),
        (16, "state", Ranks(tp=8), 512),
    ],
)
def test_the_work_of_a_rank(heads: int | None, role: Role, ranks: Ranks, macs: int | None) -> None:
    tensor = kept(heads if ranks.tp != 3 else 3, role)
    assert of_rank(tensor, ranks).macs == macs
    assert of_rank(CacheTensor("a", role, 64, Every(), 24), ranks).macs is None


@pytest.mark.parametrize(
    ("tokens", "of", "entries"),
    [(0, 4, 0), (1, 4, 1), (10, 4, 3), (8, 2, 4)],
)
def test_entries_are_dealt_in_turns(tokens: int, of: int, entries: int) -> None:
    share = Share(Every(), of)
    assert share.entries(tokens) == entries
    assert of * share.growth(tokens) == 1
    assert EvenShare(tokens, of=of).touched(100) == entries


@pytest.mark.parametrize(
    ("tokens", "read"),
    # 16 blocks of 128 tokens, of which two ranks have 64 each; the newest is not full
    [(100, 50), (2_048, 1_024), (2_049, 15 * 64 + 1), (2_052, 15 * 64 + 2), (4_096, 1_024)],
)
def test_blocks_are_read_evenly(tokens: int, read: int) -> None:
    half = of_rank(kept(4, reads=TopBlocks(16, 128)), Ranks(tp=8, dcp=2))
    assert half.reads.touched(half.extent.entries(tokens)) == read


def test_how_shares_are_told() -> None:
    share = Share(Window(100, 4), 8)
    assert (share.turns, share.period) == ((104,), 8)
    assert share.rule == "ceil((min(T, 100 + 4)) / 8)"
    assert Share(Every(), 8).rule == "ceil(T / 8)"
    assert EvenShare(2_048, of=8).rule == "top 2,048, evenly on 8 ranks"
    assert (EvenShare(2_048, of=8).turns, EvenShare(2_048, of=8).period) == ((256,), 1)


@pytest.mark.parametrize("reads", [TopBlocks(16, 127), TopK(512, 16)])
def test_blocks_that_ranks_cannot_share_are_refused(reads: Reads) -> None:
    with pytest.raises(UsageError, match=r"a is read by pools or blocks .*: leave --dcp out"):
        of_rank(kept(None, "latent", reads), Ranks(tp=8, dcp=8))


V3 = 61 * 1_152
"""DeepSeek-V3: a latent of 512 and a RoPE key of 64 in bf16, B per token."""


@pytest.mark.parametrize(
    ("model", "asked", "rank", "total"),
    [
        ("deepseek-v3", {"tp": 8}, V3 * 131_072, 8 * V3 * 131_072),
        ("deepseek-v3", {"tp": 8, "dcp": 8}, V3 * 16_384, V3 * 131_072),
        ("deepseek-v3", {"tp": 8, "dcp": 2}, V3 * 65_536, 4 * V3 * 131_072),
        ("deepseek-v3", {"dp": 8, "batch": 8}, V3 * 131_072, 8 * V3 * 131_072),
        # 10 sequences over 4 copies: 3, 3, 2 and 2
        ("deepseek-v3", {"dp": 4, "batch": 10}, 3 * V3 * 131_072, 10 * V3 * 131_072),
        # 61 layers over 2: 31 and 30
        ("deepseek-v3", {"pp": 2}, 31 * 1_152 * 131_072, V3 * 131_072),
        ("deepseek-v3", {"pp_layers": "1,60"}, 60 * 1_152 * 131_072, V3 * 131_072),
        # 94 layers, K and V of 4 heads x 128 in bf16: a head of each from 4 ranks on
        ("qwen3-235b-a22b", {"tp": 2}, 94 * 1_024 * 131_072, 2 * 94 * 1_024 * 131_072),
        ("qwen3-235b-a22b", {"tp": 4}, 94 * 512 * 131_072, 4 * 94 * 512 * 131_072),
        ("qwen3-235b-a22b", {"tp": 8}, 94 * 512 * 131_072, 8 * 94 * 512 * 131_072),
        ("qwen3-235b-a22b", {"tp": 16}, 94 * 512 * 131_072, 16 * 94 * 512 * 131_072),
        # two ranks with the same head, which share its tokens
        ("qwen3-235b-a22b", {"tp": 8, "dcp": 2}, 94 * 512 * 65_536, 8 * 94 * 512 * 65_536),
        # index keys in fp8 with a scale, 132 B a token, are on every rank
        ("deepseek-v3.2", {"tp": 8}, (V3 + 61 * 132) * 131_072, 8 * (V3 + 61 * 132) * 131_072),
        ("deepseek-v3.2", {"tp": 8, "dcp": 8}, (V3 + 61 * 132) * 16_384, (V3 + 61 * 132) * 131_072),
    ],
)
def test_what_a_rank_keeps(model: str, asked: dict[str, Any], rank: int, total: int) -> None:
    answer = kvcalc.show(model, 131_072, **asked)
    assert (answer.stored, answer.total and answer.total.stored) == (rank, total)
    alone = kvcalc.show(model, 131_072, asked.get("batch", 1))
    assert answer.copies == total - alone.stored
    assert (alone.total, alone.rank, alone.copies) == (None, None, None)


def test_what_is_read_of_the_top_tokens_is_shared_evenly() -> None:
    """2,048 of 131,072 tokens: 256 on each of 8 ranks, and the index keys of its own tokens."""
    answer = kvcalc.show("deepseek-v3.2", 131_072, tp=8, dcp=8)
    assert answer.read == 61 * (256 * 1_152 + 16_384 * 132)
    assert answer.total
    alone = kvcalc.show("deepseek-v3.2", 131_072)
    assert answer.total.read == 8 * answer.read == alone.read
    note = (
        "DeepSeek-V3.2: the top tokens of a step are taken to lie evenly on the 8 ranks that share"
    )
    assert [note in told for told in answer.notes] == [True]
    assert alone.notes == ()


def test_the_rank_that_stores_most_is_named() -> None:
    """62 layers, each sixth full: 2, 3, 3 and 2 of these in stages of 15, 16, 16 and 15."""
    rank = kvcalc.show("gemma-3-27b", 131_072, pp=4, tp=2).rank
    assert rank
    assert (rank.stage, rank.stages, rank.first, rank.last, rank.gpus) == (2, 4, 16, 31, 8)
    assert str(rank) == "a GPU of stage 2 of 4 (layers 16 to 31), the fullest of 8"
    alike = kvcalc.show("llama-3.1-8b", 10, pp=2).rank
    assert str(alike) == "a GPU of stage 1 of 2 (layers 1 to 16), as each of 2"
    assert str(kvcalc.show("deepseek-v3", 10, tp=8).rank) == "each of 8 GPUs"
    assert str(kvcalc.show("deepseek-v3", 10, tp=8, dcp=8).rank) == "the fullest of 8 GPUs"
    assert str(kvcalc.show("deepseek-v3", 10, 3, dp=2).rank) == "the fullest of 2 GPUs"


def test_mtp_and_a_draft_are_on_the_last_stage() -> None:
    answer = kvcalc.show("deepseek-v3", 10, mtp=True, draft="llama-3.2-1b")
    stages = stages_of(answer.model, Ranks(tp=4, pp=2))
    assert [(stage.first, stage.end) for stage in stages] == [(0, 31), (31, 62)]
    assert [[group.name for group in stage.groups] for stage in stages] == [
        ["mla"],
        ["mla", "draft.gqa"],
    ]
    assert stages[1].cache.groups[1].tensors[0].tensor.heads == 8 // 4


def test_a_draft_whose_heads_do_not_divide_is_named() -> None:
    with pytest.raises(WrongArgument, match=r"tp: Qwen2\.5-0\.5B has 14 query heads"):
        kvcalc.show("qwen2.5-72b", 10, draft="qwen2.5-0.5b", tp=4)


def test_heads_of_a_model_that_cannot_be_split_are_named_with_it() -> None:
    with pytest.raises(WrongArgument, match="tp: Phi-4: the 10 heads of k cannot be split over 4"):
        kvcalc.show("phi-4", 10, tp=4)


@pytest.mark.parametrize(
    ("model", "asked", "owner"),
    [
        ("gemma-3n-e4b", {"pp": 3}, 19),
        ("gemma-3n-e4b", {"pp_layers": "19,16"}, 19),
        ("gemma-3n-e4b", {"pp_layers": "20,15"}, 19),
        ("gemma-4-e4b", {"pp": 4}, 23),
        ("gemma-4-e4b", {"pp_layers": "23,19"}, 23),
    ],
)
def test_no_cut_between_a_cache_and_who_reads_it(
    model: str, asked: dict[str, Any], owner: int
) -> None:
    (argument,) = asked
    with pytest.raises(WrongArgument) as raised:
        kvcalc.show(model, 10, **asked)
    assert raised.value.argument == argument
    assert f"read the cache of layer {owner}, which would be on an earlier" in str(raised.value)


def test_a_cut_before_what_is_shared() -> None:
    """Layers 19 and 20 are read by 21 to 35: their own stage keeps 1 of each, 2 heads x 256."""
    last = kvcalc.show("gemma-3n-e4b", 10_000, pp_layers="18,17")
    assert last.rank
    assert (last.rank.stage, last.stored) == (1, 2 * 2 * 256 * 2 * (15 * 512 + 3 * 10_000))
    assert last.total
    assert last.total.stored == kvcalc.show("gemma-3n-e4b", 10_000).stored


def test_what_no_layer_before_it_stores_is_read_wherever_it_is() -> None:
    theirs = CacheTensor("a", "k", 64, Every(), 8, shared=True)
    attention = {"own": Custom(tensors=(kept(8, "v"),)), "their": Custom(tensors=(theirs,))}
    model = Model("one", uniform(BF16), attention, (("own",), ("their",)))
    assert [stage.cache.stored(10) for stage in stages_of(model, Ranks(pp=2))] == [10_240, 0]


def test_what_has_no_query_heads() -> None:
    (custom,) = [Custom(tensors=(kept(None, "latent"),))]
    assert query_heads(custom) is None
    model = Model("one", uniform(BF16), {"a": custom}, (("a",),) * 4)
    assert kvcalc.show(model, 10, tp=7).stored == 4 * 64 * 2 * 10


EXTENTS: st.SearchStrategy[Extent] = st.sampled_from(
    [Every(), Every(4, 4), Window(5), Window(3, 2), Every(2, 7)]
)
READS: st.SearchStrategy[Reads] = st.sampled_from([ALL, TopK(6)])
TPS = (1, 2, 4, 8)


@st.composite
def tensors(draw: st.DrawFn) -> CacheTensor:
    role = draw(st.sampled_from([*sorted(ENTRY_ROLES), "index", "state", "conv", "shift"]))
    if role in SHARED_OUT:
        heads = draw(st.sampled_from([None, 1, 2, 4, 8, 16]))
        reads: Reads = draw(READS)
        return CacheTensor("a", role, draw(st.integers(1, 9)), draw(EXTENTS), heads, reads=reads)
    heads = draw(st.sampled_from([8, 16] if role == "state" else [None, 1, 2, 8]))
    extent: Extent = Fixed(draw(st.integers(1, 4)))
    return CacheTensor("a", role, draw(st.integers(1, 9)), extent, heads, reads=ReadWrite())


@st.composite
def models(draw: st.DrawFn) -> Model:
    schemes = st.builds(Custom, tensors=st.lists(tensors(), min_size=1, max_size=3).map(tuple))
    attention = {name: draw(schemes) for name in "ab"}
    kinds: list[tuple[str, ...]] = [("a",), ("b",), ("a", "b"), ()]
    layers = draw(st.lists(st.sampled_from(kinds), min_size=4, max_size=9))
    return Model("one", uniform(BF16), attention, tuple(layers))


@st.composite
def layouts(draw: st.DrawFn) -> Ranks:
    tp = draw(st.sampled_from(TPS))
    dcp = draw(st.sampled_from([n for n in TPS if n <= tp]))
    return Ranks(tp, draw(st.integers(1, 4)), draw(st.integers(1, 3)), dcp)


def times_kept(tensor: CacheTensor, ranks: Ranks) -> int:
    """How many ranks of one copy keep the same entry of the same head."""
    among = ranks.tp // ranks.dcp if tensor.role in SHARED_OUT else ranks.tp
    return among if tensor.heads is None else max(1, among // tensor.heads)


@given(model=models(), ranks=layouts(), tokens=st.integers(0, 40), batch=st.integers(1, 7))
@settings(max_examples=300)
def test_ranks_add_up_to_the_cache_and_its_copies(
    model: Model, ranks: Ranks, tokens: int, batch: int
) -> None:
    tokens = max(1, tokens)
    asked: dict[str, Any] = {"tp": ranks.tp, "pp": ranks.pp, "dp": ranks.dp, "dcp": ranks.dcp}
    answer, alone = kvcalc.show(model, tokens, batch, **asked), model.cache
    sequences = -(-batch // ranks.dp)
    assert answer.sequences == sequences
    if ranks.gpus == 1:
        assert answer.amounts == alone.at(tokens).of_batch(batch)
        assert answer.total is None
        return
    assert answer.total
    assert answer.rank
    wanted = read = 0
    for layers, settled in alone.tensors:
        times = batch * layers * times_kept(settled.tensor, ranks)
        wanted += times * settled.stored(tokens)
        read += times * settled.read(tokens)
    assert (answer.total.stored, answer.total.read) == (wanted, read)
    assert answer.copies == wanted - batch * alone.stored(tokens) >= 0
    stages = stages_of(model, ranks)
    each = [stage.cache.stored(tokens) for stage in stages]
    assert answer.stored == sequences * max(each)
    assert stages[answer.rank.stage - 1].cache.stored(tokens) == max(each)
    assert answer.rank.alike == (answer.total.stored == ranks.gpus * answer.stored)


@given(model=models(), tokens=st.integers(1, 40))
def test_one_gpu_is_no_layout_at_all(model: Model, tokens: int) -> None:
    (stage,) = stages_of(model, Ranks())
    assert stage.cache.contents == model.cache.contents
    assert stage.total(tokens) == stage.cache.at(tokens) == model.cache.at(tokens)
    assert (stage.first, stage.end, stage.of) == (0, len(model.layers), 1)
    assert isinstance(stage.total(tokens), Amounts)
