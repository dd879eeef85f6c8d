"""What vLLM sets aside: its own published and planned numbers, each with its sum by hand.

vLLM 0.33.0; 40 GiB for the cache, an H100, 8,192 tokens a step and two batches in flight, unless
said. Blocks and pages are those of its planner (v1/core/kv_cache_planning.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.engines import plan
from kvcalc.question import Setting, question

if TYPE_CHECKING:
    from tests.conftest import Cli

GIB = 2**30
MEMORY = 40 * GIB
STEADY: dict[str, Setting] = {"max_num_batched_tokens": 1, "async_scheduling": False}
NO_CACHING: dict[str, Setting] = {"enable_prefix_caching": False}


def planned(model: str, context: int, **asked: Any) -> Any:
    """The plan of a bundled model."""
    asking = question(context, engine="vllm", **asked)
    found = plan(kvcalc.load(model).adapted(asking), asking)
    assert found
    return found


@dataclass(frozen=True)
class Row:
    """A model as vLLM keeps it: bytes of one sequence, and the sum."""

    model: str
    context: int
    reserved: int
    sum: int
    asked: dict[str, Any] = field(default_factory=dict)


def test_sums_are_what_they_come_to() -> None:
    for row in ROWS:
        assert row.sum == row.reserved, row


ROWS = (
    # full: 131,072 / 16 = 8,192 blocks; windows of 128: (127 + 16,384) / 16 -> 1,032, and one more;
    # 18 layers of 16 tokens x 8 heads x 2 x 64 x 2 B
    Row("gpt-oss-120b", 131_072, 5_441_126_400, (8192 + 1033) * 18 * 16 * 2048),
    # 127 + 1 = 128 tokens in 8 blocks, and one more
    Row(
        "gpt-oss-120b",
        131_072,
        4_837_146_624,
        (8192 + 9) * 18 * 16 * 2048,
        {"settings": STEADY},
    ),
    # one group of 10 full layers, six of windows of 1,024: (1,023 + 16,384) / 16 -> 1,088 + 1
    Row("gemma-3-27b", 131_072, 19_301_662_720, (8192 + 6 * 1089) * 10 * 16 * 8192),
    # (pp + 1) x 8,192 in flight: 41,983 / 16 -> 2,624 + 1; at most 3 of a group's layers on a stage
    Row("gemma-3-27b", 131_072, 9_414_377_472, (8192 + 6 * 2625) * 3 * 16 * 8192, {"pp": 4}),
    # 1,023 + 4 in flight: 65 + 1
    Row(
        "gemma-3-27b",
        131_072,
        3_376_939_008,
        (8192 + 6 * 66) * 3 * 16 * 8192,
        {"pp": 4, "settings": STEADY},
    ),
    # 1,023 + 24,576 = 25,599: 1,600 + 1
    Row("gemma-3-27b", 131_072, 11_664_097_280, (8192 + 6 * 1601) * 5 * 16 * 8192, {"pp": 2}),
    # fp8 becomes rows of 656 B on Hopper, the index keeps its 132 B; blocks of 64
    Row("deepseek-v3.2", 163_840, 7_875_461_120, 2560 * 64 * 61 * (656 + 132), {"kv_dtype": "fp8"}),
    # Blackwell keeps 576 B
    Row(
        "deepseek-v3.2",
        163_840,
        7_075_921_920,
        2560 * 64 * 61 * (576 + 132),
        {"kv_dtype": "fp8", "settings": {"gpu": "b200"}},
    ),
    # latents are replicated at any tp: 61 x 576 = 35,136 B a token
    Row("deepseek-v3", 131_072, 4_605_345_792, 131072 * 61 * 576, {"kv_dtype": "fp8", "tp": 8}),
    Row("deepseek-v3", 131_072, 1_151_336_448, 131072 // 8 * 61 * 1152, {"tp": 8, "dcp": 8}),
    # 4 KV heads: one a rank from tp 4 on, 94 x 256 = 24,064 B a token
    Row("qwen3-235b-a22b", 131_072, 3_154_116_608, 131072 * 24064, {"kv_dtype": "fp8", "tp": 4}),
    Row("qwen3-235b-a22b", 131_072, 3_154_116_608, 131072 * 24064, {"kv_dtype": "fp8", "tp": 8}),
    # 544 tokens of 2,048 B hold a state of 1,097,728 B; 482 blocks of 12 full layers, 3 states
    Row(
        "qwen3-next-80b-a3b",
        262_144,
        6_484_131_840,
        (482 + 3) * 12 * 544 * 2048,
        {"settings": NO_CACHING},
    ),
    # a prefill's state is exported every 64 tokens: 576; 3 blocks of each state group
    Row("qwen3-next-80b-a3b", 262_144, 6_582_435_840, (456 + 3 * 3) * 12 * 576 * 2048),
    # 1,920 tokens of 1,152 B hold KDA's 2,170,880 B; 547 blocks, and 3 groups of 7 layers
    Row(
        "kimi-linear-48b",
        1_048_576,
        8_515_584_000,
        (547 + 3) * 7 * 1920 * 1152,
        {"settings": NO_CACHING},
    ),
    Row("kimi-linear-48b", 1_048_576, 8_562_032_640, (547 + 3 * 2) * 7 * 1920 * 1152),
    # a block: 21 x (37,440 + 8,640) + 20 x 1,728 = 1,002,240 B, of 256 tokens: 3,915 B a token;
    # windows (127 + 16,384) / 64 -> 258 + 1, twice; states of 8 in blocks of 4: 4,098 + 1, of 128
    # in blocks of 8: 2,064 + 1
    Row(
        "deepseek-v4-flash",
        1_048_576,
        10_802_142_720,
        (4096 + 2 * 259 + 4099 + 2065) * (21 * (37440 + 8640) + 20 * 1728),
    ),
    # 128 / 64 + 1, 8 / 4 + 1, 128 / 8 + 1
    Row(
        "deepseek-v4-flash",
        1_048_576,
        4_131_233_280,
        (4096 + 3 + 3 + 3 + 17) * 1002240,
        {"settings": STEADY},
    ),
    # 28 layers of 8 x 134 B, the 4 at the ends in bf16: 46,400 B a token
    Row(
        "llama-3.1-8b",
        131_072,
        131_072 * 46_400,
        131072 * (28 * 8 * 134 + 4 * 8 * 512),
        {"kv_dtype": "turboquant_4bit_nc"},
    ),
    Row(
        "llama-3.1-8b",
        131_072,
        131_072 * 60_288,
        131072 * (28 * 8 * 196 + 4 * 8 * 512),
        {"kv_dtype": "turboquant_k8v4"},
    ),
    # latents expanded: 62 layers x 40 heads x 2 x 96 x 2 B = 952,320 B a token
    Row("minicpm3-4b", 32_768, 32_768 * 952_320, 32768 * 62 * 40 * 2 * 96 * 2),
    # told nothing of fp8: 32 x 2 x 64 x 2 B = 8,192
    Row("falcon-7b", 2_048, 2_048 * 8_192, 2048 * 32 * 2 * 64 * 2, {"kv_dtype": "fp8"}),
    # 28 blocks of the decoder's 448 tokens, 512 of 8,192 that an encoder's output may have
    Row("whisper-large-v3", 448, 1_415_577_600, (28 + 512) * 32 * 16 * 5120),
    # a window of 2,047 that is not all: 4,096 / 16, and the block more
    Row("phi-3.5-mini", 4_096, 1_616_904_192, 257 * 32 * 16 * 12288),
    # 62 x 1,152 = 71,424 B a token
    Row("deepseek-v3", 131_072, 131_072 * 71_424, 131072 * 62 * 1152, {"mtp": True}),
)
IDS = [f"{row.model} {row.context} {row.asked}" for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_bytes_of_a_sequence(row: Row) -> None:
    found = planned(row.model, row.context, **_with_steps(row.asked))
    assert found.at(row.context, 1).bytes == row.reserved


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_terms_add_up_from_what_is_stored(row: Row) -> None:
    for batch in (1, 3):
        shown = kvcalc.show(row.model, row.context, batch, engine="vllm", **_with_steps(row.asked))
        assert shown.reservation
        terms = sum(term.bytes for term in shown.reservation.terms)
        assert shown.stored + terms == shown.reserved == batch * row.reserved


def _with_steps(asked: dict[str, Any]) -> dict[str, Any]:
    settings = {"max_num_batched_tokens": 8_192, **asked.get("settings", {})}
    return {**asked, "settings": settings}


LOGGED: tuple[tuple[str, int, dict[str, Any], int, float, str], ...] = (
    # blocks of 40 GiB over those of a request: 72,817 / 9,225 and so on
    ("gpt-oss-120b", 131_072, {}, 1_034_609, 7.8934, "7.89x"),
    ("gemma-3-27b", 131_072, {}, 291_658, 2.2252, "2.23x"),
    ("deepseek-v3.2", 163_840, {"kv_dtype": "fp8"}, 893_504, 5.4535, "5.45x"),
    ("llama-3.1-8b", 131_072, {}, 327_680, 2.5, "2.50x"),
    ("deepseek-v4-flash", 1_048_576, {}, 4_169_106, 3.976, "3.98x"),
)


@pytest.mark.parametrize(("model", "context", "asked", "tokens", "times", "printed"), LOGGED)
def test_the_two_numbers_of_its_log(
    model: str, context: int, asked: dict[str, Any], tokens: int, times: float, printed: str
) -> None:
    report = planned(model, context, **asked).capacity(MEMORY, context).report
    assert (report.capacity_tokens, round(report.concurrency, 4)) == (tokens, times)
    assert report.log == (
        f"GPU KV cache size: {tokens:,} tokens, "
        f"Maximum concurrency for {context:,} tokens per request: {printed}",
    )


def test_blocks_that_are_set_are_logged_without_a_memory(cli: Cli) -> None:
    """27,000 blocks over the 32,000 / 16 of a request: 13.5 of them, 432,000 tokens."""
    asked = ("llama-3.1-8b", "-c", "32000", "--engine", "vllm", "-E")
    line = (
        "GPU KV cache size: 432,000 tokens, "
        "Maximum concurrency for 32,000 tokens per request: 13.50x"
    )
    assert line in cli("show", *asked, "num_gpu_blocks_override=27000").out.splitlines()
    few = cli("show", *asked, "num_gpu_blocks_override=2000", "--json")
    assert json.loads(few.out)["engine_report"] is None
    assert "refuses to start with 2,000 blocks" in few.err
    assert "need 2,001" in few.err
    fitted = cli("fit", *asked, "num_gpu_blocks_override=2000", "--memory", "40GiB")
    assert fitted.code == 1


def test_more_blocks_than_there_is_memory_for_are_noted(cli: Cli) -> None:
    """40 GiB are 20,480 blocks of 16 x 131,072 B: one more is 42,949,672,960 + 2,097,152 B."""
    asked = ("fit", "llama-3.1-8b", "--memory", "40GiB", "--engine", "vllm", "-E")
    told = "20,481 blocks take 42,951,770,112 B, more than the 42,949,672,960 B that there are"
    for context in ("8K", "4K:50%,8K:50%"):
        more = cli(*asked, "num_gpu_blocks_override=20481", "-c", context, "-b", "2")
        assert (more.code, told in more.err) == (0, True)
        as_many = cli(*asked, "num_gpu_blocks_override=20480", "-c", context, "-b", "2")
        assert (as_many.code, "blocks take" in as_many.err) == (0, False)


def test_the_log_is_of_the_longest_sequence() -> None:
    """40 GiB are 20,480 blocks of 16 x 131,072 B: 20 x 1,000 of these, 10.24 x 2,000."""
    settings: dict[str, Setting] = {"max_model_len": 32_000}
    found = planned("llama-3.1-8b", 16_000, settings=settings).capacity(MEMORY, 16_000)
    assert found.largest_batch == 20
    assert (found.report.capacity_tokens, found.report.concurrency) == (327_680, 10.24)


@pytest.mark.parametrize(
    ("model", "context", "settings", "block", "reserved"),
    [
        # FlashMLA reads blocks of 64, and the first of Hopper's of 16
        ("deepseek-v3", 1_000, {"attention_backend": "FLASHMLA"}, 64, 16 * 64 * 61 * 1_152),
        # Triton exports no state of a prompt: 544 tokens, and two blocks of each state
        (
            "qwen3-next-80b-a3b",
            262_144,
            {"gdn_prefill_backend": "triton"},
            544,
            (482 + 3 * 2) * 12 * 544 * 2_048,
        ),
        # 32 x 128 x 128 + 3 x 8,192 elements in fp32, 2,195,456 B, take 17 x 64 tokens of 2,048 B
        (
            "qwen3-next-80b-a3b",
            262_144,
            {"mamba_cache_dtype": "float32"},
            1_088,
            (241 + 3 * 3) * 12 * 1_088 * 2_048,
        ),
    ],
)
def test_a_setting_decides_bytes(
    model: str, context: int, settings: dict[str, Setting], block: int, reserved: int
) -> None:
    answer = kvcalc.show(model, context, engine="vllm", settings=settings)
    assert (answer.query.settings["block_size"], answer.reserved) == (block, reserved)


def test_settings_as_resolved_ask_the_same_again() -> None:
    first = kvcalc.show("qwen3-next-80b-a3b", 100_000, engine="vllm")
    settings: dict[str, Setting] = dict(first.query.settings)
    again = kvcalc.show("qwen3-next-80b-a3b", 100_000, engine="vllm", settings=settings)
    assert (again.query, again.reserved) == (first.query, first.reserved)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mamba_cache_mode": "none"}, "mamba_cache_mode is align"),
        ({"kv_cache_dtype_skip_layers": "0,48"}, "there is no layer 48 to leave out"),
    ],
)
def test_a_setting_that_decides_nothing_is_told(settings: dict[str, Setting], said: str) -> None:
    answer = kvcalc.show("qwen3-next-80b-a3b", engine="vllm", settings=settings)
    assert said in " ".join(answer.notes)
    right: dict[str, Setting] = {"mamba_cache_mode": "align", "kv_cache_dtype_skip_layers": "47"}
    told = kvcalc.show("qwen3-next-80b-a3b", engine="vllm", settings=right).notes
    assert len(told) == len(answer.notes) - 1


ROUNDING = "the last block, which a sequence does not fill"
IN_FLIGHT = "tokens in flight beside a window or chunk, in whole blocks"
ONE_MORE = "a block more of each window"
STATES = "blocks of a state beyond one"
PADDED = "pages padded to the size of the others"
LAYERS = "padding layers, in blocks of the widest group"

TERMS: tuple[tuple[str, int, dict[str, Any], dict[str, int]], ...] = (
    # 1,000 tokens in 63 blocks of 16: 8 more, of 32 x 8 x 2 x 128 x 2 B
    ("llama-3.1-8b", 1_000, {}, {ROUNDING: 8 * 131_072}),
    # the four layers at the ends in bf16, 512 B a head where 134 B are stored; blocks of 32
    (
        "llama-3.1-8b",
        1_000,
        {"kv_dtype": "turboquant_4bit_nc"},
        {
            "layers in the model's own dtype": 1_000 * 4 * 8 * (512 - 134),
            ROUNDING: 24 * 46_400,
        },
    ),
    # 52 windows of 1,024: 1,088 blocks and one more; the six groups of 52 layers lack 8
    (
        "gemma-3-27b",
        131_072,
        {},
        {
            IN_FLIGHT: 52 * (1_088 * 16 - 1_024) * 8_192,
            ONE_MORE: 52 * 16 * 8_192,
            LAYERS: 8 * 1_089 * 16 * 8_192,
        },
    ),
    # on the first of four stages, 15 layers: 2 full in a group of 3, 13 windows in six of 3
    (
        "gemma-3-27b",
        131_072,
        {"pp": 4},
        {
            IN_FLIGHT: 13 * (2_624 * 16 - 1_024) * 8_192,
            ONE_MORE: 13 * 16 * 8_192,
            LAYERS: ((3 - 2) * 8_192 + (18 - 13) * 2_625) * 16 * 8_192,
        },
    ),
    # chunks of 8,192 have no block more: (8,192 + 16,384) / 16
    ("llama-4-scout", 131_072, {}, {IN_FLIGHT: 36 * 16_384 * 4_096}),
    # 36 states in bf16, three blocks each, of 576 x 2,048 B; 174 blocks of 576 for 100,000 tokens
    (
        "qwen3-next-80b-a3b",
        100_000,
        {},
        {
            "states in another dtype": -36 * 32 * 128 * 128 * 2,
            STATES: 36 * 2 * 1_097_728,
            PADDED: 36 * 3 * (576 * 2_048 - 1_097_728),
            ROUNDING: 12 * (174 * 576 - 100_000) * 2_048,
        },
    ),
    # a token drafted: a column more, a block more; 3 groups of 12 states beside 13 attentions
    (
        "qwen3-next-80b-a3b",
        100_000,
        {"mtp": True},
        {
            "states in another dtype": -36 * 32 * 128 * 128 * 2,
            "a state's columns for drafted tokens": 36 * 8_192 * 2,
            STATES: 36 * 3 * (1_097_728 + 8_192 * 2),
            PADDED: 36 * 4 * (576 * 2_048 - 1_097_728 - 8_192 * 2),
            LAYERS: 3 * 4 * 576 * 2_048,
            ROUNDING: 13 * (174 * 576 - 100_000) * 2_048,
        },
    ),
    # a convolution of 8,192 B in a page of 16 x 2,048 B: two blocks, in two groups of 5 of 6 layers
    (
        "lfm2-1.2b",
        1_000,
        {},
        {
            STATES: 10 * 8_192,
            PADDED: 10 * 2 * (32_768 - 8_192),
            LAYERS: 2 * 2 * 32_768,
            ROUNDING: 6 * 8 * 2_048,
        },
    ),
    # rows of 656 B where the ideal's fp8 has 576
    (
        "deepseek-v3.2",
        131_072,
        {"kv_dtype": "fp8", "tp": 8, "dcp": 8},
        {"fp8_ds_mla: rows of 656 B": 131_072 // 8 * 61 * (656 - 576)},
    ),
    # K and V of 40 heads x 96 where a latent of 256 + 32 is stored
    (
        "minicpm3-4b",
        4_096,
        {},
        {
            "latents expanded to the keys and values of every head": 4_096
            * 62
            * (40 * 2 * 96 - 288)
            * 2
        },
    ),
    (
        "falcon-7b",
        2_048,
        {"kv_dtype": "fp8"},
        {"keys and values in another dtype": 2_048 * 32 * 2 * 64},
    ),
    # 512 blocks of 16 tokens for 1,500 of an encoder's
    (
        "whisper-large-v3",
        448,
        {},
        {"an encoder's output of as many tokens as a step may have": 32 * (8_192 - 1_500) * 5_120},
    ),
    # 43 windows in blocks of 64: 128 tokens and one block more; 584 B in 576's multiples;
    # compressors' states: 21 x (32,832 + 8,640) x 3, 20 x 32,832 x 17; 5 groups in blocks of
    # 1,002,240 B
    (
        "deepseek-v4-flash",
        131_072,
        {"settings": STEADY},
        {
            "fp8_ds_mla: rows of 584 B": -(43 * 128 + 21 * 32_768 + 20 * 1_024) * (1_024 - 584),
            ONE_MORE: 43 * 64 * 584,
            PADDED: 43 * 3 * 64 + 512 * (21 * 64 + 21 * (8_640 - 8_448) + 20 * (1_728 - 1_168)),
            "compressors' states": 3 * 21 * (32_832 + 8_640) + 17 * 20 * 32_832,
            LAYERS: 3 * (2 * 1_002_240 - 43 * 37_440)
            + 3 * (1_002_240 - 21 * (32_832 + 8_640))
            + 17 * (1_002_240 - 20 * 32_832),
        },
    ),
)


@pytest.mark.parametrize(("model", "context", "asked", "terms"), TERMS)
def test_each_term_by_hand(
    model: str, context: int, asked: dict[str, Any], terms: dict[str, int]
) -> None:
    shown = kvcalc.show(model, context, engine="vllm", **_with_steps(asked))
    assert shown.reservation
    assert {term.rule: term.bytes for term in shown.reservation.terms} == terms


WHISPER_BLOCK = 32 * 16 * 2 * 20 * 64 * 2
"""A block of 16 tokens: 32 layers of 20 heads x 64, in bf16."""


def test_a_step_is_as_long_as_a_prompt_that_is_not_cut_up() -> None:
    """Whisper: 563 blocks of 9,000 tokens and as many of its encoder's, also beside a short one."""
    size = 2 * 563 * WHISPER_BLOCK
    asked: dict[str, Any] = {"engine": "vllm"}
    assert kvcalc.show("whisper-large-v3", 9_000, **asked).reserved == size
    beside = kvcalc.compare("whisper-large-v3", context=[448, 9_000], **asked)
    rows = {row.context: row for row in beside.rows if row.native}
    assert [row.reserved for row in rows.values()] == [1_415_577_600, size]
    assert beside.query.settings["max_num_batched_tokens"] is None
    # 16,383 blocks but the null one, half of them for either
    (row,) = kvcalc.fit("whisper-large-v3", memory=16_384 * WHISPER_BLOCK, **asked).rows
    assert row.largest_context == 16_383 // 2 * 16


def test_no_prompt_that_is_not_cut_up_is_longer_than_the_step_that_is_set() -> None:
    asked: dict[str, Any] = {"engine": "vllm", "settings": {"max_num_batched_tokens": 2_000}}
    (row,) = kvcalc.fit("whisper-large-v3", memory="40GiB", **asked).rows
    assert row.largest_context == 2_000
    for contexts in ([2_001], [448, 2_001]):
        with pytest.raises(kvcalc.UsageError, match=r"2,000 is less than 2,001 tokens"):
            kvcalc.compare("whisper-large-v3", context=contexts, **asked)


def test_as_many_stages_as_layers_are_planned_about_as_fast_as_one() -> None:
    config = {"name": "Deep", "heads": 8, "head_dim": 64, "dtype": "bf16", "max_context": 4_096}
    layers = {"count": 4_000, "pattern": ["state*5", "full"]}
    state = {"kind": "mamba1", "inner_dim": 64, "state_dim": 16, "conv_kernel": 4}
    attention = {"state": state, "full": {"kind": "gqa", "kv_heads": 2}}
    model = kvcalc.load({**config, "layers": layers, "attention": attention})

    def seconds(pp: int) -> float:
        begun = process_time()
        asking = question(4_096, engine="vllm", pp=pp)
        found = plan(model, asking)
        assert found
        assert found.at(4_096, 1).terms
        return process_time() - begun

    # a hundred times as long where each stage looks at all layers
    assert min(seconds(4_000) for _ in range(3)) < 10 * min(seconds(1) for _ in range(3))
