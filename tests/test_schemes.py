"""Every kind of attention on one layer and in the models that ship it: bytes by hand, and where
each figure comes from; then what must hold of any scheme."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.attention import KINDS
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
from kvcalc.cache import CacheTensor
from kvcalc.errors import InvalidValue
from kvcalc.extents import All, Beyond, Chunk, Every, Fixed, ReadWrite, TopBlocks, TopK, Window
from kvcalc.formats import BF16, FP8, FP32, uniform
from kvcalc.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import Settled
    from tests.conftest import ModelFile

M = 1_048_576


def one_layer(scheme: Scheme) -> Model:
    return Model("One layer", uniform(BF16), {scheme.kind: scheme}, ((scheme.kind,),))


def tensors_of(scheme: Scheme) -> tuple[Settled, ...]:
    return one_layer(scheme).cache.groups[0].tensors


LLAMA_2_7B = MHA(heads=32, head_dim=128)
WHISPER_CROSS = MHA(heads=20, head_dim=64, cross=True, source_length=1_500)
MIMO_FULL = GQA(heads=64, key_dim=192, value_dim=128, kv_heads=4)
MIMO_WINDOW = GQA(heads=64, key_dim=192, value_dim=128, kv_heads=8, window=128)
GEMMA_4_GLOBAL = GQA(heads=16, head_dim=512, kv_heads=2)
LLAMA_4_CHUNK = GQA(heads=40, head_dim=128, kv_heads=8, chunk=8_192)
GEMMA_3N_SHARED = GQA(heads=8, head_dim=256, kv_heads=2, window=512, shared=True)
FALCON_7B = MQA(heads=71, head_dim=64)
STEP_3 = MFA(heads=64, head_dim=256)
V3 = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)
MISTRAL_SMALL_4 = MLA(heads=32, head_dim=64, value_dim=128, latent_dim=256, rope_dim=64)
MINICPM3 = MLA(heads=40, nope_dim=64, value_dim=64, latent_dim=256, rope_dim=32)
NO_ROPE = MLA(heads=64, head_dim=256, latent_dim=512, rope_dim=0)

V32: dict[str, Any] = {
    "heads": 128,
    "head_dim": 128,
    "latent_dim": 512,
    "rope_dim": 64,
    "index_heads": 64,
    "index_dim": 128,
    "top_k": 2_048,
}
DSA_OWN = DSA(**V32)
DSA_BF16 = DSA(**V32, index_dtype=BF16)
DSA_SHARED = DSA(**V32, indexer="shared")
DSA_POOLED = DSA(**{**V32, "rope_dim": 0}, index_every=16)
MINIMAX_M3 = BlockSparse(
    heads=64,
    head_dim=128,
    kv_heads=4,
    index_heads=4,
    index_dim=128,
    block_size=128,
    top_k_blocks=16,
)

V4_FLASH: dict[str, Any] = {"heads": 64, "head_dim": 512, "rope_dim": 64, "window": 128}
SWA = SharedKV(**V4_FLASH)
HCA_128 = HCA(**V4_FLASH, compress=128)
CSA_4 = CSA(**V4_FLASH, compress=4, index_heads=64, index_dim=128, top_k=512)
CSA_4_BF16 = CSA(**V4_FLASH, compress=4, index_heads=64, index_dim=128, top_k=512, index_dtype=BF16)

JAMBA_MINI = Mamba1(inner_dim=8_192, state_dim=16, conv_kernel=4)
GRANITE_4 = Mamba2(state_heads=128, state_head_dim=64, state_dim=128, state_groups=1, conv_kernel=4)
QWEN3_NEXT = GatedDeltaNet(key_heads=16, state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
KIMI_LINEAR = KDA(state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
MINIMAX_01 = Lightning(state_heads=64, key_dim=128, value_dim=128)
MINIMAX_01_BF16 = Lightning(state_heads=64, key_dim=128, value_dim=128, state_dtype=BF16)
LFM2 = ShortConv(channels=2_048, conv_kernel=3)
GRIFFIN_2B = RGLRU(channels=2_560, conv_kernel=4)
RWKV7_3B = RWKV7(state_heads=40, state_head_dim=64, hidden_dim=2_560)
XLSTM_7B = MLSTM(state_heads=8, key_dim=256, value_dim=512)
WITH_AN_INDEX = Custom(
    tensors=(
        CacheTensor("latent", "latent", 512, Every(), reads=TopK(100)),
        CacheTensor("index_key", "index", 128, Every(4, 4), format=FP8.scaled(FP32)),
    )
)

M3_CODE = "transformers 5.24.0, minimax_m3_vl: 16 blocks of 128, the newest among them"
V4_CODE = "vLLM 0.33.0, models/deepseek_v4: window 128, an entry per 4 or 128 tokens"
NOTHING = Fraction(0)

ROWS: list[tuple[Scheme, int, int, int, Fraction, int, int, str]] = [
    (
        LLAMA_2_7B,
        4_096,
        4096 * 2 * 32 * 128 * 2,
        67_108_864,
        Fraction(2 * 32 * 128 * 2),
        0,
        4096 * 2 * 32 * 128 * 2,
        "arXiv 1706.03762, section 3.2.2; Llama 2 7B: 32 heads of 128",
    ),
    (
        WHISPER_CROSS,
        10,
        1500 * 2 * 20 * 64 * 2,
        7_680_000,
        NOTHING,
        1500 * 2 * 20 * 64 * 2,
        1500 * 2 * 20 * 64 * 2,
        "Whisper large-v3: 1,500 encoder positions, 20 heads of 64",
    ),
    (
        MIMO_FULL,
        1_000,
        1000 * 4 * (192 + 128) * 2,
        2_560_000,
        Fraction(4 * (192 + 128) * 2),
        0,
        1000 * 4 * (192 + 128) * 2,
        "MiMo-V2-Flash config: 4 KV heads, K 192, V 128 in full layers",
    ),
    (
        MIMO_WINDOW,
        100,
        100 * 8 * (192 + 128) * 2,
        512_000,
        Fraction(8 * (192 + 128) * 2),
        0,
        100 * 8 * (192 + 128) * 2,
        "MiMo-V2-Flash config: 8 KV heads under the window, which is longer than the context",
    ),
    (
        MIMO_WINDOW,
        1_000,
        128 * 8 * (192 + 128) * 2,
        655_360,
        NOTHING,
        128 * 8 * (192 + 128) * 2,
        128 * 8 * (192 + 128) * 2,
        "MiMo-V2-Flash config: a full window of 128",
    ),
    (
        GEMMA_4_GLOBAL,
        1,
        2 * (512 + 512) * 2,
        4_096,
        Fraction(2 * (512 + 512) * 2),
        0,
        2 * (512 + 512) * 2,
        "Gemma 4 26B-A4B global layers: K = V shares weights, both are cached (modeling_gemma4.py)",
    ),
    (
        LLAMA_4_CHUNK,
        8_191,
        8191 * 2 * 8 * 128 * 2,
        33_550_336,
        Fraction(2 * 8 * 128 * 2),
        0,
        8191 * 2 * 8 * 128 * 2,
        "Llama 4 Scout config: attention_chunk_size 8,192, not yet full",
    ),
    (
        LLAMA_4_CHUNK,
        10_000,
        8192 * 2 * 8 * 128 * 2,
        33_554_432,
        NOTHING,
        8192 * 2 * 8 * 128 * 2,
        8192 * 2 * 8 * 128 * 2,
        "Llama 4 Scout config: a chunk at its fullest",
    ),
    (
        GEMMA_3N_SHARED,
        1_000,
        0,
        0,
        NOTHING,
        0,
        512 * 2 * 2 * 256 * 2,
        "Gemma 3n: a layer that reuses another's window stores nothing and reads it again",
    ),
    (
        FALCON_7B,
        2_048,
        2048 * 2 * 1 * 64 * 2,
        524_288,
        Fraction(2 * 1 * 64 * 2),
        0,
        2048 * 2 * 1 * 64 * 2,
        "arXiv 1911.02150, section 3; Falcon-7B: 71 query heads of 64, one KV head",
    ),
    (
        STEP_3,
        1_000,
        1000 * (256 + 256) * 2,
        1_024_000,
        Fraction((256 + 256) * 2),
        0,
        1000 * (256 + 256) * 2,
        "Step-3, arXiv 2507.19427: one key and one value of 256, 64 query heads",
    ),
    (
        V3,
        131_072,
        131072 * (512 + 64) * 2,
        150_994_944,
        Fraction((512 + 64) * 2),
        0,
        131072 * (512 + 64) * 2,
        "arXiv 2405.04434, section 2.1: latent 512, RoPE key 64",
    ),
    (
        MISTRAL_SMALL_4,
        1_000,
        1000 * (256 + 64) * 2,
        640_000,
        Fraction((256 + 64) * 2),
        0,
        1000 * (256 + 64) * 2,
        "Mistral Small 4 config: kv_lora_rank 256, qk_rope_head_dim 64",
    ),
    (
        MINICPM3,
        1_000,
        1000 * (256 + 32) * 2,
        576_000,
        Fraction((256 + 32) * 2),
        0,
        1000 * (256 + 32) * 2,
        "MiniCPM3-4B config: kv_lora_rank 256, qk_rope_head_dim 32",
    ),
    (
        NO_ROPE,
        1_000,
        1000 * 512 * 2,
        1_024_000,
        Fraction(512 * 2),
        0,
        1000 * 512 * 2,
        "GLM-5.3-Flash config: kv_lora_rank 512, qk_rope_head_dim 0",
    ),
    (
        DSA_OWN,
        131_072,
        131072 * ((512 + 64) * 2 + 128 + 4),
        168_296_448,
        Fraction((512 + 64) * 2 + 128 + 4),
        0,
        2048 * (512 + 64) * 2 + 131072 * (128 + 4),
        "arXiv 2512.02556, section 2.1: every fp8 index key, the best 2,048 latents",
    ),
    (
        DSA_OWN,
        2_000,
        2000 * ((512 + 64) * 2 + 128 + 4),
        2_568_000,
        Fraction((512 + 64) * 2 + 128 + 4),
        0,
        2000 * ((512 + 64) * 2 + 128 + 4),
        "arXiv 2512.02556: fewer tokens than top_k, all are read",
    ),
    (
        DSA_BF16,
        4_096,
        4096 * ((512 + 64) * 2 + 128 * 2),
        5_767_168,
        Fraction((512 + 64) * 2 + 128 * 2),
        0,
        2048 * (512 + 64) * 2 + 4096 * 128 * 2,
        "transformers 5.24.0 keeps index keys of 128 in bf16, without a scale",
    ),
    (
        DSA_SHARED,
        4_096,
        4096 * (512 + 64) * 2,
        4_718_592,
        Fraction((512 + 64) * 2),
        0,
        2048 * (512 + 64) * 2,
        "GLM-5.2, indexer_types shared: another layer's selection, its own latents",
    ),
    (
        DSA_POOLED,
        1_007,
        1007 * 512 * 2 + 62 * (128 + 4),
        1_039_352,
        512 * 2 + Fraction(128 + 4, 16),
        0,
        1007 * 512 * 2 + 62 * (128 + 4),
        "glm5_next, index_kpool 16: 62 pools of 16 are complete after 1,007 tokens",
    ),
    (
        DSA_POOLED,
        10_007,
        10007 * 512 * 2 + 625 * (128 + 4),
        10_329_668,
        512 * 2 + Fraction(128 + 4, 16),
        0,
        (2048 + 7) * 512 * 2 + 625 * (128 + 4),
        "glm5_next, index_kpool_always_select_tail: the 7 tokens of the unfinished pool come too",
    ),
    (
        DSA_POOLED,
        15,
        15 * 512 * 2,
        15_360,
        512 * 2 + Fraction(128 + 4, 16),
        0,
        15 * 512 * 2,
        "glm5_next, index_kpool 16: no pool is complete",
    ),
    *(
        (
            MINIMAX_M3,
            context,
            context * (2 * 4 * 128 * 2 + 128 * 2),
            stored,
            Fraction(2 * 4 * 128 * 2 + 128 * 2),
            0,
            read * 2 * 4 * 128 * 2 + context * 128 * 2,
            M3_CODE,
        )
        for context, stored, read in (
            (1, 2_304, 1),
            (127, 292_608, 127),
            (128, 294_912, 128),
            (129, 297_216, 128 + 1),
            (2_047, 4_716_288, 15 * 128 + 127),
            (2_048, 4_718_592, 16 * 128),
            (2_049, 4_720_896, 15 * 128 + 1),
            (2_175, 5_011_200, 15 * 128 + 127),
            (2_176, 5_013_504, 16 * 128),
            (131_072, 301_989_888, 16 * 128),
        )
    ),
    (
        SWA,
        100,
        100 * 512 * 2,
        102_400,
        Fraction(512 * 2),
        0,
        100 * 512 * 2,
        "DeepSeek-V4 config: one K = V entry of 448 + 64, a window that is not full",
    ),
    (
        SWA,
        1_000,
        128 * 512 * 2,
        131_072,
        NOTHING,
        128 * 512 * 2,
        128 * 512 * 2,
        "DeepSeek-V4 config: one K = V entry of 448 + 64, sliding_window 128",
    ),
    *(
        (
            HCA_128,
            context,
            (window + pooled) * 512 * 2,
            stored,
            growing * 512 * 2 + Fraction(512 * 2, 128),
            fixed * 512 * 2,
            (window + pooled) * 512 * 2,
            V4_CODE,
        )
        for context, window, pooled, stored, growing, fixed in (
            (3, 3, 0, 3_072, 1, 0),
            (4, 4, 0, 4_096, 1, 0),
            (127, 127, 0, 130_048, 1, 0),
            (128, 128, 1, 132_096, 0, 128),
            (1_000, 128, 7, 138_240, 0, 128),
        )
    ),
    *(
        (
            CSA_4_BF16,
            context,
            window * 512 * 2 + pooled * (512 * 2 + 128 * 2),
            stored,
            growing * 512 * 2 + Fraction(512 * 2 + 128 * 2, 4),
            fixed * 512 * 2,
            window * 512 * 2 + pooled * (512 * 2 + 128 * 2),
            V4_CODE,
        )
        for context, window, pooled, stored, growing, fixed in (
            (3, 3, 0, 3_072, 1, 0),
            (4, 4, 1, 5_376, 1, 0),
            (127, 127, 31, 169_728, 1, 0),
            (128, 128, 32, 172_032, 0, 128),
            (1_000, 128, 250, 451_072, 0, 128),
        )
    ),
    (
        CSA_4,
        10_000,
        128 * 512 * 2 + 2500 * (512 * 2 + 128 + 4),
        3_021_072,
        Fraction(512 * 2 + 128 + 4, 4),
        128 * 512 * 2,
        128 * 512 * 2 + 512 * 512 * 2 + 2500 * (128 + 4),
        "DeepSeek-V4-Flash config: index_topk 512 of 2,500 entries, every index key, the window",
    ),
    (
        JAMBA_MINI,
        1_000,
        8192 * 16 * 4 + 3 * 8192 * 2,
        573_440,
        NOTHING,
        8192 * 16 * 4 + 3 * 8192 * 2,
        2 * (8192 * 16 * 4 + 3 * 8192 * 2),
        "arXiv 2312.00752, section 3; Jamba 1.5 Mini: 2 x 4,096 channels, state 16, kernel 4",
    ),
    (
        GRANITE_4,
        1_000,
        128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2,
        4_244_992,
        NOTHING,
        128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2,
        2 * (128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2),
        "arXiv 2405.21060; Granite 4.0 H Small: 128 heads of 64, state 128, one group, kernel 4",
    ),
    (
        QWEN3_NEXT,
        1_000,
        32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
        2_097_152 + 49_152,
        NOTHING,
        32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
        2 * (32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2),
        "arXiv 2412.06464; Qwen3-Next: 16 key heads, 32 value heads of 128, kernel 4",
    ),
    (
        KIMI_LINEAR,
        1_000,
        32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2,
        2_097_152 + 73_728,
        NOTHING,
        32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2,
        2 * (32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2),
        "arXiv 2510.26692; Kimi Linear: 32 heads of 128, kernel 4 over Q, K and V",
    ),
    (
        MINIMAX_01,
        1_000,
        64 * 128 * 128 * 4,
        4_194_304,
        NOTHING,
        64 * 128 * 128 * 4,
        2 * 64 * 128 * 128 * 4,
        "arXiv 2501.08313; MiniMax-Text-01: 64 heads of 128, no convolution",
    ),
    (
        MINIMAX_01_BF16,
        1_000,
        64 * 128 * 128 * 2,
        2_097_152,
        NOTHING,
        64 * 128 * 128 * 2,
        2 * 64 * 128 * 128 * 2,
        "the same with its state pinned to bf16",
    ),
    (
        LFM2,
        1_000,
        2 * 2048 * 2,
        8_192,
        NOTHING,
        2 * 2048 * 2,
        2 * 2 * 2048 * 2,
        "LFM2-1.2B config: hidden 2,048, conv_L_cache 3",
    ),
    (
        GRIFFIN_2B,
        1_000,
        2560 * 4 + 3 * 2560 * 2,
        25_600,
        NOTHING,
        2560 * 4 + 3 * 2560 * 2,
        2 * (2560 * 4 + 3 * 2560 * 2),
        "arXiv 2402.19427, section 2.4; RecurrentGemma-2B: lru_width 2,560, conv1d_width 4",
    ),
    (
        RWKV7_3B,
        1_000,
        40 * 64 * 64 * 4 + 2 * 2560 * 2,
        665_600,
        NOTHING,
        40 * 64 * 64 * 4 + 2 * 2560 * 2,
        2 * (40 * 64 * 64 * 4 + 2 * 2560 * 2),
        "arXiv 2503.14456, section 4; RWKV7-2.9B: 40 heads of 64, two token shifts of 2,560",
    ),
    (
        XLSTM_7B,
        1_000,
        8 * (256 * 512 + 256 + 1) * 4,
        4_202_528,
        NOTHING,
        8 * (256 * 512 + 256 + 1) * 4,
        2 * 8 * (256 * 512 + 256 + 1) * 4,
        "arXiv 2405.04517, section 2.3; xLSTM-7B: 8 heads, K 256, V 512",
    ),
    (
        WITH_AN_INDEX,
        1_003,
        1003 * 512 * 2 + 250 * (128 + 4),
        1_060_072,
        512 * 2 + Fraction(128 + 4, 4),
        0,
        100 * 512 * 2 + 250 * (128 + 4),
        "tensors as written",
    ),
]


@pytest.mark.parametrize(
    ("scheme", "context", "by_hand", "stored", "growth", "fixed", "read", "source"), ROWS
)
def test_one_layer_by_hand(
    scheme: Scheme,
    context: int,
    by_hand: int,
    stored: int,
    growth: Fraction,
    fixed: int,
    read: int,
    source: str,
) -> None:
    layer = one_layer(scheme)
    assert layer.stored(context) == by_hand == stored, source
    assert layer.growth(context) == growth, source
    assert layer.fixed(context) == fixed, source
    assert layer.read(context) == read, source


def test_every_kind_has_a_row() -> None:
    assert {row[0].kind for row in ROWS} == set(KINDS)


@pytest.mark.parametrize(
    ("name", "context", "options", "growth", "fixed", "total", "source"),
    [
        (
            "qwen3-next-80b-a3b",
            131_072,
            {},
            12 * 2 * 2 * 256 * 2,
            36 * (2_097_152 + 49_152),
            (24_576, 77_266_944),
            "Qwen3-Next config: 48 layers, every 4th full, 2 KV heads of 256",
        ),
        (
            "kimi-linear-48b",
            131_072,
            {},
            7 * (512 + 64) * 2,
            20 * (2_097_152 + 73_728),
            (8_064, 43_417_600),
            "Kimi-Linear config: 7 MLA layers, 20 KDA layers",
        ),
        (
            "glm-5.2",
            131_072,
            {"kv_dtype": "fp8_ds_mla"},
            78 * 656 + 21 * 132,
            0,
            (53_940, 0),
            "GLM-5.2 config: 78 layers, indexer_types full in 21; vLLM 0.33.0 fp8_ds_mla",
        ),
        (
            "deepseek-v3",
            131_072,
            {"kv_dtype": "fp8_ds_mla"},
            61 * (512 * 1 + 4 * 4 + 64 * 2),
            0,
            (40_016, 0),
            "vLLM 0.33.0, mla_attention.py: 512 fp8, a scale per 128, 64 bf16",
        ),
        (
            "deepseek-v3",
            131_072,
            {"kv_dtype": "q8_0"},
            61 * ((512 + 64) // 32 * 34),
            0,
            (37_332, 0),
            "ggml-common.h: 34 bytes per 32 elements",
        ),
        (
            "gemma-3n-e4b",
            512,
            {},
            4 * 2 * 2 * 256 * 2,
            16 * 512 * 2 * 2 * 256 * 2,
            (8_192, 16_777_216),
            "Gemma 3n E4B: 4 full and 16 windowed layers of 20 that store",
        ),
        (
            "longcat-flash",
            131_072,
            {},
            28 * 2 * (512 + 64) * 2,
            0,
            (64_512, 0),
            "LongCat-Flash config: 28 layers with two attentions each",
        ),
        (
            "llama-3.1-8b",
            131_072,
            {"kv_dtype": "int4_per_token_head"},
            32 * 8 * 2 * (128 // 2 + 4),
            0,
            (34_816, 0),
            "vLLM 0.33.0, triton_attn.py: 64 bytes and an fp32 scale per head and side",
        ),
        (
            "deepseek-v4-flash",
            131_072,
            {"kv_dtype": "fp8_ds_mla"},
            21 * Fraction(584 + 132, 4) + 20 * Fraction(584, 128),
            43 * 128 * 584,
            (Fraction("3850.25"), 3_214_336),
            "vLLM 0.33.0, models/deepseek_v4, without its padding",
        ),
        (
            "falcon-h1-7b",
            131_072,
            {},
            44 * 2 * 2 * 128 * 2,
            44 * (24 * 128 * 256 * 4 + 3 * (24 * 128 + 2 * 256) * 2),
            (45_056, 139_358_208),
            "Falcon-H1-7B config: attention and Mamba-2 in each of 44 layers",
        ),
        (
            "step-3",
            65_536,
            {},
            61 * (256 + 256) * 2,
            0,
            (62_464, 0),
            "Step-3 config: 61 layers, num_attention_groups 1, head_dim 256",
        ),
        (
            "minimax-m3",
            131_072,
            {},
            60 * 2 * 4 * 128 * 2 + 57 * 128 * 2,
            0,
            (137_472, 0),
            "MiniMax-M3 config: 60 layers of 4 KV heads, an index key in 57",
        ),
        (
            "phi-4-mini-flash",
            65_536,
            {},
            1 * 2 * 20 * 64 * 2,
            8 * 512 * 2 * 20 * 64 * 2 + 9 * (5120 * 16 * 4 + 3 * 5120 * 2),
            (5_120, 24_197_120),
            "Phi-4-mini-flash: one full cache, 8 windows of 512, 9 Mamba-1 layers",
        ),
        (
            "nemotron-super-49b",
            131_072,
            {},
            49 * 2 * 8 * 128 * 2,
            0,
            (200_704, 0),
            "Nemotron Super 49B block_configs: 49 of 80 blocks attend",
        ),
    ],
)
def test_what_a_published_model_keeps(
    name: str,
    context: int,
    options: dict[str, Any],
    growth: Fraction,
    fixed: int,
    total: tuple[Fraction, int],
    source: str,
) -> None:
    answer = kvcalc.show(name, context, **options)
    assert answer.growth == growth == total[0], source
    assert answer.fixed == fixed == total[1], source


def test_a_million_tokens_of_deepseek_v4_pro() -> None:
    answer = kvcalc.show("deepseek-v4-pro", M, index_dtype="bf16")
    compressed = 30 * 262_144 * (512 + 128) * 2 + 31 * 8_192 * 512 * 2
    windows = 61 * 128 * 512 * 2
    assert answer.stored == compressed + windows == 10_334_371_840
    assert answer.growth == 30 * Fraction(640 * 2, 4) + 31 * Fraction(512 * 2, 128)
    assert answer.fixed == windows == 7_995_392


def test_glm_5_2_is_not_charged_for_indexers_it_shares() -> None:
    latents, keys = 78 * 1_000 * (512 + 64) * 2, 21 * 1_000 * (128 + 4)
    answer = kvcalc.show("glm-5.2", 1_000)
    assert answer.stored == latents + keys == 92_628_000
    assert answer.stored < latents + 78 * 1_000 * (128 + 4)
    long = kvcalc.show("glm-5.2", 100_000)
    assert long.read == 78 * 2_048 * (512 + 64) * 2 + 21 * 100_000 * (128 + 4)


def test_per_token_head_int4_is_not_a_quarter_of_bf16() -> None:
    plain = kvcalc.show("llama-3.1-8b", 1_000)
    packed = kvcalc.show("llama-3.1-8b", 1_000, kv_dtype="int4_per_token_head")
    assert plain.growth == 32 * 8 * 2 * 128 * 2 == 131_072
    assert Fraction(plain.stored, packed.stored) == Fraction(2 * 128 * 2, 136) == Fraction(64, 17)
    assert Fraction("3.755") <= Fraction(64, 17) < Fraction("3.765")


GEMMA_LAYER = 2 * 2 * 256 * 2


@pytest.mark.parametrize(
    ("context", "stored", "growth", "read"),
    [
        (100, 20 * 100 * GEMMA_LAYER, 20 * GEMMA_LAYER, 35 * 100 * GEMMA_LAYER),
        (511, 20 * 511 * GEMMA_LAYER, 20 * GEMMA_LAYER, 35 * 511 * GEMMA_LAYER),
        (
            513,
            (4 * 513 + 16 * 512) * GEMMA_LAYER,
            4 * GEMMA_LAYER,
            (7 * 513 + 28 * 512) * GEMMA_LAYER,
        ),
        (
            10_000,
            (4 * 10_000 + 16 * 512) * GEMMA_LAYER,
            4 * GEMMA_LAYER,
            (7 * 10_000 + 28 * 512) * GEMMA_LAYER,
        ),
    ],
)
def test_layers_that_share_a_cache_store_nothing_and_still_read(
    context: int, stored: int, growth: int, read: int
) -> None:
    answer = kvcalc.show("gemma-3n-e4b", context)
    assert (answer.stored, answer.read) == (stored, read)
    assert answer.growth == growth


def test_the_cross_decoder_reads_one_cache_again_and_again() -> None:
    full, window = 2 * 20 * 64 * 2, 512 * 2 * 20 * 64 * 2
    states = 9 * (5120 * 16 * 4 + 3 * 5120 * 2)
    answer = kvcalc.show("phi-4-mini-flash", 10_000)
    assert answer.stored == 10_000 * full + 8 * window + states == 75_397_120
    assert answer.read == (1 + 7) * 10_000 * full + 8 * window + 2 * states


PAIRS = """\
name: Every second layer reads the one before it
heads: 80
head_dim: 128
dtype: bf16
layers: { count: 64, pattern: [own, reused] }
attention:
  own: { kind: gqa, kv_heads: 8 }
  reused: { kind: gqa, kv_heads: 8, shared: true }
"""


def test_cross_layer_attention_in_pairs_halves_what_is_stored(model_file: ModelFile) -> None:
    answer = kvcalc.show(model_file(PAIRS), 1_000)
    assert answer.growth == 32 * 2 * 8 * 128 * 2 == 131_072
    assert answer.stored == 1_000 * 131_072
    assert answer.read == 2 * answer.stored


def test_mixed_widths_and_head_counts_add_up() -> None:
    full, windowed = 4 * (192 + 128) * 2, 8 * (192 + 128) * 2
    mimo = kvcalc.show("mimo-v2-flash", 10_000)
    assert mimo.growth == 9 * full == 23_040
    assert mimo.fixed == 39 * 128 * windowed == 25_559_040
    gemma = kvcalc.show("gemma-4-26b-a4b", 10_000)
    assert gemma.growth == 5 * 2 * 2 * 512 * 2 == 20_480
    assert gemma.fixed == 25 * 1_024 * 2 * 8 * 256 * 2 == 209_715_200


@pytest.mark.parametrize("context", [1, 448, 10_000])
def test_cross_attention_of_whisper_stands_beside_the_decoders_own(context: int) -> None:
    answer = kvcalc.show("whisper-large-v3", context)
    by_group: dict[str, int] = {}
    for line in answer.lines:
        by_group[line.group] = by_group.get(line.group, 0) + line.stored
    assert by_group["cross"] == 32 * 1_500 * 2 * 20 * 64 * 2 == 245_760_000
    assert by_group["self"] == 32 * context * 2 * 20 * 64 * 2
    assert answer.stored == by_group["cross"] + by_group["self"]
    assert answer.fixed == by_group["cross"]
    assert answer.growth == 32 * 2 * 20 * 64 * 2 == 163_840


def test_the_source_length_asked_for_wins_over_the_files() -> None:
    answer = kvcalc.show("whisper-large-v3", 100, source_length=750)
    assert answer.fixed == 32 * 750 * 2 * 20 * 64 * 2 == 122_880_000


ENCODER_DECODER = """\
name: Listener
heads: 20
head_dim: 64
dtype: fp16
layers: { count: 32, pattern: [self+cross] }
attention:
  self: { kind: mha }
  cross: { kind: mha, cross: true }
"""


def test_without_a_source_length_cross_attention_is_not_counted_and_a_note_says_so(
    model_file: ModelFile,
) -> None:
    path = model_file(ENCODER_DECODER)
    silent = kvcalc.show(path, 100)
    assert silent.stored == 32 * 100 * 2 * 20 * 64 * 2 == 16_384_000
    assert any("cross attention is not counted" in note for note in silent.notes)
    asked = kvcalc.show(path, 100, source_length=1_500)
    assert asked.stored == 16_384_000 + 245_760_000
    assert not any("cross attention" in note for note in asked.notes)


def test_a_source_length_of_the_file_needs_no_note() -> None:
    assert not any("cross" in note for note in kvcalc.show("whisper-large-v3", 100).notes)


@pytest.mark.parametrize(
    ("name", "context", "without", "more", "source"),
    [
        ("deepseek-v3", 1_000, 61 * 1_000 * 1_152, 1_000 * 1_152, "one MLA layer"),
        ("deepseek-v3.2", 1_000, 61 * 1_000 * 1_284, 1_000 * 1_284, "one DSA layer"),
        (
            "glm-5.2",
            1_000,
            1_000 * (78 * 1_152 + 21 * 132),
            1_000 * (1_152 + 132),
            "an MTP layer always has an indexer of its own",
        ),
        (
            "deepseek-v4-pro",
            M,
            30 * 262_144 * (512 * 2 + 132) + 31 * 8_192 * 1_024 + 61 * 128 * 1_024,
            128 * 1_024,
            "compress_ratios: the last layer, MTP, has a window alone",
        ),
        (
            "mimo-v2-flash",
            1_000,
            9 * 1_000 * 2_560 + 39 * 128 * 5_120,
            3 * 128 * 5_120,
            "three MTP blocks under the window",
        ),
    ],
)
def test_mtp_layers_are_counted_where_they_are_asked_for(
    name: str, context: int, without: int, more: int, source: str
) -> None:
    assert kvcalc.show(name, context).stored == without, source
    assert kvcalc.show(name, context, mtp=True).stored == without + more, source


def test_a_model_without_mtp_layers_says_so_when_they_are_asked_for() -> None:
    plain, asked = kvcalc.show("llama-3.1-8b", 100), kvcalc.show("llama-3.1-8b", 100, mtp=True)
    assert asked.stored == plain.stored
    assert any("MTP" in note for note in asked.notes)
    assert not any("MTP" in note for note in plain.notes)


@pytest.mark.parametrize(
    ("scheme", "carried"),
    [
        (SWA, []),
        (HCA_128, [(2 * 512, 128)]),
        (CSA_4, [(2 * 2 * 512, 8), (2 * 2 * 128, 8)]),
    ],
    ids=["shared_kv", "hca", "csa"],
)
def test_a_compressors_left_over_is_declared_and_in_no_quantity(
    scheme: Scheme, carried: list[tuple[int, int]]
) -> None:
    carry = [tensor for tensor in tensors_of(scheme) if tensor.tensor.role == "carry"]
    assert [(t.tensor.width, t.tensor.extent.entries(M)) for t in carry] == carried
    for context in (1, 3, 4, 127, 128, M):
        assert [t.stored(context) for t in carry] == [0] * len(carried)
        assert [t.growth(context) for t in carry] == [0] * len(carried)
        assert [t.read(context) for t in carry] == [0] * len(carried)


def test_a_left_over_that_is_not_counted_is_noted() -> None:
    assert any("left-over" in note for note in kvcalc.show("deepseek-v4-flash").notes)
    assert not any("left-over" in note for note in kvcalc.show("deepseek-v3.2").notes)


def test_a_window_longer_than_the_context_is_no_window() -> None:
    windowed = kvcalc.show("phi-3.5-mini")
    assert windowed.query.context == 131_072 < 262_144
    assert windowed.growth == 32 * 2 * 32 * 96 * 2 == 393_216
    assert (windowed.stored, windowed.fixed) == (131_072 * 393_216, 0)


@pytest.mark.parametrize(
    ("build", "field", "said"),
    [
        (lambda: MHA(heads=32), "head_dim", "mha needs head_dim"),
        (lambda: MQA(heads=32, key_dim=64), "head_dim", "mqa needs head_dim"),
        (lambda: MFA(heads=32, value_dim=64), "head_dim", "mfa needs head_dim"),
        (lambda: GQA(heads=32, head_dim=64, kv_heads=5), "kv_heads", "do not divide 32"),
        (
            lambda: GQA(heads=32, head_dim=64, kv_heads=8, window=4, chunk=4),
            "chunk",
            "window and chunk exclude each other",
        ),
        (
            lambda: MHA(heads=32, head_dim=64, window=4, cross=True),
            "cross",
            "window and cross exclude each other",
        ),
        (
            lambda: MLA(heads=32, head_dim=64, latent_dim=512, rope_dim=64, chunk=4, cross=True),
            "cross",
            "chunk and cross exclude each other",
        ),
        (
            lambda: MLA(heads=32, latent_dim=512, rope_dim=64, value_dim=64),
            "head_dim",
            "mla needs head_dim",
        ),
        (
            lambda: DSA(**{**V32, "head_dim": None, "nope_dim": 128}),
            "head_dim",
            "dsa needs head_dim",
        ),
        (lambda: DSA(**V32, index_every=4, window=10), "index_every", "no window"),
        (lambda: DSA(**V32, index_every=4, chunk=10), "index_every", "chunk"),
        (lambda: DSA(**V32, index_every=4, cross=True), "index_every", "cross"),
        (lambda: DSA(**{**V32, "top_k": 0}), "top_k", "top_k is 0"),
        (
            lambda: BlockSparse(
                heads=64,
                head_dim=128,
                kv_heads=5,
                index_heads=4,
                index_dim=128,
                block_size=128,
                top_k_blocks=16,
            ),
            "kv_heads",
            "do not divide 64",
        ),
        (
            lambda: BlockSparse(
                heads=64,
                head_dim=128,
                kv_heads=4,
                index_heads=4,
                index_dim=128,
                block_size=0,
                top_k_blocks=16,
            ),
            "block_size",
            "block_size is 0",
        ),
        (lambda: SharedKV(heads=64, rope_dim=64), "head_dim", "shared_kv needs head_dim"),
        (lambda: SharedKV(heads=64, head_dim=64, rope_dim=64), "rope_dim", "a part of head_dim"),
        (
            lambda: SharedKV(heads=64, head_dim=512, rope_dim=64, window=4, chunk=4),
            "chunk",
            "exclude each other",
        ),
        (
            lambda: HCA(heads=64, head_dim=512, rope_dim=64, compress=128),
            "window",
            "hca needs a window",
        ),
        (lambda: HCA(**V4_FLASH, compress=0), "compress", "compress is 0"),
        (
            lambda: CSA(
                heads=64,
                head_dim=512,
                rope_dim=64,
                compress=4,
                index_heads=64,
                index_dim=128,
                top_k=512,
            ),
            "window",
            "csa needs a window",
        ),
        (lambda: Mamba1(inner_dim=0, state_dim=16, conv_kernel=4), "inner_dim", "is 0"),
        (lambda: Mamba1(inner_dim=64, state_dim=16, conv_kernel=-1), "conv_kernel", "is -1"),
        (
            lambda: Mamba2(
                state_heads=8, state_head_dim=64, state_dim=128, state_groups=0, conv_kernel=4
            ),
            "state_groups",
            "is 0",
        ),
        (
            lambda: GatedDeltaNet(
                key_heads=0, state_heads=32, key_dim=128, value_dim=128, conv_kernel=4
            ),
            "key_heads",
            "is 0",
        ),
        (
            lambda: KDA(state_heads=32, key_dim=128, value_dim=0, conv_kernel=4),
            "value_dim",
            "is 0",
        ),
        (lambda: Lightning(state_heads=0, key_dim=128, value_dim=128), "state_heads", "is 0"),
        (lambda: ShortConv(channels=64, conv_kernel=0), "conv_kernel", "is 0"),
        (lambda: RGLRU(channels=0, conv_kernel=4), "channels", "is 0"),
        (lambda: RWKV7(state_heads=40, state_head_dim=64, hidden_dim=0), "hidden_dim", "is 0"),
        (lambda: MLSTM(state_heads=8, key_dim=0, value_dim=512), "key_dim", "is 0"),
        (
            lambda: Custom(tensors=(CacheTensor("k", "k", 64, Every()),), head_dim=0),
            "head_dim",
            "is 0",
        ),
    ],
)
def test_what_cannot_be(build: Callable[[], Scheme], field: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as raised:
        build()
    assert [problem.path for problem in raised.value.problems] == [(field,)]


@pytest.mark.parametrize(
    ("scheme", "stored"),
    [
        (Mamba1(inner_dim=64, state_dim=16, conv_kernel=0), 64 * 16 * 4),
        (Mamba1(inner_dim=64, state_dim=16, conv_kernel=1), 64 * 16 * 4),
        (Mamba1(inner_dim=64, state_dim=16, conv_kernel=2), 64 * 16 * 4 + 1 * 64 * 2),
        (ShortConv(channels=64, conv_kernel=1), 0),
        (RGLRU(channels=64, conv_kernel=0), 64 * 4),
    ],
)
def test_a_convolution_remembers_one_column_less_than_its_taps(scheme: Scheme, stored: int) -> None:
    assert one_layer(scheme).stored(1) == one_layer(scheme).stored(M) == stored


COUNTS = st.integers(1, 64)
TOKENS = st.integers(1, 3_000)
DTYPES = st.sampled_from([None, BF16, FP32])
SPAN: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    TOKENS.map(lambda window: {"window": window}),
    TOKENS.map(lambda chunk: {"chunk": chunk}),
    TOKENS.map(lambda source: {"cross": True, "source_length": source}),
)


def attending(
    scheme: type[Scheme], spans: st.SearchStrategy[dict[str, Any]] = SPAN, **fields: Any
) -> st.SearchStrategy[Scheme]:
    """A scheme over entries per token: its own fields, and which tokens it keeps."""
    own = st.fixed_dictionaries({"heads": COUNTS, "head_dim": COUNTS, **fields})
    shared = st.booleans().map(lambda flag: {"shared": flag})
    return st.builds(
        lambda *parts: scheme(**{k: v for p in parts for k, v in p.items()}), own, spans, shared
    )


def with_groups(scheme: type[Scheme], **fields: Any) -> st.SearchStrategy[Scheme]:
    """A grouped scheme whose groups divide its heads."""
    per_group = st.tuples(COUNTS, COUNTS)
    return per_group.flatmap(
        lambda n: attending(
            scheme, **{"heads": st.just(n[0] * n[1]), "kv_heads": st.just(n[0]), **fields}
        )
    )


def counted(scheme: type[Scheme], *names: str) -> st.SearchStrategy[Scheme]:
    """A recurrent scheme: counts under these names, and a dtype for its state."""
    return st.builds(scheme, state_dtype=DTYPES, **dict.fromkeys(names, COUNTS))


LATENT: dict[str, Any] = {"latent_dim": COUNTS, "rope_dim": st.integers(0, 64)}
INDEX: dict[str, Any] = {
    "index_heads": COUNTS,
    "index_dim": COUNTS,
    "index_dtype": st.sampled_from([FP8, BF16]),
}
SHARED_KV: dict[str, Any] = {"head_dim": st.integers(65, 512), "rope_dim": st.integers(0, 64)}
WINDOWED = TOKENS.map(lambda window: {"window": window})
EXTENTS = st.one_of(
    st.builds(Every, COUNTS, COUNTS),
    st.builds(Window, TOKENS),
    st.builds(Chunk, TOKENS),
    st.builds(Beyond, TOKENS),
    st.builds(Fixed, COUNTS),
)
READS = st.one_of(
    st.just(All()),
    st.builds(TopK, TOKENS, COUNTS),
    st.builds(TopBlocks, COUNTS, COUNTS),
    st.just(ReadWrite()),
)
TENSORS = st.builds(
    CacheTensor,
    name=st.just("tensor"),
    role=st.sampled_from(["k", "v", "latent", "rope", "index", "state", "conv", "shift", "carry"]),
    width=COUNTS,
    extent=EXTENTS,
    heads=st.one_of(st.none(), COUNTS),
    format=DTYPES,
    reads=READS,
    shared=st.booleans(),
)

ANY: Mapping[str, st.SearchStrategy[Scheme]] = {
    "mha": attending(MHA),
    "gqa": with_groups(GQA),
    "mqa": attending(MQA, key_dim=COUNTS, value_dim=COUNTS),
    "mfa": attending(MFA),
    "mla": attending(MLA, **LATENT),
    "dsa": st.one_of(
        attending(DSA, **LATENT, **INDEX, top_k=TOKENS),
        attending(
            DSA,
            st.just({}),
            **LATENT,
            **INDEX,
            top_k=TOKENS,
            index_every=COUNTS,
            indexer=st.sampled_from(["own", "shared"]),
        ),
    ),
    "block_sparse": with_groups(BlockSparse, **INDEX, block_size=COUNTS, top_k_blocks=COUNTS),
    "shared_kv": attending(SharedKV, **SHARED_KV),
    "hca": attending(HCA, WINDOWED, **SHARED_KV, compress=COUNTS),
    "csa": attending(CSA, WINDOWED, **SHARED_KV, **INDEX, compress=COUNTS, top_k=TOKENS),
    "mamba1": counted(Mamba1, "inner_dim", "state_dim", "conv_kernel"),
    "mamba2": counted(
        Mamba2, "state_heads", "state_head_dim", "state_dim", "state_groups", "conv_kernel"
    ),
    "gdn": counted(
        GatedDeltaNet, "key_heads", "state_heads", "key_dim", "value_dim", "conv_kernel"
    ),
    "kda": counted(KDA, "state_heads", "key_dim", "value_dim", "conv_kernel"),
    "lightning": counted(Lightning, "state_heads", "key_dim", "value_dim"),
    "shortconv": st.builds(ShortConv, channels=COUNTS, conv_kernel=COUNTS),
    "rglru": counted(RGLRU, "channels", "conv_kernel"),
    "rwkv7": counted(RWKV7, "state_heads", "state_head_dim", "hidden_dim"),
    "mlstm": counted(MLSTM, "state_heads", "key_dim", "value_dim"),
    "custom": st.builds(Custom, tensors=st.lists(TENSORS, min_size=1, max_size=4).map(tuple)),
}

random_schemes = settings(derandomize=True, deadline=None, max_examples=300)


def test_every_kind_is_drawn_at_random() -> None:
    assert set(ANY) == set(KINDS)


@random_schemes
@given(scheme=st.one_of(*ANY.values()), tokens=TOKENS, more=TOKENS)
def test_stored_never_falls(scheme: Scheme, tokens: int, more: int) -> None:
    layer = one_layer(scheme)
    assert layer.stored(tokens) <= layer.stored(tokens + more)


@random_schemes
@given(scheme=st.one_of(*ANY.values()), tokens=TOKENS)
def test_a_step_reads_at_most_twice_what_is_stored(scheme: Scheme, tokens: int) -> None:
    layer = one_layer(scheme)
    if not any(tensor.shared for tensor in scheme.expand()):
        assert layer.read(tokens) <= 2 * layer.stored(tokens)


@random_schemes
@given(scheme=st.one_of(*ANY.values()), tokens=TOKENS)
def test_growth_is_the_difference_that_a_token_makes(scheme: Scheme, tokens: int) -> None:
    for tensor in tensors_of(scheme):
        extent = tensor.tensor.extent
        stride = extent.stride if isinstance(extent, Every) else 1
        start = max(tokens, extent.first) if isinstance(extent, Every) else tokens
        added = tensor.stored(start + stride) - tensor.stored(start)
        assert tensor.growth(start) * stride == added


@random_schemes
@given(scheme=st.one_of(*ANY.values()), tokens=TOKENS)
def test_what_does_not_grow_is_what_is_fixed(scheme: Scheme, tokens: int) -> None:
    layer = one_layer(scheme)
    if layer.growth(tokens) == 0:
        assert layer.fixed(tokens) == layer.stored(tokens)
    assert 0 <= layer.fixed(tokens) <= layer.stored(tokens)
