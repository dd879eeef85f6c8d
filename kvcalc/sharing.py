"""What sequences keep together: a prefix that all begin with, a source that all beams look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts
from kvcalc.extents import Beyond, Every, Share

if TYPE_CHECKING:
    from kvcalc.cache import Cache, Settled
    from kvcalc.extents import Extent
    from kvcalc.question import Question


@dataclass(frozen=True)
class Sharing:
    """What the sequences of a batch have in common.

    Of what is kept per token without end, entries that the prefix has finished are kept once, for
    its beams too. Windows, chunks and states are each sequence's own, and each beam's; what cross
    attention looks back at is each sequence's, for all of its beams.

    prefix  tokens that all sequences begin with
    beams   of each sequence, all of them as long
    """

    prefix: int = 0
    beams: int = 1

    def once(self, cache: Cache, tokens: int) -> int:
        """Bytes of the prefix, kept once however many sequences of `tokens` tokens there are."""
        return sum(layers * self._once(tensor, tokens) for layers, tensor in cache.tensors)

    def each(self, cache: Cache, tokens: int) -> int:
        """Bytes that each sequence of `tokens` tokens keeps besides, with all of its beams."""
        return sum(layers * self._each(tensor, tokens) for layers, tensor in cache.tensors)

    def stored(self, cache: Cache, tokens: int, sequences: int) -> int:
        """Bytes that so many sequences keep: those kept once, and those that each keeps."""
        return self.once(cache, tokens) + sequences * self.each(cache, tokens)

    def of_cache(self, cache: Cache, tokens: int, sequences: int) -> Amounts:
        """What so many sequences amount to; growth stays that of one, with all of its beams."""
        if self == NOTHING_SHARED:
            return cache.at(tokens).of_batch(sequences)
        each = (self.of(tensor, tokens, sequences).times(n) for n, tensor in cache.tensors)
        return sum(each, Amounts())

    def of(self, tensor: Settled, tokens: int, sequences: int, prefixes: int = 1) -> Amounts:
        """The same of one tensor, where there are so many copies of the prefix.

        Every sequence, and every beam, reads all that it sees, whoever keeps it.
        """
        read = tensor.at(tokens).of_batch(sequences * self.beams)
        stored = prefixes * self._once(tensor, tokens) + sequences * self._each(tensor, tokens)
        growth = read.growth * self.beams
        return Amounts(stored, growth, 0 if growth else stored, read.read, read.flops)

    def _once(self, tensor: Settled, tokens: int) -> int:
        kept = tensor.tensor
        return 0 if kept.shared else tensor.entry_bytes * self.entries(kept.extent, tokens)

    def _each(self, tensor: Settled, tokens: int) -> int:
        own = tensor.stored(tokens) - self._once(tensor, tokens)
        return own if tensor.tensor.crosses else self.beams * own

    def entries(self, extent: Extent, tokens: int) -> int:
        """Entries kept once; of sequences that are shorter than the prefix, all that last."""
        return min(lasting(extent, self.prefix), extent.entries(tokens))


NOTHING_SHARED = Sharing()


def sharing_of(question: Question) -> Sharing:
    """What the sequences of a question share."""
    return Sharing(question.shared_prefix or 0, question.beams)


def lasting(extent: Extent, tokens: int) -> int:
    """Entries that are as they stay after `tokens` tokens, whatever tokens follow."""
    if isinstance(extent, Every):
        # one that comes before its stride is over is filled until then
        return min(extent.entries(tokens), tokens // extent.stride)
    if isinstance(extent, Share):
        return extent.dealt(lasting(extent.extent, tokens))
    # of windows, chunks and states all is written over
    return extent.entries(tokens) if isinstance(extent, Beyond) else 0
