"""The alphabet: entries of each extent, what a step touches, formats, and sums over groups."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import get_args

import pytest

from kvcalc.amounts import Amounts
from kvcalc.attention.custom import Custom
from kvcalc.cache import STATE_ROLES, Cache, CacheTensor, Group, Role, Settled, Storage
from kvcalc.errors import UsageError
from kvcalc.extents import (
    All,
    Beyond,
    Chunk,
    Every,
    Extent,
    Fixed,
    Reads,
    ReadWrite,
    TopBlocks,
    TopK,
    Window,
)
from kvcalc.formats import BF16, FP8, FP32, Format, parse_format, parse_layout, uniform


@pytest.mark.parametrize(
    ("extent", "tokens", "by_hand", "entries", "growth", "source"),
    [
        (Every(), 1, 1, 1, "1", "an entry per token"),
        (Every(), 131_072, 131072, 131_072, "1", "an entry per token"),
        (Every(4, 4), 3, 0, 0, "1/4", "floor(3 / 4)"),
        (Every(4, 4), 4, 1, 1, "1/4", "floor(4 / 4)"),
        (Every(4, 4), 7, 1, 1, "1/4", "floor(7 / 4)"),
        (Every(4, 4), 8, 2, 2, "1/4", "floor(8 / 4)"),
        (Every(4, 4), 131_072, 131072 // 4, 32_768, "1/4", "floor"),
        (Every(4, 1), 1, 1, 1, "1/4", "ceil(1 / 4)"),
        (Every(4, 1), 4, 1, 1, "1/4", "ceil(4 / 4)"),
        (Every(4, 1), 5, 2, 2, "1/4", "ceil(5 / 4)"),
        (Every(4, 1), 131_072, 131072 // 4, 32_768, "1/4", "ceil"),
        (Every(16, 32), 31, 0, 0, "1/16", "NSA, arXiv 2502.11089: blocks of 32, stride 16"),
        (Every(16, 32), 32, 1, 1, "1/16", "NSA: the first whole block"),
        (Every(16, 32), 47, 1, 1, "1/16", "NSA: one short of the second"),
        (Every(16, 32), 48, 2, 2, "1/16", "NSA: the second block"),
        (Every(16, 32), 131_072, 1 + (131072 - 32) // 16, 8_191, "1/16", "NSA"),
        (Window(1_024), 1, 1, 1, "1", "filling"),
        (Window(1_024), 1_023, 1023, 1_023, "1", "the last token that adds one is the 1,024th"),
        (Window(1_024), 1_024, 1024, 1_024, "0", "full"),
        (Window(1_024), 131_072, 1024, 1_024, "0", "full"),
        (Window(2_048, 4), 4, 4, 4, "1", "the sinks are the first of all tokens"),
        (Window(2_048, 4), 2_051, 2051, 2_051, "1", "the last token that adds one is the 2,052nd"),
        (Window(2_048, 4), 2_052, 2048 + 4, 2_052, "0", "full, sinks beside it"),
        (Window(2_048, 4), 16_384, 2048 + 4, 2_052, "0", "full, sinks beside it"),
        (Chunk(8_192), 8_191, 8191, 8_191, "1", "filling"),
        (Chunk(8_192), 8_192, 8192, 8_192, "0", "the most that is held up to T"),
        (Chunk(8_192), 8_193, 8192, 8_192, "0", "the most that is held up to T"),
        (Beyond(128), 1, 0, 0, "0", "all are in the window yet"),
        (Beyond(128), 127, 0, 0, "0", "the 128th token still fits"),
        (Beyond(128), 128, 0, 0, "1", "the next one pushes one out"),
        (Beyond(128), 131_072, 131072 - 128, 130_944, "1", "all but the last 128"),
        (Fixed(), 1, 1, 1, "0", "a state"),
        (Fixed(4), 131_072, 4, 4, "0", "four columns"),
    ],
)
def test_entries_and_growth(
    extent: Extent, tokens: int, by_hand: int, entries: int, growth: str, source: str
) -> None:
    assert extent.entries(tokens) == by_hand == entries, source
    assert extent.growth(tokens) == Fraction(growth), source


@pytest.mark.parametrize(
    ("extent", "rule"),
    [
        (Every(), "T"),
        (Every(4, 4), "floor(T / 4)"),
        (Every(16, 32), "1 + floor((T - 32) / 16) from T = 32"),
        (Every(4, 1), "1 + floor((T - 1) / 4) from T = 1"),
        (Window(4_096), "min(T, 4,096)"),
        (Window(2_048, 4), "min(T, 2,048 + 4)"),
        (Chunk(8_192), "min(T, 8,192)"),
        (Beyond(1_024), "max(0, T - 1,024)"),
        (Fixed(1), "1 whatever T"),
    ],
)
def test_an_extent_says_its_rule(extent: Extent, rule: str) -> None:
    assert extent.rule == rule


@pytest.mark.parametrize(
    ("reads", "entries", "used"),
    [
        (All(), 131_072, 131_072),
        (TopK(2_048), 131_072, 2_048),
        (TopBlocks(16, 128), 131_073, 15 * 128 + 1),
        (ReadWrite(), 4, 4),
    ],
)
def test_what_a_step_computes_with(reads: Reads, entries: int, used: int) -> None:
    assert reads.used(entries) == used


@pytest.mark.parametrize(
    ("reads", "entries", "by_hand", "touched"),
    [
        (All(), 131_072, 131072, 131_072),
        (TopK(2_048), 131_072, 2048, 2_048),
        (TopK(2_048), 2_048, 2048, 2_048),
        (TopK(2_048), 2_047, 2047, 2_047),
        (TopK(2_048, 4), 131_072, 2048, 2_048),
        (TopK(2_048, 4), 131_074, 2048 + 2, 2_050),
        (TopK(2_048, 4), 2_049, 2048 + 1, 2_049),
        (TopK(2_048, 4), 3, 3, 3),
        (TopBlocks(16, 128), 131_072, 16 * 128, 2_048),
        (TopBlocks(16, 128), 131_073, 15 * 128 + 1, 1_921),
        (TopBlocks(16, 128), 131_199, 15 * 128 + 127, 2_047),
        (TopBlocks(16, 128), 2_000, 15 * 128 + 80, 2_000),
        (TopBlocks(16, 128), 100, 100, 100),
        (TopBlocks(16, 128), 128, 128, 128),
        (ReadWrite(), 1, 2, 2),
        (ReadWrite(), 4, 2 * 4, 8),
    ],
)
def test_what_a_step_touches(reads: Reads, entries: int, by_hand: int, touched: int) -> None:
    assert reads.touched(entries) == by_hand == touched


@pytest.mark.parametrize(
    ("reads", "rule"),
    [
        (All(), "all"),
        (TopK(2_048), "top 2,048"),
        (TopK(2_048, 4), "top 2,048 and T mod 4"),
        (TopBlocks(16, 128), "top 16 blocks of 128"),
        (ReadWrite(), "read and written back"),
    ],
)
def test_reads_say_their_rule(reads: Reads, rule: str) -> None:
    assert reads.rule == rule


def format_of(tensor: CacheTensor, storage: Storage, *beside: CacheTensor) -> Format:
    return storage.settle((*beside, tensor))[-1].format


LATENT_512 = CacheTensor("latent", "latent", 512, Every())
ROPE_64 = CacheTensor("rope", "rope", 64, Every())
KEY_WITH_SCALE = FP8.scaled(FP32)


@pytest.mark.parametrize(
    ("role", "pinned", "storage", "stored"),
    [
        ("k", None, Storage(uniform(BF16)), BF16),
        ("latent", None, Storage(uniform(FP8)), FP8),
        ("index", KEY_WITH_SCALE, Storage(uniform(BF16)), KEY_WITH_SCALE),
        ("index", None, Storage(uniform(BF16)), BF16),
        ("state", None, Storage(uniform(BF16)), FP32),
        ("state", BF16, Storage(uniform(FP32)), BF16),
        ("conv", None, Storage(uniform(BF16)), BF16),
        ("shift", None, Storage(uniform(BF16)), BF16),
        ("k", None, Storage(uniform(BF16), uniform(FP8)), FP8),
        ("k", FP32, Storage(uniform(BF16), uniform(FP8)), FP8),
        ("rope", None, Storage(uniform(BF16), uniform(FP8)), FP8),
        ("k", None, Storage(uniform(BF16), parse_layout("q8_0/q4_0")), parse_format("q8_0")),
        ("v", None, Storage(uniform(BF16), parse_layout("q8_0/q4_0")), parse_format("q4_0")),
        ("k", None, Storage(parse_layout("q8_0/q4_0")), parse_format("q8_0")),
        ("index", KEY_WITH_SCALE, Storage(uniform(BF16), uniform(FP8)), KEY_WITH_SCALE),
        ("index", BF16, Storage(uniform(BF16), uniform(FP8)), BF16),
        ("state", None, Storage(uniform(BF16), uniform(FP8)), FP32),
        ("conv", None, Storage(uniform(BF16), uniform(FP8)), BF16),
        ("shift", None, Storage(uniform(BF16), uniform(FP8)), BF16),
        ("index", KEY_WITH_SCALE, Storage(uniform(BF16), None, BF16), BF16),
        ("index", None, Storage(uniform(BF16), uniform(FP8), FP32), FP32),
        ("k", None, Storage(uniform(BF16), None, FP8), BF16),
    ],
)
def test_the_format_of_a_tensor(
    role: Role, pinned: Format | None, storage: Storage, stored: Format
) -> None:
    assert format_of(CacheTensor("x", role, 128, Every(), format=pinned), storage) == stored


@pytest.mark.parametrize(
    ("role", "pinned", "index_dtype", "size"),
    [
        ("rope", None, None, 64 * 2),
        ("index", BF16, None, 64 + 4),
        ("index", BF16, BF16, 64 * 2),
        ("k", None, None, 64 * 2),
        ("state", None, None, 64 * 4),
    ],
)
def test_a_layout_changes_an_index_key_where_it_says_so_and_never_a_state(
    role: Role, pinned: Format | None, index_dtype: Format | None, size: int
) -> None:
    storage = Storage(uniform(BF16), parse_layout("fp8_ds_mla"), index_dtype)
    tensor = CacheTensor("x", role, 64, Every(), format=pinned)
    assert format_of(tensor, storage, LATENT_512, ROPE_64).entry_bytes(64) == size


@pytest.mark.parametrize(
    ("role", "dtype"),
    [("conv", "fp8"), ("shift", "q8_0"), ("latent", "q8_0/q4_0"), ("k", "fp8_ds_mla")],
)
def test_a_dtype_that_does_not_say_how_a_tensor_is_stored(role: Role, dtype: str) -> None:
    tensor = CacheTensor("x", role, 128, Every())
    with pytest.raises(UsageError, match=f"does not say how a {role} tensor is stored"):
        Storage(parse_layout(dtype)).settle((tensor,))


@pytest.mark.parametrize(
    ("kv_dtype", "roles", "unnamed"),
    [
        (None, ("k", "v"), ()),
        ("fp8", ("k", "v", "index", "state"), ()),
        ("fp8_ds_mla", ("k", "v"), ("k", "v")),
        ("fp8_ds_mla", ("k", "v", "state", "conv"), ("k", "v")),
        ("q8_0/q4_0", ("latent", "rope"), ("latent", "rope")),
        ("q8_0/q4_0", ("k", "v", "latent"), ("latent",)),
    ],
)
def test_roles_that_a_layout_does_not_name(
    kv_dtype: str | None, roles: tuple[Role, ...], unnamed: tuple[Role, ...]
) -> None:
    layout = None if kv_dtype is None else parse_layout(kv_dtype)
    tensors = [CacheTensor(role, role, 512, Every()) for role in roles]
    assert Storage(uniform(BF16), layout).unnamed(tensors) == unnamed


def test_states_are_roles() -> None:
    assert set(get_args(Role)) > STATE_ROLES == {"state", "conv", "shift"}


KEY = CacheTensor("k", "k", 128, Every(), heads=8)
WINDOWED = CacheTensor("v", "v", 64, Window(10), heads=8)
INDEX = CacheTensor("index_key", "index", 128, Every(), format=FP8.scaled(FP32))
PICKED = CacheTensor("latent", "latent", 512, Every(), reads=TopK(5))
POOLED = CacheTensor("pooled", "latent", 512, Every(4, 4))
STATE = CacheTensor("state", "state", 16_384, Fixed(), heads=32, reads=ReadWrite())
SHARED = CacheTensor("k", "k", 128, Every(), heads=8, shared=True)
CARRY = CacheTensor("compressor", "carry", 128, Window(4))


def settled(tensor: CacheTensor) -> Settled:
    return Storage(uniform(BF16)).settle((tensor,))[0]


@pytest.mark.parametrize(
    ("tensor", "entry", "tokens", "stored", "growth", "read"),
    [
        (KEY, 8 * 128 * 2, 100, 100 * 2_048, 2_048, 100 * 2_048),
        (WINDOWED, 8 * 64 * 2, 9, 9 * 1_024, 1_024, 9 * 1_024),
        (WINDOWED, 8 * 64 * 2, 100, 10 * 1_024, 0, 10 * 1_024),
        (INDEX, 128 * 1 + 4, 100, 100 * 132, 132, 100 * 132),
        (PICKED, 512 * 2, 100, 100 * 1_024, 1_024, 5 * 1_024),
        (POOLED, 512 * 2, 102, 25 * 1_024, 1_024 // 4, 25 * 1_024),
        (STATE, 32 * 16_384 * 4, 100, 2_097_152, 0, 2 * 2_097_152),
        (SHARED, 8 * 128 * 2, 100, 0, 0, 100 * 2_048),
    ],
)
def test_one_tensor_in_bytes(
    tensor: CacheTensor, entry: int, tokens: int, stored: int, growth: int, read: int
) -> None:
    found = settled(tensor)
    assert found.entry_bytes == entry
    assert found.stored(tokens) == stored
    assert found.growth(tokens) == growth
    assert found.read(tokens) == read


def cache_of(*groups: tuple[int, tuple[CacheTensor, ...]]) -> Cache:
    return Cache(
        tuple(
            Group(f"group {number}", layers, tuple(settled(tensor) for tensor in tensors))
            for number, (layers, tensors) in enumerate(groups)
        )
    )


MIXED = cache_of((3, (KEY, WINDOWED)), (2, (STATE,)), (1, (POOLED,)), (2, (SHARED,)))


@pytest.mark.parametrize(
    ("tokens", "stored", "growth", "fixed", "read"),
    [
        (8, 3 * (8 * 2_048 + 8 * 1_024) + 2 * 2_097_152 + 2 * 1_024, 3 * (2_048 + 1_024) + 256,
         2 * 2_097_152, 5 * 8 * 2_048 + 3 * 8 * 1_024 + 2 * 2 * 2_097_152 + 2 * 1_024),
        (100, 3 * (100 * 2_048 + 10 * 1_024) + 2 * 2_097_152 + 25 * 1_024, 3 * 2_048 + 256,
         3 * 10 * 1_024 + 2 * 2_097_152,
         5 * 100 * 2_048 + 3 * 10 * 1_024 + 2 * 2 * 2_097_152 + 25 * 1_024),
    ],
)  # fmt: skip
def test_a_cache_sums_over_layers_and_tensors(
    tokens: int, stored: int, growth: int, fixed: int, read: int
) -> None:
    assert MIXED.stored(tokens) == stored
    assert MIXED.growth(tokens) == growth
    assert MIXED.fixed(tokens) == fixed
    assert MIXED.read(tokens) == read
    amounts = Amounts(stored, Fraction(growth), fixed, read, MIXED.flops(tokens))
    assert MIXED.at(tokens) == amounts
    parts = (tensor.at(tokens).times(layers) for layers, tensor in MIXED.tensors)
    assert sum(parts, Amounts()) == amounts


def test_what_a_compressor_leaves_over_is_part_of_a_cache_and_counted_by_engines_alone() -> None:
    pooled = Group("pooled", 1, (settled(POOLED),))
    carried = replace(pooled, left_over=(settled(CARRY),))
    assert Cache((carried,)).at(102) == Cache((pooled,)).at(102)
    assert Cache((carried,)).contents != Cache((pooled,)).contents


def test_a_tensor_that_a_file_calls_a_left_over_is_none_of_what_is_kept() -> None:
    custom = Custom(tensors=(KEY, CARRY))
    assert (custom.expand(), custom.left_over()) == ((KEY,), (CARRY,))


def test_amounts_of_a_batch_keep_the_growth_of_one_sequence() -> None:
    one = Amounts(10, Fraction(1, 3), 4, 20, 7)
    assert one.of_batch(3) == Amounts(30, Fraction(1, 3), 12, 60, 21)
    assert one.times(3) == one + one + one == Amounts(30, Fraction(1), 12, 60, 21)
    assert (one + Amounts(flops=None)).flops is None is Amounts(flops=None).times(3).flops
    assert one.of_batch(1) is one
    assert [one.of("growth"), one.of("stored"), Amounts(flops=None).of("flops")] == [
        Fraction(1, 3), 10, None
    ]  # fmt: skip


def test_growth_is_a_fraction_even_where_nothing_is_kept() -> None:
    assert Cache(()).growth(1) == Fraction(0)
    assert isinstance(Cache(()).growth(1), Fraction)
    assert (Cache(()).stored(1), Cache(()).fixed(1), Cache(()).read(1)) == (0, 0, 0)


def test_flops_are_two_per_multiply_add_and_unknown_where_one_is() -> None:
    counted = CacheTensor("k", "k", 128, Every(), heads=8, macs=64 * 128)
    assert settled(counted).flops(100) == 2 * 64 * 128 * 100
    assert settled(KEY).flops(100) is None
    assert cache_of((3, (counted,)), (2, (counted,))).flops(100) == 5 * 2 * 64 * 128 * 100
    assert cache_of((3, (counted, KEY))).flops(100) is None
    assert Cache(()).flops(1) == 0


RENAMED = CacheTensor("key", "k", 128, Every(), heads=8)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (cache_of((2, (KEY,))), cache_of((2, (RENAMED,))), True),
        (cache_of((2, (KEY,))), cache_of((1, (KEY,)), (1, (KEY,))), True),
        (cache_of((1, (KEY,)), (1, (STATE,))), cache_of((1, (STATE,)), (1, (KEY,))), True),
        (cache_of((2, (KEY,))), cache_of((3, (KEY,))), False),
        (cache_of((2, (KEY,))), cache_of((2, (SHARED,))), False),
        (cache_of((1, (CacheTensor("k", "k", 128, Every(), heads=8),))),
         cache_of((1, (CacheTensor("k", "k", 256, Every(), heads=4),))), False),
        (cache_of((1, (CacheTensor("k", "k", 128, Window(10)),))),
         cache_of((1, (CacheTensor("k", "k", 128, Chunk(10)),))), False),
        (cache_of((1, (CacheTensor("x", "latent", 512, Every()),))), cache_of((1, (PICKED,))),
         False),
    ],
)  # fmt: skip
def test_caches_are_the_same_where_their_tensors_are(one: Cache, other: Cache, same: bool) -> None:
    assert (one.contents == other.contents) is same
