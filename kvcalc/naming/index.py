"""What the bundled files say of names, read as text: to parse them all takes a while."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kvcalc.naming.folding import folded, folded_both_ways

_NAME = re.compile(r'^name: *"?([^"\n]*?)"?$', re.MULTILINE)
_DTYPE = re.compile(r"^dtype: *([^\s#]+)", re.MULTILINE)
_PARAMETERS = re.compile(r"^parameters: *(\d+)", re.MULTILINE)
_HUB = re.compile(r"^hub:\s*\[([^\]]*)\]", re.MULTILINE)


@dataclass(frozen=True)
class Repository:
    """One `org/name` that a bundled file stands for."""

    id: str

    @property
    def organisation(self) -> str:
        return self.id.partition("/")[0].lower()

    @property
    def folded(self) -> str:
        return folded(self.id.partition("/")[2])

    @cached_property
    def names(self) -> frozenset[str]:
        """Its name, folded, also without what is left out by those who copy it."""
        name = self.id.partition("/")[2]
        first = re.sub(r"^Meta-(?=Llama)", "", name)
        both = (name, first, name.removesuffix("-hf"), first.removesuffix("-hf"))
        return frozenset().union(*map(folded_both_ways, both))


@dataclass(frozen=True)
class Bundled:
    """A bundled file's names, the dtype of its cache, and its parameters, 0 where not known."""

    path: Path
    title: str
    dtype: str
    parameters: int
    hub: tuple[Repository, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def names(self) -> frozenset[str]:
        """What it is called by itself, folded."""
        return frozenset((folded(self.name), folded(self.title)))


def bundled_names(paths: Iterable[Path]) -> tuple[Bundled, ...]:
    """The names of bundled files, in their order."""
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> Bundled:
    text = path.read_text(encoding="utf-8")
    title, dtype, size, hub = (_first(p, text) for p in (_NAME, _DTYPE, _PARAMETERS, _HUB))
    ids = (word.strip() for word in hub.split(","))
    listed = tuple(Repository(word) for word in ids if word)
    return Bundled(path, title.split(" #")[0].strip(), dtype, int(size or 0), listed)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
