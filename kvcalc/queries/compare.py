"""Set schemes on one model, or several models, beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from kvcalc.errors import UsageError, did_you_mean
from kvcalc.expect import QUANTITIES
from kvcalc.model import NO_CHANGE, Change
from kvcalc.queries.check import Result, judge, quantity_of
from kvcalc.queries.query import Query, notes_on, query_for
from kvcalc.whatif import NATIVE, native_row, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from kvcalc.expect import Quantity
    from kvcalc.model import Model
    from kvcalc.whatif import Row


@dataclass(frozen=True)
class ComparedRow:
    """One row: bytes for the batch, growth for one sequence, the ratio to the baseline.

    `ratio` is the baseline's metric over this row's, None where this row's is 0.
    """

    model: str
    scheme: str
    label: str
    native: bool
    stored: int
    growth: Fraction
    fixed: int
    read: int
    flops: int | None
    reserved: int | None
    ratio: Fraction | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """The rows of one answer; all share the query's context."""

    models: tuple[Model, ...]
    query: Query
    metric: Quantity
    baseline: str
    rows: tuple[ComparedRow, ...]
    expect: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()


def compare(
    models: Sequence[Model],
    context: int | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    change: Change = NO_CHANGE,
    engine: str | None = None,
) -> Comparison:
    """A row per scheme for one model, a row per model for several.

    Raises UsageError where the baseline is no row of the answer.
    """
    if metric not in QUANTITIES:
        raise UsageError(f"unknown metric {metric!r}; {did_you_mean(metric, QUANTITIES)}")
    query = query_for(models, context, batch, change, engine)
    adapted = [query.adapted(model) for model in models]
    if len(models) == 1:
        candidates, notes = _schemes(adapted[0])
        expect = judge(models[0])
    else:
        candidates, notes, expect = _models(adapted), (), ()
    base = candidates[0] if baseline is None else _named(candidates, baseline)
    base_size = quantity_of(base.row.cache, metric, query.context)
    rows = tuple(_compared(candidate, query, metric, base_size) for candidate in candidates)
    notes += tuple(note for model in models for note in notes_on(model, query))
    return Comparison(tuple(adapted), query, metric, base.answers[0], rows, expect, notes)


@dataclass(frozen=True)
class _Candidate:
    """A row to be: what its model is called, and the names by which `--baseline` may pick it."""

    model: Model
    called: str
    row: Row
    answers: tuple[str, ...]


def _schemes(model: Model) -> tuple[list[_Candidate], tuple[str, ...]]:
    found = rows_of(model)
    native = (NATIVE,)
    candidates = [
        _Candidate(model, model.name, row, row.names + native * row.native) for row in found.rows
    ]
    return candidates, found.notes


def _models(models: Sequence[Model]) -> list[_Candidate]:
    names = [model.name for model in models]
    candidates = []
    for model in models:
        name = model.name if names.count(model.name) == 1 else f"{model.name} ({model.file})"
        slug = PurePath(model.file).name.removesuffix(".yaml")
        candidates.append(_Candidate(model, name, native_row(model), (name, slug, model.file)))
    return candidates


def _named(candidates: Sequence[_Candidate], baseline: str) -> _Candidate:
    wanted = baseline.lower()
    tiers = (
        [c for c in candidates if baseline == c.answers[0]],
        [c for c in candidates if baseline in c.answers],
        [c for c in candidates if wanted in (answer.lower() for answer in c.answers)],
    )
    found = next((tier for tier in tiers if tier), [])
    if len(found) > 1:
        names = ", ".join(c.answers[0] for c in found)
        raise UsageError(f"{baseline!r} may mean {names}; name one of them in full")
    if found:
        return found[0]
    known = dict.fromkeys(answer for c in candidates for answer in c.answers if answer)
    raise UsageError(f"no row is called {baseline!r} here; {did_you_mean(baseline, known)}")


def _compared(
    candidate: _Candidate, query: Query, metric: Quantity, base_size: Fraction | None
) -> ComparedRow:
    cache, size = candidate.row.cache, quantity_of(candidate.row.cache, metric, query.context)
    flops = cache.flops(query.context)
    return ComparedRow(
        model=candidate.called,
        scheme=candidate.row.name,
        label=candidate.row.label,
        native=candidate.row.native,
        stored=query.batch * cache.stored(query.context),
        growth=cache.growth(query.context),
        fixed=query.batch * cache.fixed(query.context),
        read=query.batch * cache.read(query.context),
        flops=None if flops is None else query.batch * flops,
        reserved=query.reserved(candidate.model, cache),
        ratio=base_size / size if base_size is not None and size else None,
        notes=candidate.row.notes,
    )
