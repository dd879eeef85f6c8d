"""Cache tensors as a file writes them, made into those that a scheme holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvcalc import extents
from kvcalc.cache import ALL, STATE_ROLES, CacheTensor
from kvcalc.errors import InvalidValue, Problem
from kvcalc.schema.forms.tensors import ReadsForm, TensorForm

EXTENTS: dict[str, Callable[[int], extents.Extent]] = {
    "chunk": extents.Chunk,
    "beyond": extents.Beyond,
    "fixed": extents.Fixed,
}


def tensors_of(forms: Sequence[TensorForm]) -> tuple[CacheTensor, ...]:
    """The tensors of an entry. Raises InvalidValue with every problem of all of them."""
    found, problems = [], []
    for number, form in enumerate(forms):
        try:
            found.append(_tensor(form))
        except InvalidValue as error:
            problems += [problem.under(("tensors", number)) for problem in error.problems]
    if problems:
        raise InvalidValue(problems)
    return tuple(found)


def _tensor(form: TensorForm) -> CacheTensor:
    """The tensor it describes. Raises InvalidValue where its fields exclude each other."""
    name, dtype, scale = form["name"], form.get("dtype"), form.get("scale")
    given = [extent for extent in ("every", "window", *EXTENTS) if form.get(extent) is not None]
    problems = []
    if len(given) > 1:
        text = f"tensor {name!r} has {' and '.join(given)}; keep one"
        problems.append(Problem(text, path=(given[1],)))
    if scale is not None and dtype is None:
        hint = "set dtype beside it, for example dtype: fp8"
        problems.append(Problem(f"tensor {name!r} has a scale but no dtype", hint, ("scale",)))
    if form.get("sink") is not None and form.get("window") is None:
        text, hint = f"tensor {name!r} has a sink but no window", "set window beside it"
        problems.append(Problem(text, hint, ("sink",)))
    reads: extents.Reads = ALL
    try:
        reads = _reads(form)
    except InvalidValue as error:
        problems += error.problems
    if problems:
        raise InvalidValue(problems)
    return CacheTensor(
        name=name,
        role=form["role"],
        width=form["width"],
        extent=_extent(form),
        heads=form.get("heads"),
        format=dtype.scaled(scale) if dtype and scale else dtype,
        reads=reads,
        shared=form.get("shared", False),
        macs=form.get("macs"),
    )


def _extent(form: TensorForm) -> extents.Extent:
    if window := form.get("window"):
        return extents.Window(window, form.get("sink") or 0)
    for name, extent in EXTENTS.items():
        if isinstance(size := form.get(name), int):
            return extent(size)
    every = form.get("every")
    if isinstance(every, dict):
        return extents.Every(every["stride"], every["first"])
    return extents.Every(every, every) if every else extents.Every()


def _reads(form: TensorForm) -> extents.Reads:
    reads = form.get("reads")
    if isinstance(reads, dict):
        return _picked(reads)
    default = "read_write" if form["role"] in STATE_ROLES else "all"
    return extents.ReadWrite() if (reads or default) == "read_write" else extents.All()


def _picked(form: ReadsForm) -> extents.Reads:
    given = {name for name, value in form.items() if value is not None}
    top_k, blocks = form.get("top_k"), form.get("top_k_blocks")
    if top_k is not None and given <= {"top_k", "pool"}:
        return extents.TopK(top_k, form.get("pool") or 1)
    if blocks is not None and given == {"top_k_blocks", "block_size"}:
        return extents.TopBlocks(blocks, form.get("block_size") or 1)
    text = "reads is neither a top_k (with or without pool) nor top_k_blocks with block_size"
    raise InvalidValue([Problem(text, "write for example {top_k: 2048}", ("reads",))])
