"""Every example of the README is run, and prints what the README says."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

import pytest

import kvcalc
from kvcalc import catalog
from kvcalc.bundle import bundled

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROMPT = "$ "
AS_A_USER = (
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/kvcalc compare deepseek-v3.yaml"
)
AS_A_DEVELOPER = "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"


@dataclass(frozen=True)
class Example:
    """A command, and what stands below it."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


GPU_FILES = [b for b in blocks("yaml") if re.search(r"^bandwidth:", b, re.MULTILINE)]


def examples() -> list[Example]:
    """The commands of all console blocks, each with the lines up to the next."""
    found = []
    for block in blocks("console"):
        for part in re.split(rf"^{re.escape(PROMPT)}", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Example(command, output))
    return found


def inline_commands() -> list[str]:
    """The kvcalc commands that stand in a sentence, up to a pipe."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    return [span.partition(" | ")[0] for span in re.findall(r"`(kvcalc [^`]+)`", prose)]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "kvcalc"
    config = folder / "path" / "to" / "config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    (published,) = blocks("json")
    config.write_text(published, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "kvcalc", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def value_comments(block: str) -> dict[int, str]:
    """What the comments behind code say, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(block).readline)
    return {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
    }


def test_console_blocks_show_kvcalc() -> None:
    commands = [example.command for example in examples()]
    assert "kvcalc compare deepseek-v3.yaml" in commands
    assert [command for command in commands if not command.startswith("kvcalc ")] == []
    for block in blocks("console"):
        assert block.startswith(PROMPT)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.command)
def test_a_command_prints_what_stands_below_it(example: Example, tmp_path: Path) -> None:
    assert run(example.command, tmp_path).stdout == example.output


@pytest.mark.parametrize("command", inline_commands())
def test_a_command_in_a_sentence_runs(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("python"))
def test_python_says_what_its_comments_say(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    comments = value_comments(block)
    names: dict[str, object] = {"__name__": "__main__"}
    compared = 0
    for statement in ast.parse(block).body:
        if not isinstance(statement, ast.Expr):
            exec(
                compile(ast.Module([statement], []), "README.md", "exec", dont_inherit=True), names
            )
            continue
        value = eval(compile(ast.Expression(statement.value), "README.md", "eval"), names)
        said = comments.get(statement.end_lineno or 0)
        if said is not None:
            assert repr(value) == said
            compared += 1
    assert compared == len(comments) > 0


def test_a_session_of_python_shows_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    tried = 0
    for block in blocks("pycon"):
        assert block.startswith(">>> ")
        for part in re.split(r"^>>> ", block, flags=re.MULTILINE)[1:]:
            first, *rest = part.splitlines()
            lines = [first, *(line[4:] for line in rest if line.startswith("..."))]
            said = [line for line in rest if not line.startswith("...")]
            exec(compile("\n".join([*lines, ""]), "README.md", "single", dont_inherit=True), names)
            assert capsys.readouterr().out.splitlines() == said
            tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    "block",
    [b for b in blocks("yaml") if re.search(r"^name:", b, re.MULTILINE) and b not in GPU_FILES],
)
def test_a_model_file_loads_and_keeps_its_word(block: str, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(block, encoding="utf-8")
    model = kvcalc.load(str(path))
    if model.expect:
        assert kvcalc.check(model).failed == 0


@pytest.mark.parametrize("block", GPU_FILES)
def test_a_gpu_file_is_read(block: str, tmp_path: Path) -> None:
    path = tmp_path / "gpu.yaml"
    path.write_text(block, encoding="utf-8")
    assert catalog.gpu(str(path)).slug == "gpu"


@pytest.mark.parametrize("block", [b for b in blocks("yaml") if "\nclaims:" in f"\n{b}"])
def test_a_claims_file_is_judged_as_it_says(block: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(block, encoding="utf-8")
    assert kvcalc.check(str(path)).failed == 0


def test_the_fact_sheet_says_what_is_computed() -> None:
    results = {result.id: result for result in kvcalc.check().results}
    sheet = README[README.index("| claim |") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in sheet]
    assert len(rows) >= 10
    for name, printed, computed, verdict, why in rows:
        result = results[name]
        assert (result.printed, result.computed_text, result.verdict) == (
            printed,
            computed,
            verdict,
        )
        assert why


def test_the_readme_counts_what_is_bundled() -> None:
    claims = [result for result in kvcalc.check().results if result.claim]
    assert f"{len(bundled())} models are bundled" in README
    assert f"{len(claims)} published claims are" in README


@pytest.mark.parametrize(
    ("words", "command"),
    [("pip install .", AS_A_USER), ("pip install -e '.[dev]'", AS_A_DEVELOPER)],
)
def test_the_install_commands_can_be_found_by_their_words(words: str, command: str) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert lines.count(command) == 1
    assert next(line for line in README.splitlines() if words in line) == command


def test_every_language_of_a_block_is_one_that_is_tried() -> None:
    languages = set(re.findall(r"^```(\w+)$", README, re.MULTILINE))
    assert languages == {"console", "python", "pycon", "yaml", "sh", "json", "text"}


def test_a_part_of_an_answer_is_in_what_the_command_above_it_prints(tmp_path: Path) -> None:
    parts = list(re.finditer(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
    assert parts
    for part in parts:
        command = re.findall(r"`(kvcalc [^`]+)`", README[: part.start()])[-1]
        assert part[1] in run(command, tmp_path).stdout
