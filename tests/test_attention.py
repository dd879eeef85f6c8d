"""Each scheme on one layer: its bytes by hand, its shape, and the numbers it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import pytest

from kvcalc.attention import KINDS
from kvcalc.attention.base import MAX_COUNT, Bound, Scheme, Shape, bound_of, field_hints
from kvcalc.attention.compressed import CSA, HCA, SharedKV
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MFA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import (
    KDA,
    MLSTM,
    RGLRU,
    RWKV7,
    GatedDeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from kvcalc.attention.sparse import DSA, BlockSparse
from kvcalc.cache import Cache, CacheTensor
from kvcalc.errors import InvalidValue
from kvcalc.extents import Every, Fixed, ReadWrite, TopK
from kvcalc.formats import BF16, FP8, FP32, uniform
from kvcalc.model import Model

LLAMA_2_7B = MHA(heads=32, head_dim=128)
LLAMA_405B = GQA(heads=128, head_dim=128, kv_heads=8)
FALCON_7B = MQA(heads=71, head_dim=64)
MIMO = GQA(heads=64, key_dim=192, value_dim=128, kv_heads=4)
MISTRAL_7B = GQA(heads=32, head_dim=128, kv_heads=8, window=4096)
SCOUT = GQA(heads=40, head_dim=128, kv_heads=8, chunk=8192)
V3 = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)
NO_ROPE = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=0)
V3_FP8 = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, dtype=uniform(FP8))
WINDOWED_MLA = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, window=1024)
V32 = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2048,
)
V32_BF16_INDEX = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2048,
    index_dtype=BF16,
)
V32_BARE_INDEX = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2048,
    index_scale="none",
)
V32_BF16_SCALE = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2048,
    index_scale=BF16,
)
GLM_POOLED = DSA(
    heads=64,
    nope_dim=256,
    value_dim=256,
    latent_dim=512,
    rope_dim=0,
    index_heads=32,
    index_dim=128,
    top_k=2048,
    index_every=4,
)
GLM_SHARED = DSA(
    heads=64,
    nope_dim=192,
    value_dim=256,
    latent_dim=512,
    rope_dim=64,
    index_heads=32,
    index_dim=128,
    top_k=2048,
    indexer="shared",
)
MINIMAX_M3 = BlockSparse(
    heads=64,
    head_dim=128,
    kv_heads=4,
    index_heads=4,
    index_dim=128,
    block_size=128,
    top_k_blocks=16,
)
STEP_3 = MFA(heads=64, head_dim=256)
V4_WINDOW = SharedKV(heads=64, head_dim=512, rope_dim=64, window=128)
V4_HCA = HCA(heads=64, head_dim=512, rope_dim=64, window=128, compress=128)
V4_CSA = CSA(
    heads=64,
    head_dim=512,
    rope_dim=64,
    window=128,
    compress=4,
    index_heads=64,
    index_dim=128,
    top_k=512,
)
V4_CSA_BF16 = CSA(
    heads=64,
    head_dim=512,
    rope_dim=64,
    window=128,
    compress=4,
    index_heads=64,
    index_dim=128,
    top_k=512,
    index_dtype=BF16,
)
GEMMA_3N_SHARED = GQA(heads=8, head_dim=256, kv_heads=2, shared=True)
WHISPER_CROSS = MHA(heads=20, head_dim=64, cross=True, source_length=1500)
CROSS_UNKNOWN = MHA(heads=20, head_dim=64, cross=True)
JAMBA = Mamba1(inner_dim=8192, state_dim=16, conv_kernel=4)
MAMBA_2 = Mamba2(state_heads=80, state_head_dim=64, state_dim=128, state_groups=1, conv_kernel=4)
QWEN3_NEXT = GatedDeltaNet(key_heads=16, state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
QWEN3_NEXT_BF16 = GatedDeltaNet(
    key_heads=16, state_heads=32, key_dim=128, value_dim=128, conv_kernel=4, state_dtype=BF16
)
KIMI_LINEAR = KDA(state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
MINIMAX_01 = Lightning(state_heads=64, key_dim=128, value_dim=128)
LFM2 = ShortConv(channels=2048, conv_kernel=3)
GRIFFIN = RGLRU(channels=2560, conv_kernel=4)
RWKV_7 = RWKV7(state_heads=40, state_head_dim=64, hidden_dim=2560)
XLSTM = MLSTM(state_heads=8, key_dim=256, value_dim=512)
STATE = CacheTensor("state", "state", 16_384, Fixed(), heads=32, reads=ReadWrite())
LATENT = CacheTensor("latent", "latent", 512, Every())
INDEX = CacheTensor(
    "index_key", "index", 128, Every(4, 4), format=FP8.scaled(FP32), reads=TopK(100)
)


def layer_of(scheme: Scheme) -> Cache:
    return Model("M", uniform(BF16), {"layer": scheme}, (("layer",),)).cache


@pytest.mark.parametrize(
    ("scheme", "context", "by_hand", "stored", "growth", "read", "source"),
    [
        (LLAMA_2_7B, 1, 2 * 32 * 128 * 2, 16_384, 16_384, 16_384, "arXiv 1706.03762, 3.2.2"),
        (LLAMA_2_7B, 4_096, 4096 * 2 * 32 * 128 * 2, 67_108_864, 16_384, 67_108_864, "config"),
        (LLAMA_405B, 1, 2 * 8 * 128 * 2, 4_096, 4_096, 4_096, "arXiv 2305.13245, 2.2"),
        (FALCON_7B, 2_048, 2048 * 2 * 1 * 64 * 2, 524_288, 256, 524_288, "arXiv 1911.02150, 3"),
        (MIMO, 1, 4 * (192 + 128) * 2, 2_560, 2_560, 2_560, "MiMo-V2-Flash config, full layers"),
        (MISTRAL_7B, 4_095, 4095 * 2 * 8 * 128 * 2, 16_773_120, 4_096, 16_773_120, "config"),
        (MISTRAL_7B, 4_096, 4096 * 2 * 8 * 128 * 2, 16_777_216, 0, 16_777_216, "full window"),
        (MISTRAL_7B, 32_768, 4096 * 2 * 8 * 128 * 2, 16_777_216, 0, 16_777_216, "full window"),
        (SCOUT, 8_191, 8191 * 2 * 8 * 128 * 2, 33_550_336, 4_096, 33_550_336, "config"),
        (SCOUT, 10_000, 8192 * 2 * 8 * 128 * 2, 33_554_432, 0, 33_554_432, "a chunk at its most"),
        (V3, 1, (512 + 64) * 2, 1_152, 1_152, 1_152, "arXiv 2405.04434, 2.1"),
        (V3, 131_072, 131072 * (512 + 64) * 2, 150_994_944, 1_152, 150_994_944, "config"),
        (NO_ROPE, 1, 512 * 2, 1_024, 1_024, 1_024, "no decoupled RoPE key"),
        (V3_FP8, 1, (512 + 64) * 1, 576, 576, 576, "one byte per element"),
        (WINDOWED_MLA, 2_000, 1024 * (512 + 64) * 2, 1_179_648, 0, 1_179_648, "full window"),
        (
            V32,
            131_072,
            131072 * ((512 + 64) * 2 + (128 * 1 + 4)),
            168_296_448,
            1_284,
            131072 * 132 + 2048 * 1152,
            "arXiv 2512.02556, 2.1; inference/model.py, l. 448-449",
        ),
        (
            V32,
            2_047,
            2047 * (1152 + 132),
            2_628_348,
            1_284,
            2047 * (1152 + 132),
            "fewer tokens than top_k: all are read",
        ),
        (
            V32_BF16_INDEX,
            4_096,
            4096 * (1152 + 128 * 2),
            5_767_168,
            1_408,
            4096 * 256 + 2048 * 1152,
            "a bf16 key has no scale",
        ),
        (
            V32_BARE_INDEX,
            4_096,
            4096 * (1152 + 128 * 1),
            5_242_880,
            1_280,
            4096 * 128 + 2048 * 1152,
            "an fp8 key without its scale, where the file says so",
        ),
        (
            V32_BF16_SCALE,
            4_096,
            4096 * (1152 + 128 * 1 + 2),
            5_251_072,
            1_282,
            4096 * 130 + 2048 * 1152,
            "a bf16 scale instead",
        ),
        (STEP_3, 1, 2 * 1 * 256 * 2, 1_024, 1_024, 1_024, "Step-3, arXiv 2507.19427, table 2"),
        (
            GLM_POOLED,
            131_074,
            131074 * 512 * 2 + 131074 // 4 * (128 + 4),
            138_545_152,
            1_024 + 33,
            131074 // 4 * 132 + (2048 + 2) * 1024,
            "GLM-5.3-Flash config: pools of 4; the unfinished pool of 2 is read too",
        ),
        (
            GLM_SHARED,
            4_096,
            4096 * (512 + 64) * 2,
            4_718_592,
            1_152,
            2048 * 1152,
            "GLM-5.2 config: another layer's selection, no index key here",
        ),
        (
            MINIMAX_M3,
            131_072,
            131072 * (2 * 4 * 128 * 2 + 128 * 2),
            301_989_888,
            2_304,
            131072 * 256 + 16 * 128 * 2048,
            "MiniMax-M3 config: 16 blocks of 128, one bf16 index key",
        ),
        (
            MINIMAX_M3,
            131_073,
            131073 * (2 * 4 * 128 * 2 + 128 * 2),
            301_992_192,
            2_304,
            131073 * 256 + (15 * 128 + 1) * 2048,
            "the newest block holds one token yet",
        ),
        (V4_WINDOW, 127, 127 * 512 * 2, 130_048, 1_024, 130_048, "V4 report, 2.3: K is V"),
        (V4_WINDOW, 128, 128 * 512 * 2, 131_072, 0, 131_072, "full window"),
        (
            SharedKV(heads=64, head_dim=512, rope_dim=0),
            10,
            10 * 512 * 2,
            10_240,
            1_024,
            10_240,
            "without RoPE",
        ),
        (
            V4_HCA,
            1_048_576,
            128 * 1024 + 1_048_576 // 128 * 1024,
            8_519_680,
            1_024 // 128,
            128 * 1024 + 8192 * 1024,
            "vLLM's V4 post: 8.125 MiB per c128a layer at 1M",
        ),
        (
            V4_HCA,
            255,
            128 * 1024 + 1 * 1024,
            132_096,
            1_024 // 128,
            128 * 1024 + 1 * 1024,
            "an entry once 128 tokens are complete",
        ),
        (
            V4_CSA,
            131_072,
            128 * 1024 + 131_072 // 4 * (1024 + 128 + 4),
            38_010_880,
            (1_024 + 132) // 4,
            128 * 1024 + 512 * 1024 + 32_768 * 132,
            "DeepSeek-V4-Flash config: ratio 4, top 512, fp8 index keys",
        ),
        (
            V4_CSA_BF16,
            1_048_576,
            128 * 1024 + 1_048_576 // 4 * (1024 + 256),
            335_675_392,
            (1_024 + 256) // 4,
            128 * 1024 + 512 * 1024 + 262_144 * 256,
            "vLLM's V4 post: 320.125 MiB per c4a layer at 1M",
        ),
        (
            GEMMA_3N_SHARED,
            1_000,
            0,
            0,
            0,
            1000 * 2 * 2 * 256 * 2,
            "another layer stores it, this one reads it",
        ),
        (
            WHISPER_CROSS,
            1,
            1500 * 2 * 20 * 64 * 2,
            7_680_000,
            0,
            7_680_000,
            "Whisper large-v3 config: 1,500 frames, whatever T",
        ),
        (CROSS_UNKNOWN, 448, 0, 0, 0, 0, "a source of unknown length is not counted"),
        (
            JAMBA,
            1_000,
            8192 * 16 * 4 + 3 * 8192 * 2,
            573_440,
            0,
            2 * 573_440,
            "Jamba-1.5 config, arXiv 2312.00752, 3",
        ),
        (
            Mamba1(inner_dim=8192, state_dim=16, conv_kernel=0),
            1_000,
            8192 * 16 * 4,
            524_288,
            0,
            2 * 524_288,
            "no convolution",
        ),
        (
            MAMBA_2,
            1_000,
            80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 1 * 128) * 2,
            2_653_696,
            0,
            2 * 2_653_696,
            "Mamba2-2.7B config, arXiv 2405.21060, 6-7",
        ),
        (
            QWEN3_NEXT,
            1_000,
            32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
            2_146_304,
            0,
            2 * 2_146_304,
            "SGLang: 49,152 + 2,097,152",
        ),
        (
            QWEN3_NEXT_BF16,
            1_000,
            32 * 128 * 128 * 2 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
            1_097_728,
            0,
            2 * 1_097_728,
            "vLLM: 49,152 + 1,048,576",
        ),
        (
            KIMI_LINEAR,
            1_000,
            32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2,
            2_170_880,
            0,
            2 * 2_170_880,
            "vLLM: 73,728 + 2,097,152",
        ),
        (
            MINIMAX_01,
            1_000,
            64 * 128 * 128 * 4,
            4_194_304,
            0,
            2 * 4_194_304,
            "MiniMax-Text-01 config, arXiv 2501.08313, 2",
        ),
        (LFM2, 1_000, 2 * 2048 * 2, 8_192, 0, 2 * 8_192, "vLLM: 8,192 for hidden 2048, K 3"),
        (
            GRIFFIN,
            1_000,
            2560 * 4 + 3 * 2560 * 2,
            25_600,
            0,
            2 * 25_600,
            "RecurrentGemma-2B config, arXiv 2402.19427, 2.4",
        ),
        (
            RWKV_7,
            1_000,
            40 * 64 * 64 * 4 + 2 * 2560 * 2,
            665_600,
            0,
            2 * 665_600,
            "RWKV7-2.9B config, arXiv 2503.14456, 4",
        ),
        (
            XLSTM,
            1_000,
            8 * 256 * 512 * 4 + 8 * 256 * 4 + 8 * 1 * 4,
            4_202_528,
            0,
            2 * 4_202_528,
            "xLSTM-7B config, arXiv 2405.04517, 2.3",
        ),
        (
            Custom(tensors=(LATENT, INDEX)),
            1_000,
            1000 * 512 * 2 + 1000 // 4 * (128 + 4),
            1_057_000,
            1_024 + 33,
            1000 * 1024 + 100 * 132,
            "tensors as written",
        ),
        (
            Custom(tensors=(STATE,)),
            1_000,
            32 * 16384 * 4,
            2_097_152,
            0,
            2 * 2_097_152,
            "an fp32 state, read and written back",
        ),
    ],
)
def test_one_layer(
    scheme: Scheme,
    context: int,
    by_hand: int,
    stored: int,
    growth: int,
    read: int,
    source: str,
) -> None:
    cache = layer_of(scheme)
    assert cache.stored(context) == by_hand == stored, source
    assert cache.growth(context) == Fraction(growth), source
    assert cache.read(context) == read, source


@pytest.mark.parametrize(
    ("scheme", "context", "by_hand", "flops", "source"),
    [
        (
            GQA(heads=64, head_dim=128, kv_heads=8),
            8_192,
            2 * (64 * 128 + 64 * 128) * 8192,
            268_435_456,
            "Qwen3-32B in the Step-3 paper, table 2: x 64 layers = 17.2e9",
        ),
        (
            STEP_3,
            8_192,
            2 * (64 * 256 + 64 * 256) * 8192,
            536_870_912,
            "Step-3, arXiv 2507.19427, table 2: x 61 layers = 3.27e10",
        ),
        (
            V3,
            8_192,
            2 * (2 * 128 * 512 + 128 * 64) * 8192,
            2_281_701_376,
            "absorbed: the latent is scored and summed up again, the RoPE key only scored",
        ),
        (
            V32,
            131_072,
            2 * (2 * 128 * 512 + 128 * 64) * 2048 + 2 * (64 * 128) * 131072,
            2_717_908_992,
            "top_k latents, every index key",
        ),
        (
            MINIMAX_M3,
            131_072,
            2 * (64 * 128 + 64 * 128) * 2048 + 2 * (4 * 128) * 131072,
            201_326_592,
            "16 blocks of 128, every index key",
        ),
        (
            V4_HCA,
            131_072,
            2 * (2 * 64 * 512) * (128 + 1024),
            150_994_944,
            "one entry is key and value",
        ),
        (
            V4_CSA,
            131_072,
            2 * (2 * 64 * 512) * (128 + 512) + 2 * (64 * 128) * 32768,
            620_756_992,
            "top 512 of the compressed, every index key",
        ),
        (
            QWEN3_NEXT,
            1_000,
            2 * 3 * 32 * 128 * 128 + 2 * 3 * (2 * 16 * 128 + 32 * 128),
            3_194_880,
            "the delta rule passes over the state three times",
        ),
        (
            GRIFFIN,
            1_000,
            2 * 1 * 2560 + 2 * 3 * 2560,
            20_480,
            "the state is the output",
        ),
        (
            RWKV_7,
            1_000,
            2 * 3 * 40 * 64 * 64 + 2 * 2 * 2560,
            993_280,
            "the delta rule, two token shifts",
        ),
    ],
)
def test_operations_of_a_step(
    scheme: Scheme, context: int, by_hand: int, flops: int, source: str
) -> None:
    assert layer_of(scheme).flops(context) == by_hand == flops, source


def test_operations_of_custom_tensors_are_unknown() -> None:
    assert layer_of(Custom(tensors=(LATENT,))).flops(1) is None


def test_a_sparse_scheme_says_what_dense_attention_would_be() -> None:
    assert V32.dense == V3
    assert V3.dense is None


@pytest.mark.parametrize(
    ("scheme", "tensors"),
    [
        (LLAMA_405B, [("k", "k", 8, 128), ("v", "v", 8, 128)]),
        (MIMO, [("k", "k", 4, 192), ("v", "v", 4, 128)]),
        (FALCON_7B, [("k", "k", 1, 64), ("v", "v", 1, 64)]),
        (V3, [("latent", "latent", None, 512), ("rope", "rope", None, 64)]),
        (NO_ROPE, [("latent", "latent", None, 512)]),
        (
            V32,
            [
                ("latent", "latent", None, 512),
                ("rope", "rope", None, 64),
                ("index_key", "index", None, 128),
            ],
        ),
        (
            MINIMAX_M3,
            [("k", "k", 4, 128), ("v", "v", 4, 128), ("index_key", "index", None, 128)],
        ),
        (STEP_3, [("k", "k", 1, 256), ("v", "v", 1, 256)]),
        (V4_WINDOW, [("kv", "latent", None, 448), ("kv_rope", "rope", None, 64)]),
        (
            V4_HCA,
            [
                ("kv", "latent", None, 448),
                ("kv_rope", "rope", None, 64),
                ("compressed", "latent", None, 448),
                ("compressed_rope", "rope", None, 64),
                ("compressor", "carry", None, 1024),
            ],
        ),
        (
            V4_CSA,
            [
                ("kv", "latent", None, 448),
                ("kv_rope", "rope", None, 64),
                ("compressed", "latent", None, 448),
                ("compressed_rope", "rope", None, 64),
                ("index_key", "index", None, 128),
                ("compressor", "carry", None, 2048),
                ("index_compressor", "carry", None, 512),
            ],
        ),
        (MAMBA_2, [("state", "state", 80, 64 * 128), ("conv", "conv", 5376, 1)]),
        (RWKV_7, [("state", "state", 40, 64 * 64), ("shift", "shift", None, 2560)]),
        (
            XLSTM,
            [
                ("memory", "state", 8, 256 * 512),
                ("normaliser", "state", 8, 256),
                ("stabiliser", "state", 8, 1),
            ],
        ),
    ],
)
def test_the_tensors_of_a_layer(
    scheme: Scheme, tensors: list[tuple[str, str, int | None, int]]
) -> None:
    assert [(t.name, t.role, t.heads, t.width) for t in scheme.expand()] == tensors


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        (LLAMA_2_7B, Shape(32, 128, 128)),
        (LLAMA_405B, Shape(128, 128, 128)),
        (MIMO, Shape(64, 192, 128)),
        (V3, Shape(128, 128, 128)),
        (V3_FP8, Shape(128, 128, 128, uniform(FP8))),
        (V32, Shape(128, 128, 128)),
        (
            MLA(heads=64, nope_dim=192, value_dim=256, latent_dim=512, rope_dim=64),
            Shape(64, 192, 256),
        ),
        (MINIMAX_M3, Shape(64, 128, 128)),
        (V4_CSA, Shape(64, 512, 512)),
        (WHISPER_CROSS, Shape(20, 64, 64, None, True, 1500)),
        (QWEN3_NEXT, None),
        (LFM2, None),
        (Custom(tensors=(LATENT,), heads=32, head_dim=64), Shape(32, 64, 64)),
        (Custom(tensors=(LATENT,), heads=32), None),
        (Custom(tensors=(LATENT,), head_dim=64), None),
        (Custom(tensors=(LATENT,)), None),
    ],
)
def test_what_a_what_if_takes_over(scheme: Scheme, shape: Shape | None) -> None:
    assert scheme.shape == shape


@pytest.mark.parametrize(
    ("scheme", "variant", "detail"),
    [
        (LLAMA_405B, "8", ", 8 groups"),
        (GQA(heads=8, head_dim=64, kv_heads=1), "1", ", 1 group"),
        (V3, "512", ""),
        (LLAMA_2_7B, "what-if", ""),
    ],
)
def test_what_tells_two_of_a_kind_apart(scheme: Scheme, variant: str, detail: str) -> None:
    assert (scheme.variant, scheme.detail) == (variant, detail)


@pytest.mark.parametrize(
    ("scheme", "by_hand", "size", "source"),
    [
        (V3, 128 * (128 + 64 + 128) * 2, 81_920, "K = nope + rope = 192, V = 128 per head"),
        (V32, 128 * (128 + 64 + 128) * 2, 81_920, "index keys left out"),
        (V3_FP8, 128 * (128 + 64 + 128) * 1, 40_960, "its own dtype"),
        (
            MLA(heads=64, nope_dim=192, value_dim=256, latent_dim=512, rope_dim=64),
            64 * (192 + 64 + 256) * 2,
            65_536,
            "K = 192 + 64, V = 256 per head",
        ),
    ],
)
def test_a_latent_expands_to_a_key_and_a_value_per_head(
    scheme: Scheme, by_hand: int, size: int, source: str
) -> None:
    assert scheme.expanded is not None
    assert layer_of(scheme.expanded).stored(1) == by_hand == size, source
    assert scheme.expanded_name == "mla-expanded"


def test_a_shared_latent_expands_to_shared_keys_and_values() -> None:
    shared = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, shared=True)
    assert shared.expanded is not None
    assert layer_of(shared.expanded).stored(1) == 0
    assert layer_of(shared.expanded).read(1) == 128 * (128 + 64 + 128) * 2


@pytest.mark.parametrize(
    "scheme",
    [
        LLAMA_2_7B,
        LLAMA_405B,
        FALCON_7B,
        STEP_3,
        MINIMAX_M3,
        V4_CSA,
        JAMBA,
        Custom(tensors=(LATENT,)),
    ],
)
def test_what_compresses_nothing_expands_to_nothing_else(scheme: Scheme) -> None:
    assert scheme.expanded is None


@pytest.mark.parametrize(
    ("kind", "given", "by_hand", "size"),
    [
        ("mha", {}, 64 * (192 + 128) * 2, 40_960),
        ("mqa", {}, 1 * (192 + 128) * 2, 640),
        ("gqa", {"kv_heads": 8}, 8 * (192 + 128) * 2, 5_120),
        ("gqa", {"kv_heads": 8, "value_dim": 64}, 8 * (192 + 64) * 2, 4_096),
        ("gqa", {"kv_heads": 8, "heads": 32, "dtype": uniform(FP8)}, 8 * (192 + 128) * 1, 2_560),
        ("mla", {"latent_dim": 512, "rope_dim": 64}, (512 + 64) * 2, 1_152),
        (
            "dsa",
            {
                "latent_dim": 512,
                "rope_dim": 64,
                "index_heads": 64,
                "index_dim": 128,
                "top_k": 2048,
            },
            (512 + 64) * 2 + 128 + 4,
            1_284,
        ),
        ("mfa", {}, 1 * (192 + 128) * 2, 640),
        (
            "block_sparse",
            {
                "kv_heads": 4,
                "index_heads": 4,
                "index_dim": 128,
                "block_size": 128,
                "top_k_blocks": 16,
            },
            4 * (192 + 128) * 2 + 128 * 2,
            2_816,
        ),
        ("shared_kv", {"rope_dim": 64}, 192 * 2, 384),
        ("shared_kv", {"head_dim": 512, "rope_dim": 64}, 512 * 2, 1_024),
        (
            "lightning",
            {"state_heads": 64, "key_dim": 128, "value_dim": 128},
            64 * 128 * 128 * 4,
            4_194_304,
        ),
        ("custom", {"tensors": (LATENT,)}, 512 * 2, 1_024),
    ],
)
def test_a_stand_in_has_the_shape_of_what_it_stands_for(
    kind: str, given: dict[str, object], by_hand: int, size: int
) -> None:
    shape = Shape(heads=64, key_dim=192, value_dim=128)
    assert layer_of(KINDS[kind].stand_in(shape, given)).stored(1) == by_hand == size


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("gqa", {}, "gqa needs kv_heads .or groups."),
        ("gqa", {"kv_heads": None}, "gqa needs kv_heads .or groups."),
        ("mla", {"rope_dim": 64}, "mla needs latent_dim"),
        ("custom", {}, "custom needs tensors"),
        ("shared_kv", {"head_dim": 512}, "shared_kv needs rope_dim"),
        ("lightning", {"key_dim": 128}, "lightning needs state_heads; lightning needs value_dim"),
    ],
)
def test_a_stand_in_that_lacks_a_field_is_refused(
    kind: str, given: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidValue, match=said):
        KINDS[kind].stand_in(Shape(64, 128, 128), given)


@pytest.mark.parametrize(
    ("kind", "own", "given"),
    [
        ("mha", 64 * (128 + 128), 64 * (64 + 64)),
        ("mqa", 1 * (128 + 128), 1 * (64 + 64)),
    ],
)
def test_a_stand_in_takes_a_head_dim_of_its_own(kind: str, own: int, given: int) -> None:
    shape = Shape(heads=64, key_dim=128, value_dim=128)
    assert layer_of(KINDS[kind].stand_in(shape, {})).stored(1) == own * 2
    assert layer_of(KINDS[kind].stand_in(shape, {"head_dim": 64})).stored(1) == given * 2


@pytest.mark.parametrize("kind", ["mha", "gqa", "mqa", "mla"])
def test_a_stand_in_for_cross_attention_goes_over_the_source(kind: str) -> None:
    shape = Shape(20, 64, 64, None, True, 1500)
    given = {
        "gqa": {"kv_heads": 20},
        "mla": {"latent_dim": 512, "rope_dim": 64},
    }
    kept = {"mha": 2 * 20 * 64, "gqa": 2 * 20 * 64, "mqa": 2 * 64, "mla": 512 + 64}
    scheme = KINDS[kind].stand_in(shape, given.get(kind, {}))
    assert layer_of(scheme).stored(448) == 1500 * kept[kind] * 2


def test_a_stand_in_keeps_the_layers_dtype() -> None:
    fp8, bf16 = uniform(FP8), uniform(BF16)
    shape = Shape(64, 128, 128, fp8)
    latent = {"latent_dim": 512, "rope_dim": 64}
    assert KINDS["mha"].stand_in(shape, {}).dtype == fp8
    assert KINDS["mla"].stand_in(shape, latent).dtype == fp8
    assert KINDS["custom"].stand_in(shape, {"tensors": (LATENT,)}).dtype == fp8
    assert KINDS["mha"].stand_in(shape, {"dtype": bf16}).dtype == bf16


@pytest.mark.parametrize(
    ("native", "heads", "offer"),
    [
        ([LLAMA_405B], [128], {"kv_heads": 8}),
        ([MIMO], [64], {"kv_heads": 4}),
        ([LLAMA_405B, GQA(heads=64, head_dim=64, kv_heads=8)], [128, 64], {"kv_heads": 8}),
        ([LLAMA_405B, MIMO], [128, 64], {"kv_heads": 8}),
        ([LLAMA_2_7B], [32], {"kv_heads": 8}),
        ([V3], [128], {"kv_heads": 8}),
        ([MHA(heads=8, head_dim=64)], [8], {"kv_heads": 4}),
        ([MHA(heads=12, head_dim=64)], [12], {"kv_heads": 6}),
        ([MHA(heads=12, head_dim=64), MHA(heads=8, head_dim=64)], [12, 8], {"kv_heads": 4}),
        ([MHA(heads=14, head_dim=64)], [14], {"kv_heads": 7}),
    ],
)
def test_the_number_of_groups_offered_unasked(
    native: list[Scheme], heads: list[int], offer: dict[str, int]
) -> None:
    assert GQA.offered(native, heads) == offer


@pytest.mark.parametrize(
    ("heads", "counts"), [([71], "71"), ([71, 64], "64, 71"), ([2], "2"), ([1], "1")]
)
def test_no_number_of_groups_fits(heads: list[int], counts: str) -> None:
    offer = GQA.offered([], heads)
    assert isinstance(offer, str)
    assert f"divides {counts} query heads" in offer


def test_what_every_model_is_compared_with() -> None:
    unasked = {kind for kind, scheme in KINDS.items() if scheme.offered([V3], [128]) is not None}
    assert unasked == {"mha", "gqa", "mqa"}
    assert list(KINDS)[:3] == ["mha", "gqa", "mqa"]


def test_a_conv_of_one_tap_remembers_nothing() -> None:
    assert ShortConv(channels=2048, conv_kernel=1).expand() == ()


@pytest.mark.parametrize(
    ("build", "field", "said"),
    [
        (lambda: MHA(heads=0, head_dim=128), "heads", "heads is 0; it must be from 1 to"),
        (lambda: MHA(heads=32, head_dim=-1), "head_dim", "head_dim is -1"),
        (
            lambda: MHA(heads=MAX_COUNT + 1, head_dim=128),
            "heads",
            "heads is 1,000,001; it must be from 1 to 1,000,000",
        ),
        (lambda: MHA(heads=32, head_dim=128, window=0), "window", "window is 0"),
        (lambda: MHA(heads=32, head_dim=128, chunk=10**12 + 1), "chunk", "chunk is"),
        (lambda: MHA(heads=32), "head_dim", "mha needs head_dim"),
        (lambda: MQA(heads=32, key_dim=192), "head_dim", "mqa needs head_dim"),
        (lambda: GQA(heads=32, value_dim=128, kv_heads=8), "head_dim", "gqa needs head_dim"),
        (
            lambda: MHA(heads=32, head_dim=128, window=10, chunk=10),
            "chunk",
            "window and chunk exclude each other",
        ),
        (
            lambda: GQA(heads=128, head_dim=128, kv_heads=12),
            "kv_heads",
            "12 kv_heads .groups. do not divide 128 query heads",
        ),
        (
            lambda: MLA(heads=128, latent_dim=512, rope_dim=64, nope_dim=128),
            "head_dim",
            "mla needs head_dim",
        ),
        (
            lambda: MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=-1),
            "rope_dim",
            "rope_dim is -1; it must be from 0 to",
        ),
        (
            lambda: MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, window=10, chunk=10),
            "chunk",
            "exclude each other",
        ),
        (
            lambda: DSA(
                heads=128,
                head_dim=128,
                latent_dim=512,
                rope_dim=64,
                index_heads=64,
                index_dim=128,
                top_k=0,
            ),
            "top_k",
            "top_k is 0",
        ),
        (
            lambda: MHA(heads=32, head_dim=128, window=10, cross=True),
            "cross",
            "window and cross exclude each other",
        ),
        (
            lambda: MHA(heads=32, head_dim=128, chunk=10, cross=True),
            "cross",
            "chunk and cross exclude each other",
        ),
        (
            lambda: MHA(heads=32, head_dim=128, cross=True, source_length=-1),
            "source_length",
            "source_length is -1; it must be from 0 to",
        ),
        (
            lambda: DSA(
                heads=128,
                head_dim=128,
                latent_dim=512,
                rope_dim=64,
                index_heads=64,
                index_dim=128,
                top_k=2048,
                index_every=4,
                window=128,
            ),
            "index_every",
            "index_every needs full attention",
        ),
        (lambda: SharedKV(heads=64, rope_dim=64), "head_dim", "shared_kv needs head_dim"),
        (
            lambda: SharedKV(heads=64, head_dim=64, rope_dim=64),
            "rope_dim",
            "rope_dim 64 is a part of head_dim 64",
        ),
        (
            lambda: HCA(heads=64, head_dim=512, rope_dim=64, compress=128),
            "window",
            "hca needs a window",
        ),
        (lambda: Mamba1(inner_dim=0, state_dim=16, conv_kernel=4), "inner_dim", "inner_dim is 0"),
        (lambda: ShortConv(channels=2048, conv_kernel=0), "conv_kernel", "conv_kernel is 0"),
        (lambda: Custom(tensors=(LATENT,), heads=0), "heads", "heads is 0"),
    ],
)
def test_numbers_that_cannot_be(build: Callable[[], Scheme], field: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as raised:
        build()
    assert [problem.path for problem in raised.value.problems] == [(field,)]


@pytest.mark.parametrize(
    ("heads", "kv_heads", "near"),
    [
        (128, 12, "8 or 16 would divide"),
        (71, 8, "1 or 71 would divide"),
        (32, 64, "32 would divide"),
    ],
)
def test_groups_that_do_not_divide_bring_both_readings_of_the_word(
    heads: int, kv_heads: int, near: str
) -> None:
    with pytest.raises(InvalidValue) as raised:
        GQA(heads=heads, head_dim=128, kv_heads=kv_heads)
    hint = raised.value.problems[0].hint
    assert "number of key/value heads (G in the GQA paper)" in hint
    assert "not the query heads in a group" in hint
    assert near in hint


def test_every_problem_of_a_scheme_comes_at_once() -> None:
    with pytest.raises(InvalidValue) as raised:
        GQA(heads=128, kv_heads=12)
    assert len(raised.value.problems) == 2
    with pytest.raises(InvalidValue) as raised:
        MLA(heads=0, latent_dim=0, rope_dim=64)
    assert {problem.path for problem in raised.value.problems} == {("heads",), ("latent_dim",)}


@pytest.mark.parametrize(
    ("kind", "given", "fields"),
    [
        ("gqa", {"heads": 32}, ["kv_heads", "head_dim"]),
        ("gqa", {"heads": 32, "key_dim": 192, "value_dim": 128}, ["kv_heads"]),
        ("mla", {"heads": 32, "nope_dim": 128}, ["latent_dim", "rope_dim", "head_dim"]),
        ("shared_kv", {}, ["heads", "rope_dim", "head_dim"]),
        ("mamba1", {"inner_dim": None}, ["inner_dim", "state_dim", "conv_kernel"]),
    ],
)
def test_every_field_that_lacks_comes_at_once(
    kind: str, given: dict[str, object], fields: list[str]
) -> None:
    with pytest.raises(InvalidValue) as raised:
        KINDS[kind].made(given)
    assert [problem.path for problem in raised.value.problems] == [(field,) for field in fields]


@dataclass(frozen=True, kw_only=True)
class Bare(Scheme):
    kind: ClassVar[str] = "bare"

    def expand(self) -> tuple[CacheTensor, ...]:
        return (STATE,)


def test_a_scheme_says_nothing_about_what_ifs_unless_it_wants_to() -> None:
    scheme = Bare()
    assert (scheme.shape, scheme.expanded, scheme.detail) == (None, None, "")
    assert Bare.offered([scheme], []) is None
    fp8 = uniform(FP8)
    assert Bare.stand_in(Shape(32, 128, 128, fp8), {}) == Bare(dtype=fp8)


@pytest.mark.parametrize(
    ("scheme", "name", "bound"),
    [
        (MHA, "heads", Bound(1, MAX_COUNT)),
        (MHA, "head_dim", Bound(1, MAX_COUNT)),
        (MLA, "rope_dim", Bound(0, MAX_COUNT)),
        (MHA, "window", Bound(1, 10**12)),
        (DSA, "index_dtype", None),
        (Custom, "tensors", None),
    ],
)
def test_annotations_state_the_bounds(scheme: type[Scheme], name: str, bound: Bound | None) -> None:
    assert bound_of(field_hints(scheme)[name]) == bound


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_called_what_its_scheme_says(kind: str) -> None:
    scheme = KINDS[kind]
    assert scheme.kind == kind
    assert scheme.__doc__
    names = {field.name for field in dataclasses.fields(scheme)}
    assert set(scheme.aliases.values()) <= names
    assert not set(scheme.aliases) & names
