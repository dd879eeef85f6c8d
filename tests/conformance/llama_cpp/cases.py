"""What is held to the library: bundled models, and rows of a file with hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kvcalc
from kvcalc import bundle
from kvcalc.engines.llama_cpp.converted import architecture_of
from tests.conformance.llama_cpp.ask_llama_cpp import Job
from tests.conformance.llama_cpp.headers import header
from tests.conformance.llama_cpp.settings import Setting
from tests.headers import write

NAMELESS = {
    "deepseek-67b": "llama",
    "mamba2-2.7b": "mamba2",
    "mistral-large-3": "deepseek2",
    "mistral-small-3-24b": "llama",
    "rwkv7-2.9b": "rwkv7",
}
"""Bundled models that name no architecture, and that of their published GGUF files."""


@dataclass(frozen=True)
class Case:
    """A header, and what kvcalc is given in its place.

    reference  a bundled model's name, or the path of a GGUF file
    """

    name: str
    reference: str
    architecture: str
    keys: Mapping[str, Any]
    settings: Sequence[Setting]

    @property
    def job(self) -> Job:
        return self.architecture, self.keys, [setting.as_asked() for setting in self.settings]


def bundled(settings: Sequence[Setting], only: str | None) -> Iterator[Case]:
    """A case for each bundled model that llama.cpp's converter has a class for."""
    for name in bundle.bundled():
        if only and name not in only.split(","):
            continue
        model = kvcalc.load(name)
        architecture = architecture_of(model) or NAMELESS.get(name)
        if architecture is not None:
            yield Case(name, name, architecture, header(model, architecture), settings)


def of_rows(file: Path, folder: Path, only: str | None) -> Iterator[Case]:
    """A case for each header in a file of JSON lines: model, arch, hparams, settings."""
    headers: dict[str, list[dict[str, Any]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        predicts = bool(row["settings"].get("ctx_type"))  # asked by themselves: see the library
        said = json.dumps([row["model"], row["arch"], row["hparams"], predicts], sort_keys=True)
        headers.setdefault(said, []).append(row)
    for number, rows in enumerate(headers.values()):
        name, architecture, keys = (rows[0][field] for field in ("model", "arch", "hparams"))
        if only and name not in only.split(","):
            continue
        path = folder / str(number) / f"{name}.gguf"
        path.parent.mkdir()
        write(path, architecture, keys)
        settings = [Setting.recorded(row["settings"]) for row in rows]
        yield Case(name, str(path), architecture, keys, settings)
