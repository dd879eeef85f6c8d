"""Inference engines, one file each: what each would keep, or reserve, for a model's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kvcalc.engines import transformers
from kvcalc.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvcalc.cache import Cache
    from kvcalc.model import Model


class Plan(Protocol):
    """How an engine keeps one cache: made once, asked often."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figure should know."""

    def reserved(self, context: int, batch: int) -> int:
        """Bytes charged to `batch` sequences of `context` tokens each."""


ENGINES: Mapping[str, Callable[[Model, Cache], Plan]] = {transformers.NAME: transformers.plan}
"""By the name that `--engine` takes."""


def plan(engine: str, model: Model, cache: Cache) -> Plan:
    """How an engine keeps a cache of a model. Raises UsageError for a name or a dtype it lacks."""
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}; {did_you_mean(engine, ENGINES)}")
    return ENGINES[engine](model, cache)
