"""The options of what sequences keep together."""

# annotations are evaluated here, as `taking` puts signatures together that typer reads
from typing import Annotated

import typer

SharedPrefix = Annotated[
    str | None,
    typer.Option(
        "--shared-prefix",
        metavar="TOKENS",
        help="Tokens of the context that all sequences begin with, and keep once.",
    ),
]
Beams = Annotated[
    int,
    typer.Option(
        "--beams", metavar="N", help="Beams of each sequence, which look back at one source."
    ),
]
