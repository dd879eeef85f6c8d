"""A claims file: what it may say, and the claims it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from kvcalc.claim import Claim, Side, Statement
from kvcalc.errors import InputError, KvcalcError, Path, Problem, did_you_mean
from kvcalc.expect import parse_expectation
from kvcalc.formats import parse_index_format, parse_layout
from kvcalc.model import Change, Model, Source
from kvcalc.schema.fields import Context, Date, Strict, Text
from kvcalc.schema.problems import problems_of
from kvcalc.units import MAX_TOKENS

ModelOf = Callable[[str], Model]
"""Finds the model that a claim names. Raises InputError."""

Batch = Annotated[int, Field(ge=1, le=10**9)]
SourceTokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class ChangesFile(Strict):
    """What-ifs on a model: how it is stored, what is counted, at which context and batch."""

    context: Context | None = None
    batch: Batch = 1
    kv_dtype: Text | None = None
    index_dtype: Text | None = None
    mtp: bool = False
    source_length: SourceTokens | None = None


class SideFile(ChangesFile):
    """One side of a comparison: a model, and the row of it that is meant (its own if absent)."""

    model: Text
    scheme: Text | None = None


class ClaimSourceFile(Strict):
    """Where the claim was read, when, and whether that is the primary source of the figure."""

    origin: Annotated[Text, Field(alias="from")]
    read: Date
    primary: bool


class ClaimFile(ChangesFile):
    """A published figure, held to what is computed. `expect` has one entry."""

    id: Text
    quote: Text
    source: ClaimSourceFile
    of: Annotated[dict[Text, SideFile], Field(min_length=1)] | None = None
    model: Text | None = None
    expect: Annotated[dict[Text, Any], Field(min_length=1, max_length=1)] | None = None
    holds_if: Annotated[dict[Text, Any], Field(min_length=1)] | None = None
    verdict: (
        Literal["confirmed", "holds-if", "misattributed", "refuted", "not-computable"] | None
    ) = None
    ships: Text | None = None
    evidence: Text | None = None
    note: str = ""


class ClaimsFile(Strict):
    """A list of claims that `kvcalc check` holds to their verdicts."""

    claims: Annotated[list[ClaimFile], Field(min_length=1)]


def read_claims(
    data: Mapping[str, Any], file: str, line_of: Callable[[Path], int], model_of: ModelOf
) -> tuple[tuple[Claim, ...], list[Problem]]:
    """The claims that a file's data makes, or every problem it has."""
    problems: list[Problem] = []
    raw_claims = data.get("claims")
    unknown = {key: value for key, value in data.items() if key != "claims"}
    try:
        ClaimsFile.model_validate({**unknown, "claims": raw_claims})
    except ValidationError as error:
        problems = list(problems_of(error, _fields_at))
    broken = {p.path[1] for p in problems if len(p.path) > 1}
    claims: list[Claim] = []
    for number, raw in enumerate(raw_claims if isinstance(raw_claims, list) else ()):
        path: Path = ("claims", number)
        if number not in broken and isinstance(raw, dict):
            try:
                claims.append(_claim(raw, file, line_of(path), model_of))
            except InputError as error:
                problems += [problem.under(path) for problem in error.problems]
    seen: set[str] = set()
    for number, claim in enumerate(claims):
        if claim.id in seen:
            text = f"two claims are called {claim.id!r}"
            problems.append(Problem(text, "rename one", ("claims", number, "id")))
        seen.add(claim.id)
    return tuple(claims), problems


def _fields_at(path: Path) -> list[str]:
    owner: type[Strict] = ClaimFile
    match path:
        case ():
            owner = ClaimsFile
        case (*_, "source"):
            owner = ClaimSourceFile
        case (*_, "of", _):
            owner = SideFile
    return [field.alias or name for name, field in owner.model_fields.items()]


def _claim(raw: Mapping[str, Any], file: str, line: int, model_of: ModelOf) -> Claim:
    form = ClaimFile.model_validate(raw)
    _consistent(form)
    stated = None if form.expect is None else _statement(form, model_of, ())
    about = None
    if stated is None and form.model is not None:
        about = Side(_found(form.model, model_of, ("model",)))
    return Claim(
        id=form.id,
        quote=form.quote,
        source=Source(form.source.origin, "", form.source.read),
        primary=form.source.primary,
        stated=stated,
        assumed=None if form.holds_if is None else _assumed(raw, form.holds_if, model_of),
        about=about,
        ships=form.ships,
        evidence=form.evidence or "",
        expected=form.verdict or "confirmed",
        note=form.note,
        file=file,
        line=line,
    )


def _consistent(form: ClaimFile) -> None:
    checks = {
        ("of",): (form.of is not None and form.model is not None, "keep of or model, not both"),
        ("expect",): (
            form.expect is not None and form.of is None and form.model is None,
            "expect needs the model it speaks of: write model: or of:",
        ),
        ("evidence",): (
            form.expect is not None and form.evidence is not None,
            "evidence is for claims without a figure; keep expect or evidence",
        ),
        (): (
            form.expect is None and form.evidence is None,
            "a claim has an expect entry, or evidence where nothing can be computed",
        ),
        ("holds_if",): (
            form.expect is None and form.holds_if is not None,
            "holds_if needs an expect entry to change",
        ),
        ("ships",): (
            form.ships is not None and form.model is None,
            "ships needs the one model it speaks of: write model:",
        ),
    }
    problems = [Problem(text, path=path) for path, (wrong, text) in checks.items() if wrong]
    if problems:
        raise InputError(problems)


def _assumed(raw: Mapping[str, Any], holds_if: Mapping[str, Any], model_of: ModelOf) -> Statement:
    merged = _merged({k: v for k, v in raw.items() if k != "holds_if"}, holds_if)
    if merged == {k: v for k, v in raw.items() if k != "holds_if"}:
        text = "holds_if changes nothing in the claim"
        raise InputError([Problem(text, "name what it assumes", ("holds_if",))])
    try:
        form = ClaimFile.model_validate(merged)
    except ValidationError as error:
        found = problems_of(error, _fields_at)
        raise InputError([p.under(("holds_if",)) for p in found]) from None
    return _statement(form, model_of, ("holds_if",))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, mapping by mapping; an `expect` is replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        nested = isinstance(value, dict) and isinstance(below, dict) and key != "expect"
        merged[key] = _merged(below or {}, value) if nested else value
    return merged


def _statement(form: ClaimFile, model_of: ModelOf, prefix: Path) -> Statement:
    entry, printed = next(iter((form.expect or {}).items()))
    path: Path = (*prefix, "expect", entry)
    try:
        expectation = parse_expectation(entry, printed)
    except ValueError as error:
        raise InputError([Problem(str(error), path=path)]) from None
    sides = _sides(form, model_of, prefix)
    subject = sides.get("") if form.of is None else None
    known = list(sides) if subject is None else list(subject.rows.names)
    for name in expectation.schemes:
        if name not in known:
            what = "side of this claim" if subject is None else "row of this model"
            problem = Problem(f"no {what} is called {name!r}", did_you_mean(name, known), path)
            raise InputError([problem])
    return Statement(expectation, sides, form.context)


def _sides(form: ClaimFile, model_of: ModelOf, prefix: Path) -> dict[str, Side]:
    if form.of is None:
        return {"": _side(SideFile(model=form.model or ""), form, model_of, prefix)}
    return {
        name: _side(side, form, model_of, (*prefix, "of", name)) for name, side in form.of.items()
    }


def _side(side: SideFile, claim: ClaimFile, model_of: ModelOf, path: Path) -> Side:
    """A side; what it does not say itself, the claim may say for all of its sides."""

    def said(name: str) -> Any:
        return getattr(side if name in side.model_fields_set else claim, name)

    model = _found(side.model, model_of, (*path, "model"))
    try:
        kv_dtype, index_dtype = said("kv_dtype"), said("index_dtype")
        change = Change(
            kv_dtype=None if kv_dtype is None else parse_layout(kv_dtype),
            index_dtype=None if index_dtype is None else parse_index_format(index_dtype),
            mtp=said("mtp"),
            source_length=said("source_length"),
        )
        found = Side(model, side.scheme, side.context, said("batch"), change)
        names = found.rows.names
    except (ValueError, KvcalcError) as error:
        raise InputError([Problem(str(error), path=path)]) from None
    if side.scheme is not None and side.scheme not in names:
        hint = did_you_mean(side.scheme, names)
        text = f"no row of {model.name} is called {side.scheme!r}"
        raise InputError([Problem(text, hint, (*path, "scheme"))])
    return found


def _found(reference: str, model_of: ModelOf, path: Path) -> Model:
    try:
        return model_of(reference)
    except InputError as error:
        # the model's own problems, seen from where the claim names it
        problems = [Problem(str(problem), path=path) for problem in error.problems]
        raise InputError(problems) from None
