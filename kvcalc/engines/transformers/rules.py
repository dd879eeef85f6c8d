"""In which ways transformers' cache differs from the ideal (5.24.0, cache_utils.py).

`GENERAL` holds for every model, `OWN` for those of one `model_type`, whose code
(models/<model_type>) does otherwise, `stated` for a file with a window that is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kvcalc.cache import ENTRY_ROLES
from kvcalc.extents import Beyond, Every, Fixed, Window
from kvcalc.formats import FLOATS, FP32

if TYPE_CHECKING:
    from kvcalc.cache import Group, Role, Settled
    from kvcalc.extents import Extent
    from kvcalc.formats import Format


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
        """Bytes after `tokens` tokens."""
        unfinished = self.dtype.entry_bytes(self.width * (tokens % self.stride))
        if not self.overlaps or tokens < self.stride:
            return unfinished
        again = self.width // 4 * self.stride
        return unfinished + self.dtype.entry_bytes(again) + FP32.entry_bytes(again)


@dataclass(frozen=True)
class Layers:
    """Like layers on their way through the rules: what one of them keeps, and in which dtype."""

    group: Group
    query_heads: int
    dtype: Format
    tensors: tuple[Settled, ...]
    carried: tuple[Carried, ...] = ()

    def stored(self, tokens: int) -> int:
        """Bytes of all these layers after `tokens` tokens."""
        kept: tuple[Settled | Carried, ...] = (*self.tensors, *self.carried)
        return self.group.layers * sum(one.stored(tokens) for one in kept)


@dataclass(frozen=True)
class Rule:
    """One way in which the cache differs from the ideal: by its name, and what it makes of layers.

    instead_of  the general rule that it stands in for, if any
    """

    name: str
    apply: Callable[[Layers], Layers]
    instead_of: Rule | None = None


def each(change: Callable[[Settled, Layers], Settled], *roles: Role) -> Callable[[Layers], Layers]:
    """Changes what has one of these roles; every tensor where none is named."""

    def apply(layers: Layers) -> Layers:
        kept = (
            change(t, layers) if t.tensor.role in roles or not roles else t for t in layers.tensors
        )
        return replace(layers, tensors=tuple(kept))

    return apply


def _with(settled: Settled, stored: Format | None = None, **changes: Any) -> Settled:
    """A tensor with some of its fields changed, and its format."""
    tensor = replace(settled.tensor, **changes)
    return replace(settled, tensor=tensor, format=stored or settled.format)


def _in_fp32(settled: Settled, layers: Layers) -> Settled:
    return _with(settled, FP32, format=FP32)


def _as_the_rest(settled: Settled, layers: Layers) -> Settled:
    return _with(settled, layers.dtype)


def _as_the_rest_unless_pinned(settled: Settled, layers: Layers) -> Settled:
    pinned = settled.tensor.format
    return _with(settled, pinned if pinned in FLOATS else layers.dtype)


def _windows(change: Callable[[int], Extent]) -> Callable[[Layers], Layers]:
    def changed(settled: Settled, layers: Layers) -> Settled:
        extent = settled.tensor.extent
        return _with(settled, extent=change(extent.size)) if isinstance(extent, Window) else settled

    return each(changed)


def _kept(window: int) -> Extent:
    """What is left of a window: `keys[:, :, -window + 1 :, :]`, which begins at 0 for a 1."""
    if window > 1:
        return Window(window - 1)
    return Every() if window else Beyond(1)


def _within(window: int) -> Callable[[Layers], Layers]:
    """What a window leaves of tensors that have none."""
    left = _kept(window)

    def changed(settled: Settled, layers: Layers) -> Settled:
        extent = settled.tensor.extent
        if isinstance(extent, Fixed):
            # cross attention: the encoder's output comes at once, and is cut like a prompt
            return _with(settled, extent=Fixed(left.entries(extent.count)))
        return _with(settled, extent=left) if extent == Every() else settled

    return each(changed, *ENTRY_ROLES)


def _one_column_more(settled: Settled, layers: Layers) -> Settled:
    extent = settled.tensor.extent
    return _with(settled, extent=Fixed(extent.count + 1)) if isinstance(extent, Fixed) else settled


def _left_overs(layers: Layers) -> Layers:
    extents = (settled.tensor.extent for settled in (*layers.tensors, *layers.group.left_over))
    stride = max((extent.stride for extent in extents if isinstance(extent, Every)), default=1)
    return replace(layers, carried=tuple(_carried(layers, stride)))


def _carried(layers: Layers, stride: int) -> Iterator[Carried]:
    for settled in layers.group.left_over:
        tensor = settled.tensor
        overlaps = isinstance(tensor.extent, Window) and tensor.extent.size > stride
        if not tensor.shared:
            yield Carried(tensor.width, stride, overlaps, layers.dtype)


def _packed(settled: Settled, layers: Layers) -> Settled:
    width = 2 * settled.tensor.width + 1
    return _with(settled, layers.dtype, extent=Every(), width=width)


def _of_every_token(settled: Settled, layers: Layers) -> Settled:
    return _with(settled, layers.dtype, extent=Every())


def _repeated(settled: Settled, layers: Layers) -> Settled:
    kv_heads = settled.tensor.heads or 1
    return _with(settled, heads=layers.query_heads if kv_heads > 1 else kv_heads)


def _as_key_and_value(layers: Layers) -> Layers:
    return layers if layers.group.left_over else replace(layers, tensors=layers.tensors * 2)


INDEX_KEYS = Rule(
    "index keys in the cache's dtype, without a scale", each(_as_the_rest_unless_pinned, "index")
)
STATES = Rule("states in fp32", each(_in_fp32, "state"))
ONE_DTYPE = Rule(
    "the cache's dtype", each(_as_the_rest_unless_pinned, *ENTRY_ROLES, "conv", "shift")
)
WINDOWS = Rule("one token less of a window or chunk", _windows(_kept))
COLUMNS = Rule("a column more of a convolution", each(_one_column_more, "conv"))
LEFT_OVERS = Rule("compressors' left-overs", _left_overs)

GENERAL = (INDEX_KEYS, STATES, ONE_DTYPE, WINDOWS, COLUMNS, LEFT_OVERS)

CONVOLUTIONS_IN_FP32 = Rule("convolutions in fp32", each(_in_fp32, "conv"))
INDEX_IN_FP32 = Rule("index keys in fp32", each(_in_fp32, "index"), INDEX_KEYS)
PACKED = Rule(
    "per token an index key, a gate as wide and a mark, pooled when read",
    each(_packed, "index"),
    INDEX_KEYS,
)
UNPOOLED = Rule(
    "an index key per token, pooled when read", each(_of_every_token, "index"), INDEX_KEYS
)
QUERY_APART = Rule(
    "a window of one token more, the query's", _windows(lambda size: Window(size + 1))
)
STATES_AS_THE_REST = Rule("states in the cache's dtype", each(_as_the_rest, "state"), STATES)

TWICE = Rule("entries twice, as key and as value", _as_key_and_value)

OWN = {
    "deepseek_ref": TWICE,
    "deepseek_v4": TWICE,
    "dots3_note": INDEX_IN_FP32,
    "dots3_note_text": INDEX_IN_FP32,
    "falcon": Rule("keys and values repeated for every query head", each(_repeated, "k", "v")),
    "glm5_next": PACKED,
    "glm5_next_text": PACKED,
    "gpt_neo": Rule("windows kept whole, and masked", _windows(lambda size: Every())),
    "inkling2_loop_text": CONVOLUTIONS_IN_FP32,
    "inkling2_text": CONVOLUTIONS_IN_FP32,
    "inkling_mm_model": CONVOLUTIONS_IN_FP32,
    "inkling_text": CONVOLUTIONS_IN_FP32,
    "mimo_v2": QUERY_APART,
    "mimo_v2_flash": QUERY_APART,
    "minimax": STATES_AS_THE_REST,
    "minimax_m1": STATES_AS_THE_REST,
    "minimax_text_01": STATES_AS_THE_REST,
    "openai-gpt": Rule("no cache at all", lambda layers: replace(layers, tensors=())),
    "qwen4_exp": UNPOOLED,
    "qwen4_exp_text": UNPOOLED,
    "recurrent_gemma": Rule("no column more of a convolution", lambda layers: layers, COLUMNS),
    "xlstm": STATES_AS_THE_REST,
}
"""By `model_type`."""

LISTED = frozenset(
    """
    axk2 bailing_hybrid bamba deepseek_v32 falcon_h1 falcon_mamba glm5_next glm5_next_text
    glm_moe_dsa granitemoehybrid hy_v4 jamba kimi_linear lfm2 lfm2_moe mamba mamba2 minimax
    minimax_m1 minimax_m3 minimax_m3_vl_text minimax_text_01 nemotron_h olmo_hybrid qwen3_5
    qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_next zamba zamba2
    """.split()  # noqa: SIM905  a list would take a page
)
"""By `model_type`: classes that list what each layer keeps, so that no other window counts.

The cache goes by `config.layer_types`, else by `config.sliding_window`: a class that has neither
a list nor a window of its own passes on whatever window its file states.
"""

PROMPTED = frozenset({"cpmant"})
"""By `model_type`: what begins every sequence with tokens of its own; a window drops them first."""


def stated(window: int) -> Rule:
    """What a window does that a file states and switches off."""
    return Rule("the window that its file states and switches off", _within(window))
