"""The JSON Schema of model files, and what it and we ask of the bundled ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from kvcalc.attention import KINDS
from tests.documents import data, validator_of

if TYPE_CHECKING:
    from tests.conftest import Cli

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SCHEMA = CONFIGS / "model.schema.json"
MODELS = sorted((CONFIGS / "models").glob("*.yaml"))

every_model = pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.stem))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return validator_of(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("what", ["model", "claims", "gpu"])
def test_the_schema_file_is_current(what: str, cli: Cli) -> None:
    path = CONFIGS / f"{what}.schema.json"
    assert path.read_text(encoding="utf-8") == cli("schema", what).out


def test_the_schema_knows_every_kind_and_every_field_of_it() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for kind in KINDS:
        entry, what_if = schema["$defs"][kind], schema["$defs"][f"{kind}_what_if"]
        fields = KINDS[kind].names() | KINDS[kind].aliases.keys()
        assert entry["properties"].keys() == fields | {"kind"}
        assert what_if["properties"].keys() == fields
        assert entry["additionalProperties"] is what_if["additionalProperties"] is False
        assert all(
            field["description"] for name, field in entry["properties"].items() if name != "kind"
        )
        assert schema["properties"]["compare"]["properties"][kind]


def test_the_schema_names_what_it_refers_to() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    schema = json.loads(text)
    named = set(re.findall(r'"\$ref": "#/\$defs/(\w+)', text))
    assert named == schema["$defs"].keys()
    assert text.count('"q8_0"') == len({"dtype", "layout"})


def test_the_output_schema_is_a_schema(cli: Cli) -> None:
    validator_of(json.loads(cli("schema", "output").out))


@every_model
def test_a_bundled_model_is_valid(path: Path, validator: Draft202012Validator) -> None:
    validator.validate(data(path))


@every_model
def test_a_bundled_model_leads_an_editor_to_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    assert not Path(match[1]).is_absolute()
    assert (path.parent / match[1]).resolve() == SCHEMA


@every_model
def test_a_context_is_stated_or_said_to_be_unpublished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    none_published = re.search(r"^# *max_context: (no|none)\b", text, re.MULTILINE)
    assert ("max_context" in data(text)) != bool(none_published)


MODEL = """\
name: Model
heads: 32
head_dim: 128
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 8 }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("kv_heads: 8", "groups: 8"),
        ("kv_heads: 8", "kv_heads: 8, window: 1024"),
        ("kind: gqa, kv_heads: 8", "kind: mla, latent_dim: 512, rope_dim: 64"),
        ("layers: 4", "layers: { count: 4, pattern: [gqa] }"),
        ("{ kind: gqa, kv_heads: 8 }", "{ a: { kind: mha }, b: { kind: mqa, chunk: 8192 } }"),
        ("heads: 32\n", "heads: 32\nmax_context: 128K\n"),
        ("heads: 32\n", "heads: 32\narchitecture: llama\n"),
        ("heads: 32\n", "heads: 32\narchitecture: { model_type: a, inner: b }\n"),
        ("heads: 32\n", "heads: 32\narchitecture: { gguf: llama }\n"),
        ("heads: 32\n", "heads: 32\nexpect: { mha/gqa: 4x }\n"),
        ("heads: 32\n", "heads: 32\ncompare: { mqa: null }\n"),
        ("dtype: bf16", "dtype: q8_0/q4_0"),
        ("dtype: bf16", "dtype: 6bit"),
        (
            "kind: gqa, kv_heads: 8",
            "kind: custom, tensors: [{ name: k, role: k, width: 64, reads: { top_k: 8 }, "
            "every: { stride: 4, first: 4 } }]",
        ),
        ("heads: 32\n", "heads: 32\ncompare: { gqa: { groups: 16 } }\n"),
        ("heads: 32\n", "heads: 32\nsources: [{ from: a paper, read: 2026-11-24 }]\n"),
    ],
)
def test_the_schema_accepts(old: str, new: str, validator: Draft202012Validator) -> None:
    assert old in MODEL
    validator.validate(data(MODEL.replace(old, new) if old else MODEL))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("heads: 32\n", "heads: 32\nvendr: Me\n"),
        ("kind: gqa", "kind: gqqa"),
        ("kind: gqa, ", ""),
        ("kv_heads: 8", "kv_heads: 8, windw: 4"),
        ("kv_heads: 8", "kv_heads: 8, latent_dim: 512"),
        ("kv_heads: 8", "kv_heads: 0"),
        ("kv_heads: 8", "kv_heads: eight"),
        ("name: Model\n", ""),
        ("dtype: bf16", "dtype: bf61"),
        ("heads: 32", "heads: 0"),
        ("heads: 32", "heads: 1000001"),
        ("heads: 32", "heads: 32.5"),
        ("layers: 4", "layers: 0"),
        ("layers: 4", "layers: four"),
        ("layers: 4", "layers: { pattern: [gqa] }"),
        ("layers: 4", "layers: { count: 4, patern: [gqa] }"),
        ("heads: 32\n", "heads: 32\nconfidence: high\n"),
        ("heads: 32\n", "heads: 32\narchitecture: { inner: b }\n"),
        ("heads: 32\n", "heads: 32\narchitecture: { gguf: a, model_type: b }\n"),
        ("heads: 32\n", "heads: 32\narchitecture: ''\n"),
        ("heads: 32\n", "heads: 32\nengines: {}\n"),
        ("heads: 32\n", "heads: 32\ncompare: { gqa: { kind: gqa } }\n"),
        ("heads: 32\n", "heads: 32\ncompare: { gqa: { groups: 0 } }\n"),
        ("heads: 32\n", "heads: 32\nmtp: { count: 1, list: [] }\n"),
        ("dtype: bf16", "dtype: 128bit"),
        ("kv_heads: 8", "kv_heads: 8, window: 0"),
        ("kv_heads: 8", "kv_heads: 8, dtype: bf61"),
        ("kind: gqa, kv_heads: 8", "kind: custom, tensors: []"),
        ("kind: gqa, kv_heads: 8", "kind: custom, tensors: [{ name: k, role: k, widht: 64 }]"),
        ("heads: 32\n", "heads: 32\nsources: [{ says: heads 32 }]\n"),
        ("heads: 32\n", "heads: 32\ncompare: { gqqa: { groups: 16 } }\n"),
    ],
)
def test_the_schema_refuses(old: str, new: str, validator: Draft202012Validator) -> None:
    assert old in MODEL
    assert not validator.is_valid(data(MODEL.replace(old, new)))


LIGHT = """
import sys
from kvcalc.document import parse
from kvcalc.schema.reading.model import read_model

document = parse("model.yaml", sys.stdin.buffer.read())
read_model(document.data, document.name, document.line)
print(*sorted(sys.modules))
"""
HEAVY = {
    "pydantic",
    "kvcalc.claim",
    "kvcalc.schema.forms.claims",
    "kvcalc.schema.forms.tensors",
    "kvcalc.schema.reading.tensors",
}


@pytest.mark.parametrize(
    ("attention", "needed"),
    [
        ("{ kind: mla, latent_dim: 512, rope_dim: 64 }", {"mla", "heads"}),
        ("{ kind: lightning, state_heads: 1, key_dim: 8, value_dim: 8 }", {"recurrent", "heads"}),
        ("{ kind: custom, tensors: [{ name: k, role: k, width: 8 }] }", {"custom", "heads"}),
    ],
)
def test_a_file_imports_what_it_names(attention: str, needed: set[str]) -> None:
    """`heads` for the rows that stand beside any model."""
    text = f"{MODEL.partition('attention')[0]}attention: {attention}\ncompare: {{ mqa: {{}} }}\n"
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT], input=text.encode(), capture_output=True, check=True
    )
    loaded = set(ran.stdout.decode().split())
    families = {name.removeprefix("kvcalc.attention.") for name in loaded if "attention." in name}
    assert families == needed | {"base", "bounds"}
    tensors = {"kvcalc.schema.forms.tensors", "kvcalc.schema.reading.tensors"}
    assert loaded & HEAVY == (tensors if "custom" in needed else set())
