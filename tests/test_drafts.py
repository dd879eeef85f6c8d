"""Draft heads: their own layers are counted, and what describes the target is not.

Every number is worked out by hand from what the head's own class keeps: SpecForge 0.2.0
(modeling/draft/*.py), AngelSlim (speculative/train/models/draft), speculators 0.9.0
(models/*/config.py), vLLM 0.33.0 (models/llama_eagle3.py, qwen3_dflash.py) and transformers 5.24.0
(cache_utils.py, DFlashCache: "effectively only the context from the main model").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

import kvcalc
from kvcalc.cli import app
from tests.configurations import loaded, problems_of, refused

Config = Mapping[str, Any]

EAGLE3 = ["LlamaForCausalLMEagle3"]
DFLASH = ["DFlashDraftModel"]
HEAD: Config = {
    "model_type": "llama",
    "num_hidden_layers": 1,
    "hidden_size": 256,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "dtype": "bfloat16",
}
"""One layer of four KV heads, 32 wide."""
FIVE: Config = {**HEAD, "model_type": "qwen3", "num_hidden_layers": 5}
"""Five of them, as a DFlash head has."""
TOKEN = 2 * 4 * 32 * 2
"""A token of one layer: K and V x KV heads x width x bytes of bf16 = 512 B."""
FULL, SLIDING = "full_attention", "sliding_attention"
MIXED = [SLIDING, SLIDING, SLIDING, SLIDING, FULL]

OF_EAGLE3: Config = {
    "architectures": EAGLE3,
    "draft_vocab_size": 32000,
    "eagle_config": {
        "eagle_aux_hidden_state_layer_ids": [1, 29, 57],
        "use_aux_hidden_state": True,
        "use_input_layernorm_in_first_layer": True,
    },
    "modal_type": "VLM",
    "norm_before_residual": True,
    "target_model_type": "qwen3_vl",
    # all of these are of the target, which is wider and deeper
    "num_aux_hidden_states": 3,
    "target_head_dim": 128,
    "target_hidden_size": 4096,
    "target_num_attention_heads": 64,
    "target_num_hidden_layers": 80,
    "target_num_key_value_heads": 8,
}
OF_MODELOPT: Config = {
    "architectures": EAGLE3,
    "draft_vocab_size": 32000,
    "eagle_config": {
        "eagle_aux_hidden_state_layer_ids": [],
        "has_lm_head": False,
        "next_layer_regular": True,
        # Medusa's heads behind the layer: linear, so that they keep nothing
        "parallel_draft_heads_num_layers": 1,
        "parallel_draft_step": 4,
        "use_aux_hidden_state": True,
        "use_input_layernorm_in_first_layer": True,
        "use_last_layernorm": True,
        "use_mtp_layernorm": False,
    },
}
"""As nvidia-modelopt 0.47.0 writes it: export/plugins/hf_spec_configs.py 46-55."""
OF_DFLASH: Config = {
    "architectures": DFLASH,
    "block_size": 16,
    "dflash_config": {"mask_token_id": 7, "target_layer_ids": [1, 9, 17]},
    "num_target_layers": 64,
    "layer_types": [FULL] * 5,
    "max_window_layers": 5,
    "sliding_window": None,
    "use_sliding_window": False,
}


def of(config: Config, **more: Any) -> dict[str, Any]:
    """A DFlash head with more fields in its `dflash_config`."""
    return {**config, "dflash_config": {**config.get("dflash_config", {}), **more}}


def speculator(kind: str, layers: Config, **more: Any) -> dict[str, Any]:
    """A head as the speculators library saves it, its layers nested."""
    proposals = [{"proposal_type": "greedy", "speculative_tokens": 3}]
    about = {"algorithm": kind, "proposal_methods": proposals, "verifier": {"name_or_path": "x"}}
    return {
        "speculators_config": about,
        "speculators_model_type": kind,
        "transformer_layer_config": dict(layers),
        **more,
    }


class Row(NamedTuple):
    """A head, and what it keeps of 5,000 tokens: in the ideal, and what transformers keeps."""

    name: str
    config: Config
    stored: int
    kept: int


T = 5_000
SLIDES = 4 * 2_048 * TOKEN + T * TOKEN
"""MIXED with a window of 2,048: 4 x 2,048 x 512 + 5,000 x 512."""
SLIDES_KEPT = 4 * 2_047 * TOKEN + T * TOKEN
ROWS = (
    Row("eagle3", {**HEAD, **OF_EAGLE3}, T * TOKEN, T * TOKEN),
    Row("angelslim", {**HEAD, "architectures": ["Eagle3LlamaForCausalLM"]}, T * TOKEN, T * TOKEN),
    Row("eagle3 of nvidia-modelopt", {**HEAD, **OF_MODELOPT}, T * TOKEN, T * TOKEN),
    Row(
        "angelslim with what Hunyuan's file says",
        {**HEAD, **OF_EAGLE3, "use_cla": False, "cla_share_factor": 2},
        T * TOKEN,
        T * TOKEN,
    ),
    Row("eagle, without a mark", HEAD, T * TOKEN, T * TOKEN),
    Row("eagle of vllm", {"model_type": "eagle", "model": HEAD}, T * TOKEN, T * TOKEN),
    Row(
        "p-eagle",
        {**HEAD, "architectures": ["PEagleDraftModel"], "num_hidden_layers": 4},
        4 * T * TOKEN,
        4 * T * TOKEN,
    ),
    Row("dflash", {**FIVE, **OF_DFLASH}, 5 * T * TOKEN, 5 * T * TOKEN),
    Row(
        "dflash that slides",
        {**FIVE, **OF_DFLASH, "layer_types": MIXED, "sliding_window": 2048}
        | {"use_sliding_window": True},
        SLIDES,
        SLIDES_KEPT,
    ),
    Row(
        "dflash that states its window apart",
        of({**FIVE, **OF_DFLASH, "layer_types": MIXED}, swa_window_size=2048),
        SLIDES,
        SLIDES_KEPT,
    ),
    Row(
        "dflash that slides everywhere",
        of({**FIVE, **OF_DFLASH}, use_swa=True, swa_window_size=1024, attention_sink_bias=True),
        5 * 1_024 * TOKEN,
        5 * 1_023 * TOKEN,
    ),
    Row(
        # as nvidia-modelopt 0.47.0 writes it, in both places: export/plugins/hf_spec_export.py 439
        "dflash with a learned sink",
        of({**FIVE, **OF_DFLASH, "attention_sink_bias": True}, attention_sink_bias=True),
        5 * T * TOKEN,
        5 * T * TOKEN,
    ),
    Row(
        "dflash that slides everywhere, of a model that never does",
        of(
            {**FIVE, "model_type": "llama", "architectures": DFLASH},
            use_swa=True,
            swa_window_size=1024,
        ),
        5 * 1_024 * TOKEN,
        5 * 1_023 * TOKEN,
    ),
    Row(
        "dflash that lists what slides, of a model that never does",
        {**FIVE, "model_type": "llama", "architectures": DFLASH, "layer_types": MIXED}
        | {"sliding_window": 2048, "use_sliding_window": True},
        SLIDES,
        SLIDES_KEPT,
    ),
    Row(
        "dflash 2, whose convolutions reach over one block",
        of({**FIVE, **OF_DFLASH}, conv_kernel_size=2, conv_group_size=16, selector_rank=256),
        5 * T * TOKEN,
        5 * T * TOKEN,
    ),
    Row(
        "dspark",
        of(
            {**FIVE, **OF_DFLASH, "architectures": ["DSparkDraftModel"]},
            attention_mode="gqa",
            confidence_head_with_markov=True,
            enable_confidence_head=True,
            markov_head_type="vanilla",
            markov_rank=256,
            projector_type="dspark",
        ),
        5 * T * TOKEN,
        5 * T * TOKEN,
    ),
    Row(
        "domino, whose GRU runs over one block",
        of(
            {**FIVE, **OF_DFLASH, "architectures": ["DominoDraftModel"], "emb_dim": 256},
            projector_type="domino",
            emb_dim=256,
            gru_hidden_dim=1024,
            pure_draft_prefix_len=1,
            shift_label=False,
        ),
        5 * T * TOKEN,
        5 * T * TOKEN,
    ),
    Row(
        "dflare",
        {**FIVE, **OF_DFLASH, "architectures": ["QwenDFlareDraftModel"], "num_anchors": 512}
        | {"attention_backend": "flex_attention", "loss_decay_gamma": 7.0},
        5 * T * TOKEN,
        5 * T * TOKEN,
    ),
    Row(
        "a file of the speculators library",
        speculator(
            "eagle3",
            HEAD,
            architectures=["Eagle3DraftModel"],
            draft_vocab_size=32000,
            eagle_aux_hidden_state_layer_ids=[2, 30, 57],
            embed_requires_grad=False,
            norm_before_fc=False,
            target_hidden_size=4096,
        ),
        T * TOKEN,
        T * TOKEN,
    ),
    Row(
        "its dflash, with a window in llama's fields",
        speculator(
            "dflash",
            {**HEAD, "num_hidden_layers": 2, "layer_types": [SLIDING] * 2, "sliding_window": 64},
            aux_hidden_state_layer_ids=[1, 9],
            block_size=8,
            mask_token_id=7,
            sliding_window_non_causal=False,
        ),
        2 * 64 * TOKEN,
        2 * 63 * TOKEN,
    ),
    # the target's 28 layers stand in the file of one MTP layer (models/mtp/core.py, mtp_layers)
    Row(
        "its mtp",
        speculator("mtp", {**HEAD, "num_hidden_layers": 28}, num_nextn_predict_layers=1),
        T * TOKEN,
        T * TOKEN,
    ),
    Row(
        "an mtp head of mlx, beside the target's 64 layers",
        {
            "model_type": "qwen3_5_mtp",
            "block_size": 3,
            "text_config": {
                **HEAD,
                "model_type": "qwen3_5_text",
                "num_hidden_layers": 64,
                "full_attention_interval": 4,
                "linear_num_key_heads": 2,
                "linear_num_value_heads": 4,
                "linear_key_head_dim": 16,
                "linear_value_head_dim": 16,
                "linear_conv_kernel_dim": 4,
                "mtp_num_hidden_layers": 1,
            },
        },
        T * TOKEN,
        T * TOKEN,
    ),
    # its KV heads and width are those of the class, 8 x 128: 2 x 8 x 128 x 2 = 4,096 B a token
    Row(
        "muse glimmer's assistant, all of whose layers slide",
        {"model_type": "muse_glimmer_assistant", "block_size": 16, "target_layer_ids": [1, 13]},
        5 * 2_048 * 4_096,
        5 * 2_047 * 4_096,
    ),
    # a latent of 512 and one RoPE key of 64, in bf16 (vLLM, configs/k3_dspark.py)
    Row(
        "an MLA dspark",
        {
            "model_type": "k3_dspark",
            "num_hidden_layers": 5,
            "num_attention_heads": 96,
            "kv_lora_rank": 512,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "v_head_dim": 128,
            "num_target_layers": 5,
            "target_layer_ids": [1, 2, 3, 4, 5],
        },
        5 * T * (512 + 64) * 2,
        5 * T * (512 + 64) * 2,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_head_keeps_its_own_layers(row: Row) -> None:
    model = loaded(row.config)
    assert kvcalc.show(model, T, kv_dtype="bf16").stored == row.stored
    kept = kvcalc.show(model, T, kv_dtype="bf16", engine="transformers").reserved
    assert kept == row.kept


def test_the_growth_of_a_head_that_slides_ends_with_its_window() -> None:
    window = {"layer_types": [SLIDING] * 5, "sliding_window": 2048, "use_sliding_window": True}
    model = loaded({**FIVE, **OF_DFLASH, **window})
    # five layers of 512 B, until all of them are full
    assert model.growth(2_047) == 5 * TOKEN
    assert model.growth(2_048) == 0


@pytest.mark.parametrize(
    ("config", "mark"),
    [
        ({**HEAD, **OF_EAGLE3}, "LlamaForCausalLMEagle3"),
        ({**FIVE, **OF_DFLASH}, "DFlashDraftModel"),
        ({**HEAD, "architectures": ["LlamaForCausalLM"], "draft_vocab_size": 9}, "draft_vocab"),
        ({"model_type": "eagle", "model": HEAD}, "model_type eagle"),
        (speculator("eagle3", HEAD), "speculators_model_type"),
    ],
)
def test_what_makes_it_a_head_is_told(config: Config, mark: str) -> None:
    notes = [note for note in loaded(config).notes if "read as a draft head" in note]
    assert len(notes) == 1
    assert mark in notes[0]
    assert "none of its target's" in notes[0]


@pytest.mark.parametrize("name", ["Eagle2_5_VLForConditionalGeneration", "LlamaForCausalLM"])
def test_a_model_is_no_head(name: str) -> None:
    model = loaded({**HEAD, "architectures": [name]})
    assert not any("draft head" in note for note in model.notes)


@pytest.mark.parametrize(
    "config",
    [
        # 24 layers are stated, of which vLLM and SGLang build all
        {**HEAD, "architectures": ["Eagle3LlamaForCausalLM"], "num_hidden_layers": 24},
    ],
)
def test_an_eagle3_of_more_than_one_layer_is_told_of(config: Config) -> None:
    model = loaded(config)
    assert model.stored(T) == 24 * T * TOKEN
    assert any("counted as stated, 24" in note for note in model.notes)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (of({**FIVE, **OF_DFLASH}, attention_mode="mla"), "attention_mode is 'mla'"),
        (of({**FIVE, **OF_DFLASH}, attention_modes=["kda"] * 5), "attention_modes"),
        (of({**FIVE, **OF_DFLASH}, use_swa=True), "sliding_window is missing"),
        (
            of({**FIVE, "num_hidden_layers": 10**12}, use_swa=True, swa_window_size=8),
            "num_hidden_layers is more than 10,000",
        ),
        (
            of({**FIVE, **OF_DFLASH, "layer_types": MIXED, "sliding_window": 9}, swa_window_size=8),
            "swa_window_size is 8, but sliding_window is 9",
        ),
        ({**FIVE, **OF_DFLASH, "hspec_config": {"mamba_num_heads": 4}}, "hspec_config"),
        ({**FIVE, **OF_DFLASH, "target_kv_layer_ids": [17, 25]}, "target_kv_layer_ids"),
        ({**FIVE, **OF_DFLASH, "kv_lora_rank": 512}, "kv_lora_rank"),
        ({**HEAD, **OF_EAGLE3, "use_cla": True, "cla_share_factor": 2}, "cla_share_factor"),
        (
            {**FIVE, **OF_DFLASH, "head_dim": None, "draft_hidden_size": 128},
            "draft_hidden_size is not hidden_size",
        ),
        (speculator("dflash", HEAD, layer_types=[SLIDING]), "layer_types"),
        ({**FIVE, "model_type": "deepseek_v3", "architectures": DFLASH}, "kv_lora_rank is missing"),
        ({**FIVE, "model_type": "qwen3_next", "architectures": DFLASH}, "layer_types is missing"),
        ({**HEAD, "model_type": "llama4_text", "architectures": ["XMTPModel"]}
         | {"num_hidden_layers": 48}, "is 48: the target's"),
    ],
)  # fmt: skip
def test_what_a_head_may_keep_otherwise_is_refused(config: Config, words: str) -> None:
    assert words in refused(config)


def test_what_is_of_the_target_is_no_hint() -> None:
    for problem in problems_of({**HEAD, "num_targets_layers": 36, "hidden_states_pool": 3}):
        assert "num_target_layers" not in problem.hint


HEADS_THAT_KEEP_NOTHING: tuple[tuple[str, Config], ...] = (
    (
        "medusa of vLLM",
        {
            "model_type": "medusa",
            "architectures": ["MedusaModel"],
            "hidden_size": 4096,
            "max_paths": 64,
            "medusa_fc_bias": False,
            "num_heads": 5,
            "num_hidden_layers": 1,
            "topk": 10,
            "truncated_vocab_size": 32000,
        },
    ),
    (
        "medusa, as first published",
        {
            "base_model_name_or_path": "somebody/model",
            "medusa_num_heads": 2,
            "medusa_num_layers": 1,
        },
    ),
    (
        "mlp speculator",
        {
            "model_type": "mlp_speculator",
            "emb_dim": 4096,
            "inner_dim": 4096,
            "n_candidates": 5,
            "n_predict": 4,
            "top_k_tokens_per_head": [4, 3, 2, 2],
        },
    ),
    # configuration_gemma4_assistant.py: all of its layers are shared, said or not
    (
        "gemma 4's assistant",
        {
            "model_type": "gemma4_assistant",
            "backbone_hidden_size": 5376,
            "text_config": {**HEAD, "model_type": "gemma4_text", "num_hidden_layers": 4},
        },
    ),
)


@pytest.mark.parametrize(
    "config",
    [config for _, config in HEADS_THAT_KEEP_NOTHING],
    ids=[name for name, _ in HEADS_THAT_KEEP_NOTHING],
)
def test_a_head_without_a_cache_keeps_nothing(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    run = CliRunner().invoke(app, ["show", str(path), "--kv-dtype", "bf16", "--json"])
    answer = json.loads(run.stdout)
    assert answer["stored_bytes"] == 0
    assert any("cache of" in note for note in answer["notes"])


@pytest.mark.parametrize(
    "medusa",
    [
        {"medusa_num_heads": 3, "medusa_num_layers": 1},
        # nvidia-modelopt 0.47.0, export/unified_export_megatron.py 203-208
        {"medusa": {"num_medusa_heads": 3, "num_medusa_layers": 1}},
    ],
)
def test_heads_of_medusa_beside_a_model_add_nothing(medusa: Config) -> None:
    model = loaded({**HEAD, "num_hidden_layers": 3, **medusa})
    assert model.stored(T) == 3 * T * TOKEN
    assert any("Medusa's heads keep no cache" in note for note in model.notes)
