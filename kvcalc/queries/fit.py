"""What fits into so much memory, or on so many GPUs: sequences of a context, the longest of one.

Both are exact inverses of what is stored, or of what an engine says that it serves; what a GPU has
for the cache is known, or an estimate with its least and its most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.answer import Answer
from kvcalc.engines import version_of
from kvcalc.errors import WrongArgument
from kvcalc.machine import Machine
from kvcalc.model import Model
from kvcalc.queries.asked import drafts_of, filled, names_of, notes_on
from kvcalc.queries.budgets import on_gpu
from kvcalc.queries.deployed import resolved
from kvcalc.queries.fitted import Fitted, Wanted
from kvcalc.queries.laying import LaidOut, laid_out
from kvcalc.queries.logs import differences
from kvcalc.queries.ways_out import ways_out
from kvcalc.question import Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.mix import Mix


@dataclass(frozen=True, repr=False)
class Fit(Answer):
    """A row per model, or per layout of it.

    batch    sequences that are to fit; None where the most are looked for
    mix      of lengths, the longest of which is the query's context
    refused  layouts that cannot be, and why
    """

    models: tuple[Model, ...]
    query: Question
    machine: Machine
    batch: int | None
    mix: Mix | None
    rows: tuple[Fitted, ...]
    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    engine_version: str | None = None

    @property
    def memory(self) -> int | None:
        """Bytes that each GPU has for the cache, where they are known."""
        return self.machine.left

    @property
    def draft(self) -> str | None:
        """What the drafts beside the models are called; None where there are none."""
        return drafts_of(self.models)

    @property
    def bests(self) -> tuple[Fitted, ...]:
        """The row of each model that serves most."""
        return tuple(row for row in self.rows if row.best)

    @property
    def fits(self) -> bool:
        """Whether what is wanted of each model fits, in one of its layouts."""
        return all(row.fits for row in self.bests)

    @property
    def told(self) -> tuple[str, ...]:
        """The notes on all of it, and those on a model by its name."""
        of_rows = (f"{row.model}: {note}" for row in self.bests for note in row.notes)
        refused = (f"refused: {text}" for text in self.refused)
        return (*self.notes, *dict.fromkeys(of_rows), *refused)


def fit(
    models: Sequence[Model],
    question: Question,
    machine: Machine,
    batch: int | None = None,
    mix: Mix | None = None,
) -> Fit:
    """How much of each model fits into what there is; with `batch`, whether so many sequences do.

    mix  of lengths; the question's context is the longest of them

    Without a layout that takes all GPUs the sensible ones stand beside each other; of several
    models it is the best of each alone. Raises UsageError.
    """
    query = on_gpu(filled(question, models), machine)
    if mix and query.shared_prefix:
        text = "a mix of lengths beside a shared prefix is not known here"
        raise WrongArgument("shared_prefix", f"{text}: name one length, or leave the prefix out")
    wanted = Wanted(query.tokens, batch, mix)
    laid = [
        _with_ways_out(name, model, query, machine, wanted)
        for name, model in zip(names_of(models), models, strict=True)
    ]
    shown = [one for each in laid for one in (each.tried if len(laid) == 1 else each.best)]
    told = [note for model in models for note in notes_on(model, query)]
    told += _remarks(machine)
    told += [note for each in laid for note in _of_log(machine, query, each)]
    return Fit(
        models=tuple(model.adapted(query) for model in models),
        query=resolved(query, [placed for placed, _ in shown], query.context),
        machine=machine,
        batch=batch,
        mix=mix,
        rows=tuple(row for _, row in shown),
        notes=tuple(dict.fromkeys(told)),
        refused=tuple(text for each in laid for text in each.refused),
        engine_version=version_of(query),
    )


def _with_ways_out(
    name: str, model: Model, query: Question, machine: Machine, wanted: Wanted
) -> LaidOut:
    """A model in its layouts; where it fits in none, the best of them says what to turn."""

    def ask(question: Question, machine: Machine) -> Fitted:
        return laid_out(name, model, question, machine, wanted).best[0][1]

    laid = laid_out(name, model, query, machine, wanted)
    ((placed, best),) = laid.best
    if best.fits:
        return laid
    turned = replace(best, ways_out=ways_out(best, query, machine, ask))
    return laid.with_best(placed, turned)


def _remarks(machine: Machine) -> Iterator[str]:
    """What a reader should know of what was said of a machine."""
    gpu, stored = machine.gpu, machine.weight_dtype
    if gpu and gpu.nominal and machine.left is None:
        text = f"{gpu.name}: its memory is what its vendor calls it"
        yield f"{text}, as no driver's figure was read: a process sees less"
    if stored and stored.bits < 8:
        text = f"all weights are taken to be in {stored.name}, and published models keep some of"
        yield f"{text} them in more bits: --weights is surer"
    if machine.ledger:
        yield from (f"{machine.ledger.file}: {note}" for note in machine.ledger.notes)


def _of_log(machine: Machine, query: Question, laid: LaidOut) -> Iterator[str]:
    """What of a server's log is otherwise than a model as it is laid out."""
    if machine.ledger:
        ((placed, row),) = laid.best
        found = differences(machine.ledger, machine.gpu, query, placed, row)
        yield from (f"{machine.ledger.file}: {note}" for note in found)
