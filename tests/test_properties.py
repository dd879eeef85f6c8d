"""What holds of every cache, whatever its numbers."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA
from kvcalc.cache import STATE_ROLES, Cache, CacheTensor, Group, Role, Storage
from kvcalc.catalog import bundled
from kvcalc.expect import QUANTITIES, Quantity
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
from kvcalc.formats import BF16, FP8, FP32, uniform
from kvcalc.model import Layer, Model
from kvcalc.queries.compare import compare
from kvcalc.queries.show import show
from kvcalc.units import decimals, format_ratio, parse_figure, parse_tokens
from kvcalc.whatif import rows_of

quick = settings(derandomize=True, max_examples=30, deadline=None, database=None)

STRIDES = (1, 2, 4, 16, 128)
COMMON_STRIDE = 128

TOKENS = st.one_of(st.integers(1, 300), st.integers(1, 2_000_000))
COUNTS = st.integers(1, 64)
SIZES = st.integers(1, 400)


def cache_of(*groups: tuple[int, tuple[CacheTensor, ...]]) -> Cache:
    storage = Storage(uniform(BF16))
    return Cache(tuple(Group("g", layers, storage.settle(tensors)) for layers, tensors in groups))


def strided() -> st.SearchStrategy[Every]:
    """Streams whose first entry comes within their first stride or with their first token."""
    return st.sampled_from(STRIDES).flatmap(
        lambda stride: st.integers(1, stride).map(lambda first: Every(stride, first))
    )


def extents() -> st.SearchStrategy[Extent]:
    return st.one_of(
        strided(),
        st.builds(Every, st.sampled_from(STRIDES), SIZES),
        st.builds(Window, SIZES),
        st.builds(Chunk, SIZES),
        st.builds(Beyond, SIZES),
        st.builds(Fixed, st.integers(0, 8)),
    )


def reads() -> st.SearchStrategy[Reads]:
    return st.one_of(
        st.just(All()),
        st.builds(TopK, SIZES, st.integers(1, 8)),
        st.builds(TopBlocks, st.integers(1, 8), SIZES),
    )


@st.composite
def tensors(draw: st.DrawFn) -> CacheTensor:
    role = draw(st.sampled_from([role for role in get_args(Role) if role != "carry"]))
    return _tensor(
        role,
        draw(COUNTS),
        draw(extents()),
        draw(st.none() | COUNTS),
        ReadWrite() if role in STATE_ROLES else draw(reads()),
    )


def _tensor(
    role: Role, width: int, extent: Extent, heads: int | None = None, reads: Reads | None = None
) -> CacheTensor:
    return CacheTensor(role, role, width, extent, heads, reads=reads or All())


def caches() -> st.SearchStrategy[Cache]:
    group = st.tuples(st.integers(1, 80), st.lists(tensors(), min_size=1, max_size=4).map(tuple))
    return st.lists(group, max_size=4).map(lambda groups: cache_of(*groups))


@quick
@given(caches(), TOKENS, st.integers(0, 5_000))
def test_stored_never_falls_as_tokens_come(cache: Cache, tokens: int, more: int) -> None:
    assert cache.stored(tokens) <= cache.stored(tokens + more)


@quick
@given(caches(), TOKENS)
def test_a_step_moves_at_most_twice_what_is_stored(cache: Cache, tokens: int) -> None:
    assert 0 <= cache.read(tokens) <= 2 * cache.stored(tokens)


@quick
@given(caches(), TOKENS)
def test_what_no_longer_grows_is_a_part_of_what_is_stored(cache: Cache, tokens: int) -> None:
    assert 0 <= cache.fixed(tokens) <= cache.stored(tokens)
    if cache.growth(tokens) == 0:
        assert cache.fixed(tokens) == cache.stored(tokens)


@quick
@given(st.lists(strided(), min_size=1, max_size=4), COUNTS, TOKENS)
def test_growth_is_the_difference_of_stored_averaged_over_a_stride(
    streams: list[Every], width: int, tokens: int
) -> None:
    cache = cache_of((3, tuple(_tensor("latent", width, extent) for extent in streams)))
    added = cache.stored(tokens + COMMON_STRIDE) - cache.stored(tokens)
    assert cache.growth(tokens) == Fraction(added, COMMON_STRIDE)


@quick
@given(
    st.one_of(st.builds(Window, SIZES), st.builds(Chunk, SIZES), st.builds(Beyond, SIZES)),
    st.integers(1, 1_000),
)
def test_growth_of_a_window_is_what_the_next_token_adds(extent: Extent, tokens: int) -> None:
    cache = cache_of((1, (_tensor("k", 64, extent),)))
    assert cache.growth(tokens) == cache.stored(tokens + 1) - cache.stored(tokens)


@quick
@given(COUNTS, COUNTS, SIZES, TOKENS)
def test_a_window_or_chunk_never_exceeds_full_attention(
    heads: int, head_dim: int, size: int, tokens: int
) -> None:
    full = layers_of(MHA(heads=heads, head_dim=head_dim))
    window = layers_of(MHA(heads=heads, head_dim=head_dim, window=size))
    chunk = layers_of(MHA(heads=heads, head_dim=head_dim, chunk=size))
    for bounded in (window, chunk):
        assert bounded.stored(tokens) <= full.stored(tokens)
        assert bounded.growth(tokens) <= full.growth(tokens)
        assert (bounded.stored(tokens) == full.stored(tokens)) is (tokens <= size)


@quick
@given(SIZES, TOKENS)
def test_a_window_and_what_is_beyond_it_are_everything(size: int, tokens: int) -> None:
    assert Window(size).entries(tokens) + Beyond(size).entries(tokens) == tokens


KV_HEADS = st.sampled_from([1, 2, 4])


def schemes() -> st.SearchStrategy[Scheme]:
    heads = st.sampled_from([4, 8, 12, 71])
    head_dim = st.sampled_from([64, 128])
    window = st.none() | SIZES
    state = CacheTensor("state", "state", 256, Fixed(), 4, reads=ReadWrite())
    return st.one_of(
        st.builds(MHA, heads=heads, head_dim=head_dim, window=window),
        st.builds(GQA, heads=st.sampled_from([4, 8, 12]), head_dim=head_dim, kv_heads=KV_HEADS),
        st.builds(MQA, heads=heads, head_dim=head_dim, dtype=st.sampled_from([None, uniform(FP8)])),
        st.builds(MLA, heads=heads, head_dim=head_dim, latent_dim=SIZES, rope_dim=st.just(64)),
        st.builds(
            DSA,
            heads=heads,
            head_dim=head_dim,
            latent_dim=SIZES,
            rope_dim=st.just(64),
            index_heads=st.just(4),
            index_dim=st.just(128),
            top_k=SIZES,
        ),
        st.just(Custom(tensors=(state,))),
    )


def layers_of(scheme: Scheme, layers: int = 1) -> Model:
    return Model("M", uniform(BF16), {"x": scheme}, (("x",),) * layers, Shape(8, 64, 64))


@st.composite
def models(draw: st.DrawFn) -> Model:
    found = draw(st.lists(schemes(), min_size=1, max_size=3))
    attention = {f"entry{number}": scheme for number, scheme in enumerate(found)}
    layer: st.SearchStrategy[Layer] = st.lists(
        st.sampled_from(list(attention)), max_size=2, unique=True
    ).map(tuple)
    layers = draw(st.lists(layer, min_size=1, max_size=8).filter(any))
    return Model("M", uniform(FP32), attention, tuple(layers), Shape(8, 64, 64))


def table(model: Model, tokens: int) -> list[tuple[object, ...]]:
    return [
        (
            row.names,
            row.label,
            row.native,
            row.cache.stored(tokens),
            row.cache.growth(tokens),
            row.cache.fixed(tokens),
            row.cache.read(tokens),
            row.cache.flops(tokens),
        )
        for row in rows_of(model).rows
    ]


@quick
@given(models(), TOKENS, st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_layers(
    model: Model, tokens: int, random: Random
) -> None:
    layers = list(model.layers)
    random.shuffle(layers)
    shuffled = Model("M", model.dtype, model.attention, tuple(layers), model.shape)
    assert table(shuffled, tokens) == table(model, tokens)


@quick
@given(models())
def test_names_are_unique_in_a_table(model: Model) -> None:
    rows = rows_of(model)
    names = [name for row in rows.rows for name in row.names]
    assert len(set(names)) == len(names)
    assert [row.native for row in rows.rows].count(True) == 1
    assert rows.rows[0].answers_to("mha")


@quick
@given(models(), st.integers(1, 100_000), st.integers(1, 1_000))
def test_bytes_are_linear_in_the_batch(model: Model, context: int, batch: int) -> None:
    one, many = show(model, context), show(model, context, batch)
    assert many.stored == batch * one.stored == model.stored(context, batch)
    assert many.fixed == batch * one.fixed == model.fixed(context, batch)
    assert many.read == batch * one.read == model.read(context, batch)
    assert many.growth == one.growth
    for row, rows in zip(
        compare([model], context).rows, compare([model], context, batch).rows, strict=True
    ):
        assert (rows.stored, rows.fixed) == (batch * row.stored, batch * row.fixed)
        assert (rows.read, rows.growth, rows.ratio) == (batch * row.read, row.growth, row.ratio)


@quick
@given(schemes(), st.integers(1, 100), TOKENS)
def test_sixty_like_layers_are_sixty_times_one(scheme: Scheme, layers: int, tokens: int) -> None:
    one = layers_of(scheme)
    for count in (layers, 60):
        many = layers_of(scheme, count)
        assert many.stored(tokens) == count * one.stored(tokens)
        assert many.growth(tokens) == count * one.growth(tokens)
        assert many.fixed(tokens) == count * one.fixed(tokens)
        assert many.read(tokens) == count * one.read(tokens)
        assert len(many.cache.groups) == 1


@quick
@given(models(), st.integers(1, 100_000))
def test_the_lines_of_show_add_up(model: Model, context: int) -> None:
    answer = show(model, context)
    assert sum(line.stored for line in answer.lines) == answer.stored
    assert sum(line.growth for line in answer.lines) == answer.growth
    assert sum(line.read for line in answer.lines) == answer.read


@quick
@given(models(), models(), st.integers(1, 100_000), st.sampled_from(QUANTITIES))
def test_ratios_of_two_models_are_each_others_reciprocal(
    one: Model, other: Model, context: int, metric: Quantity
) -> None:
    ratio = compare([one, other], context, metric=metric).rows[1].ratio
    back = compare([other, one], context, metric=metric).rows[1].ratio
    if ratio and back:
        assert ratio * back == 1


@quick
@given(st.fractions(0, 10**9), st.integers(0, 6), st.sampled_from(["x", " kB", " GiB", " GFLOPs"]))
def test_a_figure_holds_of_every_value_that_prints_so(
    value: Fraction, places: int, unit: str
) -> None:
    figure = parse_figure(decimals(value, places) + unit)
    scale = parse_figure(f"1{unit}").exact
    assert figure.holds(value * scale)
    assert not figure.holds((value + Fraction(1, 10**places)) * scale)
    assert not figure.holds((value - Fraction(1, 10**places)) * scale)


@quick
@given(st.fractions(0, 10**6))
def test_a_ratio_prints_as_a_figure_that_holds(value: Fraction) -> None:
    assert parse_figure(format_ratio(value)).holds(value)


@quick
@given(st.integers(1, 10**12))
def test_tokens_are_read_as_they_are_printed(tokens: int) -> None:
    assert parse_tokens(str(tokens)) == parse_tokens(f"{tokens:,}") == tokens


@pytest.mark.parametrize("name", bundled())
def test_bundled_models_keep_what_holds_of_every_cache(name: str) -> None:
    model = kvcalc.load(name)
    contexts = (1, 127, 128, 4_096, 131_072, 1_000_000)
    stored = [model.stored(context) for context in contexts]
    assert stored == sorted(stored)
    for context in contexts:
        breakdown = show(model, context)
        assert 0 <= breakdown.fixed <= breakdown.stored
        if not any(line.settled.tensor.shared for line in breakdown.lines):
            assert breakdown.read <= 2 * breakdown.stored
        assert sum(line.stored for line in breakdown.lines) == breakdown.stored
