"""pydantic's errors in our words: where in the file, what is wrong, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kvcalc.attention import KINDS
from kvcalc.errors import Path, Problem, did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

FieldsAt = Callable[[Path], Iterable[str]]
"""The fields that a mapping may have, by its place in the file (union tags included)."""


def problems_of(error: ValidationError, fields_at: FieldsAt) -> tuple[Problem, ...]:
    """One problem per mistake, in the order of the file."""
    found = (_problem(detail, fields_at) for detail in error.errors(include_url=False))
    return tuple(dict.fromkeys(found))


def is_tag(step: str | int) -> bool:
    """Whether a step of pydantic's path names a branch of a union, not a place in the file."""
    return isinstance(step, str) and step.startswith("<") and step.endswith(">")


def _problem(detail: ErrorDetails, fields_at: FieldsAt) -> Problem:
    raw: Path = detail["loc"]
    path = tuple(step for step in raw if not is_tag(step))
    match detail["type"]:
        case "missing":
            return Problem(f"missing field {path[-1]!r}", _example(path[-1]), path[:-1])
        case "extra_forbidden":
            hint = did_you_mean(str(path[-1]), fields_at(raw[:-1]))
            return Problem(f"unknown field {path[-1]!r}", hint, path)
        case "union_tag_invalid":
            kind = str(detail["ctx"]["tag"])[1:-1]
            return Problem(f"unknown kind {kind!r}", did_you_mean(kind, KINDS), (*path, "kind"))
        case "union_tag_not_found":
            return Problem(*_untagged(path), path=path)
        case "literal_error" | "enum":
            hint = did_you_mean(str(detail["input"]), _words(detail["ctx"]["expected"]))
            return Problem(f"{_name(path)} cannot be {_shown(detail['input'])}", hint, path)
        case "value_error":
            return Problem(f"{_name(path)}: {detail['ctx']['error']}", path=path)
    return Problem(_range_or_type(detail, path), path=path)


def _range_or_type(detail: ErrorDetails, path: Path) -> str:
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
        "model_type": "a mapping of fields",
        "model_attributes_type": "a mapping of fields",
        "dict_type": "a mapping of fields",
    }
    wanted = limits.get(detail["type"])
    if wanted is None:
        return f"{_name(path)}: {detail['msg']}"
    must = "must not be empty" if wanted == "not empty" else f"must be {wanted.format(**context)}"
    return f"{_name(path)} is {shown}; it {must}"


def _untagged(path: Path) -> tuple[str, str]:
    if path == ("layers",):
        return "layers is neither a number nor a mapping", _example("layers")
    return f"{_name(path)} has no kind", "write for example {kind: gqa, kv_heads: 8}"


def _name(path: Path) -> str:
    words = [str(step) for step in path if isinstance(step, str)]
    return words[-1] if words else "the file"


def _shown(value: object) -> str:
    words: dict[object, str] = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = f"{value:,}" if isinstance(value, int) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _words(expected: str) -> list[str]:
    return [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]


def _example(field: str | int) -> str:
    examples = {
        "name": "name: My Model",
        "layers": "layers: 61, or layers: {count: 62, pattern: [local*5, global]}",
        "dtype": "dtype: bf16",
        "attention": "attention: {kind: gqa, kv_heads: 8}",
        "source": "source: { from: a paper, read: 2026-11-24, primary: true }",
        "count": "layers: {count: 62, pattern: [local*5, global]}",
    }
    return f"write for example {examples[str(field)]}" if field in examples else ""
