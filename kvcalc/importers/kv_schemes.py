"""The KV scheme that a file's quantization states, as those who write them have it.

compressed-tensors, ModelOpt and Quark say it each in their own way; how the weights are quantized
says nothing. Scales that hold for a whole tensor, or for a head of it, cost no token anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from typing import Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.formats import canonical
from kvcalc.importers.values import list_of, short

ALGORITHMS = ("kv_cache_quant_algo", "kv_cache_quant")
SCHEME = "kv_cache_scheme"
QUARK = "kv_cache_quant_config"
GROUP, LAYERS = "kv_cache_group", "layer_quant_config"
"""Which layers' outputs are the cache, and how layers are quantized."""
# whether Quark's scheme comes behind RoPE, and a bound of its scales, change no byte; GPTQ's cache
# is that of a calibration (transformers 5.24.0, quantization_config.py)
NO_BYTES = ("kv_cache_post_rope", "min_kv_scale", "cache_block_outputs")
KNOWN = (*ALGORITHMS, SCHEME, QUARK, GROUP, *NO_BYTES)
"""Fields of a quantization that speak of the cache: read, or known to change no byte."""

NOTHING = ("", "none", "auto", "null")
"""Words by which a file says that it has no scheme of its own."""

_LONGEST = 200
"""Letters of all patterns of names together, each of which is held against every layer's."""

_MOST = 300
"""Letters of a scheme that is not known, all of which may matter."""

PER_TENSOR = ("tensor", "attn_head", None)
"""Strategies of compressed-tensors whose scales cost no token anything."""


def kv_scheme_of(quantization: Mapping[str, Any]) -> str | None:
    """The dtype of keys and values that a quantization states; None where it states none.

    Raises InvalidValue for a scheme that is not known.
    """
    found = dict.fromkeys(scheme for scheme in _schemes(quantization) if scheme is not None)
    if len(found) > 1:
        text = f"KV cache in {' and in '.join(found)}: they contradict each other"
        raise InvalidValue([Problem(text)])
    return next(iter(found), None)


def _schemes(quantization: Mapping[str, Any]) -> Iterator[str | None]:
    for name in ALGORITHMS:
        if quantization.get(name) is not None:
            yield _algorithm(name, quantization[name])
    scheme = quantization.get(SCHEME)
    method = str(quantization.get("quant_method", ""))
    if isinstance(scheme, str):
        # AutoFP8's word for scales that are stored beside the weights, one for a tensor
        fp8 = scheme == "static" and method == "fp8"
        yield "fp8" if fp8 else _algorithm(SCHEME, scheme)
    elif scheme is not None:
        yield _written_out(scheme, method)
    yield from _of_quark(quantization)


def _algorithm(name: str, word: object) -> str | None:
    """ModelOpt's and TensorRT-LLM's name of a scheme."""
    if not isinstance(word, str):
        raise _unknown(name, word)
    if word.lower() in NOTHING:
        return None
    dtype = canonical(word)
    if dtype in ("fp8", "int8", "nvfp4"):
        return dtype
    raise _unknown(name, word)


def _written_out(scheme: object, method: str) -> str:
    """A scheme as compressed-tensors has it, which ModelOpt writes too."""
    if isinstance(scheme, dict):
        bits, kind = scheme.get("num_bits"), scheme.get("type")
        strategy = scheme.get("strategy")
        if strategy in PER_TENSOR and bits == 8 and kind in ("float", "int"):
            return "fp8" if kind == "float" else "int8"
        # groups of 16 are NVFP4's; ModelOpt writes none (vLLM 0.33.0, utils/torch_utils.py)
        grouped = strategy == "tensor_group" and scheme.get("group_size") == 16
        if (bits, kind) == (4, "float") and (grouped or method.startswith("modelopt")):
            return "nvfp4"
    raise _unknown(SCHEME, scheme)


def _of_quark(quantization: Mapping[str, Any]) -> Iterator[str | None]:
    """How Quark quantizes what the projections of keys and values give out.

    quark 0.13, quantization/config/config.py: under a name of its own, since it has one. Before
    that among other layers, where `kv_cache_group` tells which (vLLM 0.33.0, quark.py).
    """
    own = quantization.get(QUARK)
    if own:
        yield from _outputs(QUARK, own, ["*"], (QUARK,))
        return
    export = quantization.get("export")
    inside = export.get(GROUP) if isinstance(export, dict) else None
    if group := quantization.get(GROUP) or inside:
        # without the group no layer's output is the cache
        place = (GROUP,) if quantization.get(GROUP) else ("export", GROUP)
        found = [*_outputs(LAYERS, quantization.get(LAYERS) or {}, group, place)]
        if not found:
            raise _unknown(LAYERS, f"without {group}", place)
        yield from found


def _outputs(name: str, layers: object, patterns: object, place: Place) -> Iterator[str | None]:
    """What the layers of these names give out; `place` is what to leave out where it is odd."""
    if not isinstance(layers, dict):
        raise _unknown(name, layers, place)
    texts = list_of(str, patterns)
    if texts is None or sum(len(text) for text in texts) > _LONGEST:
        raise _unknown(GROUP, patterns, place)
    meant = re.compile("|".join(translate(text) for text in texts) or "$^")
    for called, layer in layers.items():
        if meant.match(called):
            yield _output(name, layer, place)


def _output(name: str, layer: object, place: Place) -> str | None:
    """The dtype of what one layer gives out: a scale per tensor is all that engines take."""
    tensors = layer.get("output_tensors") if isinstance(layer, dict) else layer
    if tensors is None:
        return None
    if isinstance(tensors, dict) and tensors.get("qscheme") == "per_tensor":
        dtype = canonical(str(tensors.get("dtype")))
        if dtype in ("fp8", "int8"):
            return dtype
    raise _unknown(name, tensors, place)


def _unknown(name: str, value: object, place: Place = ()) -> InvalidValue:
    return InvalidValue(
        [Problem(f"{name} {short(value, _MOST)} is not known", path=place or (name,))]
    )
