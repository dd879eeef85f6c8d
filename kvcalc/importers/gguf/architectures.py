"""The table of GGUF architectures: what is special about each, as llama.cpp's loaders have it.

llama.cpp as vendored in llama-cpp-python 0.3.36: src/models/*.cpp (load_arch_hparams),
src/llama-model.cpp (load_hparams, create_memory) and conversion/*.py, which writes the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kvcalc.importers.family import Family, Part, Schedule
from kvcalc.importers.gguf import hybrids, indexers, parts, schedules, states
from kvcalc.importers.gguf.hybrids import HASHED, by_heads, by_interval
from kvcalc.importers.gguf.keys import DRAFT
from kvcalc.importers.gguf.schedules import (
    INDEXED,
    MLP,
    NONE,
    PICKED,
    ROUTER,
    SPARSE,
    UNUSED,
    alike,
    interleaved,
    sharing,
)
from kvcalc.importers.parts import both, none, with_shared
from kvcalc.importers.schedules import CHUNKED, FULL, LINEAR, SLIDING, same

WINDOWED: Mapping[str, Part] = {FULL: parts.full, SLIDING: parts.sliding}
PLAIN: Mapping[str, Part] = {FULL: parts.full, UNUSED: parts.sliding_unused, NONE: none}
SHARED = with_shared(WINDOWED)
DSA: Mapping[str, Part] = {INDEXED: parts.indexed, PICKED: parts.picked, FULL: parts.latent}

_plain = partial(Family, parts=PLAIN, schedule=schedules.plain)
_windowed = partial(Family, parts=WINDOWED)
_latent = partial(Family, parts=DSA)
_draft = partial(
    Family,
    unused=DRAFT,
    note="drafts for another model: these are its own caches, beside its target's",
)


def _recurrent(*names: str, part: Part, unused: tuple[str, ...] = (), note: str = "") -> Family:
    unused = ("recurrent_layers", *unused)
    return Family(*names, parts={LINEAR: part}, schedule=same(LINEAR), unused=unused, note=note)


def _hybrid(*names: str, part: Part, schedule: Schedule, full: Part = parts.full) -> Family:
    own = {LINEAR: part, FULL: full, SLIDING: parts.sliding, UNUSED: parts.sliding_unused}
    return Family(*names, parts=own, schedule=schedule)


# fmt: off
TABLE = (
    _plain(
        *"""
        apertus arcee arctic baichuan bailingmoe bailingmoe2 bitnet bloom chameleon chatglm
        codeshell cogvlm command-r dbrx deci deepseek deepseek2-ocr dots1 ernie4_5 ernie4_5-moe
        exaone falcon gemma glm4 glm4moe gpt2 gptj gptneox granite granitemoe grok grovemoe
        hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 internlm2 jais jais2 llama llama-embed
        maincoder minicpm minimax-m2 mistral3 mpt nemotron olmo olmoe openelm orion paddleocr
        pangu-embedded phi2 phi3 phimoe plamo pockettts qwen qwen2 qwen2moe qwen2vl qwen3 qwen3moe
        qwen3tts qwen3vl qwen3vlmoe refact seed_oss smollm3 stablelm starcoder starcoder2 talkie
        xverse
        """.split()  # noqa: SIM905
    ),
    _plain("nanbeige", schedule=schedules.looped),
    Family("graniteswitch", parts={**PLAIN, ROUTER: parts.router}, schedule=schedules.routed),
    Family("t5", parts={FULL: parts.crossing, NONE: none}, schedule=schedules.decoder,
        note="llama.cpp keeps no cache of cross attention: it computes it anew at every step"),
    # windows: how many layers make a period, of which one attends to everything
    _windowed("gemma2", schedule=interleaved(2), defaults={"window": 4096}),
    _windowed("gemma3", schedule=interleaved(6, stated=False)),
    _windowed("gpt-oss", schedule=interleaved(2)),
    _windowed("cohere2", "exaone-moe", "muse-glimmer", schedule=interleaved(4)),
    _windowed("cohere2moe", schedule=interleaved(4, first=True)),
    _windowed("afmoe", "mellum", "olmo2", schedule=interleaved(4, stated=False)),
    _windowed("laguna", schedule=interleaved(4, first=True, stated=False)),
    Family("smallthinker", parts={FULL: parts.full, SLIDING: parts.sliding_4096},
        schedule=interleaved(4, first=True, stated=False)),
    _windowed("plamo3", schedule=interleaved(8, stated=False)),
    Family("exaone4", parts={**WINDOWED, UNUSED: parts.sliding_unused},
        schedule=schedules.exaone4, defaults={"window": 4096}),
    _windowed("granite_swa", "maple", "mimo2", "spark2_5", "step35", schedule=interleaved(None)),
    Family("llama4", defaults={"window": parts.LLAMA4_CHUNK},
        parts={FULL: parts.full, CHUNKED: parts.chunked},
        schedule=interleaved(4, stated=False, kind=CHUNKED)),
    Family("gemma3n", parts=SHARED, schedule=sharing(interleaved(5), keeping=20)),
    Family("gemma4", parts=SHARED, schedule=sharing(interleaved(None))),
    # latents
    _latent("deepseek2", "mistral4", "minicpm3", "plm", schedule=alike()),
    _latent("deepseek32", schedule=alike(INDEXED)),
    _latent("glm-dsa", schedule=indexers.picking(indexers.glm_indexers)),
    _latent("hy_v4", schedule=indexers.hy_v4),
    _latent("dots3note", parts={**DSA, SLIDING: parts.latent_sliding}, schedule=indexers.dots3),
    Family("deepseek4", schedule=indexers.by_ratio,
        parts={"ratio 0": parts.shared_kv, "ratio 4": parts.compressed_sparse,
            "ratio 128": parts.compressed_heavily}),
    Family("minimax-m3", schedule=indexers.after_dense,
        parts={FULL: parts.full, SPARSE: parts.block_sparse}),
    # states
    _recurrent("mamba", part=states.mamba1, unused=("heads", "kv_heads")),
    _recurrent("mamba2", part=states.mamba2, unused=("heads", "kv_heads")),
    _recurrent("rwkv7", "arwkv7", part=states.rwkv),
    _recurrent("rwkv6", "rwkv6qwen2", part=states.rwkv,
        note="shown as RWKV-7, whose state and token shifts have the same shapes"),
    # attention and states
    _hybrid("jamba", "plamo2", part=states.mamba1, schedule=by_heads()),
    _hybrid("granitehybrid", part=states.mamba2, schedule=by_heads()),
    Family("falcon-h1", parts={FULL: both(parts.full, states.mamba2)}, schedule=alike(),
        unused=("recurrent_layers",)),
    Family("nemotron_h", "nemotron_h_moe", schedule=hybrids.nemotron,
        parts={LINEAR: states.mamba2, FULL: parts.full, MLP: none}),
    _hybrid("qwen3next", "qwen35", "qwen35moe", "clef", part=states.gated_delta_net,
        schedule=by_interval(4)),
    Family("qwen4exp", schedule=hybrids.qwen4exp,
        parts={LINEAR: states.gated_delta_net, FULL: parts.pooled_sparse,
            HASHED: both(states.gated_delta_net, states.hashed_ngrams)}),
    _hybrid("minimax-01", part=states.lightning, schedule=by_interval(8)),
    _hybrid("lfm2", part=states.short_conv, schedule=by_heads(SLIDING)),
    _hybrid("lfm2moe", part=states.short_conv, schedule=by_heads(UNUSED)),
    _hybrid("kimi-linear", "kimi-k3", "bailingmoe3", part=states.kda, full=parts.latent,
        schedule=by_heads()),
    Family("glm5-next", parts={**DSA, INDEXED: parts.pooled, LINEAR: states.kda},
        schedule=indexers.pooled),
    # drafts
    _draft("eagle3", parts=PLAIN, schedule=schedules.plain),
    _draft("dflash", parts={**WINDOWED, "ratio 0": parts.shared_kv}, schedule=schedules.dflash),
)
# fmt: on

ARCHITECTURES = {name: row for row in TABLE for name in row.types}
"""By `general.architecture`."""

STRANGER = Family("", parts={FULL: parts.full}, schedule=same())
"""An architecture that is not in the table: read only where all its keys are plain."""

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        """
        bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert
        gemma-embedding t5encoder wavtokenizer-dec
        """.split(),  # noqa: SIM905
        "is an encoder, which keeps no KV cache",
    ),
    **dict.fromkeys(
        ("dream", "llada", "llada-moe", "rnd1"),
        "is a diffusion model, which sees the whole text anew at every step and keeps no KV cache",
    ),
    "gemma4-assistant": "reads the cache of the model that it drafts for, and keeps none",
    "clip": "is the projector of a multimodal model (mmproj), which keeps no KV cache",
}
"""Architectures without a cache of their own, and why."""
