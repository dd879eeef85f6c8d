"""The options of where a cache is kept: by which engine, set up how, on which GPUs."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from collections.abc import Sequence
from typing import Annotated

import typer

from kvcalc.cli import completion
from kvcalc.engines import ENGINES
from kvcalc.errors import UsageError

Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        autocompletion=completion.engines,
        help=f"Add what an engine keeps of it: {', '.join(ENGINES)}.",
    ),
]
SettingsOf = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        autocompletion=completion.engines,
        help=f"List an engine's own settings instead: {', '.join(ENGINES)}.",
    ),
]
Tp = Annotated[
    int, typer.Option("--tp", metavar="N", help="GPUs that share the heads of every layer.")
]
Pp = Annotated[
    int, typer.Option("--pp", metavar="N", help="Stages of consecutive layers, on GPUs each.")
]
Dp = Annotated[
    int, typer.Option("--dp", metavar="N", help="Copies that share the sequences, on GPUs each.")
]
Dcp = Annotated[
    int,
    typer.Option(
        "--dcp", metavar="N", help="Of the --tp GPUs, how many share a sequence's tokens."
    ),
]
PpLayers = Annotated[
    str | None,
    typer.Option(
        "--pp-layers",
        metavar="LIST",
        help="Layers of each stage: 11,11,12,11. Default: as even as can be.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-E",
        "--engine-setting",
        metavar="NAME=VALUE",
        autocompletion=completion.settings,
        help="One of the engine's own settings, repeatable; kvcalc list --engine NAME shows all.",
    ),
]


def settings_of(given: Sequence[str]) -> dict[str, str]:
    """An engine's settings by their names. Raises UsageError where two differ on one."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name.strip() or not equals or not value.strip():
            raise UsageError(f"-E {text}: write NAME=VALUE, such as -E block_size=64")
        known = found.setdefault(name.strip(), value.strip())
        if known != value.strip():
            raise UsageError(f"-E {name.strip()} is given twice, as {known} and {value.strip()}")
    return found
