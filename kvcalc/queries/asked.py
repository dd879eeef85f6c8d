"""A question as its models can be asked it, and what a reader of the answer should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kvcalc.errors import WrongArgument
from kvcalc.extents import Fixed, TopK
from kvcalc.model import Model
from kvcalc.question import Question
from kvcalc.sharing import lasting
from kvcalc.units import MAX_TOKENS
from kvcalc.whatif import native_row


def filled(question: Question, models: Sequence[Model]) -> Question:
    """The question with its context: asked for, or what all models can do, 131,072 at most.

    What was ignored of models that were loaded before is told of, too. Raises WrongArgument where
    a prefix is longer.
    """
    drafts = (model.draft for model in models if model.draft)
    before = (name for model in (*models, *drafts) for name in model.ignored)
    context = question.context
    if context is None:
        context = min(model.default_context for model in models)
    prefix = question.shared_prefix or 0
    if prefix > context:
        text = f"a prefix of {prefix:,} tokens is no part of a context of {context:,} tokens"
        raise WrongArgument("shared_prefix", f"{text}: name a longer context, or a shorter prefix")
    return replace(
        question, context=context, ignored=(*dict.fromkeys((*question.ignored, *before)),)
    )


def notes_on(model: Model, question: Question) -> tuple[str, ...]:
    """What a reader of the answer should know of a model, before the question's changes to it."""
    name, source, prefix = model.name, question.source_length, question.shared_prefix
    tensors = [tensor for scheme in model.schemes for tensor in scheme.kept]
    crosses = any(scheme.crosses for scheme in model.schemes)
    notes = {
        f"{name}: cross attention is not counted, as no source length is known": (
            crosses and source is None and any(t.extent == Fixed(0) for t in tensors)
        ),
        f"{name} has no cross attention: the source length changes nothing": (
            not crosses and source is not None
        ),
        f"{name}: compressors' left-over state is not counted, each engine keeps its own": any(
            scheme.left_over() for scheme in model.schemes
        ),
        f"{name} has no index keys: the index dtype changes nothing": (
            question.index_dtype is not None and all(tensor.role != "index" for tensor in tensors)
        ),
        f"{name}: the top tokens of a step are taken to lie evenly on the {question.dcp:,} ranks "
        "that share them": question.dcp > 1 and any(isinstance(t.reads, TopK) for t in tensors),
        f"{name} keeps nothing of a prefix that sequences could share: each has its own": (
            bool(prefix)
            and not any(not t.shared and lasting(t.extent, MAX_TOKENS) for t in tensors)
        ),
        f"{name} has no MTP layers that its file knows of": question.mtp and not model.mtp,
        f"{name}: {_predicting(model, question)} included": question.mtp and bool(model.mtp),
    }
    untrue = [n for setting, n in model.outdated.items() if getattr(question, setting) is not None]
    own = tuple(f"{name}: {note}" for note in model.notes if note not in untrue)
    applying = tuple(note for note, applies in notes.items() if applies)
    stored = (question.kv_dtype.note,) if question.kv_dtype and question.kv_dtype.note else ()
    drafts = tuple(f"draft: {note}" for note in _on_draft(model.draft, question))
    return own + beyond(model, question.tokens) + applying + stored + drafts


def alone(question: Question) -> tuple[str, ...]:
    """A note where a prefix is shared by one sequence, which keeps all of it anyway."""
    if not question.shared_prefix or question.batch * question.beams > 1:
        return ()
    return ("one sequence shares its prefix with none, and keeps all of it: --batch says how many",)


def _predicting(model: Model, question: Question) -> str:
    own, wanted = len(model.mtp), question.mtp_layers
    if wanted is None or wanted == own:
        return f"{own} MTP layer(s)"
    return f"{wanted:,} MTP layer(s), where its file has {own},"


def _on_draft(draft: Model | None, question: Question) -> tuple[str, ...]:
    if draft is None:
        return ()
    notes = notes_on(draft, question.of_draft) + native_row(draft.adapted(question.of_draft)).notes
    if question.kv_dtype is None or question.draft_kv_dtype is not None:
        return notes
    own = f"{draft.name} keeps its own dtype, whichever the model's cache is asked for in"
    return (*notes, f"{own}; --draft-kv-dtype says another")


def drafts_of(models: Sequence[Model]) -> str | None:
    """The names of the drafts beside models, each once; None where there are none."""
    return ", ".join(dict.fromkeys(model.draft.name for model in models if model.draft)) or None


def names_of(models: Sequence[Model]) -> list[str]:
    """What models are called beside each other: those of one name with their files."""
    names = [model.name for model in models]
    return [
        name if names.count(name) == 1 else f"{name} ({model.file})"
        for name, model in zip(names, models, strict=True)
    ]


def beyond(model: Model, context: int) -> tuple[str, ...]:
    """A note where the context is longer than the model was made for."""
    if model.max_context is None or context <= model.max_context:
        return ()
    return (f"context {context:,} is beyond {model.name}'s own {model.max_context:,} tokens",)
