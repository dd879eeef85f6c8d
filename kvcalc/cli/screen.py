"""What the reader of standard output can be shown: its width, box lines, colour."""

from __future__ import annotations

import os
import sys
from typing import Any, Literal

Colour = Literal["auto", "always", "never"]

COLUMNS = 80
"""What a terminal has that does not say."""
DUMB = ("", "dumb", "unknown")
NOT_FORCED = ("", "0", "false")


def shown(colour: Colour, *, to_file: bool) -> dict[str, Any]:
    """The settings of a style that are the reader's and not the question's."""
    terminal = not to_file and sys.stdout.isatty()
    return {
        "width": _width() if terminal else None,
        "boxed": terminal and not _dumb() and _draws(),
        "look": _look(colour, terminal=terminal, to_file=to_file),
    }


def _width() -> int:
    """COLUMNS where it is set, else what the terminal itself says."""
    set_to = os.environ.get("COLUMNS", "")
    if set_to.isdecimal() and int(set_to[:9]):
        return int(set_to[:9])
    try:
        # of this stream: the interpreter's first one is detached, and has no size any more
        return os.get_terminal_size(sys.stdout.fileno()).columns or COLUMNS
    except OSError:
        return COLUMNS


def _dumb() -> bool:
    """Whether a terminal obeys nothing; on Windows, where it has no name, it does."""
    return os.environ.get("TERM", "xterm" if os.name == "nt" else "") in DUMB


def _draws() -> bool:
    """Whether the encoding has box lines; rich, too, has them of these alone."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _look(colour: Colour, *, terminal: bool, to_file: bool) -> str:
    """What was asked for goes before NO_COLOR, that before what forces colour.

    The environment says nothing of a file that -o names.
    """
    if colour != "auto":
        return "colour" if colour == "always" else "plain"
    able = terminal and not _dumb()
    if os.environ.get("NO_COLOR"):
        return "bold" if able else "plain"
    forced = any(
        os.environ.get(name, "").lower() not in NOT_FORCED
        for name in ("FORCE_COLOR", "CLICOLOR_FORCE")
    )
    return "colour" if able or (forced and not to_file) else "plain"
