"""The options of all commands, each declared once with its help, and what is made of them."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kvcalc.cli.output import Output
from kvcalc.engines import ENGINES
from kvcalc.errors import UsageError

MODEL_HELP = (
    "A bundled name such as deepseek-v3, a YAML file, a config.json or its folder, a GGUF file, "
    "hf:org/name, or - for standard input."
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help=MODEL_HELP, show_default=False)]
Models = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help=MODEL_HELP, show_default=False)
]
Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE...]", help=MODEL_HELP, show_default=False)
]
AnswerFormat = Literal["table", "json", "jsonl", "csv", "markdown"]
CheckFormat = Literal["table", "json", "jsonl", "csv", "markdown", "github", "junit"]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
File = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead.")
]
Units = Annotated[
    Literal["si", "iec", "bytes"],
    typer.Option("--units", help="kB and GB, KiB and GiB, or plain bytes."),
]
Wide = Annotated[bool, typer.Option("--wide", help="All columns, however narrow the terminal is.")]
Color = Annotated[
    Literal["auto", "always", "never"],
    typer.Option("--color", help="Colour in tables; auto is on a terminal, without NO_COLOR."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No notes on standard error.")]


def taking(**bundles: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Lets a command have a parameter that is made of several options, by a function of them."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        options = {name: inspect.signature(made).parameters for name, made in bundles.items()}
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            parameters += options[name].values() if name in options else [parameter]

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            made = {
                name: bundles[name](**{option: given.pop(option) for option in taken})
                for name, taken in options.items()
            }
            command(**given, **made)

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorated


Context = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--context",
        metavar="TOKENS",
        help="Tokens per sequence: 4096, 128k = 128,000, 128K = 131,072. "
        "Default: 131,072, or the model's own maximum if that is less.",
    ),
]
Batch = Annotated[int, typer.Option("-b", "--batch", metavar="N", help="Sequences.")]
KvDtype = Annotated[
    str | None,
    typer.Option(
        "--kv-dtype",
        metavar="DTYPE",
        help="Store keys, values and latents as fp8, int4_per_token_head, nvfp4, 6bit, q8_0, "
        "q8_0/q4_0 (K/V), fp8_ds_mla, ... instead of the model's dtype (auto); "
        "kvcalc list --dtypes shows all.",
    ),
]
IndexDtype = Annotated[
    str | None,
    typer.Option(
        "--index-dtype",
        metavar="DTYPE",
        help="Store index keys as bf16, fp8 (with a scale), ...; none leaves them out.",
    ),
]
Mtp = Annotated[bool, typer.Option("--mtp", help="Count multi-token-prediction layers too.")]
MtpLayers = Annotated[
    int | None,
    typer.Option("--mtp-layers", metavar="N", help="Count N of them, whatever the file has."),
]
Draft = Annotated[
    str | None,
    typer.Option(
        "--draft",
        metavar="MODEL",
        help="Add the cache of the model that drafts for it, named as MODEL is: llama-3.2-1b, "
        "path/to/draft/config.json.",
    ),
]
DraftKvDtype = Annotated[
    str | None,
    typer.Option(
        "--draft-kv-dtype", metavar="DTYPE", help="Store the draft's as fp8, ... [default: its own]"
    ),
]
SourceLength = Annotated[
    str | None,
    typer.Option(
        "--source-length", metavar="TOKENS", help="Tokens that cross attention looks back at."
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="FIELD",
        help="Pass over a field of somebody else's file that leaves its cache alone; repeatable.",
    ),
]
AllowOutside = Annotated[
    bool,
    typer.Option(
        "--allow-outside",
        help="Let claims name models that are not below their file's folder or the working "
        "directory.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="NAME", help=f"Add what an engine keeps of it: {', '.join(ENGINES)}."
    ),
]


def question(
    context: Context = None,
    batch: Batch = 1,
    kv_dtype: KvDtype = None,
    index_dtype: IndexDtype = None,
    mtp: Mtp = False,
    mtp_layers: MtpLayers = None,
    draft: Draft = None,
    draft_kv_dtype: DraftKvDtype = None,
    source_length: SourceLength = None,
    engine: Engine = None,
    ignore: Ignore = None,
) -> dict[str, Any]:
    """What is asked of models, as the public functions take it."""
    return {
        "context": _tokens("--context", context),
        "batch": batch,
        "kv_dtype": kv_dtype,
        "index_dtype": index_dtype,
        "mtp": mtp,
        "mtp_layers": mtp_layers,
        "draft": draft,
        "draft_kv_dtype": draft_kv_dtype,
        "source_length": 0 if source_length == "0" else _tokens("--source-length", source_length),
        "engine": engine,
        "ignore": ignore or (),
    }


def _tokens(option: str, text: str | None) -> int | None:
    from kvcalc.units import parse_tokens

    try:
        return None if text is None else parse_tokens(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def answer(
    format: Annotated[
        AnswerFormat, typer.Option("-f", "--format", help="Output format.")
    ] = "table",
    json: Json = False,
    output: File = None,
    units: Units = "si",
    wide: Wide = False,
    color: Color = "auto",
    quiet: Quiet = False,
) -> Output:
    """Where an answer with sizes goes, and how it looks."""
    return Output("json" if json else format, output, quiet, units, wide, color)


def results(
    format: Annotated[
        CheckFormat,
        typer.Option("-f", "--format", help="Output format; github and junit are for CI."),
    ] = "table",
    json: Json = False,
    output: File = None,
    wide: Wide = False,
    color: Color = "auto",
) -> Output:
    """Where the results of a check go."""
    return Output("json" if json else format, output, wide=wide, colour=color)


def difference(
    format: Annotated[
        AnswerFormat | None,
        typer.Option("-f", "--format", help="Output format of a difference. Default: table."),
    ] = None,
    json: Json = False,
    output: File = None,
    quiet: Quiet = False,
) -> Output:
    """Where a YAML file goes, or a difference in some format."""
    return Output("json" if json else format, output, quiet)
