"""What is otherwise for an architecture: src/models/*.cpp and llama-model.cpp, create_memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_LAYERS = 512
"""LLAMA_MAX_LAYERS (llama-hparams.h)."""


@dataclass(frozen=True)
class Rules:
    """How llama.cpp keeps the cache of an architecture.

    windows       whether it applies the windows of its layers; others keep every token
    slides        whether its loader has layers slide, whatever a file says
    window        tokens of a window, whatever a file says
    period        in how many layers one is full, where converted files do not say which; 0: they do
    full_first    whether that is the first of them, and not the last
    slides_at     how many layers a model must have for its windows to be applied
    hybrid        whether it keeps states beside attention, if a file has layers of either or not
    rolls_back    whether its states can be rolled back
    expands       whether the keys and values of every head are kept in a latent's place
    keeps         how many of the first layers keep a cache, the others reading those
    shares        whether layers that keep no cache read those of the last two that do
    as_encoder    whether a layer that keeps nothing has the cells of the others: an encoder's
    pooled        rows of an index key's width in a cell of the index, where keys are pooled
    no_flash      whether it has no flash attention
    latent_value  whether its loader takes a value to be as wide as a latent, whatever a file says
    no_value      whether files as converted do not say how wide a value is
    kv_twice      whether what is a key and a value at once is kept twice
    mtp_layers    how many layers of multi-token prediction may have a context of their own
    indexed       whether every layer that attends keeps index keys, those of prediction too
    keeps_mtp     whether the model's own context keeps those layers too, where a file has them
    mtp_in_file   whether a converted file has them among its own
    """

    windows: bool = False
    slides: bool = False
    window: int | None = None
    period: int = 0
    full_first: bool = False
    slides_at: int | None = None
    hybrid: bool = False
    rolls_back: bool = False
    expands: bool = False
    keeps: int | None = None
    shares: bool = False
    as_encoder: bool = False
    pooled: int = 1
    no_flash: bool = False
    latent_value: bool = False
    no_value: bool = False
    kv_twice: bool = False
    mtp_layers: int = 0
    indexed: bool = False
    keeps_mtp: bool = False
    mtp_in_file: bool = True


PLAIN = Rules()
"""Of an architecture without ways of its own."""

UNKNOWN = Rules(windows=True)
"""Of a model that names no architecture: what most have that have such layers."""

_WINDOWS = """
    afmoe cohere2 cohere2moe deepseek4 dflash dots3note exaone4 exaone-moe gemma2 gemma3 gemma3n
    gemma4 gpt-oss granite_swa laguna lfm2 llama4 maple mellum mimo2 muse-glimmer olmo2 plamo3
    smallthinker spark2_5 step35
"""
_SLIDES = """
    cohere2 cohere2moe dots3note exaone-moe gemma2 gemma3n gemma4 gpt-oss granite_swa maple mimo2
    muse-glimmer spark2_5 step35
"""
"""Those of the first list that set swa_type without looking for a window."""
_HYBRID = """
    bailingmoe3 falcon-h1 glm5-next granitehybrid jamba kimi-k3 kimi-linear lfm2 lfm2moe
    minimax-01 nemotron_h nemotron_h_moe plamo2 qwen35 qwen35moe qwen3next qwen4exp
"""
_ROLLS_BACK = """
    bailingmoe3 deepseek4 glm5-next kimi-k3 lfm2 lfm2moe nemotron_h nemotron_h_moe qwen35 qwen35moe
    qwen4exp
"""

_PREDICTS = """
    bailingmoe3 cohere2moe deepseek2 deepseek32 deepseek4 glm-dsa glm4moe nemotron_h_moe qwen35
    qwen35moe qwen3next qwen4exp
"""
_PREDICTS_MORE = "hy_v3 mimo2 step35"
"""Those with a graph of multi-token prediction (LLM_GRAPH_TYPE_DECODER_MTP), of one layer alone,
and of several."""
_KEEPS_MTP = """
    bailingmoe3 deepseek4 falcon-h1 granitehybrid hy_v4 jamba kimi-k3 kimi-linear lfm2 lfm2moe
    minimax-m3 plamo2
"""
"""Those whose layers of prediction no filter takes out of the model's own context."""


def _table() -> dict[str, Rules]:
    found: dict[str, Rules] = {}

    def add(names: str, **own: bool | int) -> None:
        for name in names.split():
            found[name] = replace(found.get(name, PLAIN), **own)  # type: ignore[arg-type]

    add(_WINDOWS, windows=True)
    add(_SLIDES, slides=True)
    add("llama4", window=8192)
    add("smallthinker", window=4096)
    add("exaone4", slides_at=64)
    add("gemma2 gpt-oss", period=2)
    add("afmoe cohere2 llama4", period=4)
    add("laguna smallthinker", period=4, full_first=True)
    add("gemma3", period=6)
    add(_HYBRID, hybrid=True)
    add(_ROLLS_BACK, rolls_back=True)
    add("minicpm3 plm", expands=True)
    add("gemma3n", keeps=20)
    add("gemma3n gemma4", shares=True)
    add("t5", as_encoder=True)
    add("glm5-next", pooled=3)
    add("qwen4exp", pooled=2)
    add("grok", no_flash=True)
    add("glm5-next kimi-k3", latent_value=True)
    add("kimi-linear", no_value=True)
    add("dflash", kv_twice=True)
    add(_PREDICTS, mtp_layers=1)
    add(_PREDICTS_MORE, mtp_layers=MAX_LAYERS)
    add("qwen4exp", indexed=True)
    add(_KEEPS_MTP, keeps_mtp=True)
    add(" ".join({*_KEEPS_MTP.split()} - {"bailingmoe3"}), mtp_in_file=False)
    return found


RULES = _table()
"""By the name of a GGUF architecture; others go by PLAIN."""


CACHELESS = frozenset("bert clef llada llada-moe".split())  # noqa: SIM905  as the lists above
"""Architectures of which every batch is a whole text: create_memory makes nothing."""


def rules_of(architecture: str | None) -> Rules:
    """The rules of a GGUF architecture; None is a model that names none."""
    return UNKNOWN if architecture is None else RULES.get(architecture, PLAIN)
