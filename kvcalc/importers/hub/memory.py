"""What a commit holds, kept where the client has downstream libraries keep things of their own.

A commit never changes, so what was once listed of it holds for good.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from kvcalc.importers.files import INDEXES, QUANTIZED

Files = Mapping[str, int | None]
"""Files of a repository by name, with their bytes where those are known."""

MOST = 4_000_000
"""Bytes of what is kept of a commit; what is larger is no list of ours."""

_WEIGHTS = (".safetensors", ".bin", ".gguf")


def recalled(repository: str, commit: str) -> Files | None:
    """The files of a commit that matter, as they were kept; None where they were not."""
    try:
        with _path(repository, commit).open("rb") as file:
            data = json.loads(file.read(MOST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not all(
        type(size) in (int, type(None)) for size in data.values()
    ):
        return None
    return data


def remember(repository: str, commit: str, files: Files) -> Files:
    """The files of a commit that matter, kept where that can be done."""
    matter = {name: size for name, size in files.items() if _matters(PurePosixPath(name))}
    with contextlib.suppress(OSError, ValueError):  # it is asked for anew the next time
        _path(repository, commit).write_text(json.dumps(matter), encoding="utf-8")
    return matter


def _matters(path: PurePosixPath) -> bool:
    return path.name in (QUANTIZED, *INDEXES) or path.suffix.lower() in _WEIGHTS


def _path(repository: str, commit: str) -> Path:
    from huggingface_hub import cached_assets_path

    return cached_assets_path("kvcalc", namespace=repository, subfolder="files") / f"{commit}.json"
