"""Which layers share a table of blocks, and how large a block is (v1/core/kv_cache_planning.py)."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from kvcalc.engines.vllm.specs import Spec

PADS_AT_MOST = (3, 2)
"""Groups are as large as the largest kind of layer while that is less than 3/2 of the smallest."""


@dataclass(frozen=True)
class Held:
    """Cache number `number` of the layer of that number."""

    layer: int
    spec: Spec
    number: int = 0


@dataclass(frozen=True)
class Group:
    """Layers that share a table of blocks; a block holds a page of each."""

    caches: tuple[Held, ...]

    @property
    def spec(self) -> Spec:
        """That of its first cache: all of one group need as many blocks."""
        return self.caches[0].spec

    def bytes_on(self, stage: range) -> int:
        """Bytes of a block of the layers of a stage."""
        layers, below = self._below
        return below[bisect_left(layers, stage.stop)] - below[bisect_left(layers, stage.start)]

    @cached_property
    def _below(self) -> tuple[list[int], list[int]]:
        """Its layers in order, and bytes of a block of those before each: stages may be many."""
        ordered = sorted((held.layer, held.spec.page) for held in self.caches)
        return [layer for layer, _ in ordered], [0, *accumulate(page for _, page in ordered)]


def groups_of(caches: Sequence[Held]) -> tuple[Group, ...]:
    """The groups of the whole model. Raises UsageError where pages cannot be made equal."""
    if len({held.spec.type for held in caches}) == 1:
        return (Group(tuple(caches)),)
    caches = _with_equal_pages(caches)
    kinds = list(_by(caches, lambda held: (held.spec.kind, held.spec.block, held.spec)))
    sizes = [len(kind) for kind in kinds]
    above, below = PADS_AT_MOST
    size = max(sizes) if below * max(sizes) < above * min(sizes) else min(sizes)
    groups = []
    for kind in kinds:
        # layers of a stage spread over all groups, so that none of them is left empty on it
        parts = -(-len(kind) // size)
        groups += [Group(tuple(kind[part::parts])) for part in range(parts)]
    return tuple(groups)


def _with_equal_pages(caches: Sequence[Held]) -> list[Held]:
    page = max(held.spec.page for held in caches)
    return [replace(held, spec=_with_page(held.spec, page)) for held in caches]


def _with_page(spec: Spec, page: int) -> Spec:
    """States are padded; attention takes longer blocks, or is padded where these do not fit."""
    if spec.page == page:
        return spec
    if spec.fixed and page % spec.page == 0:
        # kv_cache_interface.py:599: its blocks would be longer than the page that is set for it
        text = f"pages of windows, of {spec.page:,} B, cannot become {page:,} B"
        raise UsageError(f"vllm cannot keep these layers in their own dtype: {text}")
    if spec.kind != "state" and page % spec.page == 0:
        return spec.longer(page // spec.page)
    if spec.mla:
        text = f"its latents' pages of {spec.page:,} B do not divide pages of {page:,} B"
        raise UsageError(f"vllm cannot keep this model: {text}")
    return spec.padded(page)


def _by(caches: Iterable[Held], key: Callable[[Held], Hashable]) -> Iterable[list[Held]]:
    found: dict[Hashable, list[Held]] = {}
    for held in caches:
        found.setdefault(key(held), []).append(held)
    return found.values()


def bytes_per_block(groups: Sequence[Group], stage: range, *, outermost: bool) -> int:
    """Bytes of one block on a stage: as the widest group there needs.

    outermost  whether blocks lie outside layers: then they are as long as every stride allows
    """
    widest = max((group.bytes_on(stage) for group in groups), default=0)
    if not outermost:
        return widest
    on_stage = (held.spec.align for group in groups for held in group.caches)
    align = math.lcm(*on_stage)
    return -(-widest // align) * align
