"""Attention entries as files write them: a form per kind, made from its scheme when it is named."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Literal

from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

from kvcalc.attention import KINDS
from kvcalc.attention.base import INHERITED
from kvcalc.attention.bounds import field_hints
from kvcalc.schema.forms.fields import Form, schema_of


@cache
def entry_form(kind: str) -> Form:
    """What an entry of this kind may say."""
    scheme = KINDS[kind]
    hints = field_hints(scheme)
    required = ["kind"]
    fields = {"kind": schema_of(Literal[kind])}
    for field in dataclasses.fields(scheme):
        names = [field.name, *(a for a, name in scheme.aliases.items() if name == field.name)]
        schema = schema_of(hints[field.name])
        if len(names) > 1 or field.name in INHERITED:
            schema = _optional(schema)
        elif field.default is dataclasses.MISSING:
            required.append(field.name)
        fields |= dict.fromkeys(names, schema)
    return Form(fields, frozenset(required), scheme.__doc__ or "")


@cache
def what_if_form(kind: str) -> Form:
    """The same where every field may be left to the layer that the what-if stands in for."""
    entry = entry_form(kind)
    fields = {name: _optional(s) for name, s in entry.fields.items() if name != "kind"}
    return Form(fields, frozenset(), entry.description)


def _optional(schema: CoreSchema) -> CoreSchema:
    return schema if schema["type"] == "nullable" else core.nullable_schema(schema)
