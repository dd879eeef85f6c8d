"""What keys, values and latents are kept in: the dtype asked for, as vLLM resolves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES, Storage
from kvcalc.engines.vllm.gpus import BLACKWELL
from kvcalc.engines.vllm.settings import AUTO, NAME
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
HALVES = ("bf16", "fp16")
FP8 = parse_layout("fp8")
E4M3 = ("fp8", "fp8_e4m3")
FP8_DS_MLA = parse_layout("fp8_ds_mla")
DS_MLA = ("fp8_ds_mla", "nvfp4_ds_mla")
PER_HEAD = ("fp8_per_token_head", "int8_per_token_head", "int4_per_token_head")
TURBOQUANT = "turboquant_"
PACKED = ("turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")
TOLD_APART = ("fp8_e4m3", "fp8_e5m2", "fp8_inc", "nvfp4_4over6")
"""Names that change no byte, and which backend takes them."""
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
    def asked(self) -> str:
        """What a backend is asked for: `auto`, or a name of vLLM's."""
        if not self.quantized:
            return AUTO
        return self.layout.spelt if self.layout.spelt in TOLD_APART else self.name

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
    own, asked = _own(model), model.kv_dtype
    _refuse_other_floats(asked, own)
    if rules.own_dtype:
        return Dtype(HALF)
    if asked is None and own.name in ("fp32", "bf16", "fp16"):
        asked = FP8 if rules.blackwell_fp8 and gpu.family == BLACKWELL and sparse else HALF
    layout = asked or own
    if layout.name not in KNOWN:
        known = ", ".join(KNOWN)
        raise UsageError(f"{NAME} has no cache dtype {layout.name}: it takes {known}, or auto")
    return Dtype(layout)


def _refuse_other_floats(asked: Layout | None, own: Layout) -> None:
    """config/vllm.py:1492: 16-bit floats are those of the model; fp32 is served in bf16."""
    served = "bf16" if own.name == "fp32" else own.name
    if asked and asked.name in HALVES and served in HALVES and asked.name != served:
        text = f"a cache in {asked.name} beside a model in {served}"
        raise UsageError(f"{NAME} refuses to start: {text}; --kv-dtype auto is that model's own")


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
