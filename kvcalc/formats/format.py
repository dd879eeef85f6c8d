"""How the elements of one tensor are stored: bits, and what is kept beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kvcalc.errors import UsageError


@dataclass(frozen=True)
class Format:
    """`bits` per element, `group_bytes` per `group` elements, `more` bytes per entry and head.

    A scale for a whole tensor costs no entry anything and is not counted.

    fills     an entry ends with a whole byte, whatever is left of its last one
    residual  so many of the last tokens stay in the dtype that is the model's own
    """

    name: str
    bits: int
    group: int = 1
    group_bytes: int = 0
    more: int = 0
    fills: bool = False
    residual: int = 0

    def entry_bytes(self, width: int) -> int:
        """Bytes of one entry of `width` elements, scales included.

        Raises UsageError where the format cannot hold that width.
        """
        if width % self.group:
            text = f"{self.name} stores blocks of {self.group} elements; {width:,} is no multiple"
            raise UsageError(text)
        if width * self.bits % 8 and not self.fills:
            text = f"{width:,} elements of {self.name} are not a whole number of bytes"
            raise UsageError(text)
        elements = -(-width * self.bits // 8)
        return elements + width // self.group * self.group_bytes + self.more

    def rule(self, width: int) -> str:
        """The bytes of an entry as a formula: `512 x 2`, `128 x 1 + 4`, `576 x 4/8 + 36 x 1`."""
        element = str(self.bits // 8) if self.bits % 8 == 0 else f"{self.bits}/8"
        elements = f"{width:,} x {element}"
        if width * self.bits % 8:
            elements = f"ceil({elements})"
        groups = f" + {width // self.group:,} x {self.group_bytes}" if self.group_bytes else ""
        more = f" + {self.more}" if self.more else ""
        return f"{elements}{groups}{more}"

    def scaled(self, scale: Format) -> Format:
        """This format with one scale more per entry and head, as `fp8 + fp32 scale`."""
        name = f"{self.name} + {scale.name} scale"
        return replace(self, name=name, more=self.more + scale.entry_bytes(1))

    def padded(self) -> Format:
        """This format with one byte more per entry and head."""
        return replace(self, name=f"{self.name} + 1 B", more=self.more + 1)


FP32 = Format("fp32", 32)
FP16 = Format("fp16", 16)
BF16 = Format("bf16", 16)
FP8 = Format("fp8", 8)
F32 = Format("f32", 32)
F16 = Format("f16", 16)
FLOATS = (FP32, FP16, BF16, F32, F16)
FP8_KEY = FP8.scaled(FP32)
"""An fp8 index key: the lightning indexer keeps an fp32 scale with it."""
