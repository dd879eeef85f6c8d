"""Tables on terminals: as wide as these are, no number cut, colours that say something."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from kvcalc.cli import screen
from kvcalc.render.fitting import fitted, hung
from kvcalc.render.sheets import Sheet, numbers, sizes, text
from kvcalc.render.terminal import drawn

if TYPE_CHECKING:
    from pathlib import Path

    from kvcalc.cli.screen import Colour
    from kvcalc.units import System
    from tests.conftest import Cli, ModelFile, Process, Ran, Terminal

ESCAPES = re.compile(r"\x1b\[[\d;]*m")
FIVE = ("llama-3.1-405b", "deepseek-v3", "deepseek-v3.2", "gemma-3-27b", "qwen3-next-80b-a3b")
COMMANDS = {
    "a model": ("compare", "deepseek-v3", "-q"),
    "five": ("compare", *FIVE, "-q"),
    "a sum": ("show", "gemma-3-27b", "--explain"),
    "sparse": ("show", "deepseek-v3.2"),
    "all that is asked": (
        *("show", "gemma-3-27b", "--engine", "transformers"),
        *("--metric", "flops", "--explain"),
    ),
    "five, and all that is asked": (
        *("compare", *FIVE, "-q"),
        *("--engine", "transformers", "--metric", "flops"),
    ),
    "what fits": (
        *("fit", *FIVE, "-q", "--memory", "800GB"),
        *("--engine", "transformers", "-c", "32K"),
    ),
    "claims": ("check", "video"),
    "all that is checked": ("check",),
    "models": ("list",),
    "dtypes": ("list", "--dtypes"),
    "GPUs": ("list", "--gpus"),
}


def shown(out: str) -> list[str]:
    return ESCAPES.sub("", out).replace("\r\n", "\n").splitlines()


def figures(out: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*\d|\d", ESCAPES.sub("", out)))


# sizes: a unit for the column, or for each cell; by hand


@pytest.mark.parametrize(
    ("values", "units", "places", "cells"),
    [
        ([70_272, 3_997_696], "si", 1, ["70.3 kB", "3,997.7 kB"]),
        ([70_272, 0], "si", 1, ["70.3 kB", "-"]),
        ([0, 0], "si", 2, ["-", "-"]),
        ([], "si", 2, []),
        # up to 10,000 of the unit that the smallest fills
        ([1_000, 9_999_990], "si", 2, ["1.00 kB", "9,999.99 kB"]),
        ([1_000, 10_000_000], "si", 2, ["1.00 kB", "10.00 MB"]),
        ([16_384, 1_610_612_736, 0], "si", 2, ["16.38 kB", "1.61 GB", "-"]),
        ([3 * 2**10, 2**30], "iec", 2, ["3.00 KiB", "1.00 GiB"]),
        ([2**10, 9_999 * 2**10], "iec", 2, ["1.00 KiB", "9,999.00 KiB"]),
        ([1, 10**12], "bytes", 2, ["1 B", "1,000,000,000,000 B"]),
        ([Fraction(5, 3), 10**9], "si", 2, ["5/3 B", "1.00 GB"]),
    ],
)
def test_a_cell_has_the_columns_unit_or_its_own(
    values: list[Fraction | int], units: System, places: int, cells: list[str]
) -> None:
    assert list(sizes("size", values, units, places).cells) == cells


# fitting: what goes first; by hand


SHEET = Sheet(
    "Model: two layers",
    (
        text("scheme", ["gqa, 16 groups", "mla"], folds=8),
        sizes("per token", [499_712, 70_272], "si", 1, rank=2),
        numbers("exact B", ["499,712", "70,272"], alone="B per token"),
        numbers("read per step", ["65.50 GB", "9.21 GB"], 1),
    ),
    below=("2 rows",),
)


def fit(width: int, *, every: bool = False) -> list[str]:
    return drawn(fitted(SHEET, width, every=every), "plain", width).splitlines()


BOXED = """\
╭────────────────┬───────────┬─────────┬───────────────╮
│ scheme         │ per token │ exact B │ read per step │
├────────────────┼───────────┼─────────┼───────────────┤
│ gqa, 16 groups │  499.7 kB │ 499,712 │      65.50 GB │
│ mla            │   70.3 kB │  70,272 │       9.21 GB │
╰────────────────┴───────────┴─────────┴───────────────╯
"""
PLAIN = """\
scheme          per token  exact B  read per step
gqa, 16 groups   499.7 kB  499,712       65.50 GB
mla               70.3 kB   70,272        9.21 GB
"""
HEADINGS = """\
                     per           read per
scheme             token  exact B      step
gqa, 16 groups  499.7 kB  499,712  65.50 GB
mla              70.3 kB   70,272   9.21 GB
"""
WORDS = """\
               per           read per
scheme       token  exact B      step
gqa, 16   499.7 kB  499,712  65.50 GB
  groups
mla        70.3 kB   70,272   9.21 GB
"""
FEWER = """\
            B per  read per
scheme      token      step
gqa, 16   499,712  65.50 GB
  groups
mla        70,272   9.21 GB

left out: per token; --wide
    shows all
"""
FEWEST = """\
            B per
scheme      token
gqa, 16   499,712
  groups
mla        70,272

left out: per
    token, read
    per step;
    --wide shows
    all
"""


@pytest.mark.parametrize(
    ("width", "table"),
    [
        (56, BOXED),  # 14 + 9 + 7 + 13, and 3 for each of 4, and 1
        (55, PLAIN),
        (49, PLAIN),  # 14 + 9 + 7 + 13, and 2 between each two of 4
        (48, HEADINGS),
        (43, HEADINGS),  # 14 + 8 + 7 + 8 + 6
        (42, None),
        (37, WORDS),  # 8 + 8 + 7 + 8 + 6
        (36, None),
        (27, FEWER),  # 8 + 7 + 8 + 4
        (17, FEWEST),  # 8 + 7 + 2
    ],
)
def test_what_gives_way_where_a_table_is_too_wide(width: int, table: str | None) -> None:
    lines = fit(width)
    assert max(map(len, lines)) <= width
    if table:
        assert lines[-2:] == ["", "2 rows"]
        title = lines.index("")
        assert lines[title + 1 : -2] == table.splitlines()


def test_all_columns_stay_where_all_are_asked_for() -> None:
    assert fit(17, every=True)[-8:-2] == ["", *WORDS.splitlines()]


def test_a_column_is_named_alone_where_what_it_repeats_is_left_out() -> None:
    assert "exact B" in fit(80)[3]
    assert not any("exact" in line for line in fit(27))


def test_a_thousand_rows_fit() -> None:
    columns = (
        text("claim", [f"model:claim-{n}" for n in range(1_000)], folds=8),
        *(numbers(f"number {n}", [f"{n},000,000"] * 1_000) for n in range(5)),
    )
    for width in (200, 66):
        out = drawn(fitted(Sheet("", columns), width, every=False), "colour", width)
        assert max(map(len, shown(out))) <= width


def test_words_break_where_the_fewest_cells_do() -> None:
    columns = (
        text("claim", ["deepseek-v3:mla.growth", "other-claim-of-more-xy", "third-claim"], folds=5),
        numbers("computed", ["7 kB", "139,183,783,936 FLOPs", "8x"], folds=5),
    )
    sheet = fitted(Sheet("", columns), 40, every=False)
    assert drawn(sheet, "plain").splitlines() == [
        "claim                          computed",
        "deepseek-v3:mla.growth             7 kB",
        "other-claim-of-more-xy  139,183,783,936",
        "                                  FLOPs",
        "third-claim                          8x",
    ]
    # a name breaks behind a colon or a hyphen, a figure between its number and its unit alone
    sheet = fitted(Sheet("", columns), 31, every=False)
    assert drawn(sheet, "plain").splitlines() == [
        "claim                computed",
        "deepseek-v3:             7 kB",
        "  mla.growth",
        "other-claim-  139,183,783,936",
        "  of-more-xy            FLOPs",
        "third-claim                8x",
    ]


@pytest.mark.parametrize(
    ("line", "width", "lines"),
    [
        ("as it is", 8, ["as it is"]),
        ("  as it was before", 12, ["  as it was", "      before"]),
        ("  k  2 x 3 x 4  = 24 B", 16, ["  k  2 x 3 x 4", "          = 24 B"]),
        ("no-blank-anywhere", 5, ["no-blank-anywhere"]),
    ],
)
def test_a_line_is_broken_between_words(line: str, width: int, lines: list[str]) -> None:
    assert hung(line, width) == lines


# terminals themselves


@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS)
def test_a_table_is_as_wide_as_the_terminal(
    args: tuple[str, ...], columns: int, terminal: Terminal, cli: Cli
) -> None:
    ran = terminal(*args, columns=columns)
    assert ran.code == 0
    everything = cli(*args).out
    # the reference of a source is one word, longer than many a terminal
    words = max(map(len, everything.split()))
    assert max(map(len, shown(ran.out))) <= max(columns, words + 2)
    assert figures(ran.out) <= figures(everything)
    if columns == 200 and args != COMMANDS["dtypes"]:
        assert figures(ran.out) == figures(everything)
        assert "left out" not in ran.out


@pytest.mark.parametrize("args", [COMMANDS["a model"], COMMANDS["sparse"], COMMANDS["models"]])
def test_a_dumb_terminal_gets_plain_text_of_its_width(
    args: tuple[str, ...], terminal: Terminal, cli: Cli
) -> None:
    out = terminal(*args, columns=200, TERM="dumb").out
    assert out.replace("\r\n", "\n") == cli(*args).out
    narrow = terminal(*args, columns=80, TERM="dumb").out
    assert not {"\x1b", "│", "…"} & set(narrow)
    assert max(map(len, shown(narrow))) <= 80
    assert figures(narrow) <= figures(out) | {"80"}


def test_columns_goes_before_what_the_terminal_says(terminal: Terminal) -> None:
    args = ("compare", "deepseek-v3", "-q")
    wide = terminal(*args, columns=120)
    assert "╭" in wide.out
    assert terminal(*args, columns=40, COLUMNS="120").out == wide.out
    plain = terminal(*args, columns=80).out
    assert "╭" not in plain
    # no number of columns is as if it were not set; who does not say has 80
    for columns, setting in ((80, "0"), (80, "many"), (0, "")):
        assert terminal(*args, columns=columns, COLUMNS=setting).out == plain


def test_wide_shows_all_columns(terminal: Terminal, cli: Cli) -> None:
    args = ("show", "deepseek-v3.2")
    narrow = terminal(*args, columns=80).out
    assert "left out: per sequence, B per entry, elements, entries; --wide shows all" in narrow
    ran = terminal(*args, "--wide", columns=80)
    assert figures(ran.out) == figures(cli(*args).out)
    assert "left out" not in ran.out
    assert cli(*args, "--wide").out == cli(*args).out


def test_box_lines_are_for_who_can_write_them(terminal: Terminal) -> None:
    args = ("compare", "deepseek-v3", "-q")
    out = terminal(*args, columns=120, PYTHONIOENCODING="ascii").out
    assert "scheme" in out
    assert "\\u" not in out
    assert terminal(*args, columns=120, PYTHONIOENCODING="utf-8").out.count("╭") == 1


# colour


class Standard:
    """Standard output, on a terminal or not."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def fileno(self) -> int:
        raise OSError


XTERM = {"TERM": "xterm"}
DUMB = {"TERM": "dumb"}
NO = {"NO_COLOR": "1"}
FORCE = {"FORCE_COLOR": "1"}
CLI_FORCE = {"CLICOLOR_FORCE": "1"}


@pytest.mark.parametrize(
    ("env", "colour", "on", "look"),
    [
        (XTERM, "auto", "terminal", "colour"),
        (XTERM, "auto", "pipe", "plain"),
        (XTERM, "auto", "file", "plain"),
        (DUMB, "auto", "terminal", "plain"),
        ({"TERM": "unknown"}, "auto", "terminal", "plain"),
        ({}, "auto", "terminal", "plain"),
        # weight is no colour
        (XTERM | NO, "auto", "terminal", "bold"),
        (XTERM | {"NO_COLOR": ""}, "auto", "terminal", "colour"),
        (XTERM | NO, "auto", "pipe", "plain"),
        (DUMB | NO, "auto", "terminal", "plain"),
        (XTERM | FORCE, "auto", "pipe", "colour"),
        (XTERM | CLI_FORCE, "auto", "pipe", "colour"),
        (DUMB | FORCE, "auto", "terminal", "colour"),
        (XTERM | {"FORCE_COLOR": "0", "CLICOLOR_FORCE": "0"}, "auto", "pipe", "plain"),
        (XTERM | {"FORCE_COLOR": "", "CLICOLOR_FORCE": "false"}, "auto", "pipe", "plain"),
        (XTERM | FORCE | CLI_FORCE, "auto", "file", "plain"),
        (XTERM | NO | FORCE | CLI_FORCE, "auto", "pipe", "plain"),
        (XTERM | NO | FORCE | CLI_FORCE, "auto", "terminal", "bold"),
        # what is asked for goes before all of it
        (DUMB | NO, "always", "terminal", "colour"),
        (XTERM | NO, "always", "pipe", "colour"),
        (XTERM, "always", "file", "colour"),
        (XTERM, "never", "terminal", "plain"),
        (XTERM | FORCE | CLI_FORCE, "never", "pipe", "plain"),
    ],
)
def test_when_there_is_colour(
    env: dict[str, str], colour: Colour, on: str, look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    # a file that -o names is none of the terminal's
    monkeypatch.setattr("sys.stdout", Standard(terminal=on != "pipe"))
    found = screen.shown(colour, to_file=on == "file")
    assert found["look"] == look
    assert found["width"] == (80 if on == "terminal" else None)


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE"])
def test_forced_colour_reaches_a_pipe_and_no_file(
    name: str, process: Process, tmp_path: Path
) -> None:
    def forced(*args: str) -> Ran:
        return (
            process(*args, FORCE_COLOR="1")
            if name[0] == "F"
            else process(*args, CLICOLOR_FORCE="1")
        )

    args = ("compare", "deepseek-v3", "-q")
    plain = process(*args).out
    coloured = forced(*args).out
    assert "\x1b[1;32mmla (ships)\x1b[0m" in coloured
    assert ESCAPES.sub("", coloured) == plain
    assert forced(*args, "--color", "never").out == plain
    assert forced(*args, "-o", str(tmp_path / "out")).code == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") == plain
    assert process(*args, "--color", "sometimes").code == 2


CLAIM = """\
  - id: {id}
    quote: "{quote}"
    source: {{ from: "a page", read: 2026-11-24, primary: false }}
    model: deepseek-v3
"""
CLAIMS = "".join(
    (
        "claims:\n",
        CLAIM.format(id="right", quote="57x"),
        "    expect: { mha/mla: 57x }\n",
        CLAIM.format(id="wrong", quote="60x"),
        "    expect: { mha/mla: 60x }\n    verdict: refuted\n    note: it is 57x\n",
        CLAIM.format(id="elsewhere", quote="8x"),
        "    expect: { mha/gqa: 8x }\n    ships: gqa\n    verdict: misattributed\n",
        "    note: it ships MLA\n",
        CLAIM.format(id="unsaid", quote="better"),
        "    evidence: nobody measured it\n    verdict: not-computable\n",
        CLAIM.format(id="backed", quote="better"),
        "    evidence: { from: a page, at: p. 1, says: it is, read: 2026-11-24 }\n",
        "    verdict: supported\n",
        CLAIM.format(id="broken", quote="61x"),
        "    expect: { mha/mla: 61x }\n",
    )
)


def test_a_verdict_has_the_colour_of_what_it_says(cli: Cli, model_file: ModelFile) -> None:
    ran = cli("check", model_file(CLAIMS), "--color", "always")
    assert ran.code == 1
    rows = {ESCAPES.sub("", line).split()[0]: line for line in ran.out.splitlines() if line}
    painted = {
        name: re.findall(r"\x1b\[([\d;]+)m([\w-]+)", line)
        for name, line in rows.items()
        if name not in ("claim", "5")
    }
    assert painted["right"] == []
    assert painted["wrong"] == [("31", "refuted")]
    assert painted["elsewhere"] == [("33", "misattributed")]
    assert painted["unsaid"] == [("2", "not-computable")]
    assert painted["backed"] == []
    # what is not as recorded is red as a whole, and so is the count
    assert painted["broken"][0] == ("1;31", "broken")
    assert ("1;31", "refuted") in painted["broken"]
    assert {code for code, _ in painted["broken"]} == {"1;31"}
    assert "\x1b[1;31m1 failed\x1b[0m" in ran.out.splitlines()[-1]


def test_a_claim_that_holds_by_an_assumption_is_yellow(cli: Cli) -> None:
    (row,) = (
        line
        for line in cli("check", "video", "--color", "always").out.splitlines()
        if line.startswith("video-mla-576")
    )
    assert "\x1b[33mholds-if\x1b[0m" in row


def test_a_failed_expectation_of_compare_is_red_and_its_rows_are_not(
    cli: Cli, model_file: ModelFile
) -> None:
    path = model_file(
        "name: M\nheads: 8\nhead_dim: 64\nlayers: 2\ndtype: bf16\n"
        "attention: { kind: gqa, kv_heads: 2 }\nexpect: { mha/gqa: 5x, mha/mqa: 8x }\n"
    )
    out = cli("compare", path, "--color", "always").out
    assert out.count("\x1b[1;31m") == out.count("\x1b[1;31mFAILED\x1b[0m") == 1
    assert "\x1b[1;32mgqa, 2 groups (ships)\x1b[0m" in out
    assert "FAILED" not in cli("compare", "deepseek-v3", "--color", "always").out
    # of several models each is its own
    assert "\x1b[1;32m" not in cli("compare", "deepseek-v3", path, "--color", "always").out


def test_the_total_of_show_is_bold_and_has_no_colour(cli: Cli) -> None:
    out = cli("show", "deepseek-v3", "--color", "always").out
    assert "\x1b[1mtotal\x1b[0m" in out
    assert set(re.findall(r"\x1b\[([\d;]+)m", out)) == {"0", "1"}


# what a ratio and `native` mean is said where they stand


@pytest.mark.parametrize(
    ("args", "heading"),
    [
        (("deepseek-v3",), "mha / this"),
        (("deepseek-v3", "--baseline", "mla"), "mla / this"),
        (("deepseek-v3", "--metric", "read"), "mha / this (read)"),
        (("deepseek-v3", "llama-3.1-8b"), "baseline / this"),
        (("deepseek-v3", "llama-3.1-8b", "--metric", "growth"), "baseline / this (growth)"),
    ],
)
def test_a_ratio_says_its_direction(args: tuple[str, ...], heading: str, cli: Cli) -> None:
    title, _, header, *_ = cli("compare", *args, "-q").out.splitlines()
    assert f"  {heading}  " in header
    if heading.startswith("baseline"):
        assert title.endswith(", baseline DeepSeek-V3")


def test_the_schema_says_the_direction_of_a_ratio(cli: Cli) -> None:
    row = json.loads(cli("schema", "output").out)["$defs"]["RowDocument"]["properties"]
    assert "this row is 57 times smaller" in row["ratio"]["description"]


def test_native_is_explained_where_it_stands(cli: Cli) -> None:
    one = cli("compare", "gemma-3-27b").out
    assert "\n\nnative: the layers as the model ships them: 52 local, 10 global\n\n" in one
    several = cli("compare", "gemma-3-27b", "deepseek-v3").out
    assert several.endswith(
        "\n\nnative: layers of several kinds, or with windows or states, as shipped\n"
    )
    assert "native:" not in cli("compare", "deepseek-v3", "llama-3.1-8b").out
    assert several.splitlines()[-1] in cli("list").out.splitlines()
    markdown = cli("compare", "gemma-3-27b", "-f", "markdown").out
    assert "|\n\nnative: the layers as the model ships them: 52 local, 10 global\n" in markdown


def test_what_gpus_keep_in_all_is_the_first_column_to_go(terminal: Terminal) -> None:
    asked = ("compare", "deepseek-v3", "--tp", "8")
    assert "left out" not in terminal(*asked, columns=80).out
    ran = terminal(*asked, columns=64)
    assert "left out: over 8 GPUs; --wide shows all" in ran.out
    assert max(map(len, shown(ran.out))) <= 64
    spread = terminal("show", "gemma-3-27b", "--tp", "2", "--pp", "4", columns=80)
    assert "over 8 GPUs: 11.17 GB stored, 11.17 GB read per step" in spread.out
    assert max(map(len, shown(spread.out))) <= 80
