"""From a file's data to claims, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kvcalc.attention import KINDS
from kvcalc.claim import Claim, Side, Statement
from kvcalc.errors import InputError, InvalidValue, KvcalcError, Path, Problem, did_you_mean
from kvcalc.expect import Expectation, parse_expectation
from kvcalc.formats import parse_index_format, parse_layout
from kvcalc.model import Model, Source
from kvcalc.question import Question
from kvcalc.schema.forms.claims import ClaimForm, ClaimsForm, SideForm
from kvcalc.schema.forms.fields import form_of
from kvcalc.schema.reading.problems import held_to
from kvcalc.whatif import NATIVE

CLAIMS, CLAIM, SIDE = form_of(ClaimsForm), form_of(ClaimForm), form_of(SideForm)

ModelOf = Callable[[str], Model]
"""Finds the model that a claim names. Raises InputError."""


def read_claims(
    data: object, file: str, line_of: Callable[[Path], int], model_of: ModelOf
) -> tuple[Claim, ...]:
    """The claims that a file's data makes.

    Raises InvalidValue with every problem; paths lead from the top of the data.
    """
    form, problems = held_to(CLAIMS, data)
    problems += _repeated(form.get("claims", []))
    claims = []
    for number, raw in enumerate(form.get("claims", [])):
        path: Path = ("claims", number)
        reading = _Reading(raw, model_of)
        claims.append(reading.claim(file, line_of(path)))
        problems += [problem.under(path) for problem in reading.problems]
    if problems:
        raise InvalidValue(problems)
    return tuple(claim for claim in claims if claim)


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
        if not isinstance(self.raw, dict):
            return None
        self._consistent(form)
        sides = self._sides(form, ())
        stated = self._statement(form, sides, ())
        assumed = self._assumed(form, stated)
        self._shipped(form)
        if self.problems:
            return None
        source = form["source"]
        return Claim(
            id=form["id"],
            quote=form["quote"],
            source=Source(source["from"], "", source["read"]),
            primary=source["primary"],
            stated=stated,
            assumed=assumed,
            about=sides.get("") if stated is None else None,
            ships=form.get("ships"),
            evidence=form.get("evidence") or "",
            expected=form.get("verdict") or "confirmed",
            note=form.get("note", ""),
            file=file,
            line=line,
        )

    def _form(self, raw: Any, prefix: Path) -> dict[str, Any]:
        """A claim's well-formed fields; None stands for a side that is not."""
        form, problems = held_to(CLAIM, raw)
        for name, written in (form.get("of") or {}).items():
            side, wrong = held_to(SIDE, written, ("of", name))
            form["of"][name] = None if wrong else side
            problems += wrong
        self.problems += [problem.under(prefix) for problem in problems]
        return form

    def _consistent(self, form: Mapping[str, Any]) -> None:
        given = {name for name, value in self.raw.items() if value is not None}
        has, of, model = "expect" in given, form.get("of"), form.get("model")
        evidence = form.get("evidence")
        checks: list[tuple[Path, Any, str]] = [
            (("of",), of and model, "keep of or model, not both"),
            (
                ("expect",),
                has and given.isdisjoint({"of", "model"}),
                "expect needs the model it speaks of: write model: or of:",
            ),
            (
                ("evidence",),
                has and evidence,
                "evidence is for claims without a figure; keep expect or evidence",
            ),
            (
                (),
                not has and "evidence" not in given,
                "a claim has an expect entry, or evidence where nothing can be computed",
            ),
            (
                ("holds_if",),
                not has and form.get("holds_if"),
                "holds_if needs an expect entry to change",
            ),
            (
                ("ships",),
                form.get("ships") and "model" not in given,
                "ships needs the one model it speaks of: write model:",
            ),
        ]
        self.problems += [Problem(text, path=path) for path, wrong, text in checks if wrong]

    def _shipped(self, form: Mapping[str, Any]) -> None:
        ships = form.get("ships")
        if ships is not None and ships not in (*KINDS, NATIVE):
            hint = did_you_mean(ships, [*KINDS, NATIVE])
            self.problems.append(Problem(f"unknown kind {ships!r}", hint, ("ships",)))

    def _sides(self, form: Mapping[str, Any], prefix: Path) -> dict[str, Side]:
        """The sides that could be made; what is wrong with the others is told."""
        sides = {}
        if (of := form.get("of")) is None:
            if (model := form.get("model")) is not None:
                found = self._side({"model": model}, form, prefix, prefix)
                sides.update({"": found} if found else {})
            return sides
        for name, side in of.items():
            if side and (found := self._side(side, form, (*prefix, "of", name), prefix)):
                sides[name] = found
        return sides

    def _side(
        self, side: Mapping[str, Any], claim: Mapping[str, Any], path: Path, above: Path
    ) -> Side | None:
        """A side; what it does not say itself, the claim may say for all of its sides."""

        def said(name: str, unsaid: Any = None) -> tuple[Any, Path]:
            own = name in side
            place = (*(path if own else above), name)
            return (side if own else claim).get(name, unsaid), place

        count = len(self.problems)
        model = self._model(side["model"], (*path, "model"))
        kv_dtype = self._parsed(parse_layout, *said("kv_dtype"))
        index_dtype = self._parsed(parse_index_format, *said("index_dtype"))
        if model is None or len(self.problems) > count:
            return None
        question = Question(
            context=side.get("context"),
            batch=said("batch", 1)[0],
            kv_dtype=kv_dtype,
            index_dtype=index_dtype,
            mtp=said("mtp", False)[0],
            source_length=said("source_length")[0],
        )
        found = Side(model, side.get("scheme"), question)
        return found if self._fits(found, path, said("kv_dtype")[1]) else None

    def _fits(self, side: Side, path: Path, stored: Path) -> bool:
        """Whether the question fits the model, and a row of it is called as the side says."""
        try:
            names = side.rows.names
        except KvcalcError as error:
            self._told(Problem(str(error), path=stored if side.question.kv_dtype else path))
            return False
        if side.scheme is not None and side.scheme not in names:
            text = f"no row of {side.model.name} is called {side.scheme!r}"
            self._told(Problem(text, did_you_mean(side.scheme, names), (*path, "scheme")))
            return False
        return True

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

    def _expectation(self, form: Mapping[str, Any], prefix: Path) -> Expectation | None:
        if (expect := form.get("expect")) is None:
            return None
        entry, printed = next(iter(expect.items()))
        try:
            return parse_expectation(entry, printed)
        except ValueError as error:
            self._told(Problem(str(error), path=(*prefix, "expect", entry)))
            return None

    def _statement(
        self, form: Mapping[str, Any], sides: Mapping[str, Side], prefix: Path
    ) -> Statement | None:
        expectation = self._expectation(form, prefix)
        if expectation is None:
            return None
        known, what = list(expectation.schemes), "row of this model"
        if (of := form.get("of")) is not None:
            known, what = list(of), "side of this claim"
        elif "" in sides:
            known = list(sides[""].rows.names)
        for name in dict.fromkeys(expectation.schemes):
            if name not in known:
                path = (*prefix, "expect", expectation.entry)
                text = f"no {what} is called {name!r}"
                self._told(Problem(text, did_you_mean(name, known), path))
        return Statement(expectation, sides, form.get("context"))

    def _assumed(self, form: Mapping[str, Any], stated: Statement | None) -> Statement | None:
        over = form.get("holds_if")
        if over is None or form.get("expect") is None:
            return None
        base = {name: value for name, value in self.raw.items() if name != "holds_if"}
        count, path = len(self.problems), ("holds_if",)
        merged = self._form(_merged(base, over), path)
        if len(self.problems) > count:
            return None
        of, model = merged.get("of"), merged.get("model")
        if (of is None) == (model is None):
            text = "keep of or model, not both"
            if of is None:
                text = "expect needs the model it speaks of: write model: or of:"
            self.problems.append(Problem(text, path=(*path, "of" if of else "model")))
            return None
        if merged.get("expect") is None:
            text = "holds_if takes the expect entry away; write another figure or leave it"
            self.problems.append(Problem(text, path=(*path, "expect")))
            return None
        assumed = self._statement(merged, self._sides(merged, path), path)
        if len(self.problems) == count and assumed == stated:
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
