"""What to turn where something does not fit, in words and as documents."""

from __future__ import annotations

from collections.abc import Iterator

from kvcalc.queries.fitted import Fitted
from kvcalc.queries.ways_out import WayOut
from kvcalc.render.keys import Each, JsonObject, Key

WAY_OUT = JsonObject(
    "WayOutDocument",
    "One knob to turn, the cheapest first, and what fits then.",
    Key("knob", str, says="layout, kv_dtype, context, batch or gpus"),
    Key("value", int | str),
    Key("layout", str, "row.layout"),
    Key("largest_batch", int | None, "row.largest_batch", "Of the context, or the mix."),
    Key("largest_context", int | None, "row.largest_context", "Of the sequences that are wanted."),
)
WAYS_OUT = Each("ways_out", WAY_OUT)


def ways_out(row: Fitted, of: str) -> Iterator[str]:
    """A line for each; `of` is what the sequences are of."""
    for number, one in enumerate(row.ways_out):
        lead = "what fits: " if number == 0 else "or: "
        yield f"{lead}{_told(one, row, of)}"


def _told(way: WayOut, row: Fitted, of: str) -> str:
    found, many = way.row, row.wanted > 1
    of_them = f"for {row.wanted:,} sequences" if many else "for one sequence"
    served = "any number" if found.largest_batch is None else f"{found.largest_batch:,}"
    fit = f"{served} of {of}"
    if way.knob == "layout":
        return f"another layout, {way.value}: {fit}"
    if way.knob == "kv_dtype":
        return f"the cache in {way.value}, --kv-dtype {way.value}: {fit}"
    if way.knob == "context":
        return f"{found.largest_context:,} tokens {of_them}"
    if way.knob == "batch":
        return f"fewer sequences, {way.value:,}, of {of}"
    return f"{way.value:,} GPUs, {found.layout}: {fit}"
