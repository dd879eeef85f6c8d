"""A GPU file: what it may say."""

import re
from typing import Annotated, Literal, Required, TypedDict

from pydantic_core import core_schema as core

from kvcalc.schema.forms.fields import NOT_EMPTY, Text, WrittenAs
from kvcalc.schema.forms.model import SourceForm
from kvcalc.units import SIZE_UNITS, parse_memory, parse_rate

_NUMBER = r"^ *\d[\d,_]*(\.\d+)? *"
_UNITS = "|".join(SIZE_UNITS)


def _written(value: object, example: str) -> str:
    """A size as text, also where YAML takes it for a number, which has no unit."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"write it like {example}")


def _memory(value: object) -> int:
    return parse_memory(_written(value, "139.8GiB"))


def _rate(value: object) -> int:
    return parse_rate(_written(value, "4.8TB/s"))


def _capability(value: object) -> int:
    # 9.0 without quotes is a float, and 12.10 would be 12.1
    if not isinstance(value, str) or not (parts := re.fullmatch(_CAPABILITY, value)):
        raise ValueError('write a CUDA capability in quotes, such as "9.0"')
    return 10 * int(parts[1]) + int(parts[2])


_CAPABILITY = r"(\d{1,2})\.(\d)"
Memory = Annotated[
    int,
    WrittenAs(
        core.no_info_plain_validator_function(
            _memory,
            metadata={"shown": {"type": "string", "pattern": f"{_NUMBER}({_UNITS}) *$"}},
        )
    ),
]
Rate = Annotated[
    int,
    WrittenAs(
        core.no_info_plain_validator_function(
            _rate,
            metadata={"shown": {"type": "string", "pattern": f"{_NUMBER}({_UNITS})/s *$"}},
        )
    ),
]
Capability = Annotated[
    int,
    WrittenAs(
        core.no_info_plain_validator_function(
            _capability,
            metadata={"shown": {"type": "string", "pattern": f"^{_CAPABILITY}$"}},
        )
    ),
]
Names = Annotated[list[str], WrittenAs(core.list_schema(NOT_EMPTY))]


class GpuForm(TypedDict, total=False):
    """One GPU, or one device of a card that has several, as a process sees it."""

    name: Required[Annotated[Text, "display name"]]
    vendor: Required[Annotated[Text, "who makes it"]]
    memory: Required[Annotated[Memory, "in all, as its driver reports it to a process"]]
    memory_is: Annotated[
        Literal["reported", "nominal"] | None,
        "nominal where it is what the vendor calls it, as no driver's figure was read",
    ]
    bandwidth: Required[Annotated[Rate, "bytes a second between it and its memory, at most"]]
    link: Annotated[
        Rate | None,
        "bytes a second from host memory to it, one way, at most; none where it is shared",
    ]
    shared: Annotated[bool | None, "whether its memory is the host's"]
    capability: Annotated[Capability | None, "of CUDA, in quotes; none on other GPUs"]
    also: Annotated[Names | None, "what else it is called"]
    sources: list[SourceForm] | None
