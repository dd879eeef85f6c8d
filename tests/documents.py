"""What is written out, read back: YAML, JSON by its schema, Markdown tables."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator


def data(source: Path | str) -> Any:
    """What a YAML file or text says, as JSON would: dates are text to an editor's schema."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    return _with_dates_as_text(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _with_dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_dates_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def closed(schema: Any) -> Any:
    """The schema with no property allowed but those it describes."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return {**found, "additionalProperties": False} if "properties" in schema else found


def validator_of(schema: Any) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def cells(line: str) -> list[str]:
    """The cells of one line of a Markdown table."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    found = re.findall(r"\|((?:\\.|[^\\|])*)(?=\|)", line)
    return [re.sub(r"\\([^\w\s])", r"\1", text.strip()) for text in found]
