"""Dtypes as engines spell them, and the bytes of their own formats at the shapes people run."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.cache import CacheTensor, Storage
from kvcalc.errors import InputError, UsageError
from kvcalc.extents import Every, Fixed, TopK, Window
from kvcalc.formats import (
    ALIASES,
    BF16,
    FORMATS,
    LAYOUTS,
    parse_format,
    parse_index_format,
    parse_kv_dtype,
    parse_layout,
    parse_own_layout,
    uniform,
)
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

SPELLINGS = [
    # vLLM 0.33.0, config/cache.py and utils/torch_utils.py; SGLang 0.5.23, fields/model.py
    ("bfloat16", "bf16"), ("float16", "fp16"), ("half", "fp16"),
    ("float32", "fp32"), ("float", "fp32"),
    ("fp8_e4m3", "fp8"), ("fp8_e5m2", "fp8"), ("fp8_inc", "fp8"), ("nvfp4_4over6", "nvfp4"),
    # PyTorch's names of them
    ("float8_e4m3fn", "fp8"), ("float8_e5m2", "fp8"), ("float8_e4m3fnuz", "fp8"),
    ("float8_e5m2fnuz", "fp8"), ("float8_e4m3", "fp8"), ("float8", "fp8"),
    ("torch.bfloat16", "bf16"), ("torch.float8_e4m3fn", "fp8"),
    # as llama.cpp, ModelOpt and people write them
    ("FP8", "fp8"), ("F16", "f16"), ("F32", "f32"), ("BF16", "bf16"), ("Q8_0", "q8_0"),
    ("IQ4_NL", "iq4_nl"), ("NVFP4", "nvfp4"), ("BFloat16", "bf16"), ("8BIT", "8bit"),
    ("q8_kv", "q8_KV"), ("Q8_KV", "q8_KV"), ("MLX_Q4_G64", "mlx_q4_g64"),
]  # fmt: skip


@pytest.mark.parametrize(("spelt", "name"), SPELLINGS)
def test_an_engines_own_spelling(spelt: str, name: str, model_file: ModelFile) -> None:
    assert parse_layout(spelt) == parse_layout(name)
    assert parse_layout(spelt).name == name
    assert parse_format(spelt) == parse_format(name)
    answer = kvcalc.show("llama-3.1-8b", 100, kv_dtype=spelt)
    assert answer.query.echo()["kv_dtype"] == name
    assert answer.stored == kvcalc.show("llama-3.1-8b", 100, kv_dtype=name).stored
    if name != "q8_KV":  # it is for keys alone, and a model has values too
        assert kvcalc.load(model_file(OWN.format(dtype=spelt))).dtype == parse_layout(name)


OWN = """\
name: Own
heads: 4
head_dim: 128
layers: 1
dtype: {dtype}
attention: {{ kind: gqa, kv_heads: 2 }}
"""


def test_every_alias_means_a_format_and_is_tried_here() -> None:
    assert set(ALIASES.values()) <= set(FORMATS)
    assert set(ALIASES) <= {spelt for spelt, _ in SPELLINGS}


def test_what_a_pair_and_an_index_key_are_called() -> None:
    assert parse_layout("Q8_0/Q4_0") == parse_layout("q8_0/q4_0")
    assert parse_layout("fp8_e5m2/bfloat16").name == "fp8/bf16"
    assert parse_index_format("fp8_e4m3") == parse_index_format("fp8")


@pytest.mark.parametrize(
    ("kv_dtype", "growth"),
    [
        # 32 layers, 8 KV heads x 128, keys and values
        ("fp8_e5m2", 32 * 2 * 8 * 128),
        ("fp8_e4m3", 65_536),
        ("fp8_inc", 65_536),
        ("bfloat16", 32 * 2 * 8 * 128 * 2),
        ("auto", 131_072),
        ("AUTO", 131_072),
        ("Q8_0", 32 * 2 * 8 * 136),
    ],
)
def test_llama_as_engines_are_asked_for_it(kv_dtype: str, growth: int, cli: Cli) -> None:
    ran = cli("show", "llama-3.1-8b", "--kv-dtype", kv_dtype, "--json")
    assert json.loads(ran.out)["bytes_per_token"] == growth


def test_auto_is_the_default_said_aloud() -> None:
    assert parse_kv_dtype("auto") is None
    asked = kvcalc.show("llama-3.1-8b", 10, kv_dtype="auto")
    assert asked.query == kvcalc.show("llama-3.1-8b", 10).query


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("auto", "none to keep a tensor in: name the one that is meant"),
        ("none", "only index keys can be left out"),
        ("hqq_q4_g64", "keeps the last 128 tokens in another dtype: name that one here"),
        ("hqq_q4_g64/q4_0", "keeps the last 128 tokens in another dtype"),
        ("octave_k3v4", "vLLM's octave on ROCm"),
        ("fp4", "said of several: nvfp4, mxfp4 or fp4_mx_block16"),
        ("q4", "such as q4_0 of llama.cpp or exl3_q4"),
        ("q6", "such as exl2_q6 or q6_0"),
        ("q8_0/q8_KV", "q8_KV is a format of keys"),
        ("fp9000", "bf16, fp8, int8, nvfp4 and q8_0 are some; kvcalc list --dtypes shows all"),
        ("fp8_e4m4", "did you mean fp8_e4m3"),
    ],
)
def test_no_dtype_of_a_file(dtype: str, said: str, model_file: ModelFile) -> None:
    with pytest.raises(InputError, match=said):
        kvcalc.load(model_file(OWN.format(dtype=dtype)))
    with pytest.raises(ValueError, match=said):
        parse_own_layout(dtype)


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("hqq_q4_g64", "it is for --kv-dtype"),
        ("fp8_ds_mla", "says how several tensors are stored, not one"),
        ("turboquant_k8v4", "says how several tensors are stored, not one"),
        ("auto", "none to keep a tensor in"),
    ],
)
def test_no_dtype_of_one_tensor(dtype: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_format(dtype)
    with pytest.raises(ValueError, match=said):
        parse_index_format(dtype)


BITS = {1: 16, 2: 32, 3: 48, 4: 64, 5: 80, 6: 96, 8: 128}
"""Bytes of 128 elements of so many bits."""
GROUPS = {32: 4, 64: 2, 128: 1}
"""Groups in 128 elements."""


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_groups_of_mlx(bits: int, group: int) -> None:
    # mlx 0.32.4: quantize of bf16 gives packed elements, and a bf16 scale and bias per group
    stored = FORMATS[f"mlx_q{bits}_g{group}"]
    assert stored.entry_bytes(128) == BITS[bits] + GROUPS[group] * (2 + 2)
    assert not stored.residual


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    ("engine", "bits"),
    [("hqq", 1), ("hqq", 2), ("hqq", 4), ("hqq", 8), ("quanto", 2), ("quanto", 4)],
)
def test_groups_of_transformers(engine: str, bits: int, group: int) -> None:
    # hqq 0.2.8.post1, optimum-quanto 0.2.7: a scale and a zero point (shift) of the model's dtype
    stored = FORMATS[f"{engine}_q{bits}_g{group}"]
    assert stored.entry_bytes(128) == BITS[bits] + GROUPS[group] * (2 + 2)
    assert stored.residual == 128


@pytest.mark.parametrize(
    ("group", "by_hand", "size"),
    [
        # ten elements of 3 bits to an int32: 4, 7 and 13 of them hold 32, 64 and 128
        (32, 4 * (4 * 4 + 2 + 2), 80),
        (64, 2 * (7 * 4 + 2 + 2), 64),
        (128, 1 * (13 * 4 + 2 + 2), 56),
    ],
)
def test_three_bits_of_hqq(group: int, by_hand: int, size: int) -> None:
    assert FORMATS[f"hqq_q3_g{group}"].entry_bytes(128) == by_hand == size


@pytest.mark.parametrize("width", [80, 96])
def test_mlx_refuses_a_head_that_is_no_multiple_of_its_group(width: int) -> None:
    with pytest.raises(UsageError, match="mlx_q4_g64 stores blocks of 64 elements"):
        parse_format("mlx_q4_g64").entry_bytes(width)


@pytest.mark.parametrize(
    ("name", "width", "by_hand", "size", "source"),
    [
        ("q6_0", 128, 4 * (32 // 4 + 32 // 2 + 2), 104, "ik_llama.cpp, block_q6_0: 26 B per 32"),
        ("q8_KV", 128, 128 + 8, 136, "ik_llama.cpp, ggml.c: row_meta_size 8"),
        ("fp4_mx_block16", 128, 128 // 2 + 8, 72, "SGLang: a byte per 16"),
        ("ultraquant_4bit", 256, 256 // 2 + 8, 136, "vLLM: a ue8m0 per 32; 272 B a slot of K, V"),
        ("exl3_q2", 128, 4 * (2 * 4 + 2), 40, "exllamav3, cache/quant.py: 2 int32, 1 half per 32"),
        ("exl3_q3", 128, 4 * (3 * 4 + 2), 56, "exllamav3, cache/quant.py: 3 int32, 1 half per 32"),
        ("exl3_q4", 128, 4 * (4 * 4 + 2), 72, "exllamav3, cache/quant.py: 4 int32, 1 half per 32"),
        ("exl3_q5", 128, 4 * (5 * 4 + 2), 88, "exllamav3, cache/quant.py: 5 int32, 1 half per 32"),
        ("exl3_q6", 128, 4 * (6 * 4 + 2), 104, "exllamav3, cache/quant.py: 6 int32, 1 half per 32"),
        ("exl3_q7", 128, 4 * (7 * 4 + 2), 120, "exllamav3, cache/quant.py: 7 int32, 1 half per 32"),
        ("exl3_q8", 128, 4 * (8 * 4 + 2), 136, "exllamav3, cache/quant.py: 8 int32, 1 half per 32"),
        ("exl2_q4", 128, 128 // 2 + 4 * 2, 72, "exllamav2, cache.py: half a byte, 1 half per 32"),
        ("exl2_q8", 128, 128 + 4 * 2, 136, "exllamav2, cache.py: a byte, 1 half per 32"),
    ],
)
def test_formats_of_other_engines(
    name: str, width: int, by_hand: int, size: int, source: str
) -> None:
    assert parse_format(name).entry_bytes(width) == by_hand == size, source


TURBOQUANT = [
    # key and value of a head: vLLM 0.33.0, turboquant/config.py, slot_size_aligned
    ("turboquant_k8v4", 128, 128 + (64 + 4), 196),
    ("turboquant_4bit_nc", 128, (64 + 2) + (64 + 4), 134),
    ("turboquant_k3v4_nc", 128, (48 + 2) + (64 + 4), 118),
    ("turboquant_3bit_nc", 128, (48 + 2) + (48 + 4), 102),
    ("turboquant_k8v4", 64, 64 + (32 + 4), 100),
    ("turboquant_3bit_nc", 256, (96 + 2) + (96 + 4), 198),
    # 27 + 2 and 36 + 4 are 69, which a slot of an even number of bytes rounds up
    ("turboquant_k3v4_nc", 72, 69 + 1, 70),
    # 100 x 3 / 8 is 37.5: (38 + 2) + (50 + 4) = 94, (38 + 2) + (38 + 4) = 82
    ("turboquant_k3v4_nc", 100, 94, 94),
    ("turboquant_3bit_nc", 100, 82, 82),
]


@pytest.mark.parametrize(("name", "width", "by_hand", "size"), TURBOQUANT)
def test_a_slot_of_turboquant(
    name: str, width: int, by_hand: int, size: int, model_file: ModelFile
) -> None:
    path = model_file(OWN.format(dtype="bf16").replace("128", str(width)))
    assert kvcalc.show(path, 1_000, kv_dtype=name).growth == 2 * by_hand == 2 * size


def test_the_rule_of_a_slot_that_is_rounded_up() -> None:
    key = LAYOUTS["turboquant_k3v4_nc"].roles["k"]
    assert key.rule(100) == "ceil(100 x 3/8) + 2"
    assert key.rule(128) == "128 x 3/8 + 2"


@pytest.mark.parametrize(
    ("name", "context", "options", "growth"),
    [
        # 36 layers x 8 KV heads x 196, 134, 118, 102 B; bf16 keeps 512
        ("qwen3-8b", 1_000, {"kv_dtype": "turboquant_k8v4"}, 36 * 8 * 196),
        ("qwen3-8b", 1_000, {"kv_dtype": "turboquant_4bit_nc"}, 36 * 8 * 134),
        ("qwen3-8b", 1_000, {"kv_dtype": "turboquant_k3v4_nc"}, 36 * 8 * 118),
        ("qwen3-8b", 1_000, {"kv_dtype": "turboquant_3bit_nc"}, 36 * 8 * 102),
        # ml-explore/mlx-lm#1550: 48 x 4 x 128 x (1.0625 + 0.5625), and x 2 x 1.0625
        ("qwen3-30b-a3b", 1_000, {"kv_dtype": "mlx_q8_g64/mlx_q4_g64"}, 39_936),
        ("qwen3-30b-a3b", 1_000, {"kv_dtype": "mlx_q8_g64"}, 52_224),
        # ik_llama.cpp#101: 6.0 bits a value of 32 x 2 x 8 x 128
        ("llama-3.1-8b", 1_000, {"kv_dtype": "q6_0/q5_0"}, 65_536 * 6 // 8),
        # ik_llama.cpp's -ctk q8_KV leaves values as they are: 32 x 8 x (136 + 256)
        ("llama-3.1-8b", 1_000, {"kv_dtype": "q8_KV"}, 100_352),
        ("llama-3.1-8b", 1_000, {"kv_dtype": "q8_KV/q8_0"}, 32 * 8 * (136 + 136)),
        # ik_llama.cpp#240: a row of 512 + 64 and its 8 bytes
        ("deepseek-v2-lite", 1_000, {"kv_dtype": "q8_KV"}, 27 * (576 + 8)),
        # exllamav3, cache/mla.py: 672, 544 and 416 B with a RoPE key of fp16
        ("deepseek-v3", 1_000, {"kv_dtype": "exl3_q8"}, 61 * 672),
        ("deepseek-v3", 1_000, {"kv_dtype": "exl3_q6"}, 61 * 544),
        ("deepseek-v3", 1_000, {"kv_dtype": "exl3_q4"}, 61 * 416),
        # exllamav2's Q6: 8 bits for keys, 4 for values
        ("llama-3.1-8b", 1_000, {"kv_dtype": "exl2_q6"}, 32 * 8 * (136 + 72)),
        ("llama-3.1-8b", 1_000, {"kv_dtype": "exl2_q8"}, 32 * 8 * 2 * 136),
        # turboderp-org/exllamav2#425: 108 KiB a token, 32 layers of 32 heads x 96 in Q4
        ("phi-3.5-mini", 1_000, {"kv_dtype": "exl2_q4"}, 110_592),
        ("llama-3.1-8b", 1_000, {"kv_dtype": "exl3_q8/exl3_q4"}, 32 * 8 * (136 + 72)),
        # GLM-5.1 in fp8, with its index keys and without: 43.9 KiB is the latter
        ("glm-5.1", 1_000, {"kv_dtype": "fp8"}, 78 * (576 + 132)),
        ("glm-5.1", 1_000, {"kv_dtype": "fp8", "index_dtype": "none"}, 44_928),
        ("glm-5.1", 1_000, {"kv_dtype": "fp8_ds_mla", "index_dtype": "None"}, 78 * 656),
    ],
)
def test_models_as_engines_keep_them(
    name: str, context: int, options: dict[str, Any], growth: int
) -> None:
    assert kvcalc.show(name, context, **options).growth == growth


@pytest.mark.parametrize(
    ("kv_dtype", "context", "by_hand", "size"),
    [
        # Llama-2-7B: 262,144 elements a token; 4.5 bits, the last 128 tokens in fp16
        ("hqq_q4_g64", 4_096, (4_096 - 128) * 147_456 + 128 * 524_288, 652_214_272),
        ("quanto_q4_g64", 4_096, (4_096 - 128) * 147_456 + 128 * 524_288, 652_214_272),
        ("hqq_q4_g64_r128", 4_096, (4_096 - 128) * 147_456 + 128 * 524_288, 652_214_272),
        ("hqq_q4_g64", 128, 128 * 524_288, 67_108_864),
        ("hqq_q4_g64", 100, 100 * 524_288, 52_428_800),
        ("hqq_q4_g64", 129, 147_456 + 128 * 524_288, 67_256_320),
        ("hqq_q2_g64_r32", 1_000, (1_000 - 32) * 81_920 + 32 * 524_288, 96_075_776),
        # none apart, as right after a prompt of so many
        ("hqq_q4_g64_r0", 4_096, 4_096 * 147_456, 603_979_776),
    ],
)
def test_a_residual_in_full_precision(kv_dtype: str, context: int, by_hand: int, size: int) -> None:
    answer = kvcalc.show("llama-2-7b", context, kv_dtype=kv_dtype)
    assert answer.stored == by_hand == size
    assert answer.read == size


def test_a_residual_grows_by_what_leaves_it() -> None:
    answer = kvcalc.show("llama-2-7b", 4_096, kv_dtype="hqq_q4_g64")
    assert (answer.growth, answer.fixed) == (Fraction(147_456), 128 * 524_288)
    assert [line.settled.tensor.name for line in answer.lines] == [
        "k", "k_residual", "v", "v_residual",
    ]  # fmt: skip
    flops = kvcalc.show("llama-2-7b", 4_096).amounts.flops
    assert answer.amounts.flops == flops


TENSOR = CacheTensor("k", "k", 128, Every(), heads=2)


@pytest.mark.parametrize(
    "tensor",
    [
        replace(TENSOR, extent=Window(64)),
        replace(TENSOR, extent=Fixed(64)),
        replace(TENSOR, reads=TopK(64)),
    ],
    ids=["window", "fixed", "picked"],
)
def test_a_residual_is_for_full_attention(tensor: CacheTensor) -> None:
    # transformers' QuantizedCache takes models of full attention alone
    with pytest.raises(UsageError, match="apart, which is known of full attention alone"):
        Storage(uniform(BF16), parse_layout("hqq_q4_g64")).settle([tensor])


def test_a_residual_needs_a_dtype_of_its_own() -> None:
    with pytest.raises(UsageError, match="does not say in which dtype the last tokens"):
        Storage(parse_layout("hqq_q4_g64")).settle([TENSOR])


@pytest.mark.parametrize(
    ("kv_dtype", "said"),
    [
        ("hqq_q4_g64", "hqq_q4_g64: the last 128 tokens are counted in the model's own dtype"),
        ("turboquant_4bit_nc", "the first and the last two layers of a dense model"),
        ("8bit", "8bit carries no scale"),
        ("8bit/4bit", "8bit carries no scale: 8 bits an element and nothing else; 4bit carries"),
        ("int8", "int8 carries no scale per token"),
    ],
)
def test_what_a_dtype_says_of_itself(kv_dtype: str, said: str) -> None:
    assert said in " ".join(kvcalc.show("llama-2-7b", 10, kv_dtype=kv_dtype).notes)
    both = kvcalc.compare("llama-2-7b", "llama-3.1-8b", context=10, kv_dtype=kv_dtype)
    assert sum(said in note for note in both.notes) == 1


def test_a_dtype_with_its_scales_says_nothing() -> None:
    assert not kvcalc.show("llama-2-7b", 10, kv_dtype="mlx_q4_g64").notes


NO_KEYS = """\
name: Indexed
heads: 128
head_dim: 128
layers: 1
dtype: bf16
attention: { kind: KIND, index_heads: 64, index_dim: 128, index_dtype: none, REST }
"""


@pytest.mark.parametrize(
    ("kind", "rest", "growth"),
    [
        ("dsa", "latent_dim: 512, rope_dim: 64, top_k: 2048", Fraction(576 * 2)),
        ("block_sparse", "kv_heads: 4, block_size: 64, top_k_blocks: 8", Fraction(2 * 4 * 128 * 2)),
        ("csa", "rope_dim: 64, window: 8, compress: 4, top_k: 512", Fraction(128 * 2, 4)),
    ],
)
def test_a_file_without_index_keys(
    kind: str, rest: str, growth: Fraction, model_file: ModelFile
) -> None:
    path = model_file(NO_KEYS.replace("KIND", kind).replace("REST", rest))
    model = kvcalc.load(path)
    assert model.growth(1_000) == growth
    again = kvcalc.load(model_file(kvcalc.to_yaml(model), "again.yaml"))
    assert kvcalc.diff(model, again).same


CLAIM = """\
claims:
  - id: no-index
    quote: GLM-5.1 takes 43.9 KiB a token
    source: {{ from: a tool, read: 2026-11-26, primary: true }}
    model: glm-5.1
    kv_dtype: FP8_E4M3
    {more}
    expect: {{ dsa.growth: 43.9 KiB }}
    {verdict}
"""


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ("index_dtype: none", ""),
        ("holds_if: { index_dtype: none }", "verdict: holds-if"),
        ("holds_if: { kv_dtype: auto }", "verdict: refuted"),
    ],
)
def test_a_claim_without_index_keys(more: str, verdict: str, model_file: ModelFile) -> None:
    # 78 x 576 = 44,928 B = 43.875 KiB; with index keys 78 x 708 = 55,224 B
    answer = kvcalc.check(model_file(CLAIM.format(more=more, verdict=verdict), "claims.yaml"))
    assert not answer.failed


CONFIG = {
    "model_type": "deepseek_v32", "num_hidden_layers": 2, "hidden_size": 256,
    "num_attention_heads": 2, "num_key_value_heads": 2, "qk_nope_head_dim": 128,
    "v_head_dim": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "index_n_heads": 4,
    "index_head_dim": 128, "index_topk": 64, "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "dtype", "index"),
    [
        ({}, True, True),
        ({"kv_dtype": "auto"}, True, True),
        ({"kv_dtype": "fp8"}, False, True),
        ({"index_dtype": "bf16"}, True, False),
        ({"kv_dtype": "fp8", "index_dtype": "none"}, False, False),
    ],
    ids=str,
)
def test_notes_that_a_question_makes_untrue_are_left_out(
    asked: dict[str, str], dtype: bool, index: bool
) -> None:
    model = read_config(CONFIG, Origin("config.json"))
    for answer in (kvcalc.show(model, 10, **asked), kvcalc.compare(model, context=10, **asked)):  # type: ignore[arg-type]
        assert any("cache in bf16: the file's torch_dtype" in n for n in answer.notes) is dtype
        assert any("index keys in fp8 with an fp32 scale" in n for n in answer.notes) is index


@pytest.mark.parametrize(
    ("options", "heading"),
    [
        ((), "expected  mha/mqa"),
        (("-b", "4"), "expected  mha/mqa"),
        (("-c", "128K"), "expected  mha/mqa"),
        (("-c", "1000"), "expected in bf16 at 131,072 tokens  mha/mqa"),
        (("--kv-dtype", "fp8"), "expected in bf16 at 131,072 tokens  mha/mqa"),
        (("--mtp",), "expected in bf16 at 131,072 tokens  mha/mqa"),
        (("--draft", "gpt2"), "expected in bf16 at 131,072 tokens, without the draft  mha/mqa"),
    ],
    ids=str,
)
def test_expectations_name_what_they_are_held_at(
    options: tuple[str, ...], heading: str, cli: Cli
) -> None:
    assert f"\n{heading}" in cli("compare", "deepseek-v3", *options).out


def test_the_list_of_dtypes() -> None:
    found = kvcalc.dtypes()
    assert {dtype.name for dtype in found.dtypes} == {*FORMATS, *LAYOUTS}
    assert all(dtype.whose for dtype in found.dtypes)
    by_name = {dtype.name: dtype for dtype in found.dtypes if not dtype.roles}
    assert by_name["mlx_q4_g64"].group == 64
    assert by_name["mlx_q4_g64"].bytes_of_an_entry == 72
    assert by_name["fp8"].group is None
    assert "fp8_e5m2" in by_name["fp8"].aliases
    assert any("int8 and Nbit (8bit, 4bit, ...) carry no scale" in note for note in found.notes)
    slots = [dtype for dtype in found.dtypes if dtype.name == "turboquant_4bit_nc"]
    assert [(d.roles, d.bytes_of_an_entry) for d in slots] == [(("k",), 66), (("v",), 68)]
    latents = [dtype for dtype in found.dtypes if dtype.name == "fp8_ds_mla"]
    assert {dtype.latent for dtype in latents} == {"512 + 64", "448 + 64", "512 undivided"}


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown"])
def test_the_list_of_dtypes_in_every_format(form: str, cli: Cli) -> None:
    ran = cli("list", "--dtypes", "-f", form)
    assert ran.code == 0
    assert "turboquant_3bit_nc" in ran.out
    assert "bfloat16" in ran.out


def test_the_list_of_dtypes_as_json(cli: Cli) -> None:
    told = json.loads(cli("list", "--dtypes", "--json").out)
    assert told["kind"] == "dtypes"
    one = next(row for row in told["dtypes"] if row["name"] == "q4_1")
    assert one == {
        "name": "q4_1", "roles": [], "latent": "", "bits": 4,
        "scales": "fp16 scale, fp16 minimum", "group": 32, "bytes_per_128_elements": 80,
        "residual": 0, "whose": "llama.cpp", "aliases": [],
    }  # fmt: skip
