"""What a server holds of a cache, for figures of it: on a printed memory, or on an estimated one.

A printed memory stands for all that rounds to it, so that what it holds is a range; a figure is
true where it is true of a value of that. More memory never holds less, which is why the least that
comes up to a figure is bisected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from kvcalc.budget.estimate import Estimate
from kvcalc.budget.weights import weights_of
from kvcalc.claim import Side
from kvcalc.errors import UsageError
from kvcalc.expect import Expectation, Served
from kvcalc.machine import Machine
from kvcalc.model import Model
from kvcalc.queries.budgets import budget_of, on_gpu
from kvcalc.queries.deployed import Deployed, deployed
from kvcalc.queries.layouts import layouts_of
from kvcalc.queries.parts import Found, combine, difference, row_of
from kvcalc.queries.room import Room
from kvcalc.units import format_size


@dataclass(frozen=True)
class Server:
    """One name of an expectation: a model laid out on its GPUs, and what they have for its cache.

    memory  of each GPU; None where that has no part in the figure
    batch   sequences of `context` tokens
    """

    placed: Deployed
    memory: Estimate | None
    context: int
    batch: int

    def amount(self, what: Served, memory: int) -> Fraction | None:
        """One quantity with so many bytes for the cache; None where it has no end.

        Raises UsageError for what the engine does not print.
        """
        if what == "reserved":
            reservation = self.placed.at(self.context, self.batch).reservation
            return Fraction(reservation.bytes) if reservation else None
        room = Room(self.placed, memory, self.batch)
        capacity = room.capacity(self.context)
        if what == "sequences":
            return Fraction(capacity.largest_batch) if room.taken(self.context) else None
        if capacity.report:
            printed = capacity.report
            return Fraction(printed.capacity_tokens if what == "tokens" else printed.concurrency)
        if what == "concurrency":
            return self._unprinted(capacity.largest_batch)
        longest = room.largest_context
        return None if longest is None else Fraction(longest)

    def _unprinted(self, batch: int) -> Fraction:
        """None fits, and no engine says so. Raises UsageError where more do, and none prints it."""
        if batch:
            text = "concurrency is what an engine prints of its cache, and none does here"
            raise UsageError(f"{text}: write sequences")
        return Fraction(0)


def served_by(expectation: Expectation, sides: Sequence[tuple[Side, str, int]]) -> Found | None:
    """What an expectation of a server speaks of; None where it has no end.

    sides  that it names, each with the row that is meant, and the context

    Raises UsageError for what cannot be laid out, or served.
    """
    servers = [_server(side, name, tokens) for side, name, tokens in sides]
    memories = [server.memory or Estimate.exact(0, "known", "") for server in servers]
    value = _value(expectation, servers, [memory.likely for memory in memories])
    if value is None:
        return None
    found = Found(value, estimated=any(memory.basis == "estimated" for memory in memories))
    if all(memory.is_exact for memory in memories):
        return found
    agreeing = _agreeing(expectation, servers, memories)
    told = _told(expectation, servers, memories, agreeing)
    return replace(found, agreeing=agreeing, told=told)


def _server(side: Side, name: str, tokens: int) -> Server:
    """A side on its machine. Raises UsageError."""
    machine, query = side.machine, replace(side.question, context=tokens)
    query = on_gpu(query, machine) if machine else query
    model = row_of(side.rows, name).model
    layouts = layouts_of(model, query, machine.gpus if machine else None)
    if len(layouts) > 1:
        gpus = machine.gpus if machine else None
        raise UsageError(f"{gpus} GPUs can be laid out in several ways: write tp, pp or dp")
    if machine and machine.left is None and _weightless(model, machine):
        text = f"the bytes of {model.name}'s weights are not known"
        raise UsageError(f"{text}: write weights:, or memory:, what they leave")
    placed = deployed(model, layouts[0])
    memory = budget_of(placed, layouts[0], machine).available if machine else None
    if memory and side.left:
        low, high = ceil(side.left.low), ceil(side.left.high) - 1
        memory = Estimate(low, memory.likely, high, "given", "as printed")
    return Server(placed, memory, tokens, side.question.batch)


def _weightless(model: Model, machine: Machine) -> bool:
    return weights_of(model, machine.weights, machine.weight_dtype) is None


def _value(
    expectation: Expectation, servers: Sequence[Server], memory: Sequence[int]
) -> Fraction | None:
    """What the figure speaks of, with so many bytes on the GPUs of each side."""
    what = expectation.served
    pairs = zip(servers, memory, strict=True)
    return combine(expectation, [what and server.amount(what, size) for server, size in pairs])


def _agreeing(
    expectation: Expectation, servers: Sequence[Server], memories: Sequence[Estimate]
) -> Fraction | None:
    """A value of which the figure is true, at a memory of the first and a bound of the other."""
    figure, (first, *others) = expectation.figure, memories
    bounds = [(m.likely, m.low, m.high) for m in others]
    for rest in zip(*bounds, strict=True) if bounds else [()]:

        def at(memory: int, rest: Sequence[int] = rest) -> Fraction | None:
            return _value(expectation, servers, [memory, *rest])

        def reaches(memory: int) -> bool:
            value = at(memory)
            return value is None or figure.holds(value) or value > figure.value

        sizes = range(first.low, first.high + 1)
        least = bisect_left(sizes, True, key=reaches)
        value = at(sizes[least]) if least < len(sizes) else None
        if value is not None and figure.holds(value):
            return value
    return None


def _told(
    expectation: Expectation,
    servers: Sequence[Server],
    memories: Sequence[Estimate],
    agreeing: Fraction | None,
) -> tuple[str, ...]:
    """The range that a memory stands for, where the value alone does not make the figure true."""
    figure = expectation.figure
    if len(servers) > 1:
        return ()
    (memory,) = memories
    low, likely, high = (
        _value(expectation, servers, [size]) for size in (memory.low, memory.likely, memory.high)
    )
    if low is None or likely is None or high is None:
        return ()
    span = f"{figure.printed(low)} to {figure.printed(high)}"
    if memory.basis == "given":
        if agreeing is None or figure.holds(likely):
            return ()
        return (f"The memory is printed to its last digit, and stands for {span}.",)
    left = [format_size(size, "GiB", 2) for size in (memory.likely, memory.low, memory.high)]
    predicted = f"{figure.printed(likely)} predicted, {difference(figure, likely)}"
    return (
        f"Estimated: {left[0]} ({left[1]} to {left[2]}) are left of each GPU, so {span}; "
        f"{figure.text} reported, {predicted}.",
    )
