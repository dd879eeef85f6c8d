"""CSV: a header, and a line per row, result, model, tensor or difference, under the JSON keys."""

from __future__ import annotations

import csv
import io
from typing import Any

from kvcalc.render import Style, View


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's list; null is empty, true and false as in JSON, notes and terms are joined."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(view.RECORDS.document.header)
    writer.writerows(map(_cell, record.values()) for record in view.RECORDS.records(answer))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ": ".join(map(str, value.values()))
    return "; ".join(map(_cell, value)) if isinstance(value, list) else value
