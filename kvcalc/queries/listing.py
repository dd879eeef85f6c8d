"""Many models at a glance, each at its own default context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.cache import Measured
from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvcalc.cache import Amounts
    from kvcalc.model import Model


@dataclass(frozen=True)
class Listed(Measured):
    """One model: its attention, and what it keeps at `context` tokens."""

    model: Model
    attention: str
    context: int
    amounts: Amounts


@dataclass(frozen=True)
class Listing:
    """All models listed, in the order given."""

    models: tuple[Listed, ...]


def list_models(models: Iterable[Model]) -> Listing:
    """Describe each model in one line."""
    return Listing(tuple(_listed(model) for model in models))


def _listed(model: Model) -> Listed:
    context = model.default_context
    return Listed(model, native_row(model).name, context, model.cache.at(context))
