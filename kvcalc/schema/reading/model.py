"""From a file's data to a Model, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import InvalidValue, Nearest, Place, Problem, UsageError
from kvcalc.expect import Expectation, parse_expectation
from kvcalc.formats import Format, parse_format
from kvcalc.model import FACTS, Architecture, Layer, Model, Source
from kvcalc.schema.forms.fields import Form, form_of
from kvcalc.schema.forms.layers import OrderForm
from kvcalc.schema.forms.model import ModelForm
from kvcalc.schema.reading.entries import Found, entries_of, what_ifs_of
from kvcalc.schema.reading.layers import layers_of
from kvcalc.schema.reading.limits import refuse_endless
from kvcalc.schema.reading.problems import held_to
from kvcalc.whatif import Rows, rows_of

LineOf = Callable[[Place], int]
"""The line on which a value stands, 0 where that is not known."""

SAID_ONCE = ("heads", "head_dim", "source_length")
"""Fields of a file that stand for all of its entries that have none of their own."""


@cache
def model_form() -> Form:
    """What a model file may say, but for its entries and what-ifs."""
    return form_of(ModelForm)


def read_model(data: object, file: str, line_of: LineOf) -> Model:
    """The model that a file's data describes.

    Raises InvalidValue with every problem; paths lead from the top of the data.
    """
    refuse_endless(data)
    reading = _Reading(data)
    model = reading.model(file, line_of)
    if model is None or reading.problems:
        raise InvalidValue(reading.problems)
    return model


class _Reading:
    """One file on its way in: what is well-formed is looked at, whatever else is wrong."""

    def __init__(self, data: object) -> None:
        self.form, self.problems = held_to(model_form(), data)
        self.broken = {problem.path[0] for problem in self.problems if problem.path}
        self.entries: dict[str, Found] = {}
        if "attention" in self.form:
            self.entries = entries_of(self.form["attention"])
        self.what_ifs = what_ifs_of(self.form.get("compare") or {})
        for written in (*self.entries.values(), *self.what_ifs.values()):
            self.problems += written.problems
        self.entries.pop("", None)

    def model(self, file: str, line_of: LineOf) -> Model | None:
        """The model as far as it can be put together; what cannot be is among `problems`."""
        form, rows, model = self.form, None, None
        schemes = self._schemes()
        layers, mtp = self._layers("layers"), self._layers("mtp")
        self._used(layers, mtp)
        if layers and "dtype" in form and len(schemes) == len(self.entries):
            heads, width = form.get("heads"), form.get("head_dim")
            model = Model(
                name=form.get("name", ""),
                dtype=form["dtype"],
                attention=schemes,
                layers=layers,
                shape=Shape(heads, width, width) if heads and width else None,
                compare=self._compare(),
                mtp=mtp,
                file=file,
                stated_window=form.get("stated_window"),
                unstated=tuple(form.get("unstated") or ()),
                architecture=_architecture(form.get("architecture")),
                **_facts(form),
            )
            rows = self._rows(model)
        expect = self._expectations(rows, line_of)
        self._weights()
        self._parts_of_the_weights()
        return replace(model, expect=expect) if model else None

    def _weights(self) -> None:
        """Whether the dtypes of weights have names, and all parameters are among them."""
        weights, stated = self.form.get("weights") or {}, self.form.get("parameters")
        told: dict[Format, str] = {}
        for name in weights:
            try:
                stored = parse_format(name)
            except ValueError as error:
                self.problems.append(Problem(str(error), path=("weights", name)))
                continue
            if stored in told:
                text = f"{told[stored]} and {name} are one dtype"
                self.problems.append(Problem(text, "add them up", ("weights", name)))
            told[stored] = name
        if not weights or stated in (None, sum(weights.values())):
            return
        text = f"weights add up to {sum(weights.values()):,} parameters, not to {stated:,}"
        hint = "leave parameters out: it is their sum"
        self.problems.append(Problem(text, hint, ("parameters",)))

    def _parts_of_the_weights(self) -> None:
        """Whether no part of the parameters is more than all, and one dtype is not told of two."""
        total = self.form.get("parameters") or sum((self.form.get("weights") or {}).values())
        for name in ("expert_parameters", "mtp_parameters"):
            part = self.form.get(name)
            if total and part and part > total:
                text = f"{part:,} of {total:,} parameters: a part is no more than all"
                self.problems.append(Problem(text, path=(name,)))
        stored: Format | None = self.form.get("weight_dtype")
        if stored is not None and (stored.more or stored.residual):
            text = f"{stored.name} stores the entries of a cache, not weights"
            self.problems.append(Problem(text, path=("weight_dtype",)))
        if stored is not None and self.form.get("weights"):
            hint = "leave it out: weights says which dtypes they are in"
            text = "weights has the dtypes of all parameters"
            self.problems.append(Problem(text, hint, ("weight_dtype",)))

    def _schemes(self) -> dict[str, Scheme]:
        inherited = {name: self.form.get(name) for name in SAID_ONCE}
        schemes = {}
        for name, entry in self.entries.items():
            if not entry.whole:
                continue
            try:
                schemes[name] = entry.scheme(inherited)
            except InvalidValue as error:
                told = {problem.path for problem in entry.problems}
                if self.broken.isdisjoint(SAID_ONCE):
                    self.problems += [p for p in error.problems if p.path not in told]
        return schemes

    def _layers(self, name: str) -> tuple[Layer, ...]:
        order: int | OrderForm | None = self.form.get(name)
        if not self.entries or order is None:
            return ()
        try:
            return layers_of(order, self.entries)
        except InvalidValue as error:
            self.problems += [problem.under((name,)) for problem in error.problems]
            return ()

    def _used(self, layers: tuple[Layer, ...], mtp: tuple[Layer, ...]) -> None:
        used = {name for layer in dict.fromkeys((*layers, *mtp)) for name in layer}
        for name in [name for name in self.entries if layers and name not in used]:
            text, hint = f"no layer uses {name!r}", "name it in layers, or take it out"
            self.problems.append(Problem(text, hint, ("attention", name)))

    def _compare(self) -> dict[str, dict[str, Any]]:
        found = {}
        for kind, what_if in self.what_ifs.items():
            try:
                if what_if.whole:
                    found[kind] = what_if.given()
            except InvalidValue as error:
                self.problems += map(what_if.placed, error.problems)
        return found

    def _rows(self, model: Model) -> Rows | None:
        """The rows that expectations speak of, if they can be made."""
        try:
            replace(model, layers=model.layers + model.mtp).cache.read(1)
        except UsageError as error:
            self.problems.append(Problem(f"dtype: {error}", path=("dtype",)))
            return None
        except InvalidValue as error:
            self.problems += error.problems
            return None
        if not (model.compare or self.form.get("expect")):
            return None
        try:
            rows = rows_of(model)
            return rows if all(what_if.whole for what_if in self.what_ifs.values()) else None
        except InvalidValue:
            pass
        for kind, fields in model.compare.items():
            try:
                rows_of(replace(model, compare={kind: fields}))
            except InvalidValue as error:
                self.problems += map(self.what_ifs[kind].placed, error.problems)
        return None

    def _expectations(self, rows: Rows | None, line_of: LineOf) -> tuple[Expectation, ...]:
        expectations = []
        names = rows.names if rows else ()
        for entry, printed in (self.form.get("expect") or {}).items():
            path = ("expect", entry)
            try:
                expectation = parse_expectation(
                    entry, printed, line_of(path), serverless="a model's own file"
                )
            except ValueError as error:
                self.problems.append(Problem(str(error), path=path))
                continue
            expectations.append(expectation)
            for name in expectation.schemes:
                if rows and name not in names:
                    text = f"no row of this model is called {name!r}"
                    self.problems.append(Problem(text, Nearest(name, names), path))
        return tuple(expectations)


def _architecture(written: str | Mapping[str, str] | None) -> Architecture | None:
    if written is None or isinstance(written, str):
        return Architecture(written) if written else None
    if "gguf" in written:
        return Architecture(written["gguf"], "gguf")
    return Architecture(written["model_type"], inner=written.get("inner", ""))


def _facts(form: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says of itself that its cache does not depend on."""
    sources = (
        Source(source["from"], source.get("says", ""), source.get("read") or "")
        for source in form.get("sources") or ()
    )
    words = {name: form.get(name) or "" for name in ("vendor", "confidence")}
    numbers = {name: form.get(name) for name in FACTS}
    weights = form.get("weights") or {}
    numbers["parameters"] = numbers["parameters"] or sum(weights.values()) or None
    known = {
        "weights": weights,
        "weight_dtype": form.get("weight_dtype"),
        "hub": tuple(form.get("hub") or ()),
    }
    return {**words, **numbers, **known, "sources": tuple(sources)}
