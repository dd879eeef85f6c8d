"""The bytes of a model's weights, as an index of them states or as their files have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kvcalc.errors import InputError
from kvcalc.importers.files import INDEXES, LFS, PART, files_of, json_of

LFS_MAX = 200
"""No pointer of git LFS is longer, in bytes."""

_NUMBER = re.compile(r"[-_.]\d+$")


def weight_bytes_of(folder: Path) -> int | None:
    """Bytes of the weights in a model folder, or None where that cannot be told for certain.

    What an index states is the bytes of the tensors; without one it is the bytes of the files,
    which have headers of some kilobytes as well.
    """
    for name in INDEXES:
        index = json_of(folder / name)
        if isinstance(index, dict):
            return _stated(index) or _bytes_of(_mapped(folder, index))
    try:
        files = files_of(folder)
    except InputError:
        return None
    safetensors = one_set([path for path in files if path.suffix.lower() == ".safetensors"])
    if safetensors:
        return _bytes_of(safetensors)
    # other .bin files of a model folder, such as training_args.bin, hold no weights
    weights = [
        p for p in files if p.name.startswith("pytorch_model") and p.suffix.lower() == ".bin"
    ]
    return _bytes_of(one_set(weights))


def stated_bytes(index: Path) -> int | None:
    """The bytes of all tensors that an index of weight files states, or None."""
    data = json_of(index)
    return _stated(data) if isinstance(data, dict) else None


def _stated(index: Mapping[str, Any]) -> int | None:
    metadata = index.get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(size, float) and size.is_integer():  # so written for 4-bit weights
        size = int(size)
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _mapped(folder: Path, index: Mapping[str, Any]) -> list[Path]:
    """The files that the weight_map of an index names; none where it is broken."""
    names = index.get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(n, str) and n for n in names.values()):
        return []
    return [folder / name for name in sorted(set(names.values()))]


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
    return sum(s for s in sizes if s) if sizes and None not in sizes else None


def _bytes(path: Path) -> int | None:
    """Bytes of a file, of the one it stands for where it is a pointer of git LFS."""
    try:
        size = path.stat().st_size
        text = path.read_bytes() if size < LFS_MAX else b""
    except (OSError, ValueError):
        return None
    if text.startswith(LFS):
        stated = re.search(rb"^size (\d{1,15})$", text, re.MULTILINE)
        size = int(stated[1]) if stated else 0
    return size or None
