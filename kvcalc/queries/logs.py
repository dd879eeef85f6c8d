"""What a server's log says otherwise than it is asked: of other ranks, tokens, GPUs or engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.budget.ledger.lines import Amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.budget.ledger import Ledger
    from kvcalc.hardware import Gpu
    from kvcalc.queries.deployed import Deployed
    from kvcalc.queries.fitted import Fitted
    from kvcalc.question import Question

NEAR = 50
"""Drivers differ by less than a part in so many of a GPU's memory."""
SAME = {"ollama": "llama.cpp"}
"""Engines whose logs are those of others."""
LONGEST = "max_model_len"


def differences(
    ledger: Ledger, gpu: Gpu | None, query: Question, placed: Deployed, row: Fitted
) -> Iterator[str]:
    """What a reader should know of a log beside a model in its layout."""
    engine = query.engine
    if engine and SAME.get(engine, engine) != ledger.engine:
        yield f"it is a log of {ledger.engine}, and asked is of {engine}, which leaves other sizes"
    if gpu and ledger.total and abs(ledger.total.size - gpu.memory) * NEAR > gpu.memory:
        yield f"its GPU has {ledger.total}, and {gpu.name} {Amount(gpu.memory)}: it is of another"
    asked = placed.ranks.gpus
    if ledger.ranks and ledger.ranks != asked:
        text = f"it names {ledger.ranks:,} ranks, and asked is of {asked:,}"
        yield f"{text} GPU{'' if asked == 1 else 's'}: say how they share the model, such as --tp"
    yield from _tokens(ledger, query, placed, row)


def _tokens(ledger: Ledger, query: Question, placed: Deployed, row: Fitted) -> Iterator[str]:
    """Where the engine of a log would print another number of tokens than stands in it."""
    if ledger.tokens is None or query.engine != ledger.engine:
        return
    left, longest = row.budget.available, ledger.longest or row.context
    sizes = (left.low, left.likely, left.high)
    least, likely, most = (_printed(placed, size, longest) for size in sizes)
    if least is None or likely is None or most is None or least <= ledger.tokens <= most:
        return
    text = f"it has room for {ledger.tokens:,} tokens, and {row.model} as asked for {likely:,}"
    yield f"{text}: its layout, dtypes, settings or version are others"


def _printed(placed: Deployed, size: int, longest: int) -> int | None:
    """The tokens that the engine would print with so many bytes; None where it would not."""
    plan = placed.plan
    if plan is None or plan.settings_at(longest).get(LONGEST) != longest:
        return None
    report = plan.capacity(size, longest).report
    return report.capacity_tokens if report else None
