"""Every dtype that has a name: what it keeps of an element, and what beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kvcalc.answer import Answer
from kvcalc.errors import UsageError, briefly
from kvcalc.formats import ALIASES, KNOWN, LAYOUTS, Format, Known, Layout, told

ELEMENTS = 128
"""Of how many elements an entry's bytes are told, a usual head_dim."""

NOTES = (
    "fp8, int8 and Nbit (8bit, 4bit, ...) carry no scale: one for a whole tensor costs no token "
    "anything, and Nbit is N bits an element and nothing else, N from 1 to 32",
    "KEY/VALUE is a pair, such as q8_0/q4_0; auto is the model's own dtype; capitals are taken too",
    "a format with a residual keeps so many of the last tokens in the model's own dtype; NAME_rN "
    "keeps N, such as hqq_q4_g64_r32",
)


@dataclass(frozen=True)
class Dtype:
    """One name, or what a layout of that name does with some of the roles.

    scales   what is stored beside the elements, per `group` of them or per entry and head
    roles    what it is for; all that attention keeps per token where it does not tell them apart
    latent   the widths of latent and RoPE key, or of an entry that is not divided into them, that
             it exists for, where it is for some alone
    aliases  what else engines call it
    """

    name: str
    roles: tuple[str, ...]
    format: Format
    scales: str
    whose: str
    latent: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def group(self) -> int | None:
        """How many elements share what is stored beside them; None where no group does."""
        return self.format.group if self.format.group_bytes else None

    @property
    def bytes_of_an_entry(self) -> int:
        """Bytes of an entry of so many elements, all that is stored beside them included."""
        return self.format.entry_bytes(ELEMENTS)


@dataclass(frozen=True, repr=False)
class Dtypes(Answer):
    """All names, formats first, and how others are made."""

    dtypes: tuple[Dtype, ...]
    notes: tuple[str, ...] = NOTES

    def with_word(self, word: str) -> Dtypes:
        """Those alone that have a word in a name of theirs. Raises UsageError where none has."""
        wanted = word.lower()
        found = [d for d in self.dtypes if any(wanted in name for name in (d.name, *d.aliases))]
        if not found:
            text = f"no dtype has {briefly(word)} in its name"
            raise UsageError(f"{text}; kvcalc list --dtypes shows them all")
        return Dtypes(tuple(found), self.notes)


def list_dtypes() -> Dtypes:
    """Describe each format in a line, each layout in as many as it tells roles apart."""
    formats = (_line(known) for known in KNOWN if known.format.name not in LAYOUTS)
    laid_out = (line for layout in LAYOUTS.values() for line in _lines(layout))
    return Dtypes((*formats, *laid_out))


def _line(known: Known) -> Dtype:
    name = known.format.name
    aliases = tuple(alias for alias, meant in ALIASES.items() if meant == name)
    return Dtype(name, (), known.format, known.scales, known.whose, aliases=aliases)


def _lines(layout: Layout) -> Iterator[Dtype]:
    by_widths = {told(widths): roles for widths, roles in layout.for_latent.items()}
    for widths, roles in (by_widths or {"": layout.roles}).items():
        by_format: dict[Format, list[str]] = {}
        for role, stored in roles.items():
            by_format.setdefault(stored, []).append(role)
        for stored, named in by_format.items():
            yield Dtype(layout.name, tuple(named), stored, _scales(stored), layout.whose, widths)


def _scales(stored: Format) -> str:
    """What a format keeps beside its elements; one without a name of its own is called by that."""
    own = next((known.scales for known in KNOWN if known.format == stored), None)
    return stored.name if own is None else own
