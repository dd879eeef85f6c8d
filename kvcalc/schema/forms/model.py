"""A model file: what it may say. What its entries and what-ifs may say depends on their kinds."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Required, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound, Count, SourceLength
from kvcalc.figures import GLOSSARY
from kvcalc.formats import Format, Layout
from kvcalc.schema.forms.fields import (
    NOT_EMPTY,
    Context,
    Date,
    Text,
    WrittenAs,
    branches,
    schema_of,
)
from kvcalc.schema.forms.layers import Layers
from kvcalc.units import MAX_TOKENS

StatedWindow = Annotated[int, Bound(0, MAX_TOKENS)]

MANY = 10**16
"""Of parameters, and of bytes of weights."""
MOST_TOLD = 10**30
"""What is too many is told in digits up to here."""
EXACT = 15
"""Digits that a float keeps as they were written."""
_POWER = r"\d{1,17}(\.\d{1,17})?[eE]\+?\d{1,2}"


def _whole(value: object) -> object:
    """`6.6e11` as the whole number that it is; YAML takes it for text or for a float."""
    written = isinstance(value, str) and re.fullmatch(_POWER, value, re.ASCII)
    if not written and not isinstance(value, float):
        return value
    number = Decimal(str(value))
    if not number.is_finite() or abs(number) > MOST_TOLD or number % 1:
        return value
    exact = written or len(number.normalize().as_tuple().digits) <= EXACT
    return int(number) if exact else value


_SHOWN = {"type": "number", "minimum": 1, "maximum": MANY}
_BIG = core.no_info_before_validator_function(
    _whole, core.int_schema(ge=1, le=MANY), metadata={"shown": _SHOWN}
)
Big = Annotated[int, WrittenAs(_BIG)]
Weights = Annotated[dict[str, int], WrittenAs(core.dict_schema(NOT_EMPTY, _BIG, min_length=1))]


def _hub_id(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(HUB_ID, value, re.ASCII):
        return value
    raise ValueError("write a repository as org/name, such as Qwen/Qwen3-8B")


HUB_ID = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
_HUB_ID = core.no_info_plain_validator_function(
    _hub_id, metadata={"shown": {"type": "string", "pattern": f"^{HUB_ID}$"}}
)
Hub = Annotated[list[str], WrittenAs(core.list_schema(_HUB_ID, min_length=1))]

_From = TypedDict("_From", {"from": Text})


class SourceForm(_From, total=False):
    """What was really read for this file, what it says, and when."""

    says: str
    read: Date | None


class HuggingFaceForm(TypedDict, total=False):
    """The outermost `model_type` of a config.json, and the one inside where it is another."""

    model_type: Required[Text]
    inner: Text


class GGUFForm(TypedDict):
    """A GGUF's `general.architecture`."""

    gguf: Text


def _dialect(value: Any) -> str:
    if not isinstance(value, dict):
        return "word"
    return "gguf" if "gguf" in value else "huggingface"


_DIALECTS = {"huggingface": schema_of(HuggingFaceForm), "gguf": schema_of(GGUFForm)}
Architecture = Annotated[
    str | HuggingFaceForm | GGUFForm,
    WrittenAs(branches(_dialect, word=schema_of(Text), **_DIALECTS)),
]


class ModelForm(TypedDict, total=False):
    """A model's attention cache: heads, layers, dtype and the schemes its layers keep."""

    name: Required[Annotated[Text, "display name"]]
    layers: Required[Annotated[Layers, "a number, a repeating pattern, or a list"]]
    dtype: Required[Annotated[Layout, "the cache's dtype, not the weights'"]]
    attention: Required[Annotated[Any, "one entry, or several by name"]]
    vendor: Annotated[str, "who published it"]
    architecture: Annotated[Architecture | None, "which code runs it: its model_type"]
    heads: Annotated[Count | None, "query heads"]
    head_dim: Annotated[Count | None, "width of one head"]
    compare: Annotated[
        dict[str, Any] | None,
        "What-if schemes that `kvcalc compare` sets beside the model's own, by kind.",
    ]
    expect: Annotated[
        dict[str, Any] | None,
        f"what `kvcalc check` holds this file to, as mha/mla: 57x, where {GLOSSARY}",
    ]
    mtp: Annotated[Layers | None, "multi-token-prediction layers, counted with --mtp"]
    source_length: Annotated[SourceLength | None, "tokens of the encoder's output"]
    stated_window: Annotated[
        StatedWindow | None,
        "a window that its file states and the model does not apply; an engine may go by it",
    ]
    unstated: Annotated[
        list[str] | None, "fields of its file that it leaves out and that engines fill in"
    ]
    max_context: Annotated[Context | None, "native context in tokens"]
    parameters: Annotated[Big | None, "parameters in all"]
    active_parameters: Annotated[Big | None, "parameters used per token"]
    expert_parameters: Annotated[
        Big | None, "parameters of routed experts in all, shared experts not among them"
    ]
    mtp_parameters: Annotated[
        Big | None, "those among parameters that are of the multi-token-prediction layers"
    ]
    weight_bytes: Annotated[Big | None, "bytes of the published weights"]
    weights: Annotated[
        Weights | None, "parameters by the dtype they are published in; parameters is their sum"
    ]
    weight_dtype: Annotated[
        Format | None, "the dtype that the weights are published in, all but small tensors of them"
    ]
    hub: Annotated[Hub | None, "the repositories org/name of a hub that it stands for"]
    confidence: Literal["published", "reconstructed"] | None
    sources: list[SourceForm] | None
