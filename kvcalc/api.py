"""The public functions: each question, asked of models or of the names `catalog` finds them by."""

from __future__ import annotations

from dataclasses import replace
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
    from kvcalc.queries.dtypes import Dtypes
    from kvcalc.queries.listing import Listing
    from kvcalc.queries.show import Breakdown
    from kvcalc.question import Asked

Reference = Model | str
"""A model, or what names one: a YAML path, a Hugging Face config.json or a folder that holds one, a
GGUF file, a hub id such as `hf:org/name`, a bundled name, `-` for standard input."""


def load(reference: str, *, ignore: Sequence[str] = ()) -> Model:
    """The model that a reference names.

    ignore  fields of somebody else's file, as messages call them, that leave its cache alone and
            are to be passed over

    Raises InputError with all of its problems, UsageError where it has not what is to be ignored.
    """
    return _models([reference], ignore)[0]


def show(
    model: Reference,
    context: int | None = None,
    batch: int = 1,
    *,
    draft: Reference | None = None,
    ignore: Sequence[str] = (),
    **asked: Unpack[Asked],
) -> Breakdown:
    """A model's cache by layer group and tensor, in bytes, and with it that of its `draft`.

    What may be `asked` besides, `kvcalc.question.Question` tells; what to `ignore`, `load`. Raises
    InputError, UsageError.
    """
    from kvcalc.queries.show import show as answer

    asking = question(context, batch, ignore, **asked)
    return answer(_drafted([model], draft, ignore)[0], asking)


def compare(
    *models: Reference,
    context: int | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    draft: Reference | None = None,
    ignore: Sequence[str] = (),
    **asked: Unpack[Asked],
) -> Comparison:
    """A row per scheme for one model, a row per model for several; ratios to the baseline.

    The cache of a `draft` is in every row and in the ratios.
    Raises InputError, and UsageError where no row is called as the baseline.
    """
    from kvcalc.queries.compare import compare as answer

    if not models:
        raise UsageError("compare needs at least one model")
    asking = question(context, batch, ignore, **asked)
    return answer(_drafted(models, draft, ignore), asking, metric, baseline)


def check(*things: Reference | Claim, select: str = "", ignore: Sequence[str] = ()) -> Checked:
    """Hold models to their `expect:` and claims to their recorded verdicts.

    Without any, every bundled model and claim. `select` keeps results whose id or quote has that
    word. Raises InputError, and UsageError where nothing is left to check.
    """
    from kvcalc.queries.check import Checked

    found = [*_named(things, ignore)] if things else _bundled()
    _must_be_ignored(ignore, [model for thing in found for model in _about(thing)])
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


def dtypes() -> Dtypes:
    """Every dtype that has a name: its bits, what is stored beside them, and whose it is."""
    from kvcalc.queries.dtypes import list_dtypes

    return list_dtypes()


def diff(model: Reference, other: Reference, *, ignore: Sequence[str] = ()) -> Difference:
    """Whether two models keep the same cache, and what differs. Raises InputError."""
    from kvcalc.queries.diff import diff as answer

    return answer(*_models([model, other], ignore))


def to_yaml(model: Reference) -> str:
    """A model as a file of kvcalc's own; sources without a date are read today.

    Raises InputError, and UsageError for what YAML has no words for.
    """
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


def _named(things: Sequence[Reference | Claim], ignore: Sequence[str]) -> Iterator[Model | Claim]:
    from kvcalc.claim import Claim

    _no_strangers(things, Model | Claim | str)
    _must_be_a_list(ignore)
    names = [thing for thing in things if isinstance(thing, str)]
    _once_from_standard_input(names)
    loaded = iter(catalog.load_all_checkable(names, tuple(ignore)))
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


def _about(thing: Model | Claim) -> list[Model]:
    """The models that something to check speaks of."""
    if isinstance(thing, Model):
        return [thing]
    return [side.model for side in thing.stated.sides.values()] if thing.stated else []


def _drafted(
    references: Sequence[Reference], draft: Reference | None, ignore: Sequence[str]
) -> list[Model]:
    """The models, with a draft beside each of them if there is one."""
    if draft is None:
        return _models(references, ignore)
    *models, drafting = _models([*references, draft], ignore)
    return [replace(model, draft=drafting) for model in models]


def _models(references: Sequence[Reference], ignore: Sequence[str] = ()) -> list[Model]:
    _no_strangers(references, Model | str)
    _must_be_a_list(ignore)
    names = [reference for reference in references if isinstance(reference, str)]
    _once_from_standard_input(names)
    loaded = iter(catalog.load_all(names, tuple(ignore)))
    models = [r if isinstance(r, Model) else next(loaded) for r in references]
    _must_be_ignored(ignore, models)
    return models


def _must_be_a_list(ignore: Sequence[str]) -> None:
    if isinstance(ignore, str):
        raise UsageError(f"ignore is a list of fields: [{ignore!r}], not {ignore!r}")


def _once_from_standard_input(references: Sequence[str]) -> None:
    """Raises UsageError where standard input is named more than once: it can be read but once."""
    if references.count("-") > 1:
        raise UsageError("- is named twice, and standard input can be read once: name a file")


def _must_be_ignored(ignore: Sequence[str], models: Sequence[Model]) -> None:
    """Raises UsageError for a field that was ignored nowhere: it may be misspelt."""
    done = {name for model in models for name in model.ignored}
    for name in ignore:
        if name not in done:
            text = f"there is no field {name!r} to ignore in what was read of other people's files"
            raise UsageError(f"{text}; name it as the message about it does")


def _no_strangers(things: Sequence[object], known: Any) -> None:
    for thing in things:
        if not isinstance(thing, known):
            raise UsageError(f"{thing!r} is neither a model nor the name of one")
