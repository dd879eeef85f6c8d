"""How the elements of a cache are stored: bits, and the scales that go with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kvcalc.errors import did_you_mean


@dataclass(frozen=True)
class Format:
    """A storage format: `bits` per element, and per entry and head `scale_bytes` beside them.

    Ignores nothing that is stored with the entry; a scale for a whole tensor costs no entry
    anything and is not counted.
    """

    name: str
    bits: int
    scale_bytes: int = 0

    def entry_bytes(self, width: int) -> int:
        """Bytes of one entry of `width` elements, its scales included."""
        return width * self.bits // 8 + self.scale_bytes

    def rule(self, width: int) -> str:
        """The bytes of an entry as a formula: `512 x 2`, `128 x 1 + 4`."""
        scales = f" + {self.scale_bytes}" if self.scale_bytes else ""
        return f"{width:,} x {self.bits // 8}{scales}"

    def scaled(self, scale: Format) -> Format:
        """This format with one scale more per entry, as `fp8 + fp32 scale`."""
        name = f"{self.name} + {scale.name} scale"
        return replace(self, name=name, scale_bytes=self.scale_bytes + scale.entry_bytes(1))


FP32 = Format("fp32", 32)
FP16 = Format("fp16", 16)
BF16 = Format("bf16", 16)
FP8 = Format("fp8", 8)

FORMATS = {f.name: f for f in (FP32, FP16, BF16, FP8)}


def parse_format(name: str) -> Format:
    """The format of that name. Raises ValueError with the nearest names."""
    if name not in FORMATS:
        raise ValueError(f"unknown dtype {name!r}; {did_you_mean(name, FORMATS)}")
    return FORMATS[name]
