"""Names of models without what people write in many ways: case, separators, how weights are stored.

Separators between digits stay, and so do points: `qwen3-4b` is not `qwen34b`, nor `qwen3.4b`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_SEPARATORS = re.compile(r"(?:[^\w.]|_)+")
_BESIDE_A_LETTER = re.compile(r"(?<!\d)[-.]|[-.](?!\d)")
_POINT = re.compile(r"(?<=\d)_(?=\d)")

_STORED = (
    r"(?:i1[-_])?gguf|ggml|awq|gptq|exl[23]|mlx|dwq|hqq|aqlm|auto-?round|(?:unsloth[-_])?bnb|qat",
    r"int[2-8]|[2-8]-?bits?|g(?:32|64|128)|(?:32|64|128)g|\d(?:\.\d+)?bpw|(?:quantized[-_.])?w\d+a\d+(?:-ct)?",
    r"(?:fp8|int8)[-_](?:dynamic|block)|fp[48]|nvfp4|mxfp[48](?:_moe)?|b?f16|fp16",
    r"(?:ud[-_])?i?q[1-8]_(?:[01]|k|k_(?:xs|s|m|l|xl|xxl)|xxs|xs|s|m|nl)|tq[12]_0",
    r"(?:q4_0|int4|fp8)[-_]unquantized",
)
_HF = "hf"
_TUNED = rf"instruct|it|chat|{_HF}"
_STORED_SO = re.compile(rf"[-_.:\s]+(?P<what>{'|'.join(_STORED)})$", re.IGNORECASE)
_ANY = re.compile(rf"[-_.:\s]+(?P<what>{'|'.join((*_STORED, _TUNED))})$", re.IGNORECASE)


def folded(name: str) -> str:
    """A name as it is compared: `Llama 3.1 8B` and `llama3.1:8b` are llama3.1-8b."""
    text = unicodedata.normalize("NFKC", name).lower().replace("+", " plus")
    text = _SEPARATORS.sub("-", text).strip("-.")
    return _BESIDE_A_LETTER.sub("", text)


def folded_both_ways(name: str) -> frozenset[str]:
    """The same of a name that a vendor gave, where `3_3` may stand for 3.3."""
    return frozenset((folded(name), folded(_POINT.sub(".", name))))


def may_be(given: str, known: str) -> bool:
    """Whether two folded names are one, if the given has a separator for a point: 3-1 for 3.1."""
    pairs = zip(given, known, strict=False)
    return len(given) == len(known) and all(a == b or (a, b) == ("-", ".") for a, b in pairs)


def has(text: str, word: str) -> bool:
    """Whether a word stands in a text, both folded; one of separators alone stands in none."""
    wanted = folded(word)
    return bool(wanted) and wanted in folded(text)


def begins(given: str, known: str) -> bool:
    """Whether a folded name begins another and ends where a word or a number of it does."""
    rest = known.removeprefix(given)
    within = given[-1:].isdigit() and (rest[:1].isdigit() or rest[:1] == ".")
    return bool(given) and rest != known and not within


@dataclass(frozen=True)
class Shorter:
    """A name, and what was left out at its end.

    stored  whether that says how the weights are stored
    tuned   whether it says that it was tuned
    """

    name: str
    left_out: str = ""
    stored: bool = False
    tuned: bool = False


def shorter(name: str, *, tuned: bool) -> Iterator[Shorter]:
    """A name as it is, then with less and less of its end.

    tuned  whether that it was tuned (-Instruct, -it, -chat) is left out, too
    """
    found = Shorter(name)
    yield found
    pattern = _ANY if tuned else _STORED_SO
    while end := pattern.search(found.name):
        rest = found.name[: end.start()]
        if not folded(rest):
            return
        is_stored = _STORED_SO.search(end[0]) is not None
        is_tuned = not is_stored and end["what"].lower() != _HF
        left_out = name[len(rest) :].lstrip("-_.: \t")
        found = Shorter(rest, left_out, found.stored or is_stored, found.tuned or is_tuned)
        yield found
