"""Many models at a glance, each at its own default context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.errors import UsageError, briefly
from kvcalc.model import Model
from kvcalc.naming.folding import has
from kvcalc.whatif import native_row


@dataclass(frozen=True)
class Listed(Measured):
    """One model: its attention, and what it keeps at `context` tokens."""

    model: Model
    attention: str
    context: int
    amounts: Amounts

    @property
    def texts(self) -> tuple[str, ...]:
        """What it may be looked for by."""
        model = self.model
        return (model.slug, model.name, model.vendor, self.attention, *model.hub)


@dataclass(frozen=True, repr=False)
class Listing(Answer):
    """The models listed, in the order given, and the word that they have in common, if one."""

    models: tuple[Listed, ...]
    word: str = ""

    def with_word(self, word: str) -> Listing:
        """Those alone that have a word in a text of theirs. Raises UsageError where none has."""
        found = tuple(m for m in self.models if any(has(text, word) for text in m.texts))
        if not found:
            text = f"no model has {briefly(word)} in its name, vendor, attention or a hub id"
            raise UsageError(f"{text}; kvcalc list shows them all")
        return Listing(found, word)


def list_models(models: Iterable[Model]) -> Listing:
    """Describe each model in one line."""
    return Listing(tuple(_listed(model) for model in models))


def _listed(model: Model) -> Listed:
    context = model.default_context
    return Listed(model, native_row(model).name, context, model.cache.at(context))
