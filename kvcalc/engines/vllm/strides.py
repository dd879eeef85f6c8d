"""Where blocks lie outside layers: by which bytes the stride from block to block is a multiple.

v1/worker/utils.py, customize_attention_spec, and v1/attention/backends/mla/sparse_utils.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.extents import Every

if TYPE_CHECKING:
    from kvcalc.engines.vllm.caches import Cached

KEYS = 64
"""Index keys of the largest block that the kernel reads."""


def by_rows(cached: Cached, rows: int = 1) -> Cached:
    """A cache whose blocks begin at a page of so many of its rows."""
    return replace(cached, spec=replace(cached.spec, align=rows * cached.row))


def by_keys(cached: Cached) -> Cached:
    """Index keys: a block that is cut up for their kernel is whole kernel blocks."""
    extent, block = cached.tensors[0].extent, cached.spec.block
    assert isinstance(extent, Every)
    together = math.gcd(KEYS * extent.stride, block)
    align = 1 if together == block else together // extent.stride * cached.row
    return replace(cached, spec=replace(cached.spec, align=align))
