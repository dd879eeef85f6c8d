"""The bundled files by name, without a look into any of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


def configs() -> Path:
    """The folder of bundled files: the checkout's beside the package, else the installed one."""
    checkout = _HERE.parent / "configs"
    return checkout if (checkout / "models").is_dir() else _HERE / "configs"


@cache
def bundled() -> dict[str, Path]:
    """The bundled model files by name, in alphabetical order."""
    return files_of("models")


@cache
def bundled_claims() -> dict[str, Path]:
    """The bundled claims files by name, in alphabetical order."""
    return files_of("claims")


@cache
def bundled_gpus() -> dict[str, Path]:
    """The bundled GPU files by name, in alphabetical order."""
    return files_of("gpus")


def files_of(folder: str) -> dict[str, Path]:
    """The files of one folder of the bundle by name, in alphabetical order."""
    return {path.stem: path for path in sorted((configs() / folder).glob("*.yaml"))}
