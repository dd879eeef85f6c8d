"""The contract of the command line: arguments in; exit code, standard output and error out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc import bundle
from kvcalc.cli import app

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile, Process, Terminal

BOX_LINES = set("─━│┃┌┐└┘╭╮╰╯├┤┬┴┼═║")
FORMATS = ["table", "json", "jsonl", "csv", "markdown"]
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]
DEEPSEEK_V3 = bundle.bundled()["deepseek-v3"]

MLA_TOKEN = 61 * (512 + 64) * 2
MHA_TOKEN = 61 * 2 * 128 * 128 * 2

SMALL = """\
name: Small
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
max_context: 1000
"""
SMALL_TOKEN = 2 * 2 * 2 * 64 * 2


def document(text: str) -> Any:
    return json.loads(text)


def copy_with(old: str, new: str) -> str:
    text = DEEPSEEK_V3.read_text(encoding="utf-8")
    assert text.count(old) == 1
    return text.replace(old, new)


def ratios(text: str) -> dict[str, Fraction | None]:
    rows = document(text)["rows"]
    return {r["scheme"]: r["ratio_exact"] and Fraction(r["ratio_exact"]) for r in rows}


@pytest.mark.parametrize(
    "args",
    [
        ("compare", "deepseek-v3"),
        ("compare", "deepseek-v3", "llama-3.1-405b"),
        ("show", "deepseek-v3"),
        ("show", "deepseek-v3", "--explain"),
        ("check", "deepseek-v3.yaml"),
        ("check",),
        ("list",),
        ("schema", "model"),
        ("schema", "output"),
        (),
        ("-h",),
    ],
)
def test_answered_is_0_and_nothing_on_standard_error(args: tuple[str, ...], cli: Cli) -> None:
    ran = cli(*args)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n")


@pytest.mark.parametrize(("old", "new"), [("mha/mla: 57x", "mha/mla: 58x"), ("70.272", "70.273")])
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_figure_that_does_not_hold_is_1(
    old: str, new: str, format_name: str, cli: Cli, model_file: ModelFile
) -> None:
    ran = cli("check", model_file(copy_with(old, new)), "-f", format_name)
    assert (ran.code, ran.err) == (1, "")
    assert "refuted" in ran.out


def test_the_refuted_figure_is_named_with_its_line(cli: Cli, model_file: ModelFile) -> None:
    text = copy_with("mha/mla: 57x", "mha/mla: 58x")
    path = model_file(text)
    answer = document(cli("check", path, "--json").out)
    (refuted,) = [result for result in answer["results"] if not result["ok"]]
    assert (answer["failed"], answer["passed"]) == (1, len(answer["results"]) - 1)
    assert refuted["file"] == path
    assert "mha/mla: 58x" in text.splitlines()[refuted["line"] - 1]
    assert (refuted["printed"], refuted["verdict"]) == ("58x", "refuted")
    assert Fraction(refuted["computed_exact"]) == Fraction(MHA_TOKEN, MLA_TOKEN)


def test_compare_shows_what_does_not_hold_and_is_0(cli: Cli, model_file: ModelFile) -> None:
    ran = cli("compare", model_file(copy_with("mha/mla: 57x", "mha/mla: 58x")), "--json")
    assert ran.code == 0
    assert [r["ok"] for r in document(ran.out)["expect"]].count(False) == 1


def test_check_of_a_file_with_nothing_to_check_is_2(cli: Cli, model_file: ModelFile) -> None:
    path = model_file(SMALL)
    ran = cli("check", path)
    assert (ran.code, ran.out) == (2, "")
    assert path in ran.err
    assert "expect" in ran.err


@pytest.mark.parametrize("refuted_first", [True, False])
@pytest.mark.parametrize("format_name", ["table", "json"])
@pytest.mark.parametrize("bad", [SMALL.replace("heads: 8", "heads: 0"), ""])
def test_2_wins_over_1(
    refuted_first: bool, format_name: str, bad: str, cli: Cli, model_file: ModelFile
) -> None:
    refuted = model_file(copy_with("mha/mla: 57x", "mha/mla: 58x"), "refuted.yaml")
    files = [refuted, model_file(bad, "bad.yaml")]
    ran = cli("check", *(files if refuted_first else reversed(files)), "-f", format_name)
    assert (ran.code, bool(ran.out)) == (2, format_name == "json")


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("command", ["compare", "show", "check"])
def test_2_leaves_standard_output_empty_in_every_format(
    command: str, format_name: str, cli: Cli
) -> None:
    ran = cli(command, "no-such-model", "-f", format_name)
    assert ran.code == 2
    # a check has a place for what is wrong
    assert bool(ran.out) is ((command, format_name) == ("check", "json"))
    assert "'no-such-model'" in ran.err


USAGE = [
    ("bogus",),
    ("--bogus",),
    ("compare",),
    ("compare", "deepseek-v3", "--bogus"),
    ("compare", "deepseek-v3", "-c"),
    ("compare", "deepseek-v3", "-b", "many"),
    ("compare", "deepseek-v3", "-b", "1.5"),
    ("compare", "deepseek-v3", "--metric", "speed"),
    ("compare", "deepseek-v3", "--units", "miles"),
    ("compare", "deepseek-v3", "-f", "xml"),
    ("show",),
    ("show", "deepseek-v3", "deepseek-v2"),
    ("check", "--bogus"),
    ("list", "llama", "deepseek-v3"),
    ("schema",),
    ("schema", "modle"),
]


@pytest.mark.parametrize("args", USAGE)
def test_usage_errors_are_plain_text_on_standard_error(args: tuple[str, ...], cli: Cli) -> None:
    ran = cli(*args)
    assert (ran.code, ran.out) == (2, "")
    assert "Error: " in ran.err
    assert not BOX_LINES & set(ran.err)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("compar x", "there is no command 'compar'; did you mean compare?"),
        (
            "deepseek-v3",
            "there is no command 'deepseek-v3'; a model is shown by: kvcalc show deepseek-v3",
        ),
        ("help shwo", "there is no command 'shwo'; did you mean show?"),
        ("--json show x", "kvcalc has no option --json: write it behind the command"),
        ("--bogus", "kvcalc has no option --bogus; kvcalc --help shows all"),
        ("--version=3", "--version takes no value"),
        ("show x --jsno", "kvcalc show has no option --jsno; did you mean --json?"),
        ("show x -z", "kvcalc show has no option -z; kvcalc show --help shows all"),
        ("show x --json=3", "--json takes no value"),
        ("show x -c", "-c needs a value: -c TOKENS"),
        ("show x --units", "--units needs a value: --units si|iec|bytes"),
        ("show x --units miles", "--units: 'miles' is none of si, iec, bytes"),
        ("show x --units byte", "--units: 'byte' is none of si, iec, bytes; did you mean bytes?"),
        ("show x -b many", "--batch: 'many' is not a whole number"),
        ("show x -b 1.5", "--batch: '1.5' is not a whole number"),
        (f"show x -b {'9' * 5000}", f"--batch: '{'9' * 79}... is too large"),
        ("show x y z", "there is no place for 'y z': kvcalc show [OPTIONS] MODEL"),
        ("show", "MODEL is missing; for example: kvcalc show gemma-3-27b --explain"),
        ("diff x", "OTHER is missing; for example: kvcalc diff deepseek-v3 deepseek-r1"),
        (
            "schema",
            "one of model, claims, gpu, output is missing; for example: "
            "kvcalc schema model > model.schema.json",
        ),
        ("schema modle", "'modle' is none of model, claims, gpu, output; did you mean model?"),
    ],
)
def test_usage_errors_say_the_way_out_in_a_line(args: str, said: str, cli: Cli) -> None:
    ran = cli(*args.split())
    assert (ran.code, ran.out, ran.err) == (2, "", f"Error: {said}\n")


def test_what_is_typed_does_not_act_on_a_terminal(cli: Cli) -> None:
    for args in (("show", "x", "-f", "\x1b[2J"), ("\x1b[2J",), ("show", "x", "--\x1b[2J")):
        ran = cli(*args)
        assert ran.code == 2
        assert "\x1b" not in ran.err


@pytest.mark.parametrize(
    ("other", "code"), [("deepseek-r1", 0), ("llama-3.1-8b", 1), ("no-such-model", 2)]
)
@pytest.mark.parametrize("format_name", FORMATS)
def test_diff_says_what_import_says_with_its_option(
    other: str, code: int, format_name: str, cli: Cli
) -> None:
    ran = cli("diff", "deepseek-v3", other, "-f", format_name)
    assert ran.code == code
    assert ran == cli("import", "deepseek-v3", "--diff", other, "-f", format_name)


def test_diff_passes_over_what_is_ignored(cli: Cli, model_file: ModelFile) -> None:
    config = model_file(LLAMA.replace("{", '{"new_window_layers": 3, ', 1), "config.json")
    args = ("diff", config, "llama-3.1-8b")
    assert cli(*args).code == 2
    assert cli(*args, "--ignore", "new_window_layers").code == 0


def test_diff_writes_a_file_and_still_says_no(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    ran = cli("diff", "deepseek-v3", "llama-3.1-8b", "--json", "-o", str(file))
    assert (ran.code, ran.out, ran.err) == (1, "", "")
    assert document(file.read_text(encoding="utf-8"))["same_cache"] is False


@pytest.mark.parametrize("command", ["compare", "show", "check"])
def test_interrupted_is_130(command: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kvcalc, command, interrupted)
    ran = cli(command, "deepseek-v3")
    assert (ran.code, ran.out) == (130, "")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1", 1),
        ("4096", 4096),
        ("128k", 128_000),
        ("128K", 131_072),
        ("128Ki", 131_072),
        ("1m", 1_000_000),
        ("1M", 1_048_576),
        ("1.5k", 1_500),
    ],
)
def test_context_follows_the_serving_engines_and_is_echoed(
    text: str, tokens: int, cli: Cli
) -> None:
    answer = document(cli("show", "deepseek-v3", "-c", text, "--json", "-q").out)
    assert answer["query"]["context"] == tokens
    assert answer["stored_bytes"] == tokens * MLA_TOKEN
    assert f"context {tokens:,}" in cli("show", "deepseek-v3", "--context", text).out


@pytest.mark.parametrize(
    "text", ["0", "0k", "-1", "-5k", "1.5", "rubbish", "", "128Q", "128 GB", "1k2", "9" * 40]
)
@pytest.mark.parametrize("command", ["compare", "show"])
def test_context_that_is_none(command: str, text: str, cli: Cli) -> None:
    ran = cli(command, "deepseek-v3", "-c", text)
    assert (ran.code, ran.out) == (2, "")
    assert "--context" in ran.err


def test_without_context_it_is_131072_or_the_smallest_maximum(
    cli: Cli, model_file: ModelFile
) -> None:
    small = model_file(SMALL)
    for args, tokens in [
        (("compare", "deepseek-v3"), 131_072),
        (("compare", small), 1_000),
        (("compare", "deepseek-v3", small), 1_000),
        (("show", small), 1_000),
    ]:
        assert document(cli(*args, "--json").out)["query"]["context"] == tokens
        assert f"context {tokens:,}" in cli(*args).out


@pytest.mark.parametrize("batch", [1, 7, 10**6])
def test_batch_multiplies_what_is_stored_and_read_alone(batch: int, cli: Cli) -> None:
    answer = document(cli("show", "deepseek-v3", "-c", "1000", "-b", str(batch), "--json").out)
    assert answer["query"]["batch"] == batch
    assert answer["stored_bytes"] == batch * 1000 * MLA_TOKEN
    assert answer["read_bytes_per_step"] == batch * 1000 * MLA_TOKEN
    assert answer["bytes_per_token"] == MLA_TOKEN


@pytest.mark.parametrize("batch", ["0", "-1", "1000000001", "1" + "0" * 30])
@pytest.mark.parametrize("command", ["compare", "show"])
def test_batch_is_bounded(command: str, batch: str, cli: Cli) -> None:
    ran = cli(command, "deepseek-v3", "-b", batch)
    assert (ran.code, ran.out) == (2, "")
    assert "batch" in ran.err
    assert "1,000,000,000" in ran.err


@pytest.mark.parametrize(
    ("baseline", "per_token"),
    [
        ("mha", MHA_TOKEN),
        ("gqa", 61 * 2 * 16 * 128 * 2),
        ("mqa", 61 * 2 * 1 * 128 * 2),
        ("mla-expanded", 61 * 128 * (192 + 128) * 2),
        ("mla", MLA_TOKEN),
        ("native", MLA_TOKEN),
    ],
)
def test_baseline_is_the_row_that_ratios_are_taken_to(
    baseline: str, per_token: int, cli: Cli
) -> None:
    found = ratios(cli("compare", "deepseek-v3", "--baseline", baseline, "--json").out)
    assert found["mla"] == Fraction(per_token, MLA_TOKEN)
    assert found["mha"] == Fraction(per_token, MHA_TOKEN)


@pytest.mark.parametrize("baseline", ["native", "mha"])
def test_baseline_of_a_layered_model(baseline: str, cli: Cli) -> None:
    answer = document(cli("compare", "gemma-3-27b", "--baseline", baseline, "--json").out)
    assert answer["baseline"] == answer["query"]["baseline"] == baseline
    (row,) = [row for row in answer["rows"] if row["scheme"] == baseline]
    assert (row["ratio"], row["ratio_exact"]) == (1.0, "1/1")


@pytest.mark.parametrize("baseline", ["DeepSeek-V3", "deepseek-v3"])
def test_baseline_among_several_models(baseline: str, cli: Cli) -> None:
    ran = cli("compare", "llama-3.1-405b", "deepseek-v3", "--baseline", baseline, "--json")
    rows = document(ran.out)["rows"]
    llama = 126 * 2 * 8 * 128 * 2
    assert [Fraction(r["ratio_exact"]) for r in rows] == [Fraction(MLA_TOKEN, llama), 1]


@pytest.mark.parametrize("models", [("deepseek-v3",), ("llama-3.1-405b", "deepseek-v3")])
def test_baseline_that_is_no_row(models: tuple[str, ...], cli: Cli) -> None:
    ran = cli("compare", *models, "--baseline", "llama-9")
    assert (ran.code, ran.out) == (2, "")
    assert "'llama-9'" in ran.err


def test_a_misspelt_baseline_is_told_the_right_one(cli: Cli) -> None:
    assert "mla-expanded" in cli("compare", "deepseek-v3", "--baseline", "mla-expandd").err


GEMMA_MHA, GEMMA_TOKEN = 62 * 2 * 32 * 128 * 2, 10 * 2 * 16 * 128 * 2
V32_READ = 61 * (132 * 131_072 + 1_152 * 2_048)


@pytest.mark.parametrize(
    ("model", "scheme", "metric", "ratio"),
    [
        ("gemma-3-27b", "native", "growth", Fraction(GEMMA_MHA, GEMMA_TOKEN)),
        (
            "gemma-3-27b",
            "native",
            "stored",
            Fraction(GEMMA_MHA * 131_072, 131_072 * GEMMA_TOKEN + 52 * 1_024 * 8_192),
        ),
        ("deepseek-v3.2", "dsa", "read", Fraction(MHA_TOKEN * 131_072, V32_READ)),
        ("mistral-7b-v0.1", "native", "growth", None),
    ],
)
def test_metric_is_what_the_ratio_compares(
    model: str, scheme: str, metric: str, ratio: Fraction | None, cli: Cli
) -> None:
    ran = cli("compare", model, "--metric", metric, "--json")
    assert document(ran.out)["query"]["metric"] == metric
    assert ratios(ran.out)[scheme] == ratio


@pytest.mark.parametrize(
    ("units", "figures"),
    [
        ("si", ["3,997.7 kB", "70.3 kB", "9.21 GB"]),
        ("iec", ["3,904.0 KiB", "68.6 KiB", "8.58 GiB"]),
        ("bytes", ["3,997,696 B", "70,272 B", "9,210,691,584 B"]),
    ],
)
def test_units_are_the_readers_and_always_shown(units: str, figures: list[str], cli: Cli) -> None:
    # 3,997,696 / 1,024 = 3,904.0; 70,272 / 1,024 = 68.625; 131,072 x 70,272 / 2^30 = 8.578125
    shown = cli("compare", "deepseek-v3", "--units", units).out
    assert [figure for figure in figures if figure in shown] == figures
    assert (units == "si") == (cli("compare", "deepseek-v3").out == shown)


@pytest.mark.parametrize("units", ["si", "iec", "bytes"])
def test_units_do_not_change_what_machines_read(units: str, cli: Cli) -> None:
    args = ("show", "deepseek-v3", "--json")
    assert cli(*args, "--units", units).out == cli(*args).out


@pytest.mark.parametrize("command", ["compare", "show"])
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_context_beyond_the_models_own_is_answered_with_a_note(
    command: str, format_name: str, cli: Cli
) -> None:
    args = (command, "llama-2-7b", "-c", "10000", "-f", format_name)
    loud, quiet = cli(*args), cli(*args, "-q")
    assert (loud.code, quiet.code, quiet.err) == (0, 0, "")
    assert loud.out == quiet.out
    assert "10,000" in loud.err
    assert "4,096" in loud.err
    assert loud.err not in loud.out


def test_notes_are_in_the_document_too(cli: Cli) -> None:
    answer = document(cli("show", "llama-2-7b", "-c", "10000", "--json", "-q").out)
    assert answer["stored_bytes"] == 10_000 * 32 * 2 * 32 * 128 * 2
    assert any("4,096" in note for note in answer["notes"])


def test_71_heads_have_no_gqa_row_and_a_note(cli: Cli) -> None:
    ran = cli("compare", "falcon-7b", "--json")
    assert "gqa" not in ratios(ran.out)
    assert "71" in ran.err


@pytest.mark.parametrize(
    "args",
    [("compare", "deepseek-v3"), ("show", "deepseek-v3"), ("check", "deepseek-v3")],
)
def test_json_is_short_for_the_format(args: tuple[str, ...], cli: Cli) -> None:
    assert cli(*args, "--json").out == cli(*args, "--format", "json").out
    assert cli(*args).out == cli(*args, "-f", "table").out


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("args", [("compare", "deepseek-v3"), ("show", "gemma-3-27b")])
def test_output_goes_to_a_file_instead(
    args: tuple[str, ...], format_name: str, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "answer"
    file.write_text("older and longer\n" * 1000, encoding="utf-8")
    ran = cli(*args, "-f", format_name, "-o", str(file))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert file.read_text(encoding="utf-8") == cli(*args, "-f", format_name).out


def test_a_check_that_fails_is_written_and_still_1(
    cli: Cli, model_file: ModelFile, tmp_path: Path
) -> None:
    file = tmp_path / "answer"
    ran = cli("check", model_file(copy_with("mha/mla: 57x", "mha/mla: 58x")), "-o", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert "refuted" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("args", [("compare", "deepseek-v3"), ("schema", "model")])
@pytest.mark.parametrize("where", [".", "missing/answer"])
def test_output_that_cannot_be_written_is_2(
    args: tuple[str, ...], where: str, cli: Cli, tmp_path: Path
) -> None:
    ran = cli(*args, "-o", str(tmp_path / where))
    assert (ran.code, ran.out) == (2, "")
    assert f"cannot write {tmp_path / where}" in ran.err


def test_what_cannot_be_answered_leaves_the_file_alone(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "answer"
    file.write_text("older", encoding="utf-8")
    assert cli("compare", "no-such-model", "-o", str(file)).code == 2
    assert file.read_text(encoding="utf-8") == "older"


FULL_DISK = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from kvcalc.__main__ import main
main()
"""


def test_a_full_disk_is_2_and_no_traceback(tmp_path: Path) -> None:
    with (tmp_path / "answer").open("wb") as answer:
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, "compare", "deepseek-v3"],
            stdout=answer,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize("name", ["deepseek-v3", "deepseek-v3.yaml"])
def test_a_bundled_name_from_another_folder(
    name: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = document(cli("show", name, "--json").out)
    assert (answer["model"], answer["file"]) == ("DeepSeek-V3", "deepseek-v3.yaml")


def test_a_path_that_exists_wins_over_a_bundled_name(
    cli: Cli, tmp_path: Path, model_file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_file(SMALL, "deepseek-v3.yaml")
    monkeypatch.chdir(tmp_path)
    assert document(cli("show", "deepseek-v3.yaml", "--json").out)["model"] == "Small"
    assert document(cli("show", "deepseek-v3", "--json").out)["model"] == "DeepSeek-V3"


@pytest.mark.parametrize("name", ["small.yaml", "small.yml", "small", "small model.txt"])
def test_a_path_may_be_called_anything(name: str, cli: Cli, model_file: ModelFile) -> None:
    answer = document(cli("show", model_file(SMALL, name), "--json").out)
    assert answer["stored_bytes"] == 1_000 * SMALL_TOKEN


@pytest.mark.parametrize("command", ["compare", "show"])
def test_a_dash_is_standard_input(command: str, cli: Cli) -> None:
    ran = cli(command, "-", "--json", stdin=SMALL)
    assert ran.code == 0
    assert "Small" in ran.out


def test_a_dash_can_be_checked(cli: Cli) -> None:
    sound = DEEPSEEK_V3.read_text(encoding="utf-8")
    assert cli("check", "-", stdin=sound).code == 0
    assert cli("check", "-", stdin=copy_with("mha/mla: 57x", "mha/mla: 58x")).code == 1


def test_the_program_reads_a_pipe_from_any_folder(process: Process, tmp_path: Path) -> None:
    ran = process("show", "-", "--json", stdin=SMALL.encode(), cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert document(ran.out)["stored_bytes"] == 1_000 * SMALL_TOKEN


def test_models_of_one_name_are_told_apart_by_their_file(cli: Cli, model_file: ModelFile) -> None:
    files = [model_file(SMALL, "a.yaml"), model_file(SMALL, "b.yaml")]
    rows = document(cli("compare", *files, "--json").out)["rows"]
    assert len({row["model"] for row in rows}) == 2
    assert [file in row["model"] for file, row in zip(files, rows, strict=True)] == [True, True]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_begins_with_what_a_command_does_and_an_example(
    command: str, option: str, cli: Cli
) -> None:
    ran = cli(command, option)
    assert ran.code == 0
    usage, does, example = [line.strip() for line in ran.out.splitlines() if line.strip()][:3]
    assert usage.startswith(f"Usage: kvcalc {command} [OPTIONS]")
    assert does.endswith(".")
    assert example.startswith(f"Example: kvcalc {command} ")
    assert not BOX_LINES & set(ran.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_written_as_people_type(command: str, cli: Cli) -> None:
    shown = cli(command, "-h").out
    assert re.findall(r"[{}]|<[a-z]|\[default|\[required|\.\.\.\.|Value error", shown) == []
    assert cli("help", command).out == shown


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("compare", " MODEL..."),
        ("show", " MODEL"),
        ("fit", " MODEL..."),
        ("check", " [FILE...]"),
        ("import", " SOURCE"),
        ("diff", " MODEL OTHER"),
        ("schema", " model|claims|gpu|output"),
        ("help", " [COMMAND]"),
    ],
)
def test_usage_names_the_arguments(command: str, arguments: str, cli: Cli) -> None:
    usage = cli(command, "-h").out.splitlines()[0]
    assert usage == f"Usage: kvcalc {command} [OPTIONS]{arguments}"


def test_a_default_is_told_in_words(cli: Cli) -> None:
    shown = " ".join(cli("compare", "-h").out.split())
    for text in (
        "another number). Default: 1.",
        "--format table|json|jsonl|csv|markdown Output format",
        "Store the draft's as fp8, ... Default: its own.",
    ):
        assert text in shown


@pytest.mark.parametrize("args", [("--help",), ("-h",), (), ("help",)])
def test_the_top_level_help_says_what_every_command_does(args: tuple[str, ...], cli: Cli) -> None:
    shown = cli(*args).out
    assert "Example: kvcalc " in shown.split("Options:")[0]
    listed = dict(line.split(maxsplit=1) for line in shown.split("Commands:\n")[1].splitlines())
    assert list(listed) == COMMANDS
    for command, does in listed.items():
        assert does == cli(command, "-h").out.splitlines()[2].strip()


LLAMA = """{"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
            "num_attention_heads": 32, "num_key_value_heads": 8, "torch_dtype": "bfloat16"}"""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_the_help_runs(
    command: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "path" / "to" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(LLAMA, encoding="utf-8")
    (example,) = re.findall(r"Example: kvcalc (.+)", cli(command, "-h").out)
    assert cli(*example.split(" > ")[0].split()).code == 0


def colours(shown: str) -> set[int]:
    """The colours switched on: 30-49 and the bright ones, 90-107; 1 is bold and no colour."""
    codes = ";".join(re.findall(r"\x1b\[([\d;]+)m", shown)).split(";")
    return {int(code) for code in codes if code} & {*range(30, 50), *range(90, 108)}


def test_a_terminal_gets_box_lines_and_colour(terminal: Terminal) -> None:
    ran = terminal("compare", "deepseek-v3", COLUMNS="120")
    assert (ran.code, ran.err) == (0, "")
    assert BOX_LINES & set(ran.out)
    assert colours(ran.out)
    assert "56.89x" in ran.out


def test_no_color_takes_the_colour_alone(terminal: Terminal) -> None:
    ran = terminal("compare", "deepseek-v3", COLUMNS="120", NO_COLOR="1")
    assert BOX_LINES & set(ran.out)
    assert not colours(ran.out)
    assert "56.89x" in ran.out


def test_a_pipe_gets_neither_and_every_column(process: Process) -> None:
    ran = process("compare", "deepseek-v3", COLUMNS="40", TTY_COMPATIBLE="1")
    assert (ran.code, ran.err) == (0, "")
    assert not (BOX_LINES | {"\x1b", "…"}) & set(ran.out)
    (native,) = [line for line in ran.out.splitlines() if "(ships)" in line]
    assert [f for f in ("70.3 kB", "70,272", "9.21 GB", "56.89x") if f in native] == [
        "70.3 kB",
        "70,272",
        "9.21 GB",
        "56.89x",
    ]


@pytest.mark.parametrize(
    "args",
    [
        ("compare", "llama-3.1-405b", "deepseek-v3"),
        ("show", "gemma-3-27b", "--explain"),
        ("check", "deepseek-v3"),
    ],
)
def test_a_pipe_is_as_wide_as_its_text(
    args: tuple[str, ...], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {}
    for columns in ("40", "400"):
        monkeypatch.setenv("COLUMNS", columns)
        shown[columns] = cli(*args).out
    assert shown["40"] == shown["400"]
    assert not (BOX_LINES | {"\x1b", "…"}) & set(shown["40"])


def test_a_long_source_is_not_broken_in_a_pipe(cli: Cli, model_file: ModelFile) -> None:
    says = "heads 8 " * 100
    text = f"{SMALL}sources: [{{ from: a paper, says: '{says}' }}]\n"
    assert says.strip() in cli("show", model_file(text), "--explain").out


@pytest.mark.parametrize("args", [("compare", "deepseek-v3"), ("--help",), ("--version",)])
def test_a_closed_pipe_ends_quietly(args: tuple[str, ...], process: Process) -> None:
    ran = process(*args, closed="stdout")
    assert (ran.code, ran.err) == (0, "")


def test_the_answer_is_no_whoever_reads_it(process: Process, model_file: ModelFile) -> None:
    path = model_file(copy_with("mha/mla: 57x", "mha/mla: 58x"))
    ran = process("check", path, closed="stdout")
    assert (ran.code, ran.err) == (1, "")


IMPORTED = """\
import sys
from kvcalc.__main__ import main
for run, unwanted in eval(sys.argv[1]):
    sys.argv[1:] = run
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (run, ended.code)
    found = [name for name in unwanted if name in sys.modules]
    if found:
        print("kvcalc", *run, "imports", *found, file=sys.stderr)
"""


def test_what_is_not_imported() -> None:
    runs = [
        (["--version"], ["typer", "rich", "pydantic", "pydantic_core", "yaml"]),
        (["--help"], ["rich", "pydantic", "pydantic_core", "yaml"]),
    ]
    runs += [
        ([*question, "-f", format_name], ["rich"])
        for format_name in ("table", "json", "jsonl", "csv", "markdown")
        for question in (
            ["compare", "deepseek-v3"],
            ["show", "deepseek-v3", "--explain"],
            ["check", "deepseek-v3"],
        )
    ]
    runs += [(["list", "--json"], ["rich"]), (["schema", "output"], ["rich"])]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, repr(runs)], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout


def test_version(cli: Cli, process: Process) -> None:
    assert process("--version").out == cli("--version").out == f"kvcalc {kvcalc.__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show", "deepseek-v3", "--kv-dtype", "fp9"), "Error: --kv-dtype: unknown dtype 'fp9'"),
        (("show", "deepseek-v3", "-b", "0"), "Error: batch 0: it is between"),
        (("show", "deepseek-v3", "--mtp-layers", "0"), "Error: --mtp-layers: 0 MTP layers: ask"),
        (("compare", "deepseek-v3", "--baseline", "x"), "Error: --baseline: no row is called 'x'"),
    ],
)
def test_an_argument_is_refused_as_the_option_that_it_is(
    args: tuple[str, ...], said: str, cli: Cli
) -> None:
    ran = cli(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(said)
