"""What becomes of the fields that nobody has read: harmless, passed over and told, or refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from shlex import quote
from typing import Any

from kvcalc.errors import Place
from kvcalc.importers.fields import COUNTS, Fields
from kvcalc.importers.harmless import is_harmless, passes_anywhere, speaks_of_the_cache
from kvcalc.importers.misspelt import Spellings
from kvcalc.importers.values import cut, layer_number
from kvcalc.importers.vocabulary import ALIASES

_NO_NUMBERS = {"model_type", *ALIASES["dtype"]}
"""Fields that others are called much like, such as a draft's target's."""

MOST_NAMED = 100
"""Fields that a note names one by one."""


def pass_over(fields: Fields, called: str) -> None:
    """Hold a known family's fields to account: those without a word of the cache are told of.

    called  what the file calls the family
    """
    passed: list[str] = []
    for inner in (fields, *fields.groups.values()):
        unread = inner.unread(silent=bool(fields.filled))
        known = Spellings(inner.used - _NO_NUMBERS if unread else ())
        for name in unread:
            if is_harmless(name):
                continue
            near = known.near(name)
            # 0 and false say that a model has none of it, whatever its words
            if near or (inner.data[name] and _speaks(name, inner.data[name])):
                text = f"{inner.prefix}{cut(name)} is not a field that kvcalc knows in {called}"
                hint = f"did you mean {near}? " if near else ""
                inner.problem(text, name, hint + way_out((*inner.where, name)))
            elif inner.data[name] is not None:
                passed.append(_dotted((*inner.where, name)))
    _refuse_by_layer(fields)
    if passed:
        tell_what_was_passed(passed, called, fields)


def refuse(fields: Fields, unknown: str) -> None:
    """Refuse whatever an unknown model states beside what plain attention has.

    unknown  what is not known of it
    """
    for inner in (fields, *fields.groups.values()):
        for name in inner.unread(silent=bool(fields.filled)):
            if not passes_anywhere(name):
                text = f"{unknown}, and {inner.prefix}{cut(name)} could change the cache"
                inner.problem(text, name, way_out((*inner.where, name)))
    _refuse_by_layer(fields)


def tell_what_was_passed(names: Collection[str], called: str, fields: Fields) -> None:
    """One note of the fields that a known family is not known to keep anything by."""
    text = f"passed over, as {called} is not known to keep anything by them"
    fields.note(f"{text}: {enumerated(names)}")


def enumerated(names: Collection[str]) -> str:
    """Names in a sentence; of very many the first, and how many others there are."""
    told = [*islice(names, MOST_NAMED)]
    others = len(names) - len(told)
    return ", ".join([*told, f"and {others:,} more"] if others else told)


def way_out(path: Place) -> str:
    """The hint of a field that could be ignored."""
    return f"if it leaves the cache alone: --ignore {quote(cut(_dotted(path)))}"


def _dotted(path: Place) -> str:
    """A field as `--ignore` takes it."""
    return ".".join(str(step) for step in path)


def _speaks(name: str, value: Any) -> bool:
    """Whether a field could change the cache, by its name or by those that its value nests."""
    nested = _nested(value) if isinstance(value, dict | list) else ()
    return speaks_of_the_cache(name) or any(
        speaks_of_the_cache(inner) and not is_harmless(inner) for inner in nested
    )


def _nested(value: dict[str, Any] | list[Any]) -> Iterator[str]:
    """The names inside an object or a list of them, at any depth."""
    if isinstance(value, dict):
        yield from (str(name) for name in value)
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _nested(inner)


def _refuse_by_layer(fields: Fields) -> None:
    """`per_layer_config` is held to account too: its layers must be there, its fields known."""
    by_layer = fields.data.get("per_layer_config")
    if not isinstance(by_layer, dict) or "per_layer_config" not in fields.used:
        return
    named: dict[int, str] = {}
    counts = {name for count in COUNTS for name in fields.names_of(count)}
    for key, own in by_layer.items():
        layer = layer_number(key)
        if layer is None or layer >= fields.count("layers"):
            text = f"per_layer_config names layer {key!r:.60}, which is none"
            fields.problem(text, "per_layer_config")
        elif (first := named.setdefault(layer, key)) != key:
            text = f"per_layer_config names layer {layer} twice, as {first!r} and as {key!r}"
            fields.problem(text, "per_layer_config", "keep one")
        for name in own if isinstance(own, dict) else ():
            told = f"per_layer_config.{cut(f'{key}.{name}')}"
            if name in counts:
                text = f"{told} counts layers: no layer has any of its own"
                fields.problem(text, "per_layer_config")
            elif name not in fields.used and not is_harmless(name):
                text = f"{told} is not a field that kvcalc knows"
                hint = way_out((*fields.where, "per_layer_config", key, name))
                fields.problem(text, "per_layer_config", hint)


def said_of_strangers(level: Mapping[str, Any], read: Collection[str]) -> list[str]:
    """The fields around a language model that say something and are not known to be harmless."""
    around = Fields(level, used={*read})
    around.spare("max_context")
    return [name for name in around.unread() if not is_harmless(name)]
