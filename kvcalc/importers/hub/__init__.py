"""The Hugging Face hub as a source: config.json and what stands beside it, never the weights.

Asks through huggingface_hub (the extra `hub`), which brings the cache, the token, the endpoint
and the offline mode: HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean here what they mean
there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvcalc.errors import InputError
from kvcalc.importers.bounded import CONFIG, CONFIG_BYTES
from kvcalc.importers.hub.beside import look_beside
from kvcalc.importers.hub.client import (
    COMMIT,
    cached,
    discreet,
    downloaded,
    is_final,
    metadata_of,
    require_the_client,
)
from kvcalc.importers.hub.reference import Asked, asked_of
from kvcalc.importers.hub.refusals import told, too_large
from kvcalc.importers.recognition import HUB


@dataclass(frozen=True)
class Fetched:
    """What was fetched of a repository: where its configuration is kept, and of which commit.

    reference     as it was given, without what may be secret in it
    weight_bytes  of all tensors, as an index of the weights states, else of their files; None
                  where neither is known
    quantized     what ModelOpt's file beside the configuration says
    notes         what the reader should know: that the cache answered in place of the hub, ...
    """

    reference: str
    repository: str
    commit: str
    path: Path
    weight_bytes: int | None = None
    quantized: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The repository without its organisation."""
        return self.repository.rpartition("/")[2]

    @property
    def source(self) -> str:
        """What was read, to the commit: hf:org/name@commit:config.json."""
        return f"{HUB}{self.repository}@{self.commit}:{CONFIG}"


def fetch(reference: str) -> Fetched:
    """The configuration of `hf:org/name`, with `@revision` where another than main is meant.

    What the cache has stands in where the hub cannot be asked, with a note. Raises InputError.
    """
    asked = asked_of(reference)
    require_the_client(asked)
    with discreet():
        path, notes = _config(asked)
        _refuse_what_is_no_json(asked, path)
        commit = path.parent.name  # the cache keeps it as snapshots/COMMIT/config.json
        beside = look_beside(asked, commit, reachable=not notes)
    known = (beside.weight_bytes, beside.quantized, (*notes, *beside.notes))
    return Fetched(asked.reference, asked.repository, commit, path, *known)


def _config(asked: Asked) -> tuple[Path, tuple[str, ...]]:
    """The local path of config.json, and what to say of it. Raises InputError."""
    kept = cached(asked, CONFIG, asked.revision)
    if kept is not None and COMMIT.fullmatch(asked.revision):
        return kept, ()  # what a commit holds never changes
    found = metadata_of(asked, CONFIG, asked.revision)
    if isinstance(found, Exception):
        return _instead(asked, found, kept)
    if kept is not None and kept.parent.name == found.commit_hash:
        return kept, ()
    if (found.size or 0) > CONFIG_BYTES:
        raise InputError([too_large(asked)])
    try:
        return downloaded(asked, CONFIG, asked.revision, CONFIG_BYTES), ()
    except Exception as failed:  # as in `metadata_of`
        raise InputError([told(asked, failed)]) from failed


def _instead(asked: Asked, error: Exception, kept: Path | None) -> tuple[Path, tuple[str, ...]]:
    """What the cache has, where the hub did not say that there is none. Raises InputError."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    problem = told(asked, error)
    if kept is None or is_final(error):
        raise InputError([problem])
    offline = isinstance(error, OfflineModeIsEnabled)
    reason = "HF_HUB_OFFLINE is set" if offline else problem.message
    return kept, (f"read from the cache: {reason}",)


def _refuse_what_is_no_json(asked: Asked, path: Path) -> None:
    """Raises InputError for a body that is none, such as the page of a proxy."""
    try:
        if path.stat().st_size > CONFIG_BYTES:
            raise InputError([too_large(asked)])
        json.loads(path.read_bytes())
    except OSError as error:
        text = f"the cache of the hub cannot be read: {error.strerror}: {path}"
        raise InputError([asked.problem(text, "set HF_HOME to another folder")]) from None
    except (ValueError, RecursionError):
        text = f"the {CONFIG} of {asked.repository} is not JSON"
        hint = f"look at {path}; to fetch it again: {asked.fetching(CONFIG)}"
        raise InputError([asked.problem(text, hint)]) from None
