"""Which family a configuration is of, and by what that is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kvcalc.attention.base import Scheme
from kvcalc.importers.families import FAMILIES, MARKS
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.levels import Levels, stated_types
from kvcalc.importers.parts import full
from kvcalc.importers.schedules import FULL, same
from kvcalc.importers.values import short
from kvcalc.model import Architecture

_CLASS = re.compile(r"(?:For[A-Z]\w*|LMHeadModel|Model)$")
"""How the names of classes go on behind that of their family."""

_LONGEST = 200
"""No class has a name of more characters; the pattern takes the square of their number."""

_BY_CLASS = {re.sub(r"[\W_]", "", name).lower(): name for name in FAMILIES}


@dataclass(frozen=True)
class Identity:
    """The family of a configuration.

    by      what tells it: its `model_type`, fields that one family alone has, the name of its
            class, or nothing: then it is a stranger, read as plain attention
    stated  the `model_type` that the file states; "" where it states none
    name    the type that its class is named after, of those that the family has
    """

    family: Family
    by: Literal["model_type", "fields", "architectures", "nothing"]
    stated: str
    name: str = ""

    @property
    def known(self) -> bool:
        """Whether a field without a word of the cache can be passed over.

        A model that calls itself something new is not that family, whatever its class is called.
        """
        return self.by != "nothing" and not self.unknown_type

    @property
    def unknown_type(self) -> bool:
        """Whether it states a `model_type` that no family has."""
        return bool(self.stated) and self.by in ("architectures", "nothing")

    @property
    def called(self) -> str:
        """The family by the name that the file uses."""
        return self.stated if self.stated in self.family.types else self.name or self.family.name

    @property
    def what_is_unknown(self) -> str:
        """What is not known of it, to begin a sentence with."""
        return f"model_type {short(self.stated)} is not known" if self.stated else "no model_type"


def identity_of(levels: Levels) -> Identity:
    """The family of the innermost configuration that has one, else a stranger."""
    inner, stated = levels[0][1], stated_types(levels)
    # what stands around a language model does not speak for a kind that is not known
    named = stated[:1] if inner.get("model_type") else stated
    name = stated[0] if stated else ""
    for known in (each for each in named if each in FAMILIES):
        return Identity(FAMILIES[known], "model_type", known)
    for marks in (each for each in MARKS if inner.keys() >= set(each) and not stated):
        return Identity(MARKS[marks], "fields", "")
    for called in _of_class(inner):
        return Identity(FAMILIES[called], "architectures", name, called)
    stranger = Family(name, parts={FULL: _of_a_stranger}, schedule=same())
    return Identity(stranger, "nothing", name)


def _of_class(inner: Mapping[str, Any]) -> list[str]:
    """The type by the name of whose class a configuration goes."""
    classes = inner.get("architectures")
    listed = classes if isinstance(classes, list) else ()
    names = (each for each in listed if isinstance(each, str) and len(each) <= _LONGEST)
    found = (_BY_CLASS.get(_CLASS.sub("", name).lower()) for name in names)
    return [name for name in found if name is not None]


def _of_a_stranger(f: Fields) -> tuple[Scheme, ...]:
    """Plain attention, of which a file must say how many heads keep keys and values."""
    f.count("kv_heads")
    return full()(f)


def say_how_it_is_known(levels: Levels, identity: Identity, fields: Fields) -> None:
    """A note, or a problem, where nothing but a guess says what the language model is."""
    path, inner = levels[0]
    name = identity.family.name
    unknown = identity.what_is_unknown
    if identity.by == "fields":
        fields.note(f"no model_type: read as {name}, by its fields")
    elif identity.by == "architectures":
        fields.note(f"{unknown}: read as {identity.called}, by its architectures")
    elif identity.by == "nothing" and path and not inner.get("model_type"):
        text = f"{path[-1]} states no model_type, and that around it is not known"
        fields.problem(text, "model_type", "state the model_type of the language model there")
    elif identity.by == "nothing":
        called = (
            f"model_type {short(name)}" if identity.stated else "a configuration without model_type"
        )
        fields.note(f"{called} is not known; read as plain attention in every layer")


def architecture_of(levels: Levels, identity: Identity) -> Architecture | None:
    """What the outermost configuration says it is, and the language model inside it."""
    stated = stated_types(levels)
    if not stated:
        return Architecture(identity.called) if identity.called else None
    name = str(levels[-1][1].get("model_type") or stated[0])
    return Architecture(name, inner=stated[0] if stated[0] != name else "")
