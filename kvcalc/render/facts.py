"""Checked claims as a fact sheet: questions with their answers, and the claims that bear them out.

A claim says what was said, what is computed, the verdict, why, and where it was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import get_args

from kvcalc.claim import BY_HAND, Verdict
from kvcalc.queries.check import Checked, Result
from kvcalc.render.documents import Document, Fact, Section
from kvcalc.render.sheets import Sheet
from kvcalc.render.verdicts import holds_by, remarked, tally, verdict_of

OTHERS = "Other claims"
EXPECTED = "What models are held to"
MEANING: dict[Verdict, str] = {
    "holds-if": "only under an assumption",
    "misattributed": "right, but not what the model ships",
    "refuted": "not what is computed",
}
"""What a verdict means, where its name does not say so."""


def fact_sheet(answer: Checked, expected: Sheet | None) -> Document:
    """A chapter for each file of claims, then the table of what models expect, if there is one."""
    claims = [result for result in answer.results if result.claim]
    sections: list[Section] = []
    for file, results in groupby(claims, key=lambda result: result.file):
        sections += _chapter(file, tuple(results))
    if expected:
        sections.append(Section(EXPECTED if claims else "", sheet=expected))
    return Document(tuple(sections), tally(answer))


def _chapter(file: str, results: tuple[Result, ...]) -> Iterator[Section]:
    """The file's questions in their order, then the claims that answer none."""
    title = results[0].claim.title if results[0].claim else ""
    yield Section(title or file, prose=(_count(results),))
    # a file that is named twice in a row has each of its claims twice
    claims: dict[str, list[Result]] = {}
    for result in results:
        claims.setdefault(result.id, []).append(result)
    answered = Checked(results).questions
    for question in answered:
        facts = [_fact(result) for name in question.claims for result in claims.pop(name, ())]
        paragraphs = tuple(filter(None, map(str.strip, question.answer.splitlines())))
        yield Section(question.ask, 2, paragraphs, tuple(facts))
    if claims:
        others = [_fact(result) for alike in claims.values() for result in alike]
        yield Section(OTHERS if answered else "", 2, facts=tuple(others))


def _count(results: Sequence[Result]) -> str:
    """How many claims there are of each verdict, by what decides them."""
    found = Counter(result.verdict for result in results)
    groups: dict[str, list[str]] = {}
    for verdict in (v for v in get_args(Verdict) if found[v]):
        meaning = f" ({MEANING[verdict]})" if verdict in MEANING else ""
        groups.setdefault(_decided(verdict), []).append(f"{found[verdict]} {verdict}{meaning}")
    counted = (f"{decided}: {', '.join(verdicts)}." for decided, verdicts in groups.items())
    return f"{len(results)} {'claim' if len(results) == 1 else 'claims'}. {' '.join(counted)}"


def _decided(verdict: Verdict) -> str:
    """What decides a claim that has this verdict."""
    if verdict in BY_HAND:
        return "By documents, recorded by hand"
    return "Open" if verdict == "not-computable" else "Computed"


def _fact(result: Result) -> Fact:
    claim = result.claim
    assert claim is not None
    told = f"said {result.printed}, computed {result.computed_text}" if result.printed else ""
    more = [("Holds if", holds_by(result)), ("Why", result.note or claim.undecided)]
    more += [("Remark", remarked(result))]
    if result.note:
        more += [("Undecided", claim.undecided)]
    more += [("Evidence", f"{s.origin}: {s.says} (read {s.read})") for s in claim.evidence]
    kind = "primary" if claim.primary else "not primary"
    more += [("Source", f"{claim.source.origin} ({kind}, read {claim.source.read})")]
    if result.by_hand:
        told = "recorded by hand"
    return Fact(f'"{claim.quote}"', result.id, told, verdict_of(result), tuple(_said(more)))


def _said(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((label, text) for label, text in pairs if text)
