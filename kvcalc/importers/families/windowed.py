"""Families in which some layers, or all, see the last tokens alone.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.importers.family import Family, Part, Schedule
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import (
    MULTI,
    chunked,
    full,
    keyed,
    shared,
    windowed,
    with_shared,
)
from kvcalc.importers.schedules import (
    CHUNKED,
    FULL,
    SLIDING,
    every,
    listed,
    repeated,
    same,
    sliding_above,
    sliding_where_stated,
)
from kvcalc.importers.values import short

STANDARD: Mapping[str, Part] = {FULL: full(), SLIDING: windowed(), CHUNKED: chunked}
sliding = partial(Family, parts=STANDARD, schedule=sliding_where_stated)
"""A family whose layers are full, sliding or chunked."""


def _last_too(schedule: Schedule) -> Schedule:
    """The same, but the last layer is full whatever comes before it."""
    return lambda f: [*list(schedule(f))[:-1], FULL]


def _dots1(f: Fields) -> Sequence[str]:
    """Layers from `max_window_layers` on slide where there is a window."""
    first, window = f.count("max_window_layers", least=0), f.optional("window")
    return [SLIDING if window and i >= first else FULL for i in range(f.count("layers"))]


def _exaone(f: Fields) -> Sequence[str]:
    """A period, or a string of L (local) and G (global) that repeats; all full without a window."""
    pattern, layers = f.get("sliding_window_pattern"), f.count("layers")
    if not f.optional("window") or pattern is None:
        return [FULL] * layers
    if isinstance(pattern, str) and pattern and set(pattern) <= {"L", "G"}:
        return [SLIDING if pattern[i % len(pattern)] == "L" else FULL for i in range(layers)]
    return every("sliding_window_pattern")(f)


def _flint(f: Fields) -> Sequence[str]:
    """Full: the first two layers, every fourth from the second on, and the last."""
    layers = f.count("layers")
    return [FULL if i < 2 or i % 4 == 1 or i == layers - 1 else SLIDING for i in range(layers)]


def _qwen2_moe(f: Fields) -> Sequence[str]:
    """With `use_sliding_window`, every other layer below `max_window_layers` slides."""
    first = f.count("max_window_layers", least=0) if f.flag("use_sliding_window") else 0
    return [SLIDING if i % 2 == 0 and i < first else FULL for i in range(f.count("layers"))]


def _qwen3_moe(f: Fields) -> Sequence[str]:
    """All layers slide, or none."""
    slides = f.flag("use_sliding_window") and f.optional("window")
    return [SLIDING if slides else FULL] * f.count("layers")


def with_rope(f: Fields) -> list[int]:
    """1 for each layer with RoPE: `no_rope_layers` says so, else all but every fourth."""
    period = f.count("no_rope_layer_interval")
    stated = f.get("no_rope_layers") not in (None, [])
    listed = f.items("no_rope_layers", per_layer=True) if stated else None
    if listed and not set(listed) <= {0, 1}:
        f.wrong("no_rope_layers", "must say 0 or 1 for each layer")
    return listed or [int((i + 1) % period != 0) for i in range(f.count("layers"))]


def _smollm3(f: Fields) -> Sequence[str]:
    """With `use_sliding_window`, the layers without RoPE slide."""
    rope = with_rope(f)
    slides = f.flag("use_sliding_window") and f.optional("window")
    return [SLIDING if slides and not own else FULL for own in rope]


def _llama4(f: Fields) -> Sequence[str]:
    """The layers with RoPE are chunked where a chunk is stated, the others full."""
    chunk = f.optional("attention_chunk_size")
    if f.optional("nope_layer_interval") not in (None, f.count("no_rope_layer_interval")):
        f.wrong("nope_layer_interval", "is not no_rope_layer_interval, which the class goes by")
    return [CHUNKED if own and chunk else FULL for own in with_rope(f)]


def _bidirectional(f: Fields) -> tuple[Scheme, ...]:
    """A window, unless the model looks ahead: then it is an encoder and keeps nothing."""
    ahead = f.get("use_bidirectional_attention")
    if ahead is True or ahead == "all":
        f.wrong("use_bidirectional_attention", "makes this an encoder, which keeps no KV cache")
    elif not (ahead is None or ahead is False or ahead == "vision"):
        text = f"is {short(ahead)}; true, false, all and vision are known"
        f.wrong("use_bidirectional_attention", text)
    return windowed()(f)


GEMMA = {FULL: full(), SLIDING: _bidirectional}


def _shares(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """The last `num_kv_shared_layers` layers read the cache of an earlier layer of their kind."""
    first = len(kinds) - (f.optional("num_kv_shared_layers", least=0) or 0)
    if first < 0 or (first and not set(kinds[:first]) >= set(kinds)):
        f.wrong("num_kv_shared_layers", "leaves no layer of a kind to keep what the others read")
        return kinds
    if not first:
        f.note("every layer reads the cache of another model, which is not counted")
    return [kind if i < first or not kind else f"shared_{kind}" for i, kind in enumerate(kinds)]


def _gemma4_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """The last layer is full; the rest as in Gemma 3n."""
    return _shares(f, [*list(kinds)[:-1], FULL])


def _gemma4_full(f: Fields) -> tuple[Scheme, ...]:
    """Full layers have a head_dim of their own, and where K equals V, KV heads of their own."""
    names = ("head_dim", "global_head_dim", "num_global_key_value_heads")
    if f.has("per_layer_config"):
        f.spare(*names)
        return full()(f)
    own = f.optional("num_global_key_value_heads") if f.flag("attention_k_eq_v") else None
    width = f.count("global_head_dim")
    return (keyed(f.count("heads"), own or f.count("kv_heads"), width, width),)


def _gpt_neo(f: Fields) -> Sequence[str]:
    """`attention_layers`, or `attention_types` that spells it as [[[global, local], 12]]."""
    if f.has("attention_layers"):
        f.spare("attention_types")
        return listed("attention_layers", {"global": FULL, "local": SLIDING})(f)
    if f.get("attention_types") is None:
        return [SLIDING if i % 2 else FULL for i in range(f.count("layers"))]
    kinds: list[str] = []
    for item in f.items("attention_types", list) or []:
        match item:
            case [list(pattern), int(times)] if not isinstance(times, bool):
                words = [short(kind) if isinstance(kind, list) else str(kind) for kind in pattern]
                kinds += repeated(f, "attention_types", words, times, len(kinds))
            case _:
                f.wrong("attention_types", "must be a list of [[kinds], times]")
                return []
    if len(kinds) != f.count("layers"):
        f.wrong("attention_types", f"spells {len(kinds)} layers, num_layers is {f.count('layers')}")
    return [{"global": FULL, "local": SLIDING}.get(kind, kind) for kind in kinds]


def _halved(f: Fields) -> tuple[Scheme, ...]:
    """`local_attention` looks to both sides; a decoder has the half behind it."""
    window = max(1, f.count("local_attention") // 2)
    if f.optional("window") not in (None, window):
        f.wrong("window", f"is not half of local_attention, {window}: they contradict each other")
    return (keyed(**MULTI.read(f), window=window),)


qwen = partial(
    sliding,
    schedule=sliding_above,
    unused=("use_sliding_window", "window", "max_window_layers"),
)
"""A family with Qwen's fields for windows."""

whole = partial(Family, parts={FULL: full()}, schedule=same(), unused=("max_window_layers",))
"""A family of Qwen's later on whose classes have left the windows behind."""

# fmt: off
gemma4 = partial(Family, schedule=every(6), amend=_gemma4_kinds,
    parts=with_shared({FULL: _gemma4_full, SLIDING: _bidirectional}),
    unused=("attention_k_eq_v", "use_bidirectional_attention", "num_global_key_value_heads",
        "hidden_size_per_layer_input", "use_double_wide_mlp", "global_head_dim"))

WINDOWED = (
    sliding("afmoe", defaults=dict(layers=32, hidden=2048, heads=16, head_dim=128, window=1024,
            global_attn_every_n_layers=4), schedule=every("global_attn_every_n_layers")),
    sliding("beam", schedule=_last_too(every(6)),
        defaults=dict(layers=52, hidden=5120, heads=48, kv_heads=8, head_dim=128, window=512)),
    sliding("cwm", schedule=every(4, offset=0),
        defaults=dict(layers=64, hidden=6144, heads=48, kv_heads=8, head_dim=128, window=8192)),
    sliding("dots1", defaults=dict(layers=62, hidden=4608, heads=32, kv_heads=32, window=4096,
            max_window_layers=62), schedule=_dots1, unused=("window", "max_window_layers")),
    sliding("doge", defaults=dict(layers=32, hidden=1024, heads=8), unused=("keep_window_size",)),
    sliding("exaone4", "exaone_moe", "exaone4_5_text", schedule=_exaone,
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=32, window=4096,
            sliding_window_pattern=4),
        unused=("window", "sliding_window_pattern", "_num_mtp_layers", "mtp_share_layers")),
    sliding("flint", schedule=_flint,
        defaults=dict(layers=49, hidden=2048, heads=32, kv_heads=4, head_dim=128, window=513)),
    sliding("gemma2", "vaultgemma",
        defaults=dict(layers=26, hidden=2304, heads=8, kv_heads=4, head_dim=256, window=4096),
        names={"window": ("sliding_window", "sliding_window_size")}, schedule=every(2),
        unused=("use_bidirectional_attention",)),
    sliding("gemma3_text", "gemma3", defaults=dict(layers=26, hidden=2304, heads=8, kv_heads=4,
            head_dim=256, window=4096, sliding_window_pattern=6),
        schedule=every("sliding_window_pattern"), parts=GEMMA,
        unused=("_sliding_window_pattern", "use_bidirectional_attention")),
    Family("gemma3n_text", "gemma3n", defaults=dict(layers=35, hidden=2048, heads=8, kv_heads=2,
            head_dim=256, window=512, num_kv_shared_layers=15), schedule=every(5),
        parts={**GEMMA, f"shared_{FULL}": shared(full()), f"shared_{SLIDING}": shared(windowed())},
        amend=_shares),
    gemma4("gemma4_text", "gemma4", defaults=dict(layers=30, hidden=2304, heads=8, kv_heads=4,
            head_dim=256, window=512, num_kv_shared_layers=0, global_head_dim=512)),
    gemma4("gemma4_unified_text", "gemma4_unified", defaults=dict(layers=30, hidden=2304, heads=8,
            kv_heads=4, head_dim=256, window=1024, num_kv_shared_layers=0, global_head_dim=512)),
    sliding("gpt_neo", defaults=dict(layers=24, hidden=2048, heads=16, window_size=256),
        schedule=_gpt_neo, parts={FULL: full(), SLIDING: windowed(window="window_size")}),
    sliding("gpt_oss", schedule=every(2),
        defaults=dict(layers=36, hidden=2880, heads=64, kv_heads=8, head_dim=64, window=128)),
    sliding("granite_swa", defaults=dict(layers=24, hidden=2560, heads=20, kv_heads=4, window=128),
        schedule=every(4, offset=0)),
    sliding("granitemoe_swa", defaults=dict(layers=32, hidden=4096, heads=32, window=128),
        schedule=every(4, offset=0)),
    sliding("kyutai_speech_to_text", schedule=same(SLIDING), unused=("codec_config",),
        defaults=dict(layers=48, hidden=2048, heads=32, window=375)),
    sliding("kolibri1", schedule=every(5),
        defaults=dict(layers=50, hidden=2560, heads=48, kv_heads=4, head_dim=128, window=513)),
    sliding("llama4_text", "llama4", defaults=dict(layers=48, hidden=5120, heads=40, kv_heads=8,
            head_dim=128, attention_chunk_size=8192, no_rope_layer_interval=4), schedule=_llama4,
        unused=("attention_chunk_size", "no_rope_layers")),
    sliding("mellum", schedule=same(), unused=("window",),
        defaults=dict(layers=28, hidden=2304, heads=32, kv_heads=4, head_dim=128, window=1024)),
    qwen("mimo", defaults=dict(layers=36, hidden=4096, heads=32, kv_heads=8, head_dim=128,
            window=4096, max_window_layers=28), mtp=FULL),
    sliding("ministral3",
        defaults=dict(layers=34, hidden=4096, heads=32, kv_heads=8, head_dim=128)),
    sliding("phi4_multimodal", defaults=dict(layers=32, hidden=3072, heads=32, kv_heads=8)),
    sliding("ministral", "mistral",
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, window=4096)),
    sliding("mixtral", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8)),
    sliding("modernbert-decoder", defaults=dict(layers=22, hidden=768, heads=12,
            local_attention=128, global_attn_every_n_layers=3),
        schedule=every("global_attn_every_n_layers", offset=0),
        parts={FULL: full(MULTI), SLIDING: _halved},
        unused=("window", "kv_heads", "global_attn_every_n_layers")),
    sliding("moshi", defaults=dict(layers=32, hidden=4096, heads=32, window=3000),
        unused=("depth_decoder_config",)),
    sliding("olmo3", defaults=dict(layers=32, hidden=4096, heads=32, window=4096),
        schedule=every(4)),
    sliding("phi3", defaults=dict(layers=32, hidden=3072, heads=32), unused=("full_attn_mod",)),
    sliding("phimoe", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8)),
    qwen("qwen2", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=32, window=4096,
            max_window_layers=28)),
    qwen("qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text", defaults=dict(layers=80,
            hidden=8192, heads=64, kv_heads=8, window=4096, max_window_layers=80)),
    qwen("qwen2_5_omni_text", defaults=dict(layers=28, hidden=3584, heads=28, kv_heads=4,
            window=32768, max_window_layers=28)),
    qwen("qwen2_moe", defaults=dict(layers=24, hidden=2048, heads=16, kv_heads=16, window=4096,
            max_window_layers=28), schedule=_qwen2_moe),
    qwen("qwen3", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=32, head_dim=128,
            window=4096, max_window_layers=28)),
    qwen("qwen3_moe", schedule=_qwen3_moe,
        defaults=dict(layers=24, hidden=2048, heads=32, kv_heads=4, window=4096)),
    whole("qwen3_vl_text",
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=32, head_dim=128)),
    whole("qwen3_vl_moe_text", defaults=dict(layers=24, hidden=2048, heads=16, kv_heads=16)),
    whole("qwen3_omni_moe_text", defaults=dict(layers=28, hidden=2048, heads=28, kv_heads=4)),
    qwen("smollm3", schedule=_smollm3,
        defaults=dict(layers=36, hidden=2048, heads=16, kv_heads=4, no_rope_layer_interval=4)),
    sliding("voxtral_realtime_text",
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, window=4096)),
    sliding("starcoder2", defaults=dict(layers=30, hidden=3072, heads=24, kv_heads=2)),
)
# fmt: on
