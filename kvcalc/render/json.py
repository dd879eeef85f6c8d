"""One JSON document, indented, with a newline."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from kvcalc.render.mapping import document_of

if TYPE_CHECKING:
    from kvcalc.render import Answer, Style


def render(answer: Answer, style: Style) -> str:
    """The answer's document."""
    text = json.dumps(asdict(document_of(answer)), indent=2, allow_nan=False)
    return text + "\n"
