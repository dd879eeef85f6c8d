"""Which ranks there are: the sizes of tensor, pipeline, data and context parallelism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvcalc.errors import WrongArgument

if TYPE_CHECKING:
    from kvcalc.question import Question


@dataclass(frozen=True)
class Ranks:
    """The GPUs of a deployment, tp x pp x dp of them.

    tp      ranks that share the heads of every layer
    pp      stages of consecutive layers
    dp      copies that share the sequences, and never the heads
    dcp     ranks, out of tp, that share the tokens of a sequence
    layers  how many layers each stage has; None leaves that to `partition`
    """

    tp: int = 1
    pp: int = 1
    dp: int = 1
    dcp: int = 1
    layers: tuple[int, ...] | None = None

    @property
    def gpus(self) -> int:
        """How many GPUs there are; context parallelism adds none."""
        return self.tp * self.pp * self.dp

    @property
    def copies(self) -> int:
        """Groups of tp ranks that keep the same tokens: one, unless dcp is less than tp."""
        return self.tp // self.dcp

    def sequences(self, batch: int) -> int:
        """How many sequences of a batch the fullest copy has."""
        return -(-batch // self.dp)

    def partition(self, layers: int) -> tuple[int, ...]:
        """How many layers each stage has of so many.

        Those that pp does not divide go to the last stage but one and on backwards, one each, as
        in vLLM 0.33.0 (distributed/utils.py, get_pp_indices). Raises WrongArgument where there are
        fewer layers than stages, or `pp_layers` has another sum.
        """
        if self.layers is not None:
            if sum(self.layers) != layers:
                told = f"{', '.join(map(str, self.layers))} are {sum(self.layers):,} layers"
                text = f"{told}, and the model has {layers:,}: name all of them"
                raise WrongArgument("pp_layers", text)
            return self.layers
        if layers < self.pp:
            text = f"{layers:,} layers do not make {self.pp:,} stages: ask for no more than there"
            raise WrongArgument("pp", f"{text} are layers")
        each, left = divmod(layers, self.pp)
        first = self.pp - 1 - left
        return tuple(each + (first <= stage < self.pp - 1) for stage in range(self.pp))


def ranks_of(question: Question) -> Ranks:
    """The ranks that a question asks for. Raises WrongArgument where they cannot be."""
    layers = question.pp_layers
    pp = len(layers) if layers and question.pp == 1 else question.pp
    if layers and len(layers) != pp:
        text = f"{len(layers):,} stages are named, and pp is {pp:,}: leave one of the two out"
        raise WrongArgument("pp_layers", text)
    if question.tp % question.dcp:
        told = f"{question.dcp:,} does not divide tp, which is {question.tp:,}"
        text = f"{told}: those that share a sequence's tokens are some of the tp ranks"
        raise WrongArgument("dcp", text)
    return Ranks(question.tp, pp, question.dp, question.dcp, layers)
