"""What a GPU's memory holds beside weights and cache, estimated by rules for each engine.

The rules are fitted to what servers print of themselves when they start (see `kvcalc.budget.ledger`
for the lines); where theirs is at hand, it is the better answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from types import MappingProxyType
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvcalc.hardware import Gpu
    from kvcalc.parallel.ranks import Ranks

MIB, GIB = 2**20, 2**30

UTILIZATION: Mapping[str | None, Fraction] = MappingProxyType(
    {
        None: Fraction(9, 10),
        "vllm": Fraction(92, 100),
        "transformers": Fraction(1),
        "llama.cpp": Fraction(1),
        "ollama": Fraction(1),
    }
)
"""Which part of a GPU an engine takes by default: vLLM 0.33.0's `gpu_memory_utilization`
(config/cache.py:215; older ones' is 0.9, which is read too where no engine is named); others take
what there is."""


@dataclass(frozen=True)
class Work:
    """What of a model and of its server decides how much memory a step takes.

    active      parameters that a token passes through; None where that is not known
    layers      of the whole model
    experts     whether it has experts, of which a token passes through some
    recurrent   whether layers of it keep states, as delta nets and Mamba do
    batched     tokens of a step at most; None leaves them to vLLM's default
    sequences   in a step at most; None leaves them to vLLM's default
    """

    active: int | None
    layers: int
    experts: bool = False
    recurrent: bool = False
    batched: int | None = None
    sequences: int | None = None

    @property
    def width(self) -> int:
        """About the width of a token: a layer of width h has some 12 h^2 parameters."""
        return isqrt((self.active or UNKNOWN_ACTIVE) // (12 * max(self.layers, 1)))


@dataclass(frozen=True)
class Allowance:
    """What one GPU holds beside weights and cache.

    overhead     what driver, communication and buffers that stay take
    activations  what a step takes at most
    graphs       what captured graphs are expected to take
    """

    overhead: Estimate
    activations: Estimate
    graphs: Estimate


UNKNOWN_ACTIVE = 8 * 10**9
"""Parameters of a model of which they are not known: many have about so many."""
VOCABULARY = (32_000, 150_000, 160_000)
"""Tokens to choose from, where they are not known: few, as many as most have, many."""
LARGE, MIDDLE = 160 * GIB, 70 * GIB
"""Memory from which vLLM takes a GPU for a large one, or for one of middle size."""
GB10 = 121
"""The compute capability of a GPU that has its host's memory."""


def steps_of(gpu: Gpu) -> tuple[int, int]:
    """Batched tokens and sequences of a server by default, as in vLLM 0.33.0.

    (engine/arg_utils.py:2973-3006.)
    """
    if gpu.memory >= LARGE:
        return 16_384, 1_024
    a100 = "a100" in f"{gpu.slug} {gpu.name}".lower()
    if gpu.memory >= MIDDLE and not a100 and gpu.capability != GB10:
        return 8_192, 1_024
    return 2_048, 256


def allowance(engine: str | None, gpu: Gpu, ranks: Ranks, work: Work) -> Allowance:
    """What one of these GPUs holds beside weights and cache; without an engine, as under vLLM."""
    return RULES[engine](gpu, ranks, work)


def _vllm(gpu: Gpu, ranks: Ranks, work: Work) -> Allowance:
    """As vLLM 0.33.0 measures itself before it sizes its cache (v1/worker/gpu_worker.py:668-748).

    Both model runners take the estimate of graphs off since 0.33.
    """
    batched, sequences = steps_of(gpu)
    batched, sequences = work.batched or batched, work.sequences or sequences
    sequences = min(sequences, batched)
    return Allowance(
        _communication(gpu, ranks),
        _step(ranks, work, batched, sequences),
        _graphs(gpu, ranks, work, sequences),
    )


def _communication(gpu: Gpu, ranks: Ranks) -> Estimate:
    if gpu.capability == GB10:
        return _mib(512, 3_072, 6_656, "driver and host share this GPU's memory")
    if ranks.gpus == 1:
        return _mib(16, 256, 1_024, "driver and buffers on a GPU by itself")
    if gpu.memory < MIDDLE:
        return _mib(128, 512, 1_536, "driver, buffers and communication of several small GPUs")
    return _mib(768, 1_664, 3_072, "driver, buffers and communication of several large GPUs")


def _step(ranks: Ranks, work: Work, batched: int, sequences: int) -> Estimate:
    """A step of so many tokens, or the choice of the next ones, whichever takes more.

    A token takes some 28 B for each number of its width, 20 of them shared out over tp; one to
    choose from takes some 10 B a sequence, or 40 B where all are sorted, as vLLM 0.11 did.
    Layers with states take some more, however few the tokens.
    """
    forward = batched * work.width * (8 + 20 // ranks.tp)
    if work.experts:
        forward = forward * 7 // 5
    few, some, many = VOCABULARY
    low = max(forward // 3, 6 * sequences * few)
    likely = max(forward, 10 * sequences * some)
    high = max((7 if work.experts else 3) * forward, 40 * sequences * many)
    if work.recurrent:
        likely, high = likely + 3 * GIB // 4, high + 2 * GIB
    rule = f"a step's tokens ({batched:,}), or the choice of next ones ({sequences:,})"
    return Estimate(low, likely, high, "estimated", rule)


def _graphs(gpu: Gpu, ranks: Ranks, work: Work, sequences: int) -> Estimate:
    layers = -(-work.layers // ranks.pp)
    sizes = captured(gpu, sequences)
    each = sizes * layers * MIB
    likely = each * 2 // 5 if work.experts else each // 4
    return Estimate(
        0, likely, each * 8 // 5 + GIB // 2, "estimated", f"{sizes} sizes of {layers} layers"
    )


def captured(gpu: Gpu, sequences: int) -> int:
    """How many sizes of a batch vLLM 0.33.0 captures by default (config/vllm.py:2410-2600)."""
    most = min(2 * sequences, 1_024 if gpu.capability and gpu.capability // 10 == 10 else 512)
    sizes = (1, 2, 4, *range(8, 256, 8), *range(256, most + 1, 16))
    return sum(size <= most for size in sizes)


def _transformers(gpu: Gpu, ranks: Ranks, work: Work) -> Allowance:
    """A prompt goes through at once, and the next token of each sequence is chosen in float32."""
    batched, sequences = work.batched or steps_of(gpu)[0], work.sequences or 1
    step = _step(ranks, work, batched, sequences)
    return Allowance(_CONTEXT, step, NO_GRAPHS)


def _llama_cpp(gpu: Gpu, ranks: Ranks, work: Work) -> Allowance:
    """What `--fit` leaves free of each device (common/common.h: 1,024 MiB), and the driver's."""
    rule = "1,024 MiB that llama.cpp leaves free of a device by default, and its driver's context"
    return Allowance(_mib(1_152, 1_424, 1_824, rule), _COMPUTE, NO_GRAPHS)


def _ollama(gpu: Gpu, ranks: Ranks, work: Work) -> Allowance:
    """What Ollama sets aside of a device (ml/device.go, MinimumMemory)."""
    aside = (512 if gpu.vendor == "Apple" else 457) * MIB
    overhead = Estimate.exact(aside, "known", "what Ollama sets aside of a device")
    return Allowance(overhead, _COMPUTE, NO_GRAPHS)


def _mib(low: int, likely: int, high: int, rule: str) -> Estimate:
    return Estimate(low * MIB, likely * MIB, high * MIB, "estimated", rule)


NO_GRAPHS = Estimate.exact(0, "known", "no graphs are captured")
_CONTEXT = _mib(256, 512, 1_024, "the driver's context")
_COMPUTE = _mib(64, 512, 2_304, "compute buffers of a step of 512 tokens")
RULES: Mapping[str | None, Callable[[Gpu, Ranks, Work], Allowance]] = MappingProxyType(
    {
        None: _vllm,
        "vllm": _vllm,
        "transformers": _transformers,
        "llama.cpp": _llama_cpp,
        "ollama": _ollama,
    }
)
"""The rule of each engine."""
