"""Finds and opens files: a path, a bundled name, or standard input. Nothing else opens them."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kvcalc.document import MAX_BYTES, Document, parse, parse_json
from kvcalc.errors import InputError, Problem, did_you_mean
from kvcalc.importers import files, gguf, hub
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import is_config, read_config
from kvcalc.schema.judging import read_claims
from kvcalc.schema.reading import read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvcalc.claim import Claim
    from kvcalc.model import Model

T = TypeVar("T")

STDIN = "-"
SUFFIX = ".yaml"
HEAD = 1024
"""Bytes by which a kind of file is told from others."""

_HERE = Path(__file__).parent


def configs() -> Path:
    """The folder of bundled files: the checkout's beside the package, else the installed one."""
    checkout = _HERE.parent / "configs"
    return checkout if (checkout / "models").is_dir() else _HERE / "configs"


@cache
def bundled() -> dict[str, Path]:
    """The bundled model files by name, in alphabetical order."""
    return _files("models")


@cache
def bundled_claims() -> dict[str, Path]:
    """The bundled claims files by name, in alphabetical order."""
    return _files("claims")


def _files(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((configs() / folder).glob(f"*{SUFFIX}"))}


def load(reference: str) -> Model:
    """The model that a reference names.

    reference  a YAML path, a config.json or a folder that holds one, a GGUF file, `hf:org/name`, a
               bundled name (with or without .yaml), or `-` for standard input

    Raises InputError, with every problem of the file.
    """
    return _foreign(reference) or _model(find(reference, bundled()))


def load_checkable(reference: str) -> Model | tuple[Claim, ...]:
    """What `check` holds to its word: a model, or the claims of a file that has a `claims:` key.

    Raises InputError.
    """
    if foreign := _foreign(reference):
        return foreign
    document = find(reference, {**bundled_claims(), **bundled()})
    if isinstance(document.data, dict) and "claims" in document.data:
        return _claims(document)
    return _model(document)


def load_bundled() -> tuple[list[Model], list[Claim]]:
    """Every bundled model and claim, each file read once. Raises InputError."""
    models = {name: load(name) for name in bundled()}
    claims: list[Claim] = []
    for path in bundled_claims().values():
        claims += _claims(_of_bundle(path), models)
    return list(models.values()), claims


def find(reference: str, known: dict[str, Path]) -> Document:
    """The document of a path that exists, of a bundled name, or of `-`. Raises InputError."""
    if reference == STDIN:
        return parse(STDIN, _stdin())
    if not reference:
        raise InputError([Problem("the name of a model is empty", "kvcalc list shows them")])
    path = Path(reference)
    if _exists(path):
        return parse(reference, _bytes(path), path.parent)
    name = reference.removesuffix(SUFFIX)
    if name in known:
        return _of_bundle(known[name])
    raise _unknown(reference, known)


def _foreign(reference: str) -> Model | None:
    """The model of somebody else's file; None where the reference names none. Raises InputError."""
    if reference.startswith(hub.PREFIX):
        return _from_hub(reference)
    path, weights = Path(reference), None
    if reference in ("", STDIN) or not _exists(path):
        return None
    if path.is_dir():
        folder, path = path, files.config_of(path)
        weights = files.weight_bytes_of(folder)
    found = _from_file(path, Origin(str(path), _called(path), weights))
    if found is None and str(path) != reference:
        return _model(parse(str(path), _bytes(path), path.parent))
    return found


def _from_hub(reference: str) -> Model:
    fetched = hub.fetch(reference)
    document = parse_json(reference, _bytes(fetched.path))
    if problem := files.refusal(files.CONFIG, document.data):
        raise InputError([replace(problem, file=reference)])
    origin = Origin(reference, fetched.name, fetched.weight_bytes, fetched.source, fetched.notes)
    return _imported(document, origin)


def _from_file(path: Path, origin: Origin) -> Model | None:
    if not path.is_file():
        return None  # a pipe can be read but once
    head = _bytes(path, HEAD)
    if gguf.is_gguf(head):
        model, problems = gguf.read_gguf(path, origin)
        return _without(model, [replace(problem, file=origin.file) for problem in problems])
    if problem := files.weight_file(path, head):
        raise InputError([problem])
    if path.suffix != ".json":
        return None
    document = parse_json(origin.file, _bytes(path), path.parent)
    if problem := files.refusal(origin.file, document.data):
        raise InputError([problem])
    return _imported(document, origin) if is_config(document.data) else None


def _called(path: Path) -> str:
    """The folder's name for a config.json, else the file's own; standard input has none."""
    if str(path) == STDIN:
        return ""
    return path.resolve().parent.name if path.name == files.CONFIG else path.stem


def _imported(document: Document, origin: Origin) -> Model:
    model, problems = read_config(document.data, origin)
    document.refuse(problems)
    return _without(model, [])


def _of_bundle(path: Path) -> Document:
    return parse(path.name, _bytes(path), path.parent)


def _unknown(reference: str, known: Mapping[str, Path]) -> InputError:
    path = Path(reference)
    if path.suffix in (SUFFIX, ".yml") and len(path.parts) > 1:
        return InputError([Problem("no such file", file=reference)])
    hint = did_you_mean(reference.removesuffix(SUFFIX), known)
    text = f"no file and no bundled model is called {reference!r}"
    return InputError([Problem(text, hint or "kvcalc list shows the bundled ones")])


def _claims(document: Document, known: Mapping[str, Model] | None = None) -> tuple[Claim, ...]:
    @cache
    def model_of(reference: str) -> Model:
        if known and reference in known:
            return known[reference]
        beside = document.folder / reference
        if _exists(beside):
            return load(str(beside))
        name = reference.removesuffix(SUFFIX)
        if name not in bundled():
            raise _unknown(reference, bundled())
        return _model(_of_bundle(bundled()[name]))

    claims, problems = read_claims(document.data, document.name, document.line, model_of)
    document.refuse(problems)
    return claims


def load_all(references: Sequence[str]) -> list[Model]:
    """Load several models. Raises InputError with the problems of all of them."""
    return _all(load, references)


def load_all_checkable(references: Sequence[str]) -> list[Model | tuple[Claim, ...]]:
    """Load several files for `check`. Raises InputError with the problems of all of them."""
    return _all(load_checkable, references)


def _all(read: Callable[[str], T], references: Sequence[str]) -> list[T]:
    found: list[T] = []
    problems: list[Problem] = []
    for reference in references:
        try:
            found.append(read(reference))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _stdin() -> bytes:
    if sys.stdin is None:
        raise InputError([Problem("standard input is closed", file=STDIN)])
    if sys.stdin.isatty():
        hint = "pipe a model file into it: cat model.yaml | kvcalc show -"
        raise InputError([Problem("standard input is a terminal", hint, file=STDIN)])
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _bytes(path: Path, size: int = MAX_BYTES + 1) -> bytes:
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise InputError([Problem("this is not a file that can be read", file=str(path))])
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError([Problem(f"cannot be read: {reason}", file=str(path))]) from None


def _model(document: Document) -> Model:
    if is_config(document.data):
        return _imported(document, Origin(document.name, _called(Path(document.name))))
    model, problems = read_model(document.data, document.name, document.line)
    document.refuse(problems)
    return _without(model, [])


def _without(model: Model | None, problems: Sequence[Problem]) -> Model:
    if problems:
        raise InputError(problems)
    assert model is not None, "a file without problems describes a model"
    return model
