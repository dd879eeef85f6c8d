"""The public functions: asked by name and by model, once and again, and what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import kvcalc
from kvcalc.attention.heads import GQA
from kvcalc.attention.mla import MLA
from kvcalc.expect import Quantity
from kvcalc.formats import BF16, uniform

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

FUNCTIONS = {
    "load": 'kvcalc.load("deepseek-v3").name',
    "show": 'kvcalc.show("deepseek-v3", 1).stored',
    "compare": 'len(kvcalc.compare("deepseek-v3").rows)',
    "fit": 'kvcalc.fit("deepseek-v3", memory="40GiB").fits',
    "check": 'kvcalc.check("deepseek-v3").failed',
    "models": "len(kvcalc.models().models)",
    "diff": 'kvcalc.diff("deepseek-v3", "deepseek-r1").same',
    "to_yaml": 'kvcalc.to_yaml("deepseek-v3").splitlines()[0]',
    "json_schema": 'kvcalc.json_schema("model")["type"]',
}


@pytest.mark.parametrize("question", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_is_still_a_function_the_second_time(question: str) -> None:
    code = f"import kvcalc; print({question}); print({question}); from kvcalc import *"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == second


def test_functions_answer_alike_after_their_modules_are_imported() -> None:
    import kvcalc.api
    import kvcalc.queries.check
    import kvcalc.queries.compare
    import kvcalc.queries.show

    for _ in range(2):
        assert kvcalc.load("deepseek-v3").stored(1) == 61 * (512 + 64) * 2
        assert kvcalc.show("deepseek-v3", 1).stored == 61 * (512 + 64) * 2
        assert [row.scheme for row in kvcalc.compare("deepseek-v3").rows][-1] == "mla"
        assert kvcalc.check("deepseek-v3").failed == 0


@pytest.mark.parametrize("name", kvcalc.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(kvcalc, name) is getattr(kvcalc, name)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'kvcalc' has no attribute 'grow'"):
        kvcalc.grow  # noqa: B018


@pytest.mark.parametrize("reference", ["deepseek-v3", "deepseek-v3.yaml"])
def test_a_bundled_model_by_name(reference: str) -> None:
    model = kvcalc.load(reference)
    assert isinstance(model, kvcalc.Model)
    assert model.name == "DeepSeek-V3"
    assert model.stored(131_072) == 131_072 * 61 * (512 + 64) * 2
    assert model.growth(131_072) == Fraction(70_272)


OWN = """
name: Mine
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
expect:
  mha/gqa: 4x
"""


def test_a_path_that_exists_wins_over_a_bundled_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deepseek-v3.yaml").write_text(OWN, encoding="utf-8")
    assert kvcalc.load("deepseek-v3.yaml").name == "Mine"
    assert kvcalc.load("deepseek-v3").name == "DeepSeek-V3"


MINE = kvcalc.Model(
    "Mine",
    uniform(BF16),
    {"gqa": GQA(heads=8, head_dim=64, kv_heads=2)},
    (("gqa",),) * 2,
    max_context=8_192,
)
"""2 x 2 x 2 x 64 x 2 B = 1,024 B per token."""

LATENT = kvcalc.Model(
    "Latent",
    uniform(BF16),
    {"mla": MLA(heads=8, head_dim=64, latent_dim=128, rope_dim=0)},
    (("mla",),),
)
"""128 x 2 B = 256 B per token."""


def test_models_and_names_mix() -> None:
    answer = kvcalc.compare(MINE, "deepseek-v3", LATENT, "llama-3.1-8b")
    assert [row.model for row in answer.rows] == ["Mine", "DeepSeek-V3", "Latent", "Llama 3.1 8B"]
    assert [row.growth for row in answer.rows] == [1_024, 70_272, 256, 131_072]
    assert [row.ratio for row in answer.rows] == [
        1,
        Fraction(1_024, 70_272),
        4,
        Fraction(1, 128),
    ]
    assert answer.query.context == 8_192


def test_a_model_answers_as_its_name_does() -> None:
    model = kvcalc.load("gemma-3-27b")
    assert kvcalc.show(model) == kvcalc.show("gemma-3-27b")
    assert kvcalc.compare(model) == kvcalc.compare("gemma-3-27b")
    assert kvcalc.check(model) == kvcalc.check("gemma-3-27b")


def test_compare_passes_on_what_it_is_asked() -> None:
    answer = kvcalc.compare(
        MINE, context=1_000, batch=4, metric="read", baseline="mqa", kv_dtype="fp8"
    )
    assert (answer.query.context, answer.query.batch) == (1_000, 4)
    assert (answer.metric, answer.baseline) == ("read", "mqa")
    assert [(row.scheme, row.stored, row.ratio) for row in answer.rows] == [
        ("mha", 4 * 1_000 * 2 * 2 * 8 * 64, Fraction(1, 8)),
        ("gqa", 4 * 1_000 * 2 * 2 * 2 * 64, Fraction(1, 2)),
        ("mqa", 4 * 1_000 * 2 * 2 * 1 * 64, 1),
    ]


def test_show_passes_on_what_it_is_asked() -> None:
    answer = kvcalc.show("deepseek-v3.2", 1_000, 2, kv_dtype="fp8", index_dtype="bf16")
    assert answer.stored == 2 * 1_000 * 61 * (576 + 256)
    assert kvcalc.show("deepseek-v3", 1, kv_dtype="fp8_ds_mla").stored == 61 * 656


def test_check_without_names_holds_every_bundled_file() -> None:
    answer = kvcalc.check()
    assert (answer.passed + answer.by_hand, answer.failed) == (len(answer.results), 0)
    ids = {result.id for result in answer.results}
    assert {"deepseek-v3:mha/mla", "gemma-3-27b:native.growth@1"} <= ids


def test_check_holds_a_model_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN, encoding="utf-8")
    assert [(r.id, r.line, r.ok) for r in kvcalc.check(str(path)).results] == [
        ("mine:mha/gqa", 9, True)
    ]
    path.write_text(OWN.replace("4x", "5x"), encoding="utf-8")
    answer = kvcalc.check(str(path), "deepseek-v3")
    assert (answer.failed, answer.results[0].ok) == (1, False)


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda: kvcalc.load("deepseek-v33"), kvcalc.InputError, "did you mean deepseek-v3"),
        (lambda: kvcalc.load("no/such/file.yaml"), kvcalc.InputError, "no such file"),
        (lambda: kvcalc.show("deepseek-v33"), kvcalc.InputError, "did you mean"),
        (lambda: kvcalc.check("deepseek-v33"), kvcalc.InputError, "did you mean"),
        (lambda: kvcalc.compare(), kvcalc.UsageError, "at least one model"),
        (lambda: kvcalc.compare(MINE, baseline="mla"), kvcalc.UsageError, "no row is called"),
        (lambda: kvcalc.compare(MINE, context=0), kvcalc.UsageError, "a context is between"),
        (lambda: kvcalc.compare(MINE, batch=0), kvcalc.UsageError, "batch 0"),
        (lambda: kvcalc.show(MINE, 10**13), kvcalc.UsageError, "a context is between"),
        (lambda: kvcalc.show(MINE, batch=-1), kvcalc.UsageError, "batch -1"),
        (lambda: kvcalc.show(MINE, kv_dtype="fp9"), kvcalc.UsageError, "unknown dtype 'fp9'"),
        (lambda: kvcalc.show(MINE, index_dtype="fp9"), kvcalc.UsageError, "unknown dtype 'fp9'"),
        (lambda: kvcalc.show(MINE, source_length=-1), kvcalc.UsageError, "source length -1"),
        (
            lambda: kvcalc.show(MINE, source_length=cast(int, 1.5)),
            kvcalc.UsageError,
            "source length 1.5 is not a whole number of tokens",
        ),
        (
            lambda: kvcalc.show(MINE, kv_dtype=cast(str, 8)),
            kvcalc.UsageError,
            "a dtype is a name, not 8",
        ),
        (
            lambda: kvcalc.show(LATENT, kv_dtype="q8_0/q4_0"),
            kvcalc.UsageError,
            "a pair for K and V",
        ),
        (
            lambda: kvcalc.compare(MINE, metric=cast(Quantity, "reserved")),
            kvcalc.UsageError,
            "reserved",
        ),
        (lambda: kvcalc.check(MINE), kvcalc.UsageError, "Mine has no expect: nothing to check"),
        (
            lambda: GQA(heads=71, head_dim=64, kv_heads=8),
            kvcalc.InvalidValue,
            "do not divide 71 query heads",
        ),
        (
            lambda: kvcalc.compare(replace(MINE, compare={"gqa": {"kv_heads": 3}})),
            kvcalc.InvalidValue,
            "do not divide 8 query heads",
        ),
    ],
)
def test_what_is_refused_has_its_type(
    ask: Callable[[], Any], error: type[kvcalc.KvcalcError], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        ask()
    assert isinstance(raised.value, kvcalc.KvcalcError)
    assert raised.value.exit_code == 2


def test_every_command_is_one_function(cli: Cli, model_file: ModelFile) -> None:
    listed = json.loads(cli("list", "--json").out)["models"]
    assert [model.model.name for model in kvcalc.models().models] == [m["name"] for m in listed]
    assert kvcalc.to_yaml(MINE) == cli("import", model_file(kvcalc.to_yaml(MINE))).out
    for other, code in (("deepseek-r1", 0), ("gemma-3-27b", 1)):
        assert cli("import", "deepseek-v3", "--diff", other).code == code
        assert kvcalc.diff("deepseek-v3", other).same is not bool(code)
    for what in ("model", "claims", "output"):
        assert kvcalc.json_schema(what) == json.loads(cli("schema", what).out)


@pytest.mark.parametrize("what", ["models", [], None])
def test_what_has_no_schema_is_refused(what: Any) -> None:
    with pytest.raises(kvcalc.UsageError, match="has no schema; known: model, claims, gpu, output"):
        kvcalc.json_schema(what)


def test_the_problems_of_all_models_come_at_once() -> None:
    with pytest.raises(kvcalc.InputError) as raised:
        kvcalc.compare("deepseek-v33", MINE, "llama-3.1-8c")
    assert len(raised.value.problems) == 2


def test_the_problems_of_a_file_have_their_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("kv_heads: 2", "kv_heads: 3"), encoding="utf-8")
    with pytest.raises(kvcalc.InputError) as raised:
        kvcalc.load(str(path))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.column) == (str(path), 7, 25)


def test_standard_input_is_named_but_once() -> None:
    for asked in (
        lambda: kvcalc.compare("-", "-"),
        lambda: kvcalc.show("-", draft="-"),
        lambda: kvcalc.check("-", "-"),
    ):
        with pytest.raises(kvcalc.UsageError, match="- is named twice"):
            asked()


# what an argument may not be


NAN = float("nan")
HUGE = 10**5000
"""A number of more digits than Python writes."""


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")


NO_MODEL = [3, 1.5, True, NAN, HUGE, b"deepseek-v3", {}, Unshown(), [MINE], ("deepseek-v3",)]
NO_NUMBER = [b"8", 1.5, NAN, True, -1, 10**30, HUGE, -HUGE, [], Unshown()]
NO_COUNT = ["8k", *NO_NUMBER]
NO_TOKENS = ["8x", "", "-1", "1.5", "0.0001k", "1" * 5000, "10T", "8,k", *NO_NUMBER]
NO_DTYPE = [3, 1.5, True, b"fp8", [], {}, Unshown(), "", "fp9"]
NO_TEXT = [3, 1.5, True, b"x", [], {}, HUGE, Unshown()]

ASKED: dict[str, list[Any]] = {
    "context": [*NO_TOKENS, 0, "0"],
    "batch": [*NO_COUNT, 0, None],
    "kv_dtype": NO_DTYPE,
    "index_dtype": NO_DTYPE,
    "draft_kv_dtype": NO_DTYPE,
    "mtp": ["yes", 1, 0, None, []],
    "mtp_layers": [*NO_COUNT, 0],
    "source_length": NO_TOKENS,
    "shared_prefix": [*NO_TOKENS, "100M"],
    "beams": [*NO_COUNT, 0, None],
    "engine": [*NO_TEXT, "", "transfomers"],
    "draft": NO_MODEL,
    "tp": [*NO_COUNT, 0, None, 3, 10**6],
    "pp": [*NO_COUNT, 0, None, 62],
    "dp": [*NO_COUNT, 0, None],
    "dcp": [*NO_COUNT, 0, None, 2],
    "pp_layers": [
        5,
        "",
        "x",
        "61,",
        "\u0661",
        [],
        ["a"],
        [1.5],
        [True],
        [0, 61],
        "60",
        [30, 30],
        [1] * 10_001,
        HUGE,
    ],
    "settings": [5, "x", [], {1: 2}, HUGE, None],
}
IGNORE: dict[str, list[Any]] = {
    "ignore": ["x", b"x", {1}, [1], 5, None, HUGE, (name for name in "x"), ["nosuch"]]
}
WRONG: dict[str, tuple[Callable[..., Any], dict[str, list[Any]]]] = {
    "load": (kvcalc.load, {"reference": [*NO_MODEL, None], **IGNORE}),
    "show": (kvcalc.show, {"model": [*NO_MODEL, None], **ASKED, **IGNORE}),
    "compare": (
        lambda models="deepseek-v3", **more: kvcalc.compare(models, **more),
        {
            "models": [*NO_MODEL, None],
            "metric": [*NO_TEXT, "", None, "reserved"],
            "baseline": [*NO_TEXT, "", "nosuch"],
            **ASKED,
            **IGNORE,
        },
    ),
    "fit": (
        lambda models="deepseek-v3", memory="1TB", **more: kvcalc.fit(
            models, memory=memory, **more
        ),
        {
            "models": [*NO_MODEL, None],
            "memory": ["40", "40G", "x", "", "0GiB", "-1GB", "1" * 5000, 0, None, *NO_NUMBER],
            **ASKED,
            "batch": NO_COUNT,
            **IGNORE,
        },
    ),
    "check": (
        lambda things="deepseek-v3", **more: kvcalc.check(things, **more),
        {
            "things": [*NO_MODEL, None],
            "select": [*NO_TEXT, None, "nosuch"],
            "allow_outside": ["yes", 1, 0, None, []],
            "keep_going": ["yes", 1, 0, None, []],
            **IGNORE,
        },
    ),
    "diff": (
        lambda model="deepseek-v3", other="deepseek-v3", **more: kvcalc.diff(model, other, **more),
        {"model": [*NO_MODEL, None], "other": [*NO_MODEL, None], **IGNORE},
    ),
    "gpus": (kvcalc.gpus, {"word": [*NO_TEXT, None]}),
    "settings": (
        lambda engine="transformers", **more: kvcalc.settings(engine, **more),
        {"engine": [*NO_TEXT, None, "", "transfomers"], "word": [*NO_TEXT, None]},
    ),
    "to_yaml": (kvcalc.to_yaml, {"model": [*NO_MODEL, None]}),
    "json_schema": (kvcalc.json_schema, {"what": [*NO_TEXT, None, "", "models"]}),
    **{
        name: (
            lambda context=1, name=name, **more: getattr(MINE, name)(context, **more),
            {"context": [*NO_TOKENS, 0, "0", None]}
            | ({} if name == "growth" else {"batch": [*NO_COUNT, 0, None]}),
        )
        for name in ("stored", "growth", "fixed", "read")
    },
}
REQUIRED: dict[str, dict[str, Any]] = {
    "load": {"reference": "deepseek-v3"},
    "show": {"model": "deepseek-v3"},
}


@pytest.mark.parametrize(
    ("function", "argument"),
    [(function, argument) for function, (_, wrong) in WRONG.items() for argument in wrong],
)
def test_what_an_argument_cannot_be_is_refused_by_its_name(function: str, argument: str) -> None:
    ask, wrong = WRONG[function]
    for value in wrong[argument]:
        with pytest.raises(kvcalc.UsageError) as raised:
            ask(**{**REQUIRED.get(function, {}), argument: value})
        text = str(raised.value)
        assert argument in text
        assert len(text) < 500


def test_every_public_function_has_its_wrong_arguments() -> None:
    import inspect

    public = {name for name in kvcalc.__all__ if inspect.isfunction(getattr(kvcalc, name))}
    assert public - set(WRONG) == {"models", "dtypes"}


@pytest.mark.parametrize(
    ("argument", "hint"),
    [("kv_dtpye", "did you mean kv_dtype"), ("x", "known: batch, beams, context")],
)
def test_an_argument_that_there_is_not(argument: str, hint: str) -> None:
    wrong: dict[str, Any] = {argument: "fp8"}
    for ask in (kvcalc.show, kvcalc.compare):
        with pytest.raises(kvcalc.UsageError, match=f"no argument '{argument}'; {hint}"):
            ask("deepseek-v3", **wrong)


def test_models_are_given_one_by_one() -> None:
    models: Any = [MINE, LATENT]
    for ask in (kvcalc.compare, kvcalc.check, partial(kvcalc.fit, memory="1GB")):
        with pytest.raises(kvcalc.UsageError, match="give them one by one"):
            ask(models)


TOKENS = [
    ("4096", 4_096),
    ("8k", 8_000),
    ("8K", 8_192),
    ("131,072", 131_072),
    ("0.5M", 524_288),
    (" 128K ", 131_072),
]


@pytest.mark.parametrize(("text", "tokens"), TOKENS)
def test_tokens_may_be_text_as_on_the_command_line(text: str, tokens: int) -> None:
    per_token = 2 * 2 * 2 * 64 * 2
    assert MINE.stored(text, 3) == 3 * MINE.stored(text) == 3 * tokens * per_token
    assert MINE.growth(text) == per_token
    assert (MINE.fixed(text), MINE.read(text)) == (0, tokens * per_token)
    assert kvcalc.show(MINE, text) == kvcalc.show(MINE, tokens)
    assert kvcalc.compare(MINE, context=text) == kvcalc.compare(MINE, context=tokens)
    assert kvcalc.show(MINE, text).query.context == tokens
    crossing = kvcalc.show("whisper-large-v3", 448, source_length=text)
    assert crossing == kvcalc.show("whisper-large-v3", 448, source_length=tokens)
    assert crossing.query.echo()["source_length"] == tokens


def test_a_source_length_of_0_may_be_text() -> None:
    assert kvcalc.show("whisper-large-v3", source_length="0").query.source_length == 0


# what can be completed


def test_what_there_is_can_be_listed_without_importing_it() -> None:
    code = """\
import sys, kvcalc
listed = dir(kvcalc)
assert set(kvcalc.__all__) <= set(listed), listed
assert {name for name in listed if not name.startswith("__")} < set(kvcalc.__all__), listed
assert [name for name in sys.modules if name.startswith("kvcalc.")] == []
kvcalc.models
assert dir(kvcalc) == listed
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("begun", "completed"),
    [
        ("kvcalc.comp", "kvcalc.compare("),
        ("kvcalc.lo", "kvcalc.load("),
        ("kvcalc.mode", "kvcalc.models("),
        ("kvcalc.Mo", "kvcalc.Model("),
        ("answer.to_", "answer.to_dict("),
        ("answer.row", "answer.rows"),
        ("model.sto", "model.stor"),
    ],
)
def test_a_shell_completes(begun: str, completed: str) -> None:
    import rlcompleter

    names = {"kvcalc": kvcalc, "answer": kvcalc.compare(MINE), "model": MINE}
    found = rlcompleter.Completer(names).complete(begun, 0)
    assert found is not None
    assert found.startswith(completed)


# paths


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(OWN, encoding="utf-8")
    return file


def test_a_path_is_what_its_text_is(path: Path) -> None:
    text = str(path)
    assert kvcalc.load(path) == kvcalc.load(text)
    assert kvcalc.show(path) == kvcalc.show(text)
    assert kvcalc.show(MINE, draft=path) == kvcalc.show(MINE, draft=text)
    assert kvcalc.compare(path, MINE) == kvcalc.compare(text, MINE)
    assert kvcalc.compare(MINE, draft=path) == kvcalc.compare(MINE, draft=text)
    assert kvcalc.check(path) == kvcalc.check(text)
    assert kvcalc.diff(path, path).same
    assert kvcalc.to_yaml(path) == kvcalc.to_yaml(text)


def test_a_path_may_be_a_folder_or_of_a_class_of_its_own(tmp_path: Path) -> None:
    class Named:
        def __fspath__(self) -> str:
            return str(tmp_path)

    config = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64}
    written = {**config, "num_attention_heads": 4, "num_key_value_heads": 2}
    (tmp_path / "config.json").write_text(json.dumps(written), encoding="utf-8")
    # 2 layers x 2 (K, V) x 2 heads x 16 x 2 B (no dtype: 2 bytes, with a note)
    assert kvcalc.load(tmp_path).stored(1) == kvcalc.load(Named()).stored(1) == 256


@pytest.mark.parametrize("name", ["-", "hf:org/name", "no/such"])
def test_a_path_is_a_file_whatever_it_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kvcalc.InputError, match=r"no file|no such"):
        kvcalc.load(Path(name))
    if "/" not in name:
        Path(name).write_text(OWN, encoding="utf-8")
        assert kvcalc.load(Path(name)).name == "Mine"


def test_a_path_of_bytes_is_refused() -> None:
    class Bytes:
        def __fspath__(self) -> bytes:
            return b"mine.yaml"

    with pytest.raises(kvcalc.UsageError, match=r"reference: .* is neither a model nor"):
        kvcalc.load(cast(Path, Bytes()))


def test_a_wrong_argument_is_also_a_value_error_and_travels() -> None:
    import pickle

    with pytest.raises(ValueError, match="context: '8x' is not a number of tokens") as raised:
        MINE.stored("8x")
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
