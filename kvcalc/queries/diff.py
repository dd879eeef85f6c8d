"""Whether two models keep the same cache, and in words what differs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.errors import InvalidValue
from kvcalc.queries.likeness import contents_of, entry_of, keep_alike, pairs_of, word, words
from kvcalc.units import decimals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor
    from kvcalc.model import Layer, Model
    from kvcalc.queries.likeness import Contents, Entry, Pair

CONTEXTS = (1, 1_000, 4_096, 131_072)
STATED = ("max_context", "parameters", "active_parameters", "weight_bytes")
"""Facts that a model may leave unsaid, which is then no difference."""


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


@dataclass(frozen=True)
class Difference:
    """What differs between two models: what bytes come of, and all other facts."""

    model: Model
    other: Model
    cache: tuple[Changed, ...] = ()
    facts: tuple[Changed, ...] = ()

    @property
    def same(self) -> bool:
        """Whether they keep the same, layer by layer, MTP layers and engines included."""
        return not self.cache


def diff(model: Model, other: Model) -> Difference:
    """Compare two models, whatever they call their entries.

    Heads that only read, for example, are other facts. Nothing in `expect` or `compare` counts.
    """
    if bool(model.mtp) != bool(other.mtp):
        # what one of them does not state is no difference
        untold = Changed("mtp layers", *(str(len(m.mtp) or "not stated") for m in (model, other)))
        found = diff(replace(model, mtp=()), replace(other, mtp=()))
        return replace(found, facts=(*found.facts, untold))
    return _Comparing(model, other).difference()


@dataclass(frozen=True)
class _Comparing:
    model: Model
    other: Model

    def difference(self) -> Difference:
        pairs = pairs_of(_entries(self.model), _entries(self.other))
        # what differs in the words of two files whose layers keep the same is no more than words
        same = _kept(self.model) == _kept(self.other)
        lines = [*self._dtypes(), *self._orders(pairs)]
        cache, facts = ([], lines) if same else (lines, [])
        for one, another in pairs:
            if one and another:
                for changed, matters in self._fields(one, another):
                    (cache if matters and not same else facts).append(changed)
                told = self.model.engines and self.other.engines
                (cache if told else facts).extend(_engines(one, another))
        cache += [] if same else self._bytes()
        return Difference(self.model, self.other, tuple(cache), (*facts, *self._facts()))

    def _dtypes(self) -> Iterator[Changed]:
        for name in ("dtype", "kv_dtype", "index_dtype"):
            yield from _changed(name, getattr(self.model, name), getattr(self.other, name))

    def _orders(self, pairs: Sequence[Pair]) -> Iterator[Changed]:
        """How many layers there are, how many of each entry, and in which order."""
        for what, mine, theirs in (
            ("layers", self.model.layers, self.other.layers),
            ("mtp layers", self.model.mtp, self.other.mtp),
        ):
            yield from _changed(what, len(mine), len(theirs))
            ours = _numbered(self.model, mine, [one for one, _ in pairs])
            others = _numbered(self.other, theirs, [another for _, another in pairs])
            counts = [Counter(n for layer in order for n in layer) for order in (ours, others)]
            even = len(mine) == len(theirs)
            uneven = (
                []
                if len(pairs) == 1 and not even
                else [n for n in range(len(pairs)) if counts[0][n] != counts[1][n]]
            )
            for number in uneven:
                label = f"{what} of {_label(pairs[number])}"
                yield from _changed(label, counts[0][number], counts[1][number])
            if even and not uneven and ours != others:
                first = next(
                    n for n, both in enumerate(zip(ours, others, strict=True)) if len({*both}) > 1
                )
                label = f"order of {what}, from number {first + 1} on"
                yield Changed(label, _item(mine[first]), _item(theirs[first]))

    def _fields(self, one: Entry, another: Entry) -> Iterator[tuple[Changed, bool]]:
        """What differs between two entries, and whether bytes come of it."""
        label = _label((one, another))
        ours, theirs = one.scheme, another.scheme
        differ = not keep_alike(self.model, ours, theirs)
        if ours.kind != theirs.kind:
            yield Changed(label, words(ours), words(theirs)), differ
            return
        names = _unlike(ours, theirs)
        matter = [n for n in names if self._matters(ours, theirs, n)] or names if differ else []
        for name in names:
            both = getattr(ours, name), getattr(theirs, name)
            yield Changed(name, word(both[0]), word(both[1]), label), name in matter

    def _matters(self, ours: Scheme, theirs: Scheme, name: str) -> bool:
        """Whether this field alone changes what a layer of either keeps, as far as it can."""
        verdicts = []
        for model, scheme, other in ((self.model, ours, theirs), (self.other, theirs, ours)):
            with contextlib.suppress(InvalidValue):
                mixed = dataclasses.replace(scheme, **{name: getattr(other, name)})
                verdicts.append(not keep_alike(model, scheme, mixed))
        return any(verdicts) or not verdicts

    def _bytes(self) -> Iterator[Changed]:
        ours, theirs = self.model, self.other
        longest = [m.max_context for m in (ours, theirs) if m.max_context]
        for context in sorted({*CONTEXTS, *([min(longest)] if longest else [])}):
            yield from _sizes("stored", context, ours.stored(context), theirs.stored(context))
        context = min(ours.default_context, theirs.default_context)
        yield from _sizes("growth", context, ours.growth(context), theirs.growth(context))
        yield from _sizes("fixed", context, ours.fixed(context), theirs.fixed(context))
        yield from _sizes("read", context, ours.read(context), theirs.read(context))

    def _facts(self) -> Iterator[Changed]:
        for name in STATED:
            both = getattr(self.model, name), getattr(self.other, name)
            if None not in both:
                yield from _changed(name, *both)
        shapes = self.model.shape, self.other.shape
        if all(shapes) and any(map(_needs_shape, (self.model, self.other))):
            texts = [f"{s.heads:,} of {s.key_dim:,}" for s in shapes if s]
            yield from _changed("heads for what-ifs", *texts)


def _entries(model: Model) -> list[Entry]:
    names = dict.fromkeys(n for layer in (*model.layers, *model.mtp) for n in layer)
    return list(dict.fromkeys(entry_of(model, name) for name in names))


def _kept(model: Model) -> list[list[Contents]]:
    orders = model.layers, model.mtp
    return [[contents_of(model, layer) for layer in order] for order in orders]


def _numbered(
    model: Model, layers: Sequence[Layer], entries: Sequence[Entry | None]
) -> list[tuple[int, ...]]:
    """The layers with the numbers of their entries in place of the names."""
    used = dict.fromkeys(name for layer in layers for name in layer)
    numbers = {name: entries.index(entry_of(model, name)) for name in used}
    return [tuple(sorted(numbers[name] for name in layer)) for layer in layers]


def _engines(one: Entry, another: Entry) -> Iterator[Changed]:
    ours, theirs = dict(one.instead), dict(another.instead)
    for engine in dict.fromkeys([*ours, *theirs]):
        mine, other = ours.get(engine), theirs.get(engine)
        label = f"{engine}, in the place of {_label((one, another))}"
        if mine and other and _tensors(mine) == _tensors(other):
            continue
        if mine and other and mine.kind == other.kind:
            for name in _unlike(mine, other):
                values = word(getattr(mine, name)), word(getattr(other, name))
                yield Changed(name, *values, label)
        else:
            yield Changed(
                label, *(words(kept) if kept else "nothing else" for kept in (mine, other))
            )


def _tensors(scheme: Scheme) -> list[CacheTensor]:
    """What is kept, whatever a step computes with it."""
    return [dataclasses.replace(tensor, macs=None) for tensor in scheme.expand()]


def _unlike(ours: Scheme, theirs: Scheme) -> list[str]:
    names = (field.name for field in dataclasses.fields(ours))
    return [name for name in names if getattr(ours, name) != getattr(theirs, name)]


def _needs_shape(model: Model) -> bool:
    kept = (layer for layer in model.layers if layer)
    return any(all(model.attention[name].shape is None for name in layer) for layer in kept)


def _label(pair: Pair) -> str:
    names = " / ".join(dict.fromkeys(entry.name for entry in pair if entry))
    alone = [words(entry.scheme) for entry in pair if entry and None in pair]
    return ", a ".join([names, *alone])


def _item(layer: Layer) -> str:
    return "+".join(layer) or "none"


def _changed(what: str, first: object, second: object) -> Iterator[Changed]:
    if first != second:
        yield Changed(what, word(first), word(second))


def _sizes(
    what: str, context: int, first: Fraction | int, second: Fraction | int
) -> Iterator[Changed]:
    if first != second:
        texts = (f"{decimals(Fraction(v), 0 if v == int(v) else 3)} B" for v in (first, second))
        yield Changed(f"{what} at {context:,}", *texts)
