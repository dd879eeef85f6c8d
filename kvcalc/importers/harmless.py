"""What the names of fields tell: which leave the cache alone, which could speak of it.

Every field of a configuration is one of four. Read by its family; known here, or to the family, to
leave the cache alone; passed over and told of, where the family is known and no word of the name
is one of a cache's, or the field says no; or refused by name. Where the family is not known, names
are all that there is to go by, and only BASE, METADATA, DECODER and quantizations pass.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kvcalc.importers.vocabulary import QUANTIZATIONS

BASE = frozenset(
    """
    _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash
    _name_or_path add_cross_attention architectures attn_implementation bad_words_ids
    begin_suppress_tokens bos_token_id chunk_size_feed_forward cross_attention_hidden_size
    decoder_start_token_id diversity_penalty do_sample early_stopping
    encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty finetuning_task
    forced_bos_token_id forced_eos_token_id id2label is_decoder is_encoder_decoder label2id
    length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams
    num_return_sequences output_attentions output_hidden_states output_scores pad_token_id prefix
    problem_type pruned_heads remove_invalid_values repetition_penalty return_dict
    return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature
    tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torchscript
    transformers_version typical_p use_bfloat16 use_cache
    """.split()  # noqa: SIM905  a list would take a page
)
"""What transformers' base class writes for any model: PretrainedConfig of 4.57.1 with the settings
of generation that it saves, PreTrainedConfig of 5.24.0 (configuration_utils.py)."""

OFF = frozenset(("add_cross_attention", "cross_attention_hidden_size", "is_encoder_decoder"))
"""Fields of the base class that change the cache where they say yes; most files say no."""

METADATA = frozenset(
    """
    _comment _description author authors auto_map base_model comment description language
    languages library_name license license_name model_name model_version name pipeline_tag tags
    version
    """.split()  # noqa: SIM905  a list would take a page
)
"""What is said of a file or of a model, and not of its layers."""

DECODER = frozenset(
    """
    activation_function attention_bias attention_dropout attn_pdrop classifier_dropout embd_pdrop
    hidden_act hidden_dropout initializer_range intermediate_size layer_norm_eps
    layer_norm_epsilon mlp_bias n_inner norm_eps original_max_position_embeddings
    partial_rotary_factor pretraining_tp reorder_and_upcast_attn resid_pdrop rms_norm_eps
    rope_parameters rope_scaling rope_theta rotary_emb_base rotary_pct
    scale_attn_by_inverse_layer_idx scale_attn_weights summary_activation summary_first_dropout
    summary_proj_to_labels summary_type summary_use_proj use_parallel_residual vocab_size
    """.split()  # noqa: SIM905  a list would take a page
)
"""What transformers' classes of plain decoders have besides, which no cache depends on: those of
llama, gpt2, mistral, qwen2 and gpt_neox (configuration_*.py of 4.57.1 and 5.24.0)."""

_ANYWHERE = BASE - OFF | METADATA | DECODER | {*QUANTIZATIONS}

# fmt: off
_WORDS = frozenset((
    # training and generation
    "dropout", "pdrop", "layerdrop", "loss", "init", "initializer", "penalty", "beam", "beams",
    "temperature", "ngram",
    # numerics
    "eps", "epsilon", "norm", "layernorm", "rmsnorm", "postnorm", "bias", "biases", "scalar",
    "multiplier", "multipliers", "softcap", "softcapping", "logit", "logits", "clip",
    # feed-forward layers and experts
    "act", "activation", "intermediate", "ffn", "mlp", "moe", "expert", "experts", "router",
    "routing",
    # positions and vocabulary
    "theta", "vocab", "vocabulary", "tokenizer",
    # other parts of the model
    "vision", "image", "images", "audio", "video", "speech", "projector", "classifier", "label",
    "labels", "mup", "mtp",
))
# fmt: on
"""Words that make a field harmless in a known family, as one of those between its underscores."""

_OPEN_WORDS = frozenset(("token", "tokens", "position", "positions", "scale"))
"""Words that no other word makes harmless: what is kept, or evicted, may be counted in them."""

_PATTERN = re.compile(
    r".*_token_(?:ids?|index)|.*2vec|(?:.*_)?rope_(?:theta|scaling|parameters)"
    r"|rope_(?:type|ratio|condense_ratio|interleave|interleaved)"
    r"|(?:attn_)?rotary_(?:dim|base|percent|emb|emb_.*)|rope_.*_factor|mrope_.*|use_mrope"
    r"|no_rope_layers|no_rope_layer_interval|nope_layer_interval|transformers\.js_config"
)

_NAMES = frozenset(
    """
    _about _flash_attn_2_enabled _remove_final_layer_norm activation_sparsity_pattern
    adapter_reduction_factor add_full_attention_sink_bias add_swa_attention_sink_bias afn
    altup_active_idx altup_correct_scale altup_num_inputs apply_spec_augment
    attention_in_multiplier attention_multiplier attention_out_multiplier attention_output_gate
    attention_softmax_in_fp32 attention_value_scale attn_logit_softcapping attn_output_gate
    attn_scale attn_temperature_tuning audio_soft_tokens_per_image block_auto_adjust_ff_dim
    block_ff_dim block_ffn_dim_multiplier block_multiple_of cache_implementation chat_template
    compress_rope_theta d_ff d_inner decoder_ffn_dim decoder_sparse_step dff dim_ff dim_model_base
    down_scale_factor dual_chunk_attention_config embedding_dim embedding_size encoder_ffn_dim
    encoder_hash_byte_group_vocab ep_size expansion_ratio expert_layer_offset expert_layer_period
    ff_dim ffn_dim first_k_dense_replace forced_bos forced_eos gate_lower_bound gate_soft_cap
    gated_norm_rank gating gating_types gradient_checkpointing hc_count hc_lowrank hc_magnitude
    hc_mult hc_sinkhorn_iters heads_per_ngram hidden_size_per_layer_input ignore_index
    image_tokens_per_side index_share_for_mtp_iteration inference_runner initial_context_length
    inner_dim_ff input_jitter_noise interleave_moe_layer_step interpolate_factor kernel_config
    key_multiplier laurel_rank layer_rope_theta learnable_sink_init learned_pos_emb
    lm_head_multiplier ln_before_adapter lora_alpha mamba_norm_before_gate mask_feature_length
    mask_feature_min_masks mask_feature_prob mask_time_length mask_time_min_masks mask_time_prob
    masked_softmax_fusion max_image_tokens min_image_tokens mla_scale_kv_lora mla_scale_q_lora
    mlp_layer_types mlp_only_layers mm_use_im_patch_token mode moe_latent_size moe_layer_end_index
    moe_layer_freq moe_layer_interval moe_layer_num_skipped moe_layer_start_index moe_layers
    moe_layers_enum moe_num_shared_experts moe_shared_expert_intermediate_size
    moe_shared_expert_overlap mtp_hidden_states_first mtp_hybrid_override_pattern
    mtp_local_layer_ids mtp_num_hidden_layers mtp_num_layers mtp_transformer_layers n_group
    n_shared_experts num_codebooks num_dense_layers num_expert_group num_hash_layers
    num_image_tokens num_ln_in_parallel_attn num_mtp_layers num_shared_expert num_shared_experts
    o_groups o_lora_rank oe_neighbor_num oe_split_num oe_vocab_size_ratio out_hidden_size
    output_gate_type parallel_attn perceiver_config ple_embed_dim ple_layer_ids
    position_embedding_type position_id_per_seconds pre_allocate_kv_cache q_lora_rank
    qk_norm_per_head qk_scale_factor query_pre_attn_scalar quip_params
    relative_attention_max_distance relative_attention_num_buckets replacing_rate rescale_layer
    rescale_prenorm_residual residual_alpha residual_in_fp32 rope_local_base_freq route_scale
    routed_scaling_factor safe_gate scale_attention_softmax_in_fp32 scale_by_depth scale_by_in
    scale_decoder_outputs scale_depth scale_emb scale_embedding scale_fmt scoring_func seed
    seq_aux share_encoder_decoder_embeddings shared_expert_combination_strategy
    shared_expert_intermediate_size shared_expert_sink shared_experts_intermediate_size
    shared_intermediate_size slow_but_exact ssm_in_multiplier ssm_multipliers ssm_out_multiplier
    swiglu_alpha swiglu_limit tie_embedding tie_embeddings time_step_floor time_step_limit
    time_step_max time_step_min time_step_rank time_step_scale topk_group topk_method
    unsloth_fixed unsloth_version use_associative_scan use_attention_gate use_flash_attn
    use_full_rank_gate use_grouped_topk use_image_special_tokens use_long_context
    use_mamba_kernels use_mambapy use_mem_eff_path use_mem_rope use_pos_enc use_task_id
    validate_runner_input vision_feature_layer vision_soft_tokens_per_image
    vocab_size_per_layer_input word_embed_proj_dim
    """.split()  # noqa: SIM905  a list would take a page
)
"""Fields that are harmless in known families though their words do not tell it."""

_CACHE_WORDS = frozenset(
    """
    kv key keys head heads window windows sliding cache cached caches mixer mixers compress
    compression compressed sink sinks meta memory mem state states latent latents ssm mamba conv
    recurrent chunk chunks chunked attn attention self layer layers dim dims rank ranks lora group
    groups share shared sharing stride pool pooling rate ratio ratios interval period pattern
    mha mqa gqa mla cla multiquery swa yoco loop loops
    """.split()  # noqa: SIM905  a list would take a page
)
"""Words that a field of the cache may have."""

_PARTS = frozenset(
    ("expert", "experts", "moe", "vision", "visual", "image", "audio", "video", "projector", "mm")
)
_SIZES = frozenset(
    """
    layer layers dim dims share shared sharing group groups rate ratio ratios interval period
    pattern stride pool pooling
    """.split()  # noqa: SIM905  a list would take a page
)
"""Parts of a model that keep nothing of a token, and the words that are of these parts beside
them: how many layers of experts there are, how far the pooling of pictures steps."""

_COMPOUNDS = re.compile(r"layer_?norm|flash_att(?:entio)?n")
"""What has a word of the cache and is none of it: the norm of a layer, a kernel."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_\d]+")
_BLANKS = {number: " " for number in range(128) if not chr(number).isalpha()}
"""The same of ASCII, which takes half of the time."""
_BETWEEN_PARTS = re.compile(r"\W|_")

_LAST_WORDS = frozenset(("pdrop", "std", "norm", "rmsnorm", "eps", "epsilon", "bias", "act"))
"""Words that say what a whole field is, as its last: the bias or the norm of it."""

_STRONG = frozenset(("kv", "cache", "window", "windows", "sliding", "sink", "sinks"))
"""Words that none of those outweighs: only a dropout and how weights begin are what they say."""


_LONGEST = 100
"""Letters of a name that is looked at: a longer one is no field's, and could say anything."""


def passes_anywhere(name: str) -> bool:
    """Whether a field of this name leaves the cache alone in any model, also an unknown one."""
    return name in _ANYWHERE


def is_harmless(name: str) -> bool:
    """Whether a field of this name is known to leave the cache alone in a known family."""
    if name in _ANYWHERE or name in _NAMES:
        return True
    if len(name) > _LONGEST:
        return False
    if _PATTERN.fullmatch(name):
        return True
    words = _words(name)
    if name.startswith("_") or words & (_OPEN_WORDS | _STRONG) or speaks_of_the_cache(name):
        return False
    return not words.isdisjoint(_WORDS)


@lru_cache(maxsize=128)
def speaks_of_the_cache(name: str) -> bool:
    """Whether a field of this name could change the cache, by its words."""
    if len(name) > _LONGEST:
        return True
    words = _words(_COMPOUNDS.sub("norm", name).replace("multi_query", "multiquery"))
    if words & _PARTS:
        words -= _SIZES
    if not words & _CACHE_WORDS:
        return False
    last = _BETWEEN_PARTS.split(name.lower())[-1]
    if last == "init" or "dropout" in words:
        return bool(words & _OPEN_WORDS)
    return bool(words & (_STRONG | _OPEN_WORDS)) or last not in _LAST_WORDS


@lru_cache(maxsize=1)
def _words(name: str) -> frozenset[str]:
    """The words of a name: between underscores, dots, digits and capitals."""
    lower = (name if name.islower() else _HUMP.sub("_", name)).lower()
    return frozenset(lower.translate(_BLANKS).split() if lower.isascii() else _BETWEEN.split(lower))
