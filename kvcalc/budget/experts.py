"""Which of a model's weights are those of routed experts: how many bytes, and of which layers.

A file may say how many parameters experts have in all, and never in which layers: what follows from
their number is an estimate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from kvcalc.formats import BF16, Format, parse_format

if TYPE_CHECKING:
    from kvcalc.model import Model

    Sizes = list[tuple[Fraction, int]]
    """Bytes of a parameter, and how many are of so many."""

Bound = Literal["least", "likely", "most"]

DENSE_LAYERS = 3
"""Leading layers without experts, at most, in models that have experts in all others."""
HALF = Fraction(1, 2)
"""Bytes of a parameter, at least: engines know no weights of fewer than 4 bits."""
WIDTHS = (2, 3, 5, 7, 11, 13)
"""Primes that widths and numbers of experts are made of; those of layers may have others."""


def size_of(stored: Format) -> Fraction:
    """Bytes of one parameter, with its share of what a block has beside its elements."""
    return Fraction(stored.bits, 8) + Fraction(stored.group_bytes, stored.group)


def experts_share(model: Model, size: int, bound: Bound) -> Fraction:
    """The share of so many loaded bytes that is of routed experts: likely, or at an end.

    Those that a token does not use are experts that it was not sent to; beside them there may be
    any number, and in a dense model there are none.
    """
    known, unknown = model.expert_parameters, HALF
    if known is not None:
        known -= min(known, _of_prediction(model, bound))
        unknown = size_of(BF16) if bound == "most" else HALF
    elif model.active_parameters in (None, model.parameters):
        return Fraction(0)
    elif bound == "most":
        return Fraction(1)
    elif model.parameters is not None and model.active_parameters is not None:
        known = model.parameters - model.active_parameters
    return _share(model, known or 0, size, unknown)


def dense_layers(model: Model) -> int:
    """How many leading layers are likely without experts; none where that is not clear."""
    found = _expert_layers(model)
    return _candidates(model) - found if found else 0


def prediction_bytes(model: Model) -> tuple[Fraction, Fraction, Fraction]:
    """The most, the likely and the least bytes of MTP layers that stay out, of several sizes.

    Their experts are likely of the smallest, and what they repeat of a model's ends of the largest.
    """
    parameters, sizes = model.mtp_parameters or 0, _sizes(model)
    experts = min(parameters, _of_prediction(model, "likely"))
    others = parameters - experts if experts else 0
    ends = _bytes(_taken(sizes[::-1], others)) + _bytes(_taken(sizes, experts))
    likely = ends if experts else parameters * _bytes(sizes) / max(sum(n for _, n in sizes), 1)
    return _bytes(_taken(sizes[::-1], parameters)), likely, _bytes(_taken(sizes, parameters))


def _share(model: Model, parameters: int, size: int, unknown: Fraction) -> Fraction:
    """The share of so many bytes that some parameters of experts have, the smallest of all.

    unknown  bytes of one where neither the others nor the dtype is known
    """
    left = model.mtp_parameters or 0 if model.mtp else 0
    if model.weights:
        sizes = _sizes(model)
        whole = _bytes(sizes) - (prediction_bytes(model)[1] if left else 0)
        return min(_bytes(_taken(sizes, parameters)) / max(whole, Fraction(1)), Fraction(1))
    if model.parameters is not None:
        return min(Fraction(parameters, max(model.parameters - left, 1)), Fraction(1))
    each = size_of(model.weight_dtype) if model.weight_dtype else unknown
    return min(Fraction(parameters * each, max(size, 1)), Fraction(1))


def _of_prediction(model: Model, bound: Bound) -> int:
    """Parameters of experts in MTP layers that stay out, as far as these are told apart."""
    if not model.mtp or model.mtp_parameters is None or model.expert_parameters is None:
        return 0
    found = _expert_layers(model)
    if found:
        return model.expert_parameters * len(model.mtp) // found if _predicting(model) else 0
    return model.mtp_parameters if bound == "least" else 0


def _expert_layers(model: Model) -> int | None:
    """How many layers are likely to have experts, those of MTP among them where they have any.

    All have as many parameters of them, which is a number of experts times widths.
    """
    if model.expert_parameters is None:
        return None
    most, best = _candidates(model), None
    for layers in range(most, max(most - DENSE_LAYERS, 1) - 1, -1):
        each, left = divmod(model.expert_parameters, layers)
        if not left and (best is None or _rest(each) < _rest(model.expert_parameters // best)):
            best = layers
    return best


def _candidates(model: Model) -> int:
    """The layers that may have experts."""
    return len(model.layers) + (len(model.mtp) if _predicting(model) else 0)


def _predicting(model: Model) -> bool:
    """Whether MTP layers that stay out have experts: they are as large as others with theirs."""
    more, experts = len(model.mtp), model.expert_parameters or 0
    if model.mtp_parameters is None:
        return more > 0
    return model.mtp_parameters * (len(model.layers) + more) >= experts * more > 0


def _rest(number: int) -> int:
    """What of a number is of larger primes than widths are made of."""
    for prime in WIDTHS:
        while number and number % prime == 0:
            number //= prime
    return number


def _sizes(model: Model) -> Sizes:
    """The published parameters by size, the smallest first."""
    return sorted((size_of(parse_format(name)), n) for name, n in model.weights.items())


def _taken(sizes: Sizes, parameters: int) -> Sizes:
    """So many parameters, from the first on."""
    found, left = [], parameters
    for size, n in sizes:
        found.append((size, min(n, left)))
        left -= min(n, left)
    return found


def _bytes(sizes: Sizes) -> Fraction:
    return sum((size * n for size, n in sizes), Fraction(0))
