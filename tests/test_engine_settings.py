"""An engine's own settings: how they are given, read, listed, echoed and shown; on several GPUs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import typer

import kvcalc
from kvcalc.cli import completion
from kvcalc.engines import ENGINES
from kvcalc.engines.settings import Declared
from kvcalc.errors import UsageError
from kvcalc.queries.deployed import deployed, resolved
from kvcalc.question import question
from kvcalc.render import Style, render
from tests import paged_engine

if TYPE_CHECKING:
    from kvcalc.engines.reservation import Reservation
    from kvcalc.question import Setting
    from tests.conftest import Cli

PAGED = ("--engine", "paged")
V3 = 61 * 1_152
"""DeepSeek-V3: a latent of 512 and a RoPE key of 64 in bf16, B per token."""


@pytest.fixture(autouse=True)
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine of that name."""
    monkeypatch.setitem(ENGINES, "paged", "tests.paged_engine")


RESOLVED = {
    "block_size": 64, "gpu": "h200", "prefix_caching": False, "max_len": 1_000, "backend": None,
}  # fmt: skip


def test_settings_are_echoed_as_resolved(cli: Cli) -> None:
    given = ("-E", "block_size=64", "-E", "gpu = h200", "--engine-setting", "prefix_caching=off")
    ran = cli("show", "deepseek-v3", "-c", "1000", *PAGED, *given, "--json")
    told = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "note: a page is of 64 tokens\n")
    assert told["query"]["settings"] == RESOLVED
    assert told["engine_version"] == "1.2.3"
    # 1,000 tokens are 16 pages of 64, and one page is the pool's own
    assert (told["reserved_bytes"], told["pool_bytes"]) == (V3 * 1_024, V3 * 64)
    assert told["reserved_terms"] == [{"rule": "page rounding", "bytes": V3 * 24}]
    settings: dict[str, Setting] = {"block_size": 64, "gpu": "h200", "prefix_caching": False}
    assert kvcalc.show("deepseek-v3", 1_000, engine="paged", settings=settings).to_dict() == told


def test_without_an_engine_there_are_none() -> None:
    told = kvcalc.show("deepseek-v3", 1_000).to_dict()
    assert (told["query"]["settings"], told["engine_version"], told["pool_bytes"]) == (None,) * 3
    assert kvcalc.show("gpt2", 10, engine="transformers").to_dict()["query"]["settings"] == {}


def test_the_same_setting_twice(cli: Cli) -> None:
    ran = cli("show", "gpt2", *PAGED, "-E", "gpu=b200", "-E", "gpu=b200", "--json")
    assert json.loads(ran.out)["query"]["settings"]["gpu"] == "b200"
    ran = cli("show", "gpt2", *PAGED, "-E", "gpu=h200", "-E", "gpu=b200")
    assert (ran.code, ran.err) == (2, "Error: -E gpu is given twice, as h200 and b200\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-E", "gpu=h100"), "'gpu' is a setting of an engine, and none is named: add --engine"),
        ((*PAGED, "-E", "gpu"), "-E gpu: write NAME=VALUE, such as -E block_size=64"),
        ((*PAGED, "-E", "=h100"), "-E =h100: write NAME=VALUE"),
        ((*PAGED, "-E", "gpu="), "-E gpu=: write NAME=VALUE"),
        ((*PAGED, "-E", "gpu=h2000"), "gpu is 'h2000'; did you mean h200 or h100 or b200?"),
        (
            (*PAGED, "-E", "blocksize=1"),
            "paged has no setting 'blocksize'; did you mean block_size? "
            "kvcalc list --engine paged shows all",
        ),
        *(
            (
                (*PAGED, "-E", f"{name}=1"),
                f"paged has no setting '{name}'; did you mean block_size?",
            )
            for name in ("tokens_per_page", "tpp", "TOKENS-per-page")
        ),
        (
            (*PAGED, "-E", "zzz=1"),
            "paged has no setting 'zzz'; kvcalc list --engine paged shows all",
        ),
        ((*PAGED, "-E", "block_size=0"), "block_size is 0: it is between 1 and 1,000,000,000,000"),
        ((*PAGED, "-E", "block_size=1.5"), "block_size is '1.5': it is a whole number"),
        ((*PAGED, "-E", "max_len=1"), "max_len is 1: it is between 2 and"),
        ((*PAGED, "-E", "prefix_caching=maybe"), "prefix_caching is 'maybe': it is true or false"),
        (("--engine", "pagde", "-E", "gpu=h100"), "unknown engine 'pagde'; did you mean paged?"),
        (
            ("--engine", "transformers", "-E", "gpu=h100"),
            "transformers has no settings: leave 'gpu' out",
        ),
        (
            ("--engine", "transformers", "--tp", "2"),
            "transformers has no layout for several GPUs: leave the engine out, or --tp",
        ),
    ],
)
@pytest.mark.parametrize("command", ["show", "compare"])
def test_what_cannot_be(command: str, args: tuple[str, ...], words: str, cli: Cli) -> None:
    ran = cli(command, "deepseek-v3", *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Error: {words}")


@pytest.mark.parametrize(
    ("takes", "given", "read"),
    [
        (bool, True, True),
        (bool, "No", False),
        (bool, "1", True),
        (int, 7, 7),
        (int, "7", 7),
        (str, "x", "x"),
        (("a", "b"), "b", "b"),
    ],
)
def test_how_a_value_is_read(takes: Any, given: Setting, read: Setting) -> None:
    assert Declared("one", None, "", takes).read(given) == read


@pytest.mark.parametrize(
    ("takes", "given"),
    [
        (bool, 2),
        (bool, None),
        (int, True),
        (int, "\u0661"),
        (int, "9" * 20),
        (int, 10**13),
        (int, None),
        (str, 5),
        (str, ""),
        (("a", "b"), 5),
        (("a", "b"), "c"),
    ],
)
def test_what_is_no_value(takes: Any, given: Setting) -> None:
    with pytest.raises(UsageError, match=r"^one is "):
        Declared("one", None, "", takes).read(given)


def test_the_settings_of_an_engine_are_listed(cli: Cli) -> None:
    table = cli("list", *PAGED).out
    assert table.startswith("Settings of paged 1.2.3\n\nsetting         default  values ")
    assert (
        "\nprefix_caching  true     true, false       Whether pages are kept for others."
        f"{' ' * 24}-rc\n" in table
    )
    told = json.loads(cli("list", *PAGED, "--json").out)
    assert (told["kind"], told["engine"], told["engine_version"]) == ("settings", "paged", "1.2.3")
    assert told["settings"][:3] == [
        {
            "name": "block_size", "default": 16, "type": "integer", "values": [], "least": 1,
            "help": "Tokens of a page.", "also": ["-tpp", "--tokens-per-page"],
        },
        {
            "name": "gpu", "default": "h100", "type": "string", "values": ["h100", "h200", "b200"],
            "least": None, "help": "What it runs on.", "also": [],
        },
        {
            "name": "prefix_caching", "default": True, "type": "boolean",
            "values": ["true", "false"], "least": None,
            "help": "Whether pages are kept for others.", "also": ["-rc"],
        },
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(cli("list", *PAGED, "-f", "csv").out)))
    assert [row["name"] for row in rows] == [one.name for one in paged_engine.SETTINGS]
    assert {(row["engine"], row["engine_version"]) for row in rows} == {("paged", "1.2.3")}
    assert (
        "| gpu            | h100    | h100, h200, b200 |"
        in cli("list", *PAGED, "-f", "markdown").out
    )
    assert kvcalc.settings("paged").to_dict() == told


def test_settings_of_a_word(cli: Cli) -> None:
    assert [one.name for one in kvcalc.settings("paged", "PAGE").settings] == [
        "block_size",
        "prefix_caching",
    ]
    assert [one.name for one in kvcalc.settings("paged", "-RC").settings] == ["prefix_caching"]
    ran = cli("list", *PAGED, "zzz")
    assert (ran.code, ran.out) == (2, "")
    assert "no setting of paged has 'zzz' in a name or its help; kvcalc list --engine" in ran.err


def test_an_engine_without_settings(cli: Cli) -> None:
    told = "transformers 5.24.0 has no settings of its own"
    assert cli("list", "--engine", "transformers").out == f"{told}\n"
    assert cli("list", "--backend", "transformers", "-f", "markdown").out == f"**{told}**\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--engine", "pagde"), "unknown engine 'pagde'; did you mean paged?"),
        ((*PAGED, "--dtypes"), "--dtypes and --engine list different things: leave one"),
    ],
)
def test_what_cannot_be_listed(args: tuple[str, ...], words: str, cli: Cli) -> None:
    ran = cli("list", *args)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


@pytest.mark.parametrize(
    ("engine", "word", "completed"),
    [
        ("paged", "", ["block_size=", "gpu=", "prefix_caching=", "max_len=", "backend="]),
        ("paged", "b", ["block_size=", "backend="]),
        ("paged", "bl", ["block_size="]),
        ("paged", "g", ["gpu=h100", "gpu=h200", "gpu=b200"]),
        ("paged", "gpu=h", ["gpu=h100", "gpu=h200"]),
        ("paged", "prefix_caching=", ["prefix_caching=true", "prefix_caching=false"]),
        ("paged", "block_size=", []),
        ("paged", "nosuch=", []),
        ("nosuch", "", []),
        (None, "", []),
    ],
)
def test_what_a_shell_completes(engine: str | None, word: str, completed: list[str]) -> None:
    context = typer.Context(typer.core.TyperCommand("show"))
    context.params["engine"] = engine
    assert completion.settings(context, word) == completed


def test_the_table_says_which_gpu_and_what_all_keep(cli: Cli) -> None:
    """Stages of 31 and 30 layers; 1,000 tokens on 63 pages of 16, and 2 of 3 sequences each."""
    spread = ("--tp", "2", "--pp", "2", "--dp", "2", "-b", "3")
    out = cli("show", "deepseek-v3", "-c", "1000", *PAGED, *spread).out
    title, _, *table = out.splitlines()
    assert title == (
        "DeepSeek-V3: 61 layers, 128 heads x 128, bf16, context 1,000, batch 3, a GPU of stage 1 "
        "of 2 (layers 1 to 31), the fullest of 8, reserved by paged 1.2.3"
    )
    assert table[3].split()[-1] == f"{2 * 31 * 1_152 * 1_008:,}"
    # both ranks of tp keep all of it: 2 x 3 sequences x 70,272,000 B, and 2 x 2 x 2 of these pages
    assert out.endswith(
        "\n\nover 8 GPUs: 421.63 MB stored, 421.63 MB read per step, 566.67 MB reserved, 4.50 MB "
        "for pools\n"
        "beside what is reserved: 571,392 B of the pool, whoever uses it\n"
        "settings: block_size=16 gpu=h100 prefix_caching=true max_len=1000\n"
    )


def test_the_sums_are_of_the_gpu_that_is_named() -> None:
    answer = kvcalc.show("deepseek-v3", 1_000, 3, engine="paged", tp=2, pp=2, dp=2)
    text = render(answer, "table", Style(explain=True))
    assert answer.sequences == 2
    on = "on a GPU of stage 1 of 2 (layers 1 to 31), the fullest of 8"
    assert (
        f"\nstored at T = 1,000 {on}: 2 sequences x layers x entries x bytes per entry\n"
        "  mla.latent  2 sequences x 31 layers x 1,000 x (512 x 2 = 1,024 B)  = 63,488,000 B\n"
        "  mla.rope    2 sequences x 31 layers x 1,000 x (64 x 2 = 128 B)     =  7,936,000 B\n"
        "  stored = 71,424,000 B\n"
        "  over 8 GPUs 421,632,000 B: 210,816,000 B as one alone would store, and 210,816,000 B of "
        "copies\n"
    ) in text
    assert (
        f"\nreserved by paged 1.2.3 at T = 1,000 {on}: stored, and how paged differs from it\n"
        "  stored         = 71,424,000 B\n"
        "  page rounding  =    571,392 B\n"
        "  reserved = 71,995,392 B\n"
        "  beside that 571,392 B of the pool, whoever uses it\n"
        "  over 8 GPUs 566,673,408 B, and 4,497,408 B for pools\n"
        "\nsettings of paged, as resolved\n"
        "  block_size = 16\n"
        "  gpu = h100\n"
        "  prefix_caching = true\n"
        "  max_len = 1000\n"
        "\nsources\n"
    ) in text
    assert "settings: " not in text
    assert answer.total
    assert (answer.total.stored, answer.copies) == (421_632_000, 210_816_000)
    assert (answer.reserved_total, answer.pool_total) == (566_673_408, 4_497_408)


def test_sums_without_copies(cli: Cli) -> None:
    out = cli("show", "llama-3.1-8b", "-c", "10", "--tp", "8", "--explain").out
    assert "\n  over 8 GPUs 1,310,720 B, as much as one alone would store\n" in out
    assert "(1 head x 128 x 2 = 256 B)" in out


def test_a_comparison_says_what_all_gpus_keep(cli: Cli) -> None:
    ran = cli("compare", "deepseek-v3", "-c", "1000", *PAGED, "--tp", "8")
    header = ran.out.splitlines()[2]
    assert header.endswith("reserved B     pool B  over 8 GPUs  reserved over 8 GPUs")
    assert "batch 1, each of 8 GPUs, reserved by paged 1.2.3\n" in ran.out
    mla = next(line for line in ran.out.splitlines() if line.startswith("mla (ships)"))
    assert mla.split()[-6:] == ["70,834,176", "1,124,352", "562.18", "MB", "566.67", "MB"]
    assert "\nsettings: block_size=16 gpu=h100 prefix_caching=true max_len=1000\n" in ran.out
    assert "\nexpected in bf16 at 131,072 tokens, on one GPU  " in ran.out
    # what the engine says of every row is said once
    assert ran.err == "note: a page is of 16 tokens\n"


def test_rows_on_unlike_stages_share_a_title(cli: Cli) -> None:
    """Layers 6, 12, ... 60 are full: stage 1 has most layers, 2 the most full ones, 18, 24, 30."""
    args = ("compare", "gemma-3-27b", "--pp-layers", "17,13,11,7,14")
    assert "batch 1, the fullest of 5 GPUs\n" in cli(*args).out
    told = json.loads(cli(*args, "--json").out)
    assert told["query"]["pp"] == 5
    assert {row["scheme"]: row["rank"]["stage"] for row in told["rows"]} == {
        "mha": 1, "gqa": 1, "mqa": 1, "native": 2,
    }  # fmt: skip


def test_a_row_that_gpus_cannot_share_is_left_out(cli: Cli) -> None:
    """GPT-2 has 12 heads: the what-if of 6 groups cannot be split over 4."""
    ran = cli("compare", "gpt2", "--tp", "4", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert [row["scheme"] for row in told["rows"]] == ["mha", "mqa"]
    why = "the 6 heads of k cannot be split over 4 ranks: tp has to divide them, or be a multiple"
    assert told["notes"] == [f"no gqa row: GPT-2 (124M): {why} of them"]
    assert ran.err == f"note: {told['notes'][0]}\n"
    for args in (("--baseline", "gqa"), ("--expect", "mha/gqa=2x")):
        refused = cli("compare", "gpt2", "--tp", "4", *args)
        assert (refused.code, refused.out) == (2, "")
        assert f"{args[0]}: there is no row 'gqa' here: GPT-2 (124M): {why}" in refused.err


def test_a_row_that_the_engine_refuses_is_left_out() -> None:
    """What it refuses of the model itself is refused, and the first row left is the baseline."""
    settings: dict[str, Setting] = {"block_size": 7}
    with pytest.raises(UsageError, match="no pages of 7 tokens for three tensors"):
        kvcalc.compare("deepseek-v3.2", engine="paged", settings=settings)
    answer = kvcalc.compare("deepseek-v3", engine="paged", settings=settings)
    assert (answer.baseline, len(answer.rows), answer.notes) == ("mha", 5, ())


def test_of_several_models_the_one_that_cannot_be_split_is_named(cli: Cli) -> None:
    ran = cli("compare", "llama-3.1-8b", "phi-4", "--tp", "4")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --tp: Phi-4: the 10 heads of k cannot be split over 4 ranks")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        # 128 heads and 16 over 8 ranks, 1 on each: 16 x 256 and 1 x 256, and 576 of the latent
        (("--tp", "8", "--expect", "mha/mla=7.11x"), 0),
        (("--tp", "8", "--expect", "mha/mla=57x"), 1),
        (("--tp", "8", "--expect", "mha/mla=up to 7.11x"), 0),
        (("--pp", "2", "--expect", "mla.stored@1000=35.712 MB"), 0),
        (("--dp", "2", "-b", "3", "--expect", "mla.stored@1000=140.544 MB"), 0),
        (("--pp", "2", "--expect", "mha/mla=up to 57x"), 2),
    ],
)
def test_figures_are_held_to_the_gpu_that_is_shown(
    args: tuple[str, ...], code: int, cli: Cli
) -> None:
    ran = cli("compare", "deepseek-v3", *args)
    assert ran.code == code
    if code == 2:
        assert "the fullest stage may be another at each context; leave up to out, or pp" in ran.err


def test_settings_that_differ_by_the_row_are_not_told() -> None:
    answer = kvcalc.compare("gpt2", "deepseek-v3", context=[10, 20], engine="paged")
    assert answer.query.settings["max_len"] is None
    assert answer.query.settings["block_size"] == 16
    assert "\nsettings: block_size=16 gpu=h100 prefix_caching=true\n" in f"{answer}\n"


def test_settings_that_rows_resolve_otherwise_are_none() -> None:
    asked = [question(10, engine="paged", settings={"block_size": size}) for size in (16, 32)]
    placed = [deployed(kvcalc.load("gpt2"), one) for one in asked]
    found = resolved(asked[0], placed, 10).settings
    assert (found["block_size"], found["gpu"]) == (None, "h100")


def test_csv_has_a_rank_and_settings_as_json(cli: Cli) -> None:
    args = ("gpt2", "-c", "100", *PAGED, "--tp", "2", "-q")
    for command in ("show", "compare"):
        text = cli(command, *args, "-f", "csv").out
        row = next(csv.DictReader(io.StringIO(text)))
        assert json.loads(row["rank"]) == {"stage": 1, "stages": 1, "first": 1, "last": 12}
        assert json.loads(row["settings"])["block_size"] == 16
        assert (row["engine_version"], row["tp"]) == ("1.2.3", "2")
        line = json.loads(cli(command, *args, "-f", "jsonl").out.splitlines()[0])
        assert (line["rank"], line["settings"]) == (
            json.loads(row["rank"]),
            json.loads(row["settings"]),
        )


def test_an_option_of_a_server_is_a_setting_of_the_engine_that_is_named(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several engines that have it the one that is named, else the first."""
    monkeypatch.setitem(ENGINES, "other", ENGINES["paged"])
    for args, said in (
        (("-tpp", "8"), "paged -E block_size=VALUE"),
        (("--engine", "other", "--tokens-per-page=8"), "other -E block_size=VALUE"),
        (("--tokens_per_page", "8", "--backend=other"), "other -E block_size=VALUE"),
        (("-rc",), "paged -E prefix_caching=true"),
        (("-no-rc", "--engine", "nosuch"), "paged -E prefix_caching=false"),
        (("--no-rc", "--", "--engine", "other"), "paged -E prefix_caching=false"),
    ):
        ran = cli("show", "gpt2", *args)
        (name,) = {*args} & {"-rc", "-no-rc", "--no-rc", "-tpp"} or {"--tokens-per-page"}
        told = f"there is no {name}: it is a setting of an engine's own; say --engine {said}\n"
        assert (ran.code, ran.err) == (2, f"Error: {told}")


def test_what_an_engine_says_of_one_of_several_models_is_said_by_its_name(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = paged_engine.Paged.at

    def noting(self: paged_engine.Paged, context: int, batch: int, shared: int = 0) -> Reservation:
        return at(self, context, batch, shared)._replace(notes=(f"{self.stages[-1].end} layers",))

    monkeypatch.setattr(paged_engine.Paged, "at", noting)
    ran = cli("compare", "gemma-3-27b", "gpt2", "-c", "100", *PAGED)
    assert ran.err == "note: Gemma 3 27B: 62 layers\nnote: GPT-2 (124M): 12 layers\n"
