"""`kvcalc fit`: what fits on GPUs, or into the memory that each has left for the cache."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from typing import Annotated, Any

import typer

from kvcalc.cli import machine, options
from kvcalc.cli.options import Models
from kvcalc.cli.output import Output
from kvcalc.cli.taking import taking, without

Wanted = Annotated[
    int | None,
    typer.Option(
        "-b",
        "--batch",
        metavar="N",
        help="Sequences that are to fit: yes or no. Default: the most are looked for.",
    ),
]


@taking(asked=without(options.question, "batch"), there=machine.machine, out=options.answer)
def fit(
    models: Models, asked: dict[str, Any], there: dict[str, Any], out: Output, batch: Wanted = None
) -> None:
    """Say what fits on GPUs; exit 1 if a model does not.

    Example: kvcalc fit deepseek-v3.2 --gpu h200 --gpus 8 -c 32K

    How many sequences of the context fit, over all copies of the model, and up to which context one
    does; with --engine, what it would serve and log. What a GPU has for the cache is what weights
    and the rest leave, an estimate with its range, or what --memory says. Exits 1 where not one
    sequence fits, or not --batch of them.
    """
    import kvcalc

    answer = kvcalc.fit(*models, batch=batch, **there, **asked)
    out.notes(answer.told)
    out.answer(answer)
    if not answer.fits:
        raise typer.Exit(1)
