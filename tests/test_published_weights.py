"""What a model file says of its weights and of what it is called on a hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc.bundle import bundled
from kvcalc.errors import InputError

if TYPE_CHECKING:
    from tests.conftest import Cli, ModelFile

MODEL = """\
name: Stated
heads: 8
head_dim: 64
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
"""
HUB = {"org/name": True, "Qwen/Qwen3-8B": True, "a/b_c.d-e": True, "name": False, "a/b/c": False,
       "/b": False, "a/": False, ".a/b": False, "a/b c": False, "ä/b": False}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        ("weights: { fp8: 660000000000, bf16: 11000000000 }", 671 * 10**9),
        ("weights: { fp8: 6.6e11, bf16: 1.1e+10 }", 671 * 10**9),
        ("weights: { mxfp4: 6.6e11, bf16: 11e9 }\nparameters: 671e9", 671 * 10**9),
        ("parameters: 671e9", 671 * 10**9),
        ("parameters: 671000000000", 671 * 10**9),
    ],
)
def test_parameters_are_whole_numbers_and_the_sum_of_the_weights(
    model_file: ModelFile, written: str, parameters: int
) -> None:
    assert kvcalc.load(model_file(MODEL + written)).parameters == parameters


@pytest.mark.parametrize(
    ("written", "place", "told"),
    [
        ("weights: { fpx: 5 }", ":7:12:", "unknown dtype 'fpx'; did you mean fp8?"),
        ("weights: { fp8: 0 }", ":7:17:", "1"),
        ("weights: { fp8: 1.5 }", ":7:17:", "whole"),
        ("weights: {}", ":7:10:", ""),
        ("weights: { fp8: 6, FP8: 7 }", ":7:20:", "fp8 and FP8 are one dtype"),
        ("parameters: 1e17", ":7:13:", "at most 10,000,000,000,000,000"),
        # a float has 53 bits: 2^53 + 1 is none of them
        ("parameters: 9007199254740993.0", ":7:13:", "whole number"),
        ("weights: { fp8: 6 }\nparameters: 7", ":8:13:", "add up to 6 parameters, not to 7"),
        ("parameters: 1e99", ":7:13:", ""),
        ("parameters: '5'", ":7:13:", "'5'; it must be a whole number"),
        ("parameters: 6_0e11", ":7:13:", "'6_0e11'; it must be a whole number"),
        ("weight_bytes: .inf", ":7:15:", "inf"),
        ("weight_dtype: fpx", ":7:15:", "unknown dtype 'fpx'; did you mean fp8?"),
        ("weight_dtype: q8_KV", ":7:15:", "q8_KV stores the entries of a cache, not weights"),
        ("weights: { fp8: 6 }\nweight_dtype: fp8", ":8:15:", "weights has the dtypes of all"),
        ("parameters: 6\nexpert_parameters: 7", ":8:20:", "7 of 6 parameters: a part is no more"),
        ("weights: { fp8: 6 }\nmtp_parameters: 7", ":8:17:", "a part is no more than all"),
        ("expert_parameters: 1.5", ":7:20:", "whole"),
        ("hub: []", ":7:6:", ""),
        ("hub: Qwen/Qwen3-8B", ":7:6:", "list"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(
    model_file: ModelFile, written: str, place: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(MODEL + written))
    (problem,) = caught.value.problems
    assert place.split(":")[1] in str(problem).split(":")[1:3]
    assert told in str(problem)


@pytest.mark.parametrize(("name", "known"), HUB.items())
def test_a_repository_is_an_organisation_and_a_name(
    model_file: ModelFile, name: str, known: bool
) -> None:
    path = model_file(f"{MODEL}hub: ['{name}']")
    if known:
        assert kvcalc.load(path).hub == (name,)
        return
    with pytest.raises(InputError, match="write a repository as org/name"):
        kvcalc.load(path)


def test_what_is_stated_is_written_again(model_file: ModelFile) -> None:
    stated = "weights: { fp8: 6, bf16: 1 }\nhub: [a/b, c/d]\n"
    path = model_file(MODEL + stated)
    assert kvcalc.to_yaml(path).endswith(stated)
    plain = kvcalc.to_yaml(model_file(f"{MODEL}parameters: 7", "plain.yaml"))
    assert plain.endswith("parameters: 7\n")
    stated = "parameters: 7\nexpert_parameters: 5\nmtp_parameters: 1\nweight_dtype: fp8\n"
    parts = model_file(MODEL + stated.replace("fp8", "FP8_E4M3"), "parts.yaml")
    assert kvcalc.to_yaml(parts).endswith(stated)


def test_many_repositories_are_written_on_several_lines(model_file: ModelFile) -> None:
    hub = tuple(f"an-organisation/a-model-of-{number}-billion" for number in range(8))
    written = kvcalc.to_yaml(model_file(f"{MODEL}hub: [{', '.join(hub)}]"))
    assert "hub:\n  [an-organisation/a-model-of-0-billion, an-organisation/" in written
    assert max(map(len, written.splitlines())) <= 100
    assert kvcalc.load(model_file(written, "again.yaml")).hub == hub


def test_a_list_has_both(cli: Cli) -> None:
    listed = json.loads(cli("list", "--json").out)["models"]
    assert [(m["hub"], m["weights"]) for m in listed] == [
        (
            list(model.hub),
            [{"dtype": dtype, "parameters": n} for dtype, n in model.weights.items()],
        )
        for model in map(kvcalc.load, (m["file"] for m in listed))
    ]
    assert len(listed) == len(bundled())


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("qwen3-8b", True),
        ("Qwen/Qwen3-8B", True),
        ("Qwen/Qwen3-8B-Base", True),
        ("Qwen/Qwen3-8B-FP8", False),
        ("deepseek-ai/DeepSeek-V4-Flash-Base", False),  # fp8, where the file's experts are mxfp4
        ("deepseek-ai/DeepSeek-V3-Base", True),
        ("Qwen3-8B-FP8", False),
        ("Qwen/Qwen3-8B-AWQ", False),
        ("zai-org/GLM-5.3", True),
        ("zai-org/GLM-5.3-BF16", False),
        ("google/gemma-4-31B-it", True),
        ("google/gemma-4-31B-it-qat-w4a16-ct", False),
        # a file that stands for one that is stored so
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16", True),
        # and one of its maker that it does not list
        ("zai-org/GLM-4.7-FP8", False),
    ],
)
def test_the_weights_are_those_of_the_name(name: str, known: bool) -> None:
    model = kvcalc.load(name)
    said = (model.weight_bytes, model.weight_dtype, *model.weights)
    assert any(said) is known
