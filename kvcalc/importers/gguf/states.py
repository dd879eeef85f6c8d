"""What layers with a state keep, in the words of GGUF headers."""

from __future__ import annotations

from dataclasses import replace

from kvcalc.attention.base import Scheme
from kvcalc.attention.custom import Custom
from kvcalc.attention.recurrent import (
    KDA,
    RWKV7,
    GatedDeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from kvcalc.extents import Fixed
from kvcalc.importers.fields import Fields
from kvcalc.importers.gguf.parts import model_heads, usual_width


def _split(f: Fields, parts: int) -> int:
    """The inner width's share of each of so many heads."""
    inner = f.count("inner_size")
    if inner % parts:
        f.wrong("inner_size", f"is {inner:,}, which {parts:,} heads do not divide")
    return max(1, inner // parts)


def mamba1(f: Fields) -> tuple[Scheme, ...]:
    """Mamba-1; a convolution over the inner channels alone."""
    f.spare("time_step_rank", "group_count")
    inner, state, taps = f.count("inner_size"), f.count("state_size"), f.count("conv_kernel")
    return (Mamba1(inner_dim=inner, state_dim=state, conv_kernel=taps),)


def mamba2(f: Fields) -> tuple[Scheme, ...]:
    """Mamba-2, whose heads GGUF calls the time step's rank."""
    heads = f.count("time_step_rank")
    scheme = Mamba2(
        state_heads=heads,
        state_head_dim=_split(f, heads),
        state_dim=f.count("state_size"),
        state_groups=f.count("group_count"),
        conv_kernel=f.count("conv_kernel"),
    )
    return (scheme,)


def gated_delta_net(f: Fields) -> tuple[Scheme, ...]:
    """Gated DeltaNet in Mamba's words: groups are key heads, the time step's rank value heads."""
    heads = f.count("time_step_rank")
    scheme = GatedDeltaNet(
        key_heads=f.count("group_count"),
        state_heads=heads,
        key_dim=f.count("state_size"),
        value_dim=_split(f, heads),
        conv_kernel=f.count("conv_kernel"),
    )
    return (scheme,)


def kda(f: Fields) -> tuple[Scheme, ...]:
    """Kimi delta attention, with as many heads as attention has."""
    width, heads, taps = f.count("kda_head_dim"), model_heads(f), f.count("conv_kernel")
    return (KDA(state_heads=heads, key_dim=width, value_dim=width, conv_kernel=taps),)


def lightning(f: Fields) -> tuple[Scheme, ...]:
    """Lightning attention: every query head keeps a state."""
    width = f.optional("key_dim") or usual_width(f)
    return (Lightning(state_heads=model_heads(f), key_dim=width, value_dim=width),)


def short_conv(f: Fields) -> tuple[Scheme, ...]:
    """A short convolution over the embedding's channels."""
    return (ShortConv(channels=f.count("hidden"), conv_kernel=f.count("shortconv_taps")),)


def rwkv(f: Fields) -> tuple[Scheme, ...]:
    """A state per head and the token shifts: two where channel mixing shifts too, else one."""
    f.spare("heads", "kv_heads")
    width, hidden, shifts = f.count("wkv_head_size"), f.count("hidden"), f.optional("token_shifts")
    if hidden % width:
        f.wrong("wkv_head_size", f"is {width:,}, which does not divide the embedding's {hidden:,}")
    whole = RWKV7(state_heads=max(1, hidden // width), state_head_dim=width, hidden_dim=hidden)
    if shifts in (None, 2):
        return (whole,)
    kept = (replace(t, extent=Fixed(shifts)) if t.role == "shift" else t for t in whole.expand())
    return (Custom(tensors=tuple(kept)),)


def hashed_ngrams(f: Fields) -> tuple[Scheme, ...]:
    """The convolution over all residual streams beside hashed n-grams, as far apart as those."""
    streams, apart = f.count("hyper_connections"), f.count("ple_ngram")
    columns = (f.count("ple_taps") - 1) * apart
    return (ShortConv(channels=streams * f.count("hidden"), conv_kernel=columns + 1),)
