"""The building blocks of the YAML schema, and scheme annotations turned into them."""

from __future__ import annotations

import contextlib
import datetime
import functools
import operator
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from kvcalc.attention.base import bound_of
from kvcalc.formats import FORMATS, LAYOUTS, Format, Layout, parse_format, parse_layout
from kvcalc.units import MAX_TOKENS, parse_tokens

if TYPE_CHECKING:
    from kvcalc.attention.base import Bound


class Strict(BaseModel):
    """A mapping whose every key is known and whose values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def tag(word: str) -> str:
    """How pydantic's error paths show which branch of a union was taken; no key looks like it."""
    return f"<{word}>"


def word_or_mapping(value: object) -> str:
    """The branch of a union that is a plain value in short and a mapping in full."""
    return tag("mapping" if isinstance(value, dict | BaseModel) else "word")


M = TypeVar("M", bound=Strict)


def _dtype(value: object) -> Format:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a dtype; known: {', '.join(FORMATS)}")
    return parse_format(value)


def _layout(value: object) -> Layout:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a dtype; known: {', '.join([*FORMATS, *LAYOUTS])}")
    return parse_layout(value)


def _date(value: object) -> str:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.date.fromisoformat(value).isoformat()
    raise ValueError("write a date as 2026-11-24")


def _tokens(value: object) -> object:
    return parse_tokens(value) if isinstance(value, str) else value


_NAMES = {"enum": list(FORMATS), "type": "string"}
_N_BIT = {"pattern": "^[1-9][0-9]?bit$", "type": "string"}
_PAIR = {"pattern": "^[a-z0-9_]+/[a-z0-9_]+$", "type": "string"}
DType = Annotated[Format, PlainValidator(_dtype), WithJsonSchema({"anyOf": [_NAMES, _N_BIT]})]
StoredAs = Annotated[
    Layout,
    PlainValidator(_layout),
    WithJsonSchema({"anyOf": [_NAMES, {"enum": list(LAYOUTS), "type": "string"}, _N_BIT, _PAIR]}),
]
Date = Annotated[str, PlainValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Context = Annotated[
    int,
    BeforeValidator(_tokens),
    Field(ge=1, le=MAX_TOKENS),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]
Text = Annotated[str, Field(min_length=1)]


def yaml_type(hint: Any, translated: dict[Any, Any]) -> Any:
    """A scheme's annotation as pydantic reads it from YAML; bounds and descriptions carry over.

    `translated` says what stands in YAML for a type that is not written as it is.
    """
    if hint in translated:
        return translated[hint]
    if hint is Format:
        return DType
    if hint is Layout:
        return StoredAs
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        text = next((extra for extra in extras if isinstance(extra, str)), None)
        inner = _bounded(yaml_type(inner, translated), bound_of(hint) if inner is int else None)
        return Annotated[inner, Field(description=text)] if text else inner
    if get_origin(hint) is Literal or not get_args(hint):
        return hint
    options = (yaml_type(option, translated) for option in get_args(hint))
    return functools.reduce(operator.or_, options)


def _bounded(hint: Any, bound: Bound | None) -> Any:
    return hint if bound is None else Annotated[hint, Field(ge=bound.low, le=bound.high)]


def well_formed(form: type[M], data: Mapping[str, Any], broken: Collection[Any]) -> M:
    """A form with the fields that have no problem of their own; None stands for the others."""
    values: dict[str, Any] = {}
    for name, field in form.model_fields.items():
        key = field.alias or name
        values[name] = None if field.is_required() or key in broken else field.get_default()
        if key in data and key not in broken:
            adapter = TypeAdapter(field.rebuild_annotation())
            with contextlib.suppress(ValidationError):
                values[name] = adapter.validate_python(data[key], strict=True)
    return form.model_construct(set(data) & set(values), **values)
