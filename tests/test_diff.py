"""Two models held against each other: what bytes come of, and what else differs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc.attention.base import Shape
from kvcalc.attention.compressed import CSA
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import KDA
from kvcalc.attention.sparse import DSA
from kvcalc.bundle import bundled
from kvcalc.cache import CacheTensor
from kvcalc.catalog import load
from kvcalc.extents import Every, Fixed, Window
from kvcalc.formats import BF16, FP8, FP8_KEY, FP32, LAYOUTS, uniform
from kvcalc.model import Architecture, Model
from kvcalc.queries.diff import diff
from kvcalc.question import Question
from kvcalc.render import Style, render
from kvcalc.render.diff import DOCUMENT

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

STORED = uniform(BF16)
SIZES = ("stored", "growth", "fixed", "read")


def of(layers: str = "", **entries: Scheme) -> Model:
    """A model with these layers, `+` for one that keeps nothing; else one for each entry."""
    order = layers or "".join(entries)
    return Model("A", STORED, entries, tuple((name,) if name != "+" else () for name in order))


def cache(ours: Model, theirs: Model) -> list[str]:
    """What bytes come of, without the bytes themselves."""
    found = map(str, diff(ours, theirs).cache)
    return [line for line in found if not line.startswith(SIZES)]


def facts(ours: Model, theirs: Model) -> list[str]:
    return list(map(str, diff(ours, theirs).facts))


FULL = GQA(heads=32, head_dim=128, kv_heads=8)
LOCAL = replace(FULL, window=1_024)
CROSS = replace(FULL, cross=True)
LATENT = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)
INDEXED = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2_048,
)
STATE = KDA(state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
STREAM = CSA(
    heads=64,
    head_dim=512,
    rope_dim=64,
    compress=4,
    window=128,
    index_heads=64,
    index_dim=128,
    top_k=512,
)
KEPT = CacheTensor("k", "k", 64, Every(), 8)
QWEN = Architecture("qwen3_moe")
ONE = of(a=FULL)
FOUR = of("lllg", l=LOCAL, g=FULL)


@pytest.mark.parametrize("name", bundled())
def test_a_model_is_like_itself(name: str) -> None:
    difference = diff(load(name), load(name))
    assert difference.same
    assert difference.facts == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "matters", "other_facts"),
    [
        # what is said outright where others leave it to the default is no difference
        (FULL, GQA(heads=32, key_dim=128, value_dim=128, kv_heads=8, dtype=STORED), [], []),
        (LATENT, replace(LATENT, head_dim=None, nope_dim=128, value_dim=128), [], []),
        (INDEXED, replace(INDEXED, index_scale=FP32), [], []),
        (INDEXED, replace(INDEXED, index_dtype=FP8_KEY), [], []),
        (STREAM, replace(STREAM, index_scale=FP32), [], []),
        (STATE, replace(STATE, state_dtype=FP32), [], []),
        (FULL, replace(FULL, source_length=7), [], []),
        (CROSS, replace(CROSS, source_length=0), [], []),
        # fields alone, by whether what is kept depends on them
        (LATENT, replace(LATENT, latent_dim=256), ["latent_dim 512 and 256"], []),
        (LATENT, replace(LATENT, value_dim=64), [], ["value_dim 128 and 64"]),
        (FULL, replace(FULL, shared=True), ["shared no and yes"], []),
        (LOCAL, replace(LOCAL, sink=4), ["sink none and 4"], []),
        (FULL, replace(FULL, dtype=uniform(FP8)), ["dtype none and fp8"], []),
        (FULL, replace(FULL, heads=64), [], ["heads 32 and 64"]),
        (
            FULL,
            replace(FULL, heads=64, kv_heads=4, window=9),
            ["window none and 9", "kv_heads 8 and 4"],
            ["heads 32 and 64"],
        ),
        (
            MHA(heads=8, head_dim=64),
            MHA(heads=4, head_dim=32),
            ["heads 8 and 4", "value_dim 64 and 32", "key_dim 64 and 32"],
            [],
        ),
        (
            INDEXED,
            replace(INDEXED, index_dtype=BF16),
            ["index_dtype fp8 + fp32 scale and bf16"],
            [],
        ),
        (INDEXED, replace(INDEXED, index_parameters=5), [], ["index_parameters none and 5"]),
        (STATE, replace(STATE, state_dtype=BF16), ["state_dtype fp32 and bf16"], []),
        # the length of a source comes with looking back at one
        (
            LOCAL,
            replace(CROSS, source_length=7),
            ["window 1,024 and none", "cross no and yes"],
            ["source_length none and 7"],
        ),
        # neither can have the other's alone: a window and a chunk, 8 + 1 heads
        (
            replace(FULL, window=8),
            replace(FULL, chunk=9),
            ["window 8 and none", "chunk none and 9"],
            [],
        ),
        (
            GQA(heads=8, head_dim=1, kv_heads=8),
            GQA(heads=9, head_dim=1, kv_heads=9),
            ["heads 8 and 9", "kv_heads 8 and 9"],
            [],
        ),
        # another kind, a format that has no place for it
        (
            MQA(heads=8, head_dim=64),
            replace(LATENT, dtype=LAYOUTS["fp8_ds_mla"]),
            [
                "mqa (heads 8, value_dim 64, key_dim 64) and mla (dtype fp8_ds_mla, heads 128, "
                "value_dim 128, latent_dim 512, rope_dim 64, nope_dim 128)"
            ],
            [],
        ),
        # 8 heads of MHA are 8 of GQA, by another name
        (
            MHA(heads=8, head_dim=64),
            GQA(heads=8, head_dim=64, kv_heads=8),
            [],
            [
                "mha (heads 8, value_dim 64, key_dim 64) and "
                "gqa (heads 8, value_dim 64, key_dim 64, kv_heads 8)"
            ],
        ),
        # tensors one by one; what a compressor leaves over is kept, though only engines count it
        (
            Custom(tensors=(KEPT,)),
            Custom(tensors=(CacheTensor("c", "conv", 64, Fixed(3)),)),
            ["tensors k 8 x 64 (T) and c 1 x 64 (3 whatever T)"],
            [],
        ),
        (
            Custom(tensors=(KEPT,)),
            Custom(tensors=(KEPT, CacheTensor("c", "carry", 64, Window(4)))),
            ["tensors k 8 x 64 (T) and k 8 x 64 (T); c 1 x 64 (min(T, 4))"],
            [],
        ),
    ],
)
def test_two_entries(
    ours: Scheme, theirs: Scheme, matters: list[str], other_facts: list[str]
) -> None:
    one, other = of(a=ours), of(a=theirs)
    assert cache(one, other) == [f"a: {line}" for line in matters]
    assert facts(one, other) == [f"a: {line}" for line in other_facts]
    assert diff(one, other).same == (not matters)
    assert len(cache(other, one)) == len(matters)
    assert len(facts(other, one)) == len(other_facts)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # names are nobody's business, nor is which of them the others share
        (FOUR, of("xxxy", x=LOCAL, y=FULL), []),
        (FOUR, of("xzxy", x=LOCAL, z=LOCAL, y=FULL), []),
        # nor the file's notes, a fact that one lacks, an architecture in another's words
        (ONE, replace(ONE, notes=("n",), vendor="v", confidence="published"), []),
        (ONE, replace(ONE, max_context=9, weight_bytes=9, parameters=9), []),
        (ONE, replace(ONE, shape=Shape(1, 1, 1)), []),
        (ONE, replace(ONE, architecture=QWEN), []),
        (
            replace(ONE, architecture=QWEN),
            replace(ONE, architecture=Architecture("qwen3moe", "gguf")),
            [],
        ),
        # nor the order of two caches of one layer
        (
            replace(of(a=FULL, b=STATE), layers=(("a", "b"),)),
            replace(of(a=FULL, b=STATE), layers=(("b", "a"),)),
            [],
        ),
        # what only one of them states is no difference in what they keep
        (ONE, replace(ONE, mtp=(("a",),)), ["mtp layers: not stated and 1"]),
        # a dtype that every entry has of its own
        (
            of(a=replace(FULL, dtype=uniform(FP8))),
            replace(ONE, dtype=uniform(FP8)),
            ["dtype: bf16 and fp8", "a: dtype fp8 and none"],
        ),
        (
            replace(ONE, max_context=9, weight_bytes=10, parameters=1_000),
            replace(ONE, max_context=8, weight_bytes=11, active_parameters=1),
            ["max_context: 9 and 8", "weight_bytes: 10 and 11"],
        ),
        (
            replace(ONE, architecture=QWEN),
            replace(ONE, architecture=Architecture("wrapper", inner="qwen3_moe")),
            ["architecture: qwen3_moe and wrapper (qwen3_moe)"],
        ),
        (
            replace(ONE, unstated=("a", "b")),
            ONE,
            ["unstated: a, b and none"],
        ),
        # the model's own heads, where a layer has none
        (replace(ONE, shape=Shape(2, 2, 2)), replace(ONE, shape=Shape(1, 1, 1)), []),
        (
            replace(of(a=STATE), shape=Shape(8, 64, 64)),
            replace(of(a=STATE), shape=Shape(8, 128, 128)),
            ["heads for what-ifs: 8 of 64 and 8 of 128"],
        ),
        # layers that differ in who reads are as many, and as they were
        (
            of(a=FULL, b=FULL),
            of(a=FULL, b=replace(FULL, heads=64)),
            [
                "layers of a: 2 and 1",
                "layers of b, a gqa (heads 64, value_dim 128, key_dim 128, kv_heads 8): 0 and 1",
            ],
        ),
    ],
)
def test_two_models_that_keep_the_same(ours: Model, theirs: Model, expected: list[str]) -> None:
    assert diff(ours, theirs).cache == diff(theirs, ours).cache == ()
    assert diff(ours, theirs).same
    assert diff(theirs, ours).same
    assert facts(ours, theirs) == expected
    assert len(facts(theirs, ours)) == len(expected)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # one entry: the number of its layers is theirs
        (ONE, of("aaa", a=FULL), ["layers: 1 and 3"]),
        (ONE, of("a+", a=FULL), ["layers: 1 and 2"]),
        (of("a+", a=FULL), of("aa", a=FULL), ["layers of a: 1 and 2"]),
        (of("a+", a=FULL), of("+a", a=FULL), ["order of layers, from number 1 on: a and none"]),
        # under the names of both, however unlike the two are
        (ONE, of(b=replace(FULL, kv_heads=4)), ["a / b: kv_heads 8 and 4"]),
        (
            of(s=STATE),
            of(c=Custom(tensors=(KEPT,))),
            [
                "s / c: kda (state_dtype fp32, state_heads 32, key_dim 128, value_dim 128, "
                "conv_kernel 4) and custom (tensors k 8 x 64 (T))"
            ],
        ),
        # the dtype of the model is said once; who reads is no matter of bytes
        (ONE, replace(of(a=replace(FULL, heads=64)), dtype=uniform(FP8)), ["dtype: bf16 and fp8"]),
        (ONE, ONE.adapted(Question(kv_dtype=uniform(FP8))), ["kv_dtype: none and fp8"]),
        (
            of(a=INDEXED),
            of(a=INDEXED).adapted(Question(index_dtype=BF16)),
            ["index_dtype: none and bf16"],
        ),
        (
            replace(of(a=LATENT), dtype=LAYOUTS["fp8_ds_mla"]),
            of(a=replace(LATENT, rope_dim=32)),
            ["dtype: fp8_ds_mla and bf16", "a: rope_dim 64 and 32"],
        ),
        # several entries: how many layers of each, and in which order
        (FOUR, of("lggg", l=LOCAL, g=FULL), ["layers of l: 3 and 1", "layers of g: 1 and 3"]),
        (FOUR, of("llgl", l=LOCAL, g=FULL), ["order of layers, from number 3 on: l and g"]),
        (
            FOUR,
            of("gggg", g=FULL),
            [
                "layers of g: 1 and 4",
                "layers of l, a gqa (heads 32, window 1,024, value_dim 128, key_dim 128, "
                "kv_heads 8): 3 and 0",
            ],
        ),
        # like kinds are set side by side, whatever the order
        (
            of(a=LOCAL, b=FULL),
            of(x=replace(FULL, kv_heads=4), y=replace(LOCAL, kv_heads=4)),
            [
                "order of layers, from number 1 on: a and x",
                "a / y: kv_heads 8 and 4",
                "b / x: kv_heads 8 and 4",
            ],
        ),
        # and so is what keeps the same, whatever its kind
        (
            of(a=MHA(heads=8, head_dim=64)),
            of(a=MHA(heads=4, head_dim=64), b=GQA(heads=8, head_dim=64, kv_heads=8)),
            ["layers: 1 and 2", "layers of a, a mha (heads 4, value_dim 64, key_dim 64): 0 and 1"],
        ),
        # multi-token prediction
        (
            replace(ONE, mtp=(("a",), ("a",))),
            replace(ONE, mtp=(("a",),)),
            ["mtp layers: 2 and 1"],
        ),
        (
            replace(of(a=FULL, b=LOCAL), mtp=(("a",),)),
            replace(of(a=FULL, b=LOCAL), mtp=(("b",),)),
            ["mtp layers of a: 1 and 0", "mtp layers of b: 0 and 1"],
        ),
    ],
)
def test_two_models_that_do_not(ours: Model, theirs: Model, expected: list[str]) -> None:
    assert cache(ours, theirs) == expected
    assert not diff(ours, theirs).same
    assert not diff(theirs, ours).same


def test_the_bytes_at_a_few_contexts() -> None:
    # K and V of 8 heads of 128 in bf16 are 4,096 B per token, of 4 heads half of it
    ours, theirs = replace(of(a=LOCAL), max_context=8_192), of(a=replace(FULL, kv_heads=4))
    found = list(map(str, diff(ours, theirs).cache))
    assert found[2:] == [
        "stored at 1: 4,096 B and 2,048 B",
        "stored at 1,000: 4,096,000 B and 2,048,000 B",
        "stored at 4,096: 4,194,304 B and 8,388,608 B",
        "stored at 8,192: 4,194,304 B and 16,777,216 B",
        "stored at 131,072: 4,194,304 B and 268,435,456 B",
        "growth at 8,192: 0 B and 2,048 B",
        "fixed at 8,192: 4,194,304 B and 0 B",
        "read at 8,192: 4,194,304 B and 16,777,216 B",
    ]


def test_growth_that_is_no_whole_number_of_bytes() -> None:
    # 128 B per 3 tokens, which no decimal says exactly, and per 4
    kept = [Custom(tensors=(CacheTensor("k", "k", 64, Every(n, n)),)) for n in (3, 4)]
    found = list(map(str, diff(of(a=kept[0]), of(a=kept[1])).cache))
    assert "growth at 131,072: 128/3 B and 32 B" in found


def test_what_is_the_same_by_diff_keeps_the_same_bytes() -> None:
    models = [load(name) for name in list(bundled())[::8]]
    for one in models:
        for other in models:
            if diff(one, other).same:
                assert one.cache.contents == other.cache.contents


def test_the_text() -> None:
    # another order of the same layers changes no bytes
    theirs = replace(of("glll", l=LOCAL, g=FULL), name="B", max_context=9)
    assert (
        render(diff(replace(FOUR, max_context=10), theirs), "table", Style())
        == """\
A and B do not keep the same cache
  order of layers, from number 1 on: l and g

other facts that differ
  max_context: 10 and 9
"""
    )


def test_the_text_of_two_alike_with_one_name() -> None:
    ours, theirs = replace(ONE, file="a.yaml"), ONE
    assert (
        render(diff(ours, theirs), "table", Style()) == "A (a.yaml) and A (-) keep the same cache\n"
    )


def test_the_document() -> None:
    ours = replace(ONE, file="a.yaml")
    document = DOCUMENT(diff(ours, of(a=replace(FULL, heads=64))))
    assert json.loads(json.dumps(document)) == {
        "schema_version": 1,
        "kind": "diff",
        "kvcalc_version": kvcalc.__version__,
        "model": "A",
        "file": "a.yaml",
        "other_model": "A",
        "other_file": "",
        "same_cache": True,
        "cache": [],
        "facts": [{"entry": "a", "what": "heads", "model": "32", "other": "64"}],
    }
