"""dots3-note: windows of latents beside sparse ones, whose rows are padded to the same width.

models/dots3_note/nvidia: attention.py and model.py; blocks lie outside layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.strides import by_keys, by_rows
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.engines.vllm.caches import Cached

PADDED = "rows of latents padded to the widest"


def packed(caches: Sequence[Cached], widest: int) -> tuple[Cached, ...]:
    """The caches of one layer: latents in rows of the widest one's bytes, and index keys."""
    return tuple(
        by_keys(one) if one.tensors[0].role == "index" else by_rows(_padded(one, widest))
        for one in caches
    )


def _padded(cached: Cached, row: int) -> Cached:
    if cached.row == row:
        return cached
    page = cached.spec.block * row
    spec = replace(cached.spec, page=page, content=page)
    return replace(cached, spec=spec, row=row, why=PADDED)


def refuse(dtype: str) -> None:
    """Raises UsageError for a dtype that its sparse layers do not take."""
    if dtype not in ("bf16", "fp16"):
        text = (
            f"the sparse layers of dots3-note are kept in 16-bit floats alone, and not in {dtype}"
        )
        raise UsageError(f"vllm refuses to start: {text}; leave --kv-dtype out")
