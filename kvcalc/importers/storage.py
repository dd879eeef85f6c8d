"""In which dtype a configuration's cache is kept; the weights' quantization says nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvcalc.errors import Place, Problem
from kvcalc.formats import Format, Layout, parse_format, parse_layout
from kvcalc.importers.fields import Fields

if TYPE_CHECKING:
    from kvcalc.importers.levels import Levels

DTYPES = {
    **dict.fromkeys(("bfloat16", "bf16"), "bf16"),
    **dict.fromkeys(("float16", "half", "fp16"), "fp16"),
    **dict.fromkeys(("float32", "float", "fp32"), "fp32"),
}
"""What configurations call the dtypes that a model computes, and caches, in."""

QUANTIZATIONS = ("quantization_config", "compression_config")
NAMES = ("dtype", "torch_dtype")
KV_SCHEMES = ("kv_cache_scheme", "kv_cache_quant_algo", "kv_cache_quant")
_WAY_OUT = "read a copy of the file without it, and say the cache's dtype with --kv-dtype"
INDEX_DTYPE = (
    "index keys in fp8 with an fp32 scale, as the vendor's kernels keep them; "
    "--index-dtype says otherwise"
)
"""The note of every model with an indexer, whose files do not name the dtype of its keys."""


@dataclass(frozen=True)
class CacheDtype:
    """The dtype of a model's cache, what its keys and values have of their own, and why."""

    dtype: Layout
    kv: Layout | None
    note: str
    problems: tuple[Problem, ...] = ()


def cache_dtype(levels: Levels) -> CacheDtype:
    """The file's KV scheme, else its dtype, else bf16; the innermost configuration comes first."""
    problems = [*_contradictions(levels)]
    dtype, why = _stated(levels)
    kv = None
    for path, level in levels:
        for name in QUANTIZATIONS:
            quantization = level.get(name)
            if not isinstance(quantization, dict):
                continue
            inner = quantization.get("quantization")  # ModelOpt nests its own
            quantization = {**quantization, **(inner if isinstance(inner, dict) else {})}
            problems += _strangers(quantization, (*path, name))
            try:
                scheme = _kv_scheme(quantization)
            except ValueError as error:
                problems.append(Problem(f"{name}: {error}", _WAY_OUT, (*path, name)))
                continue
            if scheme is not None and kv is None:
                kv = parse_layout(scheme)
                why = f"KV cache in {scheme}: the KV scheme of {name}; the rest in {dtype}"
            elif kv is not None and scheme not in (None, kv.name):
                text = f"{name} keeps the KV cache in {scheme}, another scheme in {kv.name}"
                problems.append(Problem(f"{text}: they contradict each other", "", (*path, name)))
            elif kv is None:
                why += f" (the weights' {_method(quantization)} does not touch the cache)"
    return CacheDtype(parse_layout(dtype), kv, why, tuple(problems))


def _strangers(quantization: Mapping[str, Any], path: Place) -> list[Problem]:
    """Fields that speak of the cache and that are not known."""
    return [
        Problem(f"{path[-1]}.{name} is not a KV scheme that kvcalc knows", _WAY_OUT, (*path, name))
        for name, value in quantization.items()
        if ("kv" in name.lower() or "cache" in name.lower())
        and name not in KV_SCHEMES
        and value not in (None, False)
    ]


def _contradictions(levels: Levels) -> Iterator[Problem]:
    """The two names of the dtype, where they say different things in one object."""
    for path, level in levels:
        stated = (level.get(name) for name in NAMES)
        both = [str(v).removeprefix("torch.") for v in stated if v not in (None, "auto", "")]
        if len({DTYPES.get(word, word) for word in both}) > 1:
            text = f"dtype is {both[0]!r}, but torch_dtype is {both[1]!r}"
            yield Problem(f"{text}: they contradict each other", "", (*path, NAMES[0]))


def state_dtype(f: Fields, name: str) -> Format | None:
    """The dtype of a recurrent state, where this field pins it."""
    word = f.word(name)
    if word and word not in DTYPES:
        f.wrong(name, f"is {word!r}; it must be one of {', '.join(DTYPES)}")
    return parse_format(DTYPES[word]) if word in DTYPES else None


def _stated(levels: Levels) -> tuple[str, str]:
    for _, level in levels:
        for name in NAMES:
            value = level.get(name)
            known = DTYPES.get(str(value).removeprefix("torch."))
            if known:
                return known, f"cache in {known}: the file's {name}"
            if value not in (None, "auto", ""):
                text = f"cache in bf16: assumed, as the file's {name} is {value!r}"
                return "bf16", f"{text}; --kv-dtype says otherwise"
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
