"""Inference engines, one module each: what each keeps, or reserves, of a model's cache.

An engine is a module with `plan(model, question) -> Plan` and a line in `ENGINES`.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvcalc.engines.reservation import Plan
    from kvcalc.model import Model
    from kvcalc.question import Question

ENGINES = {"transformers": "kvcalc.engines.transformers"}
"""The module of each engine, by the name that `--engine` takes; imported when it is asked for."""


def plan(model: Model, question: Question) -> Plan | None:
    """How the engine that a question names keeps a model; None where it names none.

    The model comes with the question's changes, its layers in order and its tensors' formats open;
    a draft beside it is planned by itself, by the rules for its own architecture.
    Raises UsageError for an engine that is not known, and for what it cannot store.
    """
    if question.engine is None:
        return None
    if question.engine not in ENGINES:
        hint = did_you_mean(question.engine, ENGINES)
        raise UsageError(f"unknown engine {question.engine!r}; {hint}")
    return _planned(model, question, import_module(ENGINES[question.engine]).plan)


def _planned(model: Model, question: Question, by: Callable[[Model, Question], Plan]) -> Plan:
    if model.draft is None:
        return by(model, question)
    from kvcalc.engines.reservation import WithDraft

    own = by(replace(model, draft=None), question)
    try:
        return WithDraft(own, _planned(model.draft, question.of_draft, by))
    except UsageError as error:
        # engines name the option by which a model's dtype is changed
        text = str(error).replace("--kv-dtype", "--draft-kv-dtype")
        raise UsageError(f"draft: {text}") from None
