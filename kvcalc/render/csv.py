"""CSV: a header and a line per row, result, model or tensor, under the JSON keys."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from kvcalc.render.records import records_of

if TYPE_CHECKING:
    from kvcalc.render import Answer, Style


def render(answer: Answer, style: Style) -> str:
    """The answer's list; null is empty, true and false as in JSON, notes are joined."""
    keys, records = records_of(answer)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_cell(record[key]) for key in keys] for record in records)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "; ".join(value) if isinstance(value, list) else value
