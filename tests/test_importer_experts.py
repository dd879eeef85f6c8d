"""The parameters of routed experts that configurations state, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from kvcalc.importers.assembly import Origin
from kvcalc.importers.experts import MAX_PARAMETERS, expert_parameters
from kvcalc.importers.huggingface import read_config
from tests.configurations import LLAMA, loaded

LATENT: dict[str, Any] = {
    "n_routed_experts": 256,
    "moe_intermediate_size": 2048,
    "hidden_size": 7168,
    "first_k_dense_replace": 3,
}
QWEN = {"num_experts": 128, "moe_intermediate_size": 768, "hidden_size": 2048}
LOCAL = {"num_local_experts": 8, "intermediate_size": 14336, "hidden_size": 4096}
LLAMA4 = {"num_local_experts": 16, "intermediate_size": 8192, "hidden_size": 5120}
JAMBA = {"num_experts": 16, "intermediate_size": 14336, "hidden_size": 4096}
JAMBA = {**JAMBA, "expert_layer_period": 2, "expert_layer_offset": 1}
ERNIE = {"moe_num_experts": 64, "moe_intermediate_size": 1536, "hidden_size": 2560}
ERNIE = {**ERNIE, "moe_layer_start_index": 1, "moe_layer_end_index": -1, "moe_layer_interval": 1}
NEMOTRON: dict[str, Any] = {
    "n_routed_experts": 128,
    "moe_intermediate_size": 1856,
    "hidden_size": 2688,
    "hybrid_override_pattern": "ME*E",
}
BLOCKS = {**NEMOTRON, "hybrid_override_pattern": None}
BLOCKS = {**BLOCKS, "layers_block_type": ["mamba", "moe", "moe"]}
KIMI_K3 = {"num_experts": 896, "moe_intermediate_size": 3072, "hidden_size": 7168}
KIMI_K3 = {**KIMI_K3, "routed_expert_hidden_size": 3584, "first_k_dense_replace": 1}
GEMMA = {"num_experts": 128, "moe_intermediate_size": 704, "hidden_size": 2816}
ONE, QWENS, LLAMAS = 3 * 7168 * 2048, 128 * 3 * 768 * 2048, 16 * 3 * 8192 * 5120
JAMBAS, ERNIES, NEMOTRONS = 16 * 3 * 14336 * 4096, 64 * 3 * 1536 * 2560, 128 * 2 * 1856


@pytest.mark.parametrize(
    ("kind", "config", "layers", "mtp", "parameters"),
    [
        ("deepseek_v3", LATENT, 61, 0, 58 * 256 * ONE),
        ("deepseek_v3", LATENT, 61, 1, 59 * 256 * ONE),
        ("kimi_k2", {**LATENT, "n_routed_experts": 384}, 61, 0, 58 * 384 * ONE),
        ("deepseek_v2", {**LATENT, "moe_layer_freq": 1}, 61, 0, 58 * 256 * ONE),
        ("deepseek_v2", {**LATENT, "moe_layer_freq": 2}, 61, 0, None),
        ("glm_moe_dsa", {**LATENT, "mlp_layer_types": ["dense", "sparse"]}, 2, 0, 256 * ONE),
        ("glm_moe_dsa", {**LATENT, "mlp_layer_types": ["dense", "sparse"]}, 3, 0, None),
        ("glm_moe_dsa", {**LATENT, "mlp_layer_types": ["dense", "other"]}, 2, 0, None),
        ("glm_moe_dsa", {**LATENT, "mlp_layer_types": "sparse"}, 2, 0, None),
        ("qwen3_moe", QWEN, 48, 0, 48 * QWENS),
        ("qwen3_moe", {**QWEN, "mlp_only_layers": [0, 2]}, 48, 0, 46 * QWENS),
        ("qwen3_moe", {**QWEN, "decoder_sparse_step": 2}, 48, 0, 24 * QWENS),
        ("qwen3_moe", {**QWEN, "decoder_sparse_step": 0}, 48, 0, None),
        ("qwen3_moe", {**QWEN, "mlp_only_layers": 5}, 48, 0, None),
        ("qwen3_next", QWEN, 48, 1, 49 * QWENS),
        ("mixtral", LOCAL, 32, 0, 32 * 8 * 3 * 14336 * 4096),
        ("llama4_text", {**LLAMA4, "interleave_moe_layer_step": 1}, 48, 0, 48 * LLAMAS),
        ("llama4_text", {**LLAMA4, "interleave_moe_layer_step": 2}, 48, 0, 24 * LLAMAS),
        ("llama4_text", {**LLAMA4, "moe_layers": [1, 3]}, 4, 0, 2 * LLAMAS),
        ("llama4_text", {**LLAMA4, "moe_layers": [1, 3]}, 1, 0, None),
        ("llama4_text", {**LLAMA4, "moe_layers": 2}, 4, 0, None),
        ("llama4_text", LLAMA4, 48, 0, None),
        ("jamba", JAMBA, 32, 0, 16 * JAMBAS),
        ("jamba", {**JAMBA, "expert_layer_offset": 2}, 32, 0, None),
        ("ernie4_5_moe", ERNIE, 28, 0, 27 * ERNIES),
        ("ernie4_5_moe", {**ERNIE, "moe_layer_interval": 2}, 28, 0, 14 * ERNIES),
        ("ernie4_5_moe", {**ERNIE, "moe_layer_end_index": None}, 28, 0, None),
        ("mimo_v2_flash", {**LATENT, "moe_layer_freq": [0, 1, 1]}, 3, 3, 2 * 256 * ONE),
        ("mimo_v2_flash", {**LATENT, "moe_layer_freq": [0, 1, 1]}, 4, 0, None),
        ("nemotron_h", NEMOTRON, 4, 0, 2 * NEMOTRONS * 2688),
        ("nemotron_h", {**NEMOTRON, "moe_latent_size": 1024}, 4, 0, 2 * NEMOTRONS * 1024),
        (
            "nemotron_h",
            {**NEMOTRON, "mtp_hybrid_override_pattern": "*E"},
            4,
            1,
            3 * NEMOTRONS * 2688,
        ),
        ("nemotron_h", NEMOTRON, 5, 0, None),
        ("nemotron_h", {**BLOCKS, "mtp_layers_block_type": ["moe"]}, 3, 1, 3 * NEMOTRONS * 2688),
        ("nemotron_h", BLOCKS, 3, 0, 2 * NEMOTRONS * 2688),
        ("nemotron_h", {**BLOCKS, "layers_block_type": 3}, 3, 0, None),
        ("kimi_linear", KIMI_K3, 93, 0, 92 * 896 * 3 * 3072 * 3584),
        ("gemma4_text", {**GEMMA, "enable_moe_block": True}, 30, 0, 30 * 128 * 3 * 704 * 2816),
        ("gemma4_text", GEMMA, 30, 0, None),
        ("deepseek_v4", LATENT, 43, 1, 44 * 256 * ONE),
        # what is not stated, or cannot be, and families that are not known
        ("deepseek_v3", {**LATENT, "first_k_dense_replace": None}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "first_k_dense_replace": 62}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "n_routed_experts": None}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "n_routed_experts": 0}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "n_routed_experts": True}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "n_routed_experts": 2.0}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "first_k_dense_replace": 61}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "hidden_size": 10**9}, 61, 0, None),
        ("deepseek_v3", {**LATENT, "hidden_size": MAX_PARAMETERS}, 61, 0, None),
        ("llama", LATENT, 61, 0, None),
        ("", LATENT, 61, 0, None),
    ],
)
def test_experts_are_those_that_are_stated(
    kind: str, config: dict[str, Any], layers: int, mtp: int, parameters: int | None
) -> None:
    assert expert_parameters(kind, config, layers, mtp) == parameters


MIXTRAL = {**LLAMA, "model_type": "mixtral", "num_local_experts": 8, "intermediate_size": 96}


def test_a_file_of_a_known_family_says_its_experts() -> None:
    assert loaded(MIXTRAL).expert_parameters == 4 * 8 * 3 * 96 * 64
    assert loaded(LLAMA).expert_parameters is None


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ({}, "bf16"),
        ({"torch_dtype": "float16"}, "fp16"),
        ({"torch_dtype": None, "dtype": "float32"}, "fp32"),
        ({"torch_dtype": "auto"}, None),
        ({"torch_dtype": None}, None),
        ({"quantization_config": {"quant_method": "fp8"}}, None),
    ],
)
def test_weights_that_nothing_quantizes_are_in_the_files_dtype(
    changes: dict[str, Any], dtype: str | None
) -> None:
    stored = loaded({**LLAMA, **changes}).weight_dtype
    assert (stored.name if stored else None) == dtype


def test_a_file_beside_may_quantize_them() -> None:
    beside = {"quantization": {"quant_algo": "FP8"}}
    assert read_config(LLAMA, Origin("config.json", quantized=beside)).weight_dtype is None
