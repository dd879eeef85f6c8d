"""A mix of contexts: read, weighted exactly, and refused where it is none."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.mix import MOST, Mix, is_mix, mix_of, parse_mix

if TYPE_CHECKING:
    from tests.conftest import Cli

CHATS = Mix(((2_048, Fraction(2, 5)), (8_192, Fraction(1, 2)), (65_536, Fraction(1, 10))))
LLAMA = 131_072
"""Bytes a token of Llama 3.1 8B."""


@pytest.mark.parametrize(
    ("text", "mix", "again"),
    [
        ("2K:40%,8K:50%,64K:10%", CHATS, "2048:40%,8192:50%,65536:10%"),
        (" 64K : 10 % , 2048:40%,8Ki:50.0%", CHATS, "2048:40%,8192:50%,65536:10%"),
        (
            "8k:12.5%,1m:87.5%",
            Mix(((8_000, Fraction(1, 8)), (1_000_000, Fraction(7, 8)))),
            "8000:12.5%,1000000:87.5%",
        ),
    ],
)
def test_a_mix_is_read(text: str, mix: Mix, again: str) -> None:
    assert is_mix(text)
    assert parse_mix(text) == mix_of(text) == mix == mix_of(mix)
    assert str(mix) == again
    assert parse_mix(again) == mix


@pytest.mark.parametrize("context", ["8K", "8K,32K", 8_192, None, [1], True])
def test_what_is_no_mix(context: Any) -> None:
    assert mix_of(context) is None
    assert not is_mix(context)


def test_what_a_mix_weighs() -> None:
    # 0.4 x 2,048 + 0.5 x 8,192 + 0.1 x 65,536 tokens
    assert CHATS.mean(lambda tokens: tokens) == Fraction("11468.8")
    model = kvcalc.load("llama-3.1-8b")
    assert CHATS.mean(model.stored) == LLAMA * Fraction("11468.8")
    # a window of 1,024 is full in all of them: 52 layers x 1,024 x 8,192 B
    model = kvcalc.load("gemma-3-27b")
    assert CHATS.mean(model.stored) == 81_920 * Fraction("11468.8") + 52 * 1_024 * 8_192
    assert CHATS.mean(model.growth) == 81_920
    assert CHATS.longest == 65_536


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2K:40%,8K:50%", "'2K:40%,8K:50%' adds up to 90 %: it has to be 100 %"),
        ("2K:40%,8K:61%", "'2K:40%,8K:61%' adds up to 101 %"),
        ("2K:33.3%,8K:33.3%,1K:33.3%", "'2K:33.3%,8K:33.3%,1K:33.3%' adds up to 99.9 %"),
        ("8K:100%", "'8K:100%' is one length: name it alone, or several"),
        ("8K:50%,8192:50%", "8,192 tokens are in the mix twice: add their shares up"),
        ("8K:100%,2K:0%", "'2K:0%' is nothing of the mix: leave it out"),
        ("8K:40,2K:60", "'40' is no share of a mix; write it like 2K:40%,8K:50%,64K:10%"),
        ("8K:-40%,2K:140%", "'-40%' is no share of a mix"),
        ("8K:1e2%,2K:0%", "'1e2%' is no share of a mix"),
        ("8K:\u0664%,2K:96%", "'\u0664%' is no share of a mix"),
        (f"8K:{'9' * 70}%,2K:1%", "'999"),
        ("8K:50%,50%", "'50%' has no share; write it like"),
        ("8K:50%,", "'' has no share"),
        ("131,072:50%,8K:50%", "'131' has no share"),
        (":50%,8K:50%", "'' is not a number of tokens"),
        ("8x:50%,8K:50%", "'8x' is not a number of tokens"),
        ("0:50%,8K:50%", "0 tokens: a context is between 1 and"),
        (",".join(f"{n}:1%" for n in range(1, MOST + 2)), "a mix of 1,001 lengths: there are at"),
    ],
)
def test_a_mix_that_cannot_be(text: str, words: str, cli: Cli) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        parse_mix(text)
    for ask in (kvcalc.show, kvcalc.compare):
        with pytest.raises(kvcalc.UsageError) as refused:
            ask("llama-3.1-8b", context=text)
        assert str(refused.value).startswith(f"context: {words}")
    done = cli("show", "llama-3.1-8b", "-c", text)
    assert (done.code, done.err.startswith(f"Error: --context: {words}")) == (2, True)


@pytest.mark.parametrize("command", ["show", "compare"])
def test_where_a_mix_is_not_asked_for(command: str, cli: Cli) -> None:
    done = cli(command, "llama-3.1-8b", "-c", "2K:40%,8K:60%")
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: --context: a mix of lengths is for fit alone: name one\n"


LENGTHS = st.lists(st.integers(1, 10**6), min_size=2, max_size=6, unique=True)


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(LENGTHS, st.data())
def test_a_mix_survives_its_text(lengths: list[int], data: st.DataObject) -> None:
    parts = [data.draw(st.integers(1, 999)) for _ in lengths[1:]]
    # in thousandths of a per cent
    shares = [*parts, 100_000 - sum(parts)]
    mix = Mix(tuple(sorted((t, Fraction(n, 10**5)) for t, n in zip(lengths, shares, strict=True))))
    assert parse_mix(str(mix)) == mix
    assert min(lengths) <= mix.mean(lambda tokens: tokens) <= mix.longest == max(lengths)
