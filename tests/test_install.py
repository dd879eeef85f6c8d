"""A wheel, an sdist and an editable install, each tried from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from venv import EnvBuilder

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = sorted(path.name for path in (ROOT / "configs" / "models").glob("*.yaml"))
GPUS = {f"configs/gpus/{path.name}" for path in (ROOT / "configs" / "gpus").glob("*.yaml")}
GROWTHS = ["3,997,696", "499,712", "31,232", "4,997,120", "70,272"]


@dataclass(frozen=True)
class Built:
    """The two distributions of this checkout."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Venv:
    """A virtual environment without kvcalc that sees the packages of the running one."""

    folder: Path

    def path(self, name: str) -> Path:
        """`scripts` or `purelib` of this environment."""
        return Path(sysconfig.get_path(name, "venv", {"base": str(self.folder)}))

    @property
    def python(self) -> str:
        return str(self.path("scripts") / Path(sys.executable).name)


def run(command: Sequence[str], folder: Path) -> str:
    """Standard output of a command that succeeds, run without a PYTHONPATH of ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--sdist"]
    run([*command, "--outdir", str(folder), str(ROOT)], folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The running environment's pip, or one of its own where that has none."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    venv = Venv(tmp_path_factory.mktemp("pip"))
    EnvBuilder(with_pip=True).create(venv.folder)
    return [venv.python, "-m", "pip"]


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    made = Venv(tmp_path / "venv")
    EnvBuilder(system_site_packages=True).create(made.folder)
    # a venv made from a venv sees the interpreter's packages, not those of its parent
    theirs = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (made.path("purelib") / "parent.pth").write_text("\n".join(theirs), encoding="utf-8")
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_the_models_and_says_that_it_is_typed(built: Built) -> None:
    names = names_in(built.wheel)
    assert BUNDLED
    assert (
        sorted(
            name.removeprefix("kvcalc/configs/models/")
            for name in names
            if name.startswith("kvcalc/configs/models/")
        )
        == BUNDLED
    )
    assert GPUS
    assert {f"kvcalc/{name}" for name in GPUS} <= set(names)
    assert {"kvcalc/py.typed", "kvcalc/configs/model.schema.json"} <= set(names)


def test_the_wheel_puts_one_package_at_the_top(built: Built) -> None:
    top = {name.split("/")[0] for name in names_in(built.wheel)}
    assert "kvcalc" in top
    assert [name for name in top - {"kvcalc"} if not name.endswith(".dist-info")] == []


def test_the_sdist_has_what_a_wheel_and_the_tests_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"configs/models/{name}" for name in BUNDLED} | GPUS <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "kvcalc/py.typed"} <= names
    assert f"tests/{Path(__file__).name}" in names


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_an_install_compares_from_an_empty_folder(
    kind: str, built: Built, pip: list[str], venv: Venv, empty: Path
) -> None:
    source = {
        "wheel": [str(built.wheel)],
        "sdist": [str(built.sdist)],
        "editable": ["--editable", str(ROOT)],
    }
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed"]
    run([*pip, "--python", venv.python, "install", "--quiet", *offline, *source[kind]], empty)

    home = run([venv.python, "-c", "import kvcalc; print(kvcalc.__file__)"], empty).strip()
    expected = ROOT if kind == "editable" else venv.path("purelib")
    assert Path(home).resolve().is_relative_to(expected.resolve())

    table = run([str(venv.path("scripts") / "kvcalc"), "compare", "deepseek-v3.yaml"], empty)
    title, *lines = table.splitlines()
    assert title.startswith("DeepSeek-V3: 61 layers")
    rows = [line for line in lines if line.startswith(("mha", "gqa", "mqa", "mla"))]
    assert len(rows) == len(GROWTHS)
    for row, growth in zip(rows, GROWTHS, strict=True):
        assert f" {growth} " in row
    assert list(empty.iterdir()) == []
