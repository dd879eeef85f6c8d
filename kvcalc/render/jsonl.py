"""JSON lines: an object per row, result, model or tensor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kvcalc.render.records import records_of

if TYPE_CHECKING:
    from kvcalc.render import Answer, Style


def render(answer: Answer, style: Style) -> str:
    """One line per element of the answer's list."""
    _, records = records_of(answer)
    lines = [json.dumps(record, allow_nan=False) for record in records]
    return "".join(f"{line}\n" for line in lines)
