"""CSV: a header, and a line per row, result, model, tensor or difference, under the JSON keys.

It is looked at on terminals and opened by spreadsheets, so no text acts there: controls are
escapes, and what would be a formula begins with an apostrophe. JSON has the text as it is.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from kvcalc.printable import printable
from kvcalc.render import Style, View

_FORMULA = re.compile(r"\s*(?:[=@\uff1d\uff20]|[-+\uff0b\uff0d][^:])")
"""How text begins that a spreadsheet computes, also with signs of full width; `-:` is none."""
_NUMBER = re.compile(r"[-+]\d[\d,.]*(?:/\d+| ?[A-Za-z]+|%)?")

NAMED_INSIDE = frozenset({"settings", "rank", "engine_report", "budget", "decoding", "offload"})


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's list; null is empty, true and false as in JSON, notes and terms are joined.

    What has names of its own inside is JSON.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(view.RECORDS.header)
    for record in view.RECORDS.of(answer):
        writer.writerow(_cell(name, value) for name, value in record.items())
    return out.getvalue()


def _cell(name: str, value: Any) -> Any:
    text = json.dumps(value) if name in NAMED_INSIDE and value is not None else _joined(value)
    return _harmless(text) if isinstance(text, str) else text


def _harmless(text: str) -> str:
    shown = printable(text)
    computed = _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{shown}" if computed else shown


def _joined(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ": ".join(str(part) for part in value.values() if part != "")
    return "; ".join(map(_joined, value)) if isinstance(value, list) else value
