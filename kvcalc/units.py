"""Bytes, tokens and ratios as people write them, read and printed without a float."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from kvcalc.errors import briefly

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TOKENS = 10**12
"""The longest context answered; beyond it a slip of the keyboard is likelier than a wish."""
BETWEEN = f"a context is between 1 and {MAX_TOKENS:,}"

MAX_BATCH = 10**9
MAX_BEAMS = 10_000
MAX_MEMORY = 10**18
"""Bytes for the cache of one GPU; none has a thousandth of that."""

MAX_DIGITS = 60
"""Characters of a number in text; a longer one is no number that anybody means."""

System = Literal["si", "iec", "bytes"]

SI_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
IEC_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
SIZE_UNITS = {**SI_UNITS, "KB": 10**3, **IEC_UNITS}
FLOP_UNITS = {
    "FLOPs": 1,
    "kFLOPs": 10**3,
    "MFLOPs": 10**6,
    "GFLOPs": 10**9,
    "TFLOPs": 10**12,
    "PFLOPs": 10**15,
}
TIME_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""How many of each make a second."""
TOKEN_UNITS = {"": 1, "k": 10**3, "m": 10**6, "K": 2**10, "Ki": 2**10, "M": 2**20, "Mi": 2**20}

_TOKENS = r"(\d{1,3}(?:[,_]\d{3})+|\d+(?:\.\d+)?)\s*([A-Za-z]*)"
_MEMORY = r"(-?(?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d+)?)\s*([A-Za-z]*)"
_SHARE = r"\d{1,3}(\.\d{1,15})?|\d{1,15}/\d{1,15}"
_RATE = rf"{_MEMORY}\s*/\s*s"
_PER_SECOND = "write it like {0}GB/s, of 10^9 B a second"
_SIZED = "write it like {0}GiB, of 2^30 B each, or {0}GB, of 10^9 B"
_MARKED = r"_|(?<!\d)\d{1,3},\d{3}(?!\d)"
"""What may be a thousands mark, which no item of a list has."""


def parse_tokens(text: str) -> int:
    """Read a context: `4096`, `128k` = 128,000, `128K` = 131,072, `1m`, `1M`. Raises ValueError."""
    match = re.fullmatch(_TOKENS, text.strip())
    if match is None or match[2] not in TOKEN_UNITS or len(text) > MAX_DIGITS:
        text = f"{briefly(text)} is not a number of tokens"
        raise ValueError(f"{text}; write it like 131072, 128k or 128K")
    value = Fraction(re.sub("[,_]", "", match[1])) * TOKEN_UNITS[match[2]]
    if value.denominator != 1 or ("." in match[1] and not match[2]):
        raise ValueError(f"{briefly(text)} is not a whole number of tokens")
    return check_tokens(value.numerator)


def tokens_of(given: int | str) -> int:
    """A context as Python gives it, a number or text as `parse_tokens` reads it, or ValueError."""
    return parse_tokens(given) if isinstance(given, str) else check_tokens(given)


def parse_contexts(text: str) -> int | tuple[int, ...]:
    """Read a context, or several as in `8K,32K`; `131,072` is one. Raises ValueError."""
    if text.strip() == "0":  # as servers are told to take the model's own
        raise ValueError(f"0 tokens: {BETWEEN}; left out, it is the model's own, 131,072 at most")
    if "," not in text or re.fullmatch(_TOKENS, text.strip()):
        return parse_tokens(text)
    if re.search(_MARKED, text):
        told = f"{briefly(text)} may be one number or several"
        apart = "8192,16384, or 64, 128 with spaces between them"
        raise ValueError(f"{told}; items of a list carry no thousands marks: {apart}")
    items = text.split(",")
    if not all(map(str.strip, items)):
        raise ValueError(f"{briefly(text)} has an empty item; write it like 8K,32K,128K")
    return tuple(map(parse_tokens, items))


def check_tokens(tokens: int) -> int:
    """The same number, or ValueError where no context can be that long."""
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise ValueError(f"{briefly(tokens)} is not a whole number of tokens")
    if not 1 <= tokens <= MAX_TOKENS:
        raise ValueError(f"{grouped(tokens)} tokens: {BETWEEN}")
    return tokens


def parse_memory(text: str) -> int:
    """Read memory in bytes: `40GiB`, `80 GB`, `81.79GiB`; never a number without its unit.

    Of a byte a part is none. Raises ValueError.
    """
    match = re.fullmatch(_MEMORY, text.strip())
    if match is None or len(text) > MAX_DIGITS:
        raise ValueError(f"{briefly(text)} is no size of a memory; {_SIZED.format(40)}")
    number = re.sub("[,_]", "", match[1])
    if match[2] not in SIZE_UNITS:
        have = f"unknown unit {match[2]!r}" if match[2] else f"{briefly(text)} has no unit"
        raise ValueError(f"{have}; {_SIZED.format(number)}")
    return check_memory(int(Fraction(number) * SIZE_UNITS[match[2]]))


def memory_of(given: int | str) -> int:
    """Memory as Python gives it, bytes or text as `parse_memory` reads it, or ValueError."""
    return parse_memory(given) if isinstance(given, str) else check_memory(given)


def check_memory(size: int) -> int:
    """The same number of bytes, or ValueError where no GPU can have so many."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise ValueError(f"{briefly(size)} is no number of bytes; text has a unit, such as 40GiB")
    if not 1 <= size <= MAX_MEMORY:
        raise ValueError(f"{grouped(size)} B is no memory: give 1 B to {MAX_MEMORY:,} B")
    return size


def parse_share(given: float | str | Fraction) -> Fraction:
    """Read a part of a whole: `0.92`, `92%`, or a number; more than none of it, and all at most.

    Raises ValueError.
    """
    text = str(given).strip()
    percent = text.endswith("%")
    number = text.removesuffix("%").strip()
    if not (isinstance(given, str | float | int | Fraction) and re.fullmatch(_SHARE, number)):
        raise ValueError(f"{briefly(given)} is no part of a whole; write it like 0.92 or 92%")
    share = Fraction(number) / (100 if percent else 1)
    if not 0 < share <= 1:
        raise ValueError(f"{briefly(given)} is not between 0 and 1, of which it is a part")
    return share


def parse_rate(text: str) -> int:
    """Read a bandwidth in bytes a second: `64GB/s`, `4.8 TB/s`, `900GiB/s`. Raises ValueError.

    Of a byte a part is none.
    """
    match = re.fullmatch(_RATE, text.strip())
    if match is None or len(text) > MAX_DIGITS:
        raise ValueError(f"{briefly(text)} is no bandwidth; {_PER_SECOND.format(64)}")
    number, unit = re.sub("[,_]", "", match[1]), match[2]
    if unit not in SIZE_UNITS:
        bits = f"; {unit}/s are of bits, an eighth of {unit[:-1]}B/s" if unit.endswith("b") else ""
        have = f"unknown unit {unit!r}" if unit else f"{briefly(text)} has no unit"
        raise ValueError(f"{have}; {_PER_SECOND.format(number)}{bits}")
    return check_rate(int(Fraction(number) * SIZE_UNITS[unit]))


def rate_of(given: int | str) -> int:
    """A bandwidth as Python gives it, or text as `parse_rate` reads it, or ValueError."""
    return parse_rate(given) if isinstance(given, str) else check_rate(given)


def check_rate(rate: int) -> int:
    """The same number of bytes a second, or ValueError where nothing has such a bandwidth."""
    if not isinstance(rate, int) or isinstance(rate, bool):
        raise ValueError(
            f"{briefly(rate)} is no number of bytes a second; {_PER_SECOND.format(64)}"
        )
    if not 1 <= rate <= MAX_MEMORY:
        raise ValueError(f"{grouped(rate)} B/s is no bandwidth: give 1 B/s to {MAX_MEMORY:,} B/s")
    return rate


def check_batch(batch: int) -> int:
    """The same number, or ValueError where no batch can be that large."""
    if not isinstance(batch, int) or isinstance(batch, bool):
        raise ValueError(f"{briefly(batch)} is not a whole number of sequences")
    if not 1 <= batch <= MAX_BATCH:
        raise ValueError(f"batch {grouped(batch)}: it is between 1 and {MAX_BATCH:,} sequences")
    return batch


def check_beams(beams: int) -> int:
    """The same number, or ValueError where no sequence can have so many beams."""
    if not isinstance(beams, int) or isinstance(beams, bool):
        raise ValueError(f"{briefly(beams)} is not a whole number of beams")
    if not 1 <= beams <= MAX_BEAMS:
        raise ValueError(f"{grouped(beams)} beams: there are between 1 and {MAX_BEAMS:,}")
    return beams


def check_layers(layers: int) -> int:
    """The same number, or ValueError where there is no such number of MTP layers."""
    if not isinstance(layers, int) or isinstance(layers, bool):
        raise ValueError(f"{briefly(layers)} is not a whole number of MTP layers")
    if layers < 1:
        raise ValueError(f"{grouped(layers)} MTP layers: ask for at least 1")
    if layers > MAX_TOKENS:
        raise ValueError(f"{grouped(layers)} MTP layers: no model has so many")
    return layers


def grouped(number: int) -> str:
    """A number with its thousands marked, or how large it is where it has too many digits."""
    if abs(number) < 10**MAX_DIGITS:
        return f"{number:,}"
    return f"more than 10^{MAX_DIGITS}" if number > 0 else f"less than -10^{MAX_DIGITS}"


def rounded(value: Fraction, places: int) -> Fraction:
    """`value` at so many decimals, half up as figures are."""
    size = Fraction((abs(value) * 10**places + Fraction(1, 2)).__floor__(), 10**places)
    return -size if value < 0 else size


def decimals(value: Fraction, places: int) -> str:
    """`value` with so many decimals, rounded half up as figures are, thousands marked."""
    # in whole numbers, as a table may have tens of thousands of cells
    half_up = 2 * abs(value.numerator) * 10**places + value.denominator
    size = half_up // (2 * value.denominator)
    whole, rest = divmod(size, 10**places)
    sign = "-" if value < 0 and size else ""
    return f"{sign}{whole:,}.{rest:0{places}d}" if places else f"{sign}{whole:,}"


def exact(value: Fraction) -> str:
    """`value` without loss: `70,272`, `3,850.25`, or `15,691/3` where no decimal ends."""
    twos_and_fives = value.denominator
    for prime in (2, 5):
        while twos_and_fives % prime == 0:
            twos_and_fives //= prime
    if twos_and_fives != 1:
        return f"{value.numerator:,}/{value.denominator:,}"
    places = next(n for n in range(value.denominator + 1) if 10**n % value.denominator == 0)
    return decimals(value, places)


def format_ratio(ratio: Fraction) -> str:
    """`8x`, `56.89x`, `0.80x`: whole only where it is whole, else two digits that count."""
    if ratio.denominator == 1:
        return f"{ratio.numerator:,}x"
    places = 2
    while ratio * 10 ** (places - 1) < 1:
        places += 1
    return decimals(ratio, places) + "x"


def size_unit(values: Iterable[Fraction | int], system: System) -> str:
    """One unit for a column: the largest in which its smallest value still is at least 1.

    Where that makes others longer than a column is wide, the next one in which the smallest is
    still at least a tenth.
    """
    if system == "bytes":
        return "B"
    units = SI_UNITS if system == "si" else IEC_UNITS
    sizes = [value for value in values if value]
    smallest, largest = min(sizes, default=0), max(sizes, default=0)
    unit = next((name for name in reversed(units) if smallest >= units[name]), "B")
    for name in units:
        if largest >= 100_000 * units[unit] and 10 * smallest >= units[name] > units[unit]:
            unit = name
    return unit


def format_flops(flops: int) -> str:
    """`139.2 GFLOPs`: operations in the largest unit in which they are at least 1."""
    unit = next((name for name in reversed(FLOP_UNITS) if flops >= FLOP_UNITS[name]), "FLOPs")
    return f"{decimals(Fraction(flops, FLOP_UNITS[unit]), 1 if flops >= 1000 else 0)} {unit}"


def format_size(value: Fraction | int, unit: str, places: int) -> str:
    """`value` bytes in a unit; bytes themselves are never rounded."""
    if unit == "B":
        return f"{exact(Fraction(value))} B"
    return f"{decimals(Fraction(value, SIZE_UNITS[unit]), places)} {unit}"


def format_rate(rate: int, system: System) -> str:
    """`4.8 TB/s`: bytes a second in the largest unit in which they are at least 1."""
    unit = size_unit([rate], system)
    value = Fraction(rate, SIZE_UNITS[unit])
    return f"{exact(value) if (100 * value).denominator == 1 else decimals(value, 2)} {unit}/s"


def format_seconds(value: Fraction) -> str:
    """`9.21 ms`, `45.0 us`, `2.10 s`: three digits that count, in the largest unit of at least 1.

    The digits of a whole number of seconds all count.
    """
    if not value:
        return "0 s"
    units = TIME_UNITS.items()
    unit = next((name for name, parts in units if 2000 * parts * value >= 1999), "ns")
    amount, places = value * TIME_UNITS[unit], 0
    while amount * 10**places < Fraction(1999, 20):
        places += 1
    return f"{decimals(amount, places)} {unit}"
