"""Holding kvcalc to llama.cpp's library: headers, what is added to them, and what comes of it."""

from __future__ import annotations

import platform
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from kvcalc.bundle import bundled as bundled_models
from kvcalc.engines.llama_cpp.converted import architecture_of
from tests.conformance.llama_cpp import __main__ as suite
from tests.conformance.llama_cpp import ask_llama_cpp, environment
from tests.conformance.llama_cpp.additions import (
    ALWAYS,
    EXPERTS,
    LACKING,
    completed,
    lacking,
    without_prediction,
)
from tests.conformance.llama_cpp.ask_kvcalc import Answer, ask
from tests.conformance.llama_cpp.cases import bundled, of_rows
from tests.conformance.llama_cpp.headers import header
from tests.conformance.llama_cpp.library.__main__ import sizes
from tests.conformance.llama_cpp.settings import FULL, GRIDS, UNIFIED, Setting
from tests.conformance.llama_cpp.verdict import Verdict, judged

ROOT = Path(__file__).parents[1]
LINE = (
    "llama_kv_cache: size =  576.00 MiB (  4096 cells,  36 layers,  1/1 seqs), "
    "K (f16):  288.00 MiB, V (f16):  288.00 MiB"
)
TYPES = "model does not support different K (q8_0) and V (q4_0) cache types"


@pytest.mark.parametrize(
    ("setting", "text", "asked", "arguments"),
    [
        (
            Setting(4_096),
            "n_ctx=4096",
            {"n_ctx": 4096, "type_k": "f16", "type_v": "f16"},
            ["-c", "4096", "-E", "n_ctx=4096"],
        ),
        (
            Setting(32_768, "q8_0", "q4_0", options=UNIFIED),
            "n_ctx=32768 type_k=q8_0 type_v=q4_0 n_parallel=4 kv_unified=True",
            {
                "n_ctx": 32768,
                "type_k": "q8_0",
                "type_v": "q4_0",
                "n_seq_max": 4,
                "kv_unified": True,
            },
            [
                *("-c", "32768", "-E", "n_ctx=32768", "--kv-dtype", "q8_0/q4_0"),
                *("-E", "n_parallel=4", "-E", "kv_unified=true"),
            ],
        ),
        (
            Setting(4_096, "q8_0", "q8_0", mtp=True),
            "n_ctx=4096 type_k=q8_0 type_v=q8_0 mtp=True",
            {"n_ctx": 4096, "type_k": "q8_0", "type_v": "q8_0", "ctx_type": 1},
            ["-c", "4096", "-E", "n_ctx=4096", "--kv-dtype", "q8_0", "--mtp"],
        ),
    ],
)
def test_a_setting_is_asked_of_both(
    setting: Setting, text: str, asked: dict[str, Any], arguments: list[str]
) -> None:
    assert str(setting) == text
    assert setting.as_asked() == asked
    assert setting.arguments() == arguments
    assert Setting.recorded(asked) == setting


def test_no_setting_of_a_grid_is_asked_twice() -> None:
    for grid in GRIDS.values():
        assert len({str(setting) for setting in grid}) == len(grid)
    assert set(map(str, GRIDS["small"])) <= set(map(str, FULL))


def test_the_lines_of_sizes_are_told_from_the_rest() -> None:
    recurrent = "llama_memory_recurrent: size =  149.06 MiB (     1 cells,  48 layers"
    log = ["llama_context: n_ctx_seq             = 4096", LINE, f"{recurrent}\n", "sched: size = 1"]
    assert sizes(log) == [LINE, recurrent]


HELD = Answer(603_979_776, [LINE])
TAKEN = {"context_bytes": 603_979_776, "log": [LINE]}


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict"),
    [
        (TAKEN, HELD, Verdict("equal", "603,979,776 B")),
        (
            TAKEN,
            Answer(603_979_775, [LINE]),
            Verdict("UNEQUAL", "reserved 603,979,775, llama.cpp 603,979,776"),
        ),
        (TAKEN, Answer(603_979_776, []), Verdict("UNEQUAL", f"log , llama.cpp {LINE}")),
        (TAKEN, Answer(refused="no rows"), Verdict("refused by kvcalc", "no rows")),
        (TAKEN, Answer(crashed="KeyError"), Verdict("CRASHED", "KeyError")),
        (
            {"refused": TYPES},
            Answer(refused="two types"),
            Verdict("refused by both", f"llama.cpp: {TYPES}; kvcalc: two types"),
        ),
        (
            {"refused": TYPES},
            HELD,
            Verdict("ANSWERED", f"603,979,776 B, where llama.cpp says {TYPES}"),
        ),
        ({"failed": "exit -6: GGML_ASSERT"}, HELD, Verdict("no answer", "exit -6: GGML_ASSERT")),
    ],
)
def test_a_verdict(theirs: dict[str, Any], ours: Answer, verdict: Verdict) -> None:
    assert judged(theirs, ours) == verdict


def test_what_is_added_gives_way_to_what_a_header_says() -> None:
    assert completed("llama", {"vocab_size": 5}) == {
        "vocab_size": 5,
        "context_length": 131_072,
        "feed_forward_length": 384,
    }
    assert set(completed("qwen3moe", {})) == {*ALWAYS, *EXPERTS}
    assert completed("deepseek4", {})["expert_gating_func"] == 4
    assert lacking("attention.q_lora_rank") == {"attention.q_lora_rank": 512}


@pytest.mark.parametrize(
    "key",
    """
    block_count embedding_length attention.head_count attention.head_count_kv attention.key_length
    attention.value_length attention.sliding_window attention.kv_lora_rank ssm.inner_size
    kda.head_dim wkv.head_size shortconv.l_cache attention.indexer.key_length nextn_predict_layers
    attention.indexer.kpool attention.compress_ratios attention.shared_kv_layers hrm.h_cycles
    """.split(),  # noqa: SIM905
)
def test_what_decides_a_cache_is_never_made_up(key: str) -> None:
    assert key not in LACKING
    assert lacking(key) == {}


def test_layers_of_prediction_are_cut_off() -> None:
    keys = {"block_count": 3, "nextn_predict_layers": 1, "attention.head_count_kv": [0, 2, 2]}
    assert without_prediction(keys) == {"block_count": 2, "attention.head_count_kv": [0, 2]}
    assert without_prediction({"block_count": 3}) == {"block_count": 3}


# what llama.cpp's converter writes for the published checkpoints, of what a cache depends on
WRITTEN: dict[str, dict[str, Any]] = {
    "deepseek-v2-lite": {
        "block_count": 27,
        "attention.head_count": 16,
        "attention.head_count_kv": 1,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.kv_lora_rank": 512,
        "attention.key_length_mla": 192,
        "attention.value_length_mla": 128,
        "rope.dimension_count": 64,
    },
    "minicpm3-4b": {
        "attention.head_count_kv": 40,
        "attention.kv_lora_rank": 256,
        "attention.key_length": 96,
        "rope.dimension_count": 32,
    },
    "gpt-oss-20b": {"attention.sliding_window": 128, "attention.head_count_kv": 8},
    "gemma-3n-e4b": {
        "attention.shared_kv_layers": 15,
        "attention.sliding_window_pattern": [True, True, True, True, False] * 7,
    },
    "gemma-4-e4b": {
        "attention.key_length": 512,
        "attention.key_length_swa": 256,
        "attention.shared_kv_layers": 18,
    },
    "glm-5.3": {
        "block_count": 79,
        "nextn_predict_layers": 1,
        "attention.indexer.types": [True, True, *[True, False, False, False] * 19],
    },
    "qwen3.5-122b-a10b": {
        "block_count": 49,
        "nextn_predict_layers": 1,
        "attention.head_count_kv": 2,
        "attention.recurrent_layers": [*[True, True, True, False] * 12, False],
        "ssm.inner_size": 8192,
        "ssm.group_count": 16,
        "ssm.time_step_rank": 64,
    },
    "kimi-k3": {"kda.head_dim": 128, "ssm.conv_kernel": 4, "attention.head_count": 96},
    "deepseek-v4-flash": {
        "attention.compress_ratios": [0, 0, *[4, 128] * 20, 4],
        "attention.sliding_window": 128,
        "attention.indexer.top_k": 512,
    },
    "minimax-m3": {
        "leading_dense_block_count": 3,
        "attention.indexer.block_size": 128,
        "attention.indexer.top_k": 16,
    },
    "lfm2-1.2b": {"shortconv.l_cache": 3, "embedding_length": 2048},
    "llama-4-scout": {"attention.head_count_kv": 8},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_header_is_what_the_converter_writes(name: str) -> None:
    model = kvcalc.load(name)
    architecture = architecture_of(model)
    assert architecture
    keys = header(model, architecture)
    assert {key: keys.get(key) for key in WRITTEN[name]} == WRITTEN[name]
    assert "attention.sliding_window" not in keys or name != "llama-4-scout"


def test_every_bundled_model_with_an_architecture_is_a_case() -> None:
    cases = {case.name: case for case in bundled(GRIDS["small"], None)}
    assert len(cases) > 120
    assert cases.keys() <= bundled_models().keys()
    for case in cases.values():
        assert isinstance(case.keys["block_count"], int)
        for value in case.keys.values():
            assert not isinstance(value, list) or len(value) in (
                case.keys["block_count"],
                case.keys["block_count"] - case.keys.get("nextn_predict_layers", 0),
            )
    assert [case.name for case in bundled(GRIDS["small"], "gpt2,whisper-large-v3")] == ["gpt2"]


def test_rows_of_a_file_are_cases_by_header(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    keys = '{"block_count": 2, "attention.head_count": 2, "attention.key_length": 64, '
    keys += '"attention.value_length": 64, "embedding_length": 128, "context_length": 4096}'
    row = '{"model": "tiny", "arch": "llama", "hparams": %s, "settings": {"n_ctx": %d}}\n'
    file.write_text(row % (keys, 4096) + row % (keys, 8192))
    (case,) = of_rows(file, tmp_path, None)
    assert [setting.n_ctx for setting in case.settings] == [4096, 8192]
    assert case.job[0] == "llama"
    # 2 layers x 4,096 cells x 2 heads x (64 + 64) x 2 bytes
    assert ask(case.reference, case.settings[0]).reserved == 4_194_304
    assert list(of_rows(file, tmp_path, "another")) == []


def test_what_kvcalc_refuses_is_told_in_its_words() -> None:
    both = Setting(4_096, "q8_0", "q4_0")
    assert "different K (q8_0) and V (q4_0) cache types" in ask("deepseek-v3", both).refused


@pytest.mark.parametrize(
    ("architecture", "keys", "why"),
    [
        ("llama", {}, ""),
        ("glm5-next", {}, "v0.5.0: not in it yet"),
        ("bailingmoe3", {"nextn_predict_layers": 1}, "v0.5.0: its MTP layers are not made"),
        ("bailingmoe3", {}, ""),
    ],
)
def test_what_a_release_cannot_answer_is_named(
    tmp_path: Path, architecture: str, keys: dict[str, Any], why: str
) -> None:
    (tmp_path / "libllama.v0.5.0.so").touch()
    found = environment.unanswerable(tmp_path, architecture, keys)
    assert found.startswith(why)
    assert bool(found) == bool(why)
    (tmp_path / "libllama.v0.5.0.so").rename(tmp_path / "libllama.so")
    assert environment.unanswerable(tmp_path, architecture, keys) == ""


def test_without_a_library_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suite.main(["--environment", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"no llama.cpp in {tmp_path}: get it with --build\n"


def test_the_environment_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    assert environment.chosen(None) == Path(".venv-llama.cpp")
    monkeypatch.setenv(environment.VARIABLE, "there")
    assert environment.chosen(None) == Path("there")
    assert environment.chosen(tmp_path) == tmp_path


def npm_at(folder: Path, text: str) -> None:
    """Something that is called npm."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{text}\n")
    npm.chmod(0o755)


def test_the_library_comes_out_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "libllama.v0.5.0.so"
    library.touch()
    with tarfile.open(tmp_path / "of.tgz", "w:gz") as package:
        package.add(library, f"{environment.LIBRARIES}/{library.name}")
    npm_at(tmp_path / "bin", f'echo "$@" > {tmp_path}/asked; cp {tmp_path}/of.tgz .')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    there = tmp_path / "there"
    assert suite.main(["--build", "--environment", str(there)]) == 0
    assert environment.libraries_in(there) == there / environment.LIBRARIES
    asked = (tmp_path / "asked").read_text()
    assert asked == "pack @node-llama-cpp/linux-x64@3.22.1 --silent\n"
    (tmp_path / "asked").unlink()
    assert suite.main(["--build", "--environment", str(there)]) == 0  # it is there
    assert not (tmp_path / "asked").exists()
    assert "llama.cpp's library is in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("system", "npm", "why"),
    [
        ("Darwin", "true", "its libraries are for Linux on x86-64"),
        ("Linux", "", "there is no npm to get it with"),
        ("Linux", "echo 'npm ERR! no network' >&2; exit 1", "npm ERR! no network"),
    ],
)
def test_why_there_is_no_library(
    system: str,
    npm: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    if npm:
        npm_at(tmp_path / "bin", npm)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    assert suite.main(["--build", "--environment", str(tmp_path / "there")]) == 2
    assert capsys.readouterr().err == f"llama.cpp's library cannot be got: {why}\n"


def test_a_process_that_ends_is_told_and_the_rest_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first setting is answered, the second aborts, the third is asked in another process."""
    said = [
        subprocess.CompletedProcess([], -6, '{"context_bytes": 1, "log": []}\n', "GGML_ASSERT\n"),
        subprocess.CompletedProcess([], 0, '{"context_bytes": 3, "log": []}\n', ""),
    ]
    monkeypatch.setattr(ask_llama_cpp, "_run", lambda folder, job: said.pop(0))
    settings = [{"n_ctx": cells} for cells in (1, 2, 3)]
    assert ask_llama_cpp.ask(Path("."), ("llama", {}, settings)) == [
        {"context_bytes": 1, "log": []},
        {"failed": "exit -6: GGML_ASSERT"},
        {"context_bytes": 3, "log": []},
    ]


def test_the_suite_exits_by_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "libllama.so").touch()
    given = ["--environment", str(tmp_path), "--only", "gpt2"]
    right = [ask("gpt2", setting) for setting in GRIDS["small"]]
    found = [{"context_bytes": each.reserved, "log": each.log} for each in right]
    monkeypatch.setattr(suite, "answers", lambda folder, jobs: iter([found]))
    assert suite.main(given) == 0
    assert "equal 3, refused by both 0" in capsys.readouterr().out
    wrong = [{**found[0], "context_bytes": 1}, *found[1:]]
    record = tmp_path / "answers.jsonl"
    monkeypatch.setattr(suite, "answers", lambda folder, jobs: iter([wrong]))
    assert suite.main([*given, "--record", str(record)]) == 1
    assert "UNEQUAL 1" in capsys.readouterr().out
    assert len(record.read_text().splitlines()) == 3


def test_the_first_word_names_the_suite() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance", "llama.cpp", "-h"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m tests.conformance llama.cpp")
