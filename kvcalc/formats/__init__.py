"""How the elements of a cache are stored: formats for one tensor, layouts for all of them.

Nothing here is a magic number: bytes follow from the bits of an element and from the scales, zero
points and padding that are stored beside it.
"""

from kvcalc.formats.format import BF16, F16, F32, FLOATS, FP8, FP8_KEY, FP16, FP32, Format
from kvcalc.formats.known import FORMATS, KNOWN, LAYOUTS, Known
from kvcalc.formats.layout import SEVERAL, UNDIVIDED, Layout, Widths, told, uniform, widths_of
from kvcalc.formats.names import (
    ALIASES,
    NONE,
    IndexFormat,
    canonical,
    parse_format,
    parse_index_format,
    parse_kv_dtype,
    parse_layout,
    parse_own_layout,
)

__all__ = [
    "ALIASES",
    "BF16",
    "F16",
    "F32",
    "FLOATS",
    "FORMATS",
    "FP8",
    "FP8_KEY",
    "FP16",
    "FP32",
    "KNOWN",
    "LAYOUTS",
    "NONE",
    "SEVERAL",
    "UNDIVIDED",
    "Format",
    "IndexFormat",
    "Known",
    "Layout",
    "Widths",
    "canonical",
    "parse_format",
    "parse_index_format",
    "parse_kv_dtype",
    "parse_layout",
    "parse_own_layout",
    "told",
    "uniform",
    "widths_of",
]
