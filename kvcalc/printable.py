"""Other people's text on a terminal and in a log: shown as it is, save what would act there."""

from __future__ import annotations

import re

_ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls: they move the cursor, ring, begin lines and escapes
    "\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # unseen, or turn it around
    "\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"  # halves of characters, which no encoding has
)
_ANYWHERE = r"#(?=#\w*\[)"
_COMMANDS = re.compile(rf"^[^\S\n]*:(?=:)|{_ANYWHERE}", re.MULTILINE)
"""How a line commands who runs CI: GitHub's `::stop-commands::x`, Azure's `##vso[...]` anywhere."""


def printable(text: str) -> str:
    """One line of text, with what a terminal would obey or hide written as escapes: \\x1b.

    So is what begins a command to the service that runs CI: \\x3a:error::.
    """
    return _uncommanding(_ACTS.sub(_escape, text) if _ACTS.search(text) else text)


def printable_lines(text: str) -> str:
    """The same for text of several lines: line feeds and tabs stay."""
    shown = _ACTS.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found), text)
    return _uncommanding(shown)


def uncommanding_json(text: str) -> str:
    """JSON of the same meaning in which nothing commands who runs CI.

    Within a line a command begins with signs that JSON has in its texts alone.
    """
    return re.sub(_ANYWHERE, r"\\u0023", text)


def uncommanding_yaml(text: str) -> str:
    """Text in the double quotes of YAML, of the same meaning, in which nothing commands either."""
    return re.sub(_ANYWHERE, r"\\x23", text)


def _uncommanding(text: str) -> str:
    return _COMMANDS.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
