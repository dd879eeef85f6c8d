"""Who starts the library: llama.cpp by its own defaults, or another program by its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.engines.settings import Declared


@dataclass(frozen=True)
class Launcher:
    """What a program sets where nobody says otherwise.

    name      as it is asked for
    declared  the settings, with its defaults
    batches   tokens of a batch, and of a step, by the most cells for which they are so many; the
              last for any more. Empty where they do not depend on these
    one_slot  architectures that it gives one slot alone
    windows   what a reader should know of how many tokens windows keep by its defaults
    server    whether llama-server's own defaults are told of where they come to other bytes
    """

    name: str
    declared: Sequence[Declared]
    batches: tuple[tuple[int, int], ...] = ()
    one_slot: frozenset[str] = field(default=frozenset())
    windows: str = ""
    server: bool = True

    def batch(self, cells: int) -> int:
        """Tokens of a batch, and of a step, where it goes by the cells of a context."""
        return next((n for most, n in self.batches if cells <= most), self.batches[-1][1])
