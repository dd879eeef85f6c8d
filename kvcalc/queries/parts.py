"""What a figure is held to: the amounts of the caches that it speaks of, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

from kvcalc.cache import Cache
from kvcalc.errors import Problem, Unanswerable, UsageError, did_you_mean
from kvcalc.expect import Expectation, Quantity
from kvcalc.figures import Figure
from kvcalc.queries.best import best
from kvcalc.units import decimals
from kvcalc.whatif import Row, Rows


@dataclass(frozen=True)
class Part:
    """One name of an expectation: a cache, kept by so many sequences of `context` tokens.

    own      whether the context is its own, whatever the longest of the others
    longest  the context up to which `up to` looks for the best case
    """

    cache: Cache
    context: int
    longest: int
    batch: int = 1
    own: bool = False

    def amount(self, quantity: Quantity, shared: int | None = None) -> Fraction | None:
        """One quantity, in bytes or FLOPs; None where the FLOPs are not known.

        shared  a context to take for its own, unless that is its own alone
        """
        context = self.context if shared is None or self.own else shared
        found = self.cache.amount(quantity, context)
        return found if found is None or quantity == "growth" else self.batch * found

    def of(self, change: Callable[[Cache], Cache]) -> Part:
        """The same of the cache with a change."""
        return replace(self, cache=change(self.cache))


@dataclass(frozen=True)
class Found:
    """What an expectation speaks of, and the context at which it is that if that was searched.

    agreeing   another value of which the figure is true, of those that a memory stands for that is
               printed or estimated
    estimated  whether it rests on an estimate, of which no other value decides
    told       what it rests on, in words
    """

    value: Fraction
    context: int | None = None
    agreeing: Fraction | None = None
    estimated: bool = False
    told: tuple[str, ...] = ()


def value_of(expectation: Expectation, parts: Sequence[Part]) -> Found | None:
    """What an expectation speaks of; None where it does not exist, as of a server it does not.

    A context is searched for where the figure says `up to`, and told.
    """
    quantity = expectation.of_cache
    moving = [part for part in parts if not part.own]

    def at(context: int | None) -> Fraction | None:
        sizes = [part.amount(quantity, context) if quantity else None for part in parts]
        return combine(expectation, sizes)

    if expectation.figure.bound != "up to" or not moving:
        value = at(None)
        return None if value is None else Found(value)
    most = best(at, [part.cache for part in moving], min(part.longest for part in moving))
    return None if most is None else Found(most.value, most.context)


@contextmanager
def placed(file: str, line: int, name: str) -> Iterator[None]:
    """Whatever cannot be answered within is told with its place. Raises Unanswerable."""
    try:
        yield
    except UsageError as error:
        raise Unanswerable(Problem(f"{name}: {error}", file=file, line=line)) from None


def cache_of(rows: Rows, name: str) -> Cache:
    """The cache of the row of that name. Raises UsageError where none is called so."""
    return row_of(rows, name).cache


def row_of(rows: Rows, name: str) -> Row:
    """The row of that name. Raises UsageError where none is called so."""
    row = rows.find(name)
    if row is None:
        raise UsageError(f"no row is called {name!r}; {did_you_mean(name, rows.names)}")
    return row


def holds(expectation: Expectation, found: Found | None) -> bool:
    """Whether the figure is true of what was found."""
    if found is None:
        return False
    stands = found.agreeing is not None and not found.estimated
    return stands or expectation.figure.holds(found.value)


def combine(expectation: Expectation, sizes: Sequence[Fraction | None]) -> Fraction | None:
    """The quantity or the ratio that an expectation speaks of; None where it does not exist."""
    above, below = sizes[0], sizes[-1]
    if above is None or below is None or len(sizes) == 1:
        return above
    if expectation.figure.unit == "%":
        return 1 - below / above if above else None
    return above / below if below else None


def difference(figure: Figure, value: Fraction) -> str:
    """By how much of a figure an estimate is over or under it: `+2.8 %`."""
    if not figure.value:
        return "of none"
    share = 100 * (value - figure.value) / figure.value
    return f"{'+' if share >= 0 else ''}{decimals(share, 1)} %"


def best_case(found: Found | None) -> str:
    """Where the best case is, if it was searched for."""
    if found is None or found.context is None:
        return ""
    return f"The most is at a context of {found.context:,}."
