"""What vLLM keeps for one layer: its kind of cache, its blocks, and the bytes of one of them.

The counterpart of v1/kv_cache_interface.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kvcalc.units import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Hashable

Kind = Literal["full", "window", "chunk", "cross", "state", "ring"]


@dataclass(frozen=True)
class Spec:
    """One cache of one layer, on one rank.

    kind     what decides how many blocks a request has of it
    block    tokens of one block
    page     bytes of one block, padding and all
    content  bytes of one block that hold something
    size     tokens of a window or chunk
    blocks   of a request, whatever its length: states and rings
    mla      whether its rows cannot be padded one by one
    align    bytes of which the stride from block to block is a multiple, where it lies outermost
    fixed    whether its page is given, so that its blocks cannot be longer
    like     whatever else two layers must have in common to share a group
    """

    kind: Kind
    block: int
    page: int
    content: int
    size: int = 0
    blocks: int = 0
    mla: bool = False
    align: int = 1
    fixed: bool = False
    like: Hashable = None

    @property
    def type(self) -> Hashable:
        """What caches have in common whose layers can all share one table of blocks."""
        if self.kind in ("state", "ring"):
            return self.kind, self.page, self.blocks
        return self.kind, self.block, self.size

    def padded(self, page: int) -> Spec:
        """The same with pages of so many bytes."""
        return replace(self, page=page)

    def longer(self, times: int) -> Spec:
        """The same with so many times as many tokens in a block."""
        return replace(
            self, block=self.block * times, page=self.page * times, content=self.content * times
        )


@dataclass(frozen=True)
class Serving:
    """How a server runs: the tokens in flight beside a window, and those of a step.

    batched   tokens of one step, of which an encoder's output may be
    retained  tokens kept beyond a window for further MTP layers
    """

    in_flight: int
    batched: int
    retained: int = 0
    dcp: int = 1


@dataclass(frozen=True)
class Need:
    """The blocks of a request: as many as hold its tokens, `most` at most, and some `more`."""

    block: int
    most: int
    more: int = 0
    ranks: int = 1

    def blocks(self, tokens: int) -> int:
        """Blocks of a request of so many tokens."""
        shared = tokens if self.ranks == 1 else -(-tokens // self.ranks)
        return -(-min(shared, self.most) // self.block) + self.more


def need_of(spec: Spec, serving: Serving) -> Need:
    """What a request needs of a spec (v1/kv_cache_interface.py, max_memory_usage_bytes)."""
    if spec.kind in ("state", "ring"):
        return Need(1, 0, spec.blocks)
    if spec.kind == "window":
        # a block more, as the first token kept may be the last of a block
        return Need(spec.block, spec.size - 1 + serving.retained + serving.in_flight, 1)
    if spec.kind == "chunk":
        return Need(spec.block, spec.size + serving.in_flight)
    if spec.kind == "cross":
        return Need(1, 0, -(-serving.batched // spec.block))
    return Need(spec.block, MAX_TOKENS, ranks=serving.dcp)
