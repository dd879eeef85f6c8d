"""Many models at a glance, each at its own default context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.model import Model
from kvcalc.whatif import native_row


@dataclass(frozen=True)
class Listed(Measured):
    """One model: its attention, and what it keeps at `context` tokens."""

    model: Model
    attention: str
    context: int
    amounts: Amounts


@dataclass(frozen=True, repr=False)
class Listing(Answer):
    """All models listed, in the order given."""

    models: tuple[Listed, ...]


def list_models(models: Iterable[Model]) -> Listing:
    """Describe each model in one line."""
    return Listing(tuple(_listed(model) for model in models))


def _listed(model: Model) -> Listed:
    context = model.default_context
    return Listed(model, native_row(model).name, context, model.cache.at(context))
