"""What layers keep, put together into the entries and layers of a Model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kvcalc.attention.base import Attention, Scheme
from kvcalc.errors import InvalidValue, Problem
from kvcalc.formats import Layout
from kvcalc.model import MAX_ENTRIES, Layer


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

    Raises InvalidValue where more of them differ than a file of kvcalc's own may have entries.
    """
    names: dict[Scheme, str] = {}
    stems: Counter[str] = Counter()
    schemes = dict.fromkeys(own for layer in dict.fromkeys(layers) for own in layer)
    if len(schemes) > MAX_ENTRIES:
        text = f"the layers keep {len(schemes):,} caches that differ"
        raise InvalidValue([Problem(f"{text}; at most {MAX_ENTRIES:,} are read")])
    for scheme in schemes:
        stem = _stem(scheme)
        stems[stem] += 1
        names[scheme] = stem if stems[stem] == 1 else f"{stem}_{stems[stem]}"
    order = [tuple(names[own] for own in layer) for layer in layers]
    return Assembled(tuple(order), {name: _stored(own, kv) for own, name in names.items()})


def _stem(scheme: Scheme) -> str:
    """What a cache is called, before a number tells it from others; none ends in a number."""
    words = [scheme.kind]
    if isinstance(scheme, Attention):
        marks = {"window": scheme.window, "chunk": scheme.chunk, "cross": scheme.cross}
        words += [word for word, value in marks.items() if value]
        words += ["shared"] if scheme.shared else []
    return "_".join(words)


def _stored(scheme: Scheme, kv: Layout | None) -> Scheme:
    return replace(scheme, dtype=kv) if kv is not None and isinstance(scheme, Attention) else scheme
