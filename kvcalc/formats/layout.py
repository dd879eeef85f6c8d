"""Which format each role of a cache is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvcalc.errors import UsageError
from kvcalc.formats.format import Format

Widths = tuple[int, int]
"""Elements of a layer's latent and of its RoPE key."""

SEVERAL: Widths = (-1, -1)
"""A layer that has latents or RoPE keys of more than one width."""


@dataclass(frozen=True)
class Layout:
    """Which format each role is stored in; roles that it does not name are none of its business.

    for_latent  the roles of a layout that exists for certain latents and RoPE keys only
    even        a head's key and value share a slot of an even number of bytes
    note        what a reader of its bytes should know
    whose       who stores a cache so
    """

    name: str
    roles: Mapping[str, Format] = field(default_factory=dict, hash=False)
    for_latent: Mapping[Widths, Mapping[str, Format]] = field(default_factory=dict, hash=False)
    even: bool = False
    note: str = field(default="", compare=False)
    whose: str = field(default="", compare=False)

    def format_of(self, role: str, widths: Widths | None) -> Format | None:
        """The format of a role in a layer with a latent and RoPE key of these widths, if any.

        None where the layout does not name the role. Raises UsageError for widths that the layout
        does not exist for.
        """
        if not self.for_latent:
            return self.roles.get(role)
        if widths is None:
            return None
        if widths == SEVERAL:
            text = f"{self.name} is laid out for one width of latent and RoPE key in a layer"
            raise UsageError(f"{text}, not for several")
        if widths not in self.for_latent:
            known = " or ".join(f"{latent} + {rope}" for latent, rope in self.for_latent)
            text = f"{self.name} is laid out for a latent and RoPE key of {known} elements"
            raise UsageError(f"{text}, not of {widths[0]:,} + {widths[1]:,}")
        return self.for_latent[widths].get(role)

    @property
    def residual(self) -> int:
        """Of how many of the last tokens some role keeps its own dtype."""
        return max((stored.residual for stored in self.roles.values()), default=0)


ENTRIES = ("k", "v", "latent", "rope")
"""All that attention keeps per token, index keys excepted."""


def uniform(stored: Format, note: str = "") -> Layout:
    """One format for all that attention keeps per token, index keys excepted."""
    return Layout(stored.name, dict.fromkeys(ENTRIES, stored), note=note)
