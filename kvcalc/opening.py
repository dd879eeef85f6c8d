"""Opens whatever a reference names: one walk from a path, a hub id or standard input to a Model.

What reads other people's files is imported when such a file is named.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.document import MAX_JSON_BYTES, Document, parse, parse_json, read_bytes
from kvcalc.errors import InputError, InvalidValue, Problem
from kvcalc.importers.recognition import is_config, is_hub
from kvcalc.naming.pasted import SUFFIX
from kvcalc.schema.reading.model import read_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvcalc.importers.assembly import Origin
    from kvcalc.model import Model

Ignored = tuple[str, ...]
"""Fields of somebody else's files, as messages call them."""

STDIN = "-"
OWN = ({"layers", "attention"}, {"layers", "attention", "heads", "head_dim", "dtype"})
"""Fields by which a file is one of kvcalc's own, however broken: one of the first and two of the
second. Files of other programs have a name, too, and some have layers."""
HEAD = 1024
"""Bytes by which a kind of file is told from others."""


def opened(
    reference: str, bundled: Callable[[str], Path | None], ignored: Ignored = ()
) -> Document | Model | None:
    """What a reference names: a Model of a hub id, folder or file of somebody else, else data.

    bundled  finds a file that may be called by its name alone; a path that exists wins
    ignored  fields of somebody else's file that are left out of it

    None where nothing is called so. Raises InputError.
    """
    if reference == STDIN:
        return parse(STDIN, _stdin())
    if not reference:
        raise InputError([Problem("the name of a model is empty", "kvcalc list shows them")])
    path = Path(reference)
    there = exists(path)
    if is_hub(reference, there=there):
        return _of_hub(reference, ignored)
    if there:
        from kvcalc.naming.stores import kept

        return of_path(kept(path), reference, ignored)
    found = bundled(reference.removesuffix(SUFFIX))
    return of_bundle(found) if found else None


def of_path(path: Path, name: str, ignored: Ignored = ()) -> Document | Model:
    """What a file or a folder holds; messages call it by the name. Raises InputError."""
    return _of_folder(path, ignored) if path.is_dir() else _of_file(path, name, ignored)


def of_bundle(path: Path) -> Document:
    """A bundled file, under its own name. Raises InputError."""
    return parse(path.name, read_bytes(path), path.parent)


def model_of(found: Document | Model, ignored: Ignored = ()) -> Model:
    """The model that was opened, or that the data describe.

    Raises InputError, which shows what is wrong in a model and nothing of any other file: that may
    be a secret.
    """
    if not isinstance(found, Document):
        return found
    if not is_own(found.data):
        if found.in_braces:
            from kvcalc.importers.files import refusal

            _refuse(refusal(found.name, found.data))
        if is_config(found.data):
            return _imported(found, _origin_of(found, ignored))
        from kvcalc.importers.files import no_model

        raise InputError([found.placed(no_model(found.data))])
    return found.read_by(lambda: read_model(found.data, found.name, found.line))


def is_own(data: object) -> bool:
    """Whether data are those of a model file of kvcalc's own, however broken."""
    fields = set(data) if isinstance(data, dict) else set()
    return bool(OWN[0] & fields) and len(OWN[1] & fields) > 1


def exists(path: Path) -> bool:
    """Whether there is such a path, also where it is none that could be."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def standard_input(most: int, hint: str) -> bytes:
    """So many bytes at most of standard input. Raises InputError, with the hint at a terminal."""
    if sys.stdin is None:
        raise InputError([Problem("standard input is closed", file=STDIN)])
    if sys.stdin.isatty():
        raise InputError([Problem("standard input is a terminal", hint, file=STDIN)])
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        text = f"cannot be read: {error.strerror or error}"
        raise InputError([Problem(text, file=STDIN)]) from None


def _stdin() -> bytes:
    from kvcalc.importers.gguf import is_gguf

    hint = "pipe a model file into it: cat model.yaml | kvcalc show -"
    data = standard_input(MAX_JSON_BYTES + 1, hint)
    if is_gguf(data):
        raise InputError([Problem("a GGUF file is read from a path", "name the file", file=STDIN)])
    return data


def _of_hub(reference: str, ignored: Ignored) -> Model:
    from kvcalc.importers import hub
    from kvcalc.importers.assembly import Origin
    from kvcalc.importers.bounded import CONFIG
    from kvcalc.importers.files import refusal

    fetched = hub.fetch(reference)
    document = parse_json(fetched.reference, read_bytes(fetched.path))
    _refuse(refusal(CONFIG, document.data), fetched.reference)
    about = (fetched.weight_bytes, fetched.source, fetched.notes)
    origin = Origin(fetched.reference, fetched.name, *about, ignored, fetched.quantized)
    return _imported(document, origin)


def _of_folder(folder: Path, ignored: Ignored) -> Document | Model:
    from kvcalc.importers.bounded import json_of
    from kvcalc.importers.files import QUANTIZED, config_of
    from kvcalc.importers.weights import weight_bytes_of

    path, quantized = config_of(folder), json_of(folder / QUANTIZED)
    # a GGUF file says itself what its weights are; others may lie beside it
    weights = None if path.suffix.lower() == ".gguf" else weight_bytes_of(folder)
    origin = _origin(path, ignored, weights)
    if isinstance(quantized, dict):
        origin = replace(origin, quantized=quantized)
    elif exists(folder / QUANTIZED):
        origin = replace(origin, notes=(f"{QUANTIZED} beside it is not JSON: not read",))
    found = _of_foreign(path, origin)
    return found or parse(str(path), read_bytes(path), folder)


def _of_file(path: Path, reference: str, ignored: Ignored) -> Document | Model:
    # a pipe can be read but once, and where it stands says nothing of what comes through it
    if not path.is_file():
        return parse(reference, read_bytes(path))
    found = _of_foreign(path, _origin(path, ignored))
    return found or parse(reference, read_bytes(path), Path() if _is_stream(path) else path.parent)


def _is_stream(path: Path) -> bool:
    """Whether a path is a name for what was opened before, such as /dev/stdin."""
    return str(path.parent) in ("/dev", "/dev/fd") or path.match("/proc/*/fd/*")


def _of_foreign(path: Path, origin: Origin) -> Model | None:
    """The model of somebody else's file; None where it may be one of ours. Raises InputError."""
    from kvcalc.importers.files import refusal, weight_file
    from kvcalc.importers.gguf import is_gguf, read_gguf

    head = read_bytes(path, HEAD)
    if is_gguf(head):
        try:
            return read_gguf(path, origin)
        except InvalidValue as error:
            told = (replace(problem, file=origin.file) for problem in error.problems)
            raise InputError([*told]) from None
    _refuse(weight_file(path, head))
    if path.suffix != ".json":
        return None
    document = parse_json(origin.file, read_bytes(path), path.parent)
    _refuse(refusal(origin.file, document.data))
    return _imported(document, origin) if is_config(document.data) else None


def _imported(document: Document, origin: Origin) -> Model:
    from kvcalc.importers.huggingface import read_config

    return document.read_by(lambda: read_config(document.data, origin))


def _refuse(problem: Problem | None, file: str = "") -> None:
    """Raises InputError where there is a problem, of another file if that is named."""
    if problem is not None:
        raise InputError([replace(problem, file=file) if file else problem])


def _origin_of(document: Document, ignored: Ignored) -> Origin:
    """Where parsed data comes from; what Python has as a dict has neither file nor name."""
    from kvcalc.importers.assembly import Origin

    if document.name:
        return _origin(Path(document.name), ignored)
    return Origin("", source="a configuration given as data", ignored=ignored)


def _origin(path: Path, ignored: Ignored, weight_bytes: int | None = None) -> Origin:
    """A model is called as its folder where the file is a config.json, else as the file.

    In a store of other programs it is what they go by. A pipe has no name.
    """
    from kvcalc.importers.assembly import Origin
    from kvcalc.importers.bounded import CONFIG, size_of
    from kvcalc.naming.stores import name_of

    name = name_of(path)
    if name is None:
        name = path.resolve().parent.name if path.name == CONFIG else path.stem
    pipe = size_of(path) is None
    return Origin(str(path), "" if pipe else name, weight_bytes, ignored=ignored)
