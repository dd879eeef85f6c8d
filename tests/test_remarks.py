"""Remarks beside a figure that does not hold: how it could have been meant, worked out by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

CLAIM = """\
claims:
  - id: it
    quote: so they say
    source: {{ from: a paper, read: 2026-11-24, primary: true }}
    model: {model}
    {settings}
    expect: {{ {entry}: {printed} }}
    verdict: refuted
"""

WIDE_KEYS = """\
name: Wide keys
heads: 8
layers: 4
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: k, role: k, heads: 2, width: 96 }
    - { name: v, role: v, heads: 2, width: 32 }
"""
"""Bytes per token 4 x 2 x (96 + 32) x 2 = 2,048; of its keys 1,536; of one layer 512."""

ROWS = [
    # Phi-3: 2 x 32 x 32 x 96 x 2 = 393,216 B, 384 KiB; Yi: 60 x 2 x 8 x 128 x 2, 240 KiB
    ("phi-3-mini-4k", "", "mha.growth", "384 kB", ["right in KiB"]),
    ("yi-34b", "", "native.growth", "240 kB", ["right in KiB"]),
    # 80 x 2 x 8 x 128 x 2 = 327,680 B: 0.3125 MiB, and 131,072 tokens of 4 sequences 160 GiB
    ("llama-3.1-70b", "", "native.growth", "0.31 MB", ["right in MiB"]),
    ("llama-3.1-70b", "batch: 4", "native.stored@128K", "160 GB", ["right in GiB"]),
    ("llama-3.1-70b", "", "native.growth", "327.68 KiB", ["right in kB"]),
    ("llama-3.1-70b", "", "native.growth", '"<320 kB"', ["right in KiB"]),
    ("llama-3.1-70b", "", "native.growth", "327 kB", ["truncated"]),
    # a single layer of 80 is 4,096 B; its keys or its values alone 163,840 B are half of all
    ("llama-3.1-70b", "", "native.growth", "4.096 kB", ["one layer"]),
    ("llama-3.1-70b", "", "native.growth", "163.84 kB", ["K alone", "half"]),
    ("llama-3.1-70b", "", "native.growth", "655.36 kB", ["double"]),
    ("llama-3.1-70b", "", "native.growth", "4 kB", ["one layer"]),
    ("llama-3.1-70b", "", "native.growth", "4.00 kB", ["one layer, in KiB"]),
    ("llama-3.1-70b", "", "native.growth", "160 kB", ["K alone, in KiB", "half, in KiB"]),
    ("llama-3.1-70b", "", "native.growth", "640 kB", ["double, in KiB"]),
    ("llama-3.1-70b", "", "native.growth", "324 kB", []),
    ("llama-3.1-70b", "", "native.growth", '">655 kB"', []),
    # MLA has no values of its own to leave out: 61 x 576 x 2 = 70,272 B
    ("deepseek-v3", "", "mla.growth", "35.136 kB", ["half"]),
    ("deepseek-v3", "", "mla.growth", "1.152 kB", ["one layer"]),
    # 128/16 groups = 8, half of it 4, twice 16; with one digit 8 is 8 and 128 is 100
    ("deepseek-v3", "", "mha/gqa", "10x", []),
    ("deepseek-v3", "", "mha/mqa", "100x", ["right to 1 digit"]),
    ("deepseek-v3", "", "mha/mqa", "130x", ["right to 2 digits"]),
    # 1 - 8/128 = 93.75 %, with one digit 90; 1 - 1/128 = 99.2 %, with one digit 100
    ("deepseek-v3", "", "gqa/mqa", "100%", []),
    ("deepseek-v3", "", "gqa/mqa", "90%", ["right to 1 digit"]),

    ("deepseek-v3", "", "mha/gqa", "4x", ["K alone", "half"]),
    ("deepseek-v3", "", "mha/gqa", "16x", ["K alone", "double"]),
    # the keys of 128 heads, 16,384 elements, over 576: 28.44, or half of 56.89
    ("deepseek-v3", "", "mha/mla", "28.4x", ["K alone", "half"]),
    ("deepseek-v3", "", "mha/mla", "56.8x", ["truncated"]),
    ("deepseek-v3", "", "mha/mla", "60x", ["right to 1 digit"]),
    ("deepseek-v3", "", "mha/mla", "56.0x", []),
    ("deepseek-v3", "", "mha/mla", "50%", []),
    # 2 x 61 x 128 x (576 + 512) x 8,192 = 139,183,783,936; multiply-adds are half as many
    ("deepseek-v3", "", "mla.flops@8192", "69.6 GFLOPs", ["half"]),
    ("deepseek-v3", "", "mla.flops@8192", "139 TFLOPs", []),
    # keys that are wider than values
    ("wide.yaml", "", "native.growth", "1536 B", ["K alone"]),
    ("wide.yaml", "", "native.growth", "1024 B", ["half"]),
    ("wide.yaml", "", "native.growth", "512 B", ["one layer"]),
    # 20 linear layers keep a state whatever T: nothing to compare
    ("mamba2-2.7b", "", "native.growth", "1 kB", []),
]  # fmt: skip


@pytest.mark.parametrize(("model", "settings", "entry", "printed", "remarks"), ROWS)
def test_a_remark_says_how_it_could_have_been_meant(
    model: str,
    settings: str,
    entry: str,
    printed: str,
    remarks: list[str],
    cli: Cli,
    model_file: ModelFile,
) -> None:
    model_file(WIDE_KEYS, "wide.yaml")
    text = CLAIM.format(model=model, settings=settings, entry=entry, printed=printed)
    ran = cli("check", model_file(text, "claims.yaml"), "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["verdict"], result["remarks"]) == (0, "refuted", remarks)


def test_a_figure_that_holds_has_none(cli: Cli, model_file: ModelFile) -> None:
    text = CLAIM.format(model="deepseek-v3", settings="", entry="mha/mla", printed="57x")
    path = model_file(text.replace("verdict: refuted", ""))
    (result,) = json.loads(cli("check", path, "--json").out)["results"]
    assert (result["verdict"], result["remarks"]) == ("confirmed", [])


def test_what_does_not_exist_has_none(cli: Cli, model_file: ModelFile) -> None:
    text = CLAIM.format(
        model="mamba2-2.7b", settings="", entry="native.growth/native.growth", printed="1x"
    )
    (result,) = json.loads(cli("check", model_file(text), "--json").out)["results"]
    assert (result["computed"], result["remarks"]) == ("undefined", [])


def test_a_remark_stands_beside_the_verdict_wherever_it_is_printed(
    cli: Cli, model_file: ModelFile
) -> None:
    text = CLAIM.format(model="yi-34b", settings="", entry="native.growth", printed="240 kB")
    path = model_file(text.replace("verdict: refuted", "verdict: confirmed"))
    told = "240 kB is printed, 245.76 kB computed: refuted (recorded: confirmed), right in KiB"
    assert told in cli("check", path, "-f", "github").out
    assert told in cli("check", path, "-f", "junit").out
    assert "\n- Remark: right in KiB\n" in cli("check", path, "-f", "markdown").out
    header, row, *_ = cli("check", path).out.splitlines()
    assert row[header.index("remark") :].startswith("right in KiB")
    assert "remark" not in cli("check", "deepseek-v3").out


TWO_REMARKS = """\
name: Halves
heads: 8
head_dim: 128
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
"""


def test_several_remarks_are_told_as_choices(cli: Cli, model_file: ModelFile) -> None:
    # 4 layers x 2 (key and value) x 2 heads x 128 x 2 B = 4,096 B a token; the keys are a half
    path = model_file(f"{TWO_REMARKS}expect: {{ native.growth: 2.048 kB }}")
    told = "2.048 kB is printed, 4.096 kB computed: refuted (recorded: confirmed), K alone or half"
    assert told in cli("check", path, "-f", "github").out
    below = "FAILED (4.096 kB, K alone or half)"
    assert below in cli("compare", path).out


def test_nothing_is_divided_by_keys_that_are_not_there(cli: Cli, model_file: ModelFile) -> None:
    text = WIDE_KEYS.replace("    - { name: k, role: k, heads: 2, width: 96 }\n", "")
    path = model_file(f"{text}expect: {{ native/native: 3x }}")
    (result,) = json.loads(cli("check", path, "--json").out)["results"]
    assert (result["computed"], result["remarks"]) == ("1x", [])


def test_an_expectation_of_a_model_has_remarks_too(cli: Cli, model_file: ModelFile) -> None:
    path = model_file(f"{WIDE_KEYS}expect: {{ native.growth: 2 kB, native.stored@1000: 1.95 MB }}")
    results = json.loads(cli("check", path, "--json").out)["results"]
    assert [(r["verdict"], r["remarks"]) for r in results] == [
        ("confirmed", []),
        ("refuted", ["right in MiB"]),
    ]
