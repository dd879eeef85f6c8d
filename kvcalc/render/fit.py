"""What `fit` prints: a line per model, what is wanting of memory, and what an engine would log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kvcalc.queries.fit import Fit, Fitted
from kvcalc.question import Question
from kvcalc.render import Style, keys
from kvcalc.render.keys import Each, JsonObject, Key, envelope, queried
from kvcalc.render.placed import set_up
from kvcalc.render.records import ASKED, Records, Said, asked_of
from kvcalc.render.sheets import Sheet, described, numbers, sizes, text
from kvcalc.units import System, format_size, size_unit

WANTING = "does not fit"
ANY = "any"

ROW = JsonObject(
    "FitRowDocument",
    "One model of `kvcalc fit`; bytes are of one sequence of the context, on one GPU.",
    Key("model", str),
    Key("cache_bytes_available", int, "available", "What each GPU has for the cache."),
    Key(
        "largest_context",
        int | None,
        says="The longest up to which every context fits, for one sequence; null where all do.",
    ),
    Key(
        "largest_batch",
        int | None,
        says="The most sequences of the context, over all GPUs; null where they take nothing.",
    ),
    Key("fits", bool, says="Whether one sequence of the context does."),
    keys.FITTED_REPORT,
    keys.NOTES,
    Key("context", int),
    keys.STORED,
    *keys.RESERVED,
    keys.POOL,
    Key("short_bytes", int, "short", "What is wanting for one sequence; 0 where it fits."),
    keys.RANK_OF,
    keys.STORED_TOTAL,
    *keys.RESERVED_TOTALS,
)
ROWS = Each("rows", ROW)


def _asked(answer: Fit) -> Callable[[Fitted], Said]:
    return lambda row: {**asked_of(answer, row.variant), "batch": None, "memory": answer.memory}


RECORDS = Records(ROWS, (*ASKED, "memory"), _asked)
DOCUMENT = JsonObject(
    "FitDocument",
    "`kvcalc fit`.",
    *envelope("fit"),
    queried(
        "FitQueryDocument",
        "What changed the answer, and the bytes that each GPU has for the cache.",
        Key("batch", int | None, lambda _: None, "Null: the most that fit are looked for."),
        Key("memory", int),
    ),
    ROWS,
    keys.NOTES,
    keys.ENGINE_VERSION,
)


def sheet(answer: Fit, style: Style) -> Sheet:
    """The models, what one sequence of each takes, how many fit and how long one may be."""
    rows, several = answer.rows, len(answer.rows) > 1
    stored, engine = [row.stored for row in rows], answer.query.engine
    columns = [
        *([text("model", (row.model for row in rows), folds=12)] if several else []),
        numbers("B per sequence", (f"{size:,}" for size in stored), 2 if engine else 0),
        sizes("per sequence", stored, style.units, 2, 3),
    ]
    if engine:
        columns.append(numbers("reserved B", (f"{row.reserved or 0:,}" for row in rows)))
        if any(row.pool for row in rows):
            columns.append(numbers("pool B", (f"{row.pool or 0:,}" for row in rows), 1))
    columns += [
        numbers(
            f"sequences of {answer.query.context:,}", (_or_any(row.largest_batch) for row in rows)
        ),
        numbers("longest context", (_or_any(row.largest_context) for row in rows)),
    ]
    return Sheet(
        _title(answer, style.units),
        tuple(columns),
        tuple(None if row.fits else "failed" for row in rows),
        tuple(line for row in rows for line in _below(row, several, answer, style.units)),
        set_up(answer.query, style.width),
        "" if answer.fits else WANTING,
    )


def _or_any(number: int | None) -> str:
    return ANY if number is None else f"{number:,}"


def _title(answer: Fit, units: System) -> str:
    query = answer.query
    which = f"{len(answer.rows)} models" if len(answer.rows) > 1 else described(answer.models[0])
    beside = f", draft {answer.draft}" if answer.draft else ""
    engine = f", reserved by {query.engine} {answer.engine_version}" if query.engine else ""
    memory = f"{_size(answer.memory, units)} for the cache{_gpus(query)}"
    return f"{which}{beside}, context {query.context:,}, {memory}{engine}"


def _gpus(query: Question) -> str:
    """How many GPUs have that memory each, and how they share a model."""
    stages = len(query.pp_layers) if query.pp_layers else query.pp
    gpus = query.tp * stages * query.dp
    shared = {"tp": query.tp, "pp": stages, "dp": query.dp, "dcp": query.dcp}
    told = ", ".join(f"{name} {ranks:,}" for name, ranks in shared.items() if ranks > 1)
    return f" of each of {gpus:,} GPUs ({told})" if gpus > 1 else ""


def _size(size: int, units: System) -> str:
    """Bytes to the byte, and in a unit that is easier to read."""
    exact, unit = f"{size:,} B", size_unit([size], units)
    return exact if unit == "B" else f"{format_size(size, unit, 2)} ({exact})"


def _below(row: Fitted, several: bool, answer: Fit, units: System) -> Iterator[str]:
    if not row.fits:
        yield _wanting(row, answer.query.engine, units)
    if row.rank and row.rank.stages > 1:
        yield f"bytes of {row.model} are on {row.rank}"
    if row.report:
        yield from (f"{row.model}: {line}" if several else line for line in row.report.log)


def _wanting(row: Fitted, engine: str | None, units: System) -> str:
    """By how much a sequence does not fit, and how long a one would."""
    lack = f", {_size(row.short, units)} more than there is"
    if not row.short:
        lack = f", and {engine}, set up so, serves none of it"
    longest = row.largest_context
    way_out = f"one of {longest:,} tokens fits" if longest else "not one token fits"
    takes = f"one sequence of {row.context:,} tokens takes {_size(row.taken, units)}"
    return f"{row.model} {WANTING}: {takes}{lack}; {way_out}"
