"""Calls of the public functions, with arguments of any type."""

from __future__ import annotations

import inspect
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import kvcalc
from kvcalc.question import Asked
from tests.fuzz.attempt import Attempt, Call
from tests.fuzz.doors.own import BESIDE, DIRECT
from tests.fuzz.values import ODD, once_in

FUNCTIONS = (
    "load",
    "show",
    "compare",
    "check",
    "diff",
    "to_yaml",
    "json_schema",
    "models",
    "dtypes",
    "gpus",
)
APT: dict[str, tuple[Any, ...]] = {
    "context": (None, 1, 1_000, 131_072, 10**12, True, 1.5, "128K"),
    "batch": (1, 2, 10**6, True, 1.0, "2"),
    "metric": ("stored", "read", "growth", "flops", "x"),
    "baseline": ("mha", "native", "x"),
    "ignore": ((), ["kv_x"], "kv_x", [1], None, {"a": 1}, ["head_dim"]),
    "kv_dtype": ("fp8", "q8_0/q4_0", "auto", "x"),
    "index_dtype": ("none", "fp8", "x"),
    "mtp": (True, False, 1),
    "mtp_layers": (0, 1, 3, True),
    "source_length": (0, 1, 7),
    "shared_prefix": (0, 1, 7),
    "beams": (1, 2, 8),
    "engine": ("transformers", "vllm", "x"),
    "draft_kv_dtype": ("fp8", "x"),
    "what": ("model", "claims", "output", "x"),
    "select": ("", "a", "zzz"),
}


@cache
def _references() -> SearchStrategy[Any]:
    """What names a model, what is one, and what is neither."""
    paths = tuple(Path(name) for name in DIRECT if "\x00" not in name)
    others = (object, object(), b"small.yaml", Fraction(1, 3), Decimal("NaN"), {1, 2}, 1j, range(3))
    model = kvcalc.load("llama-3.1-8b")
    return st.sampled_from((*DIRECT, *paths, *others, model, model, "deepseek-v3", "small.yaml"))


@st.composite
def calls(draw: DrawFn) -> Attempt:
    """A call with names that the function has; a value may be of any type."""
    # a listing reads all bundled files and has no arguments
    function = draw(st.sampled_from(FUNCTIONS if draw(once_in(20)) else FUNCTIONS[:-2]))
    parameters = inspect.signature(getattr(kvcalc, function)).parameters
    values = _references() | ODD
    args: list[Any] = []
    options: dict[str, Any] = {}
    names: list[str] = []
    for name, parameter in parameters.items():
        if parameter.kind == parameter.VAR_POSITIONAL:
            # without any, all bundled files are read
            args += draw(st.lists(values, min_size=0 if draw(once_in(20)) else 1, max_size=3))
        elif parameter.kind == parameter.VAR_KEYWORD:
            names += Asked.__annotations__
        elif name in ("model", "other", "reference"):
            args.append(draw(values))
        elif parameter.default is parameter.empty:
            args.append(draw(st.sampled_from(APT[name]) | ODD))
        else:
            names.append(name)
    chosen = draw(st.lists(st.sampled_from(names), max_size=4, unique=True)) if names else []
    for name in chosen:
        options[name] = draw(st.sampled_from(APT[name]) | ODD if name in APT else values)
    return Attempt((), BESIDE, call=Call(function, tuple(args), options))
