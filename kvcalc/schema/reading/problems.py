"""A mapping held to its form; pydantic's errors in our words: where, what, and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import CoreSchema, ErrorDetails, ValidationError

from kvcalc.errors import Nearest, Place, Problem
from kvcalc.schema.forms.fields import Form


def held_to(form: Form, data: object, place: Place = ()) -> tuple[dict[str, Any], list[Problem]]:
    """The fields that are as the form has them, and what is wrong with the others.

    `place` is where the data stands in the file.
    """
    try:
        return form.validator.validate_python(data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = list(dict.fromkeys(_problem(detail, place, form.schema) for detail in details))
    if not isinstance(data, dict):
        return {}, problems
    # what is well-formed is still looked at, so that one run shows every problem
    broken = {problem.path[: len(place) + 1] for problem in problems}
    rest = {name: value for name, value in data.items() if (*place, name) not in broken}
    return form.lenient.validate_python(rest), problems


def untagged(path: Place) -> Problem:
    """A value that is none of the things that may stand there."""
    if path in (("layers",), ("mtp",)):
        text = f"{path[0]} is neither a number nor a mapping"
        return Problem(text, _example("layers"), path)
    text = f"{_name(path)} has no kind"
    return Problem(text, "write for example {kind: gqa, kv_heads: 8}", path)


def unnamed(path: Place) -> Problem:
    """A name that is empty."""
    return Problem(f"a name in {_name(path[:-1])} is empty", "give it one", path)


def unknown(field: str, known: Iterable[str], path: Place) -> Problem:
    """A field that a mapping does not have."""
    return Problem(f"unknown field {field!r}", Nearest(field, tuple(known)), path)


def _fields_at(schema: Any, place: Place) -> Iterable[str]:
    """The fields of the mapping at a place, branches of unions included."""
    for step in place:
        while schema["type"] == "nullable":
            schema = schema["schema"]
        match schema["type"]:
            case "typed-dict":
                schema = schema["fields"][step]["schema"]
            case "tagged-union":
                schema = schema["choices"][step]
            case "list":
                schema = schema["items_schema"]
    return list(schema["fields"])


def _is_tag(step: str | int) -> bool:
    """Whether a step of pydantic's path names a branch of a union, not a place in the file."""
    return isinstance(step, str) and step.startswith("<") and step.endswith(">")


def _problem(detail: ErrorDetails, place: Place, schema: CoreSchema) -> Problem:
    raw: Place = detail["loc"]
    path = (*place, *(step for step in raw if not _is_tag(step)))
    if path and path[-1] == "[key]":
        return unnamed(path[:-1])
    match detail["type"]:
        case "missing":
            return Problem(f"missing field {path[-1]!r}", _example(path[-1]), path[:-1])
        case "extra_forbidden":
            return unknown(str(path[-1]), _fields_at(schema, raw[:-1]), path)
        case "union_tag_not_found":
            return untagged(path)
        case "literal_error":
            words = detail["ctx"]["expected"].replace(" or ", ",").split(",")
            known = tuple(word.strip(" '") for word in words)
            hint = Nearest(str(detail["input"]), known)
            return Problem(f"{_name(path)} cannot be {_shown(detail['input'])}", hint, path)
        case "value_error":
            return Problem(f"{_name(path)}: {detail['ctx']['error']}", path=path)
    return Problem(_range_or_type(detail, path), path=path)


def _range_or_type(detail: ErrorDetails, path: Place) -> str:
    shown, context = _shown(detail["input"]), detail.get("ctx", {})
    limits = {
        "greater_than_equal": "at least {ge:,}",
        "less_than_equal": "at most {le:,}",
        "too_short": "not empty",
        "string_too_short": "not empty",
        "too_long": "at most {max_length:,} items long",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing_size": "a number of a sane size",
        "string_type": "text; put it in quotes",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a mapping of fields",
    }
    wanted = limits.get(detail["type"])
    if wanted is None:
        return f"{_name(path)}: {detail['msg']}"
    must = "must not be empty" if wanted == "not empty" else f"must be {wanted.format(**context)}"
    return f"{_name(path)} is {shown}; it {must}"


def _name(path: Place) -> str:
    words = [str(step) for step in path if isinstance(step, str)]
    return words[-1] if words else "the file"


def _shown(value: object) -> str:
    words: dict[object, str] = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = f"{value:,}" if isinstance(value, int) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _example(field: str | int) -> str:
    examples = {
        "name": "name: My Model",
        "layers": "layers: 61, or layers: {count: 62, pattern: [local*5, global]}",
        "dtype": "dtype: bf16",
        "attention": "attention: {kind: gqa, kv_heads: 8}",
        "source": "source: { from: a paper, read: 2026-11-24, primary: true }",
        "model_type": "architecture: llama, or architecture: { gguf: llama }",
        "vendor": "vendor: NVIDIA",
        "memory": "memory: 139.8GiB",
        "bandwidth": "bandwidth: 4.8TB/s",
        "count": "layers: {count: 62, pattern: [local*5, global]}",
    }
    return f"write for example {examples[str(field)]}" if field in examples else ""
