"""How much the headers of a GGUF model may hold, and what is said of one that cannot be read.

A length in a header can say anything, and a sparse file has room for it. The largest published
models have a vocabulary of 260,000 tokens and 500,000 merges (20 MB of header with their scores),
some hundred keys of fewer than 100 characters, chat templates of 100 kB and some thousand tensors,
also where every expert has its own. What is allowed is about twice that or more; all of it at once
takes less than a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvcalc.importers.weights import MAX_WEIGHTS

MAX_KEY = 65_535
"""Bytes of a key, as the specification has it; of a tensor's name too, for which it has 64."""

MAX_TEXT = 1_000_000
"""Bytes of a text that is kept, and of a token."""

KEPT_ITEMS = 10_000
"""A longer array is a vocabulary, not a list of layers: it is stepped over."""

MAX_DIMENSIONS = 4
MAX_ELEMENTS = 2**63 - 1
"""Of a tensor: llama.cpp counts them in 64 bits with a sign."""

SHOWN = 60
"""Characters of a value that a message quotes."""

KEY_SHOWN = 200
"""Characters of a key, which --ignore takes as it is quoted, and of a model's name."""

AGAIN = "download or copy it again"


class Unreadable(Exception):
    """A header that cannot be read: what is wrong with the file, and the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def cut_short() -> Unreadable:
    """A file that ends too early."""
    text = "the file ends in the middle of its GGUF header"
    return Unreadable(text, f"{AGAIN}: only a part has arrived")


def damaged(why: str) -> Unreadable:
    """A header that contradicts the specification."""
    return Unreadable(f"the GGUF header is damaged: {why}", AGAIN)


def cut(value: object, most: int = SHOWN) -> str:
    """Something of a header as a message quotes it, in so many characters at most."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


@dataclass
class Allowance:
    """What the headers of one model may still hold, all parts of a split one together.

    size     bytes of header
    keys     keys with a value
    tensors  tensors
    texts    texts in arrays: tokens and merges; a million take a fifth of a second
    kept     bytes of keys, of names of tensors and of texts that are kept
    items    items of arrays that are kept
    weights  bytes of tensors, as many as a model's YAML may state
    """

    size: int = 100_000_000
    keys: int = 5_000
    tensors: int = 20_000
    texts: int = 1_500_000
    kept: int = 10_000_000
    items: int = 100_000
    weights: int = MAX_WEIGHTS

    def spend(self, what: str, count: int) -> None:
        """Take some of one of these. Raises Unreadable where there is not so much left."""
        left = getattr(self, what) - count
        if left < 0:
            most = getattr(Allowance, what)
            text = f"the GGUF header claims more than {most:,} {_WORDS[what]}, which are not read"
            raise Unreadable(text, f"no model needs so many; if it is damaged, {AGAIN}")
        setattr(self, what, left)


_WORDS = {
    "size": "bytes",
    "keys": "keys",
    "tensors": "tensors",
    "texts": "texts in arrays",
    "kept": "bytes of keys, names and texts",
    "items": "items in arrays",
    "weights": "bytes of weights",
}
