"""Groups where blocks lie outside layers, so that pages of unlike sizes share one block.

v1/core/kv_cache_planning.py, _get_packed_kv_cache_groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.groups import Group, Held

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Bucket:
    """Caches of one type, by the bytes of their pages, in order of the layers."""

    pages: dict[int, list[Held]]

    @property
    def caches(self) -> list[Held]:
        """All of them."""
        return [held for layers in self.pages.values() for held in layers]

    @property
    def balanced(self) -> bool:
        """Whether every size of page has as many layers."""
        return len({len(layers) for layers in self.pages.values()}) == 1

    @property
    def most(self) -> int:
        """The most layers of one size of page."""
        return max(map(len, self.pages.values()))

    @property
    def page(self) -> int:
        """The bytes of its first cache's page."""
        return next(iter(self.pages))

    @property
    def kind(self) -> str:
        """What its caches are."""
        return self.pages[self.page][0].spec.kind

    def widest(self, parts: int) -> int:
        """Bytes of the largest of so many groups."""
        return sum(-(-len(layers) // parts) * page for page, layers in self.pages.items())

    def split(self, parts: int) -> list[Group]:
        """So many groups of as many rows; a row is a layer of each size of page."""
        if parts == 1:
            return [Group(tuple(self.caches))]
        rows = list(zip(*self.pages.values(), strict=True))
        return [
            Group(tuple(held for row in rows[part::parts] for held in row)) for part in range(parts)
        ]


def packed_groups(caches: Sequence[Held]) -> tuple[Group, ...]:
    """The groups of the whole model."""
    buckets = _buckets(caches)
    repeats = _repeats([bucket for bucket in buckets if bucket.balanced])

    def parts_of(bucket: Bucket) -> int:
        return -(-bucket.most // repeats) if repeats and bucket.balanced else 1

    def is_state(bucket: Bucket) -> bool:
        return bucket.kind in ("state", "ring") or (not repeats and bucket.kind == "window")

    # a block holds this much however states are split: they can go down to one in a group
    anchor = max(
        bucket.widest(len(bucket.caches) if is_state(bucket) else parts_of(bucket))
        for bucket in buckets
    )
    groups = []
    for bucket in buckets:
        parts = parts_of(bucket)
        if is_state(bucket):
            fitting = max(anchor // bucket.page, 1)
            parts = max(parts, -(-len(bucket.caches) // fitting))
        groups += bucket.split(parts)
    return tuple(groups)


def _buckets(caches: Sequence[Held]) -> list[Bucket]:
    found: dict[object, Bucket] = {}
    for held in caches:
        bucket = found.setdefault(held.spec.type, Bucket({}))
        bucket.pages.setdefault(held.spec.page, []).append(held)
    return list(found.values())


def _repeats(balanced: Sequence[Bucket]) -> int:
    """How many rows a group has; 0 where no bucket of several sizes sets that.

    At least those of the largest such bucket, which stay together; of the numbers from there up,
    that which pads the others least, and of equals the largest.
    """
    least = max((bucket.most for bucket in balanced if len(bucket.pages) > 1), default=0)
    if not least:
        return 0
    sizes = [bucket.most for bucket in balanced]

    def padded(rows: int) -> tuple[int, int]:
        return sum(-size % rows for size in sizes), -rows

    return min(range(least, max(sizes) + 1), key=padded)
