"""What vLLM prints of its memory when it starts, in the forms of its versions.

0.10 to 0.26 print weights and non-torch memory apart, later ones together; up to 0.10.x the bytes
of the cache are printed exactly (v1/worker/gpu_worker.py, compile_or_warm_up_model).
"""

from __future__ import annotations

from dataclasses import replace

from kvcalc.budget.ledger.lines import NUMBER, Amount, Found, Ledger, Log

STARTED = "LLM engine"
STARTS = 1_000
"""Starts of a server that are looked at, where it was started again and again."""
_ARGUMENTS = r"non-default args: \{"
_ENGINES = r"Initializing a V[01] LLM engine"
_OTHER_ENGINES = "EngineCore_DP1"
"""Of data parallel ranks each has an engine: these begin together."""
_IN_USE = rf"Current kv cache memory in use is {NUMBER}"
_REST = rf"the rest of the memory reserved for KV Cache is {NUMBER}GiB"
_LEFT = (
    rf"Available KV cache memory: {NUMBER} GiB",
    rf"reserved {NUMBER} GiB memory for KV Cache as specified by",
    rf"larger than the available KV cache memory \({NUMBER} GiB\)",
    rf"{_IN_USE} GiB",
    _REST,
)
_BYTES = (rf"{_IN_USE} bytes", rf"'kv_cache_memory_bytes': {NUMBER}[,}}]")
_TOTAL = (rf"/{NUMBER} GiB\) on startup", rf"total_gpu_memory \({NUMBER}GiB\)")
_WEIGHTS = (rf"{NUMBER} GiB for weight", rf"model weights take {NUMBER}GiB")
_OVERHEAD = (rf"{NUMBER} GiB for non-torch", rf"non_torch_memory takes {NUMBER}GiB")
_CONSUMED = (rf"{NUMBER} GiB for consumed memory",)
_PEAK = (rf"{NUMBER} GiB for peak activation", rf"activation peak memory takes {NUMBER}GiB")
_GRAPHS = (rf"{NUMBER} GiB for CUDAGraph memory",)
_REQUESTED = rf"utilization (?:is )?\([\d.]{{1,20}}(?:\) = |, ){NUMBER}\s?GiB"
_UTILIZATION = (
    rf"utilization (?:is )?\({NUMBER}[,)]",
    rf"The current --gpu-memory-utilization={NUMBER}",
    rf"'gpu_memory_utilization': {NUMBER}",
)
_LOADED = rf"(?:Model loading|Loading model weights) took {NUMBER} G"
_EXPECTED = rf"Estimated CUDA graph memory: {NUMBER} GiB"
_CAPTURED = rf"Graph capturing finished in \d{{1,9}} secs, took {NUMBER} GiB"
_TOKENS = r"GPU KV cache size: (\d[\d,]{0,20}) tokens"
_LONGEST = r"Maximum concurrency for (\d[\d,]{0,20}) tokens per request"
_RANKS = (
    *(
        rf"\((?:Worker|EngineCore)[A-Z0-9_]{{0,40}}_{kind}(\d{{1,5}})"
        for kind in ("DP", "PP", "TP")
    ),
    r"\(VllmWorker rank=(\d{1,5})",
)
"""Of each kind of parallelism, as workers are called, and as they were before 0.10."""
_REPORTS = (("Free memory on device", _IN_USE), ("the current vLLM instance can use", _REST))
"""Where what a rank says of itself begins, and where what it has for the cache stands in it."""


def ledger(log: Log) -> Ledger | None:
    """What the last start in a log says that says it; None where none does."""
    starts = log.starts(_ARGUMENTS)
    if len(starts) == 1 and _OTHER_ENGINES not in log.text:
        starts = log.starts(_ENGINES)
    for start in reversed(starts[-STARTS:]):
        found = [
            *(one for pattern in _BYTES for one in start.amounts(pattern, "bytes")),
            *(one for pattern in _LEFT for one in start.amounts(pattern)),
        ]
        if found:
            read = _read(start, found)
            many = f"{len(starts)} starts are in the log: the last that says it is read"
            return read.noting(many) if len(starts) > 1 else read
    return None


def _read(log: Log, found: list[Found]) -> Ledger:
    """What a start says; of several ranks, of that with the least for the cache."""
    least = min(found, key=lambda one: one.amount.size)
    alike = (one for one in found if one.amount.meets(least.amount))
    told = min(alike, key=lambda one: (one.amount.within, one.amount.size))
    most = max(found, key=lambda one: one.amount.size)
    report = _report(log, told.amount)
    ratios = (ratio for part in (report, log) for ratio in map(part.ratio, _UTILIZATION))
    utilization = next((ratio for ratio in ratios if ratio is not None), None)
    read = Ledger(
        "vllm",
        told.amount,
        told.line,
        total=_first(report, _TOTAL),
        utilization=utilization,
        weights=_first(report, _WEIGHTS) or log.most(_LOADED),
        overhead=_first(report, _OVERHEAD),
        consumed=_first(report, _CONSUMED),
        activations=_first(report, _PEAK),
        estimate=log.most(_EXPECTED),
        graphs=_first(report, _GRAPHS) or log.most(_CAPTURED),
        tokens=min(_numbers(log, _TOKENS), default=None),
        longest=min(_numbers(log, _LONGEST), default=None),
        ranks=log.ranks(*_RANKS),
    )
    if not most.amount.meets(least.amount):
        several = f"ranks say that they have {least.amount} to {most.amount}: the least is read"
        read = read.noting(several)
    return _closed(read, _first(report, (_REQUESTED,)))


def _report(log: Log, available: Amount) -> Log:
    """The part of a log in which the rank that has so much says what it holds; or nothing."""
    for begins, ends in _REPORTS:
        for match, _ in log.matches(rf"{ends}\s?(bytes|GiB)" if ends is _IN_USE else ends):
            unit = match[2] if ends is _IN_USE else "GiB"
            if Amount.printed(match[1], unit).meets(available):
                return log.before(begins, match.start())
    return Log("")


def _numbers(log: Log, pattern: str) -> list[int]:
    return [int(match[1].replace(",", "")) for match, _ in log.matches(pattern)]


def _first(log: Log, patterns: tuple[str, ...]) -> Amount | None:
    found = [one.amount for pattern in patterns for one in log.amounts(pattern)]
    return found[0] if found else None


def _closed(read: Ledger, requested: Amount | None) -> Ledger:
    """The same, with whether its parts add up, and what of the graphs is in them."""
    held = read.consumed
    if read.weights and read.overhead:
        held = read.weights + read.overhead
    if not requested or not held or not read.activations:
        return read
    rest = requested - held - read.activations
    estimate = read.estimate
    if rest.meets(read.left):
        if estimate and estimate.size > 0 and read.consumed:
            within = f"the {estimate} expected of graphs are within the activations"
            return replace(read, estimate=None).noting(within)
        return replace(read, estimate=None)
    if estimate and (rest - estimate).meets(read.left):
        return read
    less = f"{requested} less weights, overhead and activations are {rest}"
    return read.noting(f"{less}, and {read.left} are said: what differs is not in the log")
