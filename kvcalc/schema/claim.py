"""A claims file: what it may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kvcalc.errors import Path
from kvcalc.schema.fields import Context, Date, Strict, Text
from kvcalc.units import MAX_TOKENS

Batch = Annotated[int, Field(ge=1, le=10**9)]
SourceTokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class ChangesFile(Strict):
    """What-ifs on a model: how it is stored, what is counted, at which context and batch."""

    context: Context | None = None
    batch: Batch = 1
    kv_dtype: Text | None = None
    index_dtype: Text | None = None
    mtp: bool = False
    source_length: SourceTokens | None = None


class SideFile(ChangesFile):
    """One side of a comparison: a model, and the row of it that is meant (its own if absent)."""

    model: Text
    scheme: Text | None = None


class ClaimSourceFile(Strict):
    """Where the claim was read, when, and whether that is the primary source of the figure."""

    origin: Annotated[Text, Field(alias="from")]
    read: Date
    primary: bool


class ClaimFile(ChangesFile):
    """A published figure, held to what is computed. `expect` has one entry."""

    id: Text
    quote: Text
    source: ClaimSourceFile
    of: Annotated[dict[Text, SideFile], Field(min_length=1)] | None = None
    model: Text | None = None
    expect: Annotated[dict[Text, Any], Field(min_length=1, max_length=1)] | None = None
    holds_if: Annotated[dict[Text, Any], Field(min_length=1)] | None = None
    verdict: (
        Literal["confirmed", "holds-if", "misattributed", "refuted", "not-computable"] | None
    ) = None
    ships: Text | None = None
    evidence: Text | None = None
    note: str = ""


class ClaimsFile(Strict):
    """A list of claims that `kvcalc check` holds to their verdicts."""

    claims: Annotated[list[ClaimFile], Field(min_length=1)]


def fields_at(path: Path) -> list[str]:
    """The fields that a mapping at this place in one claim may have."""
    owner: type[Strict] = ClaimFile
    match path:
        case (*_, "source"):
            owner = ClaimSourceFile
        case (*_, "of", _):
            owner = SideFile
    return [field.alias or name for name, field in owner.model_fields.items()]
