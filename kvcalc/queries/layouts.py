"""How a model may be laid out over GPUs: what was asked for, or the ways that are sensible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES
from kvcalc.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.model import Model
    from kvcalc.parallel.ranks import Ranks
    from kvcalc.question import Question

KINDS = ("tp", "pp", "dp")


def layouts_of(model: Model, question: Question, gpus: int | None) -> tuple[Question, ...]:
    """The question with each layout of so many GPUs: the one asked for, where it takes them all.

    Else those that go with what is asked: all GPUs share the heads; some do, in stages; some do, of
    copies that share the sequences (and the experts); and where ranks would keep the same entries,
    ones that share the tokens. Stages of one GPU each come last, for where no heads can be shared.
    Raises WrongArgument where none takes so many.
    """
    asked = {kind: getattr(question, kind) for kind in KINDS}
    taken = question.tp * question.pp * question.dp
    if gpus is None or taken == gpus:
        return (question,)
    for kind, ranks in asked.items():
        if ranks > gpus:
            raise WrongArgument(kind, f"{ranks:,} ranks are more than {gpus:,} GPUs: add --gpus")
    if gpus % taken:
        told = " x ".join(f"{kind} {ranks:,}" for kind, ranks in asked.items() if ranks > 1)
        text = f"{told} is {taken:,} GPUs, which does not divide the {gpus:,} that there are"
        raise WrongArgument("gpus", f"{text}: the layout multiplies to them")
    free = [kind for kind, ranks in asked.items() if ranks == 1 and not _cut(question, kind)]
    found = tuple(_filled(question, free, gpus // taken))
    if not found:
        text = f"the layout takes {taken:,} of {gpus:,} GPUs"
        raise WrongArgument("gpus", f"{text}: name all of them, or fewer ranks")
    shared = [more for one in found for more in _sharing(model, one) if question.dcp == 1]
    return tuple(sorted((*found, *shared), key=is_last_resort))


def is_last_resort(layout: Question) -> bool:
    """Whether each stage is one GPU: a token waits for all of them, one after the other."""
    return layout.pp > 1 and layout.tp == 1


def layout_name(ranks: Question | Ranks) -> str:
    """A layout in words: `tp 4, pp 2`; of one GPU that it is one."""
    kinds = (*KINDS, "dcp")
    told = ((kind, getattr(ranks, kind)) for kind in kinds)
    return ", ".join(f"{kind} {number:,}" for kind, number in told if number > 1) or "one GPU"


def _cut(question: Question, kind: str) -> bool:
    """Whether the layers of each stage are named, which says how many stages there are."""
    return kind == "pp" and question.pp_layers is not None


def _filled(question: Question, free: list[str], gpus: int) -> Iterator[Question]:
    """Ranks of one kind, or of two with those of tp, that make so many."""
    if "tp" in free:
        yield replace(question, tp=gpus)
    for ranks in (number for number in range(2, gpus + 1) if gpus % number == 0):
        tp = gpus // ranks
        if "pp" in free and ("tp" in free or tp == 1):
            yield replace(question, pp=ranks, tp=question.tp * tp)
    for ranks in (number for number in range(2, gpus + 1) if gpus % number == 0):
        tp = gpus // ranks
        if "dp" in free and ("tp" in free or tp == 1):
            yield replace(question, dp=ranks, tp=question.tp * tp)


def _sharing(model: Model, question: Question) -> Iterator[Question]:
    """All GPUs of tp, with ranks that share tokens where they would keep the same.

    As many as would, and half as many, and so on, as an engine may take no more.
    """
    if question.tp == 1 or question.pp > 1 or question.dp > 1:
        return
    kept = [t for scheme in model.schemes for t in scheme.kept if t.role in ENTRY_ROLES]
    copies = {question.tp // min(question.tp, tensor.heads or 1) for tensor in kept}
    alike = min(copies, default=1)
    while alike > 1 and question.tp % alike == 0:
        yield replace(question, dcp=alike)
        alike //= 2
