"""The sum written out: every line item with this model's numbers in it, and the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.units import exact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvcalc.queries.show import Breakdown, TensorLine


def explain(answer: Breakdown) -> tuple[str, ...]:
    """Lines of text; the items under each heading add up to its total, to the byte."""
    tokens, batch = answer.query.context, answer.query.batch
    times = f"{batch:,} sequences x " if batch > 1 else ""
    return (
        f"stored at T = {tokens:,}: the sum of {times}layers x entries x bytes per entry",
        *_items(
            (
                _name(line),
                f"{times}{_kept(line)} x {_entries(line, tokens)} x {_bytes(line)}",
                f"{line.stored:,}",
            )
            for line in answer.lines
        ),
        _total("stored", f"{answer.stored:,}"),
        "",
        f"growth just after T = {tokens:,}: layers x entries per token x bytes per entry",
        *_items(
            (
                _name(line),
                f"{_kept(line)} x {_growing(line, tokens)} x {_bytes(line)}",
                exact(line.growth),
            )
            for line in answer.lines
        ),
        _total("growth", exact(answer.growth)),
        "",
        f"read by a decode step at T = {tokens:,}: {times}layers x entries moved x bytes per entry",
        *_items(
            (
                _name(line),
                f"{times}{_layers(line)} x {_touched(line)} x {_bytes(line)}",
                f"{line.read:,}",
            )
            for line in answer.lines
        ),
        _total("read", f"{answer.read:,}"),
        "",
        *_sources(answer),
    )


def _name(line: TensorLine) -> str:
    return f"{line.group}.{line.settled.tensor.name}"


def _layers(line: TensorLine) -> str:
    return f"{line.layers:,} layer{'s' if line.layers > 1 else ''}"


def _kept(line: TensorLine) -> str:
    """The layers that store the tensor: none where another layer's cache is shared."""
    return f"0 of {_layers(line)} (shared)" if line.settled.tensor.shared else _layers(line)


def _entries(line: TensorLine, tokens: int) -> str:
    rule = line.settled.tensor.extent.rule
    return f"{line.entries:,}" if rule == "T" else f"({rule} = {line.entries:,})"


def _growing(line: TensorLine, tokens: int) -> str:
    return exact(line.settled.tensor.extent.growth(tokens))


def _touched(line: TensorLine) -> str:
    moved = line.settled.tensor.reads.touched(line.entries)
    rule = line.settled.tensor.reads.rule
    return f"{moved:,}" if rule == "all" else f"({rule}: {moved:,})"


def _bytes(line: TensorLine) -> str:
    tensor, stored = line.settled.tensor, line.settled.format
    rule = stored.rule(tensor.width)
    if tensor.heads:
        rule = f"{tensor.heads:,} heads x " + (f"({rule})" if "+" in rule else rule)
    return f"({rule} = {line.settled.entry_bytes:,} B)"


def _items(items: Iterable[tuple[str, str, str]]) -> list[str]:
    found = list(items)
    name = max((len(item[0]) for item in found), default=0)
    text = max((len(item[1]) for item in found), default=0)
    size = max((len(item[2]) for item in found), default=0)
    return [f"  {n:<{name}}  {t:<{text}}  = {s:>{size}} B" for n, t, s in found]


def _total(word: str, amount: str) -> str:
    return f"  {word} = {amount} B"


def _sources(answer: Breakdown) -> list[str]:
    if not answer.model.sources:
        return ["sources: the file names none"]
    lines = ["sources"]
    for source in answer.model.sources:
        read = f" (read {source.read})" if source.read else ""
        lines.append(f"  {source.origin}{read}")
        lines += [f"    {source.says}"] if source.says else []
    return lines
