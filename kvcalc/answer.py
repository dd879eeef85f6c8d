"""What all answers have in common: they print as their table and become their JSON document.

Both are what the command line writes. What writes them knows every answer, so it is imported when
one is written, and this module alone knows of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Answer:
    """The answer to a question."""

    @property
    def told(self) -> tuple[str, ...]:
        """The notes that stand beside its table."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """The document that `--json` prints, as data."""
        from kvcalc.render import to_dict

        return to_dict(self)

    def __repr__(self) -> str:
        """Its table as a pipe gets it, with its notes below, where there are such."""
        from kvcalc.printable import printable
        from kvcalc.render import Style, render

        table = render(self, "table", Style())
        notes = "".join(f"note: {printable(note)}\n" for note in self.told)
        return (f"{table}\n{notes}" if notes else table).rstrip("\n")
