"""Rows on their own, as CSV and JSON lines have them: each says what it is of and how it was asked.

What a row does not have itself comes behind its own keys, under the names of a document's `query`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from kvcalc.cache import ENTRY_ROLES
from kvcalc.formats import NONE
from kvcalc.model import Model
from kvcalc.question import Question
from kvcalc.render.keys import VERSION, Each
from kvcalc.render.sheets import own_dtype

STORED_IN = ("kv_dtype", "index_dtype")
ASKED = ("model", *(field.name for field in fields(Question)), "draft")
"""What every row of what was measured says besides; its dtypes are those it is stored in."""

Said = Mapping[str, Any]
About = Callable[[Any], Callable[[Any], Said]]
"""Of an answer, what is to be said of each element of its list."""


class Records:
    """The list that an answer is about, one by one, each with these names and kvcalc's version."""

    def __init__(
        self, each: Each, names: tuple[str, ...] = (), about: About = lambda _: lambda _: {}
    ) -> None:
        own = each.document.header
        self.each, self.about = each, about
        self.more = tuple(name for name in names if name not in own)
        self.header = (*own, *self.more, VERSION.name)

    def of(self, answer: Any) -> Iterator[dict[str, Any]]:
        """A flat record for each element."""
        about, version = self.about(answer), {VERSION.name: VERSION.of(answer)}
        for thing in self.each.things(answer):
            said = about(thing)
            more = {name: said[name] for name in self.more}
            yield self.each.document(thing) | more | version


def stored_in(model: Model) -> dict[str, str | None]:
    """What a model's cache is stored in, asked for or its own; null where it has no index keys."""
    if model.index_dtype == NONE:
        index: str | None = NONE
    else:
        settled = (
            one for scheme in model.schemes for one in model.storage(scheme).settle(scheme.kept)
        )
        names = dict.fromkeys(one.format.name for one in settled if one.tensor.role == "index")
        index = ", ".join(names) or None
    return {"kv_dtype": _entries_in(model), "index_dtype": index}


def _entries_in(model: Model) -> str:
    """The dtype asked for where it names some entry of a scheme, else the model's own."""
    if model.kv_dtype is None:
        return own_dtype(model)
    found = []
    for scheme in model.schemes:
        storage, roles = model.storage(scheme), {tensor.role for tensor in scheme.kept}
        if kept := roles.intersection(ENTRY_ROLES):
            named = kept.difference(storage.unnamed(scheme.kept))
            found.append((model.kv_dtype if named else storage.dtype).name)
    return ", ".join(dict.fromkeys(found)) or own_dtype(model)


def asked_of(answer: Any, model: Model) -> dict[str, Any]:
    """What was asked, and of which model, whose dtypes are told as they are stored."""
    draft = model.draft
    return {
        **answer.query.echo(),
        **stored_in(model),
        "model": model.name,
        "draft": draft.name if draft else None,
        "draft_kv_dtype": _entries_in(draft) if draft else None,
    }
