"""Families whose layers keep short convolutions, alone or beside attention.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.attention.custom import Custom
from kvcalc.attention.recurrent import ShortConv
from kvcalc.cache import CacheTensor
from kvcalc.extents import Fixed, ReadWrite
from kvcalc.importers.family import Family, Part
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import USUAL, Heads, both, full, windowed
from kvcalc.importers.schedules import (
    CONV,
    FULL,
    HYBRID,
    HYBRID_SLIDING,
    SLIDING,
    every,
    numbered,
    repeated,
    same,
)


def _lfm_conv(f: Fields) -> tuple[Scheme, ...]:
    return (ShortConv(channels=f.count("hidden"), conv_kernel=f.count("conv_L_cache")),)


def _lfm_schedule(f: Fields) -> Sequence[str]:
    """`full_attn_idxs` numbers the attention layers; without it all are."""
    if f.get("full_attn_idxs") is None:
        return [FULL] * f.count("layers")
    return numbered("full_attn_idxs", FULL, CONV)(f)


def _lfm3_schedule(f: Fields) -> Sequence[str]:
    return [
        FULL if i % 4 == 2 else SLIDING if i % 4 == 0 and i else CONV
        for i in range(f.count("layers"))
    ]


def _convs(heads: Heads, taps: str, outputs: bool = False) -> Part:
    """Convolutions over key and value, with `outputs` over those of attention and MLP too."""

    def part(f: Fields) -> tuple[Scheme, ...]:
        sizes, kernel = heads.read(f), f.count(taps)
        channels = sizes["kv_heads"] * sizes["key_dim"] + (f.count("hidden") if outputs else 0)
        return (ShortConv(channels=2 * channels, conv_kernel=kernel),)

    return part


def _inkling_schedule(f: Fields) -> Sequence[str]:
    """`local_layer_ids` numbers the sliding layers; without it every sixth is global."""
    if f.has("local_layer_ids"):
        return numbered("local_layer_ids", HYBRID_SLIDING, HYBRID)(f)
    return every(6, HYBRID, HYBRID_SLIDING)(f)


def _looped(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """The layers of the loop keep a cache of their own in every pass."""
    loop = f.group("loop_config")
    loop.spare("gate_rank")
    start = loop.optional("core_start", least=0)
    start = f.count("loop_layer_index_start", least=0) if start is None else start
    end = loop.optional("core_end") or f.count("loop_layer_index_end")
    stated = loop.optional("num_passes")
    passes = stated or f.count("loop_num_passes")
    said = "loop_config" if stated else "loop_num_passes"
    if not start < end <= len(kinds):
        f.wrong("loop_layer_index_end", f"makes a loop of layers {start} to {end} of {len(kinds)}")
    loops = repeated(f, said, kinds[start:end], passes, len(kinds[:start]) + len(kinds[end:]))
    return [*kinds[:start], *loops, *kinds[end:]]


def _zaya_shift(f: Fields) -> tuple[Scheme, ...]:
    """Compressed convolutional attention: two convolutions over Q and K, a part of V's last input.

    transformers 5.24.0, models/zaya/modeling_zaya.py: the taps of both convolutions but one each.
    """
    sizes, columns = USUAL.read(f), f.count("cca_time0") + f.count("cca_time1") - 2
    channels = (sizes["heads"] + sizes["kv_heads"]) * sizes["key_dim"]
    half = max(1, sizes["kv_heads"] * sizes["key_dim"] // 2)
    shift = [CacheTensor("value_shift", "shift", half, Fixed(1), reads=ReadWrite())]
    if columns:
        shift.insert(0, CacheTensor("conv", "shift", channels, Fixed(columns), reads=ReadWrite()))
    return (Custom(tensors=tuple(shift)),)


lfm2 = partial(
    Family,
    schedule=_lfm_schedule,
    parts={CONV: _lfm_conv, FULL: full()},
    unused=("full_attn_idxs", "conv_dim", "conv_dim_out", "block_dim", "conv_use_xavier_init"),
)
"""Short convolutions, and full layers where the file says."""

INKLING_LOCAL = Heads("swa_num_attention_heads", "swa_num_key_value_heads", "swa_head_dim")
BAICHUAN_LOCAL = Heads("num_swa_attention_heads", "num_swa_key_value_heads", "swa_head_dim")

# fmt: off
INKLING_UNUSED = (
    "loop_config", "loop_layer_index_start", "loop_layer_index_end", "loop_num_passes", "d_rel",
    "rel_extent", "number_of_conv_states", "window", "n_layers_per_attn_res_block",
    "loop_gate_rank", "mtp_local_layer_ids", "num_mtp_layers", "local_layer_ids",
)

inkling = partial(Family, schedule=_inkling_schedule, unused=INKLING_UNUSED,
    filled_in=("local_layer_ids",),
    parts={HYBRID: both(full(), _convs(USUAL, "conv_kernel_size", outputs=True)),
        HYBRID_SLIDING: both(windowed(INKLING_LOCAL, "sliding_window_size"),
            _convs(INKLING_LOCAL, "conv_kernel_size", outputs=True))},
    names={"conv_kernel_size": ("conv_kernel_size", "sconv_kernel_size"),
        "sliding_window_size": ("sliding_window_size", "sliding_window")})

CONVOLUTION = (
    lfm2("lfm2", defaults=dict(layers=32, hidden=2560, heads=32, kv_heads=8, conv_L_cache=3)),
    lfm2("lfm2_moe", defaults=dict(layers=32, hidden=2048, heads=32, kv_heads=8, conv_L_cache=3)),
    Family("lfm3", defaults=dict(layers=24, hidden=2048, heads=16, kv_heads=4, head_dim=128,
            window=256, conv_L_cache=7), schedule=_lfm3_schedule,
        parts={CONV: _lfm_conv, FULL: full(), SLIDING: windowed()}, unused=("use_attention_gate",)),
    inkling("inkling_text", "inkling_mm_model", defaults=dict(layers=66, hidden=6144, heads=64,
            kv_heads=8, head_dim=128, swa_num_attention_heads=64, swa_num_key_value_heads=16,
            swa_head_dim=128, sliding_window_size=512, conv_kernel_size=4)),
    inkling("inkling2_text", defaults=dict(layers=48, hidden=4608, heads=48, kv_heads=8,
            head_dim=128, swa_num_attention_heads=48, swa_num_key_value_heads=8, swa_head_dim=128,
            sliding_window_size=1024, conv_kernel_size=4)),
    inkling("inkling2_loop_text", amend=_looped, defaults=dict(layers=24, hidden=2304, heads=24,
            kv_heads=8, head_dim=128, swa_num_attention_heads=24, swa_num_key_value_heads=8,
            swa_head_dim=128, sliding_window_size=1024, conv_kernel_size=4,
            loop_layer_index_start=6, loop_layer_index_end=18, loop_num_passes=3)),
    Family("zaya", defaults=dict(layers=40, hidden=2048, heads=8, kv_heads=2, head_dim=128,
            cca_time0=2, cca_time1=2), schedule=same(HYBRID),
        parts={HYBRID: both(full(), _zaya_shift), HYBRID_SLIDING: both(windowed(), _zaya_shift)}),
    Family("baichuan_m1", schedule=numbered("sliding_window_layers", SLIDING, FULL),
        parts={FULL: both(full(), _convs(USUAL, "conv_window")),
            SLIDING: both(windowed(BAICHUAN_LOCAL), _convs(BAICHUAN_LOCAL, "conv_window"))}),
)
# fmt: on
