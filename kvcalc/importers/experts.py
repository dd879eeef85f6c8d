"""The parameters of routed experts, where a configuration of a known family states what it takes.

Where any of it is left to a class, or to somebody's memory, nothing is said. Read off transformers
5.24.0 (models/*/modeling_*.py), where an expert is a gate, an up and a down projection, without the
gate in Nemotron-H; and for multi-token prediction off vLLM 0.33.0 (models/*_mtp.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

MAX_PARAMETERS = 10**16
"""As many as a file of kvcalc's own may state."""
MAX_WIDTH = 10**9

Config = Mapping[str, Any]
Sparse = Callable[[Config, int], int | None]
"""How many of so many layers have experts; None where that is not stated."""


@dataclass(frozen=True)
class Experts:
    """How the experts of a family are stated.

    count    the field that says how many there are in a layer
    width    the field of their inner width
    layers   which layers have them
    mtp      whether the layers of multi-token prediction have them too
    outer    fields of their outer width, of which the first that is stated counts
    matrices how many projections one of them has
    """

    count: str
    width: str
    layers: Sparse
    mtp: bool = False
    outer: tuple[str, ...] = ("hidden_size",)
    matrices: int = 3


def expert_parameters(kind: str, config: Config, layers: int, mtp: int) -> int | None:
    """Those of all layers and of `mtp` more, for a `model_type`; None where that is not certain."""
    family = FAMILIES.get(kind)
    if family is None:
        return None
    outer = next((name for name in family.outer if config.get(name) is not None), "")
    numbers = [_number(config.get(name)) for name in (family.count, family.width, outer)]
    sparse = family.layers(config, layers)
    if None in numbers or sparse is None:
        return None
    sparse += mtp if family.mtp else 0
    total = sparse * family.matrices * prod(n for n in numbers if n is not None)
    return total if 0 < total <= MAX_PARAMETERS else None


def _number(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and whole and 0 < value <= MAX_WIDTH else None


def _every(_: Config, layers: int) -> int | None:
    return layers


def _behind(config: Config, layers: int) -> int | None:
    """All but the first so many, or as a list of all layers says."""
    listed = config.get("mlp_layer_types")
    if listed is not None:
        whole = isinstance(listed, list) and len(listed) == layers
        return listed.count("sparse") if whole and {*map(str, listed)} <= _KINDS else None
    dense, every = config.get("first_k_dense_replace"), config.get("moe_layer_freq", 1)
    if type(dense) is not int or not 0 <= dense <= layers or every != 1:
        return None
    return layers - dense


_KINDS = {"dense", "sparse"}


def _stepped(config: Config, layers: int) -> int | None:
    """Every so many, but for those that are named."""
    step, dense = config.get("decoder_sparse_step", 1), config.get("mlp_only_layers")
    if type(step) is not int or step < 1 or not isinstance(dense or [], list):
        return None
    return sum((n + 1) % step == 0 and n not in (dense or []) for n in range(layers))


def _flagged(config: Config, layers: int) -> int | None:
    """As a list of ones and zeros says."""
    flags = config.get("moe_layer_freq")
    whole = isinstance(flags, list) and len(flags) == layers
    return flags.count(1) if isinstance(flags, list) and whole else None


def _every_so_many(config: Config, layers: int) -> int | None:
    period, offset = config.get("expert_layer_period"), config.get("expert_layer_offset")
    if type(period) is not int or type(offset) is not int or not 0 <= offset < period:
        return None
    return len(range(offset, layers, period))


def _interleaved(config: Config, layers: int) -> int | None:
    listed, step = config.get("moe_layers"), config.get("interleave_moe_layer_step")
    if isinstance(listed, list):
        return len(listed) if len(listed) <= layers else None
    if listed is not None or type(step) is not int or step < 1:
        return None
    return layers // step


def _between(config: Config, layers: int) -> int | None:
    names = ("moe_layer_start_index", "moe_layer_end_index", "moe_layer_interval")
    first, last, step = (config.get(name) for name in names)
    if type(first) is not int or type(last) is not int or type(step) is not int or step < 1:
        return None
    last = layers - 1 if last == -1 else last
    return sum((n + 1) % step == 0 and first <= n <= last for n in range(layers))


def _lettered(config: Config, layers: int) -> int | None:
    """As a letter, or a word, for each layer says, and for the layers of prediction another."""
    for letter, own, more in (
        ("E", "hybrid_override_pattern", "mtp_hybrid_override_pattern"),
        ("moe", "layers_block_type", "mtp_layers_block_type"),
    ):
        kinds, predicting = config.get(own), config.get(more) or ""
        if isinstance(kinds, str | list) and isinstance(predicting, str | list):
            return kinds.count(letter) + predicting.count(letter) if len(kinds) == layers else None
    return None


def _where_switched_on(config: Config, layers: int) -> int | None:
    return layers if config.get("enable_moe_block") is True else None


_LATENT = Experts("n_routed_experts", "moe_intermediate_size", _behind)
_LATENT_MTP = Experts("n_routed_experts", "moe_intermediate_size", _behind, mtp=True)
_QWEN = Experts("num_experts", "moe_intermediate_size", _stepped)
_QWEN_MTP = Experts("num_experts", "moe_intermediate_size", _stepped, mtp=True)
_LOCAL = Experts("num_local_experts", "intermediate_size", _every)

FAMILIES: Mapping[str, Experts] = {
    **dict.fromkeys(("deepseek_v2", "dots1", "kimi_k2"), _LATENT),
    **dict.fromkeys(("deepseek_v3", "deepseek_v32", "glm4_moe", "glm_moe_dsa"), _LATENT_MTP),
    "glm4_moe_lite": _LATENT_MTP,
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "qwen3_vl_moe_text"), _QWEN),
    **dict.fromkeys(("qwen3_next", "qwen3_5_moe_text"), _QWEN_MTP),
    **dict.fromkeys(("mixtral", "phimoe", "gpt_oss", "minimax_m2", "granitemoe"), _LOCAL),
    **dict.fromkeys(("minimax_text_01", "minimax_m1", "granitemoehybrid"), _LOCAL),
    "kimi_linear": Experts(
        "num_experts", "moe_intermediate_size", _behind,
        outer=("routed_expert_hidden_size", "hidden_size"),
    ),
    "olmoe": Experts("num_experts", "intermediate_size", _every),
    "llama4_text": Experts("num_local_experts", "intermediate_size", _interleaved),
    "gemma4_text": Experts("num_experts", "moe_intermediate_size", _where_switched_on),
    "jamba": Experts("num_experts", "intermediate_size", _every_so_many),
    "ernie4_5_moe": Experts("moe_num_experts", "moe_intermediate_size", _between),
    # its layers of prediction are dense
    "mimo_v2_flash": Experts("n_routed_experts", "moe_intermediate_size", _flagged),
    "deepseek_v4": Experts("n_routed_experts", "moe_intermediate_size", _every, mtp=True),
    "nemotron_h": Experts(
        "n_routed_experts", "moe_intermediate_size", _lettered,
        outer=("moe_latent_size", "hidden_size"), matrices=2,
    ),
}  # fmt: skip
