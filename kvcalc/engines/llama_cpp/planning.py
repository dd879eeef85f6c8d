"""From a model and a question to its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.devices import layers_of_devices
from kvcalc.engines.llama_cpp.launcher import Launcher
from kvcalc.engines.llama_cpp.memories import memories_of, predicting_memories_of
from kvcalc.engines.llama_cpp.notes import notes_of
from kvcalc.engines.llama_cpp.plan import LlamaPlan, Part, part_of
from kvcalc.engines.llama_cpp.refusals import (
    refuse_draft,
    refuse_layout,
    refuse_predicting,
    refuse_question,
    refuse_target,
)
from kvcalc.engines.llama_cpp.settings import NAME, SETTINGS, most_slots
from kvcalc.engines.llama_cpp.target import target_of
from kvcalc.parallel.ranks import ranks_of
from kvcalc.parallel.stages import stages_of

if TYPE_CHECKING:
    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.target import Target
    from kvcalc.model import Model
    from kvcalc.parallel.ranks import Ranks
    from kvcalc.question import Question

BEHIND = 10**9
"""No model has so many layers."""


LLAMA_CPP = Launcher(NAME, SETTINGS)
"""llama.cpp by its own defaults."""


def plan(model: Model, question: Question) -> LlamaPlan:
    """How llama.cpp keeps a model, and the MTP layers or the draft beside it.

    Raises UsageError for settings that it has not, and for what it refuses.
    """
    return plan_of(model, question, LLAMA_CPP)


def plan_of(model: Model, question: Question, launcher: Launcher) -> LlamaPlan:
    """The same as another program starts it. Raises UsageError."""
    ranks = ranks_of(question)
    refuse_layout(ranks)
    refuse_question(question)
    target = target_of(model, question, launcher)
    own = memories_of(target)
    refuse_target(target, own)
    predicting: tuple[Memory, ...] = ()
    if question.mtp and target.predicting:
        refuse_predicting(target)
        drafting = replace(target, settings=target.settings.of_draft)
        predicting = predicting_memories_of(drafting)
        refuse_target(drafting, predicting)
    memories = (*own, *predicting)
    cut = _cut(target, ranks)
    return LlamaPlan(
        memories,
        _parts(model, ranks, cut, memories),
        _draft(model, question, launcher, ranks),
        target.settings,
        frozenset(question.settings),
        notes_of(target, memories, question),
        cut,
        most_slots(launcher, target.architecture),
    )


def _cut(target: Target, ranks: Ranks) -> tuple[int, ...] | None:
    """Layers of each GPU: those asked for, or as llama.cpp deals them out; None on one."""
    trunk = len(target.trunk)
    if ranks.pp == 1:
        return None
    if ranks.layers is not None:
        return ranks.partition(trunk)
    return layers_of_devices(ranks.pp, trunk, target.blocks)


def _parts(
    model: Model, ranks: Ranks, cut: tuple[int, ...] | None, memories: tuple[Memory, ...]
) -> tuple[Part, ...]:
    alone = replace(model, draft=None)
    if cut is None:
        return (Part(memories, alone.cache),)
    stages = stages_of(alone, replace(ranks, layers=cut), across=True)
    ends = [*(stage.end for stage in stages[:-1]), BEHIND]
    return tuple(
        part_of(memories, range(stage.first, end), stage.cache)
        for stage, end in zip(stages, ends, strict=True)
    )


def _draft(model: Model, question: Question, launcher: Launcher, ranks: Ranks) -> Part | None:
    """The context of a draft: cells and slots as the model's, types of its own."""
    if model.draft is None:
        return None
    refuse_draft(ranks)
    found = target_of(model.draft, replace(question, mtp=False), launcher)
    target = replace(found, settings=found.settings.of_draft)
    memories = memories_of(target)
    refuse_target(target, memories)
    return Part(memories, model.draft.cache)
