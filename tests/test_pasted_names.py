"""Two hundred names as people paste them: the right bundled file, or a next step that works.

Expected by hand: whose repository it is, what Ollama's tag leads to, what was merely trained on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

import kvcalc
from kvcalc.bundle import bundled
from kvcalc.naming.index import bundled_names
from tests.conftest import Process

RIGHT = {
    # a bundled name, folded: case, separators, suffix
    "deepseek-v3": "deepseek-v3",
    "deepseek-v3.yaml": "deepseek-v3",
    "DeepSeek-V3": "deepseek-v3",
    "DeepSeek-V3.yaml": "deepseek-v3",
    "DeepSeek V3": "deepseek-v3",
    '"DeepSeek V3"': "deepseek-v3",
    " deepseek-v3 ": "deepseek-v3",
    "qwen3-8b/": "qwen3-8b",
    "deepseek_v3": "deepseek-v3",
    "deepseekv3": "deepseek-v3",
    "DEEPSEEK-V3": "deepseek-v3",
    "DeepSeek-V3.1": "deepseek-v3.1",
    "DeepSeek-V3.2": "deepseek-v3.2",
    "DeepSeek-V3.2-Exp": "deepseek-v3.2",
    "DeepSeek-R1-0528": "deepseek-r1",
    "DeepSeek-V3-0324": "deepseek-v3",
    "DeepSeek-V2-Lite-Chat": "deepseek-v2-lite",
    "Llama 3.1 8B": "llama-3.1-8b",
    "llama3.1-8b": "llama-3.1-8b",
    "Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "Meta-Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "llama-3-1-8b": "llama-3.1-8b",
    "llama_3_1_8b": "llama-3.1-8b",
    "Llama 3.1 405B": "llama-3.1-405b",
    "Llama-3.3-70B-Instruct": "llama-3.3-70b",
    "Llama 3 70B Instruct": "llama-3-70b",
    "Llama-2-7b-chat": "llama-2-7b",
    "Llama 4 Scout": "llama-4-scout",
    "Llama-4-Maverick-17B-128E-Instruct": "llama-4-maverick",
    "Qwen3 8B": "qwen3-8b",
    "qwen3_8b": "qwen3-8b",
    "Qwen3-235B-A22B-Instruct-2507": "qwen3-235b-a22b",
    "qwen2-5-7b": "qwen2.5-7b",
    "Qwen2.5-7B-Instruct": "qwen2.5-7b",
    "Qwen2.5-14B-Instruct": "qwen2.5-14b",
    "gemma-3-27b-it": "gemma-3-27b",
    "Gemma 3 27B": "gemma-3-27b",
    "gemma3n-e4b": "gemma-3n-e4b",
    "gemma-2-2b-it": "gemma-2-2b",
    "Mixtral-8x7B-Instruct-v0.1": "mixtral-8x7b",
    "Mixtral 8x22B": "mixtral-8x22b",
    "Mistral-7B-v0.1": "mistral-7b-v0.1",
    "mistral nemo": "mistral-nemo",
    "Command R+": "command-r-plus",
    "c4ai-command-r7b-12-2024": "command-r7b",
    "Phi 4": "phi-4",
    "Phi-4-mini-instruct": "phi-4-mini",
    "GPT-OSS 120B": "gpt-oss-120b",
    "gpt-2": "gpt2",
    "GLM 4.5 Air": "glm-4.5-air",
    "Kimi K2": "kimi-k2",
    "Kimi-K2-Instruct": "kimi-k2",
    "MiniMax M2": "minimax-m2",
    "internlm2_5-7b-chat": "internlm2.5-7b",
    "Llama-3.3-Nemotron-Super-49B-v1": "nemotron-super-49b",
    "BLOOM (176B)": "bloom",
    "Yi-34B-Chat": "yi-34b",
    "A.X-K2": "a.x-k2",
    # how the weights are stored says nothing of the cache
    "Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "Llama-3.1-8B-Instruct-AWQ": "llama-3.1-8b",
    "Meta-Llama-3.1-8B-Instruct-Q4_K_M": "llama-3.1-8b",
    "Qwen3-8B-GPTQ-Int4": "qwen3-8b",
    "Qwen3-8B-GGUF": "qwen3-8b",
    "Qwen3-8B-MLX-4bit": "qwen3-8b",
    "Qwen3-32B-NVFP4": "qwen3-32b",
    "Qwen3-32B-AWQ-g128": "qwen3-32b",
    "gemma-3-27b-it-qat-q4_0-gguf": "gemma-3-27b",
    "DeepSeek-R1-UD-IQ1_S": "deepseek-r1",
    "Laguna-S-2.1-FP8": "laguna-s-2.1-fp8",
    # a repository's own name, and a file of it
    "Qwen3-8B-GGUF:Q4_K_M": "qwen3-8b",
    "DeepSeek-R1-0528-GGUF:UD-IQ1_S": "deepseek-r1",
    # Ollama's
    "llama3.1:8b": "llama-3.1-8b",
    "www.ollama.com/library/llama3.1:8b": "llama-3.1-8b",
    "ollama.com/library/qwen3:8b?utm=x": "qwen3-8b",
    "llama3.1:8b-instruct-q4_K_M": "llama-3.1-8b",
    "library/llama3.1:8b": "llama-3.1-8b",
    "ollama/llama3.1:8b": "llama-3.1-8b",
    "ollama.com/library/llama3.1:70b": "llama-3.1-70b",
    "registry.ollama.ai/library/llama3.3:70b": "llama-3.3-70b",
    "llama3:70b": "llama-3-70b",
    "llama3.2:1b": "llama-3.2-1b",
    "llama2:7b-chat": "llama-2-7b",
    "llama4:scout": "llama-4-scout",
    "deepseek-v2:236b": "deepseek-v2",
    "qwen3:8b": "qwen3-8b",
    "qwen3:235b-a22b-q4_K_M": "qwen3-235b-a22b",
    "qwen3:30b-a3b": "qwen3-30b-a3b",
    "qwen3:30b-a3b-instruct-2507-q4_K_M": "qwen3-30b-a3b",
    "qwen2.5:7b-instruct": "qwen2.5-7b",
    "gemma3:27b": "gemma-3-27b",
    "gemma3:27b-it-qat": "gemma-3-27b",
    "gemma2:9b-instruct-q8_0": "gemma-2-9b",
    "gemma3n:e4b": "gemma-3n-e4b",
    "gpt-oss:20b": "gpt-oss-20b",
    "mixtral:8x7b": "mixtral-8x7b",
    "mixtral:8x7b-instruct-v0.1-q4_K_M": "mixtral-8x7b",
    "mistral-small3.2:24b": "mistral-small-3.2-24b",
    "starcoder2:7b": "starcoder2-7b",
    "codellama:34b": "codellama-34b",
    "smollm3:3b": "smollm3-3b",
    # a hub id that a bundled file lists
    "meta-llama/Llama-3.1-8B": "llama-3.1-8b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "meta-llama/llama-3.1-8b-instruct": "llama-3.1-8b",
    "meta-llama/Llama-3.1-8B-Instruct/": "llama-3.1-8b",
    "meta-llama / Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "huggingface/meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "meta-llama/Llama-3.1-8B-Instruct@main": "llama-3.1-8b",
    "Qwen/Qwen3-8B?library=vllm": "qwen3-8b",
    "<Qwen/Qwen3-8B>\n": "qwen3-8b",
    "models--meta-llama--Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "deepseek-ai/DeepSeek-V3": "deepseek-v3",
    "deepseek-ai/DeepSeek-V3.2-Exp": "deepseek-v3.2",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "Qwen/Qwen3-8B": "qwen3-8b",
    "qwen/qwen3-8b": "qwen3-8b",
    "Qwen/Qwen3-8B-FP8": "qwen3-8b",
    "google/gemma-3-27b-it": "gemma-3-27b",
    "openai/gpt-oss-120b": "gpt-oss-120b",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral-8x7b",
    "moonshotai/Kimi-K2-Instruct": "kimi-k2",
    "zai-org/GLM-4.5-FP8": "glm-4.5",
    "openai-community/gpt2": "gpt2",
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": "nemotron-3-super-120b-fp8",
    # its maker's own, stored otherwise
    "Qwen/Qwen3-8B-GGUF": "qwen3-8b",
    "Qwen/Qwen3-8B-GGUF:Q4_K_M": "qwen3-8b",
    "Qwen/Qwen3-1.7B-FP8": "qwen3-1.7b",
    "Qwen/Qwen3-4B-MLX-4bit": "qwen3-4b",
    "google/gemma-3-27b-it-qat-q4_0-gguf": "gemma-3-27b",
    "microsoft/phi-4-gguf": "phi-4",
    # repacked by those who do
    "unsloth/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "unsloth/Llama-3.1-8B-Instruct-GGUF": "llama-3.1-8b",
    "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit": "llama-3.1-8b",
    "unsloth/llama-3-70b-bnb-4bit": "llama-3-70b",
    "unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit": "llama-3.2-1b",
    "unsloth/Qwen3-8B-GGUF:Q4_K_M": "qwen3-8b",
    "unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL": "qwen3-8b",
    "unsloth/DeepSeek-R1-0528-GGUF": "deepseek-r1",
    "unsloth/gpt-oss-20b-GGUF": "gpt-oss-20b",
    "unsloth/gpt-oss-20b-BF16": "gpt-oss-20b",
    "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF": "llama-3.1-8b",
    "bartowski/google_gemma-3-27b-it-GGUF": "gemma-3-27b",
    "bartowski/meta-llama_Llama-3.3-70B-Instruct-GGUF": "llama-3.3-70b",
    "lmstudio-community/Qwen3-8B-MLX-4bit": "qwen3-8b",
    "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit": "llama-3.1-8b",
    "mlx-community/Qwen3-8B-4bit-DWQ": "qwen3-8b",
    "ggml-org/gpt-oss-120b-GGUF": "gpt-oss-120b",
    "TheBloke/Llama-2-7B-Chat-GGUF": "llama-2-7b",
    "TheBloke/CodeLlama-34B-Instruct-GPTQ": "codellama-34b",
    "TheBloke/Mistral-7B-v0.1-AWQ": "mistral-7b-v0.1",
    "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic": "llama-3.3-70b",
    "neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w4a16": "llama-3.1-8b",
    "hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4": "llama-3.1-8b",
    "mradermacher/Qwen3-8B-i1-GGUF": "qwen3-8b",
}

HUB = "from the hub it is hf:"
NEXT = {
    # somebody's fine-tune, merge or distillation of a bundled model is not it
    "NousResearch/Hermes-3-Llama-3.1-8B": f"{HUB}NousResearch/Hermes-3-Llama-3.1-8B\n",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": f"{HUB}deepseek-ai/DeepSeek-R1-Distill-Llama-8B\n",
    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B": f"{HUB}deepseek-ai/DeepSeek-R1-0528-Qwen3-8B\n",
    "meta-llama/Llama-3.1-8B-Instruct-abliterated": f"{HUB}meta-llama/",
    "org/Llama-3.1-8B-finetuned": f"{HUB}org/Llama-3.1-8B-finetuned\n",
    "org/Llama-3.1-8B": f"{HUB}org/Llama-3.1-8B\n",
    "someone/Qwen3-8B-GGUF": f"{HUB}someone/Qwen3-8B-GGUF\n",
    "meta/llama-3.1-8b-instruct": f"{HUB}meta/llama-3.1-8b-instruct\n",
    "deepseek/deepseek-r1:free": f"{HUB}deepseek/deepseek-r1\n",
    "unsloth/DeepSeek-R1-Distill-Llama-8B-GGUF": HUB,
    "unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF": HUB,
    "bartowski/Hermes-3-Llama-3.1-8B-GGUF": HUB,
    "TheBloke/Mistral-7B-Instruct-v0.2-GGUF": HUB,
    "TheBloke/Yi-34B-200K-GGUF": HUB,
    "unsloth/Qwen3-8B-128K-GGUF": HUB,
    "unsloth/Qwen3-8B-128-GGUF": HUB,
    "meta-llama/Llama-3.2-1B-Instruct-QLORA_INT4_EO8": HUB,
    "RedHatAI/Llama-3.1-8B-Instruct-speculator.eagle3": HUB,
    "unsloth/Kimi-K2-Instruct-0905-GGUF": HUB,
    "mlx-community/Qwen3-8B-日本語-4bit": "no file and no bundled model",
    "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF": HUB,
    "Qwen/Qwen3-4B-Instruct-2507": HUB,
    "mistralai/Mistral-7B-Instruct-v0.3": HUB,
    # its files may ask for keys and values in fewer bits, and the name does not tell
    "nvidia/Llama-3.1-8B-Instruct-FP8": f"{HUB}nvidia/Llama-3.1-8B-Instruct-FP8\n",
    "nvidia/DeepSeek-R1-NVFP4": HUB,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8": HUB,
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1-FP8": HUB,
    "amd/DeepSeek-R1-MXFP4": HUB,
    "NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4": "no file and no bundled model",
    "nemotron-3-nano-30b-fp8": "did you mean nemotron-3-nano-30b?",
    # its name says that the cache is stored otherwise
    "amd/Llama-3.1-8B-Instruct-FP8-KV": HUB,
    # what a bundled file of another dtype does not stand for
    "poolside/Laguna-S-2.1": HUB,
    "Laguna-S-2.1": "did you mean laguna-s-2.1-fp8?",
    "OLMo-2-0325-32B-Instruct": "did you mean olmo-2-32b?",
    "allenai/OLMo-2-0325-32B-Instruct": HUB,
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8": HUB,
    # the maker's own, of another name: told beside the hub
    "Qwen/Qwen2.5-14B-Instruct": "bundled of the same maker is qwen2.5-14b",
    "google/gemma-3-12b-pt": f"{HUB}google/gemma-3-12b-pt",
    # a revision is the hub's
    "Qwen/Qwen3-8B@v2": f"{HUB}Qwen/Qwen3-8B@v2",
    # Ollama's that are others than their names say, or more than one
    "deepseek-r1:8b": "bundled is deepseek-r1, which may be of another size",
    "deepseek-r1:70b": "bundled is deepseek-r1, which may be of another size",
    "deepseek-r1:latest": "latest may be a model of any size",
    "library/deepseek-r1": "name its size; bundled is deepseek-r1",
    "qwen3:latest": "latest may be a model of any size: name its size\n",
    "llama3.1:latest": "bundled is llama-3.1-405b, llama-3.1-70b or llama-3.1-8b",
    "deepseek-r1:q4_K_M": "did you mean deepseek-r1?",
    "deepseek-v2:16b": "bundled is deepseek-v2, which may be of another size",
    "qwen3:30b": "did you mean qwen3-30b-a3b?",
    "mistral:7b": "did you mean mistral-7b-v0.1",
    "mistral-small:24b": "did you mean mistral-small-3-24b?",
    "phi4:14b": "bundled is phi-4, which may be of another size",
    "someuser/llama3.1:8b": f"{HUB}someuser/llama3.1",
    # several, or a beginning
    "llama-3.1": "did you mean llama-3.1-405b, llama-3.1-70b or llama-3.1-8b?",
    "Llama 3.1 Instruct": "did you mean llama-3.1-405b, llama-3.1-70b or llama-3.1-8b?",
    "qwen3": "kvcalc list qwen3 shows",
    "gemma 3": "did you mean gemma-3-12b",
    # a separator between digits is one: 3.8b is neither 3-8b nor 38b
    "qwen3.8b": "did you mean",
    "qwen-38b": "no file and no bundled model",
    "qwen34b": "no file and no bundled model",
    f"llama-3.1-8b{'-' * 1000}": "no file and no bundled model",
    "Llama-3.1-8B-日本語": "no file and no bundled model",
    "DeepSeek-R1-Distill-Llama-8B": "kvcalc list shows the bundled ones",
    "Llama-3.1-8B-Instruct-abliterated": "no file and no bundled model",
    # misspelt
    "depseek-v3": "did you mean deepseek-v3",
    "gema-3-27b": "did you mean gemma-3-27b",
    "lama-3.1-8b": "did you mean llama-3.1-8b",
    # a file that is not here
    "Llama-3.1-8B-Instruct-Q4_K_M.gguf": "bundled is llama-3.1-8b",
    "models/Qwen3-8B-Q4_K_M.gguf": "bundled is qwen3-8b",
    "bert-base-uncased": "one of the hub is hf:organisation/name",
    "models/meta-llama/Llama-3.1-8B": "no file and no bundled model",
    "./meta-llama/Llama-3.1-8B": "no file and no bundled model",
    "nowhere/deepseek-v3.yaml": "no such file",
}

OF_THE_HUB = {
    "hf:meta-llama/Llama-3.1-8B": "llama-3.1-8b",
    "HF:meta-llama/Llama-3.1-8B": "llama-3.1-8b",
    "hf://meta-llama/Llama-3.1-8B@main": "llama-3.1-8b",
    "hf:unsloth/Qwen3-8B-GGUF:Q4_K_M": "qwen3-8b",
    "https://huggingface.co/deepseek-ai/DeepSeek-V3": "deepseek-v3",
    "https://huggingface.co/deepseek-ai/DeepSeek-V3/tree/main": "deepseek-v3",
    "https://huggingface.co/deepseek-ai/DeepSeek-V3?library=vllm": "deepseek-v3",
    "huggingface.co/Qwen/Qwen3-8B/blob/main/config.json": "qwen3-8b",
    "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M": "qwen3-8b",
    "hf.co/bartowski/google_gemma-3-27b-it-GGUF": "gemma-3-27b",
    "https://ollama.com/library/llama3.1:8b": "llama-3.1-8b",
    " https://huggingface.co/Qwen/Qwen3-8B\n": "qwen3-8b",
    "<https://huggingface.co/Qwen/Qwen3-8B>": "qwen3-8b",
    "'hf:Qwen/Qwen3-8B'": "qwen3-8b",
    "hf:meta-llama/Llama-3.1-8B@v2": "",
    "hf:NousResearch/Hermes-3-Llama-3.1-8B": "",
    "https://huggingface.co/org/Llama-3.1-8B": "",
    "https://ollama.com/library/deepseek-r1": "",
}


def test_there_are_two_hundred() -> None:
    assert len(RIGHT) + len(NEXT) + len(OF_THE_HUB) >= 200


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("pasted", RIGHT)
def test_a_pasted_name_is_the_right_model(pasted: str) -> None:
    model = kvcalc.load(pasted)
    assert model.file == f"{RIGHT[pasted]}.yaml"
    own = pasted.removesuffix(".yaml") == RIGHT[pasted]
    assert own is not any(note.startswith(f"bundled {RIGHT[pasted]}, by") for note in model.notes)


@pytest.mark.parametrize("pasted", NEXT)
def test_a_pasted_name_has_a_next_step(pasted: str) -> None:
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(pasted)
    assert NEXT[pasted] in f"{caught.value}\n"


@pytest.mark.parametrize("pasted", OF_THE_HUB)
def test_an_address_is_the_hubs_and_its_twin_the_way_out(
    pasted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(pasted)
    twin = OF_THE_HUB[pasted]
    assert (f"bundled is {twin}, which needs no hub" in str(caught.value)) is bool(twin)
    assert len(caught.value.problems[0].hint) > 0


@pytest.mark.parametrize(
    ("pasted", "note"),
    [
        ("meta-llama/Llama-3.1-8B", "bundled llama-3.1-8b, by its hub id"),
        ("DeepSeek V3", "bundled deepseek-v3, by its name"),
        (
            "Llama-3.1-8B-Instruct-FP8",
            "bundled llama-3.1-8b, by the name of meta-llama/Llama-3.1-8B-Instruct without FP8",
        ),
        (
            "TheBloke/Llama-2-7B-GPTQ",
            "bundled llama-2-7b, by the hub id meta-llama/Llama-2-7b-hf, which "
            "TheBloke/Llama-2-7B-GPTQ stores otherwise",
        ),
        (
            "unsloth/Llama-3.2-1B",
            "bundled llama-3.2-1b, by the hub id meta-llama/Llama-3.2-1B, of which "
            "unsloth/Llama-3.2-1B is a copy",
        ),
    ],
)
def test_how_it_was_found_is_told_first(pasted: str, note: str) -> None:
    assert kvcalc.load(pasted).notes[0] == note


OTHER = ", which is none that the file lists: its longest context may be another"


@pytest.mark.parametrize(
    ("pasted", "note"),
    [
        ("Qwen2.5-14B-Instruct", f"bundled qwen2.5-14b, by its name without Instruct{OTHER}"),
        ("qwen3:4b-instruct", f"bundled qwen3-4b, by its name without instruct{OTHER}"),
        ("Llama-3.3-70B-HF", "bundled llama-3.3-70b, by its name without HF"),
    ],
)
def test_what_no_file_lists_may_have_another_context(pasted: str, note: str) -> None:
    assert kvcalc.load(pasted).notes[0] == note


@pytest.mark.parametrize(
    "pasted",
    [
        "github.com/org/name?token=secret",
        "user:secret@github.com/org/name",
        "bare-name?token=secret",
        "hf://user:secret@org/name/x",
        "org/name@v2?token=secret",
        "<ftp://user:secret@host/x?y=secret>",
        "see https://user:secret@host/x?secret",
    ],
)
def test_nothing_secret_is_printed(pasted: str) -> None:
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(pasted)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mark", ["l", ":", "?", "a:/", "/:", "@", "? ", "-gguf"])
def test_a_very_long_name_is_refused(mark: str) -> None:
    with pytest.raises(kvcalc.InputError):
        kvcalc.load(f"x{mark * (100_000 // len(mark))}")


UNREAD = "the cache is counted in bf16"


def test_of_quantized_files_the_caches_dtype_is_told_and_no_weights() -> None:
    shown, plain = kvcalc.show("Qwen/Qwen3-1.7B-FP8"), kvcalc.load("qwen3-1.7b")
    assert any(UNREAD in note for note in shown.notes)
    assert not any(UNREAD in n for n in kvcalc.show("Qwen/Qwen3-1.7B-FP8", kv_dtype="fp8").notes)
    assert not any(UNREAD in note for note in kvcalc.show("Qwen/Qwen3-1.7B").notes)
    model = kvcalc.load("Qwen/Qwen3-1.7B-FP8")
    assert (model.weight_bytes, model.weights, model.parameters) == (None, {}, plain.parameters)


def test_a_file_or_folder_of_that_name_wins(tmp_path: Path) -> None:
    folder = tmp_path / "meta-llama" / "Llama-3.1-8B"
    folder.mkdir(parents=True)
    text = bundled()["qwen3-8b"].read_text(encoding="utf-8")
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    assert kvcalc.load("meta-llama/Llama-3.1-8B").name == "Qwen3-8B"


def test_without_the_client_its_one_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(kvcalc.InputError, match=r"pip install 'kvcalc\[hub\]'"):
        kvcalc.load("org/name")


def test_the_note_goes_to_standard_error_and_into_the_document(process: Process) -> None:
    ran = process("show", "meta-llama/Llama-3.1-8B", "--json")
    note = "Llama 3.1 8B: bundled llama-3.1-8b, by its hub id"
    assert (ran.code, note in ran.err, note in ran.out) == (0, True, True)


def test_what_is_read_as_text_is_what_the_files_say() -> None:
    for one in bundled_names(bundled().values()):
        data = yaml.safe_load(one.path.read_text(encoding="utf-8"))
        said = (data["name"], data["dtype"], data.get("parameters", 0), data["hub"])
        hub = [repository.id for repository in one.hub]
        assert (one.title, one.dtype, one.parameters, hub) == said


def test_no_name_is_that_of_two_bundled_files() -> None:
    owners: dict[str, str] = {}
    for one in bundled_names(bundled().values()):
        for name in one.names.union(*(repository.names for repository in one.hub)):
            assert owners.setdefault(name, one.name) == one.name


@pytest.mark.parametrize("pasted", ["meta-llama/Llama-3.1-8B", "llama3.1:8b", "Llama 3.1 8B"])
def test_claims_call_a_model_by_its_own_name(pasted: str, tmp_path: Path) -> None:
    claims = tmp_path / "claims.yaml"
    text = f'claims: [{{ id: a, model: "{pasted}", source: {{ from: s }}, expect: {{}} }}]\n'
    claims.write_text(text, encoding="utf-8")
    with pytest.raises(kvcalc.InputError, match=r"bundled is llama-3\.1-8b: claims name it so"):
        kvcalc.check(claims)
