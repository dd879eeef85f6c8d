"""Families that are like no other: looped layers, two geometries, shared or pruned blocks."""

from __future__ import annotations

from collections.abc import Sequence

from kvcalc.attention.base import Scheme
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import MFA
from kvcalc.attention.sparse import BlockSparse
from kvcalc.cache import CacheTensor
from kvcalc.extents import Fixed
from kvcalc.importers.families.plain import HUNYUAN
from kvcalc.importers.families.windowed import STANDARD
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import USUAL, Heads, full, hidden_over, keyed, none, shared, windowed
from kvcalc.importers.schedules import FULL, SLIDING, every, listed, repeated, same
from kvcalc.importers.values import short

SPARSE, SHARED = "minimax_m3_sparse", "shared_attention"


def _cpmant(f: Fields) -> tuple[Scheme, ...]:
    """Every sequence begins with `prompt_length` learned tokens, which are cached too."""
    sizes = Heads(kv_heads="", head_dim="dim_head").read(f)
    length = Fixed(f.count("prompt_length"))
    prompt = tuple(
        CacheTensor(f"prompt_{name}", name, sizes["key_dim"], length, sizes["heads"])
        for name in ("k", "v")
    )
    return (keyed(**sizes), Custom(tensors=prompt))


def _from_the_end(f: Fields) -> Sequence[str]:
    """Muse: full is every fourth layer, counted back from the last."""
    layers = f.count("layers")
    return [FULL if (layers - 1 - i) % 4 == 0 else SLIDING for i in range(layers)]


def _dory_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """The recurrent layers keep a cache in every loop, unless only the last one counts.

    Published files count attention and MLP apart; MLPs keep nothing.
    """
    start, end = f.count("n_input_layers", least=0), f.count("n_output_layers", least=0)
    inner, loops = kinds[start : len(kinds) - end], f.count("n_recurrent_loops")
    stated = f.optional("n_recurrent_layers", least=0)
    if start + end > len(kinds) or stated not in (None, len(inner)):
        text = f"and n_recurrent_layers, n_output_layers do not make {len(kinds)} layers"
        f.wrong("n_input_layers", text)
    mode = f.word("recurrent_kv_cache_mode")
    if mode not in (None, "per_loop", "last_loop"):
        text = f"is {short(mode)}; per_loop and last_loop are known"
        f.wrong("recurrent_kv_cache_mode", text)
    times = 1 if mode == "last_loop" else loops
    around = (kinds[:start], kinds[len(kinds) - end :])
    loop = repeated(f, "n_recurrent_loops", inner, times, sum(map(len, around)))
    return [*around[0], *loop, *around[1]]


def _hrm_kinds(f: Fields, kinds: Sequence[str]) -> Sequence[str]:
    """A cache for every pass through a layer: num_layers_per_stack x H_cycles x (L_cycles + 1)."""
    stack = f.optional("num_layers_per_stack")
    high, low = f.count("H_cycles"), f.count("L_cycles") + 1
    passes = (stack or len(kinds)) * high * low
    if stack is not None and passes != len(kinds):
        f.wrong("num_layers_per_stack", f"and its cycles make {passes} layers, not {len(kinds)}")
    return repeated(f, "H_cycles" if high > low else "L_cycles", [FULL], passes)


def _laguna(f: Fields) -> Heads:
    """Query heads may differ from layer to layer; KV heads do not."""
    own = f.items("num_attention_heads_per_layer", per_layer=True)
    if own and len(own) > f.count("layers"):
        f.wrong("num_attention_heads_per_layer", f"has {len(own)} items, more than layers")
    return Heads(heads="num_attention_heads_per_layer") if own else Heads()


def _mimo(f: Fields) -> Sequence[str]:
    """`hybrid_layer_pattern`: 1 slides; without it the class has the first and every sixth full."""
    if f.has("hybrid_layer_pattern"):
        return listed("hybrid_layer_pattern", {0: FULL, 1: SLIDING})(f)
    if f.has("sliding_window_size"):
        # a published file, whose layers the class's own order need not be
        f.problem("hybrid_layer_pattern (or layer_types) is missing", "hybrid_layer_pattern")
    return [FULL if i == 0 or (i + 1) % 6 == 0 else SLIDING for i in range(f.count("layers"))]


def _mimo_local(f: Fields) -> tuple[Scheme, ...]:
    """Its window leaves the query out: `sliding_window_size` does, `sliding_window` counts it."""
    names = ("swa_num_attention_heads", "swa_head_dim", "swa_v_head_dim")
    own = [f.optional(name) for name in names]
    heads, key_dim = own[0] or f.count("heads"), own[1] or f.count("head_dim")
    groups = f.optional("swa_num_key_value_heads") or 2 * f.count("kv_heads")
    value_dim = own[2] or f.optional("v_head_dim") or key_dim
    window = f.optional("sliding_window_size") or max(1, f.count("window", least=2) - 1)
    return (keyed(heads, groups, key_dim, value_dim, window=window),)


def _softmax_everywhere(f: Fields) -> Sequence[str]:
    """`attn_type_list` still stands in the files, with a 1 for every layer."""
    if f.has("attn_type_list"):
        return listed("attn_type_list", {1: FULL})(f)
    return [FULL] * f.count("layers")


SPARSE_UNUSED = (
    "sparse_disable_index_value",
    "sparse_local_block",
    "sparse_init_block",
    "sparse_score_type",
)


def _minimax_m3_sparse(f: Fields) -> tuple[Scheme, ...]:
    """Block-sparse attention; the sizes of its indexer stand in `sparse_attention_config`."""
    inner, sizes = f.group("sparse_attention_config"), Heads().read(f)
    inner.spare(*SPARSE_UNUSED)
    scheme = BlockSparse(
        heads=sizes["heads"],
        kv_heads=sizes["kv_heads"],
        head_dim=sizes["key_dim"],
        index_heads=inner.optional("sparse_num_index_heads") or f.count("index_n_heads"),
        index_dim=inner.optional("sparse_index_dim") or f.count("index_head_dim"),
        block_size=inner.optional("sparse_block_size") or f.count("index_block_size"),
        top_k_blocks=inner.optional("sparse_topk_blocks") or f.count("index_topk_blocks"),
    )
    return (scheme,)


def _minimax_m3(f: Fields) -> Sequence[str]:
    """`sparse_attention_freq`: 1 a sparse layer, 0 a full one; full without it."""
    inner = f.group("sparse_attention_config")
    inner.spare(*SPARSE_UNUSED, "use_sparse_attention")
    freq = inner.items("sparse_attention_freq")
    layers = f.count("layers")
    if freq is None or not inner.flag("use_sparse_attention", default=True):
        return [FULL] * layers
    if len(freq) < layers:
        text = f"sparse_attention_freq has {len(freq)} items for {layers} layers"
        inner.problem(text, "sparse_attention_freq")
    return [{0: FULL, 1: SPARSE}.get(item, f"sparse_attention_freq {item}") for item in freq]


def _step3(f: Fields) -> tuple[Scheme, ...]:
    """Multi-matrix factorization attention: one key and one value."""
    groups = f.count("num_attention_groups")
    heads, width = f.count("heads"), f.count("head_dim")
    if groups == 1:
        return (MFA(heads=heads, head_dim=width),)
    return (keyed(heads, groups, width, width),)


def _step3p5_local(f: Fields) -> tuple[Scheme, ...]:
    """Sliding layers may have more query heads, of one width and with as many KV heads."""
    other = f.group("attention_other_setting")
    other.spare("attention_type", "true_head_dim")
    stated = f.optional("num_sliding_attention_heads") or other.optional("num_attention_heads")
    sizes = USUAL.read(f)
    for name, size in (("num_attention_groups", "kv_heads"), ("head_dim", "key_dim")):
        if other.optional(name) not in (None, sizes[size]):
            other.wrong(name, f"is not {sizes[size]}, what the other layers have")
    return (keyed(**{**sizes, "heads": stated or sizes["heads"]}, window=f.count("window")),)


def _hunyuan(f: Fields) -> Sequence[str]:
    """With `use_cla`, one layer keeps the cache of `cla_share_factor`: the first of them."""
    if f.flag("use_mla"):
        f.wrong("use_mla", "is true, which the code of this family does not know")
    factor = f.count("cla_share_factor") if f.flag("use_cla") else 1
    return [FULL if i % factor == 0 else SHARED for i in range(f.count("layers"))]


NAS_KNOWN = ("no_op", "replace_with_linear", "n_heads_in_group")


def _blocks(f: Fields) -> list[Fields]:
    """The attention of each of the blocks that Nemotron's architecture search has left."""
    return f.once("block_configs", lambda: _attention_of_blocks(f))


def _attention_of_blocks(f: Fields) -> list[Fields]:
    blocks = []
    for number, config in enumerate(f.items("block_configs", dict, per_layer=True) or []):
        where = (*f.where, "block_configs", number, "attention")
        if not isinstance(config.get("attention"), dict):
            f.wrong("block_configs", f"has no attention in block {number}")
            continue
        prefix = f"block_configs {number}: "
        block = Fields(config["attention"], where=where, problems=f.problems, prefix=prefix)
        for name, value in config["attention"].items():
            if name not in NAS_KNOWN and value not in (None, False):
                block.problem(f"{prefix}{name} is not a field that kvcalc knows", name)
        blocks.append(block)
    return blocks


def _nas_block(f: Fields) -> tuple[Scheme, ...]:
    """Query heads in groups of the block's own size; f.layer is the block's number."""
    blocks, heads = _blocks(f), f.count("heads")
    width = f.optional("head_dim") or hidden_over(f, heads)
    if f.layer is None or f.layer >= len(blocks):
        return ()
    block = blocks[f.layer]
    group = block.count("n_heads_in_group")
    if heads % group:
        block.wrong("n_heads_in_group", f"is {group}, which does not divide {heads} heads")
        return ()
    return (keyed(heads, heads // group, width, width),)


def _nas(f: Fields) -> Sequence[str]:
    """A block whose attention is a no_op or linear keeps nothing."""
    if not f.has("block_configs"):
        f.problem("block_configs is missing", "block_configs")
    gone = ("no_op", "replace_with_linear")
    return ["none" if any(b.flag(name) for name in gone) else FULL for b in _blocks(f)]


# fmt: off
STEP_UNUSED = ("window", "num_sliding_attention_heads", "attention_other_setting",
    "mtp_layer_types", "mtp_mlp_layer_types", "use_head_wise_attn_gate", "att_impl_type",
    "moe_layer_offset", "moe_every_n_layer", "swiglu_limits_shared",
    "share_expert_dim", "share_expert_dims", "partial_rotary_factors")

SPECIAL = (
    Family("cpmant",
        defaults=dict(layers=48, hidden=4096, heads=32, dim_head=128, prompt_length=32),
        parts={FULL: _cpmant}, schedule=same(), unused=("prompt_types", "segment_types")),
    Family("dory", defaults=dict(layers=36, hidden=2560, heads=16, kv_heads=4, head_dim=256,
            window=1024, n_input_layers=8, n_output_layers=8, n_recurrent_loops=2),
        parts={**STANDARD, "mlp": none}, schedule=every(4), amend=_dory_kinds,
        unused=("n_recurrent_layers",)),
    Family("hrm_text",
        defaults=dict(layers=16, hidden=1536, heads=12, head_dim=128, H_cycles=2, L_cycles=3),
        parts={FULL: full(Heads(kv_heads=""))}, schedule=same(), amend=_hrm_kinds,
        unused=("kv_heads", "L_bp_cycles", "prefix_lm")),
    Family("hunyuan", parts={FULL: full(), SHARED: shared(full())}, schedule=_hunyuan,
        unused=HUNYUAN),
    Family("laguna", schedule=same(),
        defaults=dict(layers=40, hidden=2048, heads=48, kv_heads=8, head_dim=128, window=512),
        parts={FULL: lambda f: full(_laguna(f))(f), SLIDING: lambda f: windowed(_laguna(f))(f)},
        unused=("window", "num_attention_heads_per_layer", "heads")),
    Family("mimo_v2_flash", "mimo_v2", defaults=dict(layers=48, hidden=4096, heads=64, kv_heads=4,
            head_dim=192, v_head_dim=128, window=129), listing="hybrid_layer_pattern",
        parts={FULL: full(Heads(value_dim="v_head_dim")), SLIDING: _mimo_local}, schedule=_mimo,
        unused=("window", "sliding_window_size", "hybrid_layer_pattern", "attention_chunk_size",
            "attention_projection_layout")),
    Family("minimax_m2", defaults=dict(layers=62, hidden=3072, heads=48, kv_heads=8, head_dim=128),
        listing="attn_type_list", parts={FULL: full()}, schedule=_softmax_everywhere,
        unused=("attn_type_list", "layernorm_full_attention_beta",
            "layernorm_linear_attention_beta", "shared_moe_mode")),
    Family("minimax_m3_vl_text", "minimax_m3", defaults=dict(layers=60, hidden=6144, heads=64,
            kv_heads=4, head_dim=128, index_n_heads=4, index_head_dim=128, index_block_size=128,
            index_topk_blocks=16), parts={FULL: full(), SPARSE: _minimax_m3_sparse},
        schedule=_minimax_m3,
        unused=("sparse_attention_config", "index_local_blocks", "index_topk_blocks")),
    Family("muse_glimmer_text", "muse_glimmer", parts=STANDARD, schedule=_from_the_end),
    Family("muse_spark_text", "muse_spark", parts=STANDARD, schedule=_from_the_end),
    Family("nemotron-nas", listing="block_configs", parts={FULL: _nas_block, "none": none},
        schedule=_nas, unused=("block_configs", "kv_heads")),
    Family("step3p5", "step3p7", schedule=same(), parts={FULL: full(), SLIDING: _step3p5_local},
        defaults=dict(layers=45, hidden=4096, heads=64, kv_heads=8, head_dim=128),
        names={"kv_heads": ("num_key_value_heads", "num_attention_groups"),
            "mtp_layers": ("num_nextn_predict_layers", "num_mtp_layers")},
        unused=STEP_UNUSED),
    Family("step3_text", "step3_vl", parts={FULL: _step3}, schedule=same(),
        unused=("share_q_dim", "share_expert_dim", "moe_every_n_layer", "moe_layer_offset",
            "vision_select_layer", "understand_projector_stride")),
)
# fmt: on
