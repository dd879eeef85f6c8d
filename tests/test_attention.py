"""Every kind of attention on one layer and in the models that ship it: bytes by hand, and where
each figure comes from; its shape, and the numbers it refuses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import kvcalc
from kvcalc.attention import BESIDE, KINDS
from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.bounds import MAX_COUNT, Bound, bound_of, field_hints
from kvcalc.attention.compressed import CSA, CSA2, HCA, CSA2Window, SharedKV
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
from kvcalc.errors import InvalidValue, UsageError
from kvcalc.extents import Every, Fixed, ReadWrite, TopK
from kvcalc.formats import BF16, FP8, FP32, uniform
from kvcalc.model import Model
from kvcalc.question import Question

if TYPE_CHECKING:
    from tests.conftest import ModelFile

M = 1_048_576


def layer_of(scheme: Scheme) -> Cache:
    """One layer of a scheme in a bf16 model: all that is measured here goes through it."""
    return Model("One layer", uniform(BF16), {"layer": scheme}, (("layer",),)).cache


MLA_V3: dict[str, Any] = {"heads": 128, "head_dim": 128, "latent_dim": 512, "rope_dim": 64}
INDEX_V32: dict[str, Any] = {"index_heads": 64, "index_dim": 128, "top_k": 2_048}
DSA_V32: dict[str, Any] = {**MLA_V3, **INDEX_V32}
DSA_GLM: dict[str, Any] = {**INDEX_V32, "heads": 64, "index_heads": 32, "latent_dim": 512}
BLOCKS: dict[str, Any] = {"index_heads": 4, "index_dim": 128, "block_size": 128, "top_k_blocks": 16}
V4: dict[str, Any] = {"heads": 64, "head_dim": 512, "rope_dim": 64, "window": 128}
CSA_V4: dict[str, Any] = {"compress": 4, "index_heads": 64, "index_dim": 128, "top_k": 512}
CSA2_V41: dict[str, Any] = {"index_heads": 32, "index_dim": 128, "top_k": 512}
GDN: dict[str, Any] = {"key_heads": 16, "state_heads": 32, "key_dim": 128, "value_dim": 128}

LLAMA_2_7B = MHA(heads=32, head_dim=128)
LLAMA_405B = GQA(heads=128, head_dim=128, kv_heads=8)
FALCON_7B = MQA(heads=71, head_dim=64)
MIMO_FULL = GQA(heads=64, key_dim=192, value_dim=128, kv_heads=4)
MIMO_WINDOW = GQA(heads=64, key_dim=192, value_dim=128, kv_heads=8, window=128)
GEMMA_4_GLOBAL = GQA(heads=16, head_dim=512, kv_heads=2)
GEMMA_3N_SHARED = GQA(heads=8, head_dim=256, kv_heads=2, shared=True)
GEMMA_3N_WINDOW = GQA(heads=8, head_dim=256, kv_heads=2, window=512, shared=True)
MISTRAL_7B = GQA(heads=32, head_dim=128, kv_heads=8, window=4_096)
SCOUT = GQA(heads=40, head_dim=128, kv_heads=8, chunk=8_192)
WHISPER_CROSS = MHA(heads=20, head_dim=64, cross=True, source_length=1_500)
CROSS_UNKNOWN = MHA(heads=20, head_dim=64, cross=True)
STEP_3 = MFA(heads=64, head_dim=256)
V3 = MLA(**MLA_V3)
V3_FP8 = MLA(**MLA_V3, dtype=uniform(FP8))
WINDOWED_MLA = MLA(**MLA_V3, window=1_024)
SINKS = GQA(heads=32, head_dim=128, kv_heads=8, window=2_048, sink=4)
SINKS_MLA = MLA(**MLA_V3, window=1_020, sink=4)
SINKS_HCA = HCA(**V4, sink=4, compress=128)
NO_ROPE = MLA(heads=64, head_dim=256, latent_dim=512, rope_dim=0)
UNEVEN_MLA = MLA(heads=64, nope_dim=192, value_dim=256, latent_dim=512, rope_dim=64)
MISTRAL_SMALL_4 = MLA(heads=32, head_dim=64, value_dim=128, latent_dim=256, rope_dim=64)
MINICPM3 = MLA(heads=40, nope_dim=64, value_dim=64, latent_dim=256, rope_dim=32)
V32 = DSA(**DSA_V32)
V32_BF16_INDEX = DSA(**DSA_V32, index_dtype=BF16)
V32_BARE_INDEX = DSA(**DSA_V32, index_scale="none")
V32_BF16_SCALE = DSA(**DSA_V32, index_scale=BF16)
GLM_SHARED = DSA(**DSA_GLM, nope_dim=192, value_dim=256, rope_dim=64, indexer="shared")
LARGE_4_READER = DSA(**{**DSA_GLM, "rope_dim": 0}, nope_dim=128, value_dim=128, latents="shared")
GLM_POOLED = DSA(**DSA_GLM, nope_dim=256, value_dim=256, rope_dim=0, index_every=4)
POOLS_OF_16 = DSA(**{**DSA_V32, "rope_dim": 0}, index_every=16)
MINIMAX_M3 = BlockSparse(heads=64, head_dim=128, kv_heads=4, **BLOCKS)
V4_WINDOW = SharedKV(**V4)
SHARED_NO_ROPE = SharedKV(heads=64, head_dim=512, rope_dim=0)
V4_HCA = HCA(**V4, compress=128)
V4_CSA = CSA(**V4, **CSA_V4)
V4_CSA_BF16 = CSA(**V4, **CSA_V4, index_dtype=BF16)
V41_WINDOW = CSA2Window(**V4)
V41_FULL = CSA2(**V4, **CSA2_V41, compress=1)
V41_FULL_2 = CSA2(**V4, **CSA2_V41, compress=2)
V41_REUSE = CSA2(**V4, **CSA2_V41, compress=1, mode="reuse")
V41_REINDEX = CSA2(
    **V4, **CSA2_V41, compress=1, mode="reindex", candidate_blocks=2_048, block_size=8
)
JAMBA = Mamba1(inner_dim=8_192, state_dim=16, conv_kernel=4)
NO_CONV = Mamba1(inner_dim=8_192, state_dim=16, conv_kernel=0)
MAMBA_2 = Mamba2(state_heads=80, state_head_dim=64, state_dim=128, state_groups=1, conv_kernel=4)
GRANITE_4 = Mamba2(state_heads=128, state_head_dim=64, state_dim=128, state_groups=1, conv_kernel=4)
NEMOTRON_H = Mamba2(
    state_heads=256, state_head_dim=64, state_dim=256, state_groups=8, conv_kernel=4
)
QWEN3_NEXT = GatedDeltaNet(**GDN, conv_kernel=4)
QWEN3_NEXT_BF16 = GatedDeltaNet(**GDN, conv_kernel=4, state_dtype=BF16)
KIMI_LINEAR = KDA(state_heads=32, key_dim=128, value_dim=128, conv_kernel=4)
MINIMAX_01 = Lightning(state_heads=64, key_dim=128, value_dim=128)
MINIMAX_01_BF16 = Lightning(state_heads=64, key_dim=128, value_dim=128, state_dtype=BF16)
LFM2 = ShortConv(channels=2_048, conv_kernel=3)
GRIFFIN = RGLRU(channels=2_560, conv_kernel=4)
RWKV_7 = RWKV7(state_heads=40, state_head_dim=64, hidden_dim=2_560)
XLSTM = MLSTM(state_heads=8, key_dim=256, value_dim=512)
STATE = CacheTensor("state", "state", 16_384, Fixed(), heads=32, reads=ReadWrite())
LATENT = CacheTensor("latent", "latent", 512, Every())
PICKED = dataclasses.replace(LATENT, reads=TopK(100))
INDEX = CacheTensor("index_key", "index", 128, Every(4, 4), format=FP8.scaled(FP32))
PICKED_INDEX = dataclasses.replace(INDEX, reads=TopK(100))

M3_CODE = "transformers 5.24.0, minimax_m3_vl: 16 blocks of 128, the newest among them"
V4_CODE = "vLLM 0.33.0, models/deepseek_v4: window 128, an entry per 4 or 128 tokens"
V41_CODE = "vLLM 0.33.0, models/deepseek_v41/attention.py: only a KV source keeps what is read"
STREAMING = "StreamingLLM, arXiv 2309.17453, 3.2: the first tokens beside the most recent ones"
V4_REPORT = "DeepSeek-V4 report, 2.3: one K = V entry of 448 + 64, sliding_window 128"

Row = tuple[Scheme, int, int, int, int | Fraction, int, int, str]

ROWS: list[Row] = [
    # scheme, tokens, stored by hand and its figure, growth, fixed, read, source
    (LLAMA_2_7B, 1, 2 * 32 * 128 * 2, 16_384, 16_384, 0, 16_384, "arXiv 1706.03762, 3.2.2"),
    (LLAMA_2_7B, 4_096, 4096 * 2 * 32 * 128 * 2, 67_108_864, 2 * 32 * 128 * 2, 0,
     4096 * 2 * 32 * 128 * 2, "Llama 2 7B config: 32 heads of 128"),
    (LLAMA_405B, 1, 2 * 8 * 128 * 2, 4_096, 4_096, 0, 4_096, "arXiv 2305.13245, 2.2"),
    (FALCON_7B, 2_048, 2048 * 2 * 1 * 64 * 2, 524_288, 2 * 1 * 64 * 2, 0, 2048 * 2 * 1 * 64 * 2,
     "arXiv 1911.02150, 3; Falcon-7B: 71 query heads of 64, one KV head"),
    (MIMO_FULL, 1, 4 * (192 + 128) * 2, 2_560, 2_560, 0, 2_560, "MiMo-V2-Flash, full layers"),
    (MIMO_FULL, 1_000, 1000 * 4 * (192 + 128) * 2, 2_560_000, 4 * (192 + 128) * 2, 0,
     1000 * 4 * (192 + 128) * 2, "MiMo-V2-Flash config: 4 KV heads, K 192, V 128 in full layers"),
    (MIMO_WINDOW, 100, 100 * 8 * (192 + 128) * 2, 512_000, 8 * (192 + 128) * 2, 0,
     100 * 8 * (192 + 128) * 2, "MiMo-V2-Flash config: 8 KV heads, a window beyond the context"),
    (MIMO_WINDOW, 1_000, 128 * 8 * (192 + 128) * 2, 655_360, 0, 128 * 8 * (192 + 128) * 2,
     128 * 8 * (192 + 128) * 2, "MiMo-V2-Flash config: a full window of 128"),
    (GEMMA_4_GLOBAL, 1, 2 * (512 + 512) * 2, 4_096, 2 * (512 + 512) * 2, 0, 2 * (512 + 512) * 2,
     "Gemma 4 26B-A4B: K = V shares weights, both are cached (modeling_gemma4.py)"),
    (MISTRAL_7B, 4_095, 4095 * 2 * 8 * 128 * 2, 16_773_120, 4_096, 0, 16_773_120, "config"),
    (MISTRAL_7B, 4_096, 4096 * 2 * 8 * 128 * 2, 16_777_216, 0, 16_777_216, 16_777_216, "full"),
    (MISTRAL_7B, 32_768, 4096 * 2 * 8 * 128 * 2, 16_777_216, 0, 16_777_216, 16_777_216, "full"),
    (SCOUT, 8_191, 8191 * 2 * 8 * 128 * 2, 33_550_336, 2 * 8 * 128 * 2, 0, 8191 * 2 * 8 * 128 * 2,
     "Llama 4 Scout config: attention_chunk_size 8,192, not yet full"),
    (SCOUT, 10_000, 8192 * 2 * 8 * 128 * 2, 33_554_432, 0, 8192 * 2 * 8 * 128 * 2,
     8192 * 2 * 8 * 128 * 2, "Llama 4 Scout config: a chunk at its fullest"),
    (GEMMA_3N_SHARED, 1_000, 0, 0, 0, 0, 1000 * 2 * 2 * 256 * 2, "stored elsewhere, read here"),
    (GEMMA_3N_WINDOW, 1_000, 0, 0, 0, 0, 512 * 2 * 2 * 256 * 2,
     "Gemma 3n: a layer that reuses another's window stores nothing and reads it again"),
    (WHISPER_CROSS, 1, 1500 * 2 * 20 * 64 * 2, 7_680_000, 0, 7_680_000, 7_680_000,
     "Whisper large-v3 config: 1,500 frames, whatever T"),
    (WHISPER_CROSS, 10, 1500 * 2 * 20 * 64 * 2, 7_680_000, 0, 1500 * 2 * 20 * 64 * 2,
     1500 * 2 * 20 * 64 * 2, "Whisper large-v3: 1,500 encoder positions, 20 heads of 64"),
    (CROSS_UNKNOWN, 448, 0, 0, 0, 0, 0, "a source of unknown length is not counted"),
    (STEP_3, 1, 2 * 1 * 256 * 2, 1_024, 1_024, 0, 1_024, "Step-3, arXiv 2507.19427, table 2"),
    (STEP_3, 1_000, 1000 * (256 + 256) * 2, 1_024_000, (256 + 256) * 2, 0, 1000 * (256 + 256) * 2,
     "Step-3, arXiv 2507.19427: one key and one value of 256, 64 query heads"),
    (V3, 1, (512 + 64) * 2, 1_152, 1_152, 0, 1_152, "arXiv 2405.04434, 2.1"),
    (V3, 131_072, 131072 * (512 + 64) * 2, 150_994_944, (512 + 64) * 2, 0, 131072 * (512 + 64) * 2,
     "arXiv 2405.04434, 2.1: latent 512, RoPE key 64"),
    (V3_FP8, 1, (512 + 64) * 1, 576, 576, 0, 576, "one byte per element"),
    (SINKS, 4, 4 * 2 * 8 * 128 * 2, 16_384, 4_096, 0, 16_384, STREAMING),
    (SINKS, 2_051, 2051 * 2 * 8 * 128 * 2, 8_400_896, 4_096, 0, 8_400_896, STREAMING),
    (SINKS, 16_384, (2048 + 4) * 2 * 8 * 128 * 2, 8_404_992, 0, 8_404_992, 8_404_992, STREAMING),
    (SINKS_MLA, 2_000, (1020 + 4) * (512 + 64) * 2, 1_179_648, 0, 1_179_648, 1_179_648, STREAMING),
    (SINKS_HCA, 1_000, (128 + 4 + 7) * 512 * 2, 142_336, Fraction(512 * 2, 128), 132 * 1_024,
     142_336, "sinks beside the window; a compressed entry of 128 tokens 7 times"),
    (WINDOWED_MLA, 2_000, 1024 * (512 + 64) * 2, 1_179_648, 0, 1_179_648, 1_179_648, "full window"),
    (NO_ROPE, 1, 512 * 2, 1_024, 1_024, 0, 1_024, "no decoupled RoPE key"),
    (NO_ROPE, 1_000, 1000 * 512 * 2, 1_024_000, 512 * 2, 0, 1000 * 512 * 2,
     "GLM-5.3-Flash config: kv_lora_rank 512, qk_rope_head_dim 0"),
    (MISTRAL_SMALL_4, 1_000, 1000 * (256 + 64) * 2, 640_000, (256 + 64) * 2, 0,
     1000 * (256 + 64) * 2, "Mistral Small 4 config: kv_lora_rank 256, qk_rope_head_dim 64"),
    (MINICPM3, 1_000, 1000 * (256 + 32) * 2, 576_000, (256 + 32) * 2, 0, 1000 * (256 + 32) * 2,
     "MiniCPM3-4B config: kv_lora_rank 256, qk_rope_head_dim 32"),
    (V32, 131_072, 131072 * ((512 + 64) * 2 + 128 + 4), 168_296_448, (512 + 64) * 2 + 128 + 4, 0,
     2048 * (512 + 64) * 2 + 131072 * (128 + 4),
     "arXiv 2512.02556, 2.1: every fp8 index key, the best 2,048; inference/model.py, l. 448-449"),
    (V32, 2_047, 2047 * (1152 + 132), 2_628_348, 1_284, 0, 2047 * (1152 + 132),
     "one token less than top_k: all are read"),
    (V32, 2_000, 2000 * ((512 + 64) * 2 + 128 + 4), 2_568_000, (512 + 64) * 2 + 128 + 4, 0,
     2000 * ((512 + 64) * 2 + 128 + 4), "arXiv 2512.02556: fewer tokens than top_k, all are read"),
    (V32_BF16_INDEX, 4_096, 4096 * ((512 + 64) * 2 + 128 * 2), 5_767_168,
     (512 + 64) * 2 + 128 * 2, 0, 2048 * (512 + 64) * 2 + 4096 * 128 * 2,
     "transformers 5.24.0 keeps index keys of 128 in bf16, without a scale"),
    (V32_BARE_INDEX, 4_096, 4096 * (1152 + 128 * 1), 5_242_880, 1_280, 0,
     4096 * 128 + 2048 * 1152, "an fp8 key without its scale, where the file says so"),
    (V32_BF16_SCALE, 4_096, 4096 * (1152 + 128 * 1 + 2), 5_251_072, 1_282, 0,
     4096 * 130 + 2048 * 1152, "a bf16 scale instead"),
    (GLM_SHARED, 4_096, 4096 * (512 + 64) * 2, 4_718_592, (512 + 64) * 2, 0, 2048 * (512 + 64) * 2,
     "GLM-5.2, indexer_types shared: another layer's selection, its own latents, no index key"),
    (LARGE_4_READER, 4_096, 4096 * (128 + 4), 540_672, 128 + 4, 0, 2048 * 512 * 2 + 4096 * 132,
     "Mistral-Large-4, kv_source_layers: another layer's latents, its own index keys"),
    (GLM_POOLED, 131_074, 131074 * 512 * 2 + 131074 // 4 * (128 + 4), 138_545_152, 1_024 + 33, 0,
     131074 // 4 * 132 + (2048 + 2) * 1024,
     "GLM-5.3-Flash config: pools of 4; the unfinished pool of 2 is read too"),
    (POOLS_OF_16, 1_007, 1007 * 512 * 2 + 62 * (128 + 4), 1_039_352,
     512 * 2 + Fraction(128 + 4, 16), 0, 1007 * 512 * 2 + 62 * (128 + 4),
     "glm5_next, index_kpool 16: 62 pools of 16 are complete after 1,007 tokens"),
    (POOLS_OF_16, 10_007, 10007 * 512 * 2 + 625 * (128 + 4), 10_329_668,
     512 * 2 + Fraction(128 + 4, 16), 0, (2048 + 7) * 512 * 2 + 625 * (128 + 4),
     "glm5_next, index_kpool_always_select_tail: the 7 of the unfinished pool come too"),
    (POOLS_OF_16, 15, 15 * 512 * 2, 15_360, 512 * 2 + Fraction(128 + 4, 16), 0, 15 * 512 * 2,
     "glm5_next, index_kpool 16: no pool is complete"),
    *((MINIMAX_M3, context, context * (2 * 4 * 128 * 2 + 128 * 2), stored,
       2 * 4 * 128 * 2 + 128 * 2, 0, read * 2 * 4 * 128 * 2 + context * 128 * 2, M3_CODE)
      for context, stored, read in (
          (1, 2_304, 1), (127, 292_608, 127), (128, 294_912, 128), (129, 297_216, 128 + 1),
          (2_047, 4_716_288, 15 * 128 + 127), (2_048, 4_718_592, 16 * 128),
          (2_049, 4_720_896, 15 * 128 + 1), (2_175, 5_011_200, 15 * 128 + 127),
          (2_176, 5_013_504, 16 * 128), (131_072, 301_989_888, 16 * 128),
          (131_073, 301_992_192, 15 * 128 + 1))),
    (V4_WINDOW, 100, 100 * 512 * 2, 102_400, 512 * 2, 0, 100 * 512 * 2, V4_REPORT),
    (V4_WINDOW, 127, 127 * 512 * 2, 130_048, 1_024, 0, 130_048, V4_REPORT),
    (V4_WINDOW, 128, 128 * 512 * 2, 131_072, 0, 131_072, 131_072, V4_REPORT),
    (V4_WINDOW, 1_000, 128 * 512 * 2, 131_072, 0, 128 * 512 * 2, 128 * 512 * 2, V4_REPORT),
    (SHARED_NO_ROPE, 10, 10 * 512 * 2, 10_240, 1_024, 0, 10_240, "without RoPE"),
    *((V4_HCA, context, (window + pooled) * 512 * 2, stored,
       growing * 512 * 2 + Fraction(512 * 2, 128), fixed * 512 * 2,
       (window + pooled) * 512 * 2, V4_CODE)
      for context, window, pooled, stored, growing, fixed in (
          (3, 3, 0, 3_072, 1, 0), (4, 4, 0, 4_096, 1, 0), (127, 127, 0, 130_048, 1, 0),
          (128, 128, 1, 132_096, 0, 128), (255, 128, 1, 132_096, 0, 128),
          (1_000, 128, 7, 138_240, 0, 128))),
    (V4_HCA, M, 128 * 1024 + 1_048_576 // 128 * 1024, 8_519_680, 1_024 // 128, 128 * 1024,
     128 * 1024 + 8192 * 1024, "vLLM's V4 post: 8.125 MiB per c128a layer at 1M"),
    *((V4_CSA_BF16, context, window * 512 * 2 + pooled * (512 * 2 + 128 * 2), stored,
       growing * 512 * 2 + Fraction(512 * 2 + 128 * 2, 4), fixed * 512 * 2,
       window * 512 * 2 + pooled * (512 * 2 + 128 * 2), V4_CODE)
      for context, window, pooled, stored, growing, fixed in (
          (3, 3, 0, 3_072, 1, 0), (4, 4, 1, 5_376, 1, 0), (127, 127, 31, 169_728, 1, 0),
          (128, 128, 32, 172_032, 0, 128), (1_000, 128, 250, 451_072, 0, 128))),
    (V4_CSA_BF16, M, 128 * 1024 + 1_048_576 // 4 * (1024 + 256), 335_675_392, (1_024 + 256) // 4,
     128 * 1024, 128 * 1024 + 512 * 1024 + 262_144 * 256,
     "vLLM's V4 post: 320.125 MiB per c4a layer at 1M"),
    (V4_CSA, 10_000, 128 * 512 * 2 + 2500 * (512 * 2 + 128 + 4), 3_021_072,
     Fraction(512 * 2 + 128 + 4, 4), 128 * 512 * 2,
     128 * 512 * 2 + 512 * 512 * 2 + 2500 * (128 + 4),
     "DeepSeek-V4-Flash config: index_topk 512 of 2,500 entries, every index key, the window"),
    (V4_CSA, 131_072, 128 * 1024 + 131_072 // 4 * (1024 + 128 + 4), 38_010_880,
     (1_024 + 132) // 4, 128 * 1024, 128 * 1024 + 512 * 1024 + 32_768 * 132,
     "DeepSeek-V4-Flash config: ratio 4, top 512, fp8 index keys"),
    (V41_WINDOW, 1_000, 128 * 512 * 2, 131_072, 0, 131_072, 131_072, V41_CODE),
    (V41_FULL_2, 1_001, 128 * 1024 + 500 * (1024 + 128 + 4), 709_072, Fraction(1024 + 132, 2),
     128 * 1024, 128 * 1024 + 500 * 1024 + 500 * 132, "fewer entries than top_k: all are read"),
    (V41_FULL_2, 10_000, 128 * 1024 + 5000 * (1024 + 128 + 4), 5_911_072, (1_024 + 132) // 2,
     128 * 1024, 128 * 1024 + 512 * 1024 + 5000 * 132, V41_CODE),
    (V41_FULL, 10_000, 128 * 1024 + 10_000 * (1024 + 128 + 4), 11_691_072, 1_024 + 132,
     128 * 1024, 128 * 1024 + 512 * 1024 + 10_000 * 132, V41_CODE),
    (V41_REUSE, 10_000, 128 * 1024, 131_072, 0, 128 * 1024, 128 * 1024 + 512 * 1024,
     "another layer's entries and selection"),
    (V41_REINDEX, 10_000, 128 * 1024, 131_072, 0, 128 * 1024,
     128 * 1024 + 512 * 1024 + 10_000 * 132, "another layer's entries, all keys candidates"),
    (V41_REINDEX, 100_003, 128 * 1024, 131_072, 0, 128 * 1024,
     128 * 1024 + 512 * 1024 + (2047 * 8 + 3) * 132,
     "2,048 candidate blocks of 8, among them the newest with 100,003 mod 8 = 3 keys"),
    (JAMBA, 1_000, 8192 * 16 * 4 + 3 * 8192 * 2, 573_440, 0, 8192 * 16 * 4 + 3 * 8192 * 2,
     2 * (8192 * 16 * 4 + 3 * 8192 * 2),
     "arXiv 2312.00752, 3; Jamba 1.5 Mini: 2 x 4,096 channels, state 16, kernel 4"),
    (NO_CONV, 1_000, 8192 * 16 * 4, 524_288, 0, 524_288, 2 * 524_288, "no convolution"),
    (MAMBA_2, 1_000, 80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 1 * 128) * 2, 2_653_696, 0, 2_653_696,
     2 * 2_653_696, "Mamba2-2.7B config, arXiv 2405.21060, 6-7"),
    (GRANITE_4, 1_000, 128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2, 4_244_992, 0,
     128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2,
     2 * (128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 1 * 128) * 2),
     "arXiv 2405.21060; Granite 4.0 H Small: 128 heads of 64, state 128, one group, kernel 4"),
    (QWEN3_NEXT, 1_000, 32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
     2_097_152 + 49_152, 0, 32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2,
     2 * 2_146_304, "arXiv 2412.06464; Qwen3-Next: 16 key heads, 32 value heads; SGLang"),
    (QWEN3_NEXT_BF16, 1_000, 32 * 128 * 128 * 2 + 3 * (2 * 16 * 128 + 32 * 128) * 2, 1_097_728, 0,
     1_097_728, 2 * 1_097_728, "vLLM: 49,152 + 1,048,576"),
    (KIMI_LINEAR, 1_000, 32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2, 2_097_152 + 73_728, 0,
     32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2, 2 * 2_170_880,
     "arXiv 2510.26692; Kimi Linear: 32 heads of 128, kernel 4 over Q, K and V; vLLM"),
    (MINIMAX_01, 1_000, 64 * 128 * 128 * 4, 4_194_304, 0, 64 * 128 * 128 * 4,
     2 * 64 * 128 * 128 * 4, "arXiv 2501.08313, 2; MiniMax-Text-01: 64 heads, no convolution"),
    (MINIMAX_01_BF16, 1_000, 64 * 128 * 128 * 2, 2_097_152, 0, 64 * 128 * 128 * 2,
     2 * 64 * 128 * 128 * 2, "the same with its state pinned to bf16"),
    (LFM2, 1_000, 2 * 2048 * 2, 8_192, 0, 2 * 2048 * 2, 2 * 2 * 2048 * 2,
     "LFM2-1.2B config: hidden 2,048, conv_L_cache 3; vLLM: 8,192"),
    (GRIFFIN, 1_000, 2560 * 4 + 3 * 2560 * 2, 25_600, 0, 2560 * 4 + 3 * 2560 * 2,
     2 * (2560 * 4 + 3 * 2560 * 2),
     "arXiv 2402.19427, 2.4; RecurrentGemma-2B: lru_width 2,560, conv1d_width 4"),
    (RWKV_7, 1_000, 40 * 64 * 64 * 4 + 2 * 2560 * 2, 665_600, 0, 40 * 64 * 64 * 4 + 2 * 2560 * 2,
     2 * (40 * 64 * 64 * 4 + 2 * 2560 * 2),
     "arXiv 2503.14456, 4; RWKV7-2.9B: 40 heads of 64, two token shifts of 2,560"),
    (XLSTM, 1_000, 8 * 256 * 512 * 4 + 8 * 256 * 4 + 8 * 1 * 4, 4_202_528, 0,
     8 * (256 * 512 + 256 + 1) * 4, 2 * 8 * (256 * 512 + 256 + 1) * 4,
     "arXiv 2405.04517, 2.3; xLSTM-7B: 8 heads, K 256, V 512"),
    (Custom(tensors=(LATENT, PICKED_INDEX)), 1_000, 1000 * 512 * 2 + 1000 // 4 * (128 + 4),
     1_057_000, 1_024 + 33, 0, 1000 * 1024 + 100 * 132, "tensors as written"),
    (Custom(tensors=(PICKED, INDEX)), 1_003, 1003 * 512 * 2 + 250 * (128 + 4), 1_060_072,
     512 * 2 + Fraction(128 + 4, 4), 0, 100 * 512 * 2 + 250 * (128 + 4), "tensors as written"),
    (Custom(tensors=(STATE,)), 1_000, 32 * 16384 * 4, 2_097_152, 0, 2_097_152, 2 * 2_097_152,
     "an fp32 state, read and written back"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "context", "by_hand", "stored", "growth", "fixed", "read", "source"), ROWS
)
def test_one_layer_by_hand(
    scheme: Scheme,
    context: int,
    by_hand: int,
    stored: int,
    growth: int | Fraction,
    fixed: int,
    read: int,
    source: str,
) -> None:
    layer = layer_of(scheme)
    assert layer.stored(context) == by_hand == stored, source
    assert layer.growth(context) == growth, source
    assert layer.fixed(context) == fixed, source
    assert layer.read(context) == read, source


def test_every_kind_has_a_row() -> None:
    assert {row[0].kind for row in ROWS} == set(KINDS)


@pytest.mark.parametrize(
    ("scheme", "context", "by_hand", "flops", "source"),
    [
        (GQA(heads=64, head_dim=128, kv_heads=8), 8_192, 2 * (64 * 128 + 64 * 128) * 8192,
         268_435_456, "Qwen3-32B in the Step-3 paper, table 2: x 64 layers = 17.2e9"),
        (STEP_3, 8_192, 2 * (64 * 256 + 64 * 256) * 8192, 536_870_912,
         "Step-3, arXiv 2507.19427, table 2: x 61 layers = 3.27e10"),
        (V3, 8_192, 2 * (2 * 128 * 512 + 128 * 64) * 8192, 2_281_701_376,
         "absorbed: the latent is scored and summed up again, the RoPE key only scored"),
        (V32, 131_072, 2 * (2 * 128 * 512 + 128 * 64) * 2048 + 2 * (64 * 128) * 131072,
         2_717_908_992, "top_k latents, every index key"),
        (MINIMAX_M3, 131_072, 2 * (64 * 128 + 64 * 128) * 2048 + 2 * (4 * 128) * 131072,
         201_326_592, "16 blocks of 128, every index key"),
        (V4_HCA, 131_072, 2 * (2 * 64 * 512) * (128 + 1024), 150_994_944,
         "one entry is key and value"),
        (V4_CSA, 131_072, 2 * (2 * 64 * 512) * (128 + 512) + 2 * (64 * 128) * 32768, 620_756_992,
         "top 512 of the compressed, every index key"),
        (V41_FULL, 131_072, 2 * (2 * 64 * 512) * (128 + 512) + 2 * (32 * 128) * 131_072,
         1_157_627_904, "top 512 of the entries, every index key, 32 heads of them"),
        (V41_REUSE, 131_072, 2 * (2 * 64 * 512) * (128 + 512), 83_886_080, "nothing is scored"),
        (MINIMAX_01, 1_000, 2 * 2 * 64 * 128 * 128, 4_194_304,
         "a plain state is updated once and read out once"),
        (QWEN3_NEXT, 1_000, 2 * 3 * 32 * 128 * 128 + 2 * 3 * (2 * 16 * 128 + 32 * 128), 3_194_880,
         "the delta rule passes over the state three times"),
        (GRIFFIN, 1_000, 2 * 1 * 2560 + 2 * 3 * 2560, 20_480, "the state is the output"),
        (RWKV_7, 1_000, 2 * 3 * 40 * 64 * 64 + 2 * 2 * 2560, 993_280,
         "the delta rule, two token shifts"),
    ],
)  # fmt: skip
def test_operations_of_a_step(
    scheme: Scheme, context: int, by_hand: int, flops: int, source: str
) -> None:
    assert layer_of(scheme).flops(context) == by_hand == flops, source


def test_operations_of_custom_tensors_are_unknown() -> None:
    assert layer_of(Custom(tensors=(LATENT,))).flops(1) is None


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
    assert layer_of(scheme).stored(1) == layer_of(scheme).stored(M) == stored


@pytest.mark.parametrize(
    ("scheme", "x", "bc"),
    [
        # channels: heads x width, and B and C of every group
        (MAMBA_2, 80 * 64, 2 * 1 * 128),
        (GRANITE_4, 128 * 64, 2 * 1 * 128),
        (NEMOTRON_H, 256 * 64, 2 * 8 * 256),
    ],
)
@pytest.mark.parametrize("taps", [1, 2, 4])
def test_the_convolution_of_mamba_2_is_two_which_ranks_split_apart(
    scheme: Mamba2, x: int, bc: int, taps: int
) -> None:
    layer = layer_of(dataclasses.replace(scheme, conv_kernel=taps))
    state, *convolutions = [tensor for _, tensor in layer.tensors]
    columns = taps - 1
    assert [
        (one.entry_bytes, one.stored(M), one.read(M), one.flops(M)) for one in convolutions
    ] == [(n * 2, columns * n * 2, 2 * columns * n * 2, 2 * columns * n) for n in (x, bc)]
    assert layer.stored(M) == state.stored(M) + columns * (x + bc) * 2


def left_over(scheme: Scheme) -> list[CacheTensor]:
    """What a compressor keeps of tokens that no finished entry holds yet; ROWS leave it out."""
    return list(scheme.left_over())


@pytest.mark.parametrize(
    ("scheme", "carried"),
    [
        (V4_WINDOW, []),
        (V4_HCA, [("compressor", None, 2 * 512, 128)]),
        (V41_WINDOW, []),
        # keys and gates of an unfinished pair; one token a piece leaves nothing unfinished
        (V41_FULL_2, [("compressor", None, 2 * 512, 2)]),
        (V41_FULL, []),
        (V41_REUSE, []),
        (
            V4_CSA,
            [("compressor", None, 2 * 2 * 512, 8), ("index_compressor", None, 2 * 2 * 128, 8)],
        ),
    ],
)
def test_what_a_compressor_has_left_over(
    scheme: Scheme, carried: list[tuple[str, int | None, int, int]]
) -> None:
    carry = left_over(scheme)
    assert [(t.name, t.heads, t.width, t.extent.entries(M)) for t in carry] == carried


def test_a_left_over_that_is_not_counted_is_noted() -> None:
    assert any("left-over" in note for note in kvcalc.show("deepseek-v4-flash").notes)
    assert not any("left-over" in note for note in kvcalc.show("deepseek-v3.2").notes)


def test_a_sparse_scheme_says_what_dense_attention_would_be() -> None:
    assert V32.dense == V3
    assert V3.dense is None


@pytest.mark.parametrize(
    ("scheme", "tensors"),
    [
        (LLAMA_405B, [("k", "k", 8, 128), ("v", "v", 8, 128)]),
        (MIMO_FULL, [("k", "k", 4, 192), ("v", "v", 4, 128)]),
        (FALCON_7B, [("k", "k", 1, 64), ("v", "v", 1, 64)]),
        (V3, [("latent", "latent", None, 512), ("rope", "rope", None, 64)]),
        (NO_ROPE, [("latent", "latent", None, 512)]),
        (V32, [("latent", "latent", None, 512), ("rope", "rope", None, 64),
          ("index_key", "index", None, 128)]),
        (MINIMAX_M3, [("k", "k", 4, 128), ("v", "v", 4, 128), ("index_key", "index", None, 128)]),
        (STEP_3, [("k", "k", 1, 256), ("v", "v", 1, 256)]),
        (V4_WINDOW, [("kv", "latent", None, 448), ("kv_rope", "rope", None, 64)]),
        (V4_HCA, [("kv", "latent", None, 448), ("kv_rope", "rope", None, 64),
          ("compressed", "latent", None, 448), ("compressed_rope", "rope", None, 64)]),
        (V4_CSA, [("kv", "latent", None, 448), ("kv_rope", "rope", None, 64),
          ("compressed", "latent", None, 448), ("compressed_rope", "rope", None, 64),
          ("index_key", "index", None, 128)]),
        (V41_WINDOW, [("kv", "kv", None, 512)]),
        (V41_FULL, [("kv", "kv", None, 512), ("compressed", "compressed", None, 512),
          ("index_key", "index", None, 128)]),
        (V41_REINDEX, [("kv", "kv", None, 512), ("compressed", "compressed", None, 512),
          ("index_key", "index", None, 128)]),
        (V41_REUSE, [("kv", "kv", None, 512), ("compressed", "compressed", None, 512)]),
        (MAMBA_2, [("state", "state", 80, 64 * 128), ("conv_x", "conv", 80, 64),
          ("conv_bc", "conv", 1, 2 * 128)]),
        (NEMOTRON_H, [("state", "state", 256, 64 * 256), ("conv_x", "conv", 256, 64),
          ("conv_bc", "conv", 8, 2 * 256)]),
        (dataclasses.replace(MAMBA_2, conv_kernel=0), [("state", "state", 80, 64 * 128)]),
        # single channels, which any divisor of their number splits
        (JAMBA, [("state", "state", 8_192, 16), ("conv", "conv", 8_192, 1)]),
        (QWEN3_NEXT, [("state", "state", 32, 128 * 128),
          ("conv", "conv", 2 * 16 * 128 + 32 * 128, 1)]),
        (KIMI_LINEAR, [("state", "state", 32, 128 * 128), ("conv", "conv", 3 * 32 * 128, 1)]),
        (GRIFFIN, [("state", "state", 2_560, 1), ("conv", "conv", 2_560, 1)]),
        (RWKV_7, [("state", "state", 40, 64 * 64), ("shift", "shift", None, 2560)]),
        (XLSTM, [("memory", "state", 8, 256 * 512), ("normaliser", "state", 8, 256),
          ("stabiliser", "state", 8, 1)]),
        (ShortConv(channels=2_048, conv_kernel=1), [("conv", "conv", 2_048, 1)]),
    ],
)  # fmt: skip
def test_the_tensors_of_a_layer(
    scheme: Scheme, tensors: list[tuple[str, str, int | None, int]]
) -> None:
    kept = [tensor for tensor in scheme.expand() if tensor not in left_over(scheme)]
    assert [(t.name, t.role, t.heads, t.width) for t in kept] == tensors


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        (LLAMA_2_7B, Shape(32, 128, 128)),
        (LLAMA_405B, Shape(128, 128, 128)),
        (MIMO_FULL, Shape(64, 192, 128)),
        (V3, Shape(128, 128, 128)),
        (V3_FP8, Shape(128, 128, 128, uniform(FP8))),
        (V32, Shape(128, 128, 128)),
        (UNEVEN_MLA, Shape(64, 192, 256)),
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
            UNEVEN_MLA,
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
    shared = MLA(**MLA_V3, shared=True)
    assert shared.expanded is not None
    assert layer_of(shared.expanded).stored(1) == 0
    assert layer_of(shared.expanded).read(1) == 128 * (128 + 64 + 128) * 2


def test_an_expanded_latent_keeps_its_window_and_its_sinks() -> None:
    expanded = SINKS_MLA.expanded
    # (1,020 + 4) x 128 heads x (192 + 128) x 2 B
    assert layer_of(expanded).stored(2_000) == 1_024 * 128 * (192 + 128) * 2 == 83_886_080


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
        ("dsa",
         {"latent_dim": 512, "rope_dim": 64, "index_heads": 64, "index_dim": 128, "top_k": 2048},
         (512 + 64) * 2 + 128 + 4, 1_284),
        ("mfa", {}, 1 * (192 + 128) * 2, 640),
        ("block_sparse",
         {"kv_heads": 4, "index_heads": 4, "index_dim": 128, "block_size": 128, "top_k_blocks": 16},
         4 * (192 + 128) * 2 + 128 * 2, 2_816),
        ("shared_kv", {"rope_dim": 64}, 192 * 2, 384),
        ("shared_kv", {"head_dim": 512, "rope_dim": 64}, 512 * 2, 1_024),
        ("lightning", {"state_heads": 64, "key_dim": 128, "value_dim": 128}, 64 * 128 * 128 * 4,
         4_194_304),
        ("custom", {"tensors": (LATENT,)}, 512 * 2, 1_024),
    ],
)  # fmt: skip
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
        ([MIMO_FULL], [64], {"kv_heads": 4}),
        ([LLAMA_405B, GQA(heads=64, head_dim=64, kv_heads=8)], [128, 64], {"kv_heads": 8}),
        ([LLAMA_405B, MIMO_FULL], [128, 64], {"kv_heads": 8}),
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
    """By a table and not by inheritance: what is like GQA does not stand beside others for that."""
    assert BESIDE == ("mha", "gqa", "mqa") == tuple(KINDS)[:3]
    assert [KINDS[kind].kind for kind in KINDS] == list(KINDS)
    likes = [kind for kind in KINDS if issubclass(KINDS[kind], GQA | MQA) and kind not in BESIDE]
    assert likes == ["mfa", "block_sparse"]


NO_WIDTH = {"head_dim": None}


@pytest.mark.parametrize(
    ("valid", "changed", "field", "said"),
    [
        (LLAMA_2_7B, {"heads": 0}, "heads", "heads is 0; it must be from 1 to"),
        (
            LLAMA_2_7B,
            {"heads": MAX_COUNT + 1},
            "heads",
            "1,000,001; it must be from 1 to 1,000,000",
        ),
        (LLAMA_2_7B, {"head_dim": -1}, "head_dim", "head_dim is -1"),
        (LLAMA_2_7B, {"window": 0}, "window", "window is 0"),
        (LLAMA_2_7B, {"chunk": 10**12 + 1}, "chunk", "chunk is"),
        (LLAMA_2_7B, NO_WIDTH, "head_dim", "mha needs head_dim"),
        (FALCON_7B, {**NO_WIDTH, "key_dim": 192}, "head_dim", "mqa needs head_dim"),
        (STEP_3, {**NO_WIDTH, "value_dim": 64}, "head_dim", "mfa needs head_dim"),
        (LLAMA_405B, {**NO_WIDTH, "value_dim": 128}, "head_dim", "gqa needs head_dim"),
        (V3, {**NO_WIDTH, "nope_dim": 128}, "head_dim", "mla needs head_dim"),
        (V3, {**NO_WIDTH, "value_dim": 64}, "head_dim", "mla needs head_dim"),
        (V32, {**NO_WIDTH, "nope_dim": 128}, "head_dim", "dsa needs head_dim"),
        (SHARED_NO_ROPE, NO_WIDTH, "head_dim", "shared_kv needs head_dim"),
        (LLAMA_2_7B, {"window": 10, "chunk": 10}, "chunk", "window and chunk exclude each other"),
        (LLAMA_405B, {"window": 4, "chunk": 4}, "chunk", "window and chunk exclude each other"),
        (V3, {"window": 10, "chunk": 10}, "chunk", "window and chunk exclude each other"),
        (V4_WINDOW, {"chunk": 4}, "chunk", "window and chunk exclude each other"),
        (LLAMA_2_7B, {"sink": 4}, "sink", "a sink needs a window"),
        (V3, {"chunk": 10, "sink": 4}, "sink", "a sink needs a window"),
        (SINKS, {"window": None}, "sink", "a sink needs a window"),
        (SINKS, {"sink": 0}, "sink", "sink is 0; it must be from 1"),
        (LLAMA_2_7B, {"window": 10, "cross": True}, "cross", "window and cross exclude each other"),
        (LLAMA_2_7B, {"chunk": 10, "cross": True}, "cross", "chunk and cross exclude each other"),
        (V3, {"chunk": 4, "cross": True}, "cross", "chunk and cross exclude each other"),
        (WHISPER_CROSS, {"source_length": -1}, "source_length", "is -1; it must be from 0 to"),
        (LLAMA_405B, {"kv_heads": 12}, "kv_heads", "12 kv_heads .groups. do not divide 128 query"),
        (LLAMA_405B, {"heads": 32, "kv_heads": 5}, "kv_heads", "do not divide 32"),
        (MINIMAX_M3, {"kv_heads": 5}, "kv_heads", "do not divide 64"),
        (MINIMAX_M3, {"block_size": 0}, "block_size", "block_size is 0"),
        (V3, {"rope_dim": -1}, "rope_dim", "rope_dim is -1; it must be from 0 to"),
        (V32, {"top_k": 0}, "top_k", "top_k is 0"),
        (GLM_POOLED, {"window": 128}, "index_every", "needs full attention: no window"),
        (GLM_POOLED, {"chunk": 10}, "index_every", "needs full attention: no window, chunk"),
        (
            GLM_POOLED,
            {"cross": True},
            "index_every",
            "needs full attention: no window, chunk or cross",
        ),
        (V4_WINDOW, {"head_dim": 64}, "rope_dim", "rope_dim 64 is a part of head_dim 64"),
        (V4_HCA, {"window": None}, "window", "hca needs a window"),
        (V4_HCA, {"compress": 0}, "compress", "compress is 0"),
        (V4_CSA, {"window": None}, "window", "csa needs a window"),
        (V41_WINDOW, {"window": None}, "window", "csa2_swa needs a window"),
        (V41_FULL, {"window": None}, "window", "csa2 needs a window"),
        (V41_FULL, {"compress": 0}, "compress", "compress is 0"),
        (V41_REINDEX, {"block_size": None}, "block_size", "candidate_blocks needs block_size"),
        (V41_REINDEX, {"candidate_blocks": None}, "candidate_blocks", "needs candidate_blocks"),
        (V41_REINDEX, {"mode": "full"}, "candidate_blocks", "another layer's index keys"),
        (JAMBA, {"inner_dim": 0}, "inner_dim", "inner_dim is 0"),
        (JAMBA, {"conv_kernel": -1}, "conv_kernel", "conv_kernel is -1"),
        (MAMBA_2, {"state_groups": 0}, "state_groups", "state_groups is 0"),
        (QWEN3_NEXT, {"key_heads": 0}, "key_heads", "key_heads is 0"),
        (KIMI_LINEAR, {"value_dim": 0}, "value_dim", "value_dim is 0"),
        (MINIMAX_01, {"state_heads": 0}, "state_heads", "state_heads is 0"),
        (LFM2, {"conv_kernel": 0}, "conv_kernel", "conv_kernel is 0"),
        (GRIFFIN, {"channels": 0}, "channels", "channels is 0"),
        (RWKV_7, {"hidden_dim": 0}, "hidden_dim", "hidden_dim is 0"),
        (XLSTM, {"key_dim": 0}, "key_dim", "key_dim is 0"),
        (Custom(tensors=(LATENT,)), {"heads": 0}, "heads", "heads is 0"),
        (Custom(tensors=(LATENT,)), {"head_dim": 0}, "head_dim", "head_dim is 0"),
    ],
)
def test_numbers_that_cannot_be(
    valid: Scheme, changed: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidValue, match=said) as raised:
        dataclasses.replace(valid, **changed)
    assert [problem.path for problem in raised.value.problems] == [(field,)]


@pytest.mark.parametrize(
    ("heads", "kv_heads", "near"),
    [
        (128, 12, "8 or 16 would divide"),
        (71, 8, "1 or 71 would divide"),
        (32, 64, "32 would divide"),
        (36, 7, "6 or 9 would divide"),  # 6 x 6: a square counts its root once
        (999_983, 2, "1 or 999983 would divide"),  # the largest prime below a million
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
    assert (scheme.dense, scheme.indexer_weights, scheme.crosses) == (None, None, False)
    assert scheme.over(1_500) is scheme
    assert scheme.left_over() == ()
    assert Bare.kind not in BESIDE
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


@pytest.mark.parametrize(
    ("name", "context", "options", "growth", "fixed", "total", "source"),
    [
        ("qwen3-next-80b-a3b", 131_072, {}, 12 * 2 * 2 * 256 * 2, 36 * (2_097_152 + 49_152),
         (24_576, 77_266_944), "Qwen3-Next config: 48 layers, every 4th full, 2 KV heads of 256"),
        ("kimi-linear-48b", 131_072, {}, 7 * (512 + 64) * 2, 20 * (2_097_152 + 73_728),
         (8_064, 43_417_600), "Kimi-Linear config: 7 MLA layers, 20 KDA layers"),
        ("glm-5.2", 131_072, {"kv_dtype": "fp8_ds_mla"}, 78 * 656 + 21 * 132, 0, (53_940, 0),
         "GLM-5.2 config: 78 layers, indexer_types full in 21; vLLM 0.33.0 fp8_ds_mla"),
        ("deepseek-v3", 131_072, {"kv_dtype": "fp8_ds_mla"}, 61 * (512 * 1 + 4 * 4 + 64 * 2), 0,
         (40_016, 0), "vLLM 0.33.0, mla_attention.py: 512 fp8, a scale per 128, 64 bf16"),
        ("deepseek-v3", 131_072, {"kv_dtype": "q8_0"}, 61 * ((512 + 64) // 32 * 34), 0, (37_332, 0),
         "ggml-common.h: 34 bytes per 32 elements"),
        ("gemma-3n-e4b", 512, {}, 4 * 2 * 2 * 256 * 2, 16 * 512 * 2 * 2 * 256 * 2,
         (8_192, 16_777_216), "Gemma 3n E4B: 4 full and 16 windowed layers of 20 that store"),
        ("longcat-flash", 131_072, {}, 28 * 2 * (512 + 64) * 2, 0, (64_512, 0),
         "LongCat-Flash config: 28 layers with two attentions each"),
        ("llama-3.1-8b", 131_072, {"kv_dtype": "int4_per_token_head"}, 32 * 8 * 2 * (128 // 2 + 4),
         0, (34_816, 0),
         "vLLM 0.33.0, triton_attn.py: 64 bytes and an fp32 scale per head and side"),
        ("deepseek-v4-flash", 131_072, {"kv_dtype": "fp8_ds_mla"},
         21 * Fraction(584 + 132, 4) + 20 * Fraction(584, 128), 43 * 128 * 584,
         (Fraction("3850.25"), 3_214_336), "vLLM 0.33.0, models/deepseek_v4, without its padding"),
        ("falcon-h1-7b", 131_072, {}, 44 * 2 * 2 * 128 * 2,
         44 * (24 * 128 * 256 * 4 + 3 * (24 * 128 + 2 * 256) * 2), (45_056, 139_358_208),
         "Falcon-H1-7B config: attention and Mamba-2 in each of 44 layers"),
        ("step-3", 65_536, {}, 61 * (256 + 256) * 2, 0, (62_464, 0),
         "Step-3 config: 61 layers, num_attention_groups 1, head_dim 256"),
        ("minimax-m3", 131_072, {}, 60 * 2 * 4 * 128 * 2 + 57 * 128 * 2, 0, (137_472, 0),
         "MiniMax-M3 config: 60 layers of 4 KV heads, an index key in 57"),
        ("phi-4-mini-flash", 65_536, {}, 1 * 2 * 20 * 64 * 2,
         8 * 512 * 2 * 20 * 64 * 2 + 9 * (5120 * 16 * 4 + 3 * 5120 * 2), (5_120, 24_197_120),
         "Phi-4-mini-flash: one full cache, 8 windows of 512, 9 Mamba-1 layers"),
        ("nemotron-super-49b", 131_072, {}, 49 * 2 * 8 * 128 * 2, 0, (200_704, 0),
         "Nemotron Super 49B block_configs: 49 of 80 blocks attend"),
    ],
)  # fmt: skip
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
        (513, (4 * 513 + 16 * 512) * GEMMA_LAYER, 4 * GEMMA_LAYER,
         (7 * 513 + 28 * 512) * GEMMA_LAYER),
        (10_000, (4 * 10_000 + 16 * 512) * GEMMA_LAYER, 4 * GEMMA_LAYER,
         (7 * 10_000 + 28 * 512) * GEMMA_LAYER),
    ],
)  # fmt: skip
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
        ("glm-5.2", 1_000, 1_000 * (78 * 1_152 + 21 * 132), 1_000 * (1_152 + 132),
         "an MTP layer always has an indexer of its own"),
        ("deepseek-v4-pro", M,
         30 * 262_144 * (512 * 2 + 132) + 31 * 8_192 * 1_024 + 61 * 128 * 1_024, 128 * 1_024,
         "compress_ratios: the last layer, MTP, has a window alone"),
        ("mimo-v2-flash", 1_000, 9 * 1_000 * 2_560 + 39 * 128 * 5_120, 3 * 128 * 5_120,
         "three MTP blocks under the window"),
    ],
)  # fmt: skip
def test_mtp_layers_are_counted_where_they_are_asked_for(
    name: str, context: int, without: int, more: int, source: str
) -> None:
    assert kvcalc.show(name, context).stored == without, source
    assert kvcalc.show(name, context, mtp=True).stored == without + more, source


@pytest.mark.parametrize(
    ("name", "layers", "asked", "growth", "stored", "source"),
    [
        # 512 + 64 elements of fp8 and an index key of 128 with its fp32 scale: 708 B a layer
        ("deepseek-v3.2", 3, {"kv_dtype": "fp8"}, (61 + 3) * 708, 1_000 * 45_312,
         "what a YAML file with mtp: 3 says"),
        ("deepseek-v3.2", 1, {"kv_dtype": "fp8"}, (61 + 1) * 708, 1_000 * 43_896, "its own one"),
        ("mimo-v2-flash", 1, {}, 9 * 2_560, 9 * 1_000 * 2_560 + (39 + 1) * 128 * 5_120,
         "one of three"),
        ("mimo-v2-flash", 5, {}, 9 * 2_560, 9 * 1_000 * 2_560 + (39 + 5) * 128 * 5_120,
         "two more than it has"),
    ],
)  # fmt: skip
def test_so_many_mtp_layers_are_counted(
    name: str, layers: int, asked: dict[str, Any], growth: int, stored: int, source: str
) -> None:
    answer = kvcalc.show(name, 1_000, mtp_layers=layers, **asked)
    assert answer.growth == growth, source
    assert answer.stored == stored, source
    assert (answer.query.mtp, answer.query.mtp_layers) == (True, layers)


def test_mtp_layers_beyond_the_last_begin_again() -> None:
    """TensorRT-LLM at a43cf9e, modeling_deepseekv3.py: n % num_nextn_predict_layers."""
    model = replace(kvcalc.load("deepseek-v3"), mtp=(("mla",), ()))
    layers = [len(model.adapted(Question(mtp_layers=n)).layers) for n in (1, 2, 3)]
    assert layers == [62, 63, 64]
    assert [model.adapted(Question(mtp_layers=n)).cache.growth(1) for n in (1, 2, 3)] == [
        62 * 1_152, 62 * 1_152, 63 * 1_152,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("llama-3.1-8b", {"mtp_layers": 2},
         "Llama 3.1 8B has no MTP layers .*; leave them out, or state mtp: 2 in a YAML file of it"),
        ("deepseek-v3", {"mtp_layers": 0}, "0 MTP layers: ask for at least 1"),
        ("deepseek-v3", {"mtp_layers": -1}, "-1 MTP layers: ask for at least 1"),
        ("deepseek-v3", {"mtp_layers": 10_001}, "10,001 MTP layers: ask for at most 10,000"),
        ("deepseek-v3", {"mtp_layers": True}, "True is not a whole number of MTP layers"),
        ("deepseek-v3", {"mtp_layers": 1.0}, "1.0 is not a whole number of MTP layers"),
        ("deepseek-v3", {"mtp": 3}, "mtp is true or false, not 3; mtp_layers is their number"),
    ],
)  # fmt: skip
def test_so_many_mtp_layers_there_are_not(model: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        kvcalc.show(model, 100, **asked)
    with pytest.raises(UsageError, match=said):
        kvcalc.compare("deepseek-v3", model, context=100, **asked)


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        (1, "DeepSeek-V3.2: 1 MTP layer(s) included"),
        (3, "DeepSeek-V3.2: 3 MTP layer(s), where its file has 1, included"),
    ],
)
def test_notes_say_how_many_mtp_layers_are_counted(layers: int, note: str) -> None:
    assert note in kvcalc.show("deepseek-v3.2", 100, mtp_layers=layers).notes


def test_a_model_without_mtp_layers_says_so_when_they_are_asked_for() -> None:
    plain, asked = kvcalc.show("llama-3.1-8b", 100), kvcalc.show("llama-3.1-8b", 100, mtp=True)
    assert asked.stored == plain.stored
    assert any("MTP" in note for note in asked.notes)
    assert not any("MTP" in note for note in plain.notes)


def test_a_window_longer_than_the_context_is_no_window() -> None:
    windowed = kvcalc.show("phi-3.5-mini")
    assert windowed.query.context == 131_072 < 262_144
    assert windowed.growth == 32 * 2 * 32 * 96 * 2 == 393_216
    assert (windowed.stored, windowed.fixed) == (131_072 * 393_216, 0)
