"""The difference of two models, as text and as its JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.render.documents import SCHEMA_VERSION, ChangedDocument, DiffDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.queries.diff import Changed, Difference


def diff_text(difference: Difference) -> str:
    """A line that says whether the caches are the same, then a line per thing that differs."""
    first, second = _names(difference)
    verdict = "keep the same cache" if difference.same else "do not keep the same cache"
    lines = [f"{first} and {second} {verdict}"]
    lines += [f"  {changed}" for changed in difference.cache]
    if difference.facts:
        lines += ["", "other facts that differ"]
        lines += [f"  {changed}" for changed in difference.facts]
    return "\n".join(lines) + "\n"


def _names(difference: Difference) -> tuple[str, str]:
    """What the two are called, with their files where they have one name."""
    both = difference.model, difference.other
    if both[0].name != both[1].name:
        return both[0].name, both[1].name
    first, second = (f"{model.name} ({model.file or '-'})" for model in both)
    return first, second


def diff_document(difference: Difference) -> DiffDocument:
    """The document that `--json` prints."""
    return DiffDocument(
        schema_version=SCHEMA_VERSION,
        kind="diff",
        model=difference.model.name,
        file=difference.model.file,
        other_model=difference.other.name,
        other_file=difference.other.file,
        same_cache=difference.same,
        cache=_documents(difference.cache),
        facts=_documents(difference.facts),
    )


def _documents(changes: Sequence[Changed]) -> list[ChangedDocument]:
    return [ChangedDocument(c.entry, c.what, c.first, c.second) for c in changes]
