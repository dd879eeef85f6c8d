"""The command line: parse, ask the API, render. Everything heavy is imported inside a command."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec

import typer

from kvcalc import __version__
from kvcalc.cli.options import (
    Baseline,
    Batch,
    CheckFormat,
    Context,
    Engine,
    Files,
    Format,
    IndexDtype,
    Json,
    KvDtype,
    Metric,
    Model,
    Models,
    Mtp,
    Output,
    Quiet,
    Source,
    SourceLength,
    Units,
)
from kvcalc.errors import InputError, InvalidValue, KvcalcError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvcalc.render import Answer

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
            count = len(error.problems)
            typer.echo("\n".join(str(problem) for problem in error.problems), err=True)
            if count > 1:
                typer.echo(f"{count} problems", err=True)
            raise typer.Exit(error.exit_code) from None
        except KvcalcError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None

    return wrapped


@app.command()
@_answers
def compare(
    models: Models,
    context: Context = None,
    batch: Batch = 1,
    metric: Metric = "stored",
    baseline: Baseline = None,
    kv_dtype: KvDtype = None,
    index_dtype: IndexDtype = None,
    mtp: Mtp = False,
    source_length: SourceLength = None,
    engine: Engine = None,
    format: Format = "table",
    json: Json = False,
    output: Output = None,
    units: Units = "si",
    quiet: Quiet = False,
) -> None:
    """Example: kvcalc compare deepseek-v3 -c 128K

    One model: a row per attention scheme on its own heads, layers and dtype, with the ratio to
    MHA. Several models: a row each, with the ratio to the first.
    """
    import kvcalc

    answer = kvcalc.compare(
        *models,
        context=_tokens("--context", context),
        batch=batch,
        metric=metric,
        baseline=baseline,
        kv_dtype=kv_dtype,
        index_dtype=index_dtype,
        mtp=mtp,
        source_length=_source(source_length),
        engine=engine,
    )
    of_rows = [f"{row.label}: {note}" for row in answer.rows for note in row.notes]
    _notes([*answer.notes, *of_rows], quiet)
    _write(answer, "json" if json else format, output, units=units)


@app.command()
@_answers
def show(
    model: Model,
    context: Context = None,
    batch: Batch = 1,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write the sum out, with the sources.")
    ] = False,
    metric: Annotated[
        Literal["stored", "growth", "read", "flops"] | None,
        typer.Option("--metric", help="Write out this sum alone; flops adds a column."),
    ] = None,
    kv_dtype: KvDtype = None,
    index_dtype: IndexDtype = None,
    mtp: Mtp = False,
    source_length: SourceLength = None,
    engine: Engine = None,
    format: Format = "table",
    json: Json = False,
    output: Output = None,
    units: Units = "si",
    quiet: Quiet = False,
) -> None:
    """Example: kvcalc show gemma-3-27b --explain

    What one model's cache holds, by layer group and tensor, to the byte.
    """
    import kvcalc

    answer = kvcalc.show(
        model,
        _tokens("--context", context),
        batch,
        kv_dtype=kv_dtype,
        index_dtype=index_dtype,
        mtp=mtp,
        source_length=_source(source_length),
        engine=engine,
    )
    _notes(answer.notes, quiet)
    _write(answer, "json" if json else format, output, units=units, explain=explain, metric=metric)


@app.command()
@_answers
def check(
    files: Files = None,
    select: Annotated[
        str, typer.Option("-k", "--select", metavar="WORD", help="Only what has WORD in it.")
    ] = "",
    format: CheckFormat = "table",
    json: Json = False,
    output: Output = None,
) -> None:
    """Example: kvcalc check deepseek-v3.yaml

    Hold model files to their own expect: blocks, and published claims to their recorded verdicts;
    without FILE, all bundled ones. Exits 1 where one differs.
    """
    import kvcalc

    answer = kvcalc.check(*files or (), select=select)
    _write(answer, "json" if json else format, output)
    if answer.failed:
        raise typer.Exit(1)


@app.command("list")
@_answers
def list_command(
    format: Format = "table",
    json: Json = False,
    output: Output = None,
    units: Units = "si",
) -> None:
    """Example: kvcalc list --json

    The bundled models by vendor: attention kind, bytes per token, and what does not grow, each at
    its own default context.
    """
    from kvcalc import catalog
    from kvcalc.queries.listing import list_models

    models = catalog.load_all(list(catalog.bundled()))
    _write(list_models(models), "json" if json else format, output, units=units)


@app.command("import")
@_answers
def import_command(
    source: Source,
    against: Annotated[
        str | None,
        typer.Option("--diff", metavar="MODEL", help="Say what differs from MODEL instead."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The difference as JSON.")] = False,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Example: kvcalc import path/to/config.json -o my-model.yaml

    Write a model of any source as kvcalc's own YAML, with its sources and, as comments, what was
    inferred. With --diff MODEL, compare the two instead; exits 1 where their caches differ.
    """
    from kvcalc import catalog
    from kvcalc.schema.writing import to_yaml

    if json and against is None:
        raise UsageError("--json shows a difference; add --diff MODEL")
    if against is None:
        model = catalog.load(source)
        _notes(model.notes, quiet or output is None)
        _emit(to_yaml(_read_today(model)), output)
        return
    _differ(catalog.load_all([source, against]), json, output)


def _read_today(model: Any) -> Any:
    """The same model, its sources dated."""
    from dataclasses import replace
    from datetime import date

    today = date.today().isoformat()
    dated = (source if source.read else replace(source, read=today) for source in model.sources)
    return replace(model, sources=tuple(dated))


def _differ(models: Sequence[Any], as_json: bool, output: Path | None) -> None:
    import json
    from dataclasses import asdict

    from kvcalc.queries.diff import diff
    from kvcalc.render.diff import diff_document, diff_text

    difference = diff(*models)
    document = json.dumps(asdict(diff_document(difference)), indent=2) + "\n"
    _emit(document if as_json else diff_text(difference), output)
    if not difference.same:
        raise typer.Exit(1)


@app.command()
@_answers
def schema(
    what: Annotated[Literal["model", "claims", "output"], typer.Argument(show_default=False)],
    output: Output = None,
) -> None:
    """Example: kvcalc schema model > model.schema.json

    The JSON Schema of model files, of claims files, or of what --json prints.
    """
    import json

    from kvcalc import publish

    _emit(json.dumps(publish.SCHEMAS[what](), indent=2) + "\n", output)


def _source(text: str | None) -> int | None:
    return 0 if text == "0" else _tokens("--source-length", text)


def _tokens(option: str, text: str | None) -> int | None:
    from kvcalc.units import parse_tokens

    try:
        return None if text is None else parse_tokens(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _notes(notes: Sequence[str], quiet: bool) -> None:
    for note in () if quiet else notes:
        typer.echo(f"note: {note}", err=True)


def _write(answer: Answer, format_name: Any, output: Path | None, **style: Any) -> None:
    from kvcalc.render import Style, render

    terminal = output is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    _emit(render(answer, format_name, Style(**style, width=width)), output)


def _emit(text: str, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror}") from None
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # what is left in the buffer must not be tried again when the interpreter exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"cannot write standard output: {error.strerror}") from None
