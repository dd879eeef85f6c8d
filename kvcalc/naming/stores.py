"""Where other programs keep models on a disk: the cache of the hub, and Ollama's store."""

from __future__ import annotations

import re
from pathlib import Path

from kvcalc.document import parse_json, read_bytes
from kvcalc.errors import InputError, Problem
from kvcalc.importers.bounded import CONFIG, entries_of

_REPOSITORY = re.compile(r"models--(?:[\w.-]+?--)?(?P<name>[\w.-]+)", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB = re.compile(r"sha256-[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MODEL = "application/vnd.ollama.image.model"
_MANIFESTS = "manifests"
_HEAD = 1024


def kept(path: Path) -> Path:
    """Where what a path names is kept: a snapshot in the hub's cache, a blob in Ollama's store.

    Raises InputError where the path names one of these, and what it leads to is not there.
    """
    if path.is_dir():
        return _snapshot(path) if _REPOSITORY.fullmatch(path.absolute().name) else path
    return _blob(path) if _MANIFESTS in path.absolute().parts else path


def name_of(path: Path) -> str | None:
    """What the model of a file is called where its path says so in a way of its own, else None.

    A blob's says nothing: what stands in the file is its name.
    """
    if _BLOB.fullmatch(path.name):
        return ""
    _, snapshots, repository, *_ = (*path.absolute().parents, Path(), Path(), Path())
    found = _REPOSITORY.fullmatch(repository.name)
    in_snapshot = found is not None and snapshots.name == "snapshots" and path.name == CONFIG
    return found["name"] if found and in_snapshot else None


def _snapshot(folder: Path) -> Path:
    """The snapshot that main leads to, else the only one; the folder where there is none."""
    branch = folder / "refs" / "main"
    commit = read_bytes(branch, 41).decode("ascii", "replace").strip() if branch.is_file() else ""
    snapshots = folder / "snapshots"
    if _COMMIT.fullmatch(commit) and (snapshots / commit).is_dir():
        return snapshots / commit
    names = (entry.name for entry in entries_of(snapshots))
    found = sorted(name for name in names if _COMMIT.fullmatch(name))
    if len(found) == 1:
        return snapshots / found[0]
    if found:
        text = f"{len(found)} snapshots are here, and no branch leads to one of them"
        hint = f"name one, such as {snapshots / found[-1]}"
        raise InputError([Problem(text, hint, file=str(folder))])
    return folder


def _blob(path: Path) -> Path:
    """The weights that a manifest of Ollama's names; the path itself where it is none."""
    if not path.is_file() or not read_bytes(path, _HEAD).lstrip().startswith(b"{"):
        return path
    document = parse_json(str(path), read_bytes(path))
    digest = _digest(document.data)
    if digest is None:
        return path
    whole = path.absolute()
    store = next(up for up in whole.parents if up.name == _MANIFESTS).parent
    blob = store / "blobs" / digest.replace(":", "-")
    if blob.is_file():
        return blob
    text = f"the weights that this manifest of Ollama's names are not in {blob.parent}"
    raise InputError([Problem(text, "pull the model again with `ollama pull`", file=str(path))])


def _digest(data: object) -> str | None:
    """Of which blob a manifest says that it is the model."""
    layers = data.get("layers") if isinstance(data, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict) and layer.get("mediaType") == _MODEL:
            digest = layer.get("digest")
            return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None
    return None
