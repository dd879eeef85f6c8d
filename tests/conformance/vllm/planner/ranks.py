"""One rank of a server, alone in its process: its groups, and tensors that take no memory.

Stub 6, parallel groups: the sizes, and the first rank of each but pipeline stages, which are
built one after the other. Nothing is ever sent.
Stub 7, the meta device: every tensor of a model has a shape and no memory, wherever it is put.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _Group:
    """What vLLM's code asks a group of ranks for; some of it is cached by group."""

    def __init__(self, **facts: object) -> None:
        vars(self).update(facts)


def _group(name: str, size: int, rank: int = 0) -> _Group:
    members = _Group(size=lambda: size, rank=lambda: rank, group_name=name)
    return _Group(
        unique_name=name,
        world_size=size,
        rank=rank,
        rank_in_group=rank,
        local_rank=rank,
        ranks=list(range(size)),
        first_rank=0,
        last_rank=size - 1,
        prev_rank=(rank - 1) % size,
        next_rank=(rank + 1) % size,
        is_first_rank=rank == 0,
        is_last_rank=rank == size - 1,
        device=torch.device("meta"),
        device_index=0,
        device_group=members,
        cpu_group=members,
        device_communicator=None,
        mq_broadcaster=None,
        use_custom_op_call=False,
        use_device_communicator=False,
    )


def share_a_machine() -> None:
    """Stub 6: all ranks are on one machine; before what asks is imported."""
    import vllm.distributed.parallel_state as state

    state._NODE_COUNT = 1
    state.in_the_same_node_as = lambda group, source_rank=0: [True] * group.size()


def take_place(tp: int, pp: int, dcp: int, stage: int) -> None:
    """Stub 6: make this process the first rank of a pipeline stage."""
    import vllm.distributed.parallel_state as state

    sizes = {"_TP": tp, "_DCP": dcp, "_EP": tp, "_WORLD": tp * pp, "_INNER_DP_WORLD": tp * pp}
    sizes |= {"_EPLB": tp, "_ETP": tp, "_DP": 1, "_PCP": 1}
    for name, size in sizes.items():
        setattr(state, name, _group(name, size))
    state._PP = _group("_PP", pp, stage)


class OnMeta(TorchFunctionMode):  # type: ignore[misc]  # torch is not installed where types are checked
    """Stub 7: tensors stay on the meta device where a model's code names a GPU."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        keywords = dict(kwargs or {})
        if "device" in keywords and _is_gpu(keywords["device"]):
            keywords["device"] = "meta"
        if function is torch.Tensor.cuda:
            return args[0]
        if function is torch.Tensor.to:
            args = tuple("meta" if _is_gpu(value) else value for value in args)
        if function is torch.Tensor.item and args[0].is_meta:
            return 1.0  # a scale read from the weights; no cache's size depends on one
        return function(*args, **keywords)


def _is_gpu(value: object) -> bool:
    if isinstance(value, str | torch.device):
        return str(value).startswith("cuda")
    return type(value) is int  # a GPU by its number; a bool says something else
