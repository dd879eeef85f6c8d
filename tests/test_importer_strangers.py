"""A field that nobody has read is refused by name, whatever it is called and wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kvcalc.importers.families import FAMILIES, TABLE
from kvcalc.importers.families.windowed import sliding
from kvcalc.importers.schedules import same
from kvcalc.model import Architecture
from tests.configurations import loaded, refused

LLAMA: Mapping[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "torch_dtype": "bfloat16",
}
GEMMA: Mapping[str, Any] = {
    "model_type": "gemma3_text",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "sliding_window": 16,
}


def renamed(data: Mapping[str, Any], name: str, other: str) -> dict[str, Any]:
    return {other if key == name else key: value for key, value in data.items()}


@pytest.mark.parametrize(
    "other",
    [
        "nonsense",
        "num_key_value_headz",
        # names with a word that is harmless elsewhere
        "num_key_value_heads_scale",
        "kv_norm_heads",
        "moe_attention_heads",
        "kv_token_compression",
        "_num_key_value_heads",
    ],
)
def test_a_renamed_field_is_refused_by_name(other: str) -> None:
    assert other in refused(renamed(LLAMA, "num_key_value_heads", other))


@pytest.mark.parametrize("other", ["sliding_window_position", "_sliding_window", "window_tokens"])
def test_a_renamed_window_is_refused_by_name(other: str) -> None:
    assert other in refused(renamed(GEMMA, "sliding_window", other))


def test_a_misspelt_null_does_not_let_a_default_in() -> None:
    mistral = {**LLAMA, "model_type": "mistral"}
    model = loaded({**mistral, "sliding_window": None})
    assert model.stored(9000) == 4 * 2 * 2 * 8 * 2 * 9000
    assert "sliding_windwo" in refused({**mistral, "sliding_windwo": None})


@pytest.mark.parametrize(
    "field", [{"token_mixer": "mamba"}, {"num_meta_tokens": 128}, {"attention_sinks": 4}]
)
def test_an_unknown_model_is_refused_by_what_could_change_its_cache(field: dict[str, Any]) -> None:
    text = refused({**LLAMA, "model_type": "brand_new", **field})
    assert "model_type 'brand_new' is not known" in text
    assert next(iter(field)) in text


def test_an_unknown_model_is_read_as_plain_attention_with_a_note() -> None:
    model = loaded({**LLAMA, "model_type": "brand_new"})
    assert model.stored(100) == 4 * 2 * 2 * 8 * 2 * 100
    assert any("read as plain attention in every layer" in note for note in model.notes)


def test_an_unknown_model_must_say_how_many_kv_heads_it_has() -> None:
    data = {**LLAMA, "model_type": "brand_new"}
    del data["num_key_value_heads"]
    assert "num_key_value_heads is missing" in refused(data)


@pytest.mark.parametrize("pattern", [4, {"a": 1}, 1.5, True])
def test_a_pattern_that_is_none_is_refused(pattern: object) -> None:
    text = refused({"model_type": "glm_moe_dsa", "index_topk_pattern": pattern})
    assert "index_topk_pattern must be a text of F and S, or a list" in text


def test_glm_flash_calls_its_rope_width_by_two_names() -> None:
    text = refused({"model_type": "glm4_moe_lite", "head_dim": 32, "qk_rope_head_dim": 64})
    assert "qk_rope_head_dim is 64, but head_dim is 32: they contradict each other" in text


def test_a_language_model_in_an_unknown_wrapper_must_say_what_it_is() -> None:
    inner = {name: value for name, value in LLAMA.items() if name != "model_type"}
    text = refused({"model_type": "brand_new_vl", "text_config": inner})
    assert "text_config states no model_type" in text


def test_a_known_wrapper_does_not_speak_for_an_unknown_language_model() -> None:
    inner = {**LLAMA, "model_type": "brand_new_text", "kv_lora_rank": 8}
    assert "'brand_new_text' is not known" in refused(
        {"model_type": "gemma3", "text_config": inner}
    )


@pytest.mark.parametrize(
    ("by_layer", "told"),
    [
        ({"9": {"head_dim": 8}}, "names layer '9', which is none"),
        ({"x": {"head_dim": 8}}, "names layer 'x', which is none"),
        ({"1": {"foo_cache": 1}}, "per_layer_config.1.foo_cache is not a field"),
    ],
)
def test_what_is_said_by_layer_is_held_to_account(by_layer: dict[str, Any], told: str) -> None:
    assert told in refused({**GEMMA, "per_layer_config": by_layer})


def test_a_number_of_layers_that_is_a_list_is_refused() -> None:
    assert "num_hidden_layers" in refused({**LLAMA, "num_hidden_layers": []})


def test_falcon_mamba_states_its_inner_width() -> None:
    # 64 layers x (8,192 x 16 in fp32 + 3 columns of 8,192 in bf16), whatever `expand` is
    data = {
        "model_type": "falcon_mamba",
        "num_hidden_layers": 64,
        "hidden_size": 4096,
        "expand": 16,
        "intermediate_size": 8192,
        "state_size": 16,
        "conv_kernel": 4,
    }
    model = loaded(data)
    assert model.stored(100) == 64 * (8192 * 16 * 4 + 3 * 8192 * 2)


def test_all_heads_for_want_of_kv_heads_is_told() -> None:
    data = {name: value for name, value in LLAMA.items() if name != "num_key_value_heads"}
    model = loaded(data)
    assert model.stored(100) == 4 * 2 * 8 * 8 * 2 * 100
    assert "num_key_value_heads is not stated: all 8 heads keep their own" in model.notes


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ({"num_key_value_heads": 2}, {"num_key_value_heads": None}),
        ({"num_hidden_layers": 10}, {}),
        ({"sliding_window": 8}, {}),
    ],
)
def test_a_field_of_the_language_model_that_stands_around_it_is_refused(
    outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    inner = {name: value for name, value in {**GEMMA, **inside}.items() if value is not None}
    text = refused({"model_type": "gemma3", "text_config": inner, **outside})
    assert next(iter(outside)) in text
    assert "outside" in text


def test_the_same_said_twice_is_no_contradiction() -> None:
    data = {"model_type": "gemma3", "text_config": dict(GEMMA), "num_key_value_heads": 2}
    assert loaded(data).layers


def test_a_second_language_model_is_told_of() -> None:
    data = {"thinker_config": {"text_config": dict(LLAMA)}, "talker_config": dict(LLAMA)}
    model = loaded(data)
    assert any("talker_config" in note for note in model.notes)


def test_an_order_of_layers_must_agree_with_the_rule_beside_it() -> None:
    kinds = ["sliding_attention", "full_attention"] * 2
    text = refused({**GEMMA, "layer_types": kinds, "sliding_window_pattern": 4})
    assert "layer_types is not the order that sliding_window_pattern says" in text
    assert loaded({**GEMMA, "layer_types": kinds, "sliding_window_pattern": 2}).layers


QWEN: Mapping[str, Any] = {
    **{name: value for name, value in GEMMA.items() if name != "model_type"},
    "model_type": "qwen3",
    "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
    "max_window_layers": 4,
}


def test_a_list_of_layers_wins_over_the_number_that_makes_one_without_it() -> None:
    # configuration_qwen3.py reads max_window_layers where layer_types is None alone:
    # 2 x 2 heads x 8 x 2 B = 64 B a token, x (3 windows of 16 + 100 tokens)
    assert loaded({**QWEN, "use_sliding_window": True}).stored(100) == 64 * (3 * 16 + 100)


def test_layers_that_slide_though_nothing_may_are_refused() -> None:
    # the same class then nulls the window, and leaves the list as it is
    text = refused({**QWEN, "use_sliding_window": False})
    assert "layer_types lists sliding layers, but use_sliding_window is false" in text


def test_no_family_is_named_twice() -> None:
    names = [name for family in TABLE for name in family.types]
    assert sorted(names) == sorted(FAMILIES)


def test_a_misspelt_keyword_of_a_family_is_an_error() -> None:
    with pytest.raises(TypeError, match="shedule"):
        sliding("new", shedule=same(), defaults=dict(layers=4))  # type: ignore[call-arg]


NAMELESS = {name: value for name, value in LLAMA.items() if name != "model_type"}


@pytest.mark.parametrize(
    ("data", "architecture"),
    [
        (LLAMA, Architecture("llama")),
        ({**LLAMA, "model_type": "brand_new"}, Architecture("brand_new")),
        # the family's first name is gemma3_text
        ({**GEMMA, "model_type": "gemma3"}, Architecture("gemma3")),
        (
            {"model_type": "gemma3", "text_config": GEMMA},
            Architecture("gemma3", inner="gemma3_text"),
        ),
        (
            {"model_type": "gemma3_text", "text_config": GEMMA},
            Architecture("gemma3_text"),
        ),
        (
            {"model_type": "omni", "thinker_config": {"model_type": "x", "text_config": LLAMA}},
            Architecture("omni", inner="llama"),
        ),
        ({"model_type": "llama", "text_config": NAMELESS}, Architecture("llama")),
        ({"text_config": LLAMA}, Architecture("llama")),
        (
            {"thinker_config": {"model_type": "thinker", "text_config": LLAMA}},
            Architecture("llama"),
        ),
        ({"d_model": 64, "n_layer": 2, "ssm_cfg": {}}, Architecture("mamba_ssm")),
        (NAMELESS, None),
    ],
)
def test_the_architecture_is_what_the_outermost_configuration_says(
    data: Mapping[str, Any], architecture: Architecture | None
) -> None:
    model = loaded(data)
    assert model.architecture == architecture
