"""GPUs as vLLM tells them apart: backends by compute capability, and a step's tokens by memory.

Bytes are those of vLLM 0.33.0's own planner, told of each GPU; each with its sum.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

import kvcalc
from kvcalc.engines import plan, settings_on
from kvcalc.engines.vllm.gpus import ALSO, GPUS, gpu_named
from kvcalc.errors import UsageError
from kvcalc.hardware import Gpu
from kvcalc.question import question

GIB = 2**30

TOLD = """
    h100          9.0    8192  1024
    h100-pcie     9.0    8192  1024
    h100-nvl      9.0    8192  1024
    h200          9.0    8192  1024
    h20           9.0    8192  1024
    b200         10.0   16384  1024
    gb200        10.0   16384  1024
    b300         10.3   16384  1024
    gb300        10.3   16384  1024
    a100-80gb     8.0    2048   256
    a100-40gb     8.0    2048   256
    a10           8.6    2048   256
    l4            8.9    2048   256
    l40s          8.9    2048   256
    rtx-3090      8.6    2048   256
    rtx-4090      8.9    2048   256
    rtx-5090     12.0    2048   256
    rtx-pro-6000 12.0    8192  1024
    gb10         12.1    2048   256
"""
"""NVIDIA's compute capabilities, and a server's tokens and sequences of a step by default."""


def test_every_gpu_is_what_it_is() -> None:
    rows = [line.split() for line in TOLD.strip().splitlines()]
    found = [
        [name, f"{gpu.capability / 10}", str(gpu.batched_tokens), str(gpu.sequences)]
        for name, gpu in GPUS.items()
    ]
    assert found == rows


def reserved(model: str, context: int, gpu: str, **asked: Any) -> int:
    asking = question(context, engine="vllm", settings={"gpu": gpu}, **asked)
    found = plan(kvcalc.load(model).adapted(asking), asking)
    assert found
    return found.at(context, 1).bytes


FP8: dict[str, Any] = {"kv_dtype": "fp8"}
FP8_TP2 = {**FP8, "tp": 2}

PLANS: tuple[tuple[str, int, str, dict[str, Any], int, int], ...] = (
    # FlashInfer reads sinks on 12.0, in blocks of 16: windows of 127 + 2 x 2,048 tokens, one more
    ("gpt-oss-20b", 131_072, "rtx-5090", {}, 3_325_427_712, (265 + 8192) * 393_216),
    ("gpt-oss-20b", 131_072, "rtx-3090", {}, 3_325_427_712, (265 + 8192) * 393_216),
    # 127 + 2 x 16,384
    ("gpt-oss-20b", 131_072, "b300", {}, 4_030_070_784, (2057 + 8192) * 393_216),
    # latents: Triton's alone on 8.6 and 12.0, in blocks of 16; FlashInfer's on 10.3, of 32
    ("deepseek-v3", 163_840, "rtx-3090", {}, 11_513_364_480, 10_240 * 61 * 16 * 1152),
    ("deepseek-v3", 163_840, "rtx-5090", FP8, 5_756_682_240, 10_240 * 61 * 16 * 576),
    ("deepseek-v3", 163_840, "gb10", {}, 11_513_364_480, 10_240 * 61 * 16 * 1152),
    ("deepseek-v3", 163_840, "b300", {}, 11_513_364_480, 5_120 * 61 * 32 * 1152),
    # sparse latents are packed on 12.0, whatever is asked for: rows of 656 B, index keys of 132
    ("deepseek-v3.2", 163_840, "rtx-5090", {}, 7_875_461_120, 2_560 * 61 * 64 * (656 + 132)),
    ("deepseek-v3.2", 163_840, "rtx-5090", FP8_TP2, 7_875_461_120, 2_560 * 61 * 64 * 788),
    ("deepseek-v3.2", 163_840, "gb10", {}, 7_875_461_120, 2_560 * 61 * 64 * 788),
    # a prefill's state is exported on 9.0 and later, and takes a block more; blocks of 576 tokens
    # then, a multiple of 64, where 544 would hold a state
    ("qwen3-next-80b-a3b", 262_144, "rtx-3090", {}, 6_524_239_872, (3 * 2 + 482) * 13_369_344),
    ("qwen3-next-80b-a3b", 262_144, "rtx-5090", {}, 6_582_435_840, (3 * 3 + 456) * 14_155_776),
    ("qwen3-next-80b-a3b", 262_144, "gb10", {}, 6_582_435_840, (3 * 3 + 456) * 14_155_776),
    ("qwen3-next-80b-a3b", 262_144, "b300", {}, 6_582_435_840, (3 * 3 + 456) * 14_155_776),
    ("qwen3-next-80b-a3b", 262_144, "rtx-5090", FP8_TP2, 1_671_168_000, 250 * 6_684_672),
    # a step holds a video of Gemma 4, of 2,496 tokens: windows of 1,023 + 2 x 2,496, and one more
    ("gemma-4-26b-a4b", 262_144, "rtx-5090", {}, 6_604_062_720, (8192 + 5 * 377) * 655_360),
    # keys and values of unlike widths in fp8 are Triton's from 8.9 on
    ("mimo-v2-flash", 262_144, "rtx-5090", FP8_TP2, 1_754_173_440, (8192 + 5 * 265) * 184_320),
    ("mimo-v2-flash", 262_144, "l4", FP8_TP2, 1_754_173_440, (8192 + 5 * 265) * 184_320),
)


@pytest.mark.parametrize(("model", "context", "gpu", "asked", "size", "in_sum"), PLANS)
def test_bytes_of_a_sequence(
    model: str, context: int, gpu: str, asked: dict[str, Any], size: int, in_sum: int
) -> None:
    assert reserved(model, context, gpu, **asked) == size == in_sum


REFUSED: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("mimo-v2-flash", "rtx-3090", FP8, "no attention backend of the rtx-3090"),
    ("mimo-v2-flash", "b300", FP8, "no attention backend of the b300"),
    ("deepseek-v3", "a10", FP8, "no attention backend of the a10"),
    ("deepseek-v3.2", "rtx-4090", {}, "no attention backend of the rtx-4090"),
    (
        "deepseek-v3.2",
        "rtx-5090",
        {"kv_dtype": "bf16"},
        "vllm on rtx-5090: sparse latents are kept as fp8_ds_mla alone, not as bf16",
    ),
    ("deepseek-v3.2", "rtx-5090", {"kv_dtype": "fp8_e5m2"}, "not as fp8_e5m2"),
    ("deepseek-v3.2", "gb10", {"tp": 8, "dcp": 8}, "no attention backend of the gb10"),
    (
        "glm-5.3-flash",
        "rtx-pro-6000",
        {},
        "vllm on rtx-pro-6000: how it keeps the latents of GLM-5.3-Flash there is not modelled",
    ),
    (
        "minimax-m3",
        "b300",
        {"pp": 2},
        "vllm refuses to start on b300: stages of MiniMax-M3 lay their blocks out in unlike ways",
    ),
    # 4 layers of 32, an eighth of which attends: half of the stages have none
    ("jamba-1.5-mini", "b200", {"pp": 8}, "stages lay their blocks out in unlike ways"),
)


@pytest.mark.parametrize(("model", "gpu", "asked", "why"), REFUSED)
def test_refused_on_a_gpu(model: str, gpu: str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        reserved(model, 32_768, gpu, **asked)


def test_stages_may_differ_where_any_layout_does() -> None:
    assert reserved("jamba-1.5-mini", 32_768, "h100", pp=8)
    assert reserved("jamba-1.5-mini", 32_768, "b200", pp=4)


def one_of(slug: str, capability: int | None, gib: int, name: str = "") -> Gpu:
    return Gpu(slug, name or slug, "nvidia", gib * GIB, 10**12, capability=capability)


@pytest.mark.parametrize(
    ("gpu", "name"),
    [
        (one_of("rtx-5090", 120, 32), "rtx-5090"),
        (one_of("a100", 80, 80), "a100"),
        # users' own: by compute capability, and by what memory decides
        (one_of("a30", 80, 24), "a100-80gb"),
        (one_of("rtx-6000-ada", 89, 48), "l4"),
        (one_of("gh200", 90, 96), "h100"),
        (one_of("rtx-5080", 120, 16), "rtx-5090"),
        (one_of("b200-nvl", 100, 180), "b200"),
        (one_of("thor-spark", 121, 120), "gb10"),
        (one_of("mine", 80, 80, "My A100"), "a100-80gb"),
    ],
)
def test_what_a_gpu_is_called(gpu: Gpu, name: str) -> None:
    assert gpu_named(gpu) == name
    assert name in GPUS or name in ALSO


@pytest.mark.parametrize(
    ("gpu", "why"),
    [
        (
            one_of("mi300x", None, 192),
            "vllm on mi300x: it is modelled for GPUs that run CUDA alone",
        ),
        (
            one_of("a800", 80, 80),
            "vllm on a800: none is modelled of compute capability 8.0 and 80 GiB: "
            "leave the engine out",
        ),
        (one_of("t4", 75, 16), "none is modelled of compute capability 7.5 and 16 GiB"),
    ],
)
def test_a_gpu_that_is_not_modelled(gpu: Gpu, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        gpu_named(gpu)


def test_engines_that_go_by_the_gpu_are_told_of_it() -> None:
    gpu = one_of("h200", 90, 140)
    assert settings_on("vllm", gpu) == {"gpu": "h200"}
    for engine in ("transformers", "llama.cpp", "ollama"):
        assert settings_on(engine, gpu) == {}


def test_another_name_of_a_gpu_comes_to_its_own() -> None:
    shown = kvcalc.show("llama-3.1-8b", 1_000, engine="vllm", settings={"gpu": "a100"})
    assert shown.query.settings["gpu"] == "a100-80gb"
    with pytest.raises(UsageError, match=re.escape("did you mean rtx-5090")):
        kvcalc.show("llama-3.1-8b", 1_000, engine="vllm", settings={"gpu": "rtx5090"})
