"""Other people's text in what is printed: it is seen, and does nothing to who sees it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import kvcalc
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA
from kvcalc.cache import CacheTensor
from kvcalc.claim import AnsweredQuestion, Claim
from kvcalc.expect import parse_expectation
from kvcalc.extents import Every
from kvcalc.formats import BF16, uniform
from kvcalc.model import Source
from kvcalc.printable import printable, printable_lines
from kvcalc.queries.listing import list_models
from kvcalc.render import Style, render
from kvcalc.render.sheets import wide
from kvcalc.schema.writing.text import comment

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile, Terminal

quick = settings(derandomize=True, max_examples=25, deadline=None, database=None)

ACTS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
"""What no text may have that people look at; a line feed ends its lines."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

EVIL = "ev\x1b]0;PWNED\x07\x1b[31mil"
FORGED = "real\nnote: forged\r\n::error::forged\x85\u2028forged\u2029\x0bforged\x0c\x1eforged"
TURNED = "\u202eabc\u2066def\u200b\ufeff"
ODD = [EVIL, FORGED, TURNED, "\ud800", "\x9b31m", "\x7f", "[red]b[/red]", "日本e\u0301", "\ufffe"]
NASTY = st.sampled_from(
    "\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\u2028\u202e\u200b\ufeff\ufffe\ud800|`:%<"
)
TEXTS = st.text(
    st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Zl"]) | NASTY, min_size=1
)


class Answers(NamedTuple):
    """Answers with some text in each place that other people's text comes to."""

    shown: Any
    compared: Any
    several: Any
    checked: Any
    listed: Any
    differing: Any


def model_of(text: str) -> kvcalc.Model:
    """A model with a text wherever a model has any."""
    tensor = CacheTensor(text, "latent", 8, Every())
    source = Source(text, text, text)
    return kvcalc.Model(
        text,
        uniform(BF16),
        {text: GQA(heads=8, head_dim=64, kv_heads=2), f"{text}2": Custom(tensors=(tensor,))},
        ((text,), (f"{text}2",)),
        expect=(parse_expectation("native.growth", "1 B"),),
        vendor=text,
        confidence="published",
        sources=(source,),
        file=text,
        notes=(text,),
    )


def answers_with(text: str) -> Answers:
    model = model_of(text)
    source = Source(text, text, text)
    # its lines are paragraphs: tests/test_fact_sheet.py has those
    answer = " ".join(text.split()) or "none"
    question = AnsweredQuestion(text, answer, (text,), text)
    claim = Claim(
        text,
        text,
        source,
        False,
        None,
        evidence=(source,),
        undecided=text,
        question=question,
        note=text,
        file=text,
    )
    return Answers(
        kvcalc.show(model, draft=replace(model, name=f"{text}3")),
        kvcalc.compare(model),
        kvcalc.compare(model, replace(model, name=f"{text}3")),
        kvcalc.check(claim, model),
        list_models([model]),
        kvcalc.diff(model, replace(model, name=f"{text}3", vendor="", layers=((text,),))),
    )


FORMATS = [
    *(("table", Style(width=width, explain=True, per_layer=True)) for width in (None, 1, 100_000)),
    ("table", Style(width=100_000, boxed=True, look="colour")),
    ("markdown", Style(explain=True)),
    ("csv", Style()),
]
FOR_CHECKS = [("github", Style()), ("junit", Style()), ("sarif", Style())]


def printed(answers: Answers) -> Iterator[tuple[str, str]]:
    """What people look at, of every answer in every format."""
    for kind, answer in answers._asdict().items():
        for name, style in FORMATS + FOR_CHECKS * (kind == "checked"):
            yield f"{kind}, {name}, {style.width}, {style.look}", render(answer, name, style)


LINES = {what: text.count("\n") for what, text in printed(answers_with("harmless"))}


@quick
@given(TEXTS)
@example(EVIL)
@example(FORGED)
@example(TURNED)
@example("\ud800")
@example("```\n```")
def test_no_text_acts_or_begins_a_line(text: str) -> None:
    for what, shown in printed(answers_with(text)):
        assert not ACTS.search(COLOURS.sub("", shown)), what
        assert len(shown.splitlines()) == shown.count("\n"), what
        # on the narrowest terminal each word has a line
        assert shown.count("\n") == LINES[what] or "table, 1," in what, what


@quick
@given(TEXTS)
@example(EVIL)
@example(FORGED)
def test_json_has_the_text_as_it_is(text: str) -> None:
    answers = answers_with(text)
    for answer in answers:
        for name in ("json", "jsonl"):
            shown = render(answer, name, Style())
            assert re.fullmatch(r"[\n -~]*", shown)
    document = json.loads(render(answers.shown, "json", Style()))
    assert (document["model"], document["file"]) == (text, text)
    assert document["groups"][0]["name"] == text
    assert document["sources"][0] == {"origin": text, "says": text, "read": text}
    checked = json.loads(render(answers.checked, "json", Style()))
    assert (checked["results"][0]["id"], checked["results"][0]["note"]) == (text, text)


@quick
@given(TEXTS.filter(lambda text: not re.search("[\ud800-\udfff]", text)))
@example(EVIL)
@example(FORGED)
@example(TURNED)
@example("\ufffe")
def test_yaml_with_the_text_loads_as_it_was(text: str) -> None:
    sources = (Source(text, text, "2026-11-26"),)
    model = replace(model_of("plain"), name=text, vendor=text, sources=sources, notes=(text,))
    written = kvcalc.to_yaml(model)
    assert not ACTS.search(written)
    assert written.splitlines() == written.split("\n")[:-1]
    read = loaded(written)
    assert (read.name, read.vendor, read.sources) == (text, text, sources)
    assert read.stored(1_000) == model.stored(1_000)


def loaded(written: str) -> kvcalc.Model:
    from kvcalc import document
    from kvcalc.opening import model_of as read

    return read(document.parse("written.yaml", written.encode()))


def test_half_a_character_is_yaml_as_it_is_shown() -> None:
    # a file's name has them where its bytes are no UTF-8
    model = replace(model_of("plain"), name="a\udcffb", sources=())
    assert loaded(kvcalc.to_yaml(model)).name == "a\\udcffb"


def test_a_date_that_is_none_is_written_as_text() -> None:
    model = replace(model_of("plain"), sources=(Source("here", "", "2026-11-26\nname: other"),))
    assert '    read: "2026-11-26\\nname: other"\n' in kvcalc.to_yaml(model)


@pytest.mark.parametrize("text", ODD)
def test_a_table_shows_the_text(text: str) -> None:
    shown = render(answers_with(text).shown, "table", Style())
    escaped = "".join(ascii(c)[1:-1] if ACTS.match(c) or c == "\n" else c for c in text)
    assert shown.startswith(f"{escaped}: 2 layers, ")
    assert f"\n{escaped} " in shown


@pytest.mark.parametrize("text", ["日本", "e\u0301", "👩", "x", EVIL])
@pytest.mark.parametrize("name", ["table", "markdown"])
def test_wide_and_narrow_text_stands_in_its_column(text: str, name: str) -> None:
    # two columns for a character of Chinese, none for an accent that stands by itself
    lines = render(answers_with(text).shown, name, Style(width=10_000, boxed=True)).splitlines()
    rows = [
        COLOURS.sub("", line) for line in lines if COLOURS.sub("", line).startswith(("│", "| "))
    ]
    assert len({wide(line) for line in rows}) == 1
    assert len(rows) > 5


def test_the_items_of_a_sum_stand_in_their_columns() -> None:
    text = render(answers_with("日本\x1b").shown, "table", Style(explain=True))
    items = [line for line in text.splitlines() if re.match(r"  \S+\.\S+ +1 layer x", line)]
    assert len(items) > 5
    assert len({wide(line[: line.index(" 1 layer")]) for line in items}) == 1


# Markdown, as GitHub's rules have it

MARKUP = [
    "<script>alert(1)</script>", "<img src=x onerror=y>", "![x](https://x.example/y.png)",
    "[click](https://x.example)", "**bold**", "a | b", "\\|", "`code`", "~~gone~~", "*x* _y_",
    "&lt;b&gt;", "<!-- -->", "a\\", "__x__", "\\<b>", "<https://x.example>",
]  # fmt: skip


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_a_name_is_text(text: str) -> None:
    shown = render(answers_with(text).shown, "markdown", Style())
    parsed = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(shown)
    )
    inlines = [token for token in parsed if token.type == "inline"]
    kinds = {child.type for token in inlines for child in token.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    words = ["".join(child.content for child in token.children or ()) for token in inlines]
    assert words[0].startswith(f"{text}: 2 layers")
    assert text in words[1:]
    assert sum(token.type == "table_open" for token in parsed) == 1
    assert "html_block" not in {token.type for token in parsed}


def test_nobody_is_called_by_a_name_in_markdown() -> None:
    shown = render(answers_with("@torvalds and a@b").compared, "markdown", Style())
    assert "@torvalds" not in shown
    assert "@&#8203;torvalds and a@b" in shown


def test_what_stands_below_a_table_cannot_leave_its_fence() -> None:
    shown = render(answers_with("````\n<script>").shown, "markdown", Style(explain=True))
    parsed = MarkdownIt("commonmark").enable("table").parse(shown)
    assert [token.type for token in parsed if token.type == "fence"] == ["fence"]
    assert parsed[-1].type == "fence"


# CSV, as spreadsheets read it


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ('+cmd|" /C calc"!A0', '\'+cmd|" /C calc"!A0'),
        ("-2+3", "'-2+3"),
        ("  =1", "'  =1"),
        ("\t=1", "'\\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("- a note", "'- a note"),
        # what is none
        ("-", "-"),
        ("-:mha/gqa", "-:mha/gqa"),
        ("-62.5%", "-62.5%"),
        ("-1.50 kB", "-1.50 kB"),
        ("-1,234.5x", "-1,234.5x"),
        ("-1/3", "-1/3"),
        ("a=1", "a=1"),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    answer = kvcalc.compare(replace(model_of("plain"), name=text))
    (row, *_) = csv.DictReader(io.StringIO(render(answer, "csv", Style())))
    assert row["model"] == cell


# the formats of CI


def test_no_text_is_a_command_to_github() -> None:
    shown = render(answers_with(FORGED).checked, "github", Style())
    assert [line.split("::")[1].split()[0] for line in shown.splitlines()] == [
        "error",
        "error",
        "notice",
    ]


@pytest.mark.parametrize("text", [*ODD, "\uffff", "\x00"])
def test_junit_is_xml_whatever_a_text_has_in_it(text: str) -> None:
    root = ET.fromstring(render(answers_with(text).checked, "junit", Style()))
    names = [case.attrib["name"] for case in root.iter("testcase")]
    shown = printable_lines(text)
    assert names[0] == shown.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


# on a terminal, and in a file

LLAMA = {
    "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip
OWN = {"name": EVIL, "heads": 4, "head_dim": 64, "layers": 2, "dtype": "bf16",
       "attention": {"kind": "mha"}}  # fmt: skip


def test_a_terminal_gets_no_escapes_but_colours(model_file: ModelFile, terminal: Terminal) -> None:
    own = model_file(json.dumps(OWN), "own.yaml")
    foreign = model_file(json.dumps({**LLAMA, "kv_\x1b]0;PWNED\x07\x1b[31mil": 5}), "foreign.json")
    for args in (
        ("show", own),
        ("show", own, "--explain"),
        ("compare", own),
        ("compare", own, own),
        ("show", own, "--draft", own),
        ("import", own),
        ("import", own, "--diff", "deepseek-v3"),
        ("show", foreign),
        ("show", EVIL),
        ("show", own, f"--{EVIL}"),
        ("show", own, "--engine", EVIL),
        ("show", own, "--ignore", EVIL),
        ("show", own, "-c", EVIL),
        ("check", "-k", EVIL),
        ("compare", own, "--baseline", EVIL),
        (EVIL,),
    ):
        ran = terminal(*args, on=("stdout", "stderr"))
        assert "\x07" not in ran.out, args
        assert "\x1b" not in COLOURS.sub("", ran.out), args
        assert "\x1b[31m" not in ran.out, args
        assert "PWNED" in ran.out or args[0] == "compare", args


def test_a_file_gets_what_a_pipe_gets(model_file: ModelFile, cli: Cli, tmp_path: Path) -> None:
    own, written = model_file(json.dumps(OWN)), tmp_path / "written"
    for name in ("table", "markdown", "csv", "json", "jsonl"):
        args = ("show", own, "-f", name)
        assert cli(*args, "-o", str(written)).code == 0
        assert written.read_text(encoding="utf-8") == cli(*args).out


def test_what_is_inferred_of_a_file_is_a_comment_to_its_end(
    model_file: ModelFile, cli: Cli
) -> None:
    odd = {**LLAMA, "x\nname: forged\u2028vendor: forged\x85y": 5}
    path = model_file(json.dumps(odd), "odd.json")
    ran = cli("import", path, "--ignore", list(odd)[-1])
    assert ran.code == 0
    assert "forged" in ran.out
    assert loaded(ran.out).name == "odd"
    assert loaded(ran.out).vendor == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::stop-commands::x", "\\x3a:stop-commands::x"),
        (" \u3000::error::x", " \u3000\\x3a:error::x"),
        (
            "a ##vso[task.setvariable variable=PATH]b",
            "a \\x23#vso[task.setvariable variable=PATH]b",
        ),
        ("##[error]x", "\\x23#[error]x"),
        # what is none
        ("a::b", "a::b"),
        (": :", ": :"),
        ("## heading", "## heading"),
        ("#[x]", "#[x]"),
    ],
)
def test_no_line_commands_who_runs_ci(text: str, shown: str) -> None:
    for name in ("table", "csv"):
        lines = render(answers_with(text).compared, name, Style()).splitlines()
        assert not [line for line in lines if line.lstrip().startswith("::")]
    assert render(answers_with(text).shown, "table", Style()).startswith(f"{shown}: 2 layers")
    assert printable(text) == printable_lines(text) == printable(printable(text)) == shown
    assert printable_lines(f"a\n{text}") == f"a\n{shown}"


COMMAND = "\\##vso[task.setvariable]x ###[group]y"


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (("show", "{}", "--json"), "\\\\\\u0023#vso[task.setvariable]x #\\u0023#[group]y"),
        (("compare", "{}", "-f", "jsonl"), "\\\\\\u0023#vso[task.setvariable]x #\\u0023#[group]y"),
        (("import", "{}"), "\\\\\\x23#vso[task.setvariable]x #\\x23#[group]y"),
    ],
    ids=["json", "jsonl", "yaml"],
)
def test_no_text_commands_who_runs_ci_in_what_programs_read(
    words: tuple[str, ...], again: str, model_file: ModelFile, cli: Cli
) -> None:
    said = {"name": COMMAND, "layers": 2, "heads": 8, "head_dim": 64, "dtype": "bf16"}
    path = model_file(json.dumps({**said, "attention": {"kind": "mha"}}))
    out = cli(*(word.format(path) for word in words)).out
    assert again in out
    assert "##vso[" not in out
    if words[0] == "import":
        assert kvcalc.load(model_file(out, "again.yaml")).name == COMMAND
    else:
        assert json.loads(out.splitlines()[0] if "jsonl" in words else out)["model"] == COMMAND


def test_nor_does_a_comment_in_yaml() -> None:
    assert comment("note ##vso[task.x]y") == ["# note \\x23#vso[task.x]y"]
