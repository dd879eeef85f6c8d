"""From what is stored to what is reserved: every way in which vLLM keeps more, or less."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.engines.reservation import Term
from kvcalc.extents import Every

if TYPE_CHECKING:
    from kvcalc.cache import Cache
    from kvcalc.engines.vllm.caches import Cached
    from kvcalc.engines.vllm.plan import VllmPlan
    from kvcalc.engines.vllm.specs import Spec

ROUNDING = "the last block, which a sequence does not fill"
IN_FLIGHT = "tokens in flight beside a window or chunk, in whole blocks"
ONE_MORE = "a block more of each window"
STATES = "blocks of a state beyond one"
DRAFTED = "a state's columns for drafted tokens"
PADDING = "pages padded to the size of the others"
PADDING_LAYERS = "padding layers, in blocks of the widest group"
ENCODER = "an encoder's output of as many tokens as a step may have"
ELSEWHERE = "tensors that it does not keep"
PREFIX = "a common prefix, of which whole blocks are kept once"


@dataclass(frozen=True)
class Line:
    """So many like caches of a stage in one group, and what one of them holds.

    spec  as it is in the group: with longer blocks, or padded
    """

    count: int
    spec: Spec
    cached: Cached


def terms_of(
    plan: VllmPlan, stage: int, tokens: int, sequences: int, shared: int
) -> tuple[Term, ...]:
    """The terms of `sequences` sequences on the dearest stage; they add up to the byte.

    They lead from what is stored with the first `shared` tokens' entries kept once.
    """
    found, kept = Counter[str](), 0
    for need, lines in zip(plan.needs(tokens), plan.lines, strict=True):
        blocks = need.blocks(tokens)
        for line in lines:
            ideal = line.cached.ideal(tokens)
            kept += line.count * ideal
            for rule, size in _steps(line, ideal, blocks, tokens):
                found[rule] += line.count * size
        filled = sum(line.count * line.spec.page for line in lines)
        found[PADDING_LAYERS] += blocks * (plan.block_bytes[stage] - filled)
    found[ELSEWHERE] = kept - plan.stages[stage].cache.stored(tokens)
    ordered = sorted(found.items(), key=lambda item: item[0] != ELSEWHERE)
    terms = tuple(Term(rule, sequences * size) for rule, size in ordered if size)
    once = plan.prefixes.blocks(shared, tokens) * plan.block_bytes[stage]
    less = _entries(plan.stages[stage].cache, shared) - once
    return (*terms, Term(PREFIX, (sequences - 1) * less)) if (sequences - 1) * less else terms


def _entries(cache: Cache, tokens: int) -> int:
    """Bytes of what grows with every token, after so many: what the ideal keeps once."""
    growing = ((n, one) for n, one in cache.tensors if isinstance(one.tensor.extent, Every))
    return sum(layers * settled.stored(tokens) for layers, settled in growing)


def _steps(line: Line, ideal: int, blocks: int, tokens: int) -> list[tuple[str, int]]:
    """From what one cache stores, over what it holds of the same tokens, to its pages."""
    spec, cached = line.spec, line.cached
    if not cached.held:
        return [(cached.why, blocks * spec.page)]
    live = cached.live(tokens)
    steps = [(cached.why, live - ideal)]
    if spec.kind in ("state", "ring"):
        steps.append((DRAFTED, spec.content - live))
        steps.append((STATES, (blocks - 1) * spec.content))
    elif spec.kind == "cross":
        steps.append((ENCODER, blocks * spec.content - live))
    elif spec.kind in ("window", "chunk"):
        more = int(spec.kind == "window")
        steps.append((IN_FLIGHT, (blocks - more) * spec.content - live))
        steps.append((ONE_MORE, more * spec.content))
    else:
        steps.append((ROUNDING, blocks * spec.content - live))
    return [*steps, (PADDING, blocks * (spec.page - spec.content))]
