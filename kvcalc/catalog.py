"""Finds and opens files: a path, a bundled name, or standard input. Nothing else opens them."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kvcalc.document import MAX_BYTES, Document, parse, read_bytes
from kvcalc.errors import InputError, Problem, did_you_mean
from kvcalc.importers.recognition import HUB, is_config
from kvcalc.schema.judging import read_claims
from kvcalc.schema.reading import read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvcalc.claim import Claim
    from kvcalc.model import Model

T = TypeVar("T")

STDIN = "-"
SUFFIX = ".yaml"
OWN = {"name", "layers", "attention"}
"""Fields by which a file is one of kvcalc's own, however broken."""

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
        return parse(reference, read_bytes(path), path.parent)
    name = reference.removesuffix(SUFFIX)
    if name in known:
        return _of_bundle(known[name])
    raise _unknown(reference, known)


def _foreign(reference: str) -> Model | None:
    """The model of somebody else's file; None where the reference names none. Raises InputError."""
    if reference in ("", STDIN) or not (reference.startswith(HUB) or _exists(Path(reference))):
        return None
    from kvcalc import foreign

    return foreign.load(reference)


def _of_bundle(path: Path) -> Document:
    return parse(path.name, read_bytes(path), path.parent)


def _unknown(reference: str, known: Mapping[str, Path]) -> InputError:
    path = Path(reference)
    if path.suffix in (".json", ".gguf") or (
        path.suffix in (SUFFIX, ".yml") and len(path.parts) > 1
    ):
        return InputError([Problem("no such file", file=reference)])
    if len(path.parts) == 2 and not path.is_absolute() and path.parts[0] not in (".", ".."):
        hint = f"from the hub it is {HUB}{reference}"
        return InputError([Problem(f"no file and no folder is called {reference!r}", hint)])
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
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if data.startswith(b"GGUF"):
        raise InputError([Problem("a GGUF file is read from a path", "name the file", file=STDIN)])
    return data


def _model(document: Document) -> Model:
    if not (isinstance(document.data, dict) and OWN & set(document.data)):
        from kvcalc import foreign

        foreign.refuse(document)
        if is_config(document.data):
            return foreign.imported(document)
    model, problems = read_model(document.data, document.name, document.line)
    document.refuse(problems)
    assert model is not None, "a file without problems describes a model"
    return model
