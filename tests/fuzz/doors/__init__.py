"""Every door by its name: a strategy of attempts, made when it is used."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis.strategies import SearchStrategy

from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.arguments import arguments
from tests.fuzz.doors.calls import calls
from tests.fuzz.doors.configurations import configurations
from tests.fuzz.doors.folders import folders
from tests.fuzz.doors.headers import headers
from tests.fuzz.doors.loud import loud
from tests.fuzz.doors.own import claims, models
from tests.fuzz.doors.texts import piped, texts

DOORS: dict[str, Callable[[], SearchStrategy[Attempt]]] = {
    "models": models,
    "claims": claims,
    "configurations": configurations,
    "texts": texts,
    "gguf": headers,
    "folders": folders,
    "stdin": piped,
    "arguments": arguments,
    "calls": calls,
    "escapes": loud,
}
