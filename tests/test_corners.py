"""Odd input that must be answered exactly or refused by name: each once went wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import pytest

import kvcalc
from kvcalc.errors import InputError, UsageError
from kvcalc.figures import parse_figure
from kvcalc.units import parse_tokens

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

TOP = "name: M\nheads: 32\nhead_dim: 128\ndtype: bf16\n"
GQA = "attention: { kind: gqa, kv_heads: 8 }\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOP + GQA + 'layers: !!int "010"\n', "the tag '!!int'"),
        (TOP + GQA + 'layers: !!int "1:30"\n', "the tag '!!int'"),
        (TOP + GQA + 'layers: !!int ""\n', "the tag '!!int'"),
        (TOP + GQA + "layers: !!bool x\n", "the tag '!!bool'"),
        (TOP + GQA + 'layers: !!float ""\n', "the tag '!!float'"),
        (TOP + GQA + "layers: !!timestamp x\n", "the tag '!!timestamp'"),
        (TOP + GQA + "layers: 2\nvendor: !!python/object:os.system x\n", "!!python/object"),
        (
            TOP + "layers: { count: 3, pattern: [a, b, c] }\nattention:\n"
            "  a: &a { kind: gqa, kv_heads: 8 }\n"
            "  b: &b { kind: gqa, kv_heads: 4 }\n"
            "  c: { <<: [*a, *b] }\n",
            "a merge of several anchors",
        ),
        (
            TOP + f"layers: {{ count: 2, pattern: ['{'+'.join(['gqa'] * 17)}'] }}\n" + GQA,
            "a layer of 17 caches",
        ),
        (TOP + GQA + f'layers: 2\nexpect: {{ mha/gqa: "4.{"0" * 5000}1x" }}\n', "not a figure"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(
    text: str, said: str, model_file: ModelFile
) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(text))
    assert said in str(caught.value)


def test_a_merge_of_one_anchor_is_what_it_says(model_file: ModelFile) -> None:
    text = (
        TOP + "layers: { count: 2, pattern: [a, b] }\nattention:\n"
        "  a: &a { kind: gqa, kv_heads: 8 }\n"
        "  b: { <<: *a, window: 16 }\n"
    )
    # a: 2 x 8 x 128 x 2 = 4,096 B a token; b the same, for 16 of 100 tokens
    assert kvcalc.load(model_file(text)).stored(100) == 100 * 4_096 + 16 * 4_096


def test_the_models_own_row_keeps_its_own_operations(model_file: ModelFile) -> None:
    text = (
        TOP + "layers: 2\nattention:\n  kind: custom\n  tensors:\n"
        "    - { name: k, role: k, heads: 8, width: 128, macs: 5 }\n"
        "    - { name: v, role: v, heads: 8, width: 128, macs: 7 }\n"
        "expect: { native.flops@1: 48 FLOPs }\n"
    )
    # 2 layers x 2 FLOPs x (5 + 7)
    model = kvcalc.load(model_file(text))
    assert kvcalc.show(model, 1).flops == 48
    assert [row.flops for row in kvcalc.compare(model, context=1).rows if row.native] == [48]
    assert kvcalc.check(model).failed == 0


def test_a_baseline_is_meant_exactly_or_refused(model_file: ModelFile) -> None:
    upper = model_file("name: Foo\n" + (TOP + GQA).partition("\n")[2] + "layers: 2\n", "f1.yaml")
    lower = model_file("name: foo\n" + (TOP + GQA).partition("\n")[2] + "layers: 4\n", "f2.yaml")
    assert kvcalc.compare(upper, lower, baseline="foo").baseline == "foo"
    assert kvcalc.compare(upper, lower, baseline="F1").baseline == "Foo"
    with pytest.raises(UsageError, match="may mean Foo, foo"):
        kvcalc.compare(upper, lower, baseline="FOO")


def test_the_dtype_shown_is_the_one_that_is_stored(model_file: ModelFile, cli: Cli) -> None:
    path = model_file(
        TOP + "layers: 2\nattention: { kind: gqa, kv_heads: 8, dtype: fp8 }\n", "own.yaml"
    )
    assert "32 heads x 128, fp8, context" in cli("compare", path).out
    mixed = model_file(
        TOP + "layers: { count: 2, pattern: [a, b] }\nattention:\n"
        "  a: { kind: mla, latent_dim: 512, rope_dim: 64 }\n"
        "  b: { kind: gqa, kv_heads: 8, dtype: fp8 }\n",
        "mixed.yaml",
    )
    assert "does not name k, v: kept in fp8" in cli("show", mixed, "--kv-dtype", "fp8_ds_mla").err


@pytest.mark.parametrize(("context", "batch"), [(2.5, 1), (True, 1), (8, "8"), (8, 2.5), (8, True)])
def test_only_whole_numbers_are_counted(context: Any, batch: Any) -> None:
    with pytest.raises(UsageError, match="whole number"):
        kvcalc.show("deepseek-v3", context, batch)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(UsageError, match="neither a model nor the name of one"):
        kvcalc.show(cast("str", None))


def test_a_model_without_caches_says_so(model_file: ModelFile) -> None:
    text = TOP + GQA + "layers: { count: 2, pattern: [none] }\nmtp: 1\n"
    answer = kvcalc.compare(model_file(text))
    assert answer.notes == ("no what-if rows: no layer of the model keeps a cache",)


def test_a_what_if_that_cannot_be_stored_leaves_the_model_answered(model_file: ModelFile) -> None:
    text = (
        TOP.replace("bf16", "fp8_ds_mla")
        + "layers: 61\nattention: { kind: mla, latent_dim: 512, rope_dim: 64 }\n"
        "expect: { mla.growth: 40.016 kB }\n"
    )
    answer = kvcalc.compare(model_file(text), context=1)
    assert [(row.scheme, row.growth) for row in answer.rows] == [("mla", Fraction(61 * 656))]
    assert [note.partition(":")[0] for note in answer.notes] == [
        "no mha row",
        "no gqa row",
        "no mqa row",
        "no mla-expanded row",
    ]
    assert answer.expect[0].ok


@pytest.mark.parametrize(
    ("value", "shown", "holds"),
    [
        (Fraction(57_499, 1_000), "57.499x", True),
        (Fraction(575, 10), "57.50x", False),
        (Fraction(56_499, 1_000), "56.499x", False),
        (Fraction(565, 10), "56.50x", True),
    ],
)
def test_a_value_beside_the_edge_does_not_look_as_if_it_were_on_it(
    value: Fraction, shown: str, holds: bool
) -> None:
    figure = parse_figure("57x")
    assert figure.printed(value) == shown
    assert figure.holds(value) is (Fraction(113, 2) <= value < Fraction(115, 2))


def test_a_context_with_a_point_and_no_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        parse_tokens("8.000")
    assert parse_tokens("1.5K") == 1_536


@pytest.mark.parametrize("of", ["{ null: null }", "{ a: { model: deepseek-v3 }, 1: x }"])
def test_a_claims_keys_are_text(of: str, model_file: ModelFile) -> None:
    text = (
        "claims:\n  - id: a\n    quote: q\n"
        "    source: { from: p, read: 2026-11-24, primary: true }\n"
        f"    of: {of}\n    expect: {{ a/b: 2x }}\n"
    )
    with pytest.raises(InputError) as caught:
        kvcalc.check(model_file(text))
    assert "is not text" in str(caught.value)


@pytest.mark.parametrize("widths", [(512, 256), (256, 512)])
def test_a_layout_is_not_stretched_over_latents_of_two_widths(
    widths: tuple[int, int], model_file: ModelFile
) -> None:
    tensors = "".join(
        f"    - {{ name: l{n}, role: latent, width: {width} }}\n" for n, width in enumerate(widths)
    )
    text = TOP + "layers: 2\nattention:\n  kind: custom\n  tensors:\n" + tensors
    text += "    - { name: r, role: rope, width: 64 }\n"
    with pytest.raises(UsageError, match="one width of latent and RoPE key in a layer"):
        kvcalc.show(model_file(text), 1, kv_dtype="fp8_ds_mla")


@pytest.mark.parametrize(
    ("model", "entry", "ships", "verdict"),
    [
        ("gemma-3-27b", "mha/gqa: 2x", "gqa", "confirmed"),  # 32 heads in 16 groups, windowed too
        ("gemma-3-27b", "mha/mqa: 32x", "mqa", "misattributed"),
        ("deepseek-v3", "mha/gqa: 8x", "gqa", "misattributed"),
        ("falcon-7b", "mha/mqa: 71x", "mqa", "confirmed"),
    ],
)
def test_a_model_ships_what_its_layers_are(
    model: str, entry: str, ships: str, verdict: str, model_file: ModelFile
) -> None:
    text = (
        "claims:\n  - id: a\n    quote: q\n"
        "    source: { from: p, read: 2026-11-24, primary: true }\n"
        f"    model: {model}\n    ships: {ships}\n    expect: {{ {entry} }}\n"
    )
    assert [result.verdict for result in kvcalc.check(model_file(text)).results] == [verdict]
