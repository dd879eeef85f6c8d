"""What holds of every cache, whatever its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.attention import KINDS
from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.compressed import CSA, CSA2, HCA, CSA2Window, SharedKV
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MFA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import (
    KDA,
    MLSTM,
    RGLRU,
    RWKV7,
    GatedDeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.bundle import bundled
from kvcalc.cache import Cache, CacheTensor, Group, Role, Storage
from kvcalc.errors import UsageError
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
from kvcalc.figures import parse_figure
from kvcalc.formats import BF16, FP8, FP32, uniform
from kvcalc.model import Layer, Model
from kvcalc.queries.best import best
from kvcalc.units import decimals, format_ratio, parse_tokens
from kvcalc.whatif import rows_of

quick = settings(derandomize=True, max_examples=30, deadline=None, database=None)
thorough = settings(quick, max_examples=300)

STRIDES = (1, 2, 4, 16, 128)

TOKENS = st.one_of(st.integers(1, 300), st.integers(1, 2_000_000))
COUNTS = st.integers(1, 64)
SIZES = st.one_of(st.integers(1, 400), st.integers(1, 3_000))
FORMATS = st.sampled_from([None, BF16, FP32])
ROLES = [role for role in get_args(Role) if role != "carry"]


def extents() -> st.SearchStrategy[Extent]:
    return st.one_of(
        st.builds(Every, st.sampled_from(STRIDES) | COUNTS, SIZES | COUNTS),
        # the first entry comes within the first stride
        st.sampled_from(STRIDES).flatmap(lambda n: st.builds(Every, st.just(n), st.integers(1, n))),
        st.builds(Window, SIZES, st.just(0) | SIZES),
        st.builds(Chunk, SIZES),
        st.builds(Beyond, SIZES),
        st.builds(Fixed, st.integers(0, 64)),
    )


def reads() -> st.SearchStrategy[Reads]:
    return st.one_of(
        st.just(All()),
        st.builds(TopK, SIZES, COUNTS),
        st.builds(TopBlocks, COUNTS, SIZES),
        st.just(ReadWrite()),
    )


def tensors() -> st.SearchStrategy[CacheTensor]:
    return st.builds(
        CacheTensor,
        name=st.just("tensor"),
        role=st.sampled_from(ROLES),
        width=COUNTS,
        extent=extents(),
        heads=st.none() | COUNTS,
        format=FORMATS,
        reads=reads(),
        shared=st.booleans(),
    )


SPAN: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    SIZES.map(lambda window: {"window": window}),
    st.tuples(SIZES, SIZES).map(lambda sizes: {"window": sizes[0], "sink": sizes[1]}),
    SIZES.map(lambda chunk: {"chunk": chunk}),
    SIZES.map(lambda source: {"cross": True, "source_length": source}),
)


def attending(
    scheme: type[Scheme], spans: st.SearchStrategy[dict[str, Any]] = SPAN, **fields: Any
) -> st.SearchStrategy[Scheme]:
    """A scheme over entries per token: its own fields, and which tokens it keeps."""
    own = st.fixed_dictionaries({"heads": COUNTS, "head_dim": COUNTS, **fields})
    shared = st.booleans().map(lambda flag: {"shared": flag})
    return st.builds(
        lambda *parts: scheme(**{k: v for p in parts for k, v in p.items()}), own, spans, shared
    )


def with_groups(scheme: type[Scheme], **fields: Any) -> st.SearchStrategy[Scheme]:
    """A grouped scheme whose groups divide its heads."""
    per_group = st.tuples(COUNTS, COUNTS)
    return per_group.flatmap(
        lambda n: attending(
            scheme, **{"heads": st.just(n[0] * n[1]), "kv_heads": st.just(n[0]), **fields}
        )
    )


def counted(scheme: type[Scheme], *names: str) -> st.SearchStrategy[Scheme]:
    """A recurrent scheme: counts under these names, and a dtype for its state."""
    return st.builds(scheme, state_dtype=FORMATS, **dict.fromkeys(names, COUNTS))


LATENT: dict[str, Any] = {"latent_dim": COUNTS, "rope_dim": st.integers(0, 64)}
INDEX: dict[str, Any] = {
    "index_heads": COUNTS,
    "index_dim": COUNTS,
    "index_dtype": st.sampled_from([FP8, BF16]),
}
SHARED_KV: dict[str, Any] = {"head_dim": st.integers(65, 512), "rope_dim": st.integers(0, 64)}
WINDOWED = SIZES.map(lambda window: {"window": window})

SCHEMES: Mapping[str, st.SearchStrategy[Scheme]] = {
    "mha": attending(MHA),
    "gqa": with_groups(GQA),
    "mqa": attending(MQA, key_dim=COUNTS, value_dim=COUNTS),
    "mfa": attending(MFA),
    "mla": attending(MLA, **LATENT),
    "dsa": st.one_of(
        attending(DSA, **LATENT, **INDEX, top_k=SIZES),
        attending(
            DSA,
            st.just({}),
            **LATENT,
            **INDEX,
            top_k=SIZES,
            index_every=COUNTS,
            indexer=st.sampled_from(["own", "shared"]),
        ),
    ),
    "block_sparse": with_groups(BlockSparse, **INDEX, block_size=COUNTS, top_k_blocks=COUNTS),
    "shared_kv": attending(SharedKV, **SHARED_KV),
    "hca": attending(HCA, WINDOWED, **SHARED_KV, compress=COUNTS),
    "csa": attending(CSA, WINDOWED, **SHARED_KV, **INDEX, compress=COUNTS, top_k=SIZES),
    "csa2_swa": attending(CSA2Window, WINDOWED, **SHARED_KV),
    "csa2": st.one_of(
        attending(
            CSA2,
            WINDOWED,
            **SHARED_KV,
            **INDEX,
            compress=COUNTS,
            top_k=SIZES,
            mode=st.sampled_from(["full", "reindex", "reuse"]),
        ),
        attending(
            CSA2,
            WINDOWED,
            **SHARED_KV,
            **INDEX,
            compress=COUNTS,
            top_k=SIZES,
            mode=st.just("reindex"),
            candidate_blocks=COUNTS,
            block_size=COUNTS,
        ),
    ),
    "mamba1": counted(Mamba1, "inner_dim", "state_dim", "conv_kernel"),
    "mamba2": counted(
        Mamba2, "state_heads", "state_head_dim", "state_dim", "state_groups", "conv_kernel"
    ),
    "gdn": counted(
        GatedDeltaNet, "key_heads", "state_heads", "key_dim", "value_dim", "conv_kernel"
    ),
    "kda": counted(KDA, "state_heads", "key_dim", "value_dim", "conv_kernel"),
    "lightning": counted(Lightning, "state_heads", "key_dim", "value_dim"),
    "shortconv": st.builds(ShortConv, channels=COUNTS, conv_kernel=COUNTS),
    "rglru": counted(RGLRU, "channels", "conv_kernel"),
    "rwkv7": counted(RWKV7, "state_heads", "state_head_dim", "hidden_dim"),
    "mlstm": counted(MLSTM, "state_heads", "key_dim", "value_dim"),
    "custom": st.builds(Custom, tensors=st.lists(tensors(), min_size=1, max_size=4).map(tuple)),
}

random_schemes = settings(derandomize=True, deadline=None, max_examples=300)


def test_every_kind_is_drawn_at_random() -> None:
    assert set(SCHEMES) == set(KINDS)


def schemes() -> st.SearchStrategy[Scheme]:
    return st.one_of(*SCHEMES.values())


def layers_of(scheme: Scheme, layers: int = 1) -> Model:
    return Model("M", uniform(BF16), {"x": scheme}, (("x",),) * layers, Shape(8, 64, 64))


def caches() -> st.SearchStrategy[Cache]:
    """Groups of tensors of any sort, or what one layer of any scheme keeps."""
    storage = Storage(uniform(BF16))
    kept = st.lists(tensors(), min_size=1, max_size=4).map(storage.settle)
    group = st.builds(Group, st.just("g"), st.integers(1, 80), kept)
    return st.one_of(
        st.lists(group, max_size=4).map(lambda groups: Cache(tuple(groups))),
        schemes().map(lambda scheme: layers_of(scheme).cache),
    )


@thorough
@given(caches(), TOKENS, st.integers(0, 5_000))
def test_stored_never_falls_as_tokens_come(cache: Cache, tokens: int, more: int) -> None:
    assert cache.stored(tokens) <= cache.stored(tokens + more)


@thorough
@given(caches(), TOKENS)
def test_a_step_moves_at_most_twice_what_is_stored(cache: Cache, tokens: int) -> None:
    assert cache.read(tokens) >= 0
    if not any(kept.tensor.shared for group in cache.groups for kept in group.tensors):
        assert cache.read(tokens) <= 2 * cache.stored(tokens)


@thorough
@given(caches(), TOKENS)
def test_what_no_longer_grows_is_a_part_of_what_is_stored(cache: Cache, tokens: int) -> None:
    assert 0 <= cache.fixed(tokens) <= cache.stored(tokens)
    if cache.growth(tokens) == 0:
        assert cache.fixed(tokens) == cache.stored(tokens)


@thorough
@given(caches(), TOKENS)
def test_growth_is_the_difference_of_stored_averaged_over_a_stride(
    cache: Cache, tokens: int
) -> None:
    total = Fraction(0)
    for group in cache.groups:
        for kept in group.tensors:
            extent, start, stride = kept.tensor.extent, tokens, 1
            if isinstance(extent, Every):
                stride = extent.stride
                # a first entry that comes later than a stride is waited for
                start = tokens if extent.first <= stride else max(tokens, extent.first)
            added = kept.stored(start + stride) - kept.stored(start)
            assert kept.growth(start) == Fraction(added, stride)
            total += group.layers * kept.growth(tokens)
    assert cache.growth(tokens) == total


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
@given(SIZES, SIZES, TOKENS)
def test_sinks_keep_as_much_as_a_window_that_is_so_much_longer(
    size: int, sink: int, tokens: int
) -> None:
    beside, longer = Window(size, sink), Window(size + sink)
    assert beside.entries(tokens) == longer.entries(tokens)
    assert beside.growth(tokens) == longer.growth(tokens)


@quick
@given(SIZES, TOKENS)
def test_a_window_and_what_is_beyond_it_are_everything(size: int, tokens: int) -> None:
    assert Window(size).entries(tokens) + Beyond(size).entries(tokens) == tokens


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
    one, many = kvcalc.show(model, context), kvcalc.show(model, context, batch)
    assert many.stored == batch * one.stored == model.stored(context, batch)
    assert many.fixed == batch * one.fixed == model.fixed(context, batch)
    assert many.read == batch * one.read == model.read(context, batch)
    assert many.growth == one.growth
    for row, rows in zip(
        kvcalc.compare(model, context=context).rows,
        kvcalc.compare(model, context=context, batch=batch).rows,
        strict=True,
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
    answer = kvcalc.show(model, context)
    assert sum(line.stored for line in answer.lines) == answer.stored
    assert sum(line.growth for line in answer.lines) == answer.growth
    assert sum(line.read for line in answer.lines) == answer.read


@quick
@given(models(), models(), st.integers(1, 100_000), st.sampled_from(QUANTITIES))
def test_ratios_of_two_models_are_each_others_reciprocal(
    one: Model, other: Model, context: int, metric: Quantity
) -> None:
    ratio = kvcalc.compare(one, other, context=context, metric=metric).rows[1].ratio
    back = kvcalc.compare(other, one, context=context, metric=metric).rows[1].ratio
    if ratio and back:
        assert ratio * back == 1


@quick
@given(
    st.lists(tensors(), min_size=1, max_size=3),
    st.lists(tensors(), min_size=1, max_size=3),
    st.integers(1, 3_000),
    st.sampled_from(["stored", "growth", "read"]),
)
def test_the_best_case_is_that_of_all_contexts(
    above: list[CacheTensor], below: list[CacheTensor], longest: int, quantity: Quantity
) -> None:
    caches = [
        Cache((Group("all", 1, Storage(uniform(BF16)).settle(kept)),)) for kept in (above, below)
    ]

    def ratio(context: int) -> Fraction | None:
        sizes = [cache.amount(quantity, context) for cache in caches]
        return sizes[0] / sizes[1] if sizes[0] is not None and sizes[1] else None

    try:
        found = best(ratio, caches, longest)
    except UsageError:
        return
    values = [value for value in map(ratio, range(1, longest + 1)) if value is not None]
    assert (found.value if found else None) == max(values, default=None)
    if found:
        assert ratio(found.context) == found.value


@quick
@given(st.fractions(0, 10**9), st.integers(0, 6), st.sampled_from(["x", " kB", " GiB", " GFLOPs"]))
def test_a_figure_holds_of_every_value_that_prints_so(
    value: Fraction, places: int, unit: str
) -> None:
    figure = parse_figure(decimals(value, places) + unit)
    scale = parse_figure(f"1{unit}").value
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
        breakdown = kvcalc.show(model, context)
        assert 0 <= breakdown.fixed <= breakdown.stored
        if not any(line.settled.tensor.shared for line in breakdown.lines):
            assert breakdown.read <= 2 * breakdown.stored
        assert sum(line.stored for line in breakdown.lines) == breakdown.stored
