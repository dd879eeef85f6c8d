"""Which format each role of a cache is stored in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kvcalc.errors import UsageError
from kvcalc.formats.format import Format

Widths = tuple[int, int]
"""Elements of a layer's latent and of its RoPE key."""

SEVERAL: Widths = (-1, -1)
"""A layer that has latents or RoPE keys of more than one width."""

UNDIVIDED = -2
"""In the place of a RoPE key's elements: entries that no layout divides into latent and RoPE."""


@dataclass(frozen=True)
class Layout:
    """Which format each role is stored in; roles that it does not name are none of its business.

    for_latent  the roles of a layout that exists for certain latents and RoPE keys only
    even        a head's key and value share a slot of an even number of bytes
    note        what a reader of its bytes should know
    whose       who stores a cache so
    spelt       the name that was asked for, as engines tell fp8_e5m2 from fp8 and bytes do not
    """

    name: str
    roles: Mapping[str, Format] = field(default_factory=dict, hash=False)
    for_latent: Mapping[Widths, Mapping[str, Format]] = field(default_factory=dict, hash=False)
    even: bool = False
    note: str = field(default="", compare=False)
    whose: str = field(default="", compare=False)
    spelt: str = field(default="", compare=False)

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
            known = " or ".join(map(told, self.for_latent))
            text = f"{self.name} is laid out for a latent and RoPE key of {known} elements"
            raise UsageError(f"{text}, not of {told(widths)}")
        return self.for_latent[widths].get(role)

    @property
    def residual(self) -> int:
        """Of how many of the last tokens some role keeps its own dtype."""
        return max((stored.residual for stored in self.roles.values()), default=0)


def widths_of(roles: Iterable[tuple[str, int]]) -> Widths | None:
    """The widths of one layer, by the roles and widths of its tensors; None where it has none."""
    found: dict[str, set[int]] = {"latent": set(), "rope": set(), "undivided": set()}
    for role, width in roles:
        name = "undivided" if role in ("kv", "compressed") else role
        if name in found:
            found[name].add(width)
    latents, ropes, undivided = found.values()
    if len(latents) + len(undivided) > 1 or len(ropes) > 1:
        return SEVERAL
    if undivided:
        return undivided.pop(), UNDIVIDED
    return (latents.pop(), ropes.pop() if ropes else 0) if latents else None


def told(widths: Widths) -> str:
    """Widths as a reader is told them: `512 + 64`, or `512 undivided`."""
    latent, rope = widths
    return f"{latent:,} undivided" if rope == UNDIVIDED else f"{latent:,} + {rope:,}"


ENTRIES = ("k", "v", "latent", "rope", "kv", "compressed")
"""All that attention keeps per token, index keys excepted."""


def uniform(stored: Format, note: str = "") -> Layout:
    """One format for all that attention keeps per token, index keys excepted."""
    return Layout(stored.name, dict.fromkeys(ENTRIES, stored), note=note)
