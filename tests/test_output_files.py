"""Files that answers go to: the suffix says the format, and what it cannot say is refused."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvcalc.cli.options import CheckFormat
from kvcalc.cli.output import SUFFIXES

if TYPE_CHECKING:
    from tests.conftest import Cli, Process

COMPARE = ("compare", "deepseek-v3")
SHOW = ("show", "deepseek-v3")
CHECK = ("check", "deepseek-v3")
LIST = ("list", "--dtypes")
IMPORT = ("import", "deepseek-v3")
DIFF = ("diff", "deepseek-v3", "deepseek-r1")
OLDER_DIFF = (*IMPORT, "--diff", "deepseek-r1")
BESIDE = DIFF
SCHEMA = ("schema", "model")

ANSWER = "*.json, *.jsonl, *.csv, *.md or *.txt"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "file", "same"),
    [
        (COMPARE, "a.json", ("-f", "json")),
        (COMPARE, "a.JSON", ("-f", "json")),
        (COMPARE, "a.jsonl", ("-f", "jsonl")),
        (COMPARE, "a.csv", ("-f", "csv")),
        (COMPARE, "a.md", ("-f", "markdown")),
        (COMPARE, "a.txt", ()),
        (COMPARE, "a", ()),
        (COMPARE, ".csv", ()),
        (SHOW, "a.b.csv", ("-f", "csv")),
        (LIST, "a.md", ("-f", "markdown")),
        (CHECK, "a.xml", ("-f", "junit")),
        (CHECK, "a.json", ("-f", "json")),
        (DIFF, "a.csv", ("-f", "csv")),
        (DIFF, "a", ()),
        (OLDER_DIFF, "a.csv", ("-f", "csv")),
        (OLDER_DIFF, "a", ()),
        (BESIDE, "a.json", ("-f", "json")),
        (BESIDE, "a.MD", ("-f", "markdown")),
        (BESIDE, "a", ()),
        (IMPORT, "a.yaml", ()),
        (IMPORT, "a.YML", ()),
        (IMPORT, "a.txt", ()),
        (IMPORT, "a", ()),
        (SCHEMA, "a.json", ()),
        (SCHEMA, "a.txt", ()),
        (SCHEMA, "a", ()),
    ],
)
def test_the_suffix_names_the_format(
    args: tuple[str, ...], file: str, same: tuple[str, ...], cli: Cli
) -> None:
    ran = cli(*args, "-o", file)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert Path(file).read_text(encoding="utf-8") == cli(*args, *same).out


@pytest.mark.parametrize(
    ("args", "file"),
    [
        ((*COMPARE, "-f", "json"), "a.txt"),
        ((*COMPARE, "--json"), "a.json"),
        ((*COMPARE, "-f", "csv"), "a"),
        ((*CHECK, "-f", "github"), "a.txt"),
        ((*CHECK, "-f", "junit"), "a.xml"),
    ],
)
def test_what_is_asked_for_goes_with_the_suffix(args: tuple[str, ...], file: str, cli: Cli) -> None:
    assert cli(*args, "-o", file).code == 0
    assert Path(file).read_text(encoding="utf-8") == cli(*args).out


@pytest.mark.parametrize(
    ("args", "file", "said"),
    [
        (COMPARE, "r.svg", f".svg is no suffix of what is written here; name it {ANSWER}"),
        (COMPARE, "r.xml", f".xml is no suffix of what is written here; name it {ANSWER}"),
        (SHOW, "v3.2", f".2 is no suffix of what is written here; name it {ANSWER}"),
        (LIST, "r.yaml", f".yaml is no suffix of what is written here; name it {ANSWER}"),
        (CHECK, "r.html", "name it *.json, *.jsonl, *.csv, *.md, *.xml, *.sarif or *.txt"),
        (DIFF, "r.yaml", f"name it {ANSWER}"),
        (OLDER_DIFF, "r.yaml", f"name it {ANSWER}"),
        (IMPORT, "r.json", ".json is no suffix of what is written here; name it *.yaml, *.yml or"),
        (SCHEMA, "r.yaml", ".yaml is no suffix of what is written here; name it *.json or *.txt"),
        (
            (*COMPARE, "-f", "csv"),
            "r.json",
            "is written as json, and csv is asked for; leave out one of them, or name it *.csv or "
            "*.txt",
        ),
        ((*COMPARE, "-f", "table"), "r.md", "and table is asked for; leave out one of them, or"),
        ((*SHOW, "--json"), "r.jsonl", "is written as jsonl, and json is asked for"),
        ((*CHECK, "-f", "github"), "r.xml", "as junit, and github is asked for"),
        ((*DIFF, "--json"), "r.md", "is written as markdown, and json is asked for"),
        ((*COMPARE, "-f", "json"), "r.svg", ".svg is no suffix"),
    ],
)
def test_what_a_suffix_cannot_say_is_2_and_nothing_is_written(
    args: tuple[str, ...], file: str, said: str, cli: Cli
) -> None:
    Path(file).write_text("older", encoding="utf-8")
    ran = cli(*args, "-o", file)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Error: -o {file}")
    assert said in ran.err
    assert Path(file).read_text(encoding="utf-8") == "older"


def test_it_is_refused_before_anything_is_read(cli: Cli) -> None:
    ran = cli("compare", "no-such-model", "-o", "r.svg")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "no suffix" in ran.err


def test_a_device_takes_what_is_asked_for(process: Process) -> None:
    for more in ((), ("-f", "csv"), ("--json",)):
        assert process(*COMPARE, *more, "-o", "/dev/stdout").out == process(*COMPARE, *more).out


def test_a_pipe_may_be_called_anything(cli: Cli) -> None:
    pipe, read = Path("pipe.svg"), list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert cli(*COMPARE, "-f", "csv", "-o", str(pipe)).code == 0
    reader.join(timeout=10)
    assert read == [cli(*COMPARE, "-f", "csv").out]


def test_a_suffix_stands_for_a_format_that_there_is() -> None:
    formats = {*CheckFormat.__args__, "yaml"}  # type: ignore[attr-defined]
    assert set(SUFFIXES.values()) <= formats
    assert formats - set(SUFFIXES.values()) == {"table", "github"}
