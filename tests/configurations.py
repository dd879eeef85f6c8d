"""Configurations as the importer reads them, or refuses to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcalc.errors import Problem
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config
from kvcalc.model import Model

Config = dict[str, Any]


def parsed(config: Mapping[str, Any]) -> tuple[Model | None, list[Problem]]:
    return read_config(config, Origin("config.json"))


def loaded(config: Mapping[str, Any]) -> Model:
    model, problems = parsed(config)
    assert model is not None, [problem.message for problem in problems]
    return model


def refused(config: Mapping[str, Any]) -> str:
    """What is said of a configuration that must not be read."""
    model, problems = parsed(config)
    assert model is None, f"{config} is read as {dict(model.attention)}"
    return "\n".join(problem.message for problem in problems)
