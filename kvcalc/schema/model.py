"""A model file: what it may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, create_model

from kvcalc.attention.base import MAX_COUNT
from kvcalc.errors import Path
from kvcalc.model import ENGINES
from kvcalc.schema.entries import (
    ENTRIES,
    WHAT_IFS,
    Entry,
    EntryFile,
)
from kvcalc.schema.fields import Context, Date, StoredAs, Strict, Text, tag
from kvcalc.schema.layers import LayerCount, LayersFile
from kvcalc.schema.problems import is_tag
from kvcalc.schema.tensors import ReadsFile, StrideFile, TensorFile
from kvcalc.units import MAX_TOKENS

if TYPE_CHECKING:
    pass


def _entries_tag(value: Any) -> str | None:
    if isinstance(value, EntryFile):
        return tag("one")
    if isinstance(value, dict):
        return tag("several" if all_mappings(value) else "one")
    return None


def all_mappings(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(entry, dict) for entry in value.values())


def _layers_tag(value: Any) -> str | None:
    if isinstance(value, dict | LayersFile):
        return tag("order")
    return tag("count") if isinstance(value, int) and not isinstance(value, bool) else None


Attention = Annotated[
    Annotated[Entry, Tag(tag("one"))] | Annotated[dict[Text, Entry], Tag(tag("several"))],
    Discriminator(_entries_tag),
]
Layers = Annotated[
    Annotated[LayerCount, Tag(tag("count"))] | Annotated[LayersFile, Tag(tag("order"))],
    Discriminator(_layers_tag),
]
Big = Annotated[int, Field(ge=1, le=10**16)]
SourceTokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
Width = Annotated[int, Field(ge=1, le=MAX_COUNT)]

if TYPE_CHECKING:
    WhatIfsFile = Strict
else:
    WhatIfsFile = create_model(
        "WhatIfsFile",
        __base__=Strict,
        __doc__="What-if schemes that `kvcalc compare` sets beside the model's own, by kind.",
        **{kind: (model | None, None) for kind, model in WHAT_IFS.items()},
    )


if TYPE_CHECKING:
    EnginesFile = Strict
else:
    EnginesFile = create_model(
        "EnginesFile",
        __base__=Strict,
        __doc__="What engines are known to keep in the place of attention entries, by name.",
        **dict.fromkeys(ENGINES, (dict[Text, Entry] | None, None)),
    )


class SourceFile(Strict):
    """What was really read for this file, what it says, and when."""

    origin: Annotated[Text, Field(alias="from")]
    says: str = ""
    read: Date | None = None


class ModelFile(Strict):
    """A model's attention cache: heads, layers, dtype and the schemes its layers keep."""

    name: Annotated[Text, Field(description="display name")]
    vendor: Annotated[str, Field(description="who published it")] = ""
    heads: Annotated[Width | None, Field(description="query heads")] = None
    head_dim: Annotated[Width | None, Field(description="width of one head")] = None
    layers: Annotated[Layers, Field(description="a number, a repeating pattern, or a list")]
    dtype: Annotated[StoredAs, Field(description="the cache's dtype, not the weights'")]
    attention: Annotated[Attention, Field(description="one entry, or several by name")]
    compare: WhatIfsFile | None = None
    expect: Annotated[
        dict[str, Any] | None,
        Field(description="what `kvcalc check` holds this file to, as mha/mla: 57x"),
    ] = None
    mtp: Annotated[
        Layers | None, Field(description="multi-token-prediction layers, counted with --mtp")
    ] = None
    engines: Annotated[
        EnginesFile | None,
        Field(description="what an engine keeps instead, by engine and attention entry"),
    ] = None
    source_length: Annotated[
        SourceTokens | None, Field(description="tokens of the encoder's output")
    ] = None
    max_context: Annotated[Context | None, Field(description="native context in tokens")] = None
    parameters: Annotated[Big | None, Field(description="parameters in all")] = None
    active_parameters: Annotated[Big | None, Field(description="parameters used per token")] = None
    weight_bytes: Annotated[Big | None, Field(description="bytes of the published weights")] = None
    confidence: Literal["published", "reconstructed"] | None = None
    sources: list[SourceFile] | None = None


def fields_at(path: Path) -> list[str]:
    """The fields that a mapping at this place may have."""
    owner: type[Strict]
    match [step for step in path if step != tag("mapping")]:
        case []:
            owner = ModelFile
        case ["layers" | "mtp", *_]:
            owner = LayersFile
        case ["sources", *_]:
            owner = SourceFile
        case [*_, "every"]:
            owner = StrideFile
        case [*_, "reads"]:
            owner = ReadsFile
        case [*_, "tensors", _]:
            owner = TensorFile
        case ["compare", str(kind)]:
            owner = WHAT_IFS[kind]
        case ["compare"]:
            owner = WhatIfsFile
        case ["engines"]:
            owner = EnginesFile
        case [*_, str(kind)] if is_tag(kind):
            owner = ENTRIES[kind[1:-1]]
    return [field.alias or name for name, field in owner.model_fields.items()]
