"""Finding GPUs by what they are called: a file's name, another name of theirs, or a path."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from kvcalc.bundle import bundled_gpus, configs
from kvcalc.document import Document, parse, read_bytes
from kvcalc.errors import InputError, Nearest, Problem, briefly
from kvcalc.hardware import Gpu
from kvcalc.naming.folding import begins, folded
from kvcalc.naming.pasted import SUFFIX, unquoted
from kvcalc.opening import STDIN, exists, of_bundle
from kvcalc.schema.reading.gpu import read_gpu

LISTING = "kvcalc list --gpus shows the bundled ones; your own is a YAML file, named by its path"
_NAME = re.compile(r'^name: *"?([^"\n#]*?)"? *(?:#.*)?$', re.MULTILINE)
_ALSO = re.compile(r"^also:\s*\[([^\]]*)\]", re.MULTILINE)


def gpu_of(reference: str) -> Gpu:
    """The GPU that a reference names: a YAML path, a bundled name or another name of one.

    Raises InputError, with every problem of the file.
    """
    path = Path(reference)
    if reference == STDIN or not reference.strip():
        raise InputError([Problem(f"{reference!r} names no GPU", LISTING)])
    if _is_path(reference):
        return gpu_in(path)
    return bundled_gpu(reference)


def gpu_in(path: Path) -> Gpu:
    """The GPU of a file. Raises InputError."""
    return _of(parse(str(path), read_bytes(path), path.parent))


def bundled_gpu(reference: str) -> Gpu:
    """The bundled GPU of a name, or of another name of it. Raises InputError."""
    name = unquoted(reference).removesuffix(SUFFIX)
    found = configs() / "gpus" / f"{name.lower()}{SUFFIX}"
    # a name with a folder in it leads elsewhere
    if found.parent.name == "gpus" and Path(name).name == name and exists(found):
        return _of(of_bundle(found))
    return _of(of_bundle(_called(name, reference)))


def all_gpus() -> tuple[Gpu, ...]:
    """Every bundled GPU. Raises InputError."""
    return tuple(_of(of_bundle(path)) for path in bundled_gpus().values())


def _is_path(reference: str) -> bool:
    """Whether a reference is a file, also one that is not there; a bare name stays a name."""
    path = Path(reference)
    here = reference.startswith(f"{os.curdir}{os.sep}")  # which a Path leaves out
    if exists(path):
        return here or not path.is_dir() or len(path.parts) > 1
    return here or (path.suffix in (SUFFIX, ".yml") and len(path.parts) > 1)


def _of(document: Document) -> Gpu:
    return document.read_by(lambda: read_gpu(document.data, document.name))


def _called(name: str, reference: str) -> Path:
    """The bundled file of another name. Raises InputError where it may be several, or none."""
    names, wanted = _names(), folded(name)
    found = names.get(wanted, ())
    if len(found) == 1:
        return found[0]
    near = [path for known in names if begins(wanted, known) for path in names[known]]
    slugs = sorted({path.stem for path in found or near})
    if len(slugs) > 1:
        text = f"{briefly(reference)} may be any of {len(slugs)} bundled GPUs"
        raise InputError([Problem(text, f"name one: {', '.join(slugs)}")])
    text = f"no file and no bundled GPU is called {briefly(reference)}"
    hint = Nearest(name, tuple(_words()), LISTING)
    raise InputError([Problem(text, f"did you mean {slugs[0]}?" if slugs else hint)])


def _names() -> dict[str, tuple[Path, ...]]:
    """What all bundled GPUs are called, folded."""
    found: dict[str, dict[Path, None]] = {}
    for word, paths in _words().items():
        found.setdefault(folded(word), {}).update(dict.fromkeys(paths))
    return {name: tuple(paths) for name, paths in found.items()}


@cache
def _words() -> dict[str, tuple[Path, ...]]:
    """The same as written, but in small letters; read as text: to parse them all takes a while."""
    found: dict[str, tuple[Path, ...]] = {}
    for slug, path in bundled_gpus().items():
        text = path.read_text(encoding="utf-8")
        title, also = (pattern.search(text) for pattern in (_NAME, _ALSO))
        words = [slug, title[1] if title else "", *(also[1].split(",") if also else ())]
        for word in dict.fromkeys(word.strip(' \n"').lower() for word in words):
            found[word] = (*found.get(word, ()), path)
    return found
