"""Figures, tokens, sizes and ratios: what is read, and what is printed."""

from __future__ import annotations

from fractions import Fraction

import pytest

from kvcalc.figures import parse_figure
from kvcalc.units import (
    MAX_TOKENS,
    System,
    check_tokens,
    decimals,
    exact,
    format_flops,
    format_rate,
    format_ratio,
    format_seconds,
    format_size,
    parse_rate,
    parse_tokens,
    rate_of,
    size_unit,
)


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("57x", "x", "56.5", "57.5"),
        ("57.0x", "x", "56.95", "57.05"),
        ("57.00 x", "x", "56.995", "57.005"),
        ("7.28x", "x", "7.275", "7.285"),
        ("93.3%", "%", "0.9325", "0.9335"),
        ("93.30%", "%", "0.93295", "0.93305"),
        ("70.272 kB", "kB", "70271.5", "70272.5"),
        ("4 KB", "KB", "3500", "4500"),
        ("9.21GB", "GB", "9205000000", "9215000000"),
        ("2.88e8 B", "B", "287500000", "288500000"),
        ("1,024 B", "B", "1023.5", "1024.5"),
        ("1,024.0 B", "B", "1023.95", "1024.05"),
        ("3 KiB", "KiB", "2560", "3584"),
        (" 1 MiB ", "MiB", "524288", "1572864"),
        ("0x", "x", "-0.5", "0.5"),
        ("17.2 GFLOPs", "GFLOPs", "17150000000", "17250000000"),
    ],
)
def test_a_figure_is_the_half_open_interval_that_rounds_to_it(
    text: str, unit: str, low: str, high: str
) -> None:
    figure = parse_figure(text)
    assert (figure.unit, figure.low, figure.high) == (unit, Fraction(low), Fraction(high))
    assert figure.holds(Fraction(low))
    assert not figure.holds(Fraction(high))
    assert not figure.holds(Fraction(low) - Fraction(1, 10**9))
    assert figure.holds(Fraction(high) - Fraction(1, 10**9))


@pytest.mark.parametrize(
    ("text", "bound", "above", "at", "below"),
    [
        (">20x", "20", True, False, False),
        ("> 20 x", "20", True, False, False),
        ("<1.7 GB", "1700000000", False, True, True),
        ("<93.3%", "0.933", False, True, True),
    ],
)
def test_a_one_sided_figure_is_a_bound(
    text: str, bound: str, above: bool, at: bool, below: bool
) -> None:
    figure, by_hand = parse_figure(text), Fraction(bound)
    assert figure.holds(by_hand + Fraction(1, 10**9)) is above
    assert figure.holds(by_hand) is at
    assert figure.holds(by_hand - Fraction(1, 10**9)) is below


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("57", "'57' has no unit"),
        ("57 lightyears", "unknown unit 'lightyears'"),
        ("57X", "unknown unit 'X'"),
        ("57 kib", "unknown unit 'kib'"),
        ("many", "'many' is not a figure"),
        ("", "'' is not a figure"),
        ("-3x", "'-3x' is not a figure"),
        ("1,00x", "'1,00x' is not a figure"),
        ("1,000,00x", "'1,000,00x' is not a figure"),
        (".5x", "'.5x' is not a figure"),
    ],
)
def test_what_is_no_figure_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_figure(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("57x", "ratio"),
        ("93.3%", "ratio"),
        ("1 B", "size"),
        ("70.272 kB", "size"),
        ("3 TiB", "size"),
        ("17.2 GFLOPs", "flops"),
        ("1 FLOPs", "flops"),
    ],
)
def test_a_figure_counts_one_thing(text: str, kind: str) -> None:
    figure = parse_figure(text)
    counts = {"ratio": figure.is_ratio, "size": figure.is_size, "flops": figure.is_flops}
    assert [name for name, counted in counts.items() if counted] == [kind]


@pytest.mark.parametrize(
    ("figure", "value", "printed"),
    [
        ("57x", Fraction(512, 9), "56.89x"),
        ("56.9x", Fraction(512, 9), "56.889x"),
        ("128x", Fraction(128), "128x"),
        ("1,000x", Fraction(2048), "2,048x"),
        ("93.3%", Fraction(14, 15), "93.333%"),
        ("93.3%", Fraction(933, 1000), "93.3%"),
        ("93%", Fraction(1), "100%"),
        ("70.272 kB", Fraction(70_272), "70.272 kB"),
        ("9.21 GB", Fraction(9_210_691_584), "9.2107 GB"),
        ("512 MiB", Fraction(536_870_912), "512 MiB"),
        ("2e3 kB", Fraction(1_500_000), "1,500 kB"),
        ("17.2 GFLOPs", Fraction(17_179_869_184), "17.180 GFLOPs"),
    ],
)
def test_a_computed_value_prints_two_digits_finer_or_whole(
    figure: str, value: Fraction, printed: str
) -> None:
    assert parse_figure(figure).printed(value) == printed


def test_a_negative_reduction_prints_its_own_value() -> None:
    assert parse_figure("93.3%").printed(1 - Fraction(512, 9)) == "-5,588.889%"


@pytest.mark.parametrize(
    ("text", "by_hand", "tokens"),
    [
        ("4096", 4096, 4_096),
        ("131072", 131072, 131_072),
        ("131,072", 131072, 131_072),
        ("131_072", 131072, 131_072),
        ("128k", 128 * 1000, 128_000),
        ("128K", 128 * 1024, 131_072),
        ("128Ki", 128 * 1024, 131_072),
        ("128 K", 128 * 1024, 131_072),
        (" 1m ", 1000**2, 1_000_000),
        ("1M", 1024**2, 1_048_576),
        ("1Mi", 1024**2, 1_048_576),
        ("1.5k", 1500, 1_500),
        ("0.5K", 512, 512),
        ("1,000k", 1000 * 1000, 1_000_000),
        ("1", 1, 1),
        ("1000000m", 10**6 * 10**6, MAX_TOKENS),
    ],
)
def test_tokens_follow_the_engines_units(text: str, by_hand: int, tokens: int) -> None:
    assert parse_tokens(text) == by_hand == tokens


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a number of tokens"),
        ("many", "not a number of tokens"),
        ("128 tokens", "not a number of tokens"),
        ("128kB", "not a number of tokens"),
        ("-1", "not a number of tokens"),
        ("1e3", "not a number of tokens"),
        ("1,00", "not a number of tokens"),
        ("0.5", "not a whole number of tokens"),
        ("1.0001k", "not a whole number of tokens"),
        ("0", "between 1 and"),
        ("0k", "between 1 and"),
        ("1000001m", "between 1 and"),
    ],
)
def test_what_is_no_context_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_tokens(text)


@pytest.mark.parametrize("tokens", [1, 2, 131_072, MAX_TOKENS])
def test_a_context_within_bounds_passes(tokens: int) -> None:
    assert check_tokens(tokens) == tokens


@pytest.mark.parametrize("tokens", [-1, 0, MAX_TOKENS + 1])
def test_a_context_out_of_bounds_does_not(tokens: int) -> None:
    with pytest.raises(ValueError, match="a context is between 1 and 1,000,000,000,000"):
        check_tokens(tokens)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Fraction(0), 0, "0"),
        (Fraction(0), 2, "0.00"),
        (Fraction(1, 2), 0, "1"),
        (Fraction(49, 100), 0, "0"),
        (Fraction(125, 100), 1, "1.3"),
        (Fraction(1999, 1000), 2, "2.00"),
        (Fraction(1234567), 0, "1,234,567"),
        (Fraction(1234567), 1, "1,234,567.0"),
        (Fraction(512, 9), 2, "56.89"),
        (Fraction(1, 16), 3, "0.063"),
        (Fraction(-3, 2), 1, "-1.5"),
        (Fraction(-503, 9), 2, "-55.89"),
    ],
)
def test_decimals_round_half_up(value: Fraction, places: int, text: str) -> None:
    assert decimals(value, places) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(70_272), "70,272"),
        (Fraction(15_401, 4), "3,850.25"),
        (Fraction(1, 8), "0.125"),
        (Fraction(1, 5), "0.2"),
        (Fraction(7, 40), "0.175"),
        (Fraction(15_691, 3), "15,691/3"),
        (Fraction(1, 6), "1/6"),
        (Fraction(1, 1_048_576), "0.00000095367431640625"),
    ],
)
def test_exact_loses_nothing(value: Fraction, text: str) -> None:
    assert exact(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(0), "0x"),
        (Fraction(1), "1x"),
        (Fraction(8), "8x"),
        (Fraction(1234), "1,234x"),
        (Fraction(512, 9), "56.89x"),
        (Fraction(516_096, 70_272), "7.34x"),
        (Fraction(4, 5), "0.80x"),
        (Fraction(1, 10), "0.10x"),
        (Fraction(1, 80), "0.013x"),
        (Fraction(1, 128), "0.0078x"),
    ],
)
def test_a_ratio_is_whole_or_has_two_digits_that_count(ratio: Fraction, text: str) -> None:
    assert format_ratio(ratio) == text


@pytest.mark.parametrize(
    ("values", "system", "unit"),
    [
        ([], "si", "B"),
        ([0], "si", "B"),
        ([999], "si", "B"),
        ([Fraction(1, 2)], "si", "B"),
        ([1_000], "si", "kB"),
        ([1_000], "iec", "B"),
        ([1_024], "iec", "KiB"),
        ([70_272, 3_997_696], "si", "kB"),
        ([0, 3_000_000, 5_000_000_000], "si", "MB"),
        ([9_210_691_584], "iec", "GiB"),
        ([10**12], "si", "TB"),
        ([10**18], "si", "PB"),
        ([10**18], "bytes", "B"),
        ([150_000, 99_999_999], "si", "kB"),
        ([150_000, 100_000_000], "si", "MB"),
        ([99_999, 100_000_000], "si", "kB"),
        ([150_000, 10**13], "si", "MB"),
    ],
)
def test_a_column_has_the_largest_unit_that_its_smallest_value_fills(
    values: list[Fraction | int], system: System, unit: str
) -> None:
    assert size_unit(values, system) == unit


@pytest.mark.parametrize(
    ("value", "unit", "places", "text"),
    [
        (70_272, "kB", 1, "70.3 kB"),
        (3_997_696, "kB", 1, "3,997.7 kB"),
        (9_210_691_584, "GB", 2, "9.21 GB"),
        (1_610_612_736, "GiB", 2, "1.50 GiB"),
        (70_272, "B", 2, "70,272 B"),
        (Fraction(15_401, 4), "B", 1, "3,850.25 B"),
        (Fraction(15_401, 4), "kB", 1, "3.9 kB"),
        (0, "kB", 1, "0.0 kB"),
    ],
)
def test_a_size_prints_in_its_columns_unit(
    value: Fraction | int, unit: str, places: int, text: str
) -> None:
    assert format_size(value, unit, places) == text


@pytest.mark.parametrize(
    ("flops", "text"),
    [
        (0, "0 FLOPs"),
        (999, "999 FLOPs"),
        (1_000, "1.0 kFLOPs"),
        (17_179_869_184, "17.2 GFLOPs"),
        (139_183_783_936, "139.2 GFLOPs"),
        (10**18, "1,000.0 PFLOPs"),
    ],
)
def test_operations_print_in_their_own_unit(flops: int, text: str) -> None:
    assert format_flops(flops) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("64GB/s", 64 * 10**9),
        ("4.8 TB/s", 4_800 * 10**9),
        (" 900GiB/s ", 900 * 2**30),
        ("1,000 MB / s", 10**9),
        ("0.5B/s", None),
        ("64", "'64' is no bandwidth; write it like 64GB/s, of 10^9 B a second"),
        ("64GB", "'64GB' is no bandwidth; write it like 64GB/s"),
        ("64/s", "'64/s' has no unit; write it like 64GB/s"),
        ("64Gx/s", "unknown unit 'Gx'; write it like 64GB/s"),
        ("400Gb/s", "unknown unit 'Gb'; write it like 400GB/s, of 10^9 B a second; Gb/s are of"),
        ("0GB/s", "0 B/s is no bandwidth: give 1 B/s to 1,000,000,000,000,000,000 B/s"),
        ("-1B/s", "-1 B/s is no bandwidth"),
        ("10000000PB/s", "10,000,000,000,000,000,000,000 B/s is no bandwidth"),
        ("fast", "'fast' is no bandwidth"),
        (f"{'1' * 70}B/s", "is no bandwidth"),
    ],
)
def test_bandwidths(text: str, rate: int | str | None) -> None:
    if isinstance(rate, int):
        assert parse_rate(text) == rate_of(text) == rate_of(rate) == rate
        return
    with pytest.raises(ValueError, match=r"is no bandwidth|unit") as raised:
        parse_rate(text)
    assert (rate or "0 B/s is no bandwidth") in str(raised.value)


@pytest.mark.parametrize("rate", [True, 1.5, None, 0, 10**19])
def test_what_is_no_bandwidth(rate: object) -> None:
    with pytest.raises(ValueError, match=r"bytes a second|is no bandwidth"):
        rate_of(rate)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "system", "text"),
    [
        (4_800 * 10**9, "si", "4.8 TB/s"),
        (3_350 * 10**9, "si", "3.35 TB/s"),
        (64 * 10**9, "si", "64 GB/s"),
        (64 * 10**9, "iec", "59.60 GiB/s"),
        (900 * 2**30, "iec", "900 GiB/s"),
        (900 * 2**30, "si", "966.37 GB/s"),
        (64 * 10**9, "bytes", "64,000,000,000 B/s"),
        (1, "si", "1 B/s"),
    ],
)
def test_how_bandwidths_are_printed(rate: int, system: System, text: str) -> None:
    assert format_rate(rate, system) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0 s"),
        ("1234", "1,234 s"),
        ("99.96", "100 s"),
        ("99.94", "99.9 s"),
        ("2.1", "2.10 s"),
        ("9.995", "10.0 s"),
        ("9.994", "9.99 s"),
        ("0.9995", "1.00 s"),
        ("0.99949", "999 ms"),
        ("0.00123", "1.23 ms"),
        ("0.000045", "45.0 us"),
        ("0.000000001", "1.00 ns"),
        ("0.0000000000012345", "0.00123 ns"),
    ],
)
def test_how_times_are_printed(seconds: str, text: str) -> None:
    assert format_seconds(Fraction(seconds)) == text
