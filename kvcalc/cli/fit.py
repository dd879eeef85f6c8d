"""`kvcalc fit`: what fits into the memory that each GPU has left for the cache."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from typing import Annotated, Any

import typer

from kvcalc.cli import options
from kvcalc.cli.options import Models
from kvcalc.cli.output import Output
from kvcalc.cli.taking import taking, without
from kvcalc.errors import UsageError, checked


def memory(
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="SIZE",
            help="What each GPU has left for the cache: 40GiB, of 2^30 B each, or 40GB, of 10^9 B.",
        ),
    ] = None,
    in_bytes: Annotated[
        str | None, typer.Option("--kv-cache-memory-bytes", "--kv-cache-memory", hidden=True)
    ] = None,
) -> int:
    """Bytes, as --memory says them, or a server's own option does, which takes no unit."""
    from kvcalc.units import memory_of

    if memory is not None and in_bytes is not None:
        raise UsageError("--kv-cache-memory-bytes is another name of --memory: leave one out")
    if in_bytes is not None and in_bytes.isascii() and in_bytes.isdigit():
        return checked("memory", memory_of, f"{in_bytes}B")
    given = in_bytes if memory is None else memory
    if given is None:
        raise UsageError("--memory is missing; for example: --memory 40GiB")
    return checked("memory", memory_of, given)


@taking(asked=without(options.question, "batch"), memory=memory, out=options.answer)
def fit(models: Models, memory: int, asked: dict[str, Any], out: Output) -> None:
    """Say what fits into a GPU's memory; exit 1 if a model does not.

    Example: kvcalc fit deepseek-v3 --memory 40GiB -c 32K

    The memory is what each GPU has left for the cache. How many sequences of the context fit, over
    all copies of the model, and up to which context one does; with --engine, what it would serve
    and log. Exits 1 where not one sequence fits.
    """
    import kvcalc

    answer = kvcalc.fit(*models, memory=memory, **asked)
    out.notes(answer.told)
    out.answer(answer)
    if not answer.fits:
        raise typer.Exit(1)
