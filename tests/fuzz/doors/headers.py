"""GGUF headers: any architecture, any key, values of any type, and lengths that lie."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED
from kvcalc.importers.gguf.keys import HARMLESS, KEYS
from tests.fuzz.attempt import Attempt, Content, Sparse
from tests.fuzz.doors.commands import reading
from tests.fuzz.values import LOUD, once_in

CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY = 8, 9

LENGTHS = (0, 1, 2**20, 50_000_000, 50_000_001, 2_000_000_000, 2**31, 2**63, 2**64 - 1)
NAMES = (*ARCHITECTURES, *REFUSED, "stranger", "", "a.b", *LOUD[:2])
PLAIN = {
    "block_count": 4,
    "context_length": 4_096,
    "embedding_length": 512,
    "attention.head_count": 8,
    "attention.head_count_kv": 2,
}
GROUPS: tuple[dict[str, int], ...] = (
    {"attention.key_length": 64, "attention.value_length": 64},
    {"attention.sliding_window": 128, "attention.sliding_window_pattern": 2},
    {"rope.dimension_count": 64},
    {
        "attention.kv_lora_rank": 512,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.key_length_mla": 192,
        "attention.value_length_mla": 128,
        "rope.dimension_count": 64,
    },
    {
        "ssm.conv_kernel": 4,
        "ssm.inner_size": 1_024,
        "ssm.state_size": 16,
        "ssm.time_step_rank": 16,
        "ssm.group_count": 1,
    },
    {
        "attention.indexer.head_count": 64,
        "attention.indexer.key_length": 128,
        "attention.indexer.top_k": 2_048,
    },
    {"wkv.head_size": 64, "token_shift_count": 2},
    {"shortconv.l_cache": 3},
    {"kda.head_dim": 128, "full_attention_interval": 4},
    {"num_loops": 2, "nextn_predict_layers": 1, "leading_dense_block_count": 1},
)
"""Keys that go together, with what they usually say."""

NUMBERS = (0, 1, 2, 3, 8, 64, 128, 1_000, 2_000, 10_000, 10_001, 2**31 - 1, 2**32 - 1)


def _text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


def _packed(code: str, value: Any) -> bytes:
    if code in "fd":
        return struct.pack(f"<{code}", float(value) if code == "d" or value != 1e308 else 3e38)
    size = struct.calcsize(f"<{code}")
    return int(value % 2 if code == "?" else value).to_bytes(16, "little", signed=True)[:size]


@st.composite
def _value(draw: DrawFn, usual: int) -> bytes:
    """A typed value: mostly the number that is usual here, else anything."""
    way = draw(st.integers(0, 9))
    if way < 5:
        return struct.pack("<II", 4, usual)
    number = draw(st.sampled_from(NUMBERS) | st.integers(-2, 300))
    if way < 7:
        kind = draw(st.sampled_from(sorted(CODES)))
        odd = draw(st.sampled_from((number, float("nan"), float("inf"), 1e308)))
        return struct.pack("<I", kind) + _packed(
            CODES[kind], odd if CODES[kind] in "fd" else number
        )
    if way == 7:
        text = draw(st.sampled_from((b"", b"auto", b"\x1b[31m", b"\xff\xfe", b"x" * 5_000)))
        length = draw(st.none() | st.sampled_from(LENGTHS))
        return struct.pack("<I", TEXT) + _text(text, length)
    return draw(_array(number))


@st.composite
def _array(draw: DrawFn, number: int) -> bytes:
    kind = draw(st.sampled_from((0, 4, 4, 5, 6, 7, 7, TEXT, ARRAY, 10, 13)))
    count = draw(st.sampled_from((0, 1, 2, 4, 4, 4, 5, 200, 10_000)))
    said = draw(st.just(count) | st.sampled_from(LENGTHS))
    code = CODES.get(kind)
    items = _packed(code, number) * count if code else _text(b"x") * min(count, 300)
    return struct.pack("<IIQ", ARRAY, kind, said) + items


@st.composite
def _tensors(draw: DrawFn) -> tuple[int, bytes]:
    """Tensors' names, shapes, types and places."""
    count = draw(st.sampled_from((0, 0, 1, 2)))
    out = b""
    for _ in range(count):
        names = (b"blk.0.w", b"blk.999999999.w", b"blk.1", b"\x1b[2J", b"")
        name, sides = draw(st.sampled_from(names)), draw(st.sampled_from((0, 1, 2, 2, 4, 5)))
        side = draw(st.sampled_from((0, 1, 32, 4_096, 2**63, 2**64 - 1)))
        kind = draw(st.sampled_from((0, 1, 2, 8, 14, 30, 999)))
        shape = struct.pack("<I", sides) + struct.pack("<Q", side) * sides
        out += _text(name) + shape + struct.pack("<IQ", kind, draw(st.sampled_from(LENGTHS)))
    return draw(_count(count)), out


@st.composite
def _count(draw: DrawFn, true: int) -> int:
    """How many there are, which is a lie at times."""
    return draw(st.sampled_from(LENGTHS)) if draw(once_in(30)) else true


@st.composite
def _pairs(draw: DrawFn) -> list[tuple[str, int, bool]]:
    """Keys without their architecture, what is usual there, and whether that is so here."""
    usual = dict(PLAIN)
    for group in draw(st.lists(st.sampled_from(GROUPS), max_size=3)):
        usual |= group
    if draw(once_in(6)):
        usual.pop(draw(st.sampled_from(sorted(usual))))
    odd = set(draw(st.lists(st.sampled_from(sorted(usual)), max_size=2)))
    found = [(key, value, key in odd) for key, value in usual.items()]
    more = draw(st.lists(st.sampled_from(_SHORT), max_size=2, unique=True))
    return found + [(key, 2, draw(st.booleans())) for key in more if key not in usual]


@st.composite
def header(draw: DrawFn) -> bytes:
    """A header as llama.cpp would write it, save for what was drawn to be odd."""
    name = draw(st.sampled_from(NAMES))
    pairs = draw(_pairs())
    body = _text(b"general.architecture") + struct.pack("<I", TEXT) + _text(name.encode())
    for key, usual, odd in pairs:
        steady = struct.pack("<II", 4, usual)
        body += _text(f"{name}.{key}".encode()) + (draw(_value(usual)) if odd else steady)
    more = draw(st.sampled_from((*[None] * 9, *GENERAL)))
    if more:
        body += _text(more) + draw(_value(32))
    tensors, told = draw(_tensors())
    count = draw(_count(1 + len(pairs) + bool(more)))
    version = draw(st.sampled_from((*[3] * 20, 2, 1, 4, 0x03000000)))
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + body + told


GENERAL = (b"general.type", b"general.alignment", b"split.count", b"general.name")
_SHORT = (*KEYS.values(), *sorted(HARMLESS), "attention.new_window", "x" * 300, "\x1b[31m")


@st.composite
def file(draw: DrawFn) -> Content:
    """A header, cut short, with bits turned, or in a file that is larger than it says."""
    data = draw(header())
    way = draw(st.sampled_from(("whole",) * 9 + ("cut", "turned", "larger")))
    if way == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if way == "turned":
        flipped = bytearray(data)
        for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=4)):
            flipped[at] ^= 1 << draw(st.integers(0, 7))
        return bytes(flipped)
    if way == "larger":
        return Sparse(data, draw(st.sampled_from((10**6, 401_000_000, 2_100_000_000))))
    return data


def headers() -> SearchStrategy[Attempt]:
    """A GGUF file, and a command that reads it."""
    return st.builds(
        lambda command, content, name: Attempt((*command, name), {name: content}, model=name),
        reading,
        file(),
        st.sampled_from(("m.gguf", "m.bin", "m")),
    )
