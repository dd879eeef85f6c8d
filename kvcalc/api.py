"""The public functions: each question, asked of models or of the names `catalog` finds them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kvcalc import bundle, catalog
from kvcalc.arguments import contexts_of, must_be_ignored, once_from_standard_input
from kvcalc.errors import InputError, UsageError, WrongArgument, briefly, checked
from kvcalc.model import Model
from kvcalc.question import question
from kvcalc.references import (
    GpuReference,
    Reference,
    drafted,
    fields_of,
    known,
    known_gpu,
    known_ledger,
    loaded,
    must_be_either,
    must_be_text,
    texts,
)

if TYPE_CHECKING:
    from os import PathLike
    from typing import Literal, Unpack

    from kvcalc.claim import Claim
    from kvcalc.expect import Quantity
    from kvcalc.machine import FitAsked
    from kvcalc.queries.check import Checked
    from kvcalc.queries.compare import Comparison
    from kvcalc.queries.diff import Difference
    from kvcalc.queries.dtypes import Dtypes
    from kvcalc.queries.fit import Fit
    from kvcalc.queries.gpus import Gpus
    from kvcalc.queries.listing import Listing
    from kvcalc.queries.settings import EngineSettings
    from kvcalc.queries.show import Breakdown
    from kvcalc.question import Asked

Tokens = int | str
"""A number of tokens, or text as the command line takes it: `128K` is 131,072, `128k` 128,000."""


def load(reference: Reference, *, ignore: Sequence[str] = ()) -> Model:
    """The model that a reference names, or that its data describes.

    ignore  fields of somebody else's file, as messages call them, that leave its cache alone and
            are to be passed over

    Raises InputError with all of its problems, UsageError where it has not what is to be ignored.
    """
    return loaded([known("reference", reference)], ignore)[0]


def show(
    model: Reference,
    context: Tokens | None = None,
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

    asking = question(context, batch, fields_of(ignore), **asked)
    return answer(drafted([known("model", model)], draft, ignore)[0], asking)


def compare(
    *models: Reference,
    context: Tokens | Sequence[Tokens] | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    expect: Sequence[str] = (),
    draft: Reference | None = None,
    ignore: Sequence[str] = (),
    **asked: Unpack[Asked],
) -> Comparison:
    """A row per scheme for one model, a row per model for several; ratios to the baseline.

    Of a list of contexts there are all of these rows at each. What is expected of them, such as
    `mha/mla=57x` (a model goes by its name, or its file's), is in `held`, and how much of it fails
    in `failed`. The cache of a `draft` is in every row and in the ratios.
    Raises InputError, and UsageError where no row is called as the baseline or an expectation says.
    """
    from kvcalc.queries.compare import compare as answer

    if not models:
        raise WrongArgument("models", "compare needs at least one model")
    must_be_text("metric", metric)
    if baseline is not None:
        must_be_text("baseline", baseline)
    several, single = contexts_of(context)
    asking = question(single, batch, fields_of(ignore), **asked)
    named, expect = [known("models", model) for model in models], texts("expect", expect)
    beside = drafted(named, draft, ignore)
    return answer(beside, asking, metric, baseline, contexts=several, expect=expect)


def fit(
    *models: Reference,
    gpu: GpuReference | None = None,
    ledger: str | PathLike[str] | None = None,
    context: Tokens | None = None,
    batch: int | None = None,
    draft: Reference | None = None,
    ignore: Sequence[str] = (),
    **asked: Unpack[FitAsked],
) -> Fit:
    """What of each model fits into the memory that every GPU has for the cache.

    memory  what each GPU has left for the cache: bytes, or text with its unit, `40GiB`, `80GB`
    gpu     instead, a kind of GPU: what a bundled one is called, a YAML file, or a `Gpu`
    gpus    how many of them; without a layout of them the sensible ones stand beside each other
    context a number of tokens, or a mix of lengths: `2K:40%,8K:50%,64K:10%`
    batch   sequences that are to fit; without, the most that do are looked for
    ledger  a server's log, which says what it had for the cache; `-` for standard input

    The most sequences of a context, and the longest context. What else is known of the machine
    `kvcalc.machine.Machine` tells. Raises InputError, UsageError.
    """
    from kvcalc.machine import apart, machine
    from kvcalc.mix import mix_of
    from kvcalc.queries.fit import fit as answer

    if not models:
        raise WrongArgument("models", "fit needs at least one model")
    there, others = apart(asked)
    once_from_standard_input([*models, draft, ledger])
    found = machine(known_gpu(gpu), known_ledger(ledger), **there)
    mix = checked("context", mix_of, context)
    tokens = mix.longest if mix else context
    asking = question(tokens, 1 if batch is None else batch, fields_of(ignore), **others)
    named = [known("models", model) for model in models]
    return answer(drafted(named, draft, ignore), asking, found, batch, mix)


def check(
    *things: Reference | Claim,
    select: str = "",
    ignore: Sequence[str] = (),
    allow_outside: bool = False,
    keep_going: bool = False,
) -> Checked:
    """Hold models to their `expect:` and claims to their recorded verdicts; all below a folder.

    Without any, every bundled model and claim. `select` keeps results whose id or quote has that
    word; `allow_outside` lets claims files name models that are not below their own folder or the
    working directory; `keep_going` has what is wrong with files among the answer's `errors`, beside
    the results of the others. Raises InputError, and UsageError where nothing is left to check.
    """
    from kvcalc import gathering
    from kvcalc.claim import Claim
    from kvcalc.queries.check import Checked

    must_be_text("select", select)
    must_be_either("allow_outside", allow_outside)
    must_be_either("keep_going", keep_going)
    ignore = fields_of(ignore)
    given = [thing if isinstance(thing, Claim) else known("things", thing) for thing in things]
    once_from_standard_input([thing for thing in given if isinstance(thing, str)])
    found = gathering.gathered(given, ignore, allow_outside) if given else gathering.bundled()
    if found.errors and not keep_going:
        raise InputError(found.errors)
    if found.lack:
        raise UsageError(found.lack)
    if not found.errors:
        must_be_ignored(ignore, found.models)
    results, errors = gathering.judged(found, keep_going=keep_going)
    word = select.lower()
    kept = tuple(r for r in results if word in f"{r.id} {r.claim.quote if r.claim else ''}".lower())
    if not (kept or errors):
        raise WrongArgument("select", f"nothing to check is called {briefly(select)}")
    return Checked(kept, select, found.skipped, errors)


def models(word: str = "") -> Listing:
    """The bundled models, each at its own default context.

    word  lists those alone that have it in their name, vendor, attention or a hub id

    Raises InputError, and UsageError where none has.
    """
    from kvcalc.queries.listing import list_models

    must_be_text("word", word)
    found = list_models(catalog.load_all(list(bundle.bundled())))
    return found.with_word(catalog.word_of(word)) if word else found


def dtypes(word: str = "") -> Dtypes:
    """Every dtype that has a name: its bits, what is stored beside them, and whose it is.

    word  lists those alone that have it in a name. Raises UsageError where none has.
    """
    from kvcalc.queries.dtypes import list_dtypes

    must_be_text("word", word)
    return list_dtypes().with_word(word) if word else list_dtypes()


def gpus(word: str = "") -> Gpus:
    """The bundled GPUs: memory as a process sees it, bandwidth, and the link to the host.

    word  lists those alone that have it in a name or their vendor's

    Raises InputError, and UsageError where none has.
    """
    from kvcalc.devices import all_gpus
    from kvcalc.queries.gpus import list_gpus

    must_be_text("word", word)
    return list_gpus(all_gpus()).with_word(word) if word else list_gpus(all_gpus())


def settings(engine: str, word: str = "") -> EngineSettings:
    """The settings of an engine, which `show` and `compare` take by name, and what each decides.

    word  lists those alone that have it in a name or their help

    Raises UsageError where there is no such engine, or no such setting.
    """
    from kvcalc.queries.settings import list_settings

    must_be_text("engine", engine)
    must_be_text("word", word)
    return list_settings(engine).with_word(word) if word else list_settings(engine)


def diff(model: Reference, other: Reference, *, ignore: Sequence[str] = ()) -> Difference:
    """Whether two models keep the same cache, and what differs. Raises InputError."""
    from kvcalc.queries.diff import diff as answer

    return answer(*loaded([known("model", model), known("other", other)], ignore))


def to_yaml(model: Reference) -> str:
    """A model as a file of kvcalc's own; sources without a date are read today.

    Raises InputError, and UsageError for what YAML has no words for.
    """
    from datetime import date

    from kvcalc.schema.writing.model import to_yaml as written

    (found,) = loaded([known("model", model)])
    today = date.today().isoformat()
    sources = (source if source.read else replace(source, read=today) for source in found.sources)
    return written(replace(found, sources=tuple(sources)))


def json_schema(what: Literal["model", "claims", "gpu", "output"]) -> dict[str, Any]:
    """The JSON Schema of model, claims or GPU files, or of what `--json` prints."""
    from kvcalc import publish

    if not isinstance(what, str) or what not in publish.SCHEMAS:
        text = f"{briefly(what)} has no schema; known: {', '.join(publish.SCHEMAS)}"
        raise WrongArgument("what", text)
    return publish.SCHEMAS[what]()
