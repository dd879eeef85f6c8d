"""The table of GGUF architectures: what is special about each, as llama.cpp's loaders have it.

llama.cpp as vendored in llama-cpp-python 0.3.36: src/models/*.cpp (load_arch_hparams),
src/llama-model.cpp (load_hparams, create_memory) and conversion/*.py, which writes the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kvcalc.importers.gguf import parts, schedules
from kvcalc.importers.gguf.schedules import (
    INDEXED,
    MLP,
    NONE,
    PICKED,
    SPARSE,
    UNUSED,
    alike,
    hybrid,
    interleaved,
    picking,
    sharing,
    where_heads,
)
from kvcalc.importers.parts import both, none, shared
from kvcalc.importers.schedules import CHUNKED, FULL, LINEAR, SLIDING

if TYPE_CHECKING:
    from kvcalc.importers.family import Part, Schedule

WINDOWED: Mapping[str, Part] = {FULL: parts.full, SLIDING: parts.sliding}
PLAIN: Mapping[str, Part] = {FULL: parts.full, UNUSED: parts.sliding_unused, NONE: none}
SHARED: Mapping[str, Part] = {
    **WINDOWED,
    f"shared_{FULL}": shared(parts.full),
    f"shared_{SLIDING}": shared(parts.sliding),
}
DSA: Mapping[str, Part] = {INDEXED: parts.indexed, PICKED: parts.picked, FULL: parts.latent}

ENCODER = "is an encoder, which keeps no KV cache"
DIFFUSION = (
    "is a diffusion model, which sees the whole text anew at every step and keeps no KV cache"
)
DRAFT = "drafts for another model and is counted with it"
PROJECTOR = "is the projector of a multimodal model (mmproj), which keeps no KV cache"


ALIKE = alike()


@dataclass(frozen=True)
class Architecture:
    """One line of the table: the values of `general.architecture`, and what is special.

    parts     what a layer of each kind keeps; a kind that is not here is refused
    schedule  the kinds of all blocks, those of multi-token prediction last
    defaults  what llama.cpp fills in where a file omits a key, by short name
    ignored   keys, by short name, that files carry and that leave this cache alone
    note      what a reader of the numbers should know
    refused   why a model of this architecture keeps no cache of its own
    """

    names: tuple[str, ...]
    parts: Mapping[str, Part] = field(default_factory=dict)
    schedule: Schedule = ALIKE
    defaults: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    note: str = ""
    refused: str = ""


def _plain(*names: str, **rest: Any) -> Architecture:
    return Architecture(names, PLAIN, schedules.plain, **rest)


def _windowed(*names: str, schedule: Schedule, **rest: Any) -> Architecture:
    return Architecture(names, WINDOWED, schedule, **rest)


def _recurrent(*names: str, part: Part, **rest: Any) -> Architecture:
    return Architecture(names, {LINEAR: part}, lambda f: [LINEAR] * f.count("layers"), **rest)


def _hybrid(*names: str, part: Part, schedule: Schedule, full: Part = parts.full) -> Architecture:
    return Architecture(names, {LINEAR: part, FULL: full, SLIDING: parts.sliding}, schedule)


TABLE = (
    _plain(
        *"""
        apertus arcee arctic baichuan bailingmoe bailingmoe2 bitnet bloom chameleon chatglm
        codeshell cogvlm command-r dbrx deci deepseek deepseek2-ocr dots1 ernie4_5 ernie4_5-moe
        exaone falcon gemma glm4 glm4moe gpt2 gptj gptneox granite granitemoe grok grovemoe
        hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 internlm2 jais jais2 llama llama-embed
        maincoder minicpm minimax-m2 mistral3 mpt nemotron olmo olmoe openelm orion paddleocr
        pangu-embedded phi2 phi3 phimoe plamo qwen qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3vl
        qwen3vlmoe refact seed_oss smollm3 stablelm starcoder starcoder2 talkie xverse
        """.split()  # noqa: SIM905
    ),
    Architecture(("nanbeige",), PLAIN, schedules.looped),
    Architecture(
        ("t5",),
        {FULL: parts.crossing},
        schedules.decoder,
        note="llama.cpp keeps no cache of cross attention: it computes it anew at every step",
    ),
    # windows: how many layers make a period, of which one attends to everything
    _windowed("gemma2", schedule=interleaved(2), defaults={"window": 4096}),
    _windowed("gemma3", schedule=interleaved(6, stated=False)),
    _windowed("gpt-oss", schedule=interleaved(2)),
    _windowed("cohere2", "exaone-moe", "muse-glimmer", schedule=interleaved(4)),
    _windowed("cohere2moe", schedule=interleaved(4, first=True)),
    _windowed("afmoe", "mellum", "olmo2", schedule=interleaved(4, stated=False)),
    _windowed("laguna", "smallthinker", schedule=interleaved(4, first=True, stated=False)),
    _windowed("plamo3", schedule=interleaved(8, stated=False)),
    _windowed("exaone4", schedule=schedules.exaone4, defaults={"window": 4096}),
    _windowed("granite_swa", "maple", "mimo2", "spark2_5", "step35", schedule=interleaved(None)),
    Architecture(
        ("llama4",),
        {FULL: parts.full, CHUNKED: parts.chunked},
        interleaved(4, stated=False, kind=CHUNKED),
        {"window": parts.LLAMA4_CHUNK},
    ),
    Architecture(("gemma3n",), SHARED, sharing(interleaved(5), keeping=20)),
    Architecture(("gemma4",), SHARED, sharing(interleaved(None))),
    # latents
    Architecture(("deepseek2", "mistral4", "minicpm3", "plm"), {FULL: parts.latent}),
    Architecture(("deepseek32",), DSA, picking(schedules.every_indexer)),
    Architecture(("glm-dsa",), DSA, picking(schedules.glm_indexers)),
    Architecture(("hy_v4",), DSA, schedules.hy_v4),
    Architecture(
        ("dots3note",),
        {**DSA, SLIDING: parts.latent_sliding},
        schedules.dots3,
    ),
    Architecture(
        ("deepseek4",),
        {
            "ratio 0": parts.shared_kv,
            "ratio 4": parts.compressed(4, sparse=True),
            "ratio 128": parts.compressed(128, sparse=False),
        },
        schedules.by_ratio,
    ),
    Architecture(
        ("minimax-m3",), {FULL: parts.full, SPARSE: parts.block_sparse}, schedules.after_dense
    ),
    # states
    _recurrent("mamba", part=parts.mamba1, ignored=("heads", "kv_heads")),
    _recurrent("mamba2", part=parts.mamba2, ignored=("heads", "kv_heads")),
    _recurrent("rwkv7", "arwkv7", part=parts.rwkv),
    _recurrent(
        "rwkv6",
        "rwkv6qwen2",
        part=parts.rwkv,
        note="shown as RWKV-7, whose state and token shifts have the same shapes",
    ),
    # attention and states
    _hybrid("jamba", "plamo2", part=parts.mamba1, schedule=where_heads(LINEAR)),
    _hybrid("granitehybrid", part=parts.mamba2, schedule=where_heads(LINEAR)),
    Architecture(("falcon-h1",), {FULL: both(parts.full, parts.mamba2)}),
    Architecture(
        ("nemotron_h", "nemotron_h_moe"),
        {LINEAR: parts.mamba2, FULL: parts.full, MLP: none},
        schedules.nemotron,
    ),
    _hybrid("qwen3next", "qwen35", "qwen35moe", part=parts.gated_delta_net, schedule=hybrid(4)),
    _hybrid("minimax-01", part=parts.lightning, schedule=hybrid(8)),
    _hybrid("lfm2", "lfm2moe", part=parts.short_conv, schedule=where_heads(LINEAR, SLIDING)),
    _hybrid(
        "kimi-linear",
        "kimi-k3",
        "bailingmoe3",
        part=parts.kda,
        full=parts.latent,
        schedule=where_heads(LINEAR),
    ),
    Architecture(("glm5-next",), {**DSA, LINEAR: parts.kda}, schedules.pooled),
    # no cache of their own
    Architecture(
        (
            *("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2"),
            *("jina-bert-v3", "eurobert", "gemma-embedding", "t5encoder", "wavtokenizer-dec"),
        ),
        refused=ENCODER,
    ),
    Architecture(("dream", "llada", "llada-moe", "rnd1"), refused=DIFFUSION),
    Architecture(("eagle3", "dflash", "gemma4-assistant"), refused=DRAFT),
    Architecture(("clip",), refused=PROJECTOR),
)

ARCHITECTURES = {name: row for row in TABLE for name in row.names}
"""By `general.architecture`."""

STRANGER = Architecture((), {FULL: parts.full}, lambda f: [FULL] * f.count("layers"))
"""An architecture that is not in the table: read only where all its keys are plain."""
