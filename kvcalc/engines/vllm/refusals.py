"""What vLLM refuses to start with, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm import dots3_note, qwen4_exp
from kvcalc.engines.vllm.drafting import refuse_drafts
from kvcalc.engines.vllm.dtypes import DS_MLA
from kvcalc.engines.vllm.gpus import ADA, BLACKWELL, HOPPER, WORKSTATION
from kvcalc.engines.vllm.served import is_gone, never_was
from kvcalc.engines.vllm.settings import AUTO, VERSION
from kvcalc.engines.vllm.target import DS_MLA_WIDTH, has_state
from kvcalc.errors import UsageError
from kvcalc.extents import Window

if TYPE_CHECKING:
    from kvcalc.engines.vllm.target import Target

FEW_HEADS, HEADS = 32, 64
"""Query heads of a rank from which on the kernel for sparse latents answers to no other rank, and
as many as it fills up to."""
SPARSE = 64
"""Tokens of a block of index keys."""
M3 = ("bf16", "fp16", "fp8")
"""What MiniMax-M3's layers keep alike."""


def refuse(target: Target) -> None:
    """Raises UsageError for what vLLM refuses."""
    _class(target)
    _stages(target)
    _tower(target)
    _kv_heads(target)
    _context_ranks(target)
    _workstation(target)
    _dtype(target)
    _encoder(target)
    refuse_drafts(target)
    _settings(target)
    _kda(target)


def _kda(target: Target) -> None:
    """models/kimi_k3/nvidia/kda.py:486, glm5next/common/kda.py:137 and kimi_gdn_linear_attn.py."""
    backend, rules, gpu = target.settings.kda_backend, target.rules, target.settings.gpu
    if backend in (AUTO, "triton") or rules.prefills is None:
        return
    text = f"vllm refuses to start: {backend} does not prefill KDA of {target.model.name}"
    if backend not in rules.prefills:
        raise UsageError(f"{text}; leave kda_prefill_backend out")
    if backend == "flashkda" and gpu.family not in rules.exports:
        raise UsageError(f"{text} on a {gpu.name}")
    half = target.settings.state_dtype == "bfloat16"
    if backend == "flashinfer" and not (gpu.family == BLACKWELL and half):
        text = f"{text} but on Blackwell, with states in bfloat16"
        raise UsageError(f"{text}; -E gpu=b200 and mamba_ssm_cache_dtype=bfloat16 have that")


def _settings(target: Target) -> None:
    """Settings that a model does not go with."""
    block, model = target.settings.block_size, target.model
    if block and target.sparse and block % SPARSE:
        # v1/attention/backends/mla/indexer.py:286
        text = f"index keys are in blocks of {SPARSE} tokens, and block_size is {block:,}"
        raise UsageError(f"vllm refuses to start: {text}")
    if block and block != target.rules.block and target.is_of("deepseek_v4"):
        text = f"how it keeps {model.name} in blocks of {block:,} tokens is not modelled"
        raise UsageError(f"vllm: {text}; leave block_size out")
    if target.is_of("qwen4_exp"):
        qwen4_exp.refuse(target.pools, block)
    if target.is_of("zamba2") and any(name.isdigit() for name in target.settings.skip):
        text = f"by which numbers it leaves out layers of {model.name} is not modelled"
        raise UsageError(f"vllm: {text}; leave kv_cache_dtype_skip_layers out")


def _encoder(target: Target) -> None:
    """What crosses to an encoder is read by a backend of its own, and a prompt is not cut up."""
    if not any(scheme.crosses for scheme in target.schemes):
        return
    gpu = target.settings.gpu
    if target.dtype.packed:
        # v1/attention/backends/turboquant_attn.py:168
        text = f"no backend keeps what crosses to an encoder in {target.dtype.name}"
        raise UsageError(f"vllm refuses to start: {text}")
    if gpu.capability < ADA and target.dtype.quantized:
        # v1/attention/backends/triton_attn.py:520, which alone attends to an encoder's there
        text = f"{target.dtype.name} of what crosses to an encoder needs Ada or later"
        raise UsageError(f"vllm refuses to start on a {gpu.name}: {text}")
    target.settings.step(target.question.tokens)


def _class(target: Target) -> None:
    for model in (model for model in (target.model, target.model.draft) if model):
        if is_gone(model):
            text = f"vllm {VERSION} has no class for {model.name} any more"
            raise UsageError(f"{text}: an earlier version served it")
        if never_was(model):
            text = f"vllm {VERSION} has no class for {model.name}"
            raise UsageError(f"{text}: it serves no such model")
    if target.is_of("nemotron_h") and not any(map(has_state, target.own_schemes)):
        text = f"the blocks of {target.model.name} hold a state of its class that no layer has"
        raise UsageError(f"vllm: {text}, and that is not modelled")
    if all(tensor.shared for scheme in target.schemes for tensor in scheme.kept):
        raise UsageError(f"vllm: {target.model.name} keeps nothing, of which there is no plan")


def _stages(target: Target) -> None:
    whole, gpu = any(map(target.is_whole, target.schemes)), target.settings.gpu
    if target.ranks.pp > 1 and (whole or not target.rules.stages):
        text = f"vllm refuses to start: the class of {target.model.name} has no pipeline stages"
        raise UsageError(f"{text}; leave --pp out")
    if target.ranks.pp > 1 and target.is_of("minimax_m3") and gpu.family == BLACKWELL:
        # v1/attention/backends/utils.py:319: its first layers alone are read by FlashInfer
        text = f"stages of {target.model.name} lay their blocks out in unlike ways"
        raise UsageError(f"vllm refuses to start on {gpu.name}: {text}; leave --pp out")


def _tower(target: Target) -> None:
    heads, tp = target.rules.tower, target.ranks.tp
    if heads % tp:
        text = f"the {heads} heads of its vision tower cannot be split over {tp:,} ranks"
        raise UsageError(f"vllm refuses to start: {text}; --tp has to divide them")


def _kv_heads(target: Target) -> None:
    """models/gpt_oss.py divides KV heads and repeats none; inkling/nvidia/sconv_swa_attn.py too."""
    if not (target.is_of("gpt_oss") or target.is_of("inkling")):
        return
    heads = min((tensor.heads or 1 for tensor in target.tensors("k")), default=1)
    if target.ranks.tp > heads:
        text = f"its {heads} KV heads are not repeated on {target.ranks.tp:,} ranks"
        raise UsageError(f"vllm refuses to start: {text}; --tp {heads} is the most")


def _context_ranks(target: Target) -> None:
    """config/model.py: the heads of keys and values must be repeated often enough."""
    tp, dcp = target.ranks.tp, target.ranks.dcp
    if dcp == 1:
        return
    if any(isinstance(t.extent, Window) for scheme in target.schemes for t in scheme.kept):
        text = "a window cannot be shared out over ranks of one sequence"
        raise UsageError(f"vllm refuses to start: {text}; leave --dcp out")
    hopper = target.settings.gpu.family == HOPPER
    if hopper and target.sparse and target.dtype.name != DS_MLA[0]:
        text = f"--dcp is for sparse latents in {DS_MLA[0]} alone"
        raise UsageError(f"vllm refuses to start: {text}; add --kv-dtype fp8")
    for scheme in target.schemes:
        expanded = scheme.expanded if not target.rules.latents else None
        for tensor in (expanded or scheme).kept:
            if tensor.role != "k" or target.latents:
                continue
            heads, queries = tensor.heads or 1, getattr(scheme, "heads", 1)
            if tp <= heads or dcp > tp // heads or queries // heads % dcp:
                text = f"--dcp {dcp} needs --tp to hold each of the {heads} KV heads {dcp} times"
                raise UsageError(f"vllm refuses to start: {text}, and tp is {tp}")


def unserved(target: Target) -> str:
    """Why kernels refuse what is planned, nothing where they take it.

    v1/attention/backends/mla/flashmla_sparse.py, lines 443-486: the heads of a rank, and those of
    all that share its tokens, have to fill up to as many.
    """
    dcp, hopper = target.ranks.dcp, target.settings.gpu.family == HOPPER
    if dcp == 1 or not (hopper and target.sparse) or target.is_of("deepseek_v4"):
        return ""
    heads = max(getattr(scheme, "heads", 1) for scheme in target.schemes) // target.ranks.tp
    if heads < FEW_HEADS and heads * dcp <= HEADS:
        return ""
    most = f"takes --dcp {HEADS // heads} at most" if heads < FEW_HEADS else "takes no --dcp"
    text = f"the kernel for sparse latents {most}, with {heads} query heads on a rank"
    return f"vllm plans so and then fails: {text}"


def _workstation(target: Target) -> None:
    """flashinfer_mla_sparse.py:180-244: which sparse latents are packed on 12.0 and 12.1."""
    gpu, own = target.settings.gpu, target.rules.own_backend
    if gpu.family != WORKSTATION or not target.sparse or target.is_of("deepseek_v4"):
        return
    if own or target.latent_width != DS_MLA_WIDTH:
        text = f"how it keeps the latents of {target.model.name} there is not modelled"
        raise UsageError(f"vllm on {gpu.name}: {text}; -E gpu=NAME takes another")
    if target.model.kv_dtype and target.dtype.name != DS_MLA[0]:
        asked = target.model.kv_dtype.spelt or target.dtype.name
        text = f"sparse latents are kept as {DS_MLA[0]} alone, not as {asked}"
        raise UsageError(f"vllm on {gpu.name}: {text}; leave --kv-dtype out")


def _dtype(target: Target) -> None:
    """Which dtypes there are layers for that bring their own backend."""
    name = target.dtype.name
    if target.is_of("deepseek_v4") and target.model.kv_dtype and name not in ("fp8", DS_MLA[0]):
        text = f"DeepSeek-V4's layers are kept as {DS_MLA[0]} alone, not as {name}"
        raise UsageError(f"vllm refuses to start: {text}")
    if target.latents and target.dtype.packed:
        raise UsageError(f"vllm refuses to start: no backend keeps latents in {name}")
    if target.is_of("dots3_note"):
        dots3_note.refuse(name)
    if target.is_of("inkling") and target.dtype.packed:
        raise UsageError(f"vllm: what Inkling's layers keep in {name} is not modelled")
    if target.is_of("minimax_m3") and name not in M3:
        text = f"vllm: what MiniMax-M3's sparse layers keep in {name} is not modelled"
        raise UsageError(f"{text}: they pack nothing, and other layers do")
    if target.dtype.packed and not target.rules.packs:
        text = f"{name} does not find which layers of {target.model.name} attend to all"
        raise UsageError(f"vllm refuses to start: {text}")
