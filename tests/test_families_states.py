"""Families with latents, states and convolutions: what a small configuration of each keeps.

Every number is worked out by hand from the code that is named beside it, as a sum of products. The
files of transformers are those of 5.24.0, below models/; a family's own are named in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

import kvcalc
from kvcalc.errors import InputError
from kvcalc.importers.families.compressed import COMPRESSED
from kvcalc.importers.families.convolution import CONVOLUTION
from kvcalc.importers.families.latent import LATENT
from kvcalc.importers.families.linear import LINEAR_ATTENTION
from kvcalc.importers.families.mamba import MAMBA
from kvcalc.importers.families.recurrent import RECURRENT
from kvcalc.importers.families.special import SPECIAL
from kvcalc.importers.family import Family
from tests.configurations import Config, loaded, refused

BF16, FP32, FP8 = 2, 4, 1
"""Bytes of an element."""
K_AND_V = 2
SCALE = 4
"""An fp32 scale beside each fp8 index key: the ideal's layout."""
T = 13
"""The context, where a row does not say another."""


@dataclass(frozen=True)
class Row:
    """A configuration, and what it keeps after `context` tokens.

    stored        bytes of the ideal
    transformers  bytes of transformers' cache; None where the family's code is not in there
    source        the code that the numbers are taken from
    zeros         fields of it that may be 0
    words         fields of it that are no whole number and no list
    """

    types: tuple[str, ...]
    config: Config
    stored: int
    transformers: int | None
    source: str
    context: int = T
    zeros: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return self.types[0] + self.note


MLA: Config = {
    "num_attention_heads": 6,
    "kv_lora_rank": 20,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 10,
    "v_head_dim": 14,
}
LATENT_AND_ROPE = (20 + 4) * BF16
"""MLA above, a token of one layer: the latent, and one RoPE key for all heads."""
INDEX: Config = {"index_n_heads": 3, "index_head_dim": 8, "index_topk": 5}
IDEAL_KEY = 8 * FP8 + SCALE
"""INDEX above, a token of one layer."""
CACHED_KEY = 8 * BF16

LATENT_ROWS = (
    Row(
        ("axk1",),
        {"num_hidden_layers": 3, **MLA},
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "axk1/modeling_axk1.py 461: the cache takes the latent and the rotated key",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("axk2",),
        {"num_hidden_layers": 3, **MLA, **INDEX},
        3 * T * (LATENT_AND_ROPE + IDEAL_KEY),
        3 * T * (LATENT_AND_ROPE + CACHED_KEY),
        "axk2/modeling_axk2.py 262, 609: latents, and an index key per token in the model's dtype",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("deepseek_v2",),
        {"num_hidden_layers": 5, **MLA},
        5 * T * LATENT_AND_ROPE,
        5 * T * LATENT_AND_ROPE,
        "deepseek_v2/modeling_deepseek_v2.py 396",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("deepseek_v2", "deepseek_vl_v2", "deepseek-ocr"),
        {
            "num_hidden_layers": 5,
            "hidden_size": 66,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "use_mla": False,
        },
        5 * T * K_AND_V * 2 * 11 * BF16,
        5 * T * K_AND_V * 2 * 11 * BF16,
        "DeepSeek-OCR, modeling_deepseekv2.py: mha_eager is Llama's attention",
        words=("use_mla",),
        note=" without latents",
    ),
    Row(
        ("deepseek_vl_v2", "deepseek-ocr"),
        {"num_hidden_layers": 5, **MLA},
        5 * T * LATENT_AND_ROPE,
        5 * T * LATENT_AND_ROPE,
        "DeepSeek-VL2, modeling_deepseek.py: the attention of deepseek_v2",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("deepseek_v3", "kimi_k2", "k3_dspark"),
        {"num_hidden_layers": 7, **MLA},
        7 * T * LATENT_AND_ROPE,
        7 * T * LATENT_AND_ROPE,
        "deepseek_v3/modeling_deepseek_v3.py 460; Kimi-K2 is this class, and vLLM's k3_dspark",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("deepseek_v32",),
        {"num_hidden_layers": 3, **MLA, **INDEX},
        3 * T * (LATENT_AND_ROPE + IDEAL_KEY),
        3 * T * (LATENT_AND_ROPE + CACHED_KEY),
        "deepseek_v32/modeling_deepseek_v32.py 226, 430",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("dots3_note_text", "dots3_note"),
        # no layer_types: 0, 1 and 5 are indexed, 2 to 4 slide
        {
            "num_hidden_layers": 6,
            **MLA,
            **INDEX,
            "sliding_window": 5,
            "swa_num_attention_heads": 2,
            "swa_kv_lora_rank": 12,
            "swa_head_dim": 17,
            "swa_qk_nope_head_dim": 14,
            "swa_v_head_dim": 9,
        },
        # the RoPE key of a sliding layer is 17 - 14 wide
        3 * T * (LATENT_AND_ROPE + IDEAL_KEY) + 3 * 5 * (12 + 3) * BF16,
        # index keys are rotated by fp32 angles and stay fp32
        3 * T * (LATENT_AND_ROPE + 8 * FP32) + 3 * 4 * (12 + 3) * BF16,
        "dots3_note/modeling_dots3_note.py 263-266, 561-564, 746-753",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("glm4_moe_lite",),
        {"num_hidden_layers": 3, **MLA},
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "glm4_moe_lite/modeling_glm4_moe_lite.py 333",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("glm_moe_dsa",),
        {"num_hidden_layers": 3, **MLA, **INDEX, "indexer_types": ["full", "shared", "full"]},
        3 * T * LATENT_AND_ROPE + 2 * T * IDEAL_KEY,
        3 * T * LATENT_AND_ROPE + 2 * T * CACHED_KEY,
        "glm_moe_dsa/modeling_glm_moe_dsa.py 227, 399: a shared layer has no indexer",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("hy_v4",),
        # indexers of their own: layers 0, 1 and 5
        {"num_hidden_layers": 6, **MLA, **INDEX},
        6 * T * LATENT_AND_ROPE + 3 * T * IDEAL_KEY,
        6 * T * LATENT_AND_ROPE + 3 * T * CACHED_KEY,
        "hy_v4/configuration_hy_v4.py 137-160, modeling_hy_v4.py 228-238: the model's dtype again",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("hy_v4_vl_text",),
        {"num_hidden_layers": 6, **MLA, **INDEX},
        6 * T * LATENT_AND_ROPE + 3 * T * IDEAL_KEY,
        6 * T * LATENT_AND_ROPE + 3 * T * CACHED_KEY,
        "hy_v4_vl/configuration_hy_v4_vl.py: as hy_v4",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("mistral_large4_text", "mistral_large4"),
        {
            "num_hidden_layers": 5,
            **MLA,
            **INDEX,
            "indexer_types": ["full", "full", "shared", "full", "shared"],
            "kv_source_layers": [0, 1, 1, 3, 4],
        },
        # layer 2 reads the latents of layer 1 and keeps none; layers 2 and 4 have no indexer;
        # every fourth layer, 3 here, is without RoPE
        3 * T * LATENT_AND_ROPE + T * 20 * BF16 + 3 * T * IDEAL_KEY,
        3 * T * LATENT_AND_ROPE + T * 20 * BF16 + 3 * T * CACHED_KEY,
        "mistral_large4/configuration_mistral_large4.py, kv_sharing_modes; modeling 264, 338-442",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("mistral_large4_text", "mistral_large4"),
        {
            "num_hidden_layers": 3,
            **MLA,
            **INDEX,
            "indexer_types": ["full", "full", "full"],
            "kv_source_layers": [0, 0, 2],
        },
        # layer 1 reads the latents of layer 0, and keeps index keys of its own
        2 * T * LATENT_AND_ROPE + 3 * T * IDEAL_KEY,
        2 * T * LATENT_AND_ROPE + 3 * T * CACHED_KEY,
        "mistral_large4/configuration_mistral_large4.py 204-210: reuse_but_indexer",
        zeros=("qk_rope_head_dim",),
        note=" with index keys beside another's latents",
    ),
    Row(
        ("longcat_flash",),
        {"num_layers": 3, **MLA},
        2 * 3 * T * LATENT_AND_ROPE,
        2 * 3 * T * LATENT_AND_ROPE,
        "longcat_flash/modeling_longcat_flash.py 462: two attentions a layer, a cache each",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("longcat_flash_lite_sparse",),
        {"num_layers": 3, **MLA, **INDEX, "cli_factor": 2, "attention_method": "LSA"},
        2 * 3 * T * LATENT_AND_ROPE + 3 * T * IDEAL_KEY,
        None,
        "unsloth/models/longcat_lsa.py: the first of two attentions has the indexer",
        zeros=("qk_rope_head_dim",),
        words=("attention_method",),
    ),
    Row(
        ("minicpm3",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 42,
            "num_attention_heads": 6,
            "kv_lora_rank": 20,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 10,
        },
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "minicpm3/modeling_minicpm3.py 341",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("mistral4",),
        {"num_hidden_layers": 3, **MLA},
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "mistral4/modeling_mistral4.py 474",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("sarvam_mla",),
        {"num_hidden_layers": 3, **MLA},
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "auto/modeling_auto.py 561: loaded as DeepSeek-V3",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("youtu",),
        {"num_hidden_layers": 3, **MLA},
        3 * T * LATENT_AND_ROPE,
        3 * T * LATENT_AND_ROPE,
        "youtu/modeling_youtu.py 370",
        zeros=("qk_rope_head_dim",),
    ),
)

HEADS: Config = {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 11}
KV = K_AND_V * 3 * 11 * BF16
"""HEADS above, a token of one layer."""
GDN: Config = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 6,
    "linear_key_head_dim": 5,
    "linear_value_head_dim": 7,
    "linear_conv_kernel_dim": 4,
}
GDN_STATE = 6 * 7 * 5 * FP32
GDN_CHANNELS = 2 * 2 * 5 + 6 * 7
"""GDN above: queries and keys of the key heads, values of the value heads."""
KDA_CONFIG = {"num_heads": 3, "head_dim": 5, "short_conv_kernel_size": 4}
KDA_STATE = 3 * 5 * 5 * FP32
KDA_CHANNELS = 3 * 3 * 5

LINEAR_ROWS = (
    Row(
        ("qwen3_next",),
        {"num_hidden_layers": 5, "full_attention_interval": 2, **HEADS, **GDN},
        # full: 1 and 3
        3 * (GDN_STATE + 3 * GDN_CHANNELS * BF16) + 2 * T * KV,
        3 * (GDN_STATE + 4 * GDN_CHANNELS * BF16) + 2 * T * KV,
        "qwen3_next/modeling_qwen3_next.py 594-600, 697, 758; cache_utils.py 1244-1282: K columns",
    ),
    Row(
        ("qwen3_5_text", "qwen3_5"),
        {
            "num_hidden_layers": 3,
            "full_attention_interval": 3,
            **HEADS,
            **GDN,
            "mamba_ssm_dtype": "float32",
        },
        2 * (GDN_STATE + 3 * GDN_CHANNELS * BF16) + 1 * T * KV,
        2 * (GDN_STATE + 4 * GDN_CHANNELS * BF16) + 1 * T * KV,
        "qwen3_5/modeling_qwen3_5.py 511-517, 585, 647",
        words=("mamba_ssm_dtype",),
    ),
    Row(
        ("qwen3_5_moe_text", "qwen3_5_moe"),
        {"num_hidden_layers": 4, **HEADS, **GDN},
        # full: 3, the last of four
        3 * (GDN_STATE + 3 * GDN_CHANNELS * BF16) + 1 * T * KV,
        3 * (GDN_STATE + 4 * GDN_CHANNELS * BF16) + 1 * T * KV,
        "qwen3_5_moe/configuration_qwen3_5_moe.py 121-128",
    ),
    Row(
        ("qwen4_exp_text", "qwen4_exp"),
        {
            "num_hidden_layers": 4,
            "hidden_size": 8,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 11,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 6,
            "linear_key_head_dim": 5,
            "linear_value_head_dim": 7,
            "ple_layer_ids": [2],
            "indexer_n_heads": 2,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 9,
            "indexer_budget": 8,
            "indexer_compress_ratio": 4,
        },
        # the last layer is indexed, with a key per block of four: 13 = 3 x 4 + 1
        T * K_AND_V * 3 * 11 * BF16
        + 3 * 9 * BF16
        + 3 * (6 * 5 * 7 * FP32 + 3 * (2 * 2 * 5 + 6 * 7) * BF16)
        # n-grams in the second: 8 x 4 streams, (4 - 1) x 3 columns
        + 8 * 4 * 9 * BF16,
        T * K_AND_V * 3 * 11 * BF16
        + T * 9 * BF16
        + 3 * (6 * 5 * 7 * FP32 + 4 * (2 * 2 * 5 + 6 * 7) * BF16)
        + 8 * 4 * 9 * BF16,
        "qwen4_exp/modeling_qwen4_exp.py 690-760, 1206-1248, measured with a model of four layers",
    ),
    Row(
        ("olmo_hybrid",),
        {
            "num_hidden_layers": 4,
            "hidden_size": 40,
            "num_attention_heads": 5,
            "linear_conv_kernel_dim": 3,
        },
        # key heads 5 x int(0.75 x 40 / 5) = 6, value heads 5 x 12, full heads 5 x 8
        3 * (5 * 6 * 12 * FP32 + 2 * (2 * 5 * 6 + 5 * 12) * BF16) + 1 * T * K_AND_V * 5 * 8 * BF16,
        3 * (5 * 6 * 12 * FP32 + 3 * (2 * 5 * 6 + 5 * 12) * BF16) + 1 * T * K_AND_V * 5 * 8 * BF16,
        "olmo_hybrid/configuration_olmo_hybrid.py 120-141, modeling_olmo_hybrid.py 592-607",
    ),
    Row(
        ("lara_mini",),
        {"num_hidden_layers": 5, "sliding_window": 6, **HEADS, **GDN},
        # linear 0 and 2, sliding 1 and 4, full 3
        2 * (GDN_STATE + 3 * GDN_CHANNELS * BF16) + 2 * 6 * KV + 1 * T * KV,
        2 * (GDN_STATE + 4 * GDN_CHANNELS * BF16) + 2 * 5 * KV + 1 * T * KV,
        "lara_mini/configuration_lara_mini.py 121-131, modeling_lara_mini.py 577-583",
    ),
    Row(
        ("kimi_linear",),
        {
            "num_hidden_layers": 3,
            **MLA,
            "linear_attn_config": {"full_attn_layers": [2], "kda_layers": [1, 3], **KDA_CONFIG},
        },
        2 * (KDA_STATE + 3 * KDA_CHANNELS * BF16) + 1 * T * LATENT_AND_ROPE,
        2 * (KDA_STATE + 4 * KDA_CHANNELS * BF16) + 1 * T * LATENT_AND_ROPE,
        "kimi_linear/modeling_kimi_linear.py 294, 582-591, 655, 709: the state is cast to fp32",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("glm5_next_text", "glm5_next"),
        {
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "kv_lora_rank": 20,
            "qk_nope_head_dim": 10,
            "v_head_dim": 14,
            "index_n_heads": 3,
            "index_head_dim": 8,
            "index_topk": 12,
            "index_kpool": 4,
            "linear_num_heads": 3,
            "linear_head_dim": 5,
            "linear_conv_kernel_dim": 4,
        },
        # only layer 3 is indexed; it has no RoPE, and 13 tokens make 3 whole pools of 4
        3 * (KDA_STATE + 3 * KDA_CHANNELS * BF16) + T * 20 * BF16 + 3 * IDEAL_KEY,
        # per token the key, its gate, and one channel that says whether it is padding
        3 * (KDA_STATE + 4 * KDA_CHANNELS * BF16) + T * 20 * BF16 + T * (8 + 8 + 1) * BF16,
        "glm5_next/modeling_glm5_next.py 833-847: cat([k, gate_scores, valid_channel])",
    ),
    Row(
        ("bailing_hybrid",),
        {
            "num_hidden_layers": 4,
            "layer_group_size": 2,
            **MLA,
            "head_dim": 5,
            "short_conv_kernel_size": 4,
        },
        # all 6 heads keep a state of 5 x 5
        2 * (6 * 5 * 5 * FP32 + 3 * 3 * 6 * 5 * BF16) + 2 * T * LATENT_AND_ROPE,
        2 * (6 * 5 * 5 * FP32 + 4 * 3 * 6 * 5 * BF16) + 2 * T * LATENT_AND_ROPE,
        "bailing_hybrid/configuration_bailing_hybrid.py 139-148, modeling 398, 683-691, 782",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("bailing_hybrid",),
        {
            "num_hidden_layers": 4,
            "layer_group_size": 2,
            **MLA,
            "linear_num_heads": 3,
            "linear_head_dim": 4,
            "linear_conv_kernel_dim": 3,
        },
        # what its class works out may be stated, and goes before that: 3 states of 4 x 4
        2 * (3 * 4 * 4 * FP32 + 2 * 3 * 3 * 4 * BF16) + 2 * T * LATENT_AND_ROPE,
        2 * (3 * 4 * 4 * FP32 + 3 * 3 * 3 * 4 * BF16) + 2 * T * LATENT_AND_ROPE,
        "bailing_hybrid/modeling_bailing_hybrid.py 679-683: linear_num_heads, linear_head_dim",
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("minimax",),
        # no attn_type_list: layers 0 and 2 are full
        {"num_hidden_layers": 3, **HEADS},
        # every query head keeps head_dim x head_dim, in fp32
        1 * 6 * 11 * 11 * FP32 + 2 * T * KV,
        1 * 6 * 11 * 11 * BF16 + 2 * T * KV,
        "minimax/modeling_minimax.py 203-211, 271: zeros in the dtype of the values",
    ),
    Row(
        ("minimax_m1", "minimax_text_01"),
        {"num_hidden_layers": 3, **HEADS, "attn_type_list": [0, 0, 1]},
        2 * 6 * 11 * 11 * FP32 + 1 * T * KV,
        None,
        "MiniMax-M1, modeling_minimax_m1.py 297, 1209: 0 is lightning, its state fp32",
        note=" minimax_m1",
    ),
)

SCAN: Config = {"hidden_size": 12, "num_attention_heads": 4, "num_key_value_heads": 2}
SCAN_KV = K_AND_V * 2 * 3 * BF16
"""SCAN above: heads are 12 / 4 wide."""
MAMBA1: Config = {"mamba_d_state": 7, "mamba_d_conv": 5, "mamba_expand": 3}
MAMBA1_STATE = 36 * 7 * FP32
MAMBA1_CHANNELS = 3 * 12
MAMBA2: Config = {
    "mamba_n_heads": 4,
    "mamba_d_head": "auto",
    "mamba_d_state": 7,
    "mamba_n_groups": 2,
    "mamba_d_conv": 5,
    "mamba_expand": 3,
}
MAMBA2_STATE = 4 * 9 * 7 * FP32
"""MAMBA2 above: 36 / 4 wide."""
MAMBA2_CHANNELS = 36 + 2 * 2 * 7

MAMBA_ROWS = (
    Row(
        ("jamba",),
        {
            "num_hidden_layers": 4,
            "attn_layer_period": 3,
            "attn_layer_offset": 2,
            **SCAN,
            **MAMBA1,
        },
        3 * (MAMBA1_STATE + 4 * MAMBA1_CHANNELS * BF16) + 1 * T * SCAN_KV,
        3 * (MAMBA1_STATE + 5 * MAMBA1_CHANNELS * BF16) + 1 * T * SCAN_KV,
        "jamba/modeling_jamba.py 466, 545, 618; the scan is fp32 (376-377)",
        zeros=("attn_layer_offset",),
        words=("mamba_expand",),
    ),
    Row(
        ("zamba",),
        {
            "num_hidden_layers": 3,
            "layers_block_type": ["linear_attention", "linear_attention", "hybrid"],
            **SCAN,
            **MAMBA1,
        },
        # a hybrid layer has a scan too; heads of its attention are 2 x 12 / 4 wide
        3 * (MAMBA1_STATE + 4 * MAMBA1_CHANNELS * BF16) + 1 * T * K_AND_V * 2 * 6 * BF16,
        3 * (MAMBA1_STATE + 5 * MAMBA1_CHANNELS * BF16) + 1 * T * K_AND_V * 2 * 6 * BF16,
        "zamba/configuration_zamba.py 97-101, modeling_zamba.py 135-145, 515, 613",
        words=("mamba_expand",),
    ),
    Row(
        ("zamba2",),
        {
            "num_hidden_layers": 3,
            "layers_block_type": ["mamba", "hybrid", "mamba"],
            **SCAN,
            "n_mamba_heads": 4,
            "mamba_ngroups": 2,
            **MAMBA1,
        },
        3 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16) + 1 * T * K_AND_V * 2 * 6 * BF16,
        3 * (MAMBA2_STATE + 5 * MAMBA2_CHANNELS * BF16) + 1 * T * K_AND_V * 2 * 6 * BF16,
        "zamba2/configuration_zamba2.py 111-118, modeling_zamba2.py 236-245, 657-672",
        words=("mamba_expand",),
    ),
    Row(
        ("bamba",),
        {"num_hidden_layers": 3, "attn_layer_indices": [1], **SCAN, **MAMBA2},
        2 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16) + 1 * T * SCAN_KV,
        2 * (MAMBA2_STATE + 5 * MAMBA2_CHANNELS * BF16) + 1 * T * SCAN_KV,
        "bamba/configuration_bamba.py 82-101, modeling_bamba.py 602-615, 792",
        words=("mamba_d_head", "mamba_expand"),
    ),
    Row(
        ("granitemoehybrid",),
        {"num_hidden_layers": 3, "layer_types": ["mamba", "attention", "mamba"], **SCAN, **MAMBA2},
        2 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16) + 1 * T * SCAN_KV,
        2 * (MAMBA2_STATE + 5 * MAMBA2_CHANNELS * BF16) + 1 * T * SCAN_KV,
        "granitemoehybrid/modeling_granitemoehybrid.py 523-536, 713",
        words=("mamba_d_head", "mamba_expand"),
    ),
    Row(
        ("falcon_h1",),
        {"num_hidden_layers": 3, **SCAN, **MAMBA2, "mamba_d_ssm": 20},
        # mamba_d_ssm takes the place of the expansion: 4 heads of 5; attention in every layer
        3 * (4 * 5 * 7 * FP32 + 4 * (20 + 2 * 2 * 7) * BF16 + T * SCAN_KV),
        3 * (4 * 5 * 7 * FP32 + 5 * (20 + 2 * 2 * 7) * BF16 + T * SCAN_KV),
        "falcon_h1/configuration_falcon_h1.py 104-110, modeling_falcon_h1.py 602-617, 735, 811",
        words=("mamba_d_head", "mamba_expand"),
    ),
    Row(
        ("nemotron_h",),
        {
            "num_hidden_layers": 5,
            "hybrid_override_pattern": "M*-EM",
            **HEADS,
            "mamba_num_heads": 4,
            "mamba_head_dim": 9,
            "ssm_state_size": 7,
            "n_groups": 2,
            "conv_kernel": 5,
        },
        2 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16) + 1 * T * KV,
        2 * (MAMBA2_STATE + 5 * MAMBA2_CHANNELS * BF16) + 1 * T * KV,
        "nemotron_h/configuration_nemotron_h.py 278-281, modeling_nemotron_h.py 404-417, 603",
        words=("hybrid_override_pattern",),
    ),
    Row(
        ("mamba", "falcon_mamba"),
        {
            "num_hidden_layers": 3,
            "hidden_size": 12,
            "state_size": 7,
            "expand": 3,
            "conv_kernel": 5,
        },
        3 * (MAMBA1_STATE + 4 * MAMBA1_CHANNELS * BF16),
        3 * (MAMBA1_STATE + 5 * MAMBA1_CHANNELS * BF16),
        "mamba/modeling_mamba.py 298, 415, 478; falcon_mamba/modeling_falcon_mamba.py 313, 443",
        words=("expand",),
    ),
    Row(
        ("mamba2",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 12,
            "num_heads": 4,
            "head_dim": 9,
            "state_size": 7,
            "n_groups": 2,
            "conv_kernel": 5,
        },
        3 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16),
        3 * (MAMBA2_STATE + 5 * MAMBA2_CHANNELS * BF16),
        "mamba2/modeling_mamba2.py 387-406, 524, 596",
        words=("hidden_size",),  # heads x head_dim says what is kept
    ),
    Row(
        ("mamba_ssm",),
        {"n_layer": 3, "d_model": 12, "ssm_cfg": {"d_state": 7, "d_conv": 5, "expand": 3}},
        3 * (MAMBA1_STATE + 4 * MAMBA1_CHANNELS * BF16),
        None,
        "mamba_ssm/models/mixer_seq_simple.py: Mamba1 where no layer is named",
    ),
    Row(
        ("mamba_ssm",),
        {
            "n_layer": 3,
            "d_model": 12,
            "ssm_cfg": {
                "layer": "Mamba2",
                "d_state": 7,
                "d_conv": 5,
                "expand": 3,
                "headdim": 9,
                "ngroups": 2,
            },
        },
        3 * (MAMBA2_STATE + 4 * MAMBA2_CHANNELS * BF16),
        None,
        "mamba_ssm/modules/mamba2.py: conv_dim = d_ssm + 2 x ngroups x d_state",
        note=" Mamba2",
    ),
    Row(
        ("phi4flash",),
        {"num_hidden_layers": 8, "mb_per_layer": 2, **SCAN, "sliding_window": 6, **MAMBA1},
        # scans 0, 2, 4; windows 1, 3; full 5; 6 is a gated memory unit, 7 reads layer 5
        3 * (MAMBA1_STATE + 4 * MAMBA1_CHANNELS * BF16) + 2 * 6 * SCAN_KV + 1 * T * SCAN_KV,
        None,
        "vllm phi4flash.py: n / 2 / mb_per_layer + 1 scans, layer n / 2 + 1 shared by the rest",
        words=("mamba_expand",),
    ),
)

COMPRESSED_ROWS = (
    Row(
        ("deepseek_v4", "deepseek_ref"),
        {
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "head_dim": 24,
            "qk_rope_head_dim": 8,
            "sliding_window": 7,
            "index_n_heads": 3,
            "index_head_dim": 10,
            "index_topk": 5,
            "compress_ratios": [0, 4, 128, 4],
        },
        # one entry of 24 is key and value at once: 4 windows of 7
        4 * 7 * 24 * BF16
        # 131 = 32 x 4 + 3: two layers with 32 entries, each with an index key
        + 2 * 32 * (24 * BF16 + 10 * FP8 + SCALE)
        # 131 = 1 x 128 + 3
        + 1 * 24 * BF16,
        # windows hold one less; the plain one stores the entry as key and as value
        (K_AND_V + 3) * 6 * 24 * BF16
        + 2 * 32 * (24 + 10) * BF16
        # what no entry holds yet: 3 tokens, keys and gates, both halves of the overlap
        + 2 * 3 * 2 * 2 * (24 + 10) * BF16
        # the last stride again: 4 tokens, its gates in fp32
        + 2 * 4 * (24 + 10) * (BF16 + FP32)
        + 1 * 24 * BF16
        # the heavy layer does not overlap: 3 tokens, keys and gates
        + 3 * 2 * 24 * BF16,
        "deepseek_v4/modeling_deepseek_v4.py 156-312: HCA and CSA caches, keys are values there",
        context=131,
        zeros=("qk_rope_head_dim",),
    ),
    Row(
        ("deepseek_v41_text", "deepseek_v41"),
        {
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "head_dim": 24,
            "qk_rope_head_dim": 8,
            "sliding_window": 7,
            "index_n_heads": 3,
            "index_head_dim": 10,
            "index_topk": 5,
            "compress_ratios": [0, 2, 2, 1, 1, 1],
            "kv_source_layer_ids": [1, 3],
            "index_source_layer_ids": [1, 3, 5],
        },
        # one entry of 24 is key and value at once: 6 windows of 7
        6 * 7 * 24 * BF16
        # 13 = 6 x 2 + 1: layer 1 keeps 6 entries, each with an index key, which layer 2 reads
        + 6 * (24 * BF16 + 10 * FP8 + SCALE)
        # layer 3 keeps one of every token, which layers 4 and 5 read
        + T * (24 * BF16 + 10 * FP8 + SCALE),
        None,
        "vLLM 0.33.0, models/deepseek_v41/attention.py 101-109, 314-361, 1206-1231",
        zeros=("qk_rope_head_dim",),
    ),
)


INKLING: Config = {
    "num_hidden_layers": 6,
    "hidden_size": 20,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 3,
    "swa_num_attention_heads": 6,
    "swa_num_key_value_heads": 3,
    "swa_head_dim": 5,
    "sliding_window_size": 6,
    "conv_kernel_size": 4,
}
GLOBAL_KV, LOCAL_KV = K_AND_V * 2 * 3 * BF16, K_AND_V * 3 * 5 * BF16
# keys, values, and two convolutions over the hidden state
GLOBAL_CHANNELS, LOCAL_CHANNELS = 2 * 2 * 3 + 2 * 20, 2 * 3 * 5 + 2 * 20
# layers 0 to 4 slide, layer 5 does not
INKLING_IDEAL = 5 * (6 * LOCAL_KV + 3 * LOCAL_CHANNELS * BF16)
INKLING_IDEAL += 1 * (T * GLOBAL_KV + 3 * GLOBAL_CHANNELS * BF16)
# all four convolutions compute in fp32, and keep that
INKLING_CACHED = 5 * (5 * LOCAL_KV + 4 * LOCAL_CHANNELS * FP32)
INKLING_CACHED += 1 * (T * GLOBAL_KV + 4 * GLOBAL_CHANNELS * FP32)

CONVOLUTION_ROWS = (
    Row(
        ("lfm2",),
        {
            "num_hidden_layers": 3,
            "full_attn_idxs": [1],
            "hidden_size": 24,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "conv_L_cache": 5,
        },
        2 * 4 * 24 * BF16 + 1 * T * K_AND_V * 3 * 4 * BF16,
        2 * 5 * 24 * BF16 + 1 * T * K_AND_V * 3 * 4 * BF16,
        "lfm2/configuration_lfm2.py 81-87, modeling_lfm2.py 326-331, 370",
    ),
    Row(
        ("lfm2_moe",),
        {
            "num_hidden_layers": 3,
            "layer_types": ["conv", "full_attention", "conv"],
            "hidden_size": 24,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "conv_L_cache": 5,
        },
        2 * 4 * 24 * BF16 + 1 * T * K_AND_V * 3 * 4 * BF16,
        2 * 5 * 24 * BF16 + 1 * T * K_AND_V * 3 * 4 * BF16,
        "lfm2_moe/modeling_lfm2_moe.py 411, 455",
    ),
    Row(
        ("lfm3",),
        {
            "num_hidden_layers": 5,
            "hidden_size": 24,
            **HEADS,
            "sliding_window": 6,
            "conv_L_cache": 5,
        },
        # convolutions 0, 1, 3; full 2; sliding 4
        3 * 4 * 24 * BF16 + 1 * T * KV + 1 * 6 * KV,
        3 * 5 * 24 * BF16 + 1 * T * KV + 1 * 5 * KV,
        "lfm3/configuration_lfm3.py 84-99, modeling_lfm3.py 353, 397",
    ),
    Row(
        ("inkling_text", "inkling_mm_model"),
        INKLING,
        INKLING_IDEAL,
        INKLING_CACHED,
        "inkling/modeling_inkling.py 182-203, 497-525, 554-559",
    ),
    Row(
        ("inkling2_text",),
        INKLING,
        INKLING_IDEAL,
        INKLING_CACHED,
        "inkling2/modeling_inkling2.py 321-340, 386-400: full layers weigh their taps per token",
    ),
    Row(
        ("inkling2_loop_text",),
        {
            **INKLING,
            "loop_layer_index_start": 1,
            "loop_layer_index_end": 3,
            "loop_num_passes": 3,
        },
        # layers 1 and 2, which slide, have two more caches each
        INKLING_IDEAL + 2 * 2 * (6 * LOCAL_KV + 3 * LOCAL_CHANNELS * BF16),
        INKLING_CACHED + 2 * 2 * (5 * LOCAL_KV + 4 * LOCAL_CHANNELS * FP32),
        "inkling2_loop/modeling_inkling2_loop.py 1354-1357: copies for every further pass",
        zeros=("loop_layer_index_start", "loop_layer_index_end"),
    ),
    Row(
        ("zaya",),
        {
            "num_hidden_layers": 3,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 6,
            "cca_time0": 3,
            "cca_time1": 4,
        },
        # both kernels less one, over queries and keys; half of all values of the last token
        3 * (T * K_AND_V * 4 * 6 * BF16 + (2 + 3) * (8 + 4) * 6 * BF16 + 4 * 6 // 2 * BF16),
        3 * (T * K_AND_V * 4 * 6 * BF16 + (2 + 3) * (8 + 4) * 6 * BF16 + 4 * 6 // 2 * BF16),
        "zaya/modeling_zaya.py 161, 174-178 (v_proj_delayed), 230-233, 253",
    ),
    Row(
        ("baichuan_m1",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 24,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_swa_attention_heads": 8,
            "num_swa_key_value_heads": 4,
            "sliding_window": 5,
            "sliding_window_layers": [1],
            "conv_window": 2,
        },
        # heads of 24 / 4 and of 24 / 8; a column of keys and values before the convolution
        2 * (T + 1) * K_AND_V * 2 * 6 * BF16 + 1 * (5 + 1) * K_AND_V * 4 * 3 * BF16,
        None,
        "mlx_lm/models/baichuan_m1.py: last K and last V beside the KV cache",
    ),
)

RECURRENT_ROWS = (
    Row(
        ("recurrent_gemma",),
        {
            "num_hidden_layers": 4,
            "hidden_size": 20,
            "num_attention_heads": 5,
            "num_key_value_heads": 1,
            "lru_width": 15,
            "attention_window_size": 6,
            "conv1d_width": 4,
        },
        # recurrent 0, 1, 3; attention 2
        3 * (15 * FP32 + 3 * 15 * BF16) + 1 * 6 * K_AND_V * 1 * 4 * BF16,
        # its convolutions are no cache layers: they keep K - 1 columns, padded in a prefill
        3 * (15 * FP32 + 3 * 15 * BF16) + 1 * 5 * K_AND_V * 1 * 4 * BF16,
        "recurrent_gemma/modeling_recurrent_gemma.py 433-452, 463-466",
    ),
    Row(
        ("rwkv7",),
        {"num_hidden_layers": 3, "hidden_size": 12, "head_dim": 4},
        # 12 / 4 heads; the last input of time mixing and of channel mixing
        3 * (3 * 4 * 4 * FP32 + 2 * 12 * BF16),
        None,
        "fla/layers/rwkv7.py 340-341, fla/models/rwkv7/modeling_rwkv7.py 110-115",
    ),
    Row(
        ("xlstm",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 128,
            "num_heads": 4,
            "qk_dim_factor": 0.5,
            "v_dim_factor": 1.0,
        },
        # memory, normaliser and stabiliser of 4 heads of 64 / 4 and 128 / 4
        3 * 4 * (16 * 32 + 16 + 1) * FP32,
        # transformers allocates them in the dtype of the embedding
        3 * 4 * (16 * 32 + 16 + 1) * BF16,
        "xlstm/modeling_xlstm.py 1355-1366, 1440-1443",
        words=("qk_dim_factor", "v_dim_factor"),
    ),
    Row(
        ("xlstm",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 96,
            "num_heads": 4,
            "qk_dim_factor": 0.5,
            "v_dim_factor": 1.0,
        },
        # 48 and 96 are rounded up to multiples of 64
        3 * 4 * (64 // 4 * (128 // 4) + 64 // 4 + 1) * FP32,
        3 * 4 * (64 // 4 * (128 // 4) + 64 // 4 + 1) * BF16,
        "xlstm/configuration_xlstm.py 49-51, 161-180",
        words=("qk_dim_factor", "v_dim_factor"),
        note=" rounded",
    ),
)

SPECIAL_ROWS = (
    Row(
        ("cpmant",),
        {
            "num_hidden_layers": 3,
            "num_attention_heads": 5,
            "dim_head": 7,
            "prompt_length": 4,
        },
        # four learned tokens come before every sequence
        3 * (T + 4) * K_AND_V * 5 * 7 * BF16,
        3 * (T + 4) * K_AND_V * 5 * 7 * BF16,
        "cpmant/modeling_cpmant.py 126, 606-618: add prompts ahead",
    ),
    Row(
        ("dory",),
        {
            "num_hidden_layers": 6,
            **HEADS,
            "sliding_window": 6,
            "n_input_layers": 1,
            "n_output_layers": 2,
            "n_recurrent_loops": 3,
        },
        # layer 3 is full, the others slide; layers 1 to 3 run three times
        (1 + 3 * 2 + 2) * 6 * KV + 3 * 1 * T * KV,
        (1 + 3 * 2 + 2) * 5 * KV + 3 * 1 * T * KV,
        "dory/configuration_dory.py 84-100, modeling_dory.py 478-509",
        zeros=("n_input_layers", "n_output_layers"),
    ),
    Row(
        ("hrm_text",),
        {
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "head_dim": 11,
            "H_cycles": 3,
            "L_cycles": 4,
        },
        # a cache for every pass: 2 x 3 x (4 + 1); all 6 heads are kept
        2 * 3 * 5 * T * K_AND_V * 6 * 11 * BF16,
        2 * 3 * 5 * T * K_AND_V * 6 * 11 * BF16,
        "hrm_text/configuration_hrm_text.py 100-112, modeling_hrm_text.py 488-520",
    ),
    Row(
        ("hunyuan",),
        {"num_hidden_layers": 5, **HEADS, "use_cla": True, "cla_share_factor": 2},
        # layers 0, 2 and 4 keep
        3 * T * KV,
        None,
        "Tencent-Hunyuan-Large, models/modeling_hunyuan.py 520",
        words=("use_cla",),
    ),
    Row(
        ("laguna",),
        {
            "num_hidden_layers": 3,
            "num_attention_heads_per_layer": [6, 9, 6],
            "num_key_value_heads": 3,
            "head_dim": 11,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "sliding_window": 6,
        },
        1 * T * KV + 2 * 6 * KV,
        1 * T * KV + 2 * 5 * KV,
        "laguna/modeling_laguna.py 333-344: KV heads do not follow the query heads",
    ),
    Row(
        ("mimo_v2_flash",),
        {
            "num_hidden_layers": 3,
            "hybrid_layer_pattern": [0, 1, 1],
            "num_attention_heads": 12,
            "num_key_value_heads": 3,
            "head_dim": 11,
            "v_head_dim": 5,
            "swa_num_attention_heads": 12,
            "swa_num_key_value_heads": 6,
            "swa_head_dim": 11,
            "swa_v_head_dim": 5,
            "sliding_window_size": 6,
        },
        1 * T * 3 * (11 + 5) * BF16 + 2 * 6 * 6 * (11 + 5) * BF16,
        # the window is 6 + 1 there, and holds one less
        1 * T * 3 * (11 + 5) * BF16 + 2 * (6 + 1 - 1) * 6 * (11 + 5) * BF16,
        "mimo_v2_flash/configuration_mimo_v2_flash.py 130-132, modeling_mimo_v2_flash.py 341-357",
    ),
    Row(
        ("mimo_v2_flash",),
        {
            "num_hidden_layers": 3,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "num_attention_heads": 12,
            "num_key_value_heads": 3,
            "head_dim": 11,
            "v_head_dim": 5,
            "sliding_window": 7,
        },
        # sliding layers have twice the KV heads, and a window that counts the query
        1 * T * 3 * (11 + 5) * BF16 + 2 * (7 - 1) * 6 * (11 + 5) * BF16,
        1 * T * 3 * (11 + 5) * BF16 + 2 * (7 - 1) * 6 * (11 + 5) * BF16,
        "mimo_v2_flash/configuration_mimo_v2_flash.py 130-132: as transformers writes it",
        note=" written by transformers",
    ),
    Row(
        ("mimo_v2",),
        {
            "num_hidden_layers": 3,
            "hybrid_layer_pattern": [0, 1, 1],
            "num_attention_heads": 12,
            "num_key_value_heads": 3,
            "head_dim": 11,
            "v_head_dim": 5,
            "swa_num_attention_heads": 8,
            "swa_num_key_value_heads": 4,
            "swa_head_dim": 7,
            "swa_v_head_dim": 9,
            "sliding_window_size": 6,
        },
        1 * T * 3 * (11 + 5) * BF16 + 2 * 6 * 4 * (7 + 9) * BF16,
        None,
        "sglang/srt/models/mimo_v2.py: sliding layers take the swa_* sizes",
    ),
    Row(
        ("minimax_m2",),
        {"num_hidden_layers": 3, **HEADS, "attn_type_list": [1, 1, 1]},
        3 * T * KV,
        3 * T * KV,
        "minimax_m2/configuration_minimax_m2.py: softmax attention everywhere",
    ),
    Row(
        ("minimax_m3_vl_text", "minimax_m3"),
        {
            "num_hidden_layers": 3,
            **HEADS,
            "sparse_attention_config": {
                "sparse_attention_freq": [0, 1, 1],
                "sparse_num_index_heads": 3,
                "sparse_index_dim": 10,
                "sparse_block_size": 4,
                "sparse_topk_blocks": 2,
            },
        },
        # one index key of 10 per token, in the model's dtype here too
        3 * T * KV + 2 * T * 10 * BF16,
        3 * T * KV + 2 * T * 10 * BF16,
        "minimax_m3_vl/configuration_minimax_m3_vl.py 119-145, modeling_minimax_m3_vl.py 57-67",
    ),
    Row(
        ("muse_glimmer_text", "muse_glimmer"),
        {"num_hidden_layers": 5, **HEADS, "sliding_window": 6},
        # counted from the end: the last layer is full, and every fourth before it
        2 * T * KV + 3 * 6 * KV,
        2 * T * KV + 3 * 5 * KV,
        "muse_glimmer/configuration_muse_glimmer.py 144-152",
    ),
    Row(
        ("muse_spark_text", "muse_spark"),
        {"num_hidden_layers": 6, **HEADS, "sliding_window": 6},
        # full: 1 and 5
        2 * T * KV + 4 * 6 * KV,
        2 * T * KV + 4 * 5 * KV,
        "muse_spark/configuration_muse_spark.py 158-170",
    ),
    Row(
        ("nemotron-nas",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 24,
            "num_attention_heads": 8,
            "block_configs": [
                {"attention": {"n_heads_in_group": 4}},
                {"attention": {"no_op": True, "n_heads_in_group": None}},
                {"attention": {"n_heads_in_group": 2}},
            ],
        },
        # 8 / 4 and 8 / 2 KV heads of 24 / 8
        T * K_AND_V * (2 + 4) * 3 * BF16,
        None,
        "sglang/srt/models/nemotron_nas.py 101",
    ),
    Row(
        ("step3p5", "step3p7"),
        {
            "num_hidden_layers": 3,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "num_attention_heads": 6,
            "num_attention_groups": 3,
            "head_dim": 11,
            "sliding_window": 7,
            "attention_other_setting": {"num_attention_heads": 9, "num_attention_groups": 3},
        },
        (1 * T + 2 * 7) * K_AND_V * 3 * 11 * BF16,
        (1 * T + 2 * 6) * K_AND_V * 3 * 11 * BF16,
        "step3p7/modeling_step3p7.py 667-689, sglang/srt/models/step3p5.py 442-450",
    ),
    Row(
        ("step3_text", "step3_vl"),
        {
            "num_hidden_layers": 3,
            "num_attention_heads": 6,
            "num_attention_groups": 1,
            "head_dim": 11,
        },
        3 * T * K_AND_V * 1 * 11 * BF16,
        None,
        "sglang/srt/models/step3_vl.py 174-275: num_attention_groups keys and values",
    ),
)

TABLES: dict[str, tuple[Sequence[Family], tuple[Row, ...]]] = {
    "latent": (LATENT, LATENT_ROWS),
    "compressed": (COMPRESSED, COMPRESSED_ROWS),
    "linear": (LINEAR_ATTENTION, LINEAR_ROWS),
    "mamba": (MAMBA, MAMBA_ROWS),
    "convolution": (CONVOLUTION, CONVOLUTION_ROWS),
    "recurrent": (RECURRENT, RECURRENT_ROWS),
    "special": (SPECIAL, SPECIAL_ROWS),
}
ROWS = [row for _, rows in TABLES.values() for row in rows]
CASES = [pytest.param(row, name, id=f"{name}{row.note}") for row in ROWS for name in row.types]
IN_TRANSFORMERS = [
    pytest.param(row, name, id=f"{name}{row.note}")
    for row in ROWS
    for name in row.types
    if row.transformers is not None
]
UNMARKED = ("mamba_ssm", "longcat_flash_lite_sparse")
"""Families whose files carry no `model_type`: a field of their own tells them."""


def whole(row: Row, name: str, **changes: Any) -> Config:
    """The row's configuration as that `model_type`."""
    stated = {} if name in UNMARKED else {"model_type": name}
    return {**stated, **row.config, **changes}


@pytest.mark.parametrize(("row", "name"), CASES)
def test_stored(row: Row, name: str) -> None:
    assert loaded(whole(row, name)).stored(row.context) == row.stored, row.source


@pytest.mark.parametrize(("row", "name"), IN_TRANSFORMERS)
def test_transformers(row: Row, name: str) -> None:
    model = loaded(whole(row, name))
    shown = kvcalc.show(model, row.context, kv_dtype="bf16", engine="transformers")
    assert shown.reserved == row.transformers, row.source


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_wrapper_changes_nothing(row: Row) -> None:
    inner = whole(row, row.types[0])
    outer = {"model_type": row.types[-1], "text_config": inner, "vision_config": {"depth": 3}}
    assert loaded(outer).stored(row.context) == loaded(inner).stored(row.context)


@pytest.mark.parametrize("table", TABLES)
def test_every_line_has_a_row(table: str) -> None:
    families, rows = TABLES[table]
    covered = {name for row in rows for name in row.types}
    assert covered == {name for family in families for name in family.types}


RENAMED = [
    pytest.param(row, key, id=f"{row}-{key}")
    for row in ROWS
    for key in row.config
    if key not in ("ssm_cfg", "cli_factor")  # the very fields that such a file is known by
]


@pytest.mark.parametrize(("row", "key"), RENAMED)
def test_a_renamed_field_is_refused_by_name(row: Row, key: str) -> None:
    config = whole(row, row.types[0])
    config[f"{key}k"] = config.pop(key)
    assert f"{key}k" in refused(config)


@pytest.mark.parametrize(
    ("name", "group", "key"),
    [
        ("kimi_linear", "linear_attn_config", "num_heads"),
        ("kimi_linear", "linear_attn_config", "head_dim"),
        ("kimi_linear", "linear_attn_config", "short_conv_kernel_size"),
        ("minimax_m3_vl_text", "sparse_attention_config", "sparse_index_dim"),
        ("minimax_m3_vl_text", "sparse_attention_config", "sparse_attention_freq"),
        ("mamba_ssm", "ssm_cfg", "d_state"),
        ("mamba_ssm", "ssm_cfg", "d_conv"),
        ("mamba_ssm", "ssm_cfg", "expand"),
        ("mamba_ssm Mamba2", "ssm_cfg", "layer"),
        ("mamba_ssm Mamba2", "ssm_cfg", "headdim"),
        ("mamba_ssm Mamba2", "ssm_cfg", "ngroups"),
    ],
)
def test_a_renamed_field_of_a_group_is_refused_by_name(name: str, group: str, key: str) -> None:
    row = next(row for row in ROWS if str(row) == name)
    inner = dict(row.config[group])
    inner[f"{key}k"] = inner.pop(key)
    assert f"{key}k" in refused(whole(row, row.types[0], **{group: inner}))


def numbers(row: Row) -> list[str]:
    return [
        key for key, value in row.config.items() if isinstance(value, int) and key not in row.words
    ]


NUMBERS = [pytest.param(row, key, id=f"{row}-{key}") for row in ROWS for key in numbers(row)]
POSITIVE = [
    pytest.param(row, key, id=f"{row}-{key}")
    for row in ROWS
    for key in numbers(row)
    if key not in row.zeros
]


@pytest.mark.parametrize(("row", "key"), NUMBERS)
def test_a_wrong_number_is_refused(row: Row, key: str) -> None:
    for wrong in ("7", -3, True, 2.5, {"all": 7}):
        assert key in refused(whole(row, row.types[0], **{key: wrong})), wrong


@pytest.mark.parametrize(("row", "key"), POSITIVE)
def test_zero_is_refused(row: Row, key: str) -> None:
    assert key in refused(whole(row, row.types[0], **{key: 0}))


@pytest.mark.parametrize("wrong", ["a", 7, {"0": 1}, [[1]]], ids=repr)
@pytest.mark.parametrize(
    ("row", "key"),
    [
        pytest.param(row, key, id=f"{row}-{key}")
        for row in ROWS
        for key, value in row.config.items()
        if isinstance(value, list)
    ],
)
def test_a_wrong_list_is_refused(row: Row, key: str, wrong: Any) -> None:
    if (key, wrong) == ("num_attention_heads_per_layer", 7):
        return  # one number for all layers contradicts nothing
    assert key in refused(whole(row, row.types[0], **{key: wrong}))


PER_LAYER = (
    "layer_types",
    "layers_block_type",
    "indexer_types",
    "compress_ratios",
    "attn_type_list",
    "hybrid_layer_pattern",
    "num_attention_heads_per_layer",
    "block_configs",
    "kv_source_layers",
)


@pytest.mark.parametrize(
    ("row", "key"),
    [
        pytest.param(row, key, id=f"{row}-{key}")
        for row in ROWS
        for key in row.config
        if key in PER_LAYER
    ],
)
def test_a_list_with_an_item_too_few_is_refused(row: Row, key: str) -> None:
    assert key in refused(whole(row, row.types[0], **{key: row.config[key][:-1]}))


MTP_TOO = ("indexer_types", "kv_source_layers")
"""Lists whose items may go on for MTP layers."""


@pytest.mark.parametrize(
    ("row", "key"),
    [
        pytest.param(row, key, id=f"{row}-{key}")
        for row in ROWS
        for key in row.config
        if key in PER_LAYER and key not in MTP_TOO
    ],
)
def test_a_list_with_an_item_too_many_is_refused(row: Row, key: str) -> None:
    more = [*row.config[key], row.config[key][-1]]
    assert refused(whole(row, row.types[0], **{key: more}))


@dataclass(frozen=True)
class Filled:
    """What the class of a family fills in where the file leaves out all but `config`."""

    name: str
    config: Config
    stored: int
    source: str
    context: int = T


FILLED = (
    Filled(
        "lfm2_moe",
        {"num_hidden_layers": 1, "layer_types": ["conv"]},
        2 * 2048 * BF16,
        "lfm2_moe/configuration_lfm2_moe.py: hidden_size 2048, conv_L_cache 3",
    ),
    Filled(
        "lfm2",
        {"num_hidden_layers": 1, "layer_types": ["conv"]},
        2 * 2560 * BF16,
        "lfm2/configuration_lfm2.py: hidden_size 2560, conv_L_cache 3",
    ),
    Filled(
        "lfm2",
        {"num_hidden_layers": 1, "layer_types": ["conv"], "hidden_size": 24, "conv_dim": 30},
        2 * 24 * BF16,
        "lfm2/modeling_lfm2.py 329-336: the convolution is over hidden_size, conv_dim is not read",
    ),
    Filled(
        "inkling_text",
        {
            **{k: v for k, v in INKLING.items() if k != "conv_kernel_size"},
            "sconv_kernel_size": 4,
        },
        INKLING_IDEAL,
        "inkling/configuration_inkling.py 80-90: sconv_kernel_size is another name",
    ),
    Filled(
        "longcat_flash",
        {"num_hidden_layers": 6, **MLA},
        6 * T * LATENT_AND_ROPE,
        "longcat_flash/configuration_longcat_flash.py 117-123: num_hidden_layers counts attentions",
    ),
    Filled(
        "mimo_v2_flash",
        {
            "num_hidden_layers": 1,
            "layer_types": ["sliding_attention"],
            "num_attention_heads": 12,
            "num_key_value_heads": 3,
            "head_dim": 11,
            "v_head_dim": 5,
            "sliding_window": 7,
        },
        # a file that transformers has written counts the query into its window
        (7 - 1) * 2 * 3 * (11 + 5) * BF16,
        "mimo_v2_flash/modeling_mimo_v2_flash.py 341: sliding layers have twice the KV heads",
    ),
    Filled(
        "dots3_note_text",
        {"num_hidden_layers": 1, "layer_types": ["full_attention"], **MLA, **INDEX},
        T * (LATENT_AND_ROPE + IDEAL_KEY),
        "dots3_note/configuration_dots3_note.py 288, 319-324: use_dsa makes full layers indexed",
    ),
    Filled(
        "zaya",
        {
            "num_hidden_layers": 1,
            "layer_types": ["hybrid_sliding"],
            "sliding_window": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 6,
        },
        # kernels of 2 and 2: two columns; 2 x 6 / 2 values
        5 * K_AND_V * 2 * 6 * BF16 + 2 * (4 + 2) * 6 * BF16 + 6 * BF16,
        "zaya/configuration_zaya.py 121-128: hybrid_sliding layers have a window",
    ),
    Filled(
        "xlstm",
        {"num_blocks": 3, "embedding_dim": 128, "num_heads": 4},
        3 * 4 * (16 * 32 + 16 + 1) * FP32,
        "xlstm/configuration_xlstm.py 153-157: num_blocks and embedding_dim are other names",
    ),
    Filled(
        "inkling2_loop_text",
        {
            **INKLING,
            "loop_config": {"core_start": 1, "core_end": 3, "num_passes": 3, "gate_rank": 2},
        },
        INKLING_IDEAL + 2 * 2 * (6 * LOCAL_KV + 3 * LOCAL_CHANNELS * BF16),
        "inkling2_loop/configuration_inkling2_loop.py 145-149: loop_config says it too",
    ),
    Filled(
        "deepseek_v4",
        {
            "num_hidden_layers": 1,
            "layer_types": ["sliding_attention"],
            "head_dim": 24,
            "sliding_window": 7,
        },
        7 * 24 * BF16,
        "deepseek_v4/configuration_deepseek_v4.py 284-290: RoPE is 64 / 512 of head_dim, 3 here",
    ),
    Filled(
        "deepseek_v4",
        {
            "num_hidden_layers": 1,
            "layer_types": ["heavily_compressed_attention"],
            "head_dim": 24,
            "qk_rope_head_dim": 8,
            "sliding_window": 7,
            "compress_rates": {"heavily_compressed_attention": 6},
        },
        7 * 24 * BF16 + 2 * 24 * BF16,
        "deepseek_v4/modeling_deepseek_v4.py 183: the rate is the file's; 13 = 2 x 6 + 1",
    ),
)


@pytest.mark.parametrize("case", FILLED, ids=lambda case: f"{case.name}-{case.source[-40:]}")
def test_what_the_class_fills_in(case: Filled) -> None:
    model = loaded({"model_type": case.name, **case.config})
    assert model.stored(case.context) == case.stored, case.source


@pytest.mark.parametrize("stated", ["float32", "bfloat16", "float16"])
def test_transformers_keeps_a_pinned_state_in_fp32(stated: str) -> None:
    """No modeling file there reads mamba_ssm_dtype: the state is what the scan computes in."""
    config = {"num_hidden_layers": 1, "layer_types": ["linear_attention"], **HEADS, **GDN}
    model = loaded({"model_type": "qwen3_5_text", **config, "mamba_ssm_dtype": stated})
    shown = kvcalc.show(model, T, kv_dtype="bf16", engine="transformers")
    assert shown.reserved == GDN_STATE + 4 * GDN_CHANNELS * BF16


def test_deepseek_v41_as_it_is_published() -> None:
    """Its fields as NVIDIA-NeMo/Automodel@014468d, models/deepseek_v41/config.py, has them."""
    text: Config = {
        "model_type": "deepseek_v41_text",
        "num_hidden_layers": 40,
        "num_attention_heads": 64,
        "num_key_value_heads": 1,
        "head_dim": 512,
        "qk_rope_head_dim": 64,
        "sliding_window": 128,
        "compress_ratios": [0] * 2 + [2] * 18 + [1] * 20 + [0] * 3,
        "kv_source_layer_ids": [2, 8, 14, 20],
        "index_source_layer_ids": [2, 8, 14, 20, 24, 28, 32, 36],
        "index_n_heads": 32,
        "index_head_dim": 128,
        "index_topk": 512,
        "candidate_source_layer_id": 20,
        "candidate_topk_blocks": 2048,
        "candidate_block_size": 8,
        "num_nextn_predict_layers": 3,
        "engram_layer_ids": [1, 14],
        "engram_n_heads": 8,
        "engram_head_dim": 256,
        "engram_compressed_vocab_size": 99092,
        "dspark_target_layer_ids": [37, 38, 39],
        "dspark_markov_rank": 256,
    }
    model = loaded({"model_type": "deepseek_v41", "text_config": text})
    shown = kvcalc.show(model, 1_000_000, kv_dtype="nvfp4_ds_mla", index_dtype="mxfp4")
    # layers 2, 8 and 14 keep an entry per 2 tokens, layer 20 one per token: 288 and 68 B
    assert shown.growth == 3 * Fraction(288 + 68, 2) + 288 + 68 == 890
    assert shown.fixed == 40 * 128 * 528
    assert model.cache.contents == kvcalc.load("deepseek-v4.1-flash").cache.contents


NEMOTRON = {
    "model_type": "nemotron_h",
    "num_hidden_layers": 3,
    "hybrid_override_pattern": "M*E",
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "mamba_num_heads": 4,
    "mamba_head_dim": 8,
    "ssm_state_size": 16,
    "n_groups": 2,
    "conv_kernel": 4,
    "num_nextn_predict_layers": 2,
}
ONE_ATTENTION: tuple[dict[str, Any], ...] = (
    {},
    {"mtp_hybrid_override_pattern": "*E"},
    {"mtp_layers_block_type": ["attention", "moe"]},
)
OTHERWISE = (
    {"mtp_hybrid_override_pattern": "*EM"},
    {"mtp_hybrid_override_pattern": "E"},
    {"mtp_layers_block_type": ["mamba", "moe"]},
)


@pytest.mark.parametrize("stated", ONE_ATTENTION)
def test_an_mtp_layer_of_nemotron_is_one_attention(stated: dict[str, Any]) -> None:
    model = kvcalc.load({**NEMOTRON, **stated})
    # 2 x 2 KV heads x 16 x 2 B a token and layer: one of the trunk, two of MTP
    with_mtp = kvcalc.show(model, 100, mtp=True, kv_dtype="bf16").stored
    assert with_mtp - kvcalc.show(model, 100, kv_dtype="bf16").stored == 2 * 100 * 128


@pytest.mark.parametrize("stated", OTHERWISE)
def test_another_mtp_layer_of_nemotron_is_refused(stated: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is not of one attention"):
        kvcalc.load({**NEMOTRON, **stated})
    assert kvcalc.load({**NEMOTRON, **stated, "num_nextn_predict_layers": 0}).mtp == ()
