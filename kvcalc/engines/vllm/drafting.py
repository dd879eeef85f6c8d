"""What drafts tokens: a model's own MTP layers, or another model (config/speculative.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.architectures import named_in, rules_of, types_of
from kvcalc.engines.vllm.target import has_state
from kvcalc.errors import UsageError
from kvcalc.extents import Window

if TYPE_CHECKING:
    from kvcalc.engines.vllm.target import Target
    from kvcalc.model import Model

UNLISTED = frozenset(
    [
        *("deepseek_v32", "deepseek_v4", "glm_moe_dsa", "dots3_note"),
        *("longcat_flash", "mimo_v2", "mimo_v2_flash", "exaone_moe", "exaone4_5"),
        *("qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen4_exp", "minimax_m3_vl", "glm5_next"),
    ]
)
"""Types with MTP layers, of which there is one where a file says nothing."""

LISTED = frozenset(
    [
        # mistral_large_3 is of this type too, and what it drafts with is another model
        "deepseek_v3",
        *("mimo", "glm4_moe", "glm4_moe_lite", "glm_ocr", "ernie4_5_moe", "kimi_k3"),
        *("nemotron_h", "nemotron_h_puzzle", "bailing_hybrid", "hy_v3"),
    ]
)
"""Those whose files have to say how many."""

OTHERS = frozenset(
    [
        *("pangu_ultra_moe", "hy_v4", "step3p5", "step3p7", "step5", "step5_vl"),
        *("inkling_mm_model", "inkling_model"),
    ]
)
"""Those whose MTP layers are not modelled."""

PACKAGES = ("deepseek_v4", "glm5_next", "inkling", "qwen4_exp")
"""Types of whose caches a module of their own tells."""

MARKED = "read as a draft head"
"""How the note begins of a draft whose file says that it is a head for another model."""


def is_head(draft: Model) -> bool:
    """Whether its layers are numbered on from the target's, and not from 0 as its own."""
    return len(draft.layers) == 1 or _is_marked(draft)


def _is_marked(draft: Model) -> bool:
    return any(note.startswith(MARKED) for note in draft.notes)


def refuse_drafts(target: Target) -> None:
    """Raises UsageError for MTP layers that vLLM does not have, or not so, and for drafts."""
    if target.question.mtp:
        _layers(target)
    draft = target.model.draft
    if draft:
        _beside(target, draft)
    if draft and target.ranks.pp > 1 and not _is_marked(draft):
        # v1/worker/gpu/spec_decode/standalone_ar/speculator.py:115: it is cut into stages as well
        text = f"{draft.name} beside stages is not modelled, as it is no head for another model"
        raise UsageError(f"vllm: {text}; leave --pp out")
    if draft and draft.kv_dtype and not _is_marked(draft):
        text = f"vllm keeps {draft.name}, which is no head for another model, in the model's dtype"
        raise UsageError(f"{text}; leave --draft-kv-dtype out")
    drafted, batched = target.settings.speculative, target.settings.batched
    if drafted and batched <= drafted:
        # config/vllm.py:2371
        text = (
            f"max_num_batched_tokens {batched:,} leaves no slot beside {drafted:,} drafted tokens"
        )
        raise UsageError(f"vllm refuses to start: {text}")


def _beside(target: Target, draft: Model) -> None:
    if target.question.mtp:
        # config/speculative.py has one method
        text = "one of MTP layers and another model drafts, and both are asked for"
        raise UsageError(f"vllm refuses to start: {text}; leave --mtp or --draft out")
    if any(scheme.crosses for scheme in target.schemes):
        text = f"{draft.name} beside {target.model.name} is not modelled, as one of them attends"
        raise UsageError(f"vllm: {text} to an encoder's output; leave --draft out")
    own = [has_state(scheme) for scheme in target.own_schemes]
    drafts = [has_state(scheme) for scheme in draft.schemes]
    if (all(own) and not all(drafts)) or (any(drafts) and not any(own)):
        # interface.py:940 goes by the model alone
        text = f"{draft.name} beside {target.model.name} is not modelled, as one of them alone"
        raise UsageError(f"vllm: {text} has states, or attention; leave --draft out")
    if not _is_marked(draft) and not _is_kept_alike(target, draft):
        text = f"{draft.name} beside {target.model.name} is not modelled, as their classes keep"
        raise UsageError(f"vllm: {text} their caches by unlike rules; leave --draft out")


def _is_kept_alike(target: Target, draft: Model) -> bool:
    """Whether a model's rules are those of the draft beside it, as far as it has what they say."""
    own, its = target.rules, rules_of(draft)
    for family in PACKAGES:
        if target.is_of(family) != any(name.startswith(family) for name in types_of(draft)):
            return False
    tensors = [tensor for scheme in draft.schemes for tensor in scheme.kept]
    if any(map(has_state, draft.schemes)) or its.own_backend:
        return its == own
    latents = any(tensor.role == "latent" for tensor in tensors)
    if latents and not any(t.role == "latent" for s in target.own_schemes for t in s.kept):
        return False
    windows = any(isinstance(tensor.extent, Window) for tensor in tensors)
    return not (latents and (its.latents, its.index) != (own.latents, own.index)) and not (
        windows and its.window_more != own.window_more
    )


def _layers(target: Target) -> None:
    model, drafted, has = target.model, target.settings.speculative, target.model.predicting
    if target.question.mtp_layers is not None:
        text = f"vllm has all MTP layers of {model.name} or none, so --mtp alone"
        raise UsageError(f"{text}; -E num_speculative_tokens=N says how many it drafts with them")
    if named_in(model, OTHERS):
        raise UsageError(f"vllm: how it keeps the MTP layers of {model.name} is not modelled")
    if not types_of(model) and not has:
        text = f"whether {model.name} has MTP layers is not known, as no architecture of it is"
        raise UsageError(f"vllm: {text}; leave --mtp out, or list them in its file")
    if types_of(model) and not named_in(model, UNLISTED | LISTED):
        raise UsageError(f"vllm refuses to start: {model.name} is of a type it has no MTP for")
    if named_in(model, LISTED) and not has:
        raise UsageError(f"vllm refuses to start: the file of {model.name} lists no MTP layers")
    if has and drafted > has and drafted % has:
        text = f"{drafted:,} drafted tokens are no multiple of {has:,} MTP layers"
        raise UsageError(f"vllm refuses to start: {text}; -E num_speculative_tokens says another")
