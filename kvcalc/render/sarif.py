"""SARIF 2.1.0: what fails, what is wrong and what is remarked, for tools that scan code.

What is as recorded and has no remark is no finding, and stands nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, NamedTuple
from urllib.parse import quote

from kvcalc import __version__
from kvcalc.printable import uncommanding_json
from kvcalc.queries.check import Checked, Result
from kvcalc.render import Style, View
from kvcalc.render.check import checked
from kvcalc.render.verdicts import told, wrong

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Json = dict[str, Any]


class Rule(NamedTuple):
    """What findings of a kind are called, how grave they are, what is asked for and what to do."""

    name: str
    level: str
    asks: str
    help: str


RULES = (
    Rule(
        "broken-file",
        "error",
        "A file can be read, and what it says can be.",
        "Mend what the message names; kvcalc schema model, or claims, shows every field.",
    ),
    Rule(
        "figure",
        "error",
        "A model's own figure is what is computed.",
        "Correct the figure below expect, or the model; kvcalc show --explain writes the sum.",
    ),
    Rule(
        "claim",
        "error",
        "A claim has the verdict that its file records.",
        "Record the verdict that is computed, or correct the figure, its models or its context.",
    ),
    Rule(
        "by-hand",
        "note",
        "A verdict that a document decides is recorded by hand, and not computed.",
        "Nothing is to be done: read the evidence that the claim names.",
    ),
    Rule(
        "remark",
        "note",
        "A figure that does not hold would if it were read otherwise.",
        "Nothing is to be done: the remark says what the figure may have been meant to be.",
    ),
)
RANKS = {rule.name: rank for rank, rule in enumerate(RULES)}


def write(view: View, answer: Any, style: Style) -> str:
    """One log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(checked(answer))]}
    return uncommanding_json(json.dumps(log, indent=2, allow_nan=False)) + "\n"


def _run(answer: Checked) -> Json:
    # a finding has a place, so that what has none is told as it befell the tool
    unplaced = [
        {"level": "error", "message": {"text": wrong(problem)}}
        for problem in answer.errors
        if not problem.file
    ]
    invocation: Json = {"executionSuccessful": not answer.errors}
    if unplaced:
        invocation["toolExecutionNotifications"] = unplaced
    return {
        "tool": {
            "driver": {"name": "kvcalc", "version": __version__, "rules": [*map(_described, RULES)]}
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [*_findings(answer)],
    }


def _described(rule: Rule) -> Json:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.asks},
        "fullDescription": {"text": rule.asks},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": rule.level},
    }


def _findings(answer: Checked) -> Iterator[Json]:
    for problem in answer.errors:
        if problem.file:
            yield {
                **_finding("broken-file", wrong(problem)),
                "locations": [_location(problem.file, problem.line, problem.column)],
            }
    for result in answer.results:
        if rule := _rule(result):
            said = f"{result.id}: {told(result)}"
            message = ". ".join(part for part in (said, result.note) if part)
            yield {
                **_finding(rule, message),
                # a model of Python's has no file
                "locations": [_location(result.file, result.line)] if result.file else [],
                "partialFingerprints": {"id/v1": result.id},
            }


def _rule(result: Result) -> str:
    """The rule by which a result is a finding; empty where it is none."""
    if not result.ok:
        return "claim" if result.claim else "figure"
    return "by-hand" if result.by_hand else "remark" if result.remarks else ""


def _finding(rule: str, text: str) -> Json:
    return {
        "ruleId": rule,
        "ruleIndex": RANKS[rule],
        "level": RULES[RANKS[rule]].level,
        "message": {"text": text},
    }


def _location(file: str, line: int, column: int = 0) -> Json:
    places = {"startLine": line, "startColumn": column}
    region = {name: number for name, number in places.items() if number}
    place: Json = {"artifactLocation": {"uri": _uri(file)}}
    return {"physicalLocation": place | ({"region": region} if region else {})}


def _uri(file: str) -> str:
    """A path as a URI: relative where it is, so that it is one of the checkout."""
    path = PurePath(file)
    start = "file://" if path.is_absolute() else ""
    # half a character has no bytes of its own
    return start + quote(path.as_posix().encode("utf-8", "surrogatepass"))
