"""The GGUF files of a repository: which belong together, and how one set is fetched and named."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from kvcalc.importers.files import PART

_OTHERS = re.compile(r"mmproj|^imatrix|imatrix$", re.IGNORECASE)
"""What is in the names of files that hold an image encoder, or what quantizing was led by."""


def gguf_sets(names: Iterable[str]) -> dict[str, list[str]]:
    """The files of each model by the first of them: one, or all parts of a split one."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() != ".gguf" or _OTHERS.search(path.stem):
            continue
        part = PART.match(path.stem)
        first = f"{part['stem']}-00001-of-{part['total']}{path.suffix}" if part else path.name
        found.setdefault(str(path.with_name(first)), []).append(name)
    return {first: names for first, names in found.items() if _is_whole(first, names)}


def _is_whole(first: str, names: list[str]) -> bool:
    part = PART.match(PurePosixPath(first).stem)
    return len(names) == (int(part["total"]) if part else 1)


def smallest(sets: Mapping[str, list[str]], sizes: Mapping[str, int | None]) -> str:
    """The set that is the quickest to fetch: a model's cache is the same in all of them."""
    return min(sets, key=lambda first: (sum(sizes.get(name) or 0 for name in sets[first]), first))


def download(repository: str, revision: str, first: str) -> str:
    """What to type to have a GGUF file, all parts of a split one, and what to name then."""
    folder = repository.rpartition("/")[2]
    path = PurePosixPath(first)
    part = PART.match(path.stem)
    files = [first]
    if part:
        stem = glob.escape(str(path.with_name(part["stem"])))
        files = ["--include", f"{stem}-*-of-{part['total']}{path.suffix}"]
        path = path.with_name(f"{part['stem']}-00001-of-{part['total']}{path.suffix}")
    at = ["--revision", revision] if revision != "main" else []
    command = shlex.join(["hf", "download", repository, *files, *at, "--local-dir", folder])
    return f"{command}, then name {shlex.quote(f'{folder}/{path}')}"
