"""Holding kvcalc to vLLM: what is asked of both, what comes of it, and what stands in for a GPU."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

import kvcalc
from tests.conformance.vllm import __main__ as suite
from tests.conformance.vllm import ask_kvcalc, environment
from tests.conformance.vllm.additions import CHANGED, MISSING, completed
from tests.conformance.vllm.ask_kvcalc import Answer, ask
from tests.conformance.vllm.ask_vllm import PlannerError, plans
from tests.conformance.vllm.planner import __main__ as planner
from tests.conformance.vllm.planner import hollow
from tests.conformance.vllm.settings import FULL, GRIDS, NO_PREFIXES, STEADY, Setting
from tests.conformance.vllm.verdict import Verdict, judged

ROOT = Path(__file__).parents[1]

PLAN = {
    "reserved_bytes": [1_000, 2_000],
    "tokens": 640,
    "concurrency": 2.00004,
    "log": ["GPU KV cache size: 640 tokens"],
    "memory_gib": 80,
    "resolved": {"max_model_len": 320},
}
HELD = Answer(2_000, 640, 2.0, ["GPU KV cache size: 640 tokens"])
REFUSED = Answer(refused="heads")


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting(), "as it is"),
        (Setting(tp=8, kv_dtype="fp8"), "tp=8 kv_dtype=fp8"),
        (Setting(context=5_003, options=NO_PREFIXES), "context=5003 enable_prefix_caching=False"),
    ],
)
def test_a_setting_is_told_by_what_is_not_as_usual(setting: Setting, text: str) -> None:
    assert str(setting) == text


def test_a_context_is_asked_by_the_engine_s_own_name() -> None:
    assert Setting(context=5_003, options=STEADY).as_asked() == {
        "tp": 1,
        "pp": 1,
        "dcp": 1,
        "kv_dtype": "auto",
        "memory_gib": 40,
        "options": {**STEADY, "max_model_len": 5_003},
    }
    assert "max_model_len" not in STEADY


def test_no_setting_of_a_grid_is_asked_twice() -> None:
    for grid in GRIDS.values():
        assert len({str(setting) for setting in grid}) == len(grid)
    assert set(map(str, GRIDS["small"])) <= set(map(str, FULL))


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict"),
    [
        ({"plan": PLAN}, HELD, Verdict("equal", "2,000 B, 640 tokens")),
        (
            {"plan": PLAN},
            Answer(1_000, 641, 2.0001, ["GPU KV cache size: 641 tokens"]),
            Verdict(
                "UNEQUAL",
                "reserved 1,000, vLLM 2,000; tokens 641, vLLM 640; "
                "concurrency 2.0001, vLLM 2.0000; log GPU KV cache size: 641 tokens, "
                "vLLM GPU KV cache size: 640 tokens",
            ),
        ),
        ({"plan": PLAN}, REFUSED, Verdict("refused by kvcalc", "heads")),
        (
            {"refused": "no heads"},
            REFUSED,
            Verdict("refused by both", "vLLM: no heads; kvcalc: heads"),
        ),
        ({"refused": "no"}, HELD, Verdict("ANSWERED", "2,000 B, where vLLM says no")),
        ({"plan": PLAN}, Answer(crashed="boom"), Verdict("CRASHED", "boom")),
        ({"refused": "no"}, Answer(crashed="boom"), Verdict("CRASHED", "boom")),
    ],
)
def test_both_answers_make_one_verdict(
    theirs: dict[str, Any], ours: Answer, verdict: Verdict
) -> None:
    assert judged(theirs, ours) == verdict


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({"model_type": "llama", "n": 1}, {"model_type": "llama", "n": 1}),
        # what a file says itself stays
        (
            {"model_type": "minimax_m2", "scoring_func": "softmax"},
            {"model_type": "minimax_m2", "scoring_func": "softmax"},
        ),
        ({"model_type": "minimax_m2"}, {"model_type": "minimax_m2", "scoring_func": "sigmoid"}),
        # what is null is missing
        (
            {"model_type": "minimax_m2", "scoring_func": None},
            {"model_type": "minimax_m2", "scoring_func": "sigmoid"},
        ),
        ({"model_type": "nemotron-nas", "auto_map": {}}, {"model_type": "nemotron-nas"}),
        (
            {"model_type": "gemma3n_text", "architectures": ["Other"]},
            {"model_type": "gemma3n_text", "architectures": ["Gemma3nForCausalLM"]},
        ),
        (
            {"model_type": "muse_spark", "text_config": {"n": 1}},
            {"model_type": "muse_spark", "text_config": {"n": 1, "num_shared_experts": 0}},
        ),
        (
            {"model_type": "cohere2_moe", "text_config": {"n": 1}},
            {"model_type": "cohere2_moe", "n": 1, "architectures": ["Cohere2MoeForCausalLM"]},
        ),
    ],
)
def test_a_configuration_gets_what_its_type_lacks(
    config: dict[str, Any], fields: dict[str, Any]
) -> None:
    given = json.dumps(config)
    assert completed(config) == fields
    assert json.dumps(config) == given


def test_the_authors_mamba2_is_told_in_the_words_of_transformers() -> None:
    config = {"d_model": 2560, "n_layer": 64, "vocab_size": 9, "ssm_cfg": {"layer": "Mamba2"}}
    # 2,560 x 2 / 64 = 80 heads
    assert completed(config)["num_heads"] == 80
    assert completed({**config, "ssm_cfg": {"layer": "Mamba1"}})["d_model"] == 2560


def test_every_addition_says_why() -> None:
    assert all(why for why, _ in (*MISSING.values(), *CHANGED.values()))


def answering(*documents: str) -> typer.Typer:
    """A command line that prints what it was asked, and a document for each command."""
    app = typer.Typer()
    given = iter(documents)

    def answer(context: typer.Context) -> None:
        asked.append([context.info_name or "", *context.args])
        document = next(given)
        if document == "boom":
            raise ZeroDivisionError
        if document.startswith("refused"):
            typer.echo(document, err=True)
            raise typer.Exit(2)
        typer.echo(document)

    asked.clear()
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    for name in ("show", "fit"):
        app.command(name, context_settings=anything)(answer)
    return app


asked: list[list[str]] = []
"""The commands that `answering` was given."""

SHOWN = json.dumps({"reserved_bytes": 2_000})
FITTED = json.dumps(
    {"rows": [{"engine_report": {"capacity_tokens": 640, "concurrency": 2.0, "log": HELD.log}}]}
)


def test_kvcalc_is_asked_as_a_user_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_kvcalc, "app", answering(SHOWN, FITTED))
    options = {**NO_PREFIXES, "num_speculative_tokens": 1}
    setting = Setting(tp=8, dcp=2, kv_dtype="fp8", options=options)
    assert ask(Path("config.json"), "b200", setting, 320, 80) == HELD
    common = "config.json --engine vllm -c 320 -E gpu=b200 --tp 8 --dcp 2 --kv-dtype fp8 --mtp"
    common += " -E enable_prefix_caching=false -E num_speculative_tokens=1"
    assert asked == [
        ["show", *common.split(), "--json"],
        ["fit", *common.split(), "--memory", "80GiB", "--json"],
    ]


@pytest.mark.parametrize(
    ("documents", "answer"),
    [
        (("refused:\n heads",), Answer(refused="refused: heads")),
        ((SHOWN, "refused"), Answer(refused="refused")),
        (("boom",), Answer(crashed="ZeroDivisionError()")),
    ],
)
def test_a_refusal_and_a_crash_are_told_apart(
    documents: Sequence[str], answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_kvcalc, "app", answering(*documents))
    assert ask(Path("config.json"), "h100", Setting(), 1, 1) == answer


def an_environment(folder: Path, script: str) -> Path:
    """A folder whose Python is a script of the shell."""
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def test_the_planner_gets_a_line_for_each_configuration(tmp_path: Path) -> None:
    place = an_environment(tmp_path, 'cat >"$(dirname "$0")/jobs"; echo "{}"; echo "{}"')
    configs = [("one", {"model_type": "llama"})]
    assert list(plans(place, "h100", configs, [Setting(), Setting(tp=2)])) == [{}, {}]
    job = json.loads((tmp_path / "bin" / "jobs").read_text(encoding="utf-8"))
    settings = [Setting().as_asked(), Setting(tp=2).as_asked()]
    assert job == {"name": "one", "config": {"model_type": "llama"}, "settings": settings}


def test_a_planner_that_ends_early_is_told_with_its_last_words(tmp_path: Path) -> None:
    place = an_environment(tmp_path, "echo no such module >&2")
    with pytest.raises(PlannerError, match="no such module"):
        list(plans(place, "h100", [("one", {})], [Setting()]))


def test_answers_come_in_order_also_where_a_process_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(job: dict[str, Any], pipe: Any) -> None:
        print(json.dumps({"name": job["name"], "place": 0, "plan": {}}), file=pipe, flush=True)
        os._exit(3)

    monkeypatch.setattr(planner, "_work", work)
    first, second = planner._in_a_child({"name": "one", "settings": [{}, {}]})
    assert first == {"name": "one", "place": 0, "plan": {}}
    assert second["place"] == 1
    assert "its process ended early" in second["failed"]


@pytest.mark.parametrize(
    ("error", "refuses"),
    [
        (ValueError("heads"), True),
        (NotImplementedError(), True),
        (AssertionError(), True),
        (KeyError("hidden_act"), False),
        (ValueError("Unrecognized model in MODEL"), False),
    ],
)
def test_only_vllm_s_own_words_are_a_refusal(error: Exception, refuses: bool) -> None:
    assert planner._refuses(error) is refuses


def test_a_hollow_name_serves_as_whatever_code_without_a_gpu_makes_of_it() -> None:
    name: Any = hollow.HollowModule("cuda").bindings.driver

    class Child(name):  # type: ignore[misc]
        pass

    @name.jit  # type: ignore[untyped-decorator]
    def kernel() -> int:
        return 3

    assert Child.__mro__ == (Child, object)
    assert kernel() == 3
    assert not isinstance(kernel, name)
    assert (name | None) is name
    assert list(name(1, 2)) == []
    assert not hasattr(name, "__wrapped__")
    assert hollow.HollowModule("cuda").__version__


def test_a_hollow_package_is_imported_by_any_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    hollow.hollow_packages()
    import tilelang.language as language  # type: ignore[import-not-found]

    assert language.T.float16 is not None
    with pytest.raises(ModuleNotFoundError):
        import tilelangs  # type: ignore[import-not-found]  # noqa: F401


def test_what_is_compiled_is_left_out_of_the_environment(tmp_path: Path) -> None:
    wheel = tmp_path / "vllm.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        for name in ("vllm/engine.py", "vllm/_C.abi3.so", "vllm/vllm-rs", "vllm/a/b.cuh"):
            files.writestr(name, "")
    environment._unpack(wheel, tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").rglob("*.*")] == ["engine.py"]


def test_the_environment_is_where_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    assert environment.chosen(None) == Path(".venv-vllm")
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    assert environment.chosen(None) == tmp_path
    assert environment.chosen(Path("other")) == Path("other")
    assert not environment.is_built(tmp_path)
    (tmp_path / f"vllm-{environment.VERSION}").touch()
    assert environment.is_built(tmp_path)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / f"vllm-{environment.VERSION}").touch()
    return tmp_path


def given(*answers: dict[str, Any]) -> Any:
    def plans(*_: object) -> Iterator[dict[str, Any]]:
        yield from answers

    return plans


@pytest.mark.parametrize(
    ("theirs", "ours", "code"),
    [
        ({"plan": PLAN}, HELD, 0),
        ({"plan": PLAN}, Answer(1, 1, 1.0), 1),
        ({"refused": "no"}, HELD, 1),
        # of a folder a model may be refused, of the sample none
        ({"plan": PLAN}, REFUSED, 1),
        ({"failed": "crash"}, HELD, 1),
    ],
)
def test_the_exit_code_tells_whether_the_sample_is_held(
    theirs: dict[str, Any],
    ours: Answer,
    code: int,
    built: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(suite, "plans", given({"plan": PLAN}, *[theirs] * 3))
    answers = iter([HELD, ours, ours, ours])
    monkeypatch.setattr(suite, "ask", lambda *_: next(answers))
    record = built / "plans.jsonl"
    words = ["--environment", str(built), "--only", "llama-3.1-8b", "--record", str(record)]
    assert suite.main(words) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{'equal':17} {'llama-3.1-8b':26} {'as it is':40} 2,000 B, 640 tokens"
    assert len(lines) == len(GRIDS["small"]) + 1
    recorded = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert [row["setting"]["tp"] for row in recorded] == [1, 2, 1, 1]


def test_of_a_folder_a_model_may_be_refused(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = built / "models"
    (folder / "two").mkdir(parents=True)
    (folder / "one.json").write_text("{}", encoding="utf-8")
    (folder / "two" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "index.json").write_text('{"models": []}', encoding="utf-8")
    answers = iter([HELD, *[REFUSED] * 7])
    contexts: list[int] = []

    def ask(path: Path, gpu: str, setting: Setting, context: int, memory: int) -> Answer:
        contexts.append(context)
        return next(answers)

    monkeypatch.setattr(suite, "plans", given(*[{"plan": PLAN}] * 7, {"refused": "no"}))
    monkeypatch.setattr(suite, "ask", ask)
    assert suite.main([str(folder), "--environment", str(built)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == (
        "equal 1, refused by both 1, refused by kvcalc 6, no plan 0, "
        "UNEQUAL 0, ANSWERED 0, CRASHED 0"
    )
    # the context is the one that vLLM came to; where it came to none, one that every model has
    assert contexts == [320] * 7 + [suite.CONTEXT_OF_A_REFUSAL]


def test_a_planner_that_cannot_run_is_no_verdict(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def plans(*_: object) -> Iterator[dict[str, Any]]:
        raise PlannerError("no torch")
        yield

    monkeypatch.setattr(suite, "plans", plans)
    assert suite.main(["--environment", str(built)]) == 2
    assert "no torch" in capsys.readouterr().err


def test_without_an_environment_the_way_to_it_is_told(tmp_path: Path) -> None:
    """In a process of its own: neither torch, transformers nor vLLM is imported on this path."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['tests.conformance', 'vllm', '--environment', {str(tmp_path)!r}]\n"
        "try:\n"
        "    runpy.run_module('tests.conformance', run_name='__main__')\n"
        "finally:\n"
        "    print(sorted({'torch', 'transformers', 'vllm'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"no vLLM in {tmp_path}: make it with --build\n"
    assert done.stdout == "[]\n"


SAMPLE = json.loads(suite.SAMPLE.read_text(encoding="utf-8"))


def test_the_sample_has_twenty_kinds() -> None:
    assert len(SAMPLE) == 20


@pytest.mark.parametrize("name", SAMPLE)
def test_a_configuration_of_the_sample_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SAMPLE[name]), encoding="utf-8")
    assert kvcalc.show(str(path), 1_000).stored > 0
