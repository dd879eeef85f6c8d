"""The bytes of a model's weights: all of them are known, or nobody says.

Nothing is guessed from names.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from kvcalc.budget.estimate import Basis, Estimate
from kvcalc.budget.experts import prediction_bytes, size_of
from kvcalc.errors import WrongArgument, briefly
from kvcalc.formats import Format, parse_format

if TYPE_CHECKING:
    from kvcalc.model import Model


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


def _published(model: Model) -> tuple[int, str] | None:
    if model.weight_bytes is not None:
        return model.weight_bytes, f"{model.weight_bytes:,} B of its files"
    if model.weights:
        sizes = {name: n * size_of(parse_format(name)) for name, n in model.weights.items()}
        told = " + ".join(f"{n:,} in {name}" for name, n in model.weights.items())
        return ceil(sum(sizes.values())), f"parameters as published: {told}"
    if model.parameters is None or model.weight_dtype is None:
        return None
    size, rule = _in_one(model.parameters, model.weight_dtype)
    return size, f"{rule}, as published"


def _in_one(parameters: int, stored: Format) -> tuple[int, str]:
    return ceil(parameters * size_of(stored)), f"{parameters:,} parameters in {stored.name}"


def _loaded(model: Model, size: int, rule: str, basis: Basis) -> Estimate:
    """Those that an engine loads: of the published ones MTP layers stay out unless asked for."""
    if not model.mtp:
        return Estimate.exact(size, basis, rule)
    more, layers = len(model.mtp), len(model.layers)
    what = "the MTP layer" if more == 1 else f"the {more:,} MTP layers"
    if model.mtp_parameters is not None and model.parameters is not None:
        told = f"{rule}, without {what}"
        if basis == "known" and model.weights:
            low, likely, high = (ceil(size - out) for out in prediction_bytes(model))
            return Estimate(low, likely, high, "estimated", told)
        left = size * (1 - Fraction(model.mtp_parameters, model.parameters))
        # files do not say what of them is in which dtype
        several = basis == "known" and model.weight_dtype is None
        return Estimate.exact(ceil(left), "estimated" if several else basis, told)
    left = Fraction(size * layers, layers + more)
    told = f"{rule}, with {what}, which engines load for prediction alone"
    return Estimate(ceil(left), size, size, "estimated", told)
