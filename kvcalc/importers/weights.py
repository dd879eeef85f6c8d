"""The bytes of a model's weights, as an index of them states or as their files have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from kvcalc.errors import InputError
from kvcalc.importers.bounded import CONFIG, INDEX_BYTES, content_of, json_of, names_in, size_of
from kvcalc.importers.files import INDEX, INDEXES, LFS, PART, WEIGHTS

LFS_MAX = 200
"""No pointer of git LFS is longer, in bytes."""
MAX_PARTS = 10_000
"""Of the files of one model's weights; published ones have a few hundred."""
MAX_WEIGHTS = 10**16
"""Of bytes, as much as a file of kvcalc's own may state."""

_NUMBER = re.compile(r"[-_.]\d+$")


def weight_bytes_of(folder: Path) -> int | None:
    """Bytes of the weights in a model folder, or None where that cannot be told for certain.

    What an index states is the bytes of the tensors; without one it is the bytes of the files,
    which have headers of some kilobytes as well.
    """
    for name in INDEXES if size_of(folder / WEIGHTS) is None else (INDEX,):
        index = json_of(folder / name, INDEX_BYTES)
        if isinstance(index, dict):
            return _stated(index) or _bytes_of(_mapped(folder, index))
    try:
        names = names_in(folder)
    except InputError:
        return None
    safetensors = [name for name in names if name.lower().endswith(".safetensors")]
    # other .bin files of a model folder, such as training_args.bin, hold no weights
    bins = [n for n in names if n.startswith("pytorch_model") and n.lower().endswith(".bin")]
    return _bytes_of(one_set(_in(folder, safetensors)) or one_set(_in(folder, bins)))


def _in(folder: Path, names: Sequence[str]) -> list[Path]:
    """Files of a folder; none where they are more than those of one model, or lie elsewhere.

    Links may lead to where that of the configuration does, as in the hub's cache.
    """
    files = [folder / name for name in names] if len(names) <= MAX_PARTS else []
    try:
        home, kept = folder.resolve(), (folder / CONFIG).resolve().parent
        real = [path.resolve() for path in files]
    except (OSError, RuntimeError, ValueError):  # links in a circle, names that are none
        return []
    return files if all(home in path.parents or path.parent == kept for path in real) else []


def stated_bytes(index: Path) -> int | None:
    """The bytes of all tensors that an index of weight files states, or None."""
    data = json_of(index, INDEX_BYTES)
    return _stated(data) if isinstance(data, dict) else None


def _stated(index: Mapping[str, Any]) -> int | None:
    metadata = index.get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(size, float) and size.is_integer():  # so written for 4-bit weights
        size = int(size)
    if not isinstance(size, int) or isinstance(size, bool):
        return None
    return size if 0 < size <= MAX_WEIGHTS else None


def _mapped(folder: Path, index: Mapping[str, Any]) -> list[Path]:
    """The files that the weight_map of an index names; none where it is broken or leads out."""
    mapped = index.get("weight_map")
    if not isinstance(mapped, dict) or not all(isinstance(n, str) for n in mapped.values()):
        return []
    names = sorted(set(mapped.values()))
    return _in(folder, names) if all(map(_stays_below, names)) else []


def _stays_below(name: str) -> bool:
    """Whether a name leads from a folder to what is in it, as it is written."""
    path = PurePath(name)
    return bool(path.parts) and not path.anchor and ".." not in path.parts


def one_set(files: Sequence[Path]) -> list[Path]:
    """The weight files that make up one model; none where that is not clear or not complete."""
    sets: dict[tuple[str, int], list[Path]] = {}
    for path in files:
        part = PART.match(path.stem)
        stem = part["stem"] if part else _NUMBER.sub("", path.stem)
        if not stem.startswith("adapter"):
            sets.setdefault((stem, int(part["total"]) if part else 0), []).append(path)
    # Mistral ships the same weights twice: as consolidated*.safetensors and as model*.safetensors
    model = sorted(key for key in sets if key[0] in ("model", "pytorch_model"))
    chosen = model[0] if model else next(iter(sets), None)
    if chosen is None or (not model and len(sets) > 1):
        return []
    found = sets[chosen]
    return found if chosen[1] in (0, len(found)) else []


def _bytes_of(files: Sequence[Path]) -> int | None:
    sizes = [_bytes(path) for path in files]
    total = sum(s for s in sizes if s)
    return total if sizes and None not in sizes and total <= MAX_WEIGHTS else None


def _bytes(path: Path) -> int | None:
    """Bytes of a regular file, of the one it stands for where it is a pointer of git LFS."""
    size = size_of(path)
    if size is not None and size < LFS_MAX:
        text = content_of(path, LFS_MAX)
        if text is None:
            return None
        if text.startswith(LFS):
            stated = re.search(rb"^size (\d{1,15})$", text, re.MULTILINE)
            size = int(stated[1]) if stated else 0
    return size or None
