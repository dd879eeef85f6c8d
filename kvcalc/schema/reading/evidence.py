"""What decides a claim that has no figure: documents, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kvcalc.claim import BY_HAND
from kvcalc.errors import Problem
from kvcalc.model import Source

FIGURE = "evidence is for claims without a figure; keep expect or evidence"
NOTHING = "a claim has an expect entry, or evidence where there is no figure"
COMPUTED = "is for claims without a figure, and the verdict on a figure is computed"
DOCUMENT = "write evidence: { from: a paper, at: Table 8, says: what it says, read: 2026-11-24 }"


def unfounded(form: Mapping[str, Any], given: Collection[str]) -> Iterator[Problem]:
    """What is wrong between a claim's figure, its evidence and its verdict.

    given  the fields that have a value, well-formed or not
    """
    verdict, evidence = form.get("verdict"), form.get("evidence")
    if "expect" in given:
        if evidence:
            yield Problem(FIGURE, path=("evidence",))
        if verdict in BY_HAND:
            hint = "take expect out, or record what is computed"
            yield Problem(f"{verdict} {COMPUTED}", hint, ("verdict",))
    elif "evidence" not in given:
        yield Problem(NOTHING)
    elif verdict in BY_HAND and isinstance(evidence, str):
        text = f"{verdict} needs a document that decides it, and the place in it"
        yield Problem(text, DOCUMENT, ("evidence",))


def documents(evidence: object) -> tuple[Source, ...]:
    """The documents of a well-formed `evidence`, each with the place in it; none in words alone."""
    if isinstance(evidence, dict):
        return (_document(evidence),)
    return tuple(map(_document, evidence)) if isinstance(evidence, list) else ()


def _document(written: Mapping[str, str]) -> Source:
    return Source(f"{written['from']}, {written['at']}", written["says"], written["read"])
