"""Claims that a document decides, and claims that answer a question together."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import InputError
from kvcalc.claim import AnsweredQuestion
from kvcalc.model import Source
from tests.problems import Wrong, edited, must_tell

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

SHEET = """\
title: A sheet
questions:
  - ask: Does it last?
    answer: "It does | it does not."
    claims: [lasting, priced]
  - ask: Which ratio?
    answer: "- 57,\\n for 128 heads"
    claims: [fifty-seven]
claims:
  - id: fifty-seven
    quote: "57-fold"
    source: { from: "a paper, p. 1", read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 57x }
    note: "32,768 / 576"
  - id: priced
    quote: "half the price"
    source: { from: a page, read: 2026-11-24, primary: false }
    evidence: "A price follows from no FLOPs."
    verdict: not-computable
  - id: lasting
    quote: "as good as MHA"
    source: { from: a video, read: 2026-11-24, primary: false }
    evidence:
      - from: "DeepSeek-V2, arXiv 2405.04434"
        at: "Table 9, p. 32"
        says: "7 of 8"
        read: 2026-11-24
      - { from: "a second paper", at: "section 2", says: "the same", read: 2026-11-25 }
    verdict: supported
    note: "In 7 of 8 cells."
  - id: other
    quote: "no groups"
    source: { from: a video, read: 2026-11-24, primary: false }
    evidence: { from: "a third", at: "line 5", says: "16 groups", read: 2026-11-24 }
    verdict: contradicted
"""
EVIDENCE = '{ from: "a third", at: "line 5", says: "16 groups", read: 2026-11-24 }'


@pytest.fixture
def path(model_file: ModelFile) -> str:
    return model_file(SHEET, "sheet.yaml")


def test_what_is_recorded_by_hand_neither_passes_nor_fails(path: str, cli: Cli) -> None:
    ran = cli("check", path, "--json")
    document = json.loads(ran.out)
    assert ran.code == 0
    assert (document["passed"], document["failed"], document["by_hand"]) == (2, 0, 2)
    assert {r["id"]: (r["verdict"], r["ok"], r["by_hand"]) for r in document["results"]} == {
        "fifty-seven": ("confirmed", True, False),
        "priced": ("not-computable", True, False),
        "lasting": ("supported", True, True),
        "other": ("contradicted", True, True),
    }
    assert cli("check", path).out.endswith("\n2 passed, 0 failed, 2 recorded by hand\n")
    assert "::notice title=kvcalc check::2 passed, 0 failed, 2 recorded by hand" in (
        cli("check", path, "-f", "github").out
    )
    assert cli("check", path, "-k", "no groups").code == 0
    junit = cli("check", path, "-f", "junit").out
    assert junit.count("<skipped>supported, recorded by hand</skipped>") == 1
    assert junit.count("<skipped>contradicted, recorded by hand</skipped>") == 1
    assert 'tests="4" failures="0" errors="0" skipped="2"' in junit


def test_evidence_has_its_place(path: str, cli: Cli) -> None:
    lasting, other = kvcalc.check(path, select="lasting").results[0], kvcalc.check(path).results[3]
    assert lasting.claim is not None
    assert lasting.claim.evidence == (
        Source("DeepSeek-V2, arXiv 2405.04434, Table 9, p. 32", "7 of 8", "2026-11-24"),
        Source("a second paper, section 2", "the same", "2026-11-25"),
    )
    assert other.claim is not None
    assert other.claim.evidence == (Source("a third, line 5", "16 groups", "2026-11-24"),)
    results = json.loads(cli("check", path, "--json").out)["results"]
    assert results[3]["evidence"] == [
        {"origin": "a third, line 5", "says": "16 groups", "read": "2026-11-24"}
    ]
    assert [(r["quote"], r["primary"]) for r in results[:2]] == [
        ("57-fold", True),
        ("half the price", False),
    ]
    said = {"origin": "a paper, p. 1", "says": "", "read": "2026-11-24"}
    assert results[0]["source"] == said
    rows = list(csv.DictReader(io.StringIO(cli("check", path, "-f", "csv").out)))
    assert rows[0]["source"] == "a paper, p. 1: 2026-11-24"
    assert rows[3]["evidence"] == "a third, line 5: 16 groups: 2026-11-24"


def test_why_nothing_decides_is_in_the_document(path: str, cli: Cli) -> None:
    results = json.loads(cli("check", path, "--json").out)["results"]
    assert [result["undecided"] for result in results] == [
        "",
        "A price follows from no FLOPs.",
        "",
        "",
    ]
    rows = list(csv.DictReader(io.StringIO(cli("check", path, "-f", "csv").out)))
    assert rows[1]["undecided"] == "A price follows from no FLOPs."


def test_evidence_may_be_left_empty(model_file: ModelFile, cli: Cli) -> None:
    empty = edited(SHEET, '    note: "32,768 / 576"', "    evidence:")
    assert cli("check", model_file(empty, "empty.yaml")).code == 0


def test_questions_are_in_the_document(path: str, cli: Cli) -> None:
    document = json.loads(cli("check", path, "--json").out)
    assert document["questions"] == [
        {
            "ask": "Does it last?",
            "answer": "It does | it does not.",
            "claims": ["lasting", "priced"],
        },
        {"ask": "Which ratio?", "answer": "- 57,\n for 128 heads", "claims": ["fifty-seven"]},
    ]
    asked = [result["question"] for result in document["results"]]
    assert asked == ["Which ratio?", "Does it last?", "Does it last?", None]


def test_a_fact_sheet_reads_by_question(path: str, cli: Cli) -> None:
    assert (
        cli("check", path, "-f", "markdown").out
        == r"""# A sheet

4 claims. Computed: 1 confirmed. By documents, recorded by hand: 1 supported, 1 contradicted. Open: 1 not-computable.

## Does it last?

It does \| it does not.

**supported** "as good as MHA": recorded by hand (lasting)

- Why: In 7 of 8 cells.
- Evidence: DeepSeek-V2, arXiv 2405.04434, Table 9, p. 32: 7 of 8 (read 2026-11-24)
- Evidence: a second paper, section 2: the same (read 2026-11-25)
- Source: a video (not primary, read 2026-11-24)

**not-computable** "half the price" (priced)

- Why: A price follows from no FLOPs.
- Source: a page (not primary, read 2026-11-24)

## Which ratio?

\- 57,

for 128 heads

**confirmed** "57-fold": said 57x, computed 56.89x (fifty-seven)

- Why: 32,768 / 576
- Source: a paper, p. 1 (primary, read 2026-11-24)

## Other claims

**contradicted** "no groups": recorded by hand (other)

- Evidence: a third, line 5: 16 groups (read 2026-11-24)
- Source: a video (not primary, read 2026-11-24)

2 passed, 0 failed, 2 recorded by hand
"""  # noqa: E501
    )


ASSUMED = """\
claims:
  - id: half
    quote: "576"
    source: { from: "a paper, p. 1", read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 114x }
    holds_if: { kv_dtype: 4bit, expect: { mha/mla: 57x } }
    verdict: holds-if
  - id: not-so
    quote: "576"
    source: { from: "a paper, p. 1", read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 114x }
    holds_if: { kv_dtype: 4bit }
    verdict: refuted
"""


def test_what_a_figure_holds_by_is_told_with_its_value(cli: Cli, model_file: ModelFile) -> None:
    path = model_file(ASSUMED)
    half, not_so = json.loads(cli("check", path, "--json").out)["results"]
    assert half["holds_if"] == "kv_dtype: 4bit, expect: { mha/mla: 57x }"
    assert (half["assumed"], half["assumed_exact"]) == ("56.89x", "512/9")
    assert (not_so["holds_if"], not_so["assumed"], not_so["assumed_exact"]) == (None, "", None)
    shown = cli("check", path, "-f", "markdown").out
    held = "kv_dtype: 4bit, expect: { mha/mla: 57x }, which gives 56.89x"
    assert f"\n- Holds if: {held}\n" in shown
    assert "2 claims. Computed: 1 holds-if (only under an assumption), 1 refuted (not" in shown
    assert shown.count("Holds if") == 1
    assert f"\nhalf: Holds if {held}.\n" in cli("check", path, "-k", "half").out


BEGINNINGS = [
    ("    code? <b>", "code? \\<b>"),
    ("  # head", "\\# head"),
    ("   > quoted", "\\> quoted"),
    ("* item", "\\* item"),
    (" 12. item", "12\\. item"),
]


@pytest.mark.parametrize(("answer", "shown"), BEGINNINGS)
def test_an_answer_is_a_paragraph_however_it_begins(
    answer: str, shown: str, cli: Cli, model_file: ModelFile
) -> None:
    path = model_file(SHEET.replace("It does | it does not.", answer))
    lines = cli("check", path, "-f", "markdown").out.splitlines()
    assert lines[6] == shown


def test_a_sign_in_a_quote_pairs_with_none_in_a_name(cli: Cli, model_file: ModelFile) -> None:
    text = SHEET.replace('"no groups"', '"no `groups"').replace("id: other", "id: o`ther")
    out = cli("check", model_file(text), "-f", "markdown").out
    assert '** "no \\`groups": recorded by hand (o\\`ther)' in out
    alone = cli("check", model_file(SHEET.replace('"no groups"', '"no `groups"')), "-f", "markdown")
    assert '** "no `groups": recorded by hand (other)' in alone.out


@pytest.mark.parametrize(
    ("title", "shown"),
    [("In C #", "# In C \\#"), ("In C#", "# In C#"), ("#", "# \\#"), (" In C ## ", "# In C \\##")],
)
def test_a_heading_ends_as_it_was_written(
    title: str, shown: str, cli: Cli, model_file: ModelFile
) -> None:
    path = model_file(SHEET.replace("title: A sheet", f'title: "{title}"'))
    assert cli("check", path, "-f", "markdown").out.splitlines()[0] == shown


def test_a_file_named_twice_is_told_twice(path: str, cli: Cli) -> None:
    out = cli("check", path, path, "-f", "markdown").out
    assert out.count("(fifty-seven)") == out.count("(other)") == 2
    assert out.endswith("\n4 passed, 0 failed, 4 recorded by hand\n")


def test_a_selection_says_why(path: str, cli: Cli) -> None:
    out = cli("check", path, "-k", "l").out
    lasting = "lasting: In 7 of 8 cells. DeepSeek-V2, arXiv 2405.04434, Table 9, p. 32: 7 of 8"
    assert f"{lasting}; a second paper, section 2: the same\n" in out
    assert "priced: A price follows from no FLOPs.\n" in out
    assert "In 7 of 8" not in cli("check", path).out
    only = cli("check", path, "-k", "fifty", "-f", "markdown").out
    assert "\n1 claim. Computed: 1 confirmed.\n" in only
    assert ("Which ratio?" in only, "Does it last?" in only) == (True, False)


PARAGRAPHS = {
    "one line": ("It does.", "It does."),
    "two lines": ("It does.\\nIt does not.", "It does.\n\nIt does not."),
    "a blank line between": ("It does.\\n\\n\\nIt does not.", "It does.\n\nIt does not."),
    "an end of a line at the end": ("It does.\\n", "It does."),
    "a star": ("* It does.\\n* not", "\\* It does.\n\n\\* not"),
    "a heading": ("It does.\\n# not", "It does.\n\n\\# not"),
    "a numbered list": ("1. It does.\\n2) not\\n3.", "1\\. It does.\n\n2\\) not\n\n3\\."),
    "a number": ("56.89 times.\\n-0.6 on average", "56.89 times.\n\n-0.6 on average"),
    "a quotation": ("> It does.\\n>0", "\\> It does.\n\n\\>0"),
    "a fence": ("```\\n~~~", "\\`\\`\\`\n\n\\~\\~\\~"),
    "a line below": ("It does.\\n---", "It does.\n\n\\---"),
    "code": ("It does.\\n    not\\n\\tnot", "It does.\n\nnot\n\nnot"),
}


@pytest.mark.parametrize(("answer", "shown"), PARAGRAPHS.values(), ids=PARAGRAPHS)
def test_a_line_of_an_answer_is_a_paragraph(
    answer: str, shown: str, cli: Cli, model_file: ModelFile
) -> None:
    path = model_file(edited(SHEET, "It does | it does not.", answer))
    out = cli("check", path, "-f", "markdown").out
    assert f"## Does it last?\n\n{shown}\n\n**supported**" in out


QUESTIONS = {
    "a claim that is not there": (
        edited(SHEET, "[lasting, priced]", "[lasting, prized]"),
        Wrong(5, 23, "'prized'", "priced"),
    ),
    "a claim twice": (
        edited(SHEET, "[lasting, priced]", "[lasting, fifty-seven, priced]"),
        Wrong(8, 14, "'fifty-seven' is under two questions", "once"),
    ),
    "no answer": (
        edited(SHEET, '    answer: "It does | it does not."\n', ""),
        Wrong(3, 5, "answer"),
    ),
    "an empty answer": (
        edited(SHEET, '"It does | it does not."', '""'),
        Wrong(4, 5, "answer", "empty"),
    ),
    "no claims": (edited(SHEET, "[lasting, priced]", "[]"), Wrong(5, 5, "claims", "empty")),
    "text for claims": (edited(SHEET, "[lasting, priced]", "lasting"), Wrong(5, 5, "a list")),
}


@pytest.mark.parametrize(("text", "wrong"), QUESTIONS.values(), ids=QUESTIONS)
def test_what_is_wrong_with_a_question(text: str, wrong: Wrong, model_file: ModelFile) -> None:
    path = model_file(text)
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    must_tell(caught.value, path, [wrong])


FOUNDED = {
    "supported in words": (
        edited(SHEET, EVIDENCE, '"somebody says so"'),
        Wrong(35, 5, "contradicted needs a document that decides it", "at: Table 8"),
    ),
    "no place": (edited(SHEET, ', at: "line 5"', ""), Wrong(35, 5, "'at'")),
    "no date": (
        edited(SHEET, 'says: "16 groups", read: 2026-11-24', 'says: "16 groups"'),
        Wrong(35, 5, "'read'"),
    ),
    "an empty list": (edited(SHEET, EVIDENCE, "[]"), Wrong(35, 5, "evidence", "empty")),
    "no evidence": (
        edited(SHEET, f"    evidence: {EVIDENCE}\n", ""),
        Wrong(32, 5, "or evidence where there is no figure"),
    ),
    "a figure": (
        edited(SHEET, "    note: \"32,768 / 576\"", "    verdict: supported"),
        Wrong(15, 5, "supported is for claims without a figure", "computed"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wrong"), FOUNDED.values(), ids=FOUNDED)
def test_what_a_document_must_say(text: str, wrong: Wrong, model_file: ModelFile) -> None:
    path = model_file(text)
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    must_tell(caught.value, path, [wrong])


def test_a_claim_is_told_of_its_question(path: str) -> None:
    (result,) = kvcalc.check(path, select="fifty").results
    assert result.claim is not None
    asked = AnsweredQuestion("Which ratio?", "- 57,\n for 128 heads", ("fifty-seven",), path, 6)
    assert result.claim.question == asked
