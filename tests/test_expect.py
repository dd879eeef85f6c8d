"""The grammar of `expect:`, and that the last digit of every bundled figure matters."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import kvcalc
from kvcalc.bundle import bundled
from kvcalc.expect import Expectation, Quantity, Served, parse_expectation
from kvcalc.queries.check import expected
from tests.figures import changed


@pytest.mark.parametrize(
    ("entry", "printed", "schemes", "quantity", "context"),
    [
        ("mha/mla", "57x", ("mha", "mla"), "stored", None),
        ("mha/mla", "98.2%", ("mha", "mla"), "stored", None),
        ("mha/mla@4096", "57x", ("mha", "mla"), "stored", 4_096),
        ("mla-expanded/mla@128K", "71x", ("mla-expanded", "mla"), "stored", 131_072),
        ("gqa-16/mqa", "16x", ("gqa-16", "mqa"), "stored", None),
        ("mla.stored", "9.21 GB", ("mla",), "stored", None),
        ("mla.stored@128k", "9.00 GB", ("mla",), "stored", 128_000),
        ("mla.growth", "70.272 kB", ("mla",), "growth", None),
        ("native.read@1M", "1 GiB", ("native",), "read", 1_048_576),
        (" mla.growth ", "70.272 kB", ("mla",), "growth", None),
        ("mla.flops@8192", "139.2 GFLOPs", ("mla",), "flops", 8_192),
        ("mha.growth/mla.growth", "57x", ("mha", "mla"), "growth", None),
        ("mha.read/dsa.read@128K", "98%", ("mha", "dsa"), "read", 131_072),
        ("mha/mla.stored", "57x", ("mha", "mla"), "stored", None),
        ("native.reserved", "4,352.00 MiB", ("native",), "reserved", None),
        ("native.tokens", "439,984 tokens", ("native",), "tokens", None),
        ("native.concurrency@128K", "3.36x", ("native",), "concurrency", 131_072),
        ("native.sequences", "about 28 sequences", ("native",), "sequences", None),
        ("a.tokens/b.tokens", "2.0x", ("a", "b"), "tokens", None),
        ("a.sequences/b.sequences", "50%", ("a", "b"), "sequences", None),
    ],
)
def test_entries_that_can_be_read(
    entry: str,
    printed: str,
    schemes: tuple[str, ...],
    quantity: Quantity | Served,
    context: int | None,
) -> None:
    found = parse_expectation(entry, printed, 12)
    assert {found.of_cache, found.served} == {quantity, None}
    assert found.schemes == schemes
    assert (found.quantity, found.context, found.line) == (quantity, context, 12)
    assert found.figure.text == printed


@pytest.mark.parametrize(
    ("entry", "printed", "said"),
    [
        ("mla", "57x", "is no expectation"),
        ("mha/mla/mqa", "57x", "is no expectation"),
        ("mha/mla.growth", "57x", "compares unlike quantities"),
        ("mha.read/mla.growth", "57x", "compares unlike quantities"),
        ("mla.flops", "57 kB", "mla.flops counts operations"),
        ("mha/mla", "57 GFLOPs", "mha/mla is a ratio"),
        ("mla.growth", "57 GFLOPs", "mla.growth is a size"),
        ("", "57x", "is no expectation"),
        ("mla.growth@", "57 kB", "is no expectation"),
        ("mha/mla", 57, "57 has no unit"),
        ("mha/mla", 57.0, "57.0 has no unit"),
        ("mha/mla", None, "None has no unit"),
        ("mha/mla", "57", "'57' has no unit"),
        ("mha/mla", "some 57x", "is not a figure"),
        ("mla.grwoth", "57 kB", "unknown quantity 'grwoth'; did you mean growth"),
        ("mla.reserved", "57 tokens", "mla.reserved is a size"),
        ("mla.token", "57 tokens", "unknown quantity 'token'; did you mean tokens"),
        ("mla.tokens", "57", "'57' has no unit; .* GFLOPs, tokens or sequences"),
        ("mla.tokens", "57 users", "unknown unit 'users'; .* tokens or sequences"),
        ("mla.tokens", "57 sequences", "mla.tokens counts tokens; write it like 28 tokens"),
        ("mla.tokens", "57x", "mla.tokens counts tokens"),
        ("mla.tokens", "57 GiB", "mla.tokens counts tokens"),
        ("mla.sequences", "57 tokens", "counts sequences; write it like 28 sequences"),
        ("mla.concurrency", "3 sequences", "is how often a context fits; write it like 3.36x"),
        ("mla.concurrency", "3%", "is how often a context fits"),
        ("mla.growth", "57 tokens", "mla.growth is a size"),
        ("mla.flops", "57 tokens", "mla.flops counts operations"),
        ("a.tokens/b.sequences", "2x", "compares unlike quantities"),
        ("a.tokens", "up to 9 tokens", "up to looks through all; write <, nearly or about"),
        ("a.tokens/b.tokens", "57 tokens", "is a ratio; write it as 57x"),
        ("mha/mla", "57 kB", "mha/mla is a ratio"),
        ("mla.growth", "57x", "mla.growth is a size"),
        ("mla.growth", "57%", "mla.growth is a size"),
        ("mha/mla@never", "57x", "'never' is not a number of tokens"),
        ("mha/mla@0", "57x", "a context is between 1 and"),
    ],
)
def test_entries_that_cannot(entry: str, printed: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_expectation(entry, printed)


@pytest.mark.parametrize("word", ["reserved", "tokens", "concurrency", "sequences"])
def test_where_no_server_is_there_is_nothing_of_one(word: Served) -> None:
    unit = {"reserved": "GiB", "concurrency": "x"}.get(word, f" {word}")
    told = f"native.{word} is of a server, and compare names none: write it into a claims file"
    with pytest.raises(ValueError, match=told):
        parse_expectation(f"native.{word}", f"3{unit}", serverless="compare")


def test_models_and_comparisons_name_no_server(tmp_path: Path) -> None:
    text = (bundled()["llama-3.1-8b"]).read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    more = text.replace("\nexpect:\n", "\nexpect:\n  native.tokens: 3 tokens\n")
    path.write_text(more, encoding="utf-8")
    with pytest.raises(kvcalc.InputError, match="of a server, and a model's own file names none"):
        kvcalc.check(str(path))
    with pytest.raises(kvcalc.UsageError, match="of a server, and compare names none"):
        kvcalc.compare("llama-3.1-8b", expect=["native.tokens=3 tokens"])


def test_counts_are_judged_at_their_printed_precision() -> None:
    figure = parse_expectation("native.tokens", "439,984 tokens").figure
    assert figure.holds(Fraction(439_984))
    assert not figure.holds(Fraction(439_985))
    assert figure.printed(Fraction(1_440_000)) == "1,440,000 tokens"
    assert parse_expectation("native.tokens", "4.4e5 tokens").figure.holds(Fraction(439_984))
    assert parse_expectation("native.concurrency", "3.36x").figure.holds(Fraction(33_568, 10_000))


@pytest.mark.parametrize(
    ("printed", "value", "holds", "by_hand"),
    [
        ("57x", "56.5", True, "[56.5, 57.5)"),
        ("57x", "57.5", False, "[56.5, 57.5)"),
        ("57x", "512/9", True, "56.888..."),
        ("57.0x", "512/9", False, "[56.95, 57.05): trailing zeros count"),
        ("56.9x", "512/9", True, "[56.85, 56.95)"),
        ("56.89x", "512/9", True, "[56.885, 56.895)"),
        ("56.88x", "512/9", False, "[56.875, 56.885)"),
        ("8x", "8", True, "[7.5, 8.5)"),
        ("8.00x", "8", True, "[7.995, 8.005)"),
        ("93.3%", "0.9325", True, "[93.25, 93.35)"),
        ("93.3%", "0.9335", False, "[93.25, 93.35)"),
        ("93.3%", "14/15", True, "93.333..."),
        ("93.30%", "14/15", False, "[93.295, 93.305)"),
    ],
)
def test_a_ratio_is_judged_at_its_printed_precision(
    printed: str, value: str, holds: bool, by_hand: str
) -> None:
    assert parse_expectation("a/b", printed).figure.holds(Fraction(value)) is holds, by_hand


@pytest.mark.parametrize(
    ("printed", "value", "holds", "by_hand"),
    [
        ("70.272 kB", 70_272, True, "[70,271.5, 70,272.5)"),
        ("70.272 kB", 70_271, False, "[70,271.5, 70,272.5)"),
        ("70.272 kB", 70_273, False, "[70,271.5, 70,272.5)"),
        ("70.27 kB", 70_274, True, "[70,265, 70,275)"),
        ("70.27 kB", 70_275, False, "[70,265, 70,275)"),
        ("70.3 kB", 70_250, True, "[70,250, 70,350)"),
        ("70.3 kB", 70_350, False, "[70,250, 70,350)"),
        ("9.21 GB", 9_205_000_000, True, "[9.205, 9.215) GB"),
        ("9.21 GB", 9_215_000_000, False, "[9.205, 9.215) GB"),
        ("512 MiB", 536_870_912, True, "512 x 2^20"),
        ("512 MB", 536_870_912, False, "536.87 MB"),
    ],
)
def test_a_size_is_judged_at_its_printed_precision(
    printed: str, value: int, holds: bool, by_hand: str
) -> None:
    assert parse_expectation("a.stored", printed).figure.holds(Fraction(value)) is holds, by_hand


MODELS = {name: kvcalc.load(name) for name in bundled()}
BUNDLED = [(name, expectation) for name, model in MODELS.items() for expectation in model.expect]


def verdict(name: str, expectation: Expectation, printed: str) -> str:
    entry = parse_expectation(expectation.entry, printed)
    return expected(replace(MODELS[name], expect=(entry,)))[0].verdict


@pytest.mark.parametrize(
    ("name", "expectation"), BUNDLED, ids=[f"{name}:{e.entry}" for name, e in BUNDLED]
)
def test_the_last_digit_of_a_bundled_figure_matters(name: str, expectation: Expectation) -> None:
    printed = expectation.figure.text
    assert verdict(name, expectation, printed) == "confirmed"
    for steps in (-1, 1):
        assert verdict(name, expectation, changed(printed, steps)) == "refuted"
