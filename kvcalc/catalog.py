"""The bundled files, and loading what references name: models, and claims about them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.document import Document
from kvcalc.errors import InputError, Nearest, Problem
from kvcalc.importers.recognition import HUB, is_hub, shown
from kvcalc.inside import inside
from kvcalc.opening import STDIN, SUFFIX, Ignored, exists, model_of, of_bundle, of_path, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvcalc.claim import Claim
    from kvcalc.model import Model

_HERE = Path(__file__).parent


def configs() -> Path:
    """The folder of bundled files: the checkout's beside the package, else the installed one."""
    checkout = _HERE.parent / "configs"
    return checkout if (checkout / "models").is_dir() else _HERE / "configs"


@cache
def bundled() -> dict[str, Path]:
    """The bundled model files by name, in alphabetical order."""
    return _files("models")


@cache
def bundled_claims() -> dict[str, Path]:
    """The bundled claims files by name, in alphabetical order."""
    return _files("claims")


def _files(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((configs() / folder).glob(f"*{SUFFIX}"))}


def load(reference: str, ignored: Ignored = ()) -> Model:
    """The model that a reference names.

    reference  a YAML path, a config.json or a folder that holds one, a GGUF file, `hf:org/name`, a
               bundled name (with or without .yaml), or `-` for standard input
    ignored    fields of somebody else's file that are left out of it

    Raises InputError, with every problem of the file.
    """
    return model_of(_found(reference, ignored, "models"), ignored)


def load_checkable(
    reference: str, ignored: Ignored = (), *, allow_outside: bool = False
) -> Model | tuple[Claim, ...]:
    """What `check` holds to its word: a model, or the claims of a file that has a `claims:` key.

    allow_outside  whether claims may name models outside of their folder and the working directory

    Raises InputError.
    """
    found = _found(reference, ignored, "models", "claims")
    return checkable_of(found, ignored, allow_outside=allow_outside)


def checkable_of(
    found: Document | Model, ignored: Ignored = (), *, allow_outside: bool = False
) -> Model | tuple[Claim, ...]:
    """The same of what is open already. Raises InputError."""
    if isinstance(found, Document) and isinstance(found.data, dict) and "claims" in found.data:
        # an install may be made of links, and those lead out of any folder
        ours = found.folder == configs() / "claims"
        return _claims(found, ignored=ignored, allow_outside=allow_outside or ours)
    return model_of(found, ignored)


def load_bundled() -> tuple[list[Model], list[Claim]]:
    """Every bundled model and claim, each file read once. Raises InputError."""
    models = {name: load(name) for name in bundled()}
    claims: list[Claim] = []
    for path in bundled_claims().values():
        claims += _claims(of_bundle(path), models, allow_outside=True)
    return list(models.values()), claims


def load_all(references: Sequence[str], ignored: Ignored = ()) -> list[Model]:
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


def _found(reference: str, ignored: Ignored, *folders: str) -> Document | Model:
    found = opened(reference, lambda name: _bundled(name, folders), ignored)
    if found is None:
        _refuse_locked(reference)
        raise _unknown(reference, {name for folder in folders for name in _files(folder)})
    return found


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


def _unknown(reference: str, known: Iterable[str]) -> InputError:
    path, reference = Path(reference), shown(reference)
    if path.suffix in (".json", ".gguf") or (
        path.suffix in (SUFFIX, ".yml") and len(path.parts) > 1
    ):
        return InputError([Problem("no such file", file=reference)])
    if len(path.parts) == 2 and not path.is_absolute() and path.parts[0] not in (".", ".."):
        hint = f"from the hub it is {HUB}{reference}"
        return InputError([Problem(f"no file and no folder is called {reference!r}", hint)])
    word, listing = reference.removesuffix(SUFFIX), "kvcalc list shows the bundled ones"
    text = f"no file and no bundled model is called {reference!r}"
    return InputError([Problem(text, Nearest(word, tuple(known), listing))])


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
            raise _unknown(reference, bundled())
        return model_of(of_bundle(bundled()[name]))

    return document.read_by(
        lambda: read_claims(document.data, document.name, document.line, model_named)
    )


def _beside(path: Path, ignored: Ignored, *, pipes: bool) -> Model:
    """The model of a file or a folder that claims name."""
    if not (pipes or path.is_file() or path.is_dir()):
        raise InputError([Problem("this is not a file", "name a file", file=str(path))])
    return model_of(of_path(path, str(path), ignored), ignored)


def _outside(reference: str) -> InputError:
    """The same words whether there is such a file or not."""
    places = "below this file's folder or the working directory, links followed"
    text = f"{shown(reference)!r} is no bundled model and not {places}"
    hint = "to trust the claims with any file and with the hub, add --allow-outside"
    return InputError([Problem(text, hint)])
