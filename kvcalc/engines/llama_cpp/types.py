"""The types of cells: what `type_k` and `type_v` may be, and their blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.errors import UsageError
from kvcalc.formats import FORMATS

if TYPE_CHECKING:
    from kvcalc.formats import Layout

BLOCK = 32
"""Elements of a block, of every quantized type (ggml-common.h)."""

FLOATS = ("f16", "bf16", "f32")
TYPES = (*FLOATS, "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""As common/arg.cpp has them for --cache-type-k and --cache-type-v."""

_OWN = {"fp16": "f16", "fp32": "f32"}


def row(name: str, elements: int) -> int:
    """Bytes of so many elements in a type."""
    return FORMATS[name].entry_bytes(elements)


def types_of(layout: Layout | None) -> tuple[str | None, str | None]:
    """`type_k` and `type_v` as a dtype has them; None where it says neither. Raises UsageError."""
    if layout is None:
        return None, None
    sides = [layout.format_of(role, None) for role in ("k", "v")]
    found = [None if side is None else _OWN.get(side.name, side.name) for side in sides]
    pair = "/" in layout.name  # of which one side may be left as it is
    for name in found:
        if name not in TYPES and not (name is None and pair):
            text = f"llama.cpp has no cells in {layout.name if name is None else name}"
            raise UsageError(f"{text}: --kv-dtype takes {', '.join(TYPES)}")
    return found[0], found[1]
