"""A machine of eight GPUs, as torch and the driver describe it to vLLM.

Stub 3, the driver's library: the count, names, capability and memory of the GPUs, all linked.
Stub 4, torch.cuda and torch.accelerator: the same, with streams and events that do nothing.
Stub 5, operators that are compiled into vLLM: they can be looked up and not run, but for the
questions whether a GPU has an instruction, which its capability answers.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import SimpleNamespace
from typing import Any

from tests.conformance.vllm.planner.gpus import GIB, Gpu

GPUS_IN_A_MACHINE = 8

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",  # torch must not look for a driver
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_HAS_FLASHINFER_CUBIN": "1",  # its kernels need no download
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",  # a context may be longer than the file says
    "VLLM_LOGGING_LEVEL": "CRITICAL",
}

COMPILED_NAMESPACES = (
    "_C",
    "_moe_C",
    "_vllm",
    "_flash",
    "_qutlass",
    "_deep",
    "deep_select",
    "vllm_",
)


def describe(gpu: Gpu) -> None:
    """Stubs 3 to 5; before vLLM is imported."""
    os.environ.update(ENVIRONMENT)
    _torch(gpu)
    _operators(gpu)
    _driver(gpu)


class _Idle:
    """A stream, or an event, in which nothing happens."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return _nothing


def _nothing(*_: object, **__: object) -> None:
    return None


def _always(value: object) -> Any:
    return lambda *_, **__: value


def _put(place: object, names: dict[str, object]) -> None:
    for name, value in names.items():
        setattr(place, name, value)


def _torch(gpu: Gpu) -> None:
    import torch

    memory = gpu.gib * GIB
    properties = SimpleNamespace(
        name=gpu.name,
        major=gpu.capability[0],
        minor=gpu.capability[1],
        total_memory=memory,
        multi_processor_count=gpu.processors,
        shared_memory_per_multiprocessor=233_472,
        shared_memory_per_block_optin=232_448,
        warp_size=32,
        L2_cache_size=50 << 20,
        is_integrated=0,
    )
    cuda = {
        "Stream": _Idle,
        "Event": _Idle,
        "default_stream": _always(_Idle()),
        "current_device": _always(0),
        "set_device": _always(None),
        "get_device_properties": _always(properties),
        "get_device_capability": _always(gpu.capability),
        "get_device_name": _always(gpu.name),
        "mem_get_info": _always((memory, memory)),
    }
    accelerator = {
        "current_accelerator": _always(torch.device("cuda")),
        "is_available": _always(False),
        "current_device_index": _always(0),
        "set_device_index": _always(None),
        "device_index": _always(contextlib.nullcontext()),
        "get_memory_info": _always((memory, memory)),
        "memory_reserved": _always(0),
        "memory_allocated": _always(0),
    }
    _put(torch.cuda, _of_both() | cuda)
    _put(torch.accelerator, _of_both() | accelerator)
    torch.Event = _Idle
    torch.version.cuda = "13.0"


def _of_both() -> dict[str, object]:
    """New functions each time: torch's compiler takes no function by two of its names."""
    return {
        "device_count": _always(GPUS_IN_A_MACHINE),
        "current_stream": _always(_Idle()),
        "synchronize": _always(None),
        "empty_cache": _always(None),
    }


class _Operator:
    """A compiled operator by its name, which no plan runs."""

    def __init__(self, name: str, capability: tuple[int, int]) -> None:
        self._name, self._capability = name, capability
        self._schema = None

    def __call__(self, *_: object, **__: object) -> Any:
        if "fp4" in self._name:
            return self._capability >= (10, 0)
        if "support" in self._name:
            return self._capability >= (9, 0)
        if "workspace_size" in self._name:
            return 1
        raise RuntimeError(f"the compiled operator {self._name} was run")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def _operators(gpu: Gpu) -> None:
    import torch

    namespace = type(torch.ops.aten)
    found, registered = namespace.__getattr__, torch.library.register_fake

    def looked_up(self: Any, name: str) -> Any:
        try:
            return found(self, name)
        except AttributeError:
            if name.startswith("__") or not self.name.startswith(COMPILED_NAMESPACES):
                raise
            return _Operator(f"{self.name}::{name}", gpu.capability)

    def register_fake(operator: Any, function: Any = None, /, **keywords: Any) -> Any:
        def decorate(fake: Any) -> Any:
            # what is not compiled in has no schema to hold the shapes to
            with contextlib.suppress(RuntimeError, AttributeError):
                return registered(operator, fake, **keywords)
            return fake

        return decorate(function) if function else decorate

    namespace.__getattr__ = looked_up
    torch.library.register_fake = register_fake


def _driver(gpu: Gpu) -> None:
    import vllm.third_party.pynvml as driver

    memory = gpu.gib * GIB
    _put(
        driver,
        {
            "nvmlInit": _nothing,
            "nvmlShutdown": _nothing,
            "nvmlSystemGetDriverVersion": _always("580.0"),
            "nvmlDeviceGetCount": _always(GPUS_IN_A_MACHINE),
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
            "nvmlDeviceGetName": _always(gpu.name),
            "nvmlDeviceGetCudaComputeCapability": _always(gpu.capability),
            "nvmlDeviceGetMemoryInfo": _always(SimpleNamespace(total=memory, free=memory, used=0)),
            "nvmlDeviceGetP2PStatus": _always(0),
            "nvmlDeviceGetNumaNodeId": _always(0),
        },
    )
    # FlashInfer asks for the driver by this name
    sys.modules["pynvml"] = driver
