"""Families whose layers share one entry as key and value, and compress what is behind a window.

DeepSeek-V4's numbers and rules as in transformers 5.24.0 (models/deepseek_v4/), V4.1's as in vLLM
0.33.0 (models/deepseek_v41/attention.py): it has no defaults, a published file states everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from kvcalc.attention.base import Scheme
from kvcalc.attention.compressed import CSA, CSA2, HCA, CSA2Window, SharedKV
from kvcalc.importers.family import Family, Part
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import indexer_fields
from kvcalc.importers.schedules import SLIDING
from kvcalc.importers.storage import INDEX_DTYPE

WINDOW, HEAVY, SPARSE = SLIDING, "heavily_compressed_attention", "compressed_sparse_attention"

SOURCES = "kv_source_layer_ids", "index_source_layer_ids"
"""Which layers of V4.1 keep a compressed cache, and which pick from one."""

Mode = Literal["full", "reindex", "reuse"]
"""What a layer of V4.1 that compresses does: keep its own, or read another's."""


def _v4_window(f: Fields) -> tuple[Scheme, ...]:
    """One entry is key and value at once."""
    return (SharedKV(**_v4_fields(f)),)


def _v4_rope(f: Fields) -> int:
    stated = f.optional("qk_rope_head_dim", least=0)
    if stated is not None:
        return stated
    width = f.count("head_dim")
    if f.get("partial_rotary_factor") is None:
        return width * 64 // 512
    return int(width * f.factor("partial_rotary_factor"))


def _v4_fields(f: Fields) -> dict[str, Any]:
    if f.optional("kv_heads") not in (None, 1):
        f.wrong("kv_heads", "is not 1: all query heads share one entry here")
    return {
        "heads": f.count("heads"),
        "head_dim": f.count("head_dim"),
        "rope_dim": _v4_rope(f),
        "window": f.count("window"),
    }


def _v4_rate(f: Fields, kind: str, usual: int) -> int:
    """The tokens that one entry of this kind of layer stands for."""
    rates = f.group("compress_rates")
    rates.spare(HEAVY, SPARSE)
    return rates.optional(kind) or usual


def _v4_heavy(f: Fields) -> tuple[Scheme, ...]:
    return (HCA(**_v4_fields(f), compress=_v4_rate(f, HEAVY, 128)),)


def _v4_sparse(f: Fields) -> tuple[Scheme, ...]:
    rate = _v4_rate(f, SPARSE, 4)
    return (CSA(**_v4_fields(f), **indexer_fields(f), compress=rate),)


def _v4_schedule(f: Fields) -> Sequence[str]:
    """`compress_ratios`: 0 a window alone, 4 sparse, 128 heavy; items beyond the layers are MTP."""
    ratios = f.items("compress_ratios", per_layer=True)
    if ratios is None:
        if f.get("compress_ratios") is None:
            f.problem("compress_ratios (or layer_types) is missing", "compress_ratios")
        return []
    kinds = {0: WINDOW, 4: SPARSE, 128: HEAVY}
    return [kinds.get(ratio, f"compress_ratio {ratio}") for ratio in ratios]


def _v41_window(f: Fields) -> tuple[Scheme, ...]:
    return (CSA2Window(**_v4_fields(f)),)


def _v41(mode: Mode, ratio: int) -> Part:
    """A layer that reads the last compressed cache before it, or keeps one."""

    def part(f: Fields) -> tuple[Scheme, ...]:
        candidates = _v41_candidates(f) if mode == "reindex" else {}
        sizes = {**_v4_fields(f), **indexer_fields(f), **candidates}
        return (CSA2(**sizes, compress=ratio, mode=mode),)

    return part


def _v41_candidates(f: Fields) -> dict[str, Any]:
    """The blocks of index keys that layers after the candidate source score; none: all keys."""
    source, layer = f.optional("candidate_source_layer_id", least=-1), f.layer
    if source is None or layer is None or not 0 <= source < layer:
        return {}
    return {
        "candidate_blocks": f.count("candidate_topk_blocks"),
        "block_size": f.count("candidate_block_size"),
    }


def _v41_layers(f: Fields, name: str, ratios: Sequence[int]) -> set[int]:
    """The layers that a field numbers, all of which compress."""
    stated = set(f.items(name) or [])
    outside = sorted(n for n in stated if not (0 <= n < f.count("layers") and ratios[n]))
    if outside:
        f.wrong(name, f"names layer {outside[0]}, which compresses nothing")
    return stated


def _v41_candidate_source(f: Fields, owners: set[int], pickers: set[int]) -> None:
    """Refuses a layer that offers no candidates, and one whose candidates a KV source would score.

    vLLM has every layer behind it score them, one that keeps index keys of its own among these.
    """
    source = f.optional("candidate_source_layer_id", least=-1)
    if source is None or source < 0:
        return
    if source not in pickers:
        f.wrong("candidate_source_layer_id", f"names layer {source}, which scores no index keys")
    elif later := sorted(owner for owner in owners if owner > source):
        text = f"is before layer {later[0]}, a KV source, whose candidates are not known"
        f.wrong("candidate_source_layer_id", text)


def _v41_schedule(f: Fields) -> Sequence[str]:
    """`compress_ratios`: 0 a window alone; above it the ratio of the cache that a layer reads."""
    ratios = f.items("compress_ratios", per_layer=True)
    if ratios is None:
        f.spare(*SOURCES)
        if f.get("compress_ratios") is None:
            f.problem("compress_ratios is missing", "compress_ratios")
        return []
    owners, pickers = (_v41_layers(f, name, ratios) for name in SOURCES)
    if not owners <= pickers:
        f.wrong("index_source_layer_ids", f"lacks layer {min(owners - pickers)}, a KV source")
    _v41_candidate_source(f, owners, pickers)
    kinds, kept = [], 0
    for layer, ratio in enumerate(ratios):
        kept = ratio if layer in owners else kept
        if ratio not in (0, kept):
            text = f"gives layer {layer}, of ratio {ratio}, no cache of that ratio to read"
            f.wrong("kv_source_layer_ids", text)
            return []
        mode = "full" if layer in owners else "reindex" if layer in pickers else "reuse"
        known = WINDOW if ratio == 0 else f"csa2_{mode}_{ratio}"
        kinds.append(known if ratio in (0, 1, 2) else f"compress_ratio {ratio}")
    return kinds


MODES: tuple[Mode, ...] = ("full", "reindex", "reuse")
V41_PARTS = {f"csa2_{mode}_{ratio}": _v41(mode, ratio) for mode in MODES for ratio in (1, 2)}

# fmt: off
ENGRAM = ("engram_layer_ids", "engram_n_heads", "engram_head_dim", "engram_compressed_vocab_size")
"""Tables that are looked up by the last token ids: nothing that they give is kept."""
DSPARK = ("dspark_target_layer_ids", "dspark_markov_rank")

COMPRESSED = (
    Family("deepseek_v4", "deepseek_ref", listing="compress_ratios",
        defaults=dict(layers=43, hidden=4096, heads=64, head_dim=512, window=128,
            index_n_heads=64, index_head_dim=128, index_topk=512),
        schedule=_v4_schedule, parts={WINDOW: _v4_window, HEAVY: _v4_heavy, SPARSE: _v4_sparse},
        mtp=WINDOW, note=INDEX_DTYPE,
        unused=("compress_rates", "compress_ratios", "compress_rope_theta")),
    Family("deepseek_v41_text", "deepseek_v41", listing="compress_ratios",
        schedule=_v41_schedule, parts={WINDOW: _v41_window, **V41_PARTS}, mtp=WINDOW,
        note=INDEX_DTYPE, unused=("compress_ratios", "compress_rope_theta", "candidate_topk_blocks",
            "candidate_block_size", "candidate_source_layer_id", *ENGRAM, *DSPARK)),
)
# fmt: on
