"""In which dtype a configuration's cache is kept, and what is said of the rule that decided.

The file's own KV scheme comes first, then its dtype, then bf16; how the weights are quantized says
nothing; a question's --kv-dtype goes before all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.errors import InputError
from kvcalc.model import Model
from tests.configurations import Config, loaded, problems_of, refused

if TYPE_CHECKING:
    from tests.conftest import ModelFile

TOKENS = 10
PLAIN: Config = {
    "model_type": "llama",
    "num_hidden_layers": 3,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
ELEMENTS = 3 * TOKENS * 2 * 2 * 32
"""PLAIN: layers, tokens, key and value, KV heads, 128 / 4."""
FP8_WEIGHTS: Config = {"quant_method": "fp8", "weight_block_size": [128, 128]}


def note(model: Model) -> str:
    """What is said of the dtype, which comes first."""
    return model.notes[0]


def compressed(**scheme: Any) -> Config:
    """A configuration with a KV scheme as compressed-tensors writes it."""
    quantization = {"quant_method": "compressed-tensors", "kv_cache_scheme": scheme}
    return {**PLAIN, "dtype": "bfloat16", "quantization_config": quantization}


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
@pytest.mark.parametrize(
    ("stated", "kept", "size"),
    [
        ("bfloat16", "bf16", 2),
        ("torch.bfloat16", "bf16", 2),
        ("float16", "fp16", 2),
        ("torch.float16", "fp16", 2),
        ("half", "fp16", 2),
        ("float32", "fp32", 4),
        ("float", "fp32", 4),
    ],
)
def test_the_files_dtype(name: str, stated: str, kept: str, size: int) -> None:
    model = loaded({**PLAIN, name: stated})
    assert model.dtype.name == kept
    assert model.stored(TOKENS) == ELEMENTS * size
    assert note(model) == f"cache in {kept}: the file's {name}"


@pytest.mark.parametrize("stated", [None, "auto", ""], ids=repr)
def test_a_dtype_that_says_nothing(stated: str | None) -> None:
    model = loaded({**PLAIN, "torch_dtype": stated})
    assert model.stored(TOKENS) == ELEMENTS * 2
    assert note(model).startswith("cache in bf16: assumed, as the file names no dtype")
    assert "--kv-dtype" in note(model)


@pytest.mark.parametrize("stated", ["float8_e4m3fn", "torch.float8_e5m2", "int8", "nonsense"])
def test_a_dtype_that_no_cache_is_computed_in(stated: str) -> None:
    model = loaded({**PLAIN, "dtype": stated})
    assert model.stored(TOKENS) == ELEMENTS * 2
    assert note(model).startswith("cache in bf16: assumed, as the file's dtype is")
    assert stated in note(model)
    assert "--kv-dtype" in note(model)


def test_a_dtype_that_says_nothing_leaves_the_word_to_the_next() -> None:
    assert loaded({**PLAIN, "dtype": "auto", "torch_dtype": "float32"}).dtype.name == "fp32"


@pytest.mark.parametrize(
    ("inner", "outer", "kept"),
    [
        ({"dtype": "float32"}, {"dtype": "bfloat16"}, "bf16"),
        ({"torch_dtype": "float16"}, {"dtype": "float32"}, "fp32"),
        ({}, {"torch_dtype": "float32"}, "fp32"),
        ({"dtype": "float16"}, {}, "fp16"),
        ({"dtype": "float16"}, {"dtype": None}, "fp16"),
        ({"dtype": "float16"}, {"dtype": "auto"}, "fp16"),
        ({}, {}, "bf16"),
    ],
)
def test_the_outermost_configuration_comes_first(inner: Config, outer: Config, kept: str) -> None:
    model = loaded({"model_type": "llava", "text_config": {**PLAIN, **inner}, **outer})
    assert model.dtype.name == kept


def test_two_names_that_contradict_each_other() -> None:
    text = refused({**PLAIN, "dtype": "float32", "torch_dtype": "float16"})
    assert "dtype is 'float32', but torch_dtype is 'float16'" in text
    assert loaded({**PLAIN, "dtype": "bf16", "torch_dtype": "torch.bfloat16"}).dtype.name == "bf16"


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("float", "fp8"), ("int", "int8")],
)
def test_eight_bits_of_compressed_tensors(kind: str, kept: str) -> None:
    model = loaded(compressed(num_bits=8, type=kind, strategy="tensor", dynamic=False))
    assert model.stored(TOKENS) == ELEMENTS * 1
    assert note(model).startswith(f"KV cache in {kept}: the KV scheme of quantization_config")
    assert "the rest in bf16" in note(model)


def test_a_scheme_without_a_strategy_is_per_tensor() -> None:
    assert loaded(compressed(num_bits=8, type="float")).stored(TOKENS) == ELEMENTS


@pytest.mark.parametrize(
    "scheme",
    [
        {"num_bits": 4, "type": "float"},
        {"num_bits": 4, "type": "int"},
        {"num_bits": 16, "type": "float"},
        {"num_bits": 8, "type": "complex"},
        {"num_bits": 8},
        {"type": "float"},
        {"num_bits": "8", "type": "float"},
        {"num_bits": 8, "type": "float", "strategy": "channel"},
        {"num_bits": 8, "type": "float", "strategy": "group", "group_size": 32},
        {"bits": 8},
    ],
    ids=str,
)
def test_an_unknown_scheme_is_refused(scheme: Config) -> None:
    text = refused(compressed(**scheme))
    assert "quantization_config" in text
    assert "kv_cache_scheme" in text


@pytest.mark.parametrize(
    ("scheme", "by_hand"),
    [
        # one scale per tensor, or per head of it, is no token's; NVFP4 has an e4m3 per 16
        ({"num_bits": 8, "type": "float", "strategy": "attn_head"}, ELEMENTS),
        ({"num_bits": 8, "type": "int", "strategy": "attn_head"}, ELEMENTS),
        (
            {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16},
            ELEMENTS // 2 + ELEMENTS // 16,
        ),
    ],
    ids=str,
)
def test_strategies_of_compressed_tensors(scheme: Config, by_hand: int) -> None:
    assert loaded(compressed(**scheme)).stored(TOKENS) == by_hand


@pytest.mark.parametrize(
    ("stated", "by_hand"),
    [
        # modelopt 0.47, export/convert_hf_config.py
        ("FP8", ELEMENTS),
        ({"dynamic": False, "num_bits": 8, "type": "float"}, ELEMENTS),
        ("NVFP4", ELEMENTS // 2 + ELEMENTS // 16),
        ({"num_bits": 4, "type": "float"}, ELEMENTS // 2 + ELEMENTS // 16),
        ("INT8", ELEMENTS),
        ("fp8_e4m3", ELEMENTS),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["modelopt", "modelopt_fp4"])
def test_the_scheme_of_modelopt(stated: object, by_hand: int, method: str) -> None:
    quantization = {"quant_method": method, "kv_cache_scheme": stated}
    assert loaded({**PLAIN, "quantization_config": quantization}).stored(TOKENS) == by_hand


def test_the_word_of_autofp8_for_scales_of_a_whole_tensor() -> None:
    """Scales beside the weights, e.g. tencent/Hy3-FP8 and neuralmagic's models of 2024."""
    quantization = {"quant_method": "fp8", "activation_scheme": "static"}
    stated = {**PLAIN, "quantization_config": {**quantization, "kv_cache_scheme": "static"}}
    assert loaded(stated).stored(TOKENS) == ELEMENTS * 1
    other = {**quantization, "quant_method": "awq", "kv_cache_scheme": "static"}
    assert "kv_cache_scheme 'static' is not known" in refused(
        {**PLAIN, "quantization_config": other}
    )


def test_what_gptq_caches_is_its_calibration() -> None:
    """transformers 5.24.0, quantization_config.py, GPTQConfig: true in every file it saves."""
    quantization = {"quant_method": "gptq", "bits": 4, "cache_block_outputs": True}
    model = loaded({**PLAIN, "dtype": "bfloat16", "quantization_config": quantization})
    assert model.stored(TOKENS) == ELEMENTS * 2


@pytest.mark.parametrize("name", ["kv_cache_scheme", "kv_cache_quant_algo", "kv_cache_quant"])
@pytest.mark.parametrize("stated", [None, "none", "None", "auto", "", "NULL"], ids=repr)
def test_a_scheme_that_says_that_there_is_none(name: str, stated: str | None) -> None:
    quantization = {"quant_method": "modelopt", "quant_algo": "NVFP4", name: stated}
    model = loaded({**PLAIN, "dtype": "bfloat16", "quantization_config": quantization})
    assert model.stored(TOKENS) == ELEMENTS * 2


def test_one_object_that_contradicts_itself() -> None:
    quantization = {"kv_cache_scheme": "FP8", "kv_cache_quant_algo": "NVFP4"}
    text = refused({**PLAIN, "quantization_config": quantization})
    assert "KV cache in nvfp4 and in fp8: they contradict each other" in text


PER_TENSOR = {"dtype": "fp8_e4m3", "qscheme": "per_tensor", "is_dynamic": False}
"""What quark 0.13 writes of one output."""


def quark(**quantization: object) -> Config:
    """A configuration that Quark quantized."""
    return {**PLAIN, "quantization_config": {"quant_method": "quark", **quantization}}


GROUP = ["*k_proj", "*v_proj"]
OUTPUTS = {name: {"weight": None, "output_tensors": PER_TENSOR} for name in GROUP}


@pytest.mark.parametrize(
    ("quantization", "by_hand"),
    [
        # quantization/config/config.py of 0.13, and what vLLM's quark.py reads of older ones
        ({"kv_cache_quant_config": OUTPUTS, "kv_cache_post_rope": False}, ELEMENTS),
        ({"kv_cache_quant_config": OUTPUTS, "kv_cache_group": GROUP}, ELEMENTS),
        ({"kv_cache_quant_config": OUTPUTS, "min_kv_scale": 1.0}, ELEMENTS),
        ({"layer_quant_config": OUTPUTS, "export": {"kv_cache_group": GROUP}}, ELEMENTS),
        ({"layer_quant_config": OUTPUTS, "kv_cache_group": ["*_proj"]}, ELEMENTS),
        ({"layer_quant_config": OUTPUTS, "export": {"kv_cache_group": []}}, 2 * ELEMENTS),
        ({"layer_quant_config": OUTPUTS}, 2 * ELEMENTS),
        ({"kv_cache_quant_config": {}, "kv_cache_group": []}, 2 * ELEMENTS),
        ({"kv_cache_quant_config": {"*k_proj": {"output_tensors": None}}}, 2 * ELEMENTS),
        ({"kv_cache_quant_config": None}, 2 * ELEMENTS),
    ],
)  # fmt: skip
def test_the_scheme_of_quark(quantization: Config, by_hand: int) -> None:
    assert loaded(quark(**quantization)).stored(TOKENS) == by_hand


@pytest.mark.parametrize(
    ("quantization", "said"),
    [
        ({"kv_cache_quant_config": "fp8"}, "kv_cache_quant_config 'fp8' is not known"),
        ({"kv_cache_quant_config": {"*k_proj": "fp8"}}, "kv_cache_quant_config 'fp8' is not known"),
        ({"layer_quant_config": {"*q_proj": {}}, "kv_cache_group": GROUP}, "layer_quant_config"),
        ({"layer_quant_config": "fp8", "kv_cache_group": GROUP}, "layer_quant_config 'fp8'"),
        ({"kv_cache_group": "*k_proj"}, "kv_cache_group '*k_proj' is not known"),
        (
            {"kv_cache_quant_config": {"*": {"output_tensors": {**PER_TENSOR, "dtype": "int4"}}}},
            "} is not known",
        ),
        (
            {
                "kv_cache_quant_config": {
                    "*k_proj": {"output_tensors": {**PER_TENSOR, "qscheme": "per_channel"}}
                }
            },
            "} is not known",
        ),
        (
            {
                "kv_cache_quant_config": {
                    **OUTPUTS,
                    "*v_proj": {"output_tensors": {**PER_TENSOR, "dtype": "int8"}},
                }
            },
            "KV cache in fp8 and in int8: they contradict each other",
        ),
    ],
)
def test_a_scheme_of_quark_that_is_not_known(quantization: Config, said: str) -> None:
    assert said in refused(quark(**quantization))


@pytest.mark.parametrize(
    "quantization",
    [
        {"group_size": 64, "bits": 4},
        {"group_size": 64, "bits": 4, "mode": "affine"},
        {"group_size": 64, "bits": 4, "model.layers.0.self_attn.kv_b_proj": {"bits": 8}},
        {"group_size": 64, "bits": 4, "model.layers.0.self_attn.kv_b_proj": False},
    ],
    ids=str,
)
def test_mlx_quantizes_weights_alone(quantization: Config) -> None:
    # mlx-lm writes it twice
    both = {"quantization": quantization, "quantization_config": quantization}
    for stated in (both, {"quantization": quantization}):
        model = loaded({**PLAIN, "torch_dtype": "bfloat16", **stated})
        assert model.stored(TOKENS) == ELEMENTS * 2
        assert note(model) == (
            "cache in bf16: the file's torch_dtype (the weights' quantization does not touch "
            "the cache)"
        )


@pytest.mark.parametrize("name", ["quantization", "quantization_config", "compression_config"])
def test_a_model_that_is_not_known_may_be_quantized(name: str) -> None:
    unknown = {**PLAIN, "model_type": "nobodys", "torch_dtype": "float16"}
    assert loaded({**unknown, name: {"bits": 4}}).stored(TOKENS) == ELEMENTS * 2
    assert loaded({**unknown, name: {"kv_cache_scheme": "FP8"}}).stored(TOKENS) == ELEMENTS


def test_an_unknown_scheme_is_refused_in_its_place_and_can_be_ignored(
    model_file: ModelFile,
) -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_scheme": "FP9"}
    path = model_file(json.dumps({**PLAIN, "quantization_config": quantization}), "config.json")
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(path)
    (problem,) = caught.value.problems
    field = "quantization_config.kv_cache_scheme"
    assert problem.hint == f"--ignore {field}, and say the cache's dtype with --kv-dtype"
    assert kvcalc.load(path, ignore=[field]).stored(TOKENS) == ELEMENTS * 2


def test_the_quantization_of_a_tensorrt_llm_checkpoint() -> None:
    config = {**PLAIN, "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    assert loaded(config).stored(TOKENS) == ELEMENTS


@pytest.mark.parametrize("stated", ["BF16", "BFloat16", "torch.BFloat16"])
def test_a_dtype_in_capitals(stated: str) -> None:
    model = loaded({**PLAIN, "torch_dtype": stated})
    assert note(model) == "cache in bf16: the file's torch_dtype"


@pytest.mark.parametrize("name", ["config.json", "config.txt"])
def test_a_configuration_that_lists_every_expert(name: str, model_file: ModelFile) -> None:
    listed = [f"model.layers.{n // 256}.mlp.experts.{n % 256}.down_proj" for n in range(30_000)]
    quantization = {"quant_method": "modelopt", "kv_cache_scheme": "FP8", "ignore": listed}
    text = json.dumps({**PLAIN, "quantization_config": quantization})
    assert len(text) > 1_200_000
    assert kvcalc.load(model_file(text, name)).stored(TOKENS) == ELEMENTS


def test_a_configuration_that_never_ends(model_file: ModelFile) -> None:
    text = json.dumps({**PLAIN, "architectures": ["x" * 8_000_000]})
    with pytest.raises(kvcalc.InputError, match="larger than 8,000,000 bytes"):
        kvcalc.load(model_file(text, "config.json"))


@pytest.mark.parametrize("scheme", ["fp9", 8, [8], True], ids=repr)
def test_a_scheme_that_is_no_object_is_refused(scheme: object) -> None:
    quantization = {"quant_method": "compressed-tensors", "kv_cache_scheme": scheme}
    assert "kv_cache_scheme" in refused({**PLAIN, "quantization_config": quantization})


def test_an_empty_scheme_is_refused() -> None:
    assert "kv_cache_scheme" in refused(compressed())


def test_a_scheme_that_is_null_says_nothing() -> None:
    quantization = {"quant_method": "compressed-tensors", "kv_cache_scheme": None}
    model = loaded({**PLAIN, "dtype": "float16", "quantization_config": quantization})
    assert model.stored(TOKENS) == ELEMENTS * 2
    assert note(model).startswith("cache in fp16: the file's dtype")


@pytest.mark.parametrize("name", ["quantization_config", "compression_config"])
@pytest.mark.parametrize("stated", ["FP8", "fp8"])
def test_fp8_of_modelopt(name: str, stated: str) -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": stated}
    model = loaded({**PLAIN, "dtype": "bfloat16", name: quantization})
    assert model.stored(TOKENS) == ELEMENTS
    assert note(model).startswith(f"KV cache in fp8: the KV scheme of {name}")


def test_int8_of_modelopt() -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": "INT8"}
    assert loaded({**PLAIN, "quantization_config": quantization}).stored(TOKENS) == ELEMENTS


def test_nvfp4_of_modelopt() -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": "NVFP4"}
    model = loaded({**PLAIN, "quantization_config": quantization})
    # half a byte an element, and a scale of one byte for each 16 of them
    assert model.stored(TOKENS) == ELEMENTS // 2 + ELEMENTS // 16


@pytest.mark.parametrize("stated", ["FP6", "mxfp4", "none at all"])
def test_an_unknown_algorithm_is_refused(stated: str) -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": stated}
    text = refused({**PLAIN, "quantization_config": quantization})
    assert "kv_cache_quant_algo" in text
    assert stated in text


def test_no_algorithm_says_nothing() -> None:
    quantization = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": None}
    model = loaded({**PLAIN, "dtype": "bfloat16", "quantization_config": quantization})
    assert model.stored(TOKENS) == ELEMENTS * 2


def test_an_algorithm_that_is_no_text_is_refused() -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": {"num_bits": 8}}
    assert "kv_cache_quant_algo" in refused({**PLAIN, "quantization_config": quantization})


@pytest.mark.parametrize(
    ("quantization", "method"),
    [
        (FP8_WEIGHTS, "fp8"),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_algo": "NVFP4"}, "NVFP4"),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "compressed-tensors"),
    ],
    ids=["fp8", "awq", "mxfp4", "nvfp4", "compressed-tensors"],
)
def test_quantized_weights_leave_the_cache_alone(quantization: Config, method: str) -> None:
    model = loaded({**PLAIN, "dtype": "bfloat16", "quantization_config": quantization})
    assert model.stored(TOKENS) == ELEMENTS * 2
    assert f"{method} quantization does not touch the cache" in note(model)


def test_quantized_weights_without_a_dtype() -> None:
    model = loaded({**PLAIN, "quantization_config": FP8_WEIGHTS})
    assert model.stored(TOKENS) == ELEMENTS * 2
    assert "assumed" in note(model)


def test_the_scheme_of_the_outer_configuration_holds() -> None:
    quantization = {"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}
    config = {"model_type": "llava", "text_config": PLAIN, "quantization_config": quantization}
    assert loaded(config).stored(TOKENS) == ELEMENTS


def test_two_schemes_that_contradict_each_other() -> None:
    inner = {**PLAIN, "quantization_config": {"kv_cache_quant_algo": "FP8"}}
    outer = {"quantization_config": {"kv_cache_quant_algo": "NVFP4"}}
    text = refused({"model_type": "llava", "text_config": inner, **outer})
    assert "quantization_config keeps the KV cache in nvfp4, another scheme in fp8" in text


@pytest.mark.parametrize("name", ["kv_cache_schemee", "kv_cache_dtype", "cache_config"])
def test_a_scheme_by_another_name_is_refused(name: str) -> None:
    text = refused({**PLAIN, "quantization_config": {**FP8_WEIGHTS, name: "fp8"}})
    assert f"quantization_config.{name} is not a KV scheme that kvcalc knows" in text


def test_the_weights_of_the_inner_configuration_leave_the_outer_scheme_alone() -> None:
    inner = {**PLAIN, "quantization_config": FP8_WEIGHTS}
    outer = {"quantization_config": {"kv_cache_quant_algo": "FP8"}}
    model = loaded({"model_type": "llava", "text_config": inner, **outer})
    assert model.stored(TOKENS) == ELEMENTS
    assert note(model).startswith("KV cache in fp8")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bf16", ELEMENTS * 2),
        ("fp32", ELEMENTS * 4),
        ("fp8", ELEMENTS),
        # 32 elements and an fp16 scale
        ("q8_0", ELEMENTS // 32 * 34),
    ],
)
@pytest.mark.parametrize(
    "config",
    [
        {**PLAIN, "dtype": "float16"},
        {**PLAIN, "dtype": "float8_e4m3fn"},
        PLAIN,
        compressed(num_bits=8, type="float"),
        {**PLAIN, "quantization_config": {"kv_cache_quant_algo": "NVFP4"}},
    ],
    ids=["dtype", "unknown dtype", "no dtype", "scheme", "algorithm"],
)
def test_the_question_goes_before_the_file(config: Config, asked: str, expected: int) -> None:
    assert kvcalc.show(loaded(config), TOKENS, kv_dtype=asked).stored == expected


SCAN: Config = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 2,
    "full_attention_interval": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 4,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 3,
}
STATE, COLUMNS, KEYS_AND_VALUES = 2 * 4 * 8, 2 * (2 * 2 * 4 + 2 * 8), TOKENS * 2 * 2 * 16


def test_a_scheme_is_for_keys_and_values_alone() -> None:
    quantization = {"kv_cache_quant_algo": "FP8"}
    model = loaded({**SCAN, "dtype": "float16", "quantization_config": quantization})
    assert model.stored(TOKENS) == STATE * 4 + COLUMNS * 2 + KEYS_AND_VALUES * 1


def test_the_dtype_is_for_convolutions_too() -> None:
    model = loaded({**SCAN, "dtype": "float32"})
    assert model.stored(TOKENS) == STATE * 4 + COLUMNS * 4 + KEYS_AND_VALUES * 4


def test_the_question_leaves_states_and_convolutions_alone() -> None:
    shown = kvcalc.show(loaded({**SCAN, "dtype": "bfloat16"}), TOKENS, kv_dtype="fp8")
    assert shown.stored == STATE * 4 + COLUMNS * 2 + KEYS_AND_VALUES * 1


INDEXED: Config = {
    "model_type": "deepseek_v32",
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "index_n_heads": 2,
    "index_head_dim": 8,
    "index_topk": 4,
}


@pytest.mark.parametrize(
    ("stated", "size"), [({"dtype": "float32"}, 4), ({"dtype": "bfloat16"}, 2), ({}, 2)]
)
def test_index_keys_are_fp8_whatever_the_dtype(stated: Config, size: int) -> None:
    model = loaded({**INDEXED, **stated})
    assert model.stored(TOKENS) == TOKENS * ((16 + 8) * size + 8 + 4)
    assert any("--index-dtype" in text for text in model.notes)


def test_a_scheme_is_for_latents_and_not_for_index_keys() -> None:
    model = loaded({**INDEXED, "quantization_config": {"kv_cache_quant_algo": "FP8"}})
    assert model.stored(TOKENS) == TOKENS * ((16 + 8) * 1 + 8 + 4)


@pytest.mark.parametrize("stated", ["float32", "float16"])
def test_lightning_states_follow_the_dtype_in_transformers(stated: str) -> None:
    config = {
        "model_type": "minimax",
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "dtype": stated,
    }
    size = {"float32": 4, "float16": 2}[stated]
    shown = kvcalc.show(loaded(config), TOKENS, engine="transformers")
    # layer 0 is full, layer 1 lightning: transformers 5.24.0, modeling_minimax.py 203-211
    assert shown.reserved == TOKENS * 2 * 2 * 6 * size + 4 * 6 * 6 * size


def test_lightning_states_follow_the_outer_dtype_in_transformers() -> None:
    inner = {
        "model_type": "minimax",
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
    }
    model = loaded({"model_type": "some_vl", "text_config": inner, "torch_dtype": "float32"})
    shown = kvcalc.show(model, TOKENS, engine="transformers")
    assert shown.reserved == TOKENS * 2 * 2 * 6 * 4 + 4 * 6 * 6 * 4


# ModelOpt's file beside config.json: 2 x ELEMENTS in 8 bits where it says so
@pytest.mark.parametrize(
    ("beside", "inside", "size", "said"),
    [
        ({"kv_cache_quant_algo": "FP8"}, None, 1, "KV cache in fp8: the KV scheme of hf_quant"),
        ({"kv_cache_quant_algo": "FP8"}, {"kv_cache_scheme": "FP8"}, 1, "the KV scheme of quant"),
        ({"kv_cache_quant_algo": None}, None, 2, "cache in bf16: the file's dtype (the weights'"),
        ({"kv_cache_quant_algo": None}, {"kv_cache_scheme": "FP8"}, 1, "KV scheme of quantization"),
    ],
)
def test_a_scheme_beside_the_configuration_counts(
    tmp_path: Path, beside: Mapping[str, Any], inside: Any, size: int, said: str
) -> None:
    quantization = {"quantization_config": inside} if inside else {}
    config = {**PLAIN, "dtype": "bfloat16", **quantization}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "hf_quant_config.json").write_text(
        json.dumps(
            {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8", **beside}}
        )
    )
    model = kvcalc.load(str(tmp_path))
    assert model.stored(TOKENS) == ELEMENTS * size
    assert any(said in each for each in model.notes)


def test_a_scheme_beside_the_configuration_may_not_be_known_nor_contradict(tmp_path: Path) -> None:
    scheme = {"quantization_config": {"kv_cache_scheme": "NVFP4"}}
    (tmp_path / "config.json").write_text(json.dumps({**PLAIN, **scheme}))
    beside = tmp_path / "hf_quant_config.json"
    for algorithm, said in (("NEW", "'NEW' is not known"), ("FP8", "they contradict each other")):
        beside.write_text(json.dumps({"quantization": {"kv_cache_quant_algo": algorithm}}))
        with pytest.raises(InputError, match=said):
            kvcalc.load(str(tmp_path))
    beside.write_text("no JSON")
    assert (
        "hf_quant_config.json beside it is not JSON: not read" in kvcalc.load(str(tmp_path)).notes
    )


@pytest.mark.parametrize("stated", [[{"kv_cache_scheme": "FP8"}], "fp8", 8, True])
def test_a_quantization_that_is_no_object_is_refused(stated: object) -> None:
    (problem,) = problems_of({**PLAIN, "quantization_config": stated})
    assert problem.message == "quantization_config must be an object"
    assert "--ignore quantization_config" in problem.hint
