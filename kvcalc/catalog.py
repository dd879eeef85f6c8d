"""The bundled files, and loading what references name: models, and claims about them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.bundle import bundled, bundled_claims, configs, files_of
from kvcalc.document import Document
from kvcalc.errors import InputError, Problem
from kvcalc.importers.recognition import is_hub, shown
from kvcalc.inside import inside
from kvcalc.naming.pasted import SUFFIX, unquoted
from kvcalc.opening import STDIN, Ignored, exists, model_of, of_bundle, of_path, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from kvcalc.claim import Claim
    from kvcalc.hardware import Gpu
    from kvcalc.model import Model
    from kvcalc.naming.index import Bundled
    from kvcalc.naming.twins import Twin

    Reference = str | Mapping[str, Any]
    """What names a model, or the data of its file as Python has it."""


def load(reference: Reference, ignored: Ignored = ()) -> Model:
    """The model that a reference names.

    reference  a YAML path, a config.json or a folder that holds one, a GGUF file, `hf:org/name`, a
               bundled name (with or without .yaml), what people call a bundled model otherwise
               (`org/name`, `llama3.1:8b`), or `-` for standard input; or a file's data
    ignored    fields of somebody else's file that are left out of it

    Raises InputError, with every problem of the file.
    """
    found, taken = _found(reference, ignored, "models")
    return _noted(model_of(found, ignored), taken)


def load_checkable(
    reference: Reference, ignored: Ignored = (), *, allow_outside: bool = False
) -> Model | tuple[Claim, ...]:
    """What `check` holds to its word: a model, or the claims of a file that has a `claims:` key.

    allow_outside  whether claims may name models outside of their folder and the working directory

    Raises InputError.
    """
    found, taken = _found(reference, ignored, "models", "claims")
    checkable = checkable_of(found, ignored, allow_outside=allow_outside)
    return checkable if isinstance(checkable, tuple) else _noted(checkable, taken)


def checkable_of(
    found: Document | Model, ignored: Ignored = (), *, allow_outside: bool = False
) -> Model | tuple[Claim, ...]:
    """The same of what is open already. Raises InputError."""
    if isinstance(found, Document) and isinstance(found.data, dict) and "claims" in found.data:
        # an install may be made of links, and those lead out of any folder
        ours = found.folder == configs() / "claims"
        return _claims(found, ignored=ignored, allow_outside=allow_outside or ours)
    return model_of(found, ignored)


def gpu(reference: str) -> Gpu:
    """The GPU that a reference names: a YAML path, a bundled name, or another name of one.

    Raises InputError, with every problem of the file.
    """
    from kvcalc.devices import gpu_of

    return gpu_of(reference)


def load_bundled() -> tuple[list[Model], list[Claim]]:
    """Every bundled model and claim, each file read once. Raises InputError."""
    models = {name: load(name) for name in bundled()}
    claims: list[Claim] = []
    for path in bundled_claims().values():
        claims += _claims(of_bundle(path), models, allow_outside=True)
    return list(models.values()), claims


def load_all(references: Sequence[Reference], ignored: Ignored = ()) -> list[Model]:
    """Load several models. Raises InputError with the problems of all of them."""
    found: list[Model] = []
    problems: list[Problem] = []
    for reference in references:
        try:
            found.append(load(reference, ignored))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def word_of(text: str) -> str:
    """A word to look for: of an address what is not private."""
    return shown(text)


@cache
def _names() -> tuple[Bundled, ...]:
    """What the bundled models are called, by themselves and on the hub."""
    from kvcalc.naming.index import bundled_names

    return bundled_names(bundled().values())


def _found(
    reference: Reference, ignored: Ignored, *folders: str
) -> tuple[Document | Model, Twin | None]:
    """What a reference names, and the bundled file that was taken for it by another name."""
    if not isinstance(reference, str):
        from kvcalc.given import document_of

        return document_of(reference), None
    try:
        found = opened(reference, lambda name: _bundled(name, folders), ignored)
    except InputError as error:
        if not is_hub(reference):
            raise
        from kvcalc.naming.answers import beside_the_hub

        raise InputError(
            [beside_the_hub(reference, p, _names()) for p in error.problems]
        ) from error
    if found is not None:
        return found, None
    _refuse_locked(reference)
    if is_hub(bare := unquoted(reference)) and bare != reference:
        return _found(bare, ignored, *folders)
    from kvcalc.naming.answers import the_twin

    files = tuple(name for folder in folders for name in files_of(folder))
    twin = the_twin(reference, _names(), files)
    return of_bundle(twin.bundled.path), twin


def _noted(model: Model, taken: Twin | None) -> Model:
    """A model with notes of how it was found, where that was by another name."""
    if taken is None:
        return model
    from kvcalc.naming.answers import noted

    return noted(model, taken)


def _refuse_locked(reference: str) -> None:
    """Raises InputError for a path behind a folder into which one may not look."""
    try:
        Path(reference).stat()
    except PermissionError as error:
        problem = Problem(f"cannot be read: {error.strerror}", file=reference)
        raise InputError([problem]) from None
    except (OSError, ValueError):
        return


def _bundled(name: str, folders: Sequence[str]) -> Path | None:
    """A file of that name, without a look at all the others beside it."""
    if Path(name).name != name:
        return None
    paths = (configs() / folder / f"{name}{SUFFIX}" for folder in folders)
    return next(filter(exists, paths), None)


def _claims(
    document: Document,
    known: Mapping[str, Model] | None = None,
    ignored: Ignored = (),
    *,
    allow_outside: bool = False,
) -> tuple[Claim, ...]:
    from kvcalc.schema.reading.claims import read_claims

    around = inside(document.folder)

    @cache
    def model_named(reference: str) -> Model:
        if known and reference in known:
            return known[reference]
        if reference == STDIN or is_hub(reference):
            if allow_outside:
                return load(reference, ignored)
            raise _outside(reference)
        if not allow_outside and around.leads_out(reference):
            raise _outside(reference)
        beside = document.folder / reference
        if exists(beside):
            return _beside(beside, ignored, pipes=allow_outside)
        name = reference.removesuffix(SUFFIX)
        if name not in bundled():
            from kvcalc.naming.answers import unknown_to_claims

            raise InputError([unknown_to_claims(reference, _names(), tuple(bundled()))])
        return model_of(of_bundle(bundled()[name]))

    @cache
    def gpu_named(reference: str) -> Gpu:
        from kvcalc.devices import bundled_gpu, gpu_in

        if not allow_outside and around.leads_out(reference):
            raise _outside(reference, "GPU")
        beside = document.folder / reference
        return gpu_in(beside) if beside.is_file() else bundled_gpu(reference)

    return document.read_by(
        lambda: read_claims(document.data, document.name, document.line, model_named, gpu_named)
    )


def _beside(path: Path, ignored: Ignored, *, pipes: bool) -> Model:
    """The model of a file or a folder that claims name."""
    if not (pipes or path.is_file() or path.is_dir()):
        raise InputError([Problem("this is not a file", "name a file", file=str(path))])
    return model_of(of_path(path, str(path), ignored), ignored)


def _outside(reference: str, what: str = "model") -> InputError:
    """The same words whether there is such a file or not."""
    places = "below this file's folder or the working directory, links followed"
    text = f"{shown(reference)!r} is no bundled {what} and not {places}"
    hint = "to trust the claims with any file and with the hub, add --allow-outside"
    return InputError([Problem(text, hint)])
