"""The bytes of a model's weights, and how many of them the fullest GPU holds.

All of them are known, or nobody says: nothing is guessed from names. How they split is a rule of
engines, an estimate wherever something is copied to several GPUs whose size no file states.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import ceil, isqrt
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Basis, Estimate
from kvcalc.errors import WrongArgument, briefly
from kvcalc.formats import BF16, Format, parse_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.cache import CacheTensor
    from kvcalc.model import Model
    from kvcalc.parallel.ranks import Ranks

COPIED = (Fraction(0), Fraction(2, 1000), Fraction(1, 100))
"""Of all weights, what every rank of tensor parallelism has a copy of beside the attention's:
routers, norms, towers of vision, what kernels pad. Published logs have 0 to 0.7 %."""
VOCABULARY = (0, 2**17, 2**18)
"""Tokens of the embedding on the first stage, and of the output head on the last: none would be
the least, and few have more than 2^18."""
DENSE_LAYERS = 3
"""Leading layers without experts, at most, in models that have experts in all others."""
HALF = Fraction(1, 2)
"""Bytes of a parameter, at least: engines know no weights of fewer than 4 bits."""
QUERY_RANKS = 3
"""How many times as wide as the latent of keys that of queries is: 1,536 and 512 in most."""


def weights_of(
    model: Model, given: int | None = None, dtype: str | Format | None = None
) -> Estimate | None:
    """The bytes of all weights of a model, without its draft's; None where nobody says.

    given  bytes, as the asker knows them
    dtype  what all parameters are stored in, as the asker wants them

    Raises WrongArgument where both are given, or there is no saying how many bytes a dtype makes.
    """
    if given is not None:
        if dtype is not None:
            text = "the bytes of the weights are given: leave one of the two out"
            raise WrongArgument("weight_dtype", text)
        return Estimate.exact(given, "given", "as given")
    if dtype is not None:
        stored = weight_format(dtype)
        if model.parameters is None:
            text = f"how many parameters {model.name} has is not known: give --weights SIZE"
            raise WrongArgument("weight_dtype", text)
        return _loaded(model, *_in_one(model.parameters, stored), "given")
    found = _published(model)
    return None if found is None else _loaded(model, *found, "known")


def unknown_weights(model: Model) -> str:
    """What to say where `weights_of` finds none: which option gives them."""
    way_out = "give them with --weights SIZE"
    if model.parameters is not None:
        way_out += ", or what they are stored in with --weight-dtype NAME"
    return f"the bytes of {model.name}'s weights are not known: {way_out}"


def weight_format(dtype: str | Format) -> Format:
    """A dtype that weights can be stored in, scales of its blocks included.

    Raises WrongArgument.
    """
    if not isinstance(dtype, str | Format):
        raise WrongArgument("weight_dtype", f"{briefly(dtype)} is not the name of a dtype")
    try:
        stored = parse_format(dtype) if isinstance(dtype, str) else dtype
    except ValueError as error:
        raise WrongArgument("weight_dtype", str(error)) from None
    if stored.more or stored.residual:
        text = f"{stored.name} stores the entries of a cache, not weights: fp8, mxfp4 and nvfp4 do"
        raise WrongArgument("weight_dtype", text)
    return stored


def per_gpu(model: Model, total: Estimate, ranks: Ranks) -> Estimate:
    """What the fullest of the GPUs holds of a model's weights, `total` of them in all."""
    if ranks.gpus == 1:
        return total
    low = ceil(_even(model, total.low, ranks, _most_experts(model, total.low)))
    likely = ceil(_fullest(model, total.likely, ranks, 1))
    # larger ends leave less to the stages between them
    high = max(likely, ceil(_fullest(model, total.high, ranks, 2)))
    return Estimate(low, likely, high, "estimated", f"{total.rule}; {_rule(model, ranks)}")


def draft_per_gpu(draft: Model, total: Estimate, ranks: Ranks) -> Estimate:
    """What a GPU of the last stage holds of the draft's weights: it is split, or copied, with it.

    No stage shares a draft with another.
    """
    return per_gpu(draft, total, replace(ranks, pp=1, layers=None))


def _published(model: Model) -> tuple[int, str] | None:
    if model.weight_bytes is not None:
        return model.weight_bytes, "as published"
    if model.weights:
        sizes = {name: n * _size(parse_format(name)) for name, n in model.weights.items()}
        told = " + ".join(f"{n:,} in {name}" for name, n in model.weights.items())
        return ceil(sum(sizes.values())), f"parameters as published: {told}"
    if model.parameters is None or model.weight_dtype is None:
        return None
    size, rule = _in_one(model.parameters, model.weight_dtype)
    return size, f"{rule}, as published"


def _in_one(parameters: int, stored: Format) -> tuple[int, str]:
    return ceil(parameters * _size(stored)), f"{parameters:,} parameters in {stored.name}"


def _size(stored: Format) -> Fraction:
    """Bytes of one parameter, with its share of what a block has beside its elements."""
    return Fraction(stored.bits, 8) + Fraction(stored.group_bytes, stored.group)


def _loaded(model: Model, size: int, rule: str, basis: Basis) -> Estimate:
    """Those that an engine loads: of the published ones MTP layers stay out unless asked for."""
    if not model.mtp:
        return Estimate.exact(size, basis, rule)
    more, layers = len(model.mtp), len(model.layers)
    what = "the MTP layer" if more == 1 else f"the {more:,} MTP layers"
    if model.mtp_parameters is not None and model.parameters is not None:
        left = size * (1 - Fraction(model.mtp_parameters, model.parameters))
        # of parameters of several sizes an MTP layer has its share, and copies of the ends of bf16
        several = basis == "known" and model.weight_dtype is None
        found = "estimated" if several else basis
        return Estimate.exact(ceil(left), found, f"{rule}, without {what}")
    left = Fraction(size * layers, layers + more)
    told = f"{rule}, with {what}, which engines load for prediction alone"
    return Estimate(ceil(left), size, size, "estimated", told)


def _even(model: Model, size: int, ranks: Ranks, experts: Fraction) -> Fraction:
    """The share of each GPU where everything is split as evenly as it can be.

    vLLM 0.33.0 splits experts over tp x dp, with expert parallelism or without it, and all others
    over tp: model_executor/layers/fused_moe/config.py, lines 1105-1114 and 1206-1209. A dense
    model is copied whole to each of dp.
    """
    split = size * experts / (ranks.tp * ranks.dp) + size * (1 - experts) / ranks.tp
    return split / ranks.pp


def _fullest(model: Model, size: int, ranks: Ranks, bound: int) -> Fraction:
    """The likely share (bound 1) of the fullest GPU, or the most that it may be (bound 2)."""
    experts = _least_experts(model, size)
    copied = _copied(model, size, ranks) + size * COPIED[bound] * (1 - Fraction(1, ranks.tp))
    whole = _even(model, size, replace(ranks, pp=1), experts) + copied
    if ranks.pp == 1:
        return whole
    end = Fraction(VOCABULARY[bound] * _width(model) * 2, ranks.tp)
    end = min(end, whole / 4)
    return max(_stages(model, whole - 2 * end, end, ranks, experts if bound == 2 else Fraction(0)))


def _stages(
    model: Model, layers: Fraction, end: Fraction, ranks: Ranks, experts: Fraction
) -> Iterator[Fraction]:
    """What a GPU of each stage holds: its layers, and an embedding or a head at either end."""
    trunk = len(model.layers) - model.predicting
    counts = [*ranks.partition(trunk)]
    counts[-1] += model.predicting
    heavy = max(len(model.layers) - (DENSE_LAYERS if experts else 0), *counts)
    for number, count in enumerate(counts):
        ends = (number == 0) + (number == len(counts) - 1)
        yield layers * count / heavy + end * ends


def _copied(model: Model, size: int, ranks: Ranks) -> Fraction:
    """What attention has on every rank beyond an even share, as wide as its parameters say.

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
    return parameters * (each if each > Fraction(3, 4) else 2)


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
    each = _size(model.weight_dtype or BF16)
    return model.parameters or max(int((model.weight_bytes or 0) / each), 1)


def _least_experts(model: Model, size: int) -> Fraction:
    """The share of so many bytes that is known to be of routed experts."""
    if model.expert_parameters is not None:
        return _experts(model, model.expert_parameters, size, HALF)
    if model.parameters is None or model.active_parameters is None:
        return Fraction(0)
    # those that a token does not use are experts that it was not sent to
    return _experts(model, model.parameters - model.active_parameters, size, HALF)


def _most_experts(model: Model, size: int) -> Fraction:
    """The share of so many bytes that may be of routed experts; none in a dense model."""
    if model.expert_parameters is not None:
        return _experts(model, model.expert_parameters, size, _size(BF16))
    known = model.active_parameters in (None, model.parameters)
    return _least_experts(model, size) if known else Fraction(1)


def _experts(model: Model, parameters: int, size: int, unknown: Fraction) -> Fraction:
    """The share of so many bytes that some parameters of experts have, the smallest of all.

    unknown  bytes of one where neither the others nor the dtype is known
    """
    if model.weights:
        return _smallest(model, parameters)
    if model.parameters is not None:
        return Fraction(parameters, model.parameters)
    each = _size(model.weight_dtype) if model.weight_dtype else unknown
    return min(Fraction(parameters * each, max(size, 1)), Fraction(1))


def _smallest(model: Model, parameters: int) -> Fraction:
    """The share of all bytes that so many of the smallest parameters have."""
    sizes = sorted((_size(parse_format(name)), n) for name, n in model.weights.items())
    found, left = Fraction(0), parameters
    for size, n in sizes:
        found += size * min(n, left)
        left -= min(n, left)
    return found / sum(size * n for size, n in sizes)


def _rule(model: Model, ranks: Ranks) -> str:
    """How they were split, in a few words."""
    moe = _most_experts(model, 1) > 0
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
