"""GGUF headers read into models: what each architecture keeps, bytes by hand; and every bad file.

Bytes are of fp16 entries (2 B), fp32 states (4 B) and fp16 convolutions. Where a case names a
model, its numbers are those of that model's published configuration; rules are llama.cpp's.
"""

from __future__ import annotations

import struct
import sys
import time
from typing import TYPE_CHECKING

import gguf
import pytest

from kvcalc.errors import InputError
from kvcalc.importers.assembly import Origin
from kvcalc.importers.gguf import is_gguf, read_gguf
from kvcalc.importers.gguf.architectures import ARCHITECTURES, REFUSED, TABLE
from kvcalc.importers.gguf.keys import KEYS, is_harmless
from kvcalc.model import Architecture
from kvcalc.question import Question
from tests.headers import (
    BASE,
    INDEX,
    PATTERN,
    WINDOW,
    heads,
    latent,
    model_of,
    problems_of,
    read,
    refused,
    ssm,
    write,
)

if TYPE_CHECKING:
    import pathlib

    from tests.headers import Keys

CASES: list[tuple[str, str, Keys, int, int]] = [
    # Llama-3.1-8B: 32 x 8 x (128 + 128) x 2 = 131,072 a token
    ("GQA", "llama", heads(32, 4096, 32, 8), 131072, 17_179_869_184),
    # GPT-2: without head_count_kv every head keeps its own: 12 x 12 x (64 + 64) x 2 = 36,864
    ("MHA", "gpt2", heads(12, 768, 12), 1000, 36_864_000),
    # a layer without KV heads keeps nothing: (8 + 4 + 8) x (128 + 128) x 2 = 10,240
    ("pruned", "deci", heads(4, 8192, [64, 0, 64, 64], [8, 0, 4, 8]), 1000, 10_240_000),
    # keys and values of their own widths: 2 x 4 x (192 + 128) x 2 = 5,120
    ("two widths", "llama", {**heads(2, 4096, 32, 4, 192), "attention.value_length": 128}, 1000,
     5_120_000),
    # a value without a width of its own is hidden / heads wide: 1 x 8 x (256 + 128) x 2 = 6,144
    ("one width", "llama", {**heads(1, 4096, 32, 8), "attention.key_length": 256}, 1000, 6_144_000),
    # 2 layers passed twice: 4 x 2 x (128 + 128) x 2 = 4,096
    ("loops", "nanbeige", {**heads(2, 1024, 8, 2), "num_loops": 2}, 1000, 4_096_000),
    # Mistral-7B-v0.1: 32 x 4,096 tokens x 8 x 256 x 2
    ("unused window", "llama", {**heads(32, 4096, 32, 8), WINDOW: 4096}, 10000, 536_870_912),
    # the pattern holds in the same way: 4,096 x 4,096 + 10,000 x 4,096
    ("unused pattern", "phi3", {**heads(2, 4096, 32, 8), WINDOW: 4096, PATTERN: [True, False]},
     10000, 57_737_216),
    # 0 is no window: 2 x 10,000 x 8 x 256 x 2
    ("window 0", "phi3", {**heads(2, 4096, 32, 8), WINDOW: 0}, 10000, 81_920_000),
    # Gemma-2, window 4,096 where none is stated, first layer slides:
    # (4,096 + 8,192) x 4 x (256 + 256) x 2
    ("gemma2", "gemma2", heads(2, 2304, 8, 4, 256), 8192, 50_331_648),
    # Gemma-3-27B: 52 slide, 10 do not: (52 x 1,024 + 10 x 4,096) x 16 x 256 x 2
    ("gemma3", "gemma3", {**heads(62, 5376, 32, 16, 128), WINDOW: 1024}, 4096, 771_751_936),
    # without a window none slides, whatever an image encoder has: 6 x 1,000 x 16 x 256 x 2
    ("gemma3 plain", "gemma3",
     {**heads(6, 5376, 32, 16, 128), "vision.block_count": 27, "mm.tokens_per_image": 256}, 1000,
     49_152_000),
    # its own pattern, a number: 3 of 4 slide: (3 x 100 + 1,000) x 8,192
    ("stated pattern", "gemma3", {**heads(4, 5376, 32, 16, 128), WINDOW: 100, PATTERN: 4}, 1000,
     10_649_600),
    # gpt-oss-20b: 12 x 128 + 12 x 4,096 tokens, each 8 x (64 + 64) x 2
    ("gpt-oss", "gpt-oss", {**heads(24, 2880, 64, 8, 64), WINDOW: 128}, 4096, 103_809_024),
    # EXAONE-4.0-32B: 48 x 4,096 + 16 x 8,192 tokens, each 8 x 256 x 2
    ("exaone4 32B", "exaone4", heads(64, 5120, 40, 8, 128), 8192, 1_342_177_280),
    # EXAONE-4.0-1.2B has no window: 30 x 1,000 x 8 x (64 + 64) x 2
    ("exaone4 1.2B", "exaone4", heads(30, 2048, 32, 8, 64), 1000, 61_440_000),
    # the first of four is the full one: (1,000 + 3 x 100) x 8 x 256 x 2
    ("dense first", "cohere2moe",
     {**heads(4, 4096, 32, 8, 128), WINDOW: 100, "leading_dense_block_count": 1}, 1000, 5_324_800),
    # Llama-4-Scout: 36 x 8,192 (a chunk) + 12 x 10,000 tokens, each 8 x 256 x 2
    ("llama4", "llama4", {**heads(48, 5120, 40, 8, 128), "interleave_moe_layer_step": 1}, 10000,
     1_699_479_552),
    # window 0 says that it has no chunks: 4 x 10,000 x 8 x 256 x 2
    ("llama4 plain", "llama4", {**heads(4, 5120, 40, 8, 128), WINDOW: 0}, 10000, 163_840_000),
    # Gemma-3n-E4B: 20 of 35 keep a cache, 16 of them 512 tokens:
    # (16 x 512 + 4 x 1,000) x 2 x (256 + 256) x 2
    ("gemma3n", "gemma3n",
     {**heads(35, 2048, 8, 2, 256), WINDOW: 512, "attention.shared_kv_layers": 15}, 1000,
     24_969_216),
    # an older file, which leaves the 20 to llama.cpp
    ("old gemma3n", "gemma3n", {**heads(35, 2048, 8, 2, 256), WINDOW: 512}, 1000, 24_969_216),
    # Gemma-4's two widths, the last two of four share: 512 x 2 x 512 x 2 + 1,000 x 2 x 1,024 x 2
    ("gemma4", "gemma4", {**heads(4, 2560, 8, 2, 512), "attention.key_length_swa": 256,
      "attention.value_length_swa": 256, "attention.shared_kv_layers": 2, WINDOW: 512,
      PATTERN: [True, False, True, False]}, 1000, 5_144_576),
    # DeepSeek-V3: 61 x (512 + 64) x 2 = 70,272
    ("MLA", "deepseek2", latent(61, 128, 512, 64, 192, 128), 1000, 70_272_000),
    # DeepSeek-V2-Lite, converted before key_length_mla: 27 x (512 + 64) x 2 = 31,104
    ("old MLA", "deepseek2", {**heads(27, 2048, 16, 16), "attention.key_length": 192,
      "attention.value_length": 128, "attention.kv_lora_rank": 512, "rope.dimension_count": 64},
     1000, 31_104_000),
    # MiniCPM3-4B: 62 x (256 + 32) x 2 = 35,712
    ("minicpm3", "minicpm3", {**heads(62, 2560, 40, 40), "attention.key_length": 96,
      "attention.kv_lora_rank": 256, "attention.q_lora_rank": 768, "rope.dimension_count": 32},
     1000, 35_712_000),
    # DeepSeek-V3.2: 61 x (576 x 2 + 128 + 4) = 78,324
    ("DSA", "deepseek32", {**latent(61, 128, 512, 64, 192, 128), **INDEX}, 1000, 78_324_000),
    # GLM-5: 78 x (576 x 2 + 132) = 100,152; block 79 is multi-token prediction
    ("GLM-5", "glm-dsa", {**latent(79, 64, 512, 64, 256, 256), **INDEX, "context_length": 202752,
      "nextn_predict_layers": 1}, 1000, 100_152_000),
    # GLM-5.2: 21 layers have an indexer: 78 x 1,152 + 21 x 132 = 92,628
    ("GLM-5.2", "glm-dsa", {**latent(79, 64, 512, 64, 256, 256), **INDEX, "context_length": 1048576,
      "nextn_predict_layers": 1}, 1000, 92_628_000),
    # the same, said by the file: 3 x 1,152 + 1 x 132
    ("shared indexers", "glm-dsa",
     {**latent(3, 64, 512, 64, 256, 256), **INDEX, "attention.indexer.types": [1, 0, 0]}, 1000,
     3_588_000),
    # without top_k it has no indexer: 2 x 1,152
    ("hy_v4", "hy_v4", {**latent(2, 32, 512, 64, 256, 256), "hyper_connection.count": 4}, 1000,
     2_304_000),
    # with top_k one layer in two has an indexer: 2 x 1,152 + 132
    ("hy_v4 DSA", "hy_v4",
     {**latent(2, 32, 512, 64, 256, 256), **INDEX, "attention.indexer.types": [1, 0]}, 1000,
     2_436_000),
    # a full layer with an indexer, and 512 tokens of a latent of 1,024 + 64:
    # 1,000 x (1,152 + 132) + 512 x 1,088 x 2
    ("dots3note", "dots3note", {**latent(2, [128, 64], 512, 64, 192, 128), **INDEX,
      "attention.indexer.types": [True, False], "attention.kv_lora_rank_swa": 1024,
      "attention.key_length_swa": 1088, "attention.value_length_swa": 1024,
      "attention.key_length_mla_swa": 256, "attention.value_length_mla_swa": 128, WINDOW: 512,
      PATTERN: [False, True]}, 1000, 2_398_112),
    # DeepSeek-V4's three kinds at 1,280 tokens: a window of 128 x 512 x 2 = 131,072 in each; sparse
    # 320 x (1,024 + 132) more, heavy 10 x 1,024; what compressors carry is no part of it
    ("deepseek4", "deepseek4", {**heads(3, 4096, 64, 1, 512), **INDEX, "rope.dimension_count": 64,
      "attention.compress_ratios": [0, 4, 128, 0], "attention.output_lora_rank": 1024, WINDOW: 128},
     1280, 773_376),
    # MiniMax-M3: a dense layer and two with an index key of 128 bf16: 3 x 4 x 256 x 2 + 2 x 256
    ("minimax-m3", "minimax-m3", {**heads(3, 6144, 64, 4, 128), **INDEX,
      "attention.indexer.block_size": 128, "attention.indexer.local_blocks": 1,
      "leading_dense_block_count": 1}, 1000, 6_656_000),
    # mamba-130m: 24 x (1,536 x 16 x 4 + 3 x 1,536 x 2)
    ("mamba", "mamba", {**heads(24, 768, 0), **ssm(1536, 16, 48), "ssm.dt_b_c_rms": False}, 1000,
     2_580_480),
    # Mamba-Codestral-7B: 64 x (8,192 x 128 x 4 + 3 x (8,192 + 2 x 8 x 128) x 2)
    ("mamba2", "mamba2", {**heads(64, 4096, 0), **ssm(8192, 128, 128, 8)}, 1000, 272_367_616),
    # RWKV-7 1.5B: 24 x (32 x 64 x 64 x 4 + 2 x 2,048 x 2)
    ("rwkv7", "rwkv7", {**heads(24, 2048, 0), "wkv.head_size": 64}, 1000, 12_779_520),
    # without a shift of channel mixing: 24 x (524,288 + 2,048 x 2)
    ("arwkv7", "arwkv7", {**heads(24, 2048, 0), "wkv.head_size": 64, "token_shift_count": 1}, 1000,
     12_681_216),
    # Jamba-v0.1: 4 x 1,000 x 8 x 256 x 2 + 28 x (8,192 x 16 x 4 + 3 x 8,192 x 2)
    ("jamba", "jamba", {**heads(32, 4096, 32, [0, 0, 0, 0, 8, 0, 0, 0] * 4), **ssm(8192, 16, 256)},
     1000, 32_440_320),
    # PLaMo-2's pair: 8,192 x 64 x 4 + 3 x 8,192 x 2, and 1,000 x 4 x 256 x 2
    ("plamo2", "plamo2", {**heads(2, 4096, [0, 32], [0, 4], 128), **ssm(8192, 64, 64, 0)}, 1000,
     4_194_304),
    # Falcon-H1-0.5B: 36 x (1,000 x 2 x 128 x 2 + 1,536 x 128 x 4 + 3 x (1,536 + 2 x 128) x 2)
    ("falcon-h1", "falcon-h1", {**heads(36, 1024, 8, 2, 64), **ssm(1536, 128, 24, 1)}, 1000,
     47_130_624),
    # Nemotron-H's M, MLP, attention, M: 2 x (8,192 x 128 x 4 + 3 x (8,192 + 2 x 8 x 128) x 2)
    # + 1,000 x 8 x 256 x 2
    ("nemotron_h", "nemotron_h", {**heads(4, 4096, 32, [0, 0, 8, 0], 128), **ssm(8192, 128, 128, 8),
      "feed_forward_length": [0, 21504, 0, 0]}, 1000, 12_607_488),
    # Qwen3-Next-80B: 36 x (32 x 128 x 128 x 4 + 3 x (2 x 16 x 128 + 32 x 128) x 2)
    # + 12 x 1,000 x 2 x 512 x 2
    ("qwen3next", "qwen3next",
     {**heads(48, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16), "full_attention_interval": 4}, 1000,
     101_842_944),
    # its layers as an array: 2,146,304 + 1,000 x 2,048
    ("recurrent_layers", "qwen35", {**heads(2, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16),
      "attention.recurrent_layers": [False, True], "rope.dimension_sections": [11, 11, 10, 0]},
     1000, 4_194_304),
    # MiniMax-Text-01: 7 x 64 x 128 x 128 x 4 + 1,000 x 8 x 256 x 2
    ("minimax-01", "minimax-01", heads(8, 6144, 64, 8, 128), 1000, 33_456_128),
    # LFM2-1.2B: 10 x 2 x 2,048 x 2 + 6 x 1,000 x 8 x 128 x 2
    ("lfm2", "lfm2", {**heads(16, 2048, 32, [0, 0, 8, 0, 0, 8, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0]),
      "shortconv.l_cache": 3}, 1000, 12_369_920),
    # Kimi-Linear: 3 x (32 x 128 x 128 x 4 + 3 x 32 x 384 x 2) + 1,000 x 576 x 2
    ("kimi-linear", "kimi-linear", {**latent(4, 32, 512, 64, 192, 128),
      "attention.head_count_kv": [0, 0, 0, 1], "ssm.conv_kernel": 4, "kda.head_dim": 128}, 1000,
     7_664_640),
    # three of four have a state, 32 x 128 x 128 x 4 + 3 x (2 x 16 x 128 + 32 x 128) x 2, one of
    # them n-grams beside it, 3 x 3 x 4 x 2,048 x 2; one attends and has an index key per 16 tokens:
    # 1,600 x 2 x 512 x 2 + 100 x 128 x 2
    ("qwen4exp", "qwen4exp", {**heads(4, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16), **INDEX,
      "attention.compress_ratios": [0, 0, 0, 16], "hyper_connection.count": 4,
      "hyper_connection.low_rank": 320, "ple.layers": [1], "ple.ngram_size": 3,
      "ple.conv_kernel": 4, "ple.heads_per_ngram": 8, "embedding_length_per_layer_input": 2048},
     1600, 9_888_768),
    # without ratios it attends to everything: 3 x 2,146,304 + 1,000 x 2 x 512 x 2
    ("qwen4exp dense", "qwen4exp",
     {**heads(4, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16), **INDEX}, 1000, 8_486_912),
    # four layers of 2 x (64 + 64) x 2 and the router's head, (64 + 64) x 2
    ("graniteswitch", "graniteswitch", {**heads(4, 512, 8, 2, 64), "adapters.count": 1,
      "adapters.lora_rank": 8, "adapters.token_ids_activate": [7]}, 1000, 2_304_000),
    # an index key per 16 tokens: 3 x (64 x 128 x 128 x 4 + 3 x 64 x 384 x 2)
    # + 1,600 x 512 x 2 + 100 x 132
    ("glm5-next", "glm5-next", {**latent(4, 64, 512, 0, 256, 256), **INDEX,
      "attention.head_count_kv": [0, 0, 0, 1], "attention.indexer.kpool": 16, "ssm.conv_kernel": 4,
      "kda.head_dim": 128}, 1600, 14_676_880),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "context", "stored"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_an_architecture_keeps(
    tmp_path: pathlib.Path, arch: str, keys: Keys, context: int, stored: int
) -> None:
    model = model_of(tmp_path, arch, keys)
    assert model.stored(context) == stored
    assert "cache in fp16" in model.notes[0]
    assert model.sources[0].says == f"general.architecture {arch}"


def test_the_model_says_what_it_is(tmp_path: pathlib.Path) -> None:
    model = model_of(
        tmp_path,
        "llama",
        heads(32, 4096, 32, 8),
        general={"general.name": "Llama 3.1 8B", "tokenizer.ggml.tokens": ["a", "b"]},
        tensors=((4096, 128), (128,)),
    )
    assert model.name == "Llama 3.1 8B"
    assert model.architecture == Architecture("llama", "gguf")
    assert model.max_context == 131072
    assert model.weight_bytes == (4096 * 128 + 128) * 2
    assert model.notes[1:] == ("the file ends before its weights do; its header is whole",)
    assert model.shape is not None
    assert (model.shape.heads, model.shape.key_dim) == (32, 128)


def test_what_the_caller_knows_comes_first(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "model.gguf", "llama", heads(1, 4096, 32, 8))
    model = read_gguf(path, Origin("hub", "mine", 7, "hub at 1234", ("seen",)))
    assert (model.name, model.weight_bytes, model.file) == ("mine", 7, "hub")
    assert model.sources[0].origin == "hub at 1234"
    assert "seen" in model.notes


def test_what_llama_cpp_keeps_otherwise(tmp_path: pathlib.Path) -> None:
    """A window that its loader ignores, and a latent that an old file makes it expand."""
    window = model_of(tmp_path, "llama", {**heads(32, 4096, 32, 8), WINDOW: 4096})
    assert list(window.attention) == ["gqa_window"]
    assert any("keeps every token" in note for note in window.notes)
    keys = next(case[2] for case in CASES if case[0] == "old MLA")
    old = model_of(tmp_path, "deepseek2", keys)
    assert list(old.attention) == ["mla"]
    assert any("every head" in note for note in old.notes)


def test_multi_token_prediction_is_apart(tmp_path: pathlib.Path) -> None:
    """MiMo-V2-Flash: block_count and the arrays include it, and it slides as the array says."""
    keys = {
        **heads(3, 4096, 64, [4, 8, 8], 192),
        "attention.value_length": 128,
        "nextn_predict_layers": 1,
        WINDOW: 128,
        PATTERN: [0, 1, 1],
    }
    model = model_of(tmp_path, "mimo2", keys)
    # 1,000 x 4 x 320 x 2, and 128 x 8 x 320 x 2 for each sliding layer
    assert model.stored(1000) == 2_560_000 + 655_360
    assert model.adapted(Question(mtp=True)).stored(1000) == 2_560_000 + 2 * 655_360


def test_an_encoder_keeps_nothing_and_its_decoder_both(tmp_path: pathlib.Path) -> None:
    """T5: 3 decoder layers, each 8 x (64 + 64) x 2 a token of its own and of the source."""
    keys = {**heads(2, 512, 8, 8, 64), "decoder_block_count": 3}
    model = model_of(tmp_path, "t5", keys).adapted(Question(source_length=10))
    assert model.stored(1000) == 3 * 2048 * (1000 + 10)


@pytest.mark.parametrize(
    ("arch", "keys", "note"),
    [
        ("gemma2", heads(2, 2304, 8, 4), "gemma2.attention.sliding_window 4,096"),
        ("gemma3n", {**heads(35, 2048, 8, 2), WINDOW: 512}, "last 15 layers share"),
        ("llama4", {**heads(4, 512, 4), WINDOW: 4096}, "llama.cpp takes 8,192"),
        ("llama", {**heads(1, 1000, 3)}, "rounded down"),
        ("qwen2", {**heads(1, 1024, 8), "attention.causal": False}, "not causal"),
        ("rwkv6", {**heads(1, 1024, 0), "wkv.head_size": 64}, "RWKV-7"),
        ("newcomer", heads(1, 1024, 8), "'newcomer' is not known; read as plain attention"),
        ("deepseek32", {**latent(1, 8, 512, 64, 192, 128), **INDEX}, "index keys in fp8"),
    ],
)
def test_nothing_is_inferred_in_silence(
    tmp_path: pathlib.Path, arch: str, keys: Keys, note: str
) -> None:
    assert any(note in said for said in model_of(tmp_path, arch, keys).notes)


def test_a_part_of_a_split_model(tmp_path: pathlib.Path) -> None:
    model = model_of(
        tmp_path,
        "llama",
        heads(1, 1024, 8),
        general={"split.count": 3, "split.no": 0},
        tensors=((16, 16),),
    )
    assert model.weight_bytes is None
    assert "one file of 3: the weights' bytes are not known from it alone" in model.notes


LLAMA = heads(2, 1024, 8, 2)
BAD_HEADERS: list[tuple[str, str, Keys, str]] = [
    ("no layers stated", "llama", {"embedding_length": 8}, "llama.block_count is missing"),
    ("no heads stated", "llama", {"block_count": 1}, "llama.attention.head_count is missing"),
    ("zero layers", "llama", {**LLAMA, "block_count": 0}, "block_count is 0; it must be"),
    ("a text", "llama", {**LLAMA, "block_count": "two"}, "block_count is 'two'; it must be"),
    ("below zero", "llama", {**LLAMA, "embedding_length": -8}, "embedding_length is -8"),
    ("no whole number", "llama", {**LLAMA, "block_count": 2.5}, "block_count is 2.5"),
    ("a flag", "llama", {**LLAMA, "attention.head_count": True}, "head_count is True"),
    ("too many", "llama", {**LLAMA, "block_count": 10001}, "is 10,001, more than 10,000"),
    ("a short array", "llama", {**LLAMA, "attention.head_count_kv": [2, 2, 2]},
     "head_count_kv has 3 items for 2 layers: they contradict each other"),
    ("an odd share", "llama", heads(1, 1024, 8, 3), "3 kv_heads (groups) do not divide 8"),
    ("no KV heads", "llama", heads(2, 1024, 8, 0), "head_count_kv leaves no layer that attends"),
    ("no KV heads anywhere", "llama", heads(2, 1024, 8, [0, 0]), "leaves no layer that attends"),
    ("no heads", "llama", heads(2, 1024, 0), "head_count leaves no layer that attends"),
    ("no trunk", "llama", {**LLAMA, "nextn_predict_layers": 2}, "leaves none of 2 layers"),
    ("no window", "gpt-oss", LLAMA, "gpt-oss.attention.sliding_window is missing"),
    ("no pattern", "mimo2", {**LLAMA, WINDOW: 8}, "sliding_window_pattern is missing"),
    ("odd pattern", "mimo2", {**LLAMA, WINDOW: 8, PATTERN: [2, 3]}, "true or false"),
    ("all shared", "gemma4",
     {**LLAMA, WINDOW: 8, PATTERN: [True, False], "attention.shared_kv_layers": 2},
     "none would keep a cache"),
    ("a wrong entry", "deepseek2", {**latent(1, 8, 512, 64, 192, 128), "attention.key_length": 500},
     "key_length is 500; a latent of 512 and 64 for RoPE make 576"),
    ("all RoPE", "deepseek2", latent(1, 8, 512, 64, 64, 128), "more than the 64 of it for RoPE"),
    ("half a latent", "dots3note", {**latent(1, 8, 512, 64, 192, 128), **INDEX},
     "must be an array with an item per layer"),
    ("no list of indexers", "hy_v4", {**latent(2, 8, 512, 64, 192, 128), **INDEX},
     "hy_v4.attention.indexer.types is missing"),
    ("too few ratios", "deepseek4",
     {**heads(2, 1024, 8, 1, 128), "attention.compress_ratios": [0], WINDOW: 8},
     "compress_ratios has 1 items for 2 layers"),
    ("no ratios", "deepseek4", {**heads(2, 1024, 8, 1, 128), WINDOW: 8},
     "deepseek4.attention.compress_ratios is missing"),
    ("an entry without its latent", "dots3note", {**latent(1, 8, 512, 64, 192, 128), **INDEX,
      "attention.indexer.types": [False], "attention.kv_lora_rank_swa": 1024,
      "attention.key_length_swa": 512, "attention.key_length_mla_swa": 256, WINDOW: 8,
      PATTERN: [True]},
     "key_length_swa is 512, which a latent of 1,024 and a RoPE key do not make"),
    ("endless loops", "nanbeige", {**LLAMA, "num_loops": 2**31},
     "num_loops is 2,147,483,648, more than 10,000"),
    ("a router twice", "graniteswitch", {**LLAMA, "nextn_predict_layers": 1},
     "nextn_predict_layers counts the router as a layer of prediction"),
    ("n-grams beside attention", "qwen4exp",
     {**heads(4, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16), **INDEX, "ple.layers": [3]},
     "ple.layers names layer 3, which is no recurrent one"),
    ("no state", "mamba", heads(1, 768, 0), "mamba.ssm.inner_size is missing"),
    ("odd heads", "mamba2", {**heads(1, 768, 0), **ssm(100, 16, 48, 1)},
     "inner_size is 100, which 48 heads do not divide"),
    ("an odd head", "rwkv7", {**heads(1, 1000, 0), "wkv.head_size": 64},
     "head_size is 64, which does not divide the embedding's 1,000"),
    ("an odd ratio", "deepseek4",
     {**heads(1, 1024, 8, 1, 128), "attention.compress_ratios": [7], WINDOW: 8},
     "'ratio 7' layers are not known in deepseek4"),
    ("a stranger", "llama", {**LLAMA, "memory.slots": 4}, "llama.memory.slots is not a key"),
    (
        "a strange stranger",
        "newcomer",
        {**LLAMA, WINDOW: 8, "nextn_predict_layers": 1},
        "'newcomer' is not known, and newcomer.nextn_predict_layers could change the cache",
    ),
    ("an encoder", "bert", LLAMA, "architecture bert is an encoder"),
    ("diffusion", "dream", LLAMA, "architecture dream is a diffusion model"),
    ("a projector", "clip", {}, "architecture clip is the projector of a multimodal model"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "message"), [b[1:] for b in BAD_HEADERS], ids=[b[0] for b in BAD_HEADERS]
)
def test_a_header_that_cannot_be(
    tmp_path: pathlib.Path, arch: str, keys: Keys, message: str
) -> None:
    problems = problems_of(tmp_path, arch, keys)
    assert any(message in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("arch", "more"),
    [
        ("llama", {"block_count": 0}),
        ("llama", {"attention.head_count_kv": [2, 2, 2]}),
        ("llama", {"nextn_predict_layers": 2}),
        ("dflash", {WINDOW: 8}),
    ],
)
def test_a_key_that_no_layer_could_read_is_not_called_unknown(
    tmp_path: pathlib.Path, arch: str, more: Keys
) -> None:
    (problem,) = problems_of(tmp_path, arch, {**LLAMA, **more})
    assert "not a key" not in problem.message


def test_all_problems_come_at_once(tmp_path: pathlib.Path) -> None:
    problems = problems_of(tmp_path, "llama", {"block_count": 2})
    assert {p.message for p in problems} == {
        "llama.attention.head_count is missing",
        "llama.embedding_length is missing",
    }


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("adapter", "the file holds a LoRA adapter"),
        ("imatrix", "the file holds an importance matrix"),
        ("mmproj", "the file holds the projector"),
        ("song", "the file holds 'song' as its general.type says"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: pathlib.Path, kind: str, message: str) -> None:
    problems = problems_of(tmp_path, "llama", LLAMA, general={"general.type": kind})
    assert [message in problem.message for problem in problems] == [True]


def header(*pairs: bytes, version: int = 3, tensors: int = 0, pairs_claimed: int = -1) -> bytes:
    count = len(pairs) if pairs_claimed < 0 else pairs_claimed
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + b"".join(pairs)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


UINT32, STRING, ARRAY = 4, 8, 9
ARCHITECTURE = pair(b"general.architecture", STRING, text(b"llama"))
HUGE = struct.pack("<Q", 2**62)
TENSOR = text(b"w") + struct.pack("<IQIQ", 1, 32, 0, 0)

BAD_FILES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "does not begin with GGUF"),
    ("something else", b"PK\x03\x04" + bytes(100), "does not begin with GGUF"),
    ("the magic alone", b"GGUF", "ends in the middle"),
    ("cut in the counts", header()[:12], "ends in the middle"),
    ("cut in a key", header(ARCHITECTURE)[:40], "ends in the middle"),
    ("cut in a value", header(ARCHITECTURE)[:-1], "ends in the middle"),
    ("cut before a tensor", header(ARCHITECTURE, tensors=1), "ends in the middle"),
    ("version 1", header(version=1), "GGUF version 1, which is no longer read"),
    ("a later version", header(version=4), "GGUF version 4; versions 2 to 3 are read"),
    ("big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian GGUF"),
    ("too many keys", header(pairs_claimed=2**62), "claims more than 5,000 keys"),
    ("too many tensors", header(tensors=2**62), "claims more than 20,000 tensors"),
    ("a key twice", header(ARCHITECTURE, ARCHITECTURE), "stands in it twice"),
    ("a type of its own", header(pair(b"a", 99, b"")), "is of type 99"),
    ("an endless text", header(pair(b"a", STRING, HUGE)), "ends in the middle"),
    ("an endless array", header(pair(b"a", ARRAY, struct.pack("<IQ", UINT32, 2**62))),
     "ends in the middle"),
    ("a long array that is not there",
     header(pair(b"tokenizer.a", ARRAY, struct.pack("<IQ", UINT32, 1000))), "ends in the middle"),
    ("a vocabulary that breaks off",
     header(pair(b"tokenizer.a", ARRAY, struct.pack("<IQ", STRING, 2) + text(b"x"))),
     "ends in the middle"),
    ("a token that breaks off",
     header(pair(b"tokenizer.a", ARRAY, struct.pack("<IQ", STRING, 1) + HUGE)),
     "ends in the middle"),
    ("arrays of arrays", header(pair(b"a", ARRAY, struct.pack("<IQ", ARRAY, 1))),
     "array of 1 arrays"),
    ("an array cut short",
     header(pair(b"a", ARRAY, struct.pack("<IQ", STRING, 1) + text(b"x")[:-1])),
     "ends in the middle"),
    ("a tensor of nine dimensions",
     header(ARCHITECTURE, text(b"w") + struct.pack("<I", 9), tensors=1, pairs_claimed=1),
     "a tensor has 9 dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"), [b[1:] for b in BAD_FILES], ids=[b[0] for b in BAD_FILES]
)
def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.file == str(path)


def test_every_cut_of_a_good_file_is_one_sentence(tmp_path: pathlib.Path) -> None:
    whole = write(tmp_path / "whole.gguf", "llama", {**BASE, **LLAMA}).read_bytes().rstrip(b"\0")
    path = tmp_path / "cut.gguf"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            read(path)
        assert len(caught.value.problems) == 1


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "nowhere.gguf")


def test_a_big_endian_file_as_it_is_written(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "big.gguf", "llama", LLAMA, endianess=gguf.GGUFEndian.BIG)
    with pytest.raises(InputError, match="big-endian GGUF"):
        read(path)


@pytest.mark.parametrize(
    ("pairs", "message", "hint"),
    [
        ((), "general.architecture is missing", "convert"),
        ((pair(b"split.count", UINT32, struct.pack("<I", 3)),), "general.architecture is missing",
         "first part"),
        ((pair(b"general.architecture", UINT32, struct.pack("<I", 3)),),
         "general.architecture is 3; it must be a text", "convert"),
    ],
)  # fmt: skip
def test_a_file_without_an_architecture(
    tmp_path: pathlib.Path, pairs: tuple[bytes, ...], message: str, hint: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(header(*pairs))
    (problem,) = refused(path)
    assert problem.message == message
    assert hint in problem.hint


def test_weights_of_a_type_that_is_not_known(tmp_path: pathlib.Path) -> None:
    keys = {"block_count": 1, "embedding_length": 64, "attention.head_count": 1}
    pairs = [
        pair(f"llama.{key}".encode(), UINT32, struct.pack("<I", value))
        for key, value in keys.items()
    ]
    odd = text(b"v") + struct.pack("<IQIQ", 1, 32, 9999, 0)
    path = tmp_path / "model.gguf"
    path.write_bytes(header(ARCHITECTURE, *pairs, TENSOR, odd, tensors=2, pairs_claimed=4))
    model = read(path)
    assert model.weight_bytes is None
    assert any("weights of type 9999" in note for note in model.notes)


def test_version_2_is_read_as_3_is(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "model.gguf", "llama", {**BASE, **LLAMA})
    content = bytearray(path.read_bytes())
    content[4] = 2
    path.write_bytes(content)
    assert len(read(path).layers) == 2


def test_only_the_header_of_a_large_file_is_read(tmp_path: pathlib.Path) -> None:
    """40 GB of weights and 150,000 tokens with their merges, in much less than a second."""
    tokens = {
        "tokenizer.ggml.tokens": [f"token{n}" for n in range(150_000)],
        "tokenizer.ggml.merges": [f"a{n} b{n}" for n in range(150_000)],
        "tokenizer.ggml.token_type": [1] * 150_000,
    }
    shape = (200_000, 100_000)
    path = write(
        tmp_path / "big.gguf", "llama", {**BASE, **LLAMA}, general=tokens, tensors=(shape,)
    )
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 40_000_000_000)
    start = time.perf_counter()
    model = read(path)
    assert time.perf_counter() - start < 2
    assert model.weight_bytes == 40_000_000_000


def test_without_the_package_the_way_out_is_said(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(InputError, match="needs the gguf package") as caught:
        read(tmp_path / "model.gguf")
    assert caught.value.problems[0].hint == "pip install 'kvcalc[gguf]'"


def test_a_gguf_file_is_known_by_its_first_bytes() -> None:
    assert is_gguf(b"GGUF\x03\0\0\0")
    assert not is_gguf(b"ggjt")
    assert not is_gguf(b"")


def test_an_architecture_stands_in_one_place() -> None:
    assert sum(len(row.types) for row in TABLE) == len(ARCHITECTURES)
    assert not set(ARCHITECTURES) & set(REFUSED)


def test_a_key_that_is_read_is_harmless_nowhere_else() -> None:
    """But for feed-forward widths, dense layers, RoPE and streams, which few caches depend on."""
    both = {key for key in KEYS.values() if is_harmless(key, known=True)}
    few = {"feed_forward_length", "leading_dense_block_count", "rope.dimension_count"}
    assert both == {*few, "hyper_connection.count"}
