"""Attention entries as YAML writes them: one pydantic model per kind, made from its scheme."""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, create_model

from kvcalc.attention import KINDS
from kvcalc.attention.base import INHERITED, Scheme, field_hints
from kvcalc.cache import CacheTensor
from kvcalc.errors import InvalidValue, Path, Problem
from kvcalc.schema.fields import Strict, tag, yaml_type
from kvcalc.schema.tensors import TensorFile

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSLATED = {tuple[CacheTensor, ...]: Annotated[list[TensorFile], Field(min_length=1)]}
"""Scheme fields that YAML writes in another shape than the scheme holds."""


class EntryFile(Strict):
    """What all entries share: the scheme they describe, and the fields given under its names."""

    scheme: ClassVar[type[Scheme]]

    def fields(self) -> dict[str, Any]:
        """The fields that were written. Raises InvalidValue where two say the same."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "kind"}
        for alias, name in self.scheme.aliases.items():
            if alias in given and name in given:
                text = f"{alias} and {name} mean the same; keep one"
                hint = "both are the number of key/value heads (G in the GQA paper)"
                raise InvalidValue([Problem(text, hint, (alias,))])
            if alias in given:
                given[name] = given.pop(alias)
        if "tensors" in given:
            given["tensors"] = tensors(given["tensors"])
        return given


def tensors(files: list[TensorFile]) -> tuple[CacheTensor, ...]:
    """The tensors of a custom entry. Raises InvalidValue with every problem of all of them."""
    found, problems = [], []
    for number, file in enumerate(files):
        try:
            found.append(file.tensor())
        except InvalidValue as error:
            problems += [problem.under(("tensors", number)) for problem in error.problems]
    if problems:
        raise InvalidValue(problems)
    return tuple(found)


def _entry_model(scheme: type[Scheme], *, what_if: bool) -> type[EntryFile]:
    """The model of one kind. In a what-if every field may be left to the layer it stands in for."""
    fields: dict[str, Any] = {} if what_if else {"kind": (Literal[scheme.kind], ...)}
    hints = field_hints(scheme)
    for field in dataclasses.fields(scheme):
        names = [field.name, *(a for a, name in scheme.aliases.items() if name == field.name)]
        hint = yaml_type(hints[field.name], TRANSLATED)
        optional = len(names) > 1 or what_if or field.name in INHERITED
        for name in names:
            if optional or field.default is not dataclasses.MISSING:
                fields[name] = (hint | None if optional else hint, None)
            else:
                fields[name] = (hint, ...)
    suffix = "WhatIf" if what_if else "File"
    model: type[EntryFile] = create_model(
        scheme.__name__ + suffix, __base__=EntryFile, __doc__=scheme.__doc__, **fields
    )
    model.scheme = scheme
    return model


ENTRIES = {kind: _entry_model(scheme, what_if=False) for kind, scheme in KINDS.items()}
WHAT_IFS = {kind: _entry_model(scheme, what_if=True) for kind, scheme in KINDS.items()}


def _kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return tag(str(kind)) if kind is not None else None


if TYPE_CHECKING:
    Entry = EntryFile
else:
    _BRANCHES = tuple(Annotated[model, Tag(tag(kind))] for kind, model in ENTRIES.items())
    Entry = Annotated[functools.reduce(operator.or_, _BRANCHES), Discriminator(_kind)]


def scheme_of(entry: EntryFile, inherited: Mapping[str, Any]) -> Scheme:
    """The scheme an entry describes, with the model's own heads, head_dim and dtype filled in.

    Raises InvalidValue; paths are relative to the entry.
    """
    scheme, fields = entry.scheme, entry.fields()
    names = [field.name for field in dataclasses.fields(scheme)]
    for name in INHERITED:
        if name in names and fields.get(name) is None and inherited.get(name) is not None:
            fields[name] = inherited[name]
    return scheme.made(fields)


def path_to(prefix: Path, problem: Problem, entry: EntryFile) -> Problem:
    """The problem at the field's own place, under the name the file gives it."""
    aliases = entry.scheme.aliases
    written = {name: alias for alias, name in aliases.items() if alias in entry.model_fields_set}
    path = tuple(written.get(str(step), step) for step in problem.path)
    return dataclasses.replace(problem, path=(*prefix, *path))
