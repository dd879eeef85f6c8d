"""What keys, values and latents are kept in: the dtype asked for, as vLLM resolves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES, Storage
from kvcalc.engines.vllm.settings import NAME
from kvcalc.errors import UsageError
from kvcalc.formats import parse_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.cache import CacheTensor
    from kvcalc.engines.vllm.architectures import Rules
    from kvcalc.engines.vllm.gpus import Gpu
    from kvcalc.formats import Layout
    from kvcalc.model import Model

HALF = parse_layout("bf16")
FP8 = parse_layout("fp8")
FP8_DS_MLA = parse_layout("fp8_ds_mla")
DS_MLA = ("fp8_ds_mla", "nvfp4_ds_mla")
PER_HEAD = ("fp8_per_token_head", "int8_per_token_head", "int4_per_token_head")
TURBOQUANT = "turboquant_"
PACKED = ("turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")
KNOWN = ("bf16", "fp16", "fp8", *DS_MLA, *PER_HEAD, *PACKED, "nvfp4", "ultraquant_4bit")
"""Names of kvcalc's for the cache dtypes of config/cache.py, without octave, which is ROCm's."""


@dataclass(frozen=True)
class Dtype:
    """How attention is kept: a layout, and the model's own floats for what is left out of it.

    own  the model's dtype in two bytes: fp32 checkpoints are served in bf16
    """

    layout: Layout
    own: Layout = HALF

    @property
    def name(self) -> str:
        """What kvcalc calls it."""
        return self.layout.name

    @property
    def packed(self) -> bool:
        """Whether a head's key and value are packed into one slot."""
        return self.name.startswith(TURBOQUANT) or self.name == "ultraquant_4bit"

    @property
    def quantized(self) -> bool:
        """Whether it is no plain float of 16 bits."""
        return self.layout != self.own and self.name not in ("bf16", "fp16")


def dtype_of(model: Model, rules: Rules, gpu: Gpu, *, sparse: bool) -> Dtype:
    """The dtype of a model's cache: what is asked for, else what `auto` comes to.

    Raises UsageError for one that vLLM has not.
    """
    own = _own(model)
    if rules.own_dtype:
        return Dtype(HALF)
    asked = model.kv_dtype
    if asked is None and own.name in ("fp32", "bf16", "fp16"):
        asked = FP8 if rules.blackwell_fp8 and gpu.family == 10 and sparse else HALF
    layout = asked or own
    if layout.name not in KNOWN:
        known = ", ".join(KNOWN)
        raise UsageError(f"{NAME} has no cache dtype {layout.name}: it takes {known}, or auto")
    return Dtype(layout)


def _own(model: Model) -> Layout:
    """The dtype of the model's entries: its checkpoint's KV scheme, or its weights' floats."""
    attention = [scheme for scheme in model.schemes if ENTRY_ROLES & {t.role for t in scheme.kept}]
    found = list(dict.fromkeys(scheme.dtype or model.dtype for scheme in attention))
    if len(found) > 1:
        names = " and ".join(layout.name for layout in found)
        text = f"{NAME} keeps all layers in one dtype, and {model.name} has {names}"
        raise UsageError(f"{text}; add --kv-dtype")
    return found[0] if found else model.dtype


def bytes_of(tensors: Sequence[CacheTensor], layout: Layout) -> int:
    """Bytes of one entry of each of these tensors, over their heads, in a layout.

    Raises UsageError where the layout does not exist for them.
    """
    settled = Storage(layout).settle(tensors)
    return sum(one.entry_bytes for one in settled)
