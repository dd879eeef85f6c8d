"""A field that nobody has read is refused by name, whatever it is called and wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kvcalc.importers.families import FAMILIES, TABLE
from kvcalc.importers.families.windowed import sliding
from kvcalc.importers.schedules import same
from kvcalc.model import Architecture
from tests.configurations import LLAMA, loaded, problems_of, refused

NAMELESS = {name: value for name, value in LLAMA.items() if name != "model_type"}
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


# 4 layers of 2 KV heads, 8 wide as 64 over 8 heads says: 256 B a token
@pytest.mark.parametrize(
    ("model_type", "field"),
    [
        ("mistral", {"sliding_window": 0}),
        ("mistral", {"sliding_window": False}),
        ("mistral", {"sliding_window": None}),
        ("mistral", {"sliding_window": ""}),
        ("llama4_text", {"attention_chunk_size": 0}),
        ("mistral", {"sliding_window": None, "attention_chunk_size": 0}),
        ("mistral", {"sliding_window": None, "attention_chunk_size": None}),
        ("llama4_text", {"attention_chunk_size": False}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 0}),
    ],
)
def test_a_window_of_nothing_is_none(model_type: str, field: dict[str, Any]) -> None:
    assert (
        loaded({**LLAMA, "head_dim": 8, "model_type": model_type, **field}).stored(9000)
        == 256 * 9000
    )


@pytest.mark.parametrize(
    "name", ["num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size"]
)
def test_a_model_has_layers_and_heads(name: str) -> None:
    nothings: tuple[object, ...] = (0, False, "", [])
    for nothing in nothings:
        assert name in refused({**LLAMA, name: nothing})


# a name, a value, and what becomes of it: in a known type, in an unknown one
PASSED, SILENT, REFUSED = "passed over", "silent", "refused"
NAMES = [
    # no word of a cache, and none that says what it is
    ("num_global_tokens", 4, PASSED, REFUSED),
    ("num_prefix_tokens", 4, PASSED, REFUSED),
    ("evict_tokens", 4, PASSED, REFUSED),
    ("token_budget", 4, PASSED, REFUSED),
    ("init_tokens_kept", 4, PASSED, REFUSED),
    ("token_shift", True, PASSED, REFUSED),
    ("position_buckets", 4, PASSED, REFUSED),
    ("embedding_stride_scale", 2, REFUSED, REFUSED),
    ("scale_everything", 2, PASSED, REFUSED),
    ("reward_model_type", "qwen3", PASSED, REFUSED),
    ("fuse_cross_entropy", True, PASSED, REFUSED),
    ("nested", {"deep": [{"number": 4}]}, PASSED, REFUSED),
    # a word of a cache, in the name or in what it holds
    ("kv_budget", 4, REFUSED, REFUSED),
    ("window_tokens", 4, REFUSED, REFUSED),
    ("num_loops", 4, REFUSED, REFUSED),
    ("swa_every", 4, REFUSED, REFUSED),
    ("use_mla", True, REFUSED, REFUSED),
    ("use_cla", True, REFUSED, REFUSED),
    ("multi_query", True, REFUSED, REFUSED),
    ("sink_bias", 4, REFUSED, REFUSED),
    ("init_layers", 4, REFUSED, REFUSED),
    ("slidingWindow", 4, REFUSED, REFUSED),
    ("nested", {"deep": [{"sliding_window": 4}]}, REFUSED, REFUSED),
    # but for what a whole word says: a norm, a dropout, how weights begin, a kernel
    ("post_layer_norm", True, SILENT, REFUSED),
    ("attn_dropout_prob", 0.1, SILENT, REFUSED),
    ("kv_dropout", 0.1, PASSED, REFUSED),
    ("window_init", "normal", PASSED, REFUSED),
    ("kv_tokens_init", 4, REFUSED, REFUSED),
    ("conv_use_xavier_init", True, SILENT, REFUSED),
    ("use_flash_attention", True, PASSED, REFUSED),
    ("rope_ratio", 50, SILENT, REFUSED),
    ("swa_rope_theta", 10000, SILENT, REFUSED),
    ("rope_condense_ratio", 8, SILENT, REFUSED),
    ("attn_rotary_emb", 64, SILENT, REFUSED),
    # or where it is said of: experts, pictures; but not their attention, nor tokens of theirs
    ("moe_router_enable_shared_expert", True, SILENT, REFUSED),
    ("vision_select_layer", -2, SILENT, REFUSED),
    ("mm_pooling_stride", 2, PASSED, REFUSED),
    ("moe_latent_heads", 4, REFUSED, REFUSED),
    # a router may let tokens pass a layer by
    ("router_capacity_ratio", 0.5, REFUSED, REFUSED),
    ("vision_token_stride", 4, PASSED, REFUSED),
    ("image_kv_ratio", 4, REFUSED, REFUSED),
    # what published files state: Qwen2.5-1M, SmolVLM, QuIP#, distilbart
    ("dual_chunk_attention_config", {"chunk_size": 64, "local_size": 8}, SILENT, REFUSED),
    ("perceiver_config", {"num_key_value_heads": 1}, SILENT, REFUSED),
    ("quip_params", {"lora_rank": 0}, SILENT, REFUSED),
    ("replacing_rate", 0, SILENT, REFUSED),
    ("nope_layer_interval", 4, SILENT, REFUSED),
    # what says no, in a type whose layers are known
    ("use_mla", False, PASSED, REFUSED),
    ("num_sink_tokens", 0, PASSED, REFUSED),
    ("num_key_value_head", 0, REFUSED, REFUSED),
    # what says nothing
    ("kv_budget", None, SILENT, SILENT),
    ("kv_budgets", [], SILENT, SILENT),
    # what transformers' base class and plain decoders have, and what is said of a file
    ("add_cross_attention", False, SILENT, SILENT),
    ("is_decoder", False, SILENT, SILENT),
    ("chunk_size_feed_forward", 0, SILENT, SILENT),
    ("diversity_penalty", 0.0, SILENT, SILENT),
    ("rms_norm_eps", 1e-6, SILENT, SILENT),
    ("license", "mit", SILENT, SILENT),
    ("tags", ["a"], SILENT, SILENT),
    ("model_name", "a", SILENT, SILENT),
    ("version", 2, SILENT, SILENT),
    ("description", "a", SILENT, SILENT),
    ("_comment", "a", SILENT, SILENT),
    ("base_model", "a", SILENT, SILENT),
    # what is harmless by a word in a known type alone
    ("moe_frobnicate", 4, SILENT, REFUSED),
    ("image_token_id", 4, SILENT, REFUSED),
]


@pytest.mark.parametrize(("name", "value", "known", "unknown"), NAMES)
def test_what_becomes_of_a_field_that_nobody_reads(
    name: str, value: object, known: str, unknown: str
) -> None:
    for model_type, fate in (("llama", known), ("brand_new", unknown)):
        data = {**LLAMA, "model_type": model_type, name: value}
        if fate == REFUSED:
            (problem,) = problems_of(data)
            assert name in problem.message
            assert f"--ignore {name}" in problem.hint
            continue
        model = loaded(data)
        told = [note for note in model.notes if note.startswith("passed over")]
        assert told == (
            [f"passed over, as llama is not known to keep anything by them: {name}"]
            if fate == PASSED
            else []
        )
        assert model.stored(100) == 4 * 2 * 2 * 8 * 2 * 100


def test_one_note_lists_all_that_was_passed_over() -> None:
    notes = loaded({**LLAMA, "verbose": 0, "rotary": True}).notes
    assert sum("verbose, rotary" in note for note in notes) == 1


def test_what_is_passed_over_is_called_by_its_whole_name() -> None:
    notes = loaded({"model_type": "gemma3", "text_config": {**GEMMA, "verbose": 1}}).notes
    assert any(note.endswith("by them: text_config.verbose") for note in notes)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("num_hidden_layerz", "did you mean num_hidden_layers?"),
        ("numhidden_layers", "did you mean num_hidden_layers?"),
        ("num_hidden_lyaers", "did you mean num_hidden_layers?"),
        # a draft's target's, and a part of the output: no misspellings
        ("num_teacher_layers", "--ignore"),
        ("lm_head", "--ignore"),
    ],
)
def test_a_hint_is_for_near_misspellings_alone(name: str, hint: str) -> None:
    (problem,) = problems_of({**LLAMA, name: 4})
    assert hint in problem.hint
    assert ("did you mean" in problem.hint) == hint.startswith("did")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({}, "no model_type: read as llama, by its architectures"),
        ({"model_type": "brand_new"}, "model_type 'brand_new' is not known: read as llama"),
    ],
)
def test_a_family_is_known_by_its_architectures(stated: dict[str, str], said: str) -> None:
    model = loaded({**NAMELESS, **stated, "architectures": ["LlamaForCausalLM"]})
    assert any(said in note for note in model.notes)


def test_a_family_that_is_known_by_its_class_goes_by_its_own_name() -> None:
    # CogVLM's file: no model_type
    model = loaded({**NAMELESS, "architectures": ["CogVLMForCausalLM"], "template_version": "chat"})
    assert "no model_type: read as cogvlm, by its architectures" in model.notes
    assert any(note.startswith("passed over, as cogvlm is") for note in model.notes)


def test_a_model_that_calls_itself_something_new_is_held_to_account_as_unknown() -> None:
    data = {**LLAMA, "model_type": "brand_new", "architectures": ["LlamaForCausalLM"]}
    assert "token_shift" in refused({**data, "token_shift": True})
    # without its own word for what it is, it is what its class is
    assert loaded({**NAMELESS, "architectures": data["architectures"], "token_shift": True})


@pytest.mark.parametrize("classes", [None, [], ["BrandNewForCausalLM"]])
def test_architectures_that_tell_nothing_leave_a_model_unknown(classes: object) -> None:
    model = loaded({**LLAMA, "model_type": "brand_new", "architectures": classes})
    assert any("read as plain attention" in note for note in model.notes)


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


def test_what_a_wrapper_repeats_of_its_language_model_is_not_told() -> None:
    # DeepSeek-OCR states its language model twice
    inner = {**LLAMA, "model_type": "llama"}
    outer = {**LLAMA, "model_type": "some_vl", "template": "plain", "text_config": inner}
    assert "not used, beside text_config: template" in loaded(outer).notes
