"""The bytes of a model's weights from the listing of a repository, by the rules for a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kvcalc.importers.hub.ggufs import gguf_sets
from kvcalc.importers.hub.memory import Files
from kvcalc.importers.weights import one_set


def mapped_bytes(index: object, files: Files) -> int | None:
    """The bytes of the files that the weight_map of an index names; None where one is unknown."""
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        return None
    return _sum(sorted(set(names.values())), files)


def weight_bytes(files: Files) -> tuple[int | None, str]:
    """The bytes of a repository's weights, or why they are not known where it has any.

    They are the bytes of the files, which have headers of some kilobytes as well.
    """
    top = [Path(name) for name in files if "/" not in name]
    safetensors = [path for path in top if path.suffix == ".safetensors"]
    pytorch = [
        path for path in top if path.suffix == ".bin" and path.stem.startswith("pytorch_model")
    ]
    for found in (safetensors, pytorch):
        names = [path.name for path in one_set(found)]
        if names:
            return _sum(names, files), "the hub does not tell how large its files are"
    ggufs = gguf_sets(files)
    if len(ggufs) == 1:
        return _sum(
            next(iter(ggufs.values())), files
        ), "the hub does not tell how large its files are"
    if ggufs:
        return None, f"there are {len(ggufs)} sets of them, as GGUF"
    return None, "which files are one set cannot be told" if safetensors or pytorch else ""


def _sum(names: Sequence[str], files: Files) -> int | None:
    sizes = [files.get(name) for name in names]
    return sum(size or 0 for size in sizes) if sizes and all(sizes) else None
