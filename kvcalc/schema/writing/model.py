"""A Model as a file of our own, of which `kvcalc.schema.reading` makes the same Model again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import UsageError
from kvcalc.model import FACTS, Architecture, Model, Source
from kvcalc.schema.writing.entries import Top, common, portrait, written
from kvcalc.schema.writing.layers import order_of
from kvcalc.schema.writing.text import comment, field, items, scalar, section


def to_yaml(model: Model, comments: Sequence[str] = ()) -> str:
    """A model as YAML, its comments and then its notes at the top.

    Entries that no layer keeps are left out. Raises UsageError for what YAML has no words for: a
    dtype without a name, an entry whose name cannot stand in `layers`, a question's own storage.
    """
    _refuse_unwritable(model)
    used = {name for layer in (*model.layers, *model.mtp) for name in layer}
    entries = {name: scheme for name, scheme in model.attention.items() if name in used}
    top = _top(model, list(entries.values()))
    dtype = written(model.dtype)
    values: dict[str, object] = {
        "name": model.name,
        "vendor": model.vendor or None,
        "architecture": _architecture(model.architecture),
        **top.fields,
    }
    lines = [line for text in (*comments, *model.notes) for line in comment(text)]
    lines += _fields(values)
    lines += field("layers", order_of(model.layers, list(entries)))
    lines += field("dtype", dtype)
    lines += _attention(entries, top)
    if model.mtp:
        lines += field("mtp", order_of(model.mtp, list(entries)))
    lines += _several("compare", {kind: written(given) for kind, given in model.compare.items()})
    expect = [line for e in model.expect for line in field(e.entry, e.figure.text, 2)]
    lines += section("expect", expect)
    lines += _fields({"stated_window": model.stated_window})
    if model.unstated:
        lines += field("unstated", list(model.unstated))
    lines += _fields(_facts(model))
    lines += section("sources", [line for source in model.sources for line in _source(source)])
    return "\n".join(lines) + "\n"


def _refuse_unwritable(model: Model) -> None:
    shape, wrong = model.shape, ""
    if not model.layers:
        wrong = "it has no layers"
    elif not any((*model.layers, *model.mtp)):
        wrong = "none of its layers keeps anything"
    elif model.kv_dtype or model.index_dtype:
        wrong = "it is stored as a question asked, not as it is"
    elif model.draft:
        wrong = "a draft is beside it"
    elif shape and shape != Shape(shape.heads, shape.key_dim, shape.key_dim):
        wrong = "its heads for what-ifs have more than one width"
    if wrong:
        raise UsageError(f"{model.name} cannot be written as YAML: {wrong}")


def _top(model: Model, schemes: Sequence[Scheme]) -> Top:
    """What is said once for all entries: the what-ifs' heads, or what all entries have."""
    heads = model.shape.heads if model.shape else common("heads", schemes)
    head_dim = model.shape.key_dim if model.shape else None
    if heads is None and head_dim is None:
        head_dim = common("head_dim", schemes)  # beside heads it would be the what-ifs' too
    source_length = common("source_length", schemes)
    fields = {"heads": heads, "head_dim": head_dim, "source_length": source_length}
    return Top(model.dtype, fields)


def _architecture(known: Architecture | None) -> str | dict[str, str] | None:
    if known is None:
        return None
    if known.dialect == "gguf":
        return {"gguf": known.name}
    return {"model_type": known.name, "inner": known.inner} if known.inner else known.name


def _fields(values: Mapping[str, object]) -> list[str]:
    found = (field(key, value) for key, value in values.items() if value is not None)
    return [line for lines in found for line in lines]


def _facts(model: Model) -> dict[str, object]:
    facts: dict[str, object] = {name: getattr(model, name) or None for name in FACTS}
    if model.weights:
        facts["parameters"] = None  # their sum
    known = {
        "weights": dict(model.weights) or None,
        "weight_dtype": model.weight_dtype and model.weight_dtype.name,
        "hub": list(model.hub) or None,
    }
    return {**facts, **known, "confidence": model.confidence or None}


def _attention(entries: Mapping[str, Scheme], top: Top) -> list[str]:
    portraits = {name: portrait(scheme, top) for name, scheme in entries.items()}
    if list(portraits) == [entry["kind"] for entry in portraits.values()] and len(entries) == 1:
        return _entry("attention", next(iter(portraits.values())), 0)
    return _several("attention", portraits)


def _several(key: str, entries: Mapping[str, dict[str, Any]]) -> list[str]:
    found = (_entry(name, entry, 2) for name, entry in entries.items())
    return section(key, [line for lines in found for line in lines])


def _entry(name: str, entry: Mapping[str, Any], indent: int) -> list[str]:
    """An entry in flow style, one with tensors of its own in block style."""
    if "tensors" not in entry:
        return field(name, entry, indent)
    head = field(name, None, indent)[0].removesuffix(" null")
    lines = [head]
    for key, value in entry.items():
        if key != "tensors":
            lines += field(key, value, indent + 2)
    return [*lines, f"{' ' * (indent + 2)}tensors:", *items(entry["tensors"], indent + 4)]


def _source(source: Source) -> list[str]:
    lines = field("from", source.origin) + (field("says", source.says) if source.says else [])
    lines += [f"read: {_date(source.read)}"] if source.read else []
    return [f"  {'-' if number == 0 else ' '} {line}" for number, line in enumerate(lines)]


def _date(read: str) -> str:
    """A date is written without quotes; what a caller has put in its place is text."""
    return read if re.fullmatch(r"\d{4}-\d\d-\d\d", read) else scalar(read)
