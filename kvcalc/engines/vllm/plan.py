"""The plan of one model: groups over all its layers, what a stage has of them, what fits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.engines.reservation import Capacity, Report, Reservation
from kvcalc.engines.vllm.groups import Group, bytes_per_block
from kvcalc.engines.vllm.specs import Need, Serving, need_of
from kvcalc.engines.vllm.terms import Line, terms_of
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.engines.vllm.caches import Cached
    from kvcalc.engines.vllm.prefixes import Prefixes
    from kvcalc.engines.vllm.settings import Settings
    from kvcalc.mix import Mix
    from kvcalc.parallel.ranks import Ranks
    from kvcalc.parallel.stages import Stage
    from kvcalc.question import Setting

HOST_PAGE = 4096
"""Bytes of which a chunk in host memory is a multiple (v1/kv_offload/cpu/shared_offload_region.py,
mmap.PAGESIZE); some servers with ARM processors have pages of 64 KiB."""


@dataclass(frozen=True)
class VllmPlan:
    """How vLLM keeps one model on its ranks.

    groups   of the whole model
    cached   by layer number and spec, what a cache of a group holds
    stages   the ideal's, for the terms that lead from it
    told     the settings as resolved, but for those that follow the context
    fails    why a server fails with what is planned so
    prefixes what sequences share of a common prefix
    """

    groups: tuple[Group, ...]
    cached: Mapping[tuple[int, int], Cached]
    stages: tuple[Stage, ...]
    ranks: Ranks
    own: Settings
    told: Mapping[str, Setting]
    outermost: bool
    retained: int
    prefixes: Prefixes
    notes: tuple[str, ...]
    period: int = 1
    fails: str = ""

    def settings_at(self, context: int | None) -> dict[str, Setting]:
        """The settings as resolved."""
        return {**self.told, **self.own.following(context)}

    @property
    def cut(self) -> None:
        """Stages are as even as can be."""

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        """Blocks of `context` tokens for each sequence, on the stage whose blocks are largest."""
        blocks, once = self.blocks(context), self.prefixes.blocks(shared, context)
        stage, each, everywhere = self._dearest
        sequences, copies = self.ranks.sequences(batch), min(batch, self.ranks.dp)
        report, notes = self._overridden(context)
        return Reservation(
            (once + sequences * (blocks - once)) * each,
            lambda: terms_of(self, stage, context, sequences, shared),
            self.notes + notes + self.prefixes.told(shared, context),
            stage,
            each,
            (copies * once + batch * (blocks - once)) * everywhere,
            self.ranks.dp * everywhere,
            report,
            batch * blocks * self._parked,
        )

    def _overridden(self, context: int) -> tuple[Report | None, tuple[str, ...]]:
        """What is logged of blocks that are set, whatever the memory, or that they are too few."""
        blocks, longest = self.own.blocks, self.own.max_model_len or context
        if blocks is None:
            return None, ()
        if self._starts(blocks, context):
            return self._report(blocks, context), ()
        text = (
            f"a sequence of {longest:,} tokens and the null block need {self.blocks(longest) + 1:,}"
        )
        return None, (f"vllm refuses to start with {blocks:,} blocks: {text}",)

    @cached_property
    def _dearest(self) -> tuple[int, int, int]:
        """The stage whose blocks are largest, their bytes, and those of all ranks of one copy."""
        largest = max(self.block_bytes)
        return self.block_bytes.index(largest), largest, self.ranks.tp * sum(self.block_bytes)

    @cached_property
    def _parked(self) -> int:
        """Bytes of host memory that a block takes, over the ranks of one copy.

        The chunks of OffloadingConnector: blocks of all ranks side by side, in whole pages
        (v1/kv_offload/cpu/spec.py); one block where tensor parallelism alone copies latents, and
        there is nothing but latents (kv_connector/v1/offloading/config.py, replicated_layout).
        """
        ranks, specs = self.ranks, {one.spec for one in self.cached.values()}
        alike = ranks.gpus == ranks.tp * ranks.dp and ranks.dcp == 1
        copies = 1 if alike and all(spec.mla for spec in specs) else ranks.tp
        return -(-copies * sum(self.block_bytes) // HOST_PAGE) * HOST_PAGE

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        """What fits into `memory` bytes for the cache on each GPU, a block of which stays null."""
        found = self._pool(memory)
        once = self.prefixes.blocks(shared, context)
        fitting = max(0, found - 1 - once) // (self.blocks(context) - once)
        return self._served(fitting, found, memory, context)

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        """The same of lengths that share one pool, on a server that takes the longest of them."""
        if self.own.max_model_len is None:
            own = replace(self.own, max_model_len=mix.longest)
            return replace(self, own=own).mixed(memory, mix)
        found = self._pool(memory)
        fitting = int(max(0, found - 1) / mix.mean(self.blocks))
        return self._served(fitting, found, memory, mix.longest)

    def mean(self, mix: Mix) -> Fraction:
        """Each has blocks of its own."""
        return mix.mean(self.blocks) * self._dearest[1]

    def serving(self, batch: int) -> VllmPlan:
        """One pool serves any number."""
        return self

    def _pool(self, memory: int) -> int:
        """Blocks of `memory` bytes on each GPU, or as many as are set."""
        fitting = (memory // each for each in self.block_bytes if each)
        return self.own.blocks or min(fitting, default=0)

    def _served(self, fitting: int, found: int, memory: int, context: int) -> Capacity:
        """What is served where so many sequences fit into so many blocks."""
        if not self._starts(found, context):
            return Capacity(0)
        most = self.own.sequences
        notes: tuple[str, ...] = ()
        if fitting > most:
            notes = (f"{fitting:,} sequences fit, and max_num_seqs lets {most:,} run at once",)
        taken = found * self._dearest[1]
        if self.own.blocks and taken > memory:
            text = f"{found:,} blocks take {taken:,} B, more than the {memory:,} B that there are"
            notes += (f"{text} for the cache: vllm takes num_gpu_blocks_override as it is",)
        served = min(fitting, most) * self.ranks.dp
        return Capacity(served, self._report(found, context), notes)

    def _starts(self, blocks: int, context: int) -> bool:
        """Whether a server starts: blocks hold the longest sequence, and one of them is null."""
        return blocks > self.blocks(self.own.max_model_len or context)

    @cached_property
    def block_bytes(self) -> tuple[int, ...]:
        """Bytes of one block, on each stage."""
        return tuple(
            bytes_per_block(self.groups, self.layers_of(number), outermost=self.outermost)
            for number in range(len(self.stages))
        )

    def layers_of(self, stage: int) -> range:
        """The layers of a stage; those that only drafts have are on the last."""
        end = self.stages[stage].end if stage < len(self.stages) - 1 else 10**9
        return range(self.stages[stage].first, end)

    def needs(self, context: int) -> tuple[Need, ...]:
        """What a request of so many tokens needs of each group. Raises UsageError."""
        return self._needs_of(self.own.step(context)) if self.own.whole else self._needs

    @cached_property
    def _needs(self) -> tuple[Need, ...]:
        return self._needs_of(self.own.batched)

    def _needs_of(self, batched: int) -> tuple[Need, ...]:
        in_flight = self.own.in_flight(batched, self.ranks.pp)
        serving = Serving(in_flight, batched, self.retained, self.ranks.dcp)
        return tuple(need_of(group.spec, serving) for group in self.groups)

    def blocks(self, context: int) -> int:
        """Blocks of a sequence of so many tokens. Raises UsageError where none is so long."""
        longest = self.own.max_model_len
        if longest is not None and context > longest:
            text = f"{context:,} tokens are more than max_model_len {longest:,}"
            raise UsageError(f"vllm serves no such sequence: {text}")
        total = 0
        for need in self.needs(context):
            total += need.blocks(context)
        return total

    @cached_property
    def lines(self) -> tuple[tuple[Line, ...], ...]:
        """By group, like caches of the dearest stage together: how many, what one of them holds."""
        on_stage = self.layers_of(self._dearest[0])
        found = []
        for group in self.groups:
            counts = Counter(
                (held.spec, self.cached[held.layer, held.number])
                for held in group.caches
                if held.layer in on_stage
            )
            found.append(tuple(Line(n, spec, cached) for (spec, cached), n in counts.items()))
        return tuple(found)

    def _report(self, blocks: int, context: int) -> Report:
        """The two numbers of its log, in its arithmetic (v1/core/kv_cache_utils.py)."""
        longest = self.own.max_model_len or context
        concurrency = blocks / self.blocks(longest)
        tokens = int(concurrency * longest)
        line = (
            f"GPU KV cache size: {tokens:,} tokens, "
            f"Maximum concurrency for {longest:,} tokens per request: {concurrency:.2f}x"
        )
        return Report(tokens, concurrency, (line,))
