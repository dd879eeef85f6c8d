"""How much a file may say: what is far beyond any model is refused before it is looked into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.model import MAX_ENTRIES, MAX_LAYERS

MAX_ITEMS = MAX_ENTRIES
"""Of a list or a mapping: attention entries, expectations, claims, sides, sources, fields."""
MAX_VALUES = 25_000
"""In all, lists of layers included."""
MAX_TENSORS = 1_000
"""That the custom entries and what-ifs of one file write out."""
MAX_EXPECTED = 50_000
"""Expectations times the attention entries that each is a sum over."""
MAX_BEST = 50
"""Expectations that are searched for through many contexts each, as `up to` asks."""
MAX_CLAIMED = 5_000
"""Sums that a file's claims ask for: one for each attention entry, and for each 50 layers, of a
model that a claim names; `CROSSING` or `BEST` times as many where contexts are searched through."""
CROSSING = 5
"""Sums that it takes to find where sparse attention costs no more than dense."""
SERVING = 10
"""Sums that a figure of a server counts as, whose memory is bisected."""
BEST = 100
"""Sums that a best case counts as, of which a figure says `up to`."""

_ORDERS = [(key, order) for key in ("layers", "mtp") for order in ("pattern", "list")]


def refuse_endless(data: object) -> None:
    """Raises InvalidValue where lists or mappings have more items than anybody would write."""
    problems, tensors, values = [], 0, 0
    for path, inner in _collections(data):
        values += len(inner)
        tensors += len(inner) if path[-1:] == ("tensors",) else 0
        most = MAX_LAYERS if path in _ORDERS else MAX_ITEMS
        if len(inner) > most:
            name = next((step for step in reversed(path) if isinstance(step, str)), "the file")
            problems.append(_too_many(f"{name} has {len(inner):,} items", most, path))
    if values > MAX_VALUES and not problems:
        problems.append(_too_many(f"the file has {values:,} values", MAX_VALUES, ()))
    if tensors > MAX_TENSORS and not problems:
        told = f"attention and compare write out {tensors:,} tensors in all"
        problems.append(_too_many(told, MAX_TENSORS, ("attention",)))
    if not problems and isinstance(data, dict):
        problems += _products(data)
    if problems:
        raise InvalidValue(problems)


def best_cases(expect: Mapping[str, Any]) -> int:
    """How many figures, well-formed or not, speak of the best of all contexts."""
    return sum(str(printed).strip().startswith("up to") for printed in expect.values())


def _products(data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is too much together."""
    expect, attention = data.get("expect"), data.get("attention")
    if isinstance(expect, dict) and isinstance(attention, dict):
        best, sums = best_cases(expect), len(expect) * len(attention)
        if best > MAX_BEST:
            yield _too_many(f"{best:,} expectations say up to", MAX_BEST, ("expect",))
        if sums > MAX_EXPECTED:
            told = f"{len(expect):,} expectations of {len(attention):,} attention entries"
            yield _too_many(f"{told}, which is {sums:,}", MAX_EXPECTED, ("expect",))


def _too_many(text: str, most: int, path: Place) -> Problem:
    of_claims = path[:1] in (("claims",), ("questions",))
    hint = "write several files" if of_claims else "no model needs so many"
    return Problem(f"{text}; at most {most:,} are read", hint, path)


def _collections(data: object) -> Iterator[tuple[Place, dict[Any, Any] | list[Any]]]:
    """Every list and mapping, and where it stands, in the order of the file."""
    todo: list[tuple[Place, object]] = [((), data)]
    while todo:
        path, value = todo.pop()
        if not isinstance(value, dict | list):
            continue
        yield path, value
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        found = [((*path, key), item) for key, item in inner if isinstance(item, dict | list)]
        todo += reversed(found)
