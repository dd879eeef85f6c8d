"""One JSON document, indented, with a newline."""

from __future__ import annotations

import json
from typing import Any

from kvcalc.printable import uncommanding_json
from kvcalc.render import Style, View


def write(view: View, answer: Any, style: Style) -> str:
    """The answer's document."""
    return uncommanding_json(json.dumps(view.DOCUMENT(answer), indent=2, allow_nan=False)) + "\n"
