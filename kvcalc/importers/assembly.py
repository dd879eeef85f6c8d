"""What layers keep, put together into the entries and layers of a Model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kvcalc.attention.base import Attention, Scheme
from kvcalc.formats import Layout
from kvcalc.model import Layer


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    file       what the question called it
    name       what to call the model
    source     what was read, to the commit, where that says more than `file`
    notes      what a reader of the numbers should know of it
    quantized  what a file beside it says of its quantization
    ignored    fields that are not to be read, nor held against the file
    """

    file: str
    name: str = ""
    weight_bytes: int | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    quantized: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Assembled:
    """A model's layers by the names of their entries, as Model has them."""

    layers: tuple[Layer, ...]
    attention: dict[str, Scheme]


def assemble(layers: Sequence[tuple[Scheme, ...]], kv: Layout | None = None) -> Assembled:
    """Name what the layers keep; like caches have one name.

    kv  how keys, values and latents are stored, where that is not the model's dtype
    """
    names: dict[Scheme, str] = {}
    order = [tuple(names.get(own) or _name(own, names) for own in layer) for layer in layers]
    return Assembled(tuple(order), {name: _stored(own, kv) for own, name in names.items()})


def _name(scheme: Scheme, names: dict[Scheme, str]) -> str:
    words = [scheme.kind]
    if isinstance(scheme, Attention):
        marks = {"window": scheme.window, "chunk": scheme.chunk, "cross": scheme.cross}
        words += [word for word, value in marks.items() if value]
        words += ["shared"] if scheme.shared else []
    stem = "_".join(words)
    taken = set(names.values())
    numbers = range(2, len(names) + 2)
    name = next(n for n in (stem, *(f"{stem}_{n}" for n in numbers)) if n not in taken)
    names[scheme] = name
    return name


def _stored(scheme: Scheme, kv: Layout | None) -> Scheme:
    return replace(scheme, dtype=kv) if kv is not None and isinstance(scheme, Attention) else scheme
