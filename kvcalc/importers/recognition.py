"""Tells somebody else's file from one of kvcalc's own, before anything else is imported."""

from __future__ import annotations

from kvcalc.importers.vocabulary import ALIASES, HEADS_ALONE, WRAPPERS

HUB = "hf:"
"""What a reference to the hub begins with."""


def is_config(data: object) -> bool:
    """Whether this is the configuration of a model, rather than one of kvcalc's own files."""
    if not isinstance(data, dict) or ("attention" in data and "layers" in data):
        return False
    names = ("model_type", "architectures", HEADS_ALONE, *WRAPPERS)
    return any(name in data for name in names) or (
        any(name in data for name in ALIASES["layers"])
        and any(name in data for name in (*ALIASES["heads"], *ALIASES["hidden"]))
    )
