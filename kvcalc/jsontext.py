"""JSON as its own grammar has it, and where each part of it stands.

Not all JSON is YAML: an emoji written as two escapes is not, nor a key of over 1,024 characters.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import yaml

from kvcalc.errors import InvalidValue, Problem
from kvcalc.yamltext import MAX_DEPTH, TEXT_TAG, TOO_DEEP

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[^\s\[\]{}:,"]+')
_HALF = re.compile("[\ud800-\udfff]")
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


class NotJSON(InvalidValue):
    """A text that is no JSON at all; it may be YAML."""


def decoded(text: str) -> tuple[Any, bool]:
    """The data, and whether a key stands twice in some object (the last of them is in the data).

    Raises NotJSON, and InvalidValue for what is nested too deeply, a number of too many digits, or
    half a character; all with line and column.
    """
    repeated = False

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) < len(pairs)
        return found

    _refuse_deep(text)
    try:
        data = json.loads(text, object_pairs_hook=made)
    except json.JSONDecodeError as error:
        place = error.lineno, error.colno
        raise NotJSON([Problem(f"not JSON: {error.msg}", "", (), "", *place)]) from None
    except ValueError:
        raise InvalidValue(list(_long_numbers(text))) from None
    if _HALF_ESCAPED.search(text) and (halves := list(_halves(text))):
        raise InvalidValue(halves)
    return data, repeated


def _refuse_deep(text: str) -> None:
    """Raises InvalidValue where lists and objects stand in each other too deeply."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for word, mark in _tokens(text):
        depth += (word in ("[", "{")) - (word in ("]", "}"))
        if depth > MAX_DEPTH:
            raise InvalidValue([_problem(TOO_DEEP, "", mark)])


def _long_numbers(text: str) -> Iterator[Problem]:
    """Whole numbers of more digits than Python reads."""
    for word, mark in _tokens(text):
        digits = word.lstrip("-")
        if digits.isdecimal() and len(digits) > sys.get_int_max_str_digits():
            yield _problem(f"a number of {len(digits):,} digits", "", mark)


def _halves(text: str) -> Iterator[Problem]:
    """Escapes of half a character without the other half: no text that could be printed."""
    for word, mark in _tokens(text):
        if _HALF_ESCAPED.search(word) and (half := _HALF.search(json.loads(word))):
            what = f"the escape \\u{ord(half[0]):04x} is half a character"
            yield _problem(what, "write the other half, too", mark)


def _problem(text: str, hint: str, mark: yaml.Mark) -> Problem:
    return Problem(text, hint, line=mark.line + 1, column=mark.column + 1)


def nodes(text: str) -> yaml.Node:
    """Where the parts of a JSON text stand, as a reader of YAML has it; the text must be JSON."""
    around = yaml.SequenceNode("", [])
    inside: list[yaml.CollectionNode] = [around]
    key: yaml.ScalarNode | None = None
    for word, mark in _tokens(text):
        if word in ("]", "}"):
            inside.pop()
            continue
        node = _node(word, mark)
        parent = inside[-1]
        if isinstance(parent, yaml.SequenceNode):
            parent.value.append(node)
        elif key is None:
            key = yaml.ScalarNode(TEXT_TAG, json.loads(word), mark)
            continue
        else:
            parent.value.append((key, node))
            key = None
        if isinstance(node, yaml.CollectionNode):
            inside.append(node)
    root: yaml.Node = around.value[0]
    return root


def _node(word: str, mark: yaml.Mark) -> yaml.Node:
    if word == "{":
        return yaml.MappingNode("", [], mark, flow_style=True)
    if word == "[":
        return yaml.SequenceNode("", [], mark, flow_style=True)
    return yaml.ScalarNode("", word, mark)


def _tokens(text: str) -> Iterator[tuple[str, yaml.Mark]]:
    """Strings, numbers, words and brackets, and where they stand; only line feeds end a line."""
    line = start = seen = 0
    for match in _TOKEN.finditer(text):
        at = match.start()
        if ends := text.count("\n", seen, at):
            line, start = line + ends, text.rindex("\n", seen, at) + 1
        seen = at
        yield match[0], yaml.Mark("", at, line, at - start, None, 0)
