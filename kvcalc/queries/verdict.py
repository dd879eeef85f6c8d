"""The verdict on a claim, computed from its figure and never from what its file records."""

from __future__ import annotations

from kvcalc.claim import BY_HAND, Claim, Side, Statement, Verdict
from kvcalc.expect import Expectation
from kvcalc.model import DEFAULT_CONTEXT
from kvcalc.queries.asked import beyond
from kvcalc.queries.check import Result
from kvcalc.queries.crossover import crossover
from kvcalc.queries.parts import Found, Part, best_case, cache_of, holds, placed, value_of
from kvcalc.queries.remarks import remarks_on
from kvcalc.queries.served import served_by
from kvcalc.whatif import NATIVE, rows_of


def verdict_on(claim: Claim) -> Result:
    """One result: what was computed, the verdict on it, and whether the file says the same.

    Raises UsageError, with the claim's place, for what cannot be answered.
    """
    with placed(claim.file, claim.line, claim.id):
        return _result(claim)


def _result(claim: Claim) -> Result:
    stated = claim.stated
    expectation: Expectation | None = None
    parts: tuple[Part, ...] = ()
    found: Found | None = None
    if stated is not None:
        expectation = stated.expectation
        parts = () if expectation.served else _parts(stated)
        found = _found(stated)
    assumed = None if _holds_as_stated(claim, found) else _assumed(claim)
    return Result(
        id=claim.id,
        file=claim.file,
        line=claim.line,
        expectation=expectation,
        computed=None if found is None else found.value,
        verdict=_verdict(claim, found, assumed),
        expected=claim.expected,
        assumed=None if assumed is None else assumed.value,
        remarks=() if expectation is None else remarks_on(expectation, parts, found),
        note=_note(claim, found),
        claim=claim,
    )


def _verdict(claim: Claim, found: Found | None, assumed: Found | None) -> Verdict:
    if claim.stated is None:
        return claim.expected if claim.expected in BY_HAND else "not-computable"
    if _holds_as_stated(claim, found):
        return "confirmed" if _ships(claim) else "misattributed"
    if assumed is None and found and found.estimated and found.agreeing is not None:
        return "not-computable"  # within what is estimated nothing decides
    return "holds-if" if assumed else "refuted"


def _found(statement: Statement) -> Found | None:
    """What a statement speaks of: of caches, or of servers."""
    expectation = statement.expectation
    if expectation.served is None:
        return value_of(expectation, _parts(statement))
    shared, _ = _contexts(statement)
    spoken_of = _spoken_of(statement)
    sides = [(side, name, side.question.context or shared) for side, name in spoken_of]
    return served_by(expectation, sides)


def _holds_as_stated(claim: Claim, found: Found | None) -> bool:
    return claim.stated is not None and holds(claim.stated.expectation, found)


def _assumed(claim: Claim) -> Found | None:
    """What is computed under `holds_if`, where the figure holds there."""
    if claim.assumed is None:
        return None
    found = _found(claim.assumed)
    return found if holds(claim.assumed.expectation, found) else None


def _ships(claim: Claim) -> bool:
    """Whether the model ships what the claim says it does, in any of its layers."""
    subject = claim.stated.subject if claim.stated else None
    if claim.ships is None or subject is None:
        return True
    model = subject.model
    kinds = {scheme.kind for scheme in model.schemes}
    row = rows_of(model).find(claim.ships)
    return claim.ships in kinds or (row is not None and row.native)


def _parts(statement: Statement) -> tuple[Part, ...]:
    """What the names of the expectation stand for.

    The sides without a context of their own share one.
    """
    spoken_of, (shared, longest) = _spoken_of(statement), _contexts(statement)
    return tuple(
        Part(
            cache=cache_of(side.rows, name),
            context=side.question.context or shared,
            longest=longest,
            batch=side.question.batch,
            own=side.question.context is not None,
        )
        for side, name in spoken_of
    )


def _contexts(statement: Statement) -> tuple[int, int]:
    """The context of sides without one of their own, and the longest that they are made for."""
    sides = (side for side, _ in _spoken_of(statement))
    free = [side.model for side in sides if side.question.context is None]
    stated = statement.expectation.context or statement.context
    shared = stated or min((model.default_context for model in free), default=DEFAULT_CONTEXT)
    known = [model.max_context for model in free if model.max_context]
    return shared, stated or min(known, default=shared)


def _spoken_of(statement: Statement) -> list[tuple[Side, str]]:
    """The sides that the expectation names, each with the row that is meant."""
    subject, names = statement.subject, statement.expectation.schemes
    if subject is not None:
        return [(subject, name) for name in names]
    sides = [statement.sides[name] for name in names]
    return [(side, side.scheme or NATIVE) for side in sides]


def _note(claim: Claim, found: Found | None) -> str:
    told: list[str] = []
    facts = str((claim.about and crossover(claim.about.model)) or "")
    if claim.stated is not None:
        facts = " ".join((best_case(found), *(found.told if found else ()))).strip()
        shared, _ = _contexts(claim.stated)
        for side, _ in _spoken_of(claim.stated):
            told += beyond(side.model, side.question.context or shared)
    notes = [f"Note: {note}." for note in dict.fromkeys(told)]
    return " ".join(text for text in (claim.note, facts, *notes) if text)
