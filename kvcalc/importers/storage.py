"""In which dtype a configuration's cache is kept; the weights' quantization says nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvcalc.errors import Path, Problem
from kvcalc.formats import Layout, parse_format, parse_layout

if TYPE_CHECKING:
    from kvcalc.formats import Format
    from kvcalc.importers.fields import Fields

DTYPES = {
    "bfloat16": "bf16",
    "bf16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "fp16": "fp16",
    "float32": "fp32",
    "float": "fp32",
    "fp32": "fp32",
}
"""What configurations call the dtypes that a model computes, and caches, in."""

QUANTIZATIONS = ("quantization_config", "compression_config")
_WAY_OUT = "say it with --kv-dtype on a copy of the file without the scheme"


@dataclass(frozen=True)
class CacheDtype:
    """The dtype of a model's cache, what its keys and values have of their own, and why."""

    dtype: Layout
    kv: Layout | None
    note: str
    problems: tuple[Problem, ...] = ()


def cache_dtype(levels: list[tuple[Path, Mapping[str, Any]]], default: str = "") -> CacheDtype:
    """The file's KV scheme, else its dtype, else bf16; the innermost configuration comes first.

    `default` is what the family's own class fills in.
    """
    problems: list[Problem] = []
    dtype, why = _stated(levels, default)
    kv = None
    for path, level in levels:
        for name in QUANTIZATIONS:
            quantization = level.get(name)
            if not isinstance(quantization, dict):
                continue
            try:
                scheme = _kv_scheme(quantization)
            except ValueError as error:
                problems.append(Problem(f"{name}: {error}", _WAY_OUT, (*path, name)))
                continue
            if scheme is not None and kv is None:
                kv = parse_layout(scheme)
                why = f"KV cache in {scheme}: the KV scheme of {name}; the rest in {dtype}"
            elif kv is None:
                why += f" (the weights' {_method(quantization)} does not touch the cache)"
    return CacheDtype(parse_layout(dtype), kv, why, tuple(problems))


def state_dtype(f: Fields, *names: str) -> Format | None:
    """The dtype of a recurrent state, where one of these fields pins it."""
    for name in names:
        word = f.word(name)
        if word:
            if word in DTYPES:
                return parse_format(DTYPES[word])
            f.wrong(name, f"is {word!r}; it must be one of {', '.join(DTYPES)}")
    return None


def _stated(levels: list[tuple[Path, Mapping[str, Any]]], default: str) -> tuple[str, str]:
    for _, level in levels:
        for name in ("dtype", "torch_dtype"):
            value = level.get(name)
            known = DTYPES.get(str(value).removeprefix("torch."))
            if known:
                return known, f"cache in {known}: the file's {name}"
            if value not in (None, "auto", ""):
                text = f"cache in bf16: assumed, as the file's {name} is {value!r}"
                return "bf16", f"{text}; --kv-dtype says otherwise"
    if default:
        return default, f"cache in {default}: what the vendor's code loads; the file names none"
    return "bf16", "cache in bf16: assumed, as the file names no dtype; --kv-dtype says otherwise"


def _method(quantization: Mapping[str, Any]) -> str:
    method = quantization.get("quant_method") or quantization.get("quant_algo")
    return f"{method} quantization" if isinstance(method, str) else "quantization"


def _kv_scheme(quantization: Mapping[str, Any]) -> str | None:
    """The format of a scheme that compressed-tensors, ModelOpt or Quark have written down.

    Raises ValueError for one that is not known.
    """
    algorithm = quantization.get("kv_cache_quant_algo") or quantization.get("kv_cache_quant")
    if algorithm is not None:
        if str(algorithm).lower() in ("fp8", "int8", "nvfp4"):
            return str(algorithm).lower()
        raise ValueError(f"kv_cache_quant_algo {algorithm!r} is not known")
    scheme = quantization.get("kv_cache_scheme")
    if scheme is None:
        return None
    if isinstance(scheme, dict):
        bits, kind = scheme.get("num_bits"), scheme.get("type")
        per_tensor = scheme.get("strategy", "tensor") in ("tensor", None)
        if per_tensor and bits == 8 and kind in ("float", "int"):
            return "fp8" if kind == "float" else "int8"
    raise ValueError(f"kv_cache_scheme {scheme!r} is not known")
