"""The rules between the fields of a configuration: schedules, defaults, older names, nesting.

What is expected is worked out from the classes of transformers 5.24.0 (models/<family>/
configuration_*.py, and cache_utils.py for what has a window and no `layer_types`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import kvcalc
from kvcalc.attention.base import Attention
from kvcalc.importers.families.cohere import COHERE
from kvcalc.importers.families.encoders import ENCODERS
from kvcalc.importers.families.plain import PLAIN
from kvcalc.importers.families.windowed import WINDOWED
from kvcalc.model import Model
from tests.configurations import loaded, problems_of, refused

KV = "num_key_value_heads"
# six heads over two KV heads, 66 / 6 = 11 wide
NARROW = {"hidden_size": 66, "num_attention_heads": 6, KV: 2}
OLD = {"n_embd": 66, "n_head": 6, "n_layer": 3}
# layers x K and V x heads x width x bytes x tokens, for three layers and 100 tokens
GQA_11 = 3 * 2 * 2 * 11 * 2 * 100
MHA_11 = 3 * 2 * 6 * 11 * 2 * 100
MQA_11 = 3 * 2 * 1 * 11 * 2 * 100


def read(model_type: str, **fields: Any) -> Model:
    return loaded({"model_type": model_type, **fields})


def stored(model: Model, tokens: int = 100, source_length: int | None = None) -> int:
    return kvcalc.show(model, tokens, kv_dtype="bf16", source_length=source_length).stored


def kept(model: Model, tokens: int = 100, source_length: int | None = None) -> int | None:
    return kvcalc.show(
        model, tokens, kv_dtype="bf16", source_length=source_length, engine="transformers"
    ).reserved


def kind(scheme: object) -> str:
    """F for full attention, S for sliding, C for chunked, X for cross; - where it is shared."""
    assert isinstance(scheme, Attention)
    if scheme.shared:
        return "-"
    marks = {"S": scheme.window, "C": scheme.chunk, "X": scheme.cross}
    return next((mark for mark, value in marks.items() if value), "F")


def kinds(model: Model) -> str:
    return "".join(kind(model.attention[name]) for layer in model.layers for name in layer)


class Schedule(NamedTuple):
    model_type: str
    layers: int
    fields: Mapping[str, Any]
    expected: str


W = {"sliding_window": 16}
QWEN = {"use_sliding_window": True, **W}

SCHEDULES = (
    # sliding if (i + 1) % global_attn_every_n_layers, which is 4
    Schedule("afmoe", 5, W, "SSSFS"),
    Schedule("afmoe", 5, {**W, "global_attn_every_n_layers": 2}, "SFSFS"),
    # sliding if (i + 1) % 6, and the last is full
    Schedule("beam", 8, W, "SSSSSFSF"),
    Schedule("beam", 7, W, "SSSSSFF"),
    Schedule("beam", 6, W, "SSSSSF"),
    # sliding if (i + 1) % sliding_window_pattern, which is 4
    Schedule("cohere2", 5, W, "SSSFS"),
    Schedule("cohere2", 5, {**W, "sliding_window_pattern": 2}, "SFSFS"),
    # first_k_dense_replace layers by a pattern of 1, the others by one of 4, counted anew
    Schedule("cohere2_moe", 5, W, "SSSFS"),
    Schedule("cohere2_moe", 6, {**W, "first_k_dense_replace": 2}, "FFSSSF"),
    Schedule(
        "cohere2_moe",
        7,
        {
            **W,
            "first_k_dense_replace": 4,
            "prefix_dense_sliding_window_pattern": 3,
            "sliding_window_pattern": 2,
        },
        "SSFS" + "SFS",
    ),
    Schedule("cohere_compass_text", 3, W, "FFF"),
    # full if i % 4 == 0
    Schedule("cwm", 6, W, "FSSSFS"),
    # from max_window_layers (62) on, where there is a window
    Schedule("dots1", 4, {**W, "max_window_layers": 2}, "FFSS"),
    Schedule("dots1", 4, W, "FFFF"),
    Schedule("dots1", 4, {"max_window_layers": 2, "sliding_window": None}, "FFFF"),
    # sliding if (i + 1) % sliding_window_pattern, which is 4
    Schedule("exaone4", 5, W, "SSSFS"),
    Schedule("exaone4", 5, {**W, "sliding_window_pattern": 2}, "SFSFS"),
    # the published spelling: L a local layer, G a global one, over and over
    Schedule("exaone4", 6, {**W, "sliding_window_pattern": "LLLG"}, "SSSFSS"),
    Schedule("exaone4", 5, {**W, "sliding_window_pattern": "LG"}, "SFSFS"),
    Schedule("exaone4", 4, {"sliding_window": None}, "FFFF"),
    Schedule("exaone4", 4, {"sliding_window": None, "sliding_window_pattern": None}, "FFFF"),
    Schedule("exaone_moe", 5, {**W, "sliding_window_pattern": "LLLG"}, "SSSFS"),
    # full if i < 2 or i % 4 == 1 or i is the last
    Schedule("flint", 9, W, "FFSSSFSSF"),
    Schedule("flint", 3, W, "FFF"),
    # sliding if (i + 1) % 2
    Schedule("gemma2", 5, W, "SFSFS"),
    Schedule("vaultgemma", 4, W, "SFSF"),
    # sliding if (i + 1) % sliding_window_pattern, which is 6
    Schedule("gemma3_text", 7, W, "SSSSSFS"),
    Schedule("gemma3_text", 7, {**W, "sliding_window_pattern": 3}, "SSFSSFS"),
    # full if (i + 1) % 5 == 0; the last num_kv_shared_layers (15) store nothing
    Schedule("gemma3n_text", 10, {**W, "num_kv_shared_layers": 0}, "SSSSFSSSSF"),
    Schedule("gemma3n_text", 10, {**W, "num_kv_shared_layers": 3}, "SSSSFSS---"),
    Schedule("gemma3n_text", 20, W, "SSSSF" + 15 * "-"),
    # sliding if (i + 1) % 6, and the last is full whatever is listed
    Schedule("gemma4_text", 7, W, "SSSSSFF"),
    Schedule("gemma4_text", 8, {**W, "num_kv_shared_layers": 2}, "SSSSSF--"),
    Schedule("gemma4_text", 8, {**W, "num_kv_shared_layers": 8}, 8 * "-"),
    Schedule("gemma4_unified_text", 7, W, "SSSSSFF"),
    Schedule(
        "gemma4_text",
        3,
        {**W, "layer_types": ["full_attention", "sliding_attention", "sliding_attention"]},
        "FSF",
    ),
    # attention_types spelt out; [[["global", "local"], 12]] where the file has none
    Schedule(
        "gpt_neo",
        3,
        {"window_size": 16, "attention_types": [[["local"], 1], [["global"], 2]]},
        "SFF",
    ),
    Schedule("gpt_neo", 24, {"window_size": 16}, 12 * "FS"),
    # sliding if (i + 1) % 2
    Schedule("gpt_oss", 5, W, "SFSFS"),
    # full if i % 4 == 0
    Schedule("granite_swa", 6, W, "FSSSFS"),
    Schedule("granitemoe_swa", 6, W, "FSSSFS"),
    # full if (i + 1) % 5 == 0
    Schedule("kolibri1", 6, W, "SSSSFS"),
    # chunked where no_rope_layers has a 1, by default (i + 1) % no_rope_layer_interval (4) != 0
    Schedule("llama4_text", 5, {"attention_chunk_size": 16}, "CCCFC"),
    Schedule("llama4_text", 5, {"attention_chunk_size": 16, "no_rope_layers": []}, "CCCFC"),
    Schedule(
        "llama4_text", 5, {"attention_chunk_size": 16, "no_rope_layers": [0, 1, 0, 1, 1]}, "FCFCC"
    ),
    Schedule("llama4_text", 5, {"attention_chunk_size": 16, "no_rope_layer_interval": 2}, "CFCFC"),
    Schedule("llama4_text", 5, {"attention_chunk_size": None}, "FFFFF"),
    Schedule("mellum", 3, W, "FFF"),
    # full if i % global_attn_every_n_layers (3) == 0
    Schedule("modernbert-decoder", 5, {"local_attention": 32}, "FSSFS"),
    Schedule(
        "modernbert-decoder", 5, {"local_attention": 32, "global_attn_every_n_layers": 2}, "FSFSF"
    ),
    # sliding if (i + 1) % 4 != 0
    Schedule("olmo3", 5, W, "SSSFS"),
    # with use_sliding_window, from max_window_layers on: 28, and 80 in the larger text models
    Schedule("qwen2", 4, {**QWEN, "max_window_layers": 2}, "FFSS"),
    Schedule("qwen2", 4, {**QWEN, "max_window_layers": 0}, "SSSS"),
    Schedule("qwen2", 4, {**QWEN, "max_window_layers": 4}, "FFFF"),
    Schedule("qwen2", 30, QWEN, 28 * "F" + "SS"),
    Schedule("qwen2", 4, {"use_sliding_window": True, "max_window_layers": 3}, "FFFS"),
    Schedule("qwen2", 4, {**W, "max_window_layers": 2}, "FFFF"),
    Schedule("qwen2", 4, {**W, "use_sliding_window": False, "max_window_layers": 2}, "FFFF"),
    Schedule(
        "qwen2",
        4,
        {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 2},
        "FFFF",
    ),
    Schedule("qwen2_vl_text", 81, QWEN, 80 * "F" + "S"),
    Schedule("qwen2_5_vl_text", 81, QWEN, 80 * "F" + "S"),
    Schedule("qwen2_5_omni_text", 30, QWEN, 28 * "F" + "SS"),
    Schedule("qwen3", 4, {**QWEN, "max_window_layers": 2}, "FFSS"),
    Schedule("qwen3", 4, {**W, "use_sliding_window": False, "max_window_layers": 2}, "FFFF"),
    # with use_sliding_window, sliding if (i + 1) % 2 and i < max_window_layers (28)
    Schedule("qwen2_moe", 5, QWEN, "SFSFS"),
    Schedule("qwen2_moe", 5, {**QWEN, "max_window_layers": 2}, "SFFFF"),
    Schedule("qwen2_moe", 5, {**W, "use_sliding_window": False}, "FFFFF"),
    # as transformers writes it: the window is 0 where it is not used
    Schedule(
        "qwen2_moe",
        2,
        {
            "use_sliding_window": False,
            "sliding_window": 0,
            "max_window_layers": 28,
            "layer_types": ["full_attention", "full_attention"],
        },
        "FF",
    ),
    # no layer_types: sliding throughout, or not at all
    Schedule("qwen3_moe", 3, {**QWEN, "max_window_layers": 1}, "SSS"),
    Schedule("qwen3_moe", 3, {**W, "use_sliding_window": False}, "FFF"),
    Schedule("qwen3_moe", 3, {"use_sliding_window": True, "sliding_window": None}, "FFF"),
    Schedule("qwen3_moe", 3, W, "FFF"),
    # with use_sliding_window, sliding if not has_rope: no_rope_layers has a 0
    Schedule("smollm3", 5, QWEN, "FFFSF"),
    Schedule("smollm3", 5, {**QWEN, "no_rope_layers": [0, 1, 1, 0, 1]}, "SFFSF"),
    Schedule("smollm3", 5, {**QWEN, "no_rope_layer_interval": 2}, "FSFSF"),
    Schedule("smollm3", 5, {**W, "use_sliding_window": False}, "FFFFF"),
    Schedule("smollm3", 5, {"use_sliding_window": True, "sliding_window": None}, "FFFFF"),
    # no layer_types: sliding where there is a sliding_window, stated or the class's
    Schedule("ministral", 3, {}, "SSS"),
    Schedule("ministral", 3, {"sliding_window": None}, "FFF"),
    Schedule("mistral", 3, {}, "SSS"),
    Schedule("mistral", 3, {"sliding_window": None}, "FFF"),
    Schedule("mixtral", 3, {}, "FFF"),
    Schedule("mixtral", 3, {"sliding_window": None}, "FFF"),
    Schedule("mixtral", 3, W, "SSS"),
    Schedule("moshi", 3, {}, "SSS"),
    Schedule("phi3", 3, {}, "FFF"),
    Schedule("phi3", 3, W, "SSS"),
    Schedule("phimoe", 3, {}, "FFF"),
    Schedule("starcoder2", 3, {}, "FFF"),
    Schedule("doge", 3, W, "SSS"),
    Schedule("ministral3", 3, W, "SSS"),
    Schedule("phi4_multimodal", 3, W, "SSS"),
    # cross attention where it is listed, [3, 8, 13, ..., 38] where the file has no list
    Schedule("mllama_text_model", 5, {"cross_attention_layers": [0, 3]}, "XFFXF"),
    Schedule("mllama_text_model", 40, {}, 8 * "FFFXF"),
    # each layer asks whether it is among them: numbers beyond the last say nothing
    Schedule("mllama_text_model", 5, {"cross_attention_layers": [3, 8]}, "FFFXF"),
)


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row.model_type}-{n}") for n, row in enumerate(SCHEDULES)]
)
def test_the_kinds_of_the_layers(row: Schedule) -> None:
    model = read(row.model_type, **NARROW, num_hidden_layers=row.layers, **row.fields)
    assert kinds(model) == row.expected


# (window, the fields that make layers slide); W, and c of a chunk, where the file states none
WINDOWS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "afmoe": (1024, {}),
    "beam": (512, {}),
    "cohere2": (4096, {}),
    "cohere2_moe": (4096, {}),
    "cwm": (8192, {}),
    "dots1": (4096, {"max_window_layers": 0}),
    "exaone4": (4096, {}),
    "exaone_moe": (4096, {}),
    "flint": (513, {}),
    "gemma2": (4096, {}),
    "gemma3_text": (4096, {}),
    "gemma3n_text": (512, {"num_kv_shared_layers": 0}),
    "gemma4_text": (512, {}),
    "gemma4_unified_text": (1024, {}),
    "gpt_oss": (128, {}),
    "granite_swa": (128, {}),
    "granitemoe_swa": (128, {}),
    "kolibri1": (513, {}),
    "kyutai_speech_to_text": (375, {}),
    "llama4_text": (8192, {}),
    "ministral": (4096, {}),
    "mistral": (4096, {}),
    "modernbert-decoder": (128 // 2, {}),
    "moshi": (3000, {}),
    "olmo3": (4096, {}),
    "qwen2": (4096, {"use_sliding_window": True, "max_window_layers": 0}),
    "qwen2_vl_text": (4096, {"use_sliding_window": True, "max_window_layers": 0}),
    "qwen2_5_vl_text": (4096, {"use_sliding_window": True, "max_window_layers": 0}),
    "qwen2_5_omni_text": (32768, {"use_sliding_window": True, "max_window_layers": 0}),
    "qwen2_moe": (4096, {"use_sliding_window": True}),
    "qwen3": (4096, {"use_sliding_window": True, "max_window_layers": 0}),
    "qwen3_moe": (4096, {"use_sliding_window": True}),
    "vaultgemma": (4096, {}),
    "voxtral_realtime_text": (4096, {}),
}


@pytest.mark.parametrize("model_type", WINDOWS)
def test_the_window_of_the_class(model_type: str) -> None:
    expected, fields = WINDOWS[model_type]
    model = read(model_type, **NARROW, num_hidden_layers=12, **fields)
    found = {
        scheme.window or scheme.chunk
        for scheme in model.attention.values()
        if isinstance(scheme, Attention)
    }
    assert found - {None} == {expected}


# (layers, KV heads, width): what the class alone makes of a file with its model_type
DEFAULTS: Mapping[str, tuple[int, int, int]] = {
    "apertus": (32, 32, 4096 // 32),
    "apertus1p5_text": (32, 32, 4096 // 32),
    "arcee": (32, 32, 2560 // 32),
    "aria_text": (32, 32, 4096 // 32),
    "biogpt": (24, 16, 1024 // 16),
    "bitnet": (30, 5, 2560 // 20),
    "bloom": (2, 8, 64 // 8),
    "codegen": (28, 16, 4096 // 16),
    "chameleon": (32, 32, 4096 // 32),
    "cohere": (40, 64, 8192 // 64),
    "cosmos3_edge_text": (28, 8, 128),
    "ctrl": (48, 16, 1280 // 16),
    "dbrx": (24, 1, 2048 // 16),
    "deepseek_ocr2_text": (32, 32, 4096 // 32),
    "diffllama": (16, 32, 2048 // 32),
    "doge": (32, 8, 1024 // 8),
    "emu3_text_model": (32, 8, 4096 // 32),
    "ernie4_5": (18, 2, 128),
    "ernie4_5_moe": (28, 4, 2560 // 20),
    "ernie4_5_vl_moe_text": (28, 4, 2560 // 20),
    "exaone": (32, 8, 4096 // 32),
    "falcon": (32, 1, 4544 // 71),
    "flex_olmo": (32, 32, 4096 // 32),
    "gemma": (28, 16, 256),
    "git": (6, 12, 768 // 12),
    "glm": (40, 2, 128),
    "glm4": (40, 2, 128),
    "glm4_moe": (46, 8, 4096 // 96),
    "glm4v_moe_text": (46, 8, 4096 // 96),
    "glm4v_moe": (46, 8, 4096 // 96),
    "glm4v": (40, 2, 4096 // 32),
    "glm4v_text": (40, 2, 4096 // 32),
    "glm_ocr_text": (16, 8, 1024 // 16),
    "gpt2": (12, 12, 768 // 12),
    "gpt-sw3": (12, 12, 768 // 12),
    "gpt_bigcode": (12, 1, 768 // 12),
    "gpt_neox": (44, 64, 6144 // 64),
    "gpt_neox_japanese": (32, 32, 2560 // 32),
    "gptj": (28, 16, 4096 // 16),
    "granite": (32, 32, 4096 // 32),
    "granitemoe": (32, 32, 4096 // 32),
    "granitemoeshared": (32, 32, 4096 // 32),
    "granite4_vision_text": (32, 32, 4096 // 32),
    "granite_docling_text": (28, 4, 1024 // 16),
    "helium": (24, 20, 128),
    "hunyuan_v1_dense": (32, 32, 4096 // 32),
    "hunyuan_v1_moe": (32, 32, 4096 // 32),
    "hunyuan_vl_text": (32, 32, 4096 // 32),
    "hy_v3": (80, 8, 128),
    "hyperclovax": (32, 32, 4096 // 32),
    "internlm3": (48, 2, 128),
    "iquestcoder": (80, 8, 128),
    "jais2": (32, 26, 3328 // 26),
    "jetmoe": (12, 16, 128),
    "kosmos_2_text_model": (24, 32, 2048 // 32),
    "kosmos_2_5_text_model": (24, 16, 1536 // 16),
    "llama": (32, 32, 4096 // 32),
    "ministral3": (34, 8, 128),
    "molmo2_text": (36, 8, 128),
    "mpt": (24, 16, 2048 // 16),
    "nanochat": (12, 6, 768 // 6),
    "nemotron": (32, 48, 6144 // 48),
    "olmo": (32, 32, 4096 // 32),
    "olmo2": (32, 32, 4096 // 32),
    "olmoe": (16, 16, 2048 // 16),
    "openai-gpt": (12, 12, 768 // 12),
    "opt": (12, 12, 768 // 12),
    "paddleocr_vl_text": (18, 2, 128),
    "paddleocr_vl": (18, 2, 128),
    "persimmon": (36, 64, 4096 // 64),
    "fuyu": (36, 64, 4096 // 64),
    "phi": (24, 32, 2048 // 32),
    "phi4_multimodal": (32, 8, 3072 // 32),
    "sarvam_moe": (19, 4, 64),
    "seed_oss": (64, 8, 128),
    "solar_open": (48, 8, 128),
    "stablelm": (32, 32, 2560 // 32),
    "xglm": (24, 16, 1024 // 16),
    "afmoe": (32, 16, 128),
    "beam": (52, 8, 128),
    "cohere2": (40, 64, 8192 // 64),
    "cohere2_moe": (40, 64, 128),
    "cohere_compass_text": (40, 64, 8192 // 64),
    "cwm": (64, 8, 128),
    "dots1": (62, 32, 4608 // 32),
    "exaone4": (32, 32, 4096 // 32),
    "exaone_moe": (32, 32, 4096 // 32),
    "exaone4_5_text": (32, 32, 4096 // 32),
    "flint": (49, 4, 128),
    "gemma2": (26, 4, 256),
    "vaultgemma": (26, 4, 256),
    "gemma3_text": (26, 4, 256),
    "gemma3n_text": (35 - 15, 2, 256),
    # 25 sliding layers, and 5 full ones that are 512 wide: as much as 35 of the former
    "gemma4_text": (25 + 5 * 2, 4, 256),
    "gemma4_unified_text": (25 + 5 * 2, 4, 256),
    "gpt_neo": (24, 16, 2048 // 16),
    "gpt_oss": (36, 8, 64),
    "granite_swa": (24, 4, 2560 // 20),
    "granitemoe_swa": (32, 32, 4096 // 32),
    "kolibri1": (50, 4, 128),
    "kyutai_speech_to_text": (48, 32, 2048 // 32),
    "llama4_text": (48, 8, 128),
    "mellum": (28, 4, 128),
    "ministral": (32, 8, 4096 // 32),
    "mistral": (32, 8, 4096 // 32),
    "mixtral": (32, 8, 4096 // 32),
    "modernbert-decoder": (22, 12, 768 // 12),
    "moshi": (32, 32, 4096 // 32),
    "olmo3": (32, 32, 4096 // 32),
    "phi3": (32, 32, 3072 // 32),
    "phimoe": (32, 8, 4096 // 32),
    "qwen2": (32, 32, 4096 // 32),
    # what Qwen2VLConfig makes its text_config of
    "qwen2_vl": (80, 8, 8192 // 64),
    "qwen2_5_vl": (80, 8, 8192 // 64),
    "qwen2_vl_text": (80, 8, 8192 // 64),
    "qwen2_5_vl_text": (80, 8, 8192 // 64),
    "qwen2_5_omni_text": (28, 4, 3584 // 28),
    "qwen2_moe": (24, 16, 2048 // 16),
    "qwen3": (32, 32, 128),
    "qwen3_vl_text": (32, 32, 128),
    "qwen3_moe": (24, 4, 2048 // 32),
    "qwen3_vl_moe_text": (24, 16, 2048 // 16),
    "qwen3_omni_moe_text": (28, 4, 2048 // 28),
    "smollm3": (36, 4, 2048 // 16),
    "starcoder2": (30, 2, 3072 // 24),
    "voxtral_realtime_text": (32, 8, 4096 // 32),
}
# (decoder layers, heads, width); a layer keeps the source as well
CROSSING_DEFAULTS: Mapping[str, tuple[int, int, int]] = {
    "bart": (12, 16, 1024 // 16),
    "mbart": (12, 16, 1024 // 16),
    "marian": (12, 16, 1024 // 16),
    "mvp": (12, 16, 1024 // 16),
    "plbart": (6, 12, 768 // 12),
    "pegasus": (12, 16, 1024 // 16),
    "pegasus_x": (16, 16, 1024 // 16),
    "m2m_100": (12, 16, 1024 // 16),
    "led": (12, 16, 1024 // 16),
    "nllb-moe": (12, 16, 1024 // 16),
    # Florence2Config makes a BartConfig of its text_config
    "florence2": (12, 16, 1024 // 16),
    "florence2_language": (12, 16, 1024 // 16),
    "speech_to_text": (6, 4, 256 // 4),
    "bigbird_pegasus": (16, 16, 1024 // 16),
    "blenderbot": (24, 32, 2560 // 32),
    "blenderbot-small": (8, 16, 512 // 16),
    "prophetnet": (12, 16, 1024 // 16),
    "trocr": (12, 16, 1024 // 16),
    "musicgen_decoder": (24, 16, 1024 // 16),
    "musicgen_melody_decoder": (24, 16, 1024 // 16),
    "whisper": (4, 6, 384 // 6),
    "t5": (6, 8, 64),
    "mt5": (8, 6, 64),
    "umt5": (8, 6, 64),
    "longt5": (6, 8, 64),
    "switch_transformers": (12, 12, 64),
}
# (layers, heads, width), with is_decoder
DECODER_DEFAULTS: Mapping[str, tuple[int, int, int]] = {
    "bert": (12, 12, 768 // 12),
    "camembert": (12, 12, 768 // 12),
    "data2vec-text": (12, 12, 768 // 12),
    "ernie": (12, 12, 768 // 12),
    "roberta": (12, 12, 768 // 12),
    "roberta-prelayernorm": (12, 12, 768 // 12),
    "xlm-roberta": (12, 12, 768 // 12),
    "roc_bert": (12, 12, 768 // 12),
    "roformer": (12, 12, 768 // 12),
    "xmod": (12, 12, 768 // 12),
    "big_bird": (12, 12, 768 // 12),
    "bert-generation": (24, 16, 1024 // 16),
    "megatron-bert": (24, 16, 1024 // 16),
    "electra": (12, 4, 256 // 4),
    "rembert": (32, 18, 1152 // 18),
    "xlm-roberta-xl": (36, 32, 2560 // 32),
}
NOT_IN_TRANSFORMERS = {"RefinedWeb", "RefinedWebModel", "internlm2", "mimo"}
T5_GEMMA = {"t5_gemma_module", "t5gemma2_decoder"}
WRAPPERS = {"gemma3", "gemma3n", "gemma4", "gemma4_unified", "llama4"}


def test_every_class_has_its_defaults_told() -> None:
    told = {*DEFAULTS, *CROSSING_DEFAULTS, *DECODER_DEFAULTS, *WRAPPERS, *NOT_IN_TRANSFORMERS}
    types = {name for line in (*PLAIN, *WINDOWED, *COHERE, *ENCODERS) for name in line.types}
    assert told == types - {"mllama_text_model", "mllama", *T5_GEMMA}


def geometries(model: Model) -> set[tuple[int | None, int]]:
    """The heads and the width of every tensor."""
    return {(t.heads, t.width) for scheme in model.attention.values() for t in scheme.expand()}


@pytest.mark.parametrize("model_type", DEFAULTS)
def test_what_the_class_fills_in(model_type: str) -> None:
    layers, heads, width = DEFAULTS[model_type]
    model = read(model_type)
    # ten tokens, which is less than any window
    assert stored(model, 10) == layers * 2 * heads * width * 2 * 10
    assert (heads, width) in geometries(model)


@pytest.mark.parametrize("model_type", CROSSING_DEFAULTS)
def test_what_the_class_of_a_decoder_fills_in(model_type: str) -> None:
    layers, heads, width = CROSSING_DEFAULTS[model_type]
    model = read(model_type)
    assert (len(model.layers), geometries(model)) == (layers, {(heads, width)})
    # cross attention over the 7 tokens of the source
    assert stored(model, 10, source_length=7) == layers * 2 * heads * width * 2 * (10 + 7)


@pytest.mark.parametrize("model_type", DECODER_DEFAULTS)
def test_what_the_class_fills_in_where_it_is_a_decoder(model_type: str) -> None:
    layers, heads, width = DECODER_DEFAULTS[model_type]
    model = read(model_type, is_decoder=True)
    assert (len(model.layers), geometries(model)) == (layers, {(heads, width)})
    assert stored(model, 10) == layers * 2 * heads * width * 2 * 10


def test_the_class_of_mllama_has_layers_for_the_picture() -> None:
    model = read("mllama_text_model")
    # 40 layers of 8 KV heads, 4096 / 32 wide: 32 over the text, 8 over the picture
    assert stored(model, 10, source_length=7) == 2 * 8 * 128 * 2 * (32 * 10 + 8 * 7)


GEMMA3_4B = {
    "hidden_size": 2560,
    "intermediate_size": 10240,
    "model_type": "gemma3_text",
    "num_hidden_layers": 34,
    "sliding_window": 1024,
}


def test_gemma3_as_it_is_published() -> None:
    model = read("gemma3", text_config=GEMMA3_4B)
    # 8 heads over 4 KV heads of 256; full: 5, 11, 17, 23 and 29
    assert kinds(model).count("F") == 5
    assert stored(model, 2000) == 2 * 4 * 256 * 2 * (5 * 2000 + 29 * 1024)
    assert kept(model, 2000) == 2 * 4 * 256 * 2 * (5 * 2000 + 29 * 1023)
    assert any(f"{KV} 4" in note and "head_dim 256" in note for note in model.notes)


THREE = {**NARROW, "num_hidden_layers": 3}


@pytest.mark.parametrize(
    ("model_type", "fields", "expected"),
    [
        # a window that is null is none; one that is absent is the class's
        ("mistral", {**THREE, "sliding_window": None}, 3 * 2 * 2 * 11 * 2 * 5000),
        ("mistral", THREE, 3 * 2 * 2 * 11 * 2 * 4096),
        # KV heads that are null are as many as heads; absent, those of the class
        ("mistral", {**THREE, KV: None, "sliding_window": None}, 3 * 2 * 6 * 11 * 2 * 5000),
        ("llama", {**THREE, KV: None}, 3 * 2 * 6 * 11 * 2 * 5000),
        ("qwen2", {**THREE, KV: None}, 3 * 2 * 6 * 11 * 2 * 5000),
        ("gpt_oss", {**THREE, KV: None, "head_dim": None}, 2 * 6 * 11 * 2 * (5000 + 2 * 128)),
        # a width that is null is hidden_size // heads; absent, that of the class
        ("seed_oss", {**THREE, "head_dim": None}, 3 * 2 * 2 * 11 * 2 * 5000),
        ("seed_oss", THREE, 3 * 2 * 2 * 128 * 2 * 5000),
        # as many decoder layers as encoder layers, absent or null
        (
            "t5",
            {"d_model": 66, "num_heads": 6, "d_kv": 10, "num_layers": 3},
            3 * 2 * 6 * 10 * 2 * 5007,
        ),
        (
            "t5",
            {
                "d_model": 66,
                "num_heads": 6,
                "d_kv": 10,
                "num_layers": 3,
                "num_decoder_layers": None,
            },
            3 * 2 * 6 * 10 * 2 * 5007,
        ),
    ],
)
def test_null_is_not_absent(model_type: str, fields: Mapping[str, Any], expected: int) -> None:
    assert stored(read(model_type, **fields), 5000, source_length=7) == expected


NEW_FALCON = {**OLD, "new_decoder_architecture": True}


@pytest.mark.parametrize(
    ("model_type", "fields", "expected"),
    [
        ("gpt2", OLD, MHA_11),
        ("gptj", OLD, MHA_11),
        ("bloom", {"hidden_size": 66, "n_head": 6, "n_layer": 3}, MHA_11),
        # BloomConfig and FalconConfig: hidden_size if n_embed is None else n_embed
        ("bloom", {"n_embed": 66, "num_attention_heads": 6, "n_layer": 3}, MHA_11),
        ("falcon", {"n_embed": 66, "n_head": 6, "n_layer": 3}, MQA_11),
        ("exaone", {"num_layers": 3, "hidden_size": 66, "num_attention_heads": 6, KV: 2}, GQA_11),
        ("xglm", {"num_layers": 3, "d_model": 66, "attention_heads": 6}, MHA_11),
        ("gpt_neo", {"num_layers": 3, "attention_layers": 3 * ["global"], **NARROW, KV: 6}, MHA_11),
        ("gpt_bigcode", OLD, MQA_11),
        ("gpt_bigcode", {**OLD, "multi_query": True}, MQA_11),
        ("gpt_bigcode", {**OLD, "multi_query": False}, MHA_11),
        ("falcon", OLD, MQA_11),
        ("falcon", {**OLD, "multi_query": True}, MQA_11),
        ("falcon", {**OLD, "multi_query": False}, MHA_11),
        # the new decoder has groups, whatever multi_query says; without a number, as many as heads
        ("falcon", {**NEW_FALCON, "num_kv_heads": 2, "multi_query": True}, GQA_11),
        ("falcon", {**NEW_FALCON, "n_head_kv": 2, "multi_query": False}, GQA_11),
        ("falcon", {**NEW_FALCON, "multi_query": True}, MHA_11),
        # Falcon 40B under its first name: groups, without multi_query and new_decoder_architecture
        ("RefinedWeb", {"hidden_size": 66, "n_head": 6, "n_head_kv": 2, "n_layer": 3}, GQA_11),
        # Falcon 7B under its first name
        ("RefinedWebModel", {**OLD, "multi_query": True}, MQA_11),
        ("chatglm", {**THREE, KV: None, "kv_channels": 11, "multi_query_group_num": 2}, MHA_11),
    ],
)
def test_older_names(model_type: str, fields: Mapping[str, Any], expected: int) -> None:
    assert stored(read(model_type, **fields)) == expected


def test_falcon_7b_has_one_kv_head_beside_71() -> None:
    model = read(
        "falcon",
        hidden_size=4544,
        num_attention_heads=71,
        num_kv_heads=71,
        num_hidden_layers=32,
        multi_query=True,
        new_decoder_architecture=False,
    )
    # 32 layers x K and V x one head, 4544 / 71 = 64 wide
    assert stored(model) == kept(model) == 32 * 2 * 1 * 64 * 2 * 100


GEMMA4 = {**NARROW, "num_hidden_layers": 6, "head_dim": 10, "global_head_dim": 20, **W}
# five sliding layers of two KV heads, 10 wide
GEMMA4_SLIDING = 5 * 2 * 2 * 10 * 2 * 16


@pytest.mark.parametrize(
    ("fields", "full"),
    [
        ({}, 2 * 2 * 20),
        # global KV heads count where a key is a value as well; attention_k_eq_v is false by default
        ({"num_global_key_value_heads": 1, "attention_k_eq_v": True}, 2 * 1 * 20),
        ({"num_global_key_value_heads": None, "attention_k_eq_v": True}, 2 * 2 * 20),
        ({"num_global_key_value_heads": 1, "attention_k_eq_v": False}, 2 * 2 * 20),
        ({"num_global_key_value_heads": 1}, 2 * 2 * 20),
        # what is written out per layer stands in the place of both
        ({"per_layer_config": {"5": {"head_dim": 14, KV: 1}}}, 2 * 1 * 14),
        ({"per_layer_config": {"05": {"head_dim": 14}}}, 2 * 2 * 14),
        ({"per_layer_config": {}}, 2 * 2 * 10),
    ],
)
def test_the_full_layers_of_gemma4(fields: Mapping[str, Any], full: int) -> None:
    model = read("gemma4_text", **{**GEMMA4, **fields})
    assert stored(model) == GEMMA4_SLIDING + full * 2 * 100


def test_gemma4_without_a_global_width() -> None:
    fields = {name: value for name, value in GEMMA4.items() if name != "global_head_dim"}
    assert stored(read("gemma4_text", **fields)) == GEMMA4_SLIDING + 2 * 2 * 512 * 2 * 100


@pytest.mark.parametrize("model_type", ["gemma3n_text", "gemma4_text"])
def test_a_shared_layer_needs_one_of_its_kind_to_read_from(model_type: str) -> None:
    # the only full layer is the last, and would read from a full one before it
    fields = {**NARROW, "num_hidden_layers": 5, **W, "num_kv_shared_layers": 1}
    assert "num_kv_shared_layers" in refused({"model_type": model_type, **fields})


@pytest.mark.parametrize("model_type", ["gemma3n_text", "gemma4_text"])
def test_no_more_layers_are_shared_than_there_are(model_type: str) -> None:
    fields = {**NARROW, "num_hidden_layers": 5, **W, "num_kv_shared_layers": 6}
    assert "num_kv_shared_layers" in refused({"model_type": model_type, **fields})


LANGUAGE = {"model_type": "qwen2", **THREE}


@pytest.mark.parametrize(
    "data",
    [
        {"model_type": "picture_reader", "text_config": LANGUAGE},
        {"model_type": "internvl_chat", "llm_config": LANGUAGE},
        {"model_type": "deepseek_vl", "language_config": LANGUAGE},
        {"model_type": "qwen2_5_omni", "thinker_config": {"text_config": LANGUAGE}},
        {
            "model_type": "qwen2_5_omni",
            "talker_config": {"model_type": "qwen2_5_omni_talker", **THREE, KV: 3},
            "thinker_config": {"audio_config": {"d_model": 12}, "text_config": LANGUAGE},
        },
    ],
    ids=["text", "llm", "language", "thinker", "talker"],
)
def test_the_language_model_of_several(data: Mapping[str, Any]) -> None:
    model = loaded({**data, "vision_config": {"hidden_size": 12}, "cutting_size": 448})
    assert stored(model) == GQA_11
    assert any("cutting_size" in note for note in model.notes)


def test_the_fields_in_between_are_noted_by_their_path() -> None:
    thinker = {"text_config": LANGUAGE, "listening_size": 3}
    model = loaded({"model_type": "qwen2_5_omni", "thinker_config": thinker})
    assert any("thinker_config.listening_size" in note for note in model.notes)


def test_a_stranger_in_the_language_model_is_refused() -> None:
    inner = {**LANGUAGE, "num_key_value_headz": 2}
    problems = problems_of({"model_type": "picture_reader", "text_config": inner})
    assert [problem.path for problem in problems] == [("text_config", "num_key_value_headz")]


WHISPER = {"d_model": 66, "decoder_layers": 3, "decoder_attention_heads": 6, "encoder_layers": 5}


def test_whisper_keeps_the_1500_tokens_of_its_encoder() -> None:
    model = read("whisper", **WHISPER)
    assert stored(model) == kept(model) == 3 * 2 * 6 * 11 * 2 * (100 + 1500)


def test_whisper_with_another_number_of_positions() -> None:
    model = read("whisper", **WHISPER, max_source_positions=9)
    assert stored(model) == 3 * 2 * 6 * 11 * 2 * (100 + 9)


@pytest.mark.parametrize("said", [{}, {"is_decoder": False}, {"is_decoder": None}])
@pytest.mark.parametrize(
    "line", [line for line in ENCODERS if not line.encoder and line.name != "mllama_text_model"]
)
def test_an_encoder_is_refused(line: Any, said: Mapping[str, Any]) -> None:
    assert "is_decoder" in refused({"model_type": line.name, **THREE, KV: 6, **said})


def test_an_encoder_and_decoder_is_refused_where_none_is_known() -> None:
    data = {"model_type": "llama", **THREE, "is_encoder_decoder": True}
    assert "is_encoder_decoder" in refused(data)


@pytest.mark.parametrize("model_type", ["gpt2", "gpt_bigcode"])
def test_cross_attention_is_not_passed_over(model_type: str) -> None:
    # a second cache of the source in every layer (crossattention in modeling_<family>.py)
    data = {"model_type": model_type, **OLD, "multi_query": False, "add_cross_attention": True}
    if model_type == "gpt2":
        del data["multi_query"]
    assert "add_cross_attention" in refused(data)


@pytest.mark.parametrize(
    "decoder",
    [
        {"model_type": "trocr", "d_model": 66, "decoder_layers": 3, "decoder_attention_heads": 6},
        {"model_type": "bert", **THREE, KV: None},
        {"model_type": "roberta", **THREE, KV: None},
    ],
    ids=["trocr", "bert", "roberta"],
)
def test_a_decoder_beside_its_encoder(decoder: Mapping[str, Any]) -> None:
    inner = {**decoder, "is_decoder": True, "add_cross_attention": True}
    encoder = {"model_type": "vit", "hidden_size": 12, "num_hidden_layers": 9}
    wrapper = {"model_type": "vision-encoder-decoder", "encoder": encoder, "decoder": inner}
    model = loaded({**wrapper, "is_encoder_decoder": True})
    assert stored(model, source_length=7) == 3 * 2 * 6 * 11 * 2 * (100 + 7)


# fields of the class, today's or an earlier one, that published files state and that leave the
# cache alone
OWN_FIELDS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("led", {"attention_window": [32, 32]}),
    ("longt5", {"local_radius": 127, "global_block_size": 16, "encoder_attention_type": "local"}),
    ("pegasus_x", {"block_size": 512, "stagger_local_blocks": True}),
    (
        "speech_to_text",
        {
            "num_conv_layers": 2,
            "conv_kernel_sizes": [5, 5],
            "conv_channels": 1024,
            "input_feat_per_channel": 80,
            "input_channels": 1,
        },
    ),
    (
        "bloom",
        {
            "masked_softmax_fusion": True,
            "bias_dropout_fusion": True,
            "skip_bias_add": True,
            "skip_bias_add_qkv": False,
            "offset_alibi": 100,
        },
    ),
    (
        "gpt_bigcode",
        {"inference_runner": 0, "validate_runner_input": True, "pre_allocate_kv_cache": False},
    ),
)


@pytest.mark.parametrize(
    ("model_type", "fields"), [pytest.param(*item, id=item[0]) for item in OWN_FIELDS]
)
def test_fields_of_the_class_are_known(model_type: str, fields: Mapping[str, Any]) -> None:
    assert stored(read(model_type, **fields), source_length=7) == stored(
        read(model_type), source_length=7
    )


@pytest.mark.parametrize(
    ("data", "named"),
    [
        # MptAttentionConfig knows multihead and multiquery attention, and caches all heads for both
        (
            {
                "model_type": "mpt",
                "n_layers": 3,
                "d_model": 66,
                "n_heads": 6,
                "attn_config": {"attn_type": "grouped_query_attention", "kv_n_heads": 2},
            },
            "attn_config",
        ),
        ({"model_type": "dbrx", "attn_config": {"kv_n_headz": 2}}, "kv_n_headz"),
        ({"model_type": "dbrx", "attn_config": 2}, "attn_config"),
        ({"model_type": "dbrx", "attn_config": {"kv_n_heads": "2"}}, "kv_n_heads"),
        ({"model_type": "falcon", "multi_query": "yes"}, "multi_query"),
        ({"model_type": "falcon", "multi_query": 1}, "multi_query"),
        # the new decoder repeats its KV head for all query heads in transformers, the old does not
        ({"model_type": "falcon", **NEW_FALCON, "num_kv_heads": 1}, "num_kv_heads is 1"),
        ({"model_type": "gpt_bigcode", "multi_query": 0}, "multi_query"),
        ({"model_type": "qwen2", "use_sliding_window": "yes"}, "use_sliding_window"),
        # a window of nothing: 0 is a window for transformers (`is not None`), and no layer has one
        ({"model_type": "gemma2", "sliding_window": 0}, "sliding_window"),
        ({"model_type": "gemma2", "sliding_window": None}, "sliding_window"),
        # (i + 1) % 0
        ({"model_type": "cohere2", "sliding_window_pattern": 0}, "sliding_window_pattern"),
        ({"model_type": "exaone4", "sliding_window_pattern": 0}, "sliding_window_pattern"),
        ({"model_type": "exaone4", "sliding_window_pattern": "LLX"}, "sliding_window_pattern"),
        ({"model_type": "llama4_text", "no_rope_layer_interval": 0}, "no_rope_layer_interval"),
        # a layer that the list does not reach
        (
            {"model_type": "llama4_text", "num_hidden_layers": 3, "no_rope_layers": [1, 0]},
            "no_rope_layers",
        ),
        (
            {
                "model_type": "smollm3",
                "num_hidden_layers": 3,
                "no_rope_layers": [1, 0],
                **QWEN,
            },
            "no_rope_layers",
        ),
        ({"model_type": "llama4_text", "no_rope_layers": ["1"] * 48}, "no_rope_layers"),
        (
            {"model_type": "mllama_text_model", **THREE, "cross_attention_layers": ["3"]},
            "cross_attention_layers",
        ),
        (
            {"model_type": "gpt_neo", "num_layers": 3, "attention_types": [[["global"], 2]]},
            "attention_types",
        ),
        (
            {"model_type": "gpt_neo", "num_layers": 2, "attention_types": [[["globe"], 2]]},
            "globe",
        ),
        (
            {"model_type": "gemma3_text", "use_bidirectional_attention": True},
            "use_bidirectional_attention",
        ),
        (
            {"model_type": "gemma4_text", "use_bidirectional_attention": "all"},
            "use_bidirectional_attention",
        ),
        # the name of a kind as the file has it
        (
            {
                "model_type": "gemma3n_text",
                "num_hidden_layers": 2,
                "num_kv_shared_layers": 1,
                "layer_types": ["full_attention", "fuel_attention"],
            },
            "'fuel_attention'",
        ),
        (
            {"model_type": "gemma2", "num_hidden_layers": 2, "layer_types": ["full_attention", 1]},
            "layer_types",
        ),
        ({"model_type": "gemma2", "layer_types": "full_attention"}, "layer_types"),
        # the class fills in 26 layers, and does not take a list of two
        ({"model_type": "gemma2", "layer_types": ["full_attention"] * 2}, "contradict"),
        ({"model_type": "llama", KV: 2, "num_kv_heads": 4}, "contradict"),
        ({"model_type": "llama", "hidden_size": 64, "n_embd": 128}, "contradict"),
        ({"model_type": "gpt2", "n_layer": 12, "num_hidden_layers": 24}, "contradict"),
        ({"model_type": "gpt2", "n_head": 12, "num_attention_heads": 6}, "contradict"),
        ({"model_type": "xglm", "attention_heads": 12, "num_attention_heads": 6}, "contradict"),
    ],
)
def test_what_cannot_be_is_refused(data: Mapping[str, Any], named: str) -> None:
    assert named in refused(data)


def test_two_names_that_agree_are_no_contradiction() -> None:
    assert stored(read("gpt2", **OLD, num_hidden_layers=3, num_attention_heads=6)) == MHA_11
