"""The names that configurations use for the same thing; imported for whatever is asked."""

from __future__ import annotations

ALIASES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim", "attention_head_dim"),
    "value_dim": ("v_head_dim",),
    "window": ("sliding_window",),
    "max_context": (
        "max_position_embeddings",
        "max_position_embedding",
        "n_positions",
        "max_sequence_length",
        "max_seq_len",
        "model_max_length",
        "n_ctx",
    ),
    "dtype": ("dtype", "torch_dtype"),
    "layer_kinds": ("layer_types", "layers_block_type"),
    "mtp_layers": ("num_nextn_predict_layers", "mtp_num_hidden_layers"),
}
"""Short names for what most families have, and the names that published files use for them."""

STANDARD = frozenset(name for names in ALIASES.values() for name in names)
"""The usual names, which are not misspelt: null under one of them says that there is none."""

WRAPPERS = (
    "text_config",
    "llm_config",
    "language_config",
    "thinker_config",
    "talker_config",
    "decoder",
    "text_model_config",
    "llm_cfg",
    "lm_config",
    "transformer_layer_config",
)
"""Where a model of several parts keeps the configuration of its language model."""

HEADS_ALONE = "medusa_num_heads"
"""What the file of Medusa's heads states, which may state no `model_type`."""

QUANTIZATIONS = ("quantization_config", "compression_config", "quantization")
"""What objects of quantization are called, which may state how the cache is kept; the last is
MLX's, and TensorRT-LLM's."""
