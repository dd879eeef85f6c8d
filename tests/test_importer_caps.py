"""What a file may ask for: as many layers as are counted, whatever multiplies them."""

from __future__ import annotations

from typing import Any

import pytest

from kvcalc.importers.limits import MAX_FIELDS
from kvcalc.importers.storage import MAX_STRANGE
from kvcalc.importers.values import MAX_NUMBER
from kvcalc.model import MAX_ENTRIES, MAX_LAYERS
from tests.configurations import LLAMA, Config, loaded, refused

HUGE = 10**8


@pytest.mark.parametrize(
    ("config", "field"),
    [
        # 16 layers x H_cycles x (3 + 1)
        ({"model_type": "hrm_text", "H_cycles": HUGE}, "H_cycles"),
        ({"model_type": "hrm_text", "H_cycles": 20_000}, "H_cycles"),
        # 16 x 2 x 313 = 10,016 layers
        ({"model_type": "hrm_text", "L_cycles": 312}, "L_cycles"),
        # 36 layers, of which 8 begin and 8 end: 16 + 20 x 500 = 10,016
        ({"model_type": "dory", "n_recurrent_loops": HUGE}, "n_recurrent_loops"),
        ({"model_type": "dory", "n_recurrent_loops": 500}, "n_recurrent_loops"),
        # 24 layers, of which 6 to 17 come again: 12 + 12 x 833 = 10,008
        ({"model_type": "inkling2_loop_text", "loop_num_passes": HUGE}, "loop_num_passes"),
        ({"model_type": "inkling2_loop_text", "loop_num_passes": 833}, "loop_num_passes"),
        (
            {"model_type": "inkling2_loop_text", "loop_config": {"num_passes": HUGE}},
            "loop_config",
        ),
        (
            {"model_type": "gpt_neo", "attention_types": [[["global"], HUGE]]},
            "attention_types",
        ),
        # each of them makes fewer
        (
            {"model_type": "gpt_neo", "attention_types": [[["global", "local"], 4_000]] * 2},
            "attention_types",
        ),
    ],
)
def test_no_more_layers_are_made_than_are_counted(config: Config, field: str) -> None:
    assert f"{field} makes more than 10,000 layers" in refused(config)


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        # 16 x 2 x (311 + 1) = 9,984; 16 + 20 x 499 = 9,996; 12 + 12 x 832 = 9,996
        ({"model_type": "hrm_text", "L_cycles": 311}, 9_984),
        ({"model_type": "dory", "n_recurrent_loops": 499}, 9_996),
        ({"model_type": "inkling2_loop_text", "loop_num_passes": 832}, 9_996),
        ({**LLAMA, "num_hidden_layers": MAX_LAYERS}, 10_000),
    ],
)
def test_so_many_are_counted(config: Config, layers: int) -> None:
    assert len(loaded(config).layers) == layers


def test_layers_of_multi_token_prediction_are_capped_too() -> None:
    config = {"model_type": "deepseek_v3", "num_nextn_predict_layers": MAX_LAYERS + 1}
    assert "num_nextn_predict_layers is more than 10,000" in refused(config)


@pytest.mark.parametrize("value", [2**70, 1e300, MAX_NUMBER + 1])
@pytest.mark.parametrize(
    ("model_type", "field"),
    [
        ("llama", "num_attention_heads"),
        ("llama", "head_dim"),
        ("mistral", "sliding_window"),
        ("deepseek_v3", "kv_lora_rank"),
        ("mamba", "state_size"),
        ("mamba", "hidden_size"),
        ("xlstm", "hidden_size"),
        ("zaya", "cca_time0"),
        ("cpmant", "prompt_length"),
        ("recurrent_gemma", "lru_width"),
        ("glm_moe_dsa", "index_topk"),
    ],
)
def test_a_number_that_no_model_has_is_refused(model_type: str, field: str, value: Any) -> None:
    assert f"{field} is " in refused({"model_type": model_type, field: value})


def test_too_many_classes_are_no_model() -> None:
    stated = {**LLAMA, "architectures": ["LlamaForCausalLM"] * 1_001}
    assert "architectures names 1,001 classes" in refused(stated)


def test_a_class_name_as_long_as_a_file_is_none_that_is_known() -> None:
    config = {**LLAMA, "model_type": "", "architectures": ["For" * 300_000 + "A-"]}
    assert "no model_type" in refused({**config, "kv_strange": 1})


LAYERS = 300


@pytest.mark.parametrize(
    "lists",
    [
        {"num_key_value_heads": [2] * LAYERS, "head_dim": [8] * LAYERS},
        {"num_key_value_heads": [2] * LAYERS, "num_kv_heads": [2.0] * LAYERS},
        {"per_layer_config": {str(n): {"num_key_value_heads": 2} for n in range(LAYERS)}},
    ],
)
def test_lists_for_every_layer(lists: Config) -> None:
    # 300 layers x (2 + 2) x 8 x 2 B = 19,200 B a token
    config = {**LLAMA, "num_hidden_layers": LAYERS, **lists}
    assert loaded(config).stored(1) == 19_200


def test_layers_that_differ_by_one_number_all_count() -> None:
    # 2 x (1 + 2 + ... + 8) x 8 x 2 B = 2 x 36 x 16 B = 1,152 B a token, heads that divide 840
    heads = [1, 2, 3, 4, 5, 6, 7, 8]
    config = {**LLAMA, "num_hidden_layers": 8, "num_attention_heads": 840, "head_dim": 8}
    model = loaded({**config, "num_key_value_heads": heads})
    assert model.stored(1) == 1_152
    names = ("mqa", "gqa", "gqa_2", "gqa_3", "gqa_4", "gqa_5", "gqa_6", "gqa_7")
    assert model.layers == tuple((name,) for name in names)


def test_the_first_entry_of_a_layer_that_is_named_twice_counts_and_is_told() -> None:
    twice = {"1": {"head_dim": 16}, "01": {"head_dim": 32}}
    text = refused({**LLAMA, "per_layer_config": twice})
    assert "per_layer_config names layer 1 twice, as '1' and as '01'" in text


def test_unknown_fields_are_all_counted() -> None:
    strange = {f"kv_strange_{n}": 1 for n in range(2_000)}
    assert refused({**LLAMA, **strange}).count("is not a field that kvcalc knows") == 2_000


@pytest.mark.parametrize("model_type", ["llama", "unheard_of"])
def test_of_very_many_fields_the_number_is_told(model_type: str) -> None:
    strange = {f"s{n}": 1 for n in range(MAX_FIELDS)}
    text = refused({**LLAMA, "model_type": model_type, **strange})
    assert text == "the file has 40,006 fields: at most 40,000 are looked at"


def numbered(count: int) -> Config:
    return {f"s{n}": n for n in range(count)}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"model_type": "mpt", "attn_config": numbered(40_001)},
            "attn_config has 40,001 fields: at most 40,000 are looked at",
        ),
        (
            {"model_type": "llava", "text_config": {**LLAMA, **numbered(40_000)}},
            "text_config has 40,006 fields: at most 40,000 are looked at",
        ),
        ({"unheard": [numbered(40_001)]}, "unheard.0 has 40,001 fields"),
        ({"text_config": [numbered(40_001)]}, "text_config.0 has 40,001 fields"),
        ({"num_key_value_heads": [2] * 40_001}, "num_key_value_heads has 40,001 items"),
        # harmless to most families, and read by one
        ({"ple_layer_ids": [1] * 40_001}, "ple_layer_ids has 40,001 items"),
        ({"attention_types": [[["global"], 1]] * 20_000}, "more than 40,000 values"),
        # 6 + 1 of the file, 2, 30,000 of the one and 9,992 of the other
        ({"unheard": [numbered(30_000), numbered(9_992)]}, "more than 40,000 values"),
        (
            {"per_layer_config": {str(n): {"head_dim": 1, "zz": 1} for n in range(17_000)}},
            "more than 40,000 values",
        ),
    ],
)
def test_more_values_than_are_looked_at(fields: Config, told: str) -> None:
    assert told in refused({**LLAMA, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        # as many as are looked at: 6 + 1, 2, 30,000 and 9,991
        {"unheard": [numbered(30_000), numbered(9_991)]},
        # what nobody looks into: Emu3 lists 184,622 words
        {"vocabulary_map": numbered(184_622)},
        {"id2label": numbered(60_000), "label2id": numbered(60_000)},
        {"suppress_tokens": list(range(60_000))},
        {"quantization_config": {"quant_method": "x", "layers": numbered(100_000)}},
        # lists of experts of mixed precision: 61 layers x 256 experts x 3 projections
        {"quantization": {f"m.layers.{n}.up_proj": {"bits": 4, "sym": 1} for n in range(46_848)}},
    ],
)
def test_what_nobody_looks_into_may_be_long(fields: Config) -> None:
    assert loaded({**LLAMA, **fields}).stored(1) == 256


def test_of_very_many_fields_of_a_quantization_the_number_is_told() -> None:
    strange = {f"kv_{n}": 1 for n in range(MAX_STRANGE + 1)}
    text = refused({**LLAMA, "quantization_config": strange})
    told = "quantization_config has 101 fields that speak of the cache"
    assert text == f"{told}, none of which kvcalc knows"
    strange.popitem()
    text = refused({**LLAMA, "quantization_config": strange})
    assert text.count("is not a KV scheme that kvcalc knows") == MAX_STRANGE


@pytest.mark.parametrize("count", [MAX_ENTRIES, MAX_ENTRIES + 1])
def test_as_many_caches_may_differ_as_a_file_has_entries(count: int) -> None:
    config = {**LLAMA, "num_hidden_layers": count, "head_dim": [1 + n for n in range(count)]}
    if count <= MAX_ENTRIES:
        assert len(loaded(config).attention) == count
    else:
        assert refused(config) == "the layers keep 1,001 caches that differ; at most 1,000 are read"


def test_numbers_of_layers_beyond_the_last_are_idle_or_refused() -> None:
    many = list(range(LAYERS * 100))
    config = {"model_type": "zamba2", "num_hidden_layers": LAYERS, "hybrid_layer_ids": many}
    assert len(loaded(config).layers) == LAYERS
    config = {"model_type": "bamba", "num_hidden_layers": LAYERS, "attn_layer_indices": many}
    assert f"attn_layer_indices names layer {LAYERS}" in refused(config)
