"""Which GGUF architecture llama.cpp's converter makes of a Hugging Face model, at b11434.

The converter goes by the class that a file names under `architectures`, ours by `model_type`: the
two are put together by the tables of transformers 5.24.0 (models/auto/modeling_auto.py), and by the
published files of models whose code came with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.recurrent import KDA, Mamba2, Recurrent
from kvcalc.engines.llama_cpp.architectures import RULES

if TYPE_CHECKING:
    from kvcalc.model import Architecture, Model

_ALIKE = """
    afmoe apertus arcee arctic baichuan bitnet bloom chameleon codeshell cogvlm cohere2 dbrx
    deepseek dots1 ernie4_5 exaone gemma gemma2 granite hrm_text hy_v3 hy_v4 internlm2 jais jais2
    jamba laguna lfm2 llada maincoder mamba2 mellum minicpm minicpm3 mistral4 mpt nemotron
    nemotron_h olmoe openelm orion phi3 phimoe plamo plamo2 plamo3 plm qwen qwen3 rwkv6 rwkv7
    seed_oss smallthinker smollm3 starcoder2 xverse
""".split()  # noqa: SIM905  a list would take a page
"""Names that both use."""

_TYPES = {
    "bailingmoe": ("bailing_moe",),
    "bailingmoe2": ("bailing_moe_v2", "sarvam_moe"),
    "bailingmoe3": ("bailing_hybrid",),
    "bert": ("bert", "camembert", "roberta", "xlm-roberta"),
    "chatglm": ("chatglm", "glm"),
    "cohere2moe": ("cohere2_moe",),
    "command-r": ("cohere",),
    "deci": ("deci", "nemotron-nas"),
    "deepseek2": (
        "deepseek_v2",
        "deepseek_v3",
        "deepseek_vl_v2",
        "glm4_moe_lite",
        "kimi_k2",
        "kimi_k25",
        "kimi_vl",
        "youtu",
    ),
    "deepseek2-ocr": ("deepseek-ocr",),
    "deepseek32": ("deepseek_v32",),
    "deepseek4": ("deepseek_v4",),
    "dflash": ("muse_glimmer_assistant",),
    "dots3note": ("dots3_note", "dots3_note_text"),
    "ernie4_5-moe": ("ernie4_5_moe",),
    "exaone-moe": ("exaone_moe",),
    "exaone4": ("exaone4", "exaone4_5", "exaone4_5_text"),
    "falcon": ("falcon", "RefinedWeb", "RefinedWebModel"),
    "falcon-h1": ("falcon_h1",),
    "gemma3": ("gemma3", "gemma3_text"),
    "gemma3n": ("gemma3n", "gemma3n_text"),
    "gemma4": ("gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text"),
    "gemma4-assistant": ("gemma4_assistant", "gemma4_unified_assistant"),
    "glm-dsa": ("glm_moe_dsa",),
    "glm4": ("glm4", "glm4v", "glm4v_text", "glm_ocr", "glm_ocr_text"),
    "glm4moe": ("glm4_moe", "glm4v_moe", "glm4v_moe_text", "solar_open"),
    "glm5-next": ("glm5_next", "glm5_next_text"),
    "gpt-oss": ("gpt_oss",),
    "gpt2": ("gpt-sw3", "gpt2"),
    "gptneox": ("gpt_neox",),
    "granite_swa": ("granite_swa", "granitemoe_swa"),
    "granitehybrid": ("bamba", "granitemoehybrid"),
    "granitemoe": ("granitemoe", "granitemoeshared"),
    "grok": ("grok-1",),
    "grovemoe": ("grove_moe",),
    "hunyuan-dense": ("hunyuan_v1_dense",),
    "hunyuan-moe": ("hunyuan_v1_moe",),
    "hunyuan_vl": ("hunyuan_vl", "hunyuan_vl_text"),
    "kimi-k3": ("kimi_k3",),
    "kimi-linear": ("kimi_linear",),
    "lfm2moe": ("lfm2_moe",),
    "llada-moe": ("llada_moe",),
    "llama": (
        "internlm3",
        "iquestcoder",
        "janus",
        "llama",
        "llava",
        "ministral",
        "mistral",
        "mixtral",
        "voxtral",
    ),
    "llama4": ("llama4", "llama4_text"),
    "mamba": ("falcon_mamba", "mamba", "mamba_ssm"),
    "mimo2": ("mimo_v2", "mimo_v2_flash"),
    "minimax-01": ("minimax_m1", "minimax_text_01"),
    "minimax-m2": ("minimax_m2",),
    "minimax-m3": ("minimax_m3", "minimax_m3_vl", "minimax_m3_vl_text"),
    "mistral3": ("ministral3", "mistral3"),
    "muse-glimmer": ("muse_glimmer", "muse_glimmer_text"),
    "olmo": ("hf_olmo", "olmo"),
    "olmo2": ("olmo2", "olmo3"),
    "paddleocr": ("paddleocr_vl", "paddleocr_vl_text"),
    "pangu-embedded": ("PanguEmbedded",),
    "phi2": ("phi",),
    "qwen2": ("audioflamingo3", "dots_ocr", "qwen2", "qwen2_audio"),
    "qwen2moe": ("qwen2_moe",),
    "qwen2vl": (
        "qwen2_5_omni",
        "qwen2_5_omni_text",
        "qwen2_5_vl",
        "qwen2_5_vl_text",
        "qwen2_vl",
        "qwen2_vl_text",
    ),
    "qwen35": ("minicpmv4_6", "qwen3_5", "qwen3_5_text"),
    "qwen35moe": ("qwen3_5_moe", "qwen3_5_moe_text"),
    "qwen3moe": ("qwen3_moe",),
    "qwen3next": ("qwen3_next",),
    "qwen3vl": ("qwen3_asr", "qwen3_vl", "qwen3_vl_text"),
    "qwen3vlmoe": ("qwen3_omni_moe", "qwen3_omni_moe_text", "qwen3_vl_moe", "qwen3_vl_moe_text"),
    "qwen4exp": ("qwen4_exp", "qwen4_exp_text"),
    "refact": ("gpt_refact",),
    "stablelm": ("stablelm", "stablelm_epoch"),
    "starcoder": ("gpt_bigcode",),
    "step35": ("step3p5", "step3p7"),
    "t5": ("mt5", "t5", "umt5"),
}
"""The `model_type` of what becomes an architecture: a file's own, and of the text inside it."""

CONVERTED: Mapping[str, str] = MappingProxyType(
    {name: name for name in _ALIKE}
    | {kind: name for name, kinds in _TYPES.items() for kind in kinds}
)
"""The architecture by `model_type`, where what the model keeps does not say another."""

_GGUF_ALONE = """
    arwkv7 clef eagle3 graniteswitch llama-embed nanbeige pockettts qwen3tts rwkv6qwen2 talkie
""".split()  # noqa: SIM905  as above
"""Architectures that it loads and that no published `model_type` is told apart by."""
LOADS = frozenset((*CONVERTED.values(), *RULES, *_GGUF_ALONE))
"""Of what kvcalc reads, the architectures that it loads (llama-model.cpp, llama_model_mapping)."""

_AROUND = {("kimi_k3", "kimi_linear"): "kimi-k3", ("mistral3", "mistral"): "mistral3"}
"""Where the class of what is around the text goes before that of the text (conversion/base.py)."""


_KEEPS_MTP = ("glm4_moe_lite",)
"""Of what becomes deepseek2, the types whose MTP layers are not left out (conversion/glm.py)."""


def drops_mtp(model: Model, architecture: str | None) -> bool:
    """Whether the converter leaves a model's MTP layers out of its file."""
    own = model.architecture
    if own is None or own.dialect == "gguf" or architecture != "deepseek2":
        return False
    return not {own.name, own.inner} & set(_KEEPS_MTP)


def architecture_of(model: Model) -> str | None:
    """The GGUF architecture of a model: its file's own, or what its file would be converted to.

    None where the converter has no class for it, and where it names no architecture at all.
    """
    if model.architecture is None:
        return None
    if model.architecture.dialect == "gguf":
        return model.architecture.name
    found = _converted(model.architecture)
    return _OTHERWISE[found](model, found) if found is not None and found in _OTHERWISE else found


def _converted(architecture: Architecture) -> str | None:
    name, inner = architecture.name, architecture.inner
    return _AROUND.get((name, inner)) or CONVERTED.get(inner) or CONVERTED.get(name)


def _keeps(model: Model, *kinds: type) -> bool:
    return any(isinstance(scheme, kinds) for scheme in model.schemes)


def _of_experts(model: Model, found: str) -> str:
    """Experts show in how many parameters a token takes; MTP layers come with them alone."""
    active = model.active_parameters
    fewer = active is not None and model.parameters is not None and active < model.parameters
    return f"{found}_moe" if fewer or model.mtp or model.predicting else found


_OTHERWISE: Mapping[str, Callable[[Model, str], str | None]] = {
    # Ling-2.5 has the same model_type, lightning attention, and no class
    "bailingmoe3": lambda model, found: found if _keeps(model, KDA) else None,
    # DeepSeek-OCR, and a DeepSeek-VL2 without MLA
    "deepseek2": lambda model, found: "deepseek2-ocr" if _keeps(model, MHA, GQA) else found,
    # a Granite 4.0 without states, and a checkpoint of mamba_ssm with those of Mamba-2
    "granitehybrid": lambda model, found: found if _keeps(model, Recurrent) else "granite",
    "mamba": lambda model, found: "mamba2" if _keeps(model, Mamba2) else found,
    "nemotron_h": _of_experts,
    # their converters write one KV head, and as many as heads, for whatever is in a file
    "starcoder": lambda model, found: None if _keeps(model, MHA) else found,
    "phi2": lambda model, found: None if _keeps(model, MQA, GQA) else found,
}
