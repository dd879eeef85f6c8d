"""Inference engines, one module each: what each keeps, or reserves, of a model's cache.

An engine is a module with `plan(model, question) -> Plan`, `VERSION`, the `SETTINGS` that it
declares, and a line in `ENGINES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from kvcalc.errors import UsageError, WrongArgument, briefly, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvcalc.engines.reservation import Plan
    from kvcalc.engines.settings import Declared
    from kvcalc.hardware import Gpu
    from kvcalc.model import Model
    from kvcalc.question import Question, Setting

ENGINES = {
    "transformers": "kvcalc.engines.transformers",
    "vllm": "kvcalc.engines.vllm",
    "llama.cpp": "kvcalc.engines.llama_cpp",
    "ollama": "kvcalc.engines.llama_cpp.ollama",
}
"""The module of each engine, by the name that `--engine` takes; imported when it is asked for."""

BEAMS = frozenset({"transformers"})
"""Those of which it is known how they keep the beams of a sequence."""


class Engine(Protocol):
    """What the module of an engine has."""

    VERSION: str
    """The version that it models."""
    SETTINGS: Sequence[Declared]

    def plan(self, model: Model, question: Question) -> Plan:
        """How the engine keeps a model, and the draft beside it. Raises UsageError."""


def engine_of(name: str) -> Engine:
    """The module of an engine. Raises UsageError where there is none of that name."""
    if name not in ENGINES:
        hint = did_you_mean(name, ENGINES)
        raise UsageError(f"unknown engine {name!r}; {hint}")
    # a module is of the protocol that its names are of, which no type says
    return cast("Engine", import_module(ENGINES[name]))


def plan(model: Model, question: Question) -> Plan | None:
    """How the engine that a question names keeps a model; None where it names none.

    The model comes with the question's changes, its layers in order and its tensors' formats open.
    Raises UsageError for an engine that is not known, and for what it cannot store.
    """
    if question.engine is None:
        if question.settings:
            name = next(iter(question.settings))
            text = f"{briefly(name)} is a setting of an engine, and none is named"
            raise UsageError(f"{text}: add --engine NAME, or leave it out")
        return None
    engine = engine_of(question.engine)
    _must_know_of_beams(question)
    return engine.plan(model, question)


def _must_know_of_beams(question: Question) -> None:
    """Raises WrongArgument where it is not known how the engine keeps those of a sequence."""
    if question.beams > 1 and question.engine not in BEAMS:
        text = f"what {question.engine} keeps of {question.beams:,} beams is not known here"
        raise WrongArgument("beams", f"{text}: leave beams out, or the engine")


def settings_on(engine: str, gpu: Gpu) -> dict[str, Setting]:
    """The settings that say of an engine that it runs on a GPU; none where it goes by none.

    An engine that does has `gpu_named(gpu)`: what its setting `gpu` calls it. Raises UsageError
    for one that it does not know.
    """
    named: Callable[[Gpu], str] | None = getattr(engine_of(engine), "gpu_named", None)
    return {"gpu": named(gpu)} if named else {}


def version_of(question: Question) -> str | None:
    """The version of the engine that a question names; None where it names none."""
    return engine_of(question.engine).VERSION if question.engine else None
