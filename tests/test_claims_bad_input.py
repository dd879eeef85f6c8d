"""What is wrong with a claims file: every problem, in its place, in words that help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import InputError
from tests.problems import ANYWHERE, Wrong, edited, must_tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Cli, ModelFile, Process

ONE = """\
claims:
  - id: first
    quote: so they say
    source: { from: a paper, read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 57x }
"""

SIDES = """\
claims:
  - id: first
    quote: so they say
    source: { from: a paper, read: 2026-11-24, primary: true }
    of:
      a: { model: deepseek-v3 }
      b: { model: deepseek-v2 }
    expect: { a/b: 1x }
"""

PRICE = """\
claims:
  - id: first
    quote: so they say
    source: { from: a paper, read: 2026-11-24, primary: true }
    evidence: 0.28 USD instead of 0.56
"""

SOURCE = "    source: { from: a paper, read: 2026-11-24, primary: true }\n"
EXPECT = "    expect: { mha/mla: 57x }\n"
BROKEN = "name: Broken\nheads: 0\nlayers: 4\ndtype: bf61\nattention: { kind: mha, head_dim: 64 }\n"


def one(old: str, new: str) -> str:
    return edited(ONE, old, new)


def sides(old: str, new: str) -> str:
    return edited(SIDES, old, new)


def second(fields: str) -> str:
    """One more field of the second side, which stands at line 7, column 32."""
    return sides("{ model: deepseek-v2 }", f"{{ model: deepseek-v2, {fields} }}")


def printed(entry: str) -> str:
    """Another entry, which stands at line 6, column 15."""
    return one("mha/mla: 57x", entry)


def compared(entry: str) -> str:
    """Another entry about two sides, which stands at line 8, column 15."""
    return sides("a/b: 1x", entry)


def holds_if(text: str, base: str = ONE) -> str:
    """An assumption, whose first field stands at line 7, column 17."""
    return f"{base}    holds_if: {text}\n"


def listed(*claims: str) -> str:
    """One file with the claims of several."""
    return "claims:\n" + "".join(claim.removeprefix("claims:\n") for claim in claims)


MISSING = {
    "id": (one("  - id: first\n    quote", "  - quote"), [Wrong(2, 5, "'id'")]),
    "quote": (one("    quote: so they say\n", ""), [Wrong(2, 5, "'quote'")]),
    "source": (one(SOURCE, ""), [Wrong(2, 5, "'source'", "from: ")]),
    "source, null": (one(SOURCE, "    source:\n"), [Wrong(4, 5, "source is null", "mapping")]),
    "source, a word": (
        one(SOURCE, "    source: a paper\n"),
        [Wrong(4, 5, "source is 'a paper'", "mapping")],
    ),
    "from": (one("from: a paper, ", ""), [Wrong(4, 5, "'from'")]),
    "from, empty": (one("from: a paper", "from: ''"), [Wrong(4, 15, "from is ''", "empty")]),
    "read": (one("read: 2026-11-24, ", ""), [Wrong(4, 5, "'read'")]),
    "primary": (one(", primary: true", ""), [Wrong(4, 5, "'primary'")]),
    "all of a source": (
        one("{ from: a paper, read: 2026-11-24, primary: true }", "{}"),
        [Wrong(4, 5, "'from'"), Wrong(4, 5, "'read'"), Wrong(4, 5, "'primary'")],
    ),
    "model": (one("    model: deepseek-v3\n", ""), [Wrong(5, 5, "expect needs the model", "of:")]),
    "model of a side": (
        sides("a: { model: deepseek-v3 }", "a: { context: 4K }"),
        [Wrong(6, 7, "'model'")],
    ),
    "expect and evidence": (one(EXPECT, ""), [Wrong(2, 5, "an expect entry, or evidence")]),
    "expect, null": (one("{ mha/mla: 57x }", ""), [Wrong(ANYWHERE, 5, "expect", "evidence")]),
    "all of a claim": (
        "claims:\n  - {}\n",
        [
            Wrong(2, 5, "'id'"),
            Wrong(2, 5, "'quote'"),
            Wrong(2, 5, "'source'"),
            Wrong(2, 5, "an expect entry, or evidence"),
        ],
    ),
}

UNKNOWN = {
    "field of the file": (ONE + "vendor: Me\n", [Wrong(7, 1, "'vendor'", "claims")]),
    "field": (ONE + "    verdct: confirmed\n", [Wrong(7, 5, "'verdct'", "did you mean verdict")]),
    "field of a side, in a claim": (ONE + "    scheme: mla\n", [Wrong(7, 5, "'scheme'", "ships")]),
    "field of a source": (
        one("primary: true", "primary: true, sais: 57x"),
        [Wrong(4, 63, "'sais'", "from")],
    ),
    "field for a needed one": (
        one("primary", "prime"),
        [Wrong(4, 5, "'primary'"), Wrong(4, 48, "'prime'", "did you mean primary")],
    ),
    "field of a side": (
        second("kvdtype: fp8"),
        [Wrong(7, 32, "'kvdtype'", "did you mean kv_dtype")],
    ),
    "field of an assumption": (
        holds_if("{ kvdtype: fp8 }"),
        [Wrong(7, 17, "'kvdtype'", "did you mean kv_dtype")],
    ),
    "field of a side of an assumption": (
        holds_if("{ of: { b: { kvdtype: fp8 } } }", SIDES),
        [Wrong(9, 28, "'kvdtype'", "did you mean kv_dtype")],
    ),
    "verdict": (
        ONE + "    verdict: confirmd\n",
        [Wrong(7, 5, "'confirmd'", "did you mean confirmed")],
    ),
    "model": (
        one("deepseek-v3", "depseek-v3"),
        [Wrong(5, 5, "'depseek-v3'", "did you mean deepseek-v3")],
    ),
    "model of a side": (
        sides("deepseek-v2", "depseek-v2"),
        [Wrong(7, 12, "'depseek-v2'", "deepseek-v2")],
    ),
    "model of an assumption": (
        holds_if("{ model: depseek-v2 }"),
        [Wrong(7, 17, "'depseek-v2'", "deepseek-v2")],
    ),
    "model of a claim without a figure": (
        PRICE + "    model: depseek-v3\n",
        [Wrong(6, 5, "'depseek-v3'", "deepseek-v3")],
    ),
    "model of a side of a claim without a figure": (
        PRICE + "    of: { a: { model: depseek-v3 } }\n",
        [Wrong(6, ANYWHERE, "'depseek-v3'", "deepseek-v3")],
    ),
    "path": (one("deepseek-v3", "models/no.yaml"), [Wrong(5, 5, "models/no.yaml", "no such file")]),
    "scheme": (printed("mha/mlaa: 57x"), [Wrong(6, 15, "'mlaa'", "did you mean mla")]),
    "schemes": (
        printed("mhaa/mlaa: 57x"),
        [Wrong(6, 15, "'mhaa'", "mha"), Wrong(6, 15, "'mlaa'", "mla")],
    ),
    "scheme of a size": (printed("mlaa.growth: 70 kB"), [Wrong(6, 15, "'mlaa'", "mla")]),
    "scheme of a side": (second("scheme: mlaa"), [Wrong(7, 32, "'mlaa'", "did you mean mla")]),
    "scheme of an assumption": (
        holds_if("{ expect: { mha/mlaa: 57x } }"),
        [Wrong(7, 27, "'mlaa'", "did you mean mla")],
    ),
    "scheme that ships": (ONE + "    ships: gqaa\n", [Wrong(7, 5, "'gqaa'", "gqa")]),
    "side": (compared("a/c: 1x"), [Wrong(8, 15, "'c'", "known: a, b")]),
    "side of a size": (compared("c.growth: 1 kB"), [Wrong(8, 15, "'c'", "known: a, b")]),
    "side, for a scheme of it": (compared("a/mla: 1x"), [Wrong(8, 15, "'mla'", "known: a, b")]),
    "side of an assumption": (
        holds_if("{ expect: { a/c: 1x } }", SIDES),
        [Wrong(9, 27, "'c'", "known: a, b")],
    ),
    "quantity": (compared("a.grwth: 1 kB"), [Wrong(8, 15, "'grwth'", "growth")]),
    "kv_dtype": (ONE + "    kv_dtype: bf61\n", [Wrong(7, 5, "'bf61'", "did you mean bf16")]),
    "kv_dtype of a side": (second("kv_dtype: bf61"), [Wrong(7, 32, "'bf61'", "bf16")]),
    "kv_dtype of an assumption": (
        holds_if("{ kv_dtype: bf61 }"),
        [Wrong(7, 17, "'bf61'", "bf16")],
    ),
    "kv_dtype of a claim without a figure": (
        PRICE + "    model: deepseek-v3\n    kv_dtype: bf61\n",
        [Wrong(7, 5, "'bf61'", "bf16")],
    ),
    "index_dtype": (ONE + "    index_dtype: fp99\n", [Wrong(7, 5, "'fp99'", "fp8")]),
    "index_dtype of a side": (second("index_dtype: fp99"), [Wrong(7, 32, "'fp99'", "fp8")]),
}

FIGURES = {
    "unit": ("57y", "unknown unit 'y'", "kB"),
    "unit of another case": ("70 gb", "unknown unit 'gb'", "GB"),
    "no unit": ("57", "57 has no unit", "57x"),
    "no unit, in quotes": ("'57'", "'57' has no unit", "x for a ratio"),
    "hedged": ("57 times-ish", "'57 times-ish'", "57x"),
    "with a tilde": ("'~57x'", "'~57x'", "57x"),
    "with a word that is no bound": ("some 57x", "'some 57x'", "57x"),
    "in words": ("fifty-seven", "'fifty-seven'", "57x"),
    "a range": ("56-57x", "'56-57x'", "57x"),
    "negative": ("-57x", "'-57x'", "57x"),
    "at least": ("'>=57x'", "'>=57x'", "57x"),
    "a decimal comma": ("'56,9x'", "'56,9x'", "57x"),
    "a list": ("[57x]", "57x", "57x"),
    "true": ("true", "no unit", "57x"),
    "null": ("", "no unit", "57x"),
    "a size": ("57 kB", "is a ratio", "57x"),
}

KINDS = {
    "unlike quantities": ("a.read/b.growth: 1x", "unlike quantities", "same"),
    "one quantity, and stored": ("a.read/b: 1x", "unlike quantities", "same"),
    "stored, and one quantity": ("a/b.flops: 1x", "unlike quantities", "same"),
    "bytes over operations": ("a.stored/b.flops: 1x", "unlike quantities", "same"),
    "a size as a ratio": ("a.growth: 1x", "is a size", "kB"),
    "a size in operations": ("a.growth: 1 GFLOPs", "is a size", "kB"),
    "operations in bytes": ("a.flops: 1 GB", "counts operations", "GFLOPs"),
    "a side alone": ("a: 1x", "'a'", "a.growth"),
    "three sides": ("a/b/a: 1x", "'a/b/a'", "a/b"),
}

NUMBERS = {
    "context 0": (ONE + "    context: 0\n", [Wrong(7, 5, "context is 0", "at least 1")]),
    "context -1": (ONE + "    context: -1\n", [Wrong(7, 5, "context is -1", "at least 1")]),
    "context '0'": (ONE + "    context: '0'\n", [Wrong(7, 5, "context", "between 1 and")]),
    "context, a fraction": (ONE + "    context: 0.5\n", [Wrong(7, 5, "context is 0.5", "whole")]),
    "context, a word": (ONE + "    context: long\n", [Wrong(7, 5, "'long'", "128k or 128K")]),
    "context too long": (
        ONE + "    context: 1000000000001\n",
        [Wrong(7, 5, "1,000,000,000,001", "at most 1,000,000,000,000")],
    ),
    "context of a side": (second("context: 0"), [Wrong(7, 32, "context is 0", "at least 1")]),
    "context of an assumption": (
        holds_if("{ context: 0 }"),
        [Wrong(7, 17, "context is 0", "at least 1")],
    ),
    "context of a side of an assumption": (
        holds_if("{ of: { b: { context: -4 } } }", SIDES),
        [Wrong(9, 28, "context is -4", "at least 1")],
    ),
    "context of the entry": (printed("mha/mla@0: 57x"), [Wrong(6, 15, "0 tokens", "between 1")]),
    "context of the entry, a word": (
        printed("mha/mla@long: 57x"),
        [Wrong(6, 15, "'long'", "128k or 128K")],
    ),
    "batch 0": (ONE + "    batch: 0\n", [Wrong(7, 5, "batch is 0", "at least 1")]),
    "batch of a side": (second("batch: -1"), [Wrong(7, 32, "batch is -1", "at least 1")]),
    "batch, true": (ONE + "    batch: true\n", [Wrong(7, 5, "batch is true", "whole number")]),
    "mtp, none": (ONE + "    mtp: 0\n", [Wrong(7, 5, "mtp", "true or false, or how many")]),
    "mtp, a word": (second("mtp: many"), [Wrong(7, 32, "mtp", "true or false, or how many")]),
    "mtp, too many": (ONE + "    mtp: 10001\n", [Wrong(7, 5, "mtp", "up to 10,000")]),
    "mtp, of a model without": (
        second("mtp: 2"),
        [Wrong(7, ANYWHERE, "no MTP layers that its file knows of", "2")],
    ),
    "source_length": (second("source_length: -1"), [Wrong(7, 32, "source_length is -1", "0")]),
    "id, a number": (one("id: first", "id: 7"), [Wrong(2, 5, "id is 7", "quotes")]),
    "id, empty": (one("id: first", "id: ''"), [Wrong(2, 5, "id is ''", "empty")]),
    "quote, a number": (one("so they say", "57"), [Wrong(3, 5, "quote is 57", "quotes")]),
    "read, no date": (one("2026-11-24", "yesterday"), [Wrong(4, 30, "read", "write a date as")]),
    "primary, a word": (one("true", "mostly"), [Wrong(4, 48, "primary is 'mostly'", "true")]),
    "evidence, empty": (
        edited(PRICE, "0.28 USD instead of 0.56", "''"),
        [Wrong(5, 5, "evidence is ''", "empty")],
    ),
    "note, a number": (ONE + "    note: 7\n", [Wrong(7, 5, "note is 7", "quotes")]),
    "model, a list": (one("deepseek-v3", "[deepseek-v3]"), [Wrong(5, 5, "model is [", "text")]),
}

TOGETHER = {
    "of and model": (SIDES + "    model: deepseek-v3\n", [Wrong(ANYWHERE, 5, "of or model")]),
    "expect and evidence": (
        ONE + "    evidence: a price\n",
        [Wrong(7, 5, "evidence", "keep expect or evidence")],
    ),
    "two entries": (printed("mha/mla: 57x, mha/mqa: 128x"), [Wrong(6, 5, "expect", "1 item")]),
    "no entry": (one("{ mha/mla: 57x }", "{}"), [Wrong(6, 5, "expect is {}", "empty")]),
    "expect, a word": (one("{ mha/mla: 57x }", "57x"), [Wrong(6, 5, "expect is '57x'", "mapping")]),
    "expect twice": (
        ONE + "    expect: { mha/mqa: 128x }\n",
        [Wrong(7, 5, "'expect' is given twice", "line 6")],
    ),
    "no sides": (
        sides("\n      a: { model: deepseek-v3 }\n      b: { model: deepseek-v2 }", " {}"),
        [Wrong(5, 5, "of is {}", "empty")],
    ),
    "sides, a list": (
        sides("\n      a: { model: deepseek-v3 }\n      b: { model: deepseek-v2 }", " [a]"),
        [Wrong(5, 5, "of is ['a']", "mapping")],
    ),
    "a side, null": (sides(" { model: deepseek-v3 }", ""), [Wrong(6, 7, "a is null", "mapping")]),
    "a side, a word": (
        sides("{ model: deepseek-v3 }", "deepseek-v3"),
        [Wrong(6, 7, "a is 'deepseek-v3'", "mapping")],
    ),
    "ships without a model": (SIDES + "    ships: mla\n", [Wrong(9, 5, "ships", "model:")]),
    "a pair for a latent": (
        ONE + "    kv_dtype: q8_0/q4_0\n",
        [Wrong(7, 5, "a pair for K and V", "one dtype")],
    ),
    "a pair for a latent of a side": (
        second("kv_dtype: q8_0/q4_0"),
        [Wrong(7, 32, "a pair for K and V", "one dtype")],
    ),
    "a layout that changes nothing": (
        sides("{ model: deepseek-v2 }", "{ model: llama-3.1-8b, kv_dtype: fp8_ds_mla }"),
        [Wrong(7, 33, "changes nothing in", "fp8_ds_mla")],
    ),
}

ASSUMPTIONS = {
    "empty": ("{}", [Wrong(7, 5, "holds_if is {}", "empty")]),
    "a word": ("fp8", [Wrong(7, 5, "holds_if is 'fp8'", "mapping")]),
    "the same model": ("{ model: deepseek-v3 }", [Wrong(7, 5, "changes nothing", "assumes")]),
    "the same figure": (
        "{ expect: { mha/mla: 57x } }",
        [Wrong(7, 5, "changes nothing", "assumes")],
    ),
    "a note": ("{ note: in fp8 }", [Wrong(7, ANYWHERE, "holds_if", "")]),
    "a verdict": ("{ verdict: confirmed }", [Wrong(7, ANYWHERE, "holds_if", "")]),
    "a quote": ("{ quote: they say so }", [Wrong(7, ANYWHERE, "holds_if", "")]),
    "an assumption": ("{ holds_if: { kv_dtype: fp8 } }", [Wrong(7, ANYWHERE, "holds_if", "")]),
    "one sequence": ("{ batch: 1 }", [Wrong(7, ANYWHERE, "changes nothing", "")]),
    "no MTP layers": ("{ mtp: false }", [Wrong(7, ANYWHERE, "changes nothing", "")]),
    "evidence": ("{ evidence: a price }", [Wrong(7, ANYWHERE, "", "")]),
    "no expectation": ("{ expect: null }", [Wrong(7, ANYWHERE, "expect", "")]),
    "no model": ("{ model: null }", [Wrong(7, ANYWHERE, "model", "model:")]),
    "sides beside the model": (
        "{ of: { mha: { model: deepseek-v2 }, mla: { model: deepseek-v3 } } }",
        [Wrong(7, ANYWHERE, "of or model", "")],
    ),
    "two entries": (
        "{ expect: { mha/mla: 57x, mha/mqa: 128x } }",
        [Wrong(7, 17, "expect", "1 item")],
    ),
    "unlike quantities": (
        "{ expect: { mha.read/mla: 57x } }",
        [Wrong(7, 27, "unlike quantities", "same")],
    ),
    "a figure that is none": (
        "{ expect: { mha/mla: 57 times-ish } }",
        [Wrong(7, 27, "'57 times-ish'", "57x")],
    ),
    "a unit that is none": (
        "{ expect: { mla.stored: 57 MiBs } }",
        [Wrong(7, 27, "unknown unit 'MiBs'", "GiB")],
    ),
    "a pair for a latent": (
        "{ kv_dtype: q8_0/q4_0 }",
        [Wrong(7, 17, "a pair for K and V", "one dtype")],
    ),
}

LISTS = {
    # of these nothing is shown: a token has claims, too
    "a mapping": ("claims: { a: b }\n", [Wrong(1, 1, "claims is not a list", "- id")]),
    "a word": ("claims: none\n", [Wrong(1, 1, "claims is not a list", "- id")]),
    "null": ("claims:\n", [Wrong(1, 1, "claims is null", "a list")]),
    "empty": ("claims: []\n", [Wrong(1, 1, "claims is []", "not be empty")]),
    "of words": ("claims: [one]\n", [Wrong(1, 1, "claims is not a list", "- id")]),
    "of nothing": ("claims: [null]\n", [Wrong(1, 1, "claims is not a list", "- id")]),
    "of a claim and a word": (f"{listed(ONE)}  - one\n", [Wrong(7, 5, "'one'", "mapping")]),
    "an id twice": (listed(ONE, ONE), [Wrong(7, 5, "'first'", "rename")]),
    "an id three times": (
        listed(ONE, ONE, ONE),
        [Wrong(7, 5, "'first'", "rename"), Wrong(12, 5, "'first'", "rename")],
    ),
    "an id twice behind a wrong claim": (
        listed(edited(printed("mha/mlaa: 57x"), "first", "zero"), ONE, ONE),
        [Wrong(6, 15, "'mlaa'", "mla"), Wrong(12, 5, "'first'", "rename")],
    ),
    "an id twice, once in a wrong claim": (
        listed(printed("mha/mlaa: 57x"), ONE),
        [Wrong(6, 15, "'mlaa'", "mla"), Wrong(7, 5, "'first'", "rename")],
    ),
}

SEVERAL = {
    "one in each claim, in file order": (
        listed(
            printed("mha/mla: 57y"),
            edited(one("deepseek-v3", "depseek-v3"), "first", "second"),
            edited(one("primary: true", "primary: 7"), "first", "third"),
            edited(compared("a.read/b: 1x"), "first", "fourth"),
            edited(ONE + "    verdct: refuted\n", "first", "fifth"),
        ),
        [
            Wrong(6, 15, "unknown unit 'y'"),
            Wrong(10, 5, "'depseek-v3'"),
            Wrong(14, 48, "primary is 7"),
            Wrong(23, 15, "unlike quantities"),
            Wrong(29, 5, "'verdct'"),
        ],
    ),
    "the file's, and a claim's": (
        "vendor: Me\n" + printed("mha/mla: 57y"),
        [Wrong(1, 1, "'vendor'"), Wrong(7, 15, "unknown unit 'y'")],
    ),
    "several fields of one claim": (
        one("id: first", "id: 7").replace("primary: true", "primary: 7") + "    context: 0\n",
        [Wrong(2, 5, "id is 7"), Wrong(4, 48, "primary is 7"), Wrong(7, 5, "context is 0")],
    ),
    "a field and the figure of one claim": (
        printed("mha/mla: 57 times-ish") + "    verdct: refuted\n",
        [Wrong(6, 15, "'57 times-ish'"), Wrong(7, 5, "'verdct'")],
    ),
    "both sides": (
        SIDES.replace("deepseek-", "depseek-"),
        [Wrong(6, 12, "'depseek-v3'"), Wrong(7, 12, "'depseek-v2'")],
    ),
    "a side and the figure": (
        edited(compared("a/b: 1y"), "deepseek-v2", "depseek-v2"),
        [Wrong(7, 12, "'depseek-v2'"), Wrong(8, 15, "unknown unit 'y'")],
    ),
    "a side that is not there and the figure": (
        compared("a/c: 1y"),
        [Wrong(8, 15, "unknown unit 'y'")],
    ),
    "the figure and the assumption": (
        holds_if("{ expect: { mha/mla: 57z } }", printed("mha/mla: 57y")),
        [Wrong(6, 15, "unknown unit 'y'"), Wrong(7, 27, "unknown unit 'z'")],
    ),
    "two that exclude each other, twice": (
        SIDES + "    model: deepseek-v3\n    evidence: a price\n",
        [Wrong(ANYWHERE, 5, "of or model"), Wrong(10, 5, "expect or evidence")],
    ),
    "a key twice and another": (
        ONE + "    expect: { mha/mqa: 128x }\n    verdct: refuted\n",
        [Wrong(7, 5, "'expect' is given twice"), Wrong(8, 5, "'verdct'")],
    ),
}

TABLES: dict[str, Mapping[str, tuple[str, list[Wrong]]]] = {
    "missing": MISSING,
    "unknown": UNKNOWN,
    "figure": {
        name: (printed(f"mha/mla: {figure}"), [Wrong(6, 15, message, hint)])
        for name, (figure, message, hint) in FIGURES.items()
    },
    "kind": {
        name: (compared(entry), [Wrong(8, 15, message, hint)])
        for name, (entry, message, hint) in KINDS.items()
    },
    "number": NUMBERS,
    "together": TOGETHER,
    "holds_if": {name: (holds_if(text), wrong) for name, (text, wrong) in ASSUMPTIONS.items()},
    "list": LISTS,
    "several": SEVERAL,
}

CASES = [
    pytest.param(content, wrong, id=f"{table}: {name}")
    for table, rows in TABLES.items()
    for name, (content, wrong) in rows.items()
]


@pytest.mark.parametrize(("content", "wrong"), CASES)
def test_every_problem_is_told_in_its_place(
    content: str, wrong: list[Wrong], model_file: ModelFile
) -> None:
    path = model_file(content, "claims.yaml")
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    must_tell(caught.value, path, wrong)
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert places == sorted(places)


@pytest.mark.parametrize("table", TABLES)
def test_the_command_line_tells_all_files_of_a_table_at_once(
    table: str, model_file: ModelFile, cli: Cli
) -> None:
    rows = TABLES[table].values()
    paths = [model_file(content, f"{n}.yaml") for n, (content, _) in enumerate(rows)]
    ran = cli("check", *paths, "--json")
    assert (ran.code, json.loads(ran.out)["results"]) == (2, [])
    assert "Traceback" not in ran.err
    assert [path for path in paths if f"{path}:" not in ran.err] == []


def test_a_broken_model_behind_a_path_tells_its_own_problems(
    model_file: ModelFile, cli: Cli
) -> None:
    model = model_file(BROKEN, "broken.yaml")
    path = model_file(one("deepseek-v3", "broken.yaml"), "claims.yaml")
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    first, second = caught.value.problems
    assert (first.file, first.line, first.column) == (path, 5, 5)
    assert (second.file, second.line, second.column) == (path, 5, 5)
    assert f"{model}:2:1: heads is 0" in str(first)
    assert f"{model}:4:1: " in str(second)
    assert "'bf61'" in str(second)
    assert "bf16" in str(second)
    ran = cli("check", path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("2 problems\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- name\n", "a mapping"),
        ("", "empty"),
        ("hello: [\n", "not YAML"),
        (ONE, "a file of claims, not a model"),
        (None, "folder"),
    ],
)
def test_a_path_to_what_is_no_model(content: str | None, said: str, model_file: ModelFile) -> None:
    path = model_file(one("deepseek-v3", "./other"), "claims.yaml")
    if content is None:
        (Path(path).parent / "other").mkdir()
    else:
        model_file(content, "other")
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    assert {(p.file, p.line, p.column) for p in caught.value.problems} == {(path, 5, 5)}
    assert said in str(caught.value)


def test_a_sound_file_is_not_blamed_for_another(model_file: ModelFile, cli: Cli) -> None:
    sound = model_file(ONE, "sound.yaml")
    refuted = model_file(printed("mha/mla: 58x"), "refuted.yaml")
    wrong = model_file(printed("mha/mla: 57y"), "wrong.yaml")
    ran = cli("check", sound, wrong, refuted, "no-such-model")
    assert (ran.code, ran.out) == (2, "")
    assert f"{wrong}:6:15: unknown unit 'y'" in ran.err
    assert "'no-such-model'" in ran.err
    assert sound not in ran.err
    assert refuted not in ran.err
    assert ran.err.endswith("2 problems\n")


@pytest.mark.parametrize("format_name", ["table", "jsonl", "csv", "markdown"])
def test_a_bad_file_leaves_standard_output_empty(
    format_name: str, model_file: ModelFile, cli: Cli
) -> None:
    ran = cli("check", model_file(printed("mha/mla: 57y")), "-f", format_name)
    assert (ran.code, ran.out) == (2, "")
    assert ":6:15: unknown unit 'y'" in ran.err


def test_standard_input_is_a_file_called_dash(cli: Cli) -> None:
    ran = cli("check", "-", stdin=printed("mha/mla: 57y"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("-:6:15: unknown unit 'y'")


def test_the_program_itself(model_file: ModelFile, process: Process) -> None:
    path = model_file(SEVERAL["one in each claim, in file order"][0])
    ran = process("check", path)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert ran.err.count(f"{path}:") == 5


SHORT = one("deepseek-v3", "deepseek-67b")
"""DeepSeek LLM 67B ends at 4,096 tokens."""
BEYOND = {
    "the claim's": (edited(SHORT, "mha/mla: 57x", "mha/gqa: 8x") + "    context: 8192\n", 8_192),
    "the entry's": (edited(SHORT, "mha/mla: 57x", "mha/gqa@5000: 8x"), 5_000),
    "a side's": (
        edited(compared("b.growth: 389.12 kB"), "deepseek-v2 }", "deepseek-67b, context: 8192 }"),
        8_192,
    ),
    "the sides'": (
        edited(compared("b.growth: 389.12 kB"), "deepseek-v2", "deepseek-67b")
        + "    context: 10000\n",
        10_000,
    ),
}


@pytest.mark.parametrize(("content", "context"), BEYOND.values(), ids=BEYOND)
def test_a_context_beyond_the_models_own_is_answered_with_a_note(
    content: str, context: int, model_file: ModelFile, cli: Cli
) -> None:
    ran = cli("check", model_file(content), "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["verdict"]) == (0, "confirmed")
    note = result["note"] + ran.err
    assert "DeepSeek LLM 67B" in note
    assert f"{context:,}" in note
    assert "4,096" in note


@pytest.mark.parametrize(
    "content",
    [
        edited(SHORT, "mha/mla: 57x", "mha/gqa: 8x"),
        edited(SHORT, "mha/mla: 57x", "mha/gqa: 8x") + "    context: 4096\n",
        compared("a/b: 1.02x"),
    ],
)
def test_a_context_within_the_models_own_has_no_note(
    content: str, model_file: ModelFile, cli: Cli
) -> None:
    ran = cli("check", model_file(content), "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, ran.err, result["note"]) == (0, "", "")
