"""Claims files: the verdict on each claim, by hand, and every claim that is bundled."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import yaml

import kvcalc
from kvcalc import InputError
from tests.figures import changed

if TYPE_CHECKING:
    from tests.conftest import Cli

VERDICTS = ("confirmed", "holds-if", "misattributed", "refuted", "not-computable")

MODELS = {
    "plain": """\
name: Plain
heads: 32
head_dim: 128
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 8 }
""",
    "latent": """\
name: Latent
heads: 128
head_dim: 128
layers: 2
dtype: bf16
attention: { kind: mla, latent_dim: 512, rope_dim: 64 }
mtp: 1
compare: { gqa: { groups: 16 } }
max_context: 8192
""",
    "sparse": """\
name: Sparse
heads: 128
head_dim: 128
layers: 1
dtype: bf16
attention:
  { kind: dsa, latent_dim: 512, rope_dim: 64, index_heads: 64, index_dim: 128, top_k: 2048 }
""",
    "state": """\
name: State
layers: 2
dtype: bf16
attention:
  kind: custom
  tensors: [{ name: s, role: state, heads: 16, width: 1024, fixed: 1, reads: read_write }]
""",
    "cross": """\
name: Cross
heads: 20
head_dim: 64
layers: { count: 2, pattern: [self+cross] }
dtype: fp16
attention: { self: { kind: mha }, cross: { kind: mha, cross: true } }
source_length: 1500
""",
}
"""Bytes per token: Plain 4 x 2 x 8 x 128 x 2 = 16,384, as MHA 65,536, as MQA 2,048;
Latent 2 x (512 + 64) x 2 = 2,304, as MHA 2 x 2 x 128 x 128 x 2 = 131,072;
Sparse (512 + 64) x 2 + 128 + 4 = 1,284; Cross 2 x 2 x 20 x 64 x 2 = 10,240 and that per source
token. State holds 2 x 16 x 1,024 x 4 = 131,072 B and moves them twice in a step."""


class Judge(Protocol):
    """Checks a claims file of these claims; the exit code, and the results as JSON has them."""

    def __call__(self, *claims: str) -> tuple[int, list[dict[str, Any]]]: ...


def claim(body: str, name: str = "it") -> str:
    """A claim with an id, a quote and a source, and with what a test is about."""
    head = f"id: {name}\nquote: so they say\nsource: {{ from: a paper, read: 2026-11-24, "
    lines = textwrap.indent(f"{head}primary: true }}\n{body}\n", "    ")
    return f"  - {lines[4:]}"


def written(folder: Path, *claims: str, name: str = "claims.yaml") -> str:
    """A claims file beside the models of this module."""
    for model, text in MODELS.items():
        (folder / f"{model}.yaml").write_text(text, encoding="utf-8")
    path = folder / name
    path.write_text("claims:\n" + "".join(claims), encoding="utf-8")
    return str(path)


@pytest.fixture
def judge(cli: Cli, tmp_path: Path) -> Judge:
    def run(*claims: str) -> tuple[int, list[dict[str, Any]]]:
        ran = cli("check", written(tmp_path, *claims), "--json")
        assert ran.code in (0, 1), ran.err
        return ran.code, json.loads(ran.out)["results"]

    return run


CASES = {
    "confirmed: a ratio of schemes": (
        "model: plain.yaml\nexpect: { mha/gqa: 4x }",
        "confirmed",
        "4",
        "65,536 / 16,384",
    ),
    "confirmed: a reduction": (
        "model: plain.yaml\nexpect: { mha/mqa: 96.9% }",
        "confirmed",
        "31/32",
        "1 - 2,048 / 65,536 = 96.875%",
    ),
    "confirmed: a share": (
        "model: latent.yaml\nexpect: { mla/mha: 0.018x }",
        "confirmed",
        "9/512",
        "2,304 / 131,072 = 0.01758",
    ),
    "confirmed: a size per token": (
        "model: plain.yaml\nexpect: { gqa.growth: 16.384 kB }",
        "confirmed",
        "16384",
        "4 x 2 x 8 x 128 x 2",
    ),
    "confirmed: a size with an exponent": (
        "model: plain.yaml\nexpect: { gqa.stored@1000: 1.6384e7 B }",
        "confirmed",
        "16384000",
        "1,000 x 16,384",
    ),
    "confirmed: elements, of 8 bits each": (
        "model: plain.yaml\nkv_dtype: 8bit\nexpect: { gqa.growth: 8.192 kB }",
        "confirmed",
        "8192",
        "4 x 2 x 8 x 128 elements",
    ),
    "confirmed: needs no assumption": (
        "model: plain.yaml\nexpect: { mha/gqa: 4x }\nholds_if: { kv_dtype: fp8 }",
        "confirmed",
        "4",
        "65,536 / 16,384",
    ),
    "confirmed: ships what it says": (
        "model: latent.yaml\nexpect: { mha/mla: 57x }\nships: mla",
        "confirmed",
        "512/9",
        "131,072 / 2,304 = 56.89",
    ),
    "confirmed: ships itself": (
        "model: latent.yaml\nexpect: { mha/native: 57x }\nships: native",
        "confirmed",
        "512/9",
        "131,072 / 2,304",
    ),
    "holds-if: stored in fewer bits": (
        "of: { before: { model: plain.yaml }, after: { model: plain.yaml } }\n"
        "expect: { before/after: 62.5% }\n"
        "holds_if: { of: { after: { kv_dtype: 6bit } } }",
        "holds-if",
        "0",
        "1 - 1 as stated, 1 - 6 / 16 = 62.5% with 6 bits",
    ),
    "holds-if: the one model in fewer bits": (
        "model: plain.yaml\nexpect: { gqa.growth: 8.2 kB }\nholds_if: { kv_dtype: fp8 }",
        "holds-if",
        "16384",
        "16,384 as stated, 8,192 in fp8",
    ),
    "holds-if: a MB that was a MiB": (
        "model: latent.yaml\n"
        "expect: { mla.stored: 18.0 MB }\n"
        "holds_if: { expect: { mla.stored: 18.0 MiB } }",
        "holds-if",
        "18874368",
        "8,192 x 2,304 = 18 x 2^20 = 18.87 x 10^6",
    ),
    "holds-if: another context": (
        "model: plain.yaml\ncontext: 1000\nexpect: { gqa.stored: 32.8 MB }\n"
        "holds_if: { context: 2000 }",
        "holds-if",
        "16384000",
        "1,000 x 16,384 as stated, 2,000 x 16,384 = 32.768 MB",
    ),
    "holds-if: several sequences": (
        "model: plain.yaml\ncontext: 1000\nexpect: { gqa.stored: 49 MB }\nholds_if: { batch: 3 }",
        "holds-if",
        "16384000",
        "3 x 16.384 = 49.152 MB",
    ),
    "holds-if: the layers of multi-token prediction": (
        "model: latent.yaml\nexpect: { mla.growth: 3456 B }\nholds_if: { mtp: true }",
        "holds-if",
        "2304",
        "2 x 1,152 as stated, 3 x 1,152 with MTP",
    ),
    "holds-if: so many layers of multi-token prediction": (
        "model: latent.yaml\nexpect: { mla.growth: 5760 B }\nmtp: true\nholds_if: { mtp: 3 }",
        "holds-if",
        "3456",
        "3 x 1,152 as stated, 5 x 1,152 with three",
    ),
    "holds-if: index keys in bf16": (
        "model: sparse.yaml\nexpect: { dsa.growth: 1408 B }\nholds_if: { index_dtype: bf16 }",
        "holds-if",
        "1284",
        "1,152 + 132 as stated, 1,152 + 256 in bf16",
    ),
    "holds-if: a shorter source": (
        "model: cross.yaml\nexpect: { native.stored@1: 1.034 MB }\n"
        "holds_if: { source_length: 100 }",
        "holds-if",
        "15370240",
        "(1 + 1,500) x 10,240 as stated, 101 x 10,240 = 1,034,240",
    ),
    "holds-if: another scheme of a side": (
        "of: { a: { model: plain.yaml }, b: { model: plain.yaml, scheme: mqa } }\n"
        "expect: { a/b: 32x }\n"
        "holds_if: { of: { a: { scheme: mha } } }",
        "holds-if",
        "8",
        "16,384 / 2,048 as stated, 65,536 / 2,048",
    ),
    "holds-if: another model": (
        "model: plain.yaml\nexpect: { native.growth: 2304 B }\nholds_if: { model: latent.yaml }",
        "holds-if",
        "16384",
        "16,384 as stated, 2,304 of Latent",
    ),
    "misattributed: a group count of a model with none": (
        "model: latent.yaml\nexpect: { mha/gqa: 8x }\nships: gqa",
        "misattributed",
        "8",
        "128 heads / 16 groups, but the model ships MLA",
    ),
    "misattributed: the scheme of another row": (
        "model: plain.yaml\nexpect: { mha/gqa: 4x }\nships: mha",
        "misattributed",
        "4",
        "65,536 / 16,384, but the model ships GQA",
    ),
    "misattributed: a scheme without a row": (
        "model: plain.yaml\nexpect: { mha/gqa: 4x }\nships: mla",
        "misattributed",
        "4",
        "65,536 / 16,384, but the model ships GQA",
    ),
    "refuted: an edge off": (
        "model: latent.yaml\nexpect: { mha/mla: 58x }",
        "refuted",
        "512/9",
        "56.89 is not in [57.5, 58.5)",
    ),
    "refuted: one digit too many": (
        "model: latent.yaml\nexpect: { mha/mla: 57.0x }",
        "refuted",
        "512/9",
        "56.89 is not in [56.95, 57.05)",
    ),
    "refuted: wrong and not shipped": (
        "model: latent.yaml\nexpect: { mha/gqa: 16x }\nships: gqa",
        "refuted",
        "8",
        "128 / 16 = 8, whatever the model ships",
    ),
    "refuted: under its assumption too": (
        "model: plain.yaml\nexpect: { gqa.growth: 8.2 kB }\nholds_if: { kv_dtype: 4bit }",
        "refuted",
        "16384",
        "16,384 as stated, 4,096 in 4 bits",
    ),
    "refuted: nothing over nothing": (
        "of: { a: { model: state.yaml }, b: { model: state.yaml } }\n"
        "expect: { a.growth/b.growth: 1x }",
        "refuted",
        None,
        "a state does not grow, and 0 / 0 is no ratio",
    ),
    "refuted: operations nobody knows": (
        "of: { a: { model: state.yaml } }\nexpect: { a.flops: 1 GFLOPs }",
        "refuted",
        None,
        "the file does not say what a step computes on the state",
    ),
    "not-computable: a price": (
        'evidence: "0.28 USD instead of 0.56 USD: a price list"',
        "not-computable",
        None,
        "nothing is computed",
    ),
    "not-computable: a score of a model": (
        "model: plain.yaml\nevidence: 47.1 against 47.2",
        "not-computable",
        None,
        "nothing is computed",
    ),
}


@pytest.mark.parametrize(("body", "verdict", "computed", "by_hand"), CASES.values(), ids=CASES)
def test_the_verdict_is_computed_and_held_to_the_recorded_one(
    body: str, verdict: str, computed: str | None, by_hand: str, judge: Judge
) -> None:
    recorded = [claim(f"{body}\nverdict: {word}", word) for word in VERDICTS]
    code, results = judge(*recorded, claim(body, "nothing recorded"))
    assert code == 1
    assert {result["verdict"] for result in results} == {verdict}
    exact = [result["computed_exact"] for result in results]
    if computed is None:
        assert exact == [None] * 6, by_hand
    else:
        assert {Fraction(value) for value in exact} == {Fraction(computed)}, by_hand
    held = {word: word == verdict for word in VERDICTS}
    assert {r["id"]: r["ok"] for r in results[:5]} == held
    assert {r["id"]: r["expected"] for r in results[:5]} == {word: word for word in VERDICTS}
    assert (results[5]["expected"], results[5]["ok"]) == ("confirmed", verdict == "confirmed")
    assert judge(claim(f"{body}\nverdict: {verdict}"))[0] == 0
    assert judge(claim(body))[0] == (0 if verdict == "confirmed" else 1)


SIDES = {
    "without a context": (
        "of: { a: { model: plain.yaml } }\nexpect: { a.stored: 2.147 GB }",
        131_072 * 16_384,
        "at 131,072 tokens",
    ),
    "a maximum of a side that the entry does not name": (
        "of: { a: { model: plain.yaml }, b: { model: latent.yaml } }\n"
        "expect: { a.stored: 2.147 GB }",
        131_072 * 16_384,
        "Latent ends at 8,192 tokens, and nothing is said of it",
    ),
    "the smallest maximum, in a ratio": (
        "of: { a: { model: cross.yaml }, b: { model: latent.yaml } }\nexpect: { a/b: 5.3x }",
        Fraction((8_192 + 1_500) * 10_240, 8_192 * 2_304),
        "both at 8,192 tokens",
    ),
    "a side's own context": (
        "of: { a: { model: plain.yaml, context: 1000 } }\nexpect: { a.stored: 16.4 MB }",
        16_384_000,
        "1,000 x 16,384",
    ),
    "each its own context": (
        "of: { a: { model: plain.yaml, context: 3000 }, b: { model: plain.yaml, context: 2k } }\n"
        "expect: { a/b: 1.5x }",
        Fraction(3, 2),
        "3,000 / 2,000",
    ),
    "one its own context, the other the default": (
        "of: { a: { model: plain.yaml, context: 4096 }, b: { model: latent.yaml } }\n"
        "expect: { a/b: 3.6x }",
        Fraction(4_096 * 16_384, 8_192 * 2_304),
        "4,096 x 16,384 over 8,192 x 2,304",
    ),
    "a maximum that a side's own context leaves out": (
        "of: { a: { model: plain.yaml }, b: { model: latent.yaml, context: 1024 } }\n"
        "expect: { a/b: 910x }",
        Fraction(131_072 * 16_384, 1_024 * 2_304),
        "Plain is free of Latent's 8,192",
    ),
    "the claim's context": (
        "of: { a: { model: plain.yaml }, b: { model: plain.yaml, context: 500 } }\n"
        "context: 1000\n"
        "expect: { a/b: 2x }",
        2,
        "1,000 / 500",
    ),
    "the claim's context, in tokens as people write them": (
        "model: plain.yaml\ncontext: 4K\nexpect: { gqa.stored: 64 MiB }",
        4_096 * 16_384,
        "4,096 tokens",
    ),
    "the entry's context, before the claim's": (
        "model: plain.yaml\ncontext: 4K\nexpect: { gqa.stored@1k: 16.4 MB }",
        16_384_000,
        "1,000 tokens",
    ),
    "a batch": (
        "of: { a: { model: plain.yaml, batch: 3, context: 1000 } }\n"
        "expect: { a.stored: 49.152 MB }",
        49_152_000,
        "3 x 1,000 x 16,384",
    ),
    "a batch of one side": (
        "of: { a: { model: plain.yaml, batch: 3 }, b: { model: plain.yaml } }\nexpect: { a/b: 3x }",
        3,
        "three sequences over one",
    ),
    "a batch does not change what one sequence grows by": (
        "of: { a: { model: plain.yaml, batch: 3 } }\nexpect: { a.growth: 16.384 kB }",
        16_384,
        "per token of one sequence",
    ),
    "a batch of the one model, per token": (
        "model: plain.yaml\nbatch: 3\nexpect: { gqa.growth: 16.384 kB }",
        16_384,
        "per token of one sequence",
    ),
    "a batch does not change a ratio of growth": (
        "of: { a: { model: plain.yaml, batch: 3 }, b: { model: plain.yaml } }\n"
        "expect: { a.growth/b.growth: 1x }",
        1,
        "per token of one sequence",
    ),
    "a batch reads as often": (
        "of: { a: { model: plain.yaml, batch: 3, context: 1000 } }\nexpect: { a.read: 49.152 MB }",
        49_152_000,
        "3 x 1,000 x 16,384",
    ),
    "a scheme": (
        "of: { a: { model: plain.yaml, scheme: mha }, b: { model: plain.yaml, scheme: mqa } }\n"
        "expect: { a/b: 32x }",
        32,
        "65,536 / 2,048",
    ),
    "a kv_dtype": (
        "of: { a: { model: plain.yaml }, b: { model: plain.yaml, kv_dtype: fp8 } }\n"
        "expect: { a/b: 2x }",
        2,
        "2 bytes over 1",
    ),
    "a kv_dtype on both": (
        "of: { a: { model: plain.yaml, kv_dtype: 6bit }, b: { model: plain.yaml, kv_dtype: 4bit } }"
        "\nexpect: { a/b: 1.5x }",
        Fraction(3, 2),
        "6 bits over 4",
    ),
    "a layout": (
        "of: { a: { model: latent.yaml, kv_dtype: fp8_ds_mla } }\nexpect: { a.growth: 1312 B }",
        2 * (512 + 4 * 4 + 64 * 2),
        "two layers of 656 B",
    ),
    "a layout of the sparse one": (
        "of: { a: { model: sparse.yaml, kv_dtype: fp8_ds_mla } }\nexpect: { a.growth: 788 B }",
        656 + 132,
        "the index key stays as it is",
    ),
    "an index_dtype": (
        "of: { a: { model: sparse.yaml, index_dtype: bf16 }, b: { model: sparse.yaml } }\n"
        "expect: { a/b: 1.097x }",
        Fraction(1_408, 1_284),
        "1,152 + 256 over 1,152 + 132",
    ),
    "MTP layers": (
        "of: { a: { model: latent.yaml, mtp: true }, b: { model: latent.yaml } }\n"
        "expect: { a/b: 1.5x }",
        Fraction(3, 2),
        "3 layers over 2",
    ),
    "so many MTP layers": (
        "of: { a: { model: latent.yaml, mtp: 3 }, b: { model: latent.yaml, mtp: true } }\n"
        "expect: { a.growth/b.growth: 1.67x }",
        Fraction(5, 3),
        "5 layers over 3",
    ),
    "so many MTP layers of all sides": (
        "of: { a: { model: latent.yaml }, b: { model: latent.yaml, mtp: false } }\nmtp: 2\n"
        "expect: { a/b: 2x }",
        2,
        "4 layers over 2",
    ),
    "a source": (
        "of: { a: { model: cross.yaml, source_length: 99, context: 1 } }\n"
        "expect: { a.stored: 1.024 MB }",
        1_024_000,
        "(1 + 99) x 10,240",
    ),
    "no source": (
        "of: { a: { model: cross.yaml, source_length: 0, context: 1 } }\n"
        "expect: { a.stored: 10.24 kB }",
        10_240,
        "(1 + 0) x 10,240",
    ),
    "what one model has, for both of its schemes": (
        "model: latent.yaml\nkv_dtype: fp8\ncontext: 100\nexpect: { mha/mla: 57x }",
        Fraction(512, 9),
        "65,536 / 1,152",
    ),
    "a kv_dtype of all sides": (
        "of: { a: { model: plain.yaml }, b: { model: latent.yaml } }\nkv_dtype: fp8\n"
        "expect: { a.growth/b.growth: 7.1x }",
        Fraction(8_192, 1_152),
        "half of 16,384 and of 2,304",
    ),
    "a kv_dtype of all sides but one": (
        "of: { a: { model: plain.yaml }, b: { model: plain.yaml, kv_dtype: 4bit } }\n"
        "kv_dtype: fp8\nexpect: { a/b: 2x }",
        2,
        "8 bits over 4",
    ),
    "a batch of all sides": (
        "of: { a: { model: plain.yaml }, b: { model: plain.yaml, batch: 1 } }\nbatch: 5\n"
        "expect: { a/b: 5x }",
        5,
        "five sequences over one",
    ),
    "MTP layers of all sides": (
        "of: { a: { model: latent.yaml }, b: { model: latent.yaml, mtp: false } }\nmtp: true\n"
        "expect: { a/b: 1.5x }",
        Fraction(3, 2),
        "3 layers over 2",
    ),
    "an index_dtype of all sides": (
        "of: { a: { model: sparse.yaml } }\nindex_dtype: bf16\nexpect: { a.growth: 1408 B }",
        1_408,
        "1,152 + 256",
    ),
    "a source of all sides": (
        "of: { a: { model: cross.yaml, context: 1 } }\nsource_length: 99\n"
        "expect: { a.stored: 1.024 MB }",
        1_024_000,
        "(1 + 99) x 10,240",
    ),
    "a bundled model": (
        "of: { a: { model: deepseek-v3 }, b: { model: latent.yaml } }\n"
        "expect: { a.growth/b.growth: 30.5x }",
        Fraction(61, 2),
        "61 layers over 2",
    ),
    "reads of a window": (
        "of: { a: { model: sparse.yaml, context: 8192 } }\nexpect: { a.read: 3.44 MB }",
        132 * 8_192 + 1_152 * 2_048,
        "every index key, 2,048 latents",
    ),
    "reads, compared": (
        "of: { a: { model: latent.yaml }, b: { model: sparse.yaml } }\n"
        "context: 8192\n"
        "expect: { a.read/b.read: 5.5x }",
        Fraction(2 * 1_152 * 8_192, 132 * 8_192 + 1_152 * 2_048),
        "18,874,368 / 3,440,640",
    ),
    "reads, less by": (
        "of: { a: { model: latent.yaml }, b: { model: sparse.yaml } }\n"
        "context: 8192\n"
        "expect: { a.read/b.read: 81.8% }",
        1 - Fraction(132 * 8_192 + 1_152 * 2_048, 2 * 1_152 * 8_192),
        "1 - 3,440,640 / 18,874,368 = 81.77%",
    ),
    "a state is read and written": (
        "of: { a: { model: state.yaml } }\nexpect: { a.read: 262144 B }",
        2 * 131_072,
        "twice what it holds",
    ),
    "a state over its size": (
        "of: { a: { model: state.yaml }, b: { model: plain.yaml, context: 8 } }\n"
        "expect: { a.read/b.read: 2x }",
        2,
        "2 x 131,072 / (8 x 16,384)",
    ),
    "operations": (
        "of: { a: { model: latent.yaml, context: 1000 } }\nexpect: { a.flops: 557.1 MFLOPs }",
        1_000 * 2 * 2 * 128 * (576 + 512),
        "1,000 tokens x 2 layers x 2 per multiply-add x 128 heads x 1,088",
    ),
    "operations of a batch": (
        "of: { a: { model: plain.yaml, context: 1000, batch: 2 } }\n"
        "expect: { a.flops: 0.1311 GFLOPs }",
        2 * 1_000 * 4 * 2 * 2 * 32 * 128,
        "2 x 1,000 tokens x 4 layers x 2 x 32 heads x (128 + 128)",
    ),
    "operations, compared": (
        "of: { dense: { model: latent.yaml }, sparse: { model: sparse.yaml } }\n"
        "context: 8192\n"
        "expect: { dense.flops/sparse.flops: 6.5x }",
        Fraction(2 * 139_264 * 8_192, 139_264 * 2_048 + 8_192 * 8_192),
        "128 x 1,088 = 139,264; 64 x 128 = 8,192 per index key: 2,281.7 / 352.3 million",
    ),
    "operations of a scheme of one model": (
        "model: latent.yaml\nexpect: { mla.flops/mha.flops: 4.25x }",
        Fraction(576 + 512, 2 * 128),
        "per query head and token",
    ),
}


@pytest.mark.parametrize(("body", "computed", "by_hand"), SIDES.values(), ids=SIDES)
def test_what_a_claim_may_say_of_its_models(
    body: str, computed: int | Fraction, by_hand: str, judge: Judge
) -> None:
    code, (result,) = judge(claim(body))
    assert Fraction(result["computed_exact"]) == computed, by_hand
    assert (code, result["verdict"]) == (0, "confirmed")


BORDERS = {
    ">3x": "confirmed",
    ">3.99x": "confirmed",
    ">4x": "refuted",
    ">4.00x": "refuted",
    ">5x": "refuted",
    "<3x": "refuted",
    "<3.99x": "refuted",
    "<4x": "confirmed",
    "<4.00x": "confirmed",
    "<5x": "confirmed",
    ">74%": "confirmed",
    ">75%": "refuted",
    "<75%": "confirmed",
    "<74%": "refuted",
}


@pytest.mark.parametrize(("printed", "verdict"), BORDERS.items())
def test_more_than_is_strict_and_up_to_is_not(printed: str, verdict: str, judge: Judge) -> None:
    """The value is 65,536 / 16,384 = 4, and 75% less."""
    _, (result,) = judge(claim(f'model: plain.yaml\nexpect: {{ mha/gqa: "{printed}" }}'))
    assert result["verdict"] == verdict
    assert result["printed"] == printed


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        (">16.383 kB", "confirmed"),
        (">16.384 kB", "refuted"),
        ("<16.384 kB", "confirmed"),
        ("<16.383 kB", "refuted"),
        ("<16 KiB", "confirmed"),
        (">16 KiB", "refuted"),
    ],
)
def test_a_size_may_be_one_sided(printed: str, verdict: str, judge: Judge) -> None:
    _, (result,) = judge(claim(f'model: plain.yaml\nexpect: {{ gqa.growth: "{printed}" }}'))
    assert result["verdict"] == verdict


@pytest.mark.parametrize(
    ("above", "printed", "verdict"),
    [
        (5, "3x", "confirmed"),
        (5, "2x", "refuted"),
        (5, "2.5x", "confirmed"),
        (7, "4x", "confirmed"),
        (7, "3x", "refuted"),
        (7, "3.50x", "confirmed"),
    ],
)
def test_an_interval_has_its_lower_end_alone(
    above: int, printed: str, verdict: str, judge: Judge
) -> None:
    """5 / 2 = 2.5 rounds to 3, 7 / 2 = 3.5 to 4: no even-odd rule."""
    sides = f"a: {{ model: plain.yaml, context: {above} }}, b: {{ model: plain.yaml, context: 2 }}"
    _, (result,) = judge(claim(f"of: {{ {sides} }}\nexpect: {{ a/b: {printed} }}"))
    assert result["verdict"] == verdict


@pytest.mark.parametrize(
    ("body", "by_hand"),
    [
        (
            "model: latent.yaml\nexpect: { mla.stored: 9.4 MB }\n"
            "holds_if: { expect: { mla.stored@4096: 9.4 MB } }",
            "another entry takes the place of the first: 4,096 x 2,304 = 9.437 MB",
        ),
        (
            "model: latent.yaml\nexpect: { mha/mla: 71x }\n"
            "holds_if: { expect: { mla-expanded/mla: 71x } }",
            "2 x 128 x (192 + 128) x 2 = 163,840 over 2,304 = 71.1",
        ),
        (
            "of:\n"
            "  a: { model: plain.yaml, scheme: mha, context: 1000 }\n"
            "  b: { model: plain.yaml, scheme: gqa, context: 2000 }\n"
            "expect: { a/b: 8x }\n"
            "holds_if: { of: { a: { kv_dtype: fp8 }, b: { kv_dtype: 2bit } } }",
            "scheme and context stay: (1,000 x 65,536 / 2) / (2,000 x 16,384 / 8) = 8",
        ),
        (
            "of:\n"
            "  a: { model: plain.yaml, scheme: mha, context: 1000 }\n"
            "  b: { model: plain.yaml, scheme: gqa, context: 2000 }\n"
            "expect: { a/b: 8x }\n"
            "holds_if: { of: { b: { context: 500, scheme: native } } }",
            "1,000 x 65,536 / (500 x 16,384)",
        ),
    ],
)
def test_an_assumption_is_merged_over_the_claim(body: str, by_hand: str, judge: Judge) -> None:
    code, (result,) = judge(claim(f"{body}\nverdict: holds-if"))
    assert (code, result["verdict"]) == (0, "holds-if"), by_hand


def test_the_computed_value_is_that_of_the_claim_as_stated(judge: Judge) -> None:
    _, (result,) = judge(
        claim(
            "model: latent.yaml\nexpect: { mla.stored: 18.0 MB }\n"
            "holds_if: { expect: { mla.stored: 18.0 MiB } }"
        )
    )
    assert result["printed"] == "18.0 MB"
    assert result["computed"] == "18.874 MB"
    assert result["computed_exact"] == "18874368/1"


def test_a_claim_has_one_result_at_its_own_line(tmp_path: Path, cli: Cli) -> None:
    path = written(
        tmp_path,
        claim("model: plain.yaml\nexpect: { mha/gqa: 4x }\nnote: n", "first"),
        "\n  # in between\n",
        claim("evidence: none", "second"),
    )
    ran = cli("check", path, "--json")
    results = json.loads(ran.out)["results"]
    assert [(r["id"], r["file"], r["line"]) for r in results] == [
        ("first", path, 2),
        ("second", path, 10),
    ]
    assert [(r["printed"], r["computed"], r["note"]) for r in results] == [
        ("4x", "4x", "n"),
        ("",) * 3,
    ]


def test_a_path_starts_at_the_claims_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "some" / "where"
    (folder / "models").mkdir(parents=True)
    path = written(folder, claim("model: models/own.yaml\nexpect: { mha/gqa: 4x }"))
    (folder / "models" / "own.yaml").write_text(MODELS["plain"], encoding="utf-8")
    (tmp_path / "models").mkdir()
    wrong = MODELS["plain"].replace("kv_heads: 8", "kv_heads: 4")
    (tmp_path / "models" / "own.yaml").write_text(wrong, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (result,) = kvcalc.check(path).results
    assert result.computed == 4
    (result,) = kvcalc.check("some/where/claims.yaml").results
    assert result.computed == 4
    assert result.file == "some/where/claims.yaml"
    up = written(folder, claim("model: ../../models/own.yaml\nexpect: { mha/gqa: 8x }"), name="up")
    (result,) = kvcalc.check(up).results
    assert result.computed == 8


def test_an_absolute_path_is_as_good(tmp_path: Path) -> None:
    model = tmp_path / "plain.yaml"
    path = written(tmp_path, claim(f"model: {model}\nexpect: {{ mha/gqa: 4x }}"))
    (result,) = kvcalc.check(path).results
    assert result.computed == 4


def test_a_path_does_not_start_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    path = written(tmp_path / "there", claim("model: other.yaml\nexpect: { mha/gqa: 4x }"))
    (tmp_path / "here" / "other.yaml").write_text(MODELS["plain"], encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match=r"other\.yaml"):
        kvcalc.check(path)


def test_a_bundled_name_is_not_looked_for_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    path = written(tmp_path / "there", claim("model: deepseek-v3\nexpect: { mha/mla: 57x }"))
    (tmp_path / "here" / "deepseek-v3").write_text("not a model", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    (result,) = kvcalc.check(path).results
    assert result.computed == Fraction(512, 9)


def test_claims_on_standard_input_find_models_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    path = written(tmp_path, claim("model: plain.yaml\nexpect: { mha/gqa: 4x }"))
    monkeypatch.chdir(tmp_path)
    ran = cli("check", "-", "--json", stdin=Path(path).read_text(encoding="utf-8"))
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["file"], result["verdict"]) == (0, "-", "confirmed")


def integers(text: str) -> set[int]:
    """The whole numbers in a text, read with their thousands marked or not."""
    return {int(word.replace(",", "")) for word in re.findall(r"\d[\d,]*\d|\d", text)}


ACTIVE = 37_000_000_000
LAYERS = 61
TOP_K = 2_048
DENSE = LAYERS * 128 * (576 + 512) * 2
"""Per cached token: 128 query heads, 576 wide against the keys and 512 against the values."""
INDEX = LAYERS * 64 * 128 * 2
"""Per index key: 64 heads, 128 wide."""
PROJECTIONS = LAYERS * 13_959_168 * 2
"""Per step: 1,536 x 8,192 + 7,168 x 128 + 7,168 x 64 weights in each layer's indexer."""


def at_least(above: int, below: int) -> int:
    """The first whole number that is not less than a quotient."""
    return -(-above // below)


COSTS_LESS = at_least(TOP_K * DENSE, DENSE - INDEX)
"""INDEX x T + DENSE x 2,048 <= DENSE x T"""
HALVES = at_least(2 * ACTIVE + 2 * TOP_K * DENSE, DENSE - 2 * INDEX)
"""2 x (2 x ACTIVE + INDEX x T + DENSE x 2,048) <= 2 x ACTIVE + DENSE x T"""
HALVES_WITH_PROJECTIONS = at_least(
    2 * ACTIVE + 2 * PROJECTIONS + 2 * TOP_K * DENSE, DENSE - 2 * INDEX
)


def test_the_crossover_worked_out() -> None:
    assert (DENSE, INDEX, PROJECTIONS) == (16_990_208, 999_424, 1_703_018_496)
    assert 1_536 * 8_192 + 7_168 * 128 + 7_168 * 64 == 13_959_168
    assert (COSTS_LESS, HALVES, HALVES_WITH_PROJECTIONS) == (2_176, 9_579, 9_806)


@pytest.mark.parametrize(
    ("context", "share", "extra", "reached"),
    [
        (COSTS_LESS - 1, 1, 0, False),
        (COSTS_LESS, 1, 0, True),
        (HALVES - 1, 2, 0, False),
        (HALVES, 2, 0, True),
        (HALVES_WITH_PROJECTIONS - 1, 2, PROJECTIONS, False),
        (HALVES_WITH_PROJECTIONS, 2, PROJECTIONS, True),
    ],
)
def test_the_crossover_is_where_the_operations_of_a_step_say(
    context: int, share: int, extra: int, reached: bool
) -> None:
    dense = kvcalc.show("deepseek-v3", context).flops
    sparse = kvcalc.show("deepseek-v3.2", context).flops
    assert dense == DENSE * context
    assert sparse == DENSE * min(context, TOP_K) + INDEX * context
    assert (share * (2 * ACTIVE + extra + sparse) <= 2 * ACTIVE + dense) is reached


def test_the_crossover_stands_in_the_note_of_a_claim_without_a_figure(judge: Judge) -> None:
    _, results = judge(
        claim("model: deepseek-v3.2\nevidence: a price\nnote: It depends.", "with a note"),
        claim("model: deepseek-v3.2\nevidence: a price", "without"),
        claim("model: deepseek-v3\nevidence: a price\nnote: It depends.", "not sparse"),
        claim("model: deepseek-v3.2\nexpect: { dsa.growth: 78.324 kB }\nnote: n", "computed"),
    )
    notes = {result["id"]: result["note"] for result in results}
    derived = {COSTS_LESS, HALVES, HALVES_WITH_PROJECTIONS, ACTIVE}
    assert derived <= integers(notes["without"])
    assert HALVES_WITH_PROJECTIONS - HALVES in integers(notes["without"])
    assert notes["with a note"] == f"It depends. {notes['without']}"
    assert notes["not sparse"] == "It depends."
    assert notes["computed"] == "n"


# what is bundled

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
FILES = sorted((CONFIGS / "claims").glob("*.yaml"))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


ROUGH = {
    "vllm-qwen3.6-35b-int4-2-gpus": 2,
    "vllm-qwen3-next-80b-2xh200": 2,
    "vllm-gemma-3-27b-4k": 2,
    "vllm-llava-mistral-7b-h100": 45,
    "sglang-qwen2-32b-4-gpus": 164,
    "sglang-qwen3-8b-b200": 729,
    "doubleword-49-users": 2,
}
"""Last digits of a figure that its memory stands for, as 0.01 GiB of it is more than one."""


@dataclass(frozen=True)
class Bundled:
    """A claim as its file has it: its data, its lines, and where in them the figure is printed."""

    file: Path
    data: Mapping[str, Any]
    text: str
    start: int = 0
    end: int = 0

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def figure(self) -> str:
        return str(next(iter(self.data.get("expect", {"": ""}).values())))

    @property
    def confirmed(self) -> bool:
        return "expect" in self.data and self.data.get("verdict", "confirmed") == "confirmed"

    def changed(self, by: int) -> str:
        """The figure changed by its last digit, or by as many as its memory stands for."""
        return changed(self.figure, by * ROUGH.get(self.id, 1))

    def with_figure(self, figure: str) -> str:
        """The lines with another figure printed."""
        return self.text[: self.start] + figure + self.text[self.end :]


def bundled(file: Path) -> Iterator[Bundled]:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    root = yaml.compose(text, LOADER)
    assert root is not None
    items = dict(entries(root))["claims"].value
    begins = [item.start_mark.line for item in items] + [len(lines)]
    for item, data, first, last in zip(
        items, yaml.load(text, LOADER)["claims"], begins, begins[1:], strict=False
    ):
        start = end = starts[first]
        if "expect" in data:
            ((_, node),) = entries(dict(entries(item))["expect"])
            start = starts[node.start_mark.line] + node.start_mark.column
            end = starts[node.end_mark.line] + node.end_mark.column
        own = "".join(lines[first:last])
        yield Bundled(file, data, own, start - starts[first], end - starts[first])


def entries(node: yaml.Node) -> list[tuple[str, yaml.Node]]:
    return [(key.value, value) for key, value in node.value]


BUNDLED = [found for file in FILES for found in bundled(file)]
TWO_SIDED = [one for one in BUNDLED if one.confirmed and one.figure[0].isdigit()]

every_claim = pytest.mark.parametrize("one", BUNDLED, ids=lambda one: str(one.id))


@pytest.fixture(scope="module")
def results() -> dict[str, kvcalc.Result]:
    return {result.id: result for result in kvcalc.check(*map(str, FILES)).results}


def test_there_are_as_many_claims_as_promised() -> None:
    assert len(BUNDLED) >= 60
    assert len(TWO_SIDED) >= 30


def test_ids_are_unique_over_all_files() -> None:
    ids = [one.id for one in BUNDLED]
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)] == []


@every_claim
def test_a_bundled_claim_passes(one: Bundled, results: dict[str, kvcalc.Result]) -> None:
    result = results[one.id]
    assert result.ok, f"{result.verdict}, recorded {result.expected}: {result.computed_text}"
    assert one.data.get("verdict", "confirmed") == result.verdict


@every_claim
def test_a_bundled_claim_can_be_followed(one: Bundled, results: dict[str, kvcalc.Result]) -> None:
    source = one.data["source"]
    assert set(source) == {"from", "read", "primary"}
    assert source["from"].strip()
    assert isinstance(source["primary"], bool)
    read = datetime.date.fromisoformat(str(source["read"]))
    assert datetime.date(2026, 1, 1) <= read <= datetime.date(2027, 12, 31)
    assert one.data["quote"].strip()
    assert one.data.get("note", "").strip()
    without_figure = ("supported", "contradicted", "not-computable")
    assert ("evidence" in one.data) == (one.data.get("verdict") in without_figure)
    assert results[one.id].note.startswith(one.data["note"])


def test_what_a_bundled_claim_rests_on_can_be_opened() -> None:
    unopenable = re.compile(r"\bfile id\b|\bnot named by the index\b", re.IGNORECASE)
    assert [one.id for one in BUNDLED if unopenable.search(one.text)] == []


def test_figures_are_one_sided_where_their_quotes_are() -> None:
    bounds = re.compile(
        r"(more|greater) than|larger .* than|over|less than|up to|as much as|\d-\d+%",
        re.IGNORECASE,
    )
    one_sided = [one for one in BUNDLED if one.figure[:1] in ("<", ">")]
    assert [one.id for one in one_sided if not bounds.search(one.data["quote"])] == []
    plain = re.compile(r"more than|less than|up to", re.IGNORECASE)
    assert [one.id for one in TWO_SIDED if plain.search(one.data["quote"])] == []


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("video", "4MB per token"),
        ("video", "128x"),
        ("video", "31kB"),
        ("video", "single key and value"),
        ("video", "expressive power"),
        ("video", "16 groups"),
        ("video", "8-fold|8x"),
        ("video", "quality better than MQA"),
        ("video", "576"),
        ("video", "57-fold|57x"),
        ("video", "performance improvement"),
        ("video", "novel sparse attention"),
        ("video", "September 2025"),
        ("video", "matches earlier model performance"),
        ("video", "50%"),
        ("Insights into DeepSeek-V3", "7.28x"),
        ("DeepSeek-V2", "93.3%"),
        ("DeepSeek-V4", "10%"),
        ("FlashMLA", "656"),
        ("vllm", ""),
        ("Step-?3", ""),
        ("Kimi.Linear", "75%"),
        ("MiMo-V2", "6(x|\N{MULTIPLICATION SIGN})"),
        ("Hunyuan-Large", ""),
        ("Gemma 3", ""),
        ("Jamba-1.5", ""),
    ],
)
def test_the_claims_that_matter_are_there(words: str, printed: str) -> None:
    found = [
        one
        for one in BUNDLED
        if re.search(words, f"{one.id} {one.data['source']['from']}", re.IGNORECASE)
        and re.search(printed, one.data["quote"], re.IGNORECASE)
    ]
    assert found


def test_the_crossover_stands_beside_the_bundled_claim(cli: Cli) -> None:
    beside = [
        one
        for one in BUNDLED
        if one.data.get("model") == "deepseek-v3.2" and "expect" not in one.data
    ]
    assert beside
    for one in beside:
        assert "50%" in one.data["quote"]
        ran = cli("check", str(one.file), "-k", one.id, "--json")
        (note,) = (r["note"] for r in json.loads(ran.out)["results"] if r["id"] == one.id)
        assert {COSTS_LESS, HALVES, HALVES_WITH_PROJECTIONS} <= integers(note)
        shown = cli("check", str(one.file), "-k", one.id, "-f", "markdown").out
        (told,) = (line for line in shown.splitlines() if line.startswith("- Why: "))
        assert {COSTS_LESS, HALVES, HALVES_WITH_PROJECTIONS} <= integers(told)


@pytest.mark.parametrize(
    ("figure", "up", "down"),
    [
        ("57x", "58x", "56x"),
        ("9x", "10x", "8x"),
        ("10x", "11x", "9x"),
        ("0.10x", "0.11x", "0.09x"),
        ("0.99x", "1.00x", "0.98x"),
        ("93.0%", "93.1%", "92.9%"),
        ("1,408 B", "1409 B", "1407 B"),
        ("2.88e8 B", "2.89e8 B", "2.87e8 B"),
        ("70.272 kB", "70.273 kB", "70.271 kB"),
        ("9.21 GB", "9.22 GB", "9.20 GB"),
    ],
)
def test_changing_a_digit(figure: str, up: str, down: str) -> None:
    assert (changed(figure, 1), changed(figure, -1)) == (up, down)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all bundled files; returns its folder of claims."""
    folder = tmp_path_factory.mktemp("copied") / "configs"
    shutil.copytree(CONFIGS, folder)
    return folder / "claims"


@pytest.mark.parametrize("one", TWO_SIDED, ids=lambda one: str(one.id))
def test_one_digit_flips_the_verdict_and_the_exit_code(
    one: Bundled, copied: Path, cli: Cli
) -> None:
    assert one.text[one.start : one.end].strip("\"'") == one.figure
    for by in (1, -1):
        path = copied / "flipped.yaml"
        figure = one.changed(by)
        path.write_text("claims:\n" + one.with_figure(f'"{figure}"'), encoding="utf-8")
        ran = cli("check", str(path), "--json")
        assert ran.out, ran.err
        (result,) = json.loads(ran.out)["results"]
        assert result["printed"] == figure != one.figure
        assert result["verdict"] != "confirmed", figure
        assert ran.code == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
@pytest.mark.parametrize("by", [1, -1])
def test_a_digit_of_every_claim_in_a_copy_flips_them_all(file: Path, by: int, copied: Path) -> None:
    own = [one for one in BUNDLED if one.file == file]
    text = file.read_text(encoding="utf-8")
    flipped = [one for one in own if one in TWO_SIDED]
    for one in flipped:
        assert text.count(one.text) == 1
        text = text.replace(one.text, one.with_figure(f'"{one.changed(by)}"'))
    path = copied / file.name
    path.write_text(text, encoding="utf-8")
    checked = {result.id: result.ok for result in kvcalc.check(str(path)).results}
    assert checked == {one.id: one not in flipped for one in own}


WHY_NOT = re.compile(r"\b[Nn]one\b|\b[Nn]o (other )?reading\b")


@every_claim
def test_a_refutation_shows_how_it_was_meant_or_why_not(
    one: Bundled, results: dict[str, kvcalc.Result]
) -> None:
    assert ("holds_if" in one.data) == (one.data.get("verdict") == "holds-if")
    if one.data.get("verdict") == "refuted":
        assert results[one.id].remarks or WHY_NOT.search(one.data["note"])
