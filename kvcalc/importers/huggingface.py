"""A Hugging Face configuration, read into a Model: nothing is executed, nothing is guessed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kvcalc.attention.base import Shape
from kvcalc.errors import InvalidValue, Path, Problem, did_you_mean
from kvcalc.importers.assembly import Origin, assemble
from kvcalc.importers.families import FAMILIES, MARKS
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import full
from kvcalc.importers.schedules import FULL, LINEAR, same
from kvcalc.importers.storage import cache_dtype
from kvcalc.importers.vocabulary import ALIASES, WRAPPERS, is_harmless
from kvcalc.model import Architecture, Model, Source
from kvcalc.schema.layers import MAX_LAYERS

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

OFF = ("add_cross_attention", "cross_attention_hidden_size", "use_bidirectional_attention")
"""Fields that change the cache where they say yes, which most files state to say no."""
_SHARED = (*ALIASES["max_context"], "is_encoder_decoder", "is_decoder", "add_cross_attention")
"""Fields that a configuration of several parts may well state for another of them."""
ALWAYS = ("use_sliding_window", "attention_chunk_size", "sliding_window_size")
"""Fields that switch a kind of layer on, and say nothing of the order."""
UNTOLD = "untold"
"""Stands for the note on a language model of which nothing says what it is."""
SYNONYMS = {"attention": FULL, "mamba": LINEAR, "recurrent": LINEAR}
"""Older names for the kinds of layers."""
Levels = list[tuple[Path, Mapping[str, Any]]]
"""The language model's configuration and those around it, the innermost first."""


def read_config(data: Mapping[str, Any], origin: Origin) -> Model:
    """The model of a configuration.

    Raises InvalidValue with every problem it has; their paths lead from the top.
    """
    levels = _levels(data)
    where, inner = levels[0]
    family, note = _family(levels)
    fields = Fields(inner, {**_counted(family, inner), **family.defaults}, family.names, where)
    fields.ignore("model_type", "dtype", "max_context", "hidden", "mtp_layers", *family.unused)
    _refuse_an_encoder(family, fields)
    _pass_over_what_is_off(family, fields)
    if note == UNTOLD:
        text = f"{where[-1]} states no model_type, and that around it is not known"
        fields.problem(text, "model_type", "state the model_type of the language model there")
    elif note:
        fields.note(note)
    layers = _layers(family, fields)
    _refuse_strangers(family, fields)
    _refuse_strangers_by_layer(fields)
    _refuse_what_stands_outside(levels, fields)
    storage = cache_dtype(levels)
    problems = [*fields.problems, *storage.problems]
    if problems:
        raise InvalidValue(problems)
    if family.note:
        fields.note(family.note)
    parts = assemble([*layers, *_mtp(family, fields)], storage.kv)
    _say_what_was_filled_in(family, fields)
    _say_what_was_left(levels, fields)
    return Model(
        name=origin.name or _own_name(levels),
        dtype=storage.dtype,
        attention=parts.attention,
        layers=parts.layers[: len(layers)],
        mtp=parts.layers[len(layers) :],
        shape=_shape(parts.attention),
        max_context=_max_context(levels),
        weight_bytes=origin.weight_bytes,
        sources=(Source(origin.source or origin.file, _said(fields)),),
        file=origin.file,
        notes=(storage.note, *origin.notes, *fields.notes),
        architecture=_architecture(levels, family),
    )


def _counted(family: Family, inner: Mapping[str, Any]) -> dict[str, int]:
    """The number of layers where only a list, or a pattern of letters, of their kinds tells it."""
    names = (*ALIASES["layer_kinds"], family.listing)
    listed = next((inner[n] for n in names if isinstance(inner.get(n), list | str)), None)
    return {"layers": len(listed)} if listed else {}


def _refuse_an_encoder(family: Family, fields: Fields) -> None:
    if fields.flag("is_encoder_decoder") and not family.encoder:
        fields.wrong("is_encoder_decoder", f"is true, which {family.name} is not known to be")


def _pass_over_what_is_off(family: Family, fields: Fields) -> None:
    """Flags of the base class that say no, and what they switch off."""
    if fields.data.get("use_sliding_window") is False and fields.data.get("layer_types") is None:
        fields.ignore("use_sliding_window", "window", "max_window_layers")
    if family.name not in FAMILIES:
        return
    fields.ignore("is_decoder")  # what may be an encoder too reads it itself
    for name in OFF:
        if not fields.data.get(name):
            fields.ignore(name)


def _levels(data: Mapping[str, Any]) -> Levels:
    levels: Levels = [((), data)]
    while True:
        path, inner = levels[0]
        name = next((n for n in WRAPPERS if isinstance(inner.get(n), dict) and inner[n]), None)
        if name is None:
            return levels
        levels.insert(0, ((*path, name), inner[name]))


def _family(levels: Levels) -> tuple[Family, str]:
    """The family of the innermost configuration that has one, and what to say of a guess."""
    stated = [str(level["model_type"]) for _, level in levels if level.get("model_type")]
    own = levels[0][1].get("model_type")
    # what stands around a language model does not speak for a kind that is not known
    named = [str(own)] if own else stated
    known = next((FAMILIES[name] for name in named if name in FAMILIES), None)
    if known is not None:
        return known, ""
    inner = levels[0][1]
    marked = next((MARKS[name] for name in MARKS if name in inner), None)
    if marked is not None and not stated:
        return marked, f"no model_type: read as {marked.name}, by its fields"
    name = stated[0] if stated else ""
    called = f"model_type {name!r}" if name else "a configuration without model_type"
    if len(levels) > 1 and not inner.get("model_type"):
        return _stranger(name), UNTOLD
    return _stranger(name), f"{called} is not known; read as plain attention in every layer"


def _architecture(levels: Levels, family: Family) -> Architecture | None:
    """What the outermost configuration says it is, and the language model inside it."""
    stated = [str(level["model_type"]) for _, level in levels if level.get("model_type")]
    if not stated:
        return Architecture(family.name) if family.name else None
    name = str(levels[-1][1].get("model_type") or stated[0])
    return Architecture(name, inner=stated[0] if stated[0] != name else "")


def _stranger(name: str) -> Family:
    return Family((name,), {FULL: _of_a_stranger}, same())


def _of_a_stranger(f: Fields) -> tuple[Scheme, ...]:
    """Plain attention, of which a file must say how many heads keep keys and values."""
    f.count("kv_heads")
    return full()(f)


def _refuse_another_number(family: Family, fields: Fields, listed: int) -> None:
    """Lists name every layer, and may go on for the MTP layers, but no further."""
    layers, mtp = fields.count("layers"), fields.optional("mtp_layers", least=0) or 0
    if listed and not layers <= listed <= layers + mtp:
        where, name = _listing(family, fields), fields.names_of("layers")[0]
        text = f"{where} lists {listed} layers, {name} is {layers}"
        fields.problem(f"{text}: they contradict each other", where)


def _refuse_another_order(family: Family, fields: Fields, listed: Sequence[str]) -> None:
    """What the file says of the order of its layers besides must make the same list."""
    scratch = Fields(fields.data, fields.defaults, fields.names, fields.where)
    ruled = [SYNONYMS.get(kind, kind) for kind in family.schedule(scratch)]
    common = {n for name in ("layers", "window") for n in fields.names_of(name)}
    rules = [name for name in fields.data if name in scratch.used - common - set(ALWAYS)]
    said = [name for name in rules if fields.data[name] not in (None, [], False)]
    own = [SYNONYMS.get(kind, kind) for kind in listed[: len(ruled)]]
    if said and not scratch.problems and own != ruled:
        where = _listing(family, fields)
        text = f"{where} is not the order that {', '.join(said)} says"
        fields.problem(f"{text}: they contradict each other", where)


def _known(kind: str, family: Family, fields: Fields) -> str:
    """A kind of layer as the family calls it; "" where it is not known, which is told."""
    for name in (kind, SYNONYMS.get(kind, "")):
        if name in family.parts:
            return name
    hint = did_you_mean(kind, family.parts)
    text = f"{kind!r} layers are not known in {family.name or 'plain attention'}"
    fields.problem(text, _listing(family, fields), hint)
    return ""


def _layers(family: Family, fields: Fields) -> list[tuple[Scheme, ...]]:
    if fields.count("layers") > MAX_LAYERS:
        fields.wrong("layers", f"is more than {MAX_LAYERS:,}")
        return []
    listed = fields.items("layer_kinds", str, per_layer=True)
    _read_what_others_need(family, fields)
    if listed:
        _refuse_another_order(family, fields, listed)
    kinds = listed or family.schedule(fields)
    kept = []
    _refuse_another_number(family, fields, len(kinds))
    kinds = [_known(kind, family, fields) for kind in kinds[: fields.count("layers")]]
    for number, kind in enumerate(family.amend(fields, kinds)):
        if not kind:
            continue
        try:
            kept.append(family.parts[kind](fields.at(number)))
        except InvalidValue as error:
            for problem in error.problems:
                found = Problem(problem.message, problem.hint, fields.where)
                if found not in fields.problems:
                    fields.problems.append(found)
    return kept


def _read_what_others_need(family: Family, fields: Fields) -> None:
    """Mark the fields of kinds of layers that this model happens not to have as known."""
    scratch = fields.scratch()
    for reader in (family.schedule, *family.parts.values()):
        with contextlib.suppress(InvalidValue):
            reader(scratch)


def _listing(family: Family, fields: Fields) -> str:
    """The field that lists the layers, to point at."""
    names = (*ALIASES["layer_kinds"], family.listing)
    return next((name for name in names if fields.data.get(name)), "model_type")


def _refuse_strangers(family: Family, fields: Fields) -> None:
    known = family.name in FAMILIES
    for inner in (fields, *fields.groups.values()):
        for name in inner.strangers(silent=bool(fields.filled)):
            unknown = f"model_type {family.name!r} is not known" if family.name else "no model_type"
            called = f"{inner.prefix}{name}"
            text = f"{called} is not a field that kvcalc knows in {_stated_name(family, fields)}"
            if not known:
                text = f"{unknown}, and {called} could change the cache"
            near = did_you_mean(name, inner.used) if known else ""
            hint = near if near.startswith("did") else ""
            way_out = "if it leaves the cache alone, read a copy of the file without it"
            inner.problem(text, name, f"{hint} {way_out}".strip())


def _refuse_strangers_by_layer(fields: Fields) -> None:
    """`per_layer_config` is held to account too: its layers must be there, its fields known."""
    by_layer = fields.data.get("per_layer_config")
    if not isinstance(by_layer, dict) or "per_layer_config" not in fields.used:
        return
    for key, own in by_layer.items():
        if not (str(key).isdecimal() and int(key) < fields.count("layers")):
            fields.problem(
                f"per_layer_config names layer {key!r}, which is none", "per_layer_config"
            )
        for name in own if isinstance(own, dict) else ():
            if name not in fields.used and not is_harmless(name):
                text = f"per_layer_config.{key}.{name} is not a field that kvcalc knows"
                fields.problem(text, "per_layer_config")


def _mtp(family: Family, fields: Fields) -> list[tuple[Scheme, ...]]:
    count = fields.optional("mtp_layers", least=0) or 0
    if not family.mtp or count > MAX_LAYERS:
        return []
    last = fields.at(fields.count("layers") - 1)
    return [family.parts[family.mtp](last)] * count


def _shape(attention: Mapping[str, Scheme]) -> Shape | None:
    """The heads of the first attention that has its own, for layers that have none."""
    own = next((scheme.shape for scheme in attention.values() if scheme.shape), None)
    return Shape(own.heads, own.key_dim, own.key_dim) if own else None


def _max_context(levels: Levels) -> int | None:
    for _, level in levels:
        for name in ALIASES["max_context"]:
            value = level.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12:
                return value
    return None


def _own_name(levels: Levels) -> str:
    stated = (
        level.get("_name_or_path") or level.get("model_type") for _, level in reversed(levels)
    )
    return next((str(name).rstrip("/").rpartition("/")[2] for name in stated if name), "model")


def _said(fields: Fields) -> str:
    """The fields that were read, as the file states them."""
    told = {name: fields.data.get(name) for name in fields.data if name in fields.used}
    return ", ".join(
        f"{name} {value}"
        if isinstance(value, int | float | str)
        else f"{name} {len(value)} entries"
        for name, value in told.items()
        if isinstance(value, int | float | str | list | dict)
    )


def _stated_name(family: Family, fields: Fields) -> str:
    """A family by the name that the file uses."""
    stated = fields.data.get("model_type")
    return str(stated) if stated in family.types else family.name


def _say_what_was_filled_in(family: Family, fields: Fields) -> None:
    numbers = {
        name: value
        for name, value in fields.filled.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    if numbers:
        said = ", ".join(f"{name} {value:,}" for name, value in numbers.items())
        name = _stated_name(family, fields)
        fields.note(f"not in the file, filled in as the class of {name} does: {said}")


def _say_what_was_left(levels: Levels, fields: Fields) -> None:
    for path, level in levels[1:]:
        taken = next(name for name in levels[0][0][len(path) :])
        around = Fields(level, used={str(taken), "model_type", "dtype", "torch_dtype"})
        around.ignore("max_context")
        left = around.strangers()
        if left:
            prefix = ".".join(str(step) for step in path)
            text = ", ".join(f"{prefix}.{name}" if prefix else name for name in left)
            fields.note(f"not used, beside {'.'.join(str(s) for s in levels[0][0])}: {text}")


def _refuse_what_stands_outside(levels: Levels, fields: Fields) -> None:
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
