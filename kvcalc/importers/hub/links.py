"""Web addresses of a hub's models, as a browser shows them, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from kvcalc.errors import InputError, Problem
from kvcalc.importers.recognition import HUB, host_and_path, hosts

_SCHEME = re.compile(r"(?:https?://|hf:(?://)?)?", re.IGNORECASE)
_HUB_PRIVATE = re.compile(r"(?<=[:/])[^/:\s]+:[^/\s]*@(?=[^/\s]+/)")
"""Name and password before hf:org/name; a revision follows the name instead."""
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?", re.IGNORECASE)
_PAGES = ("tree", "blob", "resolve", "raw", "commit")
"""What follows a repository's name where a revision is named, and a file or folder of it."""


@dataclass(frozen=True)
class Link:
    """What a reference names: a revision and a file of a repository, where it does."""

    repository: str
    revision: str | None = None
    file: str = ""


def without_secrets(reference: str) -> str:
    """A reference without name and password, query and fragment; these mean nothing here."""
    text = re.split(r"[?#]", reference, maxsplit=1)[0]
    found = _SCHEME.match(text)
    scheme = found[0] if found else ""
    if scheme.lower().startswith(HUB):
        return _HUB_PRIVATE.sub("", text)
    authority, slash, path = text[len(scheme) :].partition("/")
    host = authority.rpartition("@")[2]
    # what looks like no host may be the half of a password with a slash or a question mark in it
    return f"{scheme}{host}{slash}{path}" if _HOST.fullmatch(host) else f"{scheme}..."


def link_of(address: str) -> Link:
    """What the address of a repository, of a revision or of a file names. Raises InputError."""
    host, path = host_and_path(address)
    known = hosts()
    if host not in known:
        text = f"kvcalc reads no web address but the hub's, and {host} is not it"
        hint = f"download the file and name it; a model of the hub is {HUB}organisation/name"
        raise InputError([Problem(text, hint, file=address)])
    parts = [unquote(part) for part in path.removeprefix(known[host]).split("/") if part]
    page = next((n for n in (1, 2) if parts[n : n + 1] and parts[n] in _PAGES), None)
    if page is None:
        name, at, revision = "/".join(parts[:2]).partition("@")
        if not at and parts[2:] == [] and ":" in name:  # as llama.cpp and Ollama name a file
            name, _, quantization = name.partition(":")
            return Link(name, None, quantization)
        return Link(name, revision if at else None, "/".join(parts[2:]))
    revision, file = revision_and_file(parts[page + 1 :])
    return Link("/".join(parts[:page]), revision or None, file)


def revision_and_file(parts: list[str]) -> tuple[str, str]:
    """The revision that a path begins with, and the file in it, or nothing for either."""
    # branches of the hub's own, such as that of a pull request, have slashes in their names
    size = 3 if parts[:1] == ["refs"] else 1
    return "/".join(parts[:size]), "/".join(parts[size:])
