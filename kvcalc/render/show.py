"""What `show` prints: a line per tensor and group, which add up to the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from kvcalc.amounts import Amounts
from kvcalc.model import Source
from kvcalc.queries.show import Breakdown, TensorLine
from kvcalc.render import Style, keys
from kvcalc.render.explain import explain
from kvcalc.render.keys import Each, JsonObject, Key, as_fraction, envelope, number, queried, taken
from kvcalc.render.placed import beside, on
from kvcalc.render.records import ASKED, Records, Said, asked_of
from kvcalc.render.sheets import Column, Sheet, flops, numbers, sizes, stored_of, text, titled
from kvcalc.units import exact

PER_LAYER = (
    Key("stored_bytes_per_layer", int, "per_layer.stored", "Of one of the group's layers."),
    Key("bytes_per_token_per_layer", int | float, lambda kept: number(kept.per_layer.growth)),
    Key("bytes_per_token_per_layer_exact", str, lambda kept: as_fraction(kept.per_layer.growth)),
    Key("read_bytes_per_step_per_layer", int, "per_layer.read"),
)
TENSOR = JsonObject(
    "TensorDocument",
    "One tensor over all layers of its group.",
    Key("name", str, "settled.tensor.name"),
    Key("role", str, "settled.tensor.role"),
    Key("heads", int | None, "settled.tensor.heads", "Null for what has none to split."),
    Key("width", int, "settled.tensor.width"),
    Key("format", str, "settled.format.name"),
    Key("entries", int),
    Key("bytes_per_entry", int, "settled.entry_bytes", "Over all heads."),
    Key("shared", bool, "settled.tensor.shared", "Whether another layer stores it."),
    keys.STORED,
    *keys.GROWTH,
    keys.READ,
    keys.FLOPS,
    *PER_LAYER,
)
LINES = Each("lines", JsonObject("", "", Key("group", str), Key("layers", int), *TENSOR.keys))


def _asked(answer: Breakdown) -> Callable[[TensorLine], Said]:
    asked = asked_of(answer, answer.model) | taken(OF_ALL, answer)
    return lambda _: asked


OF_ALL = (keys.RANK_OF, keys.ENGINE_VERSION)
"""What is of all lines alike, and that each says on its own."""
RECORDS = Records(LINES, (*ASKED, *(key.name for key in OF_ALL)), _asked)


def _sources(answer: Breakdown) -> tuple[Source, ...]:
    draft = answer.model.draft
    return answer.model.sources + (draft.sources if draft else ())


GROUP = JsonObject(
    "GroupDocument",
    "Layers that keep the same tensors.",
    Key("name", str),
    Key("layers", int),
    *PER_LAYER,
    Each("tensors", TENSOR, "lines"),
)
DOCUMENT = JsonObject(
    "ShowDocument",
    "`kvcalc show`: the tensors' bytes add up to the totals.",
    *envelope("show"),
    queried(
        "ShowQueryDocument",
        "What changed the answer: tokens per sequence, sequences, storage, MTP, source, draft, ...",
    ),
    Key("model", str, "model.name"),
    Key("file", str, "model.file"),
    keys.STORED,
    keys.READ,
    keys.FLOPS,
    *keys.GROWTH,
    keys.FIXED,
    *keys.RESERVED,
    Key("weight_bytes", int | None, "model.weight_bytes"),
    Each("groups", GROUP),
    Each("sources", keys.SOURCE, _sources),
    keys.NOTES,
    *keys.PLACED,
    keys.ENGINE_REPORT,
    keys.ENGINE_VERSION,
)


class _Row(NamedTuple):
    """What describes a row, a cell for each of `DESCRIBED`, and what it amounts to."""

    cells: tuple[str, ...]
    amounts: Amounts


DESCRIBED: tuple[tuple[str, Callable[[str, Iterable[str], int], Column], int], ...] = (
    ("group", text, 0),
    ("layers", numbers, 0),
    ("tensor", text, 0),
    ("elements", numbers, 4),
    ("dtype", text, 1),
    ("entries", numbers, 3),
    ("B per entry", numbers, 5),
)
"""The headings of what describes a row, how they are set, and their rank."""


def sheet(answer: Breakdown, style: Style) -> Sheet:
    """The tensors and their total, and the sums below where they are asked for."""
    rows, stored = list(_rows(answer, style.per_layer)), stored_of(answer.query, answer.sequences)
    described = zip(*(row.cells for row in rows), strict=True)
    amounts = [row.amounts for row in rows]
    columns = [
        *(
            column(name, cells, rank)
            for (name, column, rank), cells in zip(DESCRIBED, described, strict=True)
        ),
        numbers("B per token", (exact(row.growth) for row in amounts)),
        numbers(
            "stored B" if stored == "stored" else "B per sequence",
            (f"{a.stored:,}" for a in amounts),
        ),
        sizes(stored, [a.stored for a in amounts], style.units, 2, 6),
        sizes(
            "read per step",
            [row.read for row in amounts],
            style.units,
            2,
            0 if style.metric == "read" else 2,
        ),
    ]
    if style.metric == "flops":
        columns.append(flops("FLOPs per step", (row.flops for row in amounts)))
    if answer.query.engine:
        blank = [""] * (len(rows) - 1)
        columns.append(numbers("reserved B", [*blank, f"{answer.reserved or 0:,}"]))
    return Sheet(
        titled(answer.model, answer.query, on=on([answer.rank])),
        tuple(columns),
        (None,) * (len(rows) - 1) + ("total",),
        _below(answer, style),
        beside(answer, style),
    )


def _below(answer: Breakdown, style: Style) -> tuple[str, ...]:
    """What the engine would log, and the sums."""
    report = answer.reservation.report if answer.reservation else None
    log = report.log if report else ()
    if not style.explain:
        return log
    return (*log, *([""] if log else []), *explain(answer, style.metric))


def _rows(answer: Breakdown, per_layer: bool) -> Iterator[_Row]:
    """A row per tensor, one layer of each group where that is asked for, and the total."""
    for group in answer.groups:
        yield from (_Row(_described(line), line.amounts) for line in group.lines)
        if per_layer:
            yield _Row((group.name, "1", "one layer", "", "", "", ""), group.per_layer)
    yield _Row(("total", "", "", "", "", "", ""), answer.amounts)


def _described(line: TensorLine) -> tuple[str, ...]:
    tensor = line.settled.tensor
    return (
        line.group,
        f"{line.layers:,}",
        tensor.name,
        f"{tensor.heads} x {tensor.width:,}" if tensor.heads else f"{tensor.width:,}",
        line.settled.format.name,
        f"{line.entries:,}" + (" (shared)" if tensor.shared else ""),
        f"{line.settled.entry_bytes:,}",
    )
