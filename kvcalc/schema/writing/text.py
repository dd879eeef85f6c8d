"""YAML as a person lays it out: short mappings on one line, long ones wrapped.

Keys and values are quoted only where some reader of YAML, our own among them, would not take
them for the text that they are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from kvcalc.printable import printable, uncommanding_yaml

WIDTH = 100
"""Columns of a line, where its parts are not longer themselves."""

_HALF = re.compile("[\ud800-\udfff]")


class _Dumper(yaml.SafeDumper):
    """PyYAML's scalars, with the numbers of YAML 1.2 (`1e5`) as numbers too."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[.0-9][.0-9_]*(?:[eE][-+]?[0-9]*)?$"),
    list("-+.0123456789"),
)


def scalar(value: object) -> str:
    """A number, truth value, nothing, or text, on one line wherever it may stand.

    Text with what acts on a terminal, or is not seen there, is written in escapes.
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return _text(value) if isinstance(value, str) else str(value)


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    # the words of a file come again and again, and PyYAML takes a while over each
    if printable(text) != text:
        # half a character, as names of files have, is written as it is shown
        whole = _HALF.sub(lambda half: ascii(half[0])[1:-1], text)
        return uncommanding_yaml(_dumped(whole, '"', False))
    plain = _dumped(text, None)
    return _dumped(text, '"') if plain[0] in "'\"" else plain


def _dumped(text: str, style: str | None, allow_unicode: bool = True) -> str:
    # within a flow sequence, where quotes are needed in all the places they ever are
    options: dict[str, Any] = {"default_flow_style": True, "allow_unicode": allow_unicode}
    dumped: str = yaml.dump(
        [text], Dumper=_Dumper, default_style=style, width=sys.maxsize, **options
    )
    return dumped.strip()[1:-1] if style is None else dumped[dumped.index('"') : -2]


def flow(value: object) -> str:
    """A value on one line: `{ kind: gqa, kv_heads: 8 }`, `[local*5, global]`."""
    if isinstance(value, Mapping):
        inner = ", ".join(_pairs(value))
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def _pairs(mapping: Mapping[str, object]) -> list[str]:
    return [f"{scalar(key)}: {flow(value)}" for key, value in mapping.items()]


def field(key: str, value: object, indent: int = 0) -> list[str]:
    """The lines of `key: value`, in flow style: on one line, or wrapped where that is too long."""
    head = f"{' ' * indent}{scalar(key)}:"
    line = f"{head} {flow(value)}"
    if isinstance(value, list | tuple) and len(line) > WIDTH:
        return [head, *_wrapped(f"{' ' * (indent + 2)}[", list(map(flow, value)), "]")]
    if len(line) <= WIDTH or not isinstance(value, Mapping):
        return [line]
    if any(isinstance(inner, list | tuple) for inner in value.values()):
        return [head, *_block(value, indent + 2)]
    return _wrapped(f"{head} {{ ", _pairs(value), " }")


def _block(mapping: Mapping[str, object], indent: int) -> list[str]:
    return [line for key, value in mapping.items() for line in field(key, value, indent)]


def _wrapped(head: str, parts: Sequence[str], tail: str) -> list[str]:
    lines, line, empty = [], head, True
    for number, part in enumerate(parts):
        piece = part + (tail if number == len(parts) - 1 else ",")
        if not empty and len(line) + 1 + len(piece) > WIDTH:
            lines.append(line)
            line, empty = " " * min(len(head), WIDTH // 2), True
        line += piece if empty else f" {piece}"
        empty = False
    return [*lines, line]


def section(key: str, lines: Sequence[str]) -> list[str]:
    """A mapping or list in block style; nothing where it has no lines."""
    return [f"{key}:", *lines] if lines else []


def items(mappings: Sequence[Mapping[str, object]], indent: int) -> list[str]:
    """A list in block style, every mapping on a line, or wrapped, of its own."""
    lines = []
    for mapping in mappings:
        line = f"{' ' * indent}- {flow(mapping)}"
        short = len(line) <= WIDTH
        lines += [line] if short else _wrapped(f"{' ' * indent}- {{ ", _pairs(mapping), " }")
    return lines


def comment(text: str) -> list[str]:
    """A `#` comment, wrapped; what YAML would not allow in one is escaped."""
    words = [_visible(word) for word in text.split()]
    lines, line = [], "#"
    for word in words:
        if len(line) + 1 + len(word) > WIDTH and line.strip("# "):
            lines.append(line)
            line = "#  "
        line += f" {word}"
    return [*lines, line]


def _visible(word: str) -> str:
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in word)
    return printable("".join(shown))
