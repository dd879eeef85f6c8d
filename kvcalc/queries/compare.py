"""Set schemes on one model, or several models, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.errors import WrongArgument, did_you_mean
from kvcalc.expect import QUANTITIES, Quantity
from kvcalc.model import Model
from kvcalc.queries.asked import drafts_of, filled, notes_on, reservation_of
from kvcalc.queries.check import Result, expected
from kvcalc.question import Question
from kvcalc.whatif import NATIVE, Row, native_row, rows_of

if TYPE_CHECKING:
    from kvcalc.engines.reservation import Reservation


@dataclass(frozen=True)
class ComparedRow(Measured):
    """One row: what it amounts to for the batch, and the ratio to the baseline.

    `ratio` is the baseline's metric over this row's, None where this row's is 0.
    """

    model: str
    scheme: str
    label: str
    native: bool
    variant: Model = field(repr=False)
    """The model under this row's scheme, as it was asked for."""
    amounts: Amounts
    reservation: Reservation | None
    ratio: Fraction | None
    notes: tuple[str, ...] = ()

    @property
    def reserved(self) -> int | None:
        """Bytes that the engine asked for charges; None where none is."""
        return self.reservation.bytes if self.reservation else None


@dataclass(frozen=True, repr=False)
class Comparison(Answer):
    """The rows of one answer; all share the query's context."""

    models: tuple[Model, ...]
    query: Question
    metric: Quantity
    baseline: str
    rows: tuple[ComparedRow, ...]
    expect: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def draft(self) -> str | None:
        """What the drafts beside the models are called; None where there are none."""
        return drafts_of(self.models)

    @property
    def told(self) -> tuple[str, ...]:
        """The notes on all of it, and those on a row by what it is called."""
        of_rows = (f"{row.label}: {note}" for row in self.rows for note in row.notes)
        return (*self.notes, *of_rows)


def compare(
    models: Sequence[Model],
    question: Question,
    metric: Quantity = "stored",
    baseline: str | None = None,
) -> Comparison:
    """A row per scheme for one model, a row per model for several.

    Raises UsageError where the baseline is no row of the answer.
    """
    if metric not in QUANTITIES:
        hint = did_you_mean(metric, QUANTITIES)
        raise WrongArgument("metric", f"unknown metric {metric!r}; {hint}")
    query = filled(question, models)
    adapted = tuple(model.adapted(query) for model in models)
    candidates, expect, notes = (
        _schemes(models[0], adapted[0]) if len(models) == 1 else (_models(adapted), (), ())
    )
    base = candidates[0] if baseline is None else _named(candidates, baseline)
    sizes = [candidate.row.cache.at(query.tokens) for candidate in candidates]
    base_size = sizes[candidates.index(base)].of(metric)
    rows = tuple(
        _compared(candidate, amounts, query, _ratio(base_size, amounts.of(metric)))
        for candidate, amounts in zip(candidates, sizes, strict=True)
    )
    told = [note for model in models for note in notes_on(model, query)]
    # a draft or a dtype is beside each of them, and what is said of it once enough
    notes += tuple(dict.fromkeys(told))
    return Comparison(adapted, query, metric, base.answers[0], rows, expect, notes)


def _ratio(base: Fraction | None, size: Fraction | None) -> Fraction | None:
    return base / size if base is not None and size else None


@dataclass(frozen=True)
class _Candidate:
    """A row to be: what its model is called, and the names by which `--baseline` may pick it."""

    called: str
    row: Row
    answers: tuple[str, ...]


def _schemes(
    model: Model, adapted: Model
) -> tuple[list[_Candidate], tuple[Result, ...], tuple[str, ...]]:
    """The rows of a model as it is asked for; its `expect:` is held to it as its file has it."""
    found = rows_of(adapted)
    own = found if adapted is model and not model.draft else None
    candidates = [
        _Candidate(model.name, row, row.names + (NATIVE,) * row.native) for row in found.rows
    ]
    return candidates, expected(model, own), found.notes


def _models(models: Sequence[Model]) -> list[_Candidate]:
    names = [model.name for model in models]
    candidates = []
    for model in models:
        name = model.name if names.count(model.name) == 1 else f"{model.name} ({model.file})"
        slug = PurePath(model.file).name.removesuffix(".yaml")
        candidates.append(_Candidate(name, native_row(model), (name, slug, model.file)))
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
        raise WrongArgument("baseline", f"{baseline!r} may mean {names}; name one of them in full")
    if found:
        return found[0]
    known = dict.fromkeys(answer for c in candidates for answer in c.answers if answer)
    text = f"no row is called {baseline!r} here; {did_you_mean(baseline, known)}"
    raise WrongArgument("baseline", text)


def _compared(
    candidate: _Candidate, amounts: Amounts, query: Question, ratio: Fraction | None
) -> ComparedRow:
    row = candidate.row
    reservation = reservation_of(row.model, query)
    return ComparedRow(
        model=candidate.called,
        scheme=row.name,
        label=row.label,
        native=row.native,
        variant=row.model,
        amounts=amounts.of_batch(query.batch),
        reservation=reservation,
        ratio=ratio,
        notes=row.notes + (reservation.notes if reservation else ()),
    )
