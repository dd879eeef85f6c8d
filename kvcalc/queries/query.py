"""What was asked: the settings that change an answer, as every result echoes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError
from kvcalc.units import check_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.model import Model

MAX_BATCH = 10**9


@dataclass(frozen=True)
class Query:
    """The context in tokens per sequence, and the number of sequences."""

    context: int
    batch: int = 1


def query_for(models: Sequence[Model], context: int | None, batch: int) -> Query:
    """The query with its default filled in: the context all models given can do, 131,072 at most.

    Raises UsageError where context or batch is out of bounds.
    """
    if not 1 <= batch <= MAX_BATCH:
        raise UsageError(f"batch {batch:,}: it is between 1 and {MAX_BATCH:,} sequences")
    if context is None:
        return Query(min(model.default_context for model in models), batch)
    try:
        return Query(check_tokens(context), batch)
    except ValueError as error:
        raise UsageError(str(error)) from None


def beyond(model: Model, context: int) -> tuple[str, ...]:
    """A note where the context is longer than the model was made for."""
    if model.max_context is None or context <= model.max_context:
        return ()
    return (f"context {context:,} is beyond {model.name}'s own {model.max_context:,} tokens",)
