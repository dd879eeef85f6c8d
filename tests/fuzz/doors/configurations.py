"""config.json of somebody else: one of every family, and published ones, changed."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import kvcalc
from kvcalc.importers.families import FAMILIES
from kvcalc.importers.vocabulary import ALIASES, QUANTIZATIONS, WRAPPERS
from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.commands import LLAMA, reading
from tests.fuzz.trees import changed
from tests.fuzz.values import as_json

IMPORTERS = Path(kvcalc.__file__).parent / "importers"
PUBLISHED = Path(__file__).parents[2] / "real_files.yaml"
KINDS = ("full_attention", "sliding_attention", "linear_attention", "conv", "mamba", "hybrid")

QUANTIZED: tuple[dict[str, Any], ...] = (
    {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "float"}},
    {"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 4, "type": "int"}},
    {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
    {"quant_method": "modelopt", "quantization": {"kv_cache_quant_algo": "NVFP4"}},
    {"group_size": 64, "bits": 4, "kv_bits": 8, "kv_group_size": 64},
)

HINTS: dict[str, Any] = {
    **dict.fromkeys(QUANTIZATIONS, QUANTIZED),
    **dict.fromkeys(WRAPPERS, (LLAMA, {}, {"model_type": "gemma3_text"}, {"num_hidden_layers": 3})),
    "layer_types": (
        *([kind] * 4 for kind in KINDS),
        *([*KINDS[:2]] * n for n in (1, 2, 2_500)),
        [{}, []],
        {"0": "full_attention"},
    ),
    "per_layer_config": (
        {"0": {"num_key_value_heads": 1}},
        {"9" * 5_000: {}},
        {"-1": {}},
        [{}, {}],
    ),
    "rope_scaling": ({"type": "yarn", "factor": 4.0}, {"rope_type": "llama3"}, {}),
    "model_type": tuple(FAMILIES),
    "architectures": (["LlamaForCausalLM"], ["X"], [], "LlamaForCausalLM", [None], [{}]),
    "dtype": ("bfloat16", "float16", "float32", "float8_e4m3fn", "int8", "x"),
    "num_hidden_layers": (1, 2, 12, 10_000, 10_001, 6.0),
}


@cache
def words() -> tuple[str, ...]:
    """The names of fields: whatever the source of the importers has that looks like one."""
    found = {name for names in ALIASES.values() for name in names} | set(HINTS)
    for path in sorted(IMPORTERS.rglob("*.py")):
        found.update(_words_of(path))
    return tuple(sorted(found))


def _words_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (word for word in node.value.split() if _FIELD.fullmatch(word))
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


@cache
def _keys(model_type: str) -> SearchStrategy[str]:
    """Fields of a family, most often: those that the module which reads it names."""
    usual = tuple(name for names in ALIASES.values() for name in names)
    family, own = FAMILIES.get(model_type), st.sampled_from(usual)
    for path in sorted((IMPORTERS / "families").glob("*.py")) if family else ():
        if f'"{model_type}"' in path.read_text(encoding="utf-8"):
            near = st.sampled_from(tuple(sorted(set(_words_of(path)))))
            return st.one_of(own, near, near, near, st.sampled_from(words()))
    return st.one_of(own, st.sampled_from(words()))


_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+|[a-z]{3,20}")


@cache
def bases() -> tuple[dict[str, Any], ...]:
    """Of every family its class's own defaults, a small one and a wrapped one; and published."""
    return (*_of_families(), *_published())


def _of_families() -> Iterator[dict[str, Any]]:
    for name in FAMILIES:
        yield {"model_type": name}
        yield {**LLAMA, "num_hidden_layers": 4, "num_attention_heads": 8, "model_type": name}
        yield {"model_type": name, "text_config": {**LLAMA, "model_type": name}}


def _published() -> Iterator[dict[str, Any]]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table = yaml.load(PUBLISHED.read_text(encoding="utf-8"), loader)
    for rows in table.values():
        for row in rows.values():
            yield json.loads(json.dumps(row["fields"], default=str))


@st.composite
def trees(draw: DrawFn) -> Any:
    """A configuration as data."""
    base = draw(st.sampled_from(bases()))
    return draw(changed((base,), _keys(str(base.get("model_type"))), HINTS))


def configurations() -> SearchStrategy[Attempt]:
    """A file of one, under a name that is usual or not."""
    return st.builds(
        lambda command, tree, name: Attempt(
            (*command, name), {name: as_json(tree)}, model="" if "--ignore" in command else name
        ),
        reading,
        trees(),
        st.sampled_from(("config.json", "x.json")),
    )
