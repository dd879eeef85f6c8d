"""What engines keep, by hand: transformers 5.24.0, cache_utils.py and the models' own code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.attention import KINDS
from kvcalc.attention.base import Attention
from kvcalc.attention.base import expanded as expansion
from kvcalc.attention.compressed import HCA
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA
from kvcalc.attention.mla import MLA
from kvcalc.cache import CacheTensor
from kvcalc.engines.transformers import TransformersPlan, plan
from kvcalc.errors import UsageError
from kvcalc.extents import Every
from kvcalc.formats import BF16, FP8, uniform
from kvcalc.model import Architecture, Model
from kvcalc.question import question

if TYPE_CHECKING:
    from kvcalc.engines.reservation import WithDraft
    from kvcalc.model import Model
    from kvcalc.question import Question


class Case(NamedTuple):
    """A bundled model, a context, and the bytes that transformers keeps there."""

    model: str
    context: int
    kept: int
    why: str


V4_WINDOW = 127 * 512 * 2
"""One entry per token of the window, 512 wide, in bf16: B per layer."""

CASES = (
    Case("llama-3.1-8b", 1000, 32 * 2 * 8 * 128 * 2 * 1000, "full attention as in the ideal"),
    Case("deepseek-v3", 1000, 61 * (512 + 64) * 2 * 1000, "the latent, not the expanded heads"),
    Case("mistral-7b-v0.1", 5000, 32 * 2 * 8 * 128 * 2 * 4095, "a window of 4,096 holds one less"),
    Case("mistral-7b-v0.1", 4095, 32 * 2 * 8 * 128 * 2 * 4095, "and no more than were seen"),
    Case(
        "llama-4-scout",
        9000,
        2 * 8 * 128 * 2 * (36 * 8191 + 12 * 9000),
        "36 layers in chunks of 8,192, of which one less is kept; 12 full",
    ),
    Case(
        "mimo-v2-flash",
        1000,
        (192 + 128) * 2 * (9 * 4 * 1000 + 39 * 8 * 128),
        "9 full layers with 4 KV heads, 39 with 8, whose window counts the query apart",
    ),
    Case("falcon-40b", 1000, 60 * 2 * 128 * 64 * 2 * 1000, "8 KV heads repeated to all 128"),
    Case(
        "qwen3-next-80b-a3b",
        1000,
        12 * 2 * 2 * 256 * 2 * 1000 + 36 * (32 * 128 * 128 * 4 + 4 * (2 * 16 * 128 + 32 * 128) * 2),
        "states in fp32, all 4 columns of the convolution in bf16",
    ),
    Case(
        "deepseek-v3.2",
        1000,
        61 * (512 + 64 + 128) * 2 * 1000,
        "index keys in bf16, without a scale",
    ),
    Case(
        "minimax-text-01",
        1000,
        10 * 2 * 8 * 128 * 2 * 1000 + 70 * 64 * 128 * 128 * 2,
        "the state of lightning attention in the model's dtype",
    ),
    Case(
        "gemma-3n-e4b",
        1000,
        2 * 2 * 256 * 2 * (16 * 511 + 4 * 1000),
        "15 of 35 layers read an earlier one's cache",
    ),
    # 2 layers keep a window as key and as value; 21 compress 4 tokens to 512 + 128 for the index,
    # 20 compress 128 to 512; the rest of T is kept as keys and gates, and where entries overlap
    # 4 tokens more, whose gates are fp32
    Case(
        "deepseek-v4-flash",
        1023,
        2 * 2 * V4_WINDOW
        + 21 * (V4_WINDOW + 255 * 640 * 2 + 3 * 2 * 2 * 640 * 2 + 4 * 640 * (2 + 4))
        + 20 * (V4_WINDOW + 7 * 512 * 2 + 127 * 2 * 512 * 2),
        "1,023 is 255 x 4 + 3 and 7 x 128 + 127",
    ),
    Case(
        "deepseek-v4-flash",
        1024,
        2 * 2 * V4_WINDOW
        + 21 * (V4_WINDOW + 256 * 640 * 2 + 4 * 640 * (2 + 4))
        + 20 * (V4_WINDOW + 8 * 512 * 2),
        "the same with nothing left over",
    ),
    Case(
        "deepseek-v4-flash",
        3,
        2 * 2 * 3 * 1024 + 21 * (3 * 1024 + 3 * 2 * 2 * 640 * 2) + 20 * (3 * 1024 + 3 * 2048),
        "before the first entry there is no overlap",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.context}")
def test_what_transformers_keeps(case: Case) -> None:
    answer = kvcalc.show(case.model, case.context, kv_dtype="bf16", engine="transformers")
    assert answer.reserved == case.kept, case.why


def test_the_published_totals_of_deepseek_v4() -> None:
    """Measured on real caches: 18,696,960 B at 1,023 and 13,219,840 B at 1,024 tokens."""
    kept = [
        kvcalc.show("deepseek-v4-flash", n, engine="transformers").reserved for n in (1023, 1024)
    ]
    assert kept == [18_696_960, 13_219_840]


def test_a_batch_is_kept_as_often() -> None:
    one = kvcalc.show("gemma-3-27b", 2000, engine="transformers").reserved
    three = kvcalc.show("gemma-3-27b", 2000, batch=3, engine="transformers").reserved
    assert one is not None
    assert three == 3 * one


def test_an_engine_changes_nothing_else() -> None:
    plain = kvcalc.show("gemma-3-27b", 2000)
    kept = kvcalc.show("gemma-3-27b", 2000, engine="transformers")
    assert plain.reserved is None
    assert (kept.stored, kept.growth, kept.read) == (plain.stored, plain.growth, plain.read)


def test_every_row_of_a_comparison_has_its_own() -> None:
    # 32 layers x 2 x heads x 128 x 2 B x 1,000
    rows = kvcalc.compare("llama-3.1-8b", context=1000, engine="transformers").rows
    kept = {row.scheme: row.reserved for row in rows}
    assert kept == {
        "mha": 32 * 2 * 32 * 128 * 2 * 1000,
        "gqa": 32 * 2 * 8 * 128 * 2 * 1000,
        "mqa": 32 * 2 * 1 * 128 * 2 * 1000,
    }


def test_a_models_own_exceptions_are_not_its_what_ifs() -> None:
    rows = kvcalc.compare("falcon-40b", context=1000, engine="transformers").rows
    kept = {row.scheme: row.reserved for row in rows}
    assert kept["mha"] == kept["gqa"] == 60 * 2 * 128 * 64 * 2 * 1000
    assert kept["mqa"] == 60 * 2 * 64 * 2 * 1000


class Terms(NamedTuple):
    """A bundled model, a context, and what leads from the ideal to what transformers keeps."""

    model: str
    context: int
    terms: dict[str, int]


NO_SCALE = "index keys in the cache's dtype, without a scale"
LESS = "one token less of a window or chunk"
COLUMN = "a column more of a convolution"

TERMS = (
    Terms("llama-3.1-8b", 1000, {}),
    # 29 of 34 layers slide: 4 KV heads x 256, as key and as value
    Terms("gemma-3-4b", 1023, {}),
    Terms("gemma-3-4b", 1024, {LESS: -29 * 2 * 4 * 256 * 2}),
    # fp8 and an fp32 scale of 128 elements in the ideal
    Terms("deepseek-v3.2", 1000, {NO_SCALE: 61 * (128 * 2 - 128 - 4) * 1000}),
    Terms("qwen3-next-80b-a3b", 1000, {COLUMN: 36 * (2 * 16 * 128 + 32 * 128) * 2}),
    # a column of x, 256 heads x 64, and one of B and C, 8 groups of 256 each
    Terms("nemotron-h-56b", 1000, {COLUMN: 54 * (256 * 64 + 2 * 8 * 256) * 2}),
    Terms(
        "falcon-40b",
        1000,
        {"keys and values repeated for every query head": 60 * 2 * 120 * 64 * 2 * 1000},
    ),
    # 39 layers of 8 KV heads; one more, and then one less as of any window
    Terms(
        "mimo-v2-flash",
        1000,
        {
            "a window of one token more, the query's": 39 * 8 * (192 + 128) * 2,
            LESS: -39 * 8 * (192 + 128) * 2,
        },
    ),
    Terms("minimax-text-01", 9, {"states in the cache's dtype": -70 * 64 * 128 * 128 * 2}),
    # 8 heads of 256 x 512, 256 and 1 elements, fp32 in the ideal
    Terms("xlstm-7b", 9, {"states in the cache's dtype": -32 * 8 * (256 * 512 + 256 + 1) * 2}),
    Terms(
        "inkling-small",
        9,
        {"convolutions in fp32": 42 * 10240 * 3 * (4 - 2), COLUMN: 42 * 10240 * 4},
    ),
    # 8 local layers: the state is beside the cache, with no column more
    Terms("recurrentgemma-2b", 2048, {LESS: -8 * 2 * 256 * 2}),
    Terms(
        "deepseek-v4-flash",
        1023,
        {
            "entries twice, as key and as value": 2 * 128 * 512 * 2,
            NO_SCALE: 21 * 255 * (128 * 2 - 128 - 4),
            LESS: -(2 * 2 + 41) * 512 * 2,
            "compressors' left-overs": 21 * (3 * 2 * 2 * 640 * 2 + 4 * 640 * (2 + 4))
            + 20 * 127 * 2 * 512 * 2,
        },
    ),
)


@pytest.mark.parametrize("case", TERMS, ids=lambda case: f"{case.model}-{case.context}")
@pytest.mark.parametrize("batch", [1, 3])
def test_terms_lead_from_the_ideal_to_what_is_kept(case: Terms, batch: int) -> None:
    answer = kvcalc.show(case.model, case.context, batch, engine="transformers")
    assert answer.reservation is not None
    found = {term.rule: term.bytes for term in answer.reservation.terms}
    assert found == {rule: batch * size for rule, size in case.terms.items()}
    assert answer.reserved == answer.stored + sum(found.values())


LATENT = MLA(heads=8, head_dim=64, latent_dim=128, rope_dim=16)
NEVER_CACHED = "openai-gpt"


@pytest.mark.parametrize(
    ("architecture", "kept"),
    [
        (None, True),
        (Architecture("llama"), True),
        (Architecture(NEVER_CACHED), False),
        (Architecture("a_wrapper", inner=NEVER_CACHED), False),
        (Architecture(NEVER_CACHED, inner="llama"), True),
        (Architecture(NEVER_CACHED, "gguf"), True),
    ],
)
def test_a_rule_of_one_architecture_is_that_of_the_language_model_inside(
    architecture: Architecture | None, kept: bool
) -> None:
    model = Model("one", uniform(BF16), {"a": LATENT}, (("a",),), architecture=architecture)
    answer = kvcalc.show(model, 10, engine="transformers")
    assert answer.reserved == kept * answer.stored == kept * 10 * (128 + 16) * 2


def test_no_what_if_obeys_a_rule_of_the_models_own_architecture() -> None:
    own = Architecture(NEVER_CACHED)
    model = Model("one", uniform(BF16), {"a": LATENT}, (("a",),), architecture=own)
    rows = kvcalc.compare(model, context=10, engine="transformers").rows
    assert [row.scheme for row in rows] == ["mha", "gqa", "mqa", "mla-expanded", "mla"]
    assert [row.reserved for row in rows] == [*(row.stored for row in rows[:-1]), 0]


def test_a_left_over_that_a_file_writes_says_its_own_stride() -> None:
    kept = CacheTensor("k", "latent", 8, Every())
    carry = CacheTensor("c", "carry", 8, Every(4, 4))
    model = Model("one", uniform(BF16), {"a": Custom(tensors=(kept, carry))}, (("a",),))
    # 1,003 is 250 x 4 + 3
    kept_in_all = 1_003 * 8 * 2 + 3 * 8 * 2
    assert kvcalc.show(model, 1_003, engine="transformers").reserved == kept_in_all


def test_a_compressor_that_another_layer_has_carries_nothing_here() -> None:
    own = HCA(heads=8, head_dim=64, rope_dim=16, window=4, compress=8)
    one = Model("one", uniform(BF16), {"own": own}, (("own",),))
    both = replace(one, attention={"own": own, "read": replace(own, shared=True)})
    both = replace(both, layers=(("own",), ("read",)))
    # 3 of 4 tokens of the window, 1 entry of 8 tokens, and 3 tokens' keys and gates
    kept = (3 + 1) * 64 * 2 + 3 * 2 * 64 * 2
    for model in (one, both):
        assert kvcalc.show(model, 11, engine="transformers").reserved == kept


def test_what_the_code_of_one_model_does_is_noted_where_it_bites() -> None:
    note = "transformers has its own way with Falcon-40B: keys and values repeated"
    notes = kvcalc.show("falcon-40b", engine="transformers").notes
    assert any(found.startswith(note) for found in notes)
    assert not kvcalc.show("falcon-7b", engine="transformers").notes


class Counted(Counter[object]):
    """How often each thing was asked for, by the thing."""

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any) -> Any:
            self[given[0]] += 1
            return function(*given)

        return counting


@pytest.mark.parametrize("asked", [{}, {"kv_dtype": "fp16"}, {"mtp": True}])
@pytest.mark.parametrize("name", ["deepseek-v3", "deepseek-v3.2", "gemma-3-27b", "falcon-h1-7b"])
def test_a_comparison_expands_each_scheme_and_plans_each_row_once(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: dict[str, Any]
) -> None:
    expanded, planned = Counted(), Counter[int]()
    expansion.cache_clear()
    for kind in set(KINDS.values()):
        if "expand" in vars(kind):
            monkeypatch.setattr(kind, "expand", expanded.of(kind.expand))
    monkeypatch.setattr(Attention, "expand", expanded.of(Attention.expand))

    def planning(model: Model, question: Question) -> TransformersPlan | WithDraft:
        planned[id(model)] += 1
        return plan(model, question)

    monkeypatch.setattr("kvcalc.engines.transformers.plan", planning)
    answer = kvcalc.compare(name, engine="transformers", **asked)
    assert set(expanded.values()) == {1}
    assert len(expanded) >= len(answer.rows)
    assert sorted(planned.values()) == [1] * len(answer.rows)


def test_it_allocates_as_it_goes() -> None:
    """The least common multiple of strides; as often as what one sequence takes fits."""
    asked = question(1_000, engine="transformers")
    llama, v4 = kvcalc.load("llama-3.2-1b"), kvcalc.load("deepseek-v4-flash")
    planned = plan(llama, asked)
    assert (planned.period, planned.settings_at(10)) == (1, {})
    assert planned.capacity(10**9, 1_000).largest_batch == 10**9 // (16 * 2 * 8 * 64 * 2 * 1_000)
    both = plan(replace(v4, draft=llama), asked)
    assert (both.period, both.settings_at(None)) == (128, {})
    each = both.at(1_000, 1).bytes
    assert each == planned.at(1_000, 1).bytes + plan(v4, asked).at(1_000, 1).bytes
    assert both.capacity(3 * each - 1, 1_000).largest_batch == 2


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"unknown engine 'transfomers'; did you mean transformers\?"
    ):
        kvcalc.show("deepseek-v3", engine="transfomers")


@pytest.mark.parametrize("dtype", ["fp8", "q8_0", "fp8_ds_mla"])
def test_a_dtype_that_it_cannot_keep_is_refused(dtype: str) -> None:
    with pytest.raises(
        UsageError, match="transformers keeps its dynamic cache in floats of 16 or 32 bits"
    ):
        kvcalc.show("deepseek-v3", kv_dtype=dtype, engine="transformers")


@pytest.mark.parametrize("kv_dtype", [None, "auto"])
def test_a_kv_scheme_of_the_file_is_for_other_engines(kv_dtype: str | None) -> None:
    """Nothing in cache_utils.py reads a scheme: the cache is in what keys and values come in."""
    attention = GQA(heads=32, head_dim=128, kv_heads=8, dtype=uniform(FP8))
    layers = (("gqa",),) * 4
    model = Model("one", uniform(BF16), {"gqa": attention}, layers)
    answer = kvcalc.show(model, 1_000, kv_dtype=kv_dtype, engine="transformers")
    # 4 layers x 2 x 8 x 128: a byte each in fp8, two in bf16
    assert answer.stored == 4 * 2 * 8 * 128 * 1_000 == 8_192_000
    assert answer.reserved == 2 * 8_192_000
    assert answer.reservation is not None
    assert [(term.rule, term.bytes) for term in answer.reservation.terms] == [
        ("the cache's dtype", 8_192_000)
    ]
    assert any("transformers keeps one in bf16" in note for note in answer.notes)
    asked = kvcalc.show(model, 1_000, kv_dtype="bf16", engine="transformers")
    assert asked.reserved == 16_384_000
    assert not any("KV scheme" in note for note in asked.notes)


def test_a_model_whose_own_dtype_it_cannot_keep_is_refused() -> None:
    attention = {"gqa": GQA(heads=32, head_dim=128, kv_heads=8)}
    model = Model("one", uniform(FP8), attention, (("gqa",),))
    with pytest.raises(UsageError, match="floats of 16 or 32 bits, not in fp8"):
        kvcalc.show(model, 10, engine="transformers")


def test_a_dtype_reaches_what_the_ideal_leaves_alone() -> None:
    """A state-space model has no keys; its convolutions follow the dtype asked of an engine."""
    kept = kvcalc.show("mamba2-2.7b", kv_dtype="fp32", engine="transformers").reserved
    # 64 layers; 80 heads x 64 x 128 in fp32, 4 columns of 5,120 + 2 x 128 channels in fp32
    assert kept == 64 * (80 * 64 * 128 * 4 + 4 * (5120 + 2 * 128) * 4)
