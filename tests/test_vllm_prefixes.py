"""What sequences over one prefix share: vLLM's blocks of it, and what other engines say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from kvcalc.engines import plan
from kvcalc.engines.vllm.plan import VllmPlan
from kvcalc.errors import UsageError
from kvcalc.extents import Every
from kvcalc.question import question

SAMPLE = json.loads(
    (Path(__file__).parent / "conformance/vllm/sample.json").read_text(encoding="utf-8")
)


def planned(model: kvcalc.Model, tokens: int, **asked: Any) -> VllmPlan:
    asking = question(tokens, engine="vllm", **asked)
    found = plan(model.adapted(asking), asking)
    assert isinstance(found, VllmPlan)
    return found


COUNTED = """
    llama-3.1-8b         -    3000   1000  4    992   566
    llama-3.1-8b         -   12001   9007  3   8992  1129
    falcon-7b            -    3000   1000  4    992   566
    gpt-oss-20b          -    3000   1000  4    992   566
    gpt-oss-20b          -   12001   9007  3   8992  1129
    gemma-3-27b          -   12001   9007  3   8992  1129
    command-r7b          -   12001   9007  3   8992  1129
    mimo-v2-flash        -    3000   1000  4    992   283
    mimo-v2-flash        -   12001   9007  3   8992   566
    mimo-v2-flash        1    3000   1024  4    992   283
    llama-4-scout        -   12001   9007  3   8992  1129
    minimax-m3           -    3000   1000  4    896    75
    deepseek-v3          -    3000   1000  4    992   566
    deepseek-v3          1    3000   1024  4   1008   563
    deepseek-v3.2        -    3000   1000  4    960   143
    deepseek-v3.2        1    3000   1024  4    960   143
    deepseek-v4-flash    -    3000   1000  4    768    39
    deepseek-v4-flash    1   12001   9007  3   8960    71
    glm-5.3-flash        -    3000   1000  4      0     4
    glm-5.3-flash        -   12001   9007  3   4608     7
    kimi-linear-48b      -    3000   1000  4      0     8
    kimi-linear-48b      -   12001   9007  3   7680    13
    qwen3-next-80b-a3b   -    3000   1000  4    576    21
    qwen3-next-80b-a3b   1   12001   9007  3   8640    33
    lfm2-1.2b            -    3000   1000  4    992   566
    jamba-1.5-mini       -   12001   9007  3   8960   229
    falcon-h1-7b         -   12001   9007  3   7840    14
    nemotron-3-nano-30b  -   12001   9007  3   8384    10
    mamba2-2.7b          -   12001   9007  3      0     0
"""
"""vLLM 0.33.0's own scheduler, run on a CPU without a model.

Tokens drafted with MTP, of each sequence, in common; sequences. Then what each finds once two
others have come and gone, and how many blocks of layers that attend to all they hold together.
"""


@pytest.mark.parametrize("row", [line.split() for line in COUNTED.strip().splitlines()])
def test_as_many_blocks_as_vllm_holds(row: list[str], tmp_path: Path) -> None:
    name, drafted, *numbers = row
    tokens, shared, sequences, finds, held = map(int, numbers)
    config = tmp_path / name / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(SAMPLE[name]), encoding="utf-8")
    settings = {"max_num_batched_tokens": "8192", "max_model_len": "40000"}
    found = planned(kvcalc.load(config), tokens, settings=settings, mtp=drafted == "1")
    once = found.prefixes.blocks(shared, tokens)
    full = sum(
        need.blocks(tokens)
        for group, need in zip(found.groups, found.needs(tokens), strict=True)
        if group.spec.kind == "full"
    )
    assert (found.prefixes.found(shared, tokens), once + sequences * (full - once)) == (finds, held)


BLOCK = 16 * 131_072
"""Llama 3.1 8B keeps 32 layers x (8 + 8) heads x 128 elements of 2 B of a token."""


def test_whole_blocks_of_a_prefix_are_kept_once() -> None:
    found = planned(kvcalc.load("llama-3.1-8b"), 3_000)
    # 188 blocks each, the first 62 of which hold 992 of the 1,000 tokens
    kept = found.at(3_000, 4, 1_000)
    assert kept.bytes == (62 + 4 * 126) * BLOCK
    # the ideal keeps 1,000 + 4 x 2,000 tokens
    assert kept.bytes - sum(term.bytes for term in kept.terms) == 9_000 * 131_072
    terms = {term.rule: term.bytes for term in kept.terms}
    assert terms == {
        "the last block, which a sequence does not fill": 4 * 8 * 131_072,
        "a common prefix, of which whole blocks are kept once": 3 * 8 * 131_072,
    }
    text = "of the 1,000 tokens in common 992 are kept once, in whole blocks of 16"
    assert any(note.startswith(text) for note in kept.notes)


@pytest.mark.parametrize(
    ("blocks", "sequences"),
    # one block is null; a sequence with the prefix has 188, each further one 126
    [(188, 0), (189, 1), (314, 1), (315, 2), (1_000, 7)],
)
def test_as_many_are_served_as_fit_beside_the_prefix(blocks: int, sequences: int) -> None:
    found = planned(kvcalc.load("llama-3.1-8b"), 3_000)
    assert found.capacity(blocks * BLOCK, 3_000, 1_000).largest_batch == sequences
    served = found.capacity((blocks + 1) * BLOCK - 1, 3_000, 1_000).largest_batch
    assert served == sequences


def test_each_copy_of_a_model_keeps_the_prefix() -> None:
    found = planned(kvcalc.load("llama-3.1-8b"), 3_000, dp=4)
    # five sequences: two on one copy, one on each of the others
    kept = found.at(3_000, 5, 1_000)
    assert kept.bytes == (62 + 2 * 126) * BLOCK
    assert kept.total == (4 * 62 + 5 * 126) * BLOCK
    # and three on three copies: the fourth has none
    assert found.at(3_000, 3, 1_000).total == (3 * 62 + 3 * 126) * BLOCK
    assert found.capacity(1_000 * BLOCK, 3_000, 1_000).largest_batch == 4 * 7


def test_ranks_of_one_sequence_share_blocks_of_more_tokens() -> None:
    found = planned(kvcalc.load("deepseek-v3"), 3_000, tp=4, dcp=4)
    # 64 tokens to a block of 16 on each of four ranks
    assert found.prefixes.found(1_000, 3_000) == 960
    assert found.prefixes.blocks(1_000, 3_000) == 15


@pytest.mark.parametrize(
    ("shared", "tokens", "once"),
    [(0, 3_000, 0), (15, 3_000, 0), (16, 3_000, 1), (3_000, 3_000, 187), (48, 48, 2), (1, 1, 0)],
)
def test_the_last_token_is_computed_again(shared: int, tokens: int, once: int) -> None:
    found = planned(kvcalc.load("llama-3.1-8b"), tokens)
    assert found.prefixes.blocks(shared, tokens) == once


@pytest.mark.parametrize("name", ["gemma-3-27b", "qwen3-next-80b-a3b", "deepseek-v4-flash"])
@pytest.mark.parametrize("sequences", [1, 7])
def test_terms_lead_from_what_is_stored_with_the_prefix_once(name: str, sequences: int) -> None:
    model = kvcalc.load(name)
    kept = planned(model, 20_000).at(20_000, sequences, 9_007)
    growing = sum(
        layers * settled.stored(9_007)
        for layers, settled in model.cache.tensors
        if isinstance(settled.tensor.extent, Every)
    )
    stored = sequences * model.cache.stored(20_000) - (sequences - 1) * growing
    assert stored + sum(term.bytes for term in kept.terms) == kept.bytes


@pytest.mark.parametrize(
    ("name", "settings", "note"),
    [
        (
            "llama-3.1-8b",
            {"enable_prefix_caching": "false"},
            "no sequence shares another's prefix, as enable_prefix_caching is false",
        ),
        (
            "mamba2-2.7b",
            {"enable_prefix_caching": "true"},
            "nothing of a prefix is shared: no layer attends to all of it",
        ),
    ],
)
def test_what_shares_nothing_says_why(name: str, settings: dict[str, str], note: str) -> None:
    found = planned(kvcalc.load(name), 3_000, settings=settings)
    kept = found.at(3_000, 4, 1_000)
    assert kept.bytes == found.at(3_000, 4).bytes
    assert note in kept.notes
    assert note not in found.at(3_000, 4).notes


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("llama.cpp", "a slot of its server copies nothing from the cells of another request's"),
        ("ollama", "a slot of its server copies nothing from the cells of another request's"),
        ("transformers", "its tensors have a row for each of a batch"),
    ],
)
@pytest.mark.parametrize("draft", [None, "llama-3.2-1b"])
def test_engines_that_share_no_prefix_refuse_it(engine: str, told: str, draft: str | None) -> None:
    asking = question(3_000, engine=engine)
    model = kvcalc.load("llama-3.1-8b")
    model = replace(model, draft=kvcalc.load(draft) if draft else None)
    found = plan(model.adapted(asking), asking)
    assert found
    text = f"{engine} keeps a prefix of 1,000 tokens for each sequence: {told}; leave it out"
    for ask in (lambda: found.at(3_000, 4, 1_000), lambda: found.capacity(10**10, 3_000, 1_000)):
        with pytest.raises(UsageError) as refused:
            ask()
        assert str(refused.value) == text
