"""What shells complete: names from tables and file names, in the protocol of each shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from kvcalc import bundle
from kvcalc.cli import completion
from kvcalc.engines import ENGINES
from kvcalc.formats import FORMATS, LAYOUTS, parse_index_format, parse_kv_dtype
from tests.conftest import PROGRAM, TIMEOUT, Ran, environment

if TYPE_CHECKING:
    from tests.conftest import Cli

COMMANDS = ["compare", "show", "fit", "check", "list", "import", "diff", "schema", "help"]
ASYNC = ["async_scheduling=true", "async_scheduling=false"]
UNTOLD = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""With it the shell is what stands behind the option, not what runs the program."""


def asked(*args: str, cwd: Path | None = None, env: dict[str, str]) -> Ran:
    """What the program answers a shell's script, which asks through the environment."""
    done = subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def by_bash(words: str) -> dict[str, str]:
    """What bash's script sets, with the cursor behind the last word."""
    parts = words.split(" ")
    words_and_place = {"COMP_WORDS": "\n".join(parts), "COMP_CWORD": str(len(parts) - 1)}
    return {"_KVCALC_COMPLETE": "complete_bash", **words_and_place}


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("kvcalc ", COMMANDS),
        ("kvcalc c", ["compare", "check"]),
        ("kvcalc help d", ["diff"]),
        ("kvcalc show deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc compare deepseek-v3 deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc diff deepseek-v3 deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc import deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc import x --diff deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc show x --draft deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc check v", ["vendors", "video"]),
        ("kvcalc show v", []),
        ("kvcalc fit deepseek-v3.", ["deepseek-v3.1", "deepseek-v3.2"]),
        ("kvcalc fit x --mem", ["--memory"]),
        ("kvcalc fit x --kv-cache", []),
        ("kvcalc fit x --memory 4GB --engine ", list(ENGINES)),
        ("kvcalc show x --engine ", list(ENGINES)),
        ("kvcalc show x --kv-dtype q8_0/q5", ["q8_0/q5_0", "q8_0/q5_1"]),
        ("kvcalc show x --kv-dtype aut", ["auto"]),
        ("kvcalc show x --index-dtype no", ["none"]),
        ("kvcalc show x --draft-kv-dtype fp8_ds", ["fp8_ds_mla"]),
        ("kvcalc show x -f ", ["table", "json", "jsonl", "csv", "markdown"]),
        ("kvcalc compare x --metric ", ["stored", "growth", "read", "flops"]),
        ("kvcalc show x --units = i", ["iec"]),
        ("kvcalc show x --kv-dtype = fp8_ds", ["fp8_ds_mla"]),
        ("kvcalc show x --engine transformers -E ", []),
        ("kvcalc show x --engine vllm -E async_scheduling = t", ["true"]),
        ("kvcalc show x --engine vllm -E async_scheduling =", ["true", "false"]),
        ("kvcalc show x --engine vllm -E gpu = h100 -E async_sch", ASYNC),
        ("kvcalc show x --engine vllm -E gpu = h100 -f j", ["json", "jsonl"]),
        ("kvcalc show x --engine = vllm --engine-setting gpu = h2", ["h200", "h20"]),
        ("kvcalc schema ", ["model", "claims", "gpu", "output"]),
        ("kvcalc show x --per", ["--per-layer"]),
        ("kvcalc --inst", ["--install-completion"]),
        ("kvcalc show ./deepseek", []),
        ("kvcalc show x -o deep", []),
        ("kvcalc show x -b many --unknown --engine t", ["transformers"]),
    ],
)
def test_what_a_word_is_completed_to(words: str, completed: list[str], tmp_path: Path) -> None:
    ran = asked(cwd=tmp_path, env=by_bash(words))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split() == completed


def test_all_names_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.models("") == sorted(bundle.bundled())
    assert completion.checkable("") == sorted([*bundle.bundled(), *bundle.bundled_claims()])
    assert {*FORMATS, *LAYOUTS, "auto"} <= {*completion.kv_dtypes("")}
    assert completion.engines("") == list(ENGINES)


def test_every_dtype_that_is_completed_is_one() -> None:
    for name in [*completion.kv_dtypes(""), *completion.kv_dtypes("bf16/")]:
        if name != "bf16/q8_KV":  # a format of keys
            parse_kv_dtype(name)
    for name in completion.index_dtypes(""):
        parse_index_format(name)


def test_files_and_folders_stand_beside_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gpt2.gguf", "gpt2.yaml", ".gpt2", "gpt2 b.yaml", "gpt2$(id)", "other.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "gpt2-large").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completion.models("gpt2") == ["gpt2", "gpt2-large/", "gpt2.gguf", "gpt2.yaml"]
    # these begin no name, and are left to the shell
    assert completion.models("other") == completion.models(".gpt2") == []
    assert completion.models("gpt2-large/") == []


def test_what_goes_wrong_is_not_told_amid_a_command_line() -> None:
    assert asked(env=by_bash("kvcalc ") | {"COMP_CWORD": "x"}) == Ran(1, "", "")


def test_a_folder_that_is_gone_has_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "scandir", gone)
    assert completion.models("gpt2") == ["gpt2"]


READS_NOTHING = """\
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
from kvcalc.__main__ import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
heavy = {"yaml", "pydantic", "pydantic_core", "rich", "kvcalc.catalog", "kvcalc.api"}
print(*sorted(heavy & set(sys.modules)), *(f for f in opened if f.endswith("yaml")))
"""


@pytest.mark.parametrize("words", ["show l", "check v", "show x --kv-dtype f", "show --m", "help "])
def test_nothing_heavy_is_imported_and_no_file_is_read(words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READS_NOTHING],
        env=environment(**by_bash(f"kvcalc {words}")),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    *completed, unwanted = done.stdout.split("\n")[:-1]
    assert completed
    assert unwanted == ""


IN_BASH = """\
eval "$(kvcalc --show-completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
complete -p kvcalc
_kvcalc_completion kvcalc && printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["kvcalc", "show", "deepseek-v3."], ["deepseek-v3.1", "deepseek-v3.2"]),
        (["kvcalc", "show", "x", "--units", "=", "i"], ["iec"]),
        (["kvcalc", "show", "zzz"], [""]),
    ],
)
def test_bash_completes(words: list[str], completed: list[str], tmp_path: Path) -> None:
    program = tmp_path / "kvcalc"
    program.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", IN_BASH, "bash", *words],
        env=environment(PATH=path, **UNTOLD),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    registered, *shown = done.stdout.splitlines()
    assert registered == "complete -o default -F _kvcalc_completion kvcalc"
    assert (shown, done.stderr) == (completed, "")


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o default -F _kvcalc_completion kvcalc"),
        ("zsh", "compdef _kvcalc_completion kvcalc"),
        ("fish", "complete --command kvcalc --no-files"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName kvcalc"),
        ("pwsh", "Register-ArgumentCompleter -Native -CommandName kvcalc"),
    ],
)
def test_each_shell_has_its_script(shell: str, registers: str) -> None:
    ran = asked("--show-completion", shell, env=UNTOLD)
    assert (ran.code, ran.err) == (0, "")
    assert registers in ran.out
    assert "_KVCALC_COMPLETE" in ran.out
    assert f"complete_{shell.replace('pwsh', 'powershell')}" in ran.out


@pytest.mark.parametrize(
    ("shell", "extra", "answer"),
    [
        ("zsh", {}, '_arguments \'*: :(("deepseek-v3.1"\n"deepseek-v3.2"))\'\n'),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "deepseek-v3.1\ndeepseek-v3.2\n"),
        (
            "powershell",
            {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "deepseek-v3."},
            "deepseek-v3.1::: \ndeepseek-v3.2::: \n",
        ),
    ],
)
def test_each_shell_is_answered_in_its_own_way(
    shell: str, extra: dict[str, str], answer: str, tmp_path: Path
) -> None:
    words = {"_TYPER_COMPLETE_ARGS": "kvcalc show deepseek-v3.", **extra}
    ran = asked(cwd=tmp_path, env={"_KVCALC_COMPLETE": f"complete_{shell}", **words})
    assert (ran.code, ran.out, ran.err) == (0, answer, "")


def test_a_command_is_completed_with_what_it_does(tmp_path: Path) -> None:
    env = {"_KVCALC_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ran = asked(cwd=tmp_path, env={**env, "_TYPER_COMPLETE_ARGS": "kvcalc sh"})
    assert ran.out == "show\tShow what one model's cache holds, tensor by tensor.\n"


@pytest.mark.parametrize(("shell", "files"), [("zsh", "_files\n"), ("bash", "\n")])
def test_a_word_that_begins_no_name_is_left_to_the_shell(shell: str, files: str) -> None:
    words = by_bash("kvcalc show zzz") | {"_TYPER_COMPLETE_ARGS": "kvcalc show zzz"}
    assert asked(env={**words, "_KVCALC_COMPLETE": f"complete_{shell}"}).out == files


def test_completion_is_installed_where_the_shell_looks(tmp_path: Path) -> None:
    ran = asked("--install-completion", "fish", env={"HOME": str(tmp_path), **UNTOLD})
    script = tmp_path / ".config/fish/completions/kvcalc.fish"
    assert (ran.code, ran.err) == (0, "")
    assert str(script) in ran.out
    assert script.read_text(encoding="utf-8").startswith("complete --command kvcalc")


def test_a_home_that_cannot_be_written_is_2(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()
    ran = asked("--install-completion", "fish", env={"HOME": str(home), **UNTOLD})
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Error: cannot write {home}")


def test_a_shell_that_has_no_completion_is_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(**_: object) -> None:
        typer.echo("Shell None is not supported.")
        raise typer.Exit(1)

    monkeypatch.setattr("typer.completion.install", unknown)
    ran = cli("--install-completion")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: completion is for bash, zsh, fish and PowerShell")
