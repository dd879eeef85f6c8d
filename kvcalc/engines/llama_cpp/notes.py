"""What a reader should know of a plan, at whatever context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.cells import Cells
from kvcalc.engines.llama_cpp.settings import NAME, ON
from kvcalc.engines.settings import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.engines.llama_cpp.memories import Memory
    from kvcalc.engines.llama_cpp.target import Target
    from kvcalc.question import Question


def notes_of(target: Target, memories: tuple[Memory, ...], question: Question) -> tuple[str, ...]:
    """Which architecture is taken, and what that, or a setting, does otherwise than one expects."""
    asked = frozenset(question.settings)
    return (*_of_model(target, memories, asked), *_passed_over(target, question))


def _of_model(target: Target, memories: tuple[Memory, ...], asked: frozenset[str]) -> Iterator[str]:
    model, own = target.model, target.settings
    attending = [memory for memory in memories if isinstance(memory, Cells)]
    windows = any(memory.window is not None for memory in attending)
    if target.architecture is None:
        way = "that apply windows" if target.window else "without rules of their own"
        yield f"no architecture is named: counted as one of {NAME}'s {way}"
    elif model.architecture and model.architecture.dialect != "gguf":
        yield f"counted as {NAME}'s GGUF architecture {target.architecture}"
        if target.rules.as_encoder:
            yield f"{NAME} keeps as many layers as the encoder has, counted as those of the decoder"
        if target.rules.period and not target.window:
            period = target.rules.period
            text = (
                f"counted without windows: {NAME} applies them in {period - 1} of {period} layers"
            )
            yield f"{text} of {target.architecture}, unless a converted file has them off"
    if target.predicting and target.in_file and target.rules.keeps_mtp:
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
