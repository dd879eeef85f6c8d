"""Reads in a model's folder that end: of regular files alone, and of so much of them."""

from __future__ import annotations

import json
import os
import stat
from itertools import islice
from pathlib import Path

from kvcalc.errors import InputError, Problem

CONFIG_BYTES = 8_000_000
"""Of a configuration, or of settings that stand beside it."""
INDEX_BYTES = 48_000_000
"""Of an index of weights. A trillion parameters in 384 experts of 60 layers, with four tensors for
each of three projections, take 276,480 lines of some 116 bytes: 32 MB."""
MAX_VALUES = 500_000
"""Of values in a file of JSON, which take more memory than their text."""
MAX_FILES = 200_000
"""Of entries in a folder that are looked at."""
MAX_LINKS = 5_000
"""Of these, that are links, which take a while to follow; models have a few hundred files."""
SNAPSHOTS = 100
"""Of those in a folder of the hub's cache that are looked at."""
CONFIG = "config.json"


def size_of(path: Path) -> int | None:
    """Bytes of a regular file, links followed; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def content_of(path: Path, most: int) -> bytes | None:
    """The content of a regular file; None where there is none, or more than so many bytes."""
    # a pipe would be waited for when it is opened
    if size_of(path) is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError:
        return None
    return content if len(content) <= most else None


def json_of(path: Path, most: int = CONFIG_BYTES) -> object:
    """What a file of JSON holds; None where there is none, or it is broken or too large."""
    content = content_of(path, most)
    if content is None or content.count(b",") >= MAX_VALUES:
        return None
    # one emoji makes a text four times as large; names of tensors and of files have none
    if len(content) > CONFIG_BYTES and (b"\\" in content or not content.isascii()):
        return None
    try:
        data: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data


def entries_of(folder: str | Path) -> list[os.DirEntry[str]]:
    """What is in a folder, as much of it as is looked at; nothing where it is none."""
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, MAX_FILES))
    except (OSError, ValueError):
        return []


def configurations_in_snapshots(folder: str | Path) -> list[Path]:
    """Where the snapshots in a folder of the hub's cache have a configuration, if they have one."""
    snapshots = entries_of(Path(folder) / "snapshots")[:SNAPSHOTS]
    return [Path(snapshot.path) / CONFIG for snapshot in snapshots]


def names_in(folder: Path) -> list[str]:
    """The regular files of a folder, links followed, in alphabetical order.

    Raises InputError where the folder cannot be read or has too many entries to look at, or too
    many links to follow.
    """
    try:
        with os.scandir(folder) as entries:
            found = list(islice(entries, MAX_FILES + 1))
            links = sum(entry.is_symlink() for entry in found)
            many = len(found) > MAX_FILES or links > MAX_LINKS
            names = [] if many else sorted(entry.name for entry in found if _is_file(entry))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError([Problem(f"cannot be read: {reason}", file=str(folder))]) from None
    if many:
        what = f"{MAX_LINKS:,} links" if links > MAX_LINKS else f"{MAX_FILES:,} files"
        text = f"more than {what} in this folder"
        raise InputError([Problem(text, "name the file", file=str(folder))])
    return names


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself, or to where one may not look
        return False
