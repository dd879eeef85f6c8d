"""Families with linear attention between full layers: Gated DeltaNet, KDA, lightning attention.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.attention.custom import Custom
from kvcalc.attention.recurrent import KDA, GatedDeltaNet, Lightning
from kvcalc.attention.sparse import DSA
from kvcalc.cache import CacheTensor
from kvcalc.extents import Every, Fixed, ReadWrite, TopK
from kvcalc.formats import BF16
from kvcalc.importers.families.latent import PICKED, PICKS, V3, shared_picks
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import (
    USUAL,
    both,
    full,
    hidden_over,
    indexed_by_another,
    indexer_fields,
    keyed,
    latent,
    latent_fields,
    windowed,
)
from kvcalc.importers.schedules import FULL, INDEXED, LINEAR, SLIDING, every
from kvcalc.importers.storage import INDEX_DTYPE, state_dtype

NGRAMS = "linear_attention_with_ngrams"


def _qwen_linear(f: Fields) -> tuple[Scheme, ...]:
    """Gated DeltaNet; Qwen3.5 pins the state's dtype, Qwen3-Next leaves it to the engine."""
    scheme = GatedDeltaNet(
        key_heads=f.count("linear_num_key_heads"),
        state_heads=f.count("linear_num_value_heads"),
        key_dim=f.count("linear_key_head_dim"),
        value_dim=f.count("linear_value_head_dim"),
        conv_kernel=f.count("linear_conv_kernel_dim"),
        state_dtype=state_dtype(f, "mamba_ssm_dtype"),
    )
    return (scheme,)


QSA = ("indexer_n_heads", "indexer_kv_heads", "indexer_head_dim", "indexer_budget",
    "indexer_compress_ratio")  # fmt: skip


def _qsa(f: Fields) -> tuple[Scheme, ...]:
    """Qwen4's full layers: an index key per block of tokens picks what a step reads.

    transformers 5.24.0, models/qwen4_exp/modeling_qwen4_exp.py 690-760. Without any field of the
    indexer there is none (configuration_qwen4_exp.py: setting indexer_n_heads turns it on).
    """
    if not any(f.has(name) for name in QSA):
        f.note("no indexer is stated: full layers keep keys and values alone")
        return full()(f)
    sizes, block = USUAL.read(f), f.count("indexer_compress_ratio")
    keyed(**sizes)  # its heads are held to what those of others are
    if f.optional("indexer_kv_heads") not in (None, 1):
        f.wrong("indexer_kv_heads", "is not 1, as the class asks for")
    reads = TopK(f.count("indexer_budget"), block)
    entry = partial(CacheTensor, extent=Every(), heads=sizes["kv_heads"], reads=reads)
    width, index_dim = sizes["key_dim"], f.count("indexer_head_dim")
    macs = f.count("indexer_n_heads") * index_dim
    tensors = (
        entry("k", "k", width, macs=sizes["heads"] * width),
        entry("v", "v", width, macs=sizes["heads"] * width),
        CacheTensor("index_key", "index", index_dim, Every(block, block), format=BF16, macs=macs),
    )
    return (Custom(tensors=tensors, heads=sizes["heads"], head_dim=width),)


def _ngrams(f: Fields) -> tuple[Scheme, ...]:
    """The dilated convolution over every residual stream, behind embeddings of n-grams."""
    columns = (f.count("ple_conv_kernel_size") - 1) * f.count("ngram_size")
    channels = f.count("hidden") * f.count("hc_count")
    shift = CacheTensor("ngram_conv", "shift", channels, Fixed(columns), reads=ReadWrite())
    return (Custom(tensors=(shift,)),)


def _qwen4_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """Every full layer is indexed; `ple_layer_ids` numbers those with n-grams from 1."""
    chosen = dict.fromkeys(f.items("ple_layer_ids") or [])
    wrong = [n for n in chosen if not 1 <= n <= len(kinds) or kinds[n - 1] != LINEAR]
    if wrong:
        f.wrong("ple_layer_ids", f"names {wrong[0]}, which is no layer of linear attention")
    other = {FULL: INDEXED}
    return [
        NGRAMS if i + 1 in chosen and kind == LINEAR else other.get(kind, kind)
        for i, kind in enumerate(kinds)
    ]


def _olmo_linear(f: Fields) -> tuple[Scheme, ...]:
    """Gated DeltaNet with widths that follow from the hidden size; three convolutions in one."""
    key_heads = f.optional("linear_num_key_heads") or f.count("heads")
    key_dim = f.optional("linear_key_head_dim") or 3 * f.count("hidden") // (4 * key_heads)
    scheme = GatedDeltaNet(
        key_heads=key_heads,
        state_heads=f.optional("linear_num_value_heads") or f.count("heads"),
        key_dim=key_dim,
        value_dim=f.optional("linear_value_head_dim") or 2 * key_dim,
        conv_kernel=f.count("linear_conv_kernel_dim"),
    )
    return (scheme,)


def _olmo_hybrid(f: Fields) -> Sequence[str]:
    """Full is every fourth layer, and the last where there are fewer."""
    layers = f.count("layers")
    return [FULL if i % 4 == 3 or i + 1 == layers < 4 else LINEAR for i in range(layers)]


def _kda(heads: int, width: int, kernel: int) -> tuple[Scheme, ...]:
    return (KDA(state_heads=heads, key_dim=width, value_dim=width, conv_kernel=kernel),)


def _kimi_linear(f: Fields) -> tuple[Scheme, ...]:
    """The sizes stand in `linear_attn_config`, or beside the others as linear_*."""
    inner = f.group("linear_attn_config")
    inner.spare("kda_layers", "full_attn_layers")
    f.spare("linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim")
    return _kda(
        inner.optional("num_heads") or f.count("linear_num_heads"),
        inner.optional("head_dim") or f.count("linear_head_dim"),
        inner.optional("short_conv_kernel_size") or f.count("linear_conv_kernel_dim"),
    )


def _kimi_schedule(f: Fields) -> Sequence[str]:
    """`linear_attn_config` numbers the layers of each kind from 1."""
    layers, inner = f.count("layers"), f.group("linear_attn_config")
    wholes, linears = inner.items("full_attn_layers"), inner.items("kda_layers")
    if wholes is None and linears is None:
        return [FULL if i and i % 4 == 0 else LINEAR for i in range(layers)]
    wholes, linears = wholes or [], linears or []
    if sorted([*wholes, *linears]) != list(range(1, layers + 1)):
        text = f"full_attn_layers and kda_layers must name each of {layers} layers once, from 1"
        inner.problem(text, "kda_layers")
    chosen = set(wholes)
    return [FULL if i + 1 in chosen else LINEAR for i in range(layers)]


def _bailing_linear(f: Fields) -> tuple[Scheme, ...]:
    """As many and as wide heads as the attention layers have; a file's own go before that."""
    heads = f.optional("linear_num_heads") or f.count("heads")
    width = f.optional("linear_head_dim") or f.count("head_dim")
    kernel = f.optional("linear_conv_kernel_dim") or f.count("short_conv_kernel_size")
    return _kda(heads, width, kernel)


def _glm5_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """Every layer with latents is indexed, and may share another's picks."""
    return shared_picks(f, [INDEXED if kind == FULL else kind for kind in kinds])


def _glm5_indexed(f: Fields) -> tuple[Scheme, ...]:
    """An index key per pool of tokens."""
    fields = {**latent_fields(f), **indexer_fields(f)}
    return (DSA(**fields, index_every=f.count("index_kpool")),)


def _lightning(f: Fields) -> tuple[Scheme, ...]:
    """All query heads keep a state."""
    heads = f.count("heads")
    width = f.optional("head_dim") or hidden_over(f, heads)
    return (Lightning(state_heads=heads, key_dim=width, value_dim=width),)


def _minimax_schedule(f: Fields) -> Sequence[str]:
    """`attn_type_list`: 0 is lightning attention, 1 softmax attention."""
    types = f.items("attn_type_list", per_layer=True)
    if types is None:
        return [FULL if (i + 1) % 2 else LINEAR for i in range(f.count("layers"))]
    return [{0: LINEAR, 1: FULL}.get(kind, f"attn_type {kind}") for kind in types]


def _lara_mini(f: Fields) -> Sequence[str]:
    """Five kinds in turn."""
    pattern = (LINEAR, SLIDING, LINEAR, FULL, SLIDING)
    return [pattern[i % len(pattern)] for i in range(f.count("layers"))]


qwen = partial(
    Family,
    schedule=every("full_attention_interval", others=LINEAR),
    parts={LINEAR: _qwen_linear, FULL: full()},
    unused=("full_attention_interval",),
    mtp=FULL,
)
"""Gated DeltaNet, and one full layer in each interval."""

# fmt: off
GDN = dict(linear_num_key_heads=16, linear_num_value_heads=32, linear_key_head_dim=128,
    linear_value_head_dim=128, linear_conv_kernel_dim=4)
KIMI_UNUSED = (
    "linear_attn_config", "mla_use_nope", "mla_use_output_gate", "linear_lower_bound",
    "attn_res_block_size",
)

LINEAR_ATTENTION = (
    qwen("qwen3_next", defaults=dict(layers=48, hidden=2048, heads=16, kv_heads=2, head_dim=256,
            full_attention_interval=4, **GDN)),
    qwen("qwen3_5_text", "qwen3_5", defaults=dict(layers=32, hidden=4096, heads=16, kv_heads=4,
            head_dim=256, full_attention_interval=4, **GDN)),
    qwen("qwen3_5_moe_text", "qwen3_5_moe", defaults=dict(layers=40, hidden=2048, heads=16,
            kv_heads=2, head_dim=256, full_attention_interval=4, **GDN)),
    Family("qwen4_exp_text", "qwen4_exp", defaults=dict(layers=40, hidden=2048, heads=16,
            kv_heads=2, head_dim=256, full_attention_interval=4, hc_count=4, ngram_size=3,
            ple_conv_kernel_size=4, **GDN),
        schedule=every("full_attention_interval", INDEXED, LINEAR), amend=_qwen4_kinds,
        parts={LINEAR: _qwen_linear, NGRAMS: both(_qwen_linear, _ngrams), INDEXED: _qsa,
            FULL: _qsa},
        unused=("full_attention_interval", "ple_layer_ids", "number_of_conv_states")),
    Family("olmo_hybrid", defaults=dict(layers=32, hidden=3840, heads=30, linear_conv_kernel_dim=4),
        schedule=_olmo_hybrid, parts={LINEAR: _olmo_linear, FULL: full()},
        unused=("linear_a_log_min", "linear_a_log_max", "linear_dt_min", "linear_dt_max",
            "linear_allow_neg_eigval")),
    Family("lara_mini", defaults=dict(layers=34, hidden=1024, heads=16, kv_heads=4, head_dim=128,
            window=512, linear_num_key_heads=8, linear_num_value_heads=16, linear_key_head_dim=128,
            linear_value_head_dim=128, linear_conv_kernel_dim=4), schedule=_lara_mini,
        parts={LINEAR: _qwen_linear, FULL: full(), SLIDING: windowed()}),
    Family("kimi_linear", defaults=dict(layers=27, hidden=2304, heads=32, **V3, linear_head_dim=128,
            linear_num_heads=32, linear_conv_kernel_dim=4), schedule=_kimi_schedule,
        parts={LINEAR: _kimi_linear, FULL: latent}, mtp=FULL, unused=KIMI_UNUSED),
    Family("glm5_next_text", "glm5_next", defaults=dict(layers=45, hidden=4096, heads=64,
            kv_lora_rank=512, qk_rope_head_dim=0, qk_nope_head_dim=256, v_head_dim=256,
            index_n_heads=32, **PICKS, index_kpool=16, linear_head_dim=128, linear_num_heads=64,
            linear_conv_kernel_dim=4), schedule=every(4, INDEXED, LINEAR), amend=_glm5_kinds,
        parts={LINEAR: _kimi_linear, INDEXED: _glm5_indexed, FULL: _glm5_indexed,
            PICKED: indexed_by_another}, mtp=INDEXED, note=INDEX_DTYPE,
        unused=(*KIMI_UNUSED, "index_kpool_always_select_tail")),
    Family("bailing_hybrid", defaults=dict(layers=42, hidden=2560, heads=32, head_dim=128,
            short_conv_kernel_size=4, layer_group_size=6, **V3),
        schedule=every("layer_group_size", others=LINEAR),
        parts={LINEAR: _bailing_linear, FULL: latent}, mtp=FULL,
        unused=("kda_safe_gate", "kda_lower_bound", "short_conv_kernel_size", "layer_group_size")),
    Family("minimax", "minimax_m1", "minimax_text_01", listing="attn_type_list",
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8),
        schedule=_minimax_schedule, parts={LINEAR: _lightning, FULL: full()},
        unused=("block_size", "attn_type_list", "full_attn_alpha_factor", "full_attn_beta_factor",
            "linear_attn_alpha_factor", "linear_attn_beta_factor",
            "layernorm_full_attention_alpha", "layernorm_full_attention_beta",
            "layernorm_linear_attention_alpha", "layernorm_linear_attention_beta",
            "shared_moe_mode")),
)
# fmt: on
