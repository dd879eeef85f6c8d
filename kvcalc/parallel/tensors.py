"""What one rank keeps of a tensor.

Heads are split, and kept by several ranks once there are fewer heads than ranks; what has no heads
is kept by every rank of tensor parallelism. Entries are dealt out under context parallelism, among
ranks that keep the same heads; states are not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES
from kvcalc.errors import UsageError
from kvcalc.extents import All, EvenShare, Share, TopBlocks, TopK

if TYPE_CHECKING:
    from kvcalc.cache import CacheTensor
    from kvcalc.extents import Reads
    from kvcalc.parallel.ranks import Ranks

SHARED_OUT = ENTRY_ROLES | {"index"}
"""Roles whose entries are of tokens, and are dealt out under context parallelism."""


def of_rank(tensor: CacheTensor, ranks: Ranks, number: int = 0) -> CacheTensor:
    """What one of the ranks that share a sequence's tokens keeps of a tensor; the first, most.

    Raises UsageError where its heads, or what is read of it, cannot be split.
    """
    found = of_sharing(tensor, ranks)
    if ranks.dcp == 1 or tensor.role not in SHARED_OUT:
        return found
    extent = Share(tensor.extent, ranks.dcp, number)
    return replace(found, extent=extent, reads=_read(tensor, ranks.dcp))


def of_sharing(tensor: CacheTensor, ranks: Ranks) -> CacheTensor:
    """What all ranks that share a sequence's tokens keep of a tensor, together. UsageError."""
    if ranks.tp == 1:
        return tensor
    among = ranks.copies if tensor.role in SHARED_OUT else ranks.tp
    heads = None if tensor.heads is None else heads_of_rank(tensor, among)
    return replace(tensor, heads=heads, macs=_macs(tensor, heads, ranks))


def _read(tensor: CacheTensor, of: int) -> Reads:
    """What the first of the ranks reads that share entries. Raises UsageError if nobody knows."""
    reads = tensor.reads
    if isinstance(reads, All):
        return reads
    if isinstance(reads, TopK) and reads.pool == 1:
        return EvenShare(reads.k, of=of)
    if isinstance(reads, TopBlocks) and reads.size % of == 0:
        return replace(reads, size=reads.size // of)  # each has as much of every block
    text = f"{tensor.name} is read by pools or blocks ({reads.rule}), which {of:,} ranks"
    raise UsageError(f"{text} cannot share evenly: leave --dcp out")


def heads_of_rank(tensor: CacheTensor, tp: int) -> int:
    """How many heads of a tensor one of tp ranks keeps. Raises UsageError."""
    heads = tensor.heads or 1
    if heads % tp == 0:
        return heads // tp
    if tp % heads == 0 and tensor.role != "state":
        return 1
    what = "heads" if tensor.role in ENTRY_ROLES | {"state"} else "equal parts"
    text = f"the {heads:,} {what} of {tensor.name} cannot be split over {tp:,} ranks"
    if tensor.role == "state":
        raise UsageError(f"{text}: tp has to divide them")
    raise UsageError(f"{text}: tp has to divide them, or be a multiple of them")


def _macs(tensor: CacheTensor, heads: int | None, ranks: Ranks) -> int | None:
    """Multiply-adds of one entry on one rank; None where they do not divide, or are not known."""
    if tensor.macs is None:
        return None
    if tensor.role in ENTRY_ROLES:
        # query heads are split, and gathered again by the ranks that share a sequence's tokens
        share, left = divmod(tensor.macs * ranks.dcp, ranks.tp)
        return None if left else share
    if heads is None or tensor.heads is None:
        return tensor.macs
    return tensor.macs * heads // tensor.heads
