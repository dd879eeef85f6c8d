"""How layers with a state and layers with attention follow one another in a GGUF file."""

from __future__ import annotations

from collections.abc import Sequence

from kvcalc.importers.family import Schedule
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.schedules import (
    MLP,
    attends,
    by_list,
    by_rule,
    switches,
    trunk,
    where_heads,
)
from kvcalc.importers.schedules import FULL, LINEAR

HASHED = "hashed_ngrams"
"""A recurrent layer with a convolution beside hashed n-grams."""

ATTENTION = (
    *("heads", "kv_heads", "key_dim", "value_dim", "rope_dim"),
    *("kv_lora_rank", "key_dim_mla", "value_dim_mla"),
    *("index_n_heads", "index_head_dim", "index_topk", "compress_ratios"),
)
STATES = (
    *("conv_kernel", "inner_size", "state_size", "time_step_rank", "group_count"),
    *("kda_head_dim", "shortconv_taps"),
)


def _halves(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """The same kinds; what is stated of a half that no layer is leaves the cache alone."""
    if LINEAR not in kinds:
        f.spare(*STATES)
    if not set(kinds) - {LINEAR, MLP}:
        f.spare(*ATTENTION)
    return kinds


def by_heads(window: str = "") -> Schedule:
    """Layers without KV heads are recurrent; the others attend, as in where_heads."""

    def schedule(f: Fields) -> Sequence[str]:
        f.spare("recurrent_layers")  # llama.cpp tells them by their heads too
        return _halves(f, where_heads(LINEAR, window)(f))

    return schedule


def by_interval(interval: int) -> Schedule:
    """Recurrent layers by their own array, else all but one in each interval."""

    def schedule(f: Fields) -> Sequence[str]:
        f.spare("full_interval")
        chosen = switches(f, "recurrent_layers", one=True)
        if chosen is not None:
            return _halves(f, by_list(f, chosen[: trunk(f)], LINEAR, FULL))
        size = f.optional("full_interval") or interval
        return _halves(f, by_rule(f, lambda i: (i + 1) % size != 0, LINEAR, FULL))

    return schedule


def qwen4exp(f: Fields) -> Sequence[str]:
    """As by_interval; one recurrent layer, or some, has hashed n-grams beside it."""
    f.spare("ple_ngram", "ple_taps", "hyper_connections")
    hashed = dict.fromkeys(f.items("ple_layers") or ())
    kinds = by_interval(4)(f)
    if wrong := [i for i in hashed if i not in range(len(kinds)) or kinds[i] != LINEAR]:
        f.wrong("ple_layers", f"names layer {wrong[0]:,}, which is no recurrent one")
    return [HASHED if i in hashed and kind == LINEAR else kind for i, kind in enumerate(kinds)]


def nemotron(f: Fields) -> Sequence[str]:
    """Layers that have a feed-forward width are MLPs; of the others those with KV heads attend."""
    f.spare("recurrent_layers")
    widths, attended = f.get("feed_forward"), attends(f)

    def is_mlp(layer: int) -> bool:
        return bool(widths[layer : layer + 1] != [0] if isinstance(widths, list) else widths)

    def kind(layer: int) -> str:
        if not is_mlp(layer):
            return FULL if attended(layer) else LINEAR
        if attended(layer):
            f.note("a layer with KV heads and a feed-forward width is an MLP, as llama.cpp has it")
        return MLP

    within = trunk(f)
    if not all(map(is_mlp, range(within, f.count("layers")))):
        text = "is 0 of a layer of prediction, which llama.cpp then takes for one of the model"
        f.wrong("feed_forward", text)
    return _halves(f, [kind(i) if i < within else FULL for i in range(f.count("layers"))])
