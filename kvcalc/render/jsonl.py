"""JSON lines: an object per row, result, model, tensor or difference."""

from __future__ import annotations

import json
from typing import Any

from kvcalc.render import Style, View


def write(view: View, answer: Any, style: Style) -> str:
    """One line per element of the answer's list."""
    records = view.RECORDS.records(answer)
    return "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)
