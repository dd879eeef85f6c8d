"""Many models at a glance, each at its own default context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.whatif import native_row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from kvcalc.model import Model


@dataclass(frozen=True)
class Listed:
    """One model: what it keeps per token and whatever the context, at `context` tokens."""

    model: Model
    attention: str
    context: int
    growth: Fraction
    fixed: int


@dataclass(frozen=True)
class Listing:
    """All models listed, in the order given."""

    models: tuple[Listed, ...]


def list_models(models: Iterable[Model]) -> Listing:
    """Describe each model in one line."""
    return Listing(tuple(_listed(model) for model in models))


def _listed(model: Model) -> Listed:
    context = model.default_context
    cache, attention = model.cache, native_row(model).name
    return Listed(model, attention, context, cache.growth(context), cache.fixed(context))
