"""JSON lines: an object per row, result, model, tensor or difference."""

from __future__ import annotations

import json
from typing import Any

from kvcalc.printable import uncommanding_json
from kvcalc.render import Style, View


def write(view: View, answer: Any, style: Style) -> str:
    """One line per element of the answer's list."""
    records = view.RECORDS.of(answer)
    lines = (json.dumps(record, allow_nan=False) + "\n" for record in records)
    return uncommanding_json("".join(lines))
