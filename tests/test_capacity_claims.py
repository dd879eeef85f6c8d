"""Claims of servers: tokens, concurrency, sequences and bytes reserved, with the sums by hand."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.errors import InputError, UsageError
from tests.problems import LEAKS

if TYPE_CHECKING:
    from tests.conftest import Cli

PLAIN = """\
name: Plain
architecture: llama
heads: 32
head_dim: 128
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 8 }
max_context: 131072
"""
"""4 x 2 x 8 x 128 x 2 = 16,384 B a token, 262,144 a block of 16, and 65,536 B a token as MHA: 1 GiB
is 65,536 tokens, 4,096 blocks, 8 sequences of 8,192 tokens."""
STATE = """\
name: State
layers: 2
dtype: bf16
attention:
  kind: custom
  tensors: [{ name: s, role: state, heads: 16, width: 1024, fixed: 1, reads: read_write }]
"""
GPU = """\
name: Ten
vendor: Nobody
memory: 10GiB
bandwidth: 1TB/s
"""
KNOWN = "gpu: ten.yaml\nutilization: 0.9\nweights: 1GiB\nactivations: 0.5GiB\noverhead: 0.5GiB"
"""0.9 x 10 - 1 - 0.5 - 0.5 = 7 GiB, 458,752 tokens."""
HEAD = "    quote: so they say\n    source: { from: a paper, read: 2026-11-27, primary: true }\n"


def written(folder: Path, body: str) -> str:
    for name, text in {"plain": PLAIN, "state": STATE, "ten": GPU}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    path = folder / "claims.yaml"
    lines = textwrap.indent(body.strip() + "\n", "    ")
    path.write_text(f"claims:\n  - id: it\n{HEAD}{lines}", encoding="utf-8")
    return str(path)


def judged(folder: Path, body: str) -> kvcalc.Result:
    (result,) = kvcalc.check(written(folder, body)).results
    return result


class Case(NamedTuple):
    """A claim of `plain.yaml`, the figure, the verdict, what is computed, and the sum."""

    said: str
    expect: str
    verdict: str
    computed: str
    by_hand: str


CASES = {
    "tokens": Case(
        "memory: 1.00GiB", "native.tokens: 65,536 tokens", "confirmed", "65,536 tokens", "1 GiB"
    ),
    "tokens: the fewest that the memory stands for": Case(
        "memory: 1.00GiB",
        "native.tokens: 65,208 tokens",
        "confirmed",
        "65,536 tokens",
        "0.995 GiB / 16,384 B = 65,208.3",
    ),
    "tokens: one less": Case(
        "memory: 1.00GiB", "native.tokens: 65,207 tokens", "refuted", "65,536 tokens", "65,208.3"
    ),
    "tokens: the most": Case(
        "memory: 1.00GiB",
        "native.tokens: 65,863 tokens",
        "confirmed",
        "65,536 tokens",
        "1.005 GiB / 16,384 B = 65,863.68",
    ),
    "tokens: one more": Case(
        "memory: 1.00GiB", "native.tokens: 65,864 tokens", "refuted", "65,536 tokens", "65,863.68"
    ),
    "tokens: a digit more of the memory": Case(
        "memory: 1.0000GiB",
        "native.tokens: 65,208 tokens",
        "refuted",
        "65,536 tokens",
        "0.99995 GiB / 16,384 B = 65,532.7",
    ),
    "tokens: memory to the byte": Case(
        "memory: 1073741824 B", "native.tokens: 65,535 tokens", "refuted", "65,536 tokens", "1 GiB"
    ),
    "tokens: of a whole GiB": Case(
        "memory: 1GiB", "native.tokens: 98,303 tokens", "confirmed", "65,536 tokens", "1.5 GiB - 1"
    ),
    "tokens: at least": Case(
        "memory: 1.00GiB", "native.tokens: > 65,862 tokens", "confirmed", "65,536 tokens", "65,863"
    ),
    "tokens: more than there are": Case(
        "memory: 1.00GiB", "native.tokens: > 65,863 tokens", "refuted", "65,536 tokens", "65,863"
    ),
    "tokens: at most": Case(
        "memory: 1.00GiB", "native.tokens: < 65,208 tokens", "confirmed", "65,536 tokens", "65,208"
    ),
    "tokens: less than there are": Case(
        "memory: 1.00GiB", "native.tokens: < 65,207 tokens", "refuted", "65,536 tokens", "65,208"
    ),
    "tokens: of another scheme": Case(
        "memory: 1.00GiB",
        "mha.tokens: 16,384 tokens",
        "confirmed",
        "16,384 tokens",
        "1 GiB / 65,536 B",
    ),
    "tokens: of fp8": Case(
        "memory: 1.00GiB\nkv_dtype: fp8",
        "native.tokens: 131,072 tokens",
        "confirmed",
        "131,072 tokens",
        "1 GiB / 8,192 B",
    ),
    "tokens: two ranks share the heads": Case(
        "memory: 1.00GiB\ntp: 2",
        "native.tokens: 131,072 tokens",
        "confirmed",
        "131,072 tokens",
        "4 heads each: 1 GiB / 8,192 B",
    ),
    "tokens: stages of layers": Case(
        "memory: 1.00GiB\npp_layers: [3, 1]",
        "native.tokens: 87,381 tokens",
        "confirmed",
        "87,381 tokens",
        "three layers: 1 GiB / 12,288 B = 87,381.3",
    ),
    "tokens: of several sequences": Case(
        "memory: 1.00GiB\nbatch: 4",
        "native.tokens: 16,384 tokens",
        "confirmed",
        "16,384 tokens",
        "each of the four: 65,536 / 4",
    ),
    "tokens: vLLM's blocks": Case(
        "memory: 1.00GiB\nengine: vllm\ncontext: 8192",
        "native.tokens: 65,552 tokens",
        "confirmed",
        "65,536 tokens",
        "4,097 blocks of 262,144 B are 1.0002 GiB",
    ),
    "tokens: none between blocks": Case(
        "memory: 1.00GiB\nengine: vllm\ncontext: 8192",
        "native.tokens: 65,537 tokens",
        "refuted",
        "65,536 tokens",
        "multiples of 16",
    ),
    "tokens: where a server does not start": Case(
        "memory: 1073741824 B\nengine: vllm\ncontext: 131072",
        "native.tokens: 65,520 tokens",
        "confirmed",
        "65,520 tokens",
        "it would with 4,096 blocks, of which one stays null, less 16 tokens",
    ),
    "concurrency": Case(
        "memory: 1.00GiB\nengine: vllm\ncontext: 8192",
        "native.concurrency: 8.00x",
        "confirmed",
        "8x",
        "4,096 / 512 blocks",
    ),
    "concurrency: of another context": Case(
        "memory: 1073741824 B\nengine: vllm\ncontext: 8192",
        "native.concurrency@4096: 8.00x",
        "refuted",
        "16x",
        "4,096 / 256",
    ),
    "concurrency: of none": Case(
        "memory: 0.01GiB\nengine: vllm\ncontext: 8192",
        "native.concurrency: 0.00x",
        "confirmed",
        "0x",
        "41 blocks are fewer than 512",
    ),
    "sequences": Case(
        "memory: 1.00GiB\ncontext: 8192",
        "native.sequences: 8 sequences",
        "confirmed",
        "8 sequences",
        "1 GiB / 128 MiB",
    ),
    "sequences: one less than the memory as printed has": Case(
        "memory: 1.00GiB\ncontext: 8192",
        "native.sequences: 7 sequences",
        "confirmed",
        "8 sequences",
        "0.995 GiB / 128 MiB = 7.96",
    ),
    "sequences: one more": Case(
        "memory: 1.00GiB\ncontext: 8192",
        "native.sequences: 9 sequences",
        "refuted",
        "8 sequences",
        "1.005 GiB / 128 MiB = 8.04",
    ),
    "sequences: of two copies": Case(
        "memory: 1073741824 B\ncontext: 8192\ndp: 2",
        "native.sequences: 16 sequences",
        "confirmed",
        "16 sequences",
        "8 each",
    ),
    "reserved": Case(
        "engine: vllm\ncontext: 8200",
        "native.reserved: 128.25 MiB",
        "confirmed",
        "128.25 MiB",
        "513 blocks of 256 KiB",
    ),
    "reserved: settings": Case(
        "engine: llama.cpp\ncontext: 8192\nbatch: 2\nsettings: { n_parallel: 2, type_v: q8_0 }",
        "native.reserved: 196.00 MiB",
        "confirmed",
        "196.00 MiB",
        "2 x 8,192 cells x 4 layers x 1,024 x (2 + 34/32) B",
    ),
    "reserved: of a draft, too": Case(
        "engine: vllm\ncontext: 8192\ndraft: plain.yaml",
        "native.reserved: 256.00 MiB",
        "confirmed",
        "256.00 MiB",
        "512 blocks of 262,144 B each",
    ),
    "a GPU of which all is known": Case(
        KNOWN, "native.tokens: 458,752 tokens", "confirmed", "458,752 tokens", "7 GiB"
    ),
    "a GPU, and what is left of it": Case(
        "gpu: ten.yaml\nmemory: 1.00GiB",
        "native.tokens: 65,536 tokens",
        "confirmed",
        "65,536 tokens",
        "1 GiB",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_computed(case: Case, tmp_path: Path) -> None:
    entry, _, figure = case.expect.partition(": ")
    body = f'model: plain.yaml\n{case.said}\nexpect: {{ {entry}: "{figure}" }}'
    result = judged(tmp_path, body)
    assert (result.verdict, result.computed_text) == (case.verdict, case.computed), case.by_hand


def test_nothing_ends_where_nothing_grows(tmp_path: Path) -> None:
    body = "model: state.yaml\nmemory: 1.00GiB\nexpect: { native.tokens: 9 tokens }"
    result = judged(tmp_path, body)
    assert (result.verdict, result.computed_text) == ("refuted", "undefined")


def test_a_range_without_an_end_is_not_told(tmp_path: Path) -> None:
    """128 KiB of states: nothing fits at the least that is printed so, and anything at the most."""
    body = 'model: state.yaml\nmemory: 65000.0 B\nexpect: { native.tokens: "> 9 tokens" }'
    assert judged(tmp_path, body).computed_text == "0 tokens"
    body = 'model: state.yaml\nmemory: 0.00012GiB\nexpect: { native.tokens: "> 9 tokens" }'
    assert judged(tmp_path, body).note == ""


SIDES = """\
of:
  a: { model: plain.yaml, memory: 1.00GiB }
  b: { model: plain.yaml, memory: MEMORY, kv_dtype: fp8 }
expect: { b.tokens/a.tokens: FIGURE }
"""


@pytest.mark.parametrize(
    ("memory", "figure", "verdict", "by_hand"),
    [
        ("2.00GiB", "4.00x", "confirmed", "2 GiB / 8,192 B over 1 GiB / 16,384 B"),
        ("2.00GiB", "4.02x", "confirmed", "2.005 GiB over 0.995 GiB: 4.03"),
        ("2.00GiB", "3.98x", "confirmed", "1.995 over 1.005: 3.97"),
        ("2.00GiB", "4.04x", "refuted", "4.03 at the most"),
        ("2.00GiB", "3.96x", "refuted", "3.97 at the least"),
        ("2.00GiB", "-", "", ""),
    ],
)
def test_two_sides_with_printed_memories(
    memory: str, figure: str, verdict: str, by_hand: str, tmp_path: Path
) -> None:
    body = SIDES.replace("MEMORY", memory).replace("FIGURE", figure)
    if figure == "-":
        body = body.replace("b.tokens/a.tokens: -", 'b.tokens: "262,144 tokens"')
        verdict = "confirmed"
    assert judged(tmp_path, body).verdict == verdict, by_hand


ON_GPU = "model: plain.yaml\ncontext: 8192\ngpu: ten.yaml\nweights: 1GiB\nutilization: 0.9\n"


@pytest.mark.parametrize(
    ("share", "more", "verdict"),
    [
        (1, "", "confirmed"),
        (0.99, "", "not-computable"),
        (2, "", "refuted"),
        (0.1, "", "refuted"),
        (0, "", "refuted"),
        (2, 'holds_if: { memory: "SIZE B" }', "holds-if"),
        (0.99, 'holds_if: { memory: "SIZE B" }', "holds-if"),
        (2, "holds_if: { memory: 1.00GiB }", "refuted"),
    ],
)
def test_an_estimate_decides_beyond_its_range_alone(
    share: float, more: str, verdict: str, tmp_path: Path
) -> None:
    written(tmp_path, "model: plain.yaml")
    beside = {"gpu": tmp_path / "ten.yaml", "weights": "1GiB", "utilization": 0.9, "context": 8192}
    left = kvcalc.fit(tmp_path / "plain.yaml", **beside).rows[0].budget.available  # type: ignore[arg-type]
    low, likely, high = (size // 16_384 for size in (left.low, left.likely, left.high))
    tokens = int(share * likely)
    claim = ON_GPU + more.replace("SIZE", str(tokens * 16_384))
    result = judged(tmp_path, f'{claim}\nexpect: {{ native.tokens: "{tokens:,} tokens" }}')
    assert result.verdict == verdict
    assert result.computed_text == f"{likely:,} tokens"
    off = {1: (), 0.99: "+1.0 %", 2: "-50.0 %", 0.1: "+900.0 %", 0: "of none"}[share]
    assert result.remarks == ((f"an estimate, {off}",) if off else ())
    span = f"so {low:,} tokens to {high:,} tokens"
    assert f"{span}; {tokens:,} tokens reported, {likely:,} tokens predicted, " in result.note


def test_the_note_says_what_a_printed_memory_stands_for(tmp_path: Path) -> None:
    body = 'model: plain.yaml\nmemory: 1.00GiB\nexpect: { native.tokens: "65,208 tokens" }'
    told = "The memory is printed to its last digit, and stands for 65,208 tokens to 65,863 tokens."
    assert judged(tmp_path, body).note == told
    assert judged(tmp_path, body.replace("65,208", "65,536")).note == ""
    assert judged(tmp_path, body.replace("65,208", "1")).note == ""


def test_beyond_its_context_is_told(tmp_path: Path) -> None:
    said = "model: plain.yaml\ncontext: 262144\nmemory: 9GiB"
    body = f"{said}\nexpect: {{ native.sequences: 2 sequences }}"
    assert "beyond Plain's own 131,072 tokens" in judged(tmp_path, body).note


WRONG = {
    "no machine": (
        "expect: { native.tokens: 9 tokens }",
        (6, 15, "native.tokens is of a server, whose memory is not known", "write memory:"),
    ),
    "no engine": (
        "expect: { native.reserved: 9 GiB }",
        (6, 15, "native.reserved is of a server, whose engine is not named", "write engine:"),
    ),
    "a server without a figure of one": (
        "engine: vllm\nexpect: { native.stored: 9 GiB }",
        (7, 15, "native.stored is of the cache, in which engine, GPUs and layout have no part", ""),
    ),
    "a layout without one": (
        "tp: 2\nexpect: { mha/gqa: 4x }",
        (7, 15, "mha/gqa is of the cache", "write reserved, tokens, concurrency or sequences"),
    ),
    "what a GPU has, and none": (
        "memory: 1GiB\ngpus: 2\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "gpus is of a GPU: write gpu:", ""),
    ),
    "settings without an engine": (
        "memory: 1GiB\nsettings: { block_size: 16 }\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "the settings are an engine's, and none is named", ""),
    ),
    "a GPU twice": (
        "gpu: ten.yaml\nengine: vllm\nsettings: { gpu: h100 }\nexpect: { native.tokens: 9 tokens }",
        (8, 5, "leave gpu out of the settings", ""),
    ),
    "a dtype of no draft": (
        "memory: 1GiB\ndraft_kv_dtype: fp8\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "a draft's dtype is said, and no draft: write draft:", ""),
    ),
    "weights twice": (
        "gpu: ten.yaml\nweights: 1GiB\nweight_dtype: fp8\nexpect: { native.tokens: 9 tokens }",
        (8, 5, "keep of weights or weight_dtype, not both", ""),
    ),
    "an unknown GPU": (
        "gpu: h1000\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "no file and no bundled GPU is called 'h1000'", "did you mean"),
    ),
    "a GPU outside": (
        "gpu: ../../../../../../../../etc/hosts\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "is no bundled GPU and not below this file's folder", "--allow-outside"),
    ),
    "a broken GPU": (
        "gpu: plain.yaml\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "plain.yaml:1:1: this is no GPU file", "it says what a GPU is"),
    ),
    "an unknown draft": (
        "memory: 1GiB\ndraft: plian.yaml\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "plian.yaml", ""),
    ),
    "memory without a unit": (
        "memory: 40\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "memory: 40 has no unit; write it as it was printed, like 53.71GiB", ""),
    ),
    "memory of another unit": (
        "memory: 40 tokens\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "'40 tokens' is no size; write it as it was printed", ""),
    ),
    "memory of about": (
        "memory: about 40GiB\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "is no size; write it as it was printed", ""),
    ),
    "memory that is none": (
        "memory: plenty\nexpect: { native.tokens: 9 tokens }",
        (6, 5, "memory: 'plenty' is not a figure", ""),
    ),
    "a part that is none": (
        "gpu: ten.yaml\nutilization: 1.5\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "utilization: 1.5 is not between 0 and 1", ""),
    ),
    "a part that is no number": (
        "gpu: ten.yaml\nutilization: true\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "utilization: write a part of a whole, like 0.92", ""),
    ),
    "ranks": (
        "memory: 1GiB\ntp: 0\nexpect: { native.tokens: 9 tokens }",
        (7, 5, "tp is 0; it must be at least 1", ""),
    ),
    "stages": (
        "memory: 1GiB\npp_layers: [1, 0]\nexpect: { native.tokens: 9 tokens }",
        (7, 20, "pp_layers is 0; it must be at least 1", ""),
    ),
    "settings that are none": (
        "memory: 1GiB\nengine: vllm\nsettings: [1]\nexpect: { native.tokens: 9 tokens }",
        (8, 5, "write settings of the engine by their names", ""),
    ),
    "a setting that is a list": (
        "memory: 1GiB\nengine: vllm\nsettings: { block_size: [1] }\n"
        "expect: { native.tokens: 9 tokens }",
        (8, 5, "settings: block_size is [1]; write a number, true, or a word", ""),
    ),
    "a unit of another quantity": (
        "memory: 1GiB\nexpect: { native.tokens: 9 GiB }",
        (7, 15, "native.tokens counts tokens; write it like 28 tokens", ""),
    ),
}


@pytest.mark.parametrize(("body", "wrong"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_its_place(
    body: str, wrong: tuple[int, int, str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, f"model: plain.yaml\n{body}")
    with pytest.raises(InputError) as caught:
        kvcalc.check(path)
    (problem,) = caught.value.problems
    line, column, message, hint = wrong
    assert (problem.file, problem.line, problem.column) == (path, line, column), str(problem)
    assert message in problem.message
    assert hint in f"{problem.message}\n{problem.hint}"
    assert not [leak for leak in LEAKS if leak in str(problem)]


UNANSWERABLE = {
    "an unknown engine": (
        "engine: vlm\nexpect: { native.reserved: 9 GiB }",
        "unknown engine 'vlm'; did you mean vllm",
    ),
    "an unknown setting": (
        "engine: vllm\nsettings: { blocksize: 9 }\nexpect: { native.reserved: 9 GiB }",
        "has no setting 'blocksize'; did you mean block_size",
    ),
    "no engine that prints it": (
        "memory: 9GiB\ncontext: 8192\nexpect: { native.concurrency: 9x }",
        "concurrency is what an engine prints of its cache, and none does here: write sequences",
    ),
    "unknown weights": (
        "gpu: ten.yaml\nexpect: { native.tokens: 9 tokens }",
        "the bytes of Plain's weights are not known: write weights:, or memory:",
    ),
    "several layouts": (
        f"{KNOWN}\ngpus: 4\nexpect: {{ native.tokens: 9 tokens }}",
        "4 GPUs can be laid out in several ways: write tp, pp or dp",
    ),
    "more ranks than GPUs": (
        f"{KNOWN}\ngpus: 2\ntp: 4\nexpect: {{ native.tokens: 9 tokens }}",
        "4 ranks are more than 2 GPUs",
    ),
}


@pytest.mark.parametrize(("body", "told"), UNANSWERABLE.values(), ids=UNANSWERABLE)
def test_what_cannot_be_answered_is_told_with_its_place(
    body: str, told: str, tmp_path: Path
) -> None:
    path = written(tmp_path, f"model: plain.yaml\n{body}")
    with pytest.raises(UsageError) as caught:
        kvcalc.check(path)
    assert str(caught.value).startswith(f"{path}:2: it: ")
    assert told in str(caught.value)


def test_a_claim_may_say_it_for_all_of_its_sides(tmp_path: Path) -> None:
    """1 GiB each: 65,536 and 131,072 tokens."""
    body = """\
memory: 1073741824 B
engine: vllm
context: 8192
of:
  bf16: { model: plain.yaml }
  fp8: { model: plain.yaml, kv_dtype: fp8 }
expect: { fp8.tokens/bf16.tokens: 2.00x }
"""
    assert judged(tmp_path, body).verdict == "confirmed"
    assert judged(tmp_path, body.replace("2.00x", "50%")).verdict == "confirmed"
    assert judged(tmp_path, body.replace("2.00x", "51%")).verdict == "refuted"


def test_a_gpu_may_come_from_anywhere_if_that_is_allowed(tmp_path: Path, cli: Cli) -> None:
    path = written(tmp_path, f"model: plain.yaml\n{KNOWN}\nexpect: {{ native.tokens: 9 tokens }}")
    text = Path(path).read_text(encoding="utf-8")
    outside = tmp_path / "below" / "claims.yaml"
    outside.parent.mkdir()
    outside.write_text(text.replace(": plain.", ": ../plain.").replace(": ten.", ": ../ten."))
    ran = cli("check", "--allow-outside", str(outside), "--json")
    assert json.loads(ran.out)["results"][0]["computed"] == "458,752 tokens"


BY_HAND: dict[str, tuple[str, str]] = {
    "vllm-qwen3-vl-30b-4x3090": (
        "100,912 tokens",
        "2.31 GiB / (16 x 48 x 2 x 1 x 128 x 2 B) = 6,307.8 blocks",
    ),
    "vllm-llama-3.1-8b-53.71-gib": ("439,984 tokens", "53.71 GiB / 2 MiB = 27,499.5 blocks"),
    "vllm-qwen3.8-27b-30-gib": (
        "974,864 tokens",
        "30 GiB / (1,568 x 32,768 B) = 626.9; int(626 / (502 + 3) x 786,432)",
    ),
    "vllm-qwen3.6-27b-mtp-2-gb10": ("5.2291x", "936 / (164 + 3 x 5)"),
    "vllm-glm-5.2-rocm": (
        "93,760 tokens",
        "8.09 GiB / (64 x (78 x 1,152 + 21 x 132) B) = 1,465.2 blocks of 64",
    ),
    "llama.cpp-qwen3.5-9b-262k-q8": (
        "4,452.50 MiB",
        "8 x 262,144 x 2,048 x 34/32 B = 4,352 MiB, and 2 x 50.25",
    ),
    "llama.cpp-gpt-oss-20b-131k": ("3,090.00 MiB", "12 x 131,072 x 2,048 B + 12 x 768 x 2,048 B"),
    "sglang-qwen3.8-27b-gb10-states": ("51.7571 GiB", "361 x 153,944,064 B"),
    "doubleword-492000-tokens": ("488,281 tokens", "64 GB / 131,072 B"),
    "mikamirai-600-sequences": ("50 sequences", "68 GB / (4,096 x 327,680 B) = 50.7"),
}


@pytest.fixture(scope="module")
def capacities() -> dict[str, kvcalc.Result]:
    return {result.id: result for result in kvcalc.check("capacities").results}


@pytest.mark.parametrize("name", BY_HAND)
def test_bundled_capacities_by_hand(name: str, capacities: dict[str, kvcalc.Result]) -> None:
    computed, by_hand = BY_HAND[name]
    assert capacities[name].computed_text == computed, by_hand


def test_many_capacities_are_held_and_most_are_met(capacities: dict[str, Any]) -> None:
    verdicts = [result.verdict for result in capacities.values() if result.printed]
    assert len(verdicts) >= 60
    assert verdicts.count("confirmed") >= 35
    estimates = [one for one in capacities.values() if one.id.startswith("estimate-")]
    assert len(estimates) >= 6
    for one in estimates:
        assert "Estimated: " in one.note
        assert one.remarks[0].startswith("an estimate, ")
        assert (one.verdict, one.ok) == ("holds-if", True)


def test_the_readme_has_the_error_of_every_estimate(capacities: dict[str, kvcalc.Result]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| claim of a server |") :].split("\n\n")[0].splitlines()[2:]
    computed = [
        f"| `{one.id}` | {one.computed_text} | {one.printed} | "
        f"{one.remarks[0].removeprefix('an estimate, ')} |"
        for one in capacities.values()
        if one.id.startswith("estimate-")
    ]
    assert table == computed


def test_too_many_figures_of_servers_are_refused(tmp_path: Path) -> None:
    """501 of them, each of one attention entry, count ten sums."""
    body = (
        f'{HEAD}    model: plain.yaml\n    memory: 1GiB\n    expect: {{ gqa.tokens: "9 tokens" }}\n'
    )
    path = Path(written(tmp_path, "model: plain.yaml"))
    claims = "".join(f"  - id: c{number}\n{body}" for number in range(501))
    path.write_text(f"claims:\n{claims}", encoding="utf-8")
    with pytest.raises(InputError, match="more than 5,000 sums"):
        kvcalc.check(str(path))
