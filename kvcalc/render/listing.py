"""What `list` prints: a line per model, at its own default context."""

from __future__ import annotations

from collections.abc import Callable

from kvcalc.formats import Format
from kvcalc.queries.listing import Listed, Listing
from kvcalc.render import Style
from kvcalc.render.keys import FIXED, GROWTH, Each, JsonObject, Key, envelope
from kvcalc.render.records import STORED_IN, Records, Said, stored_in
from kvcalc.render.sheets import NATIVE, SEVERAL, Sheet, numbers, sizes, text
from kvcalc.units import exact

WEIGHTS = JsonObject(
    "WeightsDocument",
    "Parameters that are published in one dtype, where not all are in the same.",
    Key("dtype", str, lambda pair: pair[0]),
    Key("parameters", int, lambda pair: pair[1]),
)
LISTED = JsonObject(
    "ListedDocument",
    "One model of `kvcalc list`, at its own default context.",
    Key("name", str, "model.name"),
    Key("file", str, "model.file"),
    Key("vendor", str, "model.vendor"),
    Key("attention", str),
    Key("layers", int, lambda listed: len(listed.model.layers)),
    Key("context", int),
    *GROWTH,
    FIXED,
    Key("max_context", int | None, "model.max_context"),
    Key("confidence", str, "model.confidence"),
    Key("parameters", int | None, "model.parameters"),
    Key("active_parameters", int | None, "model.active_parameters"),
    Key("expert_parameters", int | None, "model.expert_parameters"),
    Key("mtp_parameters", int | None, "model.mtp_parameters"),
    Key("weight_bytes", int | None, "model.weight_bytes"),
    Each("weights", WEIGHTS, lambda listed: listed.model.weights.items()),
    Key("weight_dtype", str | None, lambda listed: _name(listed.model.weight_dtype)),
    Key("hub", [str], lambda listed: list(listed.model.hub), "The repositories it stands for."),
)
MODELS = Each("models", LISTED)
DOCUMENT = JsonObject(
    "ListDocument",
    "`kvcalc list`.",
    *envelope("list"),
    Key("word", str, says="What the models listed have in common; empty where all are."),
    MODELS,
)


def _name(stored: Format | None) -> str | None:
    return stored.name if stored else None


def _said(_: Listing) -> Callable[[Listed], Said]:
    return lambda listed: {"batch": 1, **stored_in(listed.model), "engine": None}


RECORDS = Records(MODELS, ("batch", *STORED_IN, "engine"), _said)


def sheet(answer: Listing, style: Style) -> Sheet:
    """The models by vendor, whose name stands once."""
    listed = sorted(answer.models, key=lambda m: (m.model.vendor.lower(), m.model.file))
    vendors = [m.model.vendor for m in listed]
    first = ["" if n and vendors[n - 1] == v else v for n, v in enumerate(vendors)]
    longest = [m.model.max_context for m in listed]
    columns = (
        text("vendor", first, folds=12),
        text("model", (m.model.slug for m in listed)),
        text("attention", (m.attention for m in listed)),
        numbers("layers", (f"{len(m.model.layers)}" for m in listed), 1),
        sizes("per token", [m.growth for m in listed], style.units, 1, rank=4),
        numbers("exact B", (exact(m.growth) for m in listed), alone="B per token"),
        sizes("fixed", [m.fixed for m in listed], style.units, 2, rank=2),
        numbers("at context", (f"{m.context:,}" for m in listed)),
        numbers("max context", ("" if tokens is None else f"{tokens:,}" for tokens in longest), 3),
    )
    which = f" with {answer.word}" if answer.word else ""
    number = f"{len(listed)} model{'s' * (len(listed) != 1)}"
    native = (SEVERAL,) if any(m.attention == NATIVE for m in listed) else ()
    return Sheet("", columns, below=(f"{number}{which}",), footnotes=native)
