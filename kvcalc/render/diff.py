"""What the difference of two models prints: a line per thing that differs."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from kvcalc.queries.diff import Changed, Difference
from kvcalc.render import Style
from kvcalc.render.documents import Document, Section
from kvcalc.render.keys import Each, JsonObject, Key, envelope
from kvcalc.render.records import Records, Said
from kvcalc.render.sheets import Sheet, text

CHANGED = JsonObject(
    "ChangedDocument",
    "One thing that differs, with both values in words; `entry` is empty for the whole model.",
    Key("entry", str),
    Key("what", str),
    Key("model", str, "first"),
    Key("other", str, "second"),
)
DOCUMENT = JsonObject(
    "DiffDocument",
    "Two models beside each other: `cache` is what bytes come of, `facts` all else that differs.",
    *envelope("diff"),
    Key("model", str, "model.name"),
    Key("file", str, "model.file"),
    Key("other_model", str, "other.name"),
    Key("other_file", str, "other.file"),
    Key("same_cache", bool, "same"),
    Each("cache", CHANGED),
    Each("facts", CHANGED),
)


def _parts(answer: Difference) -> list[tuple[str, Changed]]:
    parts = ("cache", answer.cache), ("facts", answer.facts)
    return [(part, changed) for part, changes in parts for changed in changes]


def _of_second(key: Key) -> Key:
    """A key of what differs, taken from what `_parts` pairs it with."""
    return Key(key.name, key.holds, lambda pair: key.of(pair[1]))


PART = JsonObject("", "", Key("part", str, itemgetter(0)), *map(_of_second, CHANGED.keys))


def _said(answer: Difference) -> Callable[[object], Said]:
    files = {"file": answer.model.file, "other_file": answer.other.file}
    return lambda _: files


RECORDS = Records(Each("parts", PART, _parts), ("file", "other_file"), _said)


def sheet(answer: Difference, style: Style) -> Sheet:
    """A line that says whether the caches are the same, then a line per thing that differs."""
    lines = [_verdict(answer), *(f"  {changed}" for changed in answer.cache)]
    if answer.facts:
        lines += ["", "other facts that differ", *(f"  {changed}" for changed in answer.facts)]
    return Sheet("", (), below=tuple(lines))


def document(answer: Difference, style: Style) -> Document:
    """The same as columns."""
    found, names = _parts(answer), _names(answer)
    columns = (
        text("part", (part for part, _ in found)),
        text("what", (f"{c.entry}: {c.what}" if c.entry else c.what for _, c in found)),
        text(names[0], (changed.first for _, changed in found)),
        text(names[1], (changed.second for _, changed in found)),
    )
    return Document((Section("", sheet=Sheet(_verdict(answer), columns)),))


def _verdict(answer: Difference) -> str:
    first, second = _names(answer)
    return f"{first} and {second} {'' if answer.same else 'do not '}keep the same cache"


def _names(answer: Difference) -> tuple[str, str]:
    """What the two are called, with their files where they have one name."""
    one, other = answer.model, answer.other
    if one.name != other.name:
        return one.name, other.name
    return f"{one.name} ({one.file or '-'})", f"{other.name} ({other.file or '-'})"
