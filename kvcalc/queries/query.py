"""What was asked: the settings that change an answer, as every result echoes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines import plan
from kvcalc.errors import UsageError
from kvcalc.extents import Fixed
from kvcalc.model import NO_CHANGE, Change
from kvcalc.units import check_batch, check_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.cache import Cache
    from kvcalc.model import Model


@dataclass(frozen=True)
class Query:
    """Tokens per sequence, the number of sequences, and what is changed in the models."""

    context: int
    batch: int = 1
    change: Change = NO_CHANGE
    engine: str | None = None

    def reserved(self, model: Model, cache: Cache) -> int | None:
        """Bytes that the engine asked for keeps of a cache; None where none is.

        Raises UsageError.
        """
        if self.engine is None:
            return None
        return plan(self.engine, model, cache).reserved(self.context, self.batch)

    def adapted(self, model: Model) -> Model:
        """A model with the changes asked for. Raises UsageError where they do not fit it."""
        return model.adapted(self.change, stored_by_an_engine=self.engine is not None)


def query_for(
    models: Sequence[Model],
    context: int | None,
    batch: int,
    change: Change = NO_CHANGE,
    engine: str | None = None,
) -> Query:
    """The query with its default filled in: the context all models given can do, 131,072 at most.

    Raises UsageError where context or batch is out of bounds.
    """
    try:
        check_batch(batch)
        if context is not None:
            check_tokens(context)
    except ValueError as error:
        raise UsageError(str(error)) from None
    tokens = context or min(model.default_context for model in models)
    return Query(tokens, batch, change, engine)


def notes_on(model: Model, query: Query) -> tuple[str, ...]:
    """What a reader of the answer should know of a model, before the query's changes to it."""
    context, change, name = query.context, query.change, model.name
    schemes = [model.attention[entry] for layer in model.layers for entry in layer]
    tensors = [tensor for scheme in dict.fromkeys(schemes) for tensor in scheme.expand()]
    cross = any(getattr(scheme, "cross", False) for scheme in schemes)
    source = change.source_length
    notes = {
        f"{name}: cross attention is not counted, as no source length is known": (
            cross and source is None and any(t.extent == Fixed(0) for t in tensors)
        ),
        f"{name} has no cross attention: the source length changes nothing": (
            not cross and source is not None
        ),
        f"{name}: compressors' left-over state is not counted, each engine keeps its own": any(
            tensor.role == "carry" for tensor in tensors
        ),
        f"{name} has no index keys: the index dtype changes nothing": (
            change.index_dtype is not None and all(tensor.role != "index" for tensor in tensors)
        ),
        f"{name} has no MTP layers that its file knows of": change.mtp and not model.mtp,
        f"{name}: {len(model.mtp)} MTP layer(s) included": change.mtp and bool(model.mtp),
    }
    adapted = query.adapted(model)
    of_engine = plan(query.engine, adapted, adapted.cache).notes if query.engine else ()
    own = tuple(f"{name}: {note}" for note in model.notes)
    return (
        own
        + beyond(model, context)
        + of_engine
        + tuple(note for note, applies in notes.items() if applies)
    )


def beyond(model: Model, context: int) -> tuple[str, ...]:
    """A note where the context is longer than the model was made for."""
    if model.max_context is None or context <= model.max_context:
        return ()
    return (f"context {context:,} is beyond {model.name}'s own {model.max_context:,} tokens",)
