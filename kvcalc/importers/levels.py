"""The configurations that a file nests: the language model's, and what stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.importers.draft_marks import known_outside, wrappers_of
from kvcalc.importers.fields import Fields
from kvcalc.importers.strangers import enumerated, said_of_strangers
from kvcalc.importers.values import alike, list_of, short
from kvcalc.importers.vocabulary import ALIASES, WRAPPERS
from kvcalc.units import MAX_TOKENS

Levels = list[tuple[Place, Mapping[str, Any]]]
"""Where each configuration stands and what it says, the innermost first."""

_TEXTS = ("model_type", "speculators_model_type")

_TEXT = "a text", "write it in quotes, or take it out"
_CLASSES = "a list of texts", 'write for example ["LlamaForCausalLM"], or take it out'
_OBJECT = "an object", "write the configuration that is meant there, or take it out"

MAX_CLASSES = 1_000
"""How many classes a file may name; published files name one, or a few."""

_SHARED = (*ALIASES["max_context"], "is_encoder_decoder", "is_decoder", "add_cross_attention")
"""Fields that a configuration of several parts may well state for another of them."""


def levels_of(data: Mapping[str, Any]) -> Levels:
    """A file's configurations, as far as they wrap a language model."""
    levels: Levels = [((), data)]
    while True:
        path, inner = levels[0]
        wrappers = (*WRAPPERS, *wrappers_of(inner))
        name = next((n for n in wrappers if isinstance(inner.get(n), dict) and inner[n]), None)
        if name is None:
            return levels
        levels.insert(0, ((*path, name), inner[name]))


def wrongly_typed(levels: Levels) -> list[Problem]:
    """What should tell the kind of a model, or its dtype, and is nothing that could."""
    return [
        Problem(f"{name} is {short(level[name])}; it must be {what}", way_out, (*path, name))
        for path, level in levels
        for name, (what, way_out) in _odd(level)
    ]


def _odd(level: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    """The fields of another type than theirs, with what they must be and the way out."""
    yield from ((name, _TEXT) for name in _TEXTS if not isinstance(level.get(name), str | None))
    classes = level.get("architectures")
    if classes is not None and list_of(str, classes) is None:
        yield "architectures", _CLASSES
    # a text may be where such a configuration is kept
    objects = (name for name in WRAPPERS if name.endswith(("_config", "_cfg")))
    yield from ((n, _OBJECT) for n in objects if not isinstance(level.get(n) or {}, dict | str))


def refuse_a_list_of_classes(levels: Levels) -> None:
    """Raises InvalidValue where a file names more classes than any model is made of."""
    for path, level in levels:
        stated = level.get("architectures")
        if isinstance(stated, list) and len(stated) > MAX_CLASSES:
            text = f"architectures names {len(stated):,} classes; a model is of one"
            raise InvalidValue([Problem(text, "", (*path, "architectures"))])


def stated_types(levels: Levels) -> list[str]:
    """What each configuration that says so is, the innermost first."""
    return [level["model_type"] for _, level in levels if level.get("model_type")]


def max_context_of(levels: Levels, fields: Fields) -> int | None:
    """The longest context that the innermost configuration with a plausible one states.

    What is stated before it and is no such number is told: it is not what is answered for.
    """
    for _, level in levels:
        for name in fields.names_of("max_context"):
            value = level.get(name)
            tokens = _tokens(value)
            if tokens is not None:
                return tokens
            if value:
                fields.note(f"{name} {short(value)} is no plausible number of tokens: not used")
    return None


def _tokens(value: Any) -> int | None:
    """A number of tokens, also where it is written as text or with a point; 0 says nothing."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,13}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plausible = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_TOKENS
    return value if plausible else None


def name_of(levels: Levels) -> str:
    """What a model calls itself, the outermost configuration first."""
    stated = (
        level.get(field)
        for _, level in reversed(levels)
        for field in ("_name_or_path", "model_type")
    )
    names = (name.rstrip("/").rpartition("/")[2] for name in stated if isinstance(name, str))
    return next((name for name in names if name), "model")


def refuse_what_stands_outside(levels: Levels, fields: Fields) -> None:
    """A field of the language model that stands around it must say there what it says inside."""
    shared = {"model_type", "dtype", "torch_dtype", "hidden_size", *_SHARED}
    mine = fields.used - shared - known_outside(levels)
    for path, level in levels[1:]:
        for name in (each for each in level if each in mine):
            value, own = level[name], fields.data.get(name)
            if value is not None and not isinstance(value, dict) and not alike(value, own):
                inside = "does not say" if own is None else f"says {short(own)}"
                text = f"{name} is {short(value)} outside, which {levels[0][0][-1]} {inside}"
                fields.add(Problem(f"{text}: they contradict each other", "", (*path, name)))


def say_what_was_left(levels: Levels, fields: Fields) -> None:
    """A note of what stands around the language model and could be another one."""
    for path, level in levels[1:]:
        taken = next(name for name in levels[0][0][len(path) :])
        read = (str(taken), "model_type", "dtype", "torch_dtype", *known_outside(levels))
        others = said_of_strangers(level, read)
        left = [name for name in others if level[name] != fields.data.get(name)]
        if left:
            prefix = ".".join(str(step) for step in path)
            text = enumerated([f"{prefix}.{name}" if prefix else name for name in left])
            fields.note(f"not used, beside {'.'.join(str(s) for s in levels[0][0])}: {text}")
