"""The bundled GPUs: their memory, how fast it and the link to it are, and where that was read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kvcalc.answer import Answer
from kvcalc.errors import UsageError, briefly
from kvcalc.hardware import Gpu
from kvcalc.naming.folding import has


@dataclass(frozen=True, repr=False)
class Gpus(Answer):
    """The GPUs listed."""

    gpus: tuple[Gpu, ...]

    def with_word(self, word: str) -> Gpus:
        """Those alone that have a word in a name or their vendor's. Raises UsageError if none."""
        found = tuple(gpu for gpu in self.gpus if any(has(text, word) for text in _texts(gpu)))
        if not found:
            text = f"no GPU has {briefly(word)} in a name of its own or its vendor's"
            raise UsageError(f"{text}; kvcalc list --gpus shows them all")
        return Gpus(found)


def list_gpus(gpus: Iterable[Gpu]) -> Gpus:
    """Describe each GPU in a line, in alphabetical order."""
    return Gpus(tuple(sorted(gpus, key=lambda gpu: gpu.slug)))


def _texts(gpu: Gpu) -> tuple[str, ...]:
    return (gpu.slug, gpu.name, gpu.vendor, *gpu.also)
