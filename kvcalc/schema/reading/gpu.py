"""From a file's data to a Gpu, or to every problem it has."""

from __future__ import annotations

from functools import cache
from pathlib import PurePath
from typing import Any

from kvcalc.errors import InvalidValue, Problem
from kvcalc.hardware import Gpu
from kvcalc.model import Source
from kvcalc.schema.forms.fields import Form, form_of
from kvcalc.schema.forms.gpu import GpuForm
from kvcalc.schema.reading.limits import refuse_endless
from kvcalc.schema.reading.problems import held_to

OWN = {"memory", "bandwidth"}
"""Fields of which a GPU file has one, however broken; of any other file nothing is shown."""


@cache
def gpu_form() -> Form:
    """What a GPU file may say."""
    return form_of(GpuForm)


def read_gpu(data: object, file: str) -> Gpu:
    """The GPU that a file's data describes.

    Raises InvalidValue with every problem; paths lead from the top of the data.
    """
    if not (isinstance(data, dict) and OWN & set(data)):
        hint = "it says what a GPU is: name, vendor, memory: 139.8GiB and bandwidth: 4.8TB/s"
        raise InvalidValue([Problem("this is no GPU file", hint)])
    refuse_endless(data)
    form, problems = held_to(gpu_form(), data)
    if form.get("shared") and form.get("link") is not None:
        problems.append(Problem("link: its memory is the host's", "leave it out", ("link",)))
    if problems:
        raise InvalidValue(problems)
    return Gpu(
        slug=PurePath(file).name.removesuffix(".yaml"),
        name=form["name"],
        vendor=form["vendor"],
        memory=form["memory"],
        bandwidth=form["bandwidth"],
        link=form.get("link"),
        capability=form.get("capability"),
        also=tuple(form.get("also") or ()),
        sources=tuple(_source(source) for source in form.get("sources") or ()),
        file=file,
        nominal=form.get("memory_is") == "nominal",
        shared=bool(form.get("shared")),
    )


def _source(source: dict[str, Any]) -> Source:
    return Source(source["from"], source.get("says", ""), source.get("read") or "")
