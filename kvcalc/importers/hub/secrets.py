"""Keeps secrets off the screen: passwords in addresses, tokens, and signatures in queries."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from kvcalc.printable import printable

HIDDEN = "***"
MOST = 200
"""Characters of somebody else's text that are shown."""

_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_ADDRESSES = ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SHORTEST = 4
"""Characters of a secret that is looked for by its value; shorter ones are parts of words."""

_USER = re.compile(r"(?<=//)[^/]*@|[^\s/'\":]*:[^\s/'\"]*@")
_QUERY = re.compile(r"(\w+://[^\s?#'\"]*)[?#][^\s'\"]*")
_HEADER = re.compile(r"\b(Bearer|Basic) .*", re.IGNORECASE)
_TOKEN = re.compile(r"\b(hf_[A-Za-z0-9]{16,}|hf_(jwt|oauth)_[\w.-]+|api_org_\w+)")


def scrubbed(text: str) -> str:
    """One short line of a text of the client, a server or the environment, without secrets."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = " ".join(text.split())[: MOST * 10]
    text = _HEADER.sub(rf"\1 {HIDDEN}", text)
    text = _QUERY.sub(r"\1", _USER.sub("", _TOKEN.sub(HIDDEN, text)))
    line = printable(text)
    return line if len(line) <= MOST else f"{line[:MOST]}..."


def endpoint() -> str:
    """The address of the hub that is asked, without name and password."""
    from huggingface_hub import constants

    return scrubbed(constants.ENDPOINT)


def _secrets() -> Iterator[str]:
    """The secrets that the client is given, as they may come back in a text."""
    known = [*_tokens(), *_passwords()]
    for secret in known:
        for form in {secret, unquote(secret), secret.strip()}:
            if len(form) >= _SHORTEST:
                yield form


def _tokens() -> Iterator[str]:
    yield from (os.environ.get(name, "") for name in _TOKENS)
    try:  # what a login has left, where the client starts
        from huggingface_hub import constants

        yield Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return


def _passwords() -> Iterator[str]:
    for name in _ADDRESSES:
        for address in (os.environ.get(name, ""), os.environ.get(name.lower(), "")):
            user = address.rpartition("@")[0].rpartition("//")[2]
            yield from (user, user.partition(":")[2])
