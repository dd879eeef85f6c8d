"""Values that a key cannot have: a GGUF header may hold a value of any type under any key."""

from __future__ import annotations

from typing import Any

from kvcalc.attention.bounds import MAX_COUNT
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.keys import FLAGS, KEYS, LISTS
from kvcalc.importers.gguf.limits import cut
from kvcalc.importers.gguf.schedules import trunk
from kvcalc.units import MAX_TOKENS

_TOKENS = ("max_context", "window", "index_topk")
"""What counts tokens; other numbers are of heads, layers or channels."""


def refuse_odd_values(f: Fields) -> None:
    """Refuse what was read and is no number that could be, however little of it was asked for.

    All keys that are read hold whole numbers, or truth values, or arrays of either; a schedule may
    ask no more of one than whether it is there, or 0.
    """
    refused = {step for problem in f.problems for step in problem.path}
    for short in KEYS:
        key = f.names_of(short)[0]
        if key in f.read and key in f.data and key not in refused:
            _refuse_odd(short, f.data[key], f)


def _refuse_odd(short: str, value: Any, f: Fields) -> None:
    most = MAX_TOKENS if short in _TOKENS else MAX_COUNT
    items = value if isinstance(value, list) else [value]
    odd = [item for item in items if not (_is_flag(short, item) or _is_count(item, most))]
    if odd:
        due = f"a whole number from 0 to {most:,}"
        due = f"true or false, or {due}" if short in FLAGS else due
        f.wrong(short, f"holds {cut(repr(odd[0]))}; it must be {due}")
    elif isinstance(value, list) and short not in LISTS:
        layers = f.count("layers")
        if len(value) not in (layers, trunk(f)):
            text = f"has {len(value):,} items for {layers:,} layers"
            f.wrong(short, f"{text}: they contradict each other")


def _is_flag(short: str, item: Any) -> bool:
    return isinstance(item, bool) and short in FLAGS


def _is_count(item: Any, most: int) -> bool:
    """Whether this is a number that a key can have; one that is written with a point is whole."""
    whole = isinstance(item, int) or (isinstance(item, float) and item.is_integer())
    return whole and not isinstance(item, bool) and 0 <= item <= most
