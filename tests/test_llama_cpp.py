"""What llama.cpp allocates: the numbers it is known by, its settings and its log, by hand.

llama.cpp b11434, from src/: a cell is a row of `type_k` and one of `type_v` for each layer
(llama-kv-cache.cpp), a window has its tokens and n_ubatch, in 256s (llama-kv-cache-iswa.cpp),
states are in f32 (llama-memory-recurrent.cpp). f16 unless said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from tests.headers import WINDOW, heads, model_of

if TYPE_CHECKING:
    import pathlib

    from kvcalc.model import Model
    from kvcalc.queries.show import Breakdown
    from kvcalc.question import Setting
    from tests.conftest import Cli

T, K32, K128 = 4096, 32_768, 131_072
Q8, Q4 = 34, 18
"""Bytes of a block of 32 elements: a scale in f16, and the elements."""


def shown(model: Any, context: int, *, engine: str = "llama.cpp", **asked: Any) -> Breakdown:
    return kvcalc.show(model, context, engine=engine, **asked)


def lines(answer: Breakdown) -> tuple[str, ...]:
    """What it logs."""
    assert answer.reservation
    assert answer.reservation.report
    return answer.reservation.report.log


@dataclass(frozen=True)
class Row:
    """A model as llama.cpp keeps it: bytes of all of its context, and the sum."""

    model: str
    context: int
    reserved: int
    sum: int
    settings: dict[str, Setting] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> Breakdown:
        return shown(self.model, self.context, settings=self.settings, **self.asked)


FOUR: dict[str, Setting] = {"n_ctx": K32, "n_parallel": 4}
SHARED: dict[str, Setting] = {**FOUR, "kv_unified": True}
Q8_0: dict[str, Any] = {"kv_dtype": "q8_0"}

# DeepSeek-V4-Flash: kv and scores in f32 of 8 tokens of 2 x 512 in 21 layers, 128 of 512 in 20, and
# 8 of 2 x 128 in the index of 21
COMPRESSORS = 2 * 4 * (21 * 8 * 1024 + 20 * 128 * 512 + 21 * 8 * 256)
# Gated DeltaNet: 32 x 128 x 128, and 3 tokens of 2 x 16 x 128 + 32 x 128
GDN = 4 * (32 * 128 * 128 + 3 * 8192)
# KDA of GLM-5.3: 64 x 128 x 128, and 3 tokens of q, k and v
KDA = 4 * (64 * 128 * 128 + 3 * 3 * 8192)
# Mamba-2: 128 x 80 x 64, and 3 tokens of 5,120 + 2 x 128
MAMBA2 = 4 * (128 * 5120 + 3 * 5376)

ROWS = (
    # 61 latents of 512 + 64, keys alone
    Row("deepseek-r1", K32, 2_302_672_896, K32 * 61 * 576 * 2),
    Row("deepseek-r1", K32, 1_223_294_976, K32 * 61 * 576 // 32 * Q8, asked=Q8_0),
    # 12 layers of 8 x 64 twice; 12 in windows: 128 + 512 = 640, of 768 cells
    Row("gpt-oss-20b", K128, 3_240_099_840, (K128 + 768) * 12 * 2 * 512 * 2),
    # the same in blocks, of two types
    Row(
        "gpt-oss-20b",
        K32,
        334_823_424,
        (K32 + 768) * 12 * 512 // 32 * (Q8 + Q4),
        {"type_k": "q8_0", "type_v": "q4_0"},
    ),
    # 4 layers of 2 x 512 twice; 20 in windows of 2 x 256 twice: 512 + 512 = 1,024 cells
    Row("gemma-4-e4b", K32, 578_813_952, K32 * 4 * 4096 + 1024 * 20 * 2048),
    # 4 x 512 + 512 = 2,560 cells that four slots share
    Row("gemma-4-e4b", K32, 641_728_512, K32 * 4 * 4096 + 2560 * 20 * 2048, SHARED),
    # 1,024 cells for each of four
    Row("gemma-4-e4b", 8192, 704_643_072, K32 * 4 * 4096 + 4 * 1024 * 20 * 2048, FOUR),
    # every layer a window of 128 + 512 of 512 elements; an entry per 4 tokens in 21, per 128 in 20,
    # and the index of the former, 128 wide: all keys alone
    Row(
        "deepseek-v4-flash",
        K128,
        947_798_016,
        768 * 43 * 1024 + K128 // 4 * 21 * (1024 + 256) + K128 // 128 * 20 * 1024 + COMPRESSORS,
    ),
    # four slots have cells of their own, though n_ctx is shared
    Row(
        "deepseek-v4-flash",
        K128,
        3_791_192_064,
        4
        * (768 * 43 * 1024 + K128 // 4 * 21 * (1024 + 256) + K128 // 128 * 20 * 1024 + COMPRESSORS),
        {"n_ctx": K128, "n_parallel": 4, "kv_unified": True},
    ),
    # 8 slots of 1,024: 256 cells hold the 256 entries per 4, and the 8 per 128
    Row(
        "deepseek-v4-flash",
        1024,
        465_174_528,
        8 * (768 * 43 * 1024 + 256 * (21 * (1024 + 256) + 20 * 1024) + COMPRESSORS),
        {"n_ctx": 8192, "n_parallel": 8},
    ),
    # states may be rolled back four steps: five of each
    Row(
        "deepseek-v4-flash",
        4096,
        127_614_976,
        768 * 43 * 1024 + 1024 * 21 * (1024 + 256) + 256 * 20 * 1024 + 5 * COMPRESSORS,
        {"n_rs_seq": 4},
    ),
    # 60 layers of 4 x 128 twice; in 57 an index key of 128, and a value beside it
    Row("minimax-m3", K128, 19_931_332_608, K128 * (60 * 2 * 512 + 57 * 2 * 128) * 2),
    # 11 latents of 512, and index rows thrice as wide as a key of 128; 34 states
    Row("glm-5.3-flash", K128, 2_736_324_608, K128 * 11 * (512 + 3 * 128) * 2 + 34 * KDA),
    # every head's key of 64 + 32 and value of 64 in the latent's place
    Row("minicpm3-4b", 4096, 3_250_585_600, 4096 * 62 * 40 * (96 + 64) * 2),
    # 49 of 80 layers attend, 8 x 128 twice; without flash attention all 80 have values
    Row("nemotron-super-49b", K32, 6_576_668_672, K32 * 49 * 2 * 1024 * 2),
    Row(
        "nemotron-super-49b", K32, 8_657_043_456, K32 * (49 + 80) * 1024 * 2, {"flash_attn": "off"}
    ),
    # 12 layers of 2 x 256 twice, 36 states
    Row("qwen3-next-80b-a3b", 4096, 179_699_712, 4096 * 12 * 2 * 512 * 2 + 36 * GDN),
    # no cells at all, at any context
    Row("mamba2-2.7b", 4096, 171_900_928, 64 * MAMBA2),
    Row("mamba2-2.7b", K32, 687_603_712, 64 * 4 * MAMBA2, FOUR),
    # RWKV: 40 x 64 x 64, and two shifts of 2,560
    Row("rwkv7-2.9b", 4096, 21_626_880, 32 * 4 * (2560 * 64 + 2 * 2560)),
    # LFM2: 6 layers of 8 x 64 twice; 10 convolutions of 2 tokens, five of each for four steps
    Row(
        "lfm2-1.2b",
        4096,
        51_150_848,
        4096 * 6 * 2 * 512 * 2 + 5 * 10 * 4 * 2 * 2048,
        {"n_rs_seq": 4},
    ),
    # every layer attends, 2 x 128 twice, and has a state of 256 x 3,072, and 3 of 3,072 + 2 x 256
    Row(
        "falcon-h1-7b",
        4096,
        324_853_760,
        44 * (4096 * 2 * 256 * 2 + 4 * (256 * 3072 + 3 * 3584)),
    ),
    # llama.cpp applies no window of Mistral's: 32 layers of 8 x 128 twice
    Row("mistral-7b-v0.1", K32, 4_294_967_296, K32 * 32 * 2 * 1024 * 2),
    # chunks are windows of 8,192 + 512 = 8,704: 36 of 48 layers, 8 x 128 twice
    Row("llama-4-scout", K128, 7_725_907_968, (K128 * 12 + 8704 * 36) * 2 * 1024 * 2),
    # 20 of 35 layers keep a cache, 16 of them windows of 512 + 512; 2 x 256 twice
    Row("gemma-3n-e4b", K32, 301_989_888, (K32 * 4 + 1024 * 16) * 2 * 512 * 2),
    # latents alone in windows of 513 + 512 = 1,025, of 1,280 cells: 33 of 1,024 + 64; 13 of 576
    # with an index of 128
    Row("dots3-note", K32, 691_699_712, (K32 * 13 * (576 + 128) + 1280 * 33 * 1088) * 2),
    # an index key in the type of keys
    Row("deepseek-v3.2", 4096, 351_797_248, 4096 * 61 * (576 + 128) * 2),
    # 21 of 78 layers have an index of their own
    Row("hy4-preview", 4096, 390_070_272, 4096 * (78 * 576 + 21 * 128) * 2),
    # a T5 attends to what it reads anew at each step
    Row("t5-small", 512, 6_291_456, 512 * 6 * 2 * 512 * 2),
)


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row.model} {row.context} {row.settings}" for row in ROWS]
)
def test_bytes_of_a_context(row: Row) -> None:
    answer = row.answer
    assert row.sum == row.reserved == answer.reserved
    for batch in (1, 3):
        again = shown(row.model, row.context, batch=batch, settings=row.settings, **row.asked)
        assert again.reservation
        terms = sum(term.bytes for term in again.reservation.terms)
        assert (batch * answer.stored + terms, again.reserved) == (row.reserved, row.reserved)


def exaone(tmp_path: pathlib.Path, layers: int) -> Model:
    """A header of EXAONE 4's architecture, with a window."""
    return model_of(tmp_path, "exaone4", {**heads(layers, 2048, 32, 8, 64), WINDOW: 4096})


@pytest.mark.parametrize(
    ("layers", "reserved", "summed"),
    [
        # its loader has windows in the 64 layers of the 32B alone (src/models/exaone4.cpp)
        (30, 2_013_265_920, K32 * 30 * 2 * 512 * 2),
        # 4,096 + 512 = 4,608 cells in three of four
        (64, 1_526_726_656, (K32 * 16 + 4608 * 48) * 2 * 512 * 2),
    ],
)
def test_windows_of_some_numbers_of_layers(
    tmp_path: pathlib.Path, layers: int, reserved: int, summed: int
) -> None:
    answer = shown(exaone(tmp_path, layers), K32)
    assert answer.reserved == reserved == summed
    assert len(lines(answer)) == (1 if layers == 30 else 2)
    untold = "llama.cpp does not apply the windows of exaone4: it keeps every token"
    assert (untold in answer.notes) == (layers == 30)


# what is in a line is bytes over 2^20, and C's %.2f rounds halves of a hundredth to even
LOGGED: tuple[tuple[str, int, dict[str, Setting], tuple[str, ...]], ...] = (
    (
        "deepseek-r1",
        K32,
        {},  # 61 x 576 x 2 / 32 = 2,196
        (
            "llama_kv_cache: size = 2196.00 MiB ( 32768 cells,  61 layers,  1/1 seqs), "
            "K (f16): 2196.00 MiB, V (f16):    0.00 MiB",
        ),
    ),
    (
        "deepseek-r1",
        K32,
        {"type_k": "q8_0", "type_v": "q8_0"},  # 61 x 18 x 34 / 32 = 1,166.625
        (
            "llama_kv_cache: size = 1166.62 MiB ( 32768 cells,  61 layers,  1/1 seqs), "
            "K (q8_0): 1166.62 MiB, V (q8_0):    0.00 MiB",
        ),
    ),
    (
        "gpt-oss-20b",
        K128,
        {},  # 12 x 2,048 / 8, and 12 x 768 x 2,048 / 2^20
        (
            "llama_kv_cache: size = 3072.00 MiB (131072 cells,  12 layers,  1/1 seqs), "
            "K (f16): 1536.00 MiB, V (f16): 1536.00 MiB",
            "llama_kv_cache: size =   18.00 MiB (   768 cells,  12 layers,  1/1 seqs), "
            "K (f16):    9.00 MiB, V (f16):    9.00 MiB",
        ),
    ),
    (
        "gemma-4-e4b",
        K32,
        {},  # 4 x 4,096 / 32, and 20 x 2,048 / 1,024
        (
            "llama_kv_cache: size =  512.00 MiB ( 32768 cells,   4 layers,  1/1 seqs), "
            "K (f16):  256.00 MiB, V (f16):  256.00 MiB",
            "llama_kv_cache: size =   40.00 MiB (  1024 cells,  20 layers,  1/1 seqs), "
            "K (f16):   20.00 MiB, V (f16):   20.00 MiB",
        ),
    ),
    (
        "gemma-4-e4b",
        K32,
        SHARED,  # 2.5 x 40
        (
            "llama_kv_cache: size =  512.00 MiB ( 32768 cells,   4 layers,  4/1 seqs), "
            "K (f16):  256.00 MiB, V (f16):  256.00 MiB",
            "llama_kv_cache: size =  100.00 MiB (  2560 cells,  20 layers,  4/1 seqs), "
            "K (f16):   50.00 MiB, V (f16):   50.00 MiB",
        ),
    ),
    (
        "gemma-4-e4b",
        8192,
        FOUR,  # 4 x 40
        (
            "llama_kv_cache: size =  512.00 MiB (  8192 cells,   4 layers,  4/4 seqs), "
            "K (f16):  256.00 MiB, V (f16):  256.00 MiB",
            "llama_kv_cache: size =  160.00 MiB (  1024 cells,  20 layers,  4/4 seqs), "
            "K (f16):   80.00 MiB, V (f16):   80.00 MiB",
        ),
    ),
    (
        "nemotron-super-49b",
        K32,
        {"flash_attn": "off"},  # 49 x 64 of keys, 80 x 64 of values
        (
            "llama_kv_cache: size = 8256.00 MiB ( 32768 cells,  80 layers,  1/1 seqs), "
            "K (f16): 3136.00 MiB, V (f16): 5120.00 MiB",
        ),
    ),
    (
        "mamba2-2.7b",
        5000,
        {"n_parallel": 3},  # 3 x 64 x 4 x 16,128 / 2^20 = 11.8125, and 3 x 64 x 2.5
        (
            "llama_memory_recurrent: size =  491.81 MiB (     3 cells,  64 layers,  3 seqs  0 "
            "rs_seq), R (f32):   11.81 MiB, S (f32):  480.00 MiB, P (f32):    0.00 MiB",
        ),
    ),
    (
        "lfm2-1.2b",
        4096,
        {"n_rs_seq": 4},  # 6 x 8; 5 x 10 x 16,384 / 2^20 = 0.78125
        (
            "llama_kv_cache: size =   48.00 MiB (  4096 cells,   6 layers,  1/1 seqs), "
            "K (f16):   24.00 MiB, V (f16):   24.00 MiB",
            "llama_memory_recurrent: size =    0.78 MiB (     1 cells,  16 layers,  1 seqs  4 "
            "rs_seq), R (f32):    0.78 MiB, S (f32):    0.00 MiB, P (f32):    0.00 MiB",
        ),
    ),
    (
        "deepseek-v4-flash",
        K128,
        {},  # no layer attends to all; 43 x 0.75, 21 x 32, 20 x 1, 21 x 8
        (
            "llama_kv_cache: size =    0.00 MiB (131072 cells,   0 layers,  1/1 seqs), "
            "K (f16):    0.00 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =   32.25 MiB (   768 cells,  43 layers,  1/1 seqs), "
            "K (f16):   32.25 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =  672.00 MiB ( 32768 cells,  21 layers,  1/1 seqs), "
            "K (f16):  672.00 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =   20.00 MiB (  1024 cells,  20 layers,  1/1 seqs), "
            "K (f16):   20.00 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =  168.00 MiB ( 32768 cells,  21 layers,  1/1 seqs), "
            "K (f16):  168.00 MiB, V (f16):    0.00 MiB",
        ),
    ),
    (
        "dots3-note",
        K32,
        {},  # 13 x 36, 13 x 8, and 33 x 1,280 x 2,176 / 2^20 = 87.65625; the index comes second
        (
            "llama_kv_cache: size =  468.00 MiB ( 32768 cells,  13 layers,  1/1 seqs), "
            "K (f16):  468.00 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =  104.00 MiB ( 32768 cells,  13 layers,  1/1 seqs), "
            "K (f16):  104.00 MiB, V (f16):    0.00 MiB",
            "llama_kv_cache: size =   87.66 MiB (  1280 cells,  33 layers,  1/1 seqs), "
            "K (f16):   87.66 MiB, V (f16):    0.00 MiB",
        ),
    ),
    (
        "glm-5.3-flash",
        K32,
        {},  # 11 x 32; 34 x 4 x 73,728 and 34 x 4 x 1,048,576 / 2^20; 11 x 24: the index comes last
        (
            "llama_kv_cache: size =  352.00 MiB ( 32768 cells,  11 layers,  1/1 seqs), "
            "K (f16):  352.00 MiB, V (f16):    0.00 MiB",
            "llama_memory_recurrent: size =  145.56 MiB (     1 cells,  45 layers,  1 seqs  0 "
            "rs_seq), R (f32):    9.56 MiB, S (f32):  136.00 MiB, P (f32):    0.00 MiB",
            "llama_kv_cache: size =  264.00 MiB ( 32768 cells,  11 layers,  1/1 seqs), "
            "K (f16):  264.00 MiB, V (f16):    0.00 MiB",
        ),
    ),
)


@pytest.mark.parametrize(("model", "context", "settings", "log"), LOGGED)
def test_the_lines_of_its_log(
    model: str, context: int, settings: dict[str, Setting], log: tuple[str, ...]
) -> None:
    assert lines(shown(model, context, settings=settings)) == log


def test_the_log_is_shown_and_written(cli: Cli) -> None:
    asked = ("show", "gpt-oss-20b", "-c", "131072", "--engine", "llama.cpp")
    log = LOGGED[2][3]
    assert set(log) <= set(cli(*asked).out.splitlines())
    report = json.loads(cli(*asked, "--json").out)["engine_report"]
    assert (tuple(report["log"]), report["concurrency"]) == (log, 1.0)
    assert report["capacity_tokens"] == K128


DEFAULTS: dict[str, Setting] = {
    "n_ctx": 4096,
    "n_parallel": 1,
    "kv_unified": False,
    "n_batch": 2048,
    "n_ubatch": 512,
    "swa_full": False,
    "flash_attn": "auto",
    "type_k": "f16",
    "type_v": "f16",
    "type_k_draft": "f16",
    "type_v_draft": "f16",
    "n_rs_seq": 0,
}
# gpt-oss-20b: bytes of a cell in the 12 layers that attend to all, and of one in the 12 of windows
CELL = 12 * 2 * 512 * 2

# what is asked at 4,096 tokens, what else is resolved by it, and the bytes
SET: tuple[tuple[dict[str, Setting], dict[str, Setting], int], ...] = (
    ({}, {}, CELL * (4096 + 768)),
    ({"n_ctx": 4097}, {"n_ctx": 4352}, CELL * (4352 + 768)),
    ({"n_ctx": 1}, {"n_ctx": 256}, CELL * (256 + 256)),
    ({"n_parallel": 2}, {"n_ctx": 8192}, CELL * 2 * (4096 + 768)),
    # 4,096 / 3 = 1,365, in 256s 1,536
    ({"n_ctx": 4096, "n_parallel": 3}, {"n_ctx": 4608}, CELL * 3 * (1536 + 768)),
    # 2 x 128 + 512 = 768, and no more than one slot's
    ({"n_parallel": 2, "kv_unified": True}, {"n_ctx": 8192}, CELL * (8192 + 768)),
    # 3 x 128 + 512 = 896, of 1,024
    ({"n_parallel": 3, "kv_unified": True}, {"n_ctx": 12_288}, CELL * (12_288 + 1024)),
    # 128 + 2,048, of 2,304: no more than a batch
    ({"n_ubatch": 4096}, {}, CELL * (4096 + 2304)),
    ({"n_ubatch": 0}, {}, CELL * (4096 + 2304)),
    # 128 + 100, of 256
    ({"n_batch": 100}, {}, CELL * (4096 + 256)),
    # 128 + 1,024, of 1,280
    ({"n_batch": 1024, "n_ubatch": 2048}, {}, CELL * (4096 + 1280)),
    ({"swa_full": True}, {}, CELL * (4096 + 4096)),
    ({"flash_attn": "on"}, {}, CELL * (4096 + 768)),
    ({"flash_attn": "off"}, {}, CELL * (4096 + 768)),
    ({"type_k": "f32"}, {}, 12 * 512 * (4 + 2) * (4096 + 768)),
    ({"type_v": "q5_1"}, {}, 12 * (512 * 2 + 16 * 24) * (4096 + 768)),
    ({"type_k": "q5_0", "type_v": "q4_1"}, {}, 12 * 16 * (22 + 20) * (4096 + 768)),
    ({"type_k": "iq4_nl", "type_v": "bf16"}, {}, 12 * (16 * Q4 + 512 * 2) * (4096 + 768)),
    # types of another context, and no states
    ({"type_k_draft": "q8_0", "type_v_draft": "q4_0"}, {}, CELL * (4096 + 768)),
    ({"n_rs_seq": 3}, {"n_rs_seq": 0}, CELL * (4096 + 768)),
)


@pytest.mark.parametrize(("given", "resolved", "reserved"), SET)
def test_a_setting_by_its_own_name(
    given: dict[str, Setting], resolved: dict[str, Setting], reserved: int
) -> None:
    answer = shown("gpt-oss-20b", 4096, settings=given)
    assert answer.reserved == reserved
    assert answer.query.settings == {**DEFAULTS, **given, **resolved}
    again = shown("gpt-oss-20b", 4096, settings=dict(answer.query.settings))
    assert (again.reserved, again.query) == (reserved, answer.query)


@pytest.mark.parametrize(
    ("dtype", "given", "types", "reserved"),
    [
        ("q8_0", {}, ("q8_0", "q8_0"), 12 * 16 * 2 * Q8),
        ("q8_0/q4_0", {}, ("q8_0", "q4_0"), 12 * 16 * (Q8 + Q4)),
        ("fp16", {}, ("f16", "f16"), CELL),
        ("fp32", {"type_v": "f32"}, ("f32", "f32"), 2 * CELL),
        ("q8_0", {"type_k": "q8_0"}, ("q8_0", "q8_0"), 12 * 16 * 2 * Q8),
    ],
)
def test_a_dtype_names_types(
    dtype: str, given: dict[str, Setting], types: tuple[str, str], reserved: int
) -> None:
    answer = shown("gpt-oss-20b", 4096, kv_dtype=dtype, settings=given)
    assert answer.reserved == reserved * (4096 + 768)
    assert tuple(answer.query.settings[name] for name in ("type_k", "type_v")) == types


def test_what_follows_one_of_several_contexts_is_left_open() -> None:
    found = kvcalc.compare("gpt-oss-20b", context=[T, 8192], engine="llama.cpp")
    assert found.query.settings == {**DEFAULTS, "n_ctx": None}
    shipped = [row.reserved for row in found.rows if row.scheme == "native"]
    assert shipped == [CELL * (T + 768), CELL * (8192 + 768)]


def test_settings_are_listed(cli: Cli) -> None:
    told = cli("list", "--engine", "llama.cpp").out
    assert all(name in told for name in DEFAULTS)


SERVER = "llama-server's defaults, 4 slots that share n_ctx"
NOTES: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    # 512.00 + 100.00 MiB
    ("gemma-4-e4b", {"context": K32}, f"{SERVER} 32,768, allocate 641,728,512 B"),
    # whatever the fullest of the GPUs has
    (
        "gemma-4-e4b",
        {"context": K32, "pp": 2},
        f"{SERVER} 32,768, allocate 641,728,512 B over all GPUs",
    ),
    # four states: 4,096 x 24,576 + 4 x 36 x GDN
    ("qwen3-next-80b-a3b", {"context": 4096}, f"{SERVER} 4,096, allocate 416,808,960 B"),
    # every layer attends to all: as many cells
    ("llama-3.1-8b", {"context": K32}, None),
    # 2,560 cells are more than there are
    ("gemma-3-27b", {"context": 256}, None),
    # who names slots has them
    ("gemma-4-e4b", {"context": K32, "settings": {"n_parallel": 1}}, None),
    ("gemma-4-e4b", {"context": K32, "settings": {"n_ctx": K32}}, None),
    ("gemma-4-e4b", {"context": K32, "settings": {"kv_unified": True}}, None),
    # a batch of less than its four slots
    ("mamba2-2.7b", {"context": 3}, None),
    ("mamba2-2.7b", {"context": T, "settings": {"n_batch": 3}}, None),
)


@pytest.mark.parametrize(("model", "asked", "note"), NOTES)
def test_what_llama_server_would_take(model: str, asked: dict[str, Any], note: str | None) -> None:
    told = [one for one in shown(model, **asked).notes if "llama-server" in one]
    assert told == ([note] if note else [])


def test_a_sequence_longer_than_its_slot_is_answered_and_told_of() -> None:
    """8,192 cells in two slots: 32 layers of 8 x 128 twice."""
    settings: dict[str, Setting] = {"n_ctx": 8192, "n_parallel": 2}
    answer = shown("llama-3.1-8b", 8192, settings=settings)
    assert answer.reserved == 8192 * 32 * 2 * 1024 * 2
    # of such a sequence a slot holds half, and two halves are in no slot
    assert answer.reservation
    assert answer.reservation.report
    assert answer.reservation.report.concurrency == 4096 / 8192
    told = "a slot has 4,096 cells, and a sequence of 8,192 tokens does not fit"
    assert any(note.startswith(told) for note in answer.notes)
    assert not any(
        "a slot has" in note for note in shown("llama-3.1-8b", 4096, settings=settings).notes
    )
