"""Answers as sheets: titled columns of text, which tables and markdown print alike."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.queries.check import Checked, Result
from kvcalc.queries.compare import Comparison
from kvcalc.queries.listing import Listing
from kvcalc.queries.show import Breakdown, TensorLine
from kvcalc.render.explain import explain
from kvcalc.units import exact, format_flops, format_ratio, format_size, size_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvcalc.model import Model
    from kvcalc.queries.query import Query
    from kvcalc.render import Answer, Style
    from kvcalc.units import System


@dataclass(frozen=True)
class Column:
    """A heading, its cells, and whether they are numbers (set flush right)."""

    heading: str
    cells: tuple[str, ...]
    number: bool = True


@dataclass(frozen=True)
class Sheet:
    """A title, columns of equal length, the rows that stand out, and lines below."""

    title: str
    columns: tuple[Column, ...]
    marked: frozenset[int] = frozenset()
    below: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def sheet_of(answer: Answer, style: Style) -> Sheet:
    """The one sheet that shows an answer."""
    match answer:
        case Comparison():
            return _comparison(answer, style)
        case Breakdown():
            return _breakdown(answer, style)
        case Checked():
            return _checked(answer)
        case Listing():
            return _listing(answer, style)


def _comparison(answer: Comparison, style: Style) -> Sheet:
    rows, several = answer.rows, len(answer.models) > 1
    ratios = "-" if answer.metric == "stored" else f" ({answer.metric})"
    columns = [
        _text("model", (row.model for row in rows)) if several else None,
        _text("scheme", (row.label + " (ships)" * (row.native and not several) for row in rows)),
        _sizes("per token", [row.growth for row in rows], style.units, 1),
        Column("exact B", tuple(exact(row.growth) for row in rows)),
        _sizes(
            "per sequence" if answer.query.batch == 1 else "stored",
            [r.stored for r in rows],
            style.units,
            2,
        ),
        Column("ratio" + ratios.strip("-"), tuple(_ratio(row.ratio) for row in rows)),
        _sizes("read per step", [row.read for row in rows], style.units, 2),
        Column("reserved B", tuple(f"{row.reserved or 0:,}" for row in rows))
        if answer.query.engine
        else None,
        Column("FLOPs per step", tuple(_flops(row.flops) for row in rows))
        if answer.metric == "flops"
        else None,
    ]
    title = (
        f"{len(rows)} models, {_query(answer.query)}, ratio to {answer.baseline}"
        if several
        else f"{_heading(answer.models[0])}, {_query(answer.query)}"
    )
    native = frozenset(n for n, row in enumerate(rows) if row.native and not several)
    below = tuple(_expected(result) for result in answer.expect)
    return Sheet(title, tuple(c for c in columns if c), native, _under("expected", below))


def _heading(model: Model) -> str:
    shapes = {scheme.shape for scheme in model.attention.values()}
    shape = next(iter(shapes)) if len(shapes) == 1 else model.shape
    heads = ""
    if shape:
        same = shape.key_dim == shape.value_dim
        widths = f"{shape.key_dim}" if same else f"{shape.key_dim}/{shape.value_dim}"
        heads = f", {shape.heads} heads x {widths}"
    used = (model.attention[name] for layer in model.layers for name in layer)
    own = dict.fromkeys((scheme.dtype or model.dtype).name for scheme in used)
    dtype = model.kv_dtype.name if model.kv_dtype else ", ".join(own) or model.dtype.name
    index = f", index keys {model.index_dtype.name}" if model.index_dtype else ""
    return f"{model.name}: {len(model.layers)} layers{heads}, {dtype}{index}"


def _query(query: Query) -> str:
    engine = f", reserved by {query.engine}" if query.engine else ""
    return f"context {query.context:,}, batch {query.batch:,}{engine}"


def _expected(result: Result) -> str:
    entry = result.id.partition(":")[2]
    aside = "" if result.computed_text == result.printed else f" ({result.computed_text})"
    return f"{entry} {result.printed} {'ok' if result.ok else 'FAILED'}{aside}"


def _under(word: str, items: Sequence[str]) -> tuple[str, ...]:
    """Items side by side under one word, a few to a line."""
    lines, current = [], ""
    for item in items:
        if current and len(current) + len(item) > 85:
            lines.append(current)
            current = ""
        current = f"{current}   {item}" if current else item
    lines += [current] if current else []
    return tuple(f"{word if n == 0 else '':<{len(word)}}  {text}" for n, text in enumerate(lines))


def _breakdown(answer: Breakdown, style: Style) -> Sheet:
    lines, total = answer.lines, "total"
    tensors = [line.settled.tensor for line in lines]
    several = answer.query.batch > 1
    columns = [
        _text("group", [*(line.group for line in lines), total]),
        Column("layers", (*(f"{line.layers:,}" for line in lines), "")),
        _text("tensor", [*(tensor.name for tensor in tensors), ""]),
        Column(
            "elements",
            (*(f"{t.heads} x {t.width:,}" if t.heads else f"{t.width:,}" for t in tensors), ""),
        ),
        _text("dtype", [*(line.settled.format.name for line in lines), ""]),
        Column("entries", (*(_entries(line) for line in lines), "")),
        Column("B per entry", (*(f"{line.settled.entry_bytes:,}" for line in lines), "")),
        Column("B per token", (*(exact(line.growth) for line in lines), exact(answer.growth))),
        Column(
            "stored B" if several else "B per sequence",
            (*(f"{line.stored:,}" for line in lines), f"{answer.stored:,}"),
        ),
        _sizes(
            "stored" if several else "per sequence",
            [*(line.stored for line in lines), answer.stored],
            style.units,
            2,
        ),
        _sizes("read per step", [*(line.read for line in lines), answer.read], style.units, 2),
    ]
    if style.metric == "flops":
        flops = (*(_flops(line.flops) for line in lines), _flops(answer.flops))
        columns.append(Column("FLOPs per step", flops))
    if answer.query.engine:
        reserved = (*("" for _ in lines), f"{answer.reserved or 0:,}")
        columns.append(Column("reserved B", reserved))
    title = f"{_heading(answer.model)}, {_query(answer.query)}"
    below = explain(answer, style.metric) if style.explain else ()
    return Sheet(title, tuple(columns), frozenset({len(lines)}), below)


def _entries(line: TensorLine) -> str:
    return f"{line.entries:,}" + (" (shared)" if line.settled.tensor.shared else "")


def _checked(answer: Checked) -> Sheet:
    results = answer.results
    columns = (
        _text("claim", (result.id for result in results)),
        Column("printed", tuple(result.printed for result in results)),
        Column("computed", tuple(result.computed_text for result in results)),
        _text("verdict", (verdict_of(result) for result in results)),
        _text("where", (f"{result.file}:{result.line}" for result in results)),
    )
    failed = frozenset(n for n, result in enumerate(results) if not result.ok)
    return Sheet("", columns, failed, (_tally(answer),))


def fact_sheet(answer: Checked) -> Sheet:
    """The results as a document to link to: what was said, where, and why it holds or does not."""
    results = answer.results
    columns = (
        _text("claim", (result.id for result in results)),
        _text("said", (f'"{r.claim.quote}"' if r.claim else r.id for r in results)),
        Column("printed", tuple(result.printed for result in results)),
        Column("computed", tuple(result.computed_text for result in results)),
        _text("verdict", (verdict_of(result) for result in results)),
        _text("why", (_why(result) for result in results)),
        _text("source", (_source(result) for result in results)),
    )
    return Sheet("", columns, below=(_tally(answer),))


def said(result: Result) -> str:
    """One line on a result: what is printed, what is computed, and the verdict."""
    if not result.printed:
        return f"no figure is printed: {verdict_of(result)}"
    return f"{result.printed} is printed, {result.computed_text} computed: {verdict_of(result)}"


def verdict_of(result: Result) -> str:
    """The verdict, and beside it the recorded one where they differ."""
    return result.verdict if result.ok else f"{result.verdict} (recorded: {result.expected})"


def _why(result: Result) -> str:
    evidence = result.claim.evidence if result.claim else ""
    return " ".join(text for text in (result.note, evidence) if text)


def _source(result: Result) -> str:
    if result.claim is None:
        return f"{result.file}:{result.line}"
    kind = "primary" if result.claim.primary else "not primary"
    return f"{result.claim.source.origin} ({kind}, read {result.claim.source.read})"


def _tally(answer: Checked) -> str:
    return f"{answer.passed} passed, {answer.failed} failed"


def _listing(answer: Listing, style: Style) -> Sheet:
    listed = sorted(answer.models, key=lambda m: (m.model.vendor.lower(), m.model.file))
    vendors = [m.model.vendor for m in listed]
    first = ["" if n and vendors[n - 1] == v else v for n, v in enumerate(vendors)]
    columns = (
        _text("vendor", first),
        _text("model", (m.model.file.removesuffix(".yaml") for m in listed)),
        _text("attention", (m.attention for m in listed)),
        Column("layers", tuple(f"{len(m.model.layers)}" for m in listed)),
        _sizes("per token", [m.growth for m in listed], style.units, 1),
        Column("exact B", tuple(exact(m.growth) for m in listed)),
        _sizes("fixed", [m.fixed for m in listed], style.units, 1),
        Column("at context", tuple(f"{m.context:,}" for m in listed)),
        Column("max context", tuple(_count(m.model.max_context) for m in listed)),
    )
    return Sheet("", columns, below=(f"{len(listed)} models",))


def _text(heading: str, cells: Iterable[str]) -> Column:
    return Column(heading, tuple(cells), number=False)


def _sizes(heading: str, values: Sequence[Fraction | int], units: System, places: int) -> Column:
    unit = size_unit(values, units)
    return Column(heading, tuple(format_size(value, unit, places) for value in values))


def _ratio(ratio: Fraction | None) -> str:
    return "-" if ratio is None else format_ratio(ratio)


def _flops(flops: int | None) -> str:
    return "unknown" if flops is None else format_flops(flops)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
