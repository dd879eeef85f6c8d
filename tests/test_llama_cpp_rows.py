"""What llama.cpp's own library allocates, recorded from b11434 and asked of the engine again.

`llama_cpp_rows.csv` has a line for each context: the model, what was asked, bytes of the context's
memory, and the lines that it logs where they were kept; `refused` where the types are. A model is a
bundled one, or a header of `llama_cpp_headers.yaml`: the keys that the library was given. The tiny
ones are those of llama.cpp's own tests, one for each architecture that keeps a cache.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import kvcalc
from kvcalc.engines import plan
from kvcalc.errors import UsageError
from kvcalc.question import Question, question
from tests.headers import read, write

HERE = Path(__file__).parent
with (HERE / "llama_cpp_rows.csv").open(encoding="utf-8", newline="") as lines:
    ROWS = list(csv.DictReader(lines))
HEADERS: dict[str, dict[str, Any]] = yaml.safe_load(
    (HERE / "llama_cpp_headers.yaml").read_text(encoding="utf-8")
)

Models = Callable[[str], kvcalc.Model]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The model of a row, by its name."""

    @cache
    def model(name: str) -> kvcalc.Model:
        if name not in HEADERS:
            return kvcalc.load(name)
        header = HEADERS[name]
        path = tmp_path_factory.mktemp("header") / f"{name}.gguf"
        return read(write(path, header["arch"], header["keys"]))

    return model


@dataclass(frozen=True)
class Answer:
    """Bytes of a context, and the lines logged of it."""

    bytes: int
    log: tuple[str, ...]


def asked(settings: str, mtp: bool = False) -> Question:
    """What a row asks: words of llama.cpp's settings."""
    words = dict(word.split("=") for word in settings.split())
    kinds = [words.pop(name, "f16") for name in ("type_k", "type_v")]
    kind = kinds[0] if kinds[0] == kinds[1] else "/".join(kinds)
    cells = words["n_ctx"]
    return question(
        int(cells),
        engine="llama.cpp",
        kv_dtype="auto" if kind == "f16" else kind,
        mtp=mtp,
        settings=words,
    )


def answer(model: kvcalc.Model, asking: Question) -> Answer:
    adapted = model.adapted(asking)
    found = plan(adapted, asking)
    assert found
    reserved = found.at(asking.tokens, 1)
    assert reserved.report
    return Answer(reserved.bytes, tuple(reserved.report.log))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['model']} {row['settings']}" for row in ROWS])
def test_a_context(row: dict[str, str], models: Models) -> None:
    settings = row["settings"].removesuffix(" mtp")
    model, asking = models(row["model"]), asked(settings)
    if row["reserved"] == "refused":
        with pytest.raises(UsageError):
            answer(model, asking)
        return
    found = answer(model, asking)
    if row["settings"].endswith(" mtp"):  # a context of the MTP layers alone, beside the model's
        both = answer(model, asked(settings, mtp=True))
        found = Answer(both.bytes - found.bytes, both.log[len(found.log) :])
    assert found.bytes == int(row["reserved"])
    if row["log"]:
        assert list(found.log) == row["log"].split("; ")


def test_every_row_is_there() -> None:
    refused = sum(row["reserved"] == "refused" for row in ROWS)
    assert (len(ROWS), refused) == (920, 25)
    assert HEADERS.keys() <= {row["model"] for row in ROWS}
