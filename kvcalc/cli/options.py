"""The options that commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
Metric = Annotated[
    Literal["stored", "growth", "read", "flops"],
    typer.Option("--metric", help="What the ratio compares."),
]
Baseline = Annotated[
    str | None,
    typer.Option("--baseline", metavar="ROW", help="The row that ratios are taken to."),
]
Format = Annotated[
    Literal["table", "json", "jsonl", "csv", "markdown"],
    typer.Option("-f", "--format", help="Output format."),
]
CheckFormat = Annotated[
    Literal["table", "json", "jsonl", "csv", "markdown", "github", "junit"],
    typer.Option("-f", "--format", help="Output format; github and junit are for CI."),
]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead.")
]
Units = Annotated[
    Literal["si", "iec", "bytes"],
    typer.Option("--units", help="kB and GB, KiB and GiB, or plain bytes."),
]
KvDtype = Annotated[
    str | None,
    typer.Option(
        "--kv-dtype",
        metavar="DTYPE",
        help="Store keys, values and latents as fp8, int4_per_token_head, nvfp4, 6bit, q8_0, "
        "q8_0/q4_0 (K/V), fp8_ds_mla, ... instead of the model's dtype.",
    ),
]
IndexDtype = Annotated[
    str | None,
    typer.Option(
        "--index-dtype", metavar="DTYPE", help="Store index keys as bf16, fp8 (with a scale), ..."
    ),
]
Mtp = Annotated[bool, typer.Option("--mtp", help="Count multi-token-prediction layers too.")]
SourceLength = Annotated[
    str | None,
    typer.Option(
        "--source-length", metavar="TOKENS", help="Tokens that cross attention looks back at."
    ),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help="Add what an engine keeps of it: transformers."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No notes on standard error.")]
