"""A broken file without its broken parts: what is left of it is still looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from kvcalc.model import ENGINES
from kvcalc.schema.entries import Entry, EntryFile
from kvcalc.schema.fields import well_formed
from kvcalc.schema.model import EnginesFile, ModelFile, all_mappings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvcalc.errors import Path, Problem


def mended(data: Mapping[str, Any], problems: Sequence[Problem]) -> ModelFile:
    """The fields without a problem of their own; None stands for the others, also in entries."""
    broken = {p.path[0] for p in problems if p.path}
    form: ModelFile = well_formed(ModelFile, data, broken)
    attention, engines = data.get("attention"), data.get("engines")
    instead: dict[str, Any] = {}
    if "attention" in broken and isinstance(attention, dict):
        bad = _below({p.path for p in problems}, "attention")
        instead["attention"] = (
            _entries(attention, bad) if all_mappings(attention) else _trimmed(attention, bad)
        )
    if "engines" in broken and isinstance(engines, dict):
        bad = _below({p.path for p in problems}, "engines")
        left: dict[str, Any] = {
            engine: _entries(entries, _below(bad, engine))
            for engine, entries in engines.items()
            if engine in ENGINES and isinstance(entries, dict)
        }
        instead["engines"] = EnginesFile.model_construct(**left)
    return form.model_copy(update=instead)


def _below(paths: set[Path], step: str) -> set[Path]:
    return {path[1:] for path in paths if path[:1] == (step,)}


def _entries(entries: Mapping[str, Any], bad: set[Path]) -> dict[str, EntryFile | None]:
    return {name: _trimmed(entry, _below(bad, name)) for name, entry in entries.items()}


def _trimmed(entry: Any, bad: set[Path]) -> EntryFile | None:
    """An entry without its broken fields, None where nothing can be made of the rest."""
    if not isinstance(entry, dict):
        return None
    rest = {name: value for name, value in entry.items() if (name,) not in {b[:1] for b in bad}}
    try:
        return TypeAdapter(Entry).validate_python(rest, strict=True)
    except ValidationError:
        return None
