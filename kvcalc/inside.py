"""What somebody's claims file may name: what is below its folder or the working directory.

Claims come with pull requests: nothing is told of other files, not even whether they are there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

MAX_LINKS = 200_000
"""Of entries in a folder that are looked at; a model's folder with more is not read either."""


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
            try:
                here = os.path.realpath(following)
            except (OSError, ValueError):
                return True
            if not (self._holds(here) or self._is_above(here)):
                return True
        return not self._holds(here) or self._has_link_out(here)

    def _holds(self, path: str) -> bool:
        return any(_is_below(path, root) for root in self.roots)

    def _is_above(self, path: str) -> bool:
        return any(_is_below(root, path) for root in self.roots)

    def _has_link_out(self, path: str) -> bool:
        """Whether the configuration or the weights of a folder are somewhere else."""
        try:
            with os.scandir(path) as entries:
                links = [entry.path for entry in islice(entries, MAX_LINKS) if entry.is_symlink()]
        except OSError:  # a file, most often
            return False
        return not all(self._holds(os.path.realpath(link)) for link in links)


def inside(folder: Path) -> Inside:
    """What the claims of a folder may name; the top of the file system vouches for nothing."""
    places = (_real(str(folder)), _real(os.curdir))
    roots = (place for place in places if place and os.path.dirname(place) != place)
    return Inside(places[0], tuple(roots))


def _is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, both without links."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except OSError:  # the working directory may have been deleted
        return ""
