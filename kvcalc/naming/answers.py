"""What is said of a pasted name: which bundled file was taken for it, or the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc.errors import InputError, Nearest, Problem
from kvcalc.importers.recognition import HUB, shown
from kvcalc.naming.pasted import LATEST, SUFFIX, Pasted, pasted, pasted_of_hub
from kvcalc.naming.twins import nearest, of_other_sizes, twins

if TYPE_CHECKING:
    from kvcalc.model import Model
    from kvcalc.naming.index import Bundled
    from kvcalc.naming.twins import Twin

_MOST = 8
"""Names that are listed; of more it is told how to see them."""

FOUR_BITS = ("mxfp4", "nvfp4", "int4")


def noted(model: Model, twin: Twin) -> Model:
    """A model with notes of how it was found by another name.

    How much its weights are is left out where they are stored otherwise than the file says.
    """
    told = replace(model, notes=(twin.note, *model.notes))
    # a model trained on to experts of 4 bits is based on one that has none such
    few_bits = any(name in model.weights for name in FOUR_BITS)
    if twin.stored_otherwise or twin.other_weights or (twin.of_base and few_bits):
        told = replace(told, weight_bytes=None, weights={}, weight_dtype=None)
    if not twin.stored_otherwise:
        return told
    outdated = {**model.outdated, "kv_dtype": twin.unread_dtype}
    return replace(told, notes=(*told.notes, twin.unread_dtype), outdated=outdated)


def the_twin(reference: str, known: Sequence[Bundled], files: Sequence[str]) -> Twin:
    """The one bundled file that a name means.

    files  names of bundled files that a misspelt one is compared with

    Raises InputError where it may mean several, or none.
    """
    name = None if _is_file(Path(reference)) else pasted(reference)
    found = twins(name, known) if name else []
    if len(found) == 1:
        return found[0]
    if found:
        text = f"{shown(reference)!r} may be any of {len(found)} bundled models"
        hint = f"name one: {', '.join(twin.bundled.name for twin in found)}"
        raise InputError([Problem(text, hint)])
    raise InputError([unknown(reference, known, files)])


def unknown_to_claims(reference: str, known: Sequence[Bundled], files: Sequence[str]) -> Problem:
    """The same where models are called by their own names alone: what others say may move."""
    problem = unknown(reference, known, files)
    twin = _only(pasted(reference), known)
    return replace(problem, advice=f"bundled is {twin}: claims name it so") if twin else problem


def unknown(reference: str, known: Sequence[Bundled], files: Sequence[str]) -> Problem:
    """What is wrong with a name that is none, and the way out."""
    path, text = Path(reference), shown(reference)
    if _is_file(path):
        twin = _only(pasted(path.name.removesuffix(path.suffix)), known)
        return Problem("no such file", f"bundled is {twin}" if twin else "", file=text)
    name = pasted(reference)
    if name and name.organisation:
        nothing = f"no file, no folder and no bundled model is called {text!r}"
        return Problem(nothing, _of_the_hub(name, known))
    nothing = f"no file and no bundled model is called {text!r}"
    if name and (hint := _like(name, known)):
        return Problem(nothing, hint)
    word = reference.removesuffix(SUFFIX)
    listing = f"kvcalc list shows the bundled ones; one of the hub is {HUB}organisation/name"
    return Problem(nothing, Nearest(word, tuple(files), listing))


def _like(name: Pasted, known: Sequence[Bundled]) -> str:
    """What to write for a bare name that begins as bundled ones do, or has another size."""
    near, others = nearest(name, known), of_other_sizes(name, known)
    if name.name.endswith(LATEST):
        bundled = [*others, *near] if len(near) < _MOST else others
        told = f"; bundled is {_or([*dict.fromkeys(bundled)])}" if bundled else ""
        return f"latest may be a model of any size: name its size{told}"
    if len(near) > _MOST:
        return f"kvcalc list {_quoted(name.name)} shows {len(near)} that begin so"
    if near:
        return f"did you mean {_or(near)}?"
    return f"bundled is {_or(others)}, which may be of another size" if others else ""


def beside_the_hub(reference: str, problem: Problem, known: Sequence[Bundled]) -> Problem:
    """A problem of a reference to the hub, and the bundled file that stands for it, if one does."""
    twin = _only(pasted_of_hub(reference), known) or _only(pasted(reference), known)
    if not twin:
        return problem
    way_out = f"bundled is {twin}, which needs no hub"
    return replace(problem, advice=f"{problem.hint}; {way_out}" if problem.hint else way_out)


def _only(name: Pasted | None, known: Sequence[Bundled]) -> str:
    found = twins(name, known) if name else []
    return found[0].bundled.name if len(found) == 1 else ""


def _is_file(path: Path) -> bool:
    if path.suffix.lower() in (".json", ".gguf"):
        return True
    return path.suffix in (SUFFIX, ".yml") and len(path.parts) > 1


def _of_the_hub(name: Pasted, known: Sequence[Bundled]) -> str:
    """How a model of the hub is named, and what of its maker is bundled under a like name."""
    at = name.revision if name.revision.startswith("@") else ""
    hint = f"from the hub it is {HUB}{name.id}{at}"
    if find_spec("huggingface_hub") is None:
        hint += ", once its client is installed: pip install 'kvcalc[hub]'"
    maker = name.organisation.lower()
    own = [one for one in known if any(maker == own.organisation for own in one.hub)]
    like = [twin.bundled.name for twin in twins(Pasted(name.name), own)]
    return f"{hint}; bundled of the same maker is {_or(like)}" if like else hint


def _or(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _quoted(word: str) -> str:
    return f'"{word}"' if not word.replace(".", "").isalnum() else word
