"""In which dtype a configuration's cache is kept; the weights' quantization says nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.formats import Format, Layout, canonical, parse_format, parse_layout
from kvcalc.importers.fields import Fields
from kvcalc.importers.files import QUANTIZED
from kvcalc.importers.kv_schemes import KNOWN, kv_scheme_of
from kvcalc.importers.values import LENGTH, short
from kvcalc.importers.vocabulary import ALIASES, QUANTIZATIONS

if TYPE_CHECKING:
    from kvcalc.importers.levels import Levels

DTYPES = ("bf16", "fp16", "fp32")
"""The dtypes that a model computes, and caches, in; files have other names for them too."""

NAMES = ALIASES["dtype"]

MAX_STRANGE = 100
"""Fields of a quantization that are not known and told one by one."""

NESTED = "quantization"
"""The object that ModelOpt nests in one of quantization, with the same fields."""

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


def cache_dtype(levels: Levels, beside: Mapping[str, Any] | None = None) -> CacheDtype:
    """The file's KV scheme, else its dtype, else bf16.

    The outermost configuration that states a dtype decides: all parts of a model are loaded in it
    (transformers 5.24.0, modeling_utils.py; vLLM 0.33.0, model_arch_config_convertor.py).

    beside  what ModelOpt's file beside a configuration says
    """
    problems = [*_contradictions(levels), *_no_objects(levels)]
    dtype, why = _stated(levels)
    kv: Layout | None = None
    weights: dict[str, None] = {}
    for path, found in _quantizations([*levels, ((), {QUANTIZED: beside})]):
        quantization = {**found, **_nested(found)}
        problems += _strangers(quantization, path, found)
        try:
            scheme = kv_scheme_of(quantization)
        except InvalidValue as error:
            problems += [_refused(problem, path, found) for problem in error.problems]
            continue
        if scheme is None:
            weights[_method(quantization)] = None
        elif kv is None:
            kv = parse_layout(scheme)
            why = f"KV cache in {scheme}: the KV scheme of {path[-1]}; the rest in {dtype}"
        elif scheme != kv.name:
            text = f"{path[-1]} keeps the KV cache in {scheme}, another scheme in {kv.name}"
            problems.append(Problem(f"{text}: they contradict each other", "", path))
    if kv is None:
        why += "".join(f" (the weights' {method} does not touch the cache)" for method in weights)
    return CacheDtype(parse_layout(dtype), kv, why, tuple(problems))


def _quantizations(levels: Levels) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The objects of quantization."""
    for path, level in levels:
        for name in (*QUANTIZATIONS, QUANTIZED):
            found = level.get(name)
            if isinstance(found, dict):
                yield (*path, name), found


def _nested(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ModelOpt nests in an object of its own."""
    inner = found.get(NESTED)
    return inner if isinstance(inner, dict) else {}


def _place(path: Place, found: Mapping[str, Any], within: Place) -> Place:
    """Where a field of a quantization stands, seen from the top."""
    nested = (NESTED,) if within and within[0] in _nested(found) else ()
    return (*path, *nested, *within)


def _no_objects(levels: Levels) -> Iterator[Problem]:
    """What should say how a model is quantized, and is no object that could."""
    for path, level in levels:
        for name in QUANTIZATIONS:
            found = level.get(name)
            if found and not isinstance(found, dict):
                yield Problem(f"{name} must be an object", _way_out((*path, name)), (*path, name))


def _refused(problem: Problem, path: Place, found: Mapping[str, Any]) -> Problem:
    """What is wrong with a scheme, seen from the top, and the way out where one field is."""
    place = _place(path, found, problem.path)
    hint = _way_out(place) if problem.path else ""
    return Problem(f"{path[-1]}: {problem.message}", hint, place)


def _way_out(place: Place) -> str:
    if place[0] == QUANTIZED:
        return "name the config.json alone, and say the cache's dtype with --kv-dtype"
    called = ".".join(str(step) for step in place)
    return f"--ignore {called}, and say the cache's dtype with --kv-dtype"


def _strangers(
    quantization: Mapping[str, Any], path: Place, found: Mapping[str, Any]
) -> list[Problem]:
    """Fields that speak of the cache and that are not known; one with a dot is a module's path."""
    strange = [
        name
        for name, value in quantization.items()
        if "." not in name
        and ("kv" in (lower := name.lower()) or "cache" in lower)
        and name not in KNOWN
        and value not in (None, False, "", [], {})
    ]
    if len(strange) > MAX_STRANGE:
        text = f"{path[-1]} has {len(strange):,} fields that speak of the cache"
        return [Problem(f"{text}, none of which kvcalc knows", _way_out(path), path)]
    text = "is not a KV scheme that kvcalc knows"
    return [
        Problem(f"{path[-1]}.{name} {text}", _way_out(place), place)
        for name in strange
        if (place := _place(path, found, (name,)))
    ]


def _contradictions(levels: Levels) -> Iterator[Problem]:
    """The two names of the dtype, where they say different things in one object."""
    for path, level in levels:
        stated = (level.get(name) for name in NAMES)
        both = [
            v.removeprefix("torch.") if isinstance(v, str) else short(v)
            for v in stated
            if v not in (None, "auto", "")
        ]
        if len({canonical(word) for word in both}) > 1:
            text = f"dtype is {short(both[0])}, but torch_dtype is {short(both[1])}"
            yield Problem(f"{text}: they contradict each other", "", (*path, NAMES[0]))


def state_dtype(f: Fields, name: str) -> Format | None:
    """The dtype of a recurrent state, where this field pins it."""
    word = f.word(name)
    if not word:
        return None
    if canonical(word) not in DTYPES:
        f.wrong(name, f"is {short(word)}; it must be bfloat16, float16 or float32")
        return None
    return parse_format(word)


def _stated(levels: Levels) -> tuple[str, str]:
    for _, level in reversed(levels):
        for name in NAMES:
            value = level.get(name)
            if isinstance(value, str) and (known := canonical(value)) in DTYPES:
                return known, f"cache in {known}: the file's {name}"
            if value not in (None, "auto", ""):
                text = f"cache in bf16: assumed, as the file's {name} is {short(value)}"
                return "bf16", f"{text}; --kv-dtype says otherwise"
    return "bf16", "cache in bf16: assumed, as the file names no dtype; --kv-dtype says otherwise"


def weight_dtype(levels: Levels, beside: Mapping[str, Any] | None = None) -> Format | None:
    """The dtype of weights that nothing quantizes, where a configuration states one of them."""
    quantized = any(found for _, found in _quantizations([*levels, ((), {QUANTIZED: beside})]))
    stated = [level[n] for _, level in reversed(levels) for n in NAMES if level.get(n)]
    if quantized or not stated or not isinstance(stated[0], str):
        return None
    known = canonical(stated[0])
    return parse_format(known) if known in DTYPES else None


def _method(quantization: Mapping[str, Any]) -> str:
    method = quantization.get("quant_method") or quantization.get("quant_algo")
    told = isinstance(method, str) and len(method) <= LENGTH
    return f"{method} quantization" if told else "quantization"
