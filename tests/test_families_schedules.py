"""The order of layers, and rules between fields, where a configuration does not list its layers.

Worked out by hand from the code named beside each row: transformers 5.24.0 below models/, or the
family's own. A layer is a letter:

    f full   w window   i indexed   s picks of another layer   b block-sparse
    h heavily compressed   c compressed sparse   r reads another layer's cache
    C keeps a compressed cache   I picks anew from another's   R reads what another has picked
    m a recurrent state   k a short convolution   - nothing   [..] several in one layer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from kvcalc.attention.base import Attention, Scheme
from kvcalc.attention.compressed import CSA, CSA2, HCA
from kvcalc.attention.recurrent import GatedDeltaNet, Mamba2, Recurrent, ShortConv
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.formats import BF16, FP16, FP32, Format
from kvcalc.model import Model
from tests.configurations import Config, loaded, refused


def letter(scheme: Scheme) -> str:
    if isinstance(scheme, CSA):
        return "c"
    if isinstance(scheme, CSA2):
        return {"full": "C", "reindex": "I", "reuse": "R"}[scheme.mode]
    if isinstance(scheme, HCA):
        return "h"
    if isinstance(scheme, DSA):
        return "s" if scheme.indexer == "shared" else "i"
    if isinstance(scheme, BlockSparse):
        return "b"
    if isinstance(scheme, Attention):
        return "r" if scheme.shared else "w" if scheme.window else "f"
    return "m" if isinstance(scheme, Recurrent) else "k" if isinstance(scheme, ShortConv) else "?"


def letters(model: Model, mtp: bool = False) -> str:
    found = []
    for layer in model.mtp if mtp else model.layers:
        word = "".join(letter(model.attention[name]) for name in layer)
        found.append(word if len(word) == 1 else f"[{word}]" if word else "-")
    return "".join(found)


GQA: Config = {"hidden_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2}
# 2 x 24 wide, which the 128 heads of the classes would not divide
MAMBA2: Config = {**GQA, "mamba_n_heads": 4}
WINDOWED: Config = {**GQA, "sliding_window": 5}
MLA: Config = {
    "num_attention_heads": 4,
    "kv_lora_rank": 20,
    "qk_nope_head_dim": 10,
    "v_head_dim": 14,
}
INDEX: Config = {"index_n_heads": 3, "index_head_dim": 8, "index_topk": 4}
DSA_CONFIG: Config = {**MLA, **INDEX}
KDA: Config = {"num_heads": 2, "head_dim": 5, "short_conv_kernel_size": 4}
FULL, LINEAR = "full_attention", "linear_attention"


@dataclass(frozen=True)
class Order:
    """A configuration, its layers, and the code that says so."""

    family: str
    config: Config
    expected: str
    source: str

    def __str__(self) -> str:
        return f"{self.family}-{self.expected}"


def nas(*attention: Config | None, heads: int = 8, **changes: Any) -> Config:
    """A configuration of Nemotron-NAS with these blocks."""
    return {
        "num_hidden_layers": len(attention),
        "hidden_size": 8 * heads,
        "num_attention_heads": heads,
        "block_configs": [{"attention": block, "ffn": {"no_op": False}} for block in attention],
        **changes,
    }


def kimi(layers: int, **config: Any) -> Config:
    return {"num_hidden_layers": layers, **MLA, "linear_attn_config": {**KDA, **config}}


def zamba2(layers: int, **config: Any) -> Config:
    return {"num_hidden_layers": layers, **GQA, "n_mamba_heads": 4, **config}


def v4(layers: int, **config: Any) -> Config:
    sizes = {"num_attention_heads": 4, "head_dim": 24, "qk_rope_head_dim": 8}
    return {"num_hidden_layers": layers, **sizes, **config}


def v41(ratios: Sequence[int], owners: Sequence[int], pickers: Sequence[int]) -> Config:
    """A layer per ratio, of which some keep a compressed cache and some pick from one."""
    stated = {"kv_source_layer_ids": owners, "index_source_layer_ids": pickers}
    sizes = {"sliding_window": 7, **INDEX, **stated, "compress_ratios": ratios}
    return v4(len(ratios), **sizes)


def m3(layers: int, **config: Any) -> Config:
    return {"num_hidden_layers": layers, **GQA, "sparse_attention_config": config}


ORDERS = (
    # one full layer in each period, the last of it
    Order("qwen3_next", {"num_hidden_layers": 7, "full_attention_interval": 3, **GQA}, "mmfmmfm",
     "qwen3_next/configuration_qwen3_next.py 129-134: (i + 1) % interval"),
    Order("qwen3_5_text", {"num_hidden_layers": 5, **GQA}, "mmmfm",
     "qwen3_5/configuration_qwen3_5.py 111-116: interval 4"),
    Order("qwen3_5_moe_text", {"num_hidden_layers": 3, "full_attention_interval": 1, **GQA}, "fff",
     "qwen3_5_moe/configuration_qwen3_5_moe.py 123-128"),
    Order("olmo_hybrid", {"num_hidden_layers": 6, **GQA}, "mmmfmm",
     "olmo_hybrid/configuration_olmo_hybrid.py 121-125: i % 4 == 3"),
    Order("olmo_hybrid", {"num_hidden_layers": 3, **GQA}, "mmf",
     "olmo_hybrid/configuration_olmo_hybrid.py 126-127: without a full layer the last is full"),
    Order("lara_mini", {"num_hidden_layers": 7, **WINDOWED}, "mwmfwmw",
     "lara_mini/configuration_lara_mini.py 122-131"),
    Order("bailing_hybrid", {"num_hidden_layers": 7, "layer_group_size": 3, **MLA}, "mmfmmfm",
     "bailing_hybrid/configuration_bailing_hybrid.py 143-147"),
    # numbers from 1
    Order("kimi_linear", kimi(5, full_attn_layers=[1, 4], kda_layers=[2, 3, 5]), "fmmfm",
     "kimi_linear/configuration_kimi_linear.py 127-133: layer - 1"),
    Order("kimi_linear", kimi(3, full_attn_layers=[], kda_layers=[3, 1, 2]), "mmm",
     "kimi_linear/configuration_kimi_linear.py 127-133"),
    Order("kimi_linear", {"num_hidden_layers": 6, **MLA}, "mmmmfm",
     "kimi_linear/configuration_kimi_linear.py 135-138: i and i % 4 == 0"),
    Order("glm5_next_text", {"num_hidden_layers": 9, **DSA_CONFIG, "index_kpool": 2}, "mmmimmmim",
     "glm5_next/configuration_glm5_next.py 163-168: i % 4 != 3 is KDA"),
    Order("glm5_next_text", {"num_hidden_layers": 3, **DSA_CONFIG, "index_kpool": 2,
      "layer_types": [LINEAR, FULL, "indexed_attention"],
      "indexer_types": ["shared", "full", "shared"]}, "mis",
     "glm5_next/configuration_glm5_next.py 169-172: full layers are indexed"),
    Order("minimax", {"num_hidden_layers": 5, **GQA}, "fmfmf",
     "minimax/configuration_minimax.py 121-124: (i + 1) % 2 is full"),
    Order("minimax_text_01", {"num_hidden_layers": 4, "attn_type_list": [0, 1, 1, 0], **GQA},
     "mffm", "MiniMax-Text-01, modeling_minimax_text_01.py: 0 lightning, 1 softmax"),
    Order("minimax_m2", {"num_hidden_layers": 3, "attn_type_list": [1, 1, 1], **GQA}, "fff",
     "minimax_m2: softmax attention everywhere"),
    # a period and an offset
    Order("jamba", {"num_hidden_layers": 8, "attn_layer_period": 3, "attn_layer_offset": 1, **GQA},
     "mfmmfmmf", "jamba/configuration_jamba.py 108-113"),
    Order("jamba", {"num_hidden_layers": 5, "attn_layer_period": 2, "attn_layer_offset": 0, **GQA},
     "fmfmf", "jamba/configuration_jamba.py 108-113"),
    Order("jamba", {"num_hidden_layers": 6, **GQA}, "mmmmfm",
     "jamba/configuration_jamba.py 79-80: period 8, offset 4"),
    Order("zamba", {"num_hidden_layers": 6, **GQA}, "mm[fm]mmm",
     "zamba/configuration_zamba.py 103-113: after three layers the period begins anew"),
    Order("zamba", {"num_hidden_layers": 9, "attn_layer_period": 3, "attn_layer_offset": 1, **GQA},
     "mm[fm]m[fm]mm[fm]m", "zamba/configuration_zamba.py 103-113: 3 + 1, 3 + 4"),
    Order("zamba",
     {"num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "mamba"], **GQA}, "m[fm]m",
     "zamba/configuration_zamba.py 114: older names"),
    # numbers from 0
    Order("zamba2", zamba2(8), "mmmmmm[fm]m",
     "zamba2/configuration_zamba2.py 124-134: the first hybrid layer is 6"),
    Order("zamba2", zamba2(4, hybrid_layer_ids=[0, 3]), "[fm]mm[fm]",
     "Zyphra's own files: the layers that call the shared block"),
    Order("zamba2",
     zamba2(3, layers_block_type=["hybrid", "mamba", "hybrid"], hybrid_layer_ids=[0, 2]),
     "[fm]m[fm]", "zamba2/configuration_zamba2.py 135-139"),
    Order("bamba", {"num_hidden_layers": 5, "attn_layer_indices": [0, 3], **MAMBA2}, "fmmfm",
     "bamba/configuration_bamba.py 97-101"),
    Order("bamba", {"num_hidden_layers": 3, "attn_layer_indices": None, **MAMBA2}, "mmm",
     "bamba/configuration_bamba.py 97-101"),
    Order("granitemoehybrid", {"num_hidden_layers": 3, **MAMBA2}, "mmm",
     "granitemoehybrid/configuration_granitemoehybrid.py 114-115"),
    Order("granitemoehybrid",
     {"num_hidden_layers": 3, "layers_block_type": ["mamba", "attention", "mamba"], **MAMBA2},
     "mfm",
     "granitemoehybrid: layers_block_type is another name of layer_types"),
    Order("falcon_h1", {"num_hidden_layers": 2, **GQA}, "[fm][fm]",
     "falcon_h1/configuration_falcon_h1.py 133-135"),
    # letters
    Order("nemotron_h", {"hybrid_override_pattern": "M*-EM-*", **GQA}, "mf--m-f",
     "nemotron_h/configuration_nemotron_h.py 278-281"),
    Order("nemotron_h", {"num_hidden_layers": 3, "hybrid_override_pattern": "ME*", **GQA}, "m-f",
     "nemotron_h/configuration_nemotron_h.py 278-281"),
    Order("nemotron_h", {"layers_block_type": ["mamba", "attention", "moe", "mlp"], **GQA}, "mf--",
     "nemotron_h/configuration_nemotron_h.py: layers_block_type, older names"),
    Order("mamba2", {"num_hidden_layers": 2}, "mm", "mamba2: states alone"),
    Order(
        "phi4flash",
        {"num_hidden_layers": 32, "mb_per_layer": 2, **WINDOWED},
        # scans up to 16, windows between them up to 15, full 17, then memory units and readers
        "mwmwmwmwmwmwmwmw" + "mf" + "-r-r-r-r-r-r-r",
        "microsoft/ArchScale, lit_gpt/model.py 380-403; vllm phi4flash.py",
    ),
    Order("phi4flash", {"num_hidden_layers": 12, "mb_per_layer": 2, **WINDOWED},
     "mwmwmw" + "mf" + "-r-r", "microsoft/ArchScale, lit_gpt/model.py 380-403"),
    # convolutions
    Order("lfm2", {"num_hidden_layers": 5, "full_attn_idxs": [1, 4], **GQA}, "kfkkf",
     "lfm2/configuration_lfm2.py 81-87"),
    Order("lfm2", {"num_hidden_layers": 2, **GQA}, "ff",
     "lfm2/configuration_lfm2.py 82-84: without full_attn_idxs all layers attend"),
    Order("lfm2_moe", {"num_hidden_layers": 3, "layer_types": ["conv", FULL, "conv"], **GQA}, "kfk",
     "lfm2_moe/modeling_lfm2_moe.py 474"),
    Order("lfm3", {"num_hidden_layers": 9, **WINDOWED}, "kkfkwkfkw",
     "lfm3/configuration_lfm3.py 91-98"),
    Order("inkling_text", {"num_hidden_layers": 7, **GQA}, "[wk][wk][wk][wk][wk][fk][wk]",
     "inkling/configuration_inkling.py 162: (i + 1) % 6 is local"),
    Order("inkling_text", {"num_hidden_layers": 4, "local_layer_ids": [0, 3], **GQA},
     "[wk][fk][fk][wk]", "inkling/configuration_inkling.py 158-167"),
    Order("inkling2_text", {"num_hidden_layers": 7, **GQA}, "[wk][wk][wk][wk][wk][fk][wk]",
     "inkling2/configuration_inkling2.py 129-132"),
    Order("inkling2_loop_text", {"num_hidden_layers": 8, "loop_layer_index_start": 4,
      "loop_layer_index_end": 7, "loop_num_passes": 2, **GQA},
     "[wk][wk][wk][wk]" + 2 * "[wk][fk][wk]" + "[wk]",
     "inkling2_loop/configuration_inkling2_loop.py 173-176, modeling 1354-1357"),
    Order("inkling2_loop_text", {"num_hidden_layers": 3, "loop_layer_index_start": 1,
      "loop_layer_index_end": 3, "loop_num_passes": 1, **GQA}, "[wk][wk][wk]",
     "inkling2_loop/configuration_inkling2_loop.py 173-176: one pass is no loop"),
    Order("baichuan_m1", {"num_hidden_layers": 3, "sliding_window_layers": [0, 2], "conv_window": 2,
      **WINDOWED, "num_swa_attention_heads": 4, "num_swa_key_value_heads": 2}, "[wk][fk][wk]",
     "mlx_lm/models/baichuan_m1.py: layer_idx in sliding_window_layers"),
    Order("recurrent_gemma", {"num_hidden_layers": 5, **GQA}, "mmwmm",
     "recurrent_gemma/configuration_recurrent_gemma.py 77, 99-102"),
    Order("recurrent_gemma",
     {"num_hidden_layers": 5, "block_types": ["attention", "recurrent"], **GQA}, "wmwmw",
     "recurrent_gemma/configuration_recurrent_gemma.py 99-102: block_types repeat"),
    # indexers
    Order("glm_moe_dsa", {"num_hidden_layers": 4, **DSA_CONFIG}, "iiii",
     "glm_moe_dsa/configuration_glm_moe_dsa.py 145-151: frequency 1"),
    Order(
        "glm_moe_dsa",
        {"num_hidden_layers": 9, "index_topk_freq": 4, **DSA_CONFIG},
        # max(i - 2 + 1, 0) is 0 0 1 2 3 4 5 6 7
        "iisssisss",
        "glm_moe_dsa/configuration_glm_moe_dsa.py 145-151: offset 2",
    ),
    Order(
        "glm_moe_dsa",
        {
            "num_hidden_layers": 6,
            "index_topk_freq": 2,
            "index_skip_topk_offset": 0,
            **DSA_CONFIG,
        },
        # i + 1 is 1 2 3 4 5 6: the first layer shares the picks of nobody
        "sisisi",
        "glm_moe_dsa/configuration_glm_moe_dsa.py 145-151",
    ),
    Order(
        "glm_moe_dsa",
        {
            "num_hidden_layers": 7,
            "index_topk_freq": 3,
            "index_skip_topk_offset": 3,
            **DSA_CONFIG,
        },
        # max(i - 2, 0) is 0 0 0 1 2 3 4
        "iiissis",
        "glm_moe_dsa/configuration_glm_moe_dsa.py 145-151",
    ),
    Order("glm_moe_dsa", {"num_hidden_layers": 4, "index_topk_pattern": "FSSF", **DSA_CONFIG},
     "issi", "glm_moe_dsa/configuration_glm_moe_dsa.py 140-142"),
    Order("glm_moe_dsa",
     {"num_hidden_layers": 3, "index_topk_pattern": ["full", "shared", "full"], **DSA_CONFIG},
     "isi", "glm_moe_dsa/configuration_glm_moe_dsa.py 142: a list is taken as it is"),
    Order("glm_moe_dsa", {"num_hidden_layers": 3, "indexer_types": ["full", "full", "shared"],
      "index_topk_pattern": "FSS", "index_topk_freq": 9, **DSA_CONFIG}, "iis",
     "glm_moe_dsa/configuration_glm_moe_dsa.py 135: indexer_types come first"),
    Order("hy_v4", {"num_hidden_layers": 7, **DSA_CONFIG}, "iisssis",
     "hy_v4/configuration_hy_v4.py 153-157: 0, and i - 1 a multiple of 4"),
    Order("dots3_note_text", {"num_hidden_layers": 7, **DSA_CONFIG}, "iiwwwiw",
     "dots3_note/configuration_dots3_note.py 311-317"),
    Order("dots3_note_text", {"num_hidden_layers": 3, "use_sliding_window": False, **DSA_CONFIG},
     "iii", "dots3_note/configuration_dots3_note.py 311-317"),
    Order("dots3_note_text", {"num_hidden_layers": 4, "use_dsa": False, **DSA_CONFIG}, "ffww",
     "dots3_note/configuration_dots3_note.py 311-317: 2 and 3 slide still"),
    Order("dots3_note_text", {"num_hidden_layers": 2, "use_dsa": False,
      "layer_types": ["indexed_attention", "sliding_attention"], **DSA_CONFIG}, "fw",
     "dots3_note/configuration_dots3_note.py 319-324: use_dsa renames listed layers too"),
    # compression
    Order("deepseek_v4", v4(4, compress_ratios=[0, 4, 128, 4]), "wchc",
     "deepseek_v4/configuration_deepseek_v4.py 28-32"),
    Order("deepseek_v4", v4(3, compress_ratios=[128, 0, 4, 0], num_nextn_predict_layers=1), "hwc",
     "deepseek_v4/configuration_deepseek_v4.py 266-273: cut to the layers"),
    Order("deepseek_v41_text", v41([0, 2, 2, 2, 1, 1, 1], [1, 2, 4], [1, 2, 4, 6]), "wCCRCRI",
     "vLLM 0.33.0, models/deepseek_v41/attention.py 314-361: the last source at or before a layer"),
    # one cache for several layers
    Order("hunyuan", {"num_hidden_layers": 7, "use_cla": True, "cla_share_factor": 3, **GQA},
     "frrfrrf", "Tencent-Hunyuan-Large, modeling_hunyuan.py 520"),
    Order("hunyuan", {"num_hidden_layers": 3, "use_cla": False, "cla_share_factor": 3, **GQA},
     "fff", "Tencent-Hunyuan-Large, modeling_hunyuan.py 520: not without use_cla"),
    Order("hunyuan", {"num_hidden_layers": 2, **GQA}, "ff", "not without use_cla"),
    Order("nemotron-nas", nas({"n_heads_in_group": 4}, {"no_op": True},
      {"replace_with_linear": True},
      {"n_heads_in_group": 8, "no_op": False, "window_length": None}), "f--f",
     "sglang/srt/models/nemotron_nas.py"),
    # patterns with a number per layer
    Order("mimo_v2_flash", {"num_hidden_layers": 5, "hybrid_layer_pattern": [0, 1, 1, 0, 1],
      **WINDOWED} | {"swa_num_key_value_heads": 2}, "fwwfw",
     "sglang/srt/models/mimo_v2.py: 1 slides"),
    Order("mimo_v2_flash", {"num_hidden_layers": 7, **WINDOWED, "swa_num_key_value_heads": 2},
     "fwwwwfw", "mimo_v2_flash/configuration_mimo_v2_flash.py 112-117"),
    Order("mimo_v2", {"num_hidden_layers": 4, "hybrid_layer_pattern": [0, 1, 1, 0],
      **WINDOWED} | {"swa_num_key_value_heads": 2, "attention_projection_layout": "fused_qkv"},
     "fwwf", "vllm/model_executor/models/mimo_v2.py 387-392: whether q, k and v are one weight"),
    Order("minimax_m3_vl_text", m3(4, sparse_attention_freq=[0, 1, 1, 0]), "fbbf",
     "minimax_m3_vl/configuration_minimax_m3_vl.py 134-138"),
    Order("minimax_m3_vl_text", {"num_hidden_layers": 2, **GQA}, "ff",
     "minimax_m3_vl/configuration_minimax_m3_vl.py 139-140"),
    Order("muse_glimmer_text", {"num_hidden_layers": 6, **WINDOWED}, "wfwwwf",
     "muse_glimmer/configuration_muse_glimmer.py 145-151: counted from the last layer"),
    Order("muse_spark_text", {"num_hidden_layers": 7, **WINDOWED}, "wwfwwwf",
     "muse_spark/configuration_muse_spark.py 163-169: counted from the last layer"),
    Order("laguna", {"num_hidden_layers": 2, **GQA}, "ff", "laguna/configuration_laguna.py 129"),
    # loops
    Order("dory", {"num_hidden_layers": 6, "n_input_layers": 1, "n_output_layers": 2,
      "n_recurrent_loops": 2, **WINDOWED}, "w" + 2 * "wwf" + "ww", "dory/modeling_dory.py 478-509"),
    Order("dory", {"num_hidden_layers": 6, "n_input_layers": 1, "n_output_layers": 2,
      "n_recurrent_loops": 2, "recurrent_kv_cache_mode": "last_loop", **WINDOWED}, "wwwfww",
     "dory/modeling_dory.py 483-488: only the last loop writes"),
    Order(
        "dory",
        {
            # attention and MLP counted apart: 4 layers, 1 before and 1 after the loop
            "num_hidden_layers": 8,
            "layer_types": [FULL, "mlp", "sliding_attention", "mlp"] * 2,
            "n_input_layers": 2,
            "n_recurrent_layers": 4,
            "n_output_layers": 2,
            "n_recurrent_loops": 3,
            **WINDOWED,
        },
        "f-" + 3 * "w-f-" + "w-",
        "dory/configuration_dory.py 85-91: every second item, every count by two",
    ),
    Order(
        "dory",
        {"num_hidden_layers": 20, **WINDOWED},
        # 8 layers before, 8 after, 4 twice
        "wwwfwwwf" + 2 * "wwwf" + "wwwfwwwf",
        "dory/configuration_dory.py 73-78",
    ),
    Order("hrm_text", {"num_hidden_layers": 2, "H_cycles": 3, "L_cycles": 1, **GQA},
     "f" * (2 * 3 * (1 + 1)), "hrm_text/configuration_hrm_text.py 108-112"),
    Order("hrm_text",
     {"num_hidden_layers": 12, "num_layers_per_stack": 2, "H_cycles": 3, "L_cycles": 1, **GQA},
     "f" * 12, "hrm_text/configuration_hrm_text.py 108: a file that transformers has written"),
    Order("longcat_flash", {"num_layers": 2, **MLA}, "[ff][ff]",
     "longcat_flash/modeling_longcat_flash.py 462"),
    Order("longcat_flash_lite_sparse", {"num_layers": 2, "cli_factor": 2, "attention_method": "LSA",
      **DSA_CONFIG} | {"qk_rope_head_dim": 4}, "[is][is]",
     "sglang/srt/configs/model_config.py 490-505"),
)  # fmt: skip


@pytest.mark.parametrize("case", ORDERS, ids=str)
def test_order(case: Order) -> None:
    assert letters(loaded({"model_type": case.family, **case.config})) == case.expected, case.source


@dataclass(frozen=True)
class Refusal:
    """A configuration that contradicts itself or says what is not known, and the answer's words."""

    family: str
    config: Config
    words: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return f"{self.family}-{self.why}"


REFUSALS = (
    Refusal("kimi_linear", kimi(3, full_attn_layers=[1, 2], kda_layers=[2, 3]),
     ("kda_layers", "once"), "a layer named twice"),
    Refusal("kimi_linear", kimi(3, full_attn_layers=[1], kda_layers=[3]),
     ("kda_layers", "each of 3"), "a layer missing"),
    Refusal("kimi_linear", kimi(3, full_attn_layers=[0], kda_layers=[1, 2]),
     ("kda_layers", "from 1"), "numbers from 0"),
    Refusal("kimi_linear", kimi(3, full_attn_layers=[4], kda_layers=[1, 2]), ("kda_layers",),
     "a number beyond the end"),
    Refusal("kimi_linear", kimi(3, full_attn_layers="all", kda_layers=[1, 2]),
     ("full_attn_layers", "list"), "a word for a list"),
    Refusal("kimi_linear", {"num_hidden_layers": 3, **MLA, "linear_attn_config": [1]},
     ("linear_attn_config", "object"), "a list for an object"),
    Refusal("baichuan_m1", {"num_hidden_layers": 3, "sliding_window_layers": [3], "conv_window": 2,
      **WINDOWED, "num_swa_attention_heads": 4, "num_swa_key_value_heads": 2},
     ("sliding_window_layers", "3"), "a number beyond the end"),
    Refusal("jamba",
     {"num_hidden_layers": 6, "attn_layer_period": 3, "attn_layer_offset": 3, **GQA},
     ("attn_layer_offset",), "an offset beyond the period (jamba/configuration_jamba.py 126-132)"),
    Refusal("nemotron_h", {"num_hidden_layers": 3, "hybrid_override_pattern": "M*X", **GQA},
     ("'X' layers are not known",), "an unknown letter"),
    Refusal("nemotron_h", {"num_hidden_layers": 2, "hybrid_override_pattern": "M*-", **GQA},
     ("3 layers", "is 2"), "more letters than layers"),
    Refusal("nemotron_h", {"num_hidden_layers": 4, "hybrid_override_pattern": "M*-", **GQA},
     ("hybrid_override_pattern",), "fewer letters than layers"),
    Refusal("nemotron_h", {"num_hidden_layers": 4, **GQA}, ("hybrid_override_pattern", "missing"),
     "no pattern"),
    Refusal("glm_moe_dsa", {"num_hidden_layers": 3, "index_topk_pattern": "FSX", **DSA_CONFIG},
     ("full or shared",), "an unknown letter"),
    Refusal("glm_moe_dsa", {"num_hidden_layers": 3, "index_topk_pattern": "FS", **DSA_CONFIG},
     ("each of 3 layers",), "fewer letters than layers"),
    Refusal("glm_moe_dsa",
     {"num_hidden_layers": 2, "indexer_types": ["full", "half"], **DSA_CONFIG}, ("indexer_types",),
     "an unknown kind of indexer"),
    Refusal("glm_moe_dsa", {"num_hidden_layers": 2, "index_topk_freq": "often", **DSA_CONFIG},
     ("index_topk_freq",), "a word for a number"),
    Refusal("deepseek_v4", v4(3, compress_ratios=[0, 4, 8]), ("compress_ratio 8",),
     "a ratio that no layer has"),
    Refusal("deepseek_v4", v4(3, compress_ratios=[0, 4]), ("compress_ratios", "2 items for 3"),
     "fewer ratios than layers"),
    Refusal("deepseek_v4", v4(2, compress_ratios=[0, 4, 4], num_nextn_predict_layers=0),
     ("3 layers", "is 2"), "more ratios than layers and MTP layers"),
    Refusal("deepseek_v4", v4(2), ("compress_ratios",), "no ratios: the class's own are not V4's"),
    Refusal("deepseek_v4",
     v4(1, compress_ratios=[4], compress_rates={"compressed_sparse_attention": 0}),
     ("compress_rates",), "a rate of 0"),
    Refusal("deepseek_v4",
     v4(1, compress_ratios=[4], compress_rates={"compressed_sparse_attention": "4"}),
     ("compress_rates",), "a rate that is a text"),
    Refusal("deepseek_v4", v4(1, compress_ratios=[4], compress_rates=[4]), ("compress_rates",),
     "rates that are a list"),
    Refusal("deepseek_v4",
     v4(1, compress_ratios=[4], compress_rates={"compressed_sparse_attentionk": 9}),
     ("compressed_sparse_attentionk",), "a rate of a kind that is not known"),
    Refusal("deepseek_v4", v4(1, compress_ratios=[0], num_key_value_heads=2),
     ("num_key_value_heads",), "two KV heads"),
    Refusal("deepseek_v41", v41([0, 4], [1], [1]), ("compress_ratio 4",), "V4's ratio"),
    Refusal("deepseek_v41", {**v41([0, 2], [1], [1]), "compress_ratios": None},
     ("compress_ratios", "missing"), "no ratios"),
    Refusal("deepseek_v41", v41([0, 2, 2], [2], [2]),
     ("kv_source_layer_ids", "layer 1, of ratio 2"), "no source yet"),
    Refusal("deepseek_v41", v41([2, 1, 1], [0], [0]),
     ("kv_source_layer_ids", "layer 1, of ratio 1"), "a source of another ratio"),
    Refusal("deepseek_v41", v41([0, 2], [0, 1], [0, 1]),
     ("kv_source_layer_ids", "layer 0, which compresses nothing"), "a source without a ratio"),
    Refusal("deepseek_v41", v41([0, 2], [1], [1, 2]),
     ("index_source_layer_ids", "layer 2, which"), "a layer that is not there"),
    Refusal("deepseek_v41", v41([2, 2], [0, 1], [0]),
     ("index_source_layer_ids", "lacks layer 1"), "a source whose keys nobody makes"),
    Refusal("deepseek_v41",
     {**v41([2, 2], [0], [0, 1]), "candidate_source_layer_id": 0, "candidate_topk_blocks": 3},
     ("candidate_block_size", "missing"), "candidates of no size"),
    *(Refusal("deepseek_v41",
      {**v41([0, 2, 2], [1], [1]), "candidate_source_layer_id": source, "candidate_topk_blocks": 3,
       "candidate_block_size": 8}, ("candidate_source_layer_id", f"layer {source}, which scores"),
      why) for source, why in ((0, "a window"), (2, "a layer that reuses"), (9, "no layer"))),
    Refusal("deepseek_v41",
     {**v41([2, 2], [0, 1], [0, 1]), "candidate_source_layer_id": 0, "candidate_topk_blocks": 3,
      "candidate_block_size": 8}, ("candidate_source_layer_id", "before layer 1, a KV source"),
     "a source of KV behind the source of candidates"),
    Refusal("hunyuan", {"num_hidden_layers": 2, "use_cla": "yes", "cla_share_factor": 2, **GQA},
     ("use_cla",), "a word for a flag"),
    Refusal("hunyuan", {"num_hidden_layers": 2, "use_cla": True, **GQA},
     ("cla_share_factor", "missing"), "no factor"),
    Refusal("nemotron-nas", nas({"n_heads_in_group": 3}),
     ("block_configs", "n_heads_in_group is 3"), "a group that does not divide"),
    Refusal("nemotron-nas", nas({"n_heads_in_group": None, "no_op": False}),
     ("block_configs", "n_heads_in_group is missing"), "a block that attends without a group"),
    *(Refusal("nemotron-nas", nas({"n_heads_in_group": 4, name: value}), ("block_configs", name),
      f"{name}, which changes the cache") for name, value in (("window_length", 512),
      ("num_sink_tokens", 4), ("sparsify", [1]), ("unshifted_sink", True))),
    Refusal("nemotron-nas", nas({"n_heads_in_group": 4, "windowlength": 512}), ("windowlength",),
     "a field of a block that is not known"),
    Refusal("nemotron-nas", nas({"n_heads_in_group": 4}, num_hidden_layers=2),
     ("block_configs", "1 items for 2"), "fewer blocks than layers"),
    Refusal("nemotron-nas", nas({"n_heads_in_group": 4}, None), ("block_configs",),
     "a block that says nothing of its attention"),
    Refusal("mimo_v2_flash", {"num_hidden_layers": 2, "hybrid_layer_pattern": [0, 2],
      **WINDOWED} | {"swa_num_key_value_heads": 2}, ("'2' layers are not known",),
     "a number that is neither 0 nor 1"),
    Refusal("minimax_m3_vl_text", m3(3, sparse_attention_freq=[0, 1]),
     ("sparse_attention_freq", "2 items for 3"), "fewer items than layers"),
    Refusal("minimax_m3_vl_text", m3(2, sparse_attention_freq=[0, 1, 1]), ("3 layers", "is 2"),
     "more items than layers"),
    Refusal("minimax", {"num_hidden_layers": 2, "attn_type_list": [0, 2], **GQA}, ("attn_type 2",),
     "a type that is neither 0 nor 1"),
    Refusal("minimax_m2", {"num_hidden_layers": 2, "attn_type_list": [1, 0], **GQA},
     ("'0' layers are not known",), "lightning attention, which M2 does not have"),
    Refusal("recurrent_gemma",
     {"num_hidden_layers": 2, "block_types": ["recurrent", "global"], **GQA},
     ("'global' layers are not known",), "an unknown block"),
    Refusal("hrm_text",
     {"num_hidden_layers": 11, "num_layers_per_stack": 2, "H_cycles": 3, "L_cycles": 1, **GQA},
     ("num_layers_per_stack", "12 layers, not 11"), "stacks that do not make the layers"),
    Refusal("dory", {"num_hidden_layers": 4, "n_input_layers": 3, "n_output_layers": 2,
      "n_recurrent_loops": 2, **WINDOWED}, ("n_input_layers",),
     "more layers around the loop than there are (dory/configuration_dory.py 123-128)"),
    Refusal("dory", {"num_hidden_layers": 6, "n_input_layers": 1, "n_recurrent_layers": 2,
      "n_output_layers": 1, **WINDOWED}, ("n_recurrent_layers",),
     "counts that do not make the layers (dory/configuration_dory.py 123-128)"),
    Refusal("inkling2_loop_text", {"num_hidden_layers": 4, "loop_layer_index_start": 1,
      "loop_layer_index_end": 7, "loop_num_passes": 2, **GQA}, ("loop_layer_index_end",),
     "a loop that ends beyond the layers"),
    Refusal("inkling2_loop_text", {"num_hidden_layers": 4, "loop_layer_index_start": 3,
      "loop_layer_index_end": 1, "loop_num_passes": 2, **GQA}, ("loop_layer_index_",),
     "a loop that ends before it starts"),
    Refusal("longcat_flash_lite_sparse", {"num_layers": 2, "cli_factor": 3,
      "attention_method": "LSA", **DSA_CONFIG} | {"qk_rope_head_dim": 4}, ("cli_factor",),
     "another factor"),
    Refusal("longcat_flash_lite_sparse", {"num_layers": 2, "cli_factor": 2,
      "attention_method": "MLA", **DSA_CONFIG} | {"qk_rope_head_dim": 4}, ("attention_method",),
     "another method"),
    Refusal("mamba_ssm", {"n_layer": 2, "d_model": 16, "ssm_cfg": {}, "attn_layer_idx": [1]},
     ("attn_layer_idx",), "attention layers"),
    Refusal("mamba_ssm", {"n_layer": 2, "d_model": 16, "ssm_cfg": {"layer": "Mamba9"}}, ("Mamba9",),
     "a layer that is neither (mixer_seq_simple.py: only Mamba1 and Mamba2)"),
    Refusal("mamba2",
     {"num_hidden_layers": 2, "hidden_size": 24, "expand": 2, "num_heads": 4, "head_dim": 9},
     ("expand",), "heads that do not make the expansion (mamba2/configuration_mamba2.py 96-103)"),
    *(Refusal(family,
      {"num_hidden_layers": 2, **GQA, "mamba_n_heads": 4, "mamba_expand": 2} | {"mamba_d_head": 9},
      ("mamba_d_head",),
      "heads that do not make the expansion (validate_architecture)") for family in ("bamba",
      "granitemoehybrid")),
    Refusal("falcon_h1",
     {"num_hidden_layers": 2, **GQA, "mamba_n_heads": 4, "mamba_d_ssm": 20, "mamba_d_head": 9},
     ("mamba_d_head", "mamba_d_ssm"),
     "heads that do not make mamba_d_ssm (falcon_h1/configuration_falcon_h1.py 122-131)"),
    Refusal("falcon_h1", {"num_hidden_layers": 2, **GQA, "mamba_n_heads": 3, "mamba_d_ssm": 20},
     ("mamba_d_ssm",),
     "heads that do not divide mamba_d_ssm (falcon_h1/configuration_falcon_h1.py 122-131)"),
    *(Refusal(family, {"num_hidden_layers": 3, "layer_types": types, **config}, ("3",),
      why) for family, config, kind in (("qwen3_next", GQA, LINEAR), ("lfm2", GQA, "conv"),
      ("glm_moe_dsa", DSA_CONFIG, "indexed_attention")) for types,
     why in (([kind] * 2, "fewer kinds than layers"), ([kind] * 4, "more kinds than layers"))),
    Refusal("qwen3_next",
     {"num_hidden_layers": 2, "layer_types": [LINEAR, "liner_attention"], **GQA},
     ("'liner_attention' layers are not known",), "a kind that is not known"),
)  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_refusal(case: Refusal) -> None:
    text = refused({"model_type": case.family, **case.config})
    assert not [word for word in case.words if word not in text], text


@pytest.mark.parametrize(
    ("family", "config", "told"),
    [
        ("deepseek_v4", v4(3, compress_ratios=[0, 4]), "compress_ratios has 2 items for 3 layers"),
        (
            "deepseek_v41",
            {**v41([0, 2], [1], [1]), "num_hidden_layers": 3},
            "compress_ratios has 2 items for 3 layers",
        ),
        (
            "deepseek_v41",
            v41([0, 2, 2, 2], [3], [3]),
            "kv_source_layer_ids gives layer 1, of ratio 2, no cache of that ratio",
        ),
    ],
)
def test_nothing_is_said_of_what_only_follows(family: str, config: Config, told: str) -> None:
    text = refused({"model_type": family, **config})
    assert told in text
    for follows in ("missing", "compress_ratios lists", "kvcalc knows", "2 problems"):
        assert follows not in text


def test_items_beyond_the_layers_are_mtp() -> None:
    config = v4(2, compress_ratios=[4, 128, 0], num_nextn_predict_layers=1)
    model = loaded({"model_type": "deepseek_v4", **config})
    assert (letters(model), letters(model, mtp=True)) == ("ch", "w")


@pytest.mark.parametrize(
    ("family", "config", "expected"),
    [
        ("deepseek_v3", {"num_hidden_layers": 2, **MLA, "num_nextn_predict_layers": 2}, "ff"),
        ("deepseek_v32", {"num_hidden_layers": 2, **DSA_CONFIG} | {"num_nextn_predict_layers": 1},
         "i"),
        # an MTP layer always has an indexer of its own
        ("glm_moe_dsa", {"num_hidden_layers": 3, "index_topk_freq": 4,
          "num_nextn_predict_layers": 1, **DSA_CONFIG}, "i"),
        ("qwen3_next", {"num_hidden_layers": 4, **GQA, "num_nextn_predict_layers": 1}, "f"),
        ("qwen3_5_text", {"num_hidden_layers": 4, **GQA, "mtp_num_hidden_layers": 1}, "f"),
    ],
    ids=["deepseek_v3", "deepseek_v32", "glm_moe_dsa", "qwen3_next", "qwen3_5_text"],
)  # fmt: skip
def test_mtp(family: str, config: Config, expected: str) -> None:
    assert letters(loaded({"model_type": family, **config}), mtp=True) == expected


def test_compress_rates_take_the_place_of_the_ratios() -> None:
    rates = {"compressed_sparse_attention": 6, "heavily_compressed_attention": 100}
    config = v4(2, compress_ratios=[4, 128], compress_rates=rates)
    model = loaded({"model_type": "deepseek_v4", **config})
    found = [s.compress for s in model.attention.values() if isinstance(s, HCA)]
    assert found == [6, 100]


@pytest.mark.parametrize("stated", ["auto", None, 12], ids=repr)
@pytest.mark.parametrize("family", ["bamba", "granitemoehybrid", "falcon_h1"])
def test_an_automatic_width_is_the_inner_width_over_heads(family: str, stated: object) -> None:
    config = {
        "model_type": family,
        "num_hidden_layers": 1,
        **GQA,
        "mamba_n_heads": 4,
        "mamba_expand": 2,
        "mamba_d_head": stated,
        "mamba_d_ssm": None,
    }
    if family != "falcon_h1":
        del config["mamba_d_ssm"]
    found = [s for s in loaded(config).attention.values() if isinstance(s, Mamba2)]
    assert [s.state_head_dim for s in found] == [2 * 24 // 4]


@pytest.mark.parametrize("family", ["bamba", "granitemoehybrid", "falcon_h1"])
def test_an_automatic_width_is_the_class_default(family: str) -> None:
    config = {"model_type": family, "num_hidden_layers": 1, "hidden_size": 256}
    found = [s for s in loaded(config).attention.values() if isinstance(s, Mamba2)]
    # 2 x 256 over the 128 heads of the class; falcon_h1's class states mamba_d_ssm 1,024
    assert [s.state_head_dim for s in found] == [1024 // 128 if family == "falcon_h1" else 4]


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("qwen3_5_text", "mamba_ssm_dtype"),
        ("qwen3_5_moe_text", "mamba_ssm_dtype"),
        ("nemotron_h", "mamba_ssm_cache_dtype"),
    ],
)
@pytest.mark.parametrize(
    ("stated", "pinned"), [("float32", FP32), ("bfloat16", BF16), ("float16", FP16), (None, None)]
)
def test_a_pinned_state(family: str, name: str, stated: str | None, pinned: Format | None) -> None:
    pattern = {"hybrid_override_pattern": "M"} if family == "nemotron_h" else {}
    config = {"model_type": family, "num_hidden_layers": 1, **GQA, **pattern, name: stated}
    (scheme,) = loaded(config).attention.values()
    assert isinstance(scheme, GatedDeltaNet | Mamba2)
    assert scheme.state_dtype == pinned


@pytest.mark.parametrize(
    ("family", "name"),
    [("qwen3_5_text", "mamba_ssm_dtype"), ("nemotron_h", "mamba_ssm_cache_dtype")],
)
@pytest.mark.parametrize("stated", ["float8", "fp31", 32, ["float32"]], ids=repr)
def test_a_state_in_an_unknown_dtype_is_refused(family: str, name: str, stated: object) -> None:
    pattern = {"hybrid_override_pattern": "M"} if family == "nemotron_h" else {}
    config = {"model_type": family, "num_hidden_layers": 1, **GQA, **pattern, name: stated}
    assert name in refused(config)


def test_a_group_decides_over_the_class_and_beside_it() -> None:
    """kimi_linear/configuration_kimi_linear.py 121-124: linear_attn_config over linear_*."""
    beside = {"linear_num_heads": 2, "linear_head_dim": 5, "linear_conv_kernel_dim": 4}
    base = {"model_type": "kimi_linear", "num_hidden_layers": 1, **MLA}
    grouped = loaded({**base, "linear_attn_config": KDA, "linear_num_heads": 9})
    assert grouped.attention == loaded({**base, **beside}).attention
