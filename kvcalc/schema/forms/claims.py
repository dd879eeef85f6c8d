"""A claims file: what it may say."""

from typing import Annotated, Any, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound, SourceLength
from kvcalc.claim import Verdict
from kvcalc.figures import GLOSSARY
from kvcalc.model import MAX_LAYERS
from kvcalc.schema.forms.fields import (
    NOT_EMPTY,
    Context,
    Date,
    Text,
    WrittenAs,
    branches,
    schema_of,
)
from kvcalc.schema.forms.servers import ServerFields

_ANY = core.any_schema()
Batch = Annotated[int, Bound(1, 10**9)]
Sides = Annotated[dict[str, Any], WrittenAs(core.dict_schema(NOT_EMPTY, _ANY, min_length=1))]
Figure = Annotated[
    dict[str, Any], WrittenAs(core.dict_schema(NOT_EMPTY, _ANY, min_length=1, max_length=1))
]
_FIGURE = f"one entry and its printed figure: {GLOSSARY}"


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


class _Asked(ServerFields, total=False):
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


class EvidenceForm(_From):
    """A document that decides a claim: the place in it, what it says there, when it was read."""

    at: Text
    says: Text
    read: Date


def _documents(value: object) -> str:
    if isinstance(value, dict):
        return "document"
    return "documents" if isinstance(value, list) else "text"


_DOCUMENT = schema_of(EvidenceForm)
_EVIDENCE = branches(
    _documents,
    document=_DOCUMENT,
    documents=core.list_schema(_DOCUMENT, min_length=1),
    text=NOT_EMPTY,
)
Evidence = Annotated[
    Any,
    WrittenAs(core.nullable_schema(_EVIDENCE)),
    "what decides a claim without a figure: documents; or, in words, why nothing does",
]


class _Needed(TypedDict):
    id: Text
    quote: Text
    source: SourceForm


class ClaimForm(_Needed, _Asked, total=False):
    """A published figure, held to what is computed. `expect` has one entry."""

    of: Sides | None
    model: Text | None
    expect: Annotated[Figure | None, _FIGURE]
    holds_if: Annotated[Sides | None, "what has to be changed for the figure to hold"]
    verdict: Annotated[Verdict | None, "confirmed if absent; computed where there is a figure"]
    ships: Annotated[Text | None, "the kind of attention that the model must ship"]
    evidence: Evidence
    note: str


class QuestionForm(TypedDict):
    """A question that several claims answer together, as a fact sheet asks it."""

    ask: Text
    answer: Text
    claims: Annotated[
        list[str], WrittenAs(core.list_schema(NOT_EMPTY, min_length=1)), "their ids, in order"
    ]


class _Claims(TypedDict):
    claims: Annotated[list[Any], WrittenAs(core.list_schema(_ANY, min_length=1))]


class ClaimsForm(_Claims, total=False):
    """A list of claims that `kvcalc check` holds to their verdicts, and what they answer."""

    title: Annotated[Text | None, "what a fact sheet of them is called"]
    questions: list[QuestionForm] | None
