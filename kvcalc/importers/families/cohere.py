"""Cohere's families of sliding layers.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from kvcalc.importers.families.windowed import sliding
from kvcalc.importers.fields import Fields
from kvcalc.importers.schedules import FULL, SLIDING, every, same


def _cohere2(f: Fields) -> Sequence[str]:
    """Published files say the order in words too, which the class does not read."""
    if f.optional("layer_switch") not in (None, f.count("sliding_window_pattern")):
        f.wrong("layer_switch", "is not sliding_window_pattern: they contradict each other")
    if f.word("order_of_interleaved_layers") not in (None, "local_attn_first"):
        f.wrong("order_of_interleaved_layers", "is known as local_attn_first")
    return every("sliding_window_pattern")(f)


def _cohere2_moe(f: Fields) -> Sequence[str]:
    """Two patterns: one over the dense layers at the front, one over the rest."""
    prefix = f.optional("first_k_dense_replace", least=0) or 0
    layers, first = f.count("layers"), f.count("prefix_dense_sliding_window_pattern")
    period = f.count("sliding_window_pattern")
    return [
        FULL if ((i + 1) % first if i < prefix else (i - prefix + 1) % period) == 0 else SLIDING
        for i in range(layers)
    ]


# fmt: off
COHERE = (
    sliding("cohere2", schedule=_cohere2,
        defaults=dict(layers=40, hidden=8192, heads=64, window=4096, sliding_window_pattern=4),
        unused=("_sliding_window_pattern", "use_embedding_sharing")),
    sliding("cohere2_moe", defaults=dict(layers=40, hidden=8192, heads=64, head_dim=128,
            window=4096, sliding_window_pattern=4, prefix_dense_sliding_window_pattern=1),
        schedule=_cohere2_moe,
        unused=("sliding_window_pattern", "prefix_dense_sliding_window_pattern")),
    sliding("cohere_compass_text", defaults=dict(layers=40, hidden=8192, heads=64, window=4096),
        schedule=same(), unused=("window",)),
)
# fmt: on
