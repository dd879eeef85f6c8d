"""Answers as their JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.queries.check import Checked, Result
from kvcalc.queries.compare import ComparedRow, Comparison
from kvcalc.queries.listing import Listed, Listing
from kvcalc.queries.show import Breakdown, TensorLine

if TYPE_CHECKING:
    from fractions import Fraction

    from kvcalc.queries.query import Query
    from kvcalc.render import Answer

from kvcalc.render.documents import (
    SCHEMA_VERSION,
    CheckDocument,
    CompareDocument,
    CompareQueryDocument,
    Document,
    GroupDocument,
    ListDocument,
    ListedDocument,
    ResultDocument,
    RowDocument,
    ShowDocument,
    ShowQueryDocument,
    SourceDocument,
    TensorDocument,
)


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
        reserved_bytes=row.reserved,
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
        reserved_bytes=answer.reserved,
        weight_bytes=answer.model.weight_bytes,
        groups=list(groups.values()),
        sources=sources,
        notes=list(answer.notes),
    )


def _query(query: Query) -> tuple[int, int, str | None, str | None, bool, int | None, str | None]:
    change = query.change
    return (
        query.context,
        query.batch,
        change.kv_dtype.name if change.kv_dtype else None,
        change.index_dtype.name if change.index_dtype else None,
        change.mtp,
        change.source_length,
        query.engine,
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
