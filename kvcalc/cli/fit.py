"""`kvcalc fit`: what fits on GPUs, or into the memory that each has left for the cache."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from typing import Any

import typer

from kvcalc.cli import machine, options
from kvcalc.cli.options import Models
from kvcalc.cli.output import Output
from kvcalc.cli.taking import taking, without


@taking(there=machine.machine, asked=without(options.question, "batch"), out=options.answer)
def fit(models: Models, there: dict[str, Any], asked: dict[str, Any], out: Output) -> None:
    """Say what fits on GPUs; exit 1 if a model does not.

    Example: kvcalc fit deepseek-v3.2 --gpu h200 --gpus 8 -c 32K

    How many sequences of the context fit, over all copies of the model, and up to which context one
    does; with --engine, what it would serve and log. What a GPU has for the cache is what weights
    and the rest leave, an estimate with its range, or what --memory says. Exits 1 where not one
    sequence fits, or not --batch of them.
    """
    import kvcalc

    answer = kvcalc.fit(*models, **there, **asked)
    out.notes(answer.told)
    out.answer(answer)
    if not answer.fits:
        raise typer.Exit(1)
