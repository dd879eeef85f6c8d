"""The keys of GGUF headers: what is read, under which short name, and what leaves the cache alone.

Names as in llama.cpp (llama-arch.cpp of llama-cpp-python 0.3.36), without the architecture.
"""

from __future__ import annotations

DRAFT = (
    *("target_layers", "target_hidden_size", "norm_before_residual", "norm_before_fc"),
    *("block_size", "sample_from_anchor", "conv_kernel_size", "conv_group_size"),
    *("selector_rank", "selector_top_k"),
)
"""What drafts say of their target and of their heads; their short names are the same."""

KEYS: dict[str, str] = {
    "layers": "block_count",
    "decoder_layers": "decoder_block_count",
    "loops": "num_loops",
    "mtp_layers": "nextn_predict_layers",
    "dense_layers": "leading_dense_block_count",
    "max_context": "context_length",
    "hidden": "embedding_length",
    "feed_forward": "feed_forward_length",
    "causal": "attention.causal",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "key_dim": "attention.key_length",
    "value_dim": "attention.value_length",
    "rope_dim": "rope.dimension_count",
    "window": "attention.sliding_window",
    "pattern": "attention.sliding_window_pattern",
    "key_dim_swa": "attention.key_length_swa",
    "value_dim_swa": "attention.value_length_swa",
    "shared_layers": "attention.shared_kv_layers",
    "kv_lora_rank": "attention.kv_lora_rank",
    "key_dim_mla": "attention.key_length_mla",
    "value_dim_mla": "attention.value_length_mla",
    "kv_lora_rank_swa": "attention.kv_lora_rank_swa",
    "key_dim_mla_swa": "attention.key_length_mla_swa",
    "value_dim_mla_swa": "attention.value_length_mla_swa",
    "index_n_heads": "attention.indexer.head_count",
    "index_head_dim": "attention.indexer.key_length",
    "index_topk": "attention.indexer.top_k",
    "index_block": "attention.indexer.block_size",
    "index_types": "attention.indexer.types",
    "index_pool": "attention.indexer.kpool",
    "compress_ratios": "attention.compress_ratios",
    "hyper_connections": "hyper_connection.count",
    "ple_layers": "ple.layers",
    "ple_ngram": "ple.ngram_size",
    "ple_taps": "ple.conv_kernel",
    "recurrent_layers": "attention.recurrent_layers",
    "full_interval": "full_attention_interval",
    "conv_kernel": "ssm.conv_kernel",
    "inner_size": "ssm.inner_size",
    "state_size": "ssm.state_size",
    "time_step_rank": "ssm.time_step_rank",
    "group_count": "ssm.group_count",
    "kda_head_dim": "kda.head_dim",
    "wkv_head_size": "wkv.head_size",
    "token_shifts": "token_shift_count",
    "shortconv_taps": "shortconv.l_cache",
    **{key: key for key in DRAFT},
}
"""Short names, which the parts of layers use, and the keys they stand for."""

PER_LAYER = ("heads", "kv_heads", "pattern", "recurrent_layers", "index_types")
"""What may be an array with an item for each layer."""

FLAGS = ("causal", "pattern", "recurrent_layers", "index_types")
"""What may be true or false; the other keys that are read hold numbers alone."""

LISTS = ("compress_ratios", "ple_layers")
"""Arrays that are not by layer: of layers' numbers, and one that may go on for more layers."""

PLAIN_READ = (
    *("layers", "max_context", "hidden", "causal"),
    *("heads", "kv_heads", "key_dim", "value_dim"),
)
"""All that plain attention needs, and all that is read of an architecture that is not known."""

ZERO_SAYS = (
    *("layers", "mtp_layers", "dense_layers", "max_context", "hidden", "feed_forward", "causal"),
    *("heads", "kv_heads", "key_dim", "value_dim", "rope_dim", "window", "pattern"),
    *("shared_layers", "index_topk", "index_types", "compress_ratios", "recurrent_layers"),
    *("token_shifts", "full_interval", "loops", "decoder_layers"),
)
"""Where 0, false or nothing at all is an answer, if a wrong one; of other keys it says that the
model has none of it: llama.cpp's own llama_model_saver writes every key."""

PLAIN = frozenset(
    """
    vocab_size embedding_length_out feed_forward_length leading_dense_block_count
    use_parallel_residual tensor_data_layout hidden_activation logit_scale residual_scale
    embedding_scale attn_logit_softcapping router_logit_softcapping final_logit_softcapping
    interleave_moe_layer_step moe_every_n_layers experts_per_group pooling_type
    attention.max_alibi_bias attention.clamp_kqv attention.scale attention.output_scale
    attention.value_scale attention.temperature_length attention.temperature_scale
    attention.layer_norm_epsilon attention.layer_norm_rms_epsilon attention.group_norm_epsilon
    attention.group_norm_groups attention.rope_pattern decoder_start_token_id deepstack_mapping
    kda.gate_lower_bound
    """.split()  # noqa: SIM905
)
"""Harmless in whatever architecture: widths of feed-forward layers, norms, scales."""

PLAIN_PREFIXES = ("rope.", "expert_", "classifier.", "activation.")
"""Harmless likewise: positions, experts, classifiers."""

HARMLESS = frozenset(
    """
    embedding_length_per_layer_input activation_sparsity_scale swin_norm n_deepstack_layers
    rescale_every_n_layers time_mix_extra_dim time_decay_extra_dim hash_layer_count moe_latent_size
    swiglu_clamp_exp swiglu_clamp_shexp skip_loop_final_norm dense_2_feat_in dense_2_feat_out
    dense_3_feat_in dense_3_feat_out attention.q_lora_rank attention.decay_lora_rank
    attention.iclr_lora_rank attention.value_residual_mix_lora_rank attention.gate_lora_rank
    attention.relative_buckets_count attention.output_group_count attention.output_lora_rank
    attention.compress_rope_freq_base attention.indexer.local_blocks
    attention.indexer.kpool_select_tail ssm.dt_b_c_rms kda.safe_gate features_length
    posnet.embedding_length posnet.block_count convnext.embedding_length convnext.block_count
    ple.heads_per_ngram ple.layer_multipliers ple.head_offsets ple.head_vocab_sizes ple.eos_token_id
    ple.image_token_id
    """.split()  # noqa: SIM905
)
"""Harmless in the architectures that kvcalc knows."""

HARMLESS_PREFIXES = (
    *("altup.", "hyper_connection.", "attn_res.", "hrm.", "adapters.", "decision."),
    # Ollama's files hold the encoders of images and sound too
    *("vision.", "audio.", "mm."),
)
"""Harmless likewise in those."""


def is_harmless(key: str, known: bool) -> bool:
    """Whether a key leaves the cache alone; `known` where its architecture is in the table."""
    if key in PLAIN or key.startswith(PLAIN_PREFIXES):
        return True
    return known and (key in HARMLESS or key.startswith(HARMLESS_PREFIXES))
