"""Set schemes on one model, or several models, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts, Measured
from kvcalc.answer import Answer
from kvcalc.engines import version_of
from kvcalc.errors import UsageError, WrongArgument, did_you_mean
from kvcalc.expect import QUANTITIES, Quantity
from kvcalc.model import Model
from kvcalc.parallel.ranks import ranks_of
from kvcalc.queries.asked import alone, drafts_of, filled, names_of, notes_on
from kvcalc.queries.check import Result, expected
from kvcalc.queries.deployed import Deployed, Kept, Placed, Rank, deployed, resolved
from kvcalc.queries.held import Held, held
from kvcalc.question import Question
from kvcalc.sharing import NOTHING_SHARED, sharing_of
from kvcalc.whatif import NATIVE, Row, native_row, rows_of

if TYPE_CHECKING:
    from kvcalc.engines.reservation import Reservation


@dataclass(frozen=True)
class ComparedRow(Placed, Measured):
    """One row: what it amounts to for the batch, and the ratio to the baseline.

    `ratio` is the baseline's metric over this row's, at the same context; None where this row's
    is 0.
    """

    model: str
    scheme: str
    label: str
    native: bool
    variant: Model = field(repr=False)
    """The model under this row's scheme, as it was asked for."""
    context: int
    amounts: Amounts
    reservation: Reservation | None
    ratio: Fraction | None
    notes: tuple[str, ...] = ()
    total: Amounts | None = None
    rank: Rank | None = None


@dataclass(frozen=True, repr=False)
class Comparison(Answer):
    """The rows of one answer, those of each context together.

    All share the query's context; its context is None where several were asked for.
    """

    models: tuple[Model, ...]
    query: Question
    metric: Quantity
    baseline: str
    rows: tuple[ComparedRow, ...]
    expect: tuple[Result, ...] = ()
    """A model's own expectations, held to it as its file has it."""
    notes: tuple[str, ...] = ()
    contexts: tuple[int, ...] = ()
    held: tuple[Result, ...] = ()
    """What was expected of this very answer."""
    engine_version: str | None = None

    @property
    def draft(self) -> str | None:
        """What the drafts beside the models are called; None where there are none."""
        return drafts_of(self.models)

    @property
    def told(self) -> tuple[str, ...]:
        """The notes on all of it, and those on rows by what these are called, each once.

        A row of several models is called by its model: they may have one scheme's name.
        What an engine says of every row is one of those on all.
        """
        said = [row.reservation.notes if row.reservation else () for row in self.rows]
        of_all = dict.fromkeys(note for note in said[0] if all(note in notes for notes in said))
        of_rows: dict[str, dict[str, None]] = {}
        for row in self.rows:
            for note in row.notes:
                called = row.model if len(self.models) > 1 else row.label
                of_rows.setdefault(note, {})[called] = None
        told = (
            f"{'; '.join(rows)}: {note}" for note, rows in of_rows.items() if note not in of_all
        )
        return (*self.notes, *of_all, *told)

    @property
    def failed(self) -> int:
        """How much of what was expected of this answer does not hold."""
        return sum(not result.ok for result in self.held)


def compare(
    models: Sequence[Model],
    question: Question,
    metric: Quantity = "stored",
    baseline: str | None = None,
    *,
    contexts: Sequence[int] = (),
    expect: Sequence[str] = (),
) -> Comparison:
    """A row per scheme for one model, a row per model for several; all that at each context.

    A ratio is taken to the baseline at the same context. `expect` is held to the rows.
    Raises UsageError where the baseline, or what is expected, speaks of no row of the answer.
    """
    _must_be_known(metric)
    if expect and sharing_of(question) != NOTHING_SHARED:
        text = "figures are of sequences that share nothing"
        raise WrongArgument("expect", f"{text}: leave beams and a shared prefix out")
    several = [replace(question, context=context) for context in dict.fromkeys(contexts)]
    asked = several or [question]
    queries = [filled(one, models) for one in asked]
    query, tokens = queries[0], tuple(one.tokens for one in queries)
    adapted = tuple(model.adapted(query) for model in models)
    found, own, notes = (
        _schemes(models[0], adapted[0]) if len(models) == 1 else (_models(adapted), (), ())
    )
    candidates = [_on_gpus(candidate, query) for candidate in found]
    shown = [candidate for candidate in candidates if candidate.placed]
    base = shown[0] if baseline is None else _named(candidates, baseline)
    notes += tuple(f"no {c.row.name} row: {c.lack}" for c in candidates if c.lack)
    told = [note for model in models for one in queries for note in notes_on(model, one)]
    placed, context = [c.placed for c in shown if c.placed], None if contexts else query.context
    return Comparison(
        models=adapted,
        query=replace(resolved(query, placed, context), context=context),
        metric=metric,
        baseline=base.answers[0],
        rows=_rows(shown, base, query, metric, tokens),
        expect=own,
        # a draft or a dtype is beside each of them, and what is said of it once enough
        notes=notes + tuple(dict.fromkeys((*told, *alone(query)))),
        contexts=tokens if contexts else (),
        held=held(expect, _held_to(candidates, models, asked[0]), tokens),
        engine_version=version_of(query),
    )


def _must_be_known(metric: str) -> None:
    """Raises WrongArgument for a metric that there is not."""
    if metric not in QUANTITIES:
        hint = did_you_mean(metric, QUANTITIES)
        raise WrongArgument("metric", f"unknown metric {metric!r}; {hint}")


def _held_to(candidates: Sequence[_Candidate], models: Sequence[Model], question: Question) -> Held:
    """What figures are held to: rows, by the names that a baseline may have."""
    known = [model.max_context for model in models if model.max_context]
    ranks = ranks_of(question)
    return Held(
        find=lambda name, context: _named(candidates, name, "expect").kept(context, 1).cache,
        names=[name for c in candidates for name in c.answers if name] if len(models) > 1 else (),
        batch=ranks.sequences(question.batch),
        staged=ranks.pp > 1,
        longest=None if question.context else min(known, default=None),
    )


def _ratio(base: Fraction | None, size: Fraction | None) -> Fraction | None:
    return base / size if base is not None and size else None


@dataclass(frozen=True)
class _Candidate:
    """A row to be: what its model is called, and the names by which `--baseline` may pick it.

    placed  its model on the GPUs there are; None where it cannot be there, and `lack` says why
    """

    called: str
    row: Row
    answers: tuple[str, ...]
    placed: Deployed | None = None
    lack: str = ""

    def kept(self, context: int, batch: int) -> Kept:
        """What is kept of it, which can be there."""
        assert self.placed
        return self.placed.at(context, batch)


def _on_gpus(candidate: _Candidate, question: Question) -> _Candidate:
    """A row where it is kept, or why it cannot be. Raises UsageError for what a model ships."""
    try:
        return replace(candidate, placed=deployed(candidate.row.model, question))
    except UsageError as error:
        if candidate.row.native:
            raise
        return replace(
            candidate, lack=error.text if isinstance(error, WrongArgument) else str(error)
        )


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
    return [
        _Candidate(name, native_row(model), (name, model.slug, model.file))
        for name, model in zip(names_of(models), models, strict=True)
    ]


def _named(candidates: Sequence[_Candidate], name: str, argument: str = "baseline") -> _Candidate:
    wanted = name.lower()
    tiers = (
        [c for c in candidates if name == c.answers[0]],
        [c for c in candidates if name in c.answers],
        [c for c in candidates if wanted in (answer.lower() for answer in c.answers)],
    )
    found = next((tier for tier in tiers if tier), [])
    if len(found) > 1:
        names = ", ".join(c.answers[0] for c in found)
        raise WrongArgument(argument, f"{name!r} may mean {names}; name one of them in full")
    if found and found[0].lack:
        raise WrongArgument(argument, f"there is no row {name!r} here: {found[0].lack}")
    if found:
        return found[0]
    known = dict.fromkeys(answer for c in candidates for answer in c.answers if answer)
    text = f"no row is called {name!r} here; {did_you_mean(name, known)}"
    raise WrongArgument(argument, text)


def _rows(
    candidates: Sequence[_Candidate],
    base: _Candidate,
    question: Question,
    metric: Quantity,
    contexts: Sequence[int],
) -> tuple[ComparedRow, ...]:
    """A row per candidate at each context, all of one context together."""
    rows, batch = [], question.batch
    together = batch == 1 or question.shared_prefix
    for context in contexts:
        sizes = [candidate.kept(context, batch) for candidate in candidates]
        # a ratio is of one sequence, as the batch does not divide evenly over copies of a model,
        # and of all where they keep a prefix together
        each = sizes if together else [one.kept(context, 1) for one in candidates]
        base_size = each[candidates.index(base)].amounts.of(metric)
        for candidate, kept, one in zip(candidates, sizes, each, strict=True):
            ratio = _ratio(base_size, one.amounts.of(metric))
            rows.append(_compared(candidate, context, kept, ratio))
    return tuple(rows)


def _compared(
    candidate: _Candidate, context: int, kept: Kept, ratio: Fraction | None
) -> ComparedRow:
    row = candidate.row
    return ComparedRow(
        model=candidate.called,
        scheme=row.name,
        label=row.label,
        native=row.native,
        variant=row.model,
        context=context,
        amounts=kept.amounts,
        reservation=kept.reservation,
        ratio=ratio,
        notes=row.notes + (kept.reservation.notes if kept.reservation else ()),
        total=kept.total,
        rank=kept.rank,
    )
