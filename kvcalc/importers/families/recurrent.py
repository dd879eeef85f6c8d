"""Families of other recurrences: RG-LRU, RWKV, mLSTM.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kvcalc.attention.custom import Custom
from kvcalc.attention.recurrent import MLSTM, RGLRU, RWKV7
from kvcalc.formats import FP32
from kvcalc.importers.family import Kept, family
from kvcalc.importers.fields import PLACEHOLDER
from kvcalc.importers.parts import (
    windowed,
)
from kvcalc.importers.schedules import (
    LINEAR,
    same,
)
from kvcalc.importers.storage import state_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.importers.fields import Fields


def _rglru(f: Fields) -> tuple[Kept, ...]:
    """transformers keeps the state beside its cache, and no more columns than are needed."""
    channels = f.optional("lru_width") or f.count("hidden")
    kernel = f.count("conv1d_width")
    ideal = RGLRU(channels=channels, conv_kernel=kernel)
    state, *conv = ideal.expand()
    columns = [replace(tensor, role="shift") for tensor in conv]
    beside = Custom(tensors=(replace(state, format=FP32), *columns))
    return (Kept(ideal, (("transformers", beside),)),)


def _recurrent_gemma(f: Fields) -> Sequence[str]:
    """`block_types` repeats; its attention is local."""
    pattern = f.items("block_types", str) or ["recurrent", "recurrent", "attention"]
    return [pattern[i % len(pattern)] for i in range(f.count("layers"))]


def _rwkv7(f: Fields) -> tuple[Kept, ...]:
    width, hidden = f.count("head_dim"), f.count("hidden")
    heads = f.optional("heads") or hidden // width
    return (Kept(RWKV7(state_heads=heads, state_head_dim=width, hidden_dim=hidden)),)


def _mlstm(f: Fields) -> tuple[Kept, ...]:
    """Widths are multiples of 64, rounded up; transformers has the state in the model's dtype."""
    heads, key, value = f.count("heads"), _rounded(f, "qk_dim_factor"), _rounded(f, "v_dim_factor")
    sizes: dict[str, Any] = {
        "state_heads": heads,
        "key_dim": max(1, key // heads),
        "value_dim": max(1, value // heads),
    }
    ideal = MLSTM(**sizes, state_dtype=state_dtype(f, "inference_state_dtype"))
    return (Kept(ideal, (("transformers", MLSTM(**sizes)),)),)


def _rounded(f: Fields, name: str) -> int:
    factor = f.get(name)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or factor <= 0:
        f.wrong(name, f"is {factor!r}; it must be a number above 0")
        return PLACEHOLDER
    return -int(-f.count("hidden") * factor // 64) * 64


# fmt: off
RECURRENT = (
    family("recurrent_gemma",
        defaults=dict(layers=26, hidden=2560, heads=10, attention_window_size=2048, conv1d_width=4),
        schedule=_recurrent_gemma,
        parts={"recurrent": _rglru, "attention": windowed(window="attention_window_size")},
        unused=("block_types", "window")),
    family("rwkv7", defaults=dict(head_dim=64), schedule=same(LINEAR), parts={LINEAR: _rwkv7}),
    family("xlstm", defaults=dict(layers=32, hidden=4096, heads=8, qk_dim_factor=0.5,
            v_dim_factor=1.0, inference_state_dtype="float32"), schedule=same(LINEAR),
        parts={LINEAR: _mlstm},
        names={"layers": ("num_hidden_layers", "num_blocks"), "hidden": ("hidden_size",
            "embedding_dim")},
        unused=("chunkwise_kernel", "sequence_kernel", "step_kernel", "chunk_size",
            "return_last_states", "max_inference_chunksize", "weight_mode",
            "autocast_kernel_dtype")),
)
# fmt: on
