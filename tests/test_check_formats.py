"""What `check` prints for CI systems, documents and machines, held to their readers' grammars."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

import kvcalc
from kvcalc.render import WITH_ERRORS, WRITERS, Style, render
from tests.documents import cells, closed, data, validator_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cli, ModelFile

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
CLAIMS = sorted((CONFIGS / "claims").glob("*.yaml"))
CLAIM_MODELS = sorted((CONFIGS / "claims" / "models").glob("*.yaml"))

ODD = "we,ird: 100%.yaml"
MIXED = r"""claims:
  - id: holds
    quote: "a | b, 57-fold"
    source: { from: "paper | one", read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 57x }
    note: "first line\nsecond | line"

  - id: "off, by: one%\nhere"
    quote: "50% off: a,b"
    source: { from: a blog, read: 2026-11-23, primary: false }
    model: deepseek-v3
    expect: { mha/mla: 58x }
    note: "100% wrong, 0A: it is 56.89\r\nand %0A is no line end"

  - id: <price> & "quality"
    quote: half the price
    source: { from: a price list, read: 2026-11-22, primary: true }
    evidence: "0.28 | 0.56 USD"
    verdict: confirmed

  - id: undefined
    quote: nothing grows
    source: { from: a paper, read: 2026-11-24, primary: true }
    of: { a: { model: mamba2-2.7b } }
    expect: { a.growth/a.growth: 1x }

  - id: shipped
    quote: 16 groups
    source: { from: a video, read: 2026-11-24, primary: false }
    model: deepseek-v3
    expect: { mha/gqa: 8x }
    ships: gqa
    verdict: misattributed
    note: "MLA\a, not GQA"
"""
"""Two as recorded, three not."""

MODEL = """\
name: Refuted
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
expect:
  mha/gqa: 4x
  mha/mqa: 9x
"""


@pytest.fixture
def files(model_file: ModelFile) -> tuple[str, str]:
    return model_file(MIXED, ODD), model_file(MODEL, "refuted.yaml")


def results_of(cli: Cli, *args: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(cli("check", *args, "--json").out)["results"]
    return results


# GitHub: workflow commands

VALUE = r"(?:[^%\r\n:,]|%25|%0D|%0A|%3A|%2C)*"
COMMAND = re.compile(
    rf"::(error|warning|notice) "
    rf"((?:file|line|endLine|col|endColumn|title)={VALUE}"
    rf"(?:,(?:file|line|endLine|col|endColumn|title)={VALUE})*)"
    r"::((?:[^%\r\n]|%25|%0D|%0A)+)"
)


class Annotation(NamedTuple):
    """A workflow command as the runner of GitHub Actions understands it."""

    level: str
    properties: dict[str, str]
    message: str


def unescaped(text: str, *also: tuple[str, str]) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), *also, ("%25", "%")):
        text = text.replace(escape, character)
    return text


def commands(text: str) -> list[Annotation]:
    assert text.endswith("\n")
    found = []
    for line in text[:-1].split("\n"):
        match = COMMAND.fullmatch(line)
        assert match, line
        pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
        assert len(pairs) == match[2].count(",") + 1
        values = {
            name: unescaped(value, ("%3A", ":"), ("%2C", ",")) for name, value in pairs.items()
        }
        found.append(Annotation(match[1], values, unescaped(match[3])))
    return found


def test_github_annotates_what_is_not_as_recorded(files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", *files, "-f", "github")
    assert (ran.code, ran.err) == (1, "")
    *errors, tally = commands(ran.out)
    wrong = [result for result in results_of(cli, *files) if not result["ok"]]
    assert len(wrong) == 4
    assert [error.level for error in errors] == ["error"] * 4
    assert [(e.properties["file"], e.properties["line"]) for e in errors] == [
        (files[0], "9"),
        (files[0], "16"),
        (files[0], "22"),
        (files[1], "9"),
    ]
    assert [error.properties["title"] for error in errors] == [result["id"] for result in wrong]
    for error, result in zip(errors, wrong, strict=True):
        assert result["verdict"] in error.message
        assert result["expected"] in error.message
        assert result["printed"] in error.message
        assert result["computed"] in error.message
        assert result["note"] in error.message
    assert tally.level == "notice"
    assert tally.message == "3 passed, 4 failed"


def test_github_escapes_once(files: tuple[str, str], cli: Cli) -> None:
    lines = cli("check", *files, "-f", "github").out.splitlines()
    (line,) = (line for line in lines if "58x" in line)
    assert ",title=off%2C by%3A one%25%0Ahere::" in line
    assert f"file={Path(files[0]).parent}/we%2Cird%3A 100%25.yaml,line=9," in line
    assert line.endswith("100%25 wrong, 0A: it is 56.89%0D%0Aand %250A is no line end")


def test_github_reads_well_where_no_figure_is_printed(files: tuple[str, str], cli: Cli) -> None:
    (error,) = (
        one
        for one in commands(cli("check", files[0], "-f", "github").out)
        if one.properties.get("line") == "16"
    )
    assert "not-computable" in error.message
    assert error.message == " ".join(error.message.split())
    assert not error.message.startswith("is printed")


def test_github_has_only_a_tally_where_all_is_well(cli: Cli) -> None:
    ran = cli("check", "deepseek-v3", "-f", "github")
    (tally,) = commands(ran.out)
    assert (ran.code, tally.level) == (0, "notice")
    assert tally.message == f"{len(results_of(cli, 'deepseek-v3'))} passed, 0 failed"


# JUnit: Jenkins' junit-10.xsd

ATTRIBUTES = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors")),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        ("group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log"),
    ),
    "testcase": (("name",), ("time", "classname", "group")),
    "failure": ((), ("type", "message")),
    "error": ((), ("type", "message")),
    "skipped": ((), ()),
}
"""By element, the attributes that it must have and those that it may have."""
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped"},
    "failure": set[str](),
    "error": set[str](),
    "skipped": set[str](),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def suites(text: str) -> list[ET.Element]:
    """The suites of a report that is as the schema has it, and whose counts add up."""
    assert text.endswith(">\n")
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    valid(root)
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(cases)
        assert int(element.attrib["failures"]) == sum(
            len(case.findall("failure")) for case in cases
        )
        if "skipped" in element.attrib:
            skipped = sum(len(case.findall("skipped")) for case in cases)
            assert int(element.attrib["skipped"]) == skipped
        errors = sum(len(case.findall("error")) for case in cases)
        assert int(element.attrib["errors"]) == errors
    return list(root)


def valid(element: ET.Element) -> None:
    needed, allowed = ATTRIBUTES[element.tag]
    assert set(needed) <= set(element.attrib) <= {*needed, *allowed}
    assert TIME.fullmatch(element.attrib.get("time", ""))
    assert {child.tag for child in element} <= CHILDREN[element.tag]
    if element.tag not in ("failure", "error", "skipped"):
        texts = [element.text, *(child.tail for child in element)]
        assert not [text for text in texts if (text or "").strip()]
    for child in element:
        valid(child)


def cases(text: str) -> Iterator[tuple[str, ET.Element]]:
    for suite in suites(text):
        for case in suite:
            yield suite.attrib["name"], case


def test_junit_has_a_suite_per_file_and_a_case_per_result(files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", *files, "-f", "junit")
    assert (ran.code, ran.err) == (1, "")
    results = results_of(cli, *files)
    found = list(cases(ran.out))
    assert [suite.attrib["name"] for suite in suites(ran.out)] == list(files)
    assert [(file, case.attrib["name"]) for file, case in found] == [
        (result["file"], result["id"]) for result in results
    ]
    for (_, case), result in zip(found, results, strict=True):
        failures = list(case)
        assert bool(failures) is not result["ok"]
        for failure in failures:
            told = f"{failure.attrib['message']} {failure.text}"
            assert result["verdict"] in told
            assert result["expected"] in told
            assert result["printed"] in told
            assert result["computed"] in told
            assert failure.attrib["type"] == result["verdict"]


def test_junit_reads_well_where_no_figure_is_printed(files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", files[0], "-f", "junit")
    (case,) = (case for _, case in cases(ran.out) if "price" in case.attrib["name"])
    assert case.attrib["name"] == '<price> & "quality"'
    message = case[0].attrib["message"]
    assert message == " ".join(message.split())


def test_junit_is_xml_whatever_a_note_has_in_it(model_file: ModelFile, cli: Cli) -> None:
    path = model_file(MIXED.replace("verdict: misattributed", "verdict: confirmed"))
    ran = cli("check", path, "-f", "junit")
    (case,) = (case for _, case in cases(ran.out) if case.attrib["name"] == "shipped")
    assert "not GQA" in (case[0].text or "")


# SARIF: what its schema has of what is written, with no property that it does not know

TEXT: Any = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
COUNT = {"type": "integer", "minimum": 1}


def _object(*needed: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(needed)}


def _list(items: Any, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


REGION = _object("startLine", startLine=COUNT, startColumn=COUNT)
URI = {"type": "string", "pattern": r"^(?:[\w.~!$&'()*+,;=@/:-]|%[0-9A-F]{2})+$"}
PLACE = _object("artifactLocation", artifactLocation=_object("uri", uri=URI), region=REGION)
SARIF_RESULT = _object(
    *("ruleId", "ruleIndex", "level", "message", "locations"),
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=TEXT,
    locations=_list(_object("physicalLocation", physicalLocation=PLACE), 1),
    partialFingerprints=_object(**{"id/v1": {"type": "string"}}),
)
SARIF_RULE = _object(
    *("id", "shortDescription", "fullDescription", "help", "defaultConfiguration"),
    **dict.fromkeys(("shortDescription", "fullDescription", "help"), TEXT),
    id={"type": "string"},
    defaultConfiguration=_object("level", level=LEVEL),
)
DRIVER = _object(
    *("name", "version", "rules"),
    name={"const": "kvcalc"},
    version={"const": kvcalc.__version__},
    rules=_list(SARIF_RULE),
)
INVOCATION = _object(
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications=_list(_object("message", message=TEXT, level=LEVEL), 1),
)
RUN = _object(
    *("tool", "invocations", "results"),
    tool=_object("driver", driver=DRIVER),
    invocations=_list(INVOCATION, 1),
    columnKind={"const": "unicodeCodePoints"},
    results=_list(SARIF_RESULT),
)
SARIF = _object(
    *("$schema", "version", "runs"),
    **{"$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"}},
    version={"const": "2.1.0"},
    runs=_list(RUN, 1),
)


class Finding(NamedTuple):
    """A result of SARIF: its rule and level, its place, and what it says."""

    rule: str
    level: str
    file: str
    line: int | None
    column: int | None
    message: str


def findings(text: str) -> list[Finding]:
    log = json.loads(text)
    validator_of(closed(SARIF)).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    found = []
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["defaultConfiguration"]["level"] == result["level"]
        (place,) = (location["physicalLocation"] for location in result["locations"])
        region = place.get("region", {})
        where = unquote(place["artifactLocation"]["uri"]).removeprefix("file://")
        lines = region.get("startLine"), region.get("startColumn")
        found.append(Finding(rule["id"], result["level"], where, *lines, result["message"]["text"]))
    return found


def test_sarif_has_what_is_not_as_recorded(files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", *files, "-f", "sarif")
    assert (ran.code, ran.err) == (1, "")
    found = findings(ran.out)
    assert [one[:5] for one in found] == [
        ("claim", "error", files[0], 9, None),
        ("claim", "error", files[0], 16, None),
        ("claim", "error", files[0], 22, None),
        ("figure", "error", files[1], 9, None),
    ]
    wrong = [result for result in results_of(cli, *files) if not result["ok"]]
    for one, result in zip(found, wrong, strict=True):
        for part in ("id", "printed", "computed", "verdict", "expected", "note"):
            assert result[part] in one.message
    (run,) = json.loads(ran.out)["runs"]
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert [one["partialFingerprints"]["id/v1"] for one in run["results"]] == [
        result["id"] for result in wrong
    ]


def test_sarif_has_nothing_of_what_is_well(cli: Cli) -> None:
    ran = cli("check", "deepseek-v3", "-f", "sarif")
    assert (ran.code, findings(ran.out)) == (0, [])


def test_the_places_of_sarif_are_below_the_checkout_where_the_names_are(
    files: tuple[str, str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(files[0]).parent)
    places = {"we%2Cird%3A%20100%25.yaml", "refuted.yaml"}
    for names in ((f"./{ODD}", "refuted.yaml"), (".",)):
        (run,) = json.loads(cli("check", *names, "-f", "sarif").out)["runs"]
        found = [one["locations"][0]["physicalLocation"] for one in run["results"]]
        assert {place["artifactLocation"]["uri"] for place in found} == places


# a broken file among sound ones

BROKEN = """\
claims:
  - id: a
    quote: q
    source: { from: x, read: 2026-01-01, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 57y }
    verdcit: refuted
"""
UNIT = "unknown unit 'y'"


@pytest.fixture
def mixed(files: tuple[str, str], model_file: ModelFile) -> tuple[str, ...]:
    return files[0], model_file(BROKEN, "broken: 1%.yaml"), files[1], "no-such-model"


@pytest.mark.parametrize("format_name", WITH_ERRORS)
def test_with_a_broken_file_the_document_and_the_text_both_come(
    format_name: str, mixed: tuple[str, ...], cli: Cli
) -> None:
    ran = cli("check", *mixed, "-f", format_name)
    assert ran.code == 2
    assert ran.out
    assert f"{mixed[1]}:6:15: {UNIT}" in ran.err
    assert ran.err.endswith("3 problems\n")


@pytest.mark.parametrize("format_name", sorted({*WRITERS} - {*WITH_ERRORS}))
def test_formats_without_a_place_for_it_stay_empty(
    format_name: str, mixed: tuple[str, ...], cli: Cli
) -> None:
    ran = cli("check", *mixed, "-f", format_name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("3 problems\n")


def test_github_annotates_a_broken_file(mixed: tuple[str, ...], cli: Cli) -> None:
    *found, tally = commands(cli("check", *mixed, "-f", "github").out)
    unit, field, unknown = (one for one in found if one.properties["title"] == "kvcalc check")
    place = {"file": mixed[1], "title": "kvcalc check"}
    assert unit.properties == {**place, "line": "6", "col": "15"}
    assert UNIT in unit.message
    assert field.properties == {**place, "line": "7", "col": "5"}
    assert "'verdcit'" in field.message
    assert "did you mean verdict?" in field.message
    assert unknown.properties == {"title": "kvcalc check"}
    assert "'no-such-model'" in unknown.message
    assert len(found) == 3 + 4
    assert tally.message == "3 passed, 4 failed, 3 errors"


def test_junit_has_an_error_for_each_problem(mixed: tuple[str, ...], cli: Cli) -> None:
    report = cli("check", *mixed, "-f", "junit").out
    names = [mixed[1], "kvcalc check", mixed[0], mixed[2]]
    assert [suite.attrib["name"] for suite in suites(report)] == names
    told = [
        (file, case.attrib["name"], error.attrib["message"], error.text)
        for file, case in cases(report)
        for error in case.findall("error")
    ]
    unit, field, unknown = told
    assert unit[:2] == (mixed[1], "6:15")
    assert UNIT in unit[2]
    assert field[:2] == (mixed[1], "7:5")
    assert "did you mean verdict?" in (field[3] or "")
    assert unknown[:2] == ("kvcalc check", "named")
    assert ET.fromstring(report).attrib == {"tests": "10", "failures": "4", "errors": "3"}


def test_sarif_has_a_finding_for_each_problem(mixed: tuple[str, ...], cli: Cli) -> None:
    text = cli("check", *mixed, "-f", "sarif").out
    unit, field, *rest = findings(text)
    assert unit[:5] == ("broken-file", "error", mixed[1], 6, 15)
    assert UNIT in unit.message
    assert field[:5] == ("broken-file", "error", mixed[1], 7, 5)
    assert len(rest) == 4
    # what has no place is no finding
    (invocation,) = json.loads(text)["runs"][0]["invocations"]
    (told,) = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] is False
    assert "'no-such-model'" in told["message"]["text"]


def test_json_has_the_errors_beside_the_results(
    mixed: tuple[str, ...], cli: Cli, output: Draft202012Validator
) -> None:
    document = json.loads(cli("check", *mixed, "--json").out)
    output.validate(document)
    assert (document["passed"], document["failed"], len(document["results"])) == (3, 4, 7)
    unit, field, unknown = document["errors"]
    assert (unit["file"], unit["line"], unit["column"]) == (mixed[1], 6, 15)
    assert unit["message"].startswith(UNIT)
    assert (field["line"], field["hint"]) == (7, "did you mean verdict?")
    assert (unknown["file"], unknown["line"], unknown["column"]) == ("", None, None)


# Markdown: the fact sheet


class Told(NamedTuple):
    """A claim of a fact sheet, as its Markdown has it."""

    head: str
    more: dict[str, str]


def fact_sheet(text: str) -> list[Told]:
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    facts: list[Told] = []
    for line in text.splitlines():
        if line.startswith("**"):
            facts.append(Told(line, {}))
        elif line.startswith("- "):
            label, told = line[2:].split(": ", 1)
            facts[-1].more.setdefault(label, told)
    return facts


def expectations(text: str) -> list[list[str]]:
    header, _, *rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert header == ["claim", "printed", "computed", "verdict", "where"]
    return rows


def test_markdown_is_a_fact_sheet(files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", *files, "-f", "markdown")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.endswith("\n3 passed, 4 failed\n")
    facts = fact_sheet(ran.out)
    assert [fact.head for fact in facts] == [
        r'**confirmed** "a \| b, 57-fold": said 57x, computed 56.89x (holds)',
        '**refuted (recorded: confirmed)** "50% off: a,b": said 58x, computed 56.89x '
        "(off, by: one% here)",
        r'**not-computable (recorded: confirmed)** "half the price" (\<price> & "quality")',
        '**refuted (recorded: confirmed)** "nothing grows": said 1x, computed undefined '
        "(undefined)",
        '**misattributed** "16 groups": said 8x, computed 8x (shipped)',
    ]
    assert [fact.more for fact in facts[:3]] == [
        {
            "Why": r"first line second \| line",
            "Source": r"paper \| one (primary, read 2026-11-24)",
        },
        {
            "Why": "100% wrong, 0A: it is 56.89 and %0A is no line end",
            "Source": "a blog (not primary, read 2026-11-23)",
        },
        {"Why": r"0.28 \| 0.56 USD", "Source": "a price list (primary, read 2026-11-22)"},
    ]
    assert expectations(ran.out) == [
        ["refuted:mha/gqa", "4x", "4x", "confirmed", f"{files[1]}:8"],
        ["refuted:mha/mqa", "9x", "8x", "refuted (recorded: confirmed)", f"{files[1]}:9"],
    ]


# everything that is bundled, in every format


@pytest.fixture(scope="module")
def everything() -> kvcalc.Checked:
    return kvcalc.check()


def claims_of(answer: kvcalc.Checked) -> list[kvcalc.Result]:
    return [result for result in answer.results if result.claim]


def test_without_files_models_and_claims_are_checked(everything: kvcalc.Checked) -> None:
    ids = {result.id for result in everything.results}
    assert {"deepseek-v3:mha/mla", "deepseek-v3.2:dsa.growth", "video-mla-57x"} <= ids
    claims = [claim["id"] for path in CLAIMS for claim in data(path)["claims"]]
    assert [result.id for result in claims_of(everything)] == claims
    assert len(everything.results) > len(claims) + 30
    assert [result.id for result in everything.results if not result.ok] == []


def test_without_files_the_command_line_checks_the_same(
    everything: kvcalc.Checked, cli: Cli
) -> None:
    ran = cli("check", "--json")
    document = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [result["id"] for result in document["results"]] == [r.id for r in everything.results]
    computed = [result for result in everything.results if not result.by_hand]
    assert (document["passed"], document["failed"]) == (len(computed), 0)
    assert document["by_hand"] == len(everything.results) - len(computed) > 0


def test_everything_as_annotations(everything: kvcalc.Checked) -> None:
    (tally,) = commands(render(everything, "github", Style()))
    by_hand = sum(result.by_hand for result in everything.results)
    passed = len(everything.results) - by_hand
    assert tally.message == f"{passed} passed, 0 failed, {by_hand} recorded by hand"


def test_everything_as_a_junit_report(everything: kvcalc.Checked) -> None:
    names = Counter((r.file, r.id) for r in everything.results)
    report = render(everything, "junit", Style())
    assert Counter((file, case.attrib["name"]) for file, case in cases(report)) == names
    assert max(names.values()) == 1


def test_everything_as_sarif(everything: kvcalc.Checked) -> None:
    found = findings(render(everything, "sarif", Style()))
    levels = Counter((one.rule, one.level) for one in found)
    by_hand = sum(result.by_hand for result in everything.results)
    remarked = sum(bool(result.remarks) for result in everything.results)
    assert levels == {("by-hand", "note"): by_hand, ("remark", "note"): remarked}


def test_everything_as_a_fact_sheet(everything: kvcalc.Checked) -> None:
    text = render(everything, "markdown", Style())
    claims = {result.id: result for result in everything.results if result.claim}
    facts = fact_sheet(text)
    assert len(facts) == len(claims)
    for head, more in facts:
        result = claims.pop(next(name for name in claims if head.endswith(f" ({name})")))
        claim = result.claim
        assert claim is not None
        assert head.startswith(f"**{result.verdict}** ")
        assert ("recorded by hand (" in head) is result.by_hand
        assert (
            f"said {result.printed}, computed {result.computed_text}" in head or not result.printed
        )
        assert more["Source"].endswith(f"rimary, read {claim.source.read})")
        assert ("(not primary" in more["Source"]) is not claim.primary
        assert ("Evidence" in more) is bool(claim.evidence)
        assert ("Remark" in more) is bool(result.remarks)
        assert "Why" in more
    assert not claims
    rows = [result for result in everything.results if not result.claim]
    assert [row[0] for row in expectations(text)] == [result.id for result in rows]


@pytest.fixture(scope="module")
def output(cli: Cli) -> Draft202012Validator:
    return validator_of(closed(json.loads(cli("schema", "output").out)))


def test_everything_as_json(everything: kvcalc.Checked, output: Draft202012Validator) -> None:
    document = json.loads(render(everything, "json", Style()))
    output.validate(document)
    assert document["kind"] == "check"
    assert len(document["results"]) == len(everything.results)


def test_json_of_what_fails(files: tuple[str, str], cli: Cli, output: Draft202012Validator) -> None:
    ran = cli("check", *files, "--json")
    document = json.loads(ran.out)
    output.validate(document)
    assert (ran.code, document["passed"], document["failed"]) == (1, 3, 4)
    assert [result["computed_exact"] for result in document["results"][2:4]] == [None, None]


# -k

SELECTED = {
    "an id": ("undefined", ["undefined"]),
    "a part of an id": ("ship", ["shipped"]),
    "a quote": ("57-fold", ["holds"]),
    "a quote in another case": ("HALF THE", ['<price> & "quality"']),
    "an id in another case": ("Undefined", ["undefined"]),
    "a quote and a model": ("re", ["refuted:mha/gqa", "refuted:mha/mqa"]),
    "an entry of a model": ("mha/mqa", ["refuted:mha/mqa"]),
    "several": ("o", ["holds", "off, by: one%\nhere", "undefined", "shipped"]),
}


@pytest.mark.parametrize(("word", "ids"), SELECTED.values(), ids=SELECTED)
def test_k_selects_by_id_and_quote(
    word: str, ids: list[str], files: tuple[str, str], cli: Cli
) -> None:
    found = [result["id"] for result in results_of(cli, *files, "-k", word)]
    own = {
        "holds": "a | b, 57-fold",
        "off, by: one%\nhere": "50% off: a,b",
        '<price> & "quality"': "half the price",
        "undefined": "nothing grows",
        "shipped": "16 groups",
        "refuted:mha/gqa": "",
        "refuted:mha/mqa": "",
    }
    assert set(ids) <= set(found)
    assert found == [name for name in own if word.lower() in f"{name} {own[name]}".lower()]


@pytest.mark.parametrize(
    ("word", "code"),
    [("holds", 0), ("shipped", 0), ("58x", 2), ("off,", 1), ("mha/gqa", 0), ("mha/mqa", 1)],
)
def test_the_exit_code_is_of_what_is_selected(
    word: str, code: int, files: tuple[str, str], cli: Cli
) -> None:
    assert cli("check", *files, "-k", word).code == code
    assert cli("check", *files, "--select", word).code == code


@pytest.mark.parametrize("format_name", ["table", "json", "markdown", "github", "junit", "sarif"])
def test_nothing_selected_is_2(format_name: str, files: tuple[str, str], cli: Cli) -> None:
    ran = cli("check", *files, "-k", "no-such-claim", "-f", format_name)
    assert (ran.code, ran.out) == (2, "")
    assert "'no-such-claim'" in ran.err


def test_a_bundled_claims_file_is_found_by_its_name(cli: Cli) -> None:
    name = CLAIMS[-1].stem
    ids = [claim["id"] for claim in data(CLAIMS[-1])["claims"]]
    for reference in (name, f"{name}.yaml", str(CLAIMS[-1])):
        assert [result["id"] for result in results_of(cli, reference)] == ids


# the schema of claims files


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return validator_of(json.loads((CONFIGS / "claims.schema.json").read_text(encoding="utf-8")))


def test_the_schema_file_of_claims_is_current(cli: Cli) -> None:
    ran = cli("schema", "claims")
    assert ran.code == 0
    assert (CONFIGS / "claims.schema.json").read_text(encoding="utf-8") == ran.out


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: str(path.stem))
def test_a_bundled_claims_file_is_valid(path: Path, schema: Draft202012Validator) -> None:
    schema.validate(data(path))
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../claims.schema.json"


@pytest.mark.parametrize("path", CLAIM_MODELS, ids=lambda path: str(path.stem))
def test_a_model_of_the_claims_is_valid_and_used(path: Path) -> None:
    model_schema = json.loads((CONFIGS / "model.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(model_schema).validate(data(path))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../model.schema.json\n")
    assert data(path)["sources"]
    named = f"models/{path.name}"
    assert [file for file in CLAIMS if named in file.read_text(encoding="utf-8")]


ONE: dict[str, Any] = {
    "id": "one",
    "quote": "so they say",
    "source": {"from": "a paper", "read": "2026-11-24", "primary": True},
    "model": "deepseek-v3",
    "expect": {"mha/mla": "57x"},
}
SIDE = {"model": "deepseek-v3", "scheme": "mla", "context": "128K", "batch": 2, "mtp": True}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"context": 131072},
        {"context": "128k", "batch": 8, "kv_dtype": "fp8", "index_dtype": "bf16", "mtp": True},
        {"mtp": 3},
        {"source_length": 0},
        {"verdict": "holds-if", "holds_if": {"kv_dtype": "6bit"}},
        {"verdict": "misattributed", "ships": "gqa", "note": ""},
        {"model": None, "of": {"a": SIDE, "b": {"model": "x.yaml", "kv_dtype": "fp8_ds_mla"}}},
        {"expect": None, "evidence": "a price", "verdict": "not-computable"},
        {"expect": {"a.read/b.read": ">20x"}},
    ],
)
def test_the_schema_of_claims_accepts(change: dict[str, Any], schema: Draft202012Validator) -> None:
    changed = {**ONE, **change}
    schema.validate({"claims": [{k: v for k, v in changed.items() if v is not None}]})


@pytest.mark.parametrize(
    "change",
    [
        {"verdct": "confirmed"},
        {"scheme": "mla"},
        {"id": None},
        {"id": ""},
        {"quote": None},
        {"source": None},
        {"source": {"from": "a paper", "read": "2026-11-24"}},
        {"source": {"from": "a paper", "primary": True}},
        {"source": {**ONE["source"], "says": "57x"}},
        {"expect": {}},
        {"expect": {"mha/mla": "57x", "mha/mqa": "128x"}},
        {"expect": "57x"},
        {"of": {}},
        {"of": {"a": {}}},
        {"of": {"a": {"model": "deepseek-v3", "kvdtype": "fp8"}}},
        {"holds_if": {}},
        {"verdict": "confirmd"},
        {"context": 0},
        {"batch": 0},
        {"mtp": 0},
        {"mtp": "many"},
        {"source_length": -1},
    ],
)
def test_the_schema_of_claims_refuses(change: dict[str, Any], schema: Draft202012Validator) -> None:
    changed = {**ONE, **change}
    claim = {key: value for key, value in changed.items() if value is not None}
    assert not schema.is_valid({"claims": [claim]})


@pytest.mark.parametrize(
    "document", [{}, {"claims": []}, {"claims": {}}, {"claims": [ONE], "x": 1}]
)
def test_the_schema_of_claims_refuses_the_file(
    document: dict[str, Any], schema: Draft202012Validator
) -> None:
    assert not schema.is_valid(document)
