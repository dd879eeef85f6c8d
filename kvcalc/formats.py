"""How the elements of a cache are stored: formats for one tensor, layouts for all of them.

Nothing here is a magic number: bytes follow from the bits of an element and from the scales, zero
points and padding that are stored beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kvcalc.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Format:
    """`bits` per element, `group_bytes` per `group` elements, `more` bytes per entry and head.

    A scale for a whole tensor costs no entry anything and is not counted.
    """

    name: str
    bits: int
    group: int = 1
    group_bytes: int = 0
    more: int = 0

    def entry_bytes(self, width: int) -> int:
        """Bytes of one entry of `width` elements, scales included.

        Raises UsageError where the format cannot hold that width.
        """
        if width % self.group:
            text = f"{self.name} stores blocks of {self.group} elements; {width:,} is no multiple"
            raise UsageError(text)
        if width * self.bits % 8:
            text = f"{width:,} elements of {self.name} are not a whole number of bytes"
            raise UsageError(text)
        return width * self.bits // 8 + width // self.group * self.group_bytes + self.more

    def rule(self, width: int) -> str:
        """The bytes of an entry as a formula: `512 x 2`, `128 x 1 + 4`, `576 x 4/8 + 36 x 1`."""
        element = str(self.bits // 8) if self.bits % 8 == 0 else f"{self.bits}/8"
        groups = f" + {width // self.group:,} x {self.group_bytes}" if self.group_bytes else ""
        more = f" + {self.more}" if self.more else ""
        return f"{width:,} x {element}{groups}{more}"

    def scaled(self, scale: Format) -> Format:
        """This format with one scale more per entry and head, as `fp8 + fp32 scale`."""
        name = f"{self.name} + {scale.name} scale"
        return replace(self, name=name, more=self.more + scale.entry_bytes(1))


FP32 = Format("fp32", 32)
FP16 = Format("fp16", 16)
BF16 = Format("bf16", 16)
FP8 = Format("fp8", 8)
F32 = Format("f32", 32)
F16 = Format("f16", 16)
FLOATS = (FP32, FP16, BF16, F32, F16)

FORMATS = {
    f.name: f
    for f in (
        FP32,
        FP16,
        BF16,
        FP8,
        # scaled once for the whole tensor, as TensorRT-LLM and ModelOpt have it
        Format("int8", 8),
        # an fp32 scale per token, head and side (vLLM 0.33.0, attention/backends/triton_attn.py)
        Format("fp8_per_token_head", 8, more=4),
        Format("int8_per_token_head", 8, more=4),
        Format("int4_per_token_head", 4, more=4),
        # an fp16 scale and an fp16 zero point per 32 elements (KIVI, arXiv 2402.02750, section 4)
        Format("int4", 4, group=32, group_bytes=4),
        Format("int2", 2, group=32, group_bytes=4),
        # one e4m3 scale per 16; one e8m0 scale per 32 (OCP microscaling formats 1.0)
        Format("nvfp4", 4, group=16, group_bytes=1),
        Format("mxfp8", 8, group=32, group_bytes=1),
        Format("mxfp4", 4, group=32, group_bytes=1),
        # GGUF: an fp16 scale, in the _1 kinds an fp16 minimum too, per 32 (ggml-common.h)
        F32,
        F16,
        Format("q8_0", 8, group=32, group_bytes=2),
        Format("q5_1", 5, group=32, group_bytes=4),
        Format("q5_0", 5, group=32, group_bytes=2),
        Format("q4_1", 4, group=32, group_bytes=4),
        Format("q4_0", 4, group=32, group_bytes=2),
        Format("iq4_nl", 4, group=32, group_bytes=2),
    )
}

_N_BIT = r"([1-9]\d?)bit"
MAX_BITS = 32


def parse_format(name: str) -> Format:
    """The format of that name; `6bit` is so many bits and nothing else. Raises ValueError."""
    match = re.fullmatch(_N_BIT, name)
    if match and int(match[1]) <= MAX_BITS:
        return Format(name, int(match[1]))
    if name not in FORMATS:
        raise ValueError(f"unknown dtype {name!r}; {did_you_mean(name, [*FORMATS, *LAYOUTS])}")
    return FORMATS[name]


FP8_KEY = FP8.scaled(FP32)


def parse_index_format(name: str) -> Format:
    """An index key's format: fp8 brings the fp32 scale that the lightning indexer keeps with it."""
    return FP8_KEY if name == FP8.name else parse_format(name)


Widths = tuple[int, int]
"""Elements of a layer's latent and of its RoPE key."""

SEVERAL: Widths = (-1, -1)
"""A layer that has latents or RoPE keys of more than one width."""


@dataclass(frozen=True)
class Layout:
    """Which format each role is stored in; roles that it does not name are none of its business.

    `for_latent` holds a layout that exists for certain widths of latent and RoPE key only.
    """

    name: str
    roles: Mapping[str, Format] = field(default_factory=dict, hash=False)
    for_latent: Mapping[Widths, Mapping[str, Format]] = field(default_factory=dict, hash=False)

    def format_of(self, role: str, widths: Widths | None) -> Format | None:
        """The format of a role in a layer with a latent and RoPE key of these widths, if any.

        None where the layout does not name the role. Raises UsageError for widths that the layout
        does not exist for.
        """
        if not self.for_latent:
            return self.roles.get(role)
        if widths is None:
            return None
        if widths == SEVERAL:
            text = f"{self.name} is laid out for one width of latent and RoPE key in a layer"
            raise UsageError(f"{text}, not for several")
        if widths not in self.for_latent:
            known = " or ".join(f"{latent} + {rope}" for latent, rope in self.for_latent)
            text = f"{self.name} is laid out for a latent and RoPE key of {known} elements"
            raise UsageError(f"{text}, not of {widths[0]:,} + {widths[1]:,}")
        return self.for_latent[widths].get(role)


def uniform(stored: Format) -> Layout:
    """One format for all that attention keeps per token, index keys excepted."""
    return Layout(stored.name, dict.fromkeys(("k", "v", "latent", "rope"), stored))


LAYOUTS = {
    layout.name: layout
    for layout in (
        # vLLM 0.33.0: 512 fp8 + 4 fp32 scales + 64 bf16 = 656 B (mla_attention.py); DeepSeek-V4:
        # 448 fp8 + 7 ue8m0 scales + 1 pad + 64 bf16 = 584 B (flashmla_sparse.py)
        Layout(
            "fp8_ds_mla",
            for_latent={
                (512, 64): {
                    "latent": Format("fp8 + fp32 per 128", 8, group=128, group_bytes=4),
                    "rope": BF16,
                    "index": FP8_KEY,
                },
                (448, 64): {
                    "latent": Format("fp8 + ue8m0 per 64", 8, group=64, group_bytes=1, more=1),
                    "rope": BF16,
                    "index": FP8_KEY,
                },
            },
        ),
        # vLLM 0.33.0: 256 B e2m1 + 32 e4m3 scales + 64 B e4m3 = 352 B (mla_attention.py)
        Layout(
            "nvfp4_ds_mla",
            for_latent={(512, 64): {"latent": FORMATS["nvfp4"], "rope": FP8, "index": FP8_KEY}},
        ),
    )
}


def parse_layout(name: str) -> Layout:
    """The layout of `--kv-dtype` or `dtype`: a layout, a format, or `q8_0/q4_0` for K and V.

    Raises ValueError with the nearest names.
    """
    if name in LAYOUTS:
        return LAYOUTS[name]
    key, slash, value = name.partition("/")
    if slash:
        return Layout(name, {"k": parse_format(key), "v": parse_format(value)})
    return uniform(parse_format(name))
