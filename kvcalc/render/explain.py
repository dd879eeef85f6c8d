"""The sum written out: every line item with this model's numbers in it, and the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.units import exact

if TYPE_CHECKING:
    from kvcalc.expect import Quantity
    from kvcalc.queries.show import Breakdown, TensorLine


def explain(answer: Breakdown, metric: Quantity | None = None) -> tuple[str, ...]:
    """Lines of text; the items under each heading add up to its total, to the byte.

    Without a metric the three sums in bytes, else the one asked for; then the sources.
    """
    sums = {"stored": _stored, "growth": _growth, "read": _read, "flops": _flops}
    wanted = ("stored", "growth", "read") if metric is None else (metric,)
    lines = [line for name in wanted for line in (*sums[name](answer), "")]
    return (*lines, *_sources(answer))


def _stored(answer: Breakdown) -> list[str]:
    tokens, times = answer.query.context, _times(answer)
    items = [
        (f"{times}{_kept(line)} x {_entries(line, tokens)} x {_bytes(line)}", f"{line.stored:,}")
        for line in answer.lines
    ]
    heading = f"stored at T = {tokens:,}: {times}layers x entries x bytes per entry"
    return _sum(answer, heading, items, f"stored = {answer.stored:,} B")


def _growth(answer: Breakdown) -> list[str]:
    tokens = answer.query.context
    items = [
        (f"{_kept(line)} x {_growing(line, tokens)} x {_bytes(line)}", exact(line.growth))
        for line in answer.lines
    ]
    heading = f"growth just after T = {tokens:,}: layers x entries per token x bytes per entry"
    return _sum(answer, heading, items, f"growth = {exact(answer.growth)} B")


def _read(answer: Breakdown) -> list[str]:
    tokens, times = answer.query.context, _times(answer)
    items = [
        (f"{times}{_layers(line)} x {_touched(line)} x {_bytes(line)}", f"{line.read:,}")
        for line in answer.lines
    ]
    heading = (
        f"read by a decode step at T = {tokens:,}: {times}layers x entries moved x bytes per entry"
    )
    return _sum(answer, heading, items, f"read = {answer.read:,} B")


def _flops(answer: Breakdown) -> list[str]:
    tokens, times = answer.query.context, _times(answer)
    items = []
    for line in answer.lines:
        tensor = line.settled.tensor
        if tensor.macs is None or line.flops is None:
            items.append(("the file does not say: macs", "unknown"))
            continue
        used = f"{tensor.reads.used(line.entries):,}"
        text = f"{times}{_layers(line)} x {used} x 2 x {tensor.macs:,} multiply-adds"
        items.append((text, f"{line.flops:,}"))
    heading = (
        f"attention FLOPs of a decode step at T = {tokens:,}: layers x entries used x 2 x macs"
    )
    total = "unknown" if answer.flops is None else f"{answer.flops:,}"
    return _sum(answer, heading, items, f"flops = {total}", unit="FLOPs")


def _times(answer: Breakdown) -> str:
    return f"{answer.query.batch:,} sequences x " if answer.query.batch > 1 else ""


def _sum(
    answer: Breakdown, heading: str, items: list[tuple[str, str]], total: str, unit: str = "B"
) -> list[str]:
    names = [_name(line) for line in answer.lines]
    wide = max(map(len, names), default=0)
    long = max((len(text) for text, _ in items), default=0)
    large = max((len(size) for _, size in items), default=0)
    lines = [
        f"  {name:<{wide}}  {text:<{long}}  = {size:>{large}} {unit}"
        for name, (text, size) in zip(names, items, strict=True)
    ]
    return [heading, *lines, f"  {total}"]


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


def _sources(answer: Breakdown) -> list[str]:
    if not answer.model.sources:
        return ["sources: the file names none"]
    lines = ["sources"]
    for source in answer.model.sources:
        read = f" (read {source.read})" if source.read else ""
        lines.append(f"  {source.origin}{read}")
        lines += [f"    {source.says}"] if source.says else []
    return lines
