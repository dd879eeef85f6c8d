"""Two models held against each other: what bytes come of, and what else differs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from kvcalc.attention.base import Shape
from kvcalc.attention.compressed import CSA
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import KDA
from kvcalc.attention.sparse import DSA
from kvcalc.cache import CacheTensor
from kvcalc.catalog import bundled, load
from kvcalc.extents import Every, Fixed
from kvcalc.formats import BF16, FP8, FP8_KEY, FP32, LAYOUTS, uniform
from kvcalc.model import Model
from kvcalc.queries.diff import diff
from kvcalc.question import Question
from kvcalc.render.diff import diff_document, diff_text

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

STORED = uniform(BF16)
SIZES = ("stored", "growth", "fixed", "read")


def of(**entries: Scheme) -> Model:
    """A model with a layer for each of these entries."""
    return Model("A", STORED, entries, tuple((name,) for name in entries))


def cache(ours: Model, theirs: Model) -> list[str]:
    """What bytes come of, without the bytes themselves."""
    found = map(str, diff(ours, theirs).cache)
    return [line for line in found if not line.startswith(SIZES)]


def facts(ours: Model, theirs: Model) -> list[str]:
    return list(map(str, diff(ours, theirs).facts))


FULL = GQA(heads=32, head_dim=128, kv_heads=8)
LOCAL = replace(FULL, window=1_024)
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
FOUR = Model("A", STORED, {"l": LOCAL, "g": FULL}, (("l",), ("l",), ("l",), ("g",)))


@pytest.mark.parametrize("name", bundled())
def test_a_model_is_like_itself(name: str) -> None:
    difference = diff(load(name), load(name))
    assert difference.same
    assert difference.facts == ()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        # names are nobody's business
        (FOUR, Model("B", STORED, {"x": LOCAL, "y": FULL}, (("x",),) * 3 + (("y",),))),
        # nor is which of them the others share
        (
            FOUR,
            Model("B", STORED, {"x": LOCAL, "z": LOCAL, "y": FULL}, tuple(map(tuple, "xzxy"))),
        ),
        # nor what is said outright where others leave it to the default
        (of(a=FULL), of(a=GQA(heads=32, key_dim=128, value_dim=128, kv_heads=8, dtype=STORED))),
        (of(a=LATENT), of(a=replace(LATENT, head_dim=None, nope_dim=128, value_dim=128))),
        (of(a=INDEXED), of(a=replace(INDEXED, index_scale=FP32))),
        (of(a=INDEXED), of(a=replace(INDEXED, index_dtype=FP8_KEY))),
        (of(a=STREAM), of(a=replace(STREAM, index_scale=FP32))),
        (of(a=STATE), of(a=replace(STATE, state_dtype=FP32))),
        (of(a=FULL), of(a=replace(FULL, source_length=7))),
        (of(a=replace(FULL, cross=True)), of(a=replace(FULL, cross=True, source_length=0))),
        # nor the file's notes, an engine that keeps what the model keeps, a fact that one lacks
        (
            replace(of(a=FULL), engines={"transformers": {"a": LOCAL}}),
            replace(of(b=replace(FULL)), engines={"transformers": {"b": replace(LOCAL)}}),
        ),
        (of(a=FULL), replace(of(a=FULL), notes=("n",), vendor="v", confidence="published")),
        (of(a=FULL), replace(of(a=FULL), engines={"transformers": {"a": FULL}})),
        (of(a=FULL), replace(of(a=FULL), max_context=9, weight_bytes=9, parameters=9)),
        (of(a=FULL), replace(of(a=FULL), shape=Shape(1, 1, 1))),
        (replace(of(a=FULL), shape=Shape(2, 2, 2)), replace(of(a=FULL), shape=Shape(1, 1, 1))),
        # the order of two caches of one layer
        (
            Model("A", STORED, {"a": FULL, "b": STATE}, (("a", "b"),)),
            Model("B", STORED, {"a": FULL, "b": STATE}, (("b", "a"),)),
        ),
    ],
)
def test_what_makes_no_difference(ours: Model, theirs: Model) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        difference = diff(one, other)
        assert difference.same
        assert [str(changed) for changed in difference.facts] == []


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # one entry: the number of its layers is theirs
        (of(a=FULL), replace(of(a=FULL), layers=(("a",),) * 3), ["layers: 1 and 3"]),
        (of(a=FULL), replace(of(a=FULL), layers=(("a",), ())), ["layers: 1 and 2"]),
        (
            replace(of(a=FULL), layers=(("a",), ())),
            replace(of(a=FULL), layers=(("a",), ("a",))),
            ["layers of a: 1 and 2"],
        ),
        (
            replace(of(a=FULL), layers=(("a",), ())),
            replace(of(a=FULL), layers=((), ("a",))),
            ["order of layers, from number 1 on: a and none"],
        ),
        # of a field alone, under the name that both have, or both names
        (
            of(mla=LATENT),
            of(mla=replace(LATENT, latent_dim=256)),
            ["mla: latent_dim 512 and 256"],
        ),
        (
            of(a=FULL),
            of(b=replace(FULL, kv_heads=4, window=9)),
            ["a / b: window none and 9", "a / b: kv_heads 8 and 4"],
        ),
        (
            of(a=MHA(heads=8, head_dim=64)),
            of(a=MHA(heads=4, head_dim=32)),
            ["a: heads 8 and 4", "a: value_dim 64 and 32", "a: key_dim 64 and 32"],
        ),
        (of(a=FULL), of(a=replace(FULL, shared=True)), ["a: shared no and yes"]),
        (of(a=FULL), of(a=replace(FULL, dtype=uniform(FP8))), ["a: dtype none and fp8"]),
        (
            of(a=INDEXED),
            of(a=replace(INDEXED, index_dtype=BF16)),
            ["a: index_dtype fp8 + fp32 scale and bf16"],
        ),
        (of(a=STATE), of(a=replace(STATE, state_dtype=BF16)), ["a: state_dtype fp32 and bf16"]),
        # neither can have the other's alone: 8 + 1 heads, a window and a chunk
        (
            of(a=replace(FULL, window=8)),
            of(a=replace(FULL, chunk=9)),
            ["a: window 8 and none", "a: chunk none and 9"],
        ),
        (
            of(a=GQA(heads=8, head_dim=1, kv_heads=8)),
            of(a=GQA(heads=9, head_dim=1, kv_heads=9)),
            ["a: heads 8 and 9", "a: kv_heads 8 and 9"],
        ),
        # another kind, a format that has no place for it
        (
            of(a=MQA(heads=8, head_dim=64)),
            of(a=replace(LATENT, dtype=LAYOUTS["fp8_ds_mla"])),
            [
                "a: mqa (heads 8, value_dim 64, key_dim 64) and mla (dtype fp8_ds_mla, heads 128, "
                "value_dim 128, latent_dim 512, rope_dim 64, nope_dim 128)"
            ],
        ),
        (
            replace(of(a=LATENT), dtype=LAYOUTS["fp8_ds_mla"]),
            replace(of(a=replace(LATENT, rope_dim=32))),
            ["dtype: fp8_ds_mla and bf16", "a: rope_dim 64 and 32"],
        ),
        (
            of(a=Custom(tensors=(CacheTensor("k", "k", 64, Every(), 8),))),
            of(a=Custom(tensors=(CacheTensor("c", "conv", 64, Fixed(3)),))),
            ["a: tensors k 8 x 64 (T) and c 1 x 64 (3 whatever T)"],
        ),
        # the dtype of the model is said once; who reads is no matter of bytes
        (
            of(a=FULL),
            replace(of(a=replace(FULL, heads=64)), dtype=uniform(FP8)),
            ["dtype: bf16 and fp8"],
        ),
        (
            of(a=FULL),
            of(a=FULL).adapted(Question(kv_dtype=uniform(FP8))),
            ["kv_dtype: none and fp8"],
        ),
        (
            of(a=INDEXED),
            of(a=INDEXED).adapted(Question(index_dtype=BF16)),
            ["index_dtype: none and bf16"],
        ),
        # several entries: how many layers of each, and in which order
        (
            FOUR,
            replace(FOUR, layers=(("l",), ("g",), ("g",), ("g",))),
            ["layers of l: 3 and 1", "layers of g: 1 and 3"],
        ),
        (
            FOUR,
            replace(FOUR, layers=(("l",), ("l",), ("g",), ("l",))),
            ["order of layers, from number 3 on: l and g"],
        ),
        (
            FOUR,
            Model("B", STORED, {"g": FULL}, (("g",),) * 4),
            [
                "layers of g: 1 and 4",
                "layers of l, a gqa (heads 32, window 1,024, value_dim 128, key_dim 128, "
                "kv_heads 8): 3 and 0",
            ],
        ),
        # like kinds are set side by side, whatever the order
        (
            of(a=LOCAL, b=FULL),
            of(b=replace(FULL, kv_heads=4), a=replace(LOCAL, kv_heads=4)),
            [
                "order of layers, from number 1 on: a and b",
                "a: kv_heads 8 and 4",
                "b: kv_heads 8 and 4",
            ],
        ),
        # multi-token prediction and engines
        (
            replace(of(a=FULL), mtp=(("a",), ("a",))),
            replace(of(a=FULL), mtp=(("a",),)),
            ["mtp layers: 2 and 1"],
        ),
        (
            replace(of(a=FULL, b=LOCAL), mtp=(("a",),)),
            replace(of(a=FULL, b=LOCAL), mtp=(("b",),)),
            ["mtp layers of a: 1 and 0", "mtp layers of b: 0 and 1"],
        ),
        (
            replace(of(a=FULL), engines={"transformers": {"a": LOCAL}}),
            replace(of(b=FULL), engines={"transformers": {"b": replace(LOCAL, window=9)}}),
            ["transformers, in the place of a / b: window 1,024 and 9"],
        ),
    ],
)
def test_what_bytes_come_of(ours: Model, theirs: Model, expected: list[str]) -> None:
    assert cache(ours, theirs) == expected
    assert not diff(theirs, ours).same


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (of(a=FULL), of(a=replace(FULL, heads=64)), ["a: heads 32 and 64"]),
        # what only one of them states is no difference in what they keep
        (of(a=FULL), replace(of(a=FULL), mtp=(("a",),)), ["mtp layers: not stated and 1"]),
        (
            of(a=LOCAL),
            replace(of(a=LOCAL), engines={"transformers": {"a": FULL}}),
            [
                "transformers, in the place of a: nothing else and "
                "gqa (heads 32, value_dim 128, key_dim 128, kv_heads 8)"
            ],
        ),
        (of(a=LATENT), of(a=replace(LATENT, value_dim=64)), ["a: value_dim 128 and 64"]),
        (
            of(a=INDEXED),
            of(a=replace(INDEXED, index_parameters=5)),
            ["a: index_parameters none and 5"],
        ),
        # 32 heads of MHA are 32 of GQA, by another name
        (
            of(a=MHA(heads=8, head_dim=64)),
            of(b=GQA(heads=8, head_dim=64, kv_heads=8)),
            [
                "a / b: mha (heads 8, value_dim 64, key_dim 64) and "
                "gqa (heads 8, value_dim 64, key_dim 64, kv_heads 8)"
            ],
        ),
        # a dtype that every entry has of its own
        (
            of(a=replace(FULL, dtype=uniform(FP8))),
            Model("B", uniform(FP8), {"a": FULL}, (("a",),)),
            ["dtype: bf16 and fp8", "a: dtype fp8 and none"],
        ),
        (
            replace(of(a=FULL), max_context=9, weight_bytes=10, parameters=1_000),
            replace(of(a=FULL), max_context=8, weight_bytes=11, active_parameters=1),
            ["max_context: 9 and 8", "weight_bytes: 10 and 11"],
        ),
        # the model's own heads, where a layer has none
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
def test_other_facts(ours: Model, theirs: Model, expected: list[str]) -> None:
    assert diff(ours, theirs).same
    assert facts(ours, theirs) == expected
    assert len(facts(theirs, ours)) == len(expected)


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
    # 128 B per 3 tokens is 42.667, per 4 it is 32
    kept = [Custom(tensors=(CacheTensor("k", "k", 64, Every(n, n)),)) for n in (3, 4)]
    found = list(map(str, diff(of(a=kept[0]), of(a=kept[1])).cache))
    assert "growth at 131,072: 42.667 B and 32 B" in found


def test_an_order_alone_changes_no_bytes() -> None:
    difference = diff(FOUR, replace(FOUR, layers=tuple(reversed(FOUR.layers))))
    assert list(map(str, difference.cache)) == ["order of layers, from number 1 on: l and g"]


def test_what_is_the_same_by_diff_keeps_the_same_bytes() -> None:
    models = [load(name) for name in list(bundled())[::8]]
    for one in models:
        for other in models:
            if diff(one, other).same:
                assert one.cache.contents == other.cache.contents


def test_the_text() -> None:
    theirs = replace(of(a=replace(FULL, heads=64)), name="B", dtype=uniform(FP8), max_context=9)
    assert (
        diff_text(diff(replace(of(a=FULL), max_context=10), theirs))
        == """\
A and B do not keep the same cache
  dtype: bf16 and fp8
  stored at 1: 4,096 B and 2,048 B
  stored at 9: 36,864 B and 18,432 B
  stored at 1,000: 4,096,000 B and 2,048,000 B
  stored at 4,096: 16,777,216 B and 8,388,608 B
  stored at 131,072: 536,870,912 B and 268,435,456 B
  growth at 9: 4,096 B and 2,048 B
  read at 9: 36,864 B and 18,432 B

other facts that differ
  a: heads 32 and 64
  max_context: 10 and 9
"""
    )


def test_the_text_of_two_alike_with_one_name() -> None:
    ours, theirs = replace(of(a=FULL), file="a.yaml"), of(a=FULL)
    assert diff_text(diff(ours, theirs)) == "A (a.yaml) and A (-) keep the same cache\n"


def test_the_document() -> None:
    ours = replace(of(a=FULL), file="a.yaml")
    document = asdict(diff_document(diff(ours, of(a=replace(FULL, heads=64)))))
    assert json.loads(json.dumps(document)) == {
        "schema_version": 1,
        "kind": "diff",
        "model": "A",
        "file": "a.yaml",
        "other_model": "A",
        "other_file": "",
        "same_cache": True,
        "cache": [],
        "facts": [{"entry": "a", "what": "heads", "model": "32", "other": "64"}],
    }
