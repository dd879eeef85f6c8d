"""How entries are stored: bytes of every format and layout, what they cannot hold, and what a
question may put in the place of the model's own."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.errors import InputError, UsageError
from kvcalc.formats import FORMATS, LAYOUTS, Format, parse_format, parse_index_format, parse_layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import ModelFile

TRITON = "vLLM 0.33.0, v1/attention/backends/triton_attn.py: an fp32 scale per token, head, side"
KIVI = "KIVI, arXiv 2402.02750, sections 3.1 and 4.1: groups of 32, each a scale and a zero point"
OCP = "OCP microscaling formats 1.0: one e8m0 scale per 32"
GGML = "ggml-common.h: blocks of 32, an fp16 scale, in the _1 kinds an fp16 minimum too"

BYTES = [
    ("fp32", 128, 128 * 4, 512, "IEEE 754 binary32"),
    ("fp16", 128, 128 * 2, 256, "IEEE 754 binary16"),
    ("bf16", 128, 128 * 2, 256, "bfloat16"),
    ("fp8", 128, 128 * 1, 128, "one scale per tensor, which costs no token anything"),
    ("int8", 128, 128 * 1, 128, "one scale per tensor, which costs no token anything"),
    ("fp8_per_token_head", 128, 128 * 1 + 4, 132, TRITON),
    ("int8_per_token_head", 128, 128 * 1 + 4, 132, TRITON),
    ("int4_per_token_head", 128, 128 // 2 + 4, 68, TRITON),
    ("int4_per_token_head", 80, 80 // 2 + 4, 44, TRITON),
    ("int4", 128, 128 // 2 + 128 // 32 * (2 + 2), 80, KIVI),
    ("int4", 64, 64 // 2 + 64 // 32 * (2 + 2), 40, KIVI),
    ("int2", 128, 128 // 4 + 128 // 32 * (2 + 2), 48, KIVI),
    ("nvfp4", 128, 128 // 2 + 128 // 16, 72, "vLLM 0.33.0, torch_utils.py: an e4m3 scale per 16"),
    ("nvfp4", 80, 80 // 2 + 80 // 16, 45, "an e4m3 scale per 16"),
    ("mxfp8", 128, 128 + 128 // 32, 132, OCP),
    ("mxfp4", 128, 128 // 2 + 128 // 32, 68, OCP),
    ("f32", 128, 128 * 4, 512, GGML),
    ("f16", 128, 128 * 2, 256, GGML),
    ("q8_0", 128, 128 // 32 * (32 + 2), 136, GGML),
    ("q5_1", 128, 128 // 32 * (32 * 5 // 8 + 2 + 2), 96, GGML),
    ("q5_0", 128, 128 // 32 * (32 * 5 // 8 + 2), 88, GGML),
    ("q4_1", 128, 128 // 32 * (16 + 2 + 2), 80, GGML),
    ("q4_0", 128, 128 // 32 * (16 + 2), 72, GGML),
    ("iq4_nl", 128, 128 // 32 * (16 + 2), 72, GGML),
]


@pytest.mark.parametrize(("name", "width", "by_hand", "size", "source"), BYTES)
def test_bytes_of_an_entry(name: str, width: int, by_hand: int, size: int, source: str) -> None:
    assert parse_format(name).entry_bytes(width) == by_hand == size, source


def test_every_format_has_its_bytes_counted() -> None:
    engines = ("mlx_", "hqq_", "quanto_", "exl", "q6_0", "q8_KV", "fp4_mx", "ultraquant")
    # those of other engines are in test_dtypes.py
    assert {row[0] for row in BYTES} == {n for n in FORMATS if not n.startswith(engines)}


@pytest.mark.parametrize(
    ("name", "width", "by_hand", "size"),
    [
        ("1bit", 128, 128 // 8, 16),
        ("3bit", 128, 128 * 3 // 8, 48),
        ("6bit", 128, 128 * 6 // 8, 96),
        ("6bit", 4, 4 * 6 // 8, 3),
        ("8bit", 64, 64, 64),
        ("32bit", 64, 64 * 4, 256),
    ],
)
def test_plain_bits_are_what_they_say_and_nothing_else(
    name: str, width: int, by_hand: int, size: int
) -> None:
    assert parse_format(name).entry_bytes(width) == by_hand == size


@pytest.mark.parametrize("name", ["0bit", "33bit", "99bit", "100bit", "06bit", "6 bit", "6bits"])
def test_bits_that_nobody_stores(name: str) -> None:
    with pytest.raises(ValueError, match="unknown dtype"):
        parse_format(name)


@pytest.mark.parametrize(
    ("name", "width", "said"),
    [
        *((name, width,
          f"{name} stores blocks of 32 elements; {width} is no multiple") for name in ("int4",
          "int2", "mxfp8", "mxfp4", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0",
          "iq4_nl") for width in (80, 100)),
        ("nvfp4", 100, "nvfp4 stores blocks of 16 elements; 100 is no multiple"),
        ("nvfp4", 8, "nvfp4 stores blocks of 16 elements; 8 is no multiple"),
        ("int4_per_token_head", 3, "3 elements of int4_per_token_head are not a whole number"),
        ("6bit", 2, "2 elements of 6bit are not a whole number"),
        ("3bit", 100, "100 elements of 3bit are not a whole number"),
    ],
)  # fmt: skip
def test_a_width_that_a_format_cannot_hold_is_an_error_that_says_so(
    name: str, width: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        parse_format(name).entry_bytes(width)


@pytest.mark.parametrize(
    ("name", "by_hand", "size"),
    [
        ("fp8", 128 + 4, 132),
        ("bf16", 128 * 2, 256),
        ("fp16", 128 * 2, 256),
        ("mxfp4", 64 + 4, 68),
        ("q8_0", 4 * 34, 136),
        ("4bit", 128 // 2, 64),
    ],
)
def test_an_index_key_brings_its_scale_with_its_dtype(name: str, by_hand: int, size: int) -> None:
    stored = parse_index_format(name)
    assert isinstance(stored, Format)
    assert stored.entry_bytes(128) == by_hand == size


LAYOUT_BYTES = [
    ("fp8_ds_mla", 512, "latent", 512, 512 + 512 // 128 * 4, 528),
    ("fp8_ds_mla", 512, "rope", 64, 64 * 2, 128),
    ("fp8_ds_mla", 512, "index", 128, 128 + 4, 132),
    ("fp8_ds_mla", 448, "latent", 448, 448 + 448 // 64 + 1, 456),
    ("fp8_ds_mla", 448, "rope", 64, 64 * 2, 128),
    ("fp8_ds_mla", 448, "index", 128, 128 + 4, 132),
    ("nvfp4_ds_mla", 512, "latent", 512, 512 // 2 + 512 // 16, 288),
    ("nvfp4_ds_mla", 512, "rope", 64, 64, 64),
    ("nvfp4_ds_mla", 512, "index", 128, 128 + 4, 132),
]


@pytest.mark.parametrize(("name", "latent", "role", "width", "by_hand", "size"), LAYOUT_BYTES)
def test_bytes_of_a_layout(
    name: str, latent: int, role: str, width: int, by_hand: int, size: int
) -> None:
    stored = parse_layout(name).format_of(role, None if latent is None else (latent, 64))
    assert stored is not None
    assert stored.entry_bytes(width) == by_hand == size


def test_every_layout_has_its_bytes_counted() -> None:
    # those that other engines have for keys and values are in test_dtypes.py
    for_latents = {name for name, layout in LAYOUTS.items() if layout.for_latent}
    assert {row[0] for row in LAYOUT_BYTES} == for_latents


@pytest.mark.parametrize(
    ("name", "kv_dtype", "by_hand", "size", "source"),
    [
        ("llama-3.1-8b", "bf16", 2 * 8 * 256, 4_096, "its own"),
        ("llama-3.1-8b", "fp8", 2 * 8 * 128, 2_048, "per tensor"),
        ("llama-3.1-8b", "fp8_per_token_head", 8 * 264, 2_112, TRITON),
        ("llama-3.1-8b", "int8_per_token_head", 8 * 264, 2_112, TRITON),
        ("llama-3.1-8b", "int4_per_token_head", 8 * 136, 1_088, TRITON),
        ("llama-3.1-8b", "int4", 2 * 8 * 80, 1_280, KIVI),
        ("llama-3.1-8b", "int2", 2 * 8 * 48, 768, KIVI),
        ("llama-3.1-8b", "nvfp4", 8 * 144, 1_152, "64 + 8 per side"),
        ("llama-3.1-8b", "mxfp8", 8 * 264, 2_112, OCP),
        ("llama-3.1-8b", "mxfp4", 8 * 136, 1_088, OCP),
        ("llama-3.1-8b", "6bit", 2 * 8 * 96, 1_536, "plain bits"),
        ("llama-3.1-8b", "q8_0", 8 * 272, 2_176, GGML),
        ("llama-3.1-8b", "q4_0", 8 * 144, 1_152, GGML),
        ("llama-3.1-8b", "q8_0/q4_0", 8 * (136 + 72), 1_664, GGML),
        ("llama-3.1-8b", "q4_0/q8_0", 8 * (72 + 136), 1_664, GGML),
        ("llama-3.1-8b", "f16/q5_1", 8 * (256 + 96), 2_816, GGML),
        ("llama-3.1-8b", "bf16/iq4_nl", 8 * (256 + 72), 2_624, GGML),
        ("deepseek-v3", "fp8", 512 + 64, 576, "vLLM 0.33.0: plain fp8 has no per-token scale"),
        ("deepseek-v3", "q8_0", 544 + 68, 612, GGML),
        ("deepseek-v3", "nvfp4", 288 + 36, 324, "SGLang 0.5.23, memory_pool.py: k/2 + k/16"),
        ("deepseek-v3", "fp8_ds_mla", 528 + 128, 656, "vLLM 0.33.0, mla_attention.py"),
        ("deepseek-v3", "nvfp4_ds_mla", 288 + 64, 352, "vLLM 0.33.0, mla_attention.py"),
        ("deepseek-v3.2", "fp8_ds_mla", 656 + 132, 788, "vLLM 0.33.0, 48,068 over 61 layers"),
        ("deepseek-v3.2", "nvfp4_ds_mla", 352 + 132, 484, "vLLM 0.33.0, 29,524 over 61 layers"),
        ("deepseek-v3.2", "fp8", 576 + 132, 708, "index keys are left alone"),
        ("deepseek-v3.2", "q8_0", 612 + 132, 744, "index keys are left alone"),
    ],
)
def test_a_token_of_one_layer_as_a_kv_dtype_stores_it(
    name: str, kv_dtype: str, by_hand: int, size: int, source: str
) -> None:
    answer = kvcalc.show(name, 1_000, kv_dtype=kv_dtype)
    assert answer.growth / len(answer.model.layers) == by_hand == size, source


def test_a_pair_stores_k_and_v_apart() -> None:
    answer = kvcalc.show("llama-3.1-8b", 1, kv_dtype="q8_0/q4_0")
    assert {line.settled.tensor.role: line.stored for line in answer.lines} == {
        "k": 32 * 8 * 136,
        "v": 32 * 8 * 72,
    }
    mimo = kvcalc.show("mimo-v2-flash", 1, kv_dtype="q8_0/q4_0")
    full, windowed = 9 * 4 * (204 + 72), 39 * 8 * (204 + 72)
    assert mimo.stored == full + windowed == 96_048


@pytest.mark.parametrize(("name", "stream"), [("deepseek-v4-flash", 43), ("deepseek-v4-pro", 61)])
def test_the_448_wide_layout_of_deepseek_v4(name: str, stream: int) -> None:
    assert kvcalc.show(name, 100, kv_dtype="fp8_ds_mla").stored == (
        stream * 100 * 584 + {"deepseek-v4-flash": 21, "deepseek-v4-pro": 30}[name] * 25 * 716
    )


MLA_OF = """\
name: Latent of {latent} and {rope}
heads: 32
head_dim: 128
layers: 2
dtype: bf16
attention: {{ kind: mla, latent_dim: {latent}, rope_dim: {rope} }}
"""


@pytest.mark.parametrize("layout", ["fp8_ds_mla", "nvfp4_ds_mla"])
@pytest.mark.parametrize(
    ("latent", "rope"), [(256, 64), (256, 32), (384, 64), (576, 64), (512, 0), (512, 32)]
)
def test_a_layout_refuses_any_other_width(
    model_file: ModelFile, layout: str, latent: int, rope: int
) -> None:
    with pytest.raises(UsageError, match=layout):
        kvcalc.show(model_file(MLA_OF.format(latent=latent, rope=rope)), 100, kv_dtype=layout)


def test_nvfp4_ds_mla_is_not_laid_out_for_deepseek_v4() -> None:
    with pytest.raises(
        UsageError,
        match=r"for a latent and RoPE key of 512 \+ 64 or 512 undivided elements, not of 448 \+ 64",
    ):
        kvcalc.show("deepseek-v4-flash", 100, kv_dtype="nvfp4_ds_mla")


def test_890_bytes_a_token_of_deepseek_v41() -> None:
    """Three caches of an entry per two tokens and one of an entry per token, 40 windows."""
    answer = kvcalc.show(
        "deepseek-v4.1-flash", 1_000_000, kv_dtype="nvfp4_ds_mla", index_dtype="mxfp4"
    )
    entry, index_key = 512 // 2 + 512 // 16, 128 // 2 + 128 // 32
    assert (entry, index_key) == (288, 68)
    assert answer.growth == 3 * Fraction(entry + index_key, 2) + (entry + index_key) == 890
    assert answer.fixed == 40 * 128 * (512 + 512 // 32) == 2_703_360
    assert answer.stored == 890 * 1_000_000 + 2_703_360


def test_the_record_of_deepseek_v41_in_fp8() -> None:
    answer = kvcalc.show("deepseek-v4.1-flash", 1_000_000, kv_dtype="fp8_ds_mla")
    assert answer.growth == 3 * Fraction(528 + 132, 2) + 528 + 132 == 1_650
    assert answer.fixed == 40 * 128 * 528


@pytest.mark.parametrize("layout", ["fp8_ds_mla", "nvfp4_ds_mla"])
def test_the_record_of_deepseek_v41_is_512_wide(model_file: ModelFile, layout: str) -> None:
    window = "attention: { kind: csa2_swa, head_dim: 256, rope_dim: 64, window: 128 }\n"
    text = f"name: Half as wide\nheads: 8\nlayers: 2\ndtype: bf16\n{window}"
    with pytest.raises(UsageError, match="512 undivided elements, not of 256 undivided"):
        kvcalc.show(model_file(text), 100, kv_dtype=layout)


@pytest.mark.parametrize(
    ("name", "kv_dtype"),
    [("phi-2", "q8_0"), ("phi-2", "int2"), ("phi-2", "q8_0/q4_0"), ("phi-2", "bf16/q4_0")],
)
def test_a_model_whose_heads_a_format_cannot_hold_is_refused(name: str, kv_dtype: str) -> None:
    with pytest.raises(UsageError, match="blocks of 32 elements; 80 is no multiple"):
        kvcalc.show(name, 100, kv_dtype=kv_dtype)


@pytest.mark.parametrize(
    ("name", "kv_dtype", "said"),
    [
        ("llama-3.1-8b", "fp8_ds_mla", "fp8_ds_mla changes nothing in Llama 3.1 8B"),
        ("llama-3.1-8b", "nvfp4_ds_mla", "nvfp4_ds_mla changes nothing"),
        ("mamba2-2.7b", "fp8", "fp8 changes nothing"),
        ("mamba2-2.7b", "q8_0/q4_0", "changes nothing"),
        ("rwkv7-2.9b", "int4", "int4 changes nothing"),
        ("xlstm-7b", "fp8_ds_mla", "fp8_ds_mla changes nothing"),
        ("deepseek-v3", "q8_0/q4_0", "a pair for K and V"),
        ("deepseek-v3.2", "q8_0/q4_0", "a pair for K and V"),
        ("deepseek-v4-flash", "f16/q8_0", "a pair for K and V"),
        ("kimi-linear-48b", "f16/q8_0", "a pair for K and V"),
    ],
)
def test_a_layout_that_does_not_fit_the_model_is_an_error(
    name: str, kv_dtype: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        kvcalc.show(name, 100, kv_dtype=kv_dtype)
    with pytest.raises(UsageError, match=said):
        kvcalc.compare(name, context=100, kv_dtype=kv_dtype)


@pytest.mark.parametrize("given", ["q8_0/", "/q4_0", "q8_0/q4_0/q4_0", "q8_0/fp9", "fp8_ds_ml"])
def test_a_kv_dtype_that_nobody_knows(given: str) -> None:
    with pytest.raises(UsageError, match="unknown dtype"):
        kvcalc.show("llama-3.1-8b", 100, kv_dtype=given)


BOTH = """\
name: Both kinds of cache
heads: 32
head_dim: 128
layers: { count: 4, pattern: [latent, grouped] }
dtype: bf16
attention:
  latent: { kind: mla, latent_dim: 512, rope_dim: 64 }
  grouped: { kind: gqa, kv_heads: 8 }
"""


def test_roles_that_a_layout_does_not_name_keep_the_models_dtype_with_a_note(
    model_file: ModelFile,
) -> None:
    answer = kvcalc.show(model_file(BOTH), 100, kv_dtype="fp8_ds_mla")
    assert answer.stored == 2 * 100 * 656 + 2 * 100 * 2 * 8 * 128 * 2 == 950_400
    assert any("fp8_ds_mla" in note and "k, v" in note and "bf16" in note for note in answer.notes)


def test_a_what_if_that_a_layout_does_not_name_keeps_the_models_dtype_with_a_note() -> None:
    answer = kvcalc.compare("deepseek-v3", context=100, kv_dtype="fp8_ds_mla")
    sizes = {row.scheme: row.stored for row in answer.rows}
    assert sizes["mla"] == 61 * 100 * 656
    assert sizes["mha"] == 61 * 100 * 2 * 128 * 128 * 2
    notes = {row.scheme: row.notes for row in answer.rows}
    assert notes["mla"] == ()
    assert all("bf16" in note for name in ("mha", "mqa") for note in notes[name])
    assert notes["mha"]
    assert notes["mqa"]


@pytest.mark.parametrize(
    ("name", "kv_dtype", "growth", "fixed"),
    [
        ("qwen3-next-80b-a3b", "fp8", 12 * 2 * 2 * 256, 36 * (2_097_152 + 49_152)),
        ("qwen3-next-80b-a3b", "q4_0", 12 * 2 * 2 * 144, 36 * (2_097_152 + 49_152)),
        ("kimi-linear-48b", "fp8_ds_mla", 7 * 656, 20 * (2_097_152 + 73_728)),
        ("falcon-h1-7b", "int4_per_token_head", 44 * 2 * 136, 44 * (3_145_728 + 21_504)),
        ("lfm2-1.2b", "fp8", 6 * 2 * 8 * 64, 10 * 2 * 2_048 * 2),
        ("minimax-text-01", "fp8", 10 * 2 * 8 * 128, 70 * 64 * 128 * 128 * 4),
        ("recurrentgemma-2b", "fp8", 0, 8 * 2_048 * 2 * 256 + 18 * (2_560 * 4 + 3 * 2_560 * 2)),
    ],
)  # fmt: skip
def test_a_kv_dtype_never_changes_a_state(
    name: str, kv_dtype: str, growth: int, fixed: int
) -> None:
    answer = kvcalc.show(name, 10_000, kv_dtype=kv_dtype)
    assert (answer.growth, answer.fixed) == (Fraction(growth), fixed)


@pytest.mark.parametrize(
    ("name", "options", "by_hand", "size"),
    [
        ("deepseek-v3.2", {}, 1_152 + 132, 1_284),
        ("deepseek-v3.2", {"index_dtype": "fp8"}, 1_152 + 132, 1_284),
        ("deepseek-v3.2", {"index_dtype": "bf16"}, 1_152 + 256, 1_408),
        ("deepseek-v3.2", {"index_dtype": "mxfp4"}, 1_152 + 68, 1_220),
        ("deepseek-v3.2", {"kv_dtype": "fp8"}, 576 + 132, 708),
        ("deepseek-v3.2", {"kv_dtype": "f16", "index_dtype": "f16"}, 1_152 + 256, 1_408),
        ("deepseek-v3.2", {"kv_dtype": "fp8_ds_mla"}, 656 + 132, 788),
        ("deepseek-v3.2", {"kv_dtype": "fp8_ds_mla", "index_dtype": "bf16"}, 656 + 256, 912),
    ],
)
def test_index_keys_follow_their_own_dtype(
    name: str, options: dict[str, Any], by_hand: int, size: int
) -> None:
    answer = kvcalc.show(name, 1_000, **options)
    assert answer.growth == 61 * by_hand == 61 * size


def test_what_llama_cpp_and_transformers_keep_of_deepseek_v3_2() -> None:
    assert kvcalc.show("deepseek-v3.2", 1_000, index_dtype="bf16").growth == 85_888


INDEXED = """\
name: Indexed
heads: 128
head_dim: 128
layers: 1
dtype: bf16
attention:
  kind: dsa
  latent_dim: 512
  rope_dim: 64
  index_heads: 64
  index_dim: 128
  top_k: 2048
"""


@pytest.mark.parametrize(
    ("fields", "options", "key"),
    [
        ("", {}, 128 + 4),
        ("  index_dtype: fp8\n", {}, 128 + 4),
        ("  index_dtype: fp8\n  index_scale: fp32\n", {}, 128 + 4),
        ("  index_dtype: fp8\n  index_scale: none\n", {}, 128),
        ("  index_dtype: bf16\n", {}, 256),
        ("  index_dtype: bf16\n", {"kv_dtype": "fp8_ds_mla"}, 132),
        ("  index_dtype: bf16\n", {"kv_dtype": "fp8"}, 256),
        ("  index_dtype: bf16\n", {"index_dtype": "fp8"}, 132),
        ("  index_dtype: fp8\n  index_scale: none\n", {"index_dtype": "fp8"}, 132),
        ("  index_dtype: fp8\n  index_scale: fp32\n", {"index_dtype": "bf16"}, 256),
        ("  index_dtype: mxfp4\n", {}, 68),
    ],
)
def test_an_index_dtype_replaces_format_and_scale_together(
    model_file: ModelFile, fields: str, options: dict[str, Any], key: int
) -> None:
    answer = kvcalc.show(model_file(INDEXED + fields), 1, **options)
    assert {line.settled.tensor.role: line.stored for line in answer.lines}["index"] == key


def test_an_index_dtype_changes_nothing_else() -> None:
    plain = kvcalc.show("llama-3.1-8b", 100)
    asked = kvcalc.show("llama-3.1-8b", 100, index_dtype="bf16")
    assert asked.stored == plain.stored
    assert any("index" in note for note in asked.notes)


STATES: Mapping[str, str] = {
    "mamba1": "{ kind: mamba1, inner_dim: 64, state_dim: 16, conv_kernel: 4, state_dtype: fp32 }",
    "shortconv": "{ kind: shortconv, channels: 64, conv_kernel: 3 }",
    "rwkv7": "{ kind: rwkv7, state_heads: 2, state_head_dim: 32, hidden_dim: 64 }",
}
STATE_MODEL = "name: State\nlayers: 1\ndtype: {dtype}\nattention: {entry}\n"


@pytest.mark.parametrize("dtype", ["fp8", "int4", "q8_0", "nvfp4", "6bit", "fp8_ds_mla"])
@pytest.mark.parametrize("entry", STATES.values(), ids=STATES.keys())
def test_a_convolution_or_shift_under_a_quantized_dtype_is_refused(
    model_file: ModelFile, dtype: str, entry: str
) -> None:
    with pytest.raises(InputError, match=f"dtype {dtype} does not say how") as raised:
        kvcalc.load(model_file(STATE_MODEL.format(dtype=dtype, entry=entry)))
    assert [problem.line for problem in raised.value.problems] == [3]


@pytest.mark.parametrize(
    ("entry", "by_hand"),
    [
        (STATES["mamba1"], 64 * 16 * 4 + 3 * 64 * 2),
        (STATES["shortconv"], 2 * 64 * 2),
        (STATES["rwkv7"], 2 * 32 * 32 * 4 + 2 * 64 * 2),
    ],
    ids=STATES.keys(),
)
def test_a_quantized_model_names_the_dtype_of_its_convolutions(
    model_file: ModelFile, entry: str, by_hand: int
) -> None:
    own = entry.replace(" }", ", dtype: bf16 }")
    model = kvcalc.load(model_file(STATE_MODEL.format(dtype="fp8", entry=own)))
    assert model.stored(1_000) == by_hand


@pytest.mark.parametrize(
    ("dtype", "growth"),
    [
        ("fp32", 2 * 8 * 512),
        ("fp8", 2 * 8 * 128),
        ("int4_per_token_head", 8 * 136),
        ("6bit", 2 * 8 * 96),
        ("q8_0", 8 * 272),
        ("q8_0/q4_0", 8 * (136 + 72)),
    ],
)
def test_a_file_names_any_dtype_for_its_cache(
    model_file: ModelFile, dtype: str, growth: int
) -> None:
    text = (
        f"name: M\nheads: 8\nhead_dim: 128\nlayers: 3\ndtype: {dtype}\nattention: {{kind: mha}}\n"
    )
    assert kvcalc.load(model_file(text)).growth(10) == 3 * growth


def test_a_file_names_a_layout_for_its_cache(model_file: ModelFile) -> None:
    text = MLA_OF.format(latent=512, rope=64).replace("bf16", "fp8_ds_mla")
    assert kvcalc.load(model_file(text)).growth(10) == 2 * 656


@pytest.mark.parametrize(
    ("dtype", "attention"),
    [
        ("fp8_ds_mla", "{ kind: gqa, kv_heads: 2 }"),
        ("fp8_ds_mla", "{ kind: mla, latent_dim: 256, rope_dim: 64 }"),
        ("q8_0/q4_0", "{ kind: mla, latent_dim: 512, rope_dim: 64 }"),
        ("q8_0", "{ kind: gqa, kv_heads: 2, key_dim: 100 }"),
        ("int4", "{ kind: mla, latent_dim: 512, rope_dim: 48 }"),
    ],
)
def test_a_file_whose_own_dtype_cannot_store_its_cache_is_refused(
    model_file: ModelFile, dtype: str, attention: str
) -> None:
    text = f"name: M\nheads: 8\nhead_dim: 128\nlayers: 2\ndtype: {dtype}\nattention: {attention}\n"
    with pytest.raises(InputError, match=r"dtype") as raised:
        kvcalc.load(model_file(text))
    assert len(raised.value.problems) == 1


def test_an_attention_entry_may_store_in_a_dtype_of_its_own(model_file: ModelFile) -> None:
    text = """\
name: Two dtypes
heads: 8
head_dim: 128
layers: { count: 4, pattern: [a, b] }
dtype: bf16
attention:
  a: { kind: mha }
  b: { kind: mha, dtype: fp8 }
"""
    path = model_file(text)
    assert kvcalc.load(path).growth(10) == 2 * 2 * 8 * 256 + 2 * 2 * 8 * 128
    assert kvcalc.show(path, 10, kv_dtype="fp8").growth == 4 * 2 * 8 * 128
