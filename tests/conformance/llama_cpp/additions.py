"""What is added to a header before llama.cpp reads it: keys that it asks for and no cache needs.

Headers that are made of a model hold what its cache depends on. Norms, experts, ranks of queries
and widths of feed-forward layers are not among it, and a loader wants them all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LACKING: Mapping[str, Any] = {
    "vocab_size": 10_240,
    "context_length": 131_072,
    "feed_forward_length": 384,
    "leading_dense_block_count": 1,
    "interleave_moe_layer_step": 1,
    "moe_every_n_layers": 2,
    "logit_scale": 1.0,
    "residual_scale": 1.0,
    "features_length": 256,
    "embedding_length_per_layer_input": 64,
    "use_parallel_residual": False,
    "attention.layer_norm_epsilon": 1e-5,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "attention.group_norm_epsilon": 1e-5,
    "attention.group_norm_groups": 8,
    "attention.clamp_kqv": 1.0,
    "attention.max_alibi_bias": 8.0,
    "attention.q_lora_rank": 512,
    "attention.relative_buckets_count": 8,
    "attention.output_group_count": 8,
    "attention.output_lora_rank": 32,
    "attention.compress_rope_freq_base": 160_000.0,
    "attention.indexer.local_blocks": 1,
    "attention.decay_lora_rank": 16,
    "attention.iclr_lora_rank": 16,
    "attention.value_residual_mix_lora_rank": 16,
    "attention.gate_lora_rank": 16,
    "rope.freq_base_swa": 10_000.0,
    "rope.dimension_sections": [16, 24, 24, 0],
    "expert_feed_forward_length": 384,
    "expert_shared_feed_forward_length": 192,
    "expert_latent_length": 384,
    "expert_shared_count": 1,
    "expert_group_scale": 1.0,
    "expert_gating_func": 2,
    "expert_weights_scale": 1.0,
    "expert_weights_norm": True,
    "experts_per_group": 1,
    "hash_layer_count": 0,
    "swiglu_clamp_exp": 10.0,
    "time_mix_extra_dim": 64,
    "time_decay_extra_dim": 128,
    "hyper_connection.count": 4,
    "hyper_connection.sinkhorn_iterations": 2,
    "hyper_connection.epsilon": 1e-6,
    "hyper_connection.magnitude": 2.0,
    "hyper_connection.low_rank": 8,
    "attn_res.block_size": 12,
    "activation.situ_beta": 4.0,
    "activation.situ_linear_beta": 25.0,
    "kda.safe_gate": True,
    "kda.gate_lower_bound": -5.0,
    "xielu.alpha_n": 1.0,
    "xielu.alpha_p": 1.0,
    "xielu.beta": 1.0,
    "xielu.eps": 1e-7,
}
"""A value for each key that a loader has been seen to want, as llama.cpp's tests have them.

None decides what a cache takes: a key that does is never made up, and a header without it has no
answer.
"""

ALWAYS = ("vocab_size", "context_length", "feed_forward_length")

EXPERTS: Mapping[str, Any] = {
    "expert_count": 2,
    "expert_used_count": 2,
    "expert_feed_forward_length": 384,
    "expert_shared_feed_forward_length": 192,
    "expert_shared_count": 1,
    "expert_gating_func": 2,
}

OF_EXPERTS = frozenset(
    """
    afmoe arctic bailingmoe bailingmoe2 bailingmoe3 cohere2moe dbrx deepseek deepseek2 deepseek2-ocr
    deepseek32 deepseek4 dots1 dots3note ernie4_5-moe exaone-moe glm-dsa glm4moe glm5-next gpt-oss
    granitemoe grok grovemoe hunyuan-moe hy_v3 hy_v4 kimi-k3 kimi-linear laguna lfm2moe llada-moe
    llama4 maple mellum mimo2 minimax-01 minimax-m2 minimax-m3 mistral4 nemotron_h_moe olmoe phimoe
    qwen2moe qwen35moe qwen3moe qwen3next qwen3vlmoe qwen4exp rnd1 smallthinker step35
    """.split()  # noqa: SIM905
)
"""Architectures that have experts throughout: without them an assertion fails, and names no key."""

OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "rwkv7": {"attention.gate_lora_rank": 16},
    "deepseek4": {"expert_gating_func": 4},
    "cohere2moe": {"attention.layer_norm_rms_epsilon": 1e-5},
    "bailingmoe3": {"rope.dimension_sections": [8, 12, 12, 0]},
}
"""Where one takes another value than the rest, or tells what it lacks in words of its own."""


def without_prediction(keys: Mapping[str, Any]) -> dict[str, Any]:
    """A header of the trunk alone: its MTP layers are in a context of their own."""
    layers, predicting = keys.get("block_count"), keys.get("nextn_predict_layers")
    if not isinstance(layers, int) or not predicting:
        return dict(keys)
    trunk = layers - predicting
    kept = {name: value for name, value in keys.items() if name != "nextn_predict_layers"}
    for name, value in kept.items():
        if isinstance(value, list) and len(value) == layers:
            kept[name] = value[:trunk]
    return {**kept, "block_count": trunk}


def completed(architecture: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """A header's keys, behind what every model has, and every model of experts."""
    added = {name: LACKING[name] for name in ALWAYS}
    added |= EXPERTS if architecture in OF_EXPERTS else {}
    return {**added, **OTHERWISE.get(architecture, {}), **keys}


def lacking(key: str) -> dict[str, Any]:
    """A key that a loader asks for, with a value; nothing where it decides what a cache takes."""
    return {key: LACKING[key]} if key in LACKING else {}
