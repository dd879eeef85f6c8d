"""What vLLM keeps of a layer that remembers in a state (model_executor/layers/mamba)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.engines.vllm.gpus import BLACKWELL, HOPPER, WORKSTATION
from kvcalc.engines.vllm.specs import Spec
from kvcalc.errors import UsageError
from kvcalc.extents import Fixed
from kvcalc.formats import BF16, FP32
from kvcalc.parallel.tensors import heads_of_rank

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor
    from kvcalc.engines.vllm.architectures import Rules
    from kvcalc.engines.vllm.settings import Settings
    from kvcalc.formats import Format

KINDS = ("mamba1", "mamba2", "gdn", "kda", "lightning", "shortconv")
"""Schemes with a state that it has layers for."""
NOT_DRAFTED = ("mamba1", "lightning")
"""Those without columns for drafted tokens."""
OF_ITS_DTYPE = ("lightning", "shortconv")
"""Those in the model's dtype whatever is set (layers/mamba/linear/base.py:55)."""
GDN_ALIGN = 64
WIDE = 128
"""The width of a head that the kernels which export a prefill's state are for."""


def state_spec(
    scheme: Scheme, tensors: tuple[CacheTensor, ...], rules: Rules, settings: Settings, tp: int
) -> Spec:
    """What one layer keeps, a state and its convolution together. Raises UsageError."""
    if scheme.kind not in KINDS:
        raise UsageError(f"vllm has no layer that keeps a {scheme.kind} state")
    total = sum(_bytes(scheme, tensor, rules, settings, tp) for tensor in tensors)
    blocks = _blocks(scheme, rules, settings)
    like: Hashable = tuple((t.role, t.width, t.heads, t.extent) for t in tensors)
    return Spec("state", 0, total, total, blocks=blocks, like=(scheme.kind, like))


def whole_spec(
    shift: CacheTensor, beside: Scheme, rules: Rules, settings: Settings
) -> tuple[Spec, int]:
    """What every rank keeps of a convolution beside another state, and its bytes undrafted."""
    assert isinstance(shift.extent, Fixed)
    column, count = _own(settings).entry_bytes(shift.width), shift.extent.count
    total = (count + settings.speculative) * column
    blocks = _blocks(beside, rules, settings)
    return Spec("state", 0, total, total, blocks=blocks, like=shift.name), count * column


def _blocks(scheme: Scheme, rules: Rules, settings: Settings) -> int:
    if settings.mode != "align":
        return 1 + settings.speculative
    return 2 + settings.speculative + (exports(scheme, rules, settings) is not None)


def drafted(scheme: Scheme, tensors: tuple[CacheTensor, ...], settings: Settings, tp: int) -> int:
    """Bytes of the columns that convolutions keep for drafted tokens."""
    if scheme.kind in NOT_DRAFTED:
        return 0
    columns = sum(_heads(t, tp) * t.width for t in tensors if t.role == "conv")
    return settings.speculative * _own(settings).entry_bytes(columns)


def _bytes(scheme: Scheme, tensor: CacheTensor, rules: Rules, settings: Settings, tp: int) -> int:
    heads = _heads(tensor, tp)
    if tensor.role == "conv":
        assert isinstance(tensor.extent, Fixed)
        more = 0 if scheme.kind in NOT_DRAFTED else settings.speculative
        columns = heads * tensor.width
        return (tensor.extent.count + more) * _own(settings).entry_bytes(columns)
    stored = state_format(scheme, tensor, rules, settings) or _own(settings)
    return stored.entry_bytes(heads * tensor.width)


def _own(settings: Settings) -> Format:
    """What convolutions are in: the model's own floats of two bytes, unless a setting says fp32."""
    return FP32 if settings.conv_dtype == "float32" else BF16


def _heads(tensor: CacheTensor, tp: int) -> int:
    """A rank's heads, channels or groups: Mamba2's one group is extended to one for each rank.

    Several are not (layers/mamba/mamba_mixer2.py:318).
    """
    if tensor.name == "conv_bc" and tensor.heads == 1:
        return 1
    return heads_of_rank(tensor, tp) if tensor.role == "state" else _divided(tensor, tp)


def _divided(tensor: CacheTensor, tp: int) -> int:
    heads = tensor.heads or 1
    if heads % tp:
        text = f"the {heads:,} parts of {tensor.name} cannot be split over {tp:,} ranks"
        raise UsageError(f"vllm refuses to start: {text}")
    return heads // tp


def state_format(
    scheme: Scheme, tensor: CacheTensor, rules: Rules, settings: Settings
) -> Format | None:
    """The dtype of a recurrent state; None is that of convolutions."""
    if scheme.kind in OF_ITS_DTYPE:
        return None
    if settings.state_dtype != "auto" and rules.states_follow:
        return _asked(scheme, settings)
    if scheme.kind == "kda" or rules.states == "fp32":
        return FP32
    if rules.states is None:
        return None
    pinned = tensor.format
    return pinned or (FP32 if rules.states.endswith("fp32") else None)


def _asked(scheme: Scheme, settings: Settings) -> Format:
    """The dtype that is set (layers/mamba/mamba_utils.py:101, 141)."""
    if scheme.kind == "kda" and settings.state_dtype == "float16":
        text = "states of KDA are float32 or bfloat16, not float16"
        raise UsageError(f"vllm refuses to start: {text}; -E mamba_ssm_cache_dtype says which")
    return FP32 if settings.state_dtype == "float32" else BF16


def exports(scheme: Scheme, rules: Rules, settings: Settings) -> int | None:
    """Between how many tokens a prefill's state can be exported; None where it cannot."""
    family = settings.gpu.family
    if scheme.kind == "mamba2":
        return 1
    wide = getattr(scheme, "key_dim", 0) == WIDE
    if scheme.kind == "kda" and family in rules.exports:
        # models/kimi_k3/nvidia/kda.py:486: FlashKDA where it can, unless another is set
        return rules.export_align if wide and settings.kda_backend in ("auto", "flashkda") else None
    flashinfer = settings.gdn_backend in ("auto", "flashinfer")
    if scheme.kind != "gdn" or rules.never_exports or not flashinfer:
        return None
    kernels = family == HOPPER or (wide and family in (BLACKWELL, WORKSTATION))
    return GDN_ALIGN if kernels else None
