"""A Hugging Face configuration, read into a Model: nothing is executed, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import InvalidValue, did_you_mean
from kvcalc.importers import drafts
from kvcalc.importers import levels as nested
from kvcalc.importers.assembly import Origin, assemble
from kvcalc.importers.families import FAMILIES
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.harmless import is_harmless
from kvcalc.importers.layers import layers_of
from kvcalc.importers.storage import cache_dtype
from kvcalc.model import Model, Source

OFF = ("add_cross_attention", "cross_attention_hidden_size", "use_bidirectional_attention")
"""Fields that change the cache where they say yes, which most files state to say no."""


def read_config(data: Mapping[str, Any], origin: Origin) -> Model:
    """The model of a configuration.

    Raises InvalidValue with every problem it has; their paths lead from the top.
    """
    levels = nested.levels_of(data)
    family = nested.family_of(levels)
    fields = _fields(levels, family)
    nested.say_how_it_is_known(levels, family, fields)
    family, fields = drafts.settled(family, fields, levels)
    layers = layers_of(family, fields)
    _refuse_strangers(family, fields)
    _refuse_strangers_by_layer(fields)
    nested.refuse_what_stands_outside(levels, fields)
    storage = cache_dtype(levels)
    if problems := [*fields.problems, *storage.problems]:
        raise InvalidValue(problems)
    if family.note:
        fields.note(family.note)
    layers, mtp = drafts.own_layers(levels, family, fields, layers)
    parts = assemble([*layers, *mtp], storage.kv)
    _say_what_was_filled_in(family, fields)
    nested.say_what_was_left(levels, fields)
    return Model(
        name=origin.name or nested.name_of(levels),
        dtype=storage.dtype,
        attention=parts.attention,
        layers=parts.layers[: len(layers)],
        mtp=parts.layers[len(layers) :],
        shape=_shape(parts.attention),
        max_context=nested.max_context_of(levels),
        weight_bytes=origin.weight_bytes,
        sources=(Source(origin.source or origin.file, _said(fields)),),
        file=origin.file,
        notes=(storage.note, *origin.notes, *fields.notes),
        architecture=nested.architecture_of(levels, family),
    )


def _fields(levels: nested.Levels, family: Family) -> Fields:
    """The language model's fields; those that are read elsewhere or switched off count as read."""
    where, inner = levels[0]
    # a list, or a pattern of letters, may be all that tells how many layers there are
    listed = next((inner[n] for n in family.listings if isinstance(inner.get(n), list | str)), ())
    counted = {"layers": len(listed)} if listed else {}
    fields = Fields(inner, {**counted, **family.defaults}, family.names, where)
    fields.ignore("model_type", "dtype", "max_context", "hidden", "mtp_layers", *family.unused)
    if fields.flag("is_encoder_decoder") and not family.encoder:
        fields.wrong("is_encoder_decoder", f"is true, which {family.name} is not known to be")
    if inner.get("use_sliding_window") is False and inner.get("layer_types") is None:
        fields.ignore("use_sliding_window", "window", "max_window_layers")
    if family.name in FAMILIES:
        # what may be an encoder too reads is_decoder itself
        fields.ignore("is_decoder", *(name for name in OFF if not inner.get(name)))
    return fields


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
            text = f"per_layer_config names layer {key!r}, which is none"
            fields.problem(text, "per_layer_config")
        for name in own if isinstance(own, dict) else ():
            if name not in fields.used and not is_harmless(name):
                text = f"per_layer_config.{key}.{name} is not a field that kvcalc knows"
                fields.problem(text, "per_layer_config")


def _shape(attention: Mapping[str, Scheme]) -> Shape | None:
    """The heads of the first attention that has its own, for layers that have none."""
    own = next((scheme.shape for scheme in attention.values() if scheme.shape), None)
    return Shape(own.heads, own.key_dim, own.key_dim) if own else None


def _said(fields: Fields) -> str:
    """The fields that were read, as the file states them."""
    told = {name: value for name, value in fields.data.items() if name in fields.used}
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
