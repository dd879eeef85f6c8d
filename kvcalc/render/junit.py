"""JUnit XML: a test case per result or error, for the CI systems that read nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

from kvcalc.errors import Problem
from kvcalc.printable import printable_lines
from kvcalc.queries.check import Result
from kvcalc.render import Style, View
from kvcalc.render.check import checked
from kvcalc.render.verdicts import told


def write(view: View, answer: Any, style: Style) -> str:
    """One suite per broken file, then one per file in the order checked."""
    results, errors = checked(answer).results, answer.errors
    root = ET.Element("testsuites", _counts(results, errors))
    for file, of_file in groupby(errors, key=lambda problem: problem.file):
        problems = list(of_file)
        suite = ET.SubElement(
            root, "testsuite", {"name": _xml(file) or "kvcalc check", **_counts((), problems)}
        )
        for problem in problems:
            _error(suite, problem)
    for file, of_file in groupby(results, key=lambda result: result.file):
        cases = list(of_file)
        suite = ET.SubElement(
            root, "testsuite", {"name": _xml(file), **_counts(cases), **_skipped(cases)}
        )
        for result in cases:
            _case(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _counts(results: Sequence[Result], errors: Sequence[Problem] = ()) -> dict[str, str]:
    failed = sum(not result.ok for result in results)
    tests, wrong = len(results) + len(errors), len(errors)
    return {"tests": str(tests), "failures": str(failed), "errors": str(wrong)}


def _skipped(results: Sequence[Result]) -> dict[str, str]:
    return {"skipped": str(sum(result.by_hand for result in results))}


def _error(suite: ET.Element, problem: Problem) -> None:
    """A case that is called as the place of what is wrong."""
    place = ":".join(str(n) for n in (problem.line, problem.column) if n)
    where = {"classname": _xml(problem.file), "name": place or "named", "time": "0"}
    case = ET.SubElement(suite, "testcase", where)
    told = {"message": _xml(" ".join(problem.message.split())), "type": "broken-file"}
    ET.SubElement(case, "error", told).text = _xml(str(problem))


def _case(suite: ET.Element, result: Result) -> None:
    where = {"classname": _xml(result.file), "name": _xml(result.id), "time": "0"}
    case = ET.SubElement(suite, "testcase", where)
    if result.by_hand:
        ET.SubElement(case, "skipped").text = f"{result.verdict}, recorded by hand"
    if not result.ok:
        message = _xml(told(result))
        failure = ET.SubElement(case, "failure", {"message": message, "type": result.verdict})
        failure.text = _xml(" ".join(result.note.split())) or message


def _xml(text: str) -> str:
    """Text with escapes for controls, and for what XML 1.0 has no place for besides."""
    return printable_lines(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
