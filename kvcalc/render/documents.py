"""The JSON documents: every key that kvcalc prints, with what it means.

Within one `schema_version` keys are only ever added. Bytes are integers; a per-token figure and a
ratio have an exact "num/den" string beside them; null stands for what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kvcalc.claim import Verdict
from kvcalc.queries.check import Checked, Result
from kvcalc.queries.compare import ComparedRow, Comparison
from kvcalc.queries.listing import Listed, Listing
from kvcalc.queries.show import Breakdown, TensorLine

if TYPE_CHECKING:
    from fractions import Fraction

    from kvcalc.queries.query import Query
    from kvcalc.render import Answer

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ShowQueryDocument:
    """What changed the answer: tokens per sequence, sequences, storage, MTP layers, the source."""

    context: int
    batch: int
    kv_dtype: str | None
    index_dtype: str | None
    mtp: bool
    source_length: int | None


@dataclass(frozen=True)
class CompareQueryDocument(ShowQueryDocument):
    """The same, and what the ratio compares with which row."""

    metric: Literal["stored", "growth", "read", "flops"]
    baseline: str


@dataclass(frozen=True)
class TensorDocument:
    """One tensor over all layers of its group."""

    name: str
    role: str
    heads: int | None
    width: int
    format: str
    entries: int
    bytes_per_entry: int
    shared: bool
    stored_bytes: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    read_bytes_per_step: int
    attention_flops_per_step: int | None


@dataclass(frozen=True)
class GroupDocument:
    """Layers that keep the same tensors."""

    name: str
    layers: int
    tensors: list[TensorDocument]


@dataclass(frozen=True)
class SourceDocument:
    """What was read for the model file, and when."""

    origin: str
    says: str
    read: str


@dataclass(frozen=True)
class ShowDocument:
    """`kvcalc show`: the tensors' bytes add up to the totals."""

    schema_version: int
    kind: Literal["show"]
    query: ShowQueryDocument
    model: str
    file: str
    stored_bytes: int
    read_bytes_per_step: int
    attention_flops_per_step: int | None
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    reserved_bytes: int | None
    groups: list[GroupDocument]
    sources: list[SourceDocument]
    notes: list[str]


@dataclass(frozen=True)
class ResultDocument:
    """One expectation held against what was computed."""

    id: str
    file: str
    line: int
    printed: str
    computed: str
    computed_exact: str | None
    verdict: Verdict
    expected: Verdict
    ok: bool
    note: str


@dataclass(frozen=True)
class CheckDocument:
    """`kvcalc check`."""

    schema_version: int
    kind: Literal["check"]
    passed: int
    failed: int
    results: list[ResultDocument]


@dataclass(frozen=True)
class RowDocument:
    """One row of `kvcalc compare`; `ratio` is the baseline's metric over this row's."""

    model: str
    scheme: str
    native: bool
    stored_bytes: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    read_bytes_per_step: int
    attention_flops_per_step: int | None
    reserved_bytes: int | None
    ratio: float | None
    ratio_exact: str | None
    notes: list[str]


@dataclass(frozen=True)
class CompareDocument:
    """`kvcalc compare`."""

    schema_version: int
    kind: Literal["compare"]
    query: CompareQueryDocument
    baseline: str
    rows: list[RowDocument]
    expect: list[ResultDocument]
    notes: list[str]


@dataclass(frozen=True)
class ListedDocument:
    """One model of `kvcalc list`, at its own default context."""

    name: str
    file: str
    vendor: str
    attention: str
    layers: int
    context: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    max_context: int | None
    confidence: str
    parameters: int | None
    active_parameters: int | None
    weight_bytes: int | None


@dataclass(frozen=True)
class ListDocument:
    """`kvcalc list`."""

    schema_version: int
    kind: Literal["list"]
    models: list[ListedDocument]


Document = CompareDocument | ShowDocument | CheckDocument | ListDocument


def document_of(answer: Answer) -> Document:
    """An answer as its JSON document."""
    match answer:
        case Comparison():
            return _comparison(answer)
        case Breakdown():
            return _breakdown(answer)
        case Checked():
            results = [_result(result) for result in answer.results]
            return CheckDocument(SCHEMA_VERSION, "check", answer.passed, answer.failed, results)
        case Listing():
            return ListDocument(SCHEMA_VERSION, "list", [_listed(m) for m in answer.models])


def _comparison(answer: Comparison) -> CompareDocument:
    query = CompareQueryDocument(
        *_query(answer.query), metric=answer.metric, baseline=answer.baseline
    )
    return CompareDocument(
        schema_version=SCHEMA_VERSION,
        kind="compare",
        query=query,
        baseline=answer.baseline,
        rows=[_row(row) for row in answer.rows],
        expect=[_result(result) for result in answer.expect],
        notes=list(answer.notes),
    )


def _row(row: ComparedRow) -> RowDocument:
    return RowDocument(
        model=row.model,
        scheme=row.scheme,
        native=row.native,
        stored_bytes=row.stored,
        bytes_per_token=_number(row.growth),
        bytes_per_token_exact=_exact(row.growth),
        fixed_bytes=row.fixed,
        read_bytes_per_step=row.read,
        attention_flops_per_step=row.flops,
        reserved_bytes=None,
        ratio=None if row.ratio is None else float(row.ratio),
        ratio_exact=None if row.ratio is None else _exact(row.ratio),
        notes=list(row.notes),
    )


def _breakdown(answer: Breakdown) -> ShowDocument:
    groups: dict[str, GroupDocument] = {}
    for line in answer.lines:
        group = groups.setdefault(line.group, GroupDocument(line.group, line.layers, []))
        group.tensors.append(_tensor(line))
    sources = [SourceDocument(s.origin, s.says, s.read) for s in answer.model.sources]
    return ShowDocument(
        schema_version=SCHEMA_VERSION,
        kind="show",
        query=ShowQueryDocument(*_query(answer.query)),
        model=answer.model.name,
        file=answer.model.file,
        stored_bytes=answer.stored,
        read_bytes_per_step=answer.read,
        attention_flops_per_step=answer.flops,
        bytes_per_token=_number(answer.growth),
        bytes_per_token_exact=_exact(answer.growth),
        fixed_bytes=answer.fixed,
        reserved_bytes=None,
        groups=list(groups.values()),
        sources=sources,
        notes=list(answer.notes),
    )


def _query(query: Query) -> tuple[int, int, str | None, str | None, bool, int | None]:
    change = query.change
    return (
        query.context,
        query.batch,
        change.kv_dtype.name if change.kv_dtype else None,
        change.index_dtype.name if change.index_dtype else None,
        change.mtp,
        change.source_length,
    )


def _tensor(line: TensorLine) -> TensorDocument:
    tensor = line.settled.tensor
    return TensorDocument(
        name=tensor.name,
        role=tensor.role,
        heads=tensor.heads,
        width=tensor.width,
        format=line.settled.format.name,
        entries=line.entries,
        bytes_per_entry=line.settled.entry_bytes,
        shared=tensor.shared,
        stored_bytes=line.stored,
        bytes_per_token=_number(line.growth),
        bytes_per_token_exact=_exact(line.growth),
        read_bytes_per_step=line.read,
        attention_flops_per_step=line.flops,
    )


def _result(result: Result) -> ResultDocument:
    return ResultDocument(
        id=result.id,
        file=result.file,
        line=result.line,
        printed=result.printed,
        computed=result.computed_text,
        computed_exact=None if result.computed is None else _exact(result.computed),
        verdict=result.verdict,
        expected=result.expected,
        ok=result.ok,
        note=result.note,
    )


def _listed(listed: Listed) -> ListedDocument:
    model = listed.model
    return ListedDocument(
        name=model.name,
        file=model.file,
        vendor=model.vendor,
        attention=listed.attention,
        layers=len(model.layers),
        context=listed.context,
        bytes_per_token=_number(listed.growth),
        bytes_per_token_exact=_exact(listed.growth),
        fixed_bytes=listed.fixed,
        max_context=model.max_context,
        confidence=model.confidence,
        parameters=model.parameters,
        active_parameters=model.active_parameters,
        weight_bytes=model.weight_bytes,
    )


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _exact(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
