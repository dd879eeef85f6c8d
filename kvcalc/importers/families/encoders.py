"""Families with an encoder before the decoder, and encoders that may be used as decoders.

A decoder layer keeps its own keys and values, and those of the encoder's output. Numbers are the
defaults of the class in transformers 5.24.0 (models/<family>/configuration_*.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.importers.family import As, Default, Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import MULTI, Heads, both, crossing, full, windowed
from kvcalc.importers.schedules import FULL, SLIDING, every, same
from kvcalc.importers.values import short
from kvcalc.importers.vocabulary import ALIASES

DECODER = {"layers": ("decoder_layers",), "heads": ("decoder_attention_heads",)}
TARGET = {
    **DECODER,
    "max_context": (
        "max_target_positions",
        "max_decoder_position_embeddings",
        *ALIASES["max_context"],
    ),
}
"""Where the decoder has a longest context of its own, that of the encoder beside it."""
# fmt: off
ENCODER_SIDE = (
    "encoder_layers", "encoder_attention_heads", "num_hidden_layers", "num_attention_heads",
    "num_encoder_layers", "num_encoder_attention_heads", "num_layers", "is_decoder",
    "add_cross_attention", "is_encoder_decoder", "use_prompt", "prompt_length",
    "prompt_mid_dim", "attention_type", "block_size", "num_random_blocks",
    "max_source_positions", "max_target_positions", "num_mel_bins", "median_filter_width",
    "use_weighted_layer_sum", "num_buckets", "relative_max_distance", "eps",
    "feed_forward_proj", "cross_attention_hidden_size", "attention_window", "local_radius",
    "global_block_size", "encoder_attention_type", "stagger_local_blocks", "num_conv_layers",
    "conv_kernel_sizes", "conv_channels", "input_feat_per_channel", "input_channels",
    "use_learned_position_embeddings", "num_sparse_encoder_layers", "num_sparse_decoder_layers",
)
# fmt: on
CROSS = "cross_attention"
CROSSING = both(full(MULTI), crossing(MULTI))

pair = partial(
    Family,
    parts={FULL: CROSSING},
    schedule=same(),
    names=DECODER,
    unused=ENCODER_SIDE,
    encoder=True,
)
"""An encoder and a decoder; `layers` and `heads` are the decoder's."""

T5_NAMES = {"layers": ("num_decoder_layers",), "heads": ("num_heads",), "head_dim": ("d_kv",)}
T5_HEADS = Heads(kv_heads="")


def t5(*types: str, defaults: Mapping[str, Default]) -> Family:
    """The decoder has as many layers as the encoder where the file says nothing of its own."""
    return pair(
        *types,
        defaults={"layers": As("num_layers"), "hidden": 512, "head_dim": 64, **defaults},
        parts={FULL: both(full(T5_HEADS), crossing(T5_HEADS))},
        names=T5_NAMES,
    )


def _decoder(f: Fields) -> tuple[Scheme, ...]:
    """An encoder keeps nothing; as a decoder it does, with cross attention if that is added."""
    if not f.flag("is_decoder"):
        f.wrong("is_decoder", "is not true: an encoder keeps no KV cache")
    return CROSSING(f) if f.flag("add_cross_attention") else full(MULTI)(f)


def _mllama(f: Fields) -> Sequence[str]:
    """`cross_attention_layers` numbers the layers that look at the image instead of the text.

    The class asks each layer whether it is among them, so numbers beyond the last are idle.
    """
    layers, chosen = f.count("layers"), f.items("cross_attention_layers")
    if chosen is None:
        return every(5, CROSS, FULL, offset=3)(f)
    beyond = [number for number in chosen if not 0 <= number < layers]
    if beyond:
        f.note(f"cross_attention_layers names {short(beyond)}, which {layers} layers do not have")
    crossed = set(chosen)
    return [CROSS if layer in crossed else FULL for layer in range(layers)]


t5_gemma = partial(
    Family,
    defaults=dict(layers=26, hidden=2304, heads=8, kv_heads=4, head_dim=256, window=4096),
    parts={FULL: both(full(), crossing()), SLIDING: both(windowed(), crossing())},
    encoder=True,
    unused=("is_decoder", "cross_attention_hidden_size"),
)
"""Gemma's layers, each with cross attention over the whole source."""

bert = partial(Family, parts={FULL: _decoder}, schedule=same())
"""An encoder that is a decoder where `is_decoder` says so."""

# fmt: off
ENCODERS = (
    pair("bart", "mbart", "marian", "mvp", "pegasus", "m2m_100", "nllb-moe", "florence2",
        "florence2_language",
        defaults=dict(layers=12, hidden=1024, heads=16)),
    pair("led", defaults=dict(layers=12, hidden=1024, heads=16), names=TARGET),
    pair("plbart", defaults=dict(layers=6, hidden=768, heads=12)),
    pair("pegasus_x", defaults=dict(layers=16, hidden=1024, heads=16)),
    pair("speech_to_text", defaults=dict(layers=6, hidden=256, heads=4), names=TARGET),
    pair("bigbird_pegasus", defaults=dict(layers=16, hidden=1024, heads=16)),
    pair("blenderbot", defaults=dict(layers=24, hidden=2560, heads=32)),
    pair("blenderbot-small", defaults=dict(layers=8, hidden=512, heads=16)),
    pair("prophetnet", defaults=dict(layers=12, hidden=1024, heads=16),
        names={"layers": ("num_decoder_layers",), "heads": ("num_decoder_attention_heads",)}),
    pair("trocr", defaults=dict(layers=12, hidden=1024, heads=16),
        names={"layers": ("decoder_layers", "num_hidden_layers"),
            "heads": ("decoder_attention_heads", "num_attention_heads")}),
    pair("musicgen_decoder", "musicgen_melody_decoder",
        defaults=dict(layers=24, hidden=1024, heads=16), names={}),
    # the encoder's output has as many tokens as it has positions, whatever is said
    pair("whisper", defaults=dict(layers=4, hidden=384, heads=6, max_source_positions=1500),
        names=TARGET, unused=(*ENCODER_SIDE, "alignment_heads"),
        parts={FULL: both(full(MULTI), crossing(MULTI, source="max_source_positions"))}),
    t5("t5", "longt5", defaults=dict(num_layers=6, heads=8)),
    t5_gemma("t5_gemma_module", schedule=every(2)),
    t5_gemma("t5gemma2_decoder", schedule=every("sliding_window_pattern"),
        defaults=dict(layers=26, hidden=2304, heads=8, kv_heads=4, head_dim=256, window=4096,
            sliding_window_pattern=6)),
    t5("switch_transformers", defaults=dict(num_layers=12, hidden=768, heads=12)),
    t5("mt5", "umt5", defaults=dict(num_layers=8, heads=6)),
    bert("bert", "camembert", "data2vec-text", "ernie", "roberta", "roberta-prelayernorm",
        "xlm-roberta", "roc_bert", "roformer", "xmod",
        defaults=dict(layers=12, hidden=768, heads=12),
        unused=("rotary_value", "default_language", "enable_pronunciation", "enable_shape",
            "pronunciation_embed_dim", "shape_embed_dim", "concat_input")),
    bert("big_bird", defaults=dict(layers=12, hidden=768, heads=12),
        unused=("attention_type", "block_size", "num_random_blocks")),
    bert("bert-generation", "megatron-bert", defaults=dict(layers=24, hidden=1024, heads=16)),
    bert("electra", defaults=dict(layers=12, hidden=256, heads=4)),
    bert("rembert", defaults=dict(layers=32, hidden=1152, heads=18)),
    bert("xlm-roberta-xl", defaults=dict(layers=36, hidden=2560, heads=32)),
    Family("mllama_text_model", "mllama",
        defaults=dict(layers=40, hidden=4096, heads=32, kv_heads=8),
        parts={FULL: full(), CROSS: crossing()}, schedule=_mllama,
        unused=("vision_num_cross_attention_layers",),
        note="the cross-attention layers keep the vision tokens: --source-length says how many"),
)
# fmt: on
