"""What somebody's claims file may name: what is below its folder or the working directory.

Claims come with pull requests: nothing is told of other files, not even whether they are there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from kvcalc.importers.bounded import MAX_LINKS, configurations_in_snapshots, entries_of

HOPS = 40
"""Links that lead from one to another before a system gives up."""


@dataclass(frozen=True)
class Inside:
    """The folder of a claims file, and the folders that what it names must be below."""

    home: str
    roots: tuple[str, ...]

    def leads_out(self, reference: str) -> bool:
        """Whether a path, seen from the claims, or a link in what it names leads out.

        Every step of the way counts, with links followed: what lies outside is not looked at.
        """
        here = self.home
        for step in PurePath(reference).parts:
            following = os.path.join(here, step)
            if (here == self.home or self._holds(here)) and not os.path.lexists(following):
                return False  # there is nothing to read
            here = _real(following)
            if not (self._holds(here) or self._is_above(here)):
                return True
        return not self._holds(here) or self._has_link_out(here)

    def _holds(self, path: str) -> bool:
        return any(_is_below(path, root) for root in self.roots)

    def _is_above(self, path: str) -> bool:
        return any(_is_below(root, path) for root in self.roots)

    def _has_link_out(self, path: str) -> bool:
        """Whether the configuration or the weights of a folder are somewhere else."""
        links = (entry.path for entry in entries_of(path) if entry.is_symlink())
        # with more links than that a folder is not read
        found = [*islice(links, MAX_LINKS + 1), *map(str, configurations_in_snapshots(path))]
        return not all(map(self._holds, map(_real, found)))


def inside(folder: Path) -> Inside:
    """What the claims of a folder may name; the top of the file system vouches for nothing."""
    places = (_real(str(folder)), _real(os.curdir))
    roots = (place for place in places if place and os.path.dirname(place) != place)
    return Inside(places[0], tuple(roots))


def _is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, both without links."""
    return path == folder or (bool(folder) and path.startswith(folder.rstrip(os.sep) + os.sep))


def _real(path: str) -> str:
    """A path without links, as the system follows them; nothing where it would give up.

    That is so with very many links as well, which os.path.realpath would follow one and all.
    """
    try:
        absolute = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    except OSError:  # the working directory may have been deleted
        return ""
    drive, rest = os.path.splitdrive(absolute)
    todo, here, hops = _steps(rest), drive + os.sep, 0
    while todo:
        step = todo.pop()
        if step == os.pardir:
            here = os.path.dirname(here)
            continue
        following = os.path.join(here, step)
        try:
            target = os.readlink(following)
        except (OSError, ValueError):  # no link, most often
            here = following
            continue
        hops += 1
        if hops > HOPS:
            return ""
        if os.path.isabs(target):
            drive, target = os.path.splitdrive(target)
            here = drive + os.sep
        todo += _steps(target)
    return here


def _steps(path: str) -> list[str]:
    """The steps of a path without its root, the last first."""
    return [step for step in reversed(PurePath(path).parts) if not step.endswith(os.sep)]
