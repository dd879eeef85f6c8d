"""What to turn where something does not fit: each knob tried, and told only where it helps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kvcalc.errors import UsageError
from kvcalc.formats import parse_kv_dtype
from kvcalc.machine import MAX_GPUS, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvcalc.queries.fitted import Fitted
    from kvcalc.question import Question

    Ask = Callable[[Question, Machine], Fitted]
    """The best row for a question on a machine. Raises UsageError."""

Knob = Literal["layout", "kv_dtype", "context", "batch", "gpus"]
COARSER = ("fp8", "q8_0")
"""Dtypes of a cache that engines take beside a model's own, half as large or about that."""
MACHINE = 8
"""GPUs that one machine has, in most cases."""
DOUBLINGS = 8
"""Of the GPUs, at most: beyond 256 times as many it is another question."""


@dataclass(frozen=True)
class WayOut:
    """One knob, what to turn it to, and what fits then.

    row  what fits with it, of what was asked else
    """

    knob: Knob
    value: int | str
    row: Fitted


def ways_out(row: Fitted, question: Question, machine: Machine, ask: Ask) -> tuple[WayOut, ...]:
    """What makes it fit, the cheapest first: what costs nothing, a coarser cache, less served,
    more GPUs."""
    tried = (
        *_another_layout(question, machine, ask),
        *_coarser(question, machine, ask),
        *_fewer(row),
        *_more_gpus(row, question, machine, ask),
    )
    return tuple(tried)


def _another_layout(question: Question, machine: Machine, ask: Ask) -> Iterator[WayOut]:
    """Where a layout was asked for, the best of all; in another a log's bytes are not those."""
    ranks = question.tp * question.pp * question.dp
    if machine.gpu is None or machine.left is not None or ranks == 1:
        return
    free = replace(question, tp=1, pp=1, dp=1, dcp=1, pp_layers=None)
    found = _fitting(ask, free, replace(machine, gpus=machine.gpus or ranks))
    if found:
        yield WayOut("layout", str(found.layout), found)


def _coarser(question: Question, machine: Machine, ask: Ask) -> Iterator[WayOut]:
    """The first dtype that makes it fit, where none was asked for."""
    for name in COARSER if question.kv_dtype is None else ():
        found = _fitting(ask, replace(question, kv_dtype=parse_kv_dtype(name)), machine)
        if found:
            yield WayOut("kv_dtype", name, found)
            return


def _fewer(row: Fitted) -> Iterator[WayOut]:
    """Shorter sequences, or fewer of them: what the row itself says.

    Of a mix the longest context is that of one sequence alone.
    """
    if row.mean is None and row.largest_context and row.largest_context < row.context:
        yield WayOut("context", row.largest_context, row)
    if row.largest_batch:
        yield WayOut("batch", row.largest_batch, row)


def _more_gpus(row: Fitted, question: Question, machine: Machine, ask: Ask) -> Iterator[WayOut]:
    """The fewest of them, in the layout that serves most; from a machine's worth on, of machines.

    Twice as many, and twice as many again, until it fits; then those between.
    """
    if machine.gpu is None or machine.left is not None:
        return
    free = replace(question, tp=1, pp=1, dp=1, dcp=1, pp_layers=None)

    def on(gpus: int) -> Fitted | None:
        return _fitting(ask, free, replace(machine, gpus=gpus)) if gpus <= MAX_GPUS else None

    doubled = (row.ranks.gpus << times for times in range(1, DOUBLINGS + 1))
    enough = next((gpus for gpus in doubled if on(gpus)), None)
    if enough is None:
        return
    between = range(enough // 2 + 1, enough)
    whole = (gpus for gpus in between if gpus < MACHINE or gpus % MACHINE == 0)
    found = next(filter(None, map(on, (*whole, enough))))
    yield WayOut("gpus", found.ranks.gpus, found)


def _fitting(ask: Ask, question: Question, machine: Machine) -> Fitted | None:
    """What fits with a change; None where it does not, or cannot be."""
    try:
        found = ask(question, machine)
    except UsageError:
        return None
    return found if found.fits else None
