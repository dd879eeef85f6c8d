"""The command line: parse, ask the API, render. Everything heavy is imported inside a command."""

import os
from typing import Annotated, Any, Literal

import typer

from kvcalc import __version__
from kvcalc.cli import completion, deployment, options
from kvcalc.cli.commands import Command, Group, help_of
from kvcalc.cli.fit import fit
from kvcalc.cli.options import Files, Model, Models, Source
from kvcalc.cli.output import Output
from kvcalc.cli.taking import taking
from kvcalc.errors import InputError, UsageError
from kvcalc.expect import Quantity

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Run the command line, or answer a shell that completes it, and exit."""
    if "_KVCALC_COMPLETE" in os.environ:
        completion.answer(app)
    app(prog_name="kvcalc")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvcalc {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The KV-cache memory of language models, exact to the byte.

    Example: kvcalc compare deepseek-v3

    What each attention scheme stores, what a decode step reads, and whether a published ratio
    holds. kvcalc help COMMAND says more of each.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Command)
@taking(asked=options.question, out=options.answer)
def compare(
    models: Models,
    asked: dict[str, Any],
    out: Output,
    metric: Annotated[
        Quantity, typer.Option("--metric", help="What the ratio compares.")
    ] = "stored",
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="ROW", help="The row that ratios are taken to."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "--expect",
            metavar="ROW/ROW=57x",
            help="Exit with 1 unless this holds of the answer; repeatable. Models go by name.",
        ),
    ] = None,
) -> None:
    """Set attention schemes, or models, beside each other.

    Example: kvcalc compare deepseek-v3 -c 128K

    One model: a row per attention scheme on its own heads, layers and dtype, with the ratio to
    MHA. Several models: a row each, with the ratio to the first. Several contexts: these rows at
    each.
    """
    import kvcalc

    answer = kvcalc.compare(*models, metric=metric, baseline=baseline, expect=expect or (), **asked)
    out.notes(answer.told)
    out.results(answer.held)
    out.answer(answer)
    if answer.failed:
        raise typer.Exit(1)


@app.command(cls=Command)
@taking(asked=options.question, out=options.answer)
def show(
    model: Model,
    asked: dict[str, Any],
    out: Output,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write the sum out, with the sources.")
    ] = False,
    metric: Annotated[
        Quantity | None,
        typer.Option("--metric", help="Write out this sum alone; flops adds a column."),
    ] = None,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="Add what one layer of each group keeps.")
    ] = False,
) -> None:
    """Show what one model's cache holds, tensor by tensor.

    Example: kvcalc show gemma-3-27b --explain

    By layer group and tensor, to the byte; with --explain, the sum and where its numbers come from.
    """
    import kvcalc

    answer = kvcalc.show(model, **asked)
    out.notes(answer.told)
    out.answer(answer, explain=explain, per_layer=per_layer, metric=metric)


app.command(cls=Command)(fit)


@app.command(cls=Command)
@taking(out=options.results)
def check(
    out: Output,
    files: Files = None,
    select: Annotated[
        str,
        typer.Option("-k", "--select", metavar="WORD", help="Only what has WORD in it, and why."),
    ] = "",
    ignore: options.Ignore = None,
    allow_outside: options.AllowOutside = False,
) -> None:
    """Check model files and published claims; exit 1 if one fails.

    Example: kvcalc check deepseek-v3.yaml

    Hold model files to their own expect: blocks, and published claims to their recorded verdicts;
    of a folder all below it, without FILE all bundled ones. Exits 1 where one differs.
    """
    import kvcalc
    from kvcalc.render import WITH_ERRORS

    answer = kvcalc.check(
        *files or (),
        select=select,
        ignore=ignore or (),
        allow_outside=allow_outside,
        keep_going=out.format in WITH_ERRORS,
    )
    out.notes(answer.told)
    out.answer(answer)
    if answer.errors:
        raise InputError(answer.errors)
    if answer.failed:
        raise typer.Exit(1)


@app.command("list", cls=Command)
@taking(out=options.answer)
def list_command(
    out: Output,
    word: options.Word = "",
    dtypes: Annotated[
        bool, typer.Option("--dtypes", help="List what a dtype may be called instead.")
    ] = False,
    engine: deployment.SettingsOf = None,
    gpus: Annotated[bool, typer.Option("--gpus", help="List the bundled GPUs instead.")] = False,
) -> None:
    """List the bundled models or GPUs, dtypes, or an engine's settings.

    Example: kvcalc list llama

    The bundled models by vendor: attention kind, bytes per token, and what does not grow, each at
    its own default context. With --dtypes, every dtype: its bits, scales and bytes; with --engine,
    what -E sets: defaults, values and what they decide; with --gpus, the bundled GPUs: memory,
    bandwidth and link. With WORD, those that have it in their name, vendor, attention or a hub id.
    """
    import kvcalc

    asked = {"--dtypes": dtypes, "--engine": engine is not None, "--gpus": gpus}
    one, *others = [name for name in asked if asked[name]] or [""]
    if others:
        raise UsageError(f"{one} and {others[0]} list different things: leave one of them out")
    if engine is not None:
        out.answer(kvcalc.settings(engine, word))
    elif gpus:
        out.answer(kvcalc.gpus(word))
    else:
        out.answer(kvcalc.dtypes(word) if dtypes else kvcalc.models(word))


@app.command("import", cls=Command)
@taking(out=options.imported)
def import_command(
    source: Source,
    out: Output,
    against: Annotated[
        str | None,
        typer.Option(
            "--diff",
            metavar="MODEL",
            autocompletion=completion.models,
            help="Say what differs from MODEL instead.",
        ),
    ] = None,
    ignore: options.Ignore = None,
) -> None:
    """Write a model of any source as a YAML file of kvcalc's own.

    Example: kvcalc import path/to/config.json -o my-model.yaml

    With its sources and, as comments, what was inferred. --diff MODEL is the older spelling of
    kvcalc diff SOURCE MODEL.
    """
    import kvcalc

    if against is not None:
        _differ(source, against, ignore, out.among(options.ANSWERS))
        return
    if out.format is not None:
        name = "--json" if out.format == "json" else "--format"
        raise UsageError(f"{name} shows a difference; add --diff MODEL")
    out = out.among(("yaml",))
    model = kvcalc.load(source, ignore=ignore or ())
    # on standard output they are the first thing to be seen
    out.notes(model.notes if out.file is not None else ())
    out.text(kvcalc.to_yaml(model))


@app.command(cls=Command)
@taking(out=options.difference)
def diff(
    model: Model,
    other: options.Other,
    out: Output,
    ignore: options.Ignore = None,
) -> None:
    """Say what differs between two models; exit 1 if their caches do.

    Example: kvcalc diff deepseek-v3 deepseek-r1

    What bytes come of stands first, what else is said of the models below.
    """
    _differ(model, other, ignore, out)


def _differ(model: str, other: str, ignore: list[str] | None, out: Output) -> None:
    import kvcalc

    difference = kvcalc.diff(model, other, ignore=ignore or ())
    out.answer(difference)
    if not difference.same:
        raise typer.Exit(1)


@app.command(cls=Command)
def schema(
    what: Annotated[
        Literal["model", "claims", "gpu", "output"],
        typer.Argument(
            metavar="model|claims|gpu|output", help="What it is of.", show_default=False
        ),
    ],
    output: options.File = None,
) -> None:
    """Print a JSON Schema, for editors and programs.

    Example: kvcalc schema model > model.schema.json

    That of model, claims or GPU files, or of what --json prints.
    """
    import json

    import kvcalc

    Output(None, output).among(("json",)).text(
        json.dumps(kvcalc.json_schema(what), indent=2) + "\n"
    )


@app.command("help", cls=Command)
def help_command(context: typer.Context, command: options.CommandName = None) -> None:
    """Show this help, or that of a command.

    Example: kvcalc help compare

    The same as kvcalc COMMAND --help.
    """
    typer.echo(help_of(context, command))
