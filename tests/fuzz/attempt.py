"""One input of a door: files in a folder, and the command line or the call that reads them."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECRET = "hunter2-SECRET-hunter2"
"""Stands in files that are no models, and may be shown by nothing."""


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Fifo:
    """A pipe with a name, into which nobody writes."""


@dataclass(frozen=True)
class Sparse:
    """A file that is larger than what is written of it."""

    head: bytes
    size: int


Content = bytes | Link | Fifo | Sparse


@dataclass(frozen=True)
class Call:
    """A public function and its arguments."""

    function: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"kvcalc.{self.function}({', '.join([*map(repr, self.args), *named])})"


@dataclass(frozen=True)
class Attempt:
    """What is tried: a command line, or a call instead of one, in a folder with these files.

    model  what of it names a model, whose bytes must not fall as tokens come; "" for none
    """

    args: tuple[str, ...] = ()
    files: Mapping[str, Content] = field(default_factory=dict)
    stdin: bytes = b""
    call: Call | None = None
    model: str = ""

    def __str__(self) -> str:
        return str(self.call) if self.call else shlex.join(("kvcalc", *self.args))

    def write_into(self, folder: Path) -> None:
        """Write the files; those whose names no file system has are left out."""
        for name, content in self.files.items():
            with contextlib.suppress(OSError, ValueError):
                _write(folder / name, content)

    def keep(self, folder: Path, said: str) -> None:
        """Write everything that is needed to repeat it."""
        folder.mkdir(parents=True, exist_ok=True)
        emptied(folder)
        self.write_into(folder)
        if self.stdin:
            (folder / "STDIN").write_bytes(self.stdin)
        told = f"{self}\n{said}\n".encode(errors="backslashreplace")
        (folder / "REPRODUCE.txt").write_bytes(told)


def emptied(folder: Path) -> None:
    """Remove what is in a folder."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Link):
        path.symlink_to(content.target)
    elif isinstance(content, Fifo):
        os.mkfifo(path)
    elif isinstance(content, Sparse):
        path.write_bytes(content.head)
        os.truncate(path, content.size)
    else:
        path.write_bytes(content)
