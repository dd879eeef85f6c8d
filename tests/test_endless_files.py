"""Files that say more than any model has: an answer, or one clear refusal; never a hang."""

from __future__ import annotations

import json
from typing import Any

import pytest

import kvcalc
from kvcalc import InputError
from tests.conftest import Cli, ModelFile
from tests.problems import Wrong, must_tell

PLAIN: dict[str, Any] = {
    "name": "M",
    "heads": 8,
    "head_dim": 64,
    "dtype": "bf16",
    "layers": 2,
    "attention": {"kind": "mha"},
}


def several(count: int, **fields: Any) -> dict[str, Any]:
    """A model with so many windows, a layer of each."""
    names = [f"e{n}" for n in range(1, count + 1)]
    entries = {name: {"kind": "gqa", "kv_heads": 8, "window": n} for n, name in enumerate(names, 1)}
    return {**PLAIN, "layers": {"count": count, "list": names}, "attention": entries, **fields}


def tensors(*strides: int) -> dict[str, Any]:
    kept = [{"name": f"t{n}", "role": "k", "width": 1, "every": n} for n in strides]
    return {"kind": "custom", "tensors": kept}


def claim(number: int, **fields: Any) -> dict[str, Any]:
    source = {"from": "a paper", "read": "2026-11-24", "primary": True}
    return {"id": f"c{number}", "quote": "words", "source": source, **fields}


MANY = [
    pytest.param(
        {**PLAIN, **{f"k{n}": 1 for n in range(20_000)}},
        "the file has 20,006 items; at most 1,000 are read",
        id="fields",
    ),
    pytest.param(
        {**PLAIN, "expect": {f"a{n}/b{n}": "2x" for n in range(20_000)}},
        "expect has 20,000 items; at most 1,000",
        id="expectations",
    ),
    pytest.param(several(5_000), "attention has 5,000 items; at most 1,000", id="entries"),
    pytest.param(
        {**PLAIN, "compare": {"gqa": {f"f{n}": 1 for n in range(30_000)}}},
        "gqa has 30,000 items; at most 1,000",
        id="fields of a what-if",
    ),
    pytest.param(
        {**PLAIN, "sources": [{"from": "x"}] * 10_000},
        "sources has 10,000 items; at most 1,000",
        id="sources",
    ),
    pytest.param(
        {**PLAIN, "attention": tensors(*range(1, 1_002))},
        "tensors has 1,001 items; at most 1,000",
        id="tensors of an entry",
    ),
    pytest.param(
        {
            **PLAIN,
            "layers": {"count": 2, "list": ["a", "b"]},
            "attention": {"a": tensors(*[1] * 600), "b": tensors(*[1] * 401)},
        },
        "attention and compare write out 1,001 tensors in all; at most 1,000",
        id="tensors of all entries",
    ),
    pytest.param(
        {**PLAIN, "sources": [{f"k{n}": 1 for n in range(40)}] * 1_000},
        # 7 fields, 1 of the attention, 1,000 sources and 40 fields in each of these
        "the file has 41,008 values; at most 25,000",
        id="values in all",
    ),
    pytest.param(
        several(1_000, expect={f"native/mha@{n}": "2x" for n in range(1, 52)}),
        "51 expectations of 1,000 attention entries, which is 51,000; at most 50,000",
        id="expectations and entries together",
    ),
    pytest.param(
        {**PLAIN, "expect": {f"native/mha@{n}": "up to 2x" for n in range(1, 52)}},
        "51 expectations say up to; at most 50",
        id="best cases",
    ),
    pytest.param(
        {**PLAIN, "layers": {"count": 10_000, "list": ["mha"] * 10_001}},
        "list has 10,001 items; at most 10,000",
        id="layers in a list",
    ),
]


@pytest.mark.parametrize(("said", "message"), MANY)
def test_more_than_any_model_has_is_refused(
    said: dict[str, Any], message: str, model_file: ModelFile
) -> None:
    with pytest.raises(InputError) as refused:
        kvcalc.load(model_file(json.dumps(said)))
    (problem,) = refused.value.problems
    assert message in problem.message


def test_a_thousand_entries_are_answered(model_file: ModelFile, cli: Cli) -> None:
    """Each layer keeps 8 heads x 64 x 2 B of K and of V, 2,048 B a token, of n tokens in layer n.

    1 + 2 + ... + 1,000 = 500,500 tokens in all: 500,500 x 2,048 B = 1,025,024,000 B.
    """
    path = model_file(json.dumps(several(1_000)))
    shown = cli("show", path)
    assert "1,025,024,000" in shown.out.splitlines()[-1]
    assert len(shown.out.splitlines()) == 2 + 1 + 2_000 + 1


def test_layers_that_repeat_are_cut_before_they_are_written_out(model_file: ModelFile) -> None:
    repeated = {"count": 10_000, "pattern": ["mha*10000"] * 10_000}
    model = kvcalc.load(model_file(json.dumps({**PLAIN, "layers": repeated, "mtp": repeated})))
    assert len(model.layers) == len(model.mtp) == 10_000


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"count": 5, "pattern": ["mha*99999999"]}, "repeats 99,999,999 times"),
        ({"count": 10**9, "pattern": ["mha"]}, "at most 10,000"),
        ({"count": 1e9, "pattern": ["mha"]}, "a whole number"),
        (10**9, "at most 10,000"),
    ],
)
@pytest.mark.parametrize("field", ["layers", "mtp"])
def test_more_layers_than_any_model_has(
    layers: Any, message: str, field: str, model_file: ModelFile
) -> None:
    with pytest.raises(InputError, match=message):
        kvcalc.load(model_file(json.dumps({**PLAIN, field: layers})))


def test_what_is_wrong_in_thousands_is_counted(model_file: ModelFile) -> None:
    kinds = {f"e{n}": {"kind": "gqq"} for n in range(1_000)}
    said = {**PLAIN, "attention": kinds, "layers": {"count": 1_000, "list": [*kinds]}}
    with pytest.raises(InputError) as refused:
        kvcalc.load(model_file(json.dumps(said)))
    assert len(refused.value.problems) == 1_000
    assert "1,000 problems, of which the first 50 are shown" in str(refused.value)
    assert "did you mean gqa" in str(refused.value)


PRIMES = (
    900_001, 900_007, 900_019, 900_037, 900_061, 900_089, 900_091, 900_103, 900_121, 900_139,
)  # fmt: skip


def test_strides_without_a_sane_multiple(model_file: ModelFile) -> None:
    """Five primes of 900,000 and more have a product of about 6 x 10^29, six one of 5 x 10^35."""
    said = {**PLAIN, "attention": tensors(*PRIMES[:5])}
    model = kvcalc.load(model_file(json.dumps(said)))
    assert model.growth(1).denominator < 10**30
    said = {**PLAIN, "attention": tensors(*PRIMES)}
    path = model_file(json.dumps(said))
    with pytest.raises(InputError) as refused:
        kvcalc.load(path)
    text = "10 strides (an entry per 900,001, 900,007, 900,019, ... tokens) have no multiple below"
    must_tell(refused.value, path, [Wrong(1, 73, f"{text} 10^30", "no cache")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" + "a," * 200_000 + "a]", "more than 100,000 values"),
        ("%TAG !a! b:\n" * 102 + "---\na: 1\n", "more than 100 lines begin with %"),
        ("a: 1\n" * 60_000, "more than 100,000 values"),
        ("- " * 200 + "a", "nested more than 100 levels deep"),
        ("a: " + "[" * 200 + "]" * 200, "nested more than 100 levels deep"),
        ("[&a0 [1]" + "".join(f", &a{n} [*a{n - 1}]" for n in range(1, 300)) + "]", "100 levels"),
        ("&a [*a]", "more than 100,000 values once its anchors are written out"),
        ("? " * 50 + "{a: 1}", "found unhashable key"),
    ],
    ids=["a list", "a mapping", "%", "dashes", "brackets", "anchors", "itself", "keys in keys"],
)
def test_yaml_beyond_what_is_sane(text: str, message: str, model_file: ModelFile) -> None:
    with pytest.raises(InputError, match=message):
        kvcalc.load(model_file(text))


CLAIMED = {"model": "model.yaml", "expect": {"native.growth": "1 kB"}}
TOO_MANY_CLAIMS = [
    pytest.param(
        [claim(n, **CLAIMED) for n in range(1_001)],
        PLAIN,
        "claims has 1,001 items; at most 1,000",
        id="claims",
    ),
    pytest.param(
        [claim(0, of={f"a{n}": {"model": "model.yaml"} for n in range(1_001)})],
        PLAIN,
        "of has 1,001 items; at most 1,000",
        id="sides",
    ),
    pytest.param(
        # 251 x 20 entries are 5,020
        [claim(n, **CLAIMED) for n in range(251)],
        several(20),
        "more than 5,000 sums over attention and layers in all",
        id="entries",
    ),
    pytest.param(
        # 10,000 layers more count as 200 entries: 25 x 201 are 5,025
        [claim(n, **CLAIMED, mtp=10_000) for n in range(25)],
        {**PLAIN, "mtp": 1},
        "more than 5,000 sums over attention and layers in all",
        id="MTP layers",
    ),
]


@pytest.mark.parametrize(("claims", "model", "message"), TOO_MANY_CLAIMS)
def test_more_claims_than_a_file_has(
    claims: list[Any], model: dict[str, Any], message: str, model_file: ModelFile
) -> None:
    model_file(json.dumps(model))
    path = model_file(json.dumps({"claims": claims}), "claims.yaml")
    with pytest.raises(InputError) as refused:
        kvcalc.check(path)
    (problem,) = refused.value.problems
    assert message in problem.message
    assert problem.hint == "write several files"


def test_a_broken_model_is_told_of_by_each_claim_in_part(model_file: ModelFile) -> None:
    model_file(json.dumps({**PLAIN, **{f"k{n}": 1 for n in range(15)}}))
    claims = [claim(n, **CLAIMED) for n in range(2)]
    path = model_file(json.dumps({"claims": claims}), "claims.yaml")
    with pytest.raises(InputError) as refused:
        kvcalc.check(path)
    messages = [problem.message for problem in refused.value.problems]
    assert len(messages) == 2 * 11
    assert messages[10] == messages[21] == "5 problems more in that file"


def test_more_questions_than_a_file_has(model_file: ModelFile) -> None:
    asked = [{"ask": "Is it?", "answer": "It is.", "claims": [f"c{n}"]} for n in range(1001)]
    path = model_file(json.dumps({"questions": asked, "claims": [claim(0)]}), "claims.yaml")
    with pytest.raises(InputError) as refused:
        kvcalc.check(path)
    (problem,) = refused.value.problems
    assert "questions has 1,001 items" in problem.message
    assert problem.hint == "write several files"
