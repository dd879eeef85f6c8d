"""One YAML or JSON file: parsed with care, and where each part of it stands.

Refused, with line and column: what is no text, no YAML or blown up, and keys that stand twice.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from kvcalc.errors import InputError, InvalidValue, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvcalc.errors import Place

T = TypeVar("T")

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
MERGE = "tag:yaml.org,2002:merge"
TEXT_TAGS = ("tag:yaml.org,2002:str", MERGE)


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: its data, and where each part of it stands."""

    name: str
    data: Any
    root: yaml.Node
    folder: Path = Path()
    problems: tuple[Problem, ...] = ()
    """What is wrong with its keys, whatever it describes."""

    @property
    def in_braces(self) -> bool:
        """Whether it is written as JSON is."""
        return bool(getattr(self.root, "flow_style", False))

    def read_by(self, reader: Callable[[], T]) -> T:
        """What a reader makes of the data.

        Raises InputError where the file has problems, all of them in the file's order.
        """
        try:
            made: T | None = reader()
            problems: tuple[Problem, ...] = ()
        except InvalidValue as error:
            made, problems = None, error.problems
        found = [*self.problems, *(self.placed(problem) for problem in problems)]
        if made is None or found:
            raise InputError(sorted(found, key=attrgetter("line", "column")))
        return made

    def line(self, path: Place) -> int:
        """The line of the value at a path."""
        return self.position(path)[0]

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column of the value at a path, or of the nearest thing above it."""
        node, mark = self.root, self.root.start_mark
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next((kv for kv in node.value if str(kv[0].value) == str(step)), None)
                if found is None:
                    break
                mark, node = found[0].start_mark, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                mark = node.start_mark
        return mark.line + 1, mark.column + 1

    def placed(self, problem: Problem) -> Problem:
        """The problem with file, line and column."""
        line, column = self.position(problem.path)
        return replace(problem, file=self.name, line=line, column=column)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML with the number and boolean rules of YAML 1.2: 010 is no octal, `no` no boolean."""


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


def read_bytes(path: Path, size: int = MAX_BYTES + 1) -> bytes:
    """The first bytes of a file, one more than is sane of all. Raises InputError."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise InputError([Problem("this is not a file that can be read", file=str(path))])
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        text = f"cannot be read: {error.strerror or error}"
        raise InputError([Problem(text, file=str(path))]) from None


def parse(name: str, raw: bytes, folder: Path = Path()) -> Document:
    """Parse one YAML document. Raises InputError where it is none, or more than is sane."""
    text = _text(name, raw)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise _empty(name)
        if "&" in text or len(text) > MAX_NODES:  # no anchor without one, no value without room
            _refuse_oversized(name, root)
        if "!" in text:  # no tag is written without one
            _refuse_tags(name, loader, root)
        problems = tuple(_wrong_keys(name, root))
        data = loader.construct_document(root)
        data = _with_text_keys(data) if problems else data
        if data is None:
            raise _empty(name)
        return Document(name, data, root, folder, problems)
    except yaml.MarkedYAMLError as error:
        raise InputError([_syntax(name, text, error)]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError([Problem(f"not YAML: {error}", file=name)]) from None
    finally:
        loader.dispose()


def parse_json(name: str, raw: bytes, folder: Path = Path()) -> Document:
    """Parse one JSON document. Raises InputError where it is none."""
    text = _text(name, raw)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg}"
        raise InputError([Problem(what, "", (), name, error.lineno, error.colno)]) from None
    except (ValueError, RecursionError) as error:
        raise InputError([Problem(f"not JSON: {error}", file=name)]) from None
    root = _positions(text)
    return Document(name, data, root, folder, tuple(_wrong_keys(name, root)))


def _positions(text: str) -> yaml.Node:
    """Where the parts of a JSON text stand; nowhere, for the little JSON that is no YAML."""
    loader = _Loader(text)
    try:
        root: yaml.Node = loader.get_single_node()
    except yaml.YAMLError:
        mark = yaml.Mark("", 0, -1, -1, None, 0)
        root = yaml.MappingNode(MERGE, [], mark, mark)
    finally:
        loader.dispose()
    return root


def _empty(name: str) -> InputError:
    hint = "a model file begins with name:, layers:, dtype: and attention:"
    return InputError([Problem("the file is empty", hint, file=name)])


def _binary(name: str) -> InputError:
    text, hint = "a binary file, not YAML", "a model file is YAML text in UTF-8"
    return InputError([Problem(text, hint, file=name)])


def _text(name: str, raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        text = f"larger than {MAX_BYTES:,} bytes: not a model file"
        raise InputError([Problem(text, file=name)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in raw:
            raise _binary(name) from None
        place = _place_in(raw[: error.start].decode("utf-8"))
        problem = Problem("not UTF-8 text", "save it as UTF-8", (), name, *place)
        raise InputError([problem]) from None
    if "\0" in text:
        raise _binary(name)
    if control := yaml.reader.Reader.NON_PRINTABLE.search(text):
        what = f"the character {control[0]!r}, which YAML does not allow"
        place = _place_in(text[: control.start()])
        raise InputError([Problem(what, "take it out", (), name, *place)])
    return text


def _place_in(before: str) -> tuple[int, int]:
    """Line and column of what follows some text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _syntax(name: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    here = lines[line] if line < len(lines) else ""
    if "\t" in here[: column + 1]:
        hint = "indent with spaces"
        return Problem(
            "a tab, which YAML does not allow here", hint, (), name, line + 1, column + 1
        )
    what = (error.problem or error.context or "syntax error").replace("\n", " ")
    return Problem(f"not YAML: {what}", "", (), name, line + 1, column + 1)


def _refuse_oversized(name: str, root: yaml.Node) -> None:
    """Raises InputError for what anchors blow up, and for what refers to itself."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_NODES + 1  # what refers to itself never ends
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return sizes[id(node)]

    if size(root) > MAX_NODES:
        text = f"more than {MAX_NODES:,} values once its anchors are written out"
        raise InputError([_at(name, root, text, "write it without anchors")])


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refuse_tags(name: str, loader: Any, root: yaml.Node) -> None:
    """Raises InputError for explicit tags, which would undo the rules for numbers above."""
    problems = []
    for node in _nodes(root):
        kind, value = type(node), node.value if isinstance(node, yaml.ScalarNode) else None
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        if node.tag != loader.resolve(kind, value, (plain, not plain)):
            text = f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')!r}"
            problems.append(_at(name, node, text, "write the value without a tag"))
    if problems:
        raise InputError(problems)


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


def _wrong_keys(name: str, root: yaml.Node) -> Iterator[Problem]:
    """Keys that stand twice in a mapping or are no text, and merges of several anchors."""
    for node in _nodes(root):
        keys: dict[str, int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            word = str(key.value)
            if key.tag == MERGE and isinstance(value, yaml.SequenceNode):
                # which of several mappings wins is not the same in every reader of YAML
                yield _at(name, key, "a merge of several anchors", "merge one")
            if key.tag not in TEXT_TAGS:
                yield _at(name, key, f"the key {word or 'null'} is not text", "put it in quotes")
            if word in keys:
                text = f"{word!r} is given twice, first in line {keys[word]}"
                yield _at(name, key, text, "keep one")
            keys.setdefault(word, key.start_mark.line + 1)


def _at(name: str, node: yaml.Node, text: str, hint: str) -> Problem:
    mark = node.start_mark
    return Problem(text, hint, (), name, mark.line + 1, mark.column + 1)
