"""The bundled models: each loads, says where it comes from, and adds up to what was published."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from fractions import Fraction

import pytest

import kvcalc
from kvcalc.attention import KINDS
from kvcalc.bundle import bundled
from kvcalc.model import Model

AIM = 100
ONLY_IN_USERS_FILES = {"custom"}

UNOPENABLE = re.compile(r"\bfile id\b|\bnot named by the index\b", re.IGNORECASE)
"""What stands where a source is known by an index alone, of which a reader has no copy."""

GDN_CONV_32 = 3 * (2 * 16 * 128 + 32 * 128) * 2
GDN_CONV_48 = 3 * (2 * 16 * 128 + 48 * 128) * 2
GDN_CONV_64 = 3 * (2 * 16 * 128 + 64 * 128) * 2
GDN_CONV_128 = 3 * (2 * 16 * 128 + 128 * 128) * 2

# file, layers, growth and fixed bytes at its default context: KV heads x widths x bytes over the
# layers that still grow, then full windows, chunks, states and encoder keys. The figures are those
# of the published configurations that each file names.
ADDED_UP: list[tuple[str, int, int | Fraction, int]] = [
    ("a.x-k2", 61, 61 * ((512 + 64) * 2 + 128 + 4), 0),
    ("baichuan-m1-14b", 40, 20 * 2 * 2 * 256 * 2,
     20 * 8_192 * 2 * 8 * 128 * 2 + 20 * 2 * 2 * 256 * 2 + 20 * 2 * 8 * 128 * 2),
    ("bloom", 70, 70 * 2 * 112 * 128 * 2, 0),
    ("codellama-34b", 48, 48 * 2 * 8 * 128 * 2, 0),
    ("command-a-03-2025", 64, 16 * 2 * 8 * 128 * 2, 48 * 4_096 * 2 * 8 * 128 * 2),
    ("command-a-plus", 32, 8 * 2 * 8 * 128 * 2, 24 * 4_096 * 2 * 8 * 128 * 2),
    ("command-r-plus", 64, 64 * 2 * 8 * 128 * 2, 0),
    ("command-r-v01", 40, 40 * 2 * 64 * 128 * 2, 0),
    ("command-r7b", 32, 8 * 2 * 8 * 128 * 2, 24 * 4_096 * 2 * 8 * 128 * 2),
    ("deepseek-67b", 95, 95 * 2 * 8 * 128 * 2, 0),
    ("deepseek-r1", 61, 61 * (512 + 64) * 2, 0),
    ("deepseek-v2", 60, 60 * (512 + 64) * 2, 0),
    ("deepseek-v2-lite", 27, 27 * (512 + 64) * 2, 0),
    ("deepseek-v3", 61, 61 * (512 + 64) * 2, 0),
    ("deepseek-v3.1", 61, 61 * (512 + 64) * 2, 0),
    ("deepseek-v3.2", 61, 61 * ((512 + 64) * 2 + 128 + 4), 0),
    ("deepseek-v4-flash", 2 + 21 + 20,
     21 * Fraction(512 * 2 + 128 + 4, 4) + 20 * Fraction(512 * 2, 128), 43 * 128 * 512 * 2),
    ("deepseek-v4-pro", 30 + 31, 30 * Fraction(512 * 2 + 128 + 4, 4) + 31 * Fraction(512 * 2, 128),
     61 * 128 * 512 * 2),
    ("deepseek-v4.1-flash", 40, 3 * Fraction(512 * 2 + 128 + 4, 2) + (512 * 2 + 128 + 4),
     40 * 128 * 512 * 2),
    ("devstral-2-123b", 88, 88 * 2 * 8 * 128 * 2, 0),
    ("devstral-small-2-24b", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("dots.llm1", 62, 62 * 2 * 32 * 128 * 2, 0),
    ("dots3-note", 46, 13 * ((512 + 64) * 2 + 128 + 4), 33 * 513 * (1_024 + 64) * 2),
    ("ernie-4.5-21b-a3b", 28, 28 * 2 * 4 * 128 * 2, 0),
    ("exaone-4.0-32b", 64, 16 * 2 * 8 * 128 * 2, 48 * 4_096 * 2 * 8 * 128 * 2),
    ("exaone-4.5-33b", 64, 16 * 2 * 8 * 128 * 2, 48 * 4_096 * 2 * 8 * 128 * 2),
    ("falcon-40b", 60, 60 * 2 * 8 * 64 * 2, 0),
    ("falcon-7b", 32, 32 * 2 * 1 * 64 * 2, 0),
    ("falcon-h1-7b", 44, 44 * 2 * 2 * 128 * 2,
     44 * (24 * 128 * 256 * 4 + 3 * (24 * 128 + 2 * 256) * 2)),
    ("gemma-2-27b", 46, 23 * 2 * 16 * 128 * 2, 23 * 4_096 * 2 * 16 * 128 * 2),
    ("gemma-2-2b", 26, 13 * 2 * 4 * 256 * 2, 13 * 4_096 * 2 * 4 * 256 * 2),
    ("gemma-2-9b", 42, 21 * 2 * 8 * 256 * 2, 21 * 4_096 * 2 * 8 * 256 * 2),
    ("gemma-3-12b", 48, 8 * 2 * 8 * 256 * 2, 40 * 1_024 * 2 * 8 * 256 * 2),
    ("gemma-3-1b", 26, 4 * 2 * 1 * 256 * 2, 22 * 512 * 2 * 1 * 256 * 2),
    ("gemma-3-27b", 62, 10 * 2 * 16 * 128 * 2, 52 * 1_024 * 2 * 16 * 128 * 2),
    ("gemma-3-4b", 34, 5 * 2 * 4 * 256 * 2, 29 * 1_024 * 2 * 4 * 256 * 2),
    ("gemma-3n-e4b", 35, 4 * 2 * 2 * 256 * 2, 16 * 512 * 2 * 2 * 256 * 2),
    ("gemma-4-12b", 48, 8 * 2 * 1 * 512 * 2, 40 * 1_024 * 2 * 8 * 256 * 2),
    ("gemma-4-26b-a4b", 30, 5 * 2 * 2 * 512 * 2, 25 * 1_024 * 2 * 8 * 256 * 2),
    ("gemma-4-31b", 60, 10 * 2 * 4 * 512 * 2, 50 * 1_024 * 2 * 16 * 256 * 2),
    ("gemma-4-e2b", 35, 3 * 2 * 1 * 512 * 2, 12 * 512 * 2 * 1 * 256 * 2),
    ("gemma-4-e4b", 42, 4 * 2 * 2 * 512 * 2, 20 * 512 * 2 * 2 * 256 * 2),
    ("glm-4.5", 92, 92 * 2 * 8 * 128 * 2, 0),
    ("glm-4.5-air", 46, 46 * 2 * 8 * 128 * 2, 0),
    ("glm-4.7", 92, 92 * 2 * 8 * 128 * 2, 0),
    ("glm-4.7-flash", 47, 47 * (512 + 64) * 2, 0),
    ("glm-5", 78, 78 * ((512 + 64) * 2 + 128 + 4), 0),
    ("glm-5.1", 78, 78 * ((512 + 64) * 2 + 128 + 4), 0),
    ("glm-5.2", 78, 78 * (512 + 64) * 2 + 21 * (128 + 4), 0),
    ("glm-5.3", 78, 78 * (512 + 64) * 2 + 21 * (128 + 4), 0),
    ("glm-5.3-flash", 34 + 11, 11 * (512 * 2 + (128 + 4) // 4),
     34 * (64 * 128 * 128 * 4 + 3 * 3 * 64 * 128 * 2)),
    ("gpt-oss-120b", 36, 18 * 2 * 8 * 64 * 2, 18 * 128 * 2 * 8 * 64 * 2),
    ("gpt-oss-20b", 24, 12 * 2 * 8 * 64 * 2, 12 * 128 * 2 * 8 * 64 * 2),
    ("gpt2", 12, 12 * 2 * 12 * 64 * 4, 0),
    ("granite-4.0-h-small", 36 + 4, 4 * 2 * 8 * 128 * 2,
     36 * (128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 128) * 2)),
    ("granite-4.1-8b", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("hunyuan-large", 64, 32 * 2 * 8 * 80 * 2, 0),
    ("hy3", 80, 80 * 2 * 8 * 128 * 2, 0),
    ("hy4-preview", 78, 78 * (512 + 64) * 2 + 21 * (128 + 4), 0),
    ("inkling", 66, 11 * 2 * 8 * 128 * 2,
     55 * 512 * 2 * 16 * 128 * 2 + 55 * 3 * (2 * 16 * 128 + 2 * 6_144) * 2
     + 11 * 3 * (2 * 8 * 128 + 2 * 6_144) * 2),
    ("inkling-2-mini", 12 + 3 * 12, 8 * 2 * 8 * 128 * 2,
     40 * 1_024 * 2 * 8 * 128 * 2 + 48 * 3 * (2 * 8 * 128 + 2 * 2_304) * 2),
    ("inkling-2-small", 48, 8 * 2 * 8 * 128 * 2,
     40 * 1_024 * 2 * 8 * 128 * 2 + 48 * 3 * (2 * 8 * 128 + 2 * 4_608) * 2),
    ("inkling-small", 42, 7 * 2 * 8 * 128 * 2,
     35 * 512 * 2 * 8 * 128 * 2 + 42 * 3 * (2 * 8 * 128 + 2 * 4_096) * 2),
    ("internlm2.5-7b", 32, 32 * 2 * 8 * 128 * 2, 0),
    ("jamba-1.5-large", 72, 9 * 2 * 8 * 128 * 2, 63 * (16_384 * 16 * 4 + 3 * 16_384 * 2)),
    ("jamba-1.5-mini", 32, 4 * 2 * 8 * 128 * 2, 28 * (8_192 * 16 * 4 + 3 * 8_192 * 2)),
    ("kimi-k2", 61, 61 * (512 + 64) * 2, 0),
    ("kimi-k2.5", 61, 61 * (512 + 64) * 2, 0),
    ("kimi-k2.6", 61, 61 * (512 + 64) * 2, 0),
    ("kimi-k2.7-code", 61, 61 * (512 + 64) * 2, 0),
    ("kimi-k3", 69 + 24, 24 * (512 + 64) * 2, 69 * (96 * 128 * 128 * 4 + 3 * 3 * 96 * 128 * 2)),
    ("kimi-linear-48b", 20 + 7, 7 * (512 + 64) * 2,
     20 * (32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2)),
    ("kolibri-1", 50, 10 * 2 * 4 * 128 * 2, 40 * 513 * 2 * 4 * 128 * 2),
    ("laguna-s-2.1-fp8", 48, 12 * 2 * 8 * 128 * 1, 36 * 512 * 2 * 8 * 128 * 1),
    ("lfm2-1.2b", 10 + 6, 6 * 2 * 8 * 64 * 2, 10 * 2 * 2_048 * 2),
    ("ling-3.0-flash", 35 + 7, 7 * (512 + 64) * 2,
     35 * (32 * 128 * 128 * 4 + 3 * 3 * 32 * 128 * 2)),
    ("llama-2-7b", 32, 32 * 2 * 32 * 128 * 2, 0),
    ("llama-3-70b", 80, 80 * 2 * 8 * 128 * 2, 0),
    ("llama-3.1-405b", 126, 126 * 2 * 8 * 128 * 2, 0),
    ("llama-3.1-70b", 80, 80 * 2 * 8 * 128 * 2, 0),
    ("llama-3.1-8b", 32, 32 * 2 * 8 * 128 * 2, 0),
    ("llama-3.2-1b", 16, 16 * 2 * 8 * 64 * 2, 0),
    ("llama-3.2-3b", 28, 28 * 2 * 8 * 128 * 2, 0),
    ("llama-3.3-70b", 80, 80 * 2 * 8 * 128 * 2, 0),
    ("llama-4-maverick", 48, 12 * 2 * 8 * 128 * 2, 36 * 8_192 * 2 * 8 * 128 * 2),
    ("llama-4-scout", 48, 12 * 2 * 8 * 128 * 2, 36 * 8_192 * 2 * 8 * 128 * 2),
    ("longcat-flash", 28, 28 * 2 * (512 + 64) * 2, 0),
    ("longcat-flash-lite-sparse", 14, 14 * 2 * (512 + 64) * 2 + 14 * (128 + 4), 0),
    ("mamba2-2.7b", 64, 0, 64 * (80 * 64 * 128 * 4 + 3 * (80 * 64 + 2 * 128) * 2)),
    ("mimo-7b", 36, 36 * 2 * 8 * 128 * 2, 0),
    ("mimo-v2-flash", 9 + 39, 9 * 4 * (192 + 128) * 2, 39 * 128 * 8 * (192 + 128) * 2),
    ("mimo-v2.5", 9 + 39, 9 * 4 * (192 + 128) * 2, 39 * 128 * 8 * (192 + 128) * 2),
    ("mimo-v2.5-pro", 10 + 60, 10 * 8 * (192 + 128) * 2, 60 * 128 * 8 * (192 + 128) * 2),
    ("minicpm3-4b", 62, 62 * (256 + 32) * 2, 0),
    ("minimax-m1-80k", 70 + 10, 10 * 2 * 8 * 128 * 2, 70 * 64 * 128 * 128 * 4),
    ("minimax-m2", 62, 62 * 2 * 8 * 128 * 2, 0),
    ("minimax-m2.5", 62, 62 * 2 * 8 * 128 * 2, 0),
    ("minimax-m2.7", 62, 62 * 2 * 8 * 128 * 2, 0),
    ("minimax-m3", 60, 60 * 2 * 4 * 128 * 2 + 57 * 128 * 2, 0),
    ("minimax-text-01", 70 + 10, 10 * 2 * 8 * 128 * 2, 70 * 64 * 128 * 128 * 4),
    ("ministral-3-3b", 26, 26 * 2 * 8 * 128 * 2, 0),
    ("ministral-8b-2410", 36, 9 * 2 * 8 * 128 * 2, 27 * 32_768 * 2 * 8 * 128 * 2),
    ("mistral-7b-v0.1", 32, 0, 32 * 4_096 * 2 * 8 * 128 * 2),
    ("mistral-large-3", 61, 61 * (512 + 64) * 2, 0),
    ("mistral-nemo", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("mistral-small-3-24b", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("mistral-small-3.2-24b", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("mistral-small-4", 36, 36 * (256 + 64) * 2, 0),
    ("mixtral-8x22b", 56, 56 * 2 * 8 * 128 * 2, 0),
    ("mixtral-8x7b", 32, 32 * 2 * 8 * 128 * 2, 0),
    ("mpt-7b", 32, 32 * 2 * 32 * 128 * 2, 0),
    ("muse-glimmer-30b", 39 + 13, 13 * 2 * 2 * 128 * 2, 39 * 2_048 * 2 * 2 * 128 * 2),
    ("muse-spark-816b", 46 + 16, 16 * 2 * 16 * 64 * 2, 46 * 2_048 * 2 * 16 * 64 * 2),
    ("nemotron-3-nano-30b", 23 + 23 + 6, 6 * 2 * 2 * 128 * 2,
     23 * (64 * 64 * 128 * 4 + 3 * (64 * 64 + 2 * 8 * 128) * 2)),
    ("nemotron-3-super-120b-fp8", 40 + 40 + 8, 8 * 2 * 2 * 128 * 2,
     40 * (128 * 64 * 128 * 4 + 3 * (128 * 64 + 2 * 8 * 128) * 2)),
    ("nemotron-3-ultra-550b", 48 + 48 + 12, 12 * 2 * 2 * 128 * 2,
     48 * (256 * 64 * 128 * 4 + 3 * (256 * 64 + 2 * 8 * 128) * 2)),
    ("nemotron-3.5-lightning-30b", 23 + 23 + 6, 6 * 2 * 2 * 128 * 2,
     23 * (64 * 64 * 128 * 4 + 3 * (64 * 64 + 2 * 8 * 128) * 2)),
    ("nemotron-h-56b", 54 + 54 + 10, 10 * 2 * 8 * 128 * 2,
     54 * (256 * 64 * 256 * 4 + 3 * (256 * 64 + 2 * 8 * 256) * 2)),
    ("nemotron-super-49b", 49 + 31, 49 * 2 * 8 * 128 * 2, 0),
    ("olmo-2-32b", 64, 64 * 2 * 8 * 128 * 4, 0),
    ("olmo-3-7b", 32, 8 * 2 * 32 * 128 * 2, 24 * 4_096 * 2 * 32 * 128 * 2),
    ("olmo-3.1-32b", 64, 16 * 2 * 8 * 128 * 2, 48 * 4_096 * 2 * 8 * 128 * 2),
    ("opt-66b", 64, 64 * 2 * 72 * 128 * 2, 0),
    ("phi-2", 32, 32 * 2 * 32 * 80 * 2, 0),
    ("phi-3-mini-4k", 32, 0, 32 * 2_047 * 2 * 32 * 96 * 2),
    ("phi-3.5-mini", 32, 32 * 2 * 32 * 96 * 2, 0),
    ("phi-4", 40, 40 * 2 * 10 * 128 * 2, 0),
    ("phi-4-mini", 32, 32 * 2 * 8 * 128 * 2, 0),
    ("phi-4-mini-flash", 32, 1 * 2 * 20 * 64 * 2,
     8 * 512 * 2 * 20 * 64 * 2 + 9 * (5_120 * 16 * 4 + 3 * 5_120 * 2)),
    ("phi-4-reasoning", 40, 40 * 2 * 10 * 128 * 2, 0),
    ("qwen2.5-0.5b", 24, 24 * 2 * 2 * 64 * 2, 0),
    ("qwen2.5-1.5b", 28, 28 * 2 * 2 * 128 * 2, 0),
    ("qwen2.5-14b", 48, 48 * 2 * 8 * 128 * 2, 0),
    ("qwen2.5-32b", 64, 64 * 2 * 8 * 128 * 2, 0),
    ("qwen2.5-3b", 36, 36 * 2 * 2 * 128 * 2, 0),
    ("qwen2.5-72b", 80, 80 * 2 * 8 * 128 * 2, 0),
    ("qwen2.5-7b", 28, 28 * 2 * 4 * 128 * 2, 0),
    ("qwen3-0.6b", 28, 28 * 2 * 8 * 128 * 2, 0),
    ("qwen3-1.7b", 28, 28 * 2 * 8 * 128 * 2, 0),
    ("qwen3-14b", 40, 40 * 2 * 8 * 128 * 2, 0),
    ("qwen3-235b-a22b", 94, 94 * 2 * 4 * 128 * 2, 0),
    ("qwen3-30b-a3b", 48, 48 * 2 * 4 * 128 * 2, 0),
    ("qwen3-32b", 64, 64 * 2 * 8 * 128 * 2, 0),
    ("qwen3-4b", 36, 36 * 2 * 8 * 128 * 2, 0),
    ("qwen3-8b", 36, 36 * 2 * 8 * 128 * 2, 0),
    ("qwen3-coder-30b-a3b", 48, 48 * 2 * 4 * 128 * 2, 0),
    ("qwen3-coder-480b-a35b", 62, 62 * 2 * 8 * 128 * 2, 0),
    ("qwen3-coder-next", 36 + 12, 12 * 2 * 2 * 256 * 2, 36 * (32 * 128 * 128 * 4 + GDN_CONV_32)),
    ("qwen3-next-80b-a3b", 36 + 12, 12 * 2 * 2 * 256 * 2, 36 * (32 * 128 * 128 * 4 + GDN_CONV_32)),
    ("qwen3-vl-235b-a22b", 94, 94 * 2 * 4 * 128 * 2, 0),
    ("qwen3-vl-30b-a3b", 48, 48 * 2 * 4 * 128 * 2, 0),
    ("qwen3-vl-32b", 64, 64 * 2 * 8 * 128 * 2, 0),
    ("qwen3-vl-8b", 36, 36 * 2 * 8 * 128 * 2, 0),
    ("qwen3.5-122b-a10b", 36 + 12, 12 * 2 * 2 * 256 * 2, 36 * (64 * 128 * 128 * 4 + GDN_CONV_64)),
    ("qwen3.5-27b", 48 + 16, 16 * 2 * 4 * 256 * 2, 48 * (48 * 128 * 128 * 4 + GDN_CONV_48)),
    ("qwen3.5-35b-a3b", 30 + 10, 10 * 2 * 2 * 256 * 2, 30 * (32 * 128 * 128 * 4 + GDN_CONV_32)),
    ("qwen3.5-397b-a17b", 45 + 15, 15 * 2 * 2 * 256 * 2, 45 * (64 * 128 * 128 * 4 + GDN_CONV_64)),
    ("qwen3.5-9b", 24 + 8, 8 * 2 * 4 * 256 * 2, 24 * (32 * 128 * 128 * 4 + GDN_CONV_32)),
    ("qwen3.6-27b", 48 + 16, 16 * 2 * 4 * 256 * 2, 48 * (48 * 128 * 128 * 4 + GDN_CONV_48)),
    ("qwen3.6-35b-a3b", 30 + 10, 10 * 2 * 2 * 256 * 2, 30 * (32 * 128 * 128 * 4 + GDN_CONV_32)),
    ("qwen3.8-2.4t-a95b", 69 + 23, 23 * 2 * 4 * 256 * 2, 69 * (128 * 128 * 128 * 4 + GDN_CONV_128)),
    ("qwen3.8-27b", 48 + 16, 16 * 2 * 4 * 256 * 2, 48 * (48 * 128 * 128 * 4 + GDN_CONV_48)),
    ("recurrentgemma-2b", 18 + 8, 0,
     8 * 2_048 * 2 * 1 * 256 * 2 + 18 * (2_560 * 4 + 3 * 2_560 * 2)),
    ("rwkv7-2.9b", 32, 0, 32 * (40 * 64 * 64 * 4 + 2 * 2_560 * 2)),
    ("seed-oss-36b", 64, 64 * 2 * 8 * 128 * 2, 0),
    ("smollm3-3b", 36, 36 * 2 * 4 * 128 * 2, 0),
    ("starcoder-15b", 40, 40 * 2 * 1 * 128 * 2, 0),
    ("starcoder2-7b", 32, 0, 32 * 4_096 * 2 * 4 * 128 * 2),
    ("starcoderbase-1b", 24, 24 * 2 * 1 * 128 * 4, 0),
    ("step-3", 61, 61 * (256 + 256) * 2, 0),
    ("step-3.7-flash", 12 + 33, 12 * 2 * 8 * 128 * 2, 33 * 512 * 2 * 8 * 128 * 2),
    ("t5-small", 6, 6 * 2 * 8 * 64 * 4, 6 * 512 * 2 * 8 * 64 * 4),
    ("whisper-large-v3", 32, 32 * 2 * 20 * 64 * 2, 32 * 1_500 * 2 * 20 * 64 * 2),
    ("xlstm-7b", 32, 0, 32 * 8 * (256 * 512 + 256 + 1) * 4),
    ("yi-34b", 60, 60 * 2 * 8 * 128 * 2, 0),
    ("zamba2-2.7b", 54, 9 * 2 * 32 * 160 * 2, 54 * (80 * 64 * 64 * 4 + 3 * (80 * 64 + 2 * 64) * 2)),
]  # fmt: skip


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: kvcalc.load(name) for name in bundled()}


def test_there_are_as_many_models_as_promised(models: dict[str, Model]) -> None:
    assert len(models) >= AIM


@pytest.mark.parametrize(("name", "layers", "growth", "fixed"), ADDED_UP)
def test_layers_add_up_to_what_was_published(
    models: dict[str, Model], name: str, layers: int, growth: int | Fraction, fixed: int
) -> None:
    model = models[name]
    assert len(model.layers) == layers
    assert model.growth(model.default_context) == growth
    assert model.fixed(model.default_context) == fixed


@pytest.mark.parametrize("name", bundled())
def test_a_file_answers_every_question(name: str, models: dict[str, Model]) -> None:
    model = models[name]
    assert kvcalc.show(model).stored > 0
    assert kvcalc.compare(model).rows


@pytest.mark.parametrize("name", bundled())
def test_a_file_names_its_sources(name: str, models: dict[str, Model]) -> None:
    model = models[name]
    assert model.vendor
    assert model.max_context
    assert model.confidence in ("published", "reconstructed")
    assert model.sources
    for source in model.sources:
        assert source.origin
        assert source.says
        read = datetime.date.fromisoformat(source.read)
        assert datetime.date(2026, 1, 1) <= read <= datetime.date.today()


def test_sources_are_told_apart(models: dict[str, Model]) -> None:
    for model in models.values():
        assert len(set(model.sources)) == len(model.sources), model.name


def test_sources_are_named_by_where_a_reader_can_open_them(models: dict[str, Model]) -> None:
    sources = {source for model in models.values() for source in model.sources}
    said = {f"{source.origin}: {source.says}" for source in sources}
    assert sorted(source for source in said if UNOPENABLE.search(source)) == []


def test_files_are_named_by_slugs_that_differ(models: dict[str, Model]) -> None:
    assert [name for name in models if not re.fullmatch(r"[a-z0-9]+(?:[-.][a-z0-9]+)*", name)] == []
    letters = Counter(re.sub(r"[^a-z0-9]", "", name) for name in models)
    assert [name for name, files in letters.items() if files > 1] == []


def test_models_are_called_differently(models: dict[str, Model]) -> None:
    names = Counter(model.name.casefold() for model in models.values())
    assert [name for name, files in names.items() if files > 1] == []


def test_every_kind_is_used_by_a_model_that_ships(models: dict[str, Model]) -> None:
    used = {scheme.kind for model in models.values() for scheme in model.attention.values()}
    assert set(KINDS) - used == ONLY_IN_USERS_FILES


def test_every_model_says_how_large_its_weights_are(models: dict[str, Model]) -> None:
    sizes = {name: model.parameters or model.weight_bytes for name, model in models.items()}
    assert [name for name, size in sizes.items() if not size] == []


def test_a_repository_stands_in_one_file(models: dict[str, Model]) -> None:
    stands = Counter(name.casefold() for model in models.values() for name in model.hub)
    assert [name for name, files in stands.items() if files > 1] == []


def test_facts_about_weights_are_sane_where_they_are_given(models: dict[str, Model]) -> None:
    for model in models.values():
        if model.parameters and model.active_parameters:
            assert model.active_parameters < model.parameters, model.name
        if model.parameters and model.weight_bytes:
            bits = Fraction(8 * model.weight_bytes, model.parameters)
            assert 2 <= bits <= 33, model.name
