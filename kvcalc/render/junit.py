"""JUnit XML: a test case per result, for the CI systems that read nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

from kvcalc.printable import printable_lines
from kvcalc.queries.check import Result
from kvcalc.render import Style, View
from kvcalc.render.check import checked
from kvcalc.render.verdicts import told


def write(view: View, answer: Any, style: Style) -> str:
    """One suite per file, in the order checked."""
    results = checked(answer).results
    root = ET.Element("testsuites", _counts(results))
    for file, of_file in groupby(results, key=lambda result: result.file):
        cases = list(of_file)
        suite = ET.SubElement(
            root, "testsuite", {"name": _xml(file), **_counts(cases), **_skipped(cases)}
        )
        for result in cases:
            _case(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    failed = sum(not result.ok for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0"}


def _skipped(results: Sequence[Result]) -> dict[str, str]:
    return {"skipped": str(sum(result.by_hand for result in results))}


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
