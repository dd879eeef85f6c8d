"""What is added to a configuration before vLLM reads it: what its constructor asks for.

Files that are class defaults, or were shortened, lack fields that vLLM builds layers from: routers
of experts, scales, norms. No size of a cache depends on any of them. kvcalc gets the file as it is.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

ROUTING = "how experts are chosen"
PARTS = "what a layer is built of besides its attention"
NAMED = "under what name vLLM has the class"

MISSING: dict[str, tuple[str, dict[str, Any]]] = {
    "bailing_hybrid": (
        PARTS,
        {
            "no_kda_lora": True,
            "moe_shared_expert_intermediate_size": 768,
            "num_experts_per_tok": 8,
            "use_bias": False,
            "use_qkv_bias": False,
            "use_qk_norm": True,
        },
    ),
    "deepseek_v2": (
        ROUTING,
        {
            "n_group": 8,
            "topk_group": 3,
            "topk_method": "group_limited_greedy",
            "scoring_func": "softmax",
        },
    ),
    "dots1": (
        ROUTING,
        {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6},
    ),
    "glm5_next": (
        PARTS,
        {
            "text_config.mhc": False,
            "text_config.mla_use_nope": True,
            "text_config.indexer_rope_interleave": True,
            "text_config.topk_method": "noaux_tc",
            "text_config.scoring_func": "sigmoid",
        },
    ),
    "hy_v3": (
        PARTS,
        {
            "first_k_dense_replace": 1,
            "expert_hidden_dim": 1536,
            "route_norm": True,
            "qk_norm": True,
        },
    ),
    "inkling_mm_model": (
        f"the vocabulary, and {ROUTING}",
        {
            "text_config.vocab_size": 200_064,
            "text_config.padded_vocab_size": 200_064,
            "text_config.n_routed_experts": 64,
            "text_config.n_shared_experts": 1,
            "text_config.num_experts_per_tok": 4,
            "text_config.shared_expert_sink": True,
        },
    ),
    "kimi_linear": (
        PARTS,
        {
            "intermediate_size": 9216,
            "moe_intermediate_size": 1024,
            "num_shared_experts": 1,
            "first_k_dense_replace": 1,
            "moe_layer_freq": 1,
            "moe_renormalize": True,
            "moe_router_activation_func": "sigmoid",
            "num_expert_group": 1,
            "topk_group": 1,
            "routed_scaling_factor": 2.446,
            "rms_norm_eps": 1e-5,
            "model_max_length": 1_048_576,
        },
    ),
    "longcat_flash": (
        PARTS,
        {
            "attention_method": "MLA",
            "mla_scale_q_lora": True,
            "mla_scale_kv_lora": True,
            "zero_expert_type": "identity",
        },
    ),
    "minimax_m2": (ROUTING, {"scoring_func": "sigmoid"}),
    "minimax_m3": ("the activation", {"swiglu_beta": 1.0}),
    "muse_spark": (ROUTING, {"text_config.num_shared_experts": 0}),
    "qwen4_exp": (PARTS, {"output_gate_type": "silu", "text_config.output_gate_type": "silu"}),
}
"""By model_type: why, and the fields, which a file's own values go before."""

CHANGED: dict[str, tuple[str, dict[str, Any]]] = {
    "bailing_hybrid": (NAMED, {"architectures": ["BailingMoeV3ForCausalLM"]}),
    "cohere2_moe": (NAMED, {"architectures": ["Cohere2MoeForCausalLM"]}),
    "gemma3n_text": (NAMED, {"architectures": ["Gemma3nForCausalLM"]}),
    "inkling_mm_model": (NAMED, {"architectures": ["InklingForConditionalGeneration"]}),
    "minimax_m3": (NAMED, {"architectures": ["MiniMaxM3SparseForCausalLM"]}),
    "ministral3": (
        "it is the wrapper's class, with fields of the model inside",
        {"model_type": "mistral3"},
    ),
    "nemotron-nas": ("its code lies with the checkpoint", {"auto_map": None}),
    "step3_vl": (
        "which layers have experts: text that vLLM splits",
        {"text_config.moe_layers_enum": ",".join(map(str, range(4, 60)))},
    ),
}
"""By model_type: why, and the fields that take the place of a file's own; None takes one out."""

UNWRAPPED = ("cohere2_moe",)
"""Model types whose text model is served by itself: its fields move out of text_config."""

MAMBA2_BY_ITS_AUTHORS = {"expand": 2, "head_dim": 64, "state_size": 128, "n_groups": 1}
"""The defaults of the authors' own Mamba2, whose files say d_model and n_layer alone."""


def completed(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as vLLM gets it: the file's, with what its model_type lacks."""
    kind = config.get("model_type")
    if kind is None and config.get("ssm_cfg", {}).get("layer") == "Mamba2":
        return _mamba2(config)
    done = deepcopy(config)
    if kind in UNWRAPPED:
        done |= done.pop("text_config", {})
    for name, value in MISSING.get(str(kind), ("", {}))[1].items():
        if _place(done, name).get(_last(name)) is None:
            _place(done, name)[_last(name)] = value
    for name, value in CHANGED.get(str(kind), ("", {}))[1].items():
        if value is None:
            _place(done, name).pop(_last(name), None)
        else:
            _place(done, name)[_last(name)] = value
    return done


def _place(config: dict[str, Any], name: str) -> dict[str, Any]:
    for part in name.split(".")[:-1]:
        config = config.setdefault(part, {})
    return config


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _mamba2(config: dict[str, Any]) -> dict[str, Any]:
    """The authors' file in the words of transformers, which vLLM has the class by."""
    sizes = MAMBA2_BY_ITS_AUTHORS
    return {
        "architectures": ["Mamba2ForCausalLM"],
        "model_type": "mamba2",
        "hidden_size": config["d_model"],
        "num_hidden_layers": config["n_layer"],
        "num_heads": config["d_model"] * sizes["expand"] // sizes["head_dim"],
        "vocab_size": config["vocab_size"],
        "conv_kernel": 4,
        **sizes,
    }
