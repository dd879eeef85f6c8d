"""Documents for machines, tables for documents, and sums that add up to the byte."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from jsonschema import Draft202012Validator

import kvcalc
from kvcalc import bundle, catalog, question
from kvcalc.errors import UsageError
from kvcalc.queries.diff import diff
from kvcalc.queries.listing import Listing
from kvcalc.render import Style, render
from kvcalc.render.schema import output_schema
from kvcalc.render.show import RECORDS as RECORDS_OF_SHOW
from tests.documents import cells, closed, validator_of

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

    Told = Callable[..., str]

MIXED = """\
name: Mixed|Bag
layers: { count: 7, pattern: [sparse, recurrent*2] }
dtype: bf16
attention:
  sparse:
    kind: custom
    tensors:
      - { name: third, role: latent, width: 5, dtype: fp8, every: 3 }
      - { name: block, role: index, width: 8, every: { stride: 16, first: 32 } }
  recurrent:
    kind: custom
    tensors:
      - { name: state, role: state, heads: 4, width: 8, fixed: 1 }
expect:
  native.growth: 14 B
  native/native@1: 1x
max_context: 1000
"""
"""3 sparse and 4 recurrent layers."""

REFUTED = """\
name: Refuted
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
expect:
  mha/gqa: 4x
  mha/mqa: 9x
"""

EMPTY = """\
name: Empty
layers: 1
dtype: bf16
attention: { kind: custom, tensors: [{ name: late, role: latent, width: 8, every: 64 }] }
expect:
  native/native@63: 1x
"""
"""Nothing is stored before token 64, and nothing over nothing is no ratio."""

ANSWERS = {
    "compare": (("compare", "deepseek-v3"), ""),
    "compare several": (("compare", "llama-3.1-405b", "deepseek-v3", "gemma-3-27b"), ""),
    "compare, a ratio to zero": (("compare", "mistral-7b-v0.1", "--metric", "growth"), ""),
    "compare, a ratio of zero": (
        ("compare", "mistral-7b-v0.1", "--metric", "growth", "--baseline", "native"),
        "",
    ),
    "compare, with a note": (("compare", "falcon-7b", "-c", "1M", "-b", "3", "-q"), ""),
    "compare, without heads": (("compare", "-", "-q"), MIXED),
    "compare, with an engine": (("compare", "gemma-3-27b", "--engine", "transformers"), ""),
    "show": (("show", "deepseek-v3"), ""),
    "show, with an engine": (("show", "gemma-3-27b", "-b", "3", "--engine", "transformers"), ""),
    "show, layered": (("show", "gemma-3-27b", "-b", "3"), ""),
    "show, mixed": (("show", "-", "-c", "100"), MIXED),
    "show, nothing stored": (("show", "-", "-c", "1"), EMPTY),
    "fit": (("fit", "deepseek-v3", "--memory", "40GiB", "--tp", "8", "--pp", "2"), ""),
    "fit, too little, with an engine": (
        ("fit", "falcon-7b", "gemma-3-27b", "--memory", "1GB", "--engine", "transformers"),
        "",
    ),
    "fit, on GPUs": (
        ("fit", "llama-3.1-70b", "--gpu", "h100", "--gpus", "4", "-b", "99", "--engine", "vllm"),
        "",
    ),
    "fit, a mix that rests elsewhere": (
        (
            *("fit", "llama-3.1-8b", "--available", "9GiB", "-c", "2K:50%,8K:50%"),
            *("--offload", "--host-memory", "1TB", "--link", "64GB/s"),
        ),
        "",
    ),
    "fit, nothing stored": (("fit", "-", "-c", "1", "--memory", "1GB"), EMPTY),
    "check": (("check", "deepseek-v3", "gemma-3-27b"), ""),
    "check, refuted": (("check", "-"), REFUTED),
    "check, undefined": (("check", "-"), EMPTY),
    "list": (("list",), ""),
}

FEW = ("deepseek-v3", "falcon-7b", "gemma-3-27b", "llama-3.1-405b", "mistral-7b-v0.1")

every_answer = pytest.mark.parametrize(("args", "stdin"), ANSWERS.values(), ids=ANSWERS)


@pytest.fixture(scope="module")
def told(cli: Cli) -> Told:
    """What a command prints, asked once; `list` has a few models, not all."""
    bundled = {name: bundle.bundled()[name] for name in FEW}

    @functools.cache
    def run(*args: str, stdin: str = "") -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bundle, "bundled", lambda: bundled)
            return cli(*args, stdin=stdin).out

    return run


def parsed(text: str) -> Any:
    def never(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=never)


def elements(document: Any) -> list[dict[str, Any]]:
    """The document's list, as CSV and JSON lines print it."""
    match document["kind"]:
        case "compare" | "fit":
            return list(document["rows"])
        case "check":
            return list(document["results"])
        case "list":
            return list(document["models"])
        case _:
            return [
                {"group": group["name"], "layers": group["layers"], **tensor}
                for group in document["groups"]
                for tensor in group["tensors"]
            ]


def mappings(value: Any) -> list[dict[str, Any]]:
    """Every JSON object inside a value."""
    if isinstance(value, list):
        return [found for item in value for found in mappings(item)]
    if not isinstance(value, dict):
        return []
    return [value, *(found for item in value.values() for found in mappings(item))]


@pytest.fixture(scope="module")
def validator(told: Told) -> Draft202012Validator:
    return validator_of(closed(parsed(told("schema", "output"))))


@every_answer
def test_json_is_one_document_that_its_schema_describes_in_full(
    args: tuple[str, ...], stdin: str, told: Told, validator: Draft202012Validator
) -> None:
    text = told(*args, "--json", stdin=stdin)
    assert text.endswith("}\n")
    validator.validate(parsed(text))


CONTRACT = {
    "compare": {"schema_version", "kvcalc_version", "kind", "query", "baseline", "rows", "expect"},
    "show": {
        "schema_version",
        "kvcalc_version",
        "kind",
        "query",
        "model",
        "stored_bytes",
        "read_bytes_per_step",
        "bytes_per_token",
        "bytes_per_token_exact",
        "fixed_bytes",
        "reserved_bytes",
        "reserved_terms",
        "groups",
        "notes",
    },
    "fit": {"schema_version", "kvcalc_version", "kind", "query", "rows", "notes"},
    "check": {"schema_version", "kvcalc_version", "kind", "passed", "failed", "results"},
    "list": {"schema_version", "kvcalc_version", "kind", "word", "models"},
}

ELEMENT = {
    "compare": {
        "model",
        "scheme",
        "native",
        "stored_bytes",
        "bytes_per_token",
        "bytes_per_token_exact",
        "fixed_bytes",
        "read_bytes_per_step",
        "reserved_bytes",
        "reserved_terms",
        "ratio",
        "ratio_exact",
        "notes",
    },
    "show": {"name", "role", "entries", "bytes_per_entry", "stored_bytes"},
    "fit": {
        "model",
        "cache_bytes_available",
        "largest_context",
        "largest_batch",
        "fits",
        "engine_report",
        "notes",
        "stored_bytes",
        "reserved_bytes",
        "short_bytes",
        "rank",
    },
    "check": {
        "id",
        "file",
        "line",
        "printed",
        "computed",
        "computed_exact",
        "verdict",
        "expected",
        "ok",
        "note",
    },
    "list": {
        "name",
        "file",
        "vendor",
        "attention",
        "layers",
        "context",
        "bytes_per_token",
        "fixed_bytes",
        "max_context",
        "confidence",
    },
}


@every_answer
def test_json_has_the_keys_of_the_contract(args: tuple[str, ...], stdin: str, told: Told) -> None:
    document = parsed(told(*args, "--json", stdin=stdin))
    assert (document["schema_version"], document["kind"]) == (1, args[0])
    assert document["kvcalc_version"] == kvcalc.__version__
    assert CONTRACT[args[0]] <= document.keys()
    assert elements(document)
    for element in elements(document):
        assert ELEMENT[args[0]] <= element.keys()
    for result in document.get("expect", []):
        assert ELEMENT["check"] <= result.keys()
    if args[0] in ("compare", "show", "fit"):
        assert {"context", "batch"} <= document["query"].keys()


@every_answer
def test_json_numbers_are_whole_or_have_an_exact_twin(
    args: tuple[str, ...], stdin: str, told: Told
) -> None:
    for found in mappings(parsed(told(*args, "--json", stdin=stdin))):
        for key, value in found.items():
            if key in ("stored_bytes", "fixed_bytes", "read_bytes_per_step", "bytes_per_entry"):
                assert type(value) is int
            if key.endswith("_bytes"):
                assert value is None or type(value) is int
            if isinstance(value, float):
                assert math.isfinite(value)
            if key.endswith("_exact") and value is not None:
                assert re.fullmatch(r"\d+/\d+", value)
        if "bytes_per_token" in found:
            exact = Fraction(found["bytes_per_token_exact"])
            assert type(found["bytes_per_token"]) is (int if exact.denominator == 1 else float)
            assert found["bytes_per_token"] == float(exact)
        if "ratio" in found:
            exact_ratio = found["ratio_exact"]
            assert found["ratio"] == (exact_ratio and float(Fraction(exact_ratio)))


def test_bytes_per_token_may_be_a_fraction(told: Told) -> None:
    document = parsed(told("show", "-", "-c", "100", "--json", stdin=MIXED))
    third, block, state = elements(document)
    assert (third["bytes_per_token"], third["bytes_per_token_exact"]) == (5, "5/1")  # 3 x 5 / 3
    assert (block["bytes_per_token"], block["bytes_per_token_exact"]) == (3, "3/1")  # 3 x 16 / 16
    assert (state["bytes_per_token"], state["bytes_per_token_exact"]) == (0, "0/1")
    one_layer = MIXED.replace("count: 7", "count: 3")
    document = parsed(told("show", "-", "-c", "100", "--json", stdin=one_layer))
    assert document["bytes_per_token_exact"] == "8/3"  # 5 / 3 + 16 / 16
    assert document["bytes_per_token"] == pytest.approx(8 / 3)


def test_a_ratio_to_zero_is_null(told: Told) -> None:
    args = ("compare", "mistral-7b-v0.1", "--metric", "growth")
    (native,) = [row for row in parsed(told(*args, "--json"))["rows"] if row["native"]]
    assert (native["bytes_per_token"], native["ratio"], native["ratio_exact"]) == (0, None, None)
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(told(*args, "-f", "csv")))
        if row["native"] == "true"
    ]
    assert (row["ratio"], row["ratio_exact"]) == ("", "")


def test_an_undefined_figure_is_refuted_and_null(told: Told) -> None:
    (result,) = parsed(told("check", "-", "--json", stdin=EMPTY))["results"]
    assert (result["computed_exact"], result["verdict"], result["ok"]) == (None, "refuted", False)


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.startswith("show")])
def test_the_tensors_of_show_add_up_to_its_totals(name: str, told: Told) -> None:
    args, stdin = ANSWERS[name]
    document = parsed(told(*args, "--json", stdin=stdin))
    tensors = elements(document)
    growths = [Fraction(tensor["bytes_per_token_exact"]) for tensor in tensors]
    stored = [tensor["stored_bytes"] for tensor in tensors]
    assert document["stored_bytes"] == sum(stored)
    assert document["read_bytes_per_step"] == sum(t["read_bytes_per_step"] for t in tensors)
    assert Fraction(document["bytes_per_token_exact"]) == sum(growths)
    assert document["fixed_bytes"] == sum(
        size for size, growth in zip(stored, growths, strict=True) if not growth
    )
    batch = document["query"]["batch"]
    for tensor in tensors:
        product = batch * tensor["layers"] * tensor["entries"] * tensor["bytes_per_entry"]
        assert tensor["stored_bytes"] == product


PER_LAYER = "stored_bytes_per_layer", "bytes_per_token_per_layer", "read_bytes_per_step_per_layer"


@pytest.mark.parametrize(
    ("args", "group", "tensor", "layer"),
    [
        # 32 heads x 128 x 2 B = 8,192 B of k a token; 4,096 tokens of it, and of v as much
        (("llama-2-7b", "-c", "4096"), "mha", [4_096 * 8_192, 8_192, 4_096 * 8_192],
         [67_108_864, 16_384, 67_108_864]),
        # 8 KV heads x 128 x 2 B x (k, v) = 4,096 B a token and layer
        (("llama-3.1-70b", "-c", "4096", "-b", "3"), "gqa",
         [3 * 4_096 * 2_048, 2_048, 3 * 4_096 * 2_048],
         [3 * 4_096 * 4_096, 4_096, 3 * 4_096 * 4_096]),
        # a full window grows no more: 1,024 x 16 x 128 x 2 B, and v as much
        (("gemma-3-27b",), "local", [4_194_304, 0, 4_194_304], [8_388_608, 0, 8_388_608]),
        # 512 fp8 of latent, of which a step reads 2,048; 64 of rope in bf16, index keys 128 + 4
        (("deepseek-v3.2", "-c", "4096", "--kv-dtype", "fp8"), "dsa",
         [4_096 * 512, 512, 2_048 * 512],
         [4_096 * (512 + 64 + 132), 512 + 64 + 132, 2_048 * 576 + 4_096 * 132]),
    ],
)  # fmt: skip
def test_one_layer_of_a_group(
    args: tuple[str, ...], group: str, tensor: list[int], layer: list[int], told: Told
) -> None:
    document = parsed(told("show", *args, "--json"))
    (found,) = [one for one in document["groups"] if one["name"] == group]
    assert [found[key] for key in PER_LAYER] == layer
    assert [found["tensors"][0][key] for key in PER_LAYER] == tensor
    assert found["bytes_per_token_per_layer_exact"] == f"{layer[1]}/1"


def test_one_layer_may_grow_by_a_fraction(told: Told) -> None:
    document = parsed(told("show", "-", "-c", "100", "--json", stdin=MIXED))
    third = document["groups"][0]["tensors"][0]
    # 5 B once in 3 tokens
    assert third["bytes_per_token_per_layer_exact"] == "5/3"
    assert third["bytes_per_token_per_layer"] == pytest.approx(5 / 3)


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.startswith("show")])
def test_the_layers_of_show_add_up_to_its_groups(name: str, told: Told) -> None:
    args, stdin = ANSWERS[name]
    document = parsed(told(*args, "--json", stdin=stdin))
    for group in document["groups"]:
        for key in PER_LAYER:
            whole = key.removesuffix("_per_layer")
            times = group["layers"]
            exact = "_exact" if "token" in key else ""
            kept = [Fraction(tensor[whole + exact]) for tensor in group["tensors"]]
            assert [times * Fraction(t[key + exact]) for t in group["tensors"]] == kept
            assert times * Fraction(group[key + exact]) == sum(kept)


def test_a_row_for_one_layer_of_each_group(told: Told) -> None:
    plain = told("show", "gemma-3-27b", "--metric", "flops")
    lines = told("show", "gemma-3-27b", "--metric", "flops", "--per-layer").splitlines()
    # one layer of the window: 1,024 x 2 x 16 x 128 x 2 B = 8.39 MB, 2 x 2 x 32 x 128 x 1,024 FLOPs
    local = "local 1 one layer 0 8,388,608 8.39 MB 8.39 MB 16.8 MFLOPs"
    far = "global 1 one layer 8,192 1,073,741,824 1.07 GB 1.07 GB 2.1 GFLOPs"
    rows = [" ".join(line.split()) for line in lines]
    assert [row for row in rows if "one layer" in row] == [local, far]
    assert [" ".join(line.split()) for line in plain.splitlines()] == [
        row for row in rows if "one layer" not in row
    ]


@every_answer
def test_json_lines_are_the_documents_list(args: tuple[str, ...], stdin: str, told: Told) -> None:
    text = told(*args, "-f", "jsonl", stdin=stdin)
    assert text.endswith("}\n")
    lines = [parsed(line) for line in text.splitlines()]
    wanted = elements(parsed(told(*args, "--json", stdin=stdin)))
    assert [line | element for line, element in zip(lines, wanted, strict=True)] == lines
    for line, element in zip(lines, wanted, strict=True):
        assert list(line)[: len(element)] == list(element)
        assert line["kvcalc_version"] == kvcalc.__version__


def _joined(parts: dict[str, Any]) -> str:
    return ": ".join(str(part) for part in parts.values() if part != "")


def cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "; ".join(_joined(one) if isinstance(one, dict) else cell(one) for one in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)


@every_answer
def test_csv_is_the_documents_list_under_the_same_keys(
    args: tuple[str, ...], stdin: str, told: Told
) -> None:
    text = told(*args, "-f", "csv", stdin=stdin)
    assert "\r" not in text
    header, *rows = csv.reader(io.StringIO(text))
    wanted = [parsed(line) for line in told(*args, "-f", "jsonl", stdin=stdin).splitlines()]
    assert header == list(wanted[0])
    assert rows == [[cell(element[key]) for key in header] for element in wanted]


BOTH = """\
name: Both
heads: 4
head_dim: 64
dtype: bf16
layers: { count: 2, list: [latent, whole] }
attention:
  latent: { kind: mla, latent_dim: 512, rope_dim: 64 }
  whole: { kind: gqa, kv_heads: 2 }
"""
OWN = {"batch": 1, "mtp": False, "mtp_layers": None, "source_length": None, "engine": None}
DRAFTED = ("--draft", "mistral-7b-v0.1", "--draft-kv-dtype", "fp8")


@pytest.mark.parametrize(
    ("args", "stdin", "which", "said"),
    [
        (
            ("compare", "deepseek-v3"),
            "",
            -1,
            OWN
            | {"model": "DeepSeek-V3", "context": 131_072, "kv_dtype": "bf16", "index_dtype": None}
            | {"draft": None, "draft_kv_dtype": None, "metric": "stored", "baseline": "mha"},
        ),
        (
            ("compare", "gemma-3-27b", "-c", "8K", "-b", "3", "--kv-dtype", "q8_0/q4_0"),
            "",
            0,
            OWN | {"context": 8_192, "batch": 3, "kv_dtype": "q8_0/q4_0", "index_dtype": None},
        ),
        (
            ("compare", "deepseek-v3", "llama-3.1-405b", "--metric", "read"),
            "",
            1,
            OWN | {"model": "Llama 3.1 405B", "metric": "read", "baseline": "DeepSeek-V3"},
        ),
        (
            ("show", "falcon-7b", *DRAFTED),
            "",
            0,
            OWN
            | {"model": "Falcon-7B", "kv_dtype": "bf16", "draft_kv_dtype": "fp8"}
            | {"draft": "Mistral 7B v0.1", "ignored": []},
        ),
        (
            ("show", "falcon-7b", *DRAFTED[:2], "--engine", "transformers"),
            "",
            0,
            {"draft_kv_dtype": "bf16", "engine": "transformers"},
        ),
        (("show", "-", "-c", "100"), MIXED, 0, {"model": "Mixed|Bag", "index_dtype": "bf16"}),
        (("show", "-", "-c", "9", "--index-dtype", "none"), MIXED, 0, {"index_dtype": "none"}),
        (
            ("list",),
            "",
            0,
            {"name": "DeepSeek-V3", "context": 131_072, "batch": 1, "kv_dtype": "bf16"}
            | {"index_dtype": None, "engine": None},
        ),
    ],
)
def test_a_row_on_its_own_says_what_it_is(
    args: tuple[str, ...], stdin: str, which: int, said: dict[str, Any], told: Told
) -> None:
    row = parsed(told(*args, "-f", "jsonl", stdin=stdin).splitlines()[which])
    assert {name: row[name] for name in said} == said


def test_each_row_has_the_index_keys_that_it_keeps(cli: Cli) -> None:
    lines = map(json.loads, cli("compare", "deepseek-v3.2", "-f", "jsonl").out.splitlines())
    kept = {row["scheme"]: row["index_dtype"] for row in lines}
    assert (kept["mha"], kept["dsa"]) == (None, "fp8 + fp32 scale")


@pytest.mark.parametrize(
    ("model", "dtype", "kept"),
    [
        ("deepseek-v3", "fp8_ds_mla", {"mha": "bf16", "mla-expanded": "bf16", "mla": "fp8_ds_mla"}),
        ("deepseek-v3", "fp8", {"mha": "fp8", "mla-expanded": "fp8", "mla": "fp8"}),
        ("kimi-linear-48b", "fp8", {"mha": "fp8", "native": "fp8"}),  # states have their own
        ("-", "fp8_ds_mla", {"mha": "bf16", "native": "fp8_ds_mla, bf16"}),
    ],
)
def test_each_row_has_the_dtype_that_it_is_kept_in(
    model: str, dtype: str, kept: dict[str, str], cli: Cli
) -> None:
    asked = ("compare", model, "--kv-dtype", dtype, "-f", "jsonl")
    lines = cli(*asked, stdin=BOTH if model == "-" else "").out.splitlines()
    rows = {row["scheme"]: row["kv_dtype"] for row in map(json.loads, lines)}
    assert {name: rows[name] for name in kept} == kept


def test_a_setting_of_questions_is_one_of_rows() -> None:
    settings = {field.name for field in dataclasses.fields(question.Question)}
    assert settings <= set(RECORDS_OF_SHOW.header)


@every_answer
def test_markdown_is_a_table_of_as_many_rows(args: tuple[str, ...], stdin: str, told: Told) -> None:
    text = told(*args, "-f", "markdown", stdin=stdin)
    assert text.endswith("\n")
    assert "\x1b" not in text
    header, rule, *rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    wanted = elements(parsed(told(*args, "--json", stdin=stdin)))
    totals = 1 if args[0] == "show" else 0
    assert len(rows) == len(wanted) + totals
    assert {len(row) for row in (header, rule, *rows)} == {len(header)}
    assert [mark for mark in rule if not re.fullmatch(r"-{2,}[-:]", mark)] == []
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1


def test_markdown_shows_what_the_table_shows(told: Told) -> None:
    text = told("compare", "deepseek-v3", "-f", "markdown")
    assert text.startswith("**DeepSeek-V3: 61 layers, 128 heads x 128, bf16, context 131,072, ")
    header, rule, *rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    numbers = [title for title, mark in zip(header, rule, strict=True) if mark.endswith(":")]
    assert header[0] == "scheme"
    assert numbers == header[1:]
    (native,) = [dict(zip(header, row, strict=True)) for row in rows if "(ships)" in row[0]]
    assert native["exact B"] == f"{61 * (512 + 64) * 2:,}"
    assert native["per token"] == "70.3 kB"
    assert native["per sequence"] == "9.21 GB"
    assert native["mha / this"] == "56.89x"


def test_a_pipe_in_a_name_is_escaped_in_markdown(told: Told) -> None:
    text = told("compare", "-", "-f", "markdown", "-q", stdin=MIXED)
    assert "Mixed\\|Bag" in text
    assert "Mixed|Bag" not in text


NUMBER = r"[\d,]+(?:\.\d+)?(?:/[\d,]+)?"


def number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def factors(text: str) -> list[Fraction]:
    """The numbers multiplied: `3 layers`, `(min(T, 8) = 8)`, `(2 heads x 4 x 2 = 16 B)`."""
    parts, depth = [""], 0
    for word in re.split(r"( x |[()])", text):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == " x " and not depth:
            parts.append("")
        else:
            parts[-1] += word
    return [number(re.findall(NUMBER, part)[-1 if part[0] == "(" else 0]) for part in parts]


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        (("deepseek-v3",), ""),
        (("gemma-3-27b", "-b", "3"), ""),
        (("gemma-3-27b", "-c", "1"), ""),
        (("mistral-7b-v0.1", "-c", "5000"), ""),
        (("-", "-c", "100"), MIXED),
        (("-", "-c", "1000", "-b", "7"), MIXED.replace("count: 7", "count: 2")),
        (("-", "-c", "63"), EMPTY),
    ],
)
def test_the_items_of_explain_add_up_to_the_byte(
    args: tuple[str, ...], stdin: str, told: Told
) -> None:
    document = parsed(told("show", *args, "--json", stdin=stdin))
    wanted = {
        "stored": Fraction(document["stored_bytes"]),
        "growth": Fraction(document["bytes_per_token_exact"]),
        "read": Fraction(document["read_bytes_per_step"]),
    }
    sums: dict[str, Fraction] = {}
    items: list[Fraction] = []
    for line in told("show", *args, "--explain", stdin=stdin).splitlines():
        if total := re.fullmatch(rf"  (stored|growth|read) = ({NUMBER}) B", line):
            assert len(items) == len(elements(document))
            assert sum(items) == number(total[2])
            sums[total[1]] = number(total[2])
            items = []
        elif item := re.fullmatch(rf"  \S+  (.+?) += +({NUMBER}) B", line):
            assert math.prod(factors(item[1])) == number(item[2])
            items.append(number(item[2]))
    assert sums == wanted


@pytest.mark.parametrize(
    "args",
    [("gemma-3-27b",), ("gemma-3-27b", "-b", "3", "--metric", "read"), ("deepseek-v3",)],
    ids=" ".join,
)
def test_explain_leads_from_what_is_stored_to_what_an_engine_charges(
    args: tuple[str, ...], told: Told
) -> None:
    asked = ("show", *args, "--engine", "transformers")
    document = parsed(told(*asked, "--json"))
    _, _, block = told(*asked, "--explain").partition(
        "\nreserved by transformers 5.24.0 at T = 131,072"
    )
    found = re.findall(rf"^  (.+?) += +(-?{NUMBER}) B$", block.partition("\n\n")[0], re.MULTILINE)
    (stored, *terms, charged) = [(rule, number(size)) for rule, size in found]
    assert stored == ("stored", document["stored_bytes"])
    assert terms == [(term["rule"], term["bytes"]) for term in document["reserved_terms"]]
    assert charged == ("reserved", document["reserved_bytes"])
    assert charged[1] == stored[1] + sum(size for _, size in terms)


def test_without_an_engine_nothing_is_reserved(told: Told) -> None:
    document = parsed(told("show", "gemma-3-27b", "--json"))
    assert (document["reserved_bytes"], document["reserved_terms"]) == (None, None)
    assert "reserved" not in told("show", "gemma-3-27b", "--explain")


def test_explain_names_what_was_read(cli: Cli) -> None:
    model = catalog.load("deepseek-v3")
    shown = cli("show", "deepseek-v3", "--explain").out
    assert model.sources
    for source in model.sources:
        assert source.origin in shown
        assert source.says in shown
        assert source.read in shown


def test_explain_shows_this_models_numbers(told: Told) -> None:
    words = " ".join(told("show", "gemma-3-27b", "--explain").split())
    assert "local.k 52 layers x (min(T, 1,024) = 1,024) x (16 heads x 128 x 2 = 4,096 B)" in words
    assert "global.v 10 layers x 131,072 x (16 heads x 128 x 2 = 4,096 B)" in words


def test_a_model_whose_layers_keep_nothing_is_explained(cli: Cli, model_file: ModelFile) -> None:
    layers = "layers: { count: 2, pattern: [none] }\nmtp: 1\n"
    text = f"name: M\n{layers}dtype: bf16\nheads: 4\nhead_dim: 8\nattention: {{ kind: mha }}\n"
    assert "stored = 0 B" in cli("show", model_file(text), "--explain").out


# what no question shows alone


def test_a_list_of_nothing_still_has_a_header(told: Told) -> None:
    header, *_ = told("list", "-f", "csv").splitlines()
    assert render(Listing(()), "csv", Style()) == header + "\n"
    assert render(Listing(()), "jsonl", Style()) == ""


@pytest.mark.parametrize("name", ["github", "junit", "sarif"])
def test_what_checks_nothing_has_no_report_for_ci(name: str) -> None:
    with pytest.raises(UsageError, match="what is checked"):
        render(Listing(()), name, Style())


def test_an_unknown_format_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean json or jsonl"):
        render(Listing(()), "jsonn", Style())


@every_answer
def test_the_schema_tells_documents_apart_by_their_kind(
    args: tuple[str, ...], stdin: str, told: Told, validator: Draft202012Validator
) -> None:
    document = parsed(told(*args, "--json", stdin=stdin))
    for kind in {"compare", "show", "check", "list", "diff", "other"} - {document["kind"]}:
        assert not validator.is_valid({**document, "kind": kind})


def test_a_setting_of_questions_is_one_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(question.Asked, total=False):
        block: int | None

    monkeypatch.setattr(question, "Asked", Asked)
    defined = output_schema()["$defs"]
    for name in ("ShowQueryDocument", "CompareQueryDocument"):
        assert "block" in defined[name]["required"]
        assert defined[name]["properties"]["block"] == {
            "anyOf": [{"type": "integer"}, {"type": "null"}]
        }


def test_a_difference_is_an_answer_like_others(validator: Draft202012Validator) -> None:
    difference = diff(catalog.load("deepseek-v3"), catalog.load("gemma-3-27b"))
    document = parsed(render(difference, "json", Style()))
    validator.validate(document)
    wanted = [
        {"part": part, **changed} for part in ("cache", "facts") for changed in document[part]
    ]
    lines = render(difference, "jsonl", Style()).splitlines()
    files = {"file": "deepseek-v3.yaml", "other_file": "gemma-3-27b.yaml"}
    said = files | {"kvcalc_version": kvcalc.__version__}
    assert [parsed(line) for line in lines] == [row | said for row in wanted]
    rows = list(csv.DictReader(io.StringIO(render(difference, "csv", Style()))))
    assert rows == [row | said for row in wanted]
    text = render(difference, "markdown", Style())
    assert "**DeepSeek-V3 and Gemma 3 27B do not keep the same cache**" in text
    header, _, *shown = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert header == ["part", "what", "DeepSeek-V3", "Gemma 3 27B"]
    assert [row[2:] for row in shown] == [[row["model"], row["other"]] for row in wanted]
