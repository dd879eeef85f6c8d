"""What `compare` prints: a row per scheme or model, and what is expected of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kvcalc.expect import Quantity
from kvcalc.queries.check import Result
from kvcalc.queries.compare import ComparedRow, Comparison
from kvcalc.question import NOTHING_ASKED
from kvcalc.render import Style, keys
from kvcalc.render.check import RESULT
from kvcalc.render.keys import Each, JsonObject, Key, as_fraction, envelope, queried
from kvcalc.render.records import ASKED, Records, Said, asked_of
from kvcalc.render.sheets import Sheet, asked, flops, numbers, own_dtype, sizes, text, titled
from kvcalc.render.verdicts import remarked
from kvcalc.units import exact, format_ratio


def _ratio(row: ComparedRow) -> float | None:
    return None if row.ratio is None else float(row.ratio)


def _expected_of(answer: Comparison) -> list[str]:
    found = (result.expectation for result in answer.held)
    return list(dict.fromkeys(f"{one.entry}={one.figure.text}" for one in found if one))


ROW = JsonObject(
    "RowDocument",
    "One row of `kvcalc compare`; `ratio` is the baseline's metric over this row's, both at its "
    "context.",
    Key("model", str),
    Key("scheme", str),
    Key("native", bool, says="Whether the model ships it."),
    keys.STORED,
    *keys.GROWTH,
    keys.FIXED,
    keys.READ,
    keys.FLOPS,
    *keys.RESERVED,
    Key("ratio", float | None, _ratio, "Null where this row's metric is 0 or not known."),
    Key("ratio_exact", str | None, lambda row: as_fraction(row.ratio)),
    keys.NOTES,
    Key("context", int),
)
ROWS = Each("rows", ROW)


def _asked(answer: Comparison) -> Callable[[ComparedRow], Said]:
    compared = {"metric": answer.metric, "baseline": answer.baseline}
    return lambda row: {**asked_of(answer, row.variant), **compared}


RECORDS = Records(ROWS, (*ASKED, "metric", "baseline"), _asked)
BASELINE = Key("baseline", str)
DOCUMENT = JsonObject(
    "CompareDocument",
    "`kvcalc compare`.",
    *envelope("compare"),
    queried(
        "CompareQueryDocument",
        "What changed the answer, and what the ratio compares with which row.",
        Key("context", int | None, "query.context", "Null where there are several."),
        Key("contexts", ([int], type(None)), lambda answer: list(answer.contexts) or None),
        Key("metric", Quantity),
        BASELINE,
        Key("expect", [str], _expected_of, "What the answer itself is held to."),
    ),
    BASELINE,
    ROWS,
    Each("expect", RESULT, lambda answer: answer.expect + answer.held),
    keys.NOTES,
)


def sheet(answer: Comparison, style: Style) -> Sheet:
    """The rows, those that a model ships marked, and below them what is expected."""
    rows, query, several = answer.rows, answer.query, len(answer.models) > 1
    ratio = "ratio" if answer.metric == "stored" else f"ratio ({answer.metric})"
    per_batch = "per sequence" if query.batch == 1 else "stored"
    columns = [
        *([numbers("context", (f"{row.context:,}" for row in rows))] if answer.contexts else []),
        *([text("model", (row.model for row in rows))] if several else []),
        text("scheme", (row.label + " (ships)" * (row.native and not several) for row in rows)),
        sizes("per token", [row.growth for row in rows], style.units, 1),
        numbers("exact B", (exact(row.growth) for row in rows)),
        sizes(per_batch, [row.stored for row in rows], style.units, 2),
        numbers(ratio, ("-" if row.ratio is None else format_ratio(row.ratio) for row in rows)),
        sizes("read per step", [row.read for row in rows], style.units, 2),
    ]
    if query.engine:
        columns.append(numbers("reserved B", (f"{row.reserved or 0:,}" for row in rows)))
    if answer.metric == "flops":
        columns.append(flops("FLOPs per step", (row.flops for row in rows)))
    native = frozenset(n for n, row in enumerate(rows) if row.native and not several)
    below = _under(_held_at(answer), [_expected(result) for result in answer.expect])
    below += _under("asked", [_expected(result) for result in answer.held])
    return Sheet(_title(answer), tuple(columns), native, below)


def _title(answer: Comparison) -> str:
    query, contexts = answer.query, answer.contexts
    same = " at the same context" if contexts else ""
    to = f", ratio to {answer.baseline}{same}"
    if len(answer.models) > 1:
        return f"{len(answer.models)} models, {asked(query, answer.draft, contexts)}{to}"
    return titled(answer.models[0], query, contexts) + (to if contexts else "")


def _held_at(answer: Comparison) -> str:
    """How a model's own expectations are headed: with what they are held at, if no row is at it."""
    model, query = replace(answer.models[0], draft=None), answer.query
    plain = replace(query, context=None, batch=1, engine=None) == NOTHING_ASKED
    if plain and not answer.draft and query.context == model.default_context:
        return "expected"
    alone = ", without the draft" if answer.draft else ""
    return f"expected in {own_dtype(model)} at {model.default_context:,} tokens{alone}"


def _expected(result: Result) -> str:
    entry = result.id.partition(":")[2]
    computed = "" if result.computed_text == result.printed else result.computed_text
    aside = ", ".join(filter(None, (computed, remarked(result))))
    told = f"{entry} {result.printed} {'ok' if result.ok else 'FAILED'}"
    return f"{told} ({aside})" if aside else told


def _under(word: str, items: Sequence[str]) -> tuple[str, ...]:
    """Items side by side under one word, a few to a line."""
    lines, current = [], ""
    for item in items:
        if current and len(current) + len(item) > 85:
            lines.append(current)
            current = ""
        current = f"{current}   {item}" if current else item
    lines += [current] if current else []
    return tuple(f"{word if n == 0 else '':<{len(word)}}  {line}" for n, line in enumerate(lines))
