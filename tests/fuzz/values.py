"""Odd values for odd places: numbers at the edges, text that acts on a terminal, deep nesting."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.attempt import SECRET, Content

DIGITS = "\ue000digits"
"""Stands for a number of so many digits as Python does not turn into text."""

LOUD = ("ev\x1b]0;PWNED\x07\x1b[31mil", "a\u202eb\u2066c", "x\r\ny\x85z", "\x9b31m", "n\u0000ul")
"""What acts on a terminal, or hides."""

WORDS = (
    *("", " ", "a", "auto", "bf16", "fp8", "nvfp4", "q8_0/q4_0", "int4_per_token_head", "none"),
    *("full_attention", "sliding_attention", "linear_attention", "mamba", "chunked_attention"),
    *(
        "M",
        "*",
        "M*-",
        "gqa",
        "mla",
        "custom",
        "own",
        "shared",
        "1e400",
        "nan",
        "0x10",
        "1_0",
        "-0",
    ),
    *("\U0001f600", "\ud83d", "é" * 300, "a" * 3_000, "__class__", "../..", "/dev/zero", DIGITS),
    *LOUD,
)

INTEGERS = (
    *(0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 63, 64, 100, 128, 256, 512, 1_000, 1_024, 4_096, 131_072),
    *(-1, -(2**63), 9_999, 10_000, 10_001, 10**6, 10**8, 2**31 - 1, 2**31, 2**32, 2**63, 2**64),
    *(2**70, 10**12, 10**21, 10**100, 10**400, 10**4_299),
)

FLOATS = (
    *(0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 2.667, 6.0, 64.0, 1e-9, 5e-324, 1e16, 1e22, 1e308),
    *(-1.5, float("nan"), float("inf"), float("-inf")),
)


def nested(depth: int, inside: Any = 0) -> Any:
    """A list in a list in a list."""
    for _ in range(depth):
        inside = [inside]
    return inside


LARGE: tuple[Any, ...] = (
    *(nested(50), nested(99), nested(150), nested(900), [0] * 2_000, ["full_attention"] * 9_999),
    *([1] * 10_001, ["a", "b"] * 3_000, list(range(5_000)), {f"k{n}": n for n in range(2_000)}),
    *({f"kv_x{n}": {} for n in range(1_000)}, [{"a": 1}] * 1_000, [[1, 2]] * 2_000, "M*" * 4_000),
)

NUMBERS: SearchStrategy[Any] = st.sampled_from(INTEGERS) | st.sampled_from(FLOATS)
SCALARS: SearchStrategy[Any] = st.one_of(
    st.sampled_from(INTEGERS),
    st.sampled_from(FLOATS),
    st.sampled_from(WORDS),
    st.sampled_from((None, True, False)),
    st.integers(-1, 200),
)
LISTS: SearchStrategy[Any] = st.lists(SCALARS, max_size=5) | st.builds(
    lambda item, count: [item] * count, SCALARS, st.integers(0, 40)
)
ITEMS: SearchStrategy[Any] = st.lists(
    st.sampled_from(
        ({}, [], None, True, 0, 1, 1.5, -1, 2**70, "", "a", {"a": 1}, [1], float("nan"))
    ),
    min_size=1,
    max_size=4,
)
ODD: SearchStrategy[Any] = st.one_of(
    SCALARS,
    SCALARS,
    LISTS,
    ITEMS,
    st.dictionaries(st.sampled_from(WORDS), SCALARS, max_size=3),
    st.lists(LISTS, max_size=3),
    st.integers(0, 60).flatmap(lambda n: st.sampled_from(LARGE) if n == 60 else SCALARS),
)


def once_in(number: int) -> SearchStrategy[bool]:
    """Whether something happens that is to happen once in so many times."""
    return st.sampled_from((False,) * (number - 1) + (True,))


SECRETS: dict[str, Content] = {
    "token": f"{SECRET}\n".encode(),
    "home/.env": f"A=1\nPASSWORD={SECRET}\n".encode(),
    "home/env.yaml": f"token: {SECRET}\n".encode(),
    "home/auth.json": json.dumps({"auths": {"hub": SECRET}}).encode(),
    "home/list.json": json.dumps([SECRET]).encode(),
    "home/broken.yaml": f"- {SECRET}\n}} {SECRET}: [\n".encode(),
    "home/key.json": f'{{"a": "{SECRET}", "a": "{SECRET}" {SECRET}'.encode(),
}
"""Files that are no models, beside what is read."""


def as_json(tree: Any) -> bytes:
    """As JSON, with numbers that are too long for Python and halves of characters as escapes."""
    text = _dumped(tree)
    return re.sub(r'"\\ue000digits"', "9" * 5_000, text).encode()


def _dumped(tree: Any) -> str:
    try:
        return json.dumps(tree)
    except RecursionError:
        return "[" * 2_000 + "]" * 2_000
