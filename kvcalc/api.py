"""The public functions: each question, asked of models or of the names `catalog` finds them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc import catalog
from kvcalc.claim import Claim
from kvcalc.errors import UsageError
from kvcalc.formats import parse_index_format, parse_layout
from kvcalc.model import Change, Model
from kvcalc.queries import compare as _compare
from kvcalc.queries import show as _show
from kvcalc.queries.check import Checked, Result, judge
from kvcalc.queries.judge import judge_claim
from kvcalc.units import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.expect import Quantity
    from kvcalc.queries.compare import Comparison
    from kvcalc.queries.show import Breakdown

Reference = Model | str
"""A model, or what names one: a YAML path, a Hugging Face config.json or a folder that holds one, a
GGUF file, a hub id such as `hf:org/name`, a bundled name, `-` for standard input."""


def load(reference: str) -> Model:
    """The model that a reference names. Raises InputError with all of its problems."""
    return catalog.load(reference)


def show(
    model: Reference,
    context: int | None = None,
    batch: int = 1,
    *,
    kv_dtype: str | None = None,
    index_dtype: str | None = None,
    mtp: bool = False,
    source_length: int | None = None,
    engine: str | None = None,
) -> Breakdown:
    """A model's cache by layer group and tensor, in bytes.

    kv_dtype names how keys, values and latents are stored (`fp8`, `fp8_ds_mla`, `q8_0/q4_0`),
    index_dtype how index keys are; engine ("transformers") adds what that engine keeps of it.
    Raises InputError, UsageError.
    """
    change = _change(kv_dtype, index_dtype, mtp, source_length)
    return _show.show(_models([model])[0], context, batch, change, engine)


def compare(
    *models: Reference,
    context: int | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    kv_dtype: str | None = None,
    index_dtype: str | None = None,
    mtp: bool = False,
    source_length: int | None = None,
    engine: str | None = None,
) -> Comparison:
    """A row per scheme for one model, a row per model for several; ratios to the baseline.

    Raises InputError, and UsageError where no row is called as the baseline.
    """
    if not models:
        raise UsageError("compare needs at least one model")
    change = _change(kv_dtype, index_dtype, mtp, source_length)
    return _compare.compare(_models(models), context, batch, metric, baseline, change, engine)


def check(*things: Reference | Claim, select: str = "") -> Checked:
    """Hold models to their `expect:` and claims to their recorded verdicts.

    Without any, every bundled model and claim. `select` keeps results whose id or quote has that
    word. Raises InputError, and UsageError where nothing is left to check.
    """
    found = [*_named(things)] if things else _bundled()
    results = [result for thing in found for result in _results(thing)]
    word = select.lower()
    kept = tuple(r for r in results if word in f"{r.id} {r.claim.quote if r.claim else ''}".lower())
    if not kept:
        raise UsageError(f"nothing to check is called {select!r}" if word else "nothing to check")
    return Checked(kept)


def _named(things: Sequence[Reference | Claim]) -> Iterator[Model | Claim]:
    _no_strangers(things)
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
    return judge(thing) if isinstance(thing, Model) else (judge_claim(thing),)


def _change(
    kv_dtype: str | None, index_dtype: str | None, mtp: bool, source_length: int | None
) -> Change:
    if source_length is not None and not 0 <= source_length <= MAX_TOKENS:
        text = f"source length {source_length:,}: it is between 0 and {MAX_TOKENS:,} tokens"
        raise UsageError(text)
    try:
        return Change(
            kv_dtype=None if kv_dtype is None else parse_layout(kv_dtype),
            index_dtype=None if index_dtype is None else parse_index_format(index_dtype),
            mtp=mtp,
            source_length=source_length,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _models(references: Sequence[Reference]) -> list[Model]:
    _no_strangers(references)
    loaded = iter(catalog.load_all([r for r in references if isinstance(r, str)]))
    return [r if isinstance(r, Model) else next(loaded) for r in references]


def _no_strangers(things: Sequence[object]) -> None:
    for thing in things:
        if not isinstance(thing, Model | Claim | str):
            raise UsageError(f"{thing!r} is neither a model nor the name of one")
