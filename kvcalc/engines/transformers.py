"""transformers: its dynamic cache, as it stands after a prefill (5.24.0, cache_utils.py).

It pages nothing and quantizes nothing, but keeps some tensors otherwise than the ideal: `GENERAL`
holds for every model, `OWN` for the models of one `model_type`, whose code (models/<model_type>)
does otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from kvcalc.cache import ENTRY_ROLES
from kvcalc.engines import Reservation, Term
from kvcalc.errors import UsageError
from kvcalc.extents import Every, Fixed, Window
from kvcalc.formats import FLOATS, FP32

if TYPE_CHECKING:
    from kvcalc.cache import Group, Role, Settled
    from kvcalc.formats import Format
    from kvcalc.model import Model
    from kvcalc.question import Question

NAME = "transformers"


class Stored(Protocol):
    """Something of which a layer keeps so many bytes."""

    def stored(self, tokens: int) -> int:
        """Bytes after `tokens` tokens."""


@dataclass(frozen=True)
class Carried:
    """What a compressor keeps of tokens that no finished entry holds yet: keys and gates.

    Where entries overlap, the last stride is there again, with its gate in fp32: a quarter of an
    overlapping compressor's width is one half's keys, a quarter its gates.
    """

    width: int
    stride: int
    overlaps: bool
    dtype: Format

    def stored(self, tokens: int) -> int:
        unfinished = self.dtype.entry_bytes(self.width * (tokens % self.stride))
        if not self.overlaps or tokens < self.stride:
            return unfinished
        again = self.width // 4 * self.stride
        return unfinished + self.dtype.entry_bytes(again) + FP32.entry_bytes(again)


@dataclass(frozen=True)
class Layers:
    """Like layers on their way through the rules: what one keeps, in which dtype, and for whom."""

    group: Group
    query_heads: int
    dtype: Format
    tensors: tuple[Settled, ...]
    carried: tuple[Carried, ...] = ()

    def stored(self, tokens: int) -> int:
        """Bytes of all these layers after `tokens` tokens."""
        kept: Iterable[Stored] = (*self.tensors, *self.carried)
        return self.group.layers * sum(each.stored(tokens) for each in kept)

    def each(self, change: Callable[[Settled], Settled], *roles: Role) -> Layers:
        """The same with what has one of these roles changed; every tensor where none is named."""
        changed = (change(t) if t.tensor.role in roles or not roles else t for t in self.tensors)
        return replace(self, tensors=tuple(changed))


@dataclass(frozen=True)
class Rule:
    """One way in which the cache differs from the ideal."""

    name: str
    apply: Callable[[Layers], Layers]


def _stored_in(settled: Settled, dtype: Format) -> Settled:
    """A tensor in the cache's dtype, unless the model pins another float."""
    pinned = settled.tensor.format
    return replace(settled, format=pinned if pinned in FLOATS else dtype)


def _index_keys(layers: Layers) -> Layers:
    return layers.each(lambda settled: _stored_in(settled, layers.dtype), "index")


def _states(layers: Layers) -> Layers:
    return layers.each(lambda settled: replace(settled, format=FP32), "state")


def _states_as_the_rest(layers: Layers) -> Layers:
    return layers.each(lambda settled: replace(settled, format=layers.dtype), "state")


def _one_dtype(layers: Layers) -> Layers:
    roles: tuple[Role, ...] = (*ENTRY_ROLES, "conv", "shift")
    return layers.each(lambda settled: _stored_in(settled, layers.dtype), *roles)


def _windowed(settled: Settled, more: int) -> Settled:
    extent = settled.tensor.extent
    if not isinstance(extent, Window):
        return settled
    return replace(settled, tensor=replace(settled.tensor, extent=Window(extent.size + more)))


def _one_token_less(layers: Layers) -> Layers:
    return layers.each(lambda settled: _windowed(settled, -1))


def _one_token_more(layers: Layers) -> Layers:
    return layers.each(lambda settled: _windowed(settled, 1))


def _one_column_more(layers: Layers) -> Layers:
    def wider(settled: Settled) -> Settled:
        extent = settled.tensor.extent
        if not isinstance(extent, Fixed):
            return settled
        return replace(settled, tensor=replace(settled.tensor, extent=Fixed(extent.count + 1)))

    return layers.each(wider, "conv")


def _left_overs(layers: Layers) -> Layers:
    extents = (settled.tensor.extent for settled in layers.tensors)
    stride = max((extent.stride for extent in extents if isinstance(extent, Every)), default=1)
    return replace(layers, carried=tuple(_carried(layers, stride)))


def _carried(layers: Layers, stride: int) -> Iterator[Carried]:
    for settled in layers.group.left_over:
        tensor = settled.tensor
        overlaps = isinstance(tensor.extent, Window) and tensor.extent.size > stride
        if not tensor.shared:
            yield Carried(tensor.width, stride, overlaps, layers.dtype)


INDEX_KEYS = Rule("index keys in the cache's dtype, without a scale", _index_keys)
STATES = Rule("states in fp32", _states)
ONE_DTYPE = Rule("the cache's dtype", _one_dtype)
WINDOWS = Rule("one token less of a window or chunk", _one_token_less)
COLUMNS = Rule("a column more of a convolution", _one_column_more)
LEFT_OVERS = Rule("compressors' left-overs", _left_overs)

GENERAL = (INDEX_KEYS, STATES, ONE_DTYPE, WINDOWS, COLUMNS, LEFT_OVERS)


def _as_key_and_value(layers: Layers) -> Layers:
    return layers if layers.group.left_over else replace(layers, tensors=layers.tensors * 2)


def _index_keys_in_fp32(layers: Layers) -> Layers:
    return layers.each(lambda settled: replace(settled, format=FP32), "index")


def _packed_index_keys(layers: Layers) -> Layers:
    def packed(settled: Settled) -> Settled:
        tensor = settled.tensor
        every = replace(tensor, extent=Every(), width=2 * tensor.width + 1)
        return replace(settled, tensor=every, format=layers.dtype)

    return layers.each(packed, "index")


def _whole(layers: Layers) -> Layers:
    def whole(settled: Settled) -> Settled:
        if not isinstance(settled.tensor.extent, Window):
            return settled
        return replace(settled, tensor=replace(settled.tensor, extent=Every()))

    return layers.each(whole)


def _repeated(layers: Layers) -> Layers:
    def repeated(settled: Settled) -> Settled:
        heads = settled.tensor.heads or 1
        wide = replace(settled.tensor, heads=layers.query_heads if heads > 1 else heads)
        return replace(settled, tensor=wide)

    return layers.each(repeated, "k", "v")


def _convolutions_in_fp32(layers: Layers) -> Layers:
    def in_fp32(settled: Settled) -> Settled:
        return replace(settled, tensor=replace(settled.tensor, format=FP32), format=FP32)

    return layers.each(in_fp32, "conv")


@dataclass(frozen=True)
class Own:
    """A rule of one model's code, and the general one that it stands in for, if any."""

    rule: Rule
    instead_of: Rule | None = None


STATES_AS_THE_REST = Own(Rule("states in the cache's dtype", _states_as_the_rest), STATES)
QUERY_APART = Own(Rule("a window of one token more, the query's", _one_token_more))
INDEX_IN_FP32 = Own(Rule("index keys in fp32", _index_keys_in_fp32), INDEX_KEYS)
CONVOLUTIONS_IN_FP32 = Own(Rule("convolutions in fp32", _convolutions_in_fp32))
PACKED = Own(
    Rule("per token an index key, a gate as wide and a mark, pooled when read", _packed_index_keys),
    INDEX_KEYS,
)

OWN = {
    "deepseek_v4": Own(Rule("entries twice, as key and as value", _as_key_and_value)),
    "dots3_note": INDEX_IN_FP32,
    "dots3_note_text": INDEX_IN_FP32,
    "falcon": Own(Rule("keys and values repeated for every query head", _repeated)),
    "glm5_next": PACKED,
    "glm5_next_text": PACKED,
    "gpt_neo": Own(Rule("windows kept whole, and masked", _whole)),
    "inkling2_loop_text": CONVOLUTIONS_IN_FP32,
    "inkling2_text": CONVOLUTIONS_IN_FP32,
    "inkling_mm_model": CONVOLUTIONS_IN_FP32,
    "inkling_text": CONVOLUTIONS_IN_FP32,
    "mimo_v2": QUERY_APART,
    "mimo_v2_flash": QUERY_APART,
    "minimax": STATES_AS_THE_REST,
    "minimax_m1": STATES_AS_THE_REST,
    "minimax_text_01": STATES_AS_THE_REST,
    "openai-gpt": Own(Rule("no cache at all", lambda k: replace(k, tensors=()))),
    "recurrent_gemma": Own(Rule("no column more of a convolution", lambda k: k), COLUMNS),
    "xlstm": STATES_AS_THE_REST,
}
"""By `model_type`."""


Step = tuple[Rule, tuple[tuple[Layers, Layers], ...]]
"""A rule, and the layers that it changes, before and after it."""


@dataclass(frozen=True)
class TransformersPlan:
    """transformers' cache of one model; sequences of a batch are kept alike.

    steps  the rules that change something, in the order in which they are applied
    """

    model: Model
    own: Rule | None
    steps: tuple[Step, ...]

    def at(self, context: int, batch: int) -> Reservation:
        """Bytes after a prefill of `context` tokens in each of `batch` sequences."""
        terms = []
        for rule, changed in self.steps:
            more = sum(after.stored(context) - before.stored(context) for before, after in changed)
            terms += [Term(rule.name, batch * more)] if more else []
        stored = batch * self.model.cache.stored(context)
        bites = any(self.own and term.rule == self.own.name for term in terms)
        note = f"{NAME} has its own way with {self.model.name}: {self.own.name if self.own else ''}"
        return Reservation(
            stored + sum(term.bytes for term in terms), tuple(terms), (note,) if bites else ()
        )


def plan(model: Model, question: Question) -> TransformersPlan:
    """How transformers keeps a model. Raises UsageError for a dtype that is no float."""
    own = _own(model)
    rules = [rule for rule in GENERAL if not (own and rule == own.instead_of)]
    rules = [own.rule, *rules] if own else rules
    layers = [_layers(group, model) for group in model.cache.groups]
    steps: list[Step] = []
    for rule in rules:
        after = [rule.apply(each) for each in layers]
        changed = tuple(pair for pair in zip(layers, after, strict=True) if pair[0] != pair[1])
        steps += [(rule, changed)] if changed else []
        layers = after
    return TransformersPlan(model, own.rule if own else None, tuple(steps))


def _layers(group: Group, model: Model) -> Layers:
    shape = model.attention[group.name].shape
    return Layers(group, shape.heads if shape else 1, _dtype(group, model), group.tensors)


def _own(model: Model) -> Own | None:
    """What the code of this model's `model_type` does, or of the language model inside it."""
    named = model.architecture
    if named is None or named.dialect != "huggingface":
        return None
    return OWN.get(named.name) or OWN.get(named.inner)


def _dtype(group: Group, model: Model) -> Format:
    """The one dtype of a cache: the question's, that of the entries, or the model's."""
    own = [settled.format for settled in group.tensors if settled.tensor.role in ENTRY_ROLES]
    layout = model.kv_dtype or model.dtype
    asked = [layout.format_of(role, None) for role in ("k", "v")]
    found = {stored for stored in (own if own and not model.kv_dtype else asked) if stored}
    if found and found <= set(FLOATS):
        return max(found, key=lambda stored: stored.bits)
    names = " and ".join(sorted({stored.name for stored in found})) or layout.name
    text = f"{NAME} keeps its cache in floats of 16 or 32 bits, not in {names}"
    raise UsageError(f"{text}; add --kv-dtype bf16")
