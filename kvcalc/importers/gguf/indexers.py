"""Which layers of a GGUF file pick what they read: by an indexer, in blocks, or compressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvcalc.importers.family import Schedule
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.schedules import (
    INDEXED,
    PICKED,
    SPARSE,
    alike,
    attends,
    by_list,
    len_mtp,
    switches,
    trunk,
)
from kvcalc.importers.schedules import FULL, LINEAR, SLIDING


def picking(usual: Callable[[Fields], Sequence[bool]]) -> Schedule:
    """Which layers have an indexer of their own, as the file says, or by the usual rule."""

    def schedule(f: Fields) -> Sequence[str]:
        chosen = switches(f, "index_types", one=True)
        within = trunk(f)
        if chosen is None or not any(chosen):  # the first picks for itself: no list at all
            chosen = list(usual(f))[:within]
        if len(chosen) < within:
            f.wrong("index_types", f"names {len(chosen):,} of {within:,} layers")
        return [*by_list(f, chosen, INDEXED, PICKED)[:within], *[INDEXED] * (len_mtp(f))]

    return schedule


def every_indexer(f: Fields) -> Sequence[bool]:
    """All layers have one."""
    return [True] * f.count("layers")


def glm_indexers(f: Fields) -> Sequence[bool]:
    """GLM-5 and 5.1 have one in all layers; 5.2, with its million tokens, shares them.

    llama.cpp (src/models/glm-dsa.cpp) tells them apart so where a file says nothing.
    """
    if (f.optional("max_context", least=0) or 0) < 1_048_576:
        return every_indexer(f)
    f.note("which layers share an indexer is not in the file: taken as GLM-5.2, as llama.cpp does")
    return [i < 2 or (i - 2) % 4 == 0 for i in range(f.count("layers"))]


def hy_v4(f: Fields) -> Sequence[str]:
    """Without top_k there is no indexer at all; with it the file says which layers have one."""
    f.spare("index_n_heads", "index_head_dim", "index_types")
    if not f.optional("index_topk", least=0):
        return alike()(f)
    if not f.has("index_types"):
        f.count("index_types")
        return []
    return picking(every_indexer)(f)


def dots3(f: Fields) -> Sequence[str]:
    """Sliding layers by the pattern; the others have an indexer of their own, or share one."""
    slides, own = switches(f, "pattern"), switches(f, "index_types")
    if slides is None or own is None:
        for name in ("pattern", "index_types"):
            if not isinstance(f.get(name), list):
                f.wrong(name, "must be an array with an item per layer")
        return []
    if any(slide and indexer for slide, indexer in zip(slides, own, strict=False)):
        f.wrong("index_types", "gives a layer with a window an indexer, which would read nothing")
    kinds = [
        SLIDING if slide else INDEXED if indexer else PICKED
        for slide, indexer in zip(slides, own, strict=False)
    ]
    return [*kinds[: trunk(f)], *[FULL] * len_mtp(f)]


def pooled(f: Fields) -> Sequence[str]:
    """Recurrent without KV heads; the others have an indexer of their own, or share one."""
    f.spare("recurrent_layers")
    whole, within, attended = picking(every_indexer)(f), trunk(f), attends(f)
    return [kind if i >= within or attended(i) else LINEAR for i, kind in enumerate(whole)]


def after_dense(f: Fields) -> Sequence[str]:
    """The leading dense layers attend to everything, the others pick blocks."""
    dense = f.count("dense_layers", least=0)
    return [SPARSE if i >= dense else FULL for i in range(f.count("layers"))]


def by_ratio(f: Fields) -> Sequence[str]:
    """DeepSeek-V4: 0 a window alone, 4 sparse, 128 heavily compressed; the window alone in MTP."""
    f.spare("pattern")
    ratios, within = f.items("compress_ratios"), trunk(f)
    if ratios is None:
        f.count("compress_ratios")
        return []
    if len(ratios) < within:
        f.wrong("compress_ratios", f"has {len(ratios):,} items for {within:,} layers")
    if any(ratios[within : f.count("layers")]):
        f.wrong(
            "compress_ratios", "compresses layers of prediction, which attend to a window alone"
        )
    return [*(f"ratio {ratio}" for ratio in ratios[:within]), *["ratio 0"] * len_mtp(f)]
