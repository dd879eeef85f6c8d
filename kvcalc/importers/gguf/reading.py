"""A GGUF header, read into a Model: what llama.cpp would load, as the ideal keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kvcalc.attention.base import Scheme, Shape
from kvcalc.errors import InvalidValue, Problem
from kvcalc.formats import parse_layout
from kvcalc.importers.assembly import Origin, assemble
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED, STRANGER
from kvcalc.importers.gguf.header import CONVERT, Header
from kvcalc.importers.gguf.keys import KEYS, PER_LAYER, ZERO_SAYS
from kvcalc.importers.gguf.parts import first_heads
from kvcalc.importers.gguf.schedules import layers_of, trunk
from kvcalc.importers.gguf.strangers import hold_to_account, refuse_what_is_read
from kvcalc.importers.ignoring import stated, told
from kvcalc.importers.storage import INDEX_DTYPE
from kvcalc.model import Architecture, Model, Source

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

THE_MODEL = "give the file of the language model itself"
Layers = list[tuple["Scheme", ...]]


def read_model(header: Header, origin: Origin) -> Model:
    """The model that a header describes. Raises InvalidValue with every problem it has."""
    name = _architecture(header.values)
    row = ARCHITECTURES.get(name, STRANGER)
    ignored = tuple(key for key in origin.ignored if key in header.values)
    fields = _fields(name, row, {k: v for k, v in header.values.items() if k not in ignored})
    _check_layers(fields)
    layers = [] if fields.problems else _layers(name, row, fields)
    # where there are no layers nobody has read their keys, and yet these are known
    fields.spare(*(() if layers else KEYS))
    fields.spare("max_context", "hidden", "mtp_layers", "causal", *row.unused)
    hold_to_account(name, fields)
    context = fields.optional("max_context", least=0)
    shape = _shape(fields)
    _say_what_is_odd(name, row, fields)
    refuse_what_is_read(name, fields, ignored)
    if fields.problems:
        raise InvalidValue([_with_way_out(problem) for problem in fields.problems])
    weights, about_weights = _weights(header, origin)
    own = len(layers) - (0 if row is STRANGER else fields.optional("mtp_layers", least=0) or 0)
    if own < len(layers) and (header.first_block or 0) >= own:
        fields.note(MTP_ALONE)
        layers = layers[own:]
        own = len(layers)
    assembled, said = assemble(layers), f"general.architecture {name}"
    return Model(
        name=origin.name or _own_name(header.values, name),
        dtype=parse_layout(DTYPE),
        attention=assembled.attention,
        layers=assembled.layers[:own],
        mtp=assembled.layers[own:],
        shape=shape,
        max_context=context or None,
        weight_bytes=weights,
        sources=(Source(origin.source or origin.file, ", ".join((said, *told(ignored)))),),
        file=origin.file,
        notes=(DTYPE_NOTE, *origin.notes, *about_weights, *fields.notes, *told(ignored)),
        outdated={"kv_dtype": DTYPE_NOTE, "index_dtype": INDEX_DTYPE},
        architecture=Architecture(name, "gguf"),
        ignored=ignored,
        stated=stated(origin.ignored, ignored, iter(header.values)),
    )


def _architecture(values: dict[str, Any]) -> str:
    """The architecture's name. Raises InvalidValue where a file of it is not read."""
    kind = values.get("general.type", "model")
    if kind != "model":
        what = NOT_MODELS.get(str(kind), f"{kind!r} as its general.type says, not a model")
        raise _refusal(f"the file holds {what}", "general.type")
    name = values.get("general.architecture")
    if not isinstance(name, str) or not name:
        text = f"general.architecture is {name!r}; it must be a text"
        text = "general.architecture is missing" if name is None else text
        hint = "give the first part of the split model" if "split.count" in values else CONVERT
        raise _refusal(text, "general.architecture", hint)
    if name in REFUSED:
        raise _refusal(f"architecture {name} {REFUSED[name]}", "general.architecture")
    return name


def _refusal(text: str, key: str, hint: str = THE_MODEL) -> InvalidValue:
    return InvalidValue([Problem(text, hint, (key,))])


def _fields(name: str, row: Family, values: dict[str, Any]) -> Fields:
    prefix = f"{name}."
    absent = {prefix + key for short, key in KEYS.items() if short not in ZERO_SAYS}
    return Fields(
        data={
            key: value
            for key, value in values.items()
            if key.startswith(prefix) and (value or key not in absent)
        },
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
    kept: Layers = []
    for number, kind in enumerate(row.schedule(f)):
        part = row.parts.get(kind)
        if part is None:
            f.problem(f"{kind!r} layers are not known in {name}", f.names_of("layers")[0])
            continue
        with f.collecting():
            kept.append(part(f.at(number % f.count("layers"))))
    return kept


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


def _weights(header: Header, origin: Origin) -> tuple[int | None, list[str]]:
    """The bytes of the weights, and what to say where the file alone does not tell them."""
    if origin.weight_bytes is not None:
        return origin.weight_bytes, []
    parts = header.values.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        return None, [f"one file of {parts}: the weights' bytes are not known from it alone"]
    if header.tensor_bytes is None:
        kind = header.unknown_type
        return None, [f"weights of type {kind}, which the gguf package does not know: not counted"]
    if not header.complete:
        return header.tensor_bytes, ["the file ends before its weights do; its header is whole"]
    return header.tensor_bytes or None, []


def _shape(f: Fields) -> Shape | None:
    """The heads of the first layer that has some, for layers that have none."""
    heads, hidden = first_heads(f), f.get("hidden")
    if heads is None:
        return None
    usual = hidden // heads if isinstance(hidden, int) and hidden % heads == 0 else None
    widths = (f.get("key_dim_mla"), f.get("key_dim"), usual)
    width = next((width for width in widths if isinstance(width, int)), None)
    return None if width is None else Shape(heads, width, width)


def _own_name(values: dict[str, Any], architecture: str) -> str:
    stated = (values.get("general.name"), values.get("general.basename"))
    return next((name for name in stated if isinstance(name, str) and name), architecture)
