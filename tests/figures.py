"""Figures as they are printed."""

from __future__ import annotations

import re
from decimal import Decimal


def changed(figure: str, by: int) -> str:
    """The figure with its last printed digit one more or less, carried where it must be."""
    match = re.search(r"\d[\d,]*(?:\.\d+)?", figure)
    assert match, figure
    number = Decimal(match[0].replace(",", ""))
    step = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return f"{figure[: match.start()]}{number + by * step:f}{figure[match.end() :]}"
