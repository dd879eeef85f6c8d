"""Answers in Python: printed as the command line prints them, and as the documents it writes."""

from __future__ import annotations

import copy
import json
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.answer import Answer
from kvcalc.render import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Cli

ANSWERS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "compare": (lambda: kvcalc.compare("deepseek-v3"), ("compare", "deepseek-v3")),
    "compare several": (
        lambda: kvcalc.compare("gemma-3-27b", "llama-3.1-8b", context="32K", metric="read"),
        ("compare", "gemma-3-27b", "llama-3.1-8b", "-c", "32K", "--metric", "read"),
    ),
    "compare, with notes": (
        lambda: kvcalc.compare("falcon-7b", context=4_096, engine="transformers"),
        ("compare", "falcon-7b", "-c", "4096", "--engine", "transformers"),
    ),
    "show": (lambda: kvcalc.show("gemma-3-27b"), ("show", "gemma-3-27b")),
    "show, with notes": (
        lambda: kvcalc.show("falcon-7b", "4k", mtp=True),
        ("show", "falcon-7b", "-c", "4k", "--mtp"),
    ),
    "fit": (
        lambda: kvcalc.fit("deepseek-v3", memory="40GiB", context="32K", tp=8),
        ("fit", "deepseek-v3", "--memory", "40GiB", "-c", "32K", "--tp", "8"),
    ),
    "fit, with notes": (
        lambda: kvcalc.fit("mamba2-2.7b", "llama-3.1-8b", memory=10**9, engine="transformers"),
        ("fit", "mamba2-2.7b", "llama-3.1-8b", "--memory", "1GB", "--engine", "transformers"),
    ),
    "check": (
        lambda: kvcalc.check("deepseek-v3", "video"),
        ("check", "deepseek-v3", "video"),
    ),
    "check, with notes": (
        lambda: kvcalc.check("deepseek-v3", "a.x-k2"),
        ("check", "deepseek-v3", "a.x-k2"),
    ),
    "list": (kvcalc.models, ("list",)),
    "list --dtypes": (kvcalc.dtypes, ("list", "--dtypes")),
    "list --gpus": (kvcalc.gpus, ("list", "--gpus")),
    "list --engine": (
        lambda: kvcalc.settings("transformers"),
        ("list", "--engine", "transformers"),
    ),
    "show, on several GPUs": (
        lambda: kvcalc.show("gemma-3-27b", "8K", tp=2, pp=4),
        ("show", "gemma-3-27b", "-c", "8K", "--tp", "2", "--pp", "4"),
    ),
    "compare, on several GPUs": (
        lambda: kvcalc.compare("gpt2", tp=4),
        ("compare", "gpt2", "--tp", "4"),
    ),
    "diff": (
        lambda: kvcalc.diff("deepseek-v3", "gemma-3-27b"),
        ("diff", "deepseek-v3", "gemma-3-27b"),
    ),
}

every_answer = pytest.mark.parametrize(("ask", "args"), ANSWERS.values(), ids=ANSWERS)


@every_answer
def test_it_prints_as_its_table_with_its_notes_below(
    ask: Callable[[], Any], args: tuple[str, ...], cli: Cli
) -> None:
    answer, ran = ask(), cli(*args)
    wanted = f"{ran.out}\n{ran.err}" if ran.err else ran.out
    assert f"{answer}\n" == f"{answer!r}\n" == wanted
    assert [f"note: {note}" for note in answer.told] == ran.err.splitlines()


@every_answer
def test_its_data_is_its_document(ask: Callable[[], Any], args: tuple[str, ...], cli: Cli) -> None:
    found = ask().to_dict()
    assert found == json.loads(cli(*args, "--json").out)
    assert found["kvcalc_version"] == kvcalc.__version__


def test_notes_are_among_those_that_are_tried() -> None:
    assert ANSWERS["compare, with notes"][0]().told
    assert ANSWERS["show, with notes"][0]().told
    assert ANSWERS["fit, with notes"][0]().told
    assert ANSWERS["check, with notes"][0]().told


def test_every_answer_is_one() -> None:
    asked = {type(ask()) for ask, _ in ANSWERS.values()}
    assert {kind.__name__ for kind in asked} == set(VIEWS)
    assert all(issubclass(kind, Answer) for kind in asked)


def test_a_note_of_somebody_elses_does_nothing_to_a_terminal() -> None:
    config = {
        "model_type": "llama",
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "_name_or_path": "x\x1b[2J",
    }
    answer = kvcalc.show(config)
    assert answer.told
    assert "\x1b" not in str(answer)


def test_an_answer_can_be_compared_and_sent_on() -> None:
    answer = kvcalc.compare("deepseek-v3")
    assert answer == kvcalc.compare("deepseek-v3") != kvcalc.compare("deepseek-v3", batch=2)
    assert str(pickle.loads(pickle.dumps(answer))) == str(answer)


ENGINES = ({"engine": "transformers", "draft": "llama-3.2-1b"}, {"engine": "vllm", "tp": 2})


@pytest.mark.parametrize("asked", ENGINES, ids=["transformers", "vllm"])
@pytest.mark.parametrize("ask", [kvcalc.show, kvcalc.compare, partial(kvcalc.fit, memory="1GiB")])
def test_so_can_one_with_what_an_engine_reserves(
    ask: Callable[..., Answer], asked: dict[str, Any]
) -> None:
    answer = ask("llama-3.1-8b", context=1000, **asked)
    for copied in (pickle.loads(pickle.dumps(answer)), copy.deepcopy(answer)):
        assert copied == answer
        assert copied.to_dict() == answer.to_dict()
    assert answer == ask("llama-3.1-8b", context=1000, **asked)
    assert answer != ask("llama-3.1-8b", context=1001, **asked)


def test_what_an_engine_reserves_may_be_in_a_set() -> None:
    kept = [kvcalc.show("llama-3.1-8b", n, engine="vllm").reservation for n in (1, 1, 17)]
    assert len(set(kept)) == 2
    assert kept[0] == kept[1]
    assert kept[1] != kept[2]
