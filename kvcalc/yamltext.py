"""YAML with care: what blows up, tags and stray characters refused, and keys that stand twice.

Places are in the nodes of PyYAML; problems have line and column, but no file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from kvcalc.errors import InvalidValue, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.errors import Place

MAX_NODES = 100_000
MAX_DEPTH = 100
MAX_DIRECTIVES = 100
"""PyYAML looks at all that were there before for each one; a model file has none."""
"""Levels of lists and mappings; no configuration has a tenth of them."""
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
TOO_MANY = f"more than {MAX_NODES:,} values"
LONG = 60
"""Characters of a key that a message shows."""
_KNOWN_TAG = re.compile(
    "tag:yaml.org,2002:((?:int|float|bool|null|str|binary|timestamp|seq|map|set|omap|pairs"
    "|python/(?:object|name|module|tuple|dict))(?![a-z]))"
)
"""Tags of YAML and of Python; any other may be no tag at all, but a word of somebody's secret."""
_GRAMMAR = re.compile(r"""(?:(?!,? but (?:found|got) ')[^'"]|'[^\w'"]{1,2}')*""")
"""PyYAML's messages up to where they quote the file; what they quote else are signs: ',' or ']'."""
EMPTY = Problem(
    "the file is empty", "a model file begins with name:, layers:, dtype: and attention:"
)
MERGE = "tag:yaml.org,2002:merge"
TEXT_TAG = "tag:yaml.org,2002:str"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML with the number and boolean rules of YAML 1.2: 010 is no octal, `no` no boolean.

    Raises InvalidValue as soon as there are more values, or more levels of them, than is sane.
    """

    values = depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        """Called by PyYAML when a value begins."""
        self.values += 1
        self.depth += 1
        if self.values > MAX_NODES:
            raise InvalidValue([Problem(TOO_MANY, "", (), "", *self._place(parent))])
        if self.depth > MAX_DEPTH + 1:
            raise InvalidValue([Problem(TOO_DEEP, "", (), "", *self._place(parent))])

    def ascend_resolver(self) -> None:
        """Called by PyYAML when a value ends."""
        self.depth -= 1

    @staticmethod
    def _place(node: yaml.Node | None) -> tuple[int, int]:
        return (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, rule)
        for tag, rule in rules
        if not tag.endswith((":int", ":float", ":bool", ":timestamp"))
    ]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,99})$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))


def decoded(text: str) -> tuple[Any, yaml.Node, tuple[Problem, ...]]:
    """The data, where each part of it stands, and what is wrong with its keys.

    Raises InvalidValue where it is no YAML, empty, or more than is sane.
    """
    _refuse_unprintable(text)
    if text.count("\n%") > MAX_DIRECTIVES:
        raise InvalidValue([Problem(f"more than {MAX_DIRECTIVES:,} lines begin with %")])
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise InvalidValue([EMPTY])
        if "&" in text:  # no anchor is written without one
            _refuse_oversized(root)
        if "!" in text:  # no tag is written without one
            _refuse_tags(loader, root)
        problems = tuple(wrong_keys(root))
        data = loader.construct_document(root)
        if is_deep(data):  # by its anchors: the loader has counted what is written out
            raise InvalidValue([_at(root, TOO_DEEP, "write it without anchors")])
        if data is None:
            raise InvalidValue([EMPTY])
        return _with_text_keys(data) if problems else data, root, problems
    except yaml.MarkedYAMLError as error:
        raise InvalidValue([_syntax(text, error)]) from None
    except RecursionError:
        raise InvalidValue([Problem(TOO_DEEP)]) from None
    except (yaml.YAMLError, ValueError):
        raise InvalidValue([Problem("not YAML")]) from None
    finally:
        loader.dispose()


class Places:
    """Where the parts of a YAML text stand."""

    def __init__(self, root: yaml.Node) -> None:
        self.root = root
        self.in_braces = bool(getattr(root, "flow_style", False))
        self.fields: dict[yaml.MappingNode, dict[str, tuple[yaml.Node, yaml.Node]]] = {}

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column of the value at a path, or of the nearest thing above it."""
        node, mark = self.root, self.root.start_mark
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = self._field(node, str(step))
                if found is None:
                    break
                mark, node = found[0].start_mark, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                mark = node.start_mark
        return mark.line + 1, mark.column + 1

    def _field(self, node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
        """The nodes of a field and of its value; where it stands twice, the first."""
        if node not in self.fields:
            pairs = reversed(node.value)
            self.fields[node] = {str(pair[0].value): pair for pair in pairs}
        return self.fields[node].get(name)


def place_in(before: str) -> tuple[int, int]:
    """Line and column of what follows some text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refuse_unprintable(text: str) -> None:
    """Raises InvalidValue for a control character."""
    if control := yaml.reader.Reader.NON_PRINTABLE.search(text):
        what = f"the character {control[0]!r}, which YAML does not allow"
        place = place_in(text[: control.start()])
        raise InvalidValue([Problem(what, "take it out", (), "", *place)])


def _syntax(text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    here = lines[line] if line < len(lines) else ""
    if "\t" in here[: column + 1]:
        what, hint = "a tab, which YAML does not allow here", "indent with spaces"
        return Problem(what, hint, (), "", line + 1, column + 1)
    # a file that cannot be parsed may be anybody's: nothing of it is shown
    said = _GRAMMAR.match(error.problem or error.context or "")
    what = (said[0].rstrip() if said else "") or "syntax error"
    return Problem(f"not YAML: {what}", "", (), "", line + 1, column + 1)


def _refuse_oversized(root: yaml.Node) -> None:
    """Raises InvalidValue for what anchors blow up, and for what refers to itself."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_NODES + 1  # what refers to itself never ends
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return sizes[id(node)]

    if size(root) > MAX_NODES:
        text = f"more than {MAX_NODES:,} values once its anchors are written out"
        raise InvalidValue([_at(root, text, "write it without anchors")])


def is_deep(data: object) -> bool:
    """Whether lists and mappings stand in each other more levels deep than is sane."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refuse_tags(loader: Any, root: yaml.Node) -> None:
    """Raises InvalidValue for explicit tags, which would undo the rules for numbers above."""
    problems = []
    for node in _nodes(root):
        kind, value = type(node), node.value if isinstance(node, yaml.ScalarNode) else None
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        if node.tag != loader.resolve(kind, value, (plain, not plain)):
            known = _KNOWN_TAG.match(node.tag)
            text = f"the tag '!!{known[1]}'" if known else "a tag"
            problems.append(_at(node, text, "write the value without a tag"))
    if problems:
        raise InvalidValue(problems)


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, however often an anchor is used."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen.add(id(node))
            todo += _children(node)
            yield node


def _with_text_keys(data: Any) -> Any:
    """The data without keys that are no text, which are told of where they stand."""
    if isinstance(data, dict):
        return {k: _with_text_keys(v) for k, v in data.items() if isinstance(k, str)}
    return [_with_text_keys(item) for item in data] if isinstance(data, list) else data


def wrong_keys(root: yaml.Node) -> Iterator[Problem]:
    """Keys that stand twice in a mapping or are no text, and merges of several anchors."""
    for node in _nodes(root):
        keys: dict[str, yaml.Mark] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            word = _word(key)
            if key.tag == MERGE and isinstance(value, yaml.SequenceNode):
                # which of several mappings wins is not the same in every reader of YAML
                yield _at(key, "a merge of several anchors", "merge one")
            if key.tag not in (TEXT_TAG, MERGE):
                yield _at(key, f"the key {_cut(word)} is not text", "put it in quotes")
            if word in keys:
                first = keys[word].line + 1, keys[word].column + 1
                yield _at(key, *repeated_key(word, first))
            keys.setdefault(word, key.start_mark)


def repeated_key(key: str, first: tuple[int, int]) -> tuple[str, str]:
    """What to say of a key that stands twice, and what to do."""
    line, column = first
    return f"{_cut(key)!r} is given twice, first in line {line}, column {column}", "keep one"


def _word(key: yaml.Node) -> str:
    """A key as it is written; a list or a mapping is none, whatever is in it."""
    if isinstance(key, yaml.ScalarNode):
        return key.value or ("" if key.tag == TEXT_TAG else "null")
    return "a list" if isinstance(key, yaml.SequenceNode) else "a mapping"


def _cut(word: str) -> str:
    return word if len(word) <= LONG else f"{word[:LONG]}..."


def _at(node: yaml.Node, text: str, hint: str) -> Problem:
    mark = node.start_mark
    return Problem(text, hint, (), "", mark.line + 1, mark.column + 1)
