"""Configurations to measure: every causal-LM class default, or those of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

ROOM = 8192
"""Positions that a model must have for the longest context tried."""

POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_target_positions")

FILLED: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [9, 18, 27]},
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}
    },
    "deepseek_v2": {"first_k_dense_replace": 32},
    "dbrx": {"attn_config": {"kv_n_heads": 8, "rope_theta": 10000.0, "clip_qkv": 8.0}},
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6},
    "granitemoehybrid": {"layer_types": (["linear_attention"] * 7 + ["full_attention"]) * 4},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "jamba": {"num_hidden_layers": 8},
    "lfm2_moe": {"layer_types": (["conv"] * 3 + ["full_attention"]) * 8},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "reformer": {"is_decoder": True},
    "zamba": {
        "num_hidden_layers": 6,
        "layers_block_type": ["linear_attention", "linear_attention", "hybrid"] * 2,
    },
}
"""A sane field or two, where the class's own default cannot be built or takes minutes to run."""


def class_defaults(names: list[str] | None = None) -> Iterator[tuple[str, PreTrainedConfig | str]]:
    """Every causal-LM `model_type` and the default of its class, or why there is none."""
    for name in names or sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        try:
            config = CONFIG_MAPPING[name]()
            yield name, CONFIG_MAPPING[name](**_sane(name, config))
        except Exception as error:
            yield name, f"no class default: {type(error).__name__}"


def with_fields(
    more: dict[str, Any], names: list[str] | None = None
) -> Iterator[tuple[str, dict[str, Any], PreTrainedConfig | str]]:
    """Every causal-LM `model_type` with these fields, in a file that leaves all else to its class.

    Wrappers are left out: their fields are those of the model inside.
    """
    for name in names or sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        if "text_config" in CONFIG_MAPPING[name].sub_configs:
            continue
        try:
            fields = _sane(name, CONFIG_MAPPING[name]())
        except Exception as error:
            yield name, {}, f"no class default: {type(error).__name__}"
            continue
        data = {"model_type": name, **fields, **more}
        yield name, data, _read(data)


def _sane(name: str, config: PreTrainedConfig) -> dict[str, Any]:
    fields = dict(FILLED.get(name, {}))
    stated = config.to_dict()
    for position in POSITIONS:
        value = stated.get(position)
        if isinstance(value, int) and value < ROOM:
            fields[position] = ROOM
    if stated.get("is_decoder") is False and not config.is_encoder_decoder:
        fields["is_decoder"] = True
    return fields


def folder(path: Path) -> Iterator[tuple[str, dict[str, Any], PreTrainedConfig | str]]:
    """Every configuration in a folder, or in folders of models in it, as transformers reads it."""
    for file in sorted((*path.glob("*.json"), *path.glob("*/config.json"))):
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or "models" in data:
            continue
        yield file.stem if file.parent == path else file.parent.name, data, _read(data)


def _read(data: dict[str, Any]) -> PreTrainedConfig | str:
    name, inner = data.get("model_type"), data.get("text_config")
    if name not in CONFIG_MAPPING:
        return f"transformers does not know model_type {name!r}"
    if isinstance(inner, dict) and "text_config" not in CONFIG_MAPPING[name].sub_configs:
        # a language model's class does not unwrap what stands around it
        return _read({"model_type": name, **inner})
    try:
        return CONFIG_MAPPING[name].from_dict(dict(data))
    except Exception as error:
        return f"transformers does not read it: {type(error).__name__}"
