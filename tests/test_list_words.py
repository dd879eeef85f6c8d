"""`kvcalc list WORD`: the models, or dtypes, that have it in a name."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Cli


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("llama 3.1", ["llama-3.1-405b", "llama-3.1-70b", "llama-3.1-8b"]),
        ("LLAMA3.1", ["llama-3.1-405b", "llama-3.1-70b", "llama-3.1-8b"]),
        ("deepseek-ai/DeepSeek-V3.2", ["deepseek-v3.2"]),
        ("qwen3:8b", ["qwen3-8b"]),
        ("openai", ["gpt-oss-120b", "gpt-oss-20b", "gpt2", "whisper-large-v3"]),
    ],
)
def test_a_word_of_a_name_a_vendor_or_a_hub_id(word: str, names: list[str], cli: Cli) -> None:
    told = json.loads(cli("list", word, "--json").out)
    assert (told["word"], [m["file"] for m in told["models"]]) == (
        word,
        [f"{n}.yaml" for n in names],
    )
    lines = cli("list", word, "-f", "jsonl").out.splitlines()
    assert [json.loads(line)["file"] for line in lines] == [f"{n}.yaml" for n in names]
    for form in ("csv", "markdown", "table"):
        out = cli("list", word, "-f", form).out
        assert all(name in out for name in names)
        assert "minimax" not in out


def test_a_word_of_the_attention(cli: Cli) -> None:
    told = json.loads(cli("list", "mla", "--json").out)["models"]
    assert {"deepseek-v3.yaml", "kimi-k2.yaml"} <= {model["file"] for model in told}
    assert all("mla" in json.dumps(model).lower() for model in told)


def test_how_many_have_it_stands_below(cli: Cli) -> None:
    assert cli("list", "llama-3.1").out.endswith("\n3 models with llama-3.1\n")
    assert cli("list", "qwen3:8b").out.endswith("\n1 model with qwen3:8b\n")


def test_a_word_of_a_dtype(cli: Cli) -> None:
    told = json.loads(cli("list", "--dtypes", "Q4_0", "--json").out)["dtypes"]
    assert told
    assert all("q4_0" in name for d in told for name in [d["name"]])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("zzz",), "no model has 'zzz' in its name, vendor, attention or a hub id"),
        (("*",), "no model has '*' in its name"),
        (("https://user:s@host/x?t=s",), "no model has 'https://host/x' in its name"),
        ((" ",), "no model has ' ' in its name"),
        (("--dtypes", "zzz"), "no dtype has 'zzz' in its name"),
    ],
)
def test_a_word_that_nothing_has(args: tuple[str, ...], told: str, cli: Cli) -> None:
    ran = cli("list", *args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
