"""What becomes of the keys that nobody has read: silent, told of, or refused.

In an architecture that is known, a key without a word of the cache is passed over, and one note
lists all such keys. In one that is not, names are all that there is to go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvcalc.errors import did_you_mean
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED
from kvcalc.importers.gguf.keys import KEYS, PLAIN_READ, is_harmless
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
    passed = [key for own, key in odd.items() if known and _can_be_passed(own, f.data[key])]
    for key in (key for key in odd.values() if key not in passed):
        _refuse(name, known, key, f)
    if passed:
        tell_what_was_passed(passed, name, f)


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


def _refuse(name: str, known: bool, key: str, f: Fields) -> None:
    hint = way_out((key,))
    if known:
        f.problem(f"{key} is not a key that kvcalc knows in {name}", key, hint)
        return
    near = did_you_mean(name, (*ARCHITECTURES, *REFUSED))
    hint = f"{near} {hint}" if near.startswith("did") else hint
    f.problem(f"architecture {name!r} is not known, and {key} could change the cache", key, hint)
