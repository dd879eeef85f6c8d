"""Values of a type, a sign or a size that no field has: refused once and by name, not guessed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from kvcalc import document, opening
from kvcalc.errors import InputError
from kvcalc.importers.assembly import Origin
from kvcalc.importers.values import alike, list_of, short
from tests.configurations import LLAMA, Config, loaded, problems_of, refused

NAN, INF = math.nan, math.inf
HUGE = 10**4000
A_NUMBER = "it must be a whole number from 1 on"
A_FACTOR = "it must be a number above 0, up to 1,000,000"
AT_MOST = "it must be at most 1,000,000,000,000"

NUMBERS: list[tuple[Any, str]] = [
    ("8", f"is '8'; {A_NUMBER}"),
    (" 8 ", f"is ' 8 '; {A_NUMBER}"),
    ("", f"is ''; {A_NUMBER}"),
    (True, f"is True; {A_NUMBER}"),
    (False, f"is False; {A_NUMBER}"),
    (0, f"is 0; {A_NUMBER}"),
    (-0.0, f"is 0; {A_NUMBER}"),
    (-8, f"is -8; {A_NUMBER}"),
    (8.5, f"is 8.5; {A_NUMBER}"),
    (1e-320, f"is 1e-320; {A_NUMBER}"),
    (NAN, f"is nan; {A_NUMBER}"),
    (INF, f"is inf; {A_NUMBER}"),
    (-INF, f"is -inf; {A_NUMBER}"),
    ({}, f"is {{}}; {A_NUMBER}"),
    ({"a": 8}, f"is {{'a': 8}}; {A_NUMBER}"),
    (10**13, f"is 10000000000000; {AT_MOST}"),
    (1e308, AT_MOST),
    # 4,000 x log2(10) is 13,287.7
    (HUGE, f"is a number of 13,288 bits; {AT_MOST}"),
    (-HUGE, f"is a number of 13,288 bits; {A_NUMBER}"),
]


@pytest.mark.parametrize(("value", "words"), NUMBERS, ids=lambda each: short(each, 20))
@pytest.mark.parametrize(
    "name", ["num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads"]
)
def test_what_is_no_number_has_one_message(name: str, value: object, words: str) -> None:
    (problem,) = problems_of({**LLAMA, name: value})
    assert problem.path == (name,)
    assert problem.message.startswith(f"{name} ")
    assert words in problem.message
    assert len(problem.message) < 200


@pytest.mark.parametrize("value", [[], [8, 8], [8] * 5], ids=short)
def test_a_list_that_is_not_one_per_layer_has_one_message(value: object) -> None:
    (problem,) = problems_of({**LLAMA, "num_attention_heads": value})
    assert problem.message == f"num_attention_heads has {len(value)} items for 4 layers"  # type: ignore[arg-type]


V4 = {"model_type": "deepseek_v4", "compress_ratios": [0, 4, 128], "num_hidden_layers": 3}
HYBRID = {"model_type": "falcon_h1", "num_hidden_layers": 2, "mamba_d_ssm": None}


@pytest.mark.parametrize(
    "value", [NAN, INF, -INF, 1_000_001, HUGE, 0, -1, -0.5, True, "2", [2], {"a": 2}], ids=short
)
@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"model_type": "mamba"}, "expand"),
        ({"model_type": "mamba2", "head_dim": "auto"}, "expand"),
        ({"model_type": "jamba"}, "mamba_expand"),
        ({"model_type": "zamba2"}, "mamba_expand"),
        ({"model_type": "granitemoehybrid", "mamba_d_head": "auto"}, "mamba_expand"),
        (HYBRID, "mamba_expand"),
        ({"model_type": "xlstm"}, "qk_dim_factor"),
        ({"model_type": "xlstm"}, "v_dim_factor"),
        (V4, "partial_rotary_factor"),
    ],
    ids=lambda each: each["model_type"] if isinstance(each, dict) else each,
)
def test_what_is_no_factor_is_refused(config: Config, name: str, value: object) -> None:
    text = refused({**config, name: value})
    assert f"{name} is {short(value)}; {A_FACTOR}" in text


def test_a_factor_makes_a_width_as_the_class_rounds_it() -> None:
    # MambaConfig of transformers 5.24.0: int(expand * hidden_size) = int(1.5 x 65) = 97 channels;
    # 2 layers x (97 x 16 x 4 B of state + 97 x 3 x 2 B of convolution) = 2 x (6,208 + 582)
    sizes = {"num_hidden_layers": 2, "hidden_size": 65, "state_size": 16, "conv_kernel": 4}
    model = loaded({"model_type": "mamba", **sizes, "expand": 1.5, "dtype": "bfloat16"})
    assert model.stored(1000) == 13_580


QWEN4 = {"model_type": "qwen4_exp", "indexer_compress_ratio": 4, "indexer_budget": 64}
INDEXER = {"indexer_head_dim": 64, "indexer_n_heads": 4}
SPARSE = {"model_type": "minimax_m3", "num_hidden_layers": 2}
SIZES = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
SSM = {"ssm_cfg": {"layer": "Mamba2"}, "d_model": 64, "n_layer": 2}

REFUSED: list[tuple[Config, str]] = [
    ({**LLAMA, "layer_types": ["full_attention", {"a": 1}]}, "layer_types is ['full_attention',"),
    ({**LLAMA, "layer_types": {"a": 1}}, "it must be a list of texts"),
    ({"model_type": "mimo_v2_flash", "num_hidden_layers": 2, "hybrid_layer_pattern": [{}, []]},
     "hybrid_layer_pattern names a layer {}; it must have a number or a text per layer"),
    ({"model_type": "mimo_v2_flash", "num_hidden_layers": 2, "hybrid_layer_pattern": [True, 0]},
     "hybrid_layer_pattern names a layer True"),
    ({"model_type": "exaone4", "sliding_window_pattern": ""}, "sliding_window_pattern is ''"),
    ({"model_type": "dots3_note", "use_dsa": "false"}, "use_dsa is 'false'; it must be true or"),
    ({"model_type": "dots3_note", "use_dsa": 0}, "use_dsa is 0; it must be true or false"),
    ({**SPARSE, "sparse_attention_config": {
        "use_sparse_attention": "no", "sparse_attention_freq": [0, 1]}},
     "sparse_attention_config.use_sparse_attention is 'no'; it must be true or false"),
    ({**SPARSE, "sparse_attention_config": {"sparse_attention_freq": [0, 7]}},
     "'sparse_attention_freq 7' layers are not known"),
    ({"model_type": "gemma3_text", "use_bidirectional_attention": "yes"},
     "use_bidirectional_attention is 'yes'; true, false, all and vision are known"),
    ({"model_type": "dory", "recurrent_kv_cache_mode": "first_loop"},
     "recurrent_kv_cache_mode is 'first_loop'; per_loop and last_loop are known"),
    ({"model_type": "smollm3", "no_rope_layers": [1, 2] * 18}, "must say 0 or 1 for each layer"),
    ({"model_type": "smollm3", "no_rope_layers": 0}, "no_rope_layers is 0; it must be a list"),
    ({"model_type": "glm_moe_dsa", "index_topk_pattern": "FX"}, "index_topk_pattern must say full"),
    ({"model_type": "glm_moe_dsa", "num_hidden_layers": 2, "indexer_types": ["full", "other"],
      "index_topk_pattern": "FF"}, "indexer_types must say full or shared"),
    ({**SSM, "ssm_cfg": {"layer": "Mamba2", "headdim": 48}},
     "ssm_cfg.headdim is 48, which does not divide 128, the inner width"),
    ({**QWEN4, **INDEXER, "num_key_value_heads": 3}, "3 kv_heads (groups) do not divide 16"),
    ({"model_type": "rwkv7", "hidden_size": 64, "num_hidden_layers": 2, "value_dim": 0},
     "value_dim is 0: values as wide as hidden_size alone are known"),
    ({"model_type": "rwkv7", "hidden_size": 64, "num_hidden_layers": 2, "value_dim": [64, True]},
     "value_dim is [64, True]"),
    # Bamba's class in transformers 5.24.0 refuses it: mamba_n_heads must divide the inner width
    ({"model_type": "bamba", "mamba_expand": 0.3},
     "mamba_expand makes 1,228 of hidden_size, which 128 heads do not divide"),
    ({"model_type": "zamba2", "n_mamba_heads": 3},
     "n_mamba_heads is 3, which does not divide 5,120, the inner width"),
    ({"model_type": "xlstm", "num_heads": 96},
     "num_heads is 96, which does not divide keys of 2,048 and values of 4,096"),
    ({**LLAMA, "num_attention_heads": 65, "num_key_value_heads": 65},
     "hidden_size is 64: 65 heads of it would have no width"),
    ({"model_type": "nemotron-nas", **SIZES}, "block_configs is missing"),
    ({**LLAMA, "per_layer_config": {"1": {"num_hidden_layers": 2}}},
     "per_layer_config.1.num_hidden_layers counts layers: no layer has any of its own"),
    ({**LLAMA, "per_layer_config": {"1": None}}, "per_layer_config is None for layer 1"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "words"), REFUSED)
def test_a_value_of_another_kind_is_no_silence(config: Config, words: str) -> None:
    assert words in refused(config)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("model_type", 4, "a text"),
        ("model_type", False, "a text"),
        ("model_type", ["llama"], "a text"),
        ("speculators_model_type", {"a": 1}, "a text"),
        ("architectures", "LlamaForCausalLMEagle3", "a list of texts"),
        ("architectures", [4], "a list of texts"),
        ("architectures", {"a": 1}, "a list of texts"),
        ("text_config", 5, "an object"),
        ("llm_config", [{"model_type": "llama"}], "an object"),
    ],
)
def test_what_tells_the_kind_of_a_model_is_of_its_own_type(
    name: str, value: object, what: str
) -> None:
    (problem,) = problems_of({**LLAMA, name: value})
    assert problem.message == f"{name} is {short(value)}; it must be {what}"
    assert problem.path == (name,)


def test_the_same_inside_another_configuration() -> None:
    (problem,) = problems_of({"model_type": "llava", "text_config": {**LLAMA, "model_type": 1.5}})
    assert problem.message == "model_type is 1.5; it must be a text"
    assert problem.path == ("text_config", "model_type")


@pytest.mark.parametrize(
    ("quantization", "words"),
    [
        ({"kv_cache_group": [None], "layer_quant_config": {"*": {}}}, "kv_cache_group [None]"),
        ({"kv_cache_group": ["*k"] * 101, "layer_quant_config": {"k": {}}}, "kv_cache_group ["),
        ({"kv_cache_scheme": {"num_bits": True, "type": "float"}}, "{'num_bits': True, 'type'"),
        ({"kv_cache_quant_config": {"*": [["a"] * 10_000]}}, "... is not known"),
    ],
)
def test_a_quantization_of_strange_values(quantization: Config, words: str) -> None:
    text = refused({**LLAMA, "quantization_config": quantization})
    assert words in text
    assert "is not known" in text
    assert len(text) < 500


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "mllama", "cross_attention_layers": [3, -1, 40]},
         "cross_attention_layers names [-1, 40], which 40 layers do not have"),
        ({"model_type": "zamba2", "hybrid_layer_ids": [6, 54, -1]},
         "hybrid_layer_ids names [54, -1], which the model does not have"),
    ],
)  # fmt: skip
def test_ids_that_no_layer_has_are_told(config: Config, said: str) -> None:
    assert said in loaded(config).notes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"num_key_value_heads": [2, 1, 2, 1]}, {"num_key_value_heads": [2.0, 1, 2.0, 1.0]}),
        ({"num_attention_heads": 8}, {"num_attention_heads": 8.0}),
    ],
)
def test_a_whole_number_may_have_a_point(one: Config, other: Config) -> None:
    first, second = loaded({**LLAMA, **one}), loaded({**LLAMA, **other})
    assert (first.layers, first.attention) == (second.layers, second.attention)


def test_so_may_those_of_a_list() -> None:
    lfm = {"model_type": "lfm2", "num_hidden_layers": 3}
    one = loaded({**lfm, "full_attn_idxs": [0, 2]})
    assert one.layers == loaded({**lfm, "full_attn_idxs": [0.0, 2]}).layers


def test_what_no_scheme_can_have_is_told_at_the_field() -> None:
    (problem,) = problems_of({**LLAMA, "num_key_value_heads": 3})
    assert problem.message == "3 kv_heads (groups) do not divide 8 query heads"
    assert problem.path == ("num_key_value_heads",)


def test_a_name_is_a_text() -> None:
    assert loaded({**LLAMA, "_name_or_path": {"a": 1}}).name == "llama"
    assert loaded({**LLAMA, "_name_or_path": "org/small/"}).name == "small"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ([1, {"a": [True, "b"]}], "[1, {'a': [True, 'b']}]"),
        ("x" * 100, f"'{56 * 'x'}..."),
        (["x" * 10] * 1_000_000, f"['{10 * 'x'}', '{10 * 'x'}', '{10 * 'x'}', '{10 * 'x'}', ..."),
        ({n: [[]] for n in range(999)}, f"{{{', '.join(f'{n}: [[]]' for n in range(6))}, 6:..."),
        (10**5000, "a number of 16,610 bits"),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_value_in_a_message_is_short(value: object, text: str) -> None:
    assert short(value) == text


def test_a_deep_value_is_looked_at_no_further_than_it_is_shown() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert short(deep) == 57 * "[" + "..."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ([1, True], [1, 1], False)],
)
def test_what_says_the_same(one: object, other: object, same: bool) -> None:
    assert alike(one, other) is same


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (int, [1, 2.0], [1, 2]),
        (int, [1, True], None),
        (int, [1, NAN], None),
        (int, [HUGE], None),
        (str, ["a", None], None),
        (list, [[1], []], [[1], []]),
        (int, (1, 2), None),
    ],
    ids=range(7),
)
def test_a_list_of_one_kind(kind: type, value: object, found: list[Any] | None) -> None:
    assert list_of(kind, value) == found


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 4299])
def test_what_json_has_and_no_model_is_placed(value: str) -> None:
    text = json.dumps({**LLAMA, "hidden_size": 0}, indent=1).replace(": 0,", f": {value},")
    parsed = document.parse_json("config.json", text.encode())
    with pytest.raises(InputError) as caught:
        opening._imported(parsed, Origin("config.json"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (4, 2)
    assert problem.message.startswith("hidden_size is ")
