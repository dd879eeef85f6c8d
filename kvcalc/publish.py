"""The JSON Schemas of what kvcalc reads and prints."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from kvcalc.render.documents import Printed
from kvcalc.schema.claim import ClaimsFile
from kvcalc.schema.model import ModelFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def model_schema() -> dict[str, Any]:
    """The schema of a model file, for editors and other tools."""
    return {"$schema": DIALECT, **ModelFile.model_json_schema()}


def claims_schema() -> dict[str, Any]:
    """The schema of a claims file."""
    return {"$schema": DIALECT, **ClaimsFile.model_json_schema()}


def output_schema() -> dict[str, Any]:
    """The schema of every document that `--json` prints, told apart by `kind`."""
    schema = TypeAdapter(Printed).json_schema(mode="serialization")
    return {"$schema": DIALECT, "title": "kvcalc output", **schema}


SCHEMAS = {"model": model_schema, "claims": claims_schema, "output": output_schema}
