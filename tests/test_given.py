"""Models that Python has as dicts: read as the same data in a file is, and refused by path."""

from __future__ import annotations

import collections
import copy
import datetime
import json
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

import kvcalc
from kvcalc.bundle import bundled

OWN: dict[str, Any] = {
    "name": "Mine",
    "heads": 8,
    "head_dim": 64,
    "layers": {"count": 3, "pattern": ["near*2", "far"]},
    "dtype": "bf16",
    "attention": {
        "near": {"kind": "gqa", "kv_heads": 2, "window": 1_024},
        "far": {"kind": "gqa", "kv_heads": 2},
    },
    "expect": {"native.growth": "512 B"},
}
"""One layer of three grows by 2 x 2 x 64 x 2 B = 512 B."""

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "torch_dtype": "bfloat16",
    "_name_or_path": "org/Name",
}
"""2 layers x 2 (K, V) x 2 heads x 16 x 2 B = 256 B."""

SOURCE = {"from": "a post", "read": datetime.date(2026, 11, 24), "primary": True}
CLAIM: dict[str, Any] = {"quote": "smaller", "source": SOURCE, "model": "deepseek-v3"}
CLAIMS: dict[str, Any] = {
    "claims": [
        {**CLAIM, "id": "eight", "expect": {"mha/gqa": "8x"}},
        {**CLAIM, "id": "nine", "expect": {"mha/gqa": "9x"}, "verdict": "refuted"},
    ],
}


def test_a_model_file_as_a_dict() -> None:
    model = kvcalc.load(OWN)
    assert (model.name, model.file, len(model.layers)) == ("Mine", "", 3)
    assert model.growth("8K") == 512
    assert model.stored("8K") == 8_192 * 512 + 2 * 1_024 * 512


def test_a_configuration_as_a_dict() -> None:
    model = kvcalc.load(CONFIG)
    assert (model.name, model.file, model.stored(10)) == ("Name", "", 2_560)
    (source,) = model.sources
    assert source.origin == "a configuration given as data"
    assert "num_hidden_layers 2" in source.says


@pytest.mark.parametrize("name", ["deepseek-v3.2", "gemma-3-27b", "qwen3-next-80b-a3b"])
def test_it_is_what_the_file_is(name: str) -> None:
    data = yaml.safe_load(bundled()[name].read_text(encoding="utf-8"))
    assert any(isinstance(source["read"], datetime.date) for source in data["sources"])
    given, read = kvcalc.load(data), kvcalc.load(name)
    assert given.sources == read.sources
    assert kvcalc.diff(given, read).same
    assert [e.entry for e in given.expect] == [e.entry for e in read.expect]


def test_a_configuration_is_what_its_file_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    given, read = kvcalc.load(CONFIG), kvcalc.load(tmp_path)
    assert (given.attention, given.layers, given.dtype) == (
        read.attention,
        read.layers,
        read.dtype,
    )
    assert given.notes == read.notes


def test_every_question_takes_one() -> None:
    model = kvcalc.load(CONFIG)
    assert kvcalc.show(CONFIG) == kvcalc.show(model)
    assert kvcalc.show(OWN, draft=CONFIG).growth == 512 + 256
    assert kvcalc.compare(CONFIG, OWN, "deepseek-v3") == kvcalc.compare(
        model, kvcalc.load(OWN), "deepseek-v3"
    )
    assert kvcalc.check(OWN).passed == 1
    assert kvcalc.diff(CONFIG, model).same
    assert kvcalc.load(yaml.safe_load(kvcalc.to_yaml(CONFIG))).stored(10) == 2_560


def test_claims_as_a_dict_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(CLAIMS), encoding="utf-8")
    given, read = kvcalc.check(CLAIMS), kvcalc.check(path)
    assert [(r.id, r.verdict, r.file) for r in given.results] == [
        ("eight", "confirmed", ""),
        ("nine", "refuted", ""),
    ]
    assert [r.verdict for r in given.results] == [r.verdict for r in read.results]


def test_where_there_is_no_file_none_is_named() -> None:
    lines = str(kvcalc.check(OWN)).splitlines()
    assert lines[1].split() == ["Mine:native.growth", "512", "B", "512", "B", "confirmed"]


@pytest.mark.parametrize(
    "given",
    [
        collections.OrderedDict(CONFIG),
        types.MappingProxyType(CONFIG),
        {**CONFIG, "architectures": ("LlamaForCausalLM",)},
    ],
)
def test_what_stands_for_a_dict_or_a_list(given: Any) -> None:
    assert kvcalc.load(given).stored(10) == 2_560


def test_what_is_given_stays_as_it_is() -> None:
    given, before = copy.deepcopy(OWN), copy.deepcopy(OWN)
    kvcalc.load(given)
    assert given == before


def test_a_field_can_be_ignored() -> None:
    given = {**CONFIG, "kv_foo": 3}
    with pytest.raises(kvcalc.InputError, match=r"^kv_foo is not a field"):
        kvcalc.load(given)
    assert kvcalc.load(given, ignore=["kv_foo"]).ignored == ("kv_foo",)


ENDLESS: dict[str, Any] = {**CONFIG}
ENDLESS["more"] = {"more": ENDLESS}
MANY: list[Any] = [0]
for _ in range(30):
    MANY = [MANY, MANY]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**OWN, "dtype": "bf17"}, "dtype: unknown dtype 'bf17'"),
        (
            {**OWN, "attention": {**OWN["attention"], "far": {"kind": "gqa", "kv_heads": 3}}},
            "attention.far.kv_heads: 3 kv_heads (groups) do not divide 8 query heads",
        ),
        ({**OWN, "expect": {"mha/x": "2x"}}, "expect.mha/x: no row of this model is called 'x'"),
        ({name: OWN[name] for name in OWN if name != "name"}, "missing field 'name'"),
        (
            {**OWN, "layers": {"count": 2, "pattern": ["near", 3]}},
            "layers.pattern.1",
        ),
        ({**CONFIG, "num_hidden_layers": "two"}, "num_hidden_layers is 'two'"),
        ({"name": "x"}, "this is no model configuration: it has no model_type"),
        ({"tokenizer_class": "X"}, "this is a tokenizer, not a model configuration"),
        ({"claims": []}, "this is a file of claims, not a model"),
        ({**CONFIG, "x": {1}}, "x: {1} is nothing that JSON or YAML could say"),
        ({**CONFIG, "a": [0, {"b": b"x"}]}, "a.1.b: b'x' is nothing that JSON or YAML could say"),
        (dict[Any, Any](CONFIG) | {3: 4}, "the key 3 is not text"),
        ({**CONFIG, "a": {None: 4}}, "a: the key None is not text"),
        ({**CONFIG, "a": 10**5000}, "a: a number of too many digits"),
        (ENDLESS, "more: nested more than 100 levels deep"),
        ({**CONFIG, "a": MANY}, "more than 500,000 values"),
        ({**CONFIG, "num_hidden_layers": float("nan")}, "num_hidden_layers is nan"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(given: dict[Any, Any], said: str) -> None:
    with pytest.raises(kvcalc.InputError) as raised:
        kvcalc.load(given)
    assert str(raised.value).startswith(said)
    assert raised.value.exit_code == 2


def test_all_problems_come_at_once() -> None:
    given: dict[Any, Any] = {**CONFIG, "a": {1}, 2: 3}
    with pytest.raises(kvcalc.InputError) as raised:
        kvcalc.compare(given, {**OWN, "dtype": "bf17"})
    assert len(raised.value.problems) == 3
