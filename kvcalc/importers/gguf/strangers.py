"""What becomes of the keys that nobody has read: silent, told of, or refused.

In an architecture that is known, a key without a word of the cache is passed over, and one note
lists all such keys. In one that is not, names are all that there is to go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvcalc.errors import SHOWN, did_you_mean
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED
from kvcalc.importers.gguf.keys import KEYS, PLAIN_READ, is_harmless
from kvcalc.importers.gguf.limits import KEY_SHOWN, cut
from kvcalc.importers.harmless import speaks_of_the_cache
from kvcalc.importers.strangers import tell_what_was_passed, way_out

READ = frozenset(KEYS.values())

TOKEN_SHIFTS = 2
"""What llama.cpp saves as token_shift_count of models without token shifts."""


def hold_to_account(name: str, f: Fields) -> None:
    """Tell of an architecture's keys that were passed over, and refuse those that may matter."""
    known = name in ARCHITECTURES
    read = f.used if known else _read_of_strangers(f)
    unread = {key.removeprefix(f"{name}."): key for key in f.data if key not in read}
    odd = {
        own: key
        for own, key in unread.items()
        if not is_harmless(own, known) and not _says_nothing(own, f.data[key], f)
    }
    passed = {key for own, key in odd.items() if known and _can_be_passed(own, f.data[key])}
    _refuse(name, known, [key for key in odd.values() if key not in passed], f)
    if passed:
        told = [cut(key, KEY_SHOWN) for key in odd.values() if key in passed]
        more = [f"and {len(told) - SHOWN:,} more"] if len(told) > SHOWN else []
        tell_what_was_passed([*told[:SHOWN], *more], name, f)


def refuse_what_is_read(name: str, f: Fields, ignored: Sequence[str]) -> None:
    """Refuse to ignore a key that is read: its layers come out otherwise without it."""
    read = f.read if name in ARCHITECTURES else _read_of_strangers(f)
    for key in ignored:
        if key in read or key.startswith(("general.", "split.")):
            f.problem(f"{key} is read, and cannot be ignored", key, "leave out its --ignore")


def _read_of_strangers(f: Fields) -> set[str]:
    return {key for short in PLAIN_READ for key in f.names_of(short)}


def _says_nothing(own: str, value: Any, f: Fields) -> bool:
    """Whether a key is one that llama.cpp saves though the model has nothing of the kind."""
    if _is_off(value) and (own in READ or is_harmless(own, known=True)):
        return True
    full = {"key_dim_swa": "key_dim", "value_dim_swa": "value_dim"}
    short = next((s for s in full if own == KEYS[s]), "")
    if short:  # sliding layers are as the others, if there are any
        return bool(value == f.data.get(f.names_of(full[short])[0]))
    return own == KEYS["token_shifts"] and value == TOKEN_SHIFTS


def _can_be_passed(own: str, value: Any) -> bool:
    return own not in READ and (_is_off(value) or not speaks_of_the_cache(own))


def _is_off(value: Any) -> bool:
    return not any(value) if isinstance(value, list) else not value


def _refuse(name: str, known: bool, keys: Sequence[str], f: Fields) -> None:
    near = "" if known or not keys else did_you_mean(name, (*ARCHITECTURES, *REFUSED))
    also = f"{near} " if near.startswith("did") else ""
    for key in keys:
        shown = cut(key, KEY_SHOWN)
        text = f"architecture {name!r} is not known, and {shown} could change the cache"
        text = f"{shown} is not a key that kvcalc knows in {name}" if known else text
        f.problem(text, key, also + way_out((shown,)))
