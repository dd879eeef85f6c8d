"""config.json of somebody else: one of every family, and published ones, changed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kvcalc.importers.families import FAMILIES
from kvcalc.importers.vocabulary import QUANTIZATIONS, WRAPPERS
from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.commands import LLAMA, reading
from tests.fuzz.doors.fields import fields
from tests.fuzz.trees import changed
from tests.fuzz.values import as_json

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
def published() -> tuple[dict[str, Any], ...]:
    """Configurations as their authors published them."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table = yaml.load(PUBLISHED.read_text(encoding="utf-8"), loader)
    found = (row["fields"] for rows in table.values() for row in rows.values())
    return tuple(json.loads(json.dumps(fields, default=str)) for fields in found)


def of_family(name: str) -> tuple[dict[str, Any], ...]:
    """What its class fills in, a small one, and a wrapped one."""
    small = {**LLAMA, "num_hidden_layers": 4, "num_attention_heads": 8, "model_type": name}
    return {"model_type": name}, small, {"model_type": name, "text_config": small}


@st.composite
def trees(draw: DrawFn) -> Any:
    """A configuration as data."""
    if draw(st.integers(0, 3)) == 0:
        base = draw(st.sampled_from(published()))
    else:
        base = draw(st.sampled_from(of_family(draw(st.sampled_from(tuple(FAMILIES))))))
    return draw(changed((base,), fields(str(base.get("model_type"))), HINTS))


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
