"""A claims file: what it may say."""

from typing import Annotated, Any, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound, SourceLength
from kvcalc.claim import Verdict
from kvcalc.model import MAX_LAYERS
from kvcalc.schema.forms.fields import NOT_EMPTY, Context, Date, Text, WrittenAs

_ANY = core.any_schema()
Batch = Annotated[int, Bound(1, 10**9)]
Sides = Annotated[dict[str, Any], WrittenAs(core.dict_schema(NOT_EMPTY, _ANY, min_length=1))]
Figure = Annotated[
    dict[str, Any], WrittenAs(core.dict_schema(NOT_EMPTY, _ANY, min_length=1, max_length=1))
]


def _mtp(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and 1 <= value <= MAX_LAYERS:
        return value
    raise ValueError(f"write true or false, or how many layers count, up to {MAX_LAYERS:,}")


_MTP = {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 1, "maximum": MAX_LAYERS}]}
Mtp = Annotated[
    bool | int,
    WrittenAs(core.no_info_plain_validator_function(_mtp, metadata={"shown": _MTP})),
]


class _Asked(TypedDict, total=False):
    context: Context | None
    batch: Batch
    kv_dtype: Text | None
    index_dtype: Text | None
    mtp: Mtp
    source_length: SourceLength | None


class _OfModel(TypedDict):
    model: Text


class SideForm(_OfModel, _Asked, total=False):
    """One side of a comparison: a model, and the row of it that is meant (its own if absent)."""

    scheme: Text | None


_From = TypedDict("_From", {"from": Text})


class SourceForm(_From):
    """Where the claim was read, when, and whether that is the primary source of the figure."""

    read: Date
    primary: bool


class _Needed(TypedDict):
    id: Text
    quote: Text
    source: SourceForm


class ClaimForm(_Needed, _Asked, total=False):
    """A published figure, held to what is computed. `expect` has one entry."""

    of: Sides | None
    model: Text | None
    expect: Figure | None
    holds_if: Sides | None
    verdict: Verdict | None
    ships: Text | None
    evidence: Text | None
    note: str


class ClaimsForm(TypedDict):
    """A list of claims that `kvcalc check` holds to their verdicts."""

    claims: Annotated[list[Any], WrittenAs(core.list_schema(_ANY, min_length=1))]
