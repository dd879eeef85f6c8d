"""What a family of configurations is: how its layers follow one another, and what each keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.importers.vocabulary import ALIASES

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.importers.fields import Fields

Part = Callable[["Fields"], tuple["Scheme", ...]]
"""What one layer keeps, from the fields as that layer sees them."""

Schedule = Callable[["Fields"], Sequence[str]]
"""The kind of each layer, in order, where the file does not list them itself."""

Amend = Callable[["Fields", Sequence[str]], Sequence[str]]
"""What becomes of the kinds of the layers, also where the file lists them."""


@dataclass(frozen=True)
class As:
    """A default that is the value of another field, or a part of it."""

    name: str
    over: int = 1


Default = int | float | bool | str | As


class Family:
    """One line of the table of families: what is special about these configurations.

    types     values of `model_type`, or of a GGUF's architecture; the first is the family's name
    parts     what a layer of each kind keeps; a kind that is not here is refused
    schedule  the kinds of the layers, where the file has no list of them
    defaults  what the family's class fills in where a published file omits a field
    names     the names of a field, where they are not the usual ones
    unused    fields of its own that leave the cache alone
    listing   a field of its own with an item per layer, which tells how many there are
    marks     fields by which a file without `model_type` is recognised, all of one set
    mtp       the kind of a multi-token-prediction layer
    encoder   whether there is an encoder before these layers
    note      what a reader of its numbers should know
    amend     what becomes of the kinds of the layers, also where the file lists them
    filled_in fields that engines fill in, each in its own way, where a file leaves them out
    """

    def __init__(
        self,
        *types: str,
        parts: Mapping[str, Part],
        schedule: Schedule,
        defaults: Mapping[str, Default] | None = None,
        names: Mapping[str, tuple[str, ...]] | None = None,
        unused: tuple[str, ...] = (),
        marks: tuple[tuple[str, ...], ...] = (),
        mtp: str = "",
        note: str = "",
        encoder: bool = False,
        amend: Amend = lambda f, kinds: kinds,
        listing: str = "",
        filled_in: tuple[str, ...] = (),
    ) -> None:
        self.types, self.name = types, types[0]
        self.parts, self.schedule, self.amend = parts, schedule, amend
        self.defaults, self.names = defaults or {}, names or {}
        self.unused, self.marks, self.mtp, self.note = unused, marks, mtp, note
        self.encoder, self.filled_in = encoder, filled_in
        self.listings = (*ALIASES["layer_kinds"], listing)
        """The fields that may have an item per layer, which tells its kind."""
