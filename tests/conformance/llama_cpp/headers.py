"""The keys of the GGUF header that llama.cpp's converter would write for a model, of any dialect.

Names as in llama.cpp at b11434 (src/llama-arch.cpp) and values as its conversion/*.py writes them,
without the architecture before them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kvcalc.attention.base import Scheme
from kvcalc.attention.compressed import CSA, HCA, SharedKV
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import (
    KDA,
    RWKV7,
    GatedDeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.model import Model

Keys = dict[str, Any]
Kinds = tuple[Scheme, ...]

PATTERNED = frozenset(
    """
    cohere2moe dots3note exaone4 gemma3n gemma4 granite_swa maple mellum mimo2 muse-glimmer olmo2
    plamo3 spark2_5 step35
    """.split()  # noqa: SIM905
)
"""Architectures whose headers say which layers have windows; the others' loaders know."""

FULL_HEADS = frozenset({"minicpm3", "plm"})
"""Latents that llama.cpp does not keep: it keeps every head's keys and values."""

UNSAID_WINDOW = frozenset({"llama4"})
"""Chunks that the loader knows; a key would take their place."""

PREDICTING = frozenset(
    """
    bailingmoe3 cohere2moe deepseek32 glm-dsa glm4moe hy_v3 mimo2 nemotron_h_moe qwen35 qwen35moe
    qwen3next step35
    """.split()  # noqa: SIM905
)
"""Architectures with MTP layers behind the others, which most keep in a context apart."""

OF_THE_TRUNK = {"attention.indexer.types"}
"""Arrays without an item for MTP layers."""

FEED_FORWARD = 384
"""Where the cache depends on which layers have one, and not on how wide it is."""


def header(model: Model, architecture: str) -> Keys:
    """The keys for a model that runs as an architecture."""
    predicting = model.mtp if architecture in PREDICTING else ()
    layers = [_kinds(model, layer) for layer in (*model.layers, *predicting)]
    keys: Keys = {"block_count": len(layers), "context_length": model.max_context or 131_072}
    keys |= {"nextn_predict_layers": len(predicting)} if predicting else {}
    attention = [_first(kinds, _attention) for kinds in layers]
    for part in (_heads, _latents, _windows, _indexes, _compression):
        keys |= part(architecture, attention)
    for scheme in dict.fromkeys(each for kinds in layers for each in kinds):
        if write := STATES.get(type(scheme)):
            keys |= write(scheme)
    own = OWN.get(architecture)
    keys |= own(layers) if own else {}
    trunk = len(model.layers)
    for name in OF_THE_TRUNK & keys.keys():
        keys[name] = keys[name][:trunk]
    if "feed_forward_length" in keys and predicting:
        keys["feed_forward_length"][trunk:] = [FEED_FORWARD] * len(predicting)
    return keys


def _kinds(model: Model, layer: Sequence[str]) -> Kinds:
    return tuple(model.attention[name] for name in layer if not _crosses(model.attention[name]))


def _crosses(scheme: Scheme) -> bool:
    return bool(getattr(scheme, "cross", False))


def _attention(scheme: Scheme) -> bool:
    return isinstance(scheme, GQA | MHA | MQA | MLA | SharedKV)


def _recurrent(scheme: Scheme) -> bool:
    return type(scheme) in STATES


def _first(kinds: Kinds, fits: Callable[[Scheme], bool]) -> Any:
    return next((scheme for scheme in kinds if fits(scheme)), None)


def _told(name: str, values: Sequence[Any]) -> Keys:
    """One value where all layers have it, or an array of them."""
    alike = len(set(values)) <= 1
    return {name: values[0] if alike and values else list(values)}


def _widths(scheme: Any) -> tuple[Any, Any]:
    """The widths of a head's key and value."""
    if isinstance(scheme, SharedKV):
        return scheme.head_dim, scheme.head_dim
    if isinstance(scheme, MLA):
        return scheme.latent_dim + scheme.rope_dim, scheme.latent_dim
    key = getattr(scheme, "key_dim", None) or scheme.head_dim
    return key, scheme.value_dim or scheme.head_dim


def _kv_heads(scheme: Any) -> Any:
    if scheme is None:
        return 0
    return scheme.heads if isinstance(scheme, MHA) else getattr(scheme, "kv_heads", 1)


def _windowed(scheme: Any) -> int | None:
    return None if scheme is None else scheme.window or scheme.chunk


def _full_and_windowed(attention: Sequence[Any]) -> tuple[Any, Any]:
    """An attention of each kind, where the layers differ; one of both where they do not."""
    there = [scheme for scheme in attention if scheme is not None]
    full = next((scheme for scheme in there if not _windowed(scheme)), None)
    local = next((scheme for scheme in there if _windowed(scheme)), None)
    return full or local, local


def _heads(architecture: str, attention: Sequence[Any]) -> Keys:
    full, local = _full_and_windowed(attention)
    if full is None:
        return {"attention.head_count": 0, "embedding_length": 0}
    key, value = _widths(full)
    keys = {"embedding_length": full.heads * full.head_dim}
    without = 0 if architecture == "deci" else full.heads
    keys |= _told("attention.head_count", [each.heads if each else without for each in attention])
    keys |= _told("attention.head_count_kv", [_kv_heads(each) for each in attention])
    keys |= {"attention.key_length": key, "attention.value_length": value}
    if (local is not None and _widths(local) != (key, value)) or architecture == "gemma4":
        key, value = _widths(local or full)
        keys |= {"attention.key_length_swa": key, "attention.value_length_swa": value}
    return keys


def _latents(architecture: str, attention: Sequence[Any]) -> Keys:
    there = [scheme for scheme in attention if isinstance(scheme, MLA)]
    if not there:
        return {}
    full, local = _full_and_windowed(there)
    keys = {"rope.dimension_count": full.rope_dim}
    if architecture in FULL_HEADS:
        key = _plain(full) + full.rope_dim
        kept = {"attention.key_length": key, "attention.value_length": _value(full)}
        latent = {"attention.kv_lora_rank": full.latent_dim}
        return {**keys, **kept, **latent, "attention.head_count_kv": full.heads}
    for scheme, kind in ((full, ""), (local, "_swa")):
        if scheme is not None and (kind == "" or local is not full):
            keys[f"attention.kv_lora_rank{kind}"] = scheme.latent_dim
            keys[f"attention.key_length_mla{kind}"] = _plain(scheme) + scheme.rope_dim
            keys[f"attention.value_length_mla{kind}"] = _value(scheme)
    return keys


def _plain(scheme: MLA) -> int | None:
    """The part of a key that is not rotated."""
    return scheme.nope_dim or scheme.head_dim


def _value(scheme: MLA) -> int | None:
    return scheme.value_dim or scheme.head_dim


def _windows(architecture: str, attention: Sequence[Any]) -> Keys:
    windows = {window for scheme in attention if (window := _windowed(scheme))}
    if not windows or architecture in UNSAID_WINDOW:
        return {}
    keys: Keys = {"attention.sliding_window": max(windows)}
    if architecture in PATTERNED:
        keys["attention.sliding_window_pattern"] = [bool(_windowed(each)) for each in attention]
    if shared := sum(scheme is not None and scheme.shared for scheme in attention):
        keys["attention.shared_kv_layers"] = shared
    return keys


def _indexes(architecture: str, attention: Sequence[Any]) -> Keys:
    there = [scheme for scheme in attention if isinstance(scheme, DSA | BlockSparse | CSA)]
    if not there:
        return {}
    one, keys = there[0], dict[str, Any]()
    for scheme in there:
        if isinstance(scheme, DSA) and scheme.indexer == "own":
            one = scheme
    keys["attention.indexer.head_count"] = one.index_heads
    keys["attention.indexer.key_length"] = one.index_dim
    if isinstance(one, BlockSparse):
        keys["attention.indexer.top_k"] = one.top_k_blocks
        keys["attention.indexer.block_size"] = one.block_size
        plain = sum(not isinstance(scheme, BlockSparse) for scheme in attention)
        return {**keys, "leading_dense_block_count": plain}
    keys["attention.indexer.top_k"] = one.top_k
    if isinstance(one, DSA):
        owns = [isinstance(each, DSA) and each.indexer == "own" for each in attention]
        if architecture in ("dots3note", "glm5-next", "hy_v4") or not all(owns):
            keys["attention.indexer.types"] = owns
        if architecture == "glm5-next":
            keys["attention.indexer.kpool"] = one.index_every
            keys["attention.indexer.types"] = [True] * len(attention)
    return keys


def _compression(architecture: str, attention: Sequence[Any]) -> Keys:
    if architecture != "deepseek4":
        return {}
    ratios = [each.compress if isinstance(each, HCA) else 0 for each in attention]
    rotated = next(each for each in attention if each is not None).rope_dim
    return {"attention.compress_ratios": ratios, "rope.dimension_count": rotated}


def _mamba1(scheme: Mamba1) -> Keys:
    return _ssm(scheme.conv_kernel, scheme.inner_dim, scheme.state_dim, scheme.inner_dim // 32)


def _mamba2(scheme: Mamba2) -> Keys:
    inner = scheme.state_heads * scheme.state_head_dim
    keys = _ssm(scheme.conv_kernel, inner, scheme.state_dim, scheme.state_heads)
    return {**keys, "ssm.group_count": scheme.state_groups}


def _gated_delta_net(scheme: GatedDeltaNet) -> Keys:
    inner = scheme.state_heads * scheme.value_dim
    keys = _ssm(scheme.conv_kernel, inner, scheme.key_dim, scheme.state_heads)
    return {**keys, "ssm.group_count": scheme.key_heads}


def _ssm(taps: int, inner: int, state: int, rank: int) -> Keys:
    keys = {"ssm.conv_kernel": taps, "ssm.inner_size": inner}
    return {**keys, "ssm.state_size": state, "ssm.time_step_rank": rank}


def _kda(scheme: KDA) -> Keys:
    # its heads are the file's, of which the library reads the first layer's
    keys = {"ssm.conv_kernel": scheme.conv_kernel, "kda.head_dim": scheme.key_dim}
    return {**keys, "attention.head_count": scheme.state_heads}


def _short_conv(scheme: ShortConv) -> Keys:
    return {"shortconv.l_cache": scheme.conv_kernel, "embedding_length": scheme.channels}


def _rwkv7(scheme: RWKV7) -> Keys:
    return {"wkv.head_size": scheme.state_head_dim, "embedding_length": scheme.hidden_dim}


STATES: Mapping[type, Callable[[Any], Keys]] = {
    Mamba1: _mamba1,
    Mamba2: _mamba2,
    GatedDeltaNet: _gated_delta_net,
    KDA: _kda,
    Lightning: lambda scheme: {},
    ShortConv: _short_conv,
    RWKV7: _rwkv7,
}


def _which_recur(layers: Sequence[Kinds]) -> Keys:
    flags = [_first(kinds, _recurrent) is not None for kinds in layers]
    full = next(_first(kinds, _attention) for kinds in layers if _first(kinds, _attention))
    return {"attention.recurrent_layers": flags, "attention.head_count_kv": _kv_heads(full)}


def _nemotron(layers: Sequence[Kinds]) -> Keys:
    return {"feed_forward_length": [0 if kinds else FEED_FORWARD for kinds in layers]}


def _mamba_alone(layers: Sequence[Kinds]) -> Keys:
    # twice as many channels as the model is wide, in every published one
    (scheme,) = dict.fromkeys(kinds[0] for kinds in layers)
    written: Keys = STATES[type(scheme)](scheme)
    return {"embedding_length": written["ssm.inner_size"] // 2}


OWN: Mapping[str, Callable[[Sequence[Kinds]], Keys]] = {
    **dict.fromkeys(("qwen3next", "qwen35", "qwen35moe", "qwen4exp", "minimax-01"), _which_recur),
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe"), _nemotron),
    **dict.fromkeys(("mamba", "mamba2"), _mamba_alone),
}
"""What is written for single architectures besides."""
