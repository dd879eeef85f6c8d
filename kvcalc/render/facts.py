"""Checked claims as a fact sheet: questions with their answers, and the claims that bear them out.

A claim says what was said, what is computed, the verdict, why, and where it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from kvcalc.queries.check import Checked, Result
from kvcalc.render import Style
from kvcalc.render.check import held, remarked, sheet, tally, verdict_of
from kvcalc.render.documents import Document, Fact, Section

OTHERS = "Other claims"
EXPECTED = "What models are held to"


def fact_sheet(answer: Checked, style: Style) -> Document:
    """A chapter for each file of claims, then the expectations of models as one table."""
    claims = [result for result in answer.results if result.claim]
    sections: list[Section] = []
    for file, results in groupby(claims, key=lambda result: result.file):
        sections += _chapter(file, tuple(results))
    expected = tuple(result for result in answer.results if not result.claim)
    if expected:
        table = sheet(Checked(expected), style)._replace(below=())
        sections.append(Section(EXPECTED if claims else "", sheet=table))
    return Document(tuple(sections), tally(answer))


def _chapter(file: str, results: tuple[Result, ...]) -> Iterator[Section]:
    """The file's questions in their order, then the claims that answer none."""
    title = results[0].claim.title if results[0].claim else ""
    yield Section(title or file)
    claims = {result.id: result for result in results}
    answered = Checked(results).questions
    for question in answered:
        facts = tuple(_fact(claims.pop(name)) for name in question.claims if name in claims)
        yield Section(question.ask, 2, question.answer, facts)
    if claims:
        yield Section(OTHERS if answered else "", 2, facts=tuple(map(_fact, claims.values())))


def _fact(result: Result) -> Fact:
    claim = result.claim
    assert claim is not None
    computed = f"said {result.printed}, computed {result.computed_text}" if result.printed else ""
    more = [("Holds if", held(result)), ("Why", result.note or claim.undecided)]
    more += [("Remark", remarked(result))]
    if result.note:
        more += [("Undecided", claim.undecided)]
    more += [("Evidence", f"{s.origin}: {s.says} (read {s.read})") for s in claim.evidence]
    kind = "primary" if claim.primary else "not primary"
    more += [("Source", f"{claim.source.origin} ({kind}, read {claim.source.read})")]
    verdict = verdict_of(result) + (", recorded by hand" if result.by_hand else "")
    return Fact(f'"{claim.quote}"', result.id, computed, verdict, tuple(_said(more)))


def _said(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((label, text) for label, text in pairs if text)
