"""Opens other people's files: a model folder, a config.json, a GGUF file, a hub id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.document import parse, parse_json, read_bytes
from kvcalc.errors import InputError, InvalidValue
from kvcalc.importers import files, gguf, hub, weights
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config
from kvcalc.importers.recognition import HUB, is_config
from kvcalc.schema.reading import read_model

if TYPE_CHECKING:
    from kvcalc.document import Document
    from kvcalc.model import Model

HEAD = 1024
"""Bytes by which a kind of file is told from others."""


def load(reference: str) -> Model | None:
    """The model of a hub id or of a path that exists; None for a file of kvcalc's own.

    Raises InputError.
    """
    if reference.startswith(HUB):
        return _from_hub(reference)
    path = Path(reference)
    if path.is_dir():
        return _from_folder(path)
    # a pipe can be read but once, and is not read here
    return _from_file(path, _origin(path)) if path.is_file() else None


def refuse(document: Document) -> None:
    """Raises InputError for JSON of a kind that is known to be something else."""
    if document.in_braces and (problem := files.refusal(document.name, document.data)):
        raise InputError([problem])


def imported(document: Document, origin: Origin | None = None) -> Model:
    """The model of a parsed configuration. Raises InputError."""
    try:
        model = read_config(document.data, origin or _origin(Path(document.name)))
    except InvalidValue as error:
        document.refuse(error.problems)
        raise
    document.refuse(())
    return model


def _from_hub(reference: str) -> Model:
    fetched = hub.fetch(reference)
    document = parse_json(reference, read_bytes(fetched.path))
    if problem := files.refusal(files.CONFIG, document.data):
        raise InputError([replace(problem, file=reference)])
    origin = Origin(reference, fetched.name, fetched.weight_bytes, fetched.source, fetched.notes)
    return imported(document, origin)


def _from_folder(folder: Path) -> Model:
    path = files.config_of(folder)
    found = _from_file(path, _origin(path, weights.weight_bytes_of(folder)))
    if found is not None:
        return found
    document = parse(str(path), read_bytes(path), folder)
    model, problems = read_model(document.data, document.name, document.line)
    document.refuse(problems)
    assert model is not None, "a file without problems describes a model"
    return model


def _from_file(path: Path, origin: Origin) -> Model | None:
    head = read_bytes(path, HEAD)
    if gguf.is_gguf(head):
        try:
            return gguf.read_gguf(path, origin)
        except InvalidValue as error:
            problems = [replace(problem, file=origin.file) for problem in error.problems]
            raise InputError(problems) from None
    if problem := files.weight_file(path, head):
        raise InputError([problem])
    if path.suffix != ".json":
        return None
    document = parse_json(origin.file, read_bytes(path), path.parent)
    if problem := files.refusal(origin.file, document.data):
        raise InputError([problem])
    return imported(document, origin) if is_config(document.data) else None


def _origin(path: Path, weight_bytes: int | None = None) -> Origin:
    """A model is called as its folder where the file is a config.json, else as the file.

    A pipe has no name.
    """
    name = path.resolve().parent.name if path.name == files.CONFIG else path.stem
    return Origin(str(path), name if path.is_file() else "", weight_bytes)
