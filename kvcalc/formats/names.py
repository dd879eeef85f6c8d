"""What people call a dtype, and the format or layout that they mean by it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from kvcalc.errors import did_you_mean
from kvcalc.formats.format import FP8, FP8_KEY, Format
from kvcalc.formats.known import FORMATS, LAYOUTS
from kvcalc.formats.layout import Layout, uniform

ALIASES = {
    "bfloat16": "bf16",
    **dict.fromkeys(("float16", "half"), "fp16"),
    **dict.fromkeys(("float32", "float"), "fp32"),
    # vLLM, SGLang and PyTorch: the exponent's bits change no byte
    **dict.fromkeys(("fp8_e4m3", "fp8_e5m2", "fp8_inc", "float8", "float8_e4m3"), "fp8"),
    **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz"), "fp8"),
    **dict.fromkeys(("float8_e5m2", "float8_e5m2fnuz"), "fp8"),
    # vLLM 0.33.0, config/cache.py: nvfp4's layout with other scales in it
    "nvfp4_4over6": "nvfp4",
}
"""Engines' own spellings, by what is echoed in their place; capitals are taken too."""

AUTO = "auto"
ROLES = ("k", "v")
"""What the two sides of a pair are for."""
NONE: Literal["none"] = "none"
"""The index dtype that leaves index keys out."""

_MANY = "kvcalc list --dtypes shows all"
_SOME = "bf16, fp8, int8, nvfp4 and q8_0 are some"
_OCTAVE = "vLLM's octave on ROCm: its slots depend on a model's rotary width, which is not read"
_BARE = "a number of bits alone: name whose they are, such as {0}_0 of llama.cpp or exl3_{0}"
_REFUSED = {
    AUTO: "none to keep a tensor in: name the one that is meant, such as bf16; alone, auto asks "
    "for the model's own",
    NONE: "no dtype: only index keys can be left out, with index_dtype none",
    **dict.fromkeys(("octave_k3v4", "octave_k3v3", "octave_k3v3_compact"), _OCTAVE),
    **dict.fromkeys(("fp4", "fp4_e2m1"), "said of several: nvfp4, mxfp4 or fp4_mx_block16"),
    **{word: _BARE.format(word) for word in ("q4", "q5", "q8")},
    "q6": "a number of bits alone: name whose they are, such as exl2_q6 or q6_0",
}
"""Names that mean no format, or more than one, and what to do instead."""

_BY_LOWER = {name.lower(): name for name in (*FORMATS, *LAYOUTS)}
_N_BIT = r"([1-9]\d?)bit"
_WITH_RESIDUAL = r"(.+)_r(0|[1-9]\d{0,5})"
MAX_BITS = 32


def canonical(name: str) -> str:
    """The name that is echoed for an engine's spelling of it; any other as it is."""
    word = name.removeprefix("torch.").lower()
    return _BY_LOWER.get(ALIASES.get(word, word), word)


def parse_format(name: str) -> Format:
    """The format of one tensor; `6bit` is so many bits and nothing else. Raises ValueError."""
    found = _stored(name)
    if found.residual:
        text = f"{found.name} keeps the last {found.residual:,} tokens in another dtype"
        raise ValueError(f"{text}: it is for --kv-dtype, or a question's kv_dtype, alone")
    return found


def _stored(name: str) -> Format:
    word = canonical(name)
    if word in FORMATS:
        return FORMATS[word]
    match = re.fullmatch(_N_BIT, word)
    if match and int(match[1]) <= MAX_BITS:
        return Format(word, int(match[1]))
    match = re.fullmatch(_WITH_RESIDUAL, word)
    if match and match[1] in FORMATS and FORMATS[match[1]].residual:
        return _with_residual(FORMATS[match[1]], int(match[2]))
    if word in _REFUSED:
        raise ValueError(f"the dtype {name!r} is {_REFUSED[word]}")
    if word in LAYOUTS:
        raise ValueError(f"{word} says how several tensors are stored, not one")
    raise ValueError(f"unknown dtype {name!r}; {_nearest(word)}")


def _stored_values(name: str) -> Format:
    stored = _stored(name)
    if stored == FORMATS["q8_KV"]:
        raise ValueError("q8_KV is a format of keys; name another for the values")
    return stored


def _with_residual(stored: Format, tokens: int) -> Format:
    if tokens == stored.residual:
        return stored
    return replace(stored, name=f"{stored.name}_r{tokens}", residual=tokens)


def _nearest(word: str) -> str:
    near = did_you_mean(word, [*FORMATS, *LAYOUTS, *ALIASES])
    return f"{near or _SOME}; {_MANY}".replace("?;", "?")


IndexFormat = Format | Literal["none"]
"""How index keys are stored: a format, or none where they are left out."""


def parse_index_format(name: str) -> IndexFormat:
    """An index key's format: fp8 brings the fp32 scale that the lightning indexer keeps with it.

    `none` leaves index keys out. Raises ValueError.
    """
    if name.lower() == NONE:
        return NONE
    stored = parse_format(name)
    return FP8_KEY if stored == FP8 else stored


def parse_layout(name: str) -> Layout:
    """What keys, values and latents are kept in: a layout, a format, or `q8_0/q4_0` for K and V.

    Raises ValueError with the nearest names.
    """
    word = canonical(name)
    if word in LAYOUTS:
        return LAYOUTS[word]
    key, slash, value = word.partition("/")
    if not slash:
        stored = _stored(name)
        return uniform(stored, _note(stored))
    pair = _stored(key), _stored_values(value)
    notes = dict.fromkeys(note for note in map(_note, pair) if note)
    names = "/".join(stored.name for stored in pair)
    return Layout(names, {"k": pair[0], "v": pair[1]}, note="; ".join(notes))


def parse_own_layout(name: str) -> Layout:
    """What a model's own cache is kept in: whatever needs no other dtype beside it.

    Raises ValueError.
    """
    found = parse_layout(name)
    if found.residual:
        text = f"{found.name} keeps the last {found.residual:,} tokens in another dtype"
        raise ValueError(f"{text}: name that one here, and ask with --kv-dtype {found.name}")
    return found


def parse_kv_dtype(name: str) -> Layout | None:
    """What a question asks the cache to be kept in; `auto`, the model's own, is None.

    A pair may say it of one side: `q8_0/auto` leaves values as they are. Raises ValueError.
    """
    sides = dict(zip(ROLES, name.split("/"), strict=False)) if name.count("/") == 1 else {"": name}
    asked = {role: side for role, side in sides.items() if side.lower() != AUTO}
    if len(asked) == len(sides):
        return replace(parse_layout(name), spelt=name.removeprefix("torch.").lower())
    return _one_side(*asked.popitem()) if asked else None


def _one_side(role: str, name: str) -> Layout:
    stored = _stored_values(name) if role == "v" else _stored(name)
    named = f"{stored.name}/{AUTO}" if role == "k" else f"{AUTO}/{stored.name}"
    return Layout(named, {role: stored}, note=_note(stored))


def _note(stored: Format) -> str:
    if stored.residual:
        last = f"the last {stored.residual:,} tokens are counted in the model's own dtype"
        most = "the most that it is made to hold; transformers quantizes all after the prompt, and"
        return f"{stored.name}: {last}, {most} again whenever {stored.residual:,} have come"
    if re.fullmatch(_N_BIT, stored.name):
        return f"{stored.name} carries no scale: {stored.bits} bits an element and nothing else"
    if stored == FORMATS["int8"]:
        return f"{stored.name} carries no scale per token: one for a whole tensor is not counted"
    return ""
