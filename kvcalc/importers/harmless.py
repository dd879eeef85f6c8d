"""Fields that leave the cache alone, whatever the family.

Every field of a configuration is one of three: read by its family, known here (or to the family)
to leave the cache alone, or refused by name.
"""

from __future__ import annotations

import re

# fmt: off
_WORDS = frozenset((
    # training and generation
    "dropout", "pdrop", "layerdrop", "loss", "init", "initializer", "penalty", "beam", "beams",
    "temperature", "ngram",
    # numerics
    "eps", "epsilon", "norm", "layernorm", "rmsnorm", "postnorm", "bias", "biases", "scale",
    "scaling", "scalar", "multiplier", "multipliers", "softcap", "softcapping", "logit",
    "logits", "clip",
    # feed-forward layers and experts
    "act", "activation", "intermediate", "ffn", "mlp", "moe", "expert", "experts", "router",
    "routing",
    # positions and vocabulary
    "theta", "vocab", "vocabulary", "token", "tokens", "tokenizer", "embedding", "embeddings",
    "embeds", "position",
    # other parts of the model
    "vision", "image", "images", "audio", "video", "speech", "projector", "classifier", "label",
    "labels", "mup", "mtp",
))
# fmt: on
"""Words that make a field harmless, as one of those between its underscores."""

_PATTERN = re.compile(
    r"id2label|label2id|.*2vec|rope_(?:parameters|type|ratio|interleave)"
    r"|partial_rotary_factor|rotary_(?:pct|dim|base|percent|emb_.*)|rope_.*_factor"
    r"|no_rope_layers|no_rope_layer_interval|nope_layer_interval|mrope_.*|use_mrope"
)

_NAMES = frozenset(
    """
    _about _attn_implementation _attn_implementation_autoset _attn_implementation_internal
    _commit_hash _flash_attn_2_enabled _name_or_path _remove_final_layer_norm
    activation_sparsity_pattern adapter_reduction_factor add_full_attention_sink_bias
    add_head_bias add_swa_attention_sink_bias afn altup_active_idx altup_num_inputs
    apply_spec_augment architectures attention_bias attention_dropout attention_in_multiplier
    attention_multiplier attention_out_bias attention_out_multiplier attention_output_bias
    attention_output_gate attention_probs_dropout_prob attention_qkv_bias
    attention_softmax_in_fp32 attention_value_scale attn_bias attn_config_dropout attn_dropout
    attn_implementation attn_logit_softcapping attn_output_gate attn_pdrop attn_scale
    attn_temperature_tuning auto_map bad_words_ids block_auto_adjust_ff_dim block_ff_dim
    block_ffn_dim_multiplier block_multiple_of cache_implementation chat_template
    chunk_size_feed_forward compress_rope_theta compression_config conv_bias d_ff d_inner
    decoder_ffn_dim decoder_sparse_step dff dim_ff dim_model_base do_layer_norm_before do_sample
    do_stable_layer_norm dropout_rate early_stopping embedding_dim encoder_ffn_dim
    encoder_hash_byte_group_vocab ep_size expansion_ratio expert_layer_offset
    expert_layer_period ff_dim ffn_dim finetuning_task first_k_dense_replace forced_bos
    forced_eos gate_lower_bound gate_soft_cap gated_norm_rank gating gating_types
    gradient_checkpointing hc_count hc_lowrank hc_magnitude hc_mult hc_sinkhorn_iters head_bias
    head_norm_eps heads_per_ngram hidden_mamba_act hidden_size_per_layer_input ignore_index
    index_share_for_mtp_iteration inference_runner initial_context_length inner_dim_ff
    input_jitter_noise interleave_moe_layer_step interpolate_factor kernel_config key_multiplier
    languages latent_moe_use_norm laurel_rank layer_norm layer_norm_bias
    layer_norm_elementwise_affine layer_norm_eps layer_norm_epsilon layer_rope_theta
    learnable_sink_init learned_pos_emb lm_head_bias lm_head_multiplier ln_before_adapter
    lora_alpha lora_dropout mamba_conv_bias mamba_hidden_act mamba_norm_before_gate
    mamba_proj_bias mamba_rms_norm mask_feature_length mask_feature_min_masks mask_feature_prob
    mask_time_length mask_time_min_masks mask_time_prob masked_softmax_fusion max_length
    min_length mixer_rms_eps mla_scale_kv_lora mla_scale_q_lora mlp_layer_types mlp_only_layers
    mode moe_latent_size moe_layer_end_index moe_layer_freq moe_layer_interval
    moe_layer_num_skipped moe_layer_start_index moe_layers moe_layers_enum
    moe_num_shared_experts moe_shared_expert_intermediate_size moe_shared_expert_overlap
    mtp_hidden_states_first mtp_hybrid_override_pattern mtp_local_layer_ids
    mtp_num_hidden_layers mtp_num_layers mtp_transformer_layers n_group n_inner n_shared_experts
    no_rope_layer_interval no_rope_layers num_beam_groups num_codebooks num_dense_layers
    num_expert_group num_hash_layers num_ln_in_parallel_attn num_mtp_layers num_return_sequences
    num_shared_expert num_shared_experts o_groups o_lora_rank oe_neighbor_num oe_split_num
    oe_vocab_size_ratio out_hidden_size output_attentions output_gate_type output_hidden_states
    output_scores parallel_attn ple_embed_dim ple_layer_ids pre_allocate_kv_cache prefix
    pretraining_tp problem_type pruned_heads q_lora_rank qk_norm_per_head quantization_config
    query_pre_attn_scalar relative_attention_max_distance relative_attention_num_buckets
    remove_invalid_values reorder_and_upcast_attn rescale_layer rescale_prenorm_residual
    residual_alpha residual_in_fp32 return_dict return_dict_in_generate rope_local_base_freq
    rotary_dim safe_gate scale_attention_softmax_in_fp32 scale_attn_by_inverse_layer_idx
    scale_attn_weights scoring_func seed seq_aux share_encoder_decoder_embeddings
    shared_expert_combination_strategy shared_expert_intermediate_size shared_expert_sink
    shared_experts_intermediate_size shared_head_bias shared_intermediate_size slow_but_exact
    ssm_in_multiplier ssm_multipliers ssm_out_multiplier summary_type summary_use_proj
    swiglu_alpha swiglu_limit task_specific_params tie_encoder_decoder time_step_floor
    time_step_limit time_step_max time_step_min time_step_rank top_k top_p topk_group
    topk_method torchscript transformers_version typical_p unsloth_fixed unsloth_version
    use_associative_scan use_attention_gate use_attn_bias use_bfloat16 use_cache use_conv_bias
    use_flash_attn use_full_rank_gate use_grouped_topk use_layer_norm use_long_context
    use_mamba_kernels use_mambapy use_mem_eff_path use_mem_rope use_parallel_residual
    use_pos_enc use_task_id validate_runner_input vision_feature_layer
    vocab_size_per_layer_input word_embed_proj_dim
    """.split()  # noqa: SIM905  a list would take a page
)
"""Fields that are harmless though their words do not tell it."""

_CACHE_WORDS = frozenset(
    """
    kv key keys head heads window windows sliding cache cached caches mixer mixers compress
    compression compressed sink sinks meta memory mem state states latent latents ssm mamba conv
    recurrent chunk chunks chunked attn attention self layer layers dim dims rank ranks lora group
    groups share shared sharing stride pool pooling rate ratio ratios interval period pattern
    """.split()  # noqa: SIM905  a list would take a page
)
"""Words that a field of the cache may have: beside one of them, no other word is harmless."""


def is_harmless(name: str) -> bool:
    """Whether a field of this name is known to leave the cache alone, in every family."""
    if name in _NAMES:
        return True
    if name.startswith("_") or _CACHE_WORDS & set(re.split(r"[_\d]+", name.lower())):
        return False
    return not _WORDS.isdisjoint(name.split("_")) or _PATTERN.fullmatch(name) is not None
