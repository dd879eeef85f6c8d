"""transformers: its dynamic cache, as it stands after a prefill (5.24.0, cache_utils.py).

It pages nothing and quantizes nothing, but keeps some tensors otherwise than the ideal: `rules`
says in which ways, and for which models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES
from kvcalc.engines.reservation import (
    Capacity,
    Reservation,
    Term,
    WithDraft,
    as_the_longest,
    refuse_sharing,
)
from kvcalc.engines.settings import Declared, read
from kvcalc.engines.transformers.rules import (
    GENERAL,
    LISTED,
    OWN,
    PROMPTED,
    Layers,
    Rule,
    stated,
)
from kvcalc.errors import UsageError, WrongArgument
from kvcalc.extents import Window
from kvcalc.formats import FLOATS
from kvcalc.parallel.ranks import ranks_of
from kvcalc.sharing import Sharing

if TYPE_CHECKING:
    from kvcalc.cache import Group
    from kvcalc.formats import Format
    from kvcalc.mix import Mix
    from kvcalc.model import Model
    from kvcalc.question import Question, Setting

NAME = "transformers"
VERSION = "5.24.0"
SETTINGS: tuple[Declared, ...] = ()

REPEATED = "what cross attention looks back at, again for every beam"

Step = tuple[Rule, tuple[tuple[Layers, Layers], ...]]
"""A rule, and the layers that it changes, before and after it."""


@dataclass(frozen=True)
class TransformersPlan:
    """transformers' cache of one model; sequences of a batch are kept alike.

    own    the rules that its class, or its file, adds to those of every model
    steps  the rules that change something, in the order in which they are applied
    notes  what is true of it at any context
    beams  of each sequence: rows of the batch that have all to themselves
    """

    model: Model
    own: tuple[Rule, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    beams: int = 1

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        """Bytes after a prefill of `context` tokens in each of `batch` sequences."""
        refuse_sharing(NAME, shared, "its tensors have a row for each of a batch")
        terms, notes, rows = [], [*self.notes], batch * self.beams
        stored = Sharing(beams=self.beams).stored(self.model.cache, context, batch)
        # encoder_outputs are repeated beside input_ids before anything crosses to them
        # (generation/utils.py, _expand_inputs_for_generation)
        if more := rows * self.model.cache.stored(context) - stored:
            terms.append(Term(REPEATED, more))
        for rule, changed in self.steps:
            more = sum(after.stored(context) - before.stored(context) for before, after in changed)
            terms += [Term(rule.name, rows * more)] if more else []
            if more and rule in self.own:
                notes.append(f"{NAME} has its own way with {self.model.name}: {rule.name}")
        total = stored + sum(term.bytes for term in terms)
        return Reservation(total, lambda: tuple(terms), tuple(notes))

    def settings_at(self, context: int | None) -> dict[str, Setting]:
        """It has none."""
        return {}

    @property
    def cut(self) -> None:
        """It has no layout for several GPUs."""

    @property
    def period(self) -> int:
        """What is carried of a stride that is not full falls to nothing where it is."""
        after = (layers for _, changed in self.steps for _, layers in changed)
        return math.lcm(*(carried.stride for layers in after for carried in layers.carried))

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        """It allocates as it goes: what one sequence takes, so many times."""
        return Capacity(memory // max(1, self.at(context, 1, shared).bytes))

    @property
    def fails(self) -> str:
        """It does what it plans."""
        return ""

    def serving(self, batch: int) -> TransformersPlan:
        """No setting says how many."""
        return self

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        """Rows of a batch are padded to the longest."""
        return as_the_longest(self, memory, mix)

    def mean(self, mix: Mix) -> Fraction:
        """Each is as the longest."""
        return Fraction(self.at(mix.longest, 1).bytes)


def plan(model: Model, question: Question) -> TransformersPlan | WithDraft:
    """How transformers keeps a model; a draft beside it by the rules for its own architecture.

    Raises UsageError for GPUs that share it, settings, a dtype that is no float, sinks, a cut, a
    draft beside beams and entries that are not known.
    """
    read(NAME, SETTINGS, question.settings)
    if ranks_of(question).gpus > 1:
        text = f"{NAME} has no layout for several GPUs"
        raise UsageError(f"{text}: leave the engine out, or --tp, --pp and --dp")
    if model.draft is None:
        return replace(_plan(model), beams=question.beams)
    if question.beams > 1:  # it says so, and passes the draft over
        text = f"{NAME} has no draft beside {question.beams:,} beams"
        raise WrongArgument("beams", f"{text}: leave one of them out")
    own = _plan(replace(model, draft=None))
    try:
        return WithDraft(own, plan(model.draft, question.of_draft))
    except UsageError as error:
        # the option by which a draft's dtype is changed is another
        text = str(error).replace("--kv-dtype", "--draft-kv-dtype")
        raise UsageError(f"draft: {text}") from None


def _plan(model: Model) -> TransformersPlan:
    _refuse_sinks(model)
    _refuse_undivided(model)
    own, off = _own(model), _stated(model)
    general = (rule for rule in GENERAL if own is None or rule != own.instead_of)
    rules = [rule for rule in (own, *general, off) if rule]
    layers = [_layers(group, model) for group in model.cache.groups]
    steps: list[Step] = []
    for rule in rules:
        after = [rule.apply(like) for like in layers]
        changed = tuple(pair for pair in zip(layers, after, strict=True) if pair[0] != pair[1])
        steps += [(rule, changed)] if changed else []
        layers = after
    added = tuple(rule for rule in (own, off) if rule)
    return TransformersPlan(model, added, tuple(steps), _resolved(model))


def _layers(group: Group, model: Model) -> Layers:
    shape = model.attention[group.name].shape
    return Layers(group, shape.heads if shape else 1, _dtype(group, model), group.tensors)


def _refuse_sinks(model: Model) -> None:
    """Raises UsageError where the first tokens stay beside a window: no cache of 5.x does that."""
    extents = (tensor.tensor.extent for _, tensor in model.cache.tensors)
    if any(isinstance(extent, Window) and extent.sink for extent in extents):
        text = f"{NAME} keeps no attention sinks beside a window, as {model.name} does"
        raise UsageError(f"{text}: leave the engine out")


def _refuse_undivided(model: Model) -> None:
    """Raises UsageError for DeepSeek-V4.1: 5.24.0 has no class that keeps entries as it does."""
    if any(tensor.tensor.role in ("kv", "compressed") for _, tensor in model.cache.tensors):
        text = f"{NAME} 5.24.0 has no cache for entries such as those of {model.name}"
        raise UsageError(f"{text}: leave the engine out")


def _own(model: Model) -> Rule | None:
    """What the code of this model's `model_type` does."""
    return OWN.get(_model_type(model))


def _stated(model: Model) -> Rule | None:
    """What a window does that the file states and the model does not apply."""
    if model.stated_window is None or _model_type(model) in LISTED:
        return None
    if _model_type(model) in PROMPTED:
        text = f"{NAME} cuts the learned prompt of {model.name} and its tokens as one, at a window"
        raise UsageError(f"{text} that is switched off: kvcalc does not count that")
    return stated(model.stated_window)


def _model_type(model: Model) -> str:
    """Of which class of transformers a model is; in a wrapper, that inside it; "": not known."""
    named = model.architecture
    if named is None or named.dialect != "huggingface":
        return ""
    return named.inner or named.name


def _dtype(group: Group, model: Model) -> Format:
    """The one dtype of a cache: the question's, that of the entries, or the model's.

    Entries that are no floats are as a file's KV scheme has them, which is for other engines.
    """
    own, layout = _entry_formats(group), model.kv_dtype or model.dtype
    sides = [layout.format_of(role, None) for role in ("k", "v")]
    asked = {stored for stored in sides if stored}
    if asked and None in sides:  # a layout of one side leaves the other as it is
        asked |= own
    found = own if own and own <= set(FLOATS) and not model.kv_dtype else asked
    if found and found <= set(FLOATS):
        return max(found, key=lambda stored: stored.bits)
    names = " and ".join(sorted({stored.name for stored in found})) or layout.name
    text = f"{NAME} keeps its dynamic cache in floats of 16 or 32 bits, not in {names}"
    raise UsageError(f"{text}; add --kv-dtype bf16")


def _resolved(model: Model) -> tuple[str, ...]:
    """In which dtype the cache is, where the model's own entries are in one that cannot be."""
    groups = [g for g in model.cache.groups if not _entry_formats(g) <= set(FLOATS)]
    kept = ", ".join(dict.fromkeys(_dtype(group, model).name for group in groups))
    text = f"{NAME} keeps {model.name} in {kept}: it knows nothing of the KV scheme"
    return (f"{text} that the file states",) if kept and not model.kv_dtype else ()


def _entry_formats(group: Group) -> set[Format]:
    return {settled.format for settled in group.tensors if settled.tensor.role in ENTRY_ROLES}
