"""Tells somebody else's file from one of kvcalc's own, before anything else is imported."""

from __future__ import annotations

import os
import re

from kvcalc.importers.vocabulary import ALIASES, HEADS_ALONE, WRAPPERS

HUB = "hf:"
"""What a reference to the hub begins with."""

_ADDRESSES = (HUB, "https://", "http://")
_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_ADDRESS = re.compile(r"(?:[a-z]+://)?(?P<authority>[^/?#]*)(?P<path>[^?#]*)", re.IGNORECASE)

_SCHEME = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*:/")
_PRIVATE = re.compile(r"(?<=/)[^/\s:]*:[^/\s]*@|(?<=//)[^/\s]*@|[?#].*", re.DOTALL)
"""Of an address, also of one with a slash too few: name and password, query and fragment."""
_BARE_PRIVATE = re.compile(r"^[^/\s:]*:[^/\s]*@(?=[^/\s]+/)|\?(?=[^?=]*=).*", re.DOTALL)
"""The same of what has no scheme: a file's name may have any of these marks, but not so."""


def is_hub(reference: str, *, there: bool = False) -> bool:
    """Whether a reference names the hub: hf:org/name, hf://org/name, any web address, or a
    hub's host and what follows.

    there  whether a file or folder is called so as well, which a host without a scheme gives way to
    """
    if reference.lower().startswith(_ADDRESSES):
        return True
    return not there and "/" in reference and host_and_path(reference)[0] in hosts()


def hosts() -> dict[str, str]:
    """The hosts, with their port, that stand for the hub, and under which path each does.

    They are those of the public hub, and that of HF_ENDPOINT.
    """
    host, path = host_and_path(os.environ.get("HF_ENDPOINT", ""))
    own = {host: path.rstrip("/")} if host else {}
    return {**dict.fromkeys(_HOSTS, ""), **own}


def host_and_path(address: str) -> tuple[str, str]:
    """Host with port, and path, of a web address; no name, password, query or fragment."""
    found = _ADDRESS.match(address)
    if found is None:
        return "", ""
    host = found["authority"].rpartition("@")[2].lower()
    return host.removesuffix(":443").removesuffix(":80"), found["path"]


def shown(reference: str) -> str:
    """A reference as a message quotes it: an address without name and password, and query."""
    return (_PRIVATE if _SCHEME.search(reference) else _BARE_PRIVATE).sub("", reference)


def is_config(data: object) -> bool:
    """Whether this is the configuration of a model, rather than one of kvcalc's own files."""
    if not isinstance(data, dict) or ("attention" in data and "layers" in data):
        return False
    names = ("model_type", "architectures", HEADS_ALONE, *WRAPPERS)
    return any(name in data for name in names) or (
        any(name in data for name in ALIASES["layers"])
        and any(name in data for name in (*ALIASES["heads"], *ALIASES["hidden"]))
    )
