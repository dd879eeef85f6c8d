"""The action, the hook and the container recipe: what each of them runs, and that it is there."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Ran
from tests.documents import data
from tests.test_check_folders import CLAIM, MODEL, REFUTED, WRONG, written

if TYPE_CHECKING:
    from tests.conftest import Cli

ROOT = Path(__file__).parents[1]
ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
RECIPE = ROOT / ".github" / "container" / "Containerfile"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def step(number: int, folder: Path, temporary: Path, path: str = "", **given: str) -> Ran:
    """A step of the action as the runner runs it, with what it is given in its environment."""
    told: dict[str, Any] = data(ACTION)["runs"]["steps"][number]
    assert set(told["env"]) == set(given)
    given["PATH"] = path or os.environ["PATH"]
    assert told["shell"] == "bash"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", told["run"]],
        cwd=folder,
        env={**os.environ, "RUNNER_TEMP": str(temporary), "PYTHONPATH": str(ROOT), **given},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the action has installed kvcalc: this one."""
    program(tmp_path / "temp/kvcalc/bin/kvcalc", f'exec "{sys.executable}" -m kvcalc "$@"')
    return tmp_path / "temp"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {"ok/m.yaml": MODEL, "ok/with space.yaml": CLAIM, "no.yaml": REFUTED, "-w.yaml": WRONG}
    written(tmp_path / "checkout", **files)
    return tmp_path / "checkout"


CHECKS = {
    "a folder": ("ok", "github", 0, "2 passed, 0 failed"),
    "files, one a line": ("ok/m.yaml\r\n\nok/with space.yaml", "github", 0, "2 passed, 0 failed"),
    "what does not hold": ("ok\nno.yaml", "github", 1, "::error file=no.yaml,line=8,"),
    "a broken file": ("ok\n-w.yaml", "github", 2, "::error file=-w.yaml,line=6,col=15,"),
    "no format": ("no.yaml", "", 1, "::error file=no.yaml,line=8,"),
    "the whole": (".", "junit", 2, 'tests="4" failures="1" errors="1"'),
    "nothing": ("\n", "github", 2, "::error title=kvcalc check::files names nothing"),
}


@pytest.mark.parametrize(("files", "form", "code", "said"), CHECKS.values(), ids=CHECKS)
def test_the_action_checks(
    files: str, form: str, code: int, said: str, checkout: Path, temporary: Path
) -> None:
    ran = step(1, checkout, temporary, FILES=files, FORMAT=form, OUTPUT="")
    assert ran.code == code
    assert said in ran.out


@pytest.mark.parametrize("form", ["sarif", ""])
def test_the_action_writes_a_report(form: str, checkout: Path, temporary: Path) -> None:
    ran = step(1, checkout, temporary, FILES="no.yaml", FORMAT=form, OUTPUT="report.sarif")
    assert (ran.code, ran.out) == (1, "")
    assert '"uri": "no.yaml"' in (checkout / "report.sarif").read_text(encoding="utf-8")


INSTALLED = {
    "its own": ("", f"{ACTION.parent}/../../.."),
    "a tag": ("v1", "git+https://host/org/repo@v1"),
}


@pytest.mark.parametrize(("version", "source"), INSTALLED.values(), ids=INSTALLED)
@pytest.mark.parametrize("scripts", ["bin", "Scripts"])
def test_the_action_installs(version: str, source: str, scripts: str, tmp_path: Path) -> None:
    # `python3 -m venv FOLDER` makes programs that write down how they are called
    made = f'mkdir -p "$3/{scripts}"; cp {tmp_path}/called "$3/{scripts}/python"; '
    program(tmp_path / "called", f'printf "%s\\n" "$@" >> {tmp_path}/calls')
    program(tmp_path / "path/python3", f'{made} cp {tmp_path}/called "$3/{scripts}/kvcalc"')
    path = f"{tmp_path / 'path'}:{os.environ['PATH']}"
    given = {"VERSION": version, "SERVER": "https://host", "REPOSITORY": "org/repo"}
    ran = step(0, tmp_path, tmp_path / "temp", ACTION=str(ACTION.parent), **given, path=path)
    assert (ran.code, ran.err) == (0, "")
    *_, installed, last = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert (installed, last) == (source, "--version")
    assert version or Path(installed).resolve() == ROOT


def test_the_inputs_of_the_action_are_those_that_it_uses() -> None:
    action = data(ACTION)
    text = ACTION.read_text(encoding="utf-8")
    assert set(action["inputs"]) == set(re.findall(r"inputs\.(\w+)", text))
    # text of others in a script would be run
    assert [step["run"] for step in action["runs"]["steps"] if "${{" in step["run"]] == []


def test_the_hook_is_a_command(checkout: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (hook,) = data(HOOKS)
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == (
        "kvcalc-check",
        "python",
        False,
    )
    monkeypatch.chdir(checkout / "ok")
    name, *args = hook["entry"].split()
    assert name == "kvcalc"
    assert cli(*args, *hook["args"]).code == 0


def test_the_recipe_copies_what_is_needed_to_build() -> None:
    text = RECIPE.read_text(encoding="utf-8")
    copied = " ".join(re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE)).split()
    assert copied == ["pyproject.toml", "README.md", "LICENSE", "kvcalc", "configs"]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert 'ENTRYPOINT ["kvcalc"]' in text
