"""Schemes that no shipped model uses: written tensor by tensor, held to their papers' figures."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import InputError
from kvcalc.figures import parse_figure
from tests.problems import Wrong, must_tell

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

GTA_GLA = "Zadouri et al. 2025, arXiv 2505.21487, table 5: bytes a token, one layer of 1.471B, TP 1"

MHA_16 = """\
name: MHA, 16 heads of 128
heads: 16
head_dim: 128
layers: 1
dtype: bf16
attention: { kind: mha }
"""

GTA_4 = """\
name: GTA-4, four tied KV heads
heads: 16
head_dim: 128
layers: 1
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: tied_kv, role: k, heads: 4, width: 128 }
    - { name: rope_key, role: rope, width: 64 }
"""

GLA_2 = """\
name: GLA-2, two latent heads
heads: 16
head_dim: 128
layers: 1
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: latent, role: latent, heads: 2, width: 256 }
    - { name: rope_key, role: rope, width: 64 }
"""


@pytest.mark.parametrize(
    ("text", "by_hand", "printed"),
    [
        (MHA_16, 2 * 16 * 128 * 2, 8_192),
        (GTA_4, (4 * 128 + 1 * 128 // 2) * 2, 1_152),
        (GLA_2, (2 * 2 * 128 + 64) * 2, 1_152),
    ],
    ids=["mha", "gta", "gla"],
)
def test_grouped_tied_and_grouped_latent_attention(
    model_file: ModelFile, text: str, by_hand: int, printed: int
) -> None:
    answer = kvcalc.show(model_file(text), 1_000)
    assert answer.growth == by_hand == printed, GTA_GLA
    assert answer.stored == answer.read == 1_000 * printed, GTA_GLA


def test_gta_stands_beside_grouped_queries_as_the_paper_sets_them(model_file: ModelFile) -> None:
    rows = {row.scheme: row for row in kvcalc.compare(model_file(GTA_4), context=1_000).rows}
    assert rows["mha"].growth == 8_192, GTA_GLA
    assert rows["custom"].growth == 1_152, GTA_GLA
    asked = model_file(GTA_4 + "compare: { gqa: { groups: 4 } }\n", "gqa.yaml")
    rows = {row.scheme: row for row in kvcalc.compare(asked, context=1_000).rows}
    assert rows["gqa"].growth == 2 * 4 * 128 * 2 == 2_048, GTA_GLA


TPA = """\
name: TPA, ranks {rank} and {rank}
heads: {heads}
head_dim: 64
layers: {layers}
dtype: bf16
attention:
  kind: custom
  tensors:
    - {{ name: key_head_factors, role: k, heads: {rank}, width: {heads} }}
    - {{ name: key_token_factors, role: k, heads: {rank}, width: 64 }}
    - {{ name: value_head_factors, role: v, heads: {rank}, width: {heads} }}
    - {{ name: value_token_factors, role: v, heads: {rank}, width: 64 }}
"""


@pytest.mark.parametrize(
    ("heads", "rank", "layers", "elements", "source"),
    [
        (78, 2, 48, (2 + 2) * (78 + 64), "tables 1, 9 and 10: XL, 48 layers, h = 78, ranks 2"),
        (34, 2, 12, (2 + 2) * (34 + 64), "tables 1, 9 and 10: small, 12 layers, h = 34, ranks 2"),
        (32, 1, 1, (1 + 1) * (32 + 64), "section 6.2: 32 heads of 64, ranks 1"),
    ],
)
def test_tensor_product_attention_stores_its_factors(
    model_file: ModelFile, heads: int, rank: int, layers: int, elements: int, source: str
) -> None:
    answer = kvcalc.show(model_file(TPA.format(heads=heads, rank=rank, layers=layers)), 1_000)
    assert answer.growth == layers * elements * 2, f"arXiv 2501.06425, {source}"


def test_tensor_product_attention_by_the_papers_ratio(model_file: ModelFile) -> None:
    path = model_file(TPA.format(heads=32, rank=1, layers=1))
    rows = {row.scheme: row for row in kvcalc.compare(path, context=1_000).rows}
    ratio = Fraction((1 + 1) * (32 + 64), 2 * 32 * 64)
    assert rows["custom"].ratio == 1 / ratio == Fraction(64, 3), "arXiv 2501.06425, section 3.3"


SINKS = """\
name: Llama-2-13B with attention sinks
heads: 40
head_dim: 128
layers: 40
dtype: fp16
attention:
  kind: custom
  tensors:
    - { name: first_4_and_last_1020_keys, role: k, heads: 40, width: 128, window: 1024 }
    - { name: first_4_and_last_1020_values, role: v, heads: 40, width: 128, window: 1024 }
"""

SINKS_APART = """\
name: The same, the sinks apart
heads: 40
head_dim: 128
layers: 40
dtype: fp16
attention:
  kind: custom
  tensors:
    - { name: first_keys, role: k, heads: 40, width: 128, window: 4 }
    - { name: first_values, role: v, heads: 40, width: 128, window: 4 }
    - { name: recent_keys, role: k, heads: 40, width: 128, window: 1020 }
    - { name: recent_values, role: v, heads: 40, width: 128, window: 1020 }
"""

WINDOW = """\
name: The same, a window without sinks
heads: 40
head_dim: 128
layers: 40
dtype: fp16
attention: { kind: mha, window: 1024 }
"""

STREAMING = "StreamingLLM, arXiv 2309.17453, table 1: 4 + 1020 tokens where a window keeps 0 + 1024"


@pytest.mark.parametrize(
    ("context", "kept", "growth"),
    [
        (3, 3, 819_200),
        (5, 5, 819_200),
        (1_023, 1_023, 819_200),
        (1_024, 4 + 1_020, 0),
        (65_000, 4 + 1_020, 0),
    ],
)
def test_attention_sinks_keep_the_first_tokens_and_the_last(
    model_file: ModelFile, context: int, kept: int, growth: int
) -> None:
    token = 40 * 2 * 40 * 128 * 2
    answer = kvcalc.show(model_file(SINKS), context)
    window = kvcalc.show(model_file(WINDOW, "window.yaml"), context)
    assert answer.stored == answer.read == kept * token, STREAMING
    assert answer.growth == growth, STREAMING
    assert answer.stored == window.stored, STREAMING


def test_attention_sinks_written_apart_from_the_window(model_file: ModelFile) -> None:
    answer = kvcalc.show(model_file(SINKS_APART), 65_000)
    assert answer.stored == (4 + 1_020) * 40 * 2 * 40 * 128 * 2 == 838_860_800, STREAMING
    assert answer.growth == 0, STREAMING
    assert answer.fixed == answer.stored, STREAMING


NSA = """\
name: NSA 27B
heads: 64
head_dim: 128
layers: 30
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: compressed_k, role: k, heads: 4, width: 192, every: { stride: 16, first: 32 } }
    - { name: compressed_v, role: v, heads: 4, width: 128, every: { stride: 16, first: 32 } }
    - { name: selected_k, role: k, heads: 4, width: 192, reads: { top_k: 1024 } }
    - { name: selected_v, role: v, heads: 4, width: 128, reads: { top_k: 1024 } }
    - { name: recent_k, role: k, heads: 4, width: 192, window: 512 }
    - { name: recent_v, role: v, heads: 4, width: 128, window: 512 }
"""

NSA_PAPER = (
    "arXiv 2502.11089, section 4.1: 4 groups, K 192, V 128, blocks of 32 every 16, "
    "16 selected blocks of 64, a window of 512"
)
NSA_TOKEN = 30 * 4 * (192 + 128) * 2


@pytest.mark.parametrize(
    ("context", "read", "stored", "printed", "speedup"),
    [
        (8_192, 511 + 16 * 64 + 512, 511 + 8_192 + 512, 2_048, "4x"),
        (16_384, 1_023 + 16 * 64 + 512, 1_023 + 16_384 + 512, 2_560, "6.4x"),
        (32_768, 2_047 + 16 * 64 + 512, 2_047 + 32_768 + 512, 3_584, "9.1x"),
        (65_536, 4_095 + 16 * 64 + 512, 4_095 + 65_536 + 512, 5_632, "11.6x"),
    ],
)
def test_the_three_branches_of_native_sparse_attention(
    model_file: ModelFile, context: int, read: int, stored: int, printed: int, speedup: str
) -> None:
    answer = kvcalc.show(model_file(NSA), context)
    assert answer.read == read * NSA_TOKEN, NSA_PAPER
    assert answer.stored == stored * NSA_TOKEN, "section 3.3.3: keys and values of its own each"
    # table 4 counts s / d compressed tokens, equation 7 gives floor((s - l) / d) + 1, one less
    assert printed - read == context // 16 - (1 + (context - 32) // 16) == 1
    assert parse_figure(speedup).holds(Fraction(context, read)), "table 4, expected speedup"


@pytest.mark.parametrize(("context", "compressed"), [(31, 0), (32, 1), (47, 1), (48, 2), (512, 31)])
def test_compressed_blocks_of_native_sparse_attention(
    model_file: ModelFile, context: int, compressed: int
) -> None:
    answer = kvcalc.show(model_file(NSA), context)
    by_name = {line.settled.tensor.name: line.entries for line in answer.lines}
    assert by_name["compressed_k"] == by_name["compressed_v"] == compressed, "equation 7"
    assert by_name["recent_k"] == by_name["selected_k"] == context
    assert answer.read == answer.stored == (compressed + 2 * context) * NSA_TOKEN


KIVI = """\
name: {name}
heads: {heads}
head_dim: {width}
layers: 32
dtype: fp16
attention:
  kind: custom
  tensors:
    - {{ name: k, role: k, heads: {kept}, width: {width}, dtype: {dtype}, beyond: 128 }}
    - {{ name: recent_k, role: k, heads: {kept}, width: {width}, window: 128 }}
    - {{ name: v, role: v, heads: {kept}, width: {width}, dtype: {dtype}, beyond: 128 }}
    - {{ name: recent_v, role: v, heads: {kept}, width: {width}, window: 128 }}
"""
LLAMA = KIVI.format(name="Llama-2-7B, KIVI-2", heads=32, kept=32, width=128, dtype="int2")
LLAMA_4BIT = KIVI.format(name="Llama-2-7B, KIVI-4", heads=32, kept=32, width=128, dtype="int4")
FALCON_4BIT = KIVI.format(name="Falcon-7B, KIVI-4", heads=71, kept=1, width=64, dtype="int4")

KIVI_PAPER = (
    "arXiv 2402.02750, sections 3.1, 3.3 and 4.1: groups of 32 with a scale and a zero point each, "
    "a queue of the last 128 values, and at most as many keys, in full precision"
)


@pytest.mark.parametrize(
    ("text", "heads", "packed", "full"),
    [
        (LLAMA, 32, 128 * 2 // 8 + 128 // 32 * (2 + 2), 128 * 2),
        (LLAMA_4BIT, 32, 128 * 4 // 8 + 128 // 32 * (2 + 2), 128 * 2),
        (FALCON_4BIT, 1, 64 * 4 // 8 + 64 // 32 * (2 + 2), 64 * 2),
    ],
    ids=["llama-2-7b int2", "llama-2-7b int4", "falcon-7b int4"],
)
@pytest.mark.parametrize(
    ("context", "far", "near"), [(1, 0, 1), (128, 0, 128), (129, 1, 128), (4_096, 3_968, 128)]
)
def test_kivi_keeps_the_last_tokens_at_full_precision(
    model_file: ModelFile,
    text: str,
    heads: int,
    packed: int,
    full: int,
    context: int,
    far: int,
    near: int,
) -> None:
    answer = kvcalc.show(model_file(text), context)
    side = 32 * 2 * heads
    assert answer.stored == answer.read == side * (far * packed + near * full), KIVI_PAPER
    assert answer.growth == side * (full if context < 128 else packed), KIVI_PAPER
    assert answer.fixed == (0 if context < 128 else side * near * full), KIVI_PAPER


def test_kivi_as_a_dtype_counts_no_residual() -> None:
    answer = kvcalc.show("llama-2-7b", 4_096, kv_dtype="int2")
    assert answer.growth == 32 * 2 * 32 * (128 * 2 // 8 + 4 * 4) == 98_304, KIVI_PAPER
    plain = kvcalc.show("llama-2-7b", 4_096)
    # 2 bits and 32 bits per group of 32 are 3 bits an element
    assert Fraction(plain.stored, answer.stored) == Fraction(16, 3)


QWEN3_8B = """\
name: Qwen3-8B with sinks
heads: 32
head_dim: 128
layers: 36
dtype: bf16
attention: { kind: gqa, kv_heads: 8, window: 2048, sink: 4 }
"""


def test_four_sinks_and_a_window_against_all_tokens(model_file: ModelFile) -> None:
    rows = kvcalc.compare("qwen3-8b", model_file(QWEN3_8B), context=16_384, metric="read").rows
    per_token = 36 * 2 * 8 * 128 * 2
    assert [row.read for row in rows] == [16_384 * per_token, (2_048 + 4) * per_token]
    assert [row.stored for row in rows] == [16_384 * per_token, 2_052 * per_token]
    assert rows[1].ratio == Fraction(16_384, 2_052)
    assert parse_figure("7.98x").holds(Fraction(16_384, 2_052))


def test_a_model_with_sinks_is_shown_and_named_like_one_with_a_window(
    model_file: ModelFile, cli: Cli
) -> None:
    path = model_file(QWEN3_8B)
    out = cli("show", path, "-c", "16384", "--explain", "--metric", "stored").out
    assert "36 layers x (min(T, 2,048 + 4) = 2,052) x (8 heads x 128 x 2 = 2,048 B)" in out
    rows = kvcalc.compare(path, context=16_384).rows
    assert (rows[-1].scheme, rows[-1].native) == ("native", True)
    assert rows[-1].growth == 0


def test_a_what_if_may_have_sinks(model_file: ModelFile) -> None:
    own = QWEN3_8B.replace(", window: 2048, sink: 4", "")
    path = model_file(f"{own}compare:\n  gqa: {{ groups: 8, window: 1020, sink: 4 }}\n")
    per_token = 36 * 2 * 8 * 128 * 2
    rows = {row.scheme: row.stored for row in kvcalc.compare(path, context=16_384).rows}
    assert rows["gqa-what-if"] == (1_020 + 4) * per_token
    assert rows["gqa"] == 16_384 * per_token


def test_transformers_keeps_no_sinks(model_file: ModelFile, cli: Cli) -> None:
    ran = cli("show", model_file(QWEN3_8B), "--engine", "transformers")
    assert (ran.code, ran.out) == (2, "")
    assert "transformers keeps no attention sinks beside a window" in ran.err
    assert "leave the engine out" in ran.err


def test_transformers_has_no_entries_as_v41_keeps_them(cli: Cli) -> None:
    ran = cli("show", "deepseek-v4.1-flash", "--engine", "transformers")
    assert (ran.code, ran.out) == (2, "")
    assert "transformers 5.24.0 has no cache for entries such as those of DeepSeek-V4.1" in ran.err


CARRYING = """\
name: M
layers: 2
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: k, role: k, heads: 2, width: 8, macs: 100 }
    - { name: left, role: carry, width: 16, window: 4, macs: 125 }
"""
"""At 50 tokens k is 2 layers x 50 x 2 x 100 = 20,000 FLOPs, and 2 x 50 x 2 x 8 x 2 B = 3,200 B.

The left-over would be 2 x 4 x 2 x 125 = 2,000 more, but it is no part of what is kept.
"""


@pytest.mark.parametrize("engine", [None, "transformers"])
def test_the_lines_add_up_beside_a_left_over(
    model_file: ModelFile, cli: Cli, engine: str | None
) -> None:
    path = model_file(CARRYING)
    asked = [path, "-c", "50", *(["--engine", engine] if engine else [])]
    answer = json.loads(cli("show", *asked, "--json").out)
    (group,) = answer["groups"]
    keys = "attention_flops_per_step", "stored_bytes", "read_bytes_per_step", "bytes_per_token"
    sums = [20_000, 3_200, 3_200, 64]
    assert [answer[key] for key in keys] == sums
    assert [sum(tensor[key] for tensor in group["tensors"]) for key in keys] == sums
    (line,) = csv.DictReader(cli("show", *asked, "-f", "csv").out.splitlines())
    assert [int(line[key]) for key in keys] == sums
    (own,) = json.loads(cli("compare", *asked, "--metric", "flops", "--json").out)["rows"]
    assert [own[key] for key in keys] == sums


def test_the_sum_written_out_names_no_left_over(model_file: ModelFile, cli: Cli) -> None:
    out = cli("show", model_file(CARRYING), "-c", "50", "--explain", "--metric", "flops").out
    assert "custom.k  2 layers x 50 x 2 x 100 multiply-adds  = 20,000 FLOPs\n" in out
    assert "  flops = 20,000\n" in out
    assert "left" not in out


def test_a_shared_tensor_that_cannot_be_stored_is_told_of_where_it_is_read(
    model_file: ModelFile,
) -> None:
    odd = "{ name: a, role: k, width: 1, dtype: q8_0, shared: true }"
    path = model_file(
        f"name: S\nlayers: 1\ndtype: bf16\nattention: {{ kind: custom, tensors: [{odd}] }}\n"
    )
    with pytest.raises(InputError) as refused:
        kvcalc.load(path)
    must_tell(refused.value, path, [Wrong(3, 1, "q8_0 stores blocks of 32 elements; 1 is no")])
