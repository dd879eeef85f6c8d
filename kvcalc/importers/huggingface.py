"""A Hugging Face configuration, read into a Model: nothing is executed, nothing is guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import InvalidValue
from kvcalc.importers import drafts
from kvcalc.importers import levels as nested
from kvcalc.importers.assembly import Origin, assemble
from kvcalc.importers.experts import expert_parameters
from kvcalc.importers.fields import Fields
from kvcalc.importers.harmless import OFF
from kvcalc.importers.identity import (
    Identity,
    architecture_of,
    identity_of,
    say_how_it_is_known,
)
from kvcalc.importers.ignoring import names_of, refuse_what_is_read, stated, told, without
from kvcalc.importers.layers import layers_of, stated_window_of, unstated_of
from kvcalc.importers.limits import refuse_endless
from kvcalc.importers.storage import INDEX_DTYPE, cache_dtype, weight_dtype
from kvcalc.importers.strangers import pass_over, refuse
from kvcalc.importers.values import short
from kvcalc.model import Model, Source

MOST = 500
"""Letters of a text that are told of what was read."""


def read_config(data: Mapping[str, Any], origin: Origin) -> Model:
    """The model of a configuration.

    Raises InvalidValue with every problem it has; their paths lead from the top.
    """
    whole, names = nested.levels_of(data), names_of(data)
    data, ignored = without(data, origin.ignored)
    refuse_endless(data)
    levels = nested.levels_of(data)
    if wrong := nested.wrongly_typed(levels):
        raise InvalidValue(wrong)  # nobody knows what they would be read as
    nested.refuse_a_list_of_classes(levels)
    identity = identity_of(levels)
    family = identity.family
    fields = _fields(levels, identity)
    say_how_it_is_known(levels, identity, fields)
    family, fields = drafts.settled(family, fields, levels)
    layers = layers_of(family, fields)
    stated_window = stated_window_of(fields)
    if identity.known:
        pass_over(fields, identity.called)
    else:
        refuse(fields, identity.what_is_unknown)
    nested.refuse_what_stands_outside(levels, fields)
    storage = cache_dtype(levels, origin.quantized)
    too_much = refuse_what_is_read(whole, fields, ignored)
    if problems := [*fields.problems, *storage.problems, *too_much]:
        raise InvalidValue(problems)
    if family.note:
        fields.note(family.note)
    layers, mtp = drafts.own_layers(levels, family, fields, layers)
    parts = assemble([*layers, *mtp], storage.kv)
    _say_what_was_filled_in(identity, fields)
    nested.say_what_was_left(levels, fields)
    max_context = nested.max_context_of(levels, fields)
    # a draft head is dense, whatever the family of its layers is
    kind = identity.called if identity.known and family is identity.family else ""
    return Model(
        name=origin.name or nested.name_of(levels),
        dtype=storage.dtype,
        attention=parts.attention,
        layers=parts.layers[: len(layers)],
        mtp=parts.layers[len(layers) :],
        shape=_shape(parts.attention),
        stated_window=stated_window,
        unstated=unstated_of(family, fields),
        max_context=max_context,
        expert_parameters=expert_parameters(kind, levels[0][1], len(layers), len(mtp)),
        weight_bytes=origin.weight_bytes,
        weight_dtype=weight_dtype(levels, origin.quantized),
        sources=(Source(origin.source or origin.file, _said(fields, ignored)),),
        file=origin.file,
        notes=(storage.note, *origin.notes, *fields.notes, *told(ignored)),
        outdated={"kv_dtype": storage.note, "index_dtype": INDEX_DTYPE},
        architecture=architecture_of(levels, identity),
        ignored=tuple(ignored),
        stated=stated(origin.ignored, ignored, names),
    )


def _fields(levels: nested.Levels, identity: Identity) -> Fields:
    """The language model's fields; those that are read elsewhere or switched off count as read."""
    where, inner = levels[0]
    family = identity.family
    # a list, or a pattern of letters, may be all that tells how many layers there are
    listed = next((inner[n] for n in family.listings if isinstance(inner.get(n), list | str)), ())
    counted = {"layers": len(listed)} if listed else {}
    fields = Fields(inner, {**counted, **family.defaults}, family.names, where)
    fields.spare("model_type", "dtype", "max_context", "hidden", "mtp_layers", *family.unused)
    if fields.flag("is_encoder_decoder") and not family.encoder:
        fields.wrong("is_encoder_decoder", f"is true, which {family.name} is not known to be")
    if identity.by != "nothing":
        fields.spare("is_decoder")  # what may be an encoder too reads it itself
    off = (*OFF, "use_bidirectional_attention")
    fields.spare(*(name for name in off if not inner.get(name)))
    return fields


def _shape(attention: Mapping[str, Scheme]) -> Shape | None:
    """The heads of the first attention that has its own, for layers that have none."""
    own = next((scheme.shape for scheme in attention.values() if scheme.shape), None)
    return Shape(own.heads, own.key_dim, own.key_dim) if own else None


def _said(fields: Fields, ignored: Collection[str]) -> str:
    """The fields that were read, as the file states them, and those that were not on purpose."""
    said = [
        f"{name} {_told(value)}"
        if isinstance(value, int | float | str)
        else f"{name} {len(value)} entries"
        for name, value in fields.data.items()
        if name in fields.used and isinstance(value, int | float | str | list | dict)
    ]
    return ", ".join((*said, *told(ignored)))


def _told(value: float | str) -> str:
    """A number or a text, which may be a letter per layer."""
    return value if isinstance(value, str) and len(value) <= MOST else short(value)


def _say_what_was_filled_in(identity: Identity, fields: Fields) -> None:
    numbers = {
        name: value
        for name, value in fields.filled.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    if numbers:
        said = ", ".join(f"{name} {value:,}" for name, value in numbers.items())
        fields.note(f"not in the file, filled in as the class of {identity.called} does: {said}")
