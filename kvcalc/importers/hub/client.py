"""huggingface_hub, kept to what is needed: quiet, and sending nothing beside what is asked for."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvcalc.errors import InputError
from kvcalc.importers.bounded import CONFIG
from kvcalc.importers.hub.reference import Asked, misnamed
from kvcalc.importers.hub.secrets import scrubbed
from kvcalc.importers.recognition import HUB

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

COMMIT = re.compile(r"[0-9a-f]{40}")

_HEADERS = {"user-agent": "kvcalc"}
"""In place of what the client tells of itself, of Python and of an agent."""

_SWITCHES = (
    "HF_HUB_DISABLE_TELEMETRY",  # else it fetches a list of agents, to tell which one this is
    "HF_HUB_DISABLE_XET",  # else it asks hosts of a storage of its own, where hf_xet is installed
)


class NoHubError(Exception):
    """An answer that no hub gives."""


class TooLargeError(Exception):
    """A body of more bytes than are sane."""


class UnansweredError(Exception):
    """A request that came to nothing, and that the client would make again."""


def require_the_client(asked: Asked) -> None:
    """Raises InputError where the client is missing, or refuses the name of the repository."""
    try:
        with redirect_stdout(None):  # the client prints what keeps it from starting
            from huggingface_hub import hf_hub_url
            from huggingface_hub.errors import HFValidationError
    except ImportError:
        text = f"{HUB} needs the package huggingface_hub, which is not installed"
        raise InputError([asked.problem(text, "pip install 'kvcalc[hub]'")]) from None
    except ValueError as error:
        text = f"huggingface_hub does not start: {scrubbed(str(error))}"
        hint = "check HF_ENDPOINT and the other variables that begin with HF_"
        raise InputError([asked.problem(text, hint)]) from None
    try:
        hf_hub_url(asked.repository, CONFIG)
    except HFValidationError:
        raise InputError([misnamed(asked)]) from None


@contextmanager
def discreet() -> Iterator[None]:
    """While this lasts the client shows nothing, and sends nothing beside what it is asked for."""
    from huggingface_hub import constants
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public by its manual
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, hidden = logger.level, are_progress_bars_disabled()
    switches = {name: getattr(constants, name) for name in _SWITCHES if hasattr(constants, name)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        disable_progress_bars()
        try:
            for name in switches:
                setattr(constants, name, True)
            yield
        finally:
            for name, value in switches.items():
                setattr(constants, name, value)
            logger.setLevel(level)
            if not hidden:
                enable_progress_bars()


def metadata_of(asked: Asked, file: str, revision: str) -> HfFileMetadata | Exception:
    """What the hub says of a file, by one request, or the error with which it would not."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    timeout = constants.HF_HUB_ETAG_TIMEOUT
    try:
        with _once():
            url = hf_hub_url(asked.repository, file, revision=revision)
            found = get_hf_file_metadata(url, timeout=timeout, headers=dict(_HEADERS))
    except Exception as error:  # the client has its own errors, and those of its HTTP library
        return error
    return found if COMMIT.fullmatch(found.commit_hash or "") and found.etag else NoHubError()


def downloaded(asked: Asked, file: str, revision: str, most: int) -> Path:
    """A file in the cache, fetched into it where it is not. Raises what the client raises.

    most  bytes of its body; raises TooLargeError where there come more, whatever was announced
    """
    from huggingface_hub import hf_hub_download

    about = {"headers": dict(_HEADERS), "tqdm_class": _meter(most)}
    with _once():
        return Path(hf_hub_download(asked.repository, file, revision=revision, **about))


@contextmanager
def _once() -> Iterator[None]:
    """While this lasts every request is made once.

    The client tries again for minutes, waits for as long as a hub may tell it to, and in its older
    versions follows a redirect that leads back to itself without end.
    """
    from huggingface_hub import get_session
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    made: set[tuple[str, str]] = set()
    failed: list[Exception] = []

    def before(request: Any) -> None:
        one = (request.method, str(request.url))
        if one in made:
            raise failed[-1] if failed else UnansweredError("one request leads to the same again")
        made.add(one)

    def after(response: Any) -> None:
        try:
            hf_raise_for_status(response)
        except HfHubHTTPError as error:
            failed.append(error)
            raise

    session = get_session()
    hooks = session.event_hooks
    session.event_hooks = {
        "request": [*hooks["request"], before],
        "response": [*hooks["response"], after],
    }
    try:
        yield
    finally:
        session.event_hooks = hooks


def _meter(most: int) -> Any:
    """A progress bar, which the client shows every piece of a body before it is written."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # as in `reserved`

    class Meter(tqdm):
        seen = 0.0

        def update(self, n: float | None = 1) -> None:
            self.seen += n or 0
            if self.seen > most:
                raise TooLargeError(f"more than {most:,} bytes")

    return Meter


def cached(asked: Asked, file: str, revision: str) -> Path | None:
    """A file in the cache, at the commit that a branch led to when it was last asked for."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(asked.repository, file, revision=revision)
    return Path(found) if isinstance(found, str) else None


def is_known_absent(asked: Asked, file: str, commit: str) -> bool:
    """Whether the client has noted in its cache that a commit has no such file."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

    return try_to_load_from_cache(asked.repository, file, revision=commit) is _CACHED_NO_EXIST


def listing(asked: Asked, revision: str) -> dict[str, int | None]:
    """The files of a repository with their sizes. Raises what the client raises."""
    from huggingface_hub import HfApi, constants

    info = HfApi(headers=dict(_HEADERS)).model_info(
        asked.repository,
        revision=revision,
        timeout=constants.HF_HUB_ETAG_TIMEOUT,
        files_metadata=True,
    )
    return {file.rfilename: file.size for file in info.siblings or ()}


def is_final(error: Exception) -> bool:
    """Whether the hub has answered, and said that there is no such file or revision."""
    from huggingface_hub import errors

    return isinstance(error, errors.EntryNotFoundError | errors.RevisionNotFoundError)
