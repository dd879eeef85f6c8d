"""An engine to try settings and GPUs with: it pages all that a rank stores, by one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from kvcalc.engines.reservation import Capacity, Reservation, Term, as_the_longest
from kvcalc.engines.settings import Declared, read
from kvcalc.errors import UsageError
from kvcalc.mix import Mix
from kvcalc.model import Model
from kvcalc.parallel.ranks import Ranks, ranks_of
from kvcalc.parallel.stages import Stage, stages_of
from kvcalc.question import Question, Setting

VERSION = "1.2.3"
SETTINGS = (
    Declared("block_size", 16, "Tokens of a page.", int, also=("-tpp", "--tokens-per-page")),
    Declared("gpu", "h100", "What it runs on.", ("h100", "h200", "b200")),
    Declared("prefix_caching", True, "Whether pages are kept for others.", bool, also=("-rc",)),
    Declared("max_len", None, "The longest sequence; the context where nothing is said.", int, 2),
    Declared("backend", "", "How attention is computed.", str),
)


@dataclass(frozen=True)
class Paged:
    """Pages of `block_size` tokens, one of them for whoever uses the pool."""

    ranks: Ranks
    stages: tuple[Stage, ...]
    given: Mapping[str, Setting]

    def settings_at(self, context: int | None) -> Mapping[str, Setting]:
        return {**self.given, "max_len": self.given["max_len"] or context}

    @property
    def block(self) -> int:
        size = self.given["block_size"]
        assert isinstance(size, int)
        return size

    @property
    def period(self) -> int:
        return self.block

    def at(self, context: int, batch: int, shared: int = 0) -> Reservation:
        paged = -(-context // self.block) * self.block
        sequences = self.ranks.sequences(batch)
        of_stages = [sequences * stage.cache.stored(paged) for stage in self.stages]
        fullest = of_stages.index(max(of_stages))
        stage, each = self.stages[fullest], self.ranks.gpus // self.ranks.pp
        rounding = of_stages[fullest] - sequences * stage.cache.stored(context)
        pools = [one.cache.stored(self.block) for one in self.stages]
        return Reservation(
            of_stages[fullest],
            lambda: (Term("page rounding", rounding),) if rounding else (),
            (f"a page is of {self.block} tokens",),
            stage=fullest,
            pool=pools[fullest],
            total=each * sum(of_stages),
            pool_total=each * sum(pools),
        )

    @property
    def cut(self) -> None:
        return None

    def capacity(self, memory: int, context: int, shared: int = 0) -> Capacity:
        return Capacity(memory // self.at(context, 1).bytes)

    fails = ""

    def serving(self, batch: int) -> Paged:
        return self

    def mixed(self, memory: int, mix: Mix) -> Capacity:
        return as_the_longest(self, memory, mix)

    def mean(self, mix: Mix) -> Fraction:
        return Fraction(self.at(mix.longest, 1).bytes)


def plan(model: Model, question: Question) -> Paged:
    """Refuses latents on pages of 7 tokens, so that a model's rows may differ."""
    given = read("paged", SETTINGS, question.settings)
    settings = {one.name: given.get(one.name, one.default) for one in SETTINGS}
    settings["backend"] = settings["backend"] or None
    if settings["block_size"] == 7 and any(len(scheme.kept) > 2 for scheme in model.schemes):
        raise UsageError("paged has no pages of 7 tokens for three tensors")
    ranks = ranks_of(question)
    return Paged(ranks, stages_of(model, ranks), settings)
