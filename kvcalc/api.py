"""The public functions: each question, asked of models or of the names `catalog` finds them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc import catalog
from kvcalc.errors import UsageError
from kvcalc.model import Model
from kvcalc.question import question

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal, Unpack

    from kvcalc.claim import Claim
    from kvcalc.expect import Quantity
    from kvcalc.queries.check import Checked, Result
    from kvcalc.queries.compare import Comparison
    from kvcalc.queries.diff import Difference
    from kvcalc.queries.listing import Listing
    from kvcalc.queries.show import Breakdown
    from kvcalc.question import Asked

Reference = Model | str
"""A model, or what names one: a YAML path, a Hugging Face config.json or a folder that holds one, a
GGUF file, a hub id such as `hf:org/name`, a bundled name, `-` for standard input."""


def load(reference: str) -> Model:
    """The model that a reference names. Raises InputError with all of its problems."""
    return catalog.load(reference)


def show(
    model: Reference, context: int | None = None, batch: int = 1, **asked: Unpack[Asked]
) -> Breakdown:
    """A model's cache by layer group and tensor, in bytes.

    What may be `asked` besides, `kvcalc.question.Question` tells. Raises InputError, UsageError.
    """
    from kvcalc.queries.show import show as answer

    asking = question(context, batch, **asked)
    return answer(_models([model])[0], asking)


def compare(
    *models: Reference,
    context: int | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    **asked: Unpack[Asked],
) -> Comparison:
    """A row per scheme for one model, a row per model for several; ratios to the baseline.

    Raises InputError, and UsageError where no row is called as the baseline.
    """
    from kvcalc.queries.compare import compare as answer

    if not models:
        raise UsageError("compare needs at least one model")
    asking = question(context, batch, **asked)
    return answer(_models(models), asking, metric, baseline)


def check(*things: Reference | Claim, select: str = "") -> Checked:
    """Hold models to their `expect:` and claims to their recorded verdicts.

    Without any, every bundled model and claim. `select` keeps results whose id or quote has that
    word. Raises InputError, and UsageError where nothing is left to check.
    """
    from kvcalc.queries.check import Checked

    found = [*_named(things)] if things else _bundled()
    results = [result for thing in found for result in _results(thing)]
    word = select.lower()
    kept = tuple(r for r in results if word in f"{r.id} {r.claim.quote if r.claim else ''}".lower())
    if not kept:
        raise UsageError(f"nothing to check is called {select!r}" if word else "nothing to check")
    return Checked(kept)


def models() -> Listing:
    """The bundled models, each at its own default context. Raises InputError."""
    from kvcalc.queries.listing import list_models

    return list_models(catalog.load_all(list(catalog.bundled())))


def diff(model: Reference, other: Reference) -> Difference:
    """Whether two models keep the same cache, and what differs. Raises InputError."""
    from kvcalc.queries.diff import diff as answer

    return answer(*_models([model, other]))


def to_yaml(model: Reference) -> str:
    """A model as a file of kvcalc's own; sources without a date are read today.

    Raises InputError, and UsageError for what YAML has no words for.
    """
    from dataclasses import replace
    from datetime import date

    from kvcalc.schema.writing.model import to_yaml as written

    (found,) = _models([model])
    today = date.today().isoformat()
    sources = (source if source.read else replace(source, read=today) for source in found.sources)
    return written(replace(found, sources=tuple(sources)))


def json_schema(what: Literal["model", "claims", "output"]) -> dict[str, Any]:
    """The JSON Schema of model files, of claims files, or of what `--json` prints."""
    from kvcalc import publish

    if not isinstance(what, str) or what not in publish.SCHEMAS:
        raise UsageError(f"{what!r} has no schema; known: {', '.join(publish.SCHEMAS)}")
    return publish.SCHEMAS[what]()


def _named(things: Sequence[Reference | Claim]) -> Iterator[Model | Claim]:
    from kvcalc.claim import Claim

    _no_strangers(things, Model | Claim | str)
    loaded = iter(catalog.load_all_checkable([t for t in things if isinstance(t, str)]))
    for thing in things:
        found = next(loaded) if isinstance(thing, str) else thing
        if isinstance(found, Model) and not found.expect:
            raise UsageError(f"{found.file or found.name} has no expect: nothing to check")
        yield from found if isinstance(found, tuple) else (found,)


def _bundled() -> list[Model | Claim]:
    models, claims = catalog.load_bundled()
    return [*models, *claims]


def _results(thing: Model | Claim) -> tuple[Result, ...]:
    if isinstance(thing, Model):
        from kvcalc.queries.check import expected

        return expected(thing)
    from kvcalc.queries.verdict import verdict_on

    return (verdict_on(thing),)


def _models(references: Sequence[Reference]) -> list[Model]:
    _no_strangers(references, Model | str)
    loaded = iter(catalog.load_all([r for r in references if isinstance(r, str)]))
    return [r if isinstance(r, Model) else next(loaded) for r in references]


def _no_strangers(things: Sequence[object], known: Any) -> None:
    for thing in things:
        if not isinstance(thing, known):
            raise UsageError(f"{thing!r} is neither a model nor the name of one")
