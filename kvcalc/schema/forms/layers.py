"""The order of layers as a file gives it: a number, a pattern that repeats, or a list."""

from typing import Annotated, Any, Required, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound
from kvcalc.model import MAX_LAYERS
from kvcalc.schema.forms.fields import NOT_EMPTY, WrittenAs, branches, schema_of

NO_CACHE = "none"
"""What stands in the place of an entry's name for a layer that keeps nothing."""

Items = Annotated[
    list[str], WrittenAs(core.list_schema(NOT_EMPTY, min_length=1, max_length=MAX_LAYERS))
]
LayerCount = Annotated[int, Bound(1, MAX_LAYERS)]


class OrderForm(TypedDict, total=False):
    """`pattern` repeats and is cut at `count`, `list` adds up to it; items: name, name*5, a+b."""

    count: Required[LayerCount]
    pattern: Items | None
    list: Items | None


def _form(value: Any) -> str | None:
    if isinstance(value, dict):
        return "order"
    return "count" if isinstance(value, int) and not isinstance(value, bool) else None


Layers = Annotated[
    int | OrderForm,
    WrittenAs(branches(_form, count=schema_of(LayerCount), order=schema_of(OrderForm))),
]
