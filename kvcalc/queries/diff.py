"""Whether two models keep the same cache, and in words what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain, compress, product
from operator import eq

from kvcalc.answer import Answer
from kvcalc.attention.base import Scheme
from kvcalc.cache import Cache
from kvcalc.errors import KvcalcError, UsageError
from kvcalc.formats import Format, Layout
from kvcalc.model import FACTS, Layer, Model
from kvcalc.units import format_size

CONTEXTS = (1, 1_000, 4_096, 131_072)
DTYPES = ("dtype", "kv_dtype", "index_dtype")
MARKS = 5
"""By which entries of two models are told to be alike."""


@dataclass(frozen=True)
class Changed:
    """One thing that differs, and both of its values in words; entry is "" for the whole model."""

    what: str
    first: str
    second: str
    entry: str = ""

    def __str__(self) -> str:
        what = f"{self.entry}: {self.what}" if self.entry else f"{self.what}:"
        return f"{what} {self.first} and {self.second}"


@dataclass(frozen=True, repr=False)
class Difference(Answer):
    """What differs between two models: what bytes come of, and all other facts.

    same  whether they keep the same, layer by layer, MTP layers included
    """

    model: Model
    other: Model
    same: bool
    cache: tuple[Changed, ...]
    facts: tuple[Changed, ...]


@dataclass(frozen=True)
class _Entry:
    """A scheme with its defaults written out, all its names, and what one layer of it keeps."""

    model: Model
    names: tuple[str, ...]
    scheme: Scheme
    contents: Mapping[Hashable, int]

    @cached_property
    def marks(self) -> tuple[Hashable, ...]:
        """What two entries that are alike have in common, what says most first."""
        kind = self.scheme.kind
        outline = kind, tuple((t.role, type(t.extent), t.shared) for t in self.scheme.kept)
        contents = frozenset(self.contents.items())
        return self.scheme, contents, outline, kind, self.names[0]

    def moot(self, name: str, other: _Entry) -> bool:
        """Whether a layer would keep the same if it had this one field of the other's."""
        try:
            scheme = replace(self.scheme, **{name: getattr(other.scheme, name)})
            return _contents(self.model, scheme) == self.contents
        except KvcalcError:  # it cannot be, or this model's dtype has no place for it
            return False


_Pair = tuple[_Entry | None, _Entry | None]


def diff(model: Model, other: Model) -> Difference:
    """Compare two models, whatever they call their entries.

    Heads that only read, for example, are other facts. Nothing in `expect` or `compare` counts.
    """
    if drafted := model.draft or other.draft:
        raise UsageError(f"models are compared without a draft, and beside one is {drafted.name}")
    if bool(model.mtp) != bool(other.mtp):
        # what one of them does not state is no difference
        untold = Changed("mtp layers", *(str(len(m.mtp) or "not stated") for m in (model, other)))
        found = diff(replace(model, mtp=()), replace(other, mtp=()))
        return replace(found, facts=(*found.facts, untold))
    pairs = _pairs(_entries(model), _entries(other))
    cache = [
        *_changed(model, other, DTYPES),
        *_orders("layers", model.layers, other.layers, pairs),
        *_orders("mtp layers", model.mtp, other.mtp, pairs),
    ]
    facts: list[Changed] = []
    for one, another in pairs:
        if one and another:
            for changed, matters in _unlike(one, another):
                (cache if matters else facts).append(changed)
    same = _kept(model) == _kept(other)
    if same:
        # what differs in the words of two models that keep the same is no more than words
        cache, facts = [], cache + facts
    cache += _bytes(model, other)
    return Difference(model, other, same, tuple(cache), (*facts, *_facts(model, other)))


def _kept(model: Model) -> list[list[Mapping[Hashable, int]]]:
    """What every layer keeps, in order."""
    orders = model.layers, model.mtp
    kept = {
        layer: _contents(model, *(model.attention[name] for name in layer))
        for layer in dict.fromkeys(chain(*orders))
    }
    return [[kept[layer] for layer in order] for order in orders]


def _contents(model: Model, *schemes: Scheme) -> Mapping[Hashable, int]:
    return Cache(tuple(model.group("", 1, scheme) for scheme in schemes)).contents


def _entries(model: Model) -> list[_Entry]:
    """The entries that its layers keep; those that mean the same are one."""
    found: dict[Scheme, dict[str, None]] = {}
    layers = dict.fromkeys((*model.layers, *model.mtp))
    for name in dict.fromkeys(chain.from_iterable(layers)):
        scheme = model.attention[name].plain()
        if scheme.dtype == model.dtype:
            scheme = replace(scheme, dtype=None)
        found.setdefault(scheme, {})[name] = None
    return [_Entry(model, tuple(names), s, _contents(model, s)) for s, names in found.items()]


def _pairs(ours: Sequence[_Entry], theirs: Sequence[_Entry]) -> list[_Pair]:
    """Every entry of both once, beside the one it is most like, or beside None."""
    left, right = list(ours), list(theirs)
    pairs: list[_Pair] = []
    # the most alike first: those with all marks in common, then with all but the last, and so on
    for likeness in product((True, False), repeat=MARKS):
        if any(likeness) or len(left) == len(right) == 1:
            found, left, right = _alike(left, right, likeness)
            pairs += found
    return [*pairs, *((one, None) for one in left), *((None, another) for another in right)]


def _alike(
    ours: Sequence[_Entry], theirs: Sequence[_Entry], likeness: Sequence[bool]
) -> tuple[list[_Pair], list[_Entry], list[_Entry]]:
    """Those with these marks in common in pairs, in order, and what is left of both."""
    waiting: dict[Hashable, list[_Entry]] = {}
    for entry in reversed(theirs):
        waiting.setdefault(tuple(compress(entry.marks, likeness)), []).append(entry)
    pairs: list[_Pair] = []
    left = []
    for entry in ours:
        if others := waiting.get(tuple(compress(entry.marks, likeness))):
            pairs.append((entry, others.pop()))
        else:
            left.append(entry)
    taken = {id(another) for _, another in pairs}
    return pairs, left, [entry for entry in theirs if id(entry) not in taken]


def _orders(
    what: str, ours: Sequence[Layer], theirs: Sequence[Layer], pairs: Sequence[_Pair]
) -> Iterator[Changed]:
    """How many layers there are, how many of each entry, and in which order."""
    even = len(ours) == len(theirs)
    if not even:
        yield Changed(what, str(len(ours)), str(len(theirs)))
        if len(pairs) == 1:
            return
    mine = _numbered(ours, [one for one, _ in pairs])
    others = _numbered(theirs, [another for _, another in pairs])
    counts = [Counter(chain.from_iterable(order)) for order in (mine, others)]
    for n in (uneven := [n for n in range(len(pairs)) if counts[0][n] != counts[1][n]]):
        yield Changed(f"{what} of {_label(pairs[n])}", *(str(count[n]) for count in counts))
    if even and not uneven and mine != others:
        first = list(map(eq, mine, others)).index(False)
        names = ("+".join(layers[first]) or "none" for layers in (ours, theirs))
        yield Changed(f"order of {what}, from number {first + 1} on", *names)


def _numbered(layers: Sequence[Layer], entries: Sequence[_Entry | None]) -> list[list[int]]:
    """The layers with the numbers of their entries in place of the names."""
    numbers = {name: n for n, entry in enumerate(entries) if entry for name in entry.names}
    return [sorted(numbers[name] for name in layer) for layer in layers]


def _unlike(one: _Entry, another: _Entry) -> Iterator[tuple[Changed, bool]]:
    """What differs between two entries, and whether bytes come of it."""
    label, ours, theirs = _label((one, another)), one.scheme, another.scheme
    if ours.kind != theirs.kind:
        yield Changed(label, _words(ours), _words(theirs)), one.contents != another.contents
        return
    for changed in _changed(ours, theirs, (field.name for field in fields(ours)), label):
        moot = one.moot(changed.what, another) or another.moot(changed.what, one)
        yield changed, not moot


def _bytes(model: Model, other: Model) -> Iterator[Changed]:
    longest = sorted(m.max_context for m in (model, other) if m.max_context)
    asked = [("stored", context) for context in sorted({*CONTEXTS, *longest[:1]})]
    default = min(model.default_context, other.default_context)
    for quantity, context in (*asked, *((rate, default) for rate in ("growth", "fixed", "read"))):
        both = [getattr(m.cache.at(context), quantity) for m in (model, other)]
        if both[0] != both[1]:
            yield Changed(f"{quantity} at {context:,}", *(format_size(n, "B", 0) for n in both))


def _facts(model: Model, other: Model) -> Iterator[Changed]:
    stated = [n for n in FACTS if None not in (getattr(model, n), getattr(other, n))]
    yield from _changed(model, other, (*stated, "stated_window", "unstated"))
    runs, shapes = (model.architecture, other.architecture), (model.shape, other.shape)
    # a GGUF has its own name for what Hugging Face calls otherwise
    if runs[0] and runs[1] and runs[0].dialect == runs[1].dialect and runs[0] != runs[1]:
        texts = (run.name + (run.inner and f" ({run.inner})") for run in runs if run)
        yield Changed("architecture", *texts)
    if shapes[0] and shapes[1] and shapes[0] != shapes[1] and any(map(_shapeless, (model, other))):
        texts = (f"{shape.heads:,} of {shape.key_dim:,}" for shape in shapes if shape)
        yield Changed("heads for what-ifs", *texts)


def _shapeless(model: Model) -> bool:
    """Whether a what-if takes over the model's own heads in some layer."""
    schemes = ([model.attention[name] for name in layer] for layer in model.layers if layer)
    return any(all(scheme.shape is None for scheme in layer) for layer in schemes)


def _label(pair: _Pair) -> str:
    names = " / ".join(dict.fromkeys(entry.names[0] for entry in pair if entry))
    alone = [_words(entry.scheme) for entry in pair if entry and None in pair]
    return ", a ".join([names, *alone])


def _changed(
    ours: object, theirs: object, names: Iterable[str], entry: str = ""
) -> Iterator[Changed]:
    for name in names:
        first, second = getattr(ours, name), getattr(theirs, name)
        if first != second:
            yield Changed(name, _word(first), _word(second), entry)


def _words(scheme: Scheme) -> str:
    """A scheme as a reader would say it: `gqa (heads 32, kv_heads 8, window 128)`."""
    told = {f.name: getattr(scheme, f.name) for f in fields(scheme)}
    usual = {f.name: f.default for f in fields(scheme)} | {"index_scale": "none"}
    said = [f"{n} {_word(v)}" for n, v in told.items() if v not in (None, usual[n])]
    return f"{scheme.kind} ({', '.join(said)})"


def _word(value: object) -> str:
    """A value as a reader would say it."""
    if isinstance(value, Format | Layout):
        return value.name
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    if isinstance(value, tuple):
        return "; ".join(f"{t.name} {t.heads or 1} x {t.width} ({t.extent.rule})" for t in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
