"""What SGLang prints of its memory when it starts; its GB are of 2^30 bytes.

What is left for the cache is told in some versions; in others it is what the pools take, which are
made as large as it (mem_cache/kv_cache_configurator.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from kvcalc.budget.ledger.lines import NUMBER, Amount, Ledger, Log

if TYPE_CHECKING:
    from collections.abc import Iterable

_ARGUMENTS = r"server_args=ServerArgs\("
_LEFT = (
    rf"rest_memory={NUMBER} GB",
    rf"D[Ss][Vv]4 memory calculation: [^\n]{{0,200}}?available_bytes={NUMBER} GB",
)
_POOLS = r"(?:KV|Mamba) Cache is allocated\.([^\n]{0,400})"
_SIZE = re.compile(rf"size: {NUMBER} ?GB")
_RANK = re.compile(r"((?:DP\d{1,4} )?(?:PP\d{1,4} )?TP\d{1,4})\b")
_RANKS = (r"\bPP(\d{1,4}) TP\d", r"\bTP(\d{1,4})(?: EP\d{1,4})?\]")
"""Those of data parallel attention are ranks of tensor parallelism, too."""
_LOADED = rf"Load weight end\.[^\n]{{0,300}}?mem usage={NUMBER} GB"
_GRAPHS = rf"[Cc]apture [^\n]{{0,40}}graph end\.[^\n]{{0,100}}?mem usage={NUMBER} GB"
_FRACTION = rf"mem_fraction_static={NUMBER}"
_TOKENS = r"max_total_num_tokens=(\d{1,15})\b"


def ledger(log: Log) -> Ledger | None:
    """What the last start in a log says; None where it says nothing of it."""
    starts = log.starts(_ARGUMENTS)
    last = starts[-1]
    told = [(one.amount, one.line) for pattern in _LEFT for one in last.amounts(pattern)]
    pools = () if told else _pools(last)
    if not told and not pools:
        return None
    available, line = min((*told, *pools), key=lambda one: one[0].size)
    tokens = [int(match[1]) for match, _ in last.matches(_TOKENS)]
    read = Ledger(
        "sglang",
        available,
        line,
        utilization=last.ratio(_FRACTION),
        weights=last.most(_LOADED, "GB"),
        graphs=last.most(_GRAPHS, "GB"),
        tokens=tokens[-1] if tokens else None,
        ranks=last.ranks(*_RANKS),
    )
    if pools:
        read = read.noting("what its pools take is read as what it has: it fills that with them")
    if len(starts) > 1:
        read = read.noting(f"{len(starts)} starts are in the log: the last is read")
    return read


def _pools(log: Log) -> Iterable[tuple[Amount, int]]:
    """What the pools of each rank take together, and the line of its last."""
    ranks: dict[str, list[tuple[Amount, int]]] = defaultdict(list)
    for match, line in log.matches(_POOLS):
        start = log.text.rfind("\n", 0, match.start()) + 1
        rank = _RANK.search(log.text[max(start, match.start() - 300) : match.start()])
        for size in _SIZE.findall(match[1]):
            ranks[rank[1] if rank else ""].append((Amount.printed(size, "GB"), line))
    return [
        (sum((amount for amount, _ in sizes[1:]), sizes[0][0]), sizes[-1][1])
        for sizes in ranks.values()
    ]
