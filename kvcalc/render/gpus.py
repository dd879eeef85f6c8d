"""What `list --gpus` prints: a line per GPU, by vendor."""

from __future__ import annotations

from fractions import Fraction

from kvcalc.hardware import Gpu
from kvcalc.queries.gpus import Gpus
from kvcalc.render import Style
from kvcalc.render.keys import SOURCE, Each, JsonObject, Key, envelope
from kvcalc.render.records import Records
from kvcalc.render.sheets import Sheet, numbers, text
from kvcalc.units import IEC_UNITS, System, decimals, format_rate

NOMINAL = "*"
TOLD = f"{NOMINAL} what its vendor calls it: no driver's figure was read, and a process sees less"

GPU = JsonObject(
    "GpuDocument",
    "One GPU of `kvcalc list --gpus`, or one device of a card that has several.",
    Key("name", str),
    Key("slug", str, says="What `--gpu` takes."),
    Key("vendor", str),
    Key("memory_bytes", int, "memory", "As its driver reports it to a process."),
    Key("memory_is", str, lambda gpu: _kind(gpu), "`reported`, or `nominal` as on its box."),
    Key("bandwidth_bytes_per_second", int, "bandwidth", "To and from its memory, at most."),
    Key(
        "link_bytes_per_second",
        int | None,
        "link",
        "From host memory, one way, at most; null where that is shared, or was not read.",
    ),
    Key("shared", bool, says="Whether its memory is the host's."),
    Key("capability", str | None, lambda gpu: _capability(gpu), "Of CUDA; null on others."),
    Key("also", [str], lambda gpu: list(gpu.also), "What else it is called."),
    Each("sources", SOURCE),
)
GPUS = Each("gpus", GPU)
RECORDS = Records(GPUS)
DOCUMENT = JsonObject("GpusDocument", "`kvcalc list --gpus`.", *envelope("gpus"), GPUS)


def sheet(answer: Gpus, style: Style) -> Sheet:
    """The GPUs by vendor, whose name stands once."""
    units = style.units
    found = sorted(answer.gpus, key=lambda gpu: (gpu.vendor.lower(), gpu.slug))
    vendors = [gpu.vendor for gpu in found]
    first = ["" if n and vendors[n - 1] == v else v for n, v in enumerate(vendors)]
    columns = (
        text("vendor", first),
        text("gpu", (gpu.slug for gpu in found)),
        text("name", (gpu.name for gpu in found), 2, folds=20),
        numbers("memory", (_memory(gpu) for gpu in found)),
        numbers("bandwidth", (format_rate(gpu.bandwidth, units) for gpu in found)),
        numbers("link", (_link(gpu, units) for gpu in found), 1),
        text("CUDA", (_capability(gpu) or "" for gpu in found), 3),
        text("also", (", ".join(gpu.also) for gpu in found), 4, folds=20),
    )
    nominal = (TOLD,) if any(gpu.nominal for gpu in found) else ()
    number = f"{len(found)} GPU{'s' * (len(found) != 1)}; memory as a process sees it"
    return Sheet("", columns, below=(number,), footnotes=nominal)


def _memory(gpu: Gpu) -> str:
    size = f"{decimals(Fraction(gpu.memory, IEC_UNITS['GiB']), 2)} GiB"
    return f"{size}{NOMINAL}" if gpu.nominal else size


def _link(gpu: Gpu, units: System) -> str:
    if gpu.link is not None:
        return format_rate(gpu.link, units)
    return "shared" if gpu.shared else ""


def _capability(gpu: Gpu) -> str | None:
    return None if gpu.capability is None else f"{gpu.capability // 10}.{gpu.capability % 10}"


def _kind(gpu: Gpu) -> str:
    return "nominal" if gpu.nominal else "reported"
