"""A draft model beside another: its cache in groups of its own, in every answer that has one."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from kvcalc.errors import InputError, UsageError
from kvcalc.expect import parse_expectation
from kvcalc.model import Model
from tests.conftest import Cli, ModelFile

LAYERS = """\
name: {name}
heads: 32
head_dim: 128
layers: {layers}
dtype: bf16
attention: {{ kind: gqa, kv_heads: 8{more} }}
max_context: {longest}
"""

# a token of one layer: 2 x 8 x 128 elements of bf16 = 4,096 B
TARGET = LAYERS.format(name="Target", layers=4, more="", longest=262144)  # 16,384 B a token
OTHER = LAYERS.format(name="Other", layers=1, more="", longest=262144)  # 4,096 B
DRAFT = LAYERS.format(name="Draft", layers=5, more="", longest=8192)  # 20,480 B
SLIDING = LAYERS.format(name="Sliding", layers=5, more=", window: 2048", longest=262144)
INDEXED = """\
name: Indexed
heads: 128
head_dim: 128
layers: 1
dtype: bf16
attention:
  { kind: dsa, latent_dim: 512, rope_dim: 64, index_heads: 64, index_dim: 128, top_k: 2048 }
mtp: 1
"""
LATENT = """\
name: Latent
heads: 128
head_dim: 128
layers: 2
dtype: bf16
attention: { kind: mla, latent_dim: 512, rope_dim: 64 }
"""  # 2 x 576 x 2 = 2,304 B a token
READER = """\
name: Reader
heads: 8
head_dim: 64
layers: { count: 1, pattern: [self+cross] }
dtype: bf16
attention:
  self: { kind: mha }
  cross: { kind: mha, cross: true }
"""
FILES = {
    "target": TARGET, "other": OTHER, "draft": DRAFT, "sliding": SLIDING, "indexed": INDEXED,
    "latent": LATENT, "reader": READER,
}  # fmt: skip


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("model", "context", "asked", "stored", "growth", "source"),
    [
        ("target.yaml", 1_000, {"draft": "draft.yaml"},
         1_000 * (16_384 + 20_480), 16_384 + 20_480, "four layers and five, 4,096 B each"),
        # the linear layers' states: 48 x 128 x 128 in fp32, and 3 columns of 10,240 channels
        ("qwen3.5-27b", 1_000, {"draft": "draft.yaml"},
         1_000 * (65_536 + 20_480) + 48 * (48 * 128 * 128 * 4 + 3 * 10_240 * 2), 65_536 + 20_480,
         "16 layers x 2 x 4 x 256, and 5 x 2 x 8 x 128, in bf16"),
        ("target.yaml", 1_000, {"draft": "sliding.yaml"},
         1_000 * (16_384 + 20_480), 16_384 + 20_480, "inside its window a draft grows"),
        ("target.yaml", 450_060, {"draft": "sliding.yaml"},
         450_060 * 16_384 + 2_048 * 20_480, 16_384, "where a draft slides its growth ends"),
        ("target.yaml", 1_000, {"draft": "draft.yaml", "kv_dtype": "fp8"},
         1_000 * (8_192 + 20_480), 8_192 + 20_480, "a draft keeps its own dtype"),
        ("target.yaml", 1_000, {"draft": "draft.yaml", "draft_kv_dtype": "fp8"},
         1_000 * (16_384 + 10_240), 16_384 + 10_240, "or its own --draft-kv-dtype"),
        ("target.yaml", 1_000,
         {"draft": "draft.yaml", "kv_dtype": "fp8", "draft_kv_dtype": "q8_0/q4_0"},
         1_000 * (8_192 + 5 * 8 * (136 + 72)), 8_192 + 8_320, "4 blocks of 34 and of 18 B"),
        ("target.yaml", 1_000, {"draft": "indexed.yaml", "index_dtype": "bf16"},
         1_000 * (16_384 + 1_152 + 132), 16_384 + 1_284, "a draft's index keys are its own"),
        ("indexed.yaml", 1_000, {"draft": "indexed.yaml", "mtp": True},
         1_000 * 3 * 1_284, 3 * 1_284, "two layers and a draft's one: its MTP layers do not draft"),
        ("reader.yaml", 10, {"draft": "reader.yaml", "source_length": 100},
         2 * (10 + 100) * 2 * 512 * 2, 2 * 2_048, "both look back at the one source"),
        ("draft.yaml", None, {"draft": "target.yaml"},
         8_192 * (16_384 + 20_480), 16_384 + 20_480, "the shortest of the two maxima"),
        ("target.yaml", None, {"draft": "draft.yaml"},
         8_192 * (16_384 + 20_480), 16_384 + 20_480, "which is as well the draft's"),
    ],
)  # fmt: skip
def test_a_drafts_cache_is_added(
    model: str, context: int | None, asked: dict[str, Any], stored: int, growth: int, source: str
) -> None:
    answer = kvcalc.show(model, context, **asked)
    assert answer.stored == stored, source
    assert answer.growth == growth, source
    assert answer.fixed == sum(line.fixed for line in answer.lines)
    assert answer.read == sum(line.read for line in answer.lines)
    (native,) = (row for row in kvcalc.compare(model, context=context, **asked).rows if row.native)
    assert native.stored == stored
    assert native.growth == growth
    assert kvcalc.show(model, context, 3, **asked).stored == 3 * stored


def test_its_groups_are_named_after_it() -> None:
    answer = kvcalc.show("qwen3.5-27b", 10, draft="sliding.yaml")
    groups = dict.fromkeys((line.group, line.layers) for line in answer.lines)
    assert list(groups) == [("linear", 48), ("full", 16), ("draft.gqa", 5)]


def test_the_operations_of_both_are_counted() -> None:
    # 32 heads x 128 multiply-adds for a key and for a value, two operations each, a token a layer
    layer = 2 * 32 * 128 * 2
    assert kvcalc.show("target.yaml", 10, draft="draft.yaml").flops == 10 * (4 + 5) * layer
    assert kvcalc.show("target.yaml", 9_000, draft="sliding.yaml").flops == layer * (
        4 * 9_000 + 5 * 2_048
    )


def test_a_draft_stands_in_every_row_and_in_the_ratios() -> None:
    answer = kvcalc.compare("target.yaml", context=100, draft="draft.yaml")
    # 2 x 32, 2 x 8 and 2 x 1 heads x 128 in bf16, four layers of them
    own = {"mha": 65_536, "gqa": 16_384, "mqa": 2_048}
    assert {row.scheme: row.growth for row in answer.rows} == {
        name: growth + 20_480 for name, growth in own.items()
    }
    assert [row.ratio for row in answer.rows] == [1, Fraction(86_016, 36_864), Fraction(42, 11)]
    assert [row.native for row in answer.rows] == [False, True, False]


def test_a_draft_stands_beside_every_model() -> None:
    answer = kvcalc.compare("target.yaml", "latent.yaml", context=100, draft="draft.yaml")
    assert [row.stored for row in answer.rows] == [100 * 36_864, 100 * (2_304 + 20_480)]
    assert [row.ratio for row in answer.rows] == [1, Fraction(36_864, 22_784)]
    beside = kvcalc.compare(
        "target.yaml", "latent.yaml", context=9_000, draft="sliding.yaml", metric="growth"
    )
    assert [row.ratio for row in beside.rows] == [1, Fraction(16_384, 2_304)]


def test_what_a_file_is_held_to_is_judged_without_a_draft() -> None:
    held = replace(
        kvcalc.load("target.yaml"), expect=(parse_expectation("gqa.growth", "16,384 B"),)
    )
    for dtype in (None, "fp8"):
        answer = kvcalc.compare(held, context=100, draft="draft.yaml", draft_kv_dtype=dtype)
        assert [result.ok for result in answer.expect] == [True]
    drafted = replace(held, draft=kvcalc.load("draft.yaml"))
    assert kvcalc.compare(drafted, context=100).expect[0].ok


def test_an_expectation_is_held_at_the_context_of_its_own_model(model_file: ModelFile) -> None:
    model_file(LAYERS.format(name="Short", layers=1, more="", longest=1000), "short.yaml")
    # all 2,048 tokens of the window: 5 x 2,048 x 4,096 B; the draft ends at 1,000
    entry = parse_expectation("native.stored", "41,943,040 B")
    model = replace(kvcalc.load("sliding.yaml"), expect=(entry,))
    answer = kvcalc.compare(model, draft="short.yaml")
    assert answer.query.context == 1000
    assert [result.ok for result in answer.expect] == [True]


def of_type(name: str, text: str) -> Model:
    """A model of that `model_type`."""
    Path("typed.yaml").write_text(text + f"architecture: {name}\n", encoding="utf-8")
    return kvcalc.load("typed.yaml")


@pytest.mark.parametrize(
    ("model", "draft", "terms", "notes"),
    [
        ("target.yaml", ("llama", DRAFT), {}, []),
        # five layers with one token less of 2,048: 5 x 4,096 B
        ("target.yaml", ("qwen3", SLIDING),
         {"draft: one token less of a window or chunk": -20_480}, []),
        # 10,000 tokens instead of 2,048: 7,952 x 20,480
        ("sliding.yaml", ("gpt_neo", SLIDING),
         {"one token less of a window or chunk": -20_480,
          "draft: windows kept whole, and masked": 162_856_960},
         ["draft: transformers has its own way with Sliding: windows kept whole, and masked"]),
    ],
)  # fmt: skip
def test_an_engine_keeps_a_draft_by_the_drafts_own_rules(
    model: str, draft: tuple[str, str], terms: dict[str, int], notes: list[str]
) -> None:
    answer = kvcalc.show(model, 10_000, 2, draft=of_type(*draft), engine="transformers")
    assert answer.reservation is not None
    assert {t.rule: t.bytes for t in answer.reservation.terms} == {
        rule: 2 * more for rule, more in terms.items()
    }
    assert answer.reserved == answer.stored + 2 * sum(terms.values())
    assert [note for note in answer.notes if "own way" in note] == notes


def test_an_engine_charges_a_draft_to_every_row() -> None:
    answer = kvcalc.compare("target.yaml", context=10, draft="draft.yaml", engine="transformers")
    assert [row.reserved for row in answer.rows] == [10 * 86_016, 10 * 36_864, 10 * 22_528]


def test_what_an_engine_cannot_store_of_a_draft_is_refused_with_the_drafts_option() -> None:
    with pytest.raises(UsageError, match=r"^draft: transformers .*; add --draft-kv-dtype bf16$"):
        kvcalc.show("target.yaml", draft="draft.yaml", draft_kv_dtype="fp8", engine="transformers")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"draft_kv_dtype": "fp8"}, "a draft's dtype is asked for, .*: add --draft MODEL"),
        ({"draft": "draft.yaml", "draft_kv_dtype": "fp9"}, "fp9"),
        ({"draft": "draft.yaml", "draft_kv_dtype": "fp8_ds_mla"},
         "fp8_ds_mla changes nothing in Draft"),
        ({"draft": 7}, "7 is neither a model nor the name of one"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_a_draft(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        kvcalc.show("target.yaml", **asked)
    with pytest.raises(UsageError, match=said):
        kvcalc.compare("target.yaml", "latent.yaml", **asked)


def test_what_is_wrong_with_a_draft_is_told_with_the_rest(model_file: ModelFile) -> None:
    broken = [model_file("name: 7\n", f"{name}.yaml") for name in ("one", "two")]
    with pytest.raises(InputError) as caught:
        kvcalc.show(broken[0], draft=broken[1])
    assert {problem.file for problem in caught.value.problems} == set(broken)


def test_a_field_of_a_drafts_own_file_can_be_ignored() -> None:
    head = {
        "model_type": "llama", "num_hidden_layers": 1, "num_attention_heads": 56,
        "num_key_value_heads": 8, "hidden_size": 7168, "torch_dtype": "bfloat16",
        "kv_cache_colour": "blue",
    }  # fmt: skip
    Path("head.json").write_text(json.dumps(head), encoding="utf-8")
    with pytest.raises(InputError, match="kv_cache_colour"):
        kvcalc.show("deepseek-v3", 10, draft="head.json")
    answer = kvcalc.show("deepseek-v3", 10, draft="head.json", ignore=["kv_cache_colour"])
    assert answer.growth == 70_272 + 2 * 8 * 128 * 2
    assert any(note.startswith("draft: ") and "kv_cache_colour" in note for note in answer.notes)


def test_notes_on_a_draft_say_so_once() -> None:
    asked: dict[str, Any] = {"context": 10_000, "kv_dtype": "fp8", "draft": "draft.yaml"}
    beyond = "draft: context 10,000 is beyond Draft's own 8,192 tokens"
    own = (
        "draft: Draft keeps its own dtype, whichever the model's cache is asked for in; "
        "--draft-kv-dtype says another"
    )
    for answer in (
        kvcalc.show("target.yaml", **asked),
        kvcalc.compare("target.yaml", "latent.yaml", **asked),
    ):
        assert answer.notes == (beyond, own)
    told = kvcalc.show("target.yaml", **asked, draft_kv_dtype="fp8")
    assert told.notes == (beyond,)
    mixed = kvcalc.show("target.yaml", 10, draft="indexed.yaml", draft_kv_dtype="fp8_ds_mla")
    assert mixed.notes == ()


def test_roles_that_a_drafts_layout_leaves_are_noted(model_file: ModelFile) -> None:
    two = model_file(
        "name: Two\nheads: 8\nhead_dim: 64\nlayers: { count: 2, list: [a, b] }\ndtype: bf16\n"
        "attention:\n  a: { kind: mla, latent_dim: 512, rope_dim: 64 }\n"
        "  b: { kind: gqa, kv_heads: 2 }\n"
    )
    answer = kvcalc.show("target.yaml", 1, draft=two, draft_kv_dtype="fp8_ds_mla")
    assert answer.notes == ("draft: fp8_ds_mla does not name k, v: kept in bf16",)


def test_the_query_echoes_a_draft(cli: Cli) -> None:
    ran = cli(
        "show", "target.yaml", "-c", "10", "--draft", "draft.yaml",
        "--draft-kv-dtype", "fp8", "--json",
    )  # fmt: skip
    document = json.loads(ran.out)
    query = {name: document["query"][name] for name in ("draft", "draft_kv_dtype", "kv_dtype")}
    assert query == {"draft": "Draft", "draft_kv_dtype": "fp8", "kv_dtype": None}
    assert [group["name"] for group in document["groups"]] == ["gqa", "draft.gqa"]
    assert document["bytes_per_token"] == 16_384 + 10_240
    compared = json.loads(
        cli("compare", "target.yaml", "--draft", "draft.yaml", "-c", "10", "--json").out
    )
    assert compared["query"]["draft"] == "Draft"
    without = json.loads(cli("compare", "target.yaml", "-c", "10", "--json").out)
    assert (without["query"]["draft"], without["query"]["draft_kv_dtype"]) == (None, None)


def test_models_that_came_with_drafts_of_their_own_are_echoed_with_all_of_them() -> None:
    target, draft, sliding = map(kvcalc.load, ("target.yaml", "draft.yaml", "sliding.yaml"))
    two = kvcalc.compare(
        replace(target, draft=draft), replace(target, draft=sliding), context=10_000
    )
    assert [row.growth for row in two.rows] == [36_864, 16_384]
    assert two.draft == "Draft, Sliding"


def test_lines_of_a_draft_come_out_in_every_format(cli: Cli) -> None:
    show = ("show", "target.yaml", "--draft", "sliding.yaml", "-c", "10000")
    rows = list(csv.DictReader(io.StringIO(cli(*show, "-f", "csv").out)))
    assert [(row["group"], row["layers"], row["stored_bytes"]) for row in rows] == [
        ("gqa", "4", str(10_000 * 8_192)), ("gqa", "4", str(10_000 * 8_192)),
        ("draft.gqa", "5", str(2_048 * 10_240)), ("draft.gqa", "5", str(2_048 * 10_240)),
    ]  # fmt: skip
    lines = [json.loads(line) for line in cli(*show, "-f", "jsonl").out.splitlines()]
    assert [line["bytes_per_token"] for line in lines] == [8_192, 8_192, 0, 0]
    assert "| draft.gqa |" in re.sub(r" +", " ", cli(*show, "-f", "markdown").out)


def test_a_sum_with_a_draft_adds_up_and_names_its_sources(cli: Cli) -> None:
    source = 'sources:\n  - { from: "a paper", says: "5 layers", read: 2026-11-24 }\n'
    Path("told.yaml").write_text(SLIDING + source, encoding="utf-8")
    ran = cli(
        "show", "target.yaml", "--draft", "told.yaml", "-c", "10000", "--engine", "transformers",
        "--explain",
    )  # fmt: skip
    assert "  draft.gqa.k  5 layers x (min(T, 2,048) = 2,048) x" in ran.out
    sums, _, sources = ran.out.partition("sources")
    for part in sums.split("\n\n")[2:6]:
        *items, total = re.findall(r"= +(-?[\d,]+) B$", part, re.MULTILINE)
        amounts = [int(item.replace(",", "")) for item in items]
        assert len(amounts) >= 2
        assert sum(amounts) == int(total.replace(",", "")), part
    assert sources.splitlines() == [
        ": the file names none",
        "sources of the draft",
        "  a paper (read 2026-11-24)",
        "    5 layers",
    ]
    told = json.loads(cli("show", "target.yaml", "--draft", "told.yaml", "--json").out)
    assert [source["origin"] for source in told["sources"]] == ["a paper"]


@pytest.mark.parametrize(
    ("args", "title"),
    [
        (["show", "target.yaml"],
         "Target: 4 layers, 32 heads x 128, bf16, draft Draft, context 100, batch 1"),
        (["compare", "target.yaml", "latent.yaml"],
         "2 models, draft Draft, context 100, batch 1, baseline Target"),
    ],
)  # fmt: skip
def test_titles_name_the_draft(args: list[str], title: str, cli: Cli) -> None:
    ran = cli(*args, "--draft", "draft.yaml", "-c", "100")
    assert ran.out.splitlines()[0] == title


def test_neither_yaml_nor_a_difference_loses_a_draft_without_a_word() -> None:
    drafted = kvcalc.show("target.yaml", 10, draft="draft.yaml").model
    assert drafted.stored(10) == 10 * 36_864
    with pytest.raises(UsageError, match="Target cannot be written as YAML: a draft is beside it"):
        kvcalc.to_yaml(drafted)
    for pair in ((drafted, "target.yaml"), ("target.yaml", drafted)):
        with pytest.raises(UsageError, match="without a draft, and beside one is Draft"):
            kvcalc.diff(*pair)
