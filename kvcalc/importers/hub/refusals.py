"""What keeps a configuration on the hub from being read: its client's errors, in our words."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kvcalc.errors import Problem
from kvcalc.importers.bounded import CONFIG, CONFIG_BYTES
from kvcalc.importers.files import way_out
from kvcalc.importers.hub.client import (
    NoHubError,
    TooLargeError,
    UnansweredError,
    listing,
)
from kvcalc.importers.hub.ggufs import download, gguf_sets, smallest
from kvcalc.importers.hub.reference import MAIN, Asked
from kvcalc.importers.hub.secrets import endpoint, scrubbed

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


def told(asked: Asked, error: BaseException) -> Problem:
    """An error of the client in the words of kvcalc."""
    from huggingface_hub import constants, errors

    repository, where = asked.repository, f"{endpoint()}/{asked.repository}"
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
            return told(asked, cause)
        case errors.EntryNotFoundError():
            return _no_config(asked)
        case errors.HfHubHTTPError():
            return _refused(asked, error)
        case UnansweredError(__context__=Exception() as reason):
            return told(asked, reason)
        case TooLargeError():
            return too_large(asked)
        case NoHubError() | errors.FileMetadataError():
            text = f"{endpoint()} does not answer as a hub does: it names no commit"
            hint = "check HF_ENDPOINT and the proxy"
        case OSError(filename=str(file)):
            text = f"the cache of the hub cannot be used: {error.strerror}: {file}"
            hint = "set HF_HOME to a folder that can be written"
        case _:
            return _out_of_reach(asked, error)
    return asked.problem(text, hint)


def too_large(asked: Asked) -> Problem:
    """What is wrong with a configuration that is none, by its size."""
    text = f"the {CONFIG} of {asked.repository} is larger than {CONFIG_BYTES:,} bytes"
    return asked.problem(f"{text}: not a model configuration", "name a repository that has one")


def _out_of_reach(asked: Asked, error: BaseException) -> Problem:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, UnicodeEncodeError) or "header value" in reason:
        text = "the token cannot be sent: it has a character that no token has"
        return asked.problem(text, "mend or unset HF_TOKEN, or log in with `hf auth login`")
    text = f"{endpoint()} cannot be reached: {scrubbed(reason)}"
    return asked.problem(text, "check the connection, the proxy and HF_ENDPOINT")


def _not_found(asked: Asked) -> Problem:
    text = f"there is no {asked.repository} at {endpoint()}, or it is private"
    return asked.problem(text, f"check how it is written; if it is private, {LOG_IN}")


def _refused(asked: Asked, error: HfHubHTTPError) -> Problem:
    """What an answer says that the client has no error of its own for, by its status."""
    status = error.response.status_code
    said = scrubbed(error.response.headers.get("X-Error-Message", ""))
    if status == 401 and "credentials" not in said.lower():
        return _not_found(asked)  # as the client itself takes it, though of https alone
    hints = {
        401: "the token is wrong or old: log in with `hf auth login`, or mend or unset HF_TOKEN",
        403: f"with a token that may read it, {LOG_IN}",
        429: f"wait a little; for a higher limit {LOG_IN}",
    }
    otherwise = "try again later" if status >= 500 else "check HF_ENDPOINT and the proxy"
    text = f"{endpoint()} answers {status} {said or _phrase(status)}".rstrip(" .")
    return asked.problem(text, hints.get(status, otherwise))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _no_config(asked: Asked) -> Problem:
    text = f"{asked.repository} has no {CONFIG}"
    try:
        files = listing(asked, asked.revision)
    except Exception:  # only a hint hangs on it
        files = {}
    sets = gguf_sets(files)
    if not sets:
        return asked.problem(text, way_out(files) or "name a repository that has one")
    first = smallest(sets, files)
    which = f"the smallest of {len(sets)}" if len(sets) > 1 else "it"
    hint = f"download {which}: {download(asked.repository, asked.revision, first)}"
    return asked.problem(f"{text}, but GGUF files", hint)
