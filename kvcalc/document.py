"""One YAML or JSON file: parsed with care, and where each part of it stands.

Refused, with line and column: what is no text, no YAML or blown up, and keys that stand twice.
"""

from __future__ import annotations

import codecs
import re
import stat
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kvcalc import jsonplaces, jsontext, yamltext
from kvcalc.errors import InputError, InvalidValue, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvcalc.errors import Place

T = TypeVar("T")

MAX_BYTES = 1_000_000
MAX_JSON_BYTES = 8_000_000
"""Of a configuration, which may list every expert that is quantized otherwise than the rest."""
OURS = {"layers", "attention", "claims"}
"""Fields of kvcalc's own files, which may be YAML in the braces and quotes of JSON."""
_JSON = re.compile(rb"""\s*(?:\[\s*)?\{\s*(?:"|$)""")
"""How JSON begins, and hardly any YAML."""


class Places(Protocol):
    """Where the parts of a text stand."""

    in_braces: bool

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column of the value at a path, or of the nearest thing above it."""


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, and where each part of it stands."""

    name: str
    data: Any
    places: Places
    folder: Path = Path()
    problems: tuple[Problem, ...] = ()
    """What is wrong with its keys, whatever it describes."""

    @property
    def in_braces(self) -> bool:
        """Whether it is written as JSON is."""
        return self.places.in_braces

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
        return self.places.position(path)

    def placed(self, problem: Problem) -> Problem:
        """The problem with file, line and column; where there is no file, its path says where."""
        line, column = self.position(problem.path)
        path = ".".join(map(str, problem.path))
        where = "" if problem.message.startswith((f"{path}:", f"{path} is ")) else path
        place = self.name or where, line, column
        return Problem(problem.message, problem.advice, problem.path, *place)


def read_bytes(path: Path, size: int = MAX_JSON_BYTES + 1) -> bytes:
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
    """Parse one document of YAML or JSON. Raises InputError where it is none, or too large.

    What begins as JSON does and is broken is told of as JSON, unless it is a file of kvcalc's own.
    """
    if not raw.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"[")):
        return _of_yaml(name, _text(name, raw), folder)
    try:
        return _of_json(name, _text(name, raw, MAX_JSON_BYTES), folder)
    except jsontext.NotJSON as error:
        broken = InputError(_in_file(name, error.problems))
    except InvalidValue as error:
        raise InputError(_in_file(name, error.problems)) from None
    begins_so = _JSON.match(raw.removeprefix(codecs.BOM_UTF8))
    try:
        document = _of_yaml(name, _text(name, raw), folder)
    except InputError:
        if begins_so:
            raise broken from None
        raise
    if begins_so and not (isinstance(document.data, dict) and OURS & set(document.data)):
        raise broken
    return document


def parse_json(name: str, raw: bytes, folder: Path = Path()) -> Document:
    """Parse one JSON document. Raises InputError where it is none, or too large."""
    try:
        return _of_json(name, _text(name, raw, MAX_JSON_BYTES), folder)
    except InvalidValue as error:
        raise InputError(_in_file(name, error.problems)) from None


def _of_yaml(name: str, text: str, folder: Path) -> Document:
    try:
        data, root, problems = yamltext.decoded(text)
    except InvalidValue as error:
        raise InputError(_in_file(name, error.problems)) from None
    return Document(name, data, yamltext.Places(root), folder, _in_file(name, problems))


def _of_json(name: str, text: str, folder: Path) -> Document:
    data, repeated = jsontext.decoded(text)
    problems = jsontext.repeated_keys(text) if repeated else ()
    return Document(name, data, jsonplaces.Places(text), folder, _in_file(name, problems))


def _in_file(name: str, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(problem, file=name) for problem in problems)


def _binary(name: str) -> InputError:
    text, hint = "a binary file, not YAML", "a model file is YAML text in UTF-8"
    return InputError([Problem(text, hint, file=name)])


def _text(name: str, raw: bytes, most: int = MAX_BYTES) -> str:
    if len(raw) > most:
        text = f"larger than {most:,} bytes: not a model file"
        raise InputError([Problem(text, file=name)])
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError([Problem("UTF-16, not UTF-8", "save it as UTF-8", file=name)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in raw:
            raise _binary(name) from None
        place = yamltext.place_in(raw[: error.start].decode("utf-8"))
        problem = Problem("not UTF-8 text", "save it as UTF-8", (), name, *place)
        raise InputError([problem]) from None
    if "\0" in text:
        raise _binary(name)
    return text
