"""What makes text stand out on a terminal: few colours, which a light and a dark one both show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kvcalc.render.sheets import Tone

Look = Literal["plain", "bold", "colour"]
"""No escapes; weight alone; and with colour."""

CODES: dict[Tone, tuple[int, ...]] = {
    "title": (1,),
    "total": (1,),
    "own": (1, 32),
    "failed": (1, 31),
    "wrong": (31,),
    "doubtful": (33,),
    "open": (2,),
}
"""Bold is 1, dim 2, red 31, green 32, yellow 33: each of the terminal's own making."""
FIRST_COLOUR = 30


def bold(text: str, tone: Tone | None) -> str:
    """Text in the weight of what it stands out for."""
    return _set(text, [code for code in CODES[tone] if code < FIRST_COLOUR] if tone else ())


def coloured(text: str, tone: Tone | None) -> str:
    """Text in the weight and the colour of what it stands out for."""
    return _set(text, CODES[tone] if tone else ())


def _set(text: str, codes: Sequence[int]) -> str:
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if codes and text else text
