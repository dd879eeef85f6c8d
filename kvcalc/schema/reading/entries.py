"""Attention entries and what-ifs: each is held to the form of its kind, and made a scheme of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kvcalc.attention import KINDS
from kvcalc.attention.base import INHERITED, Scheme
from kvcalc.errors import InvalidValue, Nearest, Place, Problem
from kvcalc.schema.forms.entries import entry_form, what_if_form
from kvcalc.schema.reading.problems import held_to, unknown, unnamed, untagged


@dataclass(frozen=True)
class Found:
    """One entry or what-if: its place, its kind, its well-formed fields, what is wrong with it.

    kind  empty where that is not known
    """

    place: Place
    kind: str
    fields: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    """Whether a scheme can be made of it: all fields are there that its kind needs."""

    def scheme(self, inherited: Mapping[str, Any]) -> Scheme:
        """What it describes, with the model's own heads, head_dim and the like filled in.

        Raises InvalidValue; paths lead from the top of the file.
        """
        kind = KINDS[self.kind]
        try:
            given = self.given()
            unset = [n for n in INHERITED if n in kind.names() and given.get(n) is None]
            given |= {n: inherited[n] for n in unset if inherited.get(n) is not None}
            return kind.made(given)
        except InvalidValue as error:
            raise InvalidValue([self.placed(problem) for problem in error.problems]) from None

    def given(self) -> dict[str, Any]:
        """The fields under the scheme's own names. Raises InvalidValue where two say the same."""
        given = {name: value for name, value in self.fields.items() if name != "kind"}
        for alias, name in KINDS[self.kind].aliases.items():
            if alias in given and name in given:
                text = f"{alias} and {name} mean the same; keep one"
                hint = "both are the number of key/value heads (G in the GQA paper)"
                raise InvalidValue([Problem(text, hint, (alias,))])
            if alias in given:
                given[name] = given.pop(alias)
        if given.get("tensors") is not None:
            from kvcalc.schema.reading.tensors import tensors_of

            given["tensors"] = tensors_of(given["tensors"])
        return given

    def placed(self, problem: Problem) -> Problem:
        """The problem at the field's own place, under the name the file gives it."""
        aliases = KINDS[self.kind].aliases
        names = {name: alias for alias, name in aliases.items() if alias in self.fields}
        path = (names.get(str(step), step) for step in problem.path)
        return replace(problem, path=(*self.place, *path))


def entries_of(attention: object) -> dict[str, Found]:
    """The entries by name: one alone is called as its kind; none where nothing can be called."""
    place = ("attention",)
    if not isinstance(attention, dict):
        return {"": Found(place, "", {}, (untagged(place),), whole=False)}
    if attention and all(isinstance(entry, dict) for entry in attention.values()):
        return {name: _entry(entry, (*place, name)) for name, entry in attention.items()}
    entry = _entry(attention, place)
    return {entry.kind if entry.whole else "": entry}


def _entry(entry: Mapping[str, Any], place: Place) -> Found:
    kind = str(entry.get("kind"))
    problems = [] if place[-1] else [unnamed(place)]
    if kind in KINDS:
        form = entry_form(kind)
        found, wrong = held_to(form, entry, place)
        whole = form.required <= found.keys()
        return Found(place, kind, found, (*problems, *wrong), whole)
    told = Problem(f"unknown kind {kind!r}", Nearest(kind, tuple(KINDS)), (*place, "kind"))
    problems.append(untagged(place) if entry.get("kind") is None else told)
    return Found(place, "", {}, tuple(problems), whole=False)


def what_ifs_of(compare: Mapping[str, Any]) -> dict[str, Found]:
    """The what-ifs by kind; an empty one may be written as nothing at all."""
    return {kind: _what_if(kind, fields) for kind, fields in compare.items()}


def _what_if(kind: str, fields: Any) -> Found:
    place = ("compare", kind)
    if kind not in KINDS:
        return Found(place, "", {}, (unknown(kind, KINDS, place),), whole=False)
    found, problems = held_to(what_if_form(kind), {} if fields is None else fields, place)
    return Found(place, kind, found, tuple(problems), whole=not problems)
