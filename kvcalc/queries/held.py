"""Hold the rows of a comparison to figures that were asked for beside it: `mha/mla=57x`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvcalc.cache import Cache
from kvcalc.errors import UsageError, WrongArgument, briefly
from kvcalc.expect import Expectation, parse_expectation
from kvcalc.queries.check import Result, judged
from kvcalc.queries.parts import Part


@dataclass(frozen=True)
class Held:
    """What figures are held to: the caches of rows, as they were asked for.

    find     the cache that a name means, at a context. Raises WrongArgument where none is called so
    staged   whether that is of a stage, and of another where another is the fullest
    names    what models are called, where it is models that figures speak of
    longest  the context up to which `up to` looks, where none is named
    """

    find: Callable[[str, int], Cache]
    names: Sequence[str]
    batch: int
    longest: int | None
    staged: bool = False


def held(expect: Sequence[str], to: Held, contexts: Sequence[int]) -> tuple[Result, ...]:
    """A result per figure and context, or one where the figure names a context of its own.

    Raises WrongArgument for what cannot be read, and for a name that no row has.
    """
    results = []
    for text in expect:
        expectation = _parsed(text, to.names)
        if to.staged and expectation.figure.bound == "up to":
            text = f"{expectation.entry}: with pp, the fullest stage may be another at each context"
            raise WrongArgument("expect", f"{text}; leave up to out, or pp")
        for context in (expectation.context,) if expectation.context else contexts:
            caches = [to.find(name, context) for name in expectation.schemes]
            told = len(contexts) > 1 and not expectation.context
            entry = f"{expectation.entry}@{context}" if told else expectation.entry
            longest = expectation.context or to.longest or context
            parts = [Part(cache, context, longest, to.batch) for cache in caches]
            results.append(_result(expectation, entry, parts))
    return tuple(results)


def _parsed(text: str, names: Sequence[str]) -> Expectation:
    entry, equals, printed = text.rpartition("=")
    if not equals:
        raise WrongArgument("expect", f"{briefly(text)} has no figure; write it like mha/mla=57x")
    try:
        return parse_expectation(entry.strip(), printed, names=names, serverless="compare")
    except ValueError as error:
        raise WrongArgument("expect", str(error)) from None


def _result(expectation: Expectation, entry: str, parts: Sequence[Part]) -> Result:
    try:
        return judged(expectation, parts, f"expect:{entry}")
    except UsageError as error:
        raise WrongArgument("expect", f"{entry}: {error}") from None
