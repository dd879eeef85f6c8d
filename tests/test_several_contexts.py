"""`compare` at several contexts: a row for each, and what each ratio is taken to."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.units import parse_contexts

if TYPE_CHECKING:
    from tests.conftest import Cli

MLA = 61 * (512 + 64) * 2
MHA = 61 * 2 * 128 * 128 * 2


def document(cli: Cli, *args: str) -> Any:
    ran = cli("compare", *args, "--json")
    assert ran.code == 0
    return json.loads(ran.out)


@pytest.mark.parametrize(
    ("text", "contexts"),
    [
        ("4096", 4096),
        ("131,072", 131_072),
        ("1,048,576", 1_048_576),
        ("131_072", 131_072),
        ("128,256", 128_256),
        (" 8,192 ", 8192),
        ("8K,32K,128K", (8192, 32_768, 131_072)),
        ("8K, 32K", (8192, 32_768)),
        ("8k,32000", (8000, 32_000)),
        ("8192,16384", (8192, 16_384)),
        ("1024,128", (1024, 128)),
        ("128, 256", (128, 256)),
        ("512,1024", (512, 1024)),
        ("64K,8K", (65_536, 8192)),
        ("1.5K,2K", (1536, 2048)),
    ],
)
def test_a_text_is_one_number_or_several(text: str, contexts: int | tuple[int, ...]) -> None:
    assert parse_contexts(text) == contexts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8,192,16,384", "may be one number or several; items of a list carry no thousands marks"),
        ("8K,131,072", "may be one number or several"),
        ("8,192,8K", "may be one number or several"),
        ("8_192,16_384", "may be one number or several"),
        ("4,128k,256k", "may be one number or several"),
        ("8K,,32K", "has an empty item"),
        ("8K,", "has an empty item"),
        (",", "has an empty item"),
        ("8K,x", "'x' is not a number of tokens"),
        ("8K,0", "a context is between 1 and"),
        ("8K;32K", "'8K;32K' is not a number of tokens"),
    ],
)
def test_what_is_neither_is_refused_with_the_way_out(text: str, words: str, cli: Cli) -> None:
    ran = cli("compare", "deepseek-v3", "-c", text)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --context: ")
    assert words in ran.err


def test_one_model_has_its_schemes_at_each_context(cli: Cli) -> None:
    answer = document(cli, "deepseek-v3", "-c", "8K,128K")
    assert (answer["query"]["context"], answer["query"]["contexts"]) == (None, [8192, 131_072])
    rows = [(row["context"], row["scheme"]) for row in answer["rows"]]
    schemes = ["mha", "gqa", "mqa", "mla-expanded", "mla"]
    assert rows == [(context, scheme) for context in (8192, 131_072) for scheme in schemes]
    own = [row for row in answer["rows"] if row["native"]]
    assert [row["stored_bytes"] for row in own] == [8192 * MLA, 131_072 * MLA]
    assert {row["ratio_exact"] for row in own} == {"512/9"}


def test_several_models_are_set_beside_the_baseline_at_the_same_context(cli: Cli) -> None:
    models = ("llama-3.1-8b", "gemma-3-27b")
    answer = document(cli, *models, "-c", "1K,32K", "--baseline", "gemma-3-27b")
    alone = [document(cli, *models, "-c", c, "--baseline", "gemma-3-27b") for c in ("1K", "32K")]
    assert answer["rows"] == [row for one in alone for row in one["rows"]]
    assert [row["ratio"] for row in answer["rows"][1::2]] == [1.0, 1.0]
    # 62 layers of 2 x 16 x 128 x 2 B, all of which keep every token up to 1,024, over 32 of half
    assert answer["rows"][0]["ratio_exact"] == "31/8"


def test_a_single_context_is_as_it_was(cli: Cli) -> None:
    answer = document(cli, "deepseek-v3", "-c", "131,072")
    assert (answer["query"]["context"], answer["query"]["contexts"]) == (131_072, None)
    assert {row["context"] for row in answer["rows"]} == {131_072}


def test_one_that_is_named_twice_is_answered_once(cli: Cli) -> None:
    answer = document(cli, "llama-3.1-8b", "-c", "8K,8192")
    assert answer["query"]["contexts"] == [8192]
    assert len(answer["rows"]) == 3


def test_a_table_says_the_contexts_and_what_ratios_are_taken_to(cli: Cli) -> None:
    ran = cli("compare", "llama-3.1-8b", "-c", "8K,128K")
    title, _, header, first, *_ = ran.out.splitlines()
    asked = "contexts 8,192, 131,072, batch 1, baseline mha at the same context"
    assert title == f"Llama 3.1 8B: 32 layers, 32 heads x 128, bf16, {asked}"
    assert header.split()[:2] == ["context", "scheme"]
    assert first.split()[:2] == ["8,192", "mha"]
    assert "expected in bf16 at 131,072 tokens" in ran.out
    several = cli("compare", "llama-3.1-8b", "deepseek-v3", "-c", "8K,128K").out
    asked = asked.replace("mha", "Llama 3.1 8B")
    assert several.startswith(f"2 models, {asked}\n\ncontext  model  ")


def test_many_contexts_are_not_all_in_the_title(cli: Cli) -> None:
    many = ",".join(f"{number}K" for number in range(1, 8))
    assert ", 7 contexts, batch 1" in cli("compare", "llama-3.1-8b", "-c", many).out


def test_markdown_and_rows_alone_have_them(cli: Cli) -> None:
    args = ("compare", "llama-3.1-8b", "-c", "8K,128K", "-f")
    assert "| context | scheme " in cli(*args, "markdown").out
    lines = [json.loads(line)["context"] for line in cli(*args, "jsonl").out.splitlines()]
    rows = [row["context"] for row in csv.DictReader(io.StringIO(cli(*args, "csv").out))]
    assert lines == [8192] * 3 + [131_072] * 3
    assert rows == [str(context) for context in lines]


def test_an_engine_charges_for_each_context(cli: Cli) -> None:
    args = ("gemma-3-27b", "--engine", "transformers")
    answer = document(cli, *args, "-c", "1K,8K")
    alone = [document(cli, *args, "-c", context)["rows"] for context in ("1K", "8K")]
    reserved = [row["reserved_bytes"] for rows in alone for row in rows]
    assert [row["reserved_bytes"] for row in answer["rows"]] == reserved


def test_a_note_on_a_context_is_told_once_for_each(cli: Cli) -> None:
    ran = cli("compare", "llama-2-7b", "-c", "4K,8K,16K", "-ctk", "q8_0")
    beyond = [line for line in ran.err.splitlines() if "is beyond" in line]
    assert [line.split()[2] for line in beyond] == ["8,192", "16,384"]
    assert ran.err.count("mqa: q8_0/auto does not name v") == 1


def test_other_commands_take_one_context(cli: Cli) -> None:
    ran = cli("show", "llama-3.1-8b", "-c", "8K,32K")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: --context: several contexts are for compare alone: name one\n"


@pytest.mark.parametrize(
    "contexts", [[8192, 131_072], (8192, 131_072), range(8192, 131_073, 122_880)]
)
def test_the_public_function_takes_a_list(contexts: Any) -> None:
    answer = kvcalc.compare("deepseek-v3", context=contexts)
    assert (answer.query.context, answer.contexts) == (None, (8192, 131_072))
    assert [row.context for row in answer.rows if row.native] == [8192, 131_072]


@pytest.mark.parametrize(
    ("contexts", "words"),
    [
        ([], "context: a list of contexts names at least one"),
        ([8192, 0], "a context is between 1 and"),
        ([8192, "x"], "'x' is not a"),
        ([None], "None is not a whole number of tokens"),
        ([True], "True is not a whole number of tokens"),
        (b"\x01\x02", "is not a whole number of tokens"),
    ],
)
def test_a_list_that_cannot_be(contexts: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kvcalc.compare("deepseek-v3", context=contexts)
    with pytest.raises(ValueError, match="several contexts are for compare alone"):
        kvcalc.show("deepseek-v3", [8192, 131_072])  # type: ignore[arg-type]
