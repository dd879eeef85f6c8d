"""What layers keep, in the words of configurations: the pieces that families are put together from.

A part gets the fields as its layer sees them and returns the caches of that layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kvcalc.attention.base import Attention, Scheme
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA
from kvcalc.errors import InvalidValue, Problem
from kvcalc.importers.family import Part
from kvcalc.importers.fields import Fields


def none(f: Fields) -> tuple[Scheme, ...]:
    """A layer without a cache: experts, an MLP."""
    return ()


def both(*parts: Part) -> Part:
    """A layer that keeps what several parts keep; each is read, whatever is wrong with others."""

    def together(f: Fields) -> tuple[Scheme, ...]:
        caches: list[Scheme] = []
        problems: list[Problem] = []
        for part in parts:
            try:
                caches += part(f)
            except InvalidValue as error:
                problems += error.problems
        if problems:
            raise InvalidValue(problems)
        return tuple(caches)

    return together


@dataclass(frozen=True)
class Heads:
    """The fields that give the geometry of attention; "" where a family has no such field."""

    heads: str = "heads"
    kv_heads: str = "kv_heads"
    head_dim: str = "head_dim"
    value_dim: str = ""

    def read(self, f: Fields) -> dict[str, int]:
        """Query heads, KV heads, and the widths of a key and of a value."""
        heads = f.count(self.heads)
        stated = f.optional(self.head_dim) if self.head_dim else None
        key_dim = stated or hidden_over(f, heads)
        groups = f.optional(self.kv_heads) if self.kv_heads else heads
        if groups is None:
            name = f.names_of(self.kv_heads)[0]
            f.note(f"{name} is not stated: all {heads} heads keep their own")
        return {
            "heads": heads,
            "kv_heads": groups or heads,
            "key_dim": key_dim,
            "value_dim": (f.optional(self.value_dim) if self.value_dim else None) or key_dim,
        }


USUAL = Heads()
MULTI = Heads(kv_heads="", head_dim="")
"""Attention from before KV heads could be fewer: all heads, hidden_size over heads wide."""


def hidden_over(f: Fields, heads: int) -> int:
    """The width of a head that no field states: hidden_size over heads."""
    hidden = f.count("hidden")
    width = hidden // heads
    if f.data.get("head_dim") == width:
        f.spare("head_dim")  # files of classes that know no such field may say so all the same
    if hidden < heads:
        f.wrong("hidden", f"is {hidden:,}: {heads:,} heads of it would have no width")
    elif hidden % heads:
        f.note(f"head_dim {width}: {hidden:,} / {heads:,} rounded down, as none is stated")
    return max(1, width)


def keyed(heads: int, kv_heads: int, key_dim: int, value_dim: int, **limits: Any) -> Attention:
    """MHA, GQA or MQA, by the number of KV heads."""
    widths: dict[str, Any] = {"heads": heads, "head_dim": key_dim, **limits}
    if value_dim != key_dim:
        widths["value_dim"] = value_dim
    if kv_heads == heads:
        return MHA(**widths)
    return MQA(**widths) if kv_heads == 1 else GQA(kv_heads=kv_heads, **widths)


def full(heads: Heads = USUAL) -> Part:
    """Attention over every token."""
    return lambda f: (keyed(**heads.read(f)),)


def windowed(heads: Heads = USUAL, window: str = "window") -> Part:
    """Attention over the last tokens, as many as the field `window` says."""
    return lambda f: (keyed(**heads.read(f), window=f.count(window)),)


def chunked(f: Fields) -> tuple[Scheme, ...]:
    """Attention within chunks."""
    return (keyed(**USUAL.read(f), chunk=f.count("attention_chunk_size")),)


def shared(part: Part) -> Part:
    """A layer that reads the cache of an earlier one and stores none."""
    return lambda f: tuple(_read_only(scheme) for scheme in part(f))


def with_shared(parts: Mapping[str, Part]) -> Mapping[str, Part]:
    """Parts by their kinds, and beside each the one that reads an earlier layer's cache."""
    return {**parts, **{f"shared_{kind}": shared(part) for kind, part in parts.items()}}


def _read_only(scheme: Scheme) -> Scheme:
    if not isinstance(scheme, Attention):
        raise TypeError(f"{scheme.kind} keeps a state, and attention alone reads another's cache")
    return replace(scheme, shared=True)


def crossing(heads: Heads = USUAL, source: str = "") -> Part:
    """Cross attention, over the tokens of an encoder's output: as many as `source` says."""

    def part(f: Fields) -> tuple[Scheme, ...]:
        tokens = f.count(source) if source else None
        return (keyed(**heads.read(f), cross=True, source_length=tokens),)

    return part


NOT_CACHED = ("kv_heads", "head_dim", "qk_head_dim", "indexer_rope_interleave", "seq_length")
"""What configurations of latent attention state beside it: the latent stands for all heads."""


def latent_fields(f: Fields, value_dim: int | None = None) -> dict[str, Any]:
    """The fields of multi-head latent attention; `value_dim` where the file states none."""
    f.spare(*NOT_CACHED)
    stated = f.optional("v_head_dim") if value_dim else f.count("v_head_dim")
    return {
        "heads": f.count("heads"),
        "latent_dim": f.count("kv_lora_rank"),
        "rope_dim": f.count("qk_rope_head_dim", least=0),
        "nope_dim": f.count("qk_nope_head_dim"),
        "value_dim": stated or value_dim,
    }


def latent(f: Fields) -> tuple[Scheme, ...]:
    """Multi-head latent attention."""
    return (MLA(**latent_fields(f)),)


def indexer_fields(f: Fields) -> dict[str, Any]:
    """The fields of the indexer of DeepSeek sparse attention; in the ideal its keys are fp8."""
    return {
        "index_heads": f.count("index_n_heads"),
        "index_dim": f.count("index_head_dim"),
        "top_k": f.count("index_topk"),
    }


def indexed(f: Fields) -> tuple[Scheme, ...]:
    """Multi-head latent attention with an indexer of its own."""
    return (DSA(**latent_fields(f), **indexer_fields(f)),)


def indexed_by_another(f: Fields) -> tuple[Scheme, ...]:
    """Multi-head latent attention that reads what an earlier layer's indexer has picked."""
    return (DSA(**latent_fields(f), **indexer_fields(f), indexer="shared"),)
