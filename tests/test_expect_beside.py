"""`compare --expect`: figures that an answer is held to, and the exit code that says whether."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

V3 = ("deepseek-v3",)
TWO = ("llama-3.1-8b", "deepseek-v3")
# bytes per token: 61 x (512 + 64) x 2 = 70,272; 32 x 2 x 8 x 128 x 2 = 131,072
SMALL = """\
name: {name}
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: {{ kind: gqa, kv_heads: {groups} }}
max_context: 1000
"""


def held(cli: Cli, *args: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and what the answer says of what was expected of it."""
    ran = cli("compare", *args, "--json", "-q")
    assert ran.err == ""
    return ran.code, [r for r in json.loads(ran.out)["expect"] if r["id"].startswith("expect:")]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (V3, "mha/mla=57x"),
        (V3, "mha/mla=56.89x"),
        (V3, " mha/mla = 57x "),
        (V3, "MHA/MLA=57x"),
        (V3, "mha/native=57x"),
        (V3, "mha/mla=98.2%"),
        (V3, "mha/mla@4096=57x"),
        (V3, "mha/mla=about 55x"),
        (V3, "mha/mla=>20x"),
        (V3, "mha/mla=<60x"),
        (V3, "mha/mla@128K=up to 57x"),
        (V3, "mla.growth=70.272 kB"),
        (V3, "mla.stored@128K=9.21 GB"),
        (V3, "mla.read=9.21 GB"),
        (V3, "mla.flops/mha.flops=4.25x"),
        # 4 sequences of 1,024 tokens: 4 x 1,024 x 70,272 B; a growth is of one
        ((*V3, "-b", "4", "-c", "1K"), "mla.stored=287.8 MB"),
        ((*V3, "-b", "4", "-c", "1K"), "mla.growth=70.272 kB"),
        ((*V3, "--kv-dtype", "fp8"), "mla.growth=35.136 kB"),
        (TWO, "llama-3.1-8b/deepseek-v3=1.87x"),
        (TWO, "Llama 3.1 8B/DeepSeek-V3=1.87x"),
        (TWO, "llama 3.1 8b/deepseek-v3.yaml=1.87x"),
        (TWO, "llama-3.1-8b.growth=131.072 kB"),
        (TWO, "Llama 3.1 8B.growth/deepseek-v3.growth=1.87x"),
        (TWO, "llama-3.1-8b.stored@4K=512 MiB"),
    ],
)
def test_what_holds_is_0_and_what_does_not_is_1(
    args: tuple[str, ...], expected: str, cli: Cli
) -> None:
    code, (result,) = held(cli, *args, "--expect", expected)
    assert (code, result["verdict"], result["ok"]) == (0, "confirmed", True)
    entry, _, printed = expected.rpartition("=")
    assert (result["id"], result["printed"]) == (f"expect:{entry.strip()}", printed.strip())
    assert (result["file"], result["line"]) == ("", 0)
    wrong = {"x": "1234x", "%": "1.23%"}.get(printed.strip()[-1], "1.23 kB")
    code, (result,) = held(cli, *args, "--expect", f"{entry}={wrong}")
    assert (code, result["verdict"], result["ok"]) == (1, "refuted", False)


def test_several_may_be_expected_and_one_that_fails_is_1(cli: Cli) -> None:
    args = ("--expect", "mha/mla=57x", "--expect", "mha/mqa=127x", "--expect", "mha/gqa=8x")
    code, results = held(cli, *V3, *args)
    assert code == 1
    assert [result["ok"] for result in results] == [True, False, True]
    answer = json.loads(cli("compare", *V3, *args, "--json").out)
    assert answer["query"]["expect"] == ["mha/mla=57x", "mha/mqa=127x", "mha/gqa=8x"]
    assert [r["id"] for r in answer["expect"]][:2] == ["deepseek-v3:mha/mqa", "deepseek-v3:mha/gqa"]


def test_what_a_file_expects_changes_no_exit_code(cli: Cli, model_file: ModelFile) -> None:
    path = model_file(SMALL.format(name="S", groups=2) + "expect: { mha/gqa: 5x }\n")
    assert cli("compare", path).code == 0
    assert cli("compare", path, "--expect", "mha/gqa=4x").code == 0
    assert cli("compare", path, "--expect", "mha/gqa=5x").code == 1


def test_at_several_contexts_it_is_held_to_each(cli: Cli) -> None:
    args = ("gemma-3-27b", "-c", "1K,128K")
    code, results = held(cli, *args, "--expect", "mha/native=2x", "--expect", "mha.stored@1=1 MB")
    told = [(result["id"], result["ok"]) for result in results]
    # in 62 layers 32 query heads over 16 of K and V; 62 x 2 x 32 x 128 x 2 B = 1,015,808 B
    assert told == [
        ("expect:mha/native@1024", True),
        ("expect:mha/native@131072", False),
        ("expect:mha.stored@1", True),
    ]
    assert code == 1


def test_up_to_looks_as_far_as_the_models_go_unless_a_context_is_named(
    cli: Cli, model_file: ModelFile
) -> None:
    one = model_file(SMALL.format(name="One", groups=2), "one.yaml")
    two = model_file(SMALL.format(name="Two", groups=4), "two.yaml")
    # 2 x 2 x 2 x 64 x 2 B = 1,024 B per token, up to 1,000 tokens of either
    args = (one, two, "--expect", "One.stored=up to 1024.0 kB")
    assert held(cli, *args)[0] == 0
    assert held(cli, *args, "-c", "500")[0] == 1
    assert held(cli, one, two, "-c", "500", "--expect", "One.stored=up to 512.0 kB")[0] == 0
    code, (result,) = held(cli, one, "--expect", "gqa.stored@200=up to 204.8 kB")
    assert (code, result["note"]) == (0, "The most is at a context of 200.")


def test_models_of_one_name_go_by_their_files(cli: Cli, model_file: ModelFile) -> None:
    one = model_file(SMALL.format(name="Same", groups=2), "one.yaml")
    two = model_file(SMALL.format(name="Same", groups=4), "two.v2.yaml")
    for names in ("two.v2/one=2x", f"{two}/{one}=2x", f"Same ({two})/Same ({one})=2x"):
        assert held(cli, one, two, "--expect", names)[0] == 0
    ran = cli("compare", one, two, "--expect", "Same/one=2x")
    assert ran.code == 2
    assert "no row is called 'Same' here" in ran.err


@pytest.mark.parametrize(
    ("args", "expected", "words"),
    [
        (V3, "mha/mla", "'mha/mla' has no figure; write it like mha/mla=57x"),
        (V3, "mha/mla=", "'' is not a figure"),
        (V3, "mha/mla=57", "'57' has no unit"),
        (V3, "mla=57x", "'mla' is no expectation; write a/b"),
        (V3, "mha/mlla=57x", "no row is called 'mlla' here; did you mean mla"),
        (V3, "mha/mla=57 kB", "mha/mla is a ratio"),
        (V3, "mla.growth=57x", "mla.growth is a size"),
        (V3, "mla.size=1 kB", "unknown quantity 'size'"),
        (V3, "mla.read/mha=2x", "compares unlike quantities"),
        (V3, "mha/mla@x=57x", "'x' is not a number of tokens"),
        (TWO, "deepsek-v3/llama-3.1-8b=1x", "no row is called 'deepsek-v3' here; did you mean"),
        (TWO, "llama-3.1-9b/deepseek-v3=1x", "no row is called 'llama-3.1-9b' here; did you mean"),
        (TWO, "mha/mla=57x", "no row is called 'mha' here; known: "),
        (TWO, "deepseek-v3.size=1 kB", "is no expectation"),
    ],
)
def test_what_cannot_be_expected_is_2(
    args: tuple[str, ...], expected: str, words: str, cli: Cli
) -> None:
    ran = cli("compare", *args, "--expect", expected)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --expect: ")
    assert words in ran.err


def test_a_search_that_would_not_end_is_refused(cli: Cli, model_file: ModelFile) -> None:
    tensor = "{{ name: t{n}, role: latent, width: 8, every: {n} }}"
    tensors = ", ".join(tensor.format(n=prime) for prime in (11, 13, 17, 19, 23))
    path = model_file(
        "{ name: P, layers: 1, dtype: bf16, max_context: 1000000,\n"
        f"  attention: {{ kind: custom, tensors: [{tensors}] }} }}\n"
    )
    ran = cli("compare", path, "--expect", "custom.stored=up to 1 kB")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --expect: custom.stored: ")


def test_a_table_shows_it_below_what_the_file_expects(cli: Cli) -> None:
    ran = cli("compare", *V3, "--expect", "mha/mla=58x", "--expect", "mha/gqa=8x")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.endswith("\nasked  mha/mla 58x FAILED (56.89x)   mha/gqa 8x ok\n")


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
def test_where_rows_stand_alone_it_is_told_beside_them(format_name: str, cli: Cli) -> None:
    args = ("compare", *V3, "--expect", "mha/mla=58x", "-f", format_name)
    ran = cli(*args)
    assert ran.code == 1
    assert ran.err == "note: expect:mha/mla=58x: refuted, 56.89x is computed\n"
    assert cli(*args, "-q").err == ""


def test_the_public_function_has_the_results() -> None:
    answer = kvcalc.compare("deepseek-v3", expect=["mha/mla=57x", "mha/mqa=127x"])
    assert [result.verdict for result in answer.held] == ["confirmed", "refuted"]
    assert answer.failed == 1
    assert kvcalc.compare("deepseek-v3").failed == 0


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("mha/mla=57x", r"expect is a list of figures: \['mha/mla=57x'\]"),
        ([57], r"expect is a list of figures, not \[57\]"),
        (57, "expect is a list of figures, not 57"),
    ],
)
def test_what_is_no_list_is_refused(expect: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kvcalc.compare("deepseek-v3", expect=expect)
