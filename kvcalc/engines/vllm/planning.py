"""From a model and a question to its plan."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.vllm import deepseek_v4, dots3_note, glm5_next, inkling, qwen4_exp
from kvcalc.engines.vllm.architectures import types_of
from kvcalc.engines.vllm.attending import reader_of, refuse_unlike_stages
from kvcalc.engines.vllm.blocks import DEFAULT, Sizing
from kvcalc.engines.vllm.caches import Cached, Keeping, caches_of
from kvcalc.engines.vllm.drafting import is_head
from kvcalc.engines.vllm.dtypes import bytes_of
from kvcalc.engines.vllm.groups import Held, groups_of
from kvcalc.engines.vllm.packing import packed_groups
from kvcalc.engines.vllm.plan import VllmPlan
from kvcalc.engines.vllm.prefixes import prefixes_of
from kvcalc.engines.vllm.refusals import refuse, unserved
from kvcalc.engines.vllm.settings import ALIGN, NAME, VERSION
from kvcalc.engines.vllm.target import Target, has_state, is_window
from kvcalc.errors import UsageError
from kvcalc.parallel.stages import stages_of
from kvcalc.parallel.tensors import of_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.engines.vllm.dtypes import Dtype
    from kvcalc.engines.vllm.specs import Spec
    from kvcalc.model import Layer, Model
    from kvcalc.parallel.stages import Stage
    from kvcalc.question import Question

UNAPPLIED = "windows of which its file does not say where they are"
UNLISTED = "an MTP layer that its file does not list"
BEHIND = 10**6
"""Layers that no stage counts, of a draft or of MTP, are numbered from here on."""


def plan(model: Model, question: Question) -> VllmPlan:
    """How vLLM keeps a model, and the MTP layers or the draft beside it, in one pool.

    Raises UsageError for settings that it has not, and for what it refuses.
    """
    target = Target(model, question)
    refuse(target)
    stages = stages_of(model, target.ranks)
    sizing, settings = Sizing(target), target.settings
    refuse_unlike_stages(target, stages, sizing.skips)
    cached = _apart(target, stages, dict(_cached(target, sizing)))
    held = [Held(layer, one.spec, number) for (layer, number), one in cached.items()]
    unlike = len({one.spec.page for one in cached.values()}) > 1
    groups = packed_groups(held) if target.packs and unlike else groups_of(held)
    block, dcp = sizing.block if target.attends else DEFAULT, target.ranks.dcp
    return VllmPlan(
        groups=groups,
        cached=cached,
        stages=stages,
        ranks=target.ranks,
        own=settings,
        told=settings.told(sizing.block if target.attends else None, sizing.skipped),
        outermost=target.packs,
        # as several MTP layers read one token further each
        retained=settings.speculative - 1 if model.predicting > 1 else 0,
        prefixes=prefixes_of(groups, block, dcp, _ahead(target), caches=settings.prefix_caching),
        notes=_notes(target),
        fails=unserved(target),
    )


def _ahead(target: Target) -> int:
    """Tokens that what drafts has read ahead (config/vllm.py, num_hash_lookahead_tokens)."""
    if target.question.mtp:
        return target.settings.speculative if target.model.predicting > 1 else 1
    return int(target.model.draft is not None and is_head(target.model.draft))


def _notes(target: Target) -> tuple[str, ...]:
    gpu = target.settings.gpu.name
    another = "" if "gpu" in target.question.settings else "; -E gpu=NAME says another"
    told = [f"{NAME} {VERSION} on GPUs of type {gpu}{another}"]
    if not types_of(target.model):
        told.append(f"planned by {NAME}'s general rules, as no model_type of it is known")
    given, mode = target.question.settings.get("mamba_cache_mode"), target.settings.mode
    if given not in (None, mode):
        told.append(f"mamba_cache_mode is {mode}, as enable_prefix_caching decides it")
    drafts = target.question.mtp or target.model.draft
    numbers = sorted(int(name) for name in target.settings.skip if name.isdigit())
    if not drafts and numbers and numbers[-1] >= len(target.model.layers):
        text = f"kv_cache_dtype_skip_layers: there is no layer {numbers[-1]:,} to leave out"
        told.append(f"{text}, as they are numbered from 0")
    return (*told, *filter(None, (unserved(target),)))


def _cached(target: Target, sizing: Sizing) -> Iterator[tuple[tuple[int, int], Cached]]:
    """By layer and number, what is kept of every layer, in order; like layers are made once."""
    known: dict[tuple[bool, Layer, bool], tuple[Cached, ...]] = {}
    for number, model, layer in _layers(target):
        skipped = sizing.skips(_own_number(target, number, model), model, layer)
        key = (model is target.model, layer, skipped)
        if key not in known:
            known[key] = tuple(_of_layer(target, sizing, model, layer, skipped=skipped))
        unlisted = number >= BEHIND and model is target.model
        for at, one in enumerate(known[key]):
            yield (number, at), replace(one, held=(), why=UNLISTED) if unlisted else one


def _apart(
    target: Target, stages: Sequence[Stage], cached: dict[tuple[int, int], Cached]
) -> dict[tuple[int, int], Cached]:
    """States of a stage without attention in blocks of another size than others.

    The workers of a stage find the size of a block from its own attention (interface.py:747), and
    leave it as it was where there is none; in align mode states have blocks of that size.
    """
    if not target.hybrid or target.settings.mode != ALIGN:
        return cached
    firsts = [stage.first for stage in stages]

    def stage_of(layer: int) -> int:
        return bisect_right(firsts, layer)

    attending = {stage_of(layer) for (layer, _), one in cached.items() if one.spec.kind != "state"}
    return {
        (layer, number): one
        if stage_of(layer) in attending
        else replace(one, spec=replace(one.spec, block=DEFAULT))
        for (layer, number), one in cached.items()
    }


def _layers(target: Target) -> Iterator[tuple[int, Model, Layer]]:
    """Every layer: the model's, an MTP layer that its file does not list, and its draft's."""
    model = target.model
    for number, layer in enumerate(model.layers):
        yield number, model, layer
    if target.question.mtp and not model.predicting:
        yield BEHIND, model, (_unlisted(target),)
    if draft := model.draft:
        for number, layer in enumerate(draft.layers):
            yield BEHIND + 1 + number, draft, layer


def _own_number(target: Target, number: int, model: Model) -> int:
    """The number by which a layer is left out: a head's go on from the target's."""
    if number <= BEHIND or model is target.model:
        return number
    within = number - BEHIND - 1
    return within + len(target.model.layers) if is_head(model) else within


def _unlisted(target: Target) -> str:
    """What an MTP layer keeps: as the trunk's last attention does."""
    model = target.model
    names = [name for layer in model.layers for name in layer]
    own = [name for name in names if not has_state(model.attention[name])]
    if not own:
        text = f"{model.name} has no attention that its MTP layers could have"
        raise UsageError(f"vllm: {text}; leave --mtp out")
    if target.rules.mtp_window:
        windows = [name for name in own if is_window(model.attention[name])]
        return (windows or own)[-1]
    return own[-1]


def _of_layer(
    target: Target, sizing: Sizing, model: Model, layer: Layer, *, skipped: bool
) -> Iterator[Cached]:
    """What one layer keeps, each with what the ideal stores of the same on that rank."""
    for name in layer:
        scheme = model.attention[name]
        settled = model.storage(scheme).settle(scheme.kept)
        dtype = target.dtype
        if model is not target.model and model.kv_dtype:
            dtype = replace(dtype, layout=model.kv_dtype)
        kept = target.as_kept(scheme)
        for one in _of_scheme(target, sizing, kept, layer, dtype, skipped=skipped):
            names = {tensor.name for tensor in one.tensors}
            held = tuple(
                replace(s, tensor=of_rank(s.tensor, target.ranks))
                for s in settled
                if s.tensor.name in names and not s.tensor.shared
            )
            why = UNAPPLIED if target.keeps_whole(scheme) else one.why
            yield replace(one, held=held, spec=_padded(target, sizing, one.spec), why=why)


def _padded(target: Target, sizing: Sizing, spec: Spec) -> Spec:
    """A state beside attention takes the page of a block of it."""
    if spec.kind != "state" or not target.hybrid:
        return spec
    if spec.page > sizing.page:
        text = f"a state of {spec.page:,} B is larger than the {sizing.page:,} B planned for it"
        raise UsageError(f"vllm refuses to start: {text}; leave mamba_ssm_cache_dtype out")
    return spec.padded(sizing.page)


def _of_scheme(
    target: Target, sizing: Sizing, scheme: Scheme, layer: Layer, dtype: Dtype, *, skipped: bool
) -> Sequence[Cached]:
    if target.is_of("deepseek_v4"):
        return deepseek_v4.caches_of(scheme)
    if target.is_of("inkling") and has_state(scheme):
        return inkling.caches_of(scheme, target.model, layer, target.ranks.tp)
    reader = reader_of(target, scheme, skipped=skipped)
    own = (target.rules, target.settings, dtype, target.ranks.tp)
    keeping = Keeping(*own, sizing.block, sizing.padded, reader)
    if target.is_of("qwen4_exp"):
        if target.is_whole(scheme):
            return qwen4_exp.ngrams(scheme, keeping, target.sharded_state)
        return qwen4_exp.with_ring(caches_of(scheme, keeping, skipped=skipped), keeping)
    found = caches_of(scheme, keeping, skipped=skipped)
    if target.is_of("dots3_note"):
        return dots3_note.packed(found, bytes_of(target.widest_latents, dtype.layout))
    return glm5_next.packed(found, keeping) if target.is_of("glm5_next") else found
