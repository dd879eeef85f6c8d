"""Families of other recurrences: RG-LRU, RWKV, mLSTM.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvcalc.attention.base import Scheme
from kvcalc.attention.recurrent import MLSTM, RGLRU, RWKV7
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import windowed
from kvcalc.importers.schedules import LINEAR, same
from kvcalc.importers.storage import state_dtype
from kvcalc.importers.values import alike, short, whole


def _rglru(f: Fields) -> tuple[Scheme, ...]:
    """RG-LRU, as wide as the hidden state where `lru_width` is not stated."""
    channels = f.optional("lru_width") or f.count("hidden")
    return (RGLRU(channels=channels, conv_kernel=f.count("conv1d_width")),)


def _recurrent_gemma(f: Fields) -> Sequence[str]:
    """`block_types` repeats; its attention is local."""
    pattern = f.items("block_types", str) or ["recurrent", "recurrent", "attention"]
    return [pattern[i % len(pattern)] for i in range(f.count("layers"))]


def _rwkv7(f: Fields) -> tuple[Scheme, ...]:
    """As many heads of head_dim as hidden_size holds, whatever number of heads is stated.

    fla 0.6.0, layers/rwkv7.py: num_heads counts only where head_dim is null.
    """
    hidden, width = f.count("hidden"), f.optional("head_dim")
    heads = max(1, hidden // width) if width else f.count("heads")
    if hidden % (width or heads):
        f.wrong("head_dim" if width else "heads", f"does not divide hidden_size {hidden:,}")
    values = f.get("values")
    listed = values if isinstance(values, list) else [hidden if values is None else values]
    if not all(alike(whole(each), hidden) for each in listed):
        f.wrong("values", f"is {short(values)}: values as wide as hidden_size alone are known")
    return (RWKV7(state_heads=heads, state_head_dim=width or hidden // heads, hidden_dim=hidden),)


def _mlstm(f: Fields) -> tuple[Scheme, ...]:
    """Widths are multiples of 64, rounded up."""
    heads, key, value = f.count("heads"), _rounded(f, "qk_dim_factor"), _rounded(f, "v_dim_factor")
    if key % heads or value % heads:
        text = f"is {heads:,}, which does not divide keys of {key:,} and values of {value:,}"
        f.wrong("heads", text)
    scheme = MLSTM(
        state_heads=heads,
        key_dim=max(1, key // heads),
        value_dim=max(1, value // heads),
        state_dtype=state_dtype(f, "inference_state_dtype"),
    )
    return (scheme,)


def _rounded(f: Fields, name: str) -> int:
    return -int(-f.count("hidden") * f.factor(name) // 64) * 64


# fmt: off
RECURRENT = (
    Family("recurrent_gemma",
        defaults=dict(layers=26, hidden=2560, heads=10, attention_window_size=2048, conv1d_width=4),
        schedule=_recurrent_gemma,
        parts={"recurrent": _rglru, "attention": windowed(window="attention_window_size")},
        names={"attention_window_size": ("attention_window_size", "sliding_window"),
            "block_types": ("block_types", "_block_types")},
        unused=("block_types", "embeddings_scale_by_sqrt_dim")),
    Family("rwkv7", defaults=dict(head_dim=64), schedule=same(LINEAR), parts={LINEAR: _rwkv7},
        names={"values": ("value_dim",)},
        unused=("heads", "hidden_ratio", "attn_mode", "a_low_rank_dim", "decay_low_rank_dim",
            "gate_low_rank_dim", "v_low_rank_dim")),
    Family("xlstm", defaults=dict(layers=32, hidden=4096, heads=8, qk_dim_factor=0.5,
            v_dim_factor=1.0, inference_state_dtype="float32"), schedule=same(LINEAR),
        parts={LINEAR: _mlstm},
        names={"layers": ("num_hidden_layers", "num_blocks"), "hidden": ("hidden_size",
            "embedding_dim")},
        unused=("chunkwise_kernel", "sequence_kernel", "step_kernel", "chunk_size",
            "return_last_states", "max_inference_chunksize", "weight_mode",
            "autocast_kernel_dtype")),
)
# fmt: on
