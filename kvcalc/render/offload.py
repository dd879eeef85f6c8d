"""What rests outside of the GPUs: keys of a document, and lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from kvcalc.render.keys import JsonObject, Key, as_fraction, number
from kvcalc.units import System, format_rate, format_seconds, format_size, size_unit

if TYPE_CHECKING:
    from kvcalc.queries.offload import Offload, Resting


def _seconds(resting: Resting) -> int | float | None:
    return None if resting.seconds is None else number(resting.seconds)


RESTING = JsonObject(
    "RestingDocument",
    "What one place outside of the GPUs is good for.",
    Key("bytes", int, "size"),
    Key("sequences", int | None, says="That rest there at most; null where they take nothing."),
    Key(
        "sequences_stored_once",
        int | None,
        "once",
        "The same where what several GPUs keep alike is stored once; null where that is no less.",
    ),
    Key("least_seconds", int | float | None, _seconds, "To bring one back; null: not known."),
    Key("least_seconds_exact", str | None, lambda resting: as_fraction(resting.seconds)),
)


def _at(place: str) -> Callable[[Any], dict[str, Any] | None]:
    def resting(found: Any) -> dict[str, Any] | None:
        there = getattr(found, place)
        return None if there is None else RESTING(there)

    return resting


OFFLOAD = JsonObject(
    "OffloadDocument",
    "Sequences of the context that rest outside of the GPUs.",
    Key("bytes_per_sequence", int, "taken", "Outside of the GPUs, of all of them."),
    Key("bytes_per_sequence_stored_once", int | None, "once"),
    Key("loaded_bytes_per_gpu", int, "loaded", "What the fullest GPU takes back of one."),
    Key("stored", str, "rule", "What is taken to be stored, in words."),
    Key("link_bytes_per_second", int | None, "link", "From host memory to each GPU."),
    Key("disk_bytes_per_second", int | None, "disk_bandwidth"),
    Key("host_memory", (RESTING, type(None)), _at("host")),
    Key("disk", (RESTING, type(None)), _at("disk")),
)


def lines(found: Offload, units: System) -> Iterator[str]:
    """What stands below a table: how many sequences rest where, and how soon one is back."""
    takes = f"outside of the GPUs a sequence of {found.context:,} tokens takes"
    once = "" if found.once is None else f", or {_size(found.once, units)} {ONCE}"
    yield f"{takes} {_size(found.taken, units)} ({found.rule}){once}"
    if found.host:
        back = _back(found.host.seconds, found.link, found.loaded, units, "--link 64GB/s")
        yield f"{_held(found.host, 'host memory', units)}; {back}"
    if found.disk:
        size = found.taken if found.once is None else found.once
        back = _back(
            found.disk.seconds, found.disk_bandwidth, size, units, "--disk-bandwidth 7GB/s"
        )
        yield f"{_held(found.disk, 'disk', units)}; {back}"


ONCE = "where what GPUs keep alike is stored once"


def _held(resting: Resting, place: str, units: System) -> str:
    """How many sequences rest there."""
    where = f"{_size(resting.size, units)} of {place}"
    if resting.sequences is None:
        return f"{where} holds any number of them, as nothing is kept"
    once = "" if resting.once is None else f", {resting.once:,} {ONCE}"
    return f"{where} holds {resting.sequences:,} of them{once}"


def _back(
    seconds: Fraction | None, bandwidth: int | None, size: int, units: System, option: str
) -> str:
    """How long it takes at least to bring one back, or which option would tell."""
    if seconds is None or bandwidth is None:
        return f"how soon one is back is not known: say {option}"
    way = f"{_size(size, units)} at {format_rate(bandwidth, units)}"
    if seconds > Fraction(size, bandwidth):
        way = "limited by the link of a GPU"
    return f"one is back after {format_seconds(seconds)} at the soonest ({way})"


def _size(size: int, units: System) -> str:
    return format_size(size, size_unit([size], units), 2)
