"""The JSON documents: every key that kvcalc prints, with what it means.

Within one `schema_version` keys are only ever added. Bytes are integers; a per-token figure and a
ratio have an exact "num/den" string beside them; null stands for what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kvcalc.claim import Verdict

if TYPE_CHECKING:
    pass

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ShowQueryDocument:
    """What changed the answer: tokens per sequence, sequences, storage, MTP, source, engine."""

    context: int
    batch: int
    kv_dtype: str | None
    index_dtype: str | None
    mtp: bool
    source_length: int | None
    engine: str | None


@dataclass(frozen=True)
class CompareQueryDocument(ShowQueryDocument):
    """The same, and what the ratio compares with which row."""

    metric: Literal["stored", "growth", "read", "flops"]
    baseline: str


@dataclass(frozen=True)
class TensorDocument:
    """One tensor over all layers of its group."""

    name: str
    role: str
    heads: int | None
    width: int
    format: str
    entries: int
    bytes_per_entry: int
    shared: bool
    stored_bytes: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    read_bytes_per_step: int
    attention_flops_per_step: int | None


@dataclass(frozen=True)
class GroupDocument:
    """Layers that keep the same tensors."""

    name: str
    layers: int
    tensors: list[TensorDocument]


@dataclass(frozen=True)
class SourceDocument:
    """What was read for the model file, and when."""

    origin: str
    says: str
    read: str


@dataclass(frozen=True)
class ShowDocument:
    """`kvcalc show`: the tensors' bytes add up to the totals."""

    schema_version: int
    kind: Literal["show"]
    query: ShowQueryDocument
    model: str
    file: str
    stored_bytes: int
    read_bytes_per_step: int
    attention_flops_per_step: int | None
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    reserved_bytes: int | None
    weight_bytes: int | None
    groups: list[GroupDocument]
    sources: list[SourceDocument]
    notes: list[str]


@dataclass(frozen=True)
class ResultDocument:
    """One expectation held against what was computed."""

    id: str
    file: str
    line: int
    printed: str
    computed: str
    computed_exact: str | None
    verdict: Verdict
    expected: Verdict
    ok: bool
    note: str


@dataclass(frozen=True)
class CheckDocument:
    """`kvcalc check`."""

    schema_version: int
    kind: Literal["check"]
    passed: int
    failed: int
    results: list[ResultDocument]


@dataclass(frozen=True)
class RowDocument:
    """One row of `kvcalc compare`; `ratio` is the baseline's metric over this row's."""

    model: str
    scheme: str
    native: bool
    stored_bytes: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    read_bytes_per_step: int
    attention_flops_per_step: int | None
    reserved_bytes: int | None
    ratio: float | None
    ratio_exact: str | None
    notes: list[str]


@dataclass(frozen=True)
class CompareDocument:
    """`kvcalc compare`."""

    schema_version: int
    kind: Literal["compare"]
    query: CompareQueryDocument
    baseline: str
    rows: list[RowDocument]
    expect: list[ResultDocument]
    notes: list[str]


@dataclass(frozen=True)
class ListedDocument:
    """One model of `kvcalc list`, at its own default context."""

    name: str
    file: str
    vendor: str
    attention: str
    layers: int
    context: int
    bytes_per_token: int | float
    bytes_per_token_exact: str
    fixed_bytes: int
    max_context: int | None
    confidence: str
    parameters: int | None
    active_parameters: int | None
    weight_bytes: int | None


@dataclass(frozen=True)
class ListDocument:
    """`kvcalc list`."""

    schema_version: int
    kind: Literal["list"]
    models: list[ListedDocument]


@dataclass(frozen=True)
class ChangedDocument:
    """One thing that differs, with both values in words; `entry` is empty for the whole model."""

    entry: str
    what: str
    model: str
    other: str


@dataclass(frozen=True)
class DiffDocument:
    """`kvcalc import --diff`: `cache` is what bytes come of, `facts` all else that differs."""

    schema_version: int
    kind: Literal["diff"]
    model: str
    file: str
    other_model: str
    other_file: str
    same_cache: bool
    cache: list[ChangedDocument]
    facts: list[ChangedDocument]


Document = CompareDocument | ShowDocument | CheckDocument | ListDocument
"""An answer, which every format prints."""

Printed = Document | DiffDocument
"""Everything that is printed as JSON."""
