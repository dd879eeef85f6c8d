"""Fields of somebody else's file that are to be ignored, as a question names them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kvcalc.errors import Place, Problem
from kvcalc.importers.draft_marks import MARKS
from kvcalc.importers.fields import Fields
from kvcalc.importers.levels import Levels
from kvcalc.importers.storage import cache_dtype
from kvcalc.importers.vocabulary import ALIASES, QUANTIZATIONS, WRAPPERS

_READ_ANYWHERE = {
    *("model_type", "architectures", *MARKS),
    *ALIASES["dtype"],
    *ALIASES["max_context"],
}
"""Fields that are read wherever they stand, whatever the family."""


def without(
    data: Mapping[str, Any], names: Sequence[str]
) -> tuple[Mapping[str, Any], dict[str, Place]]:
    """A configuration without some of its fields, and where those stood that it has.

    names  as messages call them: from the top, with dots between the levels
    """
    found = {name: place for name in names if (place := _place(data, name))}
    for place in found.values():
        data = _lacking(data, place)
    return data, found


MOST = 2_000
"""Fields among which the one that was meant is looked for."""


def stated(
    names: Collection[str], ignored: Collection[str], fields: Iterator[str]
) -> tuple[str, ...]:
    """The fields of a file that has not all that was to be ignored, to tell what was meant."""
    return tuple(islice(fields, MOST)) if {*names} - {*ignored} else ()


def names_of(data: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The fields of a configuration as messages call them."""
    for key, value in data.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from names_of(value, f"{above}{key}.")


def _place(data: object, name: str) -> Place:
    """Where a field stands; () where there is none. A name may have dots of its own."""
    if not isinstance(data, dict):
        return ()
    if name in data:
        return (name,)
    starts = (key for key in data if isinstance(key, str) and name.startswith(f"{key}."))
    places = ((key, _place(data[key], name[len(key) + 1 :])) for key in starts)
    return next(((key, *rest) for key, rest in places if rest), ())


def _lacking(data: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    first, rest = str(place[0]), place[1:]
    if rest:
        return {**data, first: _lacking(data[first], rest)}
    return {key: value for key, value in data.items() if key != first}


def refuse_what_is_read(
    levels: Levels, fields: Fields, ignored: Mapping[str, Place]
) -> list[Problem]:
    """The problems of fields that were to be ignored and are read.

    levels   of the file as it is
    fields   of the language model, read without what is ignored
    """
    owners = {fields.where: fields} | {inner.where: inner for inner in fields.groups.values()}
    return [
        Problem(f"{name} is read, and cannot be ignored", "leave out its --ignore", place)
        for name, place in ignored.items()
        if _is_read(place, levels, owners)
    ]


def _is_read(place: Place, levels: Levels, owners: Mapping[Place, Fields]) -> bool:
    homes = {*owners, *(path for path, _ in levels)}
    home = max((place[:end] for end in range(len(place)) if place[:end] in homes), key=len)
    name, inside = str(place[len(home)]), place[len(home) + 1 :]
    if name in QUANTIZATIONS:
        return not any(p.path == place for p in cache_dtype(levels).problems)
    if name == "use_sliding_window" and dict(levels).get(home, {}).get(name) is False:
        return True  # it is what switches a window off, also beside one that is ignored
    owner = owners.get(home)
    read = {*owner.read, *owner.names_of("max_context")} if owner else set()
    if name == "per_layer_config":
        return not inside or str(inside[-1]) in read
    return name in _READ_ANYWHERE or name in WRAPPERS or name in read


def told(ignored: Collection[str]) -> tuple[str, ...]:
    """The note of what was ignored, if anything was."""
    return (f"ignored, as asked: {', '.join(ignored)}",) if ignored else ()
