"""The verdict on a claim, computed from its figure and never from what its file records."""

from __future__ import annotations

from fractions import Fraction

from kvcalc.claim import Claim, Side, Statement, Verdict
from kvcalc.expect import Quantity
from kvcalc.model import DEFAULT_CONTEXT
from kvcalc.queries.asked import beyond
from kvcalc.queries.check import Result, combine
from kvcalc.queries.crossover import crossover
from kvcalc.whatif import NATIVE, rows_of


def verdict_on(claim: Claim) -> Result:
    """One result: what was computed, the verdict on it, and whether the file says the same."""
    stated = claim.stated
    computed = None if stated is None else value_of(stated)
    return Result(
        id=claim.id,
        file=claim.file,
        line=claim.line,
        expectation=None if stated is None else stated.expectation,
        computed=computed,
        verdict=_verdict(claim, computed),
        expected=claim.expected,
        note=_note(claim),
        claim=claim,
    )


def _verdict(claim: Claim, computed: Fraction | None) -> Verdict:
    if claim.stated is None:
        return "not-computable"
    if _holds(claim.stated, computed):
        return "confirmed" if _ships(claim) else "misattributed"
    if claim.assumed is not None and _holds(claim.assumed, value_of(claim.assumed)):
        return "holds-if"
    return "refuted"


def _holds(statement: Statement, computed: Fraction | None) -> bool:
    return computed is not None and statement.expectation.figure.holds(computed)


def _ships(claim: Claim) -> bool:
    """Whether the model ships what the claim says it does, in any of its layers."""
    subject = claim.stated.subject if claim.stated else None
    if claim.ships is None or subject is None:
        return True
    model = subject.model
    kinds = {scheme.kind for scheme in model.schemes}
    row = rows_of(model).find(claim.ships)
    return claim.ships in kinds or (row is not None and row.native)


def value_of(statement: Statement) -> Fraction | None:
    """The quantity or ratio that a statement speaks of; None where it does not exist."""
    quantity = statement.expectation.quantity
    sizes = [_size(side, row, quantity, context) for side, row, context in _spoken_of(statement)]
    return combine(statement.expectation, sizes)


def _spoken_of(statement: Statement) -> list[tuple[Side, str, int]]:
    """The sides that the expectation names, each with the row that is meant, and its context.

    The sides without a context of their own share one.
    """
    subject, names = statement.subject, statement.expectation.schemes
    if subject is not None:
        meant = [(subject, name) for name in names]
    else:
        sides = [statement.sides[name] for name in names]
        meant = [(side, side.scheme or NATIVE) for side in sides]
    free = [side.model.default_context for side, _ in meant if side.question.context is None]
    stated = statement.expectation.context or statement.context
    shared = stated or min(free, default=DEFAULT_CONTEXT)
    return [(side, row, side.question.context or shared) for side, row in meant]


def _size(side: Side, row_name: str, quantity: Quantity, context: int) -> Fraction | None:
    row = side.rows.find(row_name)
    if row is None:
        return None
    return row.cache.at(context).of_batch(side.question.batch).of(quantity)


def _note(claim: Claim) -> str:
    facts = crossover(claim.about.model) if claim.about else None
    spoken_of = _spoken_of(claim.stated) if claim.stated else ()
    told = [note for side, _, context in spoken_of for note in beyond(side.model, context)]
    notes = [f"Note: {note}." for note in dict.fromkeys(told)]
    return " ".join(text for text in (claim.note, str(facts or ""), *notes) if text)
