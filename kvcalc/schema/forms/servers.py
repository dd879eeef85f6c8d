"""What a claim may say of a server: what it runs on, how it is laid out, its engine's settings."""

from typing import Annotated, Any, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound
from kvcalc.errors import briefly
from kvcalc.figures import parse_figure
from kvcalc.formats import Format
from kvcalc.machine import MAX_GPUS
from kvcalc.question import MAX_RANKS
from kvcalc.schema.forms.fields import Text, WrittenAs
from kvcalc.schema.forms.gpu import Memory
from kvcalc.units import SIZE_UNITS, parse_share

Ranks = Annotated[int, Bound(1, MAX_RANKS)]
Gpus = Annotated[int, Bound(1, MAX_GPUS)]
_LAYERS = core.list_schema(core.int_schema(ge=1, le=10**6), min_length=1, max_length=MAX_RANKS)
_UNITS = "|".join(SIZE_UNITS)


def _left(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"{briefly(value)} has no unit; write it as it was printed, like 53.71GiB")
    figure = parse_figure(value)
    if not figure.is_size or figure.bound:
        raise ValueError(f"{briefly(value)} is no size; write it as it was printed, like 53.71GiB")
    return figure


def _share(value: object) -> object:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return parse_share(value)
    raise ValueError("write a part of a whole, like 0.92")


def _settings(value: object) -> object:
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        for name, setting in value.items():
            if not isinstance(setting, str | int | None):
                raise ValueError(f"{name} is {briefly(setting)}; write a number, true, or a word")
        return value
    raise ValueError("write settings of the engine by their names: { max_num_seqs: 8 }")


def _read(function: Any, **shown: Any) -> WrittenAs:
    return WrittenAs(core.no_info_plain_validator_function(function, metadata={"shown": shown}))


Left = Annotated[str, _read(_left, type="string", pattern=rf"^ *\d[\d,]*(\.\d+)? *({_UNITS}) *$")]
Share = Annotated[Any, _read(_share, anyOf=[{"type": "number"}, {"type": "string"}])]
Settings = Annotated[dict[str, Any], _read(_settings, type="object")]
Stages = Annotated[list[int], WrittenAs(_LAYERS)]


class _Machine(TypedDict, total=False):
    gpu: Annotated[Text | None, "a kind of GPU: what a bundled one is called, or a YAML file"]
    gpus: Gpus | None
    memory: Annotated[Left | None, "left for the cache of each GPU, as it was printed"]
    utilization: Annotated[Share | None, "the part of a GPU that is used"]
    weights: Annotated[Memory | None, "bytes of the whole model's weights"]
    weight_dtype: Annotated[Format | None, "or the dtype that they are in"]
    activations: Annotated[Memory | None, "what a step takes of a GPU beside the cache"]
    overhead: Annotated[Memory | None, "what driver and communication take of it"]


class _Layout(TypedDict, total=False):
    tp: Ranks
    pp: Ranks
    dp: Ranks
    dcp: Ranks
    pp_layers: Annotated[Stages | None, "layers of each stage"]


class ServerFields(_Machine, _Layout, total=False):
    """What a figure of a server rests on."""

    engine: Text | None
    settings: Annotated[Settings | None, "the engine's own, by its own names"]
    draft: Annotated[Text | None, "the model that drafts beside it"]
    draft_kv_dtype: Text | None
