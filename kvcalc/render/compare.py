"""What `compare` prints: a row per scheme or model, and what is expected of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kvcalc.expect import Quantity
from kvcalc.queries.check import Result
from kvcalc.queries.compare import ComparedRow, Comparison
from kvcalc.question import NOTHING_ASKED, Question
from kvcalc.render import Style, keys
from kvcalc.render.check import RESULT
from kvcalc.render.keys import Each, JsonObject, Key, as_fraction, envelope, queried
from kvcalc.render.placed import on, set_up
from kvcalc.render.records import ASKED, Records, Said, asked_of
from kvcalc.render.sheets import (
    NATIVE,
    SEVERAL,
    Column,
    Sheet,
    asked,
    flops,
    numbers,
    own_dtype,
    sizes,
    stored_of,
    text,
    titled,
)
from kvcalc.render.verdicts import remarked
from kvcalc.units import exact, format_ratio

BESIDE = 85
"""As many characters stand side by side below a table, or fewer on a narrow terminal."""
FAILED = "FAILED"


def _ratio(row: ComparedRow) -> float | None:
    return None if row.ratio is None else float(row.ratio)


def _expected_of(answer: Comparison) -> list[str]:
    found = (result.expectation for result in answer.held)
    return list(dict.fromkeys(f"{one.entry}={one.figure.text}" for one in found if one))


DIRECTION = (
    "The baseline's metric over this row's: 57 says that this row is 57 times smaller, 0.8 that it "
    "is larger. Null where this row's metric is 0 or not known."
)
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
    Key("ratio", float | None, _ratio, DIRECTION),
    Key("ratio_exact", str | None, lambda row: as_fraction(row.ratio), "The same as num/den."),
    keys.NOTES,
    Key("context", int),
    *keys.PLACED,
    keys.ENGINE_REPORT,
)
ROWS = Each("rows", ROW)


def _asked(answer: Comparison) -> Callable[[ComparedRow], Said]:
    version = keys.ENGINE_VERSION
    compared = {"metric": answer.metric, "baseline": answer.baseline}
    of_all = {**compared, version.name: version.of(answer)}
    return lambda row: {**asked_of(answer, row.variant), **of_all}


RECORDS = Records(ROWS, (*ASKED, "metric", "baseline", keys.ENGINE_VERSION.name), _asked)
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
    keys.ENGINE_VERSION,
)


def sheet(answer: Comparison, style: Style) -> Sheet:
    """The rows, the model's own marked, and below them what is expected."""
    rows, query, several = answer.rows, answer.query, len(answer.models) > 1
    rank = {"read": 2, "growth": 1, answer.metric: 0}
    columns = [
        *([numbers("context", (f"{row.context:,}" for row in rows))] if answer.contexts else []),
        *([text("model", (row.model for row in rows), folds=12)] if several else []),
        text(
            "scheme",
            (row.label + " (ships)" * (row.native and not several) for row in rows),
            folds=8,
        ),
        sizes("per token", [row.growth for row in rows], style.units, 1, rank=3),
        numbers("exact B", (exact(row.growth) for row in rows), rank["growth"], "B per token"),
        sizes(stored_of(query, query.batch), [row.stored for row in rows], style.units, 2),
        numbers(
            _direction(answer),
            ("-" if row.ratio is None else format_ratio(row.ratio) for row in rows),
        ),
        sizes("read per step", [row.read for row in rows], style.units, 2, rank=rank["read"]),
    ]
    columns += _placed(rows, query, style)
    if answer.metric == "flops":
        columns.append(flops("FLOPs per step", (row.flops for row in rows)))
    below = _under(_held_at(answer), [_expected(result) for result in answer.expect], style.width)
    below += _under("asked", [_expected(result) for result in answer.held], style.width)
    return Sheet(
        _title(answer),
        tuple(columns),
        tuple("own" if row.native and not several else None for row in rows),
        below,
        _native(answer) + set_up(query, style.width),
        "" if all(result.ok for result in (*answer.expect, *answer.held)) else FAILED,
    )


def _placed(rows: Sequence[ComparedRow], query: Question, style: Style) -> list[Column]:
    """What an engine reserves, and what there is over all GPUs."""
    columns = []
    if query.engine:
        columns.append(numbers("reserved B", (f"{row.reserved or 0:,}" for row in rows)))
        if pools := [row.pool for row in rows if row.pool is not None]:
            assert len(pools) == len(rows)
            columns.append(numbers("pool B", (f"{pool:,}" for pool in pools), 4))
    if ranks := [row.rank for row in rows if row.rank]:
        over = f"over {ranks[0].gpus:,} GPUs"
        stored = [row.total.stored for row in rows if row.total]
        columns.append(sizes(over, stored, style.units, 2, 5))
        if reserved := [row.reserved_total for row in rows if row.reserved_total is not None]:
            columns.append(sizes(f"reserved {over}", reserved, style.units, 2, 5))
    return columns


def _title(answer: Comparison) -> str:
    query, contexts = answer.query, answer.contexts
    gpu = on([row.rank for row in answer.rows])
    same = " at the same context" if contexts else ""
    to = f", baseline {answer.baseline}{same}"
    if len(answer.models) > 1:
        return f"{len(answer.models)} models, {asked(query, answer.draft, contexts, gpu)}{to}"
    return titled(answer.models[0], query, contexts, gpu) + (to if contexts else "")


def _direction(answer: Comparison) -> str:
    """What the ratio is of and what it is over, as `expect:` writes it; which metric's."""
    base = "baseline" if len(answer.models) > 1 else answer.baseline
    return f"{base} / this" + ("" if answer.metric == "stored" else f" ({answer.metric})")


def _native(answer: Comparison) -> tuple[str, ...]:
    """What a row is that has no scheme's name."""
    if all(row.scheme != NATIVE for row in answer.rows):
        return ()
    if len(answer.models) > 1:
        return (SEVERAL,)
    groups = (f"{group.layers:,} {group.name}" for group in answer.models[0].cache.groups)
    return (f"{NATIVE}: the layers as the model ships them: {', '.join(groups)}",)


def _held_at(answer: Comparison) -> str:
    """How a model's own expectations are headed: with what they are held at, if no row is at it."""
    model, query = replace(answer.models[0], draft=None), answer.query
    plain = replace(query, context=None, batch=1, engine=None, settings={}) == NOTHING_ASKED
    if plain and not answer.draft and query.context == model.default_context:
        return "expected"
    alone = ", without the draft" if answer.draft else ""
    alone += ", on one GPU" if any(row.rank for row in answer.rows) else ""
    return f"expected in {own_dtype(model)} at {model.default_context:,} tokens{alone}"


def _expected(result: Result) -> str:
    entry = result.id.partition(":")[2]
    computed = "" if result.computed_text == result.printed else result.computed_text
    aside = ", ".join(filter(None, (computed, remarked(result))))
    told = f"{entry} {result.printed} {'ok' if result.ok else FAILED}"
    return f"{told} ({aside})" if aside else told


def _under(word: str, items: Sequence[str], width: int | None) -> tuple[str, ...]:
    """Items side by side under one word, a few to a line."""
    beside = BESIDE if width is None else min(BESIDE, width - len(word) - 5)
    lines, current = [], ""
    for item in items:
        if current and len(current) + len(item) > beside:
            lines.append(current)
            current = ""
        current = f"{current}   {item}" if current else item
    lines += [current] if current else []
    return tuple(f"{word if n == 0 else '':<{len(word)}}  {line}" for n, line in enumerate(lines))
