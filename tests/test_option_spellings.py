"""Options as engines call them: what they stand for here, and those that are not there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

import kvcalc
from kvcalc.cli import app
from kvcalc.cli.spellings import ABSENT, ALIASES
from kvcalc.formats import parse_kv_dtype, parse_own_layout

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

LLAMA = "llama-3.1-8b"
KEYS = 32 * 8 * 128  # elements per token: layers x heads x width; values are as many
BF16, Q8_0, Q4_0 = 2, (32 + 2) / 32, (16 + 2) / 32
WIDE = """\
{ name: Wide, heads: 2, head_dim: 64, layers: 3, dtype: fp32, attention: { kind: mha } }
"""


def shown(cli: Cli, *args: str) -> Any:
    ran = cli("show", *args, "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


@pytest.mark.parametrize(
    ("args", "setting", "value"),
    [
        (("--max-model-len", "8K"), "context", 8192),
        (("--max_model_len", "8K"), "context", 8192),
        (("--max-model-len=8192",), "context", 8192),
        (("--ctx", "8192"), "context", 8192),
        (("--ctx-size", "8192"), "context", 8192),
        (("--context-length", "8,192"), "context", 8192),
        (("--n-ctx", "8k"), "context", 8000),
        (("--n_ctx", "8k"), "context", 8000),
        (("--max-seq-len", "8k"), "context", 8000),
        (("-c8192",), "context", 8192),
        (("-c", "8192"), "context", 8192),
        (("--batch-size", "4"), "batch", 4),
        (("--max_batch_size=4",), "batch", 4),
        (("-b4",), "batch", 4),
        (("--kv-cache-dtype", "fp8_e5m2"), "kv_dtype", "fp8"),
        (("--kv_cache_dtype", "auto"), "kv_dtype", None),
        (("--kv_dtype", "fp8"), "kv_dtype", "fp8"),
        (("--backend", "transformers"), "engine", "transformers"),
        (("--speculative-model", "llama-3.2-1b"), "draft", "Llama 3.2 1B"),
        (("-md", "llama-3.2-1b"), "draft", "Llama 3.2 1B"),
        (("-ctk", "q8_0", "-ctv", "q4_0"), "kv_dtype", "q8_0/q4_0"),
        (("--cache-type-k", "q8_0", "--cache-type-v=q4_0"), "kv_dtype", "q8_0/q4_0"),
        (("--cache_type_k=Q8_0",), "kv_dtype", "q8_0/auto"),
        (("-ctv", "q4_0"), "kv_dtype", "auto/q4_0"),
        (("-ctk=q8_0", "-ctv=q8_0"), "kv_dtype", "q8_0"),
        (("-ctk", "auto"), "kv_dtype", None),
        (("-ctk", "auto", "-ctv", "q4_0"), "kv_dtype", "auto/q4_0"),
        (("--tensor-parallel-size", "8"), "tp", 8),
        (("--tp_size=8",), "tp", 8),
        (("-tp", "8"), "tp", 8),
        (("--pipeline-parallel-size", "4"), "pp", 4),
        (("-pp=4",), "pp", 4),
        (("--data_parallel_size", "2"), "dp", 2),
        (("-dp", "2"), "dp", 2),
        (("--tp", "8", "--decode-context-parallel-size", "2"), "dcp", 2),
        (("-tp", "8", "-dcp", "8"), "dcp", 8),
        (("--num-beams", "8"), "beams", 8),
        (("--beam-width=4",), "beams", 4),
        (("--draft", "llama-3.2-1b", "-ctkd", "q8_0"), "draft_kv_dtype", "q8_0/auto"),
        (
            ("--draft", "llama-3.2-1b", "--cache-type-v-draft", "q8_0"),
            "draft_kv_dtype",
            "auto/q8_0",
        ),
    ],
)
def test_an_engines_name_for_an_option(
    args: tuple[str, ...], setting: str, value: object, cli: Cli
) -> None:
    assert shown(cli, LLAMA, *args)["query"][setting] == value


def test_what_stands_behind_two_dashes_is_no_option(cli: Cli) -> None:
    ran = cli("show", "--", "--ctx")
    assert ran.code == 2
    assert "--ctx" in ran.err
    assert "has no option" not in ran.err


@pytest.mark.parametrize(
    ("args", "stored"),
    [
        (("-ctk", "q8_0"), KEYS * (Q8_0 + BF16)),
        (("-ctv", "q8_0"), KEYS * (BF16 + Q8_0)),
        (("-ctv", "q4_0"), KEYS * (BF16 + Q4_0)),
        (("-ctk", "q8_0", "-ctv", "q4_0"), KEYS * (Q8_0 + Q4_0)),
        (("--kv-dtype", "q8_0/auto"), KEYS * (Q8_0 + BF16)),
        (("--kv-dtype", "AUTO/Q4_0"), KEYS * (BF16 + Q4_0)),
        (("--kv-dtype", "auto/auto"), KEYS * (BF16 + BF16)),
    ],
)
def test_one_side_leaves_the_other_as_it_is(args: tuple[str, ...], stored: float, cli: Cli) -> None:
    assert shown(cli, LLAMA, "-c", "1", *args)["stored_bytes"] == stored


def test_what_is_left_as_it_is_is_told(cli: Cli) -> None:
    assert "q8_0/auto does not name v: kept in bf16" in cli("show", LLAMA, "-ctk", "q8_0").err
    assert "auto/q4_0 does not name k: kept in bf16" in cli("compare", LLAMA, "-ctv", "q4_0").err


def test_an_engine_of_one_dtype_takes_the_side_that_is_left_into_account(
    cli: Cli, model_file: ModelFile
) -> None:
    path, per_side = model_file(WIDE), 3 * 2 * 64
    own = shown(cli, path, "-c", "10", "-ctk", "bf16", "--engine", "transformers")
    assert own["stored_bytes"] == 10 * per_side * (2 + 4)
    assert own["reserved_bytes"] == 10 * per_side * (4 + 4)
    both = shown(cli, path, "-c", "10", "--kv-dtype", "bf16", "--engine", "transformers")
    assert both["reserved_bytes"] == 10 * per_side * (2 + 2)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((LLAMA, "-ctk", "q8_0", "--kv-dtype", "fp8"), "--kv-dtype names keys and values"),
        ((LLAMA, "-ctv", "q8_0", "--kv-cache-dtype", "fp8"), "--kv-dtype names keys and values"),
        ((LLAMA, "-ctk", "q8_0/q4_0"), "write it as --kv-dtype q8_0/q4_0"),
        ((LLAMA, "-ctkq8_0"), "'tkq8_0' is not a number of tokens"),
        ((LLAMA, "-ctk"), "-ctk needs a value"),
        ((LLAMA, "-ctk", ""), "the dtype of one side is empty"),
        ((LLAMA, "--cache-type-v=", "-ctk", "q8_0"), "the dtype of one side is empty"),
        ((LLAMA, "-ctk", "q9_0"), "unknown dtype 'q9_0'"),
        ((LLAMA, "-ctk", "fp8_ds_mla"), "says how several tensors are stored"),
        ((LLAMA, "-ctv", "q8_KV"), "q8_KV is a format of keys"),
        (("deepseek-v3", "-ctk", "q8_0"), "keeps a latent instead: name one dtype, such as q8_0"),
        (("deepseek-v3", "-ctv", "q4_0"), "keeps a latent instead: name one dtype, such as q4_0"),
        ((LLAMA, "-ctkd", "q8_0"), "add --draft MODEL"),
        ((LLAMA, "--max-model-len", "0"), "a context is between 1 and"),
        (
            (LLAMA, "-c", "0"),
            "1 and 1,000,000,000,000; left out, it is the model's own, 131,072 at most\n",
        ),
        ((LLAMA, "--no-such-thing"), "has no option --no-such-thing"),
    ],
)
def test_what_cannot_be(args: tuple[str, ...], words: str, cli: Cli) -> None:
    ran = cli("show", *args)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_a_latent_has_one_dtype_which_both_sides_may_name(cli: Cli) -> None:
    answer = shown(cli, "deepseek-v3", "-c", "1", "-ctk", "q8_0", "-ctv", "q8_0")
    assert answer["stored_bytes"] == 61 * (512 + 64) * Q8_0


def test_no_model_file_leaves_a_side_to_itself() -> None:
    with pytest.raises(ValueError, match="none to keep a tensor in"):
        parse_own_layout("q8_0/auto")
    with pytest.raises(ValueError, match="none to keep a tensor in"):
        parse_kv_dtype("auto/auto/auto")


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize("command", ["show", "compare"])
def test_an_option_that_is_not_there_is_refused_with_the_reason(
    command: str, name: str, cli: Cli
) -> None:
    for args in ((name, "8"), (f"{name}=8",), (name,)):
        ran = cli(command, LLAMA, *args)
        assert (ran.code, ran.out) == (2, "")
        assert f"there is no {name}: {ABSENT[name]}" in ran.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--block-size", "block_size=VALUE"),
        ("--mamba_cache_dtype", "mamba_cache_dtype=VALUE"),
        ("--kda-prefill-backend", "kda_prefill_backend=VALUE"),
        ("--async-scheduling", "async_scheduling=true"),
        ("--no-async-scheduling", "async_scheduling=false"),
    ],
)
def test_an_option_that_is_a_setting_of_an_engine(option: str, said: str, cli: Cli) -> None:
    for args in (("show", LLAMA, option), (option, "show", LLAMA)):
        ran = cli(*args)
        assert (ran.code, ran.out) == (2, "")
        assert f"it is a setting of an engine's own; say --engine vllm -E {said}" in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--ctx", "8K", "show", LLAMA), "has no option --ctx: write it behind the command"),
        (("-c", "8K", "show", LLAMA), "has no option -c: write it behind the command"),
        (("--ep", "8", "show", LLAMA), f"there is no --ep: {ABSENT['--ep']}"),
        (("--tp", "8", "show", LLAMA), "kvcalc has no option --tp: write it behind the command"),
        (("--nosuch", "8", "show", LLAMA), "has no option --nosuch; kvcalc --help shows all"),
        (("check", "--ctx", "8K", LLAMA), "kvcalc check has no option --ctx; "),
        (("import", LLAMA, "--bs=8"), "kvcalc import has no option --bs; "),
        (("list", "--ep", "8"), f"there is no --ep: {ABSENT['--ep']}"),
        (("list", "-tp", "8"), "kvcalc list has no option -t; kvcalc list --help shows all"),
    ],
)
def test_an_option_before_the_command_or_behind_another(
    args: tuple[str, ...], said: str, cli: Cli
) -> None:
    ran = cli(*args)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def options_of(name: str) -> dict[str, bool]:
    """The options of a command, by whether they are shown in its help."""
    found: dict[str, bool] = {}
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    for parameter in command.params:
        hidden = bool(getattr(parameter, "hidden", False))
        found |= dict.fromkeys((*parameter.opts, *parameter.secondary_opts), not hidden)
    return found


@pytest.mark.parametrize("command", ["show", "compare"])
def test_other_spellings_are_of_options_that_are_there(command: str, cli: Cli) -> None:
    there = options_of(command)
    assert {option for option in ALIASES.values() if not there.get(option)} == set()
    assert there.keys().isdisjoint({*ALIASES, *ABSENT})
    assert set(ALIASES).isdisjoint(ABSENT)
    told = cli(command, "--help").out
    names = (*ALIASES, "-ctk", "--cache-type-v")
    assert [name for name in names if re.search(rf"(?<!-){re.escape(name)} ", told)] == []


def test_the_public_functions_take_one_side_too() -> None:
    assert kvcalc.show(LLAMA, 1, kv_dtype="auto/q8_0").amounts.stored == KEYS * (BF16 + Q8_0)
