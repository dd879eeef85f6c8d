"""What keeps a configuration on the hub from being read: its client's errors, in our words."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kvcalc.errors import Problem
from kvcalc.importers.files import CONFIG, way_out
from kvcalc.importers.hub.reference import MAIN, Asked

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


class NoHubError(Exception):
    """An answer that no hub gives."""


def told(asked: Asked, error: BaseException) -> Problem:
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
            return told(asked, cause)
        case errors.EntryNotFoundError():
            return _no_config(asked)
        case errors.HfHubHTTPError():
            return _refused(asked, error)
        case NoHubError() | errors.FileMetadataError():
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


def _not_found(asked: Asked) -> Problem:
    from huggingface_hub import constants

    text = f"there is no {asked.repository} at {constants.ENDPOINT}, or it is private"
    return asked.problem(text, f"check how it is written; if it is private, {LOG_IN}")


def _refused(asked: Asked, error: HfHubHTTPError) -> Problem:
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


def _no_config(asked: Asked) -> Problem:
    text = f"{asked.repository} has no {CONFIG}"
    files = _listing(asked)
    gguf = next((name for name in files if name.lower().endswith(".gguf")), None)
    if gguf is None:
        return asked.problem(text, way_out(files) or "name a repository that has one")
    hint = f"download one and name it: hf download {asked.repository} {gguf}"
    return asked.problem(f"{text}, but GGUF files", hint)


def _listing(asked: Asked) -> list[str]:
    """The files of a repository; none where the hub does not tell."""
    from huggingface_hub import HfApi, constants

    try:
        timeout = constants.HF_HUB_ETAG_TIMEOUT
        info = HfApi().model_info(asked.repository, revision=asked.revision, timeout=timeout)
    except Exception:  # only a hint hangs on it
        return []
    return sorted(file.rfilename for file in info.siblings or ())
