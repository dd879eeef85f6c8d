"""The JSON Schemas of what kvcalc reads and prints, built when they are asked for.

A schema names its types once, and shows editors what the validators of `kvcalc.schema` take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcalc.attention import KINDS
from kvcalc.attention.bounds import Count, CountOrZero, SourceLength, TokenCount
from kvcalc.formats import Format, IndexFormat, Layout
from kvcalc.render.schema import DIALECT, output_schema
from kvcalc.schema.forms.claims import ClaimForm, ClaimsForm, SideForm
from kvcalc.schema.forms.entries import entry_form, what_if_form
from kvcalc.schema.forms.fields import Context, form_of, schema_of
from kvcalc.schema.forms.gpu import GpuForm
from kvcalc.schema.forms.layers import Layers
from kvcalc.schema.forms.model import ModelForm
from kvcalc.schema.forms.tensors import TensorForm

TYPES: Mapping[str, Any] = {
    "dtype": Format,
    "layout": Layout,
    "index_dtype": IndexFormat,
    "count": Count,
    "count_or_zero": CountOrZero,
    "tokens": TokenCount,
    "tokens_or_zero": SourceLength,
    "context": Context,
    "layers": Layers,
    "tensor": TensorForm,
}
"""What is named where it occurs; with `_or_null` behind it where it may be nothing."""

Json = dict[str, Any]


def model_schema() -> Json:
    """The schema of a model file, for editors and other tools."""
    types = _Types()
    model = types.shown(form_of(ModelForm).schema)
    entries = [_ref(kind) for kind in KINDS]
    what_ifs = {kind: _or_null(_ref(f"{kind}_what_if")) for kind in KINDS}
    for kind in KINDS:
        entry = types.shown(entry_form(kind).schema)
        types.found[kind] = entry
        # a field of a what-if is what it is in an entry, but that none is needed
        what_if = {name: _ref(f"{kind}/properties/{name}") for name in what_if_form(kind).fields}
        types.found[f"{kind}_what_if"] = _mapping(what_if, entry["description"])
    types.found["entry"] = {"anyOf": entries}
    several = {"type": "object", "minProperties": 1, "additionalProperties": _ref("entry")}
    fields = model["properties"]
    fields["attention"] |= {"anyOf": [_ref("entry"), several]}
    fields["compare"] = _mapping(what_ifs, fields["compare"]["description"], ["object", "null"])
    return {"$schema": DIALECT, **model, "$defs": dict(sorted(types.found.items()))}


def claims_schema() -> Json:
    """The schema of a claims file."""
    types = _Types()
    claims, claim = types.shown(form_of(ClaimsForm).schema), types.shown(form_of(ClaimForm).schema)
    types.found |= {"claim": claim, "side": types.shown(form_of(SideForm).schema)}
    claims["properties"]["claims"]["items"] = _ref("claim")
    claim["properties"]["of"]["additionalProperties"] = _ref("side")
    return {"$schema": DIALECT, **claims, "$defs": dict(sorted(types.found.items()))}


def gpu_schema() -> Json:
    """The schema of a GPU file."""
    types = _Types()
    gpu = types.shown(form_of(GpuForm).schema)
    defined = {"$defs": dict(sorted(types.found.items()))} if types.found else {}
    return {"$schema": DIALECT, **gpu, **defined}


SCHEMAS = {
    "model": model_schema,
    "claims": claims_schema,
    "gpu": gpu_schema,
    "output": output_schema,
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(shown: Json) -> Json:
    return {"anyOf": [shown, {"type": "null"}]}


def _mapping(properties: Json, description: str, kind: Any = "object", **more: Any) -> Json:
    known = {"type": kind, "description": description, "properties": properties}
    return {**known, **more, "additionalProperties": False}


class _Types:
    """pydantic's core schemas as JSON Schema; `found` holds the named types that occurred."""

    def __init__(self) -> None:
        self.found: dict[str, Json] = {}
        self._names: dict[str, str] = {}
        for name, hint in TYPES.items():
            self._names[repr(self._bare(schema_of(hint)))] = name

    def shown(self, schema: Any) -> Json:
        """A schema, with its description; a named type by its name alone."""
        found = self._named(self._bare(schema))
        text = (schema.get("metadata") or {}).get("description")
        return {**found, "description": text} if text else found

    def _named(self, shown: Json) -> Json:
        name = self._names.get(repr(shown))
        if name is None:
            return shown
        self.found[name] = shown
        return _ref(name)

    def _bare(self, schema: Any) -> Json:
        match schema["type"]:
            case "typed-dict":
                return self._form(schema)
            case "nullable":
                return self._nullable(self.shown(schema["schema"]))
            case "tagged-union":
                return {"anyOf": [self.shown(choice) for choice in schema["choices"].values()]}
            case "list":
                items = self.shown(schema["items_schema"])
                return {"type": "array", "items": items, **_limits(schema, "Items")}
            case "dict":
                return {"type": "object", **_limits(schema, "Properties")}
            case "literal":
                only = schema["expected"]
                return {"const": only[0]} if len(only) == 1 else {"enum": only, "type": "string"}
            case "any":
                return {}
            case "int":
                return {"type": "integer", "minimum": schema["ge"], "maximum": schema["le"]}
            case "str":
                return {"type": "string", **_limits(schema, "Length")}
            case "bool":
                return {"type": "boolean"}
        shown: Json = schema["metadata"]["shown"]
        return shown

    def _form(self, schema: Any) -> Json:
        fields = {name: self.shown(field["schema"]) for name, field in schema["fields"].items()}
        needed = [name for name, field in schema["fields"].items() if field["required"]]
        more = {"required": needed} if needed else {}
        return _mapping(fields, schema["metadata"]["description"], **more)

    def _nullable(self, shown: Json) -> Json:
        if isinstance(shown.get("type"), str) and "enum" not in shown:
            return {**shown, "type": [shown["type"], "null"]}
        if (ref := shown.get("$ref")) is None:
            return _or_null(shown)
        name = f"{ref.rpartition('/')[2]}_or_null"
        self.found[name] = _or_null({"$ref": ref})
        return {**shown, **_ref(name)}


def _limits(schema: Any, of: str) -> Json:
    return {f"{key[:3]}{of}": schema[key] for key in ("min_length", "max_length") if key in schema}
