"""Schemes, formats and tensors as the fields that a file would give for them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvcalc import extents
from kvcalc.attention.base import Attention, Scheme, Shape
from kvcalc.cache import STATE_ROLES, CacheTensor
from kvcalc.errors import UsageError
from kvcalc.formats import Format, Layout, parse_format, parse_own_layout

_ATTENTION = {field.name for field in dataclasses.fields(Attention)}


@dataclass(frozen=True)
class Top:
    """What a file says once for all its entries."""

    dtype: Layout
    fields: Mapping[str, int | None]
    """The geometry: heads, head_dim and source_length."""


def common(name: str, schemes: Sequence[Scheme]) -> int | None:
    """The value that all schemes with such a field have in it; None: they differ, or have none."""
    values = {getattr(scheme, name) for scheme in schemes if name in scheme.names()}
    return values.pop() if len(values) == 1 else None


def portrait(scheme: Scheme, top: Top) -> dict[str, Any]:
    """The entry of a scheme: its kind, and the fields that are neither the file's nor defaults.

    Raises UsageError for a format that has no name.
    """
    scheme = scheme.unscaled(_parts)
    _refuse_to_inherit(scheme, top)
    told: dict[str, Any] = {"dtype": top.dtype, **top.fields}
    width = top.fields["head_dim"]
    fields = sorted(dataclasses.fields(scheme), key=_place)
    values = {field.name: getattr(scheme, field.name) for field in fields}
    if width and "head_dim" in values and values["head_dim"] is None:
        # it takes the file's head_dim over, which then speaks for the widths that are the same
        told |= scheme.widths(Shape(0, width, width))
    given = {}
    for field in fields:
        value = values[field.name]
        if value is not None and value != told.get(field.name, field.default):
            given[field.name] = written(value)
    return {"kind": scheme.kind, **given}


def _refuse_to_inherit(scheme: Scheme, top: Top) -> None:
    """Raises UsageError where what a reader would fill in changes what a what-if takes over."""
    names = [name for name in ("heads", "head_dim") if name in scheme.names()]
    changes: dict[str, Any] = {
        name: top.fields[name]
        for name in names
        if getattr(scheme, name) is None and top.fields[name]
    }
    heads, width = top.fields["heads"], top.fields["head_dim"]
    both = Shape(heads, width, width) if heads and width else None
    if changes and dataclasses.replace(scheme, **changes).shape != (scheme.shape or both):
        text = f"a {scheme.kind} entry without {' and '.join(changes)} of its own cannot be written"
        raise UsageError(f"{text} in a model that has some")


def _place(field: dataclasses.Field[Any]) -> tuple[int, str]:
    """Where a person would look for it: heads, what the kind needs, what it may have, limits."""
    if field.name in ("heads", "head_dim"):
        return 0, "" if field.name == "heads" else field.name
    if field.name == "dtype":
        return 4, ""
    if field.default is dataclasses.MISSING:
        return 1, ""
    return (3, "") if field.name in _ATTENTION else (2, field.name)


def written(value: Any) -> Any:
    """A field's value as plain data. Raises UsageError for a format or layout without a name."""
    if isinstance(value, Format):
        return _name(value, parse_format)
    if isinstance(value, Layout):
        return _name(value, parse_own_layout)
    if isinstance(value, CacheTensor):
        return tensor(value)
    if isinstance(value, Mapping):
        return {key: written(inner) for key, inner in value.items()}
    return [written(inner) for inner in value] if isinstance(value, list | tuple) else value


def _name(stored: Format | Layout, parse: Callable[[str], Format | Layout]) -> str:
    with contextlib.suppress(ValueError):
        if parse(stored.name) == stored:
            return stored.name
    raise UsageError(f"the dtype {stored.name!r} cannot be written: it has no name in YAML")


def _parts(stored: Format) -> tuple[Format, Format | None]:
    """A format as its dtype and its scale, if any. Raises UsageError where it is neither."""
    dtype, plus, rest = stored.name.partition(" + ")
    with contextlib.suppress(ValueError):
        found = parse_format(dtype)
        scale = parse_format(rest.removesuffix(" scale")) if plus else None
        if (found.scaled(scale) if scale else found) == stored:
            return found, scale
    raise UsageError(f"the dtype {stored.name!r} cannot be written: it has no name in YAML")


def tensor(kept: CacheTensor) -> dict[str, Any]:
    """A tensor of a custom entry. Raises UsageError where YAML has no words for it."""
    dtype, scale = _parts(kept.format) if kept.format else (None, None)
    usual = extents.ReadWrite() if kept.role in STATE_ROLES else extents.All()
    fields = {
        "name": kept.name,
        "role": kept.role,
        "heads": kept.heads,
        "width": kept.width,
        "dtype": dtype.name if dtype else None,
        "scale": scale.name if scale else None,
        **_extent(kept.extent),
        "reads": None if kept.reads == usual else _reads(kept.reads),
        "shared": kept.shared or None,
        "macs": kept.macs,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _extent(extent: extents.Extent) -> dict[str, Any]:
    match extent:
        case extents.Every(stride=1, first=1):
            return {}
        case extents.Every(stride=stride, first=first):
            return {"every": stride if first == stride else {"stride": stride, "first": first}}
        case extents.Chunk(size=size):
            return {"chunk": size}
        case extents.Window(size=size, sink=sink):
            return {"window": size, "sink": sink} if sink else {"window": size}
        case extents.Beyond(size=size):
            return {"beyond": size}
        case extents.Fixed(count=count) if count:
            return {"fixed": count}
    raise UsageError(f"a tensor of entries {extent.rule} cannot be written as YAML")


def _reads(reads: extents.Reads) -> str | dict[str, int]:
    match reads:
        case extents.All():
            return "all"
        case extents.ReadWrite():
            return "read_write"
        case extents.TopK(k=k, pool=pool):
            return {"top_k": k, "pool": pool} if pool > 1 else {"top_k": k}
        case extents.TopBlocks(blocks=blocks, size=size):
            return {"top_k_blocks": blocks, "block_size": size}
    raise UsageError(f"a tensor that a step reads {reads.rule} of cannot be written as YAML")
