"""What stands beside config.json in a repository: the weights, by their size, and ModelOpt's file.

One listing of a commit's files tells which there are and how large each is. It is kept, as is
all that is read, so that the same commit is never asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvcalc.errors import InputError
from kvcalc.importers.bounded import CONFIG_BYTES, INDEX_BYTES, json_of
from kvcalc.importers.files import INDEX, INDEXES, QUANTIZED, WEIGHTS
from kvcalc.importers.hub.client import (
    cached,
    downloaded,
    is_final,
    is_known_absent,
    listing,
    metadata_of,
)
from kvcalc.importers.hub.memory import Files, recalled, remember
from kvcalc.importers.hub.reference import Asked
from kvcalc.importers.hub.sizes import mapped_bytes, weight_bytes
from kvcalc.importers.weights import stated_bytes


@dataclass(frozen=True)
class Beside:
    """What is known of the files beside a configuration, and what to say of what is not."""

    weight_bytes: int | None = None
    quantized: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Commit:
    """A commit of a repository.

    files      what it holds; None where that is not known
    reachable  whether the hub answers
    """

    asked: Asked
    commit: str
    files: Files | None
    reachable: bool


class _UnreadError(Exception):
    """A file that is there, or may be, and that could not be read."""


def look_beside(asked: Asked, commit: str, *, reachable: bool) -> Beside:
    """What a commit holds beside its configuration. Raises InputError.

    reachable  whether the hub has just answered; nothing is asked of one that has not
    """
    held = _held(asked, commit, reachable)
    quantized, notes = _quantized(held)
    size, more = _weights(held)
    return Beside(size, quantized, (*notes, *more))


def _held(asked: Asked, commit: str, reachable: bool) -> _Commit:
    from huggingface_hub.errors import HfHubHTTPError

    files = recalled(asked.repository, commit)
    if files is None and reachable:
        try:
            files = remember(asked.repository, commit, listing(asked, commit))
        except HfHubHTTPError:
            pass  # a mirror that has no listings still has files
        except Exception:  # the client has its own errors, and those of its HTTP library
            reachable = False
    return _Commit(asked, commit, files, reachable)


def _path(held: _Commit, name: str, most: int) -> Path | None:
    """A file in the cache, fetched where need be; None where there is none.

    Raises _UnreadError where it has more bytes than `most`, or cannot be fetched.
    """
    path = cached(held.asked, name, held.commit)
    if path is None:
        if held.files is not None and name not in held.files:
            return None
        if held.files is None and is_known_absent(held.asked, name, held.commit):
            return None
        path = _fetched(held, name, most)
    if path is not None and path.stat().st_size > most:
        raise _UnreadError
    return path


def _fetched(held: _Commit, name: str, most: int) -> Path | None:
    if not held.reachable:
        raise _UnreadError
    size = held.files.get(name) if held.files is not None else None
    if held.files is None:
        found = metadata_of(held.asked, name, held.commit)
        if isinstance(found, Exception):
            if is_final(found):
                return None
            raise _UnreadError from found
        size = found.size
    if (size or 0) > most:
        raise _UnreadError
    try:
        return downloaded(held.asked, name, held.commit, most)
    except Exception as error:  # as in `_held`
        raise _UnreadError from error


def _quantized(held: _Commit) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """What ModelOpt's file says, and what to say where it is none or may be one."""
    try:
        path = _path(held, QUANTIZED, CONFIG_BYTES)
    except _UnreadError:
        if held.files is None:
            return None, (f"{QUANTIZED}, which may name the cache's dtype, was not looked for",)
        text = f"{QUANTIZED} beside its config.json, which may name the cache's dtype, is not read"
        hint = f"fetch it: {held.asked.fetching(QUANTIZED)}"
        raise InputError([held.asked.problem(text, hint)]) from None
    data = json_of(path) if path is not None else None
    if isinstance(data, dict):
        return data, ()
    return None, (f"{QUANTIZED} beside it is not JSON: not read",) if path is not None else ()


def _weights(held: _Commit) -> tuple[int | None, tuple[str, ...]]:
    """The bytes of the weights, and what to say where they are not known."""
    unread = ""
    for name in (INDEX,) if WEIGHTS in (held.files or {}) else INDEXES:
        try:
            path = _path(held, name, INDEX_BYTES)
        except _UnreadError:
            unread = unread or f"{name} could not be read"
            continue
        if path is not None:
            size = stated_bytes(path) or mapped_bytes(json_of(path, INDEX_BYTES), held.files or {})
            return _known(size, f"{name} does not state it")
    if held.files is None:
        return _known(None, unread or f"the files of {held.asked.repository} could not be listed")
    size, why = weight_bytes(held.files)
    return _known(size, unread or why)


def _known(size: int | None, why: str) -> tuple[int | None, tuple[str, ...]]:
    return size, (f"the size of the weights is not known: {why}",) if size is None and why else ()
