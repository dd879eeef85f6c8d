"""The command line: parse, ask the API, render. Everything heavy is imported inside a command."""

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal, ParamSpec

import typer

from kvcalc import __version__
from kvcalc.cli import options
from kvcalc.cli.options import Files, Model, Models, Source, taking
from kvcalc.cli.output import Output
from kvcalc.errors import InputError, InvalidValue, KvcalcError, UsageError, WrongArgument, listed
from kvcalc.expect import Quantity
from kvcalc.printable import printable

P = ParamSpec("P")

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Run the command line and exit."""
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
    """Example: kvcalc compare deepseek-v3

    KV-cache memory of language models, exact to the byte: what each attention scheme stores, what
    a decode step reads, and whether a published ratio holds.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _answers(command: Callable[P, None]) -> Callable[P, None]:
    """What kvcalc refuses goes to standard error as text, with the exception's exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (InputError, InvalidValue) as error:
            typer.echo(listed(error.problems), err=True)
            raise typer.Exit(error.exit_code) from None
        except KvcalcError as error:
            typer.echo(f"Error: {printable(_in_options(error))}", err=True)
            raise typer.Exit(error.exit_code) from None

    return wrapped


def _in_options(error: KvcalcError) -> str:
    """What is refused, with an argument as the option that it comes from."""
    if isinstance(error, WrongArgument) and not error.says_which:
        return f"--{error.argument.replace('_', '-')}: {error.text}"
    return str(error)


@app.command()
@_answers
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
) -> None:
    """Example: kvcalc compare deepseek-v3 -c 128K

    One model: a row per attention scheme on its own heads, layers and dtype, with the ratio to
    MHA. Several models: a row each, with the ratio to the first.
    """
    import kvcalc

    answer = kvcalc.compare(*models, metric=metric, baseline=baseline, **asked)
    out.notes([*answer.notes, *(f"{r.label}: {note}" for r in answer.rows for note in r.notes)])
    out.answer(answer)


@app.command()
@_answers
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
    """Example: kvcalc show gemma-3-27b --explain

    What one model's cache holds, by layer group and tensor, to the byte.
    """
    import kvcalc

    answer = kvcalc.show(model, **asked)
    out.notes(answer.notes)
    out.answer(answer, explain=explain, per_layer=per_layer, metric=metric)


@app.command()
@_answers
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
    """Example: kvcalc check deepseek-v3.yaml

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
    out.notes(answer.notes)
    out.answer(answer)
    if answer.errors:
        raise InputError(answer.errors)
    if answer.failed:
        raise typer.Exit(1)


@app.command("list")
@_answers
@taking(out=options.answer)
def list_command(
    out: Output,
    dtypes: Annotated[
        bool, typer.Option("--dtypes", help="List what a dtype may be called instead.")
    ] = False,
) -> None:
    """Example: kvcalc list --json

    The bundled models by vendor: attention kind, bytes per token, and what does not grow, each at
    its own default context. With --dtypes, every dtype: its bits, scales and bytes.
    """
    import kvcalc

    out.answer(kvcalc.dtypes() if dtypes else kvcalc.models())


@app.command("import")
@_answers
@taking(out=options.difference)
def import_command(
    source: Source,
    out: Output,
    against: Annotated[
        str | None,
        typer.Option("--diff", metavar="MODEL", help="Say what differs from MODEL instead."),
    ] = None,
    ignore: options.Ignore = None,
) -> None:
    """Example: kvcalc import path/to/config.json -o my-model.yaml

    Write a model of any source as kvcalc's own YAML, with its sources and, as comments, what was
    inferred. With --diff MODEL, compare the two instead; exits 1 where their caches differ.
    """
    import kvcalc

    if against is not None:
        difference = kvcalc.diff(source, against, ignore=ignore or ())
        out.answer(difference)
        if not difference.same:
            raise typer.Exit(1)
        return
    if out.format is not None:
        name = "--json" if out.format == "json" else "--format"
        raise UsageError(f"{name} shows a difference; add --diff MODEL")
    model = kvcalc.load(source, ignore=ignore or ())
    # on standard output they are the first thing to be seen
    out.notes(model.notes if out.file is not None else ())
    out.text(kvcalc.to_yaml(model))


@app.command()
@_answers
def schema(
    what: Annotated[Literal["model", "claims", "output"], typer.Argument(show_default=False)],
    output: options.File = None,
) -> None:
    """Example: kvcalc schema model > model.schema.json

    The JSON Schema of model files, of claims files, or of what --json prints.
    """
    import json

    import kvcalc

    Output(None, output).text(json.dumps(kvcalc.json_schema(what), indent=2) + "\n")
