"""Configurations as the importer reads them, or refuses to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kvcalc.errors import InvalidValue, Problem
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config
from kvcalc.model import Model

Config = dict[str, Any]

# 4 layers x (2 + 2) x 8 x 2 B = 256 B a token
LLAMA: Mapping[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "torch_dtype": "bfloat16",
}


def loaded(config: Mapping[str, Any]) -> Model:
    return read_config(config, Origin("config.json"))


def problems_of(config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with a configuration that must not be read."""
    with pytest.raises(InvalidValue) as caught:
        loaded(config)
    return caught.value.problems


def refused(config: Mapping[str, Any]) -> str:
    """The same in words."""
    return "\n".join(problem.message for problem in problems_of(config))
