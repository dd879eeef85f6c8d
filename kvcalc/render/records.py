"""The list that a document is about, flat: what CSV and JSON lines print, one element per line."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from kvcalc.render.documents import (
    CheckDocument,
    CompareDocument,
    ListDocument,
    ListedDocument,
    ResultDocument,
    RowDocument,
    ShowDocument,
    TensorDocument,
)
from kvcalc.render.mapping import document_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.render import Answer


def records_of(answer: Answer) -> tuple[list[str], list[dict[str, Any]]]:
    """The keys, and one mapping per row, result, model or tensor."""
    document = document_of(answer)
    match document:
        case CompareDocument():
            return _flat(RowDocument, document.rows)
        case CheckDocument():
            return _flat(ResultDocument, document.results)
        case ListDocument():
            return _flat(ListedDocument, document.models)
        case ShowDocument():
            keys, _ = _flat(TensorDocument, [])
            rows = [
                {"group": group.name, "layers": group.layers, **asdict(tensor)}
                for group in document.groups
                for tensor in group.tensors
            ]
            return ["group", "layers", *keys], rows


def _flat(kind: type[Any], elements: Sequence[Any]) -> tuple[list[str], list[dict[str, Any]]]:
    return [field.name for field in fields(kind)], [asdict(element) for element in elements]
