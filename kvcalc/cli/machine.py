"""The options of what a model is to fit into: GPUs, what is known of their memory, a host."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from typing import Annotated, Any

import typer

from kvcalc.cli import completion
from kvcalc.errors import UsageError


def _option(name: str, told: str, metavar: str = "SIZE") -> Any:
    return typer.Option(name, metavar=metavar, help=told)


Gpu = Annotated[
    str | None,
    typer.Option(
        "--gpu",
        metavar="NAME",
        autocompletion=completion.gpus,
        help="The kind of GPU: h200, or a YAML file; kvcalc list --gpus shows all.",
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(
        "--gpus",
        metavar="N",
        help="How many. Without --tp, --pp, --dp the sensible layouts stand beside each other.",
    ),
]
Wanted = Annotated[
    int | None,
    typer.Option(
        "-b",
        "--batch",
        metavar="N",
        help="Sequences that are to fit: yes or no. Default: the most are looked for.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Instead of GPUs, what each has left for the cache: 40GiB, of 2^30 B each, or 40GB, "
        "of 10^9 B.",
    ),
]
InBytes = Annotated[
    str | None, typer.Option("--kv-cache-memory-bytes", "--kv-cache-memory", hidden=True)
]
Utilization = Annotated[
    str | None,
    typer.Option(
        "--utilization",
        "--gpu-memory-utilization",
        metavar="PART",
        help="The part of a GPU's memory that is used: 0.92 or 92%. Default: the engine's own.",
    ),
]
Available = Annotated[
    str | None,
    _option("--available", "What a server said that a GPU has for the cache, instead of a sum."),
]
Ledger = Annotated[
    str | None,
    _option(
        "--ledger",
        "A server's log, which says what it had for the cache; - for standard input.",
        "LOG",
    ),
]
Weights = Annotated[
    str | None, _option("--weights", "Bytes of the whole model. Default: as it was published.")
]
WeightDtype = Annotated[
    str | None,
    typer.Option(
        "--weight-dtype",
        metavar="DTYPE",
        help="What all parameters are stored in instead: bf16, fp8, nvfp4, ...",
    ),
]
Activations = Annotated[
    str | None, _option("--activations", "What a step takes on each GPU. Default: an estimate.")
]
Overhead = Annotated[
    str | None,
    _option(
        "--overhead",
        "What driver, communication and graphs take on each GPU. Default: an estimate.",
    ),
]
Offload = Annotated[
    bool,
    typer.Option(
        "--offload",
        help="Say too how many sequences rest outside of the GPUs, and how soon one is back.",
    ),
]
HostMemory = Annotated[
    str | None,
    _option("--host-memory", "With --offload: host memory for them, of all machines: 1TB."),
]
Disk = Annotated[str | None, _option("--disk", "With --offload: disk for them: 8TB.")]
Link = Annotated[
    str | None,
    _option("--link", "From host memory to each GPU: 64GB/s. Default: the GPU's own.", "RATE"),
]
DiskBandwidth = Annotated[
    str | None, _option("--disk-bandwidth", "From the disk to all GPUs: 14GB/s.", "RATE")
]


def machine(
    gpu: Gpu = None,
    gpus: Gpus = None,
    batch: Wanted = None,
    memory: Memory = None,
    in_bytes: InBytes = None,
    utilization: Utilization = None,
    available: Available = None,
    ledger: Ledger = None,
    weights: Weights = None,
    weight_dtype: WeightDtype = None,
    activations: Activations = None,
    overhead: Overhead = None,
    offload: Offload = False,
    host_memory: HostMemory = None,
    disk: Disk = None,
    link: Link = None,
    disk_bandwidth: DiskBandwidth = None,
) -> dict[str, Any]:
    """What is said of the machine and is to fit there, as `kvcalc.fit` takes it."""
    said = dict(locals())
    said["memory"] = _memory(said.pop("memory"), said.pop("in_bytes"))
    return {name: value for name, value in said.items() if value is not None}


def _memory(memory: str | None, in_bytes: str | None) -> str | None:
    """As --memory says it, or a server's own option does, which takes no unit."""
    if memory is not None and in_bytes is not None:
        raise UsageError("--kv-cache-memory-bytes is another name of --memory: leave one out")
    if in_bytes is not None and in_bytes.isascii() and in_bytes.isdigit():
        return f"{in_bytes}B"
    return in_bytes if memory is None else memory
