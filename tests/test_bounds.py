"""What may stand before a printed number, and when it is true."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvcalc.cache import Cache
from kvcalc.errors import UsageError
from kvcalc.figures import BOUNDS, MEANINGS, parse_figure
from kvcalc.queries.best import Best, best

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # 5 % below 6 is 5.7, and what rounds to 6 begins at 5.5
        ("nearly 6x", {"5.49": False, "5.5": True, "5.7": True, "6": True, "6.01": False}),
        # 5 % below 100 is 95, and what rounds to 100 begins at 99.5
        ("nearly 100x", {"94.99": False, "95": True, "99.9": True, "100": True, "100.1": False}),
        # what rounds to 2 is 1.5 up to 2.5; 5 % is 1.9 to 2.1
        ("about 2x", {"1.49": False, "1.5": True, "2.49": True, "2.5": False}),
        # 5 % of 57 is 2.85
        ("about 57x", {"54.14": False, "54.15": True, "59.85": True, "59.86": False}),
        # a quarter of 20 is 5
        ("over 20x", {"19": False, "20": False, "20.01": True, "24.99": True, "25": False}),
        ("over 90%", {"0.9": False, "0.933": True, "1": True}),
        # of the best case that is found
        ("up to 75%", {"0.7449": False, "0.745": True, "0.7549": True, "0.755": False}),
        ("up to 1.7 GB", {"1649999999": False, "1650000000": True, "1750000000": False}),
        (">20x", {"20": False, "20.01": True, "2000": True}),
        ("<75%", {"-1": True, "0": True, "0.75": True, "0.751": False}),
    ],
)  # fmt: skip
def test_a_bound_bites(text: str, values: dict[str, bool]) -> None:
    figure = parse_figure(text)
    assert {value: figure.holds(Fraction(value)) for value in values} == values


@pytest.mark.parametrize(
    "text", ["nearly6x", "up  to 6x", "almost 6x", "~6x", "about", "about <6x"]
)
def test_other_words_are_no_bounds(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a figure.* >, <, up to, nearly, about or over$"):
        parse_figure(text)


def test_a_value_beside_a_bound_is_printed_beside_it() -> None:
    assert parse_figure("over 20x").printed(Fraction(20_001, 1000)) == "20.001x"
    assert parse_figure("nearly 6x").printed(Fraction(60_004, 10_000)) == "6.0004x"


def test_their_meanings_are_told(cli: Cli) -> None:
    schema = json.loads(cli("schema", "claims").out)
    told = schema["$defs"]["claim"]["properties"]["expect"]["description"]
    of_models = json.loads(cli("schema", "model").out)["properties"]["expect"]["description"]
    readme = README.read_text(encoding="utf-8")
    assert list(MEANINGS) == list(BOUNDS)
    for bound, meaning in MEANINGS.items():
        assert meaning in told
        assert meaning in of_models
        assert f"`{bound} 57x`".replace("` ", "`") in told
        assert meaning in readme


# the best case: a model file, the figure, and what is computed by hand

HALF = """\
name: Half
heads: 8
head_dim: 64
layers: { count: 4, pattern: [local, global] }
dtype: bf16
max_context: 8192
attention:
  local: { kind: gqa, kv_heads: 2, window: 1024 }
  global: { kind: gqa, kv_heads: 2 }
"""
"""Bytes per token and layer 2 x 2 x 64 x 2 = 512."""

HYBRID = """\
name: Hybrid
heads: 8
head_dim: 64
layers: { count: 4, pattern: [state*3, full] }
dtype: bf16
max_context: 4096
attention:
  full: { kind: gqa, kv_heads: 2 }
  state:
    kind: custom
    tensors: [{ name: s, role: state, heads: 2, width: 1024, fixed: 1 }]
"""
"""Three states of 2 x 1,024 x 4 = 8,192 B beside 512 B per token."""

POOLED = """\
name: Pooled
heads: 8
layers: 1
dtype: bf16
max_context: 1000
attention:
  kind: custom
  tensors:
    - { name: every, role: latent, width: 64 }
    - { name: pool, role: latent, width: 640, every: 4 }
"""
"""128 B per token, and 1,280 B per 4 tokens."""


@pytest.mark.parametrize(
    ("text", "entry", "printed", "computed", "by_hand"),
    [
        (HALF, "no-window/native", "up to 1.78x", "16/9", "2 x 8,192 / (8,192 + 1,024) at 8,192"),
        (HALF, "no-window/native@4096", "up to 1.60x", "8/5", "2 x 4,096 / (4,096 + 1,024)"),
        (HALF, "no-window/native@512", "up to 1x", "1", "not yet full"),
        (HALF, "native/no-window", "up to 1x", "1", "the same up to 1,024 tokens"),
        (HALF, "no-window/native", "up to 44%", "7/16", "1 - 9/16"),
        (HALF, "native.stored", "up to 9.44 MB", "9437184", "2 x 512 x (8,192 + 1,024)"),
        (HALF, "native.growth", "up to 2.05 kB", "2048", "4 x 512 until the windows are full"),
        (HYBRID, "mha/native", "up to 15.81x", "4096/259",
         "4 x 2 x 8 x 64 x 2 x 4,096 / (512 x 4,096 + 24,576)"),
        (HYBRID, "native/mha", "up to 3.06x", "49/16", "(512 + 24,576) / 8,192 at one token"),
        (POOLED, "native.stored", "up to 448 kB", "448000", "1,000 x 128 + 250 x 1,280"),
        (POOLED, "native.stored@999", "up to 447 kB", "446592", "999 x 128 + 249 x 1,280"),
    ],
)  # fmt: skip
def test_the_best_case_over_contexts(
    text: str,
    entry: str,
    printed: str,
    computed: str,
    by_hand: str,
    cli: Cli,
    model_file: ModelFile,
) -> None:
    ran = cli("check", model_file(f"{text}expect: {{ {entry}: {printed} }}\n"), "--json")
    (result,) = json.loads(ran.out)["results"]
    assert Fraction(result["computed_exact"]) == Fraction(computed), by_hand
    assert (ran.code, result["verdict"]) == (0, "confirmed"), by_hand


def test_a_bound_is_not_met_by_two_that_are_equal(cli: Cli, model_file: ModelFile) -> None:
    path = model_file(f"{HALF}expect: {{ native/native: up to 75% }}\n")
    ran = cli("check", path, "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["verdict"], result["computed_exact"]) == (1, "refuted", "0/1")


def test_where_the_best_case_is_stands_beside_it(cli: Cli, model_file: ModelFile) -> None:
    ran = cli("check", model_file(f"{HALF}expect: {{ native/no-window: up to 1x }}\n"), "--json")
    (result,) = json.loads(ran.out)["results"]
    assert result["note"] == "The most is at a context of 1."


def test_contexts_that_are_stated_are_not_searched(cli: Cli, model_file: ModelFile) -> None:
    # 64 x 61 layers x 576 x 2 B over 32 x the same
    path = model_file(
        "claims:\n"
        "  - id: twice\n"
        "    quote: up to twice\n"
        "    source: { from: p, read: 2026-11-24, primary: true }\n"
        "    of:\n"
        "      x: { model: deepseek-v3, context: 64 }\n"
        "      y: { model: deepseek-v3, context: 32 }\n"
        "    expect: { x/y: up to 2x }\n"
    )
    (result,) = json.loads(cli("check", path, "--json").out)["results"]
    assert (result["verdict"], result["computed_exact"], result["note"]) == ("confirmed", "2/1", "")


def test_few_contexts_are_all_looked_at(cli: Cli, model_file: ModelFile) -> None:
    strides = (1009, 1013)
    tensors = "".join(
        f"    - {{ name: t{stride}, role: latent, width: 8, every: {stride} }}\n"
        for stride in strides
    )
    text = (
        "name: Primes\nlayers: 1\ndtype: bf16\nmax_context: 2000\nattention:\n  kind: custom\n"
        f"  tensors:\n{tensors}expect: {{ native.stored: up to 32 B }}\n"
    )
    ran = cli("check", model_file(text), "--json")
    (result,) = json.loads(ran.out)["results"]
    # one entry of either, 8 x 2 B each, from 1,013 tokens to 2,000
    assert (result["verdict"], result["computed"]) == ("confirmed", "32 B")
    assert result["note"] == "The most is at a context of 1,013."


def test_a_cache_that_hardly_repeats_is_not_searched(cli: Cli, model_file: ModelFile) -> None:
    strides = (1009, 1013)
    tensors = "".join(
        f"    - {{ name: t{stride}, role: latent, width: 8, every: {stride} }}\n"
        for stride in strides
    )
    text = (
        "name: Primes\nlayers: 1\ndtype: bf16\nattention:\n  kind: custom\n"
        f"  tensors:\n{tensors}expect: {{ native.stored: up to 1 kB }}\n"
    )
    path = model_file(text)
    ran = cli("check", path)
    assert ran.code == 2
    assert f"{path}:9: native.stored: the best case is not searched for" in ran.err
    assert "repeat each 1,022,117 tokens" in ran.err
    assert "name one context" in ran.err


def test_the_best_case_of_nothing_is_nothing() -> None:
    assert best(lambda _: None, [Cache(())], 5) is None
    assert best(Fraction, [Cache(())], 5) == Best(Fraction(5), 5)
    with pytest.raises(UsageError):
        best(lambda _: _refuse(), [Cache(())], 5)


def _refuse() -> Fraction:
    raise UsageError("never")
