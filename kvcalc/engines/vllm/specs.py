"""What vLLM keeps for one layer: its kind of cache, its blocks, and the bytes of one of them.

The counterpart of v1/kv_cache_interface.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

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
class Demand:
    """What a request takes: the tokens of it, and those in flight beside a window.

    retained  tokens kept beyond a window for further MTP layers
    batched   tokens of one step, of which an encoder's output may be
    """

    tokens: int
    in_flight: int
    batched: int
    retained: int = 0
    dcp: int = 1


def blocks_of(spec: Spec, demand: Demand) -> int:
    """Blocks of one request."""
    tokens = demand.tokens
    if spec.kind in ("state", "ring"):
        return spec.blocks
    if spec.kind == "window":
        kept = spec.size - 1 + demand.retained + demand.in_flight
        # a block more, as the first token kept may be the last of a block
        return _blocks(min(kept, tokens), spec.block) + 1
    if spec.kind == "chunk":
        return _blocks(min(spec.size + demand.in_flight, tokens), spec.block)
    if spec.kind == "cross":
        return _blocks(demand.batched, spec.block)
    return _blocks(_blocks(tokens, demand.dcp), spec.block)


def _blocks(tokens: int, block: int) -> int:
    return -(-tokens // block)
