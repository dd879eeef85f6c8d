"""What running what fits costs: a decode step, and sequences that rest outside of the GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.budget.budget import WEIGHTS
from kvcalc.queries.budgets import weights_on
from kvcalc.queries.decoding import Decoding, decoding
from kvcalc.queries.offload import Outside, offload
from kvcalc.sharing import NOTHING_SHARED

if TYPE_CHECKING:
    from kvcalc.budget.estimate import Estimate
    from kvcalc.machine import Machine
    from kvcalc.queries.deployed import Deployed
    from kvcalc.queries.fitted import Fitted, Wanted


UNEVEN = (
    "what a decode step moves is not worked out where sequences share entries, or have several "
    "lengths"
)


def with_costs(row: Fitted, placed: Deployed, machine: Machine, wanted: Wanted) -> Fitted:
    """The row with what a step of its sequences moves, and where others may rest.

    Raises WrongArgument where nothing is known of the outside that is spoken of.
    """
    outside = Outside(machine.host_memory, machine.disk, machine.link, machine.disk_bandwidth)
    uneven = placed.sharing != NOTHING_SHARED or wanted.mix is not None
    return replace(
        row,
        decoding=None if uneven else _decoding(row, placed, machine, wanted),
        notes=(*row.notes, UNEVEN) if uneven and machine.gpu else row.notes,
        offload=offload(placed, row.context, machine.gpu, outside) if machine.offload else None,
    )


def _decoding(row: Fitted, placed: Deployed, machine: Machine, wanted: Wanted) -> Decoding | None:
    """A step of as many sequences as are wanted, or as fit; None where that is not known."""
    batch = row.wanted if wanted.batch and row.fits else row.largest_batch
    if machine.gpu is None or not batch:
        return None
    return decoding(placed, row.context, batch, _weights(placed, machine), machine.gpu)


def _weights(placed: Deployed, machine: Machine) -> Estimate | None:
    """Those of one GPU. A server whose memory is known may have others than were published."""
    if machine.left is not None and machine.weights is None and machine.weight_dtype is None:
        return None
    own = (part.size for part in weights_on(placed, machine) if part.name == WEIGHTS)
    return next(own, None)
