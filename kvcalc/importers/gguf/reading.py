"""A GGUF header, read into a Model: what llama.cpp would load, as the ideal keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import InvalidValue, Problem
from kvcalc.formats import parse_layout
from kvcalc.importers.assembly import Origin, assemble
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED, STRANGER
from kvcalc.importers.gguf.header import CONVERT
from kvcalc.importers.gguf.keys import KEYS, PER_LAYER, ZERO_SAYS
from kvcalc.importers.gguf.limits import KEY_SHOWN, cut
from kvcalc.importers.gguf.oddities import refuse_odd_values
from kvcalc.importers.gguf.parts import first_heads
from kvcalc.importers.gguf.schedules import layers_of, trunk
from kvcalc.importers.gguf.strangers import hold_to_account, refuse_what_is_read
from kvcalc.importers.gguf.weights import Weights
from kvcalc.importers.ignoring import stated, told
from kvcalc.importers.storage import INDEX_DTYPE
from kvcalc.model import MAX_LAYERS, Architecture, Model, Source

DTYPE = "fp16"
DTYPE_NOTE = (
    "cache in fp16: llama.cpp's default, as a GGUF file names none; --kv-dtype says otherwise"
)

MTP_ALONE = (
    "the file holds the layers of multi-token prediction alone: their caches, beside the model's"
)
"""The note of a file that convert_hf_to_gguf.py --mtp wrote: its keys are the whole model's."""

NOT_MODELS = {
    "adapter": "a LoRA adapter, which has no KV cache of its own",
    "imatrix": "an importance matrix, not a model",
    "mmproj": "the projector of a multimodal model (mmproj), which keeps no KV cache",
}
"""Values of `general.type` other than "model"."""

NAME = re.compile(r"[\w.+-]{1,64}", re.ASCII)
"""An architecture's name; the specification has lower-case letters and digits alone."""

THE_MODEL = "give the file of the language model itself"
Layers = list[tuple["Scheme", ...]]


def read_model(values: Mapping[str, Any], weights: Weights, origin: Origin) -> Model:
    """The model that a header's values describe.

    Raises InvalidValue with every problem it has.
    """
    name = _architecture(values)
    row = ARCHITECTURES.get(name, STRANGER)
    ignored = tuple(key for key in origin.ignored if key in values)
    fields = _fields(name, row, {k: v for k, v in values.items() if k not in ignored})
    _check_layers(fields)
    layers = [] if fields.problems else _layers(name, row, fields)
    # where there are no layers nobody has read their keys, and yet these are known
    fields.spare(*(() if layers else KEYS))
    fields.spare("max_context", "hidden", "mtp_layers", "causal", *row.unused)
    hold_to_account(name, fields)
    context = fields.optional("max_context", least=0)
    shape = _shape(fields)
    _say_what_is_odd(name, row, fields)
    refuse_odd_values(fields)
    refuse_what_is_read(name, fields, ignored)
    if fields.problems:
        raise InvalidValue([_with_way_out(problem) for problem in fields.problems])
    if origin.weight_bytes is not None:
        weights = replace(weights, bytes=origin.weight_bytes, notes=())
    own = len(layers) - (0 if row is STRANGER else fields.optional("mtp_layers", least=0) or 0)
    if own < len(layers) and (weights.first_block or 0) >= own:
        fields.note(MTP_ALONE)
        layers = layers[own:]
        own = len(layers)
    assembled, said = assemble(layers), f"general.architecture {name}"
    return Model(
        name=origin.name or _own_name(values, name),
        dtype=parse_layout(DTYPE),
        attention=assembled.attention,
        layers=assembled.layers[:own],
        mtp=assembled.layers[own:],
        shape=shape,
        max_context=context or None,
        weight_bytes=weights.bytes,
        sources=(Source(origin.source or origin.file, ", ".join((said, *told(ignored)))),),
        file=origin.file,
        notes=(DTYPE_NOTE, *origin.notes, *weights.notes, *fields.notes, *told(ignored)),
        unstated=_unstated(fields),
        outdated={"kv_dtype": DTYPE_NOTE, "index_dtype": INDEX_DTYPE},
        architecture=Architecture(name, "gguf"),
        ignored=ignored,
        stated=stated(origin.ignored, ignored, iter(values)),
    )


def _architecture(values: Mapping[str, Any]) -> str:
    """The architecture's name. Raises InvalidValue where a file of it is not read."""
    kind = values.get("general.type", "model")
    if kind != "model":
        said = f"{cut(repr(kind))} as its general.type says, not a model"
        what = NOT_MODELS.get(kind, said) if isinstance(kind, str) else said
        raise _refusal(f"the file holds {what}", "general.type")
    name = values.get("general.architecture")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        due = "a name such as llama" if isinstance(name, str) else "a text"
        text = f"general.architecture is {cut(repr(name))}; it must be {due}"
        text = "general.architecture is missing" if name is None else text
        hint = "give the first part of the split model" if "split.count" in values else CONVERT
        raise _refusal(text, "general.architecture", hint)
    if name in REFUSED:
        raise _refusal(f"architecture {name} {REFUSED[name]}", "general.architecture")
    return name


def _refusal(text: str, key: str, hint: str = THE_MODEL) -> InvalidValue:
    return InvalidValue([Problem(text, hint, (key,))])


def _fields(name: str, row: Family, values: Mapping[str, Any]) -> Fields:
    prefix = f"{name}."
    absent = {prefix + key for short, key in KEYS.items() if short not in ZERO_SAYS}
    own = {key: value for key, value in values.items() if key.startswith(prefix)}
    return Fields(
        data={k: v for k, v in own.items() if type(v) is not int or v or k not in absent},
        defaults=row.defaults,
        names={short: (prefix + key,) for short, key in KEYS.items()},
    )


def _check_layers(f: Fields) -> None:
    """How many layers there are, and whether the arrays have an item for each."""
    layers_of(f, "layers")
    layers, own = f.count("layers"), trunk(f)
    if not own:
        f.wrong("mtp_layers", f"leaves none of {layers:,} layers to the model")
    for name in PER_LAYER:
        value = f.data.get(f.names_of(name)[0])
        if isinstance(value, list) and len(value) not in (layers, own):
            text = f"has {len(value):,} items for {layers:,} layers"
            f.wrong(name, f"{text}: they contradict each other")


def _layers(name: str, row: Family, f: Fields) -> Layers:
    """What each layer keeps; layers of which the file says the same are read once."""
    given = [f.data.get(names[0]) for names in f.names.values()]
    arrays = [value for value in given if isinstance(value, list)]
    known: dict[tuple[str, ...], tuple[Scheme, ...]] = {}
    kept: Layers = []
    for number, kind in enumerate(_kinds(row, f)):
        part = row.parts.get(kind)
        if part is None:
            f.problem(f"{kind!r} layers are not known in {name}", f.names_of("layers")[0])
            continue
        layer = number % f.count("layers")
        alike = (kind, *(repr(own[layer]) if layer < len(own) else "" for own in arrays))
        if alike not in known:
            with f.collecting():
                known[alike] = part(f.at(layer))
        if alike in known:
            kept.append(known[alike])
    return kept


def _kinds(row: Family, f: Fields) -> Sequence[str]:
    """The kinds of all layers; none where a family's own rule makes too many of them."""
    kinds = row.schedule(f)
    if len(kinds) > MAX_LAYERS:
        f.wrong("layers", f"makes {len(kinds):,} layers, more than {MAX_LAYERS:,}")
        return []
    if kinds and len(kinds) != f.count("layers") and trunk(f) != f.count("layers"):
        f.wrong("mtp_layers", "counts layers of prediction among others that are not alike")
    return kinds


def _unstated(f: Fields) -> tuple[str, ...]:
    """Keys of latents that a file lacks and that decide how llama.cpp keeps them."""
    if f.names_of("kv_lora_rank")[0] not in f.read:
        return ()
    return tuple(KEYS[name] for name in ("key_dim_mla", "value_dim") if not f.has(name))


def _say_what_is_odd(name: str, row: Family, f: Fields) -> None:
    if row is STRANGER:
        f.note(f"architecture {name!r} is not known; read as plain attention in every layer")
    if not f.flag("causal", default=True):
        f.note("attention is not causal: counted as if the model decoded token by token")
    if f.filled:
        said = ", ".join(f"{key} {value:,}" for key, value in f.filled.items())
        f.note(f"not in the file, filled in as llama.cpp does: {said}")
    if row.note:
        f.note(row.note)


def _with_way_out(problem: Problem) -> Problem:
    """A key cannot be set in a GGUF file by hand: whoever converts the model writes it."""
    hint = CONVERT if not problem.hint or problem.hint.startswith("set ") else problem.hint
    return replace(problem, advice=hint)


def _shape(f: Fields) -> Shape | None:
    """The heads of the first layer that has some, for layers that have none."""
    heads, hidden = first_heads(f), f.get("hidden")
    if heads is None:
        return None
    usual = hidden // heads if isinstance(hidden, int) and hidden % heads == 0 else None
    widths = (f.get("key_dim_mla"), f.get("key_dim"), usual)
    width = next((width for width in widths if type(width) is int and width > 0), None)
    return None if width is None else Shape(heads, width, width)


def _own_name(values: Mapping[str, Any], architecture: str) -> str:
    own = (values.get("general.name"), values.get("general.basename"))
    name = next((name for name in own if isinstance(name, str) and name), architecture)
    return cut(name, KEY_SHOWN)
