"""Where a model may come from: a folder with weights, a file, standard input, a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvcalc
from tests.configurations import LLAMA as CONFIG

if TYPE_CHECKING:
    from tests.conftest import Process

PER_TOKEN = 4 * 2 * 2 * 8 * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with two shards of weights."""
    path = tmp_path / "My-Model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    for number in (1, 2):
        (path / f"model-0000{number}-of-00002.safetensors").write_bytes(b"x" * 1000)
    return path


def test_a_folder_has_the_bytes_of_its_weights(folder: Path, process: Process) -> None:
    answer = json.loads(process("show", str(folder), "--json").out)
    assert answer["model"] == "My-Model"
    assert answer["bytes_per_token"] == PER_TOKEN
    assert answer["weight_bytes"] == 2 * 1000


def test_a_file_alone_knows_of_no_weights(folder: Path) -> None:
    model = kvcalc.load(str(folder / "config.json"))
    assert (model.name, model.weight_bytes) == ("My-Model", None)


def test_a_model_on_standard_input_goes_by_its_type(process: Process) -> None:
    ran = process("show", "-", "--json", stdin=json.dumps(CONFIG).encode())
    assert json.loads(ran.out)["model"] == "llama"


def test_a_pipe_has_no_name_either(tmp_path: Path) -> None:
    pipe = tmp_path / "63"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-m", "kvcalc", "show", str(pipe), "--json"], stdout=subprocess.PIPE
    ) as process:
        pipe.write_text(json.dumps(CONFIG))
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["model"] == "llama"


def test_what_is_imported_is_read_back_the_same(
    folder: Path, tmp_path: Path, process: Process
) -> None:
    path = tmp_path / "mine.yaml"
    assert process("import", str(folder), "-o", str(path)).code == 0
    back, first = kvcalc.load(str(path)), kvcalc.load(str(folder))
    assert back.cache.contents == first.cache.contents
    assert (back.layers, back.weight_bytes) == (first.layers, 2000)


@pytest.mark.parametrize(("layers", "code"), [(4, 0), (5, 1)])
def test_a_difference_is_an_exit_code(
    layers: int, code: int, folder: Path, tmp_path: Path, process: Process
) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**CONFIG, "num_hidden_layers": layers}))
    ran = process("import", str(folder), "--diff", str(other))
    assert ran.code == code
    assert ("layers: 4 and 5" in ran.out) is (code == 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b'{"peft_type": "LORA", "r": 8}', "a LoRA or PEFT adapter"),
        (b'{"dim": 64, "n_layers": 4, "n_heads": 8}', "params.json"),
        (b"[1, 2]", "JSON that holds a list"),
        (b"GGUF\x03\0\0\0", "a GGUF file is read from a path"),
    ],
)
def test_what_is_no_configuration_is_told_in_one_sentence(
    given: bytes, told: str, process: Process
) -> None:
    ran = process("show", "-", stdin=given)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err.splitlines()[0]
    assert len(ran.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("org/Llama-3.1-8B", "from the hub it is hf:org/Llama-3.1-8B"),
        ("nope.json", "nope.json: no such file"),
        ("nope.gguf", "nope.gguf: no such file"),
    ],
)
def test_a_name_that_is_none_is_told_what_it_could_be(
    reference: str, told: str, process: Process
) -> None:
    ran = process("show", reference)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
