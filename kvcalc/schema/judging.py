"""From a file's data to claims, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kvcalc.attention import KINDS
from kvcalc.claim import Claim, Side, Statement
from kvcalc.errors import InputError, KvcalcError, Path, Problem, did_you_mean
from kvcalc.expect import Expectation, parse_expectation
from kvcalc.formats import parse_index_format, parse_layout
from kvcalc.model import Change, Model, Source
from kvcalc.schema.claim import ClaimFile, ClaimsFile, SideFile, fields_at
from kvcalc.schema.fields import well_formed
from kvcalc.schema.problems import problems_of
from kvcalc.whatif import NATIVE

ModelOf = Callable[[str], Model]
"""Finds the model that a claim names. Raises InputError."""


def read_claims(
    data: Mapping[str, Any], file: str, line_of: Callable[[Path], int], model_of: ModelOf
) -> tuple[tuple[Claim, ...], list[Problem]]:
    """The claims that a file's data makes, or every problem it has."""
    raw_claims = data.get("claims")
    problems: list[Problem] = []
    try:
        ClaimsFile.model_validate(data)
    except ValidationError as error:
        found = problems_of(error, lambda _: ["claims"])
        problems = [problem for problem in found if len(problem.path) < 2]
    listed = raw_claims if isinstance(raw_claims, list) else []
    problems += _repeated(listed)
    claims = []
    for number, raw in enumerate(listed):
        path: Path = ("claims", number)
        reading = _Reading(raw, model_of)
        claims.append(reading.claim(file, line_of(path)))
        problems += [problem.under(path) for problem in reading.problems]
    return (() if problems else tuple(claim for claim in claims if claim)), problems


def _repeated(raw_claims: list[Any]) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, raw in enumerate(raw_claims):
        name = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(name, str) and name in seen:
            text = f"two claims are called {name!r}"
            problems.append(Problem(text, "rename one", ("claims", number, "id")))
        seen.add(str(name))
    return problems


class _Reading:
    """One claim on its way in: what is well-formed is looked at, whatever else is wrong."""

    def __init__(self, raw: Any, model_of: ModelOf) -> None:
        self.raw = raw
        self.model_of = model_of
        self.problems: list[Problem] = []

    def claim(self, file: str, line: int) -> Claim | None:
        """The claim, or None and `problems`."""
        form = self._form(self.raw, ())
        if form is None:
            return None
        self._consistent(form)
        sides = self._sides(form, ())
        stated = self._statement(form, sides, ())
        assumed = self._assumed(form, stated)
        self._shipped(form)
        if self.problems:
            return None
        subject = sides.get("")
        return Claim(
            id=form.id,
            quote=form.quote,
            source=Source(form.source.origin, "", form.source.read),
            primary=form.source.primary,
            stated=stated,
            assumed=assumed,
            about=subject if stated is None else None,
            ships=form.ships,
            evidence=form.evidence or "",
            expected=form.verdict or "confirmed",
            note=form.note,
            file=file,
            line=line,
        )

    def _form(self, raw: Any, prefix: Path) -> ClaimFile | None:
        try:
            return ClaimFile.model_validate(raw)
        except ValidationError as error:
            problems = problems_of(error, fields_at)
        self.problems += [problem.under(prefix) for problem in problems]
        if not isinstance(raw, dict):
            return None
        broken = {problem.path[0] for problem in problems if problem.path}
        form = well_formed(ClaimFile, raw, broken)
        if "of" in broken and isinstance(raw.get("of"), dict):
            bad = {p.path[1] for p in problems if p.path[:1] == ("of",) and len(p.path) > 1}
            side = TypeAdapter(SideFile)
            good = {name: value for name, value in raw["of"].items() if name not in bad}
            validated = {name: side.validate_python(value) for name, value in good.items()}
            form = form.model_copy(update={"of": validated or None})
        return form

    def _consistent(self, form: ClaimFile) -> None:
        given = {name for name, value in self.raw.items() if value is not None}
        subject = form.of is not None or form.model is not None or given & {"of", "model"}
        has = form.expect is not None or "expect" in given
        checks: list[tuple[Path, Any, str]] = [
            (("of",), form.of and form.model, "keep of or model, not both"),
            (
                ("expect",),
                has and not subject,
                "expect needs the model it speaks of: write model: or of:",
            ),
            (
                ("evidence",),
                has and form.evidence,
                "evidence is for claims without a figure; keep expect or evidence",
            ),
            (
                (),
                not has and not form.evidence and "evidence" not in given,
                "a claim has an expect entry, or evidence where nothing can be computed",
            ),
            (("holds_if",), not has and form.holds_if, "holds_if needs an expect entry to change"),
            (
                ("ships",),
                form.ships and form.model is None and "model" not in given,
                "ships needs the one model it speaks of: write model:",
            ),
        ]
        self.problems += [Problem(text, path=path) for path, wrong, text in checks if wrong]

    def _shipped(self, form: ClaimFile) -> None:
        if form.ships is not None and form.ships not in (*KINDS, NATIVE):
            hint = did_you_mean(form.ships, [*KINDS, NATIVE])
            self.problems.append(Problem(f"unknown kind {form.ships!r}", hint, ("ships",)))

    def _sides(self, form: ClaimFile, prefix: Path) -> dict[str, Side]:
        """The sides that could be made; what is wrong with the others is told."""
        sides = {}
        if form.of is None:
            if form.model is not None:
                found = self._side(SideFile(model=form.model), form, prefix, prefix)
                sides.update({"": found} if found else {})
            return sides
        for name, side in form.of.items():
            if found := self._side(side, form, (*prefix, "of", name), prefix):
                sides[name] = found
        return sides

    def _side(self, side: SideFile, claim: ClaimFile, path: Path, above: Path) -> Side | None:
        """A side; what it does not say itself, the claim may say for all of its sides."""

        def said(name: str) -> tuple[Any, Path]:
            own = name in side.model_fields_set
            return getattr(side if own else claim, name), (*(path if own else above), name)

        count = len(self.problems)
        model = self._model(side.model, (*path, "model"))
        kv_dtype = self._parsed(parse_layout, *said("kv_dtype"))
        index_dtype = self._parsed(parse_index_format, *said("index_dtype"))
        if model is None or len(self.problems) > count:
            return None
        change = Change(kv_dtype, index_dtype, said("mtp")[0], said("source_length")[0])
        found = Side(model, side.scheme, side.context, said("batch")[0], change)
        try:
            names = found.rows.names
        except KvcalcError as error:
            where = said("kv_dtype")[1] if kv_dtype else path
            self._told(Problem(str(error), path=where))
            return None
        if side.scheme is not None and side.scheme not in names:
            text, hint = f"no row of {model.name} is called {side.scheme!r}", side.scheme
            self._told(Problem(text, did_you_mean(hint, names), (*path, "scheme")))
            return None
        return found

    def _told(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _parsed(self, parse: Callable[[str], Any], name: str | None, path: Path) -> Any:
        if name is None:
            return None
        try:
            return parse(name)
        except ValueError as error:
            self._told(Problem(str(error), path=path))
            return None

    def _model(self, reference: str, path: Path) -> Model | None:
        try:
            return self.model_of(reference)
        except InputError as error:
            for problem in error.problems:
                # the model's own place is told with it, seen from where the claim names it
                where = Problem(problem.message, "", (), problem.file, problem.line, problem.column)
                text = str(where) if problem.file else problem.message
                self._told(Problem(text, problem.hint, path))
            return None

    def _expectation(self, form: ClaimFile, prefix: Path) -> Expectation | None:
        if form.expect is None:
            return None
        entry, printed = next(iter(form.expect.items()))
        try:
            return parse_expectation(entry, printed)
        except ValueError as error:
            self._told(Problem(str(error), path=(*prefix, "expect", entry)))
            return None

    def _statement(
        self, form: ClaimFile, sides: Mapping[str, Side], prefix: Path
    ) -> Statement | None:
        expectation = self._expectation(form, prefix)
        if expectation is None:
            return None
        known: list[str] | None = None
        if form.of is not None:
            known = list({**(self.raw.get("of") or {}), **form.of})
        elif "" in sides:
            known = list(sides[""].rows.names)
        for name in dict.fromkeys(expectation.schemes):
            if known is not None and name not in known:
                what = "row of this model" if form.of is None else "side of this claim"
                path = (*prefix, "expect", expectation.entry)
                text = f"no {what} is called {name!r}"
                self._told(Problem(text, did_you_mean(name, known), path))
        return Statement(expectation, sides, form.context)

    def _assumed(self, form: ClaimFile, stated: Statement | None) -> Statement | None:
        if form.holds_if is None or form.expect is None:
            return None
        base = {name: value for name, value in self.raw.items() if name != "holds_if"}
        count, path = len(self.problems), ("holds_if",)
        merged = self._form(_merged(base, form.holds_if), path)
        if merged is None or len(self.problems) > count:
            return None
        if (merged.of is None) == (merged.model is None):
            text = "keep of or model, not both"
            if merged.of is None:
                text = "expect needs the model it speaks of: write model: or of:"
            self.problems.append(Problem(text, path=(*path, "of" if merged.of else "model")))
            return None
        if merged.expect is None:
            text = "holds_if takes the expect entry away; write another figure or leave it"
            self.problems.append(Problem(text, path=(*path, "expect")))
            return None
        assumed = self._statement(merged, self._sides(merged, path), path)
        if stated is not None and assumed == stated:
            text = "holds_if changes nothing in the claim"
            self.problems.append(Problem(text, "name what it assumes", path))
        return assumed


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, mapping by mapping; an `expect` is replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        nested = isinstance(value, dict) and isinstance(below, dict) and key != "expect"
        merged[key] = _merged(below or {}, value) if nested else value
    return merged
