"""How many sequences rest outside of the GPUs, and how long it takes at least to bring one back."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from kvcalc.errors import WrongArgument

if TYPE_CHECKING:
    from kvcalc.hardware import Gpu
    from kvcalc.queries.deployed import Deployed, Kept

EACH = "each GPU's part of it"
PLANNED = "as the engine keeps it"
PLANNED_ONCE = "as the engine stores it: what the GPUs keep alike once"
IN_USE = "what is in use of it, as the engine keeps as much whatever the batch"


@dataclass(frozen=True)
class Outside:
    """What there is outside of the GPUs, of all of them together.

    host, disk      bytes for sequences at rest
    link            bytes a second from host memory to one GPU; None is the GPU's own
    disk_bandwidth  bytes a second from disk; None where nobody said
    """

    host: int | None = None
    disk: int | None = None
    link: int | None = None
    disk_bandwidth: int | None = None


@dataclass(frozen=True)
class Resting:
    """What one place outside of the GPUs is good for.

    sequences  that rest there at most; None where they take nothing
    once       the same where what several GPUs keep alike is stored once
    seconds    the least time to bring one back; None where a bandwidth is not known
    """

    size: int
    sequences: int | None
    once: int | None
    seconds: Fraction | None


@dataclass(frozen=True)
class Offload:
    """Sequences of a context that rest outside of the GPUs.

    taken   bytes that one takes there
    once    bytes that it takes where what several GPUs keep alike is stored once; None where an
            engine has its own rule, or that is no less
    loaded  bytes that one GPU takes back of it, the one that has most of them
    link    bytes a second from host memory to that; None where it is not known
    rule    what is taken to be stored
    """

    context: int
    taken: int
    once: int | None
    loaded: int
    link: int | None
    disk_bandwidth: int | None
    host: Resting | None
    disk: Resting | None
    rule: str


def offload(placed: Deployed, tokens: int, gpu: Gpu | None, outside: Outside) -> Offload:
    """How many sequences of `tokens` tokens rest outside of the GPUs.

    Every GPU has a link of its own, over which it takes back what it keeps itself, be it stored
    once for several; a disk is read by all of them together.

    Raises WrongArgument where nothing is said of the outside, or what is said does nothing, and
    where the GPU's memory is the host's.
    """
    _check(gpu, outside)
    link = outside.link or (gpu.link if gpu else None)
    kept = placed.at(tokens, 1)
    taken, loaded, rule = _taken(placed, kept, tokens)
    ideal = kept.total.stored if kept.total else kept.amounts.stored
    stored = placed.model.cache.stored(tokens)
    once = stored if rule in (EACH, IN_USE) and stored < ideal else None
    over_link = Fraction(loaded, link) if link else None
    host = disk = None
    if outside.host is not None:
        host = _resting(outside.host, taken, once, over_link)
    if outside.disk is not None:
        from_disk = None
        if outside.disk_bandwidth is not None:
            # both ways at once, as far as one part of it follows another
            read = Fraction(taken if once is None else once, outside.disk_bandwidth)
            from_disk = max(read, over_link or read)
        disk = _resting(outside.disk, taken, once, from_disk)
    return Offload(tokens, taken, once, loaded, link, outside.disk_bandwidth, host, disk, rule)


def _taken(placed: Deployed, kept: Kept, tokens: int) -> tuple[int, int, str]:
    """Bytes that one sequence takes outside, what one GPU takes back of it, and by which rule."""
    stored = kept.total.stored if kept.total else kept.amounts.stored
    reservation = kept.reservation
    if reservation is None or placed.plan is None:
        return stored, kept.amounts.stored, EACH
    # what another sequence adds: an engine may allocate as much whatever there is to keep
    another = placed.plan.at(tokens, placed.ranks.dp + 1).bytes > reservation.bytes
    if not another:
        return stored, kept.amounts.stored, IN_USE
    of_all = reservation.bytes if reservation.total is None else reservation.total
    parked = of_all if reservation.parked is None else reservation.parked
    return parked, reservation.bytes, PLANNED_ONCE if parked < of_all else PLANNED


def _resting(size: int, taken: int, once: int | None, seconds: Fraction | None) -> Resting:
    return Resting(
        size,
        size // taken if taken else None,
        size // once if once else None,
        seconds,
    )


def _check(gpu: Gpu | None, outside: Outside) -> None:
    """Raises WrongArgument for a question that has no answer, or of which a part does nothing."""
    if outside.host is None and outside.disk is None:
        text = "nothing is said of what is outside of the GPUs"
        raise WrongArgument("offload", f"{text}: give --host-memory 1TB, or --disk 4TB")
    if outside.disk is None and outside.disk_bandwidth is not None:
        text = "a disk's bandwidth is said, and not how many bytes it has"
        raise WrongArgument("disk_bandwidth", f"{text}: give --disk 4TB as well")
    if outside.host is not None and outside.link is None and gpu and gpu.shared:
        text = f"{gpu.name} shares its memory with the host, so that nothing rests outside of it"
        raise WrongArgument(
            "host_memory", f"{text}; if it has a link of its own, say --link 64GB/s"
        )
