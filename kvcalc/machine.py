"""What there is to fit a model into: GPUs of a kind, or so many bytes, and what is said of them.

A fact more is a line in `Given`, a line in `Machine`, and how it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypedDict, cast

from kvcalc.budget.weights import weight_format
from kvcalc.errors import UsageError, briefly, checked
from kvcalc.question import Asked
from kvcalc.units import grouped, memory_of, parse_share, rate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from kvcalc.budget.ledger import Ledger
    from kvcalc.formats import Format
    from kvcalc.hardware import Gpu

MAX_GPUS = 10_000
"""Of one machine; no cluster serves a model on so many."""
OF_SUM = ("utilization", "activations", "overhead")
"""Facts that what is left for the cache is worked out from, and nothing else."""
NEITHER = "--memory or --gpu is missing; for example: --memory 40GiB, or --gpu h200 --gpus 8"


class Given(TypedDict, total=False):
    """What is said of a machine, as people write it: bytes are numbers, or text with a unit."""

    memory: int | str | None
    gpus: int | None
    utilization: float | str | Fraction | None
    available: int | str | None
    weights: int | str | None
    weight_dtype: str | None
    activations: int | str | None
    overhead: int | str | None
    offload: bool
    host_memory: int | str | None
    disk: int | str | None
    link: int | str | None
    disk_bandwidth: int | str | None


@dataclass(frozen=True)
class Machine:
    """Where a model is to fit; bytes are of one GPU, but for the weights and the host's.

    memory          what each has for the cache, whatever it is: neither GPU nor weights count then
    gpu, gpus       of which kind, and how many; None: as many as the layout has
    utilization     the part of a GPU's memory that is used; None leaves it to the engine
    available       what is left for the cache, as it is known
    ledger          what a server's log says of that
    weights         of the whole model, in bytes, or in the dtype that they are in
    activations     what a step takes beside the cache
    overhead        what driver and communication take
    offload         whether sequences may rest outside of the GPUs
    host_memory     bytes beside the GPUs that they may rest in, all GPUs together; disk alike
    link            bytes a second from the host to a GPU; disk_bandwidth from the disk
    """

    memory: int | None = None
    gpu: Gpu | None = None
    gpus: int | None = None
    utilization: Fraction | None = None
    available: int | None = None
    ledger: Ledger | None = None
    weights: int | None = None
    weight_dtype: Format | None = None
    activations: int | None = None
    overhead: int | None = None
    offload: bool = False
    host_memory: int | None = None
    disk: int | None = None
    link: int | None = None
    disk_bandwidth: int | None = None

    @property
    def left(self) -> int | None:
        """Bytes for the cache of each GPU, where they are known and not worked out."""
        if self.memory is not None:
            return self.memory
        if self.available is not None:
            return self.available
        return self.ledger.available if self.ledger else None


class FitAsked(Asked, Given, total=False):
    """What is asked of models, and said of the machine that they are to fit."""


def apart(asked: FitAsked) -> tuple[Given, Asked]:
    """What is said of a machine, and what is asked of models."""
    there = {name: value for name, value in asked.items() if name in Given.__annotations__}
    others = {name: value for name, value in asked.items() if name not in there}
    return cast("Given", there), cast("Asked", others)


def machine(
    gpu: Gpu | None = None, ledger: Ledger | None = None, **given: Unpack[Given]
) -> Machine:
    """The machine that is spoken of. Raises WrongArgument, and UsageError where nothing is."""
    dtype = given.pop("weight_dtype", None)
    read: dict[str, Any] = {name: _read(name, value) for name, value in given.items()}
    stored = None if dtype is None else weight_format(dtype)
    found = Machine(gpu=gpu, ledger=ledger, weight_dtype=stored, **read)
    _consistent(found)
    return found


def _consistent(machine: Machine) -> None:
    """Raises UsageError for what cannot be said together."""
    said = {one.name for one in fields(machine) if getattr(machine, one.name) is not None}
    known = sorted(said & {"memory", "available", "ledger"})
    if len(known) > 1:
        text = f"{' and '.join(map(_option, known))} each say what is left for the cache"
        raise UsageError(f"{text}: keep one")
    if {"memory", "gpu"} <= said:
        text = "--memory is what each GPU has for the cache, whatever it is: leave --gpu out"
        raise UsageError(f"{text}, or say --available")
    if machine.left is None and machine.gpu is None:
        raise UsageError(NEITHER)
    if machine.gpu is None and "gpus" in said:
        text = "--gpus is of a kind of GPU: add --gpu, such as --gpu h200"
        raise UsageError(f"{text}, or say how GPUs share a model: --tp {machine.gpus}")
    for name in _without_part(machine):
        if name in said:
            text = f"{_option(name)} has no part in it where {_option(known[0])} says what is left"
            raise UsageError(f"{text} for the cache: leave it out")
    if {"weights", "weight_dtype"} <= said:
        raise UsageError(
            "--weights and --weight-dtype each say how large the weights are: keep one"
        )
    for name in ("host_memory", "disk", "link", "disk_bandwidth"):
        if name in said and not machine.offload:
            raise UsageError(f"{_option(name)} is of what rests outside of GPUs: add --offload")


def _without_part(machine: Machine) -> tuple[str, ...]:
    """What changes nothing where what is left is known: of weights a step on a GPU is told."""
    if machine.left is None:
        return ()
    return OF_SUM if machine.gpu else (*OF_SUM, "weights", "weight_dtype")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _read(name: str, value: object) -> Any:
    return None if value is None else checked(name, _READ[name], value)


def _flag(offload: object) -> bool:
    if not isinstance(offload, bool):
        raise ValueError(f"offload is true or false, not {briefly(offload)}")
    return offload


def _gpus(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{briefly(number)} is not a whole number of GPUs")
    if not 1 <= number <= MAX_GPUS:
        raise ValueError(f"{grouped(number)} GPUs: it is between 1 and {MAX_GPUS:,}")
    return number


_READ: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("memory", "available", "weights", "activations", "overhead", "host_memory", "disk"),
        memory_of,
    ),
    "gpus": _gpus,
    "offload": _flag,
    "utilization": parse_share,
    **dict.fromkeys(("link", "disk_bandwidth"), rate_of),
}
"""How each is read. Each raises ValueError."""
