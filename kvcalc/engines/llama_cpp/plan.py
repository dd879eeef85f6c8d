"""The plan of one model: its contexts' caches, what they take, and what they serve."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.settings import MAX_SLOTS
from kvcalc.engines.llama_cpp.states import Compressing, States
from kvcalc.engines.llama_cpp.terms import terms_of
from kvcalc.engines.reservation import (
    Capacity,
    Report,
    Reservation,
    Term,
    as_the_longest,
    refuse_sharing,
)
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.cache import Cache
    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.settings import Room, Settings
    from kvcalc.mix import Mix
    from kvcalc.question import Setting

SLOTS = ("n_ctx", "n_parallel", "kv_unified")
"""Settings of which llama-server has defaults of its own."""
UNSHARED = "a slot of its server copies nothing from the cells of another request's"
"""tools/server/server-context.cpp, copy_state_to: only where one request has several answers."""
SERVER_SLOTS = 4
"""Of llama-server where nobody says how many, and they share n_ctx (tools/server/server.cpp)."""


@dataclass(frozen=True)
class Part:
    """What is on one GPU, or of a draft: caches, and the ideal's of the same layers."""

    memories: tuple[Memory, ...]
    cache: Cache

    def size(self, room: Room) -> int:
        """Bytes of all of it."""
        return sum(memory.size(room) for memory in self.memories)

    def terms(self, room: Room, tokens: int, sequences: int) -> tuple[Term, ...]:
        """From what is stored of so many sequences to what is allocated."""
        stored = self.cache.stored(tokens)
        return terms_of(self.memories, room, tokens, sequences, stored)


def part_of(memories: tuple[Memory, ...], layers: range, cache: Cache) -> Part:
    """What these layers have of some caches."""
    return Part(tuple(_on(memory, layers) for memory in memories), cache)


def _on(memory: Memory, layers: range) -> Memory:
    if isinstance(memory, Cells):
        return replace(memory, rows=tuple(item for item in memory.rows if item[0] in layers))
    if isinstance(memory, States):
        return replace(memory, states=tuple(item for item in memory.states if item[0] in layers))
    return replace(memory, layers=tuple(item for item in memory.layers if item[0] in layers))


@dataclass(frozen=True)
class LlamaPlan:
    """How llama.cpp keeps a model, its MTP layers and its draft.

    memories  of the model and its MTP layers, in the order in which they are logged
    parts     what is on each GPU
    draft     what the draft's context has
    own       the settings
    asked     the names of those that were given
    cut       layers of each GPU; None on one
    slots     how many there can be
    """

    memories: tuple[Memory, ...]
    parts: tuple[Part, ...]
    draft: Part | None
    own: Settings
    asked: frozenset[str]
    notes: tuple[str, ...] = ()
    cut: tuple[int, ...] | None = None
    slots: int = MAX_SLOTS

    def settings_at(self, context: int | None) -> dict[str, Setting]:
        """The settings as resolved."""
        return self.own.told(context)

    @property
    def period(self) -> int:
        """More tokens never take fewer cells."""
        return 1

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        """What a context made for sequences of so many tokens allocates, whatever the batch."""
        refuse_sharing(self.own.launcher.name, shared, UNSHARED)
        room = self.own.room(context)
        sizes = [part.size(room) for part in self.parts]
        fullest = sizes.index(max(sizes))
        drafts = self.draft.size(room) if self.draft else 0
        return Reservation(
            sizes[fullest] + drafts,
            lambda: tuple(self._terms(self.parts[fullest], room, context, batch)),
            (*self.notes, *self._told(room, context, batch)),
            fullest,
            total=sum(sizes) + drafts,
            report=self._report(room, context),
        )

    def _terms(self, part: Part, room: Room, tokens: int, batch: int) -> Iterator[Term]:
        yield from part.terms(room, tokens, batch)
        for term in self.draft.terms(room, tokens, batch) if self.draft else ():
            yield Term(f"draft: {term.rule}", term.bytes)

    def _told(self, room: Room, context: int, batch: int) -> Iterator[str]:
        """What a reader of the figure should know."""
        if batch > room.slots:
            text = f"n_parallel is {room.slots:,}, for a batch of {batch:,} sequences"
            yield f"{text}: what is reserved is the same whatever the batch"
        if batch < room.slots:
            yield f"n_parallel is {room.slots:,}: what is reserved is of all slots"
        if context > room.cells:
            text = f"a slot has {room.cells:,} cells, and a sequence of {context:,} tokens"
            fewer = ", or lower n_parallel" if room.streams > 1 else ""
            yield f"{text} does not fit: raise n_ctx{fewer}"
        if self.own.launcher.server and not self.asked & set(SLOTS):
            usual = replace(self.own, n_ctx=context, n_parallel=SERVER_SLOTS, kv_unified=True)
            try:
                size = self._total(usual.room(context))
            except UsageError:  # a batch is less than its slots
                return
            if size != self._total(room):
                text = f"llama-server's defaults, {SERVER_SLOTS} slots that share n_ctx"
                over = " over all GPUs" if len(self.parts) > 1 else ""
                yield f"{text} {context:,}, allocate {size:,} B{over}"

    def _total(self, room: Room) -> int:
        drafts = self.draft.size(room) if self.draft else 0
        return sum(part.size(room) for part in self.parts) + drafts

    def _report(self, room: Room, context: int) -> Report:
        """The lines that it logs, and how many sequences of so many tokens its cells hold.

        Less than one where the cells of a slot do not hold one.
        """
        memories = (*self.memories, *(self.draft.memories if self.draft else ()))
        lines = tuple(one.line(room) for one in memories if not isinstance(one, Compressing))
        held = min(room.slots, (room.n_ctx if context <= room.cells else room.cells) / context)
        return Report(room.n_ctx, float(held), lines)

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        """As many slots as fit, with n_ctx for that many, or those that are asked for."""
        refuse_sharing(self.own.launcher.name, shared, UNSHARED)
        free = "n_parallel" not in self.asked
        counts: Sequence[int] = (self.own.n_parallel,)
        if free:
            counts = range(1, self.slots + 1)
        self._with(counts[0]).room(context)  # which is refused, if the first is
        if free and self.own.n_ctx is None:  # more slots take more, and each serves one
            fitting = bisect_left(counts, 1, key=lambda n: not self._room_in(memory, n, context))
            counts = counts[max(0, fitting - 1) : fitting]
        rooms = [room for n in counts if (room := self._room_in(memory, n, context))]
        served = [_served(room, context) for room in rooms]
        best = max(served, default=0)
        if not best:
            return Capacity(0)
        found = rooms[served.index(best)]
        return Capacity(best, self._report(found, context), tuple(self._slots_told(found, best)))

    @property
    def fails(self) -> str:
        """It does what it plans."""
        return ""

    def serving(self, batch: int) -> LlamaPlan:
        """With a slot for each, where nobody says how many there are."""
        if "n_parallel" in self.asked or batch > self.slots:
            return self
        return replace(self, own=self._with(batch))

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        """Every slot has room for the longest."""
        return as_the_longest(self, memory, mix)

    def mean(self, mix: Mix) -> Fraction:
        """Each slot is as the longest."""
        return Fraction(self.at(mix.longest, 1).bytes, self.own.n_parallel)

    def _with(self, slots: int) -> Settings:
        return replace(self.own, n_parallel=slots)

    def _room_in(self, memory: int, slots: int, context: int) -> Room | None:
        """The room of so many slots; None where it does not fit, or there can be none."""
        try:
            room = self._with(slots).room(context)
        except UsageError:
            return None
        drafts = self.draft.size(room) if self.draft else 0
        fits = max(part.size(room) for part in self.parts) + drafts <= memory
        return room if fits else None

    def _slots_told(self, room: Room, served: int) -> Iterator[str]:
        """Which slots serve so many sequences, where nobody asked for a number of them."""
        if "n_parallel" in self.asked:
            return
        if served > 1:
            slots = f"n_parallel={room.slots} n_ctx={room.n_ctx}"
            yield f"sequences are slots: {served:,} are {slots}, as logged; reserved is of one"
        if served == self.slots:
            slots = f"{served:,} slot{'s' if served > 1 else ''}"
            yield f"{self.own.launcher.name} has at most {slots} for it"


def _served(room: Room, context: int) -> int:
    """How many sequences of so many tokens there are cells for, one in each slot."""
    return min(room.slots, room.streams * (room.cells // context))
