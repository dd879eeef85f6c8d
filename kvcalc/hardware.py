"""A GPU: what its driver reports of its memory, and how fast that and its link to a host are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvcalc.model import Source


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one device of a card that has several.

    slug        what its file is called, and what `--gpu` takes
    memory      bytes as its driver reports them to a process, not those on its box
    bandwidth   bytes a second between it and that memory, at most
    link        bytes a second from host memory to it, one way, at most; None where that is the
                same memory, and where no figure was read
    capability  of CUDA, 90 for 9.0; None on others
    also        what else it is called
    nominal     whether memory is what its vendor calls it, as no driver's figure was read
    shared      whether its memory is the host's
    """

    slug: str
    name: str
    vendor: str
    memory: int
    bandwidth: int
    link: int | None = None
    capability: int | None = None
    also: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    file: str = ""
    nominal: bool = False
    shared: bool = False
