"""The Hugging Face hub as a source: config.json and the index of the weights, nothing else.

Asks through huggingface_hub (the extra `hub`), which brings the cache, the token, the endpoint
and the offline mode: HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean here what they mean
there.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from kvcalc.errors import InputError
from kvcalc.importers.files import CONFIG, INDEX
from kvcalc.importers.hub.reference import Asked, asked_of, misnamed
from kvcalc.importers.hub.refusals import NoHubError, told
from kvcalc.importers.recognition import HUB
from kvcalc.importers.weights import stated_bytes

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Fetched:
    """What was fetched of a repository: where its configuration is kept, and of which commit.

    weight_bytes  of all tensors, as the index of the weights states; None where there is none
    notes         what the reader should know: that the cache answered in place of the hub, ...
    """

    repository: str
    commit: str
    path: Path
    weight_bytes: int | None = None
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
    _require_the_client(asked)
    with _quiet():
        path, notes = _config(asked)
        _refuse_what_is_no_json(asked, path)
        commit = path.parent.name  # the cache keeps it as snapshots/COMMIT/config.json
        weight_bytes, more = _weight_bytes(asked, commit)
    return Fetched(asked.repository, commit, path, weight_bytes, (*notes, *more))


def _require_the_client(asked: Asked) -> None:
    """Raises InputError where the client is missing, or refuses the name of the repository."""
    try:
        with redirect_stdout(None):  # the client prints what keeps it from starting
            from huggingface_hub import hf_hub_url
            from huggingface_hub.errors import HFValidationError
    except ImportError:
        text = f"{HUB} needs the package huggingface_hub, which is not installed"
        raise InputError([asked.problem(text, "pip install 'kvcalc[hub]'")]) from None
    except ValueError as error:
        text = f"huggingface_hub does not start: {error}"
        hint = "check HF_ENDPOINT and the other variables that begin with HF_"
        raise InputError([asked.problem(text, hint)]) from None
    try:
        hf_hub_url(asked.repository, CONFIG)
    except HFValidationError:
        raise InputError([misnamed(asked)]) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, no advice and no warnings of the client while this lasts."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public by its manual
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, hidden = logger.level, are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        disable_progress_bars()
        try:
            yield
        finally:
            logger.setLevel(level)
            if not hidden:
                enable_progress_bars()


def _config(asked: Asked) -> tuple[Path, tuple[str, ...]]:
    """The local path of config.json, and what to say of it. Raises InputError."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import OfflineModeIsEnabled

    if _COMMIT.fullmatch(asked.revision) and (cached := _cached(asked)):
        return cached, ()  # what a commit holds never changes
    error = _why_not(asked, CONFIG, asked.revision)
    if error is None:
        try:
            return Path(hf_hub_download(asked.repository, CONFIG, revision=asked.revision)), ()
        except Exception as failed:  # as in `_why_not`
            raise InputError([told(asked, failed)]) from failed
    problem = told(asked, error)
    kept = None if _is_final(error) else _cached(asked)
    if kept is None:
        raise InputError([problem])
    offline = isinstance(error, OfflineModeIsEnabled)
    reason = "HF_HUB_OFFLINE is set" if offline else problem.message
    return kept, (f"read from the cache: {reason}",)


def _cached(asked: Asked) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(asked.repository, CONFIG, revision=asked.revision)
    return Path(found) if isinstance(found, str) else None


def _why_not(asked: Asked, file: str, revision: str) -> Exception | None:
    """The error with which the hub would not give a file, or None where it would.

    Asked once and before the download, which tries again for minutes where nothing is cached.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(asked.repository, file, revision=revision)
        metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # the client has its own errors, and those of its HTTP library
        return error
    return None if metadata.commit_hash and metadata.etag else NoHubError()


def _is_final(error: Exception) -> bool:
    """Whether the hub has answered, and said that there is no such file or revision."""
    from huggingface_hub import errors

    return isinstance(error, errors.EntryNotFoundError | errors.RevisionNotFoundError)


def _weight_bytes(asked: Asked, commit: str) -> tuple[int | None, tuple[str, ...]]:
    """What the index of the weights states, and what to say where that cannot be read."""
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache

    unread = f"the size of the weights is not known: {INDEX} could not be read"
    known = try_to_load_from_cache(asked.repository, INDEX, revision=commit)
    if known is _CACHED_NO_EXIST:
        return None, ()
    error = None if isinstance(known, str) else _why_not(asked, INDEX, commit)
    if error is not None and not _is_final(error):
        return None, (unread,)
    try:
        # where there is none, the client puts that down in its cache and need not ask again
        size = stated_bytes(Path(hf_hub_download(asked.repository, INDEX, revision=commit)))
    except Exception as failed:  # as in `_why_not`
        return None, () if _is_final(failed) else (unread,)
    silent = f"the size of the weights is not known: {INDEX} does not state it"
    return size, () if size else (silent,)


def _refuse_what_is_no_json(asked: Asked, path: Path) -> None:
    """Raises InputError for a body that is none, such as the page of a proxy."""
    try:
        json.loads(path.read_bytes())
    except OSError as error:
        text = f"the cache of the hub cannot be read: {error.strerror}: {path}"
        raise InputError([asked.problem(text, "set HF_HOME to another folder")]) from None
    except (ValueError, RecursionError):
        text = f"the {CONFIG} of {asked.repository} is not JSON"
        again = f"hf download --force-download {asked.repository} {CONFIG}"
        hint = f"look at {path}; to fetch it again: {again}"
        raise InputError([asked.problem(text, hint)]) from None
