"""What `fit` prints: its document; its sheet is `render.fit_sheet`'s."""

from __future__ import annotations

from collections.abc import Callable

from kvcalc.queries.fit import Fit
from kvcalc.queries.fitted import Fitted
from kvcalc.render import Style, keys
from kvcalc.render.budget import BUDGET_OF
from kvcalc.render.decoding import DECODING
from kvcalc.render.fit_sheet import fit_sheet
from kvcalc.render.keys import Each, JsonObject, Key, envelope, queried, taken
from kvcalc.render.offload import OFFLOAD
from kvcalc.render.records import ASKED, Records, Said, asked_of
from kvcalc.render.sheets import Sheet
from kvcalc.render.ways_out import WAYS_OUT


def _span(name: str, of: str) -> tuple[Key, Key]:
    """The keys of the least and the most of a number; both null where it is not estimated."""

    def bound(which: str) -> Key:
        def taken(row: Fitted) -> int | None:
            span = getattr(row, of)
            found: int | None = None if span is None else getattr(span, which)
            return found

        return Key(f"{name}_{which}", int | None, taken, "Null where nothing is estimated.")

    return bound("least"), bound("most")


ROW = JsonObject(
    "FitRowDocument",
    "One model of `kvcalc fit`; bytes are of one sequence of the context, on one GPU.",
    Key("model", str),
    Key(
        "cache_bytes_available",
        int,
        "available",
        "What each GPU has for the cache, at the likeliest; less than 0 where that is wanting.",
    ),
    Key(
        "largest_context",
        int | None,
        says="The longest up to which every context fits, for the sequences that are wanted, or "
        "for one, as beside a mix; null where all do.",
    ),
    Key(
        "largest_batch",
        int | None,
        says="The most sequences of the context, or of the mix, over all GPUs; null where they "
        "take nothing.",
    ),
    Key("fits", bool, says="Whether the sequences that are wanted do, or one of the context."),
    keys.FITTED_REPORT,
    keys.NOTES,
    Key("context", int),
    keys.STORED,
    *keys.RESERVED,
    keys.POOL,
    Key("short_bytes", int, "short", "What is wanting for what is to fit; 0 where it fits."),
    keys.RANK_OF,
    keys.STORED_TOTAL,
    *keys.RESERVED_TOTALS,
    *(Key(kind, int, f"ranks.{kind}") for kind in ("tp", "pp", "dp", "dcp")),
    Key("gpus", int, "ranks.gpus", "Of this layout."),
    Key("best", bool, says="Whether no other layout of the model serves more."),
    BUDGET_OF,
    *_span("largest_batch", "batches"),
    *_span("largest_context", "contexts"),
    WAYS_OUT,
    Key("mean_bytes", int | float | None, lambda row: keys.maybe_number(row.mean), "Of a mix."),
    Key("mean_bytes_exact", str | None, lambda row: keys.as_fraction(row.mean)),
    Key(
        "decoding",
        (DECODING, type(None)),
        lambda row: row.decoding and DECODING(row.decoding),
        "Of the sequences that are wanted, or of the most; null without a GPU.",
    ),
    Key(
        "offload",
        (OFFLOAD, type(None)),
        lambda row: row.offload and OFFLOAD(row.offload),
        "Null where it was not asked for.",
    ),
)
ROWS = Each("rows", ROW)
MACHINE = (
    Key("memory", int | None, says="What each GPU has for the cache, where that is known."),
    Key("gpu", str | None, lambda answer: answer.machine.gpu and answer.machine.gpu.slug),
    Key("gpus", int | None, "machine.gpus"),
    Key(
        "utilization",
        int | float | None,
        lambda answer: keys.maybe_number(answer.machine.utilization),
        "As asked for; null leaves it to the engine.",
    ),
    Key("mix", str | None, lambda answer: answer.mix and str(answer.mix), "Of lengths."),
    Key("ledger", str | None, lambda answer: answer.machine.ledger and answer.machine.ledger.file),
    Key("weights", int | None, "machine.weights"),
    Key(
        "weight_dtype",
        str | None,
        lambda answer: answer.machine.weight_dtype and answer.machine.weight_dtype.name,
    ),
    *(
        Key(name, int | None, f"machine.{name}")
        for name in ("activations", "overhead", "host_memory", "disk", "link", "disk_bandwidth")
    ),
)
"""What is said of the machine."""


def _asked(answer: Fit) -> Callable[[Fitted], Said]:
    machine = taken(MACHINE, answer)
    return lambda row: {**asked_of(answer, row.variant), "batch": answer.batch, **machine}


RECORDS = Records(ROWS, (*ASKED, *(key.name for key in MACHINE)), _asked)
DOCUMENT = JsonObject(
    "FitDocument",
    "`kvcalc fit`.",
    *envelope("fit"),
    queried(
        "FitQueryDocument",
        "What changed the answer, and what is known of the GPUs.",
        Key("batch", int | None, says="Null: the most that fit are looked for."),
        *MACHINE,
    ),
    ROWS,
    keys.NOTES,
    keys.ENGINE_VERSION,
)


def sheet(answer: Fit, style: Style) -> Sheet:
    """The models or layouts, what a sequence takes, how many fit and how long one is."""
    return fit_sheet(answer, style)
