"""From a file's data to claims, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kvcalc.attention import KINDS
from kvcalc.claim import Claim, Side, Statement
from kvcalc.errors import InvalidValue, Nearest, Place, Problem
from kvcalc.expect import parse_expectation
from kvcalc.model import Source
from kvcalc.schema.forms.claims import ClaimForm, ClaimsForm, SideForm
from kvcalc.schema.forms.fields import form_of
from kvcalc.schema.reading.evidence import documents, unfounded
from kvcalc.schema.reading.limits import refuse_endless
from kvcalc.schema.reading.named import GpuOf, ModelOf, NamedModels
from kvcalc.schema.reading.problems import held_to
from kvcalc.schema.reading.questions import Questions
from kvcalc.schema.reading.servers import unserved
from kvcalc.schema.reading.sides import Sides
from kvcalc.schema.writing.text import flow
from kvcalc.whatif import NATIVE

BOTH = "keep of or model, not both"
NEITHER = "expect needs the model it speaks of: write model: or of:"
NOTHING_TO_CHANGE = "holds_if needs an expect entry to change"
NO_MODEL = "ships needs the one model it speaks of: write model:"

CLAIMS, CLAIM, SIDE = form_of(ClaimsForm), form_of(ClaimForm), form_of(SideForm)


def read_claims(
    data: object, file: str, line_of: Callable[[Place], int], model_of: ModelOf, gpu_of: GpuOf
) -> tuple[Claim, ...]:
    """The claims that a file's data makes.

    Raises InvalidValue with every problem; paths lead from the top of the data.
    """
    refuse_endless(data)
    _refuse_others(data)
    form, problems = held_to(CLAIMS, data)
    written = form.get("claims", [])
    names = [raw.get("id") if isinstance(raw, dict) else None for raw in written]
    questions = Questions(form.get("questions") or (), file, line_of)
    problems += [*_repeated(names), *questions.problems]
    if written:
        problems += questions.unknown({name for name in names if isinstance(name, str)})
    claims, models = [], NamedModels(model_of, gpu_of)
    for number, raw in enumerate(written):
        path: Place = ("claims", number)
        reading = _Reading(raw, models, questions, form.get("title") or "")
        claims.append(reading.claim(file, line_of(path)))
        problems += [problem.under(path) for problem in reading.problems]
    if problems:
        raise InvalidValue(problems)
    return tuple(claim for claim in claims if claim)


def _refuse_others(data: object) -> None:
    """Raises InvalidValue for claims of another sort, such as a token's: nothing of it is shown."""
    claims = data.get("claims") if isinstance(data, dict) else None
    if not claims or (isinstance(claims, list) and any(isinstance(c, dict) for c in claims)):
        return
    hint = "write claims: and under it a list, - id: ..."
    raise InvalidValue([Problem("claims is not a list of claims", hint, ("claims",))])


def _repeated(names: list[Any]) -> Iterator[Problem]:
    told: set[str] = set()
    for number, name in enumerate(names):
        if not isinstance(name, str):
            continue
        if name in told:
            path = ("claims", number, "id")
            yield Problem(f"two claims are called {name!r}", "rename one", path)
        told.add(name)


class _Reading:
    """One claim on its way in: what is well-formed is looked at, whatever else is wrong."""

    def __init__(self, raw: Any, models: NamedModels, questions: Questions, title: str) -> None:
        self.raw = raw
        self.title = title
        self.questions = questions
        self.problems: list[Problem] = []
        self.sides = Sides(models, self.problems)

    def claim(self, file: str, line: int) -> Claim | None:
        """The claim, or None and `problems`."""
        form = self._form(self.raw, ())
        if not isinstance(self.raw, dict):
            return None
        self._consistent(form)
        sides = self._sides(form, ())
        stated = self._statement(form, sides, ())
        assumed = self._assumed(form, stated)
        if self.problems:
            return None
        source, evidence = form["source"], form.get("evidence")
        return Claim(
            id=form["id"],
            quote=form["quote"],
            source=Source(source["from"], "", source["read"]),
            primary=source["primary"],
            stated=stated,
            assumed=assumed,
            assumption=flow(self.raw["holds_if"])[2:-2] if assumed else "",
            about=sides.get("") if stated is None else None,
            ships=form.get("ships"),
            evidence=documents(evidence),
            undecided=evidence if isinstance(evidence, str) else "",
            question=self.questions.of(form["id"]),
            expected=form.get("verdict") or "confirmed",
            note=form.get("note", ""),
            title=self.title,
            file=file,
            line=line,
        )

    def _form(self, raw: Any, prefix: Place) -> dict[str, Any]:
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
        has, named = "expect" in given, form.get("of") and form.get("model")
        ships = form.get("ships")
        for field, wrong, text in (
            ("of", named, BOTH),
            ("expect", has and given.isdisjoint({"of", "model"}), NEITHER),
            ("holds_if", not has and form.get("holds_if"), NOTHING_TO_CHANGE),
            ("ships", ships and "model" not in given, NO_MODEL),
        ):
            if wrong:
                self.problems.append(Problem(text, path=(field,)))
        self.problems += unfounded(form, given)
        if ships is not None and ships not in (known := (*KINDS, NATIVE)):
            hint = Nearest(ships, known)
            self.problems.append(Problem(f"unknown kind {ships!r}", hint, ("ships",)))

    def _sides(self, form: Mapping[str, Any], prefix: Place) -> dict[str, Side]:
        """The sides that could be made; what is wrong with the others is told."""
        sides = {}
        of, model = form.get("of"), form.get("model")
        if of is None and model is not None:
            sides[""] = self.sides.side({"model": model}, form, prefix, prefix)
        for name, side in (of or {}).items():
            sides[name] = side and self.sides.side(side, form, (*prefix, "of", name), prefix)
        return {name: side for name, side in sides.items() if side}

    def _statement(
        self, form: Mapping[str, Any], sides: Mapping[str, Side], prefix: Place
    ) -> Statement | None:
        if (expect := form.get("expect")) is None:
            return None
        entry, printed = next(iter(expect.items()))
        path = (*prefix, "expect", entry)
        try:
            expectation = parse_expectation(entry, printed)
        except ValueError as error:
            self.sides.tell(Problem(str(error), path=path))
            return None
        known, what = expectation.schemes, "row of this model"
        if (of := form.get("of")) is not None:
            known, what = tuple(of), "side of this claim"
        elif "" in sides:
            known = sides[""].rows.names
        for name in dict.fromkeys(expectation.schemes):
            if name not in known:
                text = f"no {what} is called {name!r}"
                self.sides.tell(Problem(text, Nearest(name, known), path))
            elif not self.problems and (side := sides.get("", sides.get(name))):
                for problem in unserved(side, expectation, path):
                    self.sides.tell(problem)
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
            text, field = (NEITHER, "model") if of is None else (BOTH, "of")
            self.problems.append(Problem(text, path=(*path, field)))
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
