"""Answers as sheets: titled columns of text, which tables and markdown print alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from kvcalc.model import Model
from kvcalc.question import Question
from kvcalc.units import System, format_flops, format_size, size_unit

FEW = 6
"""Contexts that a title names; of more it is the rows that do."""


class Column(NamedTuple):
    """A heading, its cells, and whether they are numbers (set flush right)."""

    heading: str
    cells: tuple[str, ...]
    number: bool = True


class Sheet(NamedTuple):
    """A title, columns of equal length, the rows that stand out, and lines below."""

    title: str
    columns: tuple[Column, ...]
    marked: frozenset[int] = frozenset()
    below: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    def changed(self, change: Callable[[str], str]) -> Sheet:
        """The same sheet with each of its texts changed."""
        columns = (
            Column(change(column.heading), tuple(map(change, column.cells)), column.number)
            for column in self.columns
        )
        below = tuple(map(change, self.below))
        return Sheet(change(self.title), tuple(columns), self.marked, below)


def wide(text: str) -> int:
    """The columns that a text takes: two for a wide character, none for an accent of its own."""
    return len(text) if text.isascii() else sum(map(_wide, text))


def _wide(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int | None) -> list[str]:
    """A text in lines of a terminal's width; on one line where it goes elsewhere."""
    if width is None:
        return [text]
    from textwrap import wrap

    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def text(heading: str, cells: Iterable[str]) -> Column:
    """A column of words."""
    return Column(heading, tuple(cells), number=False)


def numbers(heading: str, cells: Iterable[str]) -> Column:
    """A column of numbers, already written."""
    return Column(heading, tuple(cells))


def sizes(heading: str, values: Sequence[Fraction | int], units: System, places: int) -> Column:
    """A column of bytes in one unit."""
    unit = size_unit(values, units)
    return numbers(heading, (format_size(value, unit, places) for value in values))


def flops(heading: str, values: Iterable[int | None]) -> Column:
    """A column of operations, as far as they are known."""
    return numbers(heading, ("unknown" if v is None else format_flops(v) for v in values))


def titled(model: Model, query: Question, contexts: Sequence[int] = ()) -> str:
    """A title: the model's layers, heads and dtype, and what is asked of it."""
    shapes = {scheme.shape for scheme in model.attention.values()}
    shape = next(iter(shapes)) if len(shapes) == 1 else model.shape
    heads = ""
    if shape:
        same = shape.key_dim == shape.value_dim
        widths = f"{shape.key_dim}" if same else f"{shape.key_dim}/{shape.value_dim}"
        heads = f", {shape.heads} heads x {widths}"
    dtype = stored_dtype(model)
    keys = model.index_dtype
    index = f", index keys {keys if isinstance(keys, str) else keys.name}" if keys else ""
    draft = model.draft.name if model.draft else None
    about = f"{len(model.layers)} layers{heads}, {dtype}{index}"
    return f"{model.name}: {about}, {asked(query, draft, contexts)}"


def stored_dtype(model: Model) -> str:
    """What a model's cache is stored in: as asked, else as its own."""
    return model.kv_dtype.name if model.kv_dtype else own_dtype(model)


def own_dtype(model: Model) -> str:
    """What a model's own cache is kept in, whatever was asked."""
    used = (model.attention[name] for layer in model.layers for name in layer)
    own = dict.fromkeys((scheme.dtype or model.dtype).name for scheme in used)
    return ", ".join(own) or model.dtype.name


def asked(query: Question, draft: str | None, contexts: Sequence[int] = ()) -> str:
    """What is asked, in a title's words: beside which draft, at which context or contexts."""
    engine = f", reserved by {query.engine}" if query.engine else ""
    beside = f"draft {draft}, " if draft else ""
    at = _several(contexts) if contexts else f"context {query.context:,}"
    return f"{beside}{at}, batch {query.batch:,}{engine}"


def _several(contexts: Sequence[int]) -> str:
    if len(contexts) > FEW:
        return f"{len(contexts):,} contexts"
    return f"contexts {', '.join(f'{context:,}' for context in contexts)}"
