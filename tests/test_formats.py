"""Bytes per entry of each storage format, and which format a layout gives to which role."""

from __future__ import annotations

import pytest

from kvcalc.cache import ENTRY_ROLES
from kvcalc.errors import UsageError
from kvcalc.formats import (
    BF16,
    FORMATS,
    FP8,
    FP16,
    FP32,
    SEVERAL,
    UNDIVIDED,
    Format,
    Widths,
    parse_format,
    parse_index_format,
    parse_layout,
    uniform,
    widths_of,
)
from kvcalc.formats.layout import ENTRIES

V41_CACHE = "vLLM 0.33.0, models/deepseek_v41/common/ops/cache_utils.py 40-58"


@pytest.mark.parametrize(
    ("name", "width", "by_hand", "size", "source"),
    [
        ("fp32", 128, 128 * 4, 512, "IEEE 754 binary32"),
        ("f32", 128, 128 * 4, 512, "GGUF's name for it"),
        ("fp16", 128, 128 * 2, 256, "IEEE 754 binary16"),
        ("f16", 128, 128 * 2, 256, "GGUF's name for it"),
        ("bf16", 512, 512 * 2, 1_024, "DeepSeek-V3 latent, kv_lora_rank 512"),
        ("bf16", 1, 2, 2, "one element"),
        ("fp8", 128, 128 * 1, 128, "OCP 8-bit floating point"),
        ("fp8_per_token_head", 128, 128 + 4, 132, "vLLM: an fp32 scale per token and head"),
        ("int8_per_token_head", 128, 128 + 4, 132, "vLLM: an fp32 scale per token and head"),
        ("int4_per_token_head", 128, 128 // 2 + 4, 68, "vLLM: an fp32 scale per token and head"),
        ("int4", 128, 128 // 2 + 4 * (2 + 2), 80, "KIVI: fp16 scale and zero point per 32"),
        ("int2", 128, 128 // 4 + 4 * (2 + 2), 48, "KIVI: fp16 scale and zero point per 32"),
        ("nvfp4", 128, 128 // 2 + 8 * 1, 72, "one e4m3 scale per 16"),
        ("nvfp4", 512, 512 // 2 + 32 * 1, 288, "nvfp4_ds_mla: 256 B and 32 scales"),
        ("mxfp8", 128, 128 + 4 * 1, 132, "OCP microscaling: one e8m0 scale per 32"),
        ("mxfp4", 128, 128 // 2 + 4 * 1, 68, "OCP microscaling: one e8m0 scale per 32"),
        ("q8_0", 32, 32 + 2, 34, "ggml-common.h: 34 B per 32"),
        ("q8_0", 128, 4 * 34, 136, "ggml-common.h: 34 B per 32"),
        ("q5_1", 128, 4 * (20 + 2 + 2), 96, "ggml-common.h: 24 B per 32"),
        ("q5_0", 128, 4 * (20 + 2), 88, "ggml-common.h: 22 B per 32"),
        ("q4_1", 128, 4 * (16 + 2 + 2), 80, "ggml-common.h: 20 B per 32"),
        ("q4_0", 128, 4 * (16 + 2), 72, "ggml-common.h: 18 B per 32"),
        ("iq4_nl", 128, 4 * (16 + 2), 72, "ggml-common.h: 18 B per 32"),
        ("6bit", 128, 128 * 6 // 8, 96, "six bits and nothing else"),
        ("3bit", 64, 64 * 3 // 8, 24, "three bits and nothing else"),
        ("32bit", 1, 4, 4, "as wide as it gets"),
    ],
)
def test_entry_bytes(name: str, width: int, by_hand: int, size: int, source: str) -> None:
    stored = parse_format(name)
    assert stored.name == name
    assert stored.entry_bytes(width) == by_hand == size, source


@pytest.mark.parametrize(
    ("stored", "width", "by_hand", "size", "source"),
    [
        (FP8.scaled(FP32), 128, 128 * 1 + 4, 132, "DeepSeek-V3.2 inference/model.py, l. 448-449"),
        (FP8.scaled(BF16), 128, 128 * 1 + 2, 130, "a bf16 scale instead"),
        (FP8.scaled(FP32).scaled(FP32), 128, 128 * 1 + 4 + 4, 136, "a scale and a zero point"),
        (parse_index_format("fp8"), 128, 128 * 1 + 4, 132, "an index key brings its scale"),
        (parse_index_format("bf16"), 128, 128 * 2, 256, "a bf16 index key has none"),
    ],
)
def test_a_scale_beside_an_entry(
    stored: Format, width: int, by_hand: int, size: int, source: str
) -> None:
    assert stored.entry_bytes(width) == by_hand == size, source


def test_a_scale_shows_in_the_name() -> None:
    assert FP8.scaled(FP32).name == "fp8 + fp32 scale"


@pytest.mark.parametrize(
    ("name", "width", "rule"),
    [
        ("bf16", 512, "512 x 2"),
        ("fp32", 16_384, "16,384 x 4"),
        ("fp8", 128, "128 x 1"),
        ("fp8_per_token_head", 128, "128 x 1 + 4"),
        ("nvfp4", 512, "512 x 4/8 + 32 x 1"),
        ("q8_0", 128, "128 x 1 + 4 x 2"),
        ("6bit", 128, "128 x 6/8"),
    ],
)
def test_the_rule_is_the_sum_as_text(name: str, width: int, rule: str) -> None:
    assert parse_format(name).rule(width) == rule


@pytest.mark.parametrize(
    ("name", "width", "said"),
    [
        ("q8_0", 80, "q8_0 stores blocks of 32 elements; 80 is no multiple"),
        ("nvfp4", 24, "nvfp4 stores blocks of 16 elements; 24 is no multiple"),
        ("3bit", 4, "4 elements of 3bit are not a whole number of bytes"),
        ("int4_per_token_head", 1, "not a whole number of bytes"),
    ],
)
def test_a_width_that_a_format_cannot_hold(name: str, width: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_format(name).entry_bytes(width)


@pytest.mark.parametrize(
    ("name", "stored"), [("fp32", FP32), ("fp16", FP16), ("bf16", BF16), ("fp8", FP8)]
)
def test_formats_have_names(name: str, stored: Format) -> None:
    assert parse_format(name) == FORMATS[name] == stored


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bf61", "did you mean bf16"),
        ("BF61", "did you mean bf16"),
        ("fp23", "fp32"),
        ("q8_1", "q8_0"),
        ("33bit", ""),
        ("0bit", ""),
        ("", ""),
    ],
)
def test_an_unknown_format_brings_the_nearest_names(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"unknown dtype {name!r}") as raised:
        parse_format(name)
    assert hint in str(raised.value)
    with pytest.raises(ValueError, match="unknown dtype"):
        parse_layout(name)


@pytest.mark.parametrize(
    ("layout", "widths", "role", "width", "by_hand", "size", "source"),
    [
        ("fp8_ds_mla", (512, 64), "latent", 512, 512 * 1 + 4 * 4, 528, "vLLM mla_attention.py"),
        ("fp8_ds_mla", (512, 64), "rope", 64, 64 * 2, 128, "528 + 128 = 656 B"),
        ("fp8_ds_mla", (512, 64), "index", 128, 128 + 4, 132, "656 + 132 B"),
        ("fp8_ds_mla", (448, 64), "latent", 448, 448 + 7 * 1 + 1, 456, "vLLM flashmla_sparse.py"),
        ("fp8_ds_mla", (448, 64), "rope", 64, 64 * 2, 128, "456 + 128 = 584 B"),
        ("fp8_ds_mla", (448, 64), "index", 128, 128 + 4, 132, "584 + 132 B"),
        ("nvfp4_ds_mla", (512, 64), "latent", 512, 512 // 2 + 32, 288, "vLLM mla_attention.py"),
        ("nvfp4_ds_mla", (512, 64), "rope", 64, 64 * 1, 64, "288 + 64 = 352 B"),
        ("nvfp4_ds_mla", (512, 64), "index", 128, 128 + 4, 132, "352 + 132 B"),
        ("fp8_ds_mla", (512, UNDIVIDED), "kv", 512, 512 + 16 * 1, 528, V41_CACHE),
        ("fp8_ds_mla", (512, UNDIVIDED), "compressed", 512, 512 + 16 * 1, 528, V41_CACHE),
        ("fp8_ds_mla", (512, UNDIVIDED), "index", 128, 128 + 4, 132, "attention.py 101-109"),
        ("nvfp4_ds_mla", (512, UNDIVIDED), "kv", 512, 512 + 16 * 1, 528, V41_CACHE),
        ("nvfp4_ds_mla", (512, UNDIVIDED), "compressed", 512, 256 + 32 * 1, 288, V41_CACHE),
        ("nvfp4_ds_mla", (512, UNDIVIDED), "index", 128, 128 + 4, 132, "attention.py 101-109"),
        ("fp8", (512, UNDIVIDED), "kv", 512, 512 * 1, 512, "one format for all"),
        ("fp8", (512, UNDIVIDED), "compressed", 512, 512 * 1, 512, "one format for all"),
        ("fp8", (512, 64), "latent", 512, 512 * 1, 512, "one format for all"),
        ("fp8", (512, 64), "rope", 64, 64 * 1, 64, "one format for all"),
        ("fp8", None, "k", 128, 128 * 1, 128, "one format for all"),
        ("q8_0/q4_0", None, "k", 128, 4 * 34, 136, "the first for keys"),
        ("q8_0/q4_0", None, "v", 128, 4 * 18, 72, "the second for values"),
    ],
)
def test_a_layout_gives_roles_their_formats(
    layout: str, widths: Widths | None, role: str, width: int, by_hand: int, size: int, source: str
) -> None:
    stored = parse_layout(layout).format_of(role, widths)
    assert stored is not None
    assert stored.entry_bytes(width) == by_hand == size, source


@pytest.mark.parametrize(
    ("layout", "widths", "role"),
    [
        ("fp8_ds_mla", None, "k"),
        ("fp8_ds_mla", (512, 64), "v"),
        ("fp8", None, "index"),
        ("fp8", None, "state"),
        ("fp8", None, "conv"),
        ("q8_0/q4_0", (512, 64), "latent"),
        ("q8_0/q4_0", (512, UNDIVIDED), "kv"),
        ("exl3_q4", (512, UNDIVIDED), "compressed"),
        ("q8_0/q4_0", None, "index"),
    ],
)
def test_a_layout_leaves_other_roles_alone(layout: str, widths: Widths | None, role: str) -> None:
    assert parse_layout(layout).format_of(role, widths) is None


@pytest.mark.parametrize("widths", [(256, 64), (512, 0), (512, 32), (448, 0)])
def test_a_layout_exists_for_its_own_latents_only(widths: Widths) -> None:
    with pytest.raises(UsageError, match=rf"of {widths[0]} \+ {widths[1]}$"):
        parse_layout("fp8_ds_mla").format_of("latent", widths)


@pytest.mark.parametrize(
    ("roles", "widths"),
    [
        ([("k", 128), ("v", 128)], None),
        ([("latent", 512), ("rope", 64), ("index", 128)], (512, 64)),
        ([("latent", 512)], (512, 0)),
        ([("latent", 448), ("rope", 64), ("latent", 448), ("rope", 64)], (448, 64)),
        ([("kv", 512), ("compressed", 512), ("index", 128)], (512, UNDIVIDED)),
        ([("latent", 512), ("latent", 448)], SEVERAL),
        ([("latent", 512), ("rope", 64), ("rope", 32)], SEVERAL),
        ([("kv", 512), ("compressed", 256)], SEVERAL),
        ([("kv", 512), ("latent", 512)], SEVERAL),
    ],
)
def test_the_widths_of_a_layer(roles: list[tuple[str, int]], widths: Widths | None) -> None:
    assert widths_of(roles) == widths


def test_layouts_have_names() -> None:
    assert parse_layout("q8_0/q4_0").name == "q8_0/q4_0"
    assert parse_layout("fp8") == uniform(FP8)
    assert parse_layout("fp8_ds_mla").name == "fp8_ds_mla"


@pytest.mark.parametrize("pair", ["q8_0/", "/q8_0", "q8_0/q4", "q8_0/q8_0/q8_0"])
def test_a_pair_needs_two_formats(pair: str) -> None:
    with pytest.raises(ValueError, match=r"dtype '(q4|q8_0/q8_0|)'"):
        parse_layout(pair)


def test_a_layout_of_one_format_names_every_entry() -> None:
    assert set(ENTRIES) == ENTRY_ROLES
