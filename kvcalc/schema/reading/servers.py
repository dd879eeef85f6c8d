"""What a side says of a server: the machine that serves it, and what cannot be said together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kvcalc.claim import Side
from kvcalc.errors import Place, Problem
from kvcalc.expect import Expectation
from kvcalc.hardware import Gpu
from kvcalc.machine import Machine

LAYOUT = ("tp", "pp", "dp", "dcp", "pp_layers")
OF_GPU = ("gpus", "utilization", "activations", "overhead", "weights", "weight_dtype")
MACHINE = ("gpu", "memory", *OF_GPU)

NO_ENGINE = "the settings are an engine's, and none is named: write engine:"
NO_DRAFT = "a draft's dtype is said, and no draft: write draft:"
TWO_GPUS = "gpu: says which GPU it is: leave gpu out of the settings"
TWO_WEIGHTS = "keep of weights or weight_dtype, not both"
NO_MACHINE = "write memory:, what is left of each GPU for the cache, or gpu: and what runs on it"
NO_RESERVING = "write engine:, which reserves it"


def inconsistent(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What cannot be said together: the field, and why."""
    if "gpu" not in said:
        for name in OF_GPU:
            if name in said:
                yield name, f"{name} is of a GPU: write gpu:"
    settings = said.get("settings")
    if settings is not None and "engine" not in said:
        yield "settings", NO_ENGINE
    if "gpu" in said and settings and "gpu" in settings:
        yield "settings", TWO_GPUS
    if said.get("draft_kv_dtype") is not None and "draft" not in said:
        yield "draft_kv_dtype", NO_DRAFT
    if {"weights", "weight_dtype"} <= set(said):
        yield "weight_dtype", TWO_WEIGHTS


def machine_of(said: Mapping[str, Any], gpu: Gpu | None) -> Machine | None:
    """What is said of a machine; None where nothing is.

    Memory is what each GPU has left for the cache, whichever it is, in whole bytes.
    """
    if gpu is None and "memory" not in said:
        return None
    left = int(said["memory"].value) if "memory" in said else None
    others = {name: said[name] for name in OF_GPU if name in said}
    if gpu is None:
        return Machine(memory=left)
    return Machine(gpu=gpu, available=left, **others)


def unserved(side: Side, expectation: Expectation, path: Place) -> Iterator[Problem]:
    """Whether a side says what a figure of a server rests on, and nothing that one of a cache does
    not."""
    asked, entry = side.question, expectation.entry
    match expectation.served:
        case None:
            laid = any(getattr(asked, name) not in (1, None) for name in LAYOUT)
            if side.machine or asked.engine or laid:
                text = f"{entry} is of the cache, in which engine, GPUs and layout have no part"
                yield Problem(text, "write reserved, tokens, concurrency or sequences", path)
        case "reserved" if asked.engine is None:
            yield Problem(f"{entry} is of a server, whose engine is not named", NO_RESERVING, path)
        case "tokens" | "concurrency" | "sequences" if side.machine is None:
            text = f"{entry} is of a server, whose memory is not known"
            yield Problem(text, NO_MACHINE, path)
