"""What layers keep, in the words of GGUF headers.

A part gets the fields as its layer sees them and returns the caches of that layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kvcalc.attention.base import Scheme
from kvcalc.attention.compressed import CSA, HCA, SharedKV
from kvcalc.attention.custom import Custom
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.cache import CacheTensor
from kvcalc.extents import Every, TopK
from kvcalc.formats import BF16
from kvcalc.importers.fields import Fields
from kvcalc.importers.parts import hidden_over, indexer_fields, keyed
from kvcalc.importers.storage import INDEX_DTYPE

LLAMA4_CHUNK = 8192
SMALLTHINKER_WINDOW = 4096


def first_heads(f: Fields) -> int | None:
    """The query heads of the first layer that has some; None where none has."""
    heads = f.get("heads")
    stated = heads if isinstance(heads, list) else [heads]
    return next((n for n in stated if type(n) is int and n > 0), None)


def model_heads(f: Fields) -> int:
    """The same, which must be there."""
    return first_heads(f) or f.count("heads")


def usual_width(f: Fields) -> int:
    """A head's width that no key states: the embedding's over the model's heads."""
    return hidden_over(f, model_heads(f))


def sizes(f: Fields, sliding: bool = False) -> dict[str, Any]:
    """Query heads, KV heads, and the widths of a key and of a value; sliding layers may have
    widths of their own.
    """
    heads = f.count("heads")
    usual = [f.optional(name) for name in ("key_dim", "value_dim")]
    own = [f.optional(f"{name}_swa") if sliding else None for name in ("key_dim", "value_dim")]
    return {
        "heads": heads,
        "kv_heads": f.optional("kv_heads") or heads,
        "key_dim": own[0] or usual[0] or usual_width(f),
        "value_dim": own[1] or usual[1] or usual_width(f),
    }


def full(f: Fields) -> tuple[Scheme, ...]:
    """Attention over every token."""
    return (keyed(**sizes(f)),)


def sliding(f: Fields) -> tuple[Scheme, ...]:
    """Attention over the last tokens."""
    return (keyed(**sizes(f, sliding=True), window=f.count("window")),)


def sliding_unused(f: Fields) -> tuple[Scheme, ...]:
    """A window that the model has, and that llama.cpp does not use."""
    f.note("the window is the model's; llama.cpp does not use it here and keeps every token")
    return (keyed(**sizes(f), window=f.count("window")),)


def sliding_4096(f: Fields) -> tuple[Scheme, ...]:
    """A window of whatever length, for which llama.cpp has one of its own."""
    window = f.count("window")
    if window != SMALLTHINKER_WINDOW:
        f.note(
            f"a window of {window:,} tokens; llama.cpp takes {SMALLTHINKER_WINDOW:,} whatever is"
            " stated"
        )
    return sliding(f)


def chunked(f: Fields) -> tuple[Scheme, ...]:
    """Attention within chunks."""
    chunk = f.count("window")
    if chunk != LLAMA4_CHUNK:
        f.note(f"chunks of {chunk:,} tokens; llama.cpp takes {LLAMA4_CHUNK:,} whatever is stated")
    return (keyed(**sizes(f, sliding=True), chunk=chunk),)


def router(f: Fields) -> tuple[Scheme, ...]:
    """A single head, as wide as the others."""
    return (keyed(**{**sizes(f), "heads": 1, "kv_heads": 1}),)


def crossing(f: Fields) -> tuple[Scheme, ...]:
    """A decoder's own attention, and that over an encoder's output."""
    own = sizes(f)
    return (keyed(**own), keyed(**own, cross=True))


def _latent_fields(f: Fields) -> dict[str, Any]:
    """A latent, a RoPE key, and the widths of the keys and values that heads make of them.

    Files for llama.cpp's latent cache state these widths as *_length_mla, and as key_length the
    width of a cached entry. Others state only what heads see.
    """
    rank, rope = f.count("kv_lora_rank"), f.count("rope_dim", least=0)
    stated = f.optional("key_dim_mla")
    if stated is None:
        key = f.optional("key_dim") or usual_width(f)
        value = f.optional("value_dim") or usual_width(f)
    else:
        key, value = stated, f.count("value_dim_mla")
        entry = f.optional("key_dim")
        if entry is not None and entry != rank + rope:
            text = f"is {entry:,}; a latent of {rank:,} and {rope:,} for RoPE make {rank + rope:,}"
            f.wrong("key_dim", text)
    name = "key_dim" if stated is None else "key_dim_mla"
    if key <= rope:
        f.wrong(name, f"is {key:,}; it must be more than the {rope:,} of it for RoPE")
        key = rope + 1
    f.spare("kv_heads", "key_dim", "value_dim")
    widths = {"latent_dim": rank, "rope_dim": rope, "nope_dim": key - rope, "value_dim": value}
    return {"heads": f.count("heads"), **widths}


EXPANDED = "of this file llama.cpp keeps the keys and values of every head"


def latent(f: Fields) -> tuple[Scheme, ...]:
    """Multi-head latent attention; llama.cpp expands it where a file lacks key_length_mla.

    Without the width of the RoPE key, too, no latent is known, and what it keeps is counted.
    """
    if not f.has("key_dim_mla") and not f.has("rope_dim"):
        f.spare("kv_lora_rank")
        f.note(f"the latent's RoPE key is not in it: counted as {EXPANDED.partition('keeps ')[2]}")
        return full(f)
    scheme = MLA(**_latent_fields(f))
    if f.has("key_dim_mla"):
        return (scheme,)
    f.note(f"counted as its latent; {EXPANDED}")
    return (scheme,)


def latent_sliding(f: Fields) -> tuple[Scheme, ...]:
    """Latent attention over a window, with a latent of its own."""
    rank, entry = f.count("kv_lora_rank_swa"), f.count("key_dim_swa")
    rope = entry - rank
    key = f.count("key_dim_mla_swa")
    if not 0 <= rope < key:
        text = f"is {entry:,}, which a latent of {rank:,} and a RoPE key do not make"
        f.wrong("key_dim_swa", text)
        return ()
    f.spare("value_dim_swa")
    scheme = MLA(
        heads=f.count("heads"),
        latent_dim=rank,
        rope_dim=rope,
        nope_dim=key - rope,
        value_dim=f.count("value_dim_mla_swa"),
        window=f.count("window"),
    )
    return (scheme,)


def _index_fields(f: Fields) -> dict[str, Any]:
    f.note(INDEX_DTYPE)
    return indexer_fields(f)


def indexed(f: Fields) -> tuple[Scheme, ...]:
    """Latent attention with an indexer of its own."""
    if (f.optional("index_pool") or 1) > 1:
        key = f.names_of("index_pool")[0]
        name, _, rest = key.partition(".")
        f.note(f"{rest} pools nothing in {name}, as llama.cpp has it: an index key per token")
    return (DSA(**_latent_fields(f), **_index_fields(f)),)


def pooled(f: Fields) -> tuple[Scheme, ...]:
    """Latent attention with an indexer of its own, and a key per pool of tokens."""
    pool = f.optional("index_pool") or 1
    _say_how_pools_are_kept(f, pool)
    return (DSA(**_latent_fields(f), **_index_fields(f), index_every=pool),)


def _say_how_pools_are_kept(f: Fields, pool: int) -> None:
    if pool > 1:
        f.note(f"an index key per {pool:,} tokens; llama.cpp keeps those of every token")


def pooled_sparse(f: Fields) -> tuple[Scheme, ...]:
    """Attention of heads that reads what an indexer has picked, by a key per pool of tokens."""
    pool, own, index = f.optional("compress_ratios", least=0) or 0, sizes(f), indexer_fields(f)
    if not pool:
        return (keyed(**own),)
    _say_how_pools_are_kept(f, pool)
    reads, width = TopK(index["top_k"], pool), index["index_dim"]
    kept = [replace(tensor, reads=reads) for tensor in keyed(**own).entries()]
    macs = index["index_heads"] * width
    key = CacheTensor("index_key", "index", width, Every(pool, pool), format=BF16, macs=macs)
    return (Custom(tensors=(*kept, key), heads=own["heads"], head_dim=own["key_dim"]),)


def picked(f: Fields) -> tuple[Scheme, ...]:
    """Latent attention that reads what an earlier layer's indexer has picked."""
    f.spare("index_pool")
    return (DSA(**_latent_fields(f), **_index_fields(f), indexer="shared"),)


def block_sparse(f: Fields) -> tuple[Scheme, ...]:
    """Grouped-query attention whose indexer picks blocks."""
    scheme = BlockSparse(
        **sizes(f),
        index_heads=f.count("index_n_heads"),
        index_dim=f.count("index_head_dim"),
        block_size=f.count("index_block"),
        top_k_blocks=f.count("index_topk"),
    )
    return (scheme,)


def _entry_fields(f: Fields) -> dict[str, Any]:
    f.spare("kv_heads", "value_dim", "compress_ratios")
    return {
        "heads": f.count("heads"),
        "head_dim": f.count("key_dim"),
        "rope_dim": f.count("rope_dim", least=0),
        "window": f.count("window"),
    }


def shared_kv(f: Fields) -> tuple[Scheme, ...]:
    """One entry as key and value, over a window."""
    return (SharedKV(**_entry_fields(f)),)


def compressed_sparse(f: Fields) -> tuple[Scheme, ...]:
    """The same, and an entry for every 4 tokens, among which an indexer picks."""
    return (CSA(**_entry_fields(f), **_index_fields(f), compress=4),)


def compressed_heavily(f: Fields) -> tuple[Scheme, ...]:
    """The same, and an entry for every 128 tokens."""
    return (HCA(**_entry_fields(f), compress=128),)
