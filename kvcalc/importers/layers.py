"""The layers of a configuration: of which kind each is, and what it keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from kvcalc.attention.base import Scheme
from kvcalc.errors import InvalidValue, Nearest
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.schedules import CHUNKED, FULL, INDEXED, LINEAR, SLIDING
from kvcalc.importers.values import short
from kvcalc.model import MAX_LAYERS
from kvcalc.units import MAX_TOKENS

CHUNK = "attention_chunk_size"

ALWAYS = (
    "use_sliding_window",
    CHUNK,
    "sliding_window_size",
    "max_window_layers",
)
"""Fields that switch a kind of layer on, or make the list where there is none: a list wins."""
SYNONYMS = {
    "attention": FULL,
    "mamba": LINEAR,
    "recurrent": LINEAR,
    "deepseek_sparse_attention": INDEXED,
    "qwen_sparse_attention": INDEXED,
}
"""Older names for the kinds of layers."""


def layers_of(family: Family, fields: Fields) -> list[tuple[Scheme, ...]]:
    """What each layer keeps, in order: as the file lists them, else by the family's schedule.

    Raises InvalidValue where there are too many: then nobody knows what the layers would read.
    """
    if fields.count("layers") > MAX_LAYERS:
        fields.wrong("layers", f"is more than {MAX_LAYERS:,}")
        raise InvalidValue(list(fields.problems))
    listed = fields.items("layer_kinds", str, per_layer=True)
    _read_what_others_need(family, fields)
    if listed:
        _refuse_another_order(family, fields, listed)
    kinds = listed or family.schedule(fields)
    _refuse_another_number(family, fields, len(kinds))
    kinds = kinds[: fields.count("layers")]
    known = {kind: _known(kind, family, fields) for kind in dict.fromkeys(kinds)}
    kinds = [known[kind] for kind in kinds]
    if not listed:
        _leave_chunks_unread(family, fields, kinds)
    return _caches(family, fields, family.amend(fields, kinds))


def _caches(family: Family, fields: Fields, kinds: Sequence[str]) -> list[tuple[Scheme, ...]]:
    """What layers of these kinds keep; those alike are read once.

    Raises InvalidValue where a family has made more of its layers than are counted.
    """
    if len(kinds) > MAX_LAYERS:
        fields.wrong("layers", f"makes {len(kinds):,} layers, of which {MAX_LAYERS:,} are counted")
        raise InvalidValue(list(fields.problems))
    caches: list[tuple[Scheme, ...]] = []
    alike: dict[str, tuple[Scheme, ...]] = {}
    for number, kind in enumerate(kinds):
        layer = fields.at(number)
        if kind in alike and not layer.apart:
            caches.append(alike[kind])
            continue
        kept: tuple[Scheme, ...] = ()
        with fields.collecting():
            kept = family.parts[kind](layer) if kind else ()
        caches.append(kept)
        if not layer.apart:
            alike[kind] = kept
    return caches


def _leave_chunks_unread(family: Family, fields: Fields, kinds: Sequence[str]) -> None:
    """Chunks that no layer attends within are no known field of a family that has none.

    Where a class lists no layers, transformers' cache goes by them (cache_utils.py of 5.24.0).
    """
    off = CHUNK in fields.data and not fields.data[CHUNK]
    if CHUNKED not in kinds and CHUNK not in family.unused and not off:
        fields.used.discard(CHUNK)


def unstated_of(family: Family, fields: Fields) -> tuple[str, ...]:
    """Fields of a family that the file leaves out, and that engines fill in otherwise."""
    return tuple(name for name in family.filled_in if not fields.has(name))


def stated_window_of(fields: Fields) -> int | None:
    """A window that the file states and switches off, and that no layer could have anyway.

    Asked once the layers are read: a family that knows windows has looked at this one by then, and
    its class sees to it that nobody takes it for one that counts.
    """
    # a window of 0, or of false, is off by itself
    off = 0 in [fields.data.get(name) for name in fields.names_of("window")]
    if fields.data.get("use_sliding_window") is not False and not off:
        return None
    known = not fields.used.isdisjoint(fields.names_of("window"))
    fields.spare("use_sliding_window", "window", "max_window_layers")
    if known or fields.get("layer_kinds") is not None:
        return None
    # a 0 is none to the model, but one to whoever asks no more than whether it is null
    stated = fields.get("window")
    if isinstance(stated, int) and stated > MAX_TOKENS:
        return None
    window = 0 if stated == 0 else fields.optional("window")
    if window is not None:
        name = fields.names_of("window")[0]
        if any(fields.at(i).get("window") != window for i in range(fields.count("layers"))):
            fields.wrong("per_layer_config", f"gives layers another {name}, which is switched off")
        text = f"{name} {window:,} is stated and switched off: every layer attends to all tokens"
        fields.note(f"{text}; an engine that goes by the file alone may keep fewer")
        return window
    return None


def mtp_layers_of(family: Family, fields: Fields) -> list[tuple[Scheme, ...]]:
    """What each layer of multi-token prediction keeps; none where the family knows none."""
    count = fields.optional("mtp_layers", least=0) or 0
    if not (family.mtp and count):
        return []
    if count > MAX_LAYERS:
        fields.wrong("mtp_layers", f"is more than {MAX_LAYERS:,}")
        raise InvalidValue(list(fields.problems))
    last = fields.at(fields.count("layers") - 1)
    layer = family.parts[family.mtp](last)
    if fields.problems:
        raise InvalidValue(list(fields.problems))
    return [layer] * count


def _read_what_others_need(family: Family, fields: Fields) -> None:
    """Mark the fields of kinds of layers that this model happens not to have as known."""
    scratch = fields.scratch()
    for reader in (family.schedule, *family.parts.values()):
        with contextlib.suppress(InvalidValue):
            reader(scratch)


def _refuse_another_order(family: Family, fields: Fields, listed: Sequence[str]) -> None:
    """What the file says of the order of its layers besides must make the same list."""
    scratch = fields.scratch()
    scratch.used = set()
    ruled = [SYNONYMS.get(kind, kind) for kind in family.schedule(scratch)]
    off = fields.data.get("use_sliding_window") is False
    if SLIDING in listed and off and "use_sliding_window" in scratch.used:
        where = _listing(family, fields)
        text = f"{where} lists sliding layers, but use_sliding_window is false"
        fields.problem(f"{text}: they contradict each other", where)
    common = {n for name in ("layers", "window") for n in fields.names_of(name)}
    ruling = scratch.used - common - set(ALWAYS)
    rules = [name for name in fields.data if name in ruling]
    said = [name for name in rules if fields.data[name] not in (None, [], False)]
    own = [SYNONYMS.get(kind, kind) for kind in listed[: len(ruled)]]
    if said and not scratch.problems and own != ruled:
        where = _listing(family, fields)
        text = f"{where} is not the order that {', '.join(said)} says"
        fields.problem(f"{text}: they contradict each other", where)


def _refuse_another_number(family: Family, fields: Fields, listed: int) -> None:
    """Lists name every layer, and may go on for the MTP layers, but no further."""
    layers, mtp = fields.count("layers"), fields.optional("mtp_layers", least=0) or 0
    fits = layers <= listed <= layers + mtp or fields.unreadable("layers")
    # who makes no list at all has said why
    if not fits and (listed or not fields.problems):
        where, name = _listing(family, fields), fields.names_of("layers")[0]
        text = f"{where} lists {listed} layers, {name} is {layers}"
        fields.problem(f"{text}: they contradict each other", where)


def _known(kind: str, family: Family, fields: Fields) -> str:
    """A kind of layer as the family calls it; "" where it is not known, which is told."""
    for name in (kind, SYNONYMS.get(kind, "")):
        if name in family.parts:
            return name
    hint = Nearest(kind, tuple(family.parts))
    text = f"{short(kind)} layers are not known in {family.name or 'plain attention'}"
    fields.problem(text, _listing(family, fields), hint)
    return ""


def _listing(family: Family, fields: Fields) -> str:
    """The field that lists the layers, to point at."""
    return next((name for name in family.listings if fields.data.get(name)), "model_type")
