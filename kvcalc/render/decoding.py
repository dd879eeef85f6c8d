"""What one decode step moves and how long it takes at least: keys of a document, lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.render.keys import Each, JsonObject, Key, as_fraction, number
from kvcalc.units import (
    MAX_TOKENS,
    System,
    decimals,
    format_rate,
    format_seconds,
    format_size,
    size_unit,
)

if TYPE_CHECKING:
    from kvcalc.queries.decoding import Decoding, Moved

ROOFLINE = "roofline"


def _weights(moved: Decoding | Moved) -> int | float | None:
    return None if moved.weights is None else number(moved.weights)


def _rate(found: Decoding) -> int | float | None:
    return None if found.rate is None else number(found.rate)


MOVED = (
    Key("cache_bytes_per_step", int, "cache"),
    Key("weight_bytes_per_step", int | float | None, _weights, "At least; null: not known."),
    Key("weight_bytes_per_step_exact", str | None, lambda moved: as_fraction(moved.weights)),
)
STAGE = JsonObject("StageStepDocument", "What a GPU of one pipeline stage moves in a step.", *MOVED)
DECODING = JsonObject(
    "DecodingDocument",
    "One decode step of a batch; bytes are of the GPU that moves most.",
    Key("bound", ROOFLINE, lambda _: ROOFLINE, "Of memory alone: bytes over bandwidth."),
    Key("batch", int),
    Key("sequences", int, says="Of the batch, on the fullest copy of the model."),
    *MOVED,
    Key("weights_read", str, "rule", "Which of the weights are counted, in words."),
    Key("bandwidth_bytes_per_second", int, "gpu.bandwidth"),
    Key(
        "least_seconds",
        int | float,
        lambda found: number(found.seconds),
        "Over all stages, one after the other; without the weights where they are not known.",
    ),
    Key("least_seconds_exact", str, lambda found: as_fraction(found.seconds)),
    Key(
        "most_tokens_per_second",
        int | float | None,
        _rate,
        "Over all GPUs, one token a sequence and step; null where nothing is moved.",
    ),
    Key("most_tokens_per_second_exact", str | None, lambda found: as_fraction(found.rate)),
    Key(
        "outweighs_weights_from",
        int | None,
        "outweighs",
        "From which context on the cache's bytes are no fewer; null: from none, or not known.",
    ),
    Key("outweighs_all_weights_from", int | None, "outweighs_all"),
    Each("stages", STAGE),
    Key("notes", [str], lambda found: list(found.notes)),
)


def lines(found: Decoding, units: System) -> Iterator[str]:
    """What stands below a table: the step, its bound, what is counted, and the crossing."""
    yield f"{_step(found, units)}: {_bound(found, units)}"
    if found.weights is None:
        yield f"weights beside the cache are left out: {found.rule}"
    else:
        yield f"weights: {found.rule}"
    yield from _crossing(found)
    yield from found.notes


def _step(found: Decoding, units: System) -> str:
    of = "1 sequence" if found.batch == 1 else f"{found.batch:,} sequences"
    of += f" ({found.sequences:,} on the fullest copy)" if found.sequences < found.batch else ""
    stages = len(found.stages)
    cache = sum(stage.cache for stage in found.stages)
    moved = f"{_size(cache, units)} of cache"
    if found.weights is not None:
        moved += f" and {_size(found.weights * stages, units)} of weights"
    where = f" on the busiest of {found.gpus:,} GPUs" if found.gpus > 1 else ""
    if stages > 1:
        where = f" on a GPU of each of {stages:,} stages, one after the other"
    return f"one step of {of} moves at least {moved}{where}"


def _bound(found: Decoding, units: System) -> str:
    bandwidth = format_rate(found.gpu.bandwidth, units)
    text = f"{format_seconds(found.seconds)} at {bandwidth}, a roofline bound"
    if found.rate is None:
        return text
    rate = decimals(found.rate, 0 if found.rate >= 100 else 2)
    overlap = " with stages that overlap" if len(found.stages) > 1 else ""
    return f"{text}; at most {rate} tokens/s{overlap}, one a sequence and step"


def _crossing(found: Decoding) -> Iterator[str]:
    """From where on the cache outweighs weights, as far as they are known."""
    those, every = found.outweighs, found.outweighs_all
    of = "the cache" if found.batch == 1 else "the cache of so many sequences"
    if not found.searched:
        yield f"{of} is read so unevenly that its crossing with the weights is not looked for"
    elif found.weights is not None and those == every:
        yield f"{of} {_from(those, 'the weights', found)}"
    elif found.weights is not None:
        later = _from(every, "all there may be", found)
        yield f"{of} {_from(those, 'these weights', found)}, and {later}"
    elif found.sized:
        yield f"{of} {_from(every, 'all weights', found)}"


def _from(tokens: int | None, what: str, found: Decoding) -> str:
    if tokens is None:
        return f"never outweighs {what}, up to {MAX_TOKENS:,} tokens"
    beyond = found.longest is not None and tokens > found.longest
    own = f" (beyond its own {found.longest:,})" if beyond else ""
    return f"outweighs {what} from {tokens:,} {'token' if tokens == 1 else 'tokens'} on{own}"


def _size(size: Fraction | int, units: System) -> str:
    unit = size_unit([size], units)
    return format_size(size if unit != "B" else int(size), unit, 2)
