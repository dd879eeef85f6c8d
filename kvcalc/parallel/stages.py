"""The stages of pipeline parallelism: consecutive layers, and what one rank keeps of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from typing import TYPE_CHECKING

from kvcalc.amounts import Amounts
from kvcalc.cache import Cache, Group
from kvcalc.errors import UsageError, WrongArgument
from kvcalc.parallel.tensors import SHARED_OUT, of_rank, of_sharing
from kvcalc.sharing import NOTHING_SHARED, Sharing, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor, Settled
    from kvcalc.model import Layer, Model
    from kvcalc.parallel.ranks import Ranks


@dataclass(frozen=True)
class Stage:
    """The layers from `first` up to but without `end` (from 0), and what a rank of it keeps.

    groups  of the whole stage, before ranks share it
    """

    number: int
    of: int
    first: int
    end: int
    groups: tuple[Group, ...]
    ranks: Ranks

    @cached_property
    def cache(self) -> Cache:
        """What the rank that keeps most of a sequence keeps of it. Raises UsageError."""
        return self._of(0)

    def caches(self, tokens: int, sharing: Sharing) -> tuple[Cache, ...]:
        """What ranks keep of which one keeps most, of however many sequences of `tokens` tokens.

        The first keeps most of a sequence, and others of what it has beside a prefix. They differ
        from where entries, dealt out in turns, give out.
        """
        dcp = self.ranks.dcp
        if not sharing.prefix or dcp == 1:
            return (self.cache,)
        dealt = [t.tensor.extent for _, t in self.shared.tensors if t.tensor.role in SHARED_OUT]
        ends = {extent.entries(tokens) % dcp for extent in dealt}
        ends |= {lasting(extent, sharing.prefix) % dcp for extent in dealt}
        return tuple(map(self._of, sorted({0, *ends})))

    def _of(self, number: int) -> Cache:
        split = partial(of_rank, number=number)
        return Cache(tuple(_split(group, self.ranks, split) for group in self.groups))

    @cached_property
    def shared(self) -> Cache:
        """What the ranks that share a sequence's tokens keep of it together; a state as each."""
        return Cache(tuple(_split(group, self.ranks, of_sharing) for group in self.groups))

    def total(self, tokens: int, batch: int = 1, sharing: Sharing = NOTHING_SHARED) -> Amounts:
        """What a batch amounts to over the ranks of this stage; growth stays that of a sequence.

        Each copy that has sequences has the prefix that they share.
        """
        found, prefixes = Amounts(), min(batch, self.ranks.dp)
        for layers, settled in self.shared.tensors:
            dealt = settled.tensor.role in SHARED_OUT
            times = self.ranks.copies if dealt else self.ranks.tp
            found += sharing.of(settled, tokens, batch, prefixes).times(layers * times)
        return found


def stages_of(model: Model, ranks: Ranks, *, across: bool = False) -> tuple[Stage, ...]:
    """A model cut into stages; its MTP layers, and its draft, are on the last.

    across  whether a layer may read the cache of one on another stage

    Raises WrongArgument where it cannot be cut so, heads cannot be split, or a layer reads the
    cache of one on another stage and must not.
    """
    _must_split(model, ranks)
    trunk = len(model.layers) - model.predicting
    ends = [*accumulate(ranks.partition(trunk))]
    ends[-1] += model.predicting
    firsts = [0, *ends[:-1]]
    if ranks.pp > 1 and not across:
        _refuse_a_cut(model, firsts, "pp" if ranks.layers is None else "pp_layers")
    drafts = () if model.draft is None else _draft_groups(model.draft, ranks)
    return tuple(
        Stage(
            number,
            ranks.pp,
            first,
            end,
            _groups(model, model.layers[first:end]) + (drafts if number == ranks.pp - 1 else ()),
            ranks,
        )
        for number, (first, end) in enumerate(zip(firsts, ends, strict=True))
    )


def _draft_groups(draft: Model, ranks: Ranks) -> tuple[Group, ...]:
    _must_split(draft, ranks)
    groups = _groups(draft, draft.layers)
    return tuple(replace(group, name=f"draft.{group.name}") for group in groups)


def _groups(model: Model, layers: tuple[Layer, ...]) -> tuple[Group, ...]:
    counts = Counter(name for layer in layers for name in layer)
    return tuple(model.group(name, n, model.attention[name]) for name, n in counts.items())


def _split(group: Group, ranks: Ranks, split: Callable[[CacheTensor, Ranks], CacheTensor]) -> Group:
    def of(settled: Settled) -> Settled:
        return replace(settled, tensor=split(settled.tensor, ranks))

    return replace(
        group, tensors=tuple(map(of, group.tensors)), left_over=tuple(map(of, group.left_over))
    )


def _must_split(model: Model, ranks: Ranks) -> None:
    """Raises WrongArgument where ranks cannot share the heads, or the entries, of a model."""
    for scheme in model.schemes:
        heads = query_heads(scheme)
        if heads and heads % ranks.tp:
            text = f"{model.name} has {heads:,} query heads, which {ranks.tp:,} ranks cannot share"
            raise WrongArgument("tp", f"{text}: it has to divide them")
        for tensor in scheme.kept:
            try:
                of_rank(tensor, ranks)
            except UsageError as error:
                raise WrongArgument("tp", f"{model.name}: {error}") from None


def query_heads(scheme: Scheme) -> int | None:
    """The query heads of attention; None where a scheme has none, or does not say."""
    heads: int | None = getattr(scheme, "heads", None)
    return heads


def _refuse_a_cut(model: Model, firsts: list[int], argument: str) -> None:
    """Raises WrongArgument where a layer reads what one on an earlier stage keeps."""
    last: dict[int, int] = {}
    for reader, owner in _readings(model):
        last[owner] = max(reader, last.get(owner, 0))
    for owner, reader in last.items():
        if any(owner < first <= reader for first in firsts):
            told = f"layers up to {reader + 1:,} of {model.name} read the cache of layer"
            text = f"{told} {owner + 1:,}, which would be on an earlier stage"
            way_out = "cut before it, with --pp-layers, or into fewer stages"
            raise WrongArgument(argument, f"{text}: {way_out}")


def _readings(model: Model) -> Iterator[tuple[int, int]]:
    """Each layer that reads the cache of another, and that: the last before it of its kind."""
    owners: dict[Hashable, int] = {}
    for number, layer in enumerate(model.layers):
        for tensor in (tensor for name in layer for tensor in model.attention[name].kept):
            if not tensor.shared:
                owners[_kind(tensor)] = number
            elif _kind(tensor) in owners:
                yield number, owners[_kind(tensor)]


def _kind(tensor: CacheTensor) -> Hashable:
    """What a tensor has in common with the one that it is read from."""
    return tensor.role, tensor.width, tensor.heads, tensor.extent
