"""How layers follow one another in a GGUF file: rules, arrays with an item per layer, and both.

A schedule names the kinds of all blocks, those of multi-token prediction behind the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvcalc.importers.family import Schedule
from kvcalc.importers.fields import Fields
from kvcalc.importers.findings import PLACEHOLDER
from kvcalc.importers.schedules import FULL, SLIDING
from kvcalc.model import MAX_LAYERS

Rule = Callable[[int], bool]

NONE, UNUSED, INDEXED, PICKED = "none", "sliding_unused", "indexed", "picked"
MLP, SPARSE, ROUTER = "mlp", "block_sparse", "router"


def layers_of(f: Fields, name: str) -> int | None:
    """How many layers, or passes through them, a key states; more than MAX_LAYERS is a problem."""
    count = f.optional(name)
    if count is not None and count > MAX_LAYERS:
        f.wrong(name, f"is {count:,}, more than {MAX_LAYERS:,}")
        return PLACEHOLDER
    return count


def trunk(f: Fields) -> int:
    """The layers without those of multi-token prediction, which block_count includes."""
    return max(0, f.count("layers") - (f.optional("mtp_layers", least=0) or 0))


def switches(f: Fields, name: str, one: bool = False) -> list[bool] | None:
    """An array of truth values or of 0 and 1, which the key's layers have; None without one.

    one  whether a single value stands for all layers: llama.cpp saves a list of like items so
    """
    value = f.get(name)
    if one and isinstance(value, int):
        value = [value] * trunk(f)
    if not isinstance(value, list):
        return None
    if any(item not in (0, 1) for item in value):
        f.wrong(name, "must say true or false for each layer")
    return [bool(item) for item in value]


def by_rule(f: Fields, rule: Rule, kind: str, others: str) -> list[str]:
    """`kind` where the rule holds; layers of multi-token prediction attend to everything."""
    within = trunk(f)
    return [(kind if rule(i) else others) if i < within else FULL for i in range(f.count("layers"))]


def by_list(f: Fields, chosen: Sequence[bool], kind: str, others: str) -> list[str]:
    """`kind` where the list says so; layers that it leaves out attend to everything."""
    kinds = [kind if item else others for item in chosen[: f.count("layers")]]
    return [*kinds, *[FULL] * (f.count("layers") - len(kinds))]


def attends(f: Fields) -> Rule:
    """Which layers have KV heads: 0 stands for a layer without attention."""
    value = f.get("kv_heads")
    if value is None:
        value = f.get("heads")
    if not isinstance(value, list):
        return lambda layer: bool(value != 0)
    return lambda layer: layer >= len(value) or value[layer] != 0


def alike(kind: str = FULL) -> Schedule:
    """All layers alike."""
    return lambda f: by_rule(f, lambda i: True, kind, kind)


def where_heads(without: str, window: str = "") -> Schedule:
    """Layers with KV heads attend, over a window if the file states one and `window` is given."""

    def schedule(f: Fields) -> Sequence[str]:
        stated = f.optional("window", least=0) if window else 0
        if window:
            f.spare("pattern", "key_dim_swa", "value_dim_swa")
        kind = window if stated else FULL
        return by_rule(f, attends(f), kind, without)

    return schedule


def plain(f: Fields) -> Sequence[str]:
    """Attention wherever there are KV heads, over the window that llama.cpp would not use."""
    kinds = list(where_heads(NONE, UNUSED)(f))
    if set(kinds) == {NONE}:
        f.wrong("kv_heads" if f.has("kv_heads") else "heads", "leaves no layer that attends")
        return []
    chosen = switches(f, "pattern")
    if chosen is None:
        return kinds
    slides = by_list(f, chosen, UNUSED, FULL)
    return [own if kind == UNUSED else kind for kind, own in zip(kinds, slides, strict=True)]


def looped(f: Fields) -> Sequence[str]:
    """Every pass through the layers keeps caches of its own."""
    kinds, loops = plain(f), layers_of(f, "loops") or 1
    if (passes := len(kinds) * loops) > MAX_LAYERS:
        text = f"is {loops:,}, which makes {passes:,} of {f.names_of('layers')[0]} {len(kinds):,}"
        f.wrong("loops", f"{text}: more than {MAX_LAYERS:,}")
        return kinds
    return [*kinds] * loops


def routed(f: Fields) -> Sequence[str]:
    """One layer more than is stated, whose single head tells which adapter a token is for."""
    if trunk(f) < f.count("layers"):
        f.wrong("mtp_layers", "counts the router as a layer of prediction, and it is in every step")
    return [*plain(f), ROUTER]


def interleaved(
    period: int | None, *, first: bool = False, stated: bool = True, kind: str = SLIDING
) -> Schedule:
    """One full layer in each period, the last or the first; the file's own pattern comes first.

    period  None where the file must have an array, 0 where all layers slide
    stated  whether the file must state the window
    """

    def schedule(f: Fields) -> Sequence[str]:
        f.spare("key_dim_swa", "value_dim_swa")
        window = f.count("window") if stated else f.optional("window", least=0)
        chosen = switches(f, "pattern")
        if not window:
            f.spare("pattern")
            return alike()(f)
        if chosen is not None:
            return _some(f, kind, by_list(f, chosen, kind, FULL))
        size = f.optional("pattern", least=0)
        size = period if size is None else size
        if size is None:
            f.count("pattern")
            return []
        place = 0 if first else size - 1
        return _some(f, kind, by_rule(f, lambda i: not size or i % size != place, kind, FULL))

    return schedule


def _some(f: Fields, kind: str, kinds: Sequence[str]) -> Sequence[str]:
    """The same kinds, of which some must slide where a window is: llama.cpp asserts so."""
    if kind not in kinds and kind != UNUSED:
        name = "pattern" if f.has("pattern") else "layers"
        f.wrong(name, "leaves no layer that has the window: they contradict each other")
    return kinds


def exaone4(f: Fields) -> Sequence[str]:
    """The 32B model, of 64 layers, slides; of others llama.cpp does not use a window."""
    if trunk(f) == 64:
        return interleaved(4, stated=False)(f)
    return interleaved(4, stated=False, kind=UNUSED)(f) if f.has("window") else alike()(f)


def sharing(schedule: Schedule, keeping: int | None = None) -> Schedule:
    """The last layers read the cache of earlier ones, as many as the file says.

    keeping  the layers that keep one, where the file says nothing
    """

    def shared(f: Fields) -> Sequence[str]:
        kinds, count = list(schedule(f)), f.optional("shared_layers", least=0)
        if count is None:
            count = 0 if keeping is None else max(0, len(kinds) - keeping)
            if count:
                f.note(f"the last {count} layers share caches, as llama.cpp has it; none is stated")
        if count >= len(kinds) and kinds:
            text = f"is {count:,} of {len(kinds):,} layers: none would keep a cache"
            f.wrong("shared_layers", text)
        own = len(kinds) - count
        _hold_reads(f, kinds, own if keeping is None else keeping)
        return [kind if i < own else f"shared_{kind}" for i, kind in enumerate(kinds)]

    return shared


def _hold_reads(f: Fields, kinds: Sequence[str], own: int) -> None:
    """llama.cpp: a layer reads the last that keeps a cache, or, over a window, that before it."""
    for kind, read in ((FULL, own - 1), (SLIDING, own - 2)):
        if kind in kinds[own:] and (read < 0 or kinds[read] != kind):
            f.wrong("shared_layers", f"has {kind} layers read layer {read:,}, which is none")


def len_mtp(f: Fields) -> int:
    """The layers of multi-token prediction."""
    return f.count("layers") - trunk(f)


def decoder(f: Fields) -> Sequence[str]:
    """The layers of a decoder; those that an encoder has more than it keep nothing."""
    layers = f.count("layers")
    own = layers_of(f, "decoder_layers") or layers
    more = 0 if len_mtp(f) else layers - own
    return [*[FULL] * own, *[NONE] * more]


def dflash(f: Fields) -> Sequence[str]:
    """A window by the file's pattern, if at all; a draft for DeepSeek-V4 keeps a window alone."""
    if not f.optional("hyper_connections"):
        return interleaved(None, stated=False)(f)
    f.spare("pattern", "index_n_heads", "index_head_dim", "index_topk")
    f.note("llama.cpp keeps a value beside each entry, which is a key and a value at once")
    return alike("ratio 0")(f)
