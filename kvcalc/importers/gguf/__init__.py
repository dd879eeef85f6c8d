"""GGUF, llama.cpp's file format: its header, read into a Model. The weights are never read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.errors import InputError, Problem

if TYPE_CHECKING:
    import pathlib

    from kvcalc.importers.assembly import Origin
    from kvcalc.model import Model

MAGIC = b"GGUF"


def is_gguf(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a GGUF file, of whatever version."""
    return head.startswith(MAGIC)


def read_gguf(path: pathlib.Path, origin: Origin) -> Model:
    """The model of a GGUF file.

    Raises InvalidValue with every problem that its header has, and InputError where the header
    cannot be read at all or the gguf package, which knows the format's numbers, is not installed.
    """
    try:
        import gguf  # noqa: F401
    except ModuleNotFoundError as error:
        text = "reading GGUF needs the gguf package"
        raise InputError([Problem(text, "pip install 'kvcalc[gguf]'", file=origin.file)]) from error
    from kvcalc.importers.gguf.header import read_header
    from kvcalc.importers.gguf.limits import Allowance, Unreadable
    from kvcalc.importers.gguf.reading import read_model
    from kvcalc.importers.gguf.weights import weights_of

    allowance = Allowance()
    try:
        header = read_header(path, allowance)
    except Unreadable as error:
        raise InputError([Problem(error.message, error.hint, file=origin.file)]) from error
    return read_model(header.values, weights_of(path, header, allowance), origin)
