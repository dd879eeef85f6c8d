"""What llama.cpp prints of its memory when it starts, and so Ollama where it runs llama.cpp.

Its cache is as large as it is asked for. What is left beside it is told by `--fit`, where all fits
on one device (common/fit.cpp); of more devices, what is left on the fullest is not what all have.
"""

from __future__ import annotations

import re

from kvcalc.budget.ledger.lines import Amount, Ledger, Log

_MIB = r"(\d{1,9}(?:\.\d{1,2})?)"
_STARTS = r"\bbuild(?:_info)?: b?\d{1,6}[ -]|msg=\"starting (?:llama )?runner\""
_FITTED = r"will leave (\d{1,9}) >= (\d{1,9}) MiB of free device memory"
_CACHES = (
    rf"llama_(?:kv_cache|memory_recurrent)\w{{0,20}}: size = {_MIB} MiB",
    rf"KV self size  = {_MIB} MiB",
)
_DEVICES = r"llama_\w{1,30}: (\w{1,20}) (?:KV|RS) buffer size"
_WEIGHTS = rf"load_tensors: (\w{{1,20}}) model buffer size = {_MIB} MiB"
_COMPUTE = rf"(?:llama_context|sched_reserve): (\w{{1,20}}) compute buffer size = {_MIB} MiB"
_TOTAL = rf"\| - \w{{1,20}} [^|\n]{{0,80}}\| {_MIB} = \d{{1,9}} \+"
_HOST = re.compile("CPU|Host|Mapped|BLAS")


def ledger(log: Log) -> Ledger | None:
    """What the last start in a log says of its cache; None where it says nothing."""
    starts = log.starts(_STARTS)
    last = starts[-1]
    fitted = [(match, match.end()) for match, _ in last.matches(_FITTED)]
    after = fitted[-1][1] if fitted else 0  # to find what fits, caches are made up before
    caches = [one for p in _CACHES for one in last.amounts(p, "MiB") if one.at >= after]
    if not caches:
        return None
    available = sum((one.amount for one in caches[1:]), caches[0].amount)
    devices = {match[1] for match, _ in last.matches(_DEVICES)}
    if fitted and len(devices) == 1:
        left = int(fitted[-1][0][1]) - int(fitted[-1][0][2])
        available += Amount(left * 2**20, 2 * 2**20)
        note = "what its cache takes and what `--fit` says is left beside it"
    else:
        note = "what its cache takes: no line says what else is free on its devices"
    if len(devices) > 1:
        note = f"what its cache takes on all of {len(devices)} devices"
    line = max(one.line for one in caches)
    weights, compute = _on_devices(last, _WEIGHTS), _on_devices(last, _COMPUTE)
    total = last.most(_TOTAL, "MiB") if len(devices) == 1 else None
    read = Ledger("llama.cpp", available, line, total, weights=weights, activations=compute)
    if len(starts) > 1:
        return read.noting(note, f"{len(starts)} starts are in the log: the last is read")
    return read.noting(note)


def _on_devices(log: Log, pattern: str) -> Amount | None:
    """What buffers take together, those of the host left out."""
    sizes = [
        Amount.printed(match[2], "MiB")
        for match, _ in log.matches(pattern)
        if not _HOST.search(match[1])
    ]
    return sum(sizes[1:], sizes[0]) if sizes else None
