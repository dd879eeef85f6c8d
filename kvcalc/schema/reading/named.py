"""The models and GPUs that claims name: each is looked for once, and what is asked counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kvcalc.errors import InputError, InvalidValue, Problem
from kvcalc.hardware import Gpu
from kvcalc.model import Model
from kvcalc.schema.reading.limits import MAX_CLAIMED

ModelOf = Callable[[str], Model]
"""Finds the model that a claim names. Raises InputError."""
GpuOf = Callable[[str], Gpu]
"""Finds the GPU. Raises InputError."""

TOLD = 10
"""Problems of a model's file that each claim about it tells; of more the number is told."""


class NamedModels:
    """Models, and GPUs, by the names that claims have for them."""

    def __init__(self, model_of: ModelOf, gpu_of: GpuOf) -> None:
        self.model_of = model_of
        self.gpu_of = gpu_of
        self.found: dict[str, Model | tuple[Problem, ...]] = {}
        self.gpus: dict[str, Gpu | tuple[Problem, ...]] = {}
        self.asked = 0

    def find(self, reference: str) -> Model | tuple[Problem, ...]:
        """The model, or what is wrong with its file, as whoever names it has to tell."""
        if reference not in self.found:
            try:
                self.found[reference] = self.model_of(reference)
            except InputError as error:
                self.found[reference] = tuple(_told(error))
        return self.found[reference]

    def gpu(self, reference: str) -> Gpu | tuple[Problem, ...]:
        """The same of a GPU."""
        if reference not in self.gpus:
            try:
                self.gpus[reference] = self.gpu_of(reference)
            except InputError as error:
                self.gpus[reference] = tuple(_told(error))
        return self.gpus[reference]

    def ask(self, model: Model, mtp: int, times: int) -> None:
        """Count what a claim asks of a model. Raises InvalidValue where all of them ask too much.

        times  how many sums it takes
        """
        layers = len(model.layers) + mtp
        self.asked += times * (len(model.attention) + layers // 50)
        if self.asked > MAX_CLAIMED:
            text = f"the claims ask for more than {MAX_CLAIMED:,} sums over attention and layers"
            raise InvalidValue([Problem(f"{text} in all", "write several files", ("claims",))])


def _told(error: InputError) -> list[Problem]:
    """What each claim tells, with the places in the model's own file."""
    told = []
    for problem in error.problems[:TOLD]:
        # the model's own place is told with it, seen from where the claim names it
        where = replace(problem, advice="", path=())
        text = str(where) if problem.file else problem.message
        told.append(Problem(text, problem.advice))
    more = len(error.problems) - len(told)
    return [*told, Problem(f"{more:,} problems more in that file")] if more else told
