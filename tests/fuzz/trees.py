"""Data like a file's, changed in a few places."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.fuzz.values import NUMBERS, ODD, WORDS, as_json, once_in

Edit = Callable[[DrawFn, Any], Any]
"""What becomes of a value."""

DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@st.composite
def changed(
    draw: DrawFn,
    bases: Sequence[Any],
    keys: SearchStrategy[str],
    hints: Mapping[str, Sequence[Any]] | None = None,
) -> Any:
    """One of the bases with a few edits; `hints` are values that a key is apt to have."""
    tree = copy.deepcopy(draw(st.sampled_from(bases)))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 2, 3, 5)))):
        tree = _edited(draw, tree, keys, hints or {}, 0)
    return tree


def _edited(draw: DrawFn, node: Any, keys: Any, hints: Mapping[str, Any], depth: int) -> Any:
    """The node with one edit in it, or below it."""
    if isinstance(node, dict) and node and not (depth and draw(once_in(8))):
        return _in_mapping(draw, node, keys, hints, depth)
    if isinstance(node, list) and node and depth < 6 and draw(st.integers(0, 2)):
        at = draw(st.integers(0, len(node) - 1))
        if draw(st.booleans()):
            node[at] = _edited(draw, node[at], keys, hints, depth + 1)
            return node
        return draw(st.sampled_from((node[:at], node[at:] * 2, node + node[at : at + 1])))
    if draw(st.booleans()):
        return _tweaked(draw, node)
    return copy.deepcopy(draw(st.sampled_from(EDITS))(draw, node))


def _in_mapping(
    draw: DrawFn, node: dict[Any, Any], keys: Any, hints: Mapping[str, Any], depth: int
) -> Any:
    way = draw(st.sampled_from(("new", "new", "gone", "double", "apt", "apt", *("below",) * 6)))
    key = draw(keys) if way == "new" else draw(st.sampled_from(sorted(node, key=str)))
    if way == "gone":
        del node[key]
    elif way == "double":
        node[draw(keys)] = copy.deepcopy(node[key])
    elif way in ("new", "apt") and hints.get(key) and draw(st.integers(0, 3)):
        node[key] = copy.deepcopy(draw(st.sampled_from(hints[key])))
    elif way == "new":
        node[key] = copy.deepcopy(draw(NUMBERS | ODD))
    else:
        node[key] = _edited(draw, node[key], keys, hints, depth + 1)
    return node


def _tweaked(draw: DrawFn, node: Any) -> Any:
    """A value of the same type, most often."""
    if isinstance(node, bool):
        return not node
    if not isinstance(node, int):
        return copy.deepcopy(draw(ODD))
    real = float(node) if abs(node) < 10**300 else 1e300
    near = (node - 1, node + 1, node * 2, -node, real, [node], str(node % 10))
    return draw(st.sampled_from(near) | NUMBERS)


EDITS: tuple[Edit, ...] = (
    lambda draw, node: draw(ODD),
    lambda draw, node: [node],
    lambda draw, node: [node] * draw(st.integers(0, 70)),
    lambda draw, node: {draw(st.sampled_from(WORDS)): node},
)


def as_text(tree: Any, *, flow: bool) -> bytes:
    """As YAML or, where that cannot say it or braces are wanted, as JSON."""
    if not flow:
        try:
            return bytes(yaml.dump(tree, Dumper=DUMPER, encoding="utf-8", allow_unicode=True))
        except (yaml.YAMLError, UnicodeError, ValueError, RecursionError):
            pass
    return as_json(tree)
