"""From a file's data to a Model, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kvcalc.attention.base import Shape
from kvcalc.errors import InvalidValue, Path, Problem, UsageError, did_you_mean
from kvcalc.expect import Expectation, parse_expectation
from kvcalc.model import Layer, Model, Source
from kvcalc.schema.entries import (
    WHAT_IFS,
    EntryFile,
    path_to,
    scheme_of,
)
from kvcalc.schema.layers import layers_of
from kvcalc.schema.mending import mended
from kvcalc.schema.model import ModelFile, fields_at
from kvcalc.schema.problems import problems_of
from kvcalc.whatif import Rows, rows_of

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

Entries = Mapping[str, tuple[Path, EntryFile | None]]
"""By name: where an entry stands, and the entry unless it is broken."""

LineOf = Callable[[Path], int]
"""The line on which a value stands, 0 where that is not known."""


def read_model(data: object, file: str, line_of: LineOf) -> tuple[Model | None, list[Problem]]:
    """The model that a file's data describes, or every problem it has.

    Paths of problems lead from the top of the data.
    """
    try:
        form, problems = ModelFile.model_validate(data), []
    except ValidationError as error:
        problems = list(problems_of(error, fields_at))
        if not isinstance(data, dict):
            return None, problems
        # what is well-formed is still looked at, so that one run shows every problem
        form = mended(data, problems)
    model = _assembled(form, data, file, line_of, problems)
    return (None if problems else model), problems


def _assembled(
    form: ModelFile, data: object, file: str, line_of: LineOf, problems: list[Problem]
) -> Model | None:
    """The model as far as it can be put together; what cannot be is added to `problems`."""
    entries = _entries(form.attention)
    schemes = _schemes(entries, form, problems)
    layers = _layers(entries, form, problems)
    engines = _engines(entries, form, problems)
    rows = model = None
    if layers and form.dtype and len(schemes) == len(entries):
        model = Model(
            name=form.name,
            dtype=form.dtype,
            attention=schemes,
            layers=layers,
            shape=_shape(form),
            compare=_compare(form, data, problems),
            engines=engines,
            vendor=form.vendor,
            mtp=_mtp(entries, form, problems),
            max_context=form.max_context,
            parameters=form.parameters,
            active_parameters=form.active_parameters,
            weight_bytes=form.weight_bytes,
            confidence=form.confidence or "",
            sources=tuple(Source(s.origin, s.says, s.read or "") for s in form.sources or ()),
            file=file,
        )
        rows = _rows(model, form, problems)
    expect = _expectations(form, rows, line_of, problems)
    return replace(model, expect=expect) if model else None


def _entries(attention: Any) -> Entries:
    if isinstance(attention, EntryFile):
        return {attention.scheme.kind: (("attention",), attention)}
    return {name: (("attention", name), entry) for name, entry in (attention or {}).items()}


def _schemes(entries: Entries, form: ModelFile, problems: list[Problem]) -> dict[str, Scheme]:
    inherited = {
        "heads": form.heads,
        "head_dim": form.head_dim,
        "source_length": form.source_length,
    }
    unknown = {p.path[0] for p in problems if p.path} & set(inherited)
    told = {problem.path for problem in problems}
    schemes = {}
    for name, (path, entry) in entries.items():
        if entry is None:
            continue
        try:
            schemes[name] = scheme_of(entry, inherited)
        except InvalidValue as error:
            if not unknown:
                found = (path_to(path, problem, entry) for problem in error.problems)
                problems += [problem for problem in found if problem.path not in told]
    return schemes


def _engines(
    entries: Entries, form: ModelFile, problems: list[Problem]
) -> dict[str, dict[str, Scheme]]:
    engines = {}
    for engine, instead in form.engines or ():
        if instead is None:
            continue
        found = {name: (("engines", engine, name), entry) for name, entry in instead.items()}
        for name, (path, _) in found.items():
            if entries and name not in entries:
                text = f"no attention entry is called {name!r}"
                problems.append(Problem(text, did_you_mean(name, entries), path))
        engines[engine] = _schemes(found, form, problems)
    return engines


def _layers(entries: Entries, form: ModelFile, problems: list[Problem]) -> tuple[Layer, ...]:
    if not entries or not form.layers:
        return ()
    try:
        layers = layers_of(form.layers, entries)
    except InvalidValue as error:
        problems += [problem.under(("layers",)) for problem in error.problems]
        return ()
    used = {name for layer in layers for name in layer}
    if form.mtp is not None:
        used |= {name for layer in _mtp(entries, form, []) for name in layer}
    for name in entries.keys() - used:
        hint = "name it in layers, or take it out"
        problems.append(Problem(f"no layer uses {name!r}", hint, ("attention", name)))
    return layers


def _mtp(entries: Entries, form: ModelFile, problems: list[Problem]) -> tuple[Layer, ...]:
    if form.mtp is None:
        return ()
    try:
        return layers_of(form.mtp, entries)
    except InvalidValue as error:
        problems += [problem.under(("mtp",)) for problem in error.problems]
        return ()


def _shape(form: ModelFile) -> Shape | None:
    if form.heads is None or form.head_dim is None:
        return None
    return Shape(form.heads, form.head_dim, form.head_dim)


def _compare(form: ModelFile, data: object, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    if form.compare is None or not isinstance(data, dict):
        return {}
    fields = {}
    for kind in data["compare"]:
        what_if = _written(form, kind)
        try:
            fields[kind] = what_if.fields()
        except InvalidValue as error:
            problems += [problem.under(("compare", kind)) for problem in error.problems]
    return fields


def _rows(model: Model, form: ModelFile, problems: list[Problem]) -> Rows | None:
    try:
        replace(model, layers=model.layers + model.mtp).cache.stored(1)
    except UsageError as error:
        problems.append(Problem(f"dtype: {error}", path=("dtype",)))
        return None
    if not (form.compare or form.expect):
        return None
    found: list[Problem] = []
    for kind in model.compare:
        try:
            rows_of(replace(model, compare={kind: model.compare[kind]}))
        except InvalidValue as error:
            prefix, written = ("compare", kind), _written(form, kind)
            found += [path_to(prefix, problem, written) for problem in error.problems]
    problems += found
    return None if found else rows_of(model)


def _written(form: ModelFile, kind: str) -> EntryFile:
    written: EntryFile | None = getattr(form.compare, kind)
    return written or WHAT_IFS[kind]()


def _expectations(
    form: ModelFile, rows: Rows | None, line_of: LineOf, problems: list[Problem]
) -> tuple[Expectation, ...]:
    expectations = []
    for entry, printed in (form.expect or {}).items():
        path = ("expect", entry)
        try:
            expectation = parse_expectation(entry, printed, line_of(path))
        except ValueError as error:
            problems.append(Problem(str(error), path=path))
            continue
        expectations.append(expectation)
        names = rows.names if rows else expectation.schemes
        for name in expectation.schemes:
            if name not in names:
                text = f"no row of this model is called {name!r}"
                problems.append(Problem(text, did_you_mean(name, names), path))
    return tuple(expectations)
