"""Answers as sheets: titled columns of text, which tables and markdown print alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from kvcalc.engines import version_of
from kvcalc.model import Model
from kvcalc.question import Question
from kvcalc.units import SIZE_UNITS, System, format_flops, format_size, size_unit

Tone = Literal["title", "own", "total", "failed", "wrong", "doubtful", "open"]
"""What a text stands out for; a terminal has a colour for each."""

NATIVE = "native"
SEVERAL = f"{NATIVE}: layers of several kinds, or with windows or states, as shipped"
"""What a model's attention is called that has no scheme's name, and what that is."""
LONG = 10_000
"""As many of a column's unit are more than one takes in: each cell has a unit of its own then."""

FEW = 6
"""Contexts that a title names; of more it is the rows that do."""


class Column(NamedTuple):
    """A heading, its cells, and whether they are numbers (set flush right).

    Where a table is wider than a terminal, the column of the highest rank is left out first, that
    of rank 0 never; `alone` is the heading of one that is left without what repeats it. Words may
    be set on several lines where a column folds, down to that width.
    """

    heading: str
    cells: tuple[str, ...]
    number: bool = True
    rank: int = 0
    alone: str = ""
    folds: int = 0
    tones: tuple[Tone | None, ...] = ()


class Sheet(NamedTuple):
    """A title, columns of equal length, what rows stand out for, and lines below.

    Footnotes explain words of the table. The alarm is a word that stands out wherever it is below.
    """

    title: str
    columns: tuple[Column, ...]
    tones: tuple[Tone | None, ...] = ()
    below: tuple[str, ...] = ()
    footnotes: tuple[str, ...] = ()
    alarm: str = ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    def changed(self, change: Callable[[str], str]) -> Sheet:
        """The same sheet with each of its texts changed."""
        columns = (
            column._replace(
                heading=change(column.heading),
                cells=tuple(map(change, column.cells)),
                alone=change(column.alone),
            )
            for column in self.columns
        )
        return self._replace(
            title=change(self.title),
            columns=tuple(columns),
            below=tuple(map(change, self.below)),
            footnotes=tuple(map(change, self.footnotes)),
        )


def wide(text: str) -> int:
    """The columns that a text takes: two for a wide character, none for an accent of its own."""
    return len(text) if text.isascii() else sum(map(_wide, text))


def _wide(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def text(heading: str, cells: Iterable[str], rank: int = 0, *, folds: int = 0) -> Column:
    """A column of words."""
    return Column(heading, tuple(cells), number=False, rank=rank, folds=folds)


def numbers(
    heading: str, cells: Iterable[str], rank: int = 0, alone: str = "", *, folds: int = 0
) -> Column:
    """A column of numbers, already written."""
    return Column(heading, tuple(cells), rank=rank, alone=alone, folds=folds)


def sizes(
    heading: str, values: Sequence[Fraction | int], units: System, places: int, rank: int = 0
) -> Column:
    """A column of bytes in one unit, where they are near enough, else each in its own; 0 is `-`."""
    unit = size_unit(values, units)
    own = units != "bytes" and max(values, default=0) >= LONG * SIZE_UNITS[unit]
    return numbers(
        heading,
        (
            format_size(v, size_unit([v], units) if own else unit, places) if v else "-"
            for v in values
        ),
        rank,
    )


def flops(heading: str, values: Iterable[int | None]) -> Column:
    """A column of operations, as far as they are known."""
    return numbers(heading, ("unknown" if v is None else format_flops(v) for v in values))


def titled(model: Model, query: Question, contexts: Sequence[int] = (), on: str = "") -> str:
    """A title: the model's layers, heads and dtype, what is asked of it, and on which GPU."""
    draft = model.draft.name if model.draft else None
    return f"{described(model)}, {asked(query, draft, contexts, on)}"


def described(model: Model) -> str:
    """A model's layers, heads and dtype, behind its name."""
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
    return f"{model.name}: {len(model.layers)} layers{heads}, {dtype}{index}"


def stored_dtype(model: Model) -> str:
    """What a model's cache is stored in: as asked, else as its own."""
    return model.kv_dtype.name if model.kv_dtype else own_dtype(model)


def own_dtype(model: Model) -> str:
    """What a model's own cache is kept in, whatever was asked."""
    used = (model.attention[name] for layer in model.layers for name in layer)
    own = dict.fromkeys((scheme.dtype or model.dtype).name for scheme in used)
    return ", ".join(own) or model.dtype.name


def asked(query: Question, draft: str | None, contexts: Sequence[int] = (), on: str = "") -> str:
    """What is asked, in a title's words: beside which draft, at which context, on which GPU."""
    engine = f", reserved by {query.engine} {version_of(query)}" if query.engine else ""
    gpu = f", {on}" if on else ""
    beside = f"draft {draft}, " if draft else ""
    at = _several(contexts) if contexts else f"context {query.context:,}"
    return f"{beside}{at}, batch {query.batch:,}{shared(query)}{gpu}{engine}"


def shared(query: Question) -> str:
    """What sequences share, in a title's words."""
    each = " each" if query.batch > 1 else ""
    beams = f", {query.beams:,} beams{each}" if query.beams > 1 else ""
    return beams + (f", {query.shared_prefix:,} tokens shared" if query.shared_prefix else "")


def stored_of(query: Question, sequences: int) -> str:
    """What a column of stored bytes is headed: they are of one sequence, or of more."""
    return "per sequence" if sequences * query.beams == 1 else "stored"


def _several(contexts: Sequence[int]) -> str:
    if len(contexts) > FEW:
        return f"{len(contexts):,} contexts"
    return f"contexts {', '.join(f'{context:,}' for context in contexts)}"
