"""vLLM's environment: where it lives, and how it is built.

It holds the Python files of vLLM and what they import. What is compiled for a GPU is left out:
nothing here has one, and no plan runs any of it.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

VERSION = "0.33.0"

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

VARIABLE = "KVCALC_VLLM_ENVIRONMENT"

COMPILED = ("*.so", "vllm/vllm-rs", "*.h", "*.hpp", "*.cuh")
"""Files of the wheel that are left out: two thirds of a gigabyte."""


def chosen(folder: Path | None) -> Path:
    """The folder that is given, or that the environment variable names, or .venv-vllm."""
    return folder or Path(os.environ.get(VARIABLE) or ".venv-vllm")


def python_of(environment: Path) -> str:
    """Its Python; an absolute path, as the planner starts in the folder of the checkout."""
    return str(environment.absolute() / "bin" / "python")


def is_built(environment: Path) -> bool:
    """Whether all of it is there, and of the version that is modelled."""
    return _mark(environment).exists()


def build(environment: Path) -> None:
    """Make it with pip. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    _pip(environment, "install", "--requirement", str(REQUIREMENTS))
    with tempfile.TemporaryDirectory() as folder:
        _pip(environment, "download", "--no-deps", "--dest", folder, f"vllm=={VERSION}")
        (wheel,) = Path(folder).glob("vllm-*.whl")
        _unpack(wheel, _packages(environment))
    _mark(environment).touch()


def _mark(environment: Path) -> Path:
    return environment / f"vllm-{VERSION}"


def _pip(environment: Path, *arguments: str) -> None:
    subprocess.run([python_of(environment), "-m", "pip", *arguments, "--quiet"], check=True)


def _packages(environment: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = [python_of(environment), "-c", code]
    return Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())


def _unpack(wheel: Path, folder: Path) -> None:
    with ZipFile(wheel) as files:
        kept = [
            name
            for name in files.namelist()
            if not any(fnmatch.fnmatch(name, pattern) for pattern in COMPILED)
        ]
        files.extractall(folder, kept)
