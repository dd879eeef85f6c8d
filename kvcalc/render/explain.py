"""The sum written out: every line item with this model's numbers in it, and the sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.expect import Quantity
from kvcalc.model import Model
from kvcalc.printable import printable
from kvcalc.queries.show import Breakdown, TensorLine
from kvcalc.render.placed import told_of
from kvcalc.render.sheets import wide
from kvcalc.sharing import sharing_of
from kvcalc.units import exact

if TYPE_CHECKING:
    from kvcalc.engines.reservation import Reservation
    from kvcalc.question import Question

Item = tuple[str, str, Fraction | None]
"""A name, the product that it stands for, and what that comes to, as far as it is known."""


def explain(answer: Breakdown, metric: Quantity | None = None) -> tuple[str, ...]:
    """Lines of text; the items under each heading add up to its total, to the byte.

    Without a metric the three sums in bytes, else the one asked for; what an engine adds; sources.
    """
    wanted: tuple[Quantity, ...] = ("stored", "growth", "read") if metric is None else (metric,)
    sums = [_of_tensors(answer, quantity) for quantity in wanted]
    if answer.reservation:
        sums.append(_of_terms(answer, answer.reservation))
    return (*(line for lines in sums for line in (*lines, "")), *_sources(answer.model))


def _of_tensors(answer: Breakdown, quantity: Quantity) -> list[str]:
    sequences = answer.sequences
    # growth is that of one sequence
    times = _times("sequence", sequences if quantity != "growth" else 1)
    heading, product = SUMS[quantity]
    items = [
        (
            f"{line.group}.{line.settled.tensor.name}",
            product(line, answer.query, times),
            line.amounts.of(quantity),
        )
        for line in answer.lines
    ]
    total = f"{quantity} = {_size(answer.amounts.of(quantity))}"
    beams = _times("beam", answer.query.beams)
    heading = heading.format(f"{answer.query.tokens:,}{_on(answer)}", f"{times}{beams}")
    if quantity == "stored" and answer.query.shared_prefix:
        heading += f", those of the first {answer.query.shared_prefix:,} tokens once"
    if quantity == "flops":
        return _sum(heading, items, total, "FLOPs")
    lines = _sum(heading, items, f"{total} B", "B")
    return lines + (_over_all(answer) if quantity == "stored" else [])


def _on(answer: Breakdown) -> str:
    """Of which GPU a sum is, where there are several."""
    return f" on {answer.rank}" if answer.rank else ""


def _over_all(answer: Breakdown) -> list[str]:
    """What all GPUs store, and how much of that is there more than once."""
    if answer.total is None or answer.rank is None:
        return []
    told = f"  over {answer.rank.gpus:,} GPUs {answer.total.stored:,} B"
    if not answer.copies:
        return [f"{told}, as much as one alone would store"]
    alone = answer.total.stored - answer.copies
    return [f"{told}: {alone:,} B as one alone would store, and {answer.copies:,} B of copies"]


def _of_terms(answer: Breakdown, reservation: Reservation) -> list[str]:
    """What an engine charges: the bytes stored, and each rule by which it keeps more or less."""
    engine, tokens = answer.query.engine, answer.query.tokens
    items = [("stored", "", Fraction(answer.stored))]
    items += [(term.rule, "", Fraction(term.bytes)) for term in reservation.terms]
    by = f"reserved by {engine} {answer.engine_version} at T = {tokens:,}{_on(answer)}"
    heading = f"{by}: stored, and how {engine} differs from it"
    lines = _sum(heading, items, f"reserved = {reservation.bytes:,} B", "B")
    if answer.pool is not None:
        lines.append(f"  beside that {answer.pool:,} B of the pool, whoever uses it")
    if answer.reserved_total is not None and answer.rank:
        pools = "" if answer.pool_total is None else f", and {answer.pool_total:,} B for pools"
        lines.append(f"  over {answer.rank.gpus:,} GPUs {answer.reserved_total:,} B{pools}")
    settings = [f"  {name} = {value}" for name, value in told_of(answer.query.settings)]
    return [*lines, "", f"settings of {engine}, as resolved", *settings] if settings else lines


def _sum(heading: str, items: Sequence[Item], total: str, unit: str) -> list[str]:
    rows = [(printable(name), text, _size(value)) for name, text, value in items]
    longest, long, large = (max((wide(row[n]) for row in rows), default=0) for n in range(3))
    lines = [
        f"  {name}{' ' * (longest - wide(name))}"
        f"{f'  {text:<{long}}' if long else ''}  = {size:>{large}} {unit}"
        for name, text, size in rows
    ]
    return [heading, *lines, f"  {total}"]


def _size(value: Fraction | None) -> str:
    return "unknown" if value is None else exact(value)


def _times(what: str, number: int) -> str:
    return f"{number:,} {what}s x " if number > 1 else ""


def _stored(line: TensorLine, query: Question, times: str) -> str:
    tensor = line.settled.tensor
    rule, once = tensor.extent.rule, sharing_of(query).entries(tensor.extent, query.tokens)
    # all beams of a sequence look at one source
    times += _times("beam", 1 if tensor.crosses else query.beams)
    entries = f"{line.entries:,}" if rule == "T" else f"({rule} = {line.entries:,})"
    if once and times:  # a prefix is kept once, whoever has it
        return f"{_kept(line)} x ({once:,} + {times}{line.entries - once:,}) x {_bytes(line)}"
    return f"{times}{_kept(line)} x {entries} x {_bytes(line)}"


def _growth(line: TensorLine, query: Question, times: str) -> str:
    growing = exact(Fraction(line.settled.tensor.extent.growth(query.tokens)))
    return f"{_times('beam', query.beams)}{_kept(line)} x {growing} x {_bytes(line)}"


def _read(line: TensorLine, query: Question, times: str) -> str:
    reads = line.settled.tensor.reads
    moved = f"{reads.touched(line.entries):,}"
    touched = moved if reads.rule == "all" else f"({reads.rule}: {moved})"
    times += _times("beam", query.beams)
    return f"{times}{_layers(line)} x {touched} x {_bytes(line)}"


def _flops(line: TensorLine, query: Question, times: str) -> str:
    tensor = line.settled.tensor
    if tensor.macs is None:
        return "the file does not say: macs"
    used = f"{tensor.reads.used(line.entries):,}"
    times += _times("beam", query.beams)
    return f"{times}{_layers(line)} x {used} x 2 x {tensor.macs:,} multiply-adds"


SUMS: dict[Quantity, tuple[str, Callable[[TensorLine, Question, str], str]]] = {
    "stored": ("stored at T = {}: {}layers x entries x bytes per entry", _stored),
    "growth": ("growth just after T = {}: {}layers x entries per token x bytes per entry", _growth),
    "read": ("read by a decode step at T = {}: {}layers x entries moved x bytes per entry", _read),
    "flops": (
        "attention FLOPs of a decode step at T = {}: layers x entries used x 2 x macs",
        _flops,
    ),
}
"""By quantity, the heading of its sum, and how a tensor's part of it comes about."""


def _layers(line: TensorLine) -> str:
    return f"{line.layers:,} layer{'s' if line.layers > 1 else ''}"


def _kept(line: TensorLine) -> str:
    """The layers that store the tensor: none where another layer's cache is shared."""
    return f"0 of {_layers(line)} (shared)" if line.settled.tensor.shared else _layers(line)


def _bytes(line: TensorLine) -> str:
    tensor, stored = line.settled.tensor, line.settled.format
    rule = stored.rule(tensor.width)
    if tensor.heads:
        rule = f"{tensor.heads:,} head{'s' if tensor.heads > 1 else ''} x " + (
            f"({rule})" if "+" in rule else rule
        )
    return f"({rule} = {line.settled.entry_bytes:,} B)"


def _sources(model: Model, of: str = "") -> list[str]:
    lines = [f"sources{of}" if model.sources else f"sources{of}: the file names none"]
    for source in model.sources:
        read = f" (read {source.read})" if source.read else ""
        lines.append(f"  {source.origin}{read}")
        lines += [f"    {' '.join(source.says.split())}"] if source.says else []
    return lines + (_sources(model.draft, " of the draft") if model.draft else [])
