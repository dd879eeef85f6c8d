"""`--ignore FIELD`: the way out of a field that was refused and that leaves the cache alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import kvcalc
from kvcalc.cli import app
from kvcalc.errors import InputError, InvalidValue, UsageError
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config
from kvcalc.model import Model
from tests.configurations import LLAMA

INNER = {**LLAMA, "model_type": "gemma3_text", "head_dim": 8, "sliding_window": 16}
BY_CHANNEL = {
    "layer_quant_config": {
        "*k_proj": {"output_tensors": {"dtype": "fp8_e4m3", "qscheme": "per_channel"}}
    }
}


def reading(config: Mapping[str, Any], *ignored: str) -> Model:
    return read_config(config, Origin("config.json", ignored=ignored))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, "kv_budget": 4}))
    return tmp_path


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({**LLAMA, "kv_budget": 4}, "kv_budget"),
        ({**LLAMA, "kv.budget": 4}, "kv.budget"),
        ({**LLAMA, "kv": {"budget.now": {"window": 4}}}, "kv"),
        ({**LLAMA, "budget": {"of.now": {"window": 4}}}, "budget"),
        ({**LLAMA, "sliding_window": 512}, "sliding_window"),
        ({**LLAMA, "model_type": "mistral", "sliding_window": None, "attention_chunk_size": 64},
         "attention_chunk_size"),
        ({"model_type": "gemma3", "text_config": {**INNER, "kv_budget": 4}},
         "text_config.kv_budget"),
        ({**INNER, "per_layer_config": {"1": {"kv_budget": 4}}}, "per_layer_config.1.kv_budget"),
        ({**LLAMA, "model_type": "brand_new", "token_shift": True}, "token_shift"),
        ({**LLAMA, "use_sliding_window": True}, "use_sliding_window"),
        ({**LLAMA, "quantization_config": ["kv"]}, "quantization_config"),
        ({**LLAMA, "quantization_config": {"kv_cache_new": 4}},
         "quantization_config.kv_cache_new"),
        ({**LLAMA, "quantization_config": {"kv_cache_scheme": {"num_bits": 3}}},
         "quantization_config.kv_cache_scheme"),
        ({**LLAMA, "quantization_config": {"quantization": {"kv_cache_quant_algo": "FP5"}}},
         "quantization_config.quantization.kv_cache_quant_algo"),
        ({**LLAMA, "quantization_config": {"quantization": {"kv_cache_new": 4}}},
         "quantization_config.quantization.kv_cache_new"),
        ({**LLAMA, "quantization_config": {"kv_cache_group": ["*k_proj"], **BY_CHANNEL}},
         "quantization_config.kv_cache_group"),
        ({**LLAMA, "quantization_config": {
            "export": {"kv_cache_group": ["*k_proj"]}, **BY_CHANNEL}},
         "quantization_config.export.kv_cache_group"),
    ],
)  # fmt: skip
def test_a_field_is_ignored_by_the_name_that_its_refusal_says(
    config: Mapping[str, Any], name: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        reading(config)
    assert any(f"--ignore {name}" in p.hint for p in caught.value.problems)
    model = reading(config, name)
    assert model.ignored == (name,)
    assert f"ignored, as asked: {name}" in model.notes
    assert f"ignored, as asked: {name}" in model.sources[0].says


def test_what_stands_deep_inside_can_be_ignored_alone() -> None:
    data = {**LLAMA, "budget": {"of.now": {"window": 4}, "number": 3}}
    assert reading(data, "budget.of.now.window").ignored == ("budget.of.now.window",)
    assert reading(data, "budget.of.now").ignored == ("budget.of.now",)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LLAMA, "num_key_value_heads"),
        (LLAMA, "num_hidden_layers"),
        (LLAMA, "model_type"),
        (LLAMA, "torch_dtype"),
        ({**LLAMA, "head_dim": 16}, "head_dim"),
        ({**LLAMA, "max_position_embeddings": 4096}, "max_position_embeddings"),
        ({"model_type": "whisper", "max_target_positions": 448}, "max_target_positions"),
        ({**LLAMA, "architectures": ["A"]}, "architectures"),
        ({**LLAMA, "model_type": "inkling_text", "local_layer_ids": [0, 3]}, "local_layer_ids"),
        ({**LLAMA, "speculators_model_type": "mtp"}, "speculators_model_type"),
        ({**LLAMA, "dflash_config": {"use_swa": True, "swa_window_size": 8}}, "dflash_config"),
        (INNER, "sliding_window"),
        ({**LLAMA, "use_sliding_window": False, "sliding_window": 16}, "use_sliding_window"),
        ({"model_type": "gemma3", "text_config": INNER}, "text_config"),
        ({"model_type": "gemma3", "text_config": INNER}, "text_config.sliding_window"),
        ({"model_type": "gemma3", "text_config": INNER}, "model_type"),
        ({**INNER, "per_layer_config": {"1": {"head_dim": 4}}}, "per_layer_config.1.head_dim"),
        ({**INNER, "per_layer_config": {"1": {"head_dim": 4}}}, "per_layer_config"),
        ({**LLAMA, "quantization_config": {"kv_cache_quant_algo": "FP8"}}, "quantization_config"),
        ({**LLAMA, "quantization_config": {"kv_cache_quant_algo": "FP8"}},
         "quantization_config.kv_cache_quant_algo"),
        ({"model_type": "mpt", "n_layers": 2, "d_model": 64, "n_heads": 8,
          "attn_config": {"attn_type": "multihead_attention"}}, "attn_config.attn_type"),
    ],
)  # fmt: skip
def test_a_field_that_is_read_cannot_be_ignored(config: Mapping[str, Any], name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        reading(config, name)
    assert f"{name} is read, and cannot be ignored" in str(caught.value)


def test_what_the_file_has_not_cannot_be_ignored(folder: Path) -> None:
    config = str(folder / "config.json")
    for name in ("kv_budgets", "text_config.kv_budget", "kv_budget.deeper"):
        with pytest.raises(UsageError, match=f"no field '{name}' to ignore"):
            kvcalc.show(config, ignore=["kv_budget", name])
    with pytest.raises(UsageError, match="no field 'heads' to ignore"):
        kvcalc.show("llama-3.1-8b", ignore=["heads"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kv_budgte", "did you mean kv_budget"),
        ("text_config.rope_thetta", "did you mean text_config.rope_theta"),
        ("zzz", "name it as the message about it does"),
    ],
)
def test_a_misspelt_field_is_told_what_may_be_meant(name: str, meant: str, tmp_path: Path) -> None:
    config = {"kv_budget": 4, "text_config": {**INNER, "rope_theta": 1e4}, "model_type": "gemma3"}
    many = {"vision_config": {f"field_{number}": 0 for number in range(10_000)}}
    read = reading({**config, **many}, "kv_budget", name)
    assert len(read.stated) == 2_000  # a file of any length is looked through so far
    with pytest.raises(UsageError, match=f"no field '{name}' to ignore .*{meant}"):
        kvcalc.load(read, ignore=["kv_budget", name])
    with pytest.raises(UsageError, match=f"no field '{name}' to ignore .*{meant}"):
        kvcalc.show(read, ignore=[name])


def test_what_is_ignored_twice_is_told_once(folder: Path) -> None:
    found = kvcalc.show(str(folder), 10, ignore=["kv_budget", "kv_budget"])
    assert found.query.ignored == ("kv_budget",)


def test_of_several_files_one_must_have_it(folder: Path) -> None:
    config = str(folder / "config.json")
    answer = kvcalc.compare(config, "llama-3.1-8b", context=10, ignore=["kv_budget"])
    assert [row.stored for row in answer.rows] == [2560, 1_310_720]
    assert answer.query.ignored == ("kv_budget",)


def test_every_function_ignores(folder: Path) -> None:
    config = str(folder / "config.json")
    with pytest.raises(InputError, match="--ignore kv_budget"):
        kvcalc.load(config)
    model = kvcalc.load(config, ignore=["kv_budget"])
    assert kvcalc.show(config, 10, ignore=["kv_budget"]).stored == 2560
    assert kvcalc.show(model, 10).query.ignored == ("kv_budget",)
    assert kvcalc.show("llama-3.1-8b", 10, draft=model).query.ignored == ("kv_budget",)
    for function in (kvcalc.load, kvcalc.show, kvcalc.check):
        with pytest.raises(UsageError, match="ignore is a list of fields"):
            function(config, ignore="kv_budget")
    assert kvcalc.diff(config, model, ignore=["kv_budget"]).same
    assert "ignored, as asked: kv_budget" in kvcalc.to_yaml(model)


CLAIM = """
claims:
  - id: mine
    quote: "a quarter"
    source: {from: nowhere, read: 2026-11-26, primary: true}
    model: config.json
    expect: {native.growth: 256 B}
    verdict: confirmed
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "{config}", "-c", "10", "--json"], '"ignored":[\n"kv_budget"\n]'),
        (["compare", "{config}", "-c", "10", "--json"], '"ignored":[\n"kv_budget"\n]'),
        (["import", "{config}"], "ignored, as asked: kv_budget"),
        (["import", "{config}", "--diff", "{config}"], "same"),
        (["show", "{folder}", "-c", "10"], "2.56 kB"),
        (["show", "{folder}/pipe.yaml", "-c", "10"], "2.56 kB"),
        (["check", "{folder}/claims.yaml"], "confirmed"),
    ],
)
def test_every_command_ignores(folder: Path, arguments: list[str], told: str) -> None:
    (folder / "pipe.yaml").write_text((folder / "config.json").read_text())
    (folder / "claims.yaml").write_text(CLAIM)
    words = [a.format(folder=folder, config=folder / "config.json") for a in arguments]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "--ignore kv_budget" in done.stderr
    done = CliRunner().invoke(app, [*words, "--ignore", "kv_budget"])
    assert done.exit_code == 0, done.stderr
    assert told.replace(" ", "") in done.stdout.replace(" ", "")
