"""What sequences with a common prefix share: its whole blocks, which a prefix cache keeps once.

v1/core: kv_cache_coordinator.py, single_type_kv_cache_manager.py and kv_cache_utils.py. A sequence
finds blocks that another has filled, as far as all its groups find them: at a multiple of the
blocks of every group, and short of its own last token, which has to be computed. It then holds the
same blocks of layers that attend to all. Of windows and states it finds the last before that place,
and goes on in blocks of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.engines.vllm.groups import Group


@dataclass(frozen=True)
class Prefixes:
    """How the groups of a model share prefixes.

    step       tokens of which what is found is a multiple; None where nothing is looked for
    full       tokens of a block of each group that attends to all, over the ranks that share it
    lookahead  tokens after a block that have to be the same too, as what drafts has read them
    """

    step: int | None
    full: tuple[int, ...]
    lookahead: int = 0

    def found(self, shared: int, context: int) -> int:
        """Tokens that a sequence of `context` tokens finds, the first `shared` of which others
        have."""
        if self.step is None or not self.full:
            return 0
        alike = min(shared - self.lookahead, context - 1)
        return max(0, alike) // self.step * self.step

    def blocks(self, shared: int, context: int) -> int:
        """Blocks that all such sequences hold together."""
        found = self.found(shared, context)
        return sum(found // block for block in self.full)

    def told(self, shared: int, context: int) -> tuple[str, ...]:
        """What a reader should know of a prefix of so many tokens."""
        if not shared:
            return ()
        if self.step is None:
            return ("no sequence shares another's prefix, as enable_prefix_caching is false",)
        if not self.full:
            return ("nothing of a prefix is shared: no layer attends to all of it",)
        found = self.found(shared, context)
        text = f"of the {shared:,} tokens in common {found:,} are kept once"
        return (f"{text}, in whole blocks of {self.step:,}; windows and states are each one's own",)


def prefixes_of(
    groups: Sequence[Group], block: int, dcp: int, lookahead: int, *, caches: bool
) -> Prefixes:
    """How groups share prefixes.

    block      tokens of a block of attention, which states in align mode have as well
    lookahead  tokens that what drafts reads ahead of a block
    caches     whether prefixes are cached
    """
    full = tuple(group.spec.block * dcp for group in groups if group.spec.kind == "full")
    others = (group.spec.block or block for group in groups if group.spec.kind != "full")
    return Prefixes(math.lcm(*full, *others) if caches else None, full, lookahead)
