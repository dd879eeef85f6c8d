"""Cache tensors as a file writes them, one by one."""

from typing import Annotated, Any, Literal, Required, TypedDict

from pydantic_core import core_schema as core

from kvcalc.attention.bounds import Bound, Count, TokenCount
from kvcalc.cache import Role
from kvcalc.formats import Format
from kvcalc.schema.forms.fields import Text, WrittenAs, branches, schema_of


class StrideForm(TypedDict):
    """An entry per `stride` tokens from the token numbered `first` on."""

    stride: TokenCount
    first: TokenCount


class ReadsForm(TypedDict, total=False):
    """An index picks so many entries per step, beside an unfinished pool, or so many blocks."""

    top_k: TokenCount | None
    pool: Annotated[TokenCount | None, "entries of a pool, read until it is full"]
    top_k_blocks: TokenCount | None
    block_size: TokenCount | None


def _form(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "word"


def _word_or(word: Any, mapping: type) -> WrittenAs:
    return WrittenAs(branches(_form, word=schema_of(word), mapping=schema_of(mapping)))


Stride = Annotated[int | StrideForm, _word_or(TokenCount, StrideForm)]
ReadsWord = Annotated[str | ReadsForm, _word_or(Literal["all", "read_write"], ReadsForm)]


class TensorForm(TypedDict, total=False):
    """One cache tensor; without an extent it has an entry per token."""

    name: Required[Text]
    role: Required[Role]
    width: Required[Annotated[int, Bound(1, 10**9), "elements per entry and head"]]
    heads: Count | None
    dtype: Format | None
    scale: Annotated[Format | None, "dtype of one scale per entry and head"]
    every: Stride | None
    window: TokenCount | None
    sink: Annotated[TokenCount | None, "the first so many tokens, kept beside the window"]
    chunk: TokenCount | None
    beyond: Annotated[TokenCount | None, "all but the last so many tokens"]
    fixed: TokenCount | None
    reads: ReadsWord | None
    shared: Annotated[bool, "another layer stores it"]
    macs: Annotated[
        Annotated[int, Bound(0, 10**12)] | None, "multiply-adds per entry and decode step"
    ]


TENSORS = core.list_schema(schema_of(TensorForm), min_length=1)
