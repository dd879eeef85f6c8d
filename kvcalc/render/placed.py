"""Where a cache is kept, in words: on which GPU, of how many, by which engine, set up how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from kvcalc.units import System, format_size, size_unit

if TYPE_CHECKING:
    from kvcalc.queries.deployed import Rank
    from kvcalc.queries.show import Breakdown
    from kvcalc.question import Question, Setting
    from kvcalc.render import Style

HEADING = "settings: "
BESIDE = 100
"""As many characters of settings stand side by side."""


def on(ranks: Sequence[Rank | None]) -> str:
    """The GPU that figures are of, as a title says it; of those of several rows, what they share.

    Empty where there is but one GPU.
    """
    told = list(dict.fromkeys(str(rank) for rank in ranks if rank))
    if len(told) > 1:
        return f"the fullest of {next(rank.gpus for rank in ranks if rank):,} GPUs"
    return told[0] if told else ""


def beside(answer: Breakdown, style: Style) -> tuple[str, ...]:
    """What stands below a table: what all GPUs keep, the pool, and the settings."""
    lines, units = [], style.units
    if answer.total and answer.rank:
        kept = {"stored": answer.total.stored, "read per step": answer.total.read}
        kept |= {} if answer.reserved_total is None else {"reserved": answer.reserved_total}
        kept |= {} if answer.pool_total is None else {"for pools": answer.pool_total}
        told = ", ".join(f"{_size(size, units)} {what}" for what, size in kept.items())
        lines.append(f"over {answer.rank.gpus:,} GPUs: {told}")
    if answer.pool is not None:
        lines.append(f"beside what is reserved: {answer.pool:,} B of the pool, whoever uses it")
    # where the sum is written out, they stand below that
    return (*lines, *(() if style.explain else set_up(answer.query, style.width)))


def _size(size: int, units: System) -> str:
    return format_size(size, size_unit([size], units), 2)


def set_up(query: Question, width: int | None) -> tuple[str, ...]:
    """The engine's settings, as -E takes them, a few to a line; none where it has none.

    width  of the terminal, None where there is none
    """
    told = " ".join(f"{name}={value}" for name, value in told_of(query.settings))
    if not (query.engine and told):
        return ()
    indent = " " * len(HEADING)
    lines = wrap(
        f"{HEADING}{told}",
        BESIDE if width is None else min(BESIDE, width),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return tuple(lines)


def told_of(settings: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    """Each setting that has a value there, in words."""
    return ((name, in_words(value)) for name, value in settings.items() if value is not None)


def in_words(value: Setting) -> str:
    """A setting's value as -E takes it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
