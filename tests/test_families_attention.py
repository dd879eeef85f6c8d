"""A small configuration for every family of plain, windowed and crossing attention.

What is expected is worked out from the family's class in transformers 5.24.0, named beside it
(models/ left out): the ideal keeps the last W tokens of a window, transformers W - 1 of them, and
c - 1 of a chunk (cache_utils.py: `full_key_states[:, :, -self.sliding_window + 1 :, :]`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import kvcalc
from kvcalc.importers.families.cohere import COHERE
from kvcalc.importers.families.custom import CUSTOM
from kvcalc.importers.families.encoders import ENCODERS
from kvcalc.importers.families.plain import PLAIN
from kvcalc.importers.families.windowed import WINDOWED
from kvcalc.model import Model
from tests import configurations
from tests.configurations import loaded, problems_of

CONTEXT = 100
SOURCE = 7
"""Tokens of an encoder's output."""
KV = "num_key_value_heads"


class Row(NamedTuple):
    """A configuration, and what its cache is.

    stored  the ideal, bf16, after CONTEXT tokens
    source  where that is said
    kept    what transformers keeps, where that is not the ideal
    kv      the field that gives the number of KV heads; the first of a path in nested objects
    unread  numbers that leave the cache of this configuration alone
    """

    types: tuple[str, ...]
    config: Mapping[str, Any]
    stored: int
    source: str
    kept: int | None = None
    kv: tuple[str, ...] = (KV,)
    unread: tuple[str, ...] = ()


# three layers of six query heads: 66 / 6 = 11 wide where no head_dim is stated
THREE = {"num_hidden_layers": 3, "hidden_size": 66, "num_attention_heads": 6}
GROUPS = {**THREE, KV: 2}
WIDE = {**GROUPS, "head_dim": 10}
OLD = {"n_layer": 3, "n_embd": 66, "n_head": 6}

# layers x K and V x heads x width x bytes x tokens
MHA_11 = 3 * 2 * 6 * 11 * 2 * 100
GQA_11 = 3 * 2 * 2 * 11 * 2 * 100
GQA_10 = 3 * 2 * 2 * 10 * 2 * 100

HIDDEN = "head_dim is hidden_size // num_attention_heads"
OWN_WIDTH = "head_dim is a field"

CUSTOM_ROWS = (
    Row(
        (
            *("Yi", "aquila", "BlueLM", "skywork", "internlm", "internlmxcomposer2", "telechat"),
            *("telechat3", "stablelm_epoch", "PanguEmbedded", "Emu3", "xverse"),
        ),
        GROUPS,
        GQA_11,
        "the code beside the weights is llama's; vllm 0.33, telechat2.py, openpangu.py 434-439",
    ),
    Row(("internlm", "xverse"), THREE, MHA_11, "modeling_internlm.py: k_proj is num_heads wide"),
    Row(("arctic",), GROUPS, GQA_11, "modeling_arctic.py: num_key_value_heads x head_dim"),
    Row(("baichuan",), THREE, MHA_11, "sglang 0.5.23, baichuan.py: all heads"),
    Row(("bailing_moe",), WIDE, GQA_10, "sglang 0.5.23, bailing_moe.py 520-536: a head_dim field"),
    Row(
        ("chatglm",),
        {
            "num_layers": 3,
            "hidden_size": 66,
            "num_attention_heads": 6,
            "kv_channels": 10,
            "multi_query_attention": True,
            "multi_query_group_num": 2,
        },
        GQA_10,
        "sglang 0.5.23, chatglm.py 63-68: multi_query_group_num with multi_query_attention",
        kv=("multi_query_group_num",),
    ),
    Row(
        ("chatglm",),
        {
            "num_layers": 3,
            "hidden_size": 66,
            "num_attention_heads": 6,
            "position_encoding_2d": True,
        },
        MHA_11,
        "ChatGLM-6B, modeling_chatglm.py: hidden_size_per_attention_head = hidden_size // heads",
        kv=("num_attention_heads",),
    ),
    Row(
        ("codeshell",),
        {**OLD, "group_query_attention": True, "num_query_groups": 2},
        GQA_11,
        "llama.cpp, conversion/codeshell.py: head_count_kv is num_query_groups",
        kv=("num_query_groups",),
    ),
    Row(
        ("deci",),
        {**THREE, "num_key_value_heads_per_layer": [1, 3, 2]},
        2 * (1 + 3 + 2) * 11 * 2 * 100,
        "DeciLM-7B, modeling_decilm.py: num_key_value_heads_per_layer[layer_idx]",
        kv=("num_key_value_heads_per_layer",),
    ),
    Row(("deepseek", "minicpm", "orion"), GROUPS, GQA_11, "sglang 0.5.23, <family>.py"),
    Row(
        ("dots_ocr", "Keye", "KeyeVL1_5"),
        WIDE,
        GQA_10,
        "vllm 0.33, dots_ocr.py, keye.py: the fields of Qwen2 or Qwen3, beside vision_config",
    ),
    Row(("ernie4_5_moe_vl",), GROUPS, GQA_11, "vllm 0.33, ernie45_vl_moe.py: as ernie4_5_moe"),
    Row(
        ("gpt_refact",),
        {**OLD, "multi_query": True},
        3 * 2 * 1 * 11 * 2 * 100,
        "llama.cpp, conversion/refact.py: one KV head",
        kv=("multi_query",),
    ),
    Row(("grok-1",), WIDE, GQA_10, "sglang 0.5.23, grok.py: num_kv_heads x head_dim"),
    Row(
        ("hf_olmo",),
        {"n_layers": 3, "d_model": 66, "n_heads": 6, "n_kv_heads": 2},
        GQA_11,
        "OLMo, olmo/config.py: effective_n_kv_heads",
        kv=("n_kv_heads",),
    ),
    Row(
        ("hf_olmo",),
        {"n_layers": 3, "d_model": 66, "n_heads": 6, "multi_query_attention": True},
        3 * 2 * 1 * 11 * 2 * 100,
        "OLMo, olmo/config.py: effective_n_kv_heads is 1 with multi_query_attention",
        kv=("multi_query_attention",),
    ),
    Row(
        ("jais", "btlm", "moss", "open-llama"),
        OLD,
        MHA_11,
        "modeling_jais.py: embed_dim // num_heads",
    ),
    Row(
        ("cogvlm", "stablelm_alpha"),
        THREE,
        MHA_11,
        "modeling_cogvlm.py: hidden_size // num_attention_heads, all heads",
    ),
    Row(
        ("cogvlm",),
        {**THREE, "num_multi_query_heads": 2},
        GQA_11,
        "CogVLM2; lmdeploy, pytorch/models/cogvlm.py: num_multi_query_heads, else all heads",
        kv=("num_multi_query_heads",),
    ),
    Row(
        (
            *("llava", "llava_llama", "bunny-llama", "bunny-phi", "bunny-stablelm"),
            *("mplug_owl2", "llava_mistral", "videollama2_mistral", "llava_qwen", "llava_qwen2"),
            *("videollama2_qwen2", "videollama3_qwen2", "GOT"),
        ),
        # Mistral's class has a window where none is stated
        {**GROUPS, "sliding_window": None},
        GQA_11,
        "LLaVA, llava/model/language_model/llava_<base>.py: the config extends the base's; so do "
        "Bunny's, VideoLLaMA's, mPLUG-Owl2's configuration_mplug_owl2.py and modeling_GOT.py",
    ),
    Row(
        ("llava_mistral",),
        {**GROUPS, "sliding_window": 16},
        3 * 2 * 2 * 11 * 2 * 16,
        "LLaVA, llava_mistral.py: MistralConfig, which has a window",
        kept=3 * 2 * 2 * 11 * 2 * 15,
    ),
    Row(
        ("minicpmv", "minicpmo"),
        WIDE,
        GQA_10,
        "configuration_minicpm.py: extends the config of Llama (4.0), Qwen2 (2.6) or Qwen3 (4.5)",
    ),
    Row(("molmo",), GROUPS, GQA_11, "vllm 0.33, molmo.py: hidden_size // num_attention_heads"),
    Row(
        ("openelm",),
        {
            "num_transformer_layers": 3,
            "model_dim": 66,
            "num_query_heads": [4, 6, 8],
            "num_kv_heads": [1, 3, 2],
            "head_dim": 10,
        },
        2 * (1 + 3 + 2) * 10 * 2 * 100,
        "configuration_openelm.py, __post_init__: a number of heads for each layer",
        kv=("num_kv_heads",),
    ),
    Row(
        ("phi-msft", "mixformer-sequential"),
        {**OLD, "n_head_kv": 2},
        GQA_11,
        "phi-1.5, modeling_phi.py, _find_mha_dims: n_head_kv, else all heads",
        kv=("n_head_kv",),
    ),
    Row(("phi3small",), GROUPS, GQA_11, "sglang 0.5.23, phi3_small.py: one KV size, dense or not"),
    Row(
        ("qwen",),
        {**THREE, "kv_channels": 10},
        3 * 2 * 6 * 10 * 2 * 100,
        "sglang 0.5.23, qwen.py 170: all heads",
        kv=("kv_channels",),
    ),
    Row(
        ("transformer",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 66,
            "num_heads": 6,
            "num_kv_heads": 2,
            "fuse_norm": True,
        },
        GQA_11,
        "fla/layers/attn.py: num_kv_heads of hidden_size // num_heads",
        kv=("num_kv_heads",),
    ),
)

PLAIN_ROWS = (
    Row(("apertus", "apertus1p5_text"), GROUPS, GQA_11, f"modeling_apertus.py: {HIDDEN}"),
    Row(("arcee",), WIDE, GQA_10, f"configuration_arcee.py: {OWN_WIDTH}"),
    Row(("aria_text",), WIDE, GQA_10, f"configuration_aria.py: {OWN_WIDTH}"),
    Row(("biogpt",), THREE, MHA_11, "modeling_biogpt.py: head_dim = embed_dim // num_heads"),
    Row(("bitnet",), GROUPS, GQA_11, f"modeling_bitnet.py: {HIDDEN}"),
    Row(
        ("bloom",),
        {"n_layer": 3, "hidden_size": 66, "n_head": 6},
        MHA_11,
        "modeling_bloom.py: head_dim = hidden_size // num_heads",
    ),
    Row(("codegen",), OLD, MHA_11, "modeling_codegen.py: embed_dim // num_attention_heads"),
    Row(("chameleon",), GROUPS, GQA_11, f"modeling_chameleon.py: {HIDDEN}"),
    Row(("cosmos3_edge_text",), WIDE, GQA_10, f"configuration_cosmos3_edge.py: {OWN_WIDTH}"),
    Row(("deepseek_ocr2_text",), GROUPS, GQA_11, f"configuration_deepseek_ocr2.py: {HIDDEN}"),
    Row(("cohere",), GROUPS, GQA_11, f"modeling_cohere.py: {HIDDEN}"),
    Row(("ctrl",), OLD, MHA_11, "modeling_ctrl.py: head_dim = d_model_size / num_heads"),
    Row(
        ("dbrx",),
        {"n_layers": 3, "d_model": 66, "n_heads": 6, "attn_config": {"kv_n_heads": 2}},
        GQA_11,
        "configuration_dbrx.py: num_key_value_heads = attn_config.kv_n_heads",
        kv=("attn_config", "kv_n_heads"),
    ),
    Row(("diffllama",), WIDE, GQA_10, "modeling_diffllama.py: K and V are cached unrepeated"),
    Row(("doge",), GROUPS, GQA_11, f"modeling_doge.py: {HIDDEN}"),
    Row(("emu3_text_model",), GROUPS, GQA_11, f"modeling_emu3.py: {HIDDEN}"),
    Row(("ernie4_5",), WIDE, GQA_10, f"configuration_ernie4_5.py: {OWN_WIDTH}"),
    Row(
        ("ernie4_5_moe", "ernie4_5_vl_moe_text"),
        GROUPS,
        GQA_11,
        f"modeling_ernie4_5_moe.py: {HIDDEN}",
    ),
    Row(("exaone",), WIDE, GQA_10, f"configuration_exaone.py: {OWN_WIDTH}"),
    Row(
        ("falcon", "RefinedWeb", "RefinedWebModel"),
        {"n_layer": 3, "hidden_size": 66, "n_head": 6, "multi_query": True},
        3 * 2 * 1 * 11 * 2 * 100,
        "modeling_falcon.py: num_kv_heads is 1 with multi_query and the old decoder",
        kv=("multi_query",),
    ),
    Row(
        ("falcon",),
        {**THREE, "num_kv_heads": 2, "new_decoder_architecture": True},
        GQA_11,
        "modeling_falcon.py, _split_heads: K and V take the queries' shape, then are cached",
        kept=MHA_11,
        kv=("num_kv_heads",),
    ),
    Row(("flex_olmo",), GROUPS, GQA_11, f"modeling_flex_olmo.py: {HIDDEN}"),
    Row(("gemma",), WIDE, GQA_10, f"configuration_gemma.py: {OWN_WIDTH}"),
    Row(("git",), THREE, MHA_11, "modeling_git.py: hidden_size / num_attention_heads"),
    Row(("glm", "glm4"), WIDE, GQA_10, f"configuration_glm.py: {OWN_WIDTH}"),
    Row(
        ("glm4_moe", "glm4v_moe_text", "glm4v_moe"),
        GROUPS,
        GQA_11,
        f"modeling_glm4_moe.py: {HIDDEN}",
    ),
    Row(("glm4v_text", "glm4v"), GROUPS, GQA_11, f"modeling_glm4v.py 549: {HIDDEN}"),
    Row(("glm_ocr_text",), GROUPS, GQA_11, f"modeling_glm_ocr.py 186: {HIDDEN}"),
    Row(
        ("granite4_vision_text", "granite_docling_text"),
        GROUPS,
        GQA_11,
        f"modeling_granite4_vision.py 345: {HIDDEN}",
    ),
    Row(("hunyuan_vl_text",), WIDE, GQA_10, f"configuration_hunyuan_vl.py: {OWN_WIDTH}"),
    Row(
        ("kosmos_2_text_model", "kosmos_2_5_text_model"),
        {"layers": 3, "embed_dim": 66, "attention_heads": 6},
        MHA_11,
        "modeling_kosmos2.py: embed_dim // num_heads",
        kv=("attention_heads",),
    ),
    Row(("molmo2_text",), WIDE, GQA_10, f"configuration_molmo2.py: {OWN_WIDTH}"),
    Row(
        ("paddleocr_vl_text", "paddleocr_vl"),
        WIDE,
        GQA_10,
        f"configuration_paddleocr_vl.py: {OWN_WIDTH}",
    ),
    Row(
        ("glm4_moe",),
        {**GROUPS, "num_nextn_predict_layers": 1},
        GQA_11,
        "modeling_glm4_moe.py: the MTP layer is not among the model's layers",
    ),
    Row(("gpt2", "gpt-sw3"), OLD, MHA_11, "modeling_gpt2.py: head_dim = embed_dim // num_heads"),
    Row(
        ("gpt_bigcode",),
        {**OLD, "multi_query": True},
        3 * 2 * 1 * 11 * 2 * 100,
        "configuration_gpt_bigcode.py: num_key_value_heads = 1 if multi_query else n_head",
        kv=("multi_query",),
    ),
    Row(
        ("gpt_bigcode",),
        {**OLD, "multi_query": False},
        MHA_11,
        "configuration_gpt_bigcode.py: num_key_value_heads = 1 if multi_query else n_head",
        kv=("multi_query",),
    ),
    Row(("gpt_neox",), THREE, MHA_11, "modeling_gpt_neox.py: hidden_size // num_attention_heads"),
    Row(("gpt_neox_japanese",), THREE, MHA_11, "modeling_gpt_neox_japanese.py: no groups"),
    Row(("gptj",), OLD, MHA_11, "modeling_gptj.py: embed_dim // num_attention_heads"),
    Row(
        ("granite", "granitemoe", "granitemoeshared"),
        GROUPS,
        GQA_11,
        f"modeling_granite.py: {HIDDEN}",
    ),
    Row(("helium",), WIDE, GQA_10, f"configuration_helium.py: {OWN_WIDTH}"),
    Row(
        ("hunyuan_v1_dense", "hunyuan_v1_moe"),
        WIDE,
        GQA_10,
        f"configuration_hunyuan_v1_dense.py: {OWN_WIDTH}",
    ),
    Row(("hy_v3",), WIDE, GQA_10, f"configuration_hy_v3.py: {OWN_WIDTH}"),
    Row(("hyperclovax",), WIDE, GQA_10, f"configuration_hyperclovax.py: {OWN_WIDTH}"),
    Row(("internlm2",), GROUPS, GQA_11, f"the vendor's modeling_internlm2.py: {HIDDEN}"),
    Row(("internlm3",), WIDE, GQA_10, f"configuration_internlm3.py: {OWN_WIDTH}"),
    Row(("iquestcoder",), WIDE, GQA_10, f"configuration_iquestcoder.py: {OWN_WIDTH}"),
    Row(("jais2",), WIDE, GQA_10, f"configuration_jais2.py: {OWN_WIDTH}"),
    Row(
        ("jetmoe",),
        {
            "num_hidden_layers": 3,
            "hidden_size": 66,
            KV: 2,
            "num_experts_per_tok": 3,
            "kv_channels": 10,
        },
        GQA_10,
        "modeling_jetmoe.py: kv_channels wide; repeated for the experts after they are cached",
    ),
    Row(("llama",), WIDE, GQA_10, f"configuration_llama.py: {OWN_WIDTH}"),
    Row(("ministral3",), WIDE, GQA_10, f"configuration_ministral3.py: {OWN_WIDTH}"),
    Row(
        ("mpt",),
        {"n_layers": 3, "d_model": 66, "n_heads": 6},
        MHA_11,
        "modeling_mpt.py: head_dim = hidden_size // n_heads, whatever attn_type is",
    ),
    Row(("nanochat",), GROUPS, GQA_11, f"modeling_nanochat.py: {HIDDEN}"),
    Row(("nemotron",), WIDE, GQA_10, f"configuration_nemotron.py: {OWN_WIDTH}"),
    Row(("olmo", "olmo2"), GROUPS, GQA_11, f"modeling_olmo.py: {HIDDEN}"),
    Row(("olmoe",), GROUPS, GQA_11, f"modeling_olmoe.py: {HIDDEN}"),
    Row(
        ("openai-gpt",),
        OLD,
        MHA_11,
        "openai/modeling_openai.py: no use_cache, nothing is ever cached",
        kept=0,
    ),
    Row(("opt",), THREE, MHA_11, "modeling_opt.py: head_dim = embed_dim // num_heads"),
    Row(("persimmon", "fuyu"), THREE, MHA_11, "modeling_persimmon.py: hidden_size // num_heads"),
    Row(("phi",), GROUPS, GQA_11, f"modeling_phi.py: {HIDDEN}"),
    Row(("phi4_multimodal",), GROUPS, GQA_11, f"modeling_phi4_multimodal.py: {HIDDEN}"),
    Row(("sarvam_moe",), WIDE, GQA_10, f"configuration_sarvam_moe.py: {OWN_WIDTH}"),
    Row(("seed_oss",), WIDE, GQA_10, f"configuration_seed_oss.py: {OWN_WIDTH}"),
    Row(("solar_open",), WIDE, GQA_10, f"configuration_solar_open.py: {OWN_WIDTH}"),
    Row(("stablelm",), GROUPS, GQA_11, "modeling_stablelm.py: hidden_size // num_heads"),
    Row(
        ("xglm",),
        {"num_layers": 3, "d_model": 66, "attention_heads": 6},
        MHA_11,
        "modeling_xglm.py: head_dim = embed_dim // num_heads",
    ),
)


def shape(layers: int, **more: Any) -> dict[str, Any]:
    """So many layers of six heads over two KV heads, 10 wide, with a window of 16 tokens."""
    return {**WIDE, "num_hidden_layers": layers, "sliding_window": 16, **more}


def narrow(layers: int, **more: Any) -> dict[str, Any]:
    """The same without a head_dim: 66 / 6 = 11 wide."""
    return {**GROUPS, "num_hidden_layers": layers, "sliding_window": 16, **more}


# K and V x KV heads x width x bytes: what a layer keeps of one token
TOKEN_10 = 2 * 2 * 10 * 2
TOKEN_11 = 2 * 2 * 11 * 2


def sliding(
    types: tuple[str, ...], config: Mapping[str, Any], token: int, layers: tuple[int, int], why: str
) -> Row:
    """A row of so many full and so many sliding layers, with a window of 16."""
    full, window = layers
    stored = token * (full * 100 + window * 16)
    return Row(types, config, stored, why, token * (full * 100 + window * 15))


QWEN = {"use_sliding_window": True, "max_window_layers": 1}

WINDOWED_ROWS = (
    sliding(
        ("afmoe",),
        shape(5, global_attn_every_n_layers=3),
        TOKEN_10,
        (1, 4),  # full: 2
        "configuration_afmoe.py: sliding if (i + 1) % global_attn_every_n_layers",
    ),
    sliding(
        ("beam",),
        shape(8),
        TOKEN_10,
        (2, 6),  # full: 5, and 7 as the last
        "configuration_beam.py: sliding if (i + 1) % 6; layer_types[-1] is full",
    ),
    sliding(
        ("cohere2",),
        narrow(5),
        TOKEN_11,
        (1, 4),  # full: 3
        "configuration_cohere2.py: sliding if (i + 1) % sliding_window_pattern, which is 4",
    ),
    sliding(
        ("cohere2_moe",),
        shape(
            6,
            first_k_dense_replace=2,
            prefix_dense_sliding_window_pattern=2,
            sliding_window_pattern=3,
        ),
        TOKEN_10,
        (2, 4),  # full: 1 of the prefix, 2 + 2 of the rest
        "configuration_cohere2_moe.py: prefix_layers + rest_layers, each counted from 0",
    ),
    sliding(
        ("cohere_compass_text",),
        narrow(3),
        TOKEN_11,
        (3, 0),
        "configuration_cohere_compass.py: layer_types is full in every layer",
    )._replace(unread=("sliding_window",)),
    sliding(
        ("cwm",),
        shape(6),
        TOKEN_10,
        (2, 4),  # full: 0 and 4
        "configuration_cwm.py: full if i % 4 == 0",
    ),
    sliding(
        ("dots1",),
        shape(3, max_window_layers=1),
        TOKEN_10,
        (1, 2),
        "configuration_dots1.py: sliding from max_window_layers on",
    ),
    sliding(
        ("exaone4", "exaone_moe", "exaone4_5_text"),
        narrow(4, sliding_window_pattern=3),
        TOKEN_11,
        (1, 3),  # full: 2
        "configuration_exaone4.py: sliding if (i + 1) % sliding_window_pattern",
    ),
    sliding(
        ("flint",),
        shape(9),
        TOKEN_10,
        (4, 5),  # full: 0, 1, 5 and 8
        "configuration_flint.py: full if i < 2 or i % 4 == 1 or i is the last",
    ),
    sliding(
        ("gemma2", "vaultgemma"),
        shape(5),
        TOKEN_10,
        (2, 3),  # full: 1 and 3
        "configuration_gemma2.py: sliding if (i + 1) % 2",
    ),
    sliding(
        ("gemma3_text", "gemma3"),
        shape(7),
        TOKEN_10,
        (1, 6),  # full: 5
        "configuration_gemma3.py: sliding if (i + 1) % 6",
    ),
    sliding(
        ("gemma3n_text", "gemma3n"),
        shape(10, num_kv_shared_layers=3),
        TOKEN_10,
        (1, 6),  # full: 4; layers 7 to 9 read the caches of others
        "configuration_gemma3n.py: full if (i + 1) % 5 == 0; kv_sharing_modes 'reuse' is a dummy",
    ),
    Row(
        ("gemma4_text", "gemma4", "gemma4_unified_text", "gemma4_unified"),
        shape(7, global_head_dim=20),
        # five sliding layers 10 wide; full and 20 wide: 5, and 6 as the last
        5 * 2 * 2 * 10 * 2 * 16 + 2 * 2 * 2 * 20 * 2 * 100,
        "configuration_gemma4.py: the last layer is full, full layers are global_head_dim wide",
        kept=5 * 2 * 2 * 10 * 2 * 15 + 2 * 2 * 2 * 20 * 2 * 100,
    ),
    Row(
        ("gpt_neo",),
        {
            "num_layers": 4,
            "hidden_size": 66,
            "num_heads": 6,
            "window_size": 16,
            "attention_types": [[["global", "local"], 2]],
        },
        2 * 2 * 6 * 11 * 2 * 100 + 2 * 2 * 6 * 11 * 2 * 16,
        "modeling_gpt_neo.py: a mask hides what is older than window_size; the config has no"
        " sliding_window, so that the cache is whole",
        kept=4 * 2 * 6 * 11 * 2 * 100,
    ),
    sliding(
        ("gpt_oss",),
        shape(3),
        TOKEN_10,
        (1, 2),  # full: 1
        "configuration_gpt_oss.py: sliding if (i + 1) % 2",
    ),
    sliding(
        ("granite_swa",),
        narrow(6),
        TOKEN_11,
        (2, 4),  # full: 0 and 4
        "configuration_granite_swa.py: full if i % 4 == 0",
    ),
    sliding(
        ("granitemoe_swa",),
        narrow(6),
        TOKEN_11,
        (2, 4),  # full: 0 and 4
        "configuration_granitemoe_swa.py: full if i % 4 == 0",
    ),
    sliding(
        ("kolibri1",),
        shape(6),
        TOKEN_10,
        (1, 5),  # full: 4
        "configuration_kolibri1.py: full if (i + 1) % 5 == 0",
    ),
    Row(
        ("llama4_text", "llama4"),
        {**WIDE, "num_hidden_layers": 5, "attention_chunk_size": 16},
        TOKEN_10 * (1 * 100 + 4 * 16),  # full, without RoPE: 3
        "configuration_llama4.py: chunked where no_rope_layers has a 1, (i + 1) % 4 != 0",
        kept=TOKEN_10 * (1 * 100 + 4 * 15),
    ),
    sliding(
        ("mellum",),
        shape(3, layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
        TOKEN_10,
        (1, 2),
        "configuration_mellum.py: layer_types, full in every layer without it",
    ),
    sliding(
        ("mimo",),
        shape(3, **QWEN),
        TOKEN_10,
        (1, 2),
        "the vendor's configuration_mimo.py: a Qwen2Config",
    ),
    sliding(
        ("ministral",),
        shape(3),
        TOKEN_10,
        (0, 3),
        "configuration_ministral.py: sliding where sliding_window is not None",
    ),
    sliding(
        ("mistral",),
        shape(3),
        TOKEN_10,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
    sliding(
        ("mixtral",),
        shape(3),
        TOKEN_10,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
    Row(
        ("modernbert-decoder",),
        {**THREE, "num_hidden_layers": 5, "local_attention": 33},
        # full: 0 and 3; local attention looks to both sides, 33 // 2 = 16 of it behind
        2 * 6 * 11 * 2 * (2 * 100 + 3 * 16),
        "configuration_modernbert_decoder.py: full if i % 3 == 0, a window of local_attention // 2",
        kept=2 * 6 * 11 * 2 * (2 * 100 + 3 * 15),
    ),
    sliding(
        ("moshi",),
        shape(3),
        TOKEN_10,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
    sliding(
        ("olmo3",),
        narrow(5),
        TOKEN_11,
        (1, 4),  # full: 3
        "configuration_olmo3.py: sliding if (i + 1) % 4 != 0",
    ),
    sliding(
        ("phi3",),
        narrow(3),
        TOKEN_11,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
    sliding(
        ("phimoe",),
        narrow(3),
        TOKEN_11,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
    sliding(
        (
            "qwen2",
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen2_vl_text",
            "qwen2_5_vl_text",
            "qwen2_5_omni_text",
        ),
        narrow(3, **QWEN),
        TOKEN_11,
        (1, 2),
        "configuration_qwen2.py: with use_sliding_window, sliding from max_window_layers on",
    ),
    sliding(
        ("qwen2_moe",),
        narrow(5, use_sliding_window=True, max_window_layers=3),
        TOKEN_11,
        (3, 2),  # sliding: 0 and 2
        "configuration_qwen2_moe.py: sliding if (i + 1) % 2 and i < max_window_layers",
    ),
    sliding(
        ("qwen3",),
        shape(3, **QWEN),
        TOKEN_10,
        (1, 2),
        "configuration_qwen3.py: with use_sliding_window, sliding from max_window_layers on",
    ),
    Row(
        ("qwen3_vl_text",),
        WIDE,
        GQA_10,
        "configuration_qwen3_vl.py: the text model has no window",
    ),
    sliding(
        ("qwen3_moe",),
        shape(3, use_sliding_window=True),
        TOKEN_10,
        (0, 3),
        "configuration_qwen3_moe.py: sliding_window if use_sliding_window; no layer_types",
    ),
    Row(
        ("qwen3_vl_moe_text", "qwen3_omni_moe_text"),
        WIDE,
        GQA_10,
        "configuration_qwen3_vl_moe.py: sliding_window = None",
    ),
    sliding(
        ("smollm3",),
        narrow(5, use_sliding_window=True, no_rope_layer_interval=2),
        TOKEN_11,
        (3, 2),  # sliding: 1 and 3, which have no RoPE
        "configuration_smollm3.py: sliding if use_sliding_window and not has_rope",
    ),
    sliding(
        ("starcoder2", "voxtral_realtime_text", "kyutai_speech_to_text"),
        shape(3),
        TOKEN_10,
        (0, 3),
        "cache_utils.py: sliding where the config has a sliding_window and no layer_types",
    ),
)

# three decoder layers of six heads, 66 / 6 = 11 wide; the encoder's numbers are others
DECODER = {
    "d_model": 66,
    "encoder_layers": 5,
    "encoder_attention_heads": 3,
    "decoder_layers": 3,
    "decoder_attention_heads": 6,
}
ENCODER_NUMBERS = ("encoder_layers", "encoder_attention_heads")
CROSSING = 3 * 2 * 6 * 11 * 2 * (100 + 7)
"""A decoder layer keeps its own tokens, and the encoder's."""
CROSSES = "decoder_layers x (self_attn, encoder_attn), d_model // decoder_attention_heads wide"
T5 = {"d_model": 66, "num_heads": 6, "d_kv": 10, "num_layers": 5, "num_decoder_layers": 3}

ENCODER_ROWS = (
    Row(
        (
            "bart",
            "mbart",
            "marian",
            "mvp",
            "plbart",
            "pegasus",
            "pegasus_x",
            "m2m_100",
            "led",
            "nllb-moe",
            "florence2",
            "florence2_language",
            "speech_to_text",
        ),
        DECODER,
        CROSSING,
        f"modeling_bart.py: {CROSSES}",
        unread=ENCODER_NUMBERS,
    ),
    Row(
        ("bigbird_pegasus",),
        DECODER,
        CROSSING,
        f"modeling_bigbird_pegasus.py: {CROSSES}",
        unread=ENCODER_NUMBERS,
    ),
    Row(
        ("blenderbot",),
        DECODER,
        CROSSING,
        f"modeling_blenderbot.py: {CROSSES}",
        unread=ENCODER_NUMBERS,
    ),
    Row(
        ("blenderbot-small",),
        DECODER,
        CROSSING,
        f"modeling_blenderbot_small.py: {CROSSES}",
        unread=ENCODER_NUMBERS,
    ),
    Row(
        ("prophetnet",),
        {
            "hidden_size": 66,
            "num_encoder_layers": 5,
            "num_encoder_attention_heads": 3,
            "num_decoder_layers": 3,
            "num_decoder_attention_heads": 6,
        },
        CROSSING,
        "modeling_prophetnet.py: the main stream alone is cached, hidden_size // heads wide",
        unread=("num_encoder_layers", "num_encoder_attention_heads"),
    ),
    Row(
        ("trocr",),
        {"d_model": 66, "decoder_layers": 3, "decoder_attention_heads": 6},
        CROSSING,
        f"modeling_trocr.py: {CROSSES}",
    ),
    Row(
        ("musicgen_decoder",),
        THREE,
        CROSSING,
        "modeling_musicgen.py: self_attn and encoder_attn in every layer",
    ),
    Row(
        ("musicgen_melody_decoder",),
        THREE,
        # no cross attention: the conditional states are put before the prompt, which comes to the
        # same tokens
        CROSSING,
        "modeling_musicgen_melody.py: encoder_hidden_states are concatenated to inputs_embeds",
    ),
    Row(
        ("whisper",),
        {**DECODER, "max_source_positions": 7},
        CROSSING,
        "modeling_whisper.py: encoder_attn in every layer, over max_source_positions",
        unread=ENCODER_NUMBERS,
    ),
    Row(
        ("t5", "mt5", "umt5", "longt5", "switch_transformers"),
        T5,
        3 * 2 * 6 * 10 * 2 * (100 + 7),
        "modeling_t5.py: num_decoder_layers x (SelfAttention, EncDecAttention), d_kv wide",
        unread=("num_layers",),
    ),
    Row(
        (
            "bert",
            "camembert",
            "data2vec-text",
            "ernie",
            "roberta",
            "roberta-prelayernorm",
            "xlm-roberta",
            "roc_bert",
            "roformer",
            "xmod",
        ),
        {**THREE, "is_decoder": True, "add_cross_attention": True},
        CROSSING,
        "modeling_bert.py: crossattention in every layer where add_cross_attention is true",
    ),
    Row(
        ("big_bird",),
        {**THREE, "is_decoder": True},
        MHA_11,
        "modeling_big_bird.py: a cache where is_decoder is true",
    ),
    Row(
        ("bert-generation", "megatron-bert"),
        {**THREE, "is_decoder": True, "add_cross_attention": True},
        CROSSING,
        "modeling_bert_generation.py: crossattention where add_cross_attention is true",
    ),
    Row(
        ("electra",),
        {**THREE, "is_decoder": True},
        MHA_11,
        "modeling_electra.py: a cache where is_decoder is true",
    ),
    Row(
        ("rembert",),
        {**THREE, "is_decoder": True, "add_cross_attention": True},
        CROSSING,
        "modeling_rembert.py: crossattention where add_cross_attention is true",
    ),
    Row(
        ("xlm-roberta-xl",),
        {**THREE, "is_decoder": True},
        MHA_11,
        "modeling_xlm_roberta_xl.py: a cache where is_decoder is true",
    ),
    Row(
        ("t5_gemma_module", "t5gemma2_decoder"),
        {
            **WIDE,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "sliding_window": 16,
        },
        # K and V of two heads, 10 wide: one layer keeps all, two a window, three the source
        2 * 2 * 10 * 2 * (100 + 2 * 16 + 3 * 7),
        "modeling_t5gemma.py 254, 355-359: a window in self attention, none in cross attention",
        kept=2 * 2 * 10 * 2 * (100 + 2 * 15 + 3 * 7),
    ),
    Row(
        ("mllama_text_model", "mllama"),
        {**GROUPS, "num_hidden_layers": 5, "cross_attention_layers": [1, 4]},
        # three layers over the text, two over the picture
        2 * 2 * 11 * 2 * (3 * 100 + 2 * 7),
        "modeling_mllama.py: a cross layer keeps cross_attention_states, in KV heads",
    ),
)

ROWS = (*PLAIN_ROWS, *CUSTOM_ROWS, *WINDOWED_ROWS, *ENCODER_ROWS)
LINES = (*PLAIN, *CUSTOM, *WINDOWED, *COHERE, *ENCODERS)
WRAPPED = frozenset({"gemma3", "gemma3n", "gemma4", "gemma4_unified", "llama4"})
"""Whose class holds the language model's fields in `text_config`."""
ALIKE = [
    pytest.param(row, model_type, id=f"{model_type}-{number}")
    for number, row in enumerate(ROWS)
    for model_type in row.types
]
FIRST = [pytest.param(row, id=f"{row.types[0]}-{number}") for number, row in enumerate(ROWS)]


def written(model_type: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The file that a configuration of this type is."""
    if model_type in WRAPPED:
        return {"model_type": model_type, "text_config": dict(config)}
    return {"model_type": model_type, **config}


def read(model_type: str, config: Mapping[str, Any]) -> Model:
    return loaded(written(model_type, config))


def refused(model_type: str, config: Mapping[str, Any]) -> str:
    return configurations.refused(written(model_type, config))


def test_every_family_has_a_row() -> None:
    told = {model_type for row in ROWS for model_type in row.types}
    assert told == {model_type for line in LINES for model_type in line.types}


@pytest.mark.parametrize(("row", "model_type"), ALIKE)
def test_what_is_stored(row: Row, model_type: str) -> None:
    model = read(model_type, row.config)
    shown = kvcalc.show(model, CONTEXT, kv_dtype="bf16", source_length=SOURCE)
    assert shown.stored == row.stored, row.source


@pytest.mark.parametrize(("row", "model_type"), ALIKE)
def test_what_transformers_keeps(row: Row, model_type: str) -> None:
    model = read(model_type, row.config)
    shown = kvcalc.show(
        model, CONTEXT, kv_dtype="bf16", source_length=SOURCE, engine="transformers"
    )
    assert shown.reserved == (row.stored if row.kept is None else row.kept), row.source


def without(config: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """A configuration in which a field is not called as it should be."""
    name, *inner = path
    if inner:
        return {**config, name: without(config[name], tuple(inner))}
    return {**{n: value for n, value in config.items() if n != name}, "num_key_value_headz": 2}


@pytest.mark.parametrize(("row", "model_type"), ALIKE)
def test_a_misspelt_field_is_named(row: Row, model_type: str) -> None:
    assert "num_key_value_headz" in refused(model_type, without(row.config, row.kv))


WIDTHS = ("head_dim", "d_kv", "kv_channels")
"""Where one of these is stated, hidden_size is not read."""
HIDDENS = ("hidden_size", "d_model", "n_embd", "model_dim")
FROM_ZERO = (
    "sliding_window",  # 0 is none, as null
    "attention_chunk_size",
    "max_window_layers",
    "num_kv_shared_layers",
    "first_k_dense_replace",
    "num_nextn_predict_layers",
)


def numbers(row: Row) -> list[str]:
    """The numbers of a configuration that its cache depends on."""
    idle = {*row.unread, *(HIDDENS if any(name in row.config for name in WIDTHS) else ())}
    return [name for name, value in row.config.items() if type(value) is int and name not in idle]


NO_NUMBERS: tuple[object, ...] = ("6", 0, -6, True, 1.5)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        pytest.param(row, name, id=f"{row.types[0]}-{number}-{name}")
        for number, row in enumerate(ROWS)
        for name in numbers(row)
    ],
)
def test_what_is_no_number_is_refused(row: Row, name: str) -> None:
    for value in NO_NUMBERS:
        if value or name not in FROM_ZERO:
            assert name in refused(row.types[0], {**row.config, name: value})


def layers_of(row: Row) -> int:
    names = ("num_hidden_layers", "num_decoder_layers", "decoder_layers", "num_layers")
    older = ("n_layer", "n_layers", "num_transformer_layers", "layers")
    return next(int(row.config[n]) for n in (*names, *older) if n in row.config)


@pytest.mark.parametrize("more", [-1, 2])
@pytest.mark.parametrize("row", FIRST)
def test_layer_types_are_as_many_as_layers(row: Row, more: int) -> None:
    kinds = ["full_attention"] * (layers_of(row) + more)
    assert "contradict" in refused(row.types[0], {**row.config, "layer_types": kinds})


@pytest.mark.parametrize("row", FIRST)
def test_an_unknown_kind_of_layer_is_refused(row: Row) -> None:
    kinds = ["fuel_attention", *["full_attention"] * (layers_of(row) - 1)]
    assert "'fuel_attention' layers" in refused(row.types[0], {**row.config, "layer_types": kinds})


@pytest.mark.parametrize("row", FIRST)
def test_two_names_of_one_field_must_agree(row: Row) -> None:
    text = refused(row.types[0], {**row.config, "n_layer": 12, "num_hidden_layers": 24})
    assert "n_layer" in text


def test_every_problem_is_told_at_once() -> None:
    config = {"model_type": "llama", **GROUPS, "num_attention_heads": "6", KV: 1.5, "kv_headz": 1}
    problems = problems_of(config)
    assert [problem.path for problem in problems] == [
        ("num_attention_heads",),
        (KV,),
        ("kv_headz",),
    ]
