"""How much of a model's weights the fullest GPU holds.

How they split is a rule of engines, an estimate wherever something is copied to several GPUs, or
lies on one stage alone, whose size no file states.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import ceil, isqrt
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Estimate
from kvcalc.budget.experts import DENSE_LAYERS, Bound, dense_layers, experts_share, size_of
from kvcalc.formats import BF16

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.cache import CacheTensor
    from kvcalc.model import Model
    from kvcalc.parallel.ranks import Ranks

COPIED = (Fraction(2, 1000), Fraction(1, 100))
"""Of all weights, what every rank of tensor parallelism has a copy of beside the attention's,
likely and at the most: routers, norms, towers of vision, what kernels pad. Published logs have 0 to
0.7 %."""
VOCABULARY = 2**17
"""Tokens of the embedding on the first stage, and of the output head on the last."""
ENDS = ((0, 0), (0, DENSE_LAYERS), (2**18, 0), (2**18, DENSE_LAYERS))
"""The least and the most of these, as few vocabularies are larger, and of leading layers without
experts: what any of these leaves on a stage is between what these four do."""
ENDS_OF_EXPERTS: tuple[Bound, ...] = ("least", "most")
QUERY_RANKS = 3
"""How many times as wide as the latent of keys that of queries is: 1,536 and 512 in most."""


@dataclass(frozen=True)
class Held:
    """What a GPU would hold if there were one stage: of experts, and of all others."""

    experts: Fraction
    others: Fraction

    @property
    def whole(self) -> Fraction:
        """Both."""
        return self.experts + self.others

    def with_more(self, copied: Fraction) -> Held:
        """The same with what tensor parallelism copies."""
        return Held(self.experts, self.others + copied)


def per_gpu(model: Model, total: Estimate, ranks: Ranks) -> Estimate:
    """What the fullest of the GPUs holds of a model's weights, `total` of them in all."""
    if ranks.gpus == 1:
        return total
    likely = _likely(model, total, ranks)
    low, high = _least(model, total, ranks), max(likely, _most(model, total, ranks))
    rule = f"{total.rule}; {_rule(model, ranks)}"
    return Estimate(ceil(low), ceil(likely), ceil(high), "estimated", rule)


def draft_per_gpu(draft: Model, total: Estimate, ranks: Ranks) -> Estimate:
    """What a GPU of the last stage holds of the draft's weights: it is split, or copied, with it.

    No stage shares a draft with another.
    """
    return per_gpu(draft, total, replace(ranks, pp=1, layers=None))


def _least(model: Model, total: Estimate, ranks: Ranks) -> Fraction:
    """The least that the fullest GPU may hold: no stage that is fullest has less than the mean."""
    helds = [_even(model, total, ranks, total.low, bound) for bound in ENDS_OF_EXPERTS]
    found = [[*_stages(model, ranks, held, *ends)] for held, ends in product(helds, ENDS)]
    each: list[Fraction] = [min(of_stage) for of_stage in zip(*found, strict=True)]
    return max(*each, min(held.whole for held in helds) / ranks.pp)


def _likely(model: Model, total: Estimate, ranks: Ranks) -> Fraction:
    """What it likely holds."""
    held = _even(model, total, ranks, total.likely, "likely")
    held = held.with_more(_copied(model, total.likely, ranks, COPIED[0]))
    return max(_stages(model, ranks, held, VOCABULARY, dense_layers(model)))


def _most(model: Model, total: Estimate, ranks: Ranks) -> Fraction:
    """The most that it may hold: ends that are small leave more to the stages between them."""
    copied = _copied(model, total.high, ranks, COPIED[1])
    helds = [_even(model, total, ranks, total.high, bound) for bound in ENDS_OF_EXPERTS]
    found = (
        _stages(model, ranks, held.with_more(copied), *ends) for held, ends in product(helds, ENDS)
    )
    return max(max(of_stages) for of_stages in found)


def _even(model: Model, total: Estimate, ranks: Ranks, size: int, bound: Bound) -> Held:
    """Each GPU's, of so many bytes, where everything is split as evenly as it can be.

    vLLM 0.33.0 splits experts over tp x dp, with expert parallelism or without it, and all others
    over tp: model_executor/layers/fused_moe/config.py, lines 1105-1114 and 1206-1209. A dense
    model is copied whole to each of dp.
    """
    # however many bytes there are, they have as many as they likely have
    experts = min(total.likely * experts_share(model, total.likely, bound), Fraction(size))
    return Held(experts / (ranks.tp * ranks.dp), (size - experts) / ranks.tp)


def _stages(
    model: Model, ranks: Ranks, held: Held, vocabulary: int, dense: int
) -> Iterator[Fraction]:
    """What a GPU of each stage holds: its layers, and an embedding or a head at either end.

    The first `dense` layers have no experts.
    """
    layers = len(model.layers)
    counts = [*ranks.partition(layers - model.predicting)]
    counts[-1] += model.predicting
    dense = min(dense, layers - 1)
    end = Fraction(vocabulary * _width(model) * 2, ranks.tp)
    end = min(end, held.whole / 4, held.others / 2)
    first = 0
    for number, count in enumerate(counts):
        sparse = count - min(max(dense - first, 0), count)
        ends = (number == 0) + (number == len(counts) - 1)
        of_layers = (held.others - 2 * end) * count / layers
        yield of_layers + held.experts * sparse / (layers - dense) + end * ends
        first += count


def _copied(model: Model, size: int, ranks: Ranks, others: Fraction) -> Fraction:
    """What every rank has beyond an even share: of attention, as wide as its parameters say.

    others  of all weights, what there is beside it

    Heads of keys and values are copied once there are fewer than ranks (vLLM 0.33.0,
    model_executor/layers/linear.py, lines 1066-1071), what has no heads always: the down
    projections of latents and the indexer (models/deepseek_v2.py, lines 703-718 and 953-967).
    """
    parameters = Fraction(0)
    width, entries = _width(model), Counter(name for layer in model.layers for name in layer)
    for name, layers in entries.items():
        scheme = model.attention[name]
        known = scheme.indexer_weights
        for tensor in scheme.kept:
            if not (known and tensor.role == "index"):
                parameters += layers * _projected(tensor, ranks.tp) * width
        parameters += layers * (known or 0) * (1 - Fraction(1, ranks.tp))
    each = Fraction(size, _parameters(model))
    # what is stored in half a byte is experts: the attention beside them is not
    beside = size * others * (1 - Fraction(1, ranks.tp))
    return parameters * (each if each > Fraction(3, 4) else 2) + beside


def _projected(tensor: CacheTensor, tp: int) -> Fraction:
    """Columns of what projects to a tensor that a rank has beyond an even share."""
    if tensor.shared or tensor.role not in ("k", "v", "kv", "latent", "rope", "index"):
        return Fraction(0)
    heads = tensor.heads or 1
    columns = heads * tensor.width * (Fraction(1, min(heads, tp)) - Fraction(1, tp))
    return columns * (1 + QUERY_RANKS) if tensor.role == "latent" else columns


def _width(model: Model) -> int:
    """About how wide a layer is: transformers have some 12 x width^2 parameters in use a layer."""
    used = model.active_parameters
    if used is None:
        used = _parameters(model) - (model.expert_parameters or 0)
    return isqrt(max(used, 1) // (12 * len(model.layers)))


def _parameters(model: Model) -> int:
    """All parameters; unless they are known as many as the bytes make, in bf16 if nobody says."""
    each = size_of(model.weight_dtype or BF16)
    return model.parameters or max(int((model.weight_bytes or 0) / each), 1)


def _rule(model: Model, ranks: Ranks) -> str:
    """How they were split, in a few words."""
    moe = experts_share(model, 1, "most") > 0
    words = [f"split over tp {ranks.tp:,}"] if ranks.tp > 1 else []
    if ranks.dp > 1 and moe:
        words.append(f"experts over tp x dp, {ranks.tp * ranks.dp:,}, all others copied to each dp")
    elif ranks.dp > 1:
        words.append(f"copied to each of dp {ranks.dp:,}")
    if ranks.pp > 1:
        words.append(f"the fullest of {ranks.pp:,} stages")
    if ranks.tp > 1:
        words.append("0 to 1 % of all, and what has no heads to split, on every rank")
    return ", ".join(words)
