"""llama.cpp's library: where it lives, and how it is got: prebuilt, from an npm package.

The package is of release v0.5.0, for Linux on x86-64. A folder of one's own build is as good:
every libllama.so whose llama.h has the same structures answers.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = "@node-llama-cpp/linux-x64"
PACKAGE_VERSION = "3.22.1"
RELEASE = "v0.5.0"

VARIABLE = "KVCALC_LLAMA_CPP_ENVIRONMENT"

LIBRARIES = "package/bins/linux-x64"
"""Where the package has them."""

NOT_IN_THE_RELEASE = {
    "glm5-next": "not in it yet",
    "qwen4exp": "its index rows are half as wide in it",
}
"""Architectures in which release v0.5.0 is older than what is modelled, build b11434, and how."""

KEEPS_PREDICTION = frozenset({"bailingmoe3"})
"""Those whose own context keeps MTP layers too: the package's build makes none without a file."""


class CannotBuildError(Exception):
    """Why there is no library to be had on this machine."""


def chosen(folder: Path | None) -> Path:
    """The folder that is given, or that the environment variable names, or .venv-llama.cpp."""
    return folder or Path(os.environ.get(VARIABLE) or ".venv-llama.cpp")


def libraries_in(environment: Path) -> Path | None:
    """Where its libraries are: in the package, or the folder itself where it is a build's."""
    for folder in (environment / LIBRARIES, environment):
        if any(folder.glob("libllama*.so")):
            return folder.absolute()
    return None


def unanswerable(libraries: Path, architecture: str, keys: Mapping[str, Any]) -> str:
    """Why libraries have no answer that counts for a header: the package's may have none."""
    if not any(libraries.glob(f"libllama.{RELEASE}.so")):
        return ""
    if architecture in KEEPS_PREDICTION and keys.get("nextn_predict_layers"):
        return f"{RELEASE}: its MTP layers are not made without a file"
    why = NOT_IN_THE_RELEASE.get(architecture)
    return f"{RELEASE}: {why}" if why else ""


def build(environment: Path) -> None:
    """Get the package with npm, 10.8 MB. Raises CannotBuildError."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise CannotBuildError("its libraries are for Linux on x86-64")
    npm = shutil.which("npm")
    if npm is None:
        raise CannotBuildError("there is no npm to get it with")
    with tempfile.TemporaryDirectory() as folder:
        asked = [npm, "pack", f"{PACKAGE}@{PACKAGE_VERSION}", "--silent"]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True)
        packages = list(Path(folder).glob("*.tgz"))
        if done.returncode or not packages:
            told = done.stderr.strip().splitlines() or ["npm says no more"]
            raise CannotBuildError(told[-1])
        environment.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packages[0]) as package:
            package.extractall(environment, filter="data")
