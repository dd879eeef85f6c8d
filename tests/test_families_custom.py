"""Files of families whose code is their own: what tells one layout from another, and what stops.

A row of geometry for each stands in test_families_attention.py; here are the rules between fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import kvcalc
from kvcalc.model import Model
from tests.configurations import Config, loaded, refused

OLD: Config = {"n_embd": 66, "n_head": 6, "n_layer": 3, "n_positions": 512}
# six heads over two KV heads, 66 / 6 = 11 wide
GROUPS: Config = {
    "num_hidden_layers": 3,
    "hidden_size": 66,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}
# layers x K and V x heads x width x bytes x tokens
MHA_11 = 3 * 2 * 6 * 11 * 2 * 100
GQA_11 = 3 * 2 * 2 * 11 * 2 * 100


def stored(model: Model, tokens: int = 100) -> int:
    return kvcalc.show(model, tokens, kv_dtype="bf16").stored


@pytest.mark.parametrize(
    ("config", "expected", "name"),
    [
        # microsoft/DialoGPT and Morizeyao/GPT2-Chinese: GPT-2 from before model_type
        (OLD, MHA_11, "gpt2"),
        # openbmb/MiniCPM-2B: scale_emb, dim_model_base and scale_depth are its own
        ({**GROUPS, "scale_emb": 12, "scale_depth": 1.4}, GQA_11, "minicpm"),
    ],
)
def test_a_file_without_model_type_is_known_by_its_fields(
    config: Config, expected: int, name: str
) -> None:
    model = loaded(config)
    assert stored(model) == expected
    assert f"no model_type: read as {name}, by its fields" in model.notes


def test_three_of_the_four_fields_of_gpt2_are_not_enough() -> None:
    three = {name: value for name, value in OLD.items() if name != "n_positions"}
    assert "num_key_value_heads is missing" in refused(three)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        # bigcode/santacoder calls itself gpt2, and keeps one KV head
        ({"model_type": "gpt2", **OLD, "multi_query": True}, "multi_query"),
        ({**OLD, "multi_query": True}, "multi_query"),
        # EleutherAI/gpt-neo, configs/gpt3_13B_256.json: half of its layers slide
        ({**OLD, "attention_types": [[["global", "local"], 20]]}, "attention_types"),
        # P-tuning: prefix keys and values stand before every sequence
        (
            {
                "model_type": "chatglm",
                "num_layers": 3,
                "num_attention_heads": 6,
                "kv_channels": 10,
                "pre_seq_len": 128,
            },
            "pre_seq_len",
        ),
        # without position_encoding_2d it is a later ChatGLM, which states its width
        (
            {"model_type": "chatglm", "num_layers": 3, "hidden_size": 66, "num_attention_heads": 6},
            "kv_channels",
        ),
        # MiniCPM-4.1's InfLLM v2
        (
            {"model_type": "minicpm", **GROUPS, "sparse_config": {"block_size": 64}},
            "sparse_config",
        ),
        # the class reads no_rope_layer_interval alone, which is 4
        ({"model_type": "llama4_text", "nope_layer_interval": 2}, "nope_layer_interval"),
        (
            {
                "model_type": "step3p5",
                **GROUPS,
                "sliding_window": 7,
                "layer_types": ["full_attention"] * 2 + ["sliding_attention"],
                "attention_other_setting": {"num_attention_groups": 3},
            },
            "num_attention_groups",
        ),
        ({"model_type": "hunyuan_v1_moe", **GROUPS, "use_cla": True}, "use_cla"),
        ({"model_type": "hunyuan_v1_dense", **GROUPS, "use_mla": True}, "use_mla"),
        ({"model_type": "gptj", **OLD, "num_key_value_heads": 2}, "num_key_value_heads"),
        ({"model_type": "cohere2", "layer_switch": 5}, "layer_switch"),
        (
            {"model_type": "cohere2", "order_of_interleaved_layers": "global_attn_first"},
            "order_of_interleaved_layers",
        ),
        ({"model_type": "longcat_flash", "attention_method": "GQA"}, "attention_method"),
        ({"model_type": "zamba2", "mamba_d_state": 64, "state_size": 16}, "state_size"),
        (
            {"model_type": "dbrx", "attn_config": {"add_cross_attention": True}},
            "add_cross_attention",
        ),
        # llava's own code knows no window, that of a llama least of all
        ({"model_type": "llava", **GROUPS, "sliding_window": 7}, "sliding_window"),
    ],
)
def test_what_would_make_another_cache_is_refused(config: Config, said: str) -> None:
    assert said in refused(config)


@pytest.mark.parametrize(
    "said", [{"pre_seq_len": None}, {"pre_seq_len": 0}, {"rope_ratio": 50, "post_layer_norm": True}]
)
def test_chatglm_states_much_that_leaves_the_cache_alone(said: Mapping[str, Any]) -> None:
    # ChatGLM3-6B: 28 layers of 2 groups of 128
    config = {
        "model_type": "chatglm",
        "num_layers": 28,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "kv_channels": 128,
        "multi_query_attention": True,
        "multi_query_group_num": 2,
        **said,
    }
    assert stored(loaded(config), 1000) == 28 * 2 * 2 * 128 * 2 * 1000


def test_every_head_may_be_said_to_keep_its_own() -> None:
    assert stored(loaded({"model_type": "gptj", **OLD, "num_key_value_heads": 6})) == MHA_11


def test_command_r7b_says_its_order_in_words_too() -> None:
    words = {"layer_switch": 4, "order_of_interleaved_layers": "local_attn_first"}
    config = {"model_type": "cohere2", **GROUPS, "num_hidden_layers": 4, "sliding_window": 16}
    # three layers slide, the fourth is full
    assert stored(loaded({**config, **words})) == 2 * 2 * 11 * 2 * (3 * 16 + 100)


def test_a_nested_object_may_have_what_the_base_class_writes() -> None:
    inner = {"kv_n_heads": 2, "add_cross_attention": False, "is_decoder": False, "top_k": 50}
    config = {"model_type": "dbrx", "n_layers": 3, "d_model": 66, "n_heads": 6}
    assert stored(loaded({**config, "attn_config": inner})) == GQA_11


def test_recurrent_gemma_has_two_names_for_its_pattern() -> None:
    pattern = ["recurrent", "attention"]
    config = {"model_type": "recurrent_gemma", "num_hidden_layers": 2}
    same = loaded({**config, "block_types": pattern}).stored(100)
    assert loaded({**config, "_block_types": pattern}).stored(100) == same
    # one layer of 2560 wide RG-LRU, in fp32, three columns of its convolution; one of attention
    assert same == 2560 * 4 + 3 * 2560 * 2 + 100 * 2 * 10 * 256 * 2


def test_hunyuan_says_what_it_does_not_do() -> None:
    off = {"use_cla": False, "cla_share_factor": 2, "use_mla": False, "kv_lora_rank": None}
    more = {"pool_type": "last", "anyres_pooling_size": 2, "add_classification_head": False}
    assert stored(loaded({"model_type": "hunyuan_v1_moe", **GROUPS, **off, **more})) == GQA_11


def test_the_nope_interval_of_llama_4_may_say_what_the_class_takes() -> None:
    # full is every fourth layer; 48 layers of 8 KV heads, 128 wide
    model = loaded({"model_type": "llama4_text", "nope_layer_interval": 4})
    assert stored(model, 10_000) == 2 * 8 * 128 * 2 * (12 * 10_000 + 36 * 8192)


@pytest.mark.parametrize("layers", [5, 2])
def test_the_transformer_of_fla_slides_where_it_states_a_window(layers: int) -> None:
    sizes = {"hidden_size": 66, "num_heads": 6, "window_size": 16}
    config = {"model_type": "transformer", **sizes, "fuse_norm": True}
    model = loaded({**config, "num_hidden_layers": layers})
    # fla/models/cache_utils.py: the last window_size tokens
    assert stored(model) == layers * 2 * 6 * 11 * 2 * 16


@pytest.mark.parametrize(
    ("config", "heads", "width"),
    [
        # head_dim goes before num_heads
        ({"head_dim": 4, "num_heads": 32}, 3, 4),
        ({"num_heads": 6, "head_dim": None}, 6, 2),
        ({"head_dim": 4, "value_dim": [12, 12, 12]}, 3, 4),
        ({"head_dim": 4, "hidden_ratio": 4, "a_low_rank_dim": 8, "attn_mode": "chunk"}, 3, 4),
    ],
)
def test_rwkv_7_has_as_many_heads_as_its_width_holds(
    config: Config, heads: int, width: int
) -> None:
    """fla 0.6.0, layers/rwkv7.py 57-71: heads of head_dim x head_dim in fp32, and two shifts."""
    sizes = {"model_type": "rwkv7", "num_hidden_layers": 3, "hidden_size": 12}
    stored = loaded({**sizes, **config}).stored(100)
    assert stored == 3 * (heads * width * width * 4 + 2 * 12 * 2)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"head_dim": 5}, "head_dim does not divide hidden_size 12"),
        ({"head_dim": 4, "value_dim": [12, 24, 12]}, "value_dim is [12, 24, 12]"),
        ({"head_dim": 4, "value_dim": 24}, "value_dim is 24"),
        ({"head_dim": None}, "num_attention_heads is missing"),
        ({"head_dim": 4, "attn": {"layers": [1], "num_heads": 3}}, "attn is not a field"),
    ],
)
def test_a_geometry_of_rwkv_7_that_is_not_known(config: Config, said: str) -> None:
    sizes = {"model_type": "rwkv7", "num_hidden_layers": 3, "hidden_size": 12}
    assert said in refused({**sizes, **config})


@pytest.mark.parametrize(
    ("model_type", "said"),
    [
        # pictures, before the language model
        ("mplug_owl2", {"visual_config": {"visual_model": {"num_hidden_layers": 24}}}),
        ("videollama3_qwen2", {"use_token_compression": True}),
        ("GOT", {"use_sliding_window": False, "sliding_window": 16, "vision_select_layer": -2}),
        (
            "step3_text",
            {
                "num_key_value_heads": None,
                "num_attention_groups": 2,
                "head_dim": 11,
                "moe_every_n_layer": 1,
            },
        ),
        ("open-llama", {"num_key_value_heads": 6, "use_memory_efficient_attention": True}),
        # MiniMax-M2 states the factors of the model before it
        ("minimax_m2", {"head_dim": 11, "layernorm_linear_attention_beta": 1.0}),
        ("bailing_moe", {"max_window_layers": 3}),
        ("hunyuan", {"use_cla": False, "use_mla": False}),
    ],
)
def test_what_files_say_beside_their_cache(model_type: str, said: Config) -> None:
    kept = MHA_11 if said.get("num_key_value_heads") == 6 else GQA_11
    assert stored(loaded({"model_type": model_type, **GROUPS, **said})) == kept


def test_latents_of_a_hunyuan_are_not_known() -> None:
    assert "use_mla" in refused({"model_type": "hunyuan", **GROUPS, "use_mla": True})


def test_a_file_of_llava_on_mistral_that_states_no_window_has_that_of_its_class() -> None:
    # MistralConfig: 4,096
    model = loaded({"model_type": "llava_mistral", **GROUPS})
    assert stored(model, 5000) == 3 * 2 * 2 * 11 * 2 * 4096


def test_how_wide_the_other_parts_of_a_layer_are_leaves_the_cache_alone() -> None:
    # flame's transformer_1B states the width of its feed-forward layers as a ratio
    sizes = {"hidden_size": 2048, "num_heads": 32, "num_hidden_layers": 24, "num_kv_heads": None}
    model = loaded({"model_type": "transformer", "fuse_norm": True, **sizes, "hidden_ratio": 4})
    assert stored(model, 10) == 24 * 2 * 32 * 64 * 2 * 10
    # GLM-ASR's Llama says how much of a head is rotated; 28 layers of 4 KV heads, 2,048 / 16 wide
    llama = {"model_type": "llama", "hidden_size": 2048, "num_attention_heads": 16, "rope_dim": 128}
    model = loaded({**llama, "num_key_value_heads": 4, "num_hidden_layers": 28})
    assert stored(model, 10) == 28 * 2 * 4 * 128 * 2 * 10


# (layers, KV heads, width) of a file that states its model_type alone
FILLED: Mapping[str, tuple[int, int, int]] = {
    # LlavaConfig makes a LlamaConfig of its text_config
    "llava": (32, 32, 4096 // 32),
    # GPTRefactConfig is GPTBigCodeConfig, with multi_query
    "gpt_refact": (12, 1, 768 // 12),
}


def test_a_transformer_of_somebody_else_is_refused() -> None:
    config = {"model_type": "transformer", "hidden_size": 66, "num_heads": 6, "num_layers": 3}
    assert "fuse_norm is missing" in refused(config)
    # fla/models/transformer/configuration_transformer.py: 24 layers, 32 heads of 2048 / 32
    model = loaded({"model_type": "transformer", "fuse_norm": True})
    assert stored(model, 10) == 24 * 2 * 32 * 64 * 2 * 10


@pytest.mark.parametrize("model_type", FILLED)
def test_what_the_code_fills_in(model_type: str) -> None:
    layers, heads, width = FILLED[model_type]
    assert stored(loaded({"model_type": model_type}), 10) == layers * 2 * heads * width * 2 * 10


def test_the_wrapper_of_mllama_may_hold_its_language_model_unnamed() -> None:
    inner = {**GROUPS, "cross_attention_layers": [1, 8], "vision_num_cross_attention_layers": 2}
    model = loaded({"model_type": "mllama", "text_config": inner})
    # layers 0 and 2 over the text, 1 over the picture; 8 is beyond the last
    shown = kvcalc.show(model, 100, kv_dtype="bf16", source_length=7)
    assert shown.stored == 2 * 2 * 11 * 2 * (2 * 100 + 7)
    assert "cross_attention_layers names [8], which 3 layers do not have" in model.notes


@pytest.mark.parametrize(("model_type", "kv_heads"), [("gemma", 16), ("gemma2", 4)])
def test_the_prefix_of_paligemma_looks_ahead_and_is_cached(model_type: str, kv_heads: int) -> None:
    """transformers 5.24.0, paligemma/configuration_paligemma.py sets it in its text_config."""
    inner = {"model_type": model_type, "num_hidden_layers": 3, "use_bidirectional_attention": True}
    model = loaded({"model_type": "paligemma", "text_config": inner})
    # heads of 256; 100 tokens are less than the window of Gemma 2
    assert stored(model) == 3 * 2 * kv_heads * 256 * 2 * 100


@pytest.mark.parametrize("wrapper", ["llm_cfg", "lm_config"])
def test_other_names_of_the_part_that_is_a_language_model(wrapper: str) -> None:
    # NVILA's llm_cfg, GLM-ASR's lm_config
    model = loaded({"model_type": "llava_llama", wrapper: {"model_type": "llama", **GROUPS}})
    assert stored(model) == GQA_11


def test_glm_5_calls_its_indexed_layers_by_another_name() -> None:
    """transformers 5.24.0, configuration_utils.py, _LEGACY_LAYER_TYPE_REMAP."""
    config = {"model_type": "glm_moe_dsa", "num_hidden_layers": 3}
    named = {**config, "layer_types": ["deepseek_sparse_attention"] * 3}
    assert stored(loaded(named)) == stored(loaded(config))


@pytest.mark.parametrize("sources", [[1, 1, 2], [0, 0, 1], [0, 0, 3], [0, -1, 2]])
def test_latents_are_read_from_an_earlier_layer_that_keeps_them(sources: list[int]) -> None:
    config = {
        "model_type": "mistral_large4_text",
        "num_hidden_layers": 3,
        "indexer_types": ["full", "shared", "shared"],
        "kv_source_layers": sources,
    }
    assert "kv_source_layers" in refused(config)


# falcon-11B's shape: its class knows no head_dim, and 66 / 6 = 11 is what it works out
def test_a_width_that_the_class_works_out_may_be_stated_too() -> None:
    falcon = {**GROUPS, "model_type": "falcon", "new_decoder_architecture": True}
    assert stored(loaded({**falcon, "num_kv_heads": 2, "head_dim": 11})) == GQA_11
    assert "head_dim" in refused({**falcon, "num_kv_heads": 2, "head_dim": 12})


def test_the_heads_by_which_whisper_times_words_are_no_others() -> None:
    # 2 layers x K and V x 6 x 11 x 2 B x (100 tokens + 1,500 of the source)
    whisper = {"model_type": "whisper", "d_model": 66, "decoder_layers": 2}
    model = loaded({**whisper, "decoder_attention_heads": 6, "alignment_heads": [[1, 2]]})
    assert stored(model) == 2 * 2 * 6 * 11 * 2 * 1600


DOTS3: Config = {"model_type": "dots3_note", "num_hidden_layers": 3, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ({"sliding_window_size": 13}, 13),
        ({"sliding_window": None, "sliding_window_size": 13}, 13),
        ({"sliding_window": 13, "sliding_window_size": 13}, 13),
        ({}, 512),
    ],
)
def test_the_released_dots3_note_calls_its_window_a_size(said: Config, window: int) -> None:
    """dots3_note/configuration_dots3_note.py 304-305: its size, where sliding_window is not."""
    tokens = 600
    full = 2 * tokens * ((512 + 64) * 2 + 128 + 4)
    assert stored(loaded({**DOTS3, **said}), tokens) == full + window * (1_024 + 64) * 2


def test_the_released_exaone_4_5_tells_of_its_mtp_layer() -> None:
    """LG's file: _num_mtp_layers beside num_nextn_predict_layers, and mtp_share_layers."""
    told = {"_num_mtp_layers": 1, "num_nextn_predict_layers": 1, "mtp_share_layers": True}
    config = {"model_type": "exaone4_5_text", **GROUPS, "sliding_window": None}
    assert stored(loaded({**config, **told})) == stored(loaded(config)) == GQA_11
