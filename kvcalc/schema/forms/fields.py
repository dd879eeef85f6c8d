"""What stands in a field, and mappings of fields: types turned into pydantic's own core schemas.

A form is a TypedDict, or a scheme's fields. It goes to pydantic-core without a class in between:
a class costs a hundred times what its validator does, and most runs need few kinds.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin, is_typeddict

from pydantic_core import CoreSchema, SchemaValidator
from pydantic_core import core_schema as core

from kvcalc.attention.bounds import bound_of
from kvcalc.cache import CacheTensor
from kvcalc.formats import (
    ALIASES,
    FORMATS,
    LAYOUTS,
    Format,
    Layout,
    parse_format,
    parse_own_layout,
)
from kvcalc.units import MAX_TOKENS, parse_tokens


@dataclass(frozen=True, eq=False)
class WrittenAs:
    """How a value is written, where its type alone does not say so."""

    schema: CoreSchema


@dataclass(frozen=True)
class Form:
    """A mapping whose every key is known and whose values are not converted."""

    fields: Mapping[str, CoreSchema]
    required: frozenset[str]
    description: str = ""

    @cached_property
    def schema(self) -> core.TypedDictSchema:
        """The form as pydantic takes it."""
        return self._schema(self.required)

    @cached_property
    def validator(self) -> SchemaValidator:
        """Takes what is right in every field."""
        return SchemaValidator(self.schema)

    @cached_property
    def lenient(self) -> SchemaValidator:
        """The same, where any field may be missing."""
        return SchemaValidator(self._schema(()))

    def _schema(self, required: Iterable[str]) -> core.TypedDictSchema:
        fields = {
            name: core.typed_dict_field(schema, required=name in required)
            for name, schema in self.fields.items()
        }
        strict = core.CoreConfig(strict=True, extra_fields_behavior="forbid")
        metadata = {"description": self.description}
        return core.typed_dict_schema(fields, config=strict, metadata=metadata)


def form_of(written: type) -> Form:
    """The form that a TypedDict describes; its module may not postpone its annotations."""
    required: frozenset[str] = getattr(written, "__required_keys__", frozenset())
    fields = {name: schema_of(hint) for name, hint in written.__annotations__.items()}
    return Form(fields, required, written.__doc__ or "")


def tag(word: str) -> str:
    """How pydantic's error paths show which branch of a union was taken; no key looks like it."""
    return f"<{word}>"


def branches(choose: Callable[[Any], str | None], **choices: CoreSchema) -> CoreSchema:
    """One of several, by the word that `choose` has for a value; for None it is none of them."""

    tagged = {tag(word): schema for word, schema in choices.items()}
    return core.tagged_union_schema(tagged, lambda value: (word := choose(value)) and tag(word))


def _named(parse: Callable[[str], object], *shown: Any) -> CoreSchema:
    def read(value: object) -> object:
        if not isinstance(value, str):
            text = f"{value!r} is not a dtype: name one, such as bf16"
            raise ValueError(f"{text}; kvcalc list --dtypes shows all")
        return parse(value)

    return _read_by(read, {"anyOf": list(shown)})


def _date(value: object) -> str:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.date.fromisoformat(value).isoformat()
    raise ValueError("write a date as 2026-11-24")


def _tokens(value: object) -> object:
    return parse_tokens(value) if isinstance(value, str) else value


def _read_by(function: Callable[[Any], object], shown: dict[str, Any]) -> CoreSchema:
    return core.no_info_plain_validator_function(function, metadata={"shown": shown})


_OWN = [stored.name for stored in FORMATS.values() if not stored.residual]
_NAMES = {"enum": [*_OWN, *ALIASES], "type": "string"}
_LAYOUTS = {"enum": list(LAYOUTS), "type": "string"}
_N_BIT = {"pattern": "^[1-9][0-9]?bit$", "type": "string"}
_PAIR = {"pattern": "^[A-Za-z0-9_]+/[A-Za-z0-9_]+$", "type": "string"}
_TOKENS = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}

NOT_EMPTY = core.str_schema(min_length=1)
Text = Annotated[str, WrittenAs(NOT_EMPTY)]
Date = Annotated[str, WrittenAs(_read_by(_date, {"type": "string", "format": "date"}))]
_CONTEXT = core.no_info_before_validator_function(
    _tokens, core.int_schema(ge=1, le=MAX_TOKENS), metadata={"shown": _TOKENS}
)
Context = Annotated[int, WrittenAs(_CONTEXT)]
_PLAIN: dict[Any, CoreSchema] = {
    Any: core.any_schema(),
    int: core.int_schema(),
    str: core.str_schema(),
    bool: core.bool_schema(),
    Format: _named(parse_format, _NAMES, _N_BIT),
    Layout: _named(parse_own_layout, _NAMES, _LAYOUTS, _N_BIT, _PAIR),
}


def schema_of(hint: Any) -> CoreSchema:
    """What an annotation allows; its bounds and its description carry over."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_typeddict(hint):
        return form_of(hint).schema
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(hint, *arguments)
    if origin is Required:
        return schema_of(arguments[0])
    if origin is Literal:
        return core.literal_schema(list(arguments))
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is list:
        return core.list_schema(schema_of(arguments[0]))
    if origin is dict:
        return core.dict_schema(core.str_schema(), schema_of(arguments[1]))
    if CacheTensor in arguments:
        # made for files that have tensors of their own
        from kvcalc.schema.forms.tensors import TENSORS

        return TENSORS
    raise TypeError(f"a file has no words for {hint}")


def _annotated(hint: Any, inner: Any, *extras: Any) -> CoreSchema:
    schema = next((extra.schema for extra in extras if isinstance(extra, WrittenAs)), None)
    if schema is None and inner is int and (bound := bound_of(hint)):
        schema = core.int_schema(ge=bound.low, le=bound.high)
    schema = schema or schema_of(inner)
    text = next((extra for extra in extras if isinstance(extra, str)), None)
    described: Any = {**schema, "metadata": {**(schema.get("metadata") or {}), "description": text}}
    return described if text else schema


def _union(options: tuple[Any, ...]) -> CoreSchema:
    if type(None) in options:
        rest = tuple(option for option in options if option is not type(None))
        return core.nullable_schema(_union(rest))
    if len(options) == 1:
        return schema_of(options[0])
    # a word of its own beside something else: whoever writes neither is told of the latter
    (word,) = [option for option in options if get_origin(option) is Literal]
    (other,) = [option for option in options if option is not word]
    words, choices = get_args(word), {"word": schema_of(word), "other": schema_of(other)}
    return branches(lambda value: "word" if value in words else "other", **choices)
