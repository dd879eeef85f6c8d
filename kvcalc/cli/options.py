"""The options of all commands, each declared once with its help, and what is made of them."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import typer

from kvcalc.cli import completion
from kvcalc.cli.deployment import Dcp, Dp, Engine, Pp, PpLayers, Settings, Tp, settings_of
from kvcalc.cli.output import Output
from kvcalc.cli.sharing import Beams, SharedPrefix
from kvcalc.cli.spellings import of_sides
from kvcalc.errors import UsageError

T = TypeVar("T")

MODEL_HELP = (
    "A bundled name such as deepseek-v3, a YAML file, a config.json or its folder, a GGUF file, "
    "hf:org/name, or - for standard input."
)


def _models(metavar: str, names: Callable[[str], list[str]] = completion.models) -> Any:
    """An argument that names models, and the names that a shell may complete it to."""
    return typer.Argument(
        metavar=metavar, help=MODEL_HELP, show_default=False, autocompletion=names
    )


Model = Annotated[str, _models("MODEL")]
Other = Annotated[str, _models("OTHER")]
Source = Annotated[str, _models("SOURCE")]
Models = Annotated[list[str], _models("MODEL...")]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE...]",
        help="A model or claims file, a folder of them, a bundled name, or - for standard input.",
        show_default=False,
        autocompletion=completion.checkable,
    ),
]
CommandName = Annotated[
    str | None,
    typer.Argument(
        metavar="[COMMAND]", help="Without it, all of them.", autocompletion=completion.commands
    ),
]
Word = Annotated[
    str, typer.Argument(metavar="[WORD]", help="Only what has WORD in it.", show_default=False)
]
AnswerFormat = Literal["table", "json", "jsonl", "csv", "markdown"]
ANSWERS = get_args(AnswerFormat)
CheckFormat = Literal["table", "json", "jsonl", "csv", "markdown", "github", "junit", "sarif"]
Format = Annotated[
    AnswerFormat | None,
    typer.Option("-f", "--format", help="Output format. Default: table, or as FILE has it."),
]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
File = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write to a file instead, in the format that its suffix names.",
    ),
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

Context = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--context",
        metavar="TOKENS",
        help="Tokens per sequence: 4096, 128k = 128,000, 128K = 131,072. "
        "compare takes several: 8K,32K,128K; fit a mix: 2K:40%,8K:60%. "
        "Default: 131,072, or the model's own maximum if that is less.",
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        "-b", "--batch", metavar="N", help="Sequences (what llama.cpp calls -b is another number)."
    ),
]
KvDtype = Annotated[
    str | None,
    typer.Option(
        "--kv-dtype",
        metavar="DTYPE",
        autocompletion=completion.kv_dtypes,
        help="Store keys, values and latents as fp8, int4_per_token_head, nvfp4, 6bit, q8_0, "
        "q8_0/q4_0 (K/V), fp8_ds_mla, ... instead of the model's dtype (auto); "
        "kvcalc list --dtypes shows all.",
    ),
]
CacheTypeK = Annotated[str | None, typer.Option("-ctk", "--cache-type-k", hidden=True)]
CacheTypeV = Annotated[str | None, typer.Option("-ctv", "--cache-type-v", hidden=True)]
IndexDtype = Annotated[
    str | None,
    typer.Option(
        "--index-dtype",
        metavar="DTYPE",
        autocompletion=completion.index_dtypes,
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
        autocompletion=completion.models,
        help="Add the cache of the model that drafts for it, named as MODEL is: llama-3.2-1b, "
        "path/to/draft/config.json.",
    ),
]
DraftKvDtype = Annotated[
    str | None,
    typer.Option(
        "--draft-kv-dtype",
        metavar="DTYPE",
        autocompletion=completion.kv_dtypes,
        help="Store the draft's as fp8, ... Default: its own.",
    ),
]
DraftTypeK = Annotated[str | None, typer.Option("-ctkd", "--cache-type-k-draft", hidden=True)]
DraftTypeV = Annotated[str | None, typer.Option("-ctvd", "--cache-type-v-draft", hidden=True)]
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


def question(
    context: Context = None,
    batch: Batch = 1,
    kv_dtype: KvDtype = None,
    cache_type_k: CacheTypeK = None,
    cache_type_v: CacheTypeV = None,
    index_dtype: IndexDtype = None,
    mtp: Mtp = False,
    mtp_layers: MtpLayers = None,
    draft: Draft = None,
    draft_kv_dtype: DraftKvDtype = None,
    draft_type_k: DraftTypeK = None,
    draft_type_v: DraftTypeV = None,
    source_length: SourceLength = None,
    engine: Engine = None,
    setting: Settings = None,
    tp: Tp = 1,
    pp: Pp = 1,
    dp: Dp = 1,
    dcp: Dcp = 1,
    pp_layers: PpLayers = None,
    shared_prefix: SharedPrefix = None,
    beams: Beams = 1,
    ignore: Ignore = None,
) -> dict[str, Any]:
    """What is asked of models, as the public functions take it."""
    return {
        "context": _contexts(context),
        "batch": batch,
        "kv_dtype": of_sides("--kv-dtype", kv_dtype, cache_type_k, cache_type_v),
        "index_dtype": index_dtype,
        "mtp": mtp,
        "mtp_layers": mtp_layers,
        "draft": draft,
        "draft_kv_dtype": of_sides("--draft-kv-dtype", draft_kv_dtype, draft_type_k, draft_type_v),
        "source_length": source_length,
        "engine": engine,
        "settings": settings_of(setting or ()),
        "tp": tp,
        "pp": pp,
        "dp": dp,
        "dcp": dcp,
        "pp_layers": pp_layers,
        "shared_prefix": shared_prefix,
        "beams": beams,
        "ignore": ignore or (),
    }


def _contexts(text: str | None) -> int | tuple[int, ...] | str | None:
    from kvcalc.mix import is_mix
    from kvcalc.units import parse_contexts

    if is_mix(text):  # which the one command that takes it reads
        return text
    return None if text is None else _read("--context", parse_contexts, text)


def _read(option: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def answer(
    format: Format = None,
    json: Json = False,
    output: File = None,
    units: Units = "si",
    wide: Wide = False,
    color: Color = "auto",
    quiet: Quiet = False,
) -> Output:
    """Where an answer with sizes goes, and how it looks."""
    return Output("json" if json else format, output, quiet, units, wide, color).among(ANSWERS)


def results(
    format: Annotated[
        CheckFormat | None,
        typer.Option(
            "-f",
            "--format",
            help="Output format; github, junit and sarif are for CI. "
            "Default: table, or as FILE has it.",
        ),
    ] = None,
    json: Json = False,
    output: File = None,
    wide: Wide = False,
    color: Color = "auto",
    quiet: Quiet = False,
) -> Output:
    """Where the results of a check go."""
    written = Output("json" if json else format, output, quiet, wide=wide, colour=color)
    return written.among(get_args(CheckFormat))


def imported(
    format: Annotated[
        AnswerFormat | None,
        typer.Option(
            "-f",
            "--format",
            help="Output format of a difference. Default: table, or as FILE has it.",
        ),
    ] = None,
    json: Json = False,
    output: File = None,
    quiet: Quiet = False,
) -> Output:
    """Where a YAML file goes, or a difference in some format."""
    return Output("json" if json else format, output, quiet)


def difference(
    format: Format = None,
    json: Json = False,
    output: File = None,
) -> Output:
    """Where the difference of two models goes."""
    return Output("json" if json else format, output).among(ANSWERS)
