"""The configurations that a file nests: the language model's, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcalc.attention.base import Scheme
from kvcalc.errors import Place, Problem
from kvcalc.importers.families import FAMILIES, MARKS
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import full
from kvcalc.importers.schedules import FULL, same
from kvcalc.importers.vocabulary import ALIASES, WRAPPERS
from kvcalc.model import Architecture

Levels = list[tuple[Place, Mapping[str, Any]]]
"""Where each configuration stands and what it says, the innermost first."""

_SHARED = (*ALIASES["max_context"], "is_encoder_decoder", "is_decoder", "add_cross_attention")
"""Fields that a configuration of several parts may well state for another of them."""


def levels_of(data: Mapping[str, Any]) -> Levels:
    """A file's configurations, as far as they wrap a language model."""
    levels: Levels = [((), data)]
    while True:
        path, inner = levels[0]
        name = next((n for n in WRAPPERS if isinstance(inner.get(n), dict) and inner[n]), None)
        if name is None:
            return levels
        levels.insert(0, ((*path, name), inner[name]))


def _stated(levels: Levels) -> list[str]:
    """What each configuration that says so is, the innermost first."""
    return [str(level["model_type"]) for _, level in levels if level.get("model_type")]


def family_of(levels: Levels) -> Family:
    """The family of the innermost configuration that has one, else a stranger."""
    inner, stated = levels[0][1], _stated(levels)
    # what stands around a language model does not speak for a kind that is not known
    named = stated[:1] if inner.get("model_type") else stated
    known = [FAMILIES[name] for name in named if name in FAMILIES]
    if not stated:
        known = [family for marks, family in MARKS.items() if inner.keys() >= set(marks)]
    name = stated[0] if stated else ""
    return known[0] if known else Family(name, parts={FULL: _of_a_stranger}, schedule=same())


def _of_a_stranger(f: Fields) -> tuple[Scheme, ...]:
    """Plain attention, of which a file must say how many heads keep keys and values."""
    f.count("kv_heads")
    return full()(f)


def say_how_it_is_known(levels: Levels, family: Family, fields: Fields) -> None:
    """A note, or a problem, where nothing but a guess says what the language model is."""
    path, inner = levels[0]
    if family.name in FAMILIES:
        if not _stated(levels):
            fields.note(f"no model_type: read as {family.name}, by its fields")
    elif path and not inner.get("model_type"):
        text = f"{path[-1]} states no model_type, and that around it is not known"
        fields.problem(text, "model_type", "state the model_type of the language model there")
    else:
        called = (
            f"model_type {family.name!r}" if family.name else "a configuration without model_type"
        )
        fields.note(f"{called} is not known; read as plain attention in every layer")


def architecture_of(levels: Levels, family: Family) -> Architecture | None:
    """What the outermost configuration says it is, and the language model inside it."""
    stated = _stated(levels)
    if not stated:
        return Architecture(family.name) if family.name else None
    name = str(levels[-1][1].get("model_type") or stated[0])
    return Architecture(name, inner=stated[0] if stated[0] != name else "")


def max_context_of(levels: Levels) -> int | None:
    """The longest context that the innermost configuration with a plausible one states."""
    for _, level in levels:
        for name in ALIASES["max_context"]:
            value = level.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12:
                return value
    return None


def name_of(levels: Levels) -> str:
    """What a model calls itself, the outermost configuration first."""
    stated = (
        level.get("_name_or_path") or level.get("model_type") for _, level in reversed(levels)
    )
    return next((str(name).rstrip("/").rpartition("/")[2] for name in stated if name), "model")


def refuse_what_stands_outside(levels: Levels, fields: Fields) -> None:
    """A field of the language model that stands around it must say there what it says inside."""
    mine = fields.used - {"model_type", "dtype", "torch_dtype", "hidden_size", *_SHARED}
    for path, level in levels[1:]:
        for name in level:
            value, own = level[name], fields.data.get(name)
            if name in mine and value is not None and not isinstance(value, dict) and value != own:
                inside = "does not say" if own is None else f"says {own!r}"
                text = f"{name} is {value!r} outside, which {levels[0][0][-1]} {inside}"
                problem = Problem(f"{text}: they contradict each other", "", (*path, name))
                fields.problems.append(problem)


def say_what_was_left(levels: Levels, fields: Fields) -> None:
    """A note of what stands around the language model and could be another one."""
    for path, level in levels[1:]:
        taken = next(name for name in levels[0][0][len(path) :])
        around = Fields(level, used={str(taken), "model_type", "dtype", "torch_dtype"})
        around.ignore("max_context")
        left = around.strangers()
        if left:
            prefix = ".".join(str(step) for step in path)
            text = ", ".join(f"{prefix}.{name}" if prefix else name for name in left)
            fields.note(f"not used, beside {'.'.join(str(s) for s in levels[0][0])}: {text}")
