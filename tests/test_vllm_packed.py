"""Models whose blocks lie outside layers, as the planner of vLLM 0.33.0 keeps them, with each sum.

Pages of unlike bytes share a block, whose stride is a multiple of what every kernel reads.
"""

from __future__ import annotations

from typing import Any

import pytest

import kvcalc
from kvcalc.engines import plan
from kvcalc.errors import UsageError
from kvcalc.question import question

CONTEXT = 131_072
# two of eight layers sparse latents of 512 + 64, six windows of 512 with latents of 1,024 + 64
DOTS3: dict[str, Any] = {
    "name": "dots3",
    "architecture": "dots3_note",
    "dtype": "bf16",
    "heads": 64,
    "head_dim": 128,
    "layers": {"count": 8, "pattern": ["global", "local*3"]},
    "attention": {
        "global": {
            "kind": "dsa",
            "latent_dim": 512,
            "rope_dim": 64,
            "index_heads": 64,
            "index_dim": 128,
            "top_k": 2_048,
        },
        "local": {
            "kind": "mla",
            "latent_dim": 1_024,
            "rope_dim": 64,
            "nope_dim": 192,
            "window": 512,
        },
    },
}
STEP = {"max_num_batched_tokens": 8_192}

PLANS: tuple[tuple[str | dict[str, Any], dict[str, Any], int, int], ...] = (
    # 2 x (64 x 2,176 + 64 x 132) B to a multiple of 2,176; 265 blocks of each of three windows
    (DOTS3, {}, 841_346_048, (2_048 + 3 * 265) * 136 * 2_176),
    (DOTS3, {"tp": 8}, 841_346_048, (2_048 + 3 * 265) * 136 * 2_176),
    (DOTS3, {"pp": 2}, 477_492_736, (2_048 + 3 * 393) * 68 * 2_176),
    # of 128 tokens, two kernel blocks of 64 keys: to a multiple of lcm(2,176, 8,448) = 143,616
    (
        DOTS3,
        {"settings": {**STEP, "block_size": 128}},
        1_021_827_840,
        (1_024 + 3 * 133) * 5 * 143_616,
    ),
    # index keys of 4 tokens, 4,352 to a block: 11 x (4,352 x 1,024 + 1,088 x 132) B
    ("glm-5.3-flash", {}, 2_227_298_304, (4 * 3 + 31 + 1) * 50_620_416),
    ("glm-5.3-flash", {"tp": 2}, 1_872_955_392, (4 * 3 + 61 + 1) * 25_310_208),
    ("glm-5.3-flash", {"pp": 2}, 1_214_754_816, 44 * 27_608_064),
    # a token drafted: 12 layers of attention, a block more of each state, rings of 8 slots
    ("glm-5.3-flash", {"mtp": True}, 2_429_509_632, (3 * 4 + 31 + 1) * 55_216_128),
)


@pytest.mark.parametrize(("model", "asked", "reserved", "in_sum"), PLANS)
def test_bytes_of_a_sequence(
    model: str | dict[str, Any], asked: dict[str, Any], reserved: int, in_sum: int
) -> None:
    asking = question(CONTEXT, engine="vllm", **{"settings": STEP, **asked})
    found = plan(kvcalc.load(model).adapted(asking), asking)
    assert found
    assert found.at(CONTEXT, 1).bytes == reserved == in_sum


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"kv_dtype": "fp8"}, "in 16-bit floats alone"),
        ({"tp": 8, "dcp": 8}, "a window cannot be shared out"),
        ({"settings": {"gpu": "a100"}}, "no attention backend of the a100"),
    ],
)
def test_refused_as_vllm_does(asked: dict[str, Any], why: str) -> None:
    asking = question(CONTEXT, engine="vllm", **asked)
    model = kvcalc.load(DOTS3).adapted(asking)
    with pytest.raises(UsageError, match=why):
        plan(model, asking)


def test_rows_padded_to_the_widest_are_a_term() -> None:
    shown = kvcalc.show(DOTS3, CONTEXT, engine="vllm", settings=STEP)
    assert shown.reservation
    terms = {term.rule: term.bytes for term in shown.reservation.terms}
    assert shown.stored + sum(terms.values()) == 841_346_048
    assert terms["rows of latents padded to the widest"] == 2 * CONTEXT * (2_176 - 1_152)
