"""Answer for one header, in a process of its own: an assertion that fails in llama.cpp ends it.

Reads a line of JSON, {"architecture", "keys", "settings"}, and writes one for each of the settings:
{"log", "context_bytes"} or {"refused"}, and {"failed"} where there is no model.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.llama_cpp.additions import completed, lacking, without_prediction
from tests.conformance.llama_cpp.library.binding import Library

MISSING_KEY = re.compile(r"key not found in model: (\S+)")
SIZE = re.compile(r"^(llama_kv_cache|llama_memory_recurrent)\w*: size = .*MiB \(")
LAST = 3
"""Lines of the log that say why there is no model."""


def main(folder: str) -> None:
    """Answer for the header on standard input, with the libraries of a folder."""
    job = json.loads(sys.stdin.readline())
    library = Library(Path(folder))
    keys, settings = job["keys"], job["settings"]
    if library.names_every_tensor and not any(asked.get("ctx_type") for asked in settings):
        keys = without_prediction(keys)  # it looks for their tensors in a file, and there is none
    model = _model(library, job["architecture"], keys)
    for asked in settings:
        print(json.dumps(_answer(library, model, asked)), flush=True)


def _model(library: Library, architecture: str, keys: dict[str, Any]) -> int | None:
    """A model of the keys and of what else the architecture asks for, which it names."""
    keys = completed(architecture, keys)
    while True:
        model = library.model(architecture, keys)
        asked = MISSING_KEY.search("".join(library.lines[-LAST:]))
        more = (
            None if model or asked is None else lacking(asked[1].removeprefix(f"{architecture}."))
        )
        if not more:
            return model
        keys |= more


def _answer(library: Library, model: int | None, settings: dict[str, Any]) -> dict[str, Any]:
    if model is None:
        return {"failed": "; ".join(library.said()[-LAST:])}
    taken = library.context(model, settings)
    if taken is None:
        return {"refused": "; ".join(library.said()[-2:])}
    return {"log": sizes(library.said()), "context_bytes": taken}


def sizes(lines: Iterable[str]) -> list[str]:
    """Lines of the log that say what memory takes and how it comes about, without spaces around."""
    return [line.strip() for line in lines if SIZE.match(line.strip())]


if __name__ == "__main__":
    main(sys.argv[1])
