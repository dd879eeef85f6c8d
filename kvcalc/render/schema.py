"""The JSON Schema of all documents that are printed, from the keys that they are made of."""

from __future__ import annotations

from importlib import import_module
from types import FunctionType
from typing import Any, Literal, get_args, get_origin

from kvcalc.render import VIEWS
from kvcalc.render.keys import JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}


def output_schema() -> dict[str, Any]:
    """The schema of the documents of all questions, told apart by `kind`."""
    defined: dict[str, Any] = {}
    answers = [_schema(import_module(view).DOCUMENT, defined) for view in VIEWS.values()]
    known = {"$defs": dict(sorted(defined.items())), "anyOf": answers}
    return {"$schema": DIALECT, "title": "kvcalc output", **known}


def _schema(holds: Any, defined: dict[str, Any]) -> dict[str, Any]:
    """The schema of what a key holds; documents go by name to those already defined."""
    if isinstance(holds, FunctionType):
        return _schema(holds(), defined)
    if isinstance(holds, JsonObject):
        if holds.name not in defined:
            defined[holds.name] = _object(holds, defined)
        return {"$ref": f"#/$defs/{holds.name}"}
    if isinstance(holds, list):
        return {"type": "array", "items": _schema(holds[0], defined)}
    if isinstance(holds, dict):
        return {"type": "object", "additionalProperties": _schema(holds[str], defined)}
    if isinstance(holds, str):
        return {"const": holds}
    if get_origin(holds) is Literal:
        return {"enum": list(get_args(holds))}
    several = holds if isinstance(holds, tuple) else get_args(holds)
    if several:
        return {"anyOf": [_schema(one, defined) for one in several]}
    return {"type": NAMES[holds]}


def _object(document: JsonObject, defined: dict[str, Any]) -> dict[str, Any]:
    properties = {
        key.name: ({"description": key.says} if key.says else {}) | _schema(key.holds, defined)
        for key in document.keys
    }
    return {
        "title": document.name,
        "description": document.says,
        "type": "object",
        "properties": properties,
        "required": list(document.header),
    }
