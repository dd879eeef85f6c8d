"""Which models vLLM 0.33.0 serves, by `model_type`: those that it does not are named here.

model_executor/models/registry.py has its classes. What it has none for is served by the
Transformers backend, where transformers' class lets its attention be replaced and every layer asks
for that (models/transformers/base.py:620-637): plain attention does, states and encoders do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.architectures import named_in

if TYPE_CHECKING:
    from kvcalc.model import Model

NO_MORE = """
    aquila arctic baichuan bamba grok-1 grok_1 internlm jais minimax minimax_m1 minimax_text_01
    mllama motif mpt phi3small phi4flash qwen RefinedWeb RefinedWebModel stablelm_epoch xverse
"""
"""Whose class was in an earlier version (_PREVIOUSLY_SUPPORTED_MODELS), and nothing else serves."""

NO_CLASS = """
    baichuan_m1 BlueLM btlm bunny-llama bunny-phi bunny-stablelm codeshell cogvlm GOT gpt_refact
    hf_olmo hunyuan inkling2 inkling2_loop internlmxcomposer2 lara_mini lfm3 llava_llama
    llava_mistral llava_qwen llava_qwen2 longcat longcat_flash_lite_sparse longcat_lite medusa
    mistral_large4 mixformer-sequential mlp_speculator moss mplug_owl2 open-llama openelm phi-msft
    rwkv7 skywork stablelm_alpha videollama2_mistral videollama2_qwen2 videollama3_qwen2 Yi
"""
"""Neither in its registry nor in transformers."""

NOT_REPLACED = """
    big_bird codegen cpmant diffllama git gpt_neo gpt_neox_japanese megatron-bert musicgen
    musicgen_melody openai-gpt prophetnet recurrent_gemma rembert roformer trocr xglm xlstm zamba
"""
"""Whose layers of transformers do not ask for the attention that is put in."""

WITH_ENCODERS = """
    bart bigbird_pegasus blenderbot blenderbot-small led longt5 m2m_100 marian mbart mt5 mvp
    nllb-moe pegasus pegasus_x plbart speech_to_text switch_transformers t5 umt5
"""
"""Encoders beside decoders; of these Whisper has a class."""

GONE = frozenset(NO_MORE.split())
NEVER = frozenset((NO_CLASS + NOT_REPLACED + WITH_ENCODERS).split())


def is_gone(model: Model) -> bool:
    """Whether its class was there in an earlier version."""
    return named_in(model, GONE)


def never_was(model: Model) -> bool:
    """Whether there was never a class for it."""
    return named_in(model, NEVER)
