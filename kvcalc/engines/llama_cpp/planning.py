"""From a model and a question to its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.devices import layers_of_devices
from kvcalc.engines.llama_cpp.launcher import Launcher
from kvcalc.engines.llama_cpp.memories import memories_of, predicting_memories_of
from kvcalc.engines.llama_cpp.plan import LlamaPlan, Part, part_of
from kvcalc.engines.llama_cpp.refusals import (
    refuse_draft,
    refuse_layout,
    refuse_predicting,
    refuse_question,
    refuse_target,
)
from kvcalc.engines.llama_cpp.settings import NAME, ON, SETTINGS, most_slots
from kvcalc.engines.llama_cpp.target import target_of
from kvcalc.engines.settings import read
from kvcalc.parallel.ranks import ranks_of
from kvcalc.parallel.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.settings import Settings
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
        _draft(model, question, target.settings, ranks),
        target.settings,
        frozenset(question.settings),
        (*_notes(target, memories, frozenset(question.settings)), *_passed_over(target, question)),
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


def _draft(model: Model, question: Question, own: Settings, ranks: Ranks) -> Part | None:
    """The context of a draft: cells and slots as the model's, types of its own."""
    if model.draft is None:
        return None
    refuse_draft(ranks)
    found = target_of(model.draft, replace(question, mtp=False), own.launcher)
    target = replace(found, settings=own.of_draft)
    memories = memories_of(target)
    refuse_target(target, memories)
    return Part(memories, model.draft.cache)


def _notes(target: Target, memories: tuple[Memory, ...], asked: frozenset[str]) -> Iterator[str]:
    """What is true of it at any context."""
    model, own = target.model, target.settings
    attending = [memory for memory in memories if isinstance(memory, Cells)]
    windows = any(memory.window is not None for memory in attending)
    if target.architecture is None:
        way = "that apply windows" if target.window else "without rules of their own"
        yield f"no architecture is named: counted as one of {NAME}'s {way}"
    elif model.architecture and model.architecture.dialect != "gguf":
        yield f"counted as {NAME}'s GGUF architecture {target.architecture}"
        if target.rules.alike:
            yield f"{NAME} keeps as many layers as the encoder has, counted as those of the decoder"
    if target.predicting and target.in_file and target.rules.leaks:
        layers = f"{len(target.predicting):,} MTP layer(s) of {target.architecture}"
        yield f"{NAME} keeps the {layers} in any case"
    if target.window and not windows:
        yield f"{NAME} does not apply the windows of {target.architecture}: it keeps every token"
    if not attending and (own.type_k, own.type_v) != ("f16", "f16"):
        yield f"type_k and type_v change nothing: {model.name} keeps states alone, in f32"
    if own.launcher.windows and windows and not (own.swa_full or asked & {"n_batch", "n_ubatch"}):
        yield own.launcher.windows


def _passed_over(target: Target, question: Question) -> Iterator[str]:
    """Settings that are asked for and that llama.cpp sets otherwise for an architecture."""
    own, who = target.settings, target.architecture or target.model.name
    given = read(own.launcher.name, own.launcher.declared, question.settings)
    if given.get("n_rs_seq") and not own.n_rs_seq:
        yield f"n_rs_seq is 0: {NAME} rolls no states of {who} back"
    if given.get("flash_attn") == ON and own.transposed:
        yield f"flash_attn is off: {NAME} has none for {who}"
