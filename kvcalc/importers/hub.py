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
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.errors import InputError, Problem
from kvcalc.importers.files import CONFIG, INDEX, stated_bytes, way_out
from kvcalc.importers.recognition import HUB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huggingface_hub.errors import HfHubHTTPError

MAIN = "main"
LOG_IN = "log in with `hf auth login` or set HF_TOKEN"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[\w.-][\w./+-]*", re.ASCII)


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


@dataclass(frozen=True)
class _Asked:
    """A reference taken apart."""

    reference: str
    repository: str
    revision: str

    def problem(self, message: str, hint: str) -> Problem:
        return Problem(message, hint, file=self.reference)


class _NoHubError(Exception):
    """An answer that no hub gives."""


def fetch(reference: str) -> Fetched:
    """The configuration of `hf:org/name`, with `@revision` where another than main is meant.

    What the cache has stands in where the hub cannot be asked, with a note. Raises InputError.
    """
    asked = _asked(reference)
    _require_the_client(asked)
    with _quiet():
        path, notes = _config(asked)
        _refuse_what_is_no_json(asked, path)
        commit = path.parent.name  # the cache keeps it as snapshots/COMMIT/config.json
        weight_bytes, more = _weight_bytes(asked, commit)
    return Fetched(asked.repository, commit, path, weight_bytes, (*notes, *more))


def _asked(reference: str) -> _Asked:
    repository, at, revision = reference.removeprefix(HUB).partition("@")
    asked = _Asked(reference, repository, revision or MAIN)
    if at and not _REVISION.fullmatch(revision):
        text = f"{revision!r} is no name of a revision" if revision else "nothing after the @"
        raise InputError([asked.problem(text, "name a branch, a tag or a commit after the @")])
    if not _REPOSITORY.fullmatch(repository):
        raise InputError([_misnamed(asked)])
    return asked


def _misnamed(asked: _Asked) -> Problem:
    text = f"{asked.repository!r} is no name of a repository"
    hint = f"write {HUB}organisation/name, with @revision where not {MAIN} is meant"
    return asked.problem(text, hint)


def _require_the_client(asked: _Asked) -> None:
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
        raise InputError([_misnamed(asked)]) from None


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


def _config(asked: _Asked) -> tuple[Path, tuple[str, ...]]:
    """The local path of config.json, and what to say of it. Raises InputError."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    if _COMMIT.fullmatch(asked.revision) and (cached := _cached(asked)):
        return cached, ()  # what a commit holds never changes
    error = _why_not(asked, CONFIG, asked.revision)
    if error is None:
        return _download(asked, CONFIG, asked.revision), ()
    problem = _told(asked, error)
    kept = None if _is_final(error) else _cached(asked)
    if kept is None:
        raise InputError([problem])
    offline = isinstance(error, OfflineModeIsEnabled)
    reason = "HF_HUB_OFFLINE is set" if offline else problem.message
    return kept, (f"read from the cache: {reason}",)


def _cached(asked: _Asked) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(asked.repository, CONFIG, revision=asked.revision)
    return Path(found) if isinstance(found, str) else None


def _why_not(asked: _Asked, file: str, revision: str) -> Exception | None:
    """The error with which the hub would not give a file, or None where it would.

    Asked once and before the download, which tries again for minutes where nothing is cached.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(asked.repository, file, revision=revision)
        metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # the client has its own errors, and those of its HTTP library
        return error
    return None if metadata.commit_hash and metadata.etag else _NoHubError()


def _download(asked: _Asked, file: str, revision: str) -> Path:
    """The local path of a file, fetched where the cache has no such version. Raises InputError."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(asked.repository, file, revision=revision))
    except Exception as error:  # the client has its own errors, and those of its HTTP library
        raise InputError([_told(asked, error)]) from error


def _is_final(error: Exception) -> bool:
    """Whether the hub has answered, and said that there is no such file or revision."""
    from huggingface_hub import errors

    return isinstance(error, errors.EntryNotFoundError | errors.RevisionNotFoundError)


def _weight_bytes(asked: _Asked, commit: str) -> tuple[int | None, tuple[str, ...]]:
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
    except Exception as failed:  # as in `_download`
        return None, () if _is_final(failed) else (unread,)
    silent = f"the size of the weights is not known: {INDEX} does not state it"
    return size, () if size else (silent,)


def _told(asked: _Asked, error: BaseException) -> Problem:
    """An error of the client in the words of kvcalc."""
    from huggingface_hub import constants, errors

    repository, where = asked.repository, f"{constants.ENDPOINT}/{asked.repository}"
    match error:
        case errors.OfflineModeIsEnabled():
            text = f"{repository} is not in the cache, and HF_HUB_OFFLINE is set"
            hint = f"unset HF_HUB_OFFLINE to fetch it into {constants.HF_HUB_CACHE}"
        case errors.GatedRepoError():
            text = f"{repository} is gated: its files are for those who accepted its licence"
            hint = f"accept it at {where}, then {LOG_IN}"
        case errors.RepositoryNotFoundError():
            return _not_found(asked)
        case errors.RevisionNotFoundError():
            text = f"{repository} has no revision {asked.revision!r}"
            hint = f"its branches and commits are at {where}/tree/{MAIN}"
        case errors.LocalEntryNotFoundError(__cause__=BaseException() as cause):
            return _told(asked, cause)
        case errors.EntryNotFoundError():
            return _no_config(asked)
        case errors.HfHubHTTPError():
            return _refused(asked, error)
        case _NoHubError() | errors.FileMetadataError():
            text = f"{constants.ENDPOINT} does not answer as a hub does: it names no commit"
            hint = "check HF_ENDPOINT and the proxy"
        case OSError(filename=str(file)):
            text = f"the cache of the hub cannot be used: {error.strerror}: {file}"
            hint = "set HF_HOME to a folder that can be written"
        case _:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            text = f"{constants.ENDPOINT} cannot be reached: {reason}"
            hint = "check the connection, the proxy and HF_ENDPOINT"
    return asked.problem(text, hint)


def _not_found(asked: _Asked) -> Problem:
    from huggingface_hub import constants

    text = f"there is no {asked.repository} at {constants.ENDPOINT}, or it is private"
    return asked.problem(text, f"check how it is written; if it is private, {LOG_IN}")


def _refused(asked: _Asked, error: HfHubHTTPError) -> Problem:
    """What an answer says that the client has no error of its own for, by its status."""
    from huggingface_hub import constants

    status = error.response.status_code
    said = error.response.headers.get("X-Error-Message", "")
    if status == 401 and "credentials" not in said.lower():
        return _not_found(asked)  # as the client itself takes it, though of https alone
    hints = {
        401: "the token is wrong or old: log in with `hf auth login`, or mend or unset HF_TOKEN",
        403: f"with a token that may read it, {LOG_IN}",
        429: f"wait a little; for a higher limit {LOG_IN}",
    }
    otherwise = "try again later" if status >= 500 else "check HF_ENDPOINT and the proxy"
    text = f"{constants.ENDPOINT} answers {status} {said or _phrase(status)}".rstrip(" .")
    return asked.problem(text, hints.get(status, otherwise))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _no_config(asked: _Asked) -> Problem:
    text = f"{asked.repository} has no {CONFIG}"
    files = _listing(asked)
    gguf = next((name for name in files if name.lower().endswith(".gguf")), None)
    if gguf is None:
        return asked.problem(text, way_out(files) or "name a repository that has one")
    hint = f"download one and name it: hf download {asked.repository} {gguf}"
    return asked.problem(f"{text}, but GGUF files", hint)


def _listing(asked: _Asked) -> list[str]:
    """The files of a repository; none where the hub does not tell."""
    from huggingface_hub import HfApi, constants

    try:
        timeout = constants.HF_HUB_ETAG_TIMEOUT
        info = HfApi().model_info(asked.repository, revision=asked.revision, timeout=timeout)
    except Exception:  # only a hint hangs on it
        return []
    return sorted(file.rfilename for file in info.siblings or ())


def _refuse_what_is_no_json(asked: _Asked, path: Path) -> None:
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
