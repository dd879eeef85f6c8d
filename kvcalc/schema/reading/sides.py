"""The sides of a claim: a model each, with what a claim says of it, or of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kvcalc.claim import Side
from kvcalc.errors import KvcalcError, Nearest, Place, Problem
from kvcalc.expect import SERVED
from kvcalc.formats import parse_index_format, parse_kv_dtype
from kvcalc.hardware import Gpu
from kvcalc.model import Model
from kvcalc.question import Question
from kvcalc.schema.reading.limits import BEST, CROSSING, SERVING, best_cases
from kvcalc.schema.reading.named import NamedModels
from kvcalc.schema.reading.servers import LAYOUT, MACHINE, inconsistent, machine_of

OF_MODEL = ("batch", "kv_dtype", "index_dtype", "mtp", "source_length")
OF_ENGINE = ("engine", "settings", "draft_kv_dtype", *LAYOUT)
SHARED = (*OF_MODEL, *OF_ENGINE, *MACHINE, "draft")
"""What a claim may say for all of its sides."""

_SERVED = re.compile(rf"\.({'|'.join(SERVED)})\b")

PARSED: Mapping[str, Callable[[str], Any]] = {
    "kv_dtype": parse_kv_dtype,
    "index_dtype": parse_index_format,
    "draft_kv_dtype": parse_kv_dtype,
}


class Sides:
    """Sides on their way in; what is wrong with them is told once."""

    def __init__(self, models: NamedModels, problems: list[Problem]) -> None:
        self.models = models
        self.problems = problems
        self.told: set[Problem] = set()

    def tell(self, problem: Problem) -> None:
        """Add a problem that was not told before."""
        if problem not in self.told:
            self.told.add(problem)
            self.problems.append(problem)

    def side(
        self, side: Mapping[str, Any], claim: Mapping[str, Any], path: Place, above: Place
    ) -> Side | None:
        """A side; what it does not say itself, the claim may say for all of its sides."""
        shared = {name: claim[name] for name in SHARED if name in claim}
        said = {name: value for name, value in (shared | dict(side)).items() if value is not None}

        def place(name: str) -> Place:
            return (*(path if name in side else above), name)

        count = len(self.problems)
        model = self._model(side["model"], (*path, "model"))
        draft = self._model(said["draft"], place("draft")) if "draft" in said else None
        gpu = self._gpu(said["gpu"], place("gpu")) if "gpu" in said else None
        for name, parse in PARSED.items():
            said[name] = self._parsed(parse, said.get(name), place(name))
        for name, text in inconsistent(said):
            self.tell(Problem(text, path=place(name)))
        if model is None or len(self.problems) > count:
            return None
        asked = self._asked(said)
        self.models.ask(model, asked.mtp_layers or 0, _searched(claim, model))
        beside = model if draft is None else replace(model, draft=draft)
        machine = machine_of(said, gpu)
        found = Side(beside, side.get("scheme"), asked, machine, said.get("memory"))
        return found if self._fits(found, path, place("kv_dtype")) else None

    def _asked(self, said: Mapping[str, Any]) -> Question:
        settings = {name: said[name] for name in ("context", *OF_MODEL, *OF_ENGINE) if name in said}
        if type(said.get("mtp")) is int:
            settings |= {"mtp": True, "mtp_layers": said["mtp"]}
        if stages := said.get("pp_layers"):
            settings |= {"pp": said.get("pp", len(stages)), "pp_layers": tuple(stages)}
        return Question(**settings)

    def _fits(self, side: Side, path: Place, stored: Place) -> bool:
        """Whether the question fits the model, and a row of it is called as the side says."""
        try:
            names = side.rows.names
        except KvcalcError as error:
            self.tell(Problem(str(error), path=stored if side.question.kv_dtype else path))
            return False
        if side.scheme is not None and side.scheme not in names:
            text = f"no row of {side.model.name} is called {side.scheme!r}"
            self.tell(Problem(text, Nearest(side.scheme, names), (*path, "scheme")))
            return False
        return True

    def _parsed(self, parse: Callable[[str], Any], name: str | None, path: Place) -> Any:
        if name is None:
            return None
        try:
            return parse(name)
        except ValueError as error:
            self.tell(Problem(str(error), path=path))
            return None

    def _model(self, reference: str, path: Place) -> Model | None:
        found = self.models.find(reference)
        if isinstance(found, Model):
            return found
        self._wrong(found, path)
        return None

    def _gpu(self, reference: str, path: Place) -> Gpu | None:
        found = self.models.gpu(reference)
        if isinstance(found, Gpu):
            return found
        self._wrong(found, path)
        return None

    def _wrong(self, problems: tuple[Problem, ...], path: Place) -> None:
        for problem in problems:
            self.tell(replace(problem, path=path))


def _searched(claim: Mapping[str, Any], model: Model) -> int:
    """How many sums over a model it takes, at most, where contexts are searched through."""
    if (expect := claim.get("expect")) is None:
        return 1 if model.active_parameters is None else CROSSING
    if any(map(_SERVED.search, map(str, expect))):
        return SERVING
    return BEST if best_cases(expect) else 1
