"""The sheet of `fit`: a line per model or layout, a GPU's memory, what is wanting, the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from kvcalc.budget.budget import WEIGHTS
from kvcalc.queries.fit import Fit
from kvcalc.queries.fitted import Fitted, Span
from kvcalc.question import Question
from kvcalc.render import Style, budget, decoding, offload
from kvcalc.render.placed import set_up
from kvcalc.render.sheets import Column, Sheet, Tone, described, numbers, sizes, text
from kvcalc.render.ways_out import ways_out
from kvcalc.units import System, decimals, format_size, size_unit

WANTING = "does not fit"
ANY = "any"
MIX = "the mix"


def fit_sheet(answer: Fit, style: Style) -> Sheet:
    """All that `fit` has to say."""
    return Sheet(
        _title(answer, style.units),
        tuple(_columns(answer, style.units)),
        tuple(_tone(row, answer) for row in answer.rows),
        tuple(line for row in answer.bests for line in _below(row, answer, style.units)),
        set_up(answer.query, style.width),
        "" if answer.fits else WANTING,
    )


def _tone(row: Fitted, answer: Fit) -> Tone | None:
    if not row.fits:
        return "failed"
    return "own" if row.best and len(answer.rows) > len(answer.models) else None


def _columns(answer: Fit, units: System) -> Iterator[Column]:
    rows = answer.rows
    several, laid_out = len(answer.models) > 1, _is_laid_out(answer)
    if several:
        yield text("model", (row.model for row in rows), folds=12)
    if laid_out:
        mark = " (best)" if len(rows) > len(answer.models) else ""
        yield text("layout", (row.layout + (mark if row.best else "") for row in rows))
    yield from _on_gpus(rows, units) if answer.machine.left is None else _taken(rows, units)
    if answer.mix:
        yield numbers("B on average", (decimals(row.mean or Fraction(0), 0) for row in rows))
    what = MIX if answer.mix else f"{answer.query.context:,}"
    batches = (_spanned(row.largest_batch, row.batches) for row in rows)
    yield numbers(f"sequences of {what}", batches)
    alike = answer.batch if answer.batch and not answer.mix else 1
    many = f" for {alike:,}" if alike > 1 else ""
    contexts = (_spanned(row.largest_context, row.contexts) for row in rows)
    yield numbers(f"longest context{many}", contexts)


def _on_gpus(rows: Sequence[Fitted], units: System) -> Iterator[Column]:
    """Bytes of one GPU: its weights, what is for the cache, what a sequence takes of that."""
    yield sizes("weights", [row.budget.taken_by(WEIGHTS) for row in rows], units, 2, 3)
    yield sizes("for the cache", [max(0, row.available) for row in rows], units, 2)
    each = [row.stored if row.reserved is None else row.reserved for row in rows]
    yield numbers("B per sequence", (f"{size:,}" for size in each), 2)
    yield sizes("per sequence", each, units, 2)


def _taken(rows: Sequence[Fitted], units: System) -> Iterator[Column]:
    """What a sequence takes: stored, and as an engine keeps it."""
    stored, engine = [row.stored for row in rows], any(row.reservation for row in rows)
    yield numbers("B per sequence", (f"{size:,}" for size in stored), 2 if engine else 0)
    yield sizes("per sequence", stored, units, 2, 3)
    if engine:
        yield numbers("reserved B", (f"{row.reserved or 0:,}" for row in rows))
        if any(row.pool for row in rows):
            yield numbers("pool B", (f"{row.pool or 0:,}" for row in rows), 1)


def _is_laid_out(answer: Fit) -> bool:
    """Whether layouts are told apart, or each model has one of its own."""
    return answer.machine.gpu is not None and any(row.ranks.gpus > 1 for row in answer.rows)


def _spanned(number: int | None, span: Span | None) -> str:
    """A number, and between what it lies where it rests on an estimate."""
    if span is None or (span.least, span.most) == (number, number):
        return _or_any(number)
    return f"{_or_any(number)} ({_or_any(span.least)} to {_or_any(span.most)})"


def _or_any(number: int | None) -> str:
    return ANY if number is None else f"{number:,}"


def _title(answer: Fit, units: System) -> str:
    query = answer.query
    which = (
        f"{len(answer.models)} models" if len(answer.models) > 1 else described(answer.models[0])
    )
    beside = f", draft {answer.draft}" if answer.draft else ""
    engine = f", reserved by {query.engine} {answer.engine_version}" if query.engine else ""
    many = f", batch {answer.batch:,}" if answer.batch else ""
    where = _where(answer, units)
    at = f"mix {answer.mix}" if answer.mix else f"context {query.context:,}"
    return f"{which}{beside}, {at}{_sharing(query)}{many}, {where}{engine}"


def _sharing(query: Question) -> str:
    """What its sequences share."""
    prefix = f", {query.shared_prefix:,} of them shared" if query.shared_prefix else ""
    return prefix + (f", {query.beams:,} beams each" if query.beams > 1 else "")


def _where(answer: Fit, units: System) -> str:
    """What there is: GPUs of a kind, or memory for the cache."""
    gpu, left = answer.machine.gpu, answer.machine.left
    shared = _shared(answer.rows)
    if gpu is None or left is not None:
        size = "" if left is None else f"{_size(left, units)} for the cache"
        return f"{size}{shared}" if gpu is None else f"{size}{shared} ({gpu.name})"
    gpus = answer.machine.gpus or answer.rows[0].ranks.gpus
    return f"{gpus:,} x {gpu.name}" if gpus > 1 else gpu.name


def _shared(rows: Sequence[Fitted]) -> str:
    """How many GPUs have that memory each, and how they share a model."""
    ranks = rows[0].ranks
    return f" of each of {ranks.gpus:,} GPUs ({rows[0].layout})" if ranks.gpus > 1 else ""


def _size(size: int, units: System) -> str:
    """Bytes to the byte, and in a unit that is easier to read."""
    exact, unit = f"{size:,} B", size_unit([size], units)
    return exact if unit == "B" else f"{format_size(size, unit, 2)} ({exact})"


def _below(row: Fitted, answer: Fit, units: System) -> Iterator[str]:
    several, gpu = len(answer.models) > 1, answer.machine.gpu
    if not row.fits:
        of = MIX if answer.mix else f"{row.context:,} tokens"
        yield _wanting(row, of, answer.query.engine, units)
        yield from ways_out(row, of)
    if row.budget.parts:
        whose = f"{row.model}, {row.layout}" if several else row.layout
        yield f"the memory of each GPU ({whose}):"
        yield from budget.lines(row.budget, gpu.name if gpu else "memory", units)
    if row.rank and row.rank.stages > 1:
        yield f"bytes of {row.model} are on {row.rank}"
    if row.report:
        yield from (f"{row.model}: {line}" if several else line for line in row.report.log)
    if row.decoding:
        yield from decoding.lines(row.decoding, units)
    if row.offload:
        yield from offload.lines(row.offload, units)


def _wanting(row: Fitted, of: str, engine: str | None, units: System) -> str:
    """By how much what is to fit does not, and how long a one would."""
    if row.available <= 0:
        lack = _size(-row.available, units)
        return f"{row.model} {WANTING}: the weights and the rest take {lack} more than there is"
    lack = f", {_size(row.short, units)} more than there is"
    if not row.short:
        lack = f", and {engine}, set up so, serves {'none' if row.wanted == 1 else 'less'} of it"
    what = "one sequence" if row.wanted == 1 else f"{row.wanted:,} sequences"
    take = "takes" if row.wanted == 1 else "take"
    takes = f"{what} of {of} {take} {_size(row.taken, units)}"
    nothing = "" if row.ways_out or row.largest_context else "; not one token fits"
    return f"{row.model} {WANTING}: {takes}{lack}{nothing}"
