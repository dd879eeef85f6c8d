"""What marks a file as a draft head's, and the fields in it that are of its target, or of drafting.

Read off SpecForge 0.2.0 (modeling/draft), vLLM 0.33.0 (models/*eagle*.py, qwen3_dflash.py),
speculators 0.9.0 (models/*/config.py) and nvidia-modelopt 0.47.0 (export/plugins/hf_spec_*.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kvcalc.importers.vocabulary import ALIASES, STANDARD

if TYPE_CHECKING:
    from kvcalc.importers.levels import Levels

_ARCHITECTURE = re.compile(
    r"Eagle3?$|Eagle3(?=[A-Z])|^Eagle[A-Z]\w*ForCausalLM|EAGLE|DFlash|DFlare|DSpark|Domino"
    r"|Speculator$|DraftModel|NextN$|MTP(?:Model)?$"
)
"""Names of classes that draft; NVIDIA's Eagle models, which look at pictures, have others."""

MARKS = (
    "eagle_config",
    "dflash_config",
    "speculators_model_type",
    "draft_vocab_size",
    "target_model_type",
    "num_target_layers",
    "target_layer_ids",
)
"""Fields that no other model has."""

_TYPES = ("eagle", "eagle3", "peagle", "dflash", "dspark", "k3_dspark")
"""Values of `model_type` that heads have, and no other model."""

_TARGET = frozenset(
    """
    num_target_layers target_layer_ids target_layer_count target_model_type
    target_model_name_or_path eagle_aux_hidden_state_layer_ids aux_hidden_state_layer_ids
    num_aux_hidden_states use_aux_hidden_state verifier verifier_vocab_size
    verifier_name_or_path base_model_name_or_path
    """.split()  # noqa: SIM905  a list would take a page
) | {f"target_{name}" for name in STANDARD}
"""What a file says of the model that its head drafts for: never the head's own."""

_HEAD = frozenset(
    """
    attention_backend attention_sink_bias attention_value_scale block_size causal
    confidence_head_alpha confidence_head_with_markov conv_group_size conv_kernel_size
    draft_vocab_size eagle_fc_bias emb_dim embed_requires_grad enable_confidence_head fc_norm
    final_logit_softcapping fusion_bias gru_hidden_dim has_lm_head has_own_embed_tokens
    has_own_lm_head is_causal is_neox_style layernorms loss_decay_gamma markov_head_type
    markov_rank mask_token mask_token_id modal_type mtp_layer_idx next_layer_regular
    norm_before_fc norm_before_residual norm_output num_anchors num_jacobi_passes
    num_speculative_tokens output_multiplier parallel_draft_heads_num_layers parallel_draft_step
    parallel_drafting pard_token prefix_weight_base projector_type ptd_token_id
    pure_draft_prefix_len rope_is_neox_style sample_from_anchor selector_rank selector_top_k
    shift_label sliding_window_non_causal speculators_model_type speculators_version
    training_mode transformer_layer_architecture truncated_vocab_size
    use_input_layernorm_in_first_layer use_last_layernorm use_mtp_layernorm xpress_mlp_ratio
    xpress_rank
    """.split()  # noqa: SIM905  a list would take a page
)
"""How a head drafts: nothing that it keeps. Convolutions reach over one block, and are not kept;
parallel draft heads are Medusa's, linear layers on the last hidden state; a sink that is a bias is
one number a head, learned, and no token's."""

_OBJECTS = {"speculators_config"}
"""Objects that describe the target and the proposals alone."""

KNOWN = _TARGET | _HEAD | _OBJECTS
"""Fields of a draft head that leave its cache alone."""


def marked_by(levels: Levels) -> str:
    """What says that this is a draft head: its class, or a field; "" where nothing does."""
    for _, level in levels:
        stated = level.get("architectures")
        for name in stated if isinstance(stated, list) else ():
            if isinstance(name, str) and _ARCHITECTURE.search(name):
                return name
    given = [mark for mark in MARKS for _, level in levels if level.get(mark) is not None]
    given += [f"model_type {name}" for name in types_of(levels) if name in _TYPES]
    return next(iter(given), "")


def wrappers_of(inner: Mapping[str, Any]) -> tuple[str, ...]:
    """Where vLLM's form of an EAGLE head nests the layers, beside the usual names."""
    return ("model",) if inner.get("model_type") == "eagle" else ()


def known_outside(levels: Levels) -> frozenset[str]:
    """What may stand around the layers of a head: fields that say nothing of these."""
    counts = ALIASES["mtp_layers"] if is_mtp(levels) else ()
    return KNOWN.union(counts) if marked_by(levels) else frozenset(counts)


def types_of(levels: Levels) -> list[str]:
    return [str(level.get("model_type") or "") for _, level in levels]


def is_mtp(levels: Levels) -> bool:
    """Whether a file holds the MTP layers of a model alone, by its class or its type."""
    speculator = levels[-1][1].get("speculators_model_type")
    by_class = re.search(r"NextN$|MTP(?:Model)?$", marked_by(levels)) is not None
    return by_class or speculator == "mtp" or types_of(levels)[-1].endswith("_mtp")
