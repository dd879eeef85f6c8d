"""What `list --dtypes` prints: a line per name, and per group of roles of a layout."""

from __future__ import annotations

from kvcalc.queries.dtypes import ELEMENTS, Dtype, Dtypes
from kvcalc.render import Style
from kvcalc.render.keys import NOTES, Each, JsonObject, Key, envelope
from kvcalc.render.records import Records
from kvcalc.render.sheets import Sheet, numbers, text

DTYPE = JsonObject(
    "DtypeDocument",
    "One dtype of `kvcalc list --dtypes`; a layout has one for each format that it gives to roles.",
    Key("name", str),
    Key("roles", [str], lambda dtype: list(dtype.roles), "Empty where it is for all of them."),
    Key(
        "latent", str, says="Widths of latent and RoPE key, or undivided, it is for; empty for any."
    ),
    Key("bits", int, "format.bits", "Bits of an element."),
    Key("scales", str, says="What is stored beside the elements."),
    Key("group", int | None, says="Elements that share it; null where none do."),
    Key(
        "bytes_per_128_elements",
        int,
        "bytes_of_an_entry",
        "Bytes of an entry of 128 elements, with what is stored beside them.",
    ),
    Key("residual", int, "format.residual", "Last tokens that stay in the model's own dtype."),
    Key("whose", str, says="Who stores a cache so, or where that is written down."),
    Key("aliases", [str], lambda dtype: list(dtype.aliases), "What else engines call it."),
)
DTYPES = Each("dtypes", DTYPE)
RECORDS = Records(DTYPES)
DOCUMENT = JsonObject(
    "DtypesDocument", "`kvcalc list --dtypes`.", *envelope("dtypes"), DTYPES, NOTES
)


def sheet(answer: Dtypes, style: Style) -> Sheet:
    """The names in the order of the table, what is true of several below."""
    found = answer.dtypes
    columns = (
        text("dtype", (dtype.name for dtype in found)),
        text("of", (_of(dtype) for dtype in found), folds=20),
        numbers("bits", (f"{dtype.format.bits}" for dtype in found)),
        text("scales", (dtype.scales for dtype in found), 2, folds=20),
        numbers("per", ("" if dtype.group is None else f"{dtype.group}" for dtype in found), 1),
        numbers(f"B of {ELEMENTS}", (f"{dtype.bytes_of_an_entry}" for dtype in found)),
        numbers("residual", (f"{dtype.format.residual or ''}" for dtype in found), 3),
        text("whose", (dtype.whose for dtype in found), 4, folds=20),
        text("also", (", ".join(dtype.aliases) for dtype in found), folds=20),
    )
    return Sheet("", columns, below=answer.notes)


def _of(dtype: Dtype) -> str:
    roles = ", ".join(dtype.roles)
    return f"{roles} ({dtype.latent})" if dtype.latent else roles
