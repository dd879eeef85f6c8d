"""Families whose code is their own, published beside the weights, with no class to fill fields in.

Most are read as SGLang 0.5.23 reads them (models/<family>.py), the others as the code that is
published with them, or as llama.cpp's conversion of them.
"""

from __future__ import annotations

from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.importers.families.plain import AS_SEQ_LENGTH, bigcode, multi, plain
from kvcalc.importers.families.windowed import qwen, sliding
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import full, hidden_over, keyed, windowed
from kvcalc.importers.schedules import FULL, same


def _chatglm(f: Fields) -> tuple[Scheme, ...]:
    """`multi_query_group_num` counts where `multi_query_attention` says so; ChatGLM-6B has neither.

    Its `position_encoding_2d` tells it from the later ones: heads as wide as hidden_size over them.
    """
    heads = f.count("heads")
    if f.get("pre_seq_len"):
        f.wrong("pre_seq_len", "is a learned prefix, which is cached too and not known here")
    first = f.has("position_encoding_2d") and not f.has("kv_channels")
    width = hidden_over(f, heads) if first else f.count("kv_channels")
    groups = f.count("multi_query_group_num") if f.flag("multi_query_attention") else heads
    return (keyed(heads, groups, width, width),)


def _qwen(f: Fields) -> tuple[Scheme, ...]:
    """Qwen's first model: all heads, kv_channels wide; it can be told to keep them in 8 bits."""
    if f.flag("use_cache_quantization"):
        f.wrong("use_cache_quantization", "is true, in a format that kvcalc does not know")
    heads, width = f.count("heads"), f.count("kv_channels")
    return (keyed(heads, heads, width, width),)


def _minicpm(f: Fields) -> tuple[Scheme, ...]:
    """MiniCPM-4.1 may be told to attend sparsely, with compressed keys beside the others."""
    if f.get("sparse_config"):
        f.wrong("sparse_config", "asks for compressed keys beside the others, which are not known")
    return full()(f)


def _codeshell(f: Fields) -> tuple[Scheme, ...]:
    """`num_query_groups` counts where `group_query_attention` says so."""
    heads = f.count("heads")
    width = hidden_over(f, heads)
    groups = f.count("num_query_groups") if f.flag("group_query_attention") else heads
    return (keyed(heads, groups, width, width),)


def _hf_olmo(f: Fields) -> tuple[Scheme, ...]:
    """OLMo's own code: n_kv_heads where that is stated, else `multi_query_attention` decides."""
    heads = f.count("heads")
    width = hidden_over(f, heads)
    kept = f.optional("kv_heads") or (1 if f.flag("multi_query_attention") else heads)
    return (keyed(heads, kept, width, width),)


def _fla(f: Fields) -> tuple[Scheme, ...]:
    """Flash-linear-attention's transformer: `window_size` makes every layer slide.

    So plain a name is taken at its word only beside fields that its own training writes.
    """
    if not (f.has("fuse_norm") or f.has("fuse_cross_entropy")):
        f.wrong("model_type", "is known with flash-linear-attention's fields: fuse_norm is missing")
    return windowed(window="window_size")(f) if f.optional("window_size") else full()(f)


# fmt: off
VISION = (
    "mm_vision_select_layer", "mm_spatial_pool_mode", "mm_spatial_pool_stride",
    "mm_spatial_pool_out_channels", "mm_perceiver_latents", "faster_token_stride",
    "unfreeze_mm_vision_tower", "drop_vision_last_layer", "image_aspect_ratio", "visual_config",
    "use_token_compression", "vision_select_layer",
)
"""What goes before the language model where a file has no configuration of its own for either."""

llava = partial(plain, defaults=dict(layers=32, hidden=4096, heads=32), unused=VISION)
OPENELM = dict(layers=("num_transformer_layers",), hidden=("model_dim",),
    heads=("num_query_heads",), kv_heads=("num_kv_heads",), max_context=("max_context_length",))
MINICPM_V = (*VISION, "use_sliding_window", "window", "max_window_layers", "audio_pool_step",
    "audio_chunk_length", "chunk_input", "tts_config")

CUSTOM = (
    plain("Yi", "aquila", "BlueLM", "skywork", "internlm", "internlmxcomposer2", "telechat",
        "telechat3", "stablelm_epoch", "PanguEmbedded", "Emu3", "xverse"),
    plain("arctic", unused=("parallel_attn_mlp_res", "moe_layer_frequency")),
    multi("baichuan", unused=("z_loss_weight",)),
    plain("bailing_moe",
        unused=("use_qkv_bias", "norm_head", "using_split_qkv_in_self_attention",
            "max_window_layers")),
    plain("chatglm", parts={FULL: _chatglm}, names=AS_SEQ_LENGTH,
        unused=("apply_query_key_layer_scaling", "fp32_residual_connection", "original_rope",
            "quantization_bit", "prefix_projection", "multi_query_group_num",
            "padded_vocab_size", "kv_channels", "rope_ratio", "post_layer_norm")),
    plain("codeshell", parts={FULL: _codeshell}, unused=("num_query_groups",)),
    plain("deci", names={"kv_heads": ("num_key_value_heads_per_layer", "num_key_value_heads")}),
    plain("deepseek", "orion"),
    qwen("dots_ocr", "Keye", "KeyeVL1_5"),
    plain("ernie4_5_moe_vl", unused=("compression_ratio", "moe_group", "moe_group_experts",
        "spatial_conv_size", "temporal_conv_size", "moe_layer_feed_fake_token",
        "fuse_attention_ffn")),
    bigcode("gpt_refact"),
    plain("grok-1", unused=("attn_output_multiplier", "max_attn_value")),
    plain("hf_olmo", parts={FULL: _hf_olmo},
        names={"kv_heads": ("n_kv_heads", "num_key_value_heads")},
        unused=("attention_layer_norm", "attention_layer_norm_with_affine", "layer_norm_type",
            "layer_norm_with_affine", "flash_attention", "block_group_size", "mlp_ratio",
            "multi_query_attention")),
    plain("cogvlm", names={"kv_heads": ("num_multi_query_heads", "num_key_value_heads")}),
    multi("jais", "btlm", "moss", "open-llama", "stablelm_alpha",
        unused=("scale_qk_dot_by_d", "mup_scale_qk_dot_by_d", "shared_input_output_embedding",
            "use_memory_efficient_attention")),
    llava("llava", "llava_llama", "bunny-llama", "bunny-phi", "bunny-stablelm", "mplug_owl2"),
    sliding("llava_mistral", "videollama2_mistral", unused=VISION,
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, window=4096)),
    qwen("llava_qwen", "llava_qwen2", "videollama2_qwen2", "videollama3_qwen2", "GOT",
        unused=("use_sliding_window", "window", "max_window_layers", *VISION)),
    plain("minicpm", parts={FULL: _minicpm}, marks=(("scale_depth", "scale_emb"),)),
    qwen("minicpmv", "minicpmo", unused=MINICPM_V),
    plain("molmo", unused=("attention_layer_norm", "attention_type", "float32_attention",
        "layer_norm_type", "bias_for_layer_norm", "vit_layers")),
    plain("openelm", names=OPENELM, unused=("num_gqa_groups", "share_input_output_layers",
        "normalization_layer_name", "qkv_multipliers", "ffn_dim_divisor")),
    plain("phi-msft", "mixformer-sequential", unused=("embd_layer", "architecture")),
    plain("phi3small", unused=("blocksparse_homo_head_pattern", "blocksparse_vert_stride",
            "dense_attention_every_n_layers", "mup_attn_multiplier", "attention_dropout_prob"),
        note="block-sparse layers read a part of their cache, which is counted as read whole"),
    plain("qwen", parts={FULL: _qwen},
        unused=("no_bias", "onnx_safe", "seq_length", "use_dynamic_ntk", "use_logn_attn",
            "use_cache_kernel", "softmax_in_fp32", "bf16", "fp16", "fp32", "attn_dropout_prob",
            "visual", "audio")),
    Family("transformer", schedule=same(), parts={FULL: _fla},
        defaults=dict(layers=24, hidden=2048, heads=32), unused=("hidden_ratio",)),
)
# fmt: on
