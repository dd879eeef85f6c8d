"""What a GPU holds beside weights and cache, by hand, and beside what servers printed."""

from __future__ import annotations

from fractions import Fraction

import pytest

from kvcalc.budget.allowance import UTILIZATION, Work, allowance, captured, steps_of
from kvcalc.budget.estimate import Estimate
from kvcalc.engines import ENGINES
from kvcalc.hardware import Gpu
from kvcalc.parallel.ranks import Ranks

MIB, GIB = 2**20, 2**30
HUNDREDTH = GIB // 100


def gpu(memory: str, capability: int | None = 90, name: str = "", vendor: str = "NVIDIA") -> Gpu:
    size = int(Fraction(memory) * GIB)
    return Gpu("gpu", name, vendor, memory=size, bandwidth=1, capability=capability)


H100, L40S, GB10 = gpu("79.2"), gpu("44.42", 89), gpu("119.63", 121)
LLAMA = Work(active=8_030_261_248, layers=32)
"""A token is about sqrt(8,030,261,248 / 12 / 32) = 4,572 numbers wide; in truth it is 4,096."""


@pytest.mark.parametrize(
    ("device", "steps"),
    [
        (gpu("139.8"), (8_192, 1_024)),
        (H100, (8_192, 1_024)),
        (gpu("178.35", 100), (16_384, 1_024)),
        (gpu("79.2", 80, "NVIDIA A100 80GB"), (2_048, 256)),
        (GB10, (2_048, 256)),
        (L40S, (2_048, 256)),
    ],
)
def test_a_server_that_is_told_nothing(device: Gpu, steps: tuple[int, int]) -> None:
    assert steps_of(device) == steps


@pytest.mark.parametrize(
    ("sequences", "capability", "sizes"),
    [
        (1, 90, 2),  # 1, 2
        (8, 90, 5),  # 1, 2, 4, 8, 16
        (32, 90, 11),  # 1, 2, 4, then 8 to 64
        (256, 90, 51),  # 1, 2, 4, then 8 to 248, then 256 to 512 by 16
        (1_024, 90, 51),
        (1_024, 100, 83),  # to 1,024 on datacentre Blackwells
        (1_024, None, 51),
    ],
)
def test_sizes_that_are_captured(sequences: int, capability: int | None, sizes: int) -> None:
    assert captured(gpu("80", capability), sequences) == sizes


def test_a_dense_model_on_one_gpu() -> None:
    """A step: 8,192 x 4,572 x 28 = 1,048,707,072 B, less than 1,024 x 150,000 x 10 B."""
    found = allowance("vllm", H100, Ranks(), LLAMA)
    overhead = "driver and buffers on a GPU by itself"
    step = "a step's tokens (8,192), or the choice of next ones (1,024)"
    assert found.overhead == Estimate(16 * MIB, 256 * MIB, GIB, "estimated", overhead)
    assert found.activations == Estimate(
        1_048_707_072 // 3, 1_536_000_000, 6_553_600_000, "estimated", step
    )
    sizes = 51 * 32 * MIB
    graphs = "51 sizes of 32 layers"
    assert found.graphs == Estimate(0, sizes // 4, sizes * 8 // 5 + 512 * MIB, "estimated", graphs)
    assert allowance(None, H100, Ranks(), LLAMA) == found


def test_what_changes_a_step() -> None:
    """4,572 numbers: 13 B of each at tp 4, of 8 + 20 / 4; 7 / 5 of it with experts."""
    one = Work(LLAMA.active, 32, batched=16_384, sequences=8)
    forward = 16_384 * 4_572 * 28

    def step(work: Work, tp: int = 1) -> tuple[int, int, int]:
        found = allowance("vllm", H100, Ranks(tp), work).activations
        return found.low, found.likely, found.high

    assert step(one) == (forward // 3, forward, 3 * forward)
    shared = 16_384 * 4_572 * 13
    assert step(one, tp=4) == (shared // 3, shared, 3 * shared)
    experts = forward * 7 // 5
    assert step(Work(LLAMA.active, 32, experts=True, batched=16_384, sequences=8)) == (
        experts // 3,
        experts,
        7 * experts,
    )
    states = Work(LLAMA.active, 32, recurrent=True, batched=16_384, sequences=8)
    assert step(states) == (forward // 3, forward + 768 * MIB, 3 * forward + 2 * GIB)
    # few tokens: the choice of the next ones, of 32,000 to 160,000, takes more
    chosen = Work(LLAMA.active, 32, batched=64, sequences=64)
    assert step(chosen)[:2] == (6 * 64 * 32_000, 10 * 64 * 150_000)
    assert step(Work(None, 32)) == step(Work(8 * 10**9, 32))
    more_than_tokens = Work(LLAMA.active, 32, batched=64, sequences=256)
    assert step(more_than_tokens) == step(chosen)


@pytest.mark.parametrize(
    ("device", "ranks", "mib"),
    [
        (H100, Ranks(tp=8), (768, 1_664, 3_072)),
        (H100, Ranks(dp=8), (768, 1_664, 3_072)),
        (L40S, Ranks(pp=2), (128, 512, 1_536)),
        (GB10, Ranks(), (512, 3_072, 6_656)),
        (GB10, Ranks(tp=2), (512, 3_072, 6_656)),
    ],
)
def test_communication(device: Gpu, ranks: Ranks, mib: tuple[int, int, int]) -> None:
    found = allowance("vllm", device, ranks, LLAMA).overhead
    assert (found.low, found.likely, found.high) == tuple(size * MIB for size in mib)


def test_graphs() -> None:
    experts = Work(active=22 * 10**9, layers=94, experts=True, sequences=32)
    found = allowance("vllm", H100, Ranks(tp=4, pp=2), experts).graphs
    each = 11 * 47 * MIB  # sizes to 64, layers of a stage
    assert (found.low, found.likely, found.high) == (0, each * 2 // 5, each * 8 // 5 + 512 * MIB)
    none = allowance("transformers", H100, Ranks(), Work(LLAMA.active, 32)).graphs
    assert none == Estimate.exact(0, "known", "no graphs are captured")


@pytest.mark.parametrize(
    ("engine", "device", "overhead", "compute"),
    [
        ("llama.cpp", L40S, (1_152, 1_424, 1_824), (64, 512, 2_304)),
        ("ollama", L40S, (457, 457, 457), (64, 512, 2_304)),
        ("ollama", gpu("96", None, vendor="Apple"), (512, 512, 512), (64, 512, 2_304)),
    ],
)
def test_llama_cpp(
    engine: str, device: Gpu, overhead: tuple[int, ...], compute: tuple[int, ...]
) -> None:
    found = allowance(engine, device, Ranks(), LLAMA)
    for part, mib in ((found.overhead, overhead), (found.activations, compute)):
        assert (part.low, part.likely, part.high) == tuple(size * MIB for size in mib)
    assert found.graphs.is_exact
    assert found.graphs.likely == 0


def test_transformers() -> None:
    """One prompt of 2,048 tokens: 2,048 x 4,572 x 28 B."""
    found = allowance("transformers", L40S, Ranks(), LLAMA)
    assert found.overhead.likely == 512 * MIB
    assert found.activations.likely == 2_048 * 4_572 * 28
    assert found.graphs.likely == 0


def test_every_engine_has_its_utilization() -> None:
    assert set(UTILIZATION) == {None, *ENGINES}
    assert UTILIZATION["vllm"] == Fraction(92, 100)
    for engine in UTILIZATION:
        assert allowance(engine, H100, Ranks(), LLAMA).overhead.low > 0


PUBLISHED = [
    # memory, capability, ranks, work, overhead, activations and graphs that a server printed
    ("79.19", 90, Ranks(), Work(7_200_000_000, 32, batched=16_384), "0.07", "1.97", None),
    ("139.81", 90, Ranks(tp=2), Work(3 * 10**9, 48, True, True), "1.38", "5.58", None),
    ("44.42", 89, Ranks(tp=4, dp=2), Work(22 * 10**9, 94, True), "0.21", "1.4", None),
    ("23.53", 89, Ranks(), Work(8_200_000_000, 36), "0.02", "1.4", None),
    (
        "184.31",
        100,
        Ranks(tp=4),
        Work(40 * 10**9, 78, True, batched=8_192),
        "0.95",
        "6.31",
        "4.99",
    ),
    ("267.69", 103, Ranks(), Work(13 * 10**9, 43, True), "0.23", "2.99", None),
    ("121.63", 121, Ranks(tp=2), Work(13 * 10**9, 43, True, batched=8_192), "2.43", "1.84", None),
    ("16", 90, Ranks(), Work(1_200_000_000, 16, False, False, 1_024), "0.16", "0.26", "0.58"),
    ("24", 89, Ranks(tp=2), Work(3 * 10**9, 40, True, True), "0.74", "1", "0.54"),
    (
        "94.97",
        120,
        Ranks(tp=3),
        Work(18 * 10**9, 45, True, True, 8_192, 8),
        "2.76",
        "3.81",
        "0.38",
    ),
    ("95.01", 120, Ranks(tp=4), Work(22 * 10**9, 94, True, False, 8_192, 32), "1.7", "0.76", None),
    ("94.97", 120, Ranks(), Work(27 * 10**9, 64, False, True), "0.26", "2.33", None),
    ("79.25", 90, Ranks(), LLAMA, "0.26", "1.21", "0.23"),
]


@pytest.mark.parametrize(
    ("memory", "capability", "ranks", "work", "overhead", "activations", "graphs"), PUBLISHED
)
def test_what_servers_printed_is_within(
    memory: str,
    capability: int,
    ranks: Ranks,
    work: Work,
    overhead: str,
    activations: str,
    graphs: str | None,
) -> None:
    found = allowance("vllm", gpu(memory, capability), ranks, work)
    parts = ((found.overhead, overhead), (found.activations, activations), (found.graphs, graphs))
    for part, printed in parts:
        size = int(Fraction(printed or 0) * GIB)
        assert part.low - HUNDREDTH <= size <= part.high + HUNDREDTH or printed is None
