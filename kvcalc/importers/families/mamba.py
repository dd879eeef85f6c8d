"""Families of state-space layers, alone or between attention.

Numbers and rules as in transformers 5.24.0 (models/<family>/configuration_*.py), where it has them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvcalc.attention.base import Scheme
from kvcalc.attention.recurrent import Mamba1, Mamba2
from kvcalc.importers.family import Family, Part
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import both, full, keyed, none, shared, windowed
from kvcalc.importers.schedules import (
    FULL,
    HYBRID,
    LINEAR,
    MLP,
    MOE,
    SLIDING,
    every,
    numbered,
    same,
)
from kvcalc.importers.storage import state_dtype
from kvcalc.importers.values import short


def _mamba1(f: Fields) -> tuple[Scheme, ...]:
    """Mamba-1 as hybrids name its sizes."""
    return _mamba1_of(f, _times(f, "mamba_expand"), "mamba_d_state", "mamba_d_conv")


def _mamba1_alone(f: Fields) -> tuple[Scheme, ...]:
    """Mamba-1 as Mamba itself names its sizes."""
    # the class computes the inner width, but a file's own goes before it: Falcon-Mamba-7B's does
    inner = f.optional("intermediate_size") or _times(f, "expand")
    f.spare("expand")
    return _mamba1_of(f, inner, "state_size", "conv_kernel")


def _mamba1_of(f: Fields, inner: int, state: str, kernel: str) -> tuple[Scheme, ...]:
    scheme = Mamba1(inner_dim=inner, state_dim=f.count(state), conv_kernel=f.count(kernel))
    return (scheme,)


def _times(f: Fields, name: str) -> int:
    """hidden_size times an expansion, which need not be whole."""
    return int(f.factor(name) * f.count("hidden"))


def _mamba2(
    heads: str, head_dim: str, state: str, groups: str, kernel: str, expand: str = ""
) -> Part:
    """Mamba-2 under a family's own names; a head_dim of "auto" is the inner width over heads."""

    def part(f: Fields) -> tuple[Scheme, ...]:
        count = f.count(heads)
        width = _width(f, count, head_dim, expand)
        scheme = Mamba2(
            state_heads=count,
            state_head_dim=width,
            state_dim=f.count(state),
            state_groups=f.count(groups),
            conv_kernel=f.count(kernel),
            state_dtype=state_dtype(f, "mamba_ssm_cache_dtype"),
        )
        return (scheme,)

    return part


BAMBA = _mamba2(
    "mamba_n_heads",
    "mamba_d_head",
    "mamba_d_state",
    "mamba_n_groups",
    "mamba_d_conv",
    "mamba_expand",
)

MAMBA2 = dict(
    mamba_d_state=256, mamba_d_conv=4, mamba_expand=2, mamba_n_heads=128, mamba_n_groups=1
)


def _width(f: Fields, heads: int, head_dim: str, expand: str) -> int:
    """The width of a head; "auto" is that of the expanded hidden size, which a number must make."""
    inner = _times(f, expand) if expand and f.get(expand) is not None else None
    if inner is not None and f.get(head_dim) in ("auto", None):
        if inner % heads and not f.placeholders:
            f.wrong(expand, f"makes {inner:,} of hidden_size, which {heads:,} heads do not divide")
        return max(1, inner // heads)
    width = f.count(head_dim)
    if inner is not None and heads * width != inner and not f.placeholders:
        text = f"{width:,} and {heads:,} heads do not make {inner:,}, {expand} x hidden_size"
        f.wrong(head_dim, f"is {width:,}: {text}: they contradict each other")
    return width


def _falcon_h1(f: Fields) -> tuple[Scheme, ...]:
    """Heads that share mamba_d_ssm, or the expanded hidden size, beside attention."""
    heads, stated = f.count("mamba_n_heads"), f.get("mamba_d_head")
    inner = f.optional("mamba_d_ssm") or _times(f, "mamba_expand")
    width = inner // heads if stated in ("auto", None) else f.count("mamba_d_head")
    if width * heads != inner and not f.placeholders:
        f.wrong("mamba_d_head", f"{width} x {heads} heads is not mamba_d_ssm {inner:,}")
    scheme = Mamba2(
        state_heads=heads,
        state_head_dim=max(1, width),
        state_dim=f.count("mamba_d_state"),
        state_groups=f.count("mamba_n_groups"),
        conv_kernel=f.count("mamba_d_conv"),
    )
    return (*full()(f), scheme)


MTP = "multi-token prediction"
"""The kind of a layer that no list of layers has."""

NEMOTRON = {"M": LINEAR, "*": FULL, "-": MLP, "E": MOE}


def _nemotron_schedule(f: Fields) -> Sequence[str]:
    """`hybrid_override_pattern`: M Mamba-2, * attention, - MLP, E experts."""
    pattern = f.word("hybrid_override_pattern")
    if pattern is None:
        f.problem("hybrid_override_pattern (or layers_block_type) is missing", "layers_block_type")
        return []
    return [NEMOTRON.get(letter, letter) for letter in pattern]


def _nemotron_mtp(f: Fields) -> tuple[Scheme, ...]:
    """An MTP layer of one attention: `*E`, or `attention` and `moe`, as its releases say it."""
    pattern, kinds = f.word("mtp_hybrid_override_pattern"), f.items("mtp_layers_block_type", str)
    stated = [NEMOTRON.get(letter, letter) for letter in pattern or ""] or list(kinds or ())
    attending = [kind for kind in stated if kind in (FULL, "attention")]
    if stated and (len(attending) != 1 or not {*stated} <= {FULL, "attention", MLP, MOE}):
        name = "mtp_hybrid_override_pattern" if pattern else "mtp_layers_block_type"
        f.wrong(name, "is not of one attention, and what else an MTP layer keeps is not known")
    return full()(f)


def _zamba_full(f: Fields) -> tuple[Scheme, ...]:
    """Attention over the hidden state and the embedding together: twice as wide."""
    heads = f.count("heads")
    width = f.optional("attention_head_dim") or 2 * f.count("hidden") // heads
    return (keyed(heads, f.optional("kv_heads") or heads, width, width),)


def _zamba2_mamba(f: Fields) -> tuple[Scheme, ...]:
    heads, inner = f.count("n_mamba_heads"), _times(f, "mamba_expand")
    if inner % heads:
        f.wrong("n_mamba_heads", f"is {heads:,}, which does not divide {inner:,}, the inner width")
    scheme = Mamba2(
        state_heads=heads,
        state_head_dim=max(1, inner // heads),
        state_dim=f.count("mamba_d_state"),
        state_groups=f.count("mamba_ngroups"),
        conv_kernel=f.count("mamba_d_conv"),
    )
    return (scheme,)


def _zamba2_schedule(f: Fields) -> Sequence[str]:
    """`hybrid_layer_ids` numbers the layers that call the shared attention block too."""
    stated = f.items("hybrid_layer_ids")
    chosen = {6, 12, 18, 24, 30, 36, 42, 47, 51} if stated is None else set(stated)
    beyond = [number for number in stated or [] if not 0 <= number < f.count("layers")]
    if beyond:
        f.note(f"hybrid_layer_ids names {short(beyond)}, which the model does not have")
    return [HYBRID if i in chosen else LINEAR for i in range(f.count("layers"))]


def _zamba_schedule(f: Fields) -> Sequence[str]:
    """The third layer calls the shared attention block; then the period begins anew."""
    period, offset = f.count("attn_layer_period"), f.count("attn_layer_offset", least=0)
    return [
        HYBRID if i == 2 or (i > 2 and (i - 3) % period == offset) else LINEAR
        for i in range(f.count("layers"))
    ]


CROSS, GMU = "cross_attention", "gated_memory"


def _phi4flash(f: Fields) -> Sequence[str]:
    """Mamba every `mb_per_layer`, between them windows, then one full layer that the rest reads.

    microsoft/Phi-4-mini-flash-reasoning, modeling_phi4flash.py: the second half starts two layers
    after the middle; its Mamba layers are gated memory units without a state.
    """
    layers, period = f.count("layers"), f.count("mb_per_layer")
    middle = layers // 2

    def kind(i: int) -> str:
        if i % period == 0:
            return LINEAR if i < middle + 2 else GMU
        return SLIDING if i < middle else FULL if i < middle + 2 else CROSS

    return [kind(i) for i in range(layers)]


def _mamba_ssm(f: Fields) -> tuple[Scheme, ...]:
    """A configuration of the mamba_ssm package, with the defaults of its two layers."""
    cfg, hidden = f.group("ssm_cfg"), f.count("hidden")
    if f.get("attn_layer_idx"):
        f.wrong("attn_layer_idx", "names attention layers, which kvcalc does not read here")
    kind = cfg.word("layer")
    if kind not in (None, "Mamba1", "Mamba2"):
        cfg.wrong("layer", f"is {short(kind)}; Mamba1 and Mamba2 are known")
    second = kind == "Mamba2"
    cfg.spare("expand", "d_conv", "d_state", "headdim", "ngroups")
    expand, kernel = cfg.optional("expand") or 2, cfg.optional("d_conv") or 4
    inner, state = expand * hidden, cfg.optional("d_state") or (128 if second else 16)
    if not second:
        return (Mamba1(inner_dim=inner, state_dim=state, conv_kernel=kernel),)
    width = cfg.optional("headdim") or 64
    if inner % width:
        cfg.wrong("headdim", f"is {width:,}, which does not divide {inner:,}, the inner width")
    scheme = Mamba2(
        state_heads=inner // width,
        state_head_dim=width,
        state_dim=state,
        state_groups=cfg.optional("ngroups") or 1,
        conv_kernel=kernel,
    )
    return (scheme,)


# fmt: off
CHUNKS = (
    "mamba_expand", "chunk_size", "mamba_chunk_size", "num_logits_to_keep", "mamba_d_ssm",
    "mamba_dt_rank",
)

MAMBA = (
    Family("jamba", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, attn_layer_period=8,
            attn_layer_offset=4, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2),
        schedule=every("attn_layer_period", others=LINEAR, offset="attn_layer_offset"),
        parts={LINEAR: _mamba1, FULL: full()}, unused=(*CHUNKS, "mamba_inner_layernorms")),
    Family("zamba", defaults=dict(layers=76, hidden=3712, heads=16, kv_heads=16,
            attn_layer_period=6, attn_layer_offset=4, mamba_d_state=16, mamba_d_conv=4,
            mamba_expand=2), schedule=_zamba_schedule,
        parts={LINEAR: _mamba1, HYBRID: both(_zamba_full, _mamba1)},
        unused=(*CHUNKS, "attention_hidden_size", "n_mamba_heads")),
    Family("zamba2", defaults=dict(layers=54, hidden=2560, heads=32, mamba_d_state=64,
            mamba_d_conv=4, mamba_expand=2, mamba_ngroups=1, n_mamba_heads=8),
        schedule=_zamba2_schedule,
        parts={LINEAR: _zamba2_mamba, HYBRID: both(_zamba_full, _zamba2_mamba)},
        unused=(*CHUNKS, "attention_hidden_size", "mamba_headdim", "num_mem_blocks",
            "use_shared_attention_adapter", "use_shared_mlp_adapter", "adapter_rank", "lora_rank",
            "kv_channels", "num_query_groups", "hybrid_layer_ids"),
        names={"mamba_d_state": ("mamba_d_state", "state_size")}),
    Family("bamba", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, **MAMBA2),
        schedule=numbered("attn_layer_indices", FULL, LINEAR), parts={LINEAR: BAMBA, FULL: full()},
        unused=CHUNKS),
    Family("granitemoehybrid", defaults=dict(layers=32, hidden=4096, heads=32, **MAMBA2),
        schedule=same(LINEAR), parts={LINEAR: BAMBA, FULL: full()}, unused=CHUNKS),
    Family("falcon_h1",
        defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8, **MAMBA2, mamba_d_ssm=1024),
        schedule=same(HYBRID), parts={HYBRID: _falcon_h1, FULL: _falcon_h1},
        unused=(*CHUNKS, "mamba_use_mlp")),
    Family("nemotron_h", defaults=dict(hidden=4096, heads=32, kv_heads=8, head_dim=128,
            conv_kernel=4, n_groups=8, mamba_num_heads=128, mamba_head_dim=64, ssm_state_size=128),
        listing="hybrid_override_pattern", schedule=_nemotron_schedule,
        parts={LINEAR: _mamba2("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups",
            "conv_kernel"), FULL: full(), MOE: none, MLP: none, MTP: _nemotron_mtp},
        names={"head_dim": ("head_dim", "attention_head_dim"), "n_groups": ("n_groups",
            "mamba_n_groups"), "conv_kernel": ("conv_kernel", "mamba_d_conv")},
        unused=(*CHUNKS, "expand", "mamba_expand", "hybrid_override_pattern",
            "mtp_layers_block_type", "mtp_hybrid_override_pattern"), mtp=MTP),
    Family("mamba", "falcon_mamba",
        defaults=dict(layers=32, hidden=768, state_size=16, expand=2, conv_kernel=4),
        schedule=same(LINEAR), parts={LINEAR: _mamba1_alone}),
    Family("mamba2", defaults=dict(layers=64, hidden=4096, heads=128, head_dim=64, state_size=128,
            n_groups=8, conv_kernel=4), schedule=same(LINEAR),
        parts={LINEAR: _mamba2("heads", "head_dim", "state_size", "n_groups", "conv_kernel",
            "expand")}, unused=("expand", "chunk_size")),
    Family("mamba_ssm", schedule=same(LINEAR), parts={LINEAR: _mamba_ssm}, marks=(("ssm_cfg",),),
        unused=("attn_layer_idx", "attn_cfg", "d_intermediate", "fused_add_norm")),
    Family("phi4flash", defaults=dict(layers=32, hidden=2560, heads=40, kv_heads=20, window=512,
            mb_per_layer=2, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2), schedule=_phi4flash,
        parts={LINEAR: _mamba1, SLIDING: windowed(), FULL: full(), CROSS: shared(full()),
            GMU: none}, unused=CHUNKS),
)
# fmt: on
