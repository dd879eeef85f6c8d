"""What a public function is given: what names its models, loaded, and lists of text as such."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from os.path import join
from typing import TYPE_CHECKING, Any

from kvcalc import catalog
from kvcalc.arguments import must_be_ignored, once_from_standard_input
from kvcalc.errors import WrongArgument, briefly
from kvcalc.hardware import Gpu
from kvcalc.model import Model
from kvcalc.opening import STDIN, standard_input

if TYPE_CHECKING:
    from kvcalc.budget.ledger import Ledger

    Known = Model | catalog.Reference
    """A reference whose path is text."""

Reference = Model | str | PathLike[str] | Mapping[str, Any]
"""A model, or what names one: a YAML path, a Hugging Face config.json or a folder that holds one, a
GGUF file, all these as text or as a Path; a hub id such as `hf:org/name`, a bundled name or what
people call one, `-` for standard input; or what such a YAML file or a config.json says, as a
dict."""
GpuReference = Gpu | str | PathLike[str]
"""A GPU, or what names one: what a bundled one is called, or a YAML file."""


def drafted(
    references: Sequence[Known], draft: Reference | None, ignore: Sequence[str]
) -> list[Model]:
    """The models, with a draft beside each of them if there is one."""
    if draft is None:
        return loaded(references, ignore)
    *models, drafting = loaded([*references, known("draft", draft)], ignore)
    return [replace(model, draft=drafting) for model in models]


def loaded(references: Sequence[Known], ignore: Sequence[str] = ()) -> list[Model]:
    """The models; fields of their files that are to be ignored are there, in one of them."""
    ignore = fields_of(ignore)
    names = [reference for reference in references if not isinstance(reference, Model)]
    once_from_standard_input(names)
    opened = iter(catalog.load_all(names, ignore))
    models = [r if isinstance(r, Model) else next(opened) for r in references]
    must_be_ignored(ignore, models)
    return models


def known(argument: str, thing: Reference) -> Known:
    """A model, its data, or what names one as text; a path stays one whatever it is called."""
    if isinstance(thing, Model | str) or (isinstance(thing, Mapping) and thing):
        return thing
    if isinstance(thing, PathLike) and isinstance(path := fspath(thing), str):
        return join(".", path) if path == "-" or ":" in path else path
    text = f"{briefly(thing)} is neither a model nor the name of one"
    several = isinstance(thing, list | tuple) and argument in ("models", "things")
    raise WrongArgument(argument, f"{text}; give them one by one" if several else text)


def known_gpu(gpu: GpuReference | None) -> Gpu | None:
    """A kind of GPU, or the one that is named. Raises InputError, and WrongArgument for neither."""
    if gpu is None or isinstance(gpu, Gpu):
        return gpu
    if isinstance(gpu, PathLike) and isinstance(path := fspath(gpu), str):
        gpu = path
    if not isinstance(gpu, str):
        raise WrongArgument("gpu", f"{briefly(gpu)} is neither a GPU nor the name of one")
    return catalog.gpu(gpu)


def known_ledger(log: str | PathLike[str] | None) -> Ledger | None:
    """What a server's log says, `-` for standard input.

    Raises InputError, and WrongArgument for what is no path.
    """
    if log is None:
        return None
    if isinstance(log, str) and log == STDIN:
        from kvcalc.budget.ledger import LOG_BYTES, ledger_in

        hint = "pipe a log into it: cat vllm.log | kvcalc fit MODEL --ledger -"
        return ledger_in(standard_input(LOG_BYTES + 1, hint), STDIN)
    path = fspath(log) if isinstance(log, str | PathLike) else None
    if not isinstance(path, str):
        raise WrongArgument("ledger", f"{briefly(log)} is not the path of a log")
    from kvcalc.budget.ledger import ledger_of

    return ledger_of(path)


def fields_of(ignore: Sequence[str]) -> tuple[str, ...]:
    """What is to be ignored. Raises WrongArgument where that is no list of fields."""
    return texts("ignore", ignore, "fields")


def texts(argument: str, given: Sequence[str], of: str = "figures") -> tuple[str, ...]:
    """A list of text, or WrongArgument."""
    if isinstance(given, str):
        text = briefly(given)
        raise WrongArgument(argument, f"{argument} is a list of {of}: [{text}], not {text}")
    if not isinstance(given, Collection) or not all(isinstance(name, str) for name in given):
        raise WrongArgument(argument, f"{argument} is a list of {of}, not {briefly(given)}")
    return tuple(given)


def must_be_text(argument: str, value: object) -> None:
    """Raises WrongArgument for anything else."""
    if not isinstance(value, str):
        raise WrongArgument(argument, f"{argument} is text, not {briefly(value)}")


def must_be_either(argument: str, value: object) -> None:
    """Raises WrongArgument for what is neither true nor false."""
    if not isinstance(value, bool):
        raise WrongArgument(argument, f"{argument} is true or false, not {briefly(value)}")
