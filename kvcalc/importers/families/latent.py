"""Families of multi-head latent attention, with and without an indexer.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA
from kvcalc.importers.families.windowed import with_rope
from kvcalc.importers.family import As, Family, Part
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import (
    both,
    full,
    indexed,
    indexed_by_another,
    indexer_fields,
    latent,
    latent_fields,
    shared,
)
from kvcalc.importers.schedules import FULL, INDEXED, SLIDING, same
from kvcalc.importers.storage import INDEX_DTYPE

PICKED, TAKEN = "indexed_by_another", "shared_indexed_by_another"
OWN_KEYS = "indexed_latents_of_another"

mla = partial(Family, parts={FULL: latent}, schedule=same())
"""A family of latent attention in every layer."""

DSA_PARTS: Mapping[str, Part] = {INDEXED: indexed, PICKED: indexed_by_another, FULL: latent}


def shared_picks(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """`indexer_types`, a pattern of F and S, or a frequency: who reads another layer's picks."""
    types = f.items("indexer_types", str, per_layer=True)
    pattern = f.get("index_topk_pattern")
    words = isinstance(pattern, list) and all(isinstance(word, str) for word in pattern)
    if not (pattern is None or isinstance(pattern, str) or words):
        f.wrong("index_topk_pattern", "must be a text of F and S, or a list")
        return kinds
    name = "indexer_types" if pattern is None or types else "index_topk_pattern"
    if types is None and pattern is not None:
        types = [{"F": "full", "S": "shared"}.get(word, word) for word in pattern]
    if types is None:
        freq, skipped = f.optional("index_topk_freq") or 1, f.optional("index_skip_topk_offset", 0)
        first = 1 if skipped is None else skipped - 1
        types = ["shared" if max(i - first, 0) % freq else "full" for i in range(len(kinds))]
    f.spare("index_topk_freq", "index_skip_topk_offset", "index_topk_pattern")
    if not set(types) <= {"full", "shared"} or len(types) < len(kinds):
        f.wrong(name, f"must say full or shared for each of {len(kinds)} layers")
        return kinds
    return [
        PICKED if kind == INDEXED and own == "shared" else kind
        for kind, own in zip(kinds, types, strict=False)
    ]


def _hy_v4(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """Without `indexer_types`, layer 0 and every fourth from layer 1 on have their own."""
    if f.has("indexer_types"):
        return shared_picks(f, kinds)
    return [
        PICKED if kind == INDEXED and i and (i - 1) % 4 else kind for i, kind in enumerate(kinds)
    ]


def _dots3_window(f: Fields) -> tuple[Scheme, ...]:
    """Sliding layers have latents and heads of their own, under swa_* names or layer by layer."""
    names = {
        "heads": ("num_attention_heads", 64),
        "latent_dim": ("kv_lora_rank", 1024),
        "nope_dim": ("qk_nope_head_dim", 192),
        "value_dim": ("v_head_dim", 128),
    }
    if f.has("per_layer_config"):
        own = latent_fields(f)
    else:
        own = {key: f.optional(f"swa_{name}") or least for key, (name, least) in names.items()}
        head_dim = f.optional("swa_head_dim") or 256
        rope = f.optional("swa_qk_rope_head_dim", least=0)
        own["rope_dim"] = head_dim - own["nope_dim"] if rope is None else rope
    return (MLA(**own, window=f.count("window")),)


def _dots3(f: Fields) -> Sequence[str]:
    """The first two layers and every fourth from the second on see all, the others a window."""
    whole = INDEXED if f.flag("use_dsa", default=True) else FULL
    slides = f.flag("use_sliding_window", default=True)
    return [
        whole if not slides or i < 2 or i % 4 == 1 else SLIDING for i in range(f.count("layers"))
    ]


def _dots3_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """`use_dsa`, true unless a file lists its layers one by one, goes before what is listed."""
    if not f.has("use_dsa") and f.has("per_layer_config"):
        return kinds
    old, new = (FULL, INDEXED) if f.flag("use_dsa", default=True) else (INDEXED, FULL)
    return [new if kind == old else kind for kind in kinds]


def _lsa(f: Fields) -> Sequence[str]:
    """Two attentions a layer; `cli_factor` 2 lets the second read what the first one picked."""
    if f.get("cli_factor") != 2 or f.get("attention_method") != "LSA":
        f.wrong("cli_factor", "is known as 2, with attention_method LSA, and nothing else")
    return [INDEXED] * f.count("layers")


def _deepseek_v2(f: Fields) -> tuple[Scheme, ...]:
    """`use_mla: false` (DeepSeek-VL2-tiny, DeepSeek-OCR) makes it plain attention."""
    if f.flag("use_mla", default=True):
        return latent(f)
    f.spare("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    return full()(f)


def _lerope(part: Part) -> Part:
    """Mistral-Large-4: layers without RoPE keep no rotated key, and more of the others' width."""

    def own(f: Fields) -> tuple[Scheme, ...]:
        (scheme,) = part(f)
        rope = f.once("with_rope", lambda: with_rope(f))
        if not isinstance(scheme, MLA) or f.layer is None or rope[f.layer]:
            return (scheme,)
        unrotated = f.count("qk_nope_head_dim") + scheme.rope_dim
        return (replace(scheme, rope_dim=0, nope_dim=unrotated),)

    return own


def _kv_sources(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """`kv_source_layers`: the layer whose latents each one reads; its own where it names itself."""
    kinds = shared_picks(f, kinds)
    sources = f.items("kv_source_layers", per_layer=True) or list(range(len(kinds)))
    chosen = list(kinds)
    for i, source in enumerate(sources[: len(kinds)]):
        if source == i:
            continue
        if not (0 <= source < i and sources[source] == source):
            text = f"lets layer {i} read the latents of layer {source}, which keeps none before it"
            f.wrong("kv_source_layers", text)
        # whose picks a layer takes, and whose latents it reads, are two questions
        chosen[i] = TAKEN if kinds[i] == PICKED else OWN_KEYS
    return chosen


def _own_keys(f: Fields) -> tuple[Scheme, ...]:
    """Index keys of its own, over another layer's latents."""
    return (DSA(**latent_fields(f), **indexer_fields(f), latents="shared"),)


def _longcat(f: Fields) -> tuple[Scheme, ...]:
    """Two attentions a layer."""
    if f.word("attention_method") not in (None, "MLA"):
        f.wrong("attention_method", "is known as MLA alone")
    return both(latent, latent)(f)


def _minicpm3(f: Fields) -> tuple[Scheme, ...]:
    """Values are as wide as hidden_size over heads where nothing is stated."""
    return (MLA(**latent_fields(f, value_dim=f.count("hidden") // f.count("heads"))),)


V3 = dict(kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128)
GLM = dict(kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256)
PICKS = dict(index_head_dim=128, index_topk=2048)

dsa = partial(mla, schedule=same(INDEXED), parts=DSA_PARTS, note=INDEX_DTYPE)
"""A family of latent attention with an indexer in every layer."""

# fmt: off
LATENT = (
    mla("axk1", defaults=dict(layers=61, hidden=7168, heads=64, **V3)),
    dsa("axk2", defaults=dict(layers=48, hidden=2048, heads=32, kv_lora_rank=128,
            qk_rope_head_dim=32, qk_nope_head_dim=64, v_head_dim=64, index_n_heads=16, **PICKS)),
    mla("deepseek_v2", defaults=dict(layers=32, hidden=4096, heads=32, **V3),
        parts={FULL: _deepseek_v2}, unused=("lm_head", "rm_head")),
    mla("deepseek_vl_v2", "deepseek-ocr", defaults=V3, parts={FULL: _deepseek_v2},
        unused=("lm_head", "rm_head")),
    mla("deepseek_v3", "kimi_k2", "k3_dspark", mtp=FULL,
        defaults=dict(layers=61, hidden=7168, heads=128, **V3)),
    dsa("deepseek_v32", mtp=INDEXED,
        defaults=dict(layers=61, hidden=7168, heads=128, index_n_heads=64, **V3, **PICKS)),
    mla("dots3_note_text", "dots3_note", defaults=dict(layers=46, hidden=5120, heads=128,
            window=512, index_n_heads=64, **V3, **PICKS), schedule=_dots3, amend=_dots3_kinds,
        names={"window": ("sliding_window", "sliding_window_size")},
        parts={FULL: latent, INDEXED: indexed, SLIDING: _dots3_window}, note=INDEX_DTYPE,
        unused=("use_dsa", "use_sliding_window", "window", "swa_num_key_value_heads",
            "swa_q_lora_rank", "is_causal")),
    mla("glm4_moe_lite", defaults=dict(layers=47, hidden=2048, heads=20, **GLM),
        names={"qk_rope_head_dim": ("qk_rope_head_dim", "head_dim")}, mtp=FULL),
    dsa("glm_moe_dsa", amend=shared_picks, mtp=INDEXED,
        defaults=dict(layers=78, hidden=6144, heads=64, index_n_heads=32, **GLM, **PICKS)),
    dsa("hy_v4", amend=_hy_v4,
        defaults=dict(layers=34, hidden=2816, heads=32, index_n_heads=16, **GLM, **PICKS)),
    dsa("hy_v4_vl_text", amend=_hy_v4,
        defaults=dict(layers=78, hidden=6144, heads=64, index_n_heads=32, **GLM, **PICKS)),
    mla("longcat_flash", defaults=dict(layers=As("num_hidden_layers", over=2), num_hidden_layers=56,
            hidden=6144, heads=64, **V3), names={"layers": ("num_layers",)},
        parts={FULL: _longcat},
        unused=("num_hidden_layers", "zero_expert_num", "zero_expert_type")),
    mla("longcat_flash_lite_sparse", defaults=dict(layers=14, heads=32),
        parts={INDEXED: both(indexed, indexed_by_another)}, schedule=_lsa, marks=(("cli_factor",),),
        note=INDEX_DTYPE, unused=("use_mla", "mtp_num_layers")),
    mla("minicpm3", defaults=dict(layers=62, hidden=2560, heads=40, kv_lora_rank=256,
            qk_rope_head_dim=32, qk_nope_head_dim=64), parts={FULL: _minicpm3}),
    mla("mistral4", defaults=dict(layers=36, hidden=4096, heads=32, kv_lora_rank=256,
            qk_rope_head_dim=64, qk_nope_head_dim=64, v_head_dim=128)),
    dsa("mistral_large4_text", "mistral_large4", amend=_kv_sources,
        defaults=dict(layers=72, hidden=6144, heads=64, kv_lora_rank=512, qk_rope_head_dim=64,
            qk_nope_head_dim=64, v_head_dim=128, index_n_heads=32, no_rope_layer_interval=4,
            **PICKS),
        parts={INDEXED: _lerope(indexed), PICKED: _lerope(indexed_by_another),
            TAKEN: shared(_lerope(indexed_by_another)), OWN_KEYS: _lerope(_own_keys)}),
    mla("sarvam_mla", defaults=dict(layers=32, hidden=4096, heads=64, **V3)),
    mla("youtu", defaults=dict(layers=32, hidden=2048, heads=16, **V3)),
)
# fmt: on
