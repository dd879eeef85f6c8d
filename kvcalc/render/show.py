"""What `show` prints: a line per tensor and group, which add up to the totals."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from kvcalc.model import Source
from kvcalc.queries.show import Breakdown, TensorLine
from kvcalc.render import Style, keys
from kvcalc.render.explain import explain
from kvcalc.render.keys import Each, JsonObject, Key, envelope, queried
from kvcalc.render.sheets import Sheet, flops, numbers, sizes, text, titled
from kvcalc.units import exact

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
)
RECORDS = Each("lines", JsonObject("", "", Key("group", str), Key("layers", int), *TENSOR.keys))


def _groups(answer: Breakdown) -> list[list[TensorLine]]:
    return [list(lines) for _, lines in groupby(answer.lines, key=attrgetter("group"))]


def _sources(answer: Breakdown) -> tuple[Source, ...]:
    draft = answer.model.draft
    return answer.model.sources + (draft.sources if draft else ())


GROUP = JsonObject(
    "GroupDocument",
    "Layers that keep the same tensors.",
    Key("name", str, lambda lines: lines[0].group),
    Key("layers", int, lambda lines: lines[0].layers),
    Each("tensors", TENSOR, lambda lines: lines),
)
SOURCE = JsonObject(
    "SourceDocument",
    "What was read for the model file, and when.",
    Key("origin", str),
    Key("says", str),
    Key("read", str),
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
    Each("groups", GROUP, _groups),
    Each("sources", SOURCE, _sources),
    keys.NOTES,
)


def sheet(answer: Breakdown, style: Style) -> Sheet:
    """The tensors and their total, and the sums below where they are asked for."""
    lines, several = answer.lines, answer.query.batch > 1
    tensors = [line.settled.tensor for line in lines]
    rows = [*lines, answer]
    columns = [
        text("group", [*(line.group for line in lines), "total"]),
        numbers("layers", [*(f"{line.layers:,}" for line in lines), ""]),
        text("tensor", [*(tensor.name for tensor in tensors), ""]),
        numbers(
            "elements",
            [*(f"{t.heads} x {t.width:,}" if t.heads else f"{t.width:,}" for t in tensors), ""],
        ),
        text("dtype", [*(line.settled.format.name for line in lines), ""]),
        numbers("entries", [*map(_entries, lines), ""]),
        numbers("B per entry", [*(f"{line.settled.entry_bytes:,}" for line in lines), ""]),
        numbers("B per token", (exact(row.growth) for row in rows)),
        numbers("stored B" if several else "B per sequence", (f"{row.stored:,}" for row in rows)),
        sizes("stored" if several else "per sequence", [r.stored for r in rows], style.units, 2),
        sizes("read per step", [row.read for row in rows], style.units, 2),
    ]
    if style.metric == "flops":
        columns.append(flops("FLOPs per step", (row.flops for row in rows)))
    if answer.query.engine:
        columns.append(numbers("reserved B", [*("" for _ in lines), f"{answer.reserved or 0:,}"]))
    return Sheet(
        titled(answer.model, answer.query),
        tuple(columns),
        frozenset({len(lines)}),
        explain(answer, style.metric) if style.explain else (),
    )


def _entries(line: TensorLine) -> str:
    return f"{line.entries:,}" + (" (shared)" if line.settled.tensor.shared else "")
