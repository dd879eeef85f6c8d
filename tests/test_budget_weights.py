"""The weights of a model and what a GPU holds of them, by hand."""

from __future__ import annotations

from typing import Any

import pytest

import kvcalc
from kvcalc.budget.estimate import Estimate
from kvcalc.budget.experts import dense_layers
from kvcalc.budget.shares import draft_per_gpu, per_gpu
from kvcalc.budget.weights import unknown_weights, weight_format, weights_of
from kvcalc.errors import WrongArgument
from kvcalc.model import Model
from kvcalc.parallel.ranks import Ranks
from kvcalc.question import question

# 4 layers of 48 million parameters in use are about 1,000 wide: 12 x 4 x 1,000^2
SMALL: dict[str, Any] = {
    "name": "Small",
    "heads": 8,
    "head_dim": 64,
    "layers": 4,
    "dtype": "bf16",
    "attention": {"kind": "gqa", "kv_heads": 2},
    "parameters": 48_000_000,
}
BF16: dict[str, Any] = {**SMALL, "weight_dtype": "bf16"}
MOE = {**SMALL, "parameters": 480_000_000, "active_parameters": 48_000_000, "weight_dtype": "fp8"}
EXPERTS = {**MOE, "expert_parameters": 440_000_000}
FILE = {**EXPERTS, "parameters": None, "active_parameters": None, "weight_dtype": None}
FILE = {**FILE, "weight_bytes": 480_000_000}
# 17 million bytes of 32 million parameters in 17/32 B, and 32 million of 16 million in 2 B
MIXED = {**SMALL, "weights": {"mxfp4": 32_000_000, "bf16": 16_000_000}}
INDEXED = {
    **BF16,
    "attention": {
        "kind": "dsa", "latent_dim": 512, "rope_dim": 64, "index_heads": 8, "index_dim": 128,
        "index_dtype": "fp8", "top_k": 64, "index_parameters": 1_000_000,
    },
}  # fmt: skip
# 40 layers of 48 billion parameters are 10,000 wide
TALL = {**BF16, "layers": 40, "parameters": 48_000_000_000}
MTP = {**BF16, "mtp": 1}
LEADING = {**MOE, "layers": 8, "parameters": 323_000_007, "active_parameters": 9_000_000}
LEADING = {**LEADING, "expert_parameters": 315_000_007}
LLAMA_2 = {**BF16, "layers": 80, "heads": 64, "head_dim": 128, "parameters": 68_976_648_192}


def model(given: dict[str, Any], **changes: Any) -> Model:
    return kvcalc.load({key: v for key, v in {**given, **changes}.items() if v is not None})


def whole(given: dict[str, Any], **changes: Any) -> Estimate:
    found = weights_of(model(given, **changes))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("given", "size", "rule"),
    [
        ({**SMALL, "weight_bytes": 7}, 7, "7 B of its files"),
        ({**BF16, "weight_bytes": 7}, 7, "7 B of its files"),
        (BF16, 96_000_000, "48,000,000 parameters in bf16, as published"),
        ({**SMALL, "weight_dtype": "mxfp4"}, 25_500_000, "parameters in mxfp4"),
        (MIXED, 49_000_000, "32,000,000 in mxfp4 + 16,000,000 in bf16"),
        # a part of a byte is a byte: 33 x 17/32 is 17.53125
        ({**SMALL, "parameters": None, "weights": {"mxfp4": 33}}, 18, "33 in mxfp4"),
    ],
)
def test_published_weights_are_known(given: dict[str, Any], size: int, rule: str) -> None:
    found = whole(given)
    assert (found.low, found.likely, found.high, found.basis) == (size, size, size, "known")
    assert rule in found.rule


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        (SMALL, "--weights SIZE, or what they are stored in with --weight-dtype NAME"),
        ({**SMALL, "parameters": None}, "--weights SIZE"),
        ({**BF16, "parameters": None}, "--weights SIZE"),
    ],
)
def test_unknown_weights_stay_unknown(given: dict[str, Any], way_out: str) -> None:
    found = model(given)
    assert weights_of(found) is None
    assert unknown_weights(found).endswith(way_out)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("bf16", 96_000_000),
        ("FP8", 48_000_000),
        ("nvfp4", 27_000_000),  # 9 B for 16
        ("mxfp4", 25_500_000),  # 17 B for 32
        ("q8_0", 51_000_000),  # 34 B for 32
        ("6bit", 36_000_000),
    ],
)
def test_a_dtype_of_the_askers_counts_its_scales(dtype: str, size: int) -> None:
    # whatever the model is published in
    for given in (SMALL, BF16, MIXED, {**SMALL, "weight_bytes": 7}):
        found = weights_of(model(given), dtype=dtype)
        assert found is not None
        assert (found.low, found.high, found.basis) == (size, size, "given")
        assert found == weights_of(model(given), dtype=weight_format(dtype))


def test_given_bytes_are_those() -> None:
    for given in (SMALL, MTP, {**SMALL, "parameters": None, "weight_bytes": 7}):
        assert weights_of(model(given), 671) == Estimate(671, 671, 671, "given", "as given")


@pytest.mark.parametrize(
    ("given", "size", "dtype", "told"),
    [
        (SMALL, None, "fp9", "weight_dtype: unknown dtype 'fp9'; did you mean fp8?"),
        (SMALL, None, "fp4", "weight_dtype: the dtype 'fp4' is said of several"),
        (SMALL, None, "fp8_per_token_head", "stores the entries of a cache, not weights"),
        (SMALL, None, "fp8_ds_mla", "says how several tensors are stored, not one"),
        (SMALL, 7, "fp8", "the bytes of the weights are given: leave one of the two out"),
        (
            {**SMALL, "parameters": None},
            None,
            "fp8",
            "how many parameters Small has is not known: give --weights SIZE",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    given: dict[str, Any], size: int | None, dtype: str, told: str
) -> None:
    with pytest.raises(WrongArgument) as caught:
        weights_of(model(given), size, dtype)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "bounds", "rule"),
    [
        # 4 of 5 layers
        (MTP, (76_800_000, 96_000_000, 96_000_000), "with the MTP layer, which engines load for"),
        ({**MTP, "mtp": 2}, (64_000_000, 96_000_000, 96_000_000), "with the 2 MTP layers"),
        ({**MTP, "mtp_parameters": 8_000_000}, (80_000_000,) * 3, "without the MTP layer"),
        (
            {**MTP, "parameters": None, "weight_bytes": 10, "mtp_parameters": 8},
            (8, 10, 10),
            "with the MTP layer",
        ),
    ],
)
def test_mtp_layers_stay_out_unless_they_predict(
    given: dict[str, Any], bounds: tuple[int, int, int], rule: str
) -> None:
    found = whole(given)
    assert (found.low, found.likely, found.high) == bounds
    assert rule in found.rule
    predicting = weights_of(model(given).adapted(question(mtp=True)))
    assert predicting is not None
    assert predicting.is_exact
    assert predicting.high == given.get("weight_bytes", 96_000_000)


@pytest.mark.parametrize(
    ("given", "ranks", "bounds"),
    [
        (BF16, Ranks(), (96_000_000,) * 3),
        # both heads of keys and values are on a rank of their own; 0.2 and 1 % of all on each
        (BF16, Ranks(tp=2), (48_000_000, 48_096_000, 48_480_000)),
        # each of the 2 heads is on 2 of 4 ranks, 2 x 2 x 64 x (1/2 - 1/4) x 1,000 x 4 x 2 B more
        (BF16, Ranks(tp=4), (24_000_000, 24_656_000, 25_232_000)),
        # dense models are copied
        (BF16, Ranks(dp=4), (96_000_000,) * 3),
        # 440 / 4 + 40
        (EXPERTS, Ranks(dp=4), (150_000_000,) * 3),
        # 440 / 4 + 40 / 2, and 0.2 and 1 % of 480 / 2
        (EXPERTS, Ranks(tp=2, dp=2), (130_000_000, 130_480_000, 132_400_000)),
        # of a file that has no number of parameters: 440 million of 480 million bytes
        ({**FILE, "weight_dtype": "fp8"}, Ranks(dp=4), (150_000_000,) * 3),
        # half a byte each is 220 of them, 220 / 4 + 260; two bytes each would be all
        (FILE, Ranks(dp=4), (120_000_000, 315_000_000, 315_000_000)),
        # the 432 that a token does not use are experts; of the others nobody knows
        (MOE, Ranks(dp=4), (120_000_000, 156_000_000, 156_000_000)),
        # 32 of the 40 are in mxfp4, 17 million bytes, and 8 in bf16, 16: 33 / 2 + 16
        ({**MIXED, "expert_parameters": 40_000_000}, Ranks(dp=2), (32_500_000,) * 3),
        # latents and indexers are copied, with the queries' latents, 3 times as wide:
        # ((4 x 512 + 64) x 1,000 + 1,000,000) x 4 x 2 B / 2
        (INDEXED, Ranks(tp=2), (48_000_000, 60_544_000, 60_928_000)),
        # half of all; if the last layer alone has experts, 440 and half of the others
        (EXPERTS, Ranks(pp=2), (240_000_000, 240_000_000, 460_000_000)),
        # a third of all; 14 of 40 layers of what 2 x 131,072 x 10,000 x 2 B leave, or of all
        (TALL, Ranks(pp=3), (32_000_000_000, 32_117_504_000, 33_600_000_000)),
        # 36 of 40, of what 2 x 262,144 or 131,072 x 10,000 x 2 B leave, or of all
        (TALL, Ranks(pp=3, layers=(2, 36, 2)), (76_962_816_000, 81_681_408_000, 86_400_000_000)),
        # 45,000,001 in each of 7 layers, as 8 does not divide them: 4 of 7, and half of the
        # others; 4 of 8 at the least, and of 5 at the most
        (LEADING, Ranks(pp=2), (161_500_004, 184_000_004, 256_000_006)),
    ],
)
def test_shares_of_the_fullest_gpu(
    given: dict[str, Any], ranks: Ranks, bounds: tuple[int, int, int]
) -> None:
    found = per_gpu(model(given), whole(given), ranks)
    assert (found.low, found.likely, found.high) == bounds


def test_layers_of_prediction_are_on_the_last_stage() -> None:
    predicting = model(MTP).adapted(question(mtp=True))
    total = weights_of(predicting)
    assert total is not None
    # 3 of 5 layers, and a quarter of all for the output head, or none
    found = per_gpu(predicting, total, Ranks(pp=2))
    assert (found.low, found.likely, found.high) == (52_800_000, 52_800_000, 57_600_000)


# what the fullest GPU holds by the shapes of the layers, in 10^6 B
BY_HAND = (
    # 60 of 80 layers of what two ends of 128,256 x 8,192 x 2 B leave of 141,107
    ("llama-3.1-70b", Ranks(pp=3, layers=(10, 60, 10)), 102_678, 0.3),
    # the same of 137,953 with 32,000 x 8,192 x 2 B at either end
    (LLAMA_2, Ranks(pp=3, layers=(10, 60, 10)), 102_678, 3),
    # 8 layers of 256 x 3 x 7,168 x 2,048 in experts and 233 others each
    ("deepseek-v3", Ranks(pp=8), 92_060, 0.3),
    # 58 layers x 256 x 3 x 7,168 x 2,048 = 653,909 in experts, an eighth of them; of 689,303 the
    # MTP layer has 13,477 and 1,853 again in bf16, as it has the ends, 129,280 x 7,168 each
    ("deepseek-v3.2", Ranks(dp=8), 101_803, 0.5),
)


@pytest.mark.parametrize(("name", "ranks", "size", "percent"), BY_HAND)
def test_real_shapes_are_met(
    name: str | dict[str, Any], ranks: Ranks, size: int, percent: float
) -> None:
    published = kvcalc.load(name)
    total = weights_of(published)
    assert total is not None
    found = per_gpu(published, total, ranks)
    assert found.low <= size * 10**6 <= found.high
    assert abs(found.likely / size / 10**6 - 1) <= percent / 100


# experts are in all layers but the first few, in those of multi-token prediction too
@pytest.mark.parametrize(
    ("name", "dense"),
    [
        ("deepseek-v3", 3),  # 59 x 256 x 3 x 7,168 x 2,048
        ("deepseek-v2", 1),  # 59 x 160 x 3 x 5,120 x 1,536, which 60 divides, too
        ("kimi-k2", 1),
        ("glm-4.5", 3),
        ("qwen3-235b-a22b", 0),
        ("qwen3-next-80b-a3b", 0),
        ("longcat-flash", 0),  # its MTP layer has none
        ("nemotron-3-nano-30b", 0),  # 23 of 52: not the first few
        ("llama-3.1-8b", 0),
    ],
)
def test_leading_layers_without_experts_show_in_their_number(name: str, dense: int) -> None:
    assert dense_layers(kvcalc.load(name)) == dense


def test_shares_are_as_wide_as_what_is_known() -> None:
    # 120 million parameters, of which 72 million are experts, or 96 million bytes
    for given in (
        {**BF16, "parameters": 120_000_000, "expert_parameters": 72_000_000},
        {**SMALL, "parameters": None, "weight_bytes": 96_000_000},
    ):
        total = whole(given)
        least, likely = total.low // 4, per_gpu(model(given), total, Ranks(tp=4)).likely
        assert likely == least + 512_000 + total.low * 3 // 2000
    unknown = model({**SMALL, "parameters": None})
    given_size = Estimate.exact(4_000, "given", "as given")
    assert per_gpu(unknown, given_size, Ranks(tp=4)).likely > 1_000


def test_attention_is_in_two_bytes_where_experts_are_in_half_a_byte() -> None:
    given = {**SMALL, "weight_dtype": "mxfp4"}
    found = per_gpu(model(given), whole(given), Ranks(tp=4))
    assert found.likely == 25_500_000 // 4 + 512_000 + 25_500_000 * 3 // 2000


def test_what_shares_a_cache_has_no_projections_of_its_own() -> None:
    own = {"kind": "gqa", "kv_heads": 2}
    layers = {"attention": {"own": own, "other": {**own, "shared": True}}}
    half = model(BF16, **layers, layers={"count": 4, "pattern": ["own", "other"]})
    assert per_gpu(half, whole(BF16), Ranks(tp=4)).likely == 24_656_000 - 256_000


def test_a_draft_is_whole_on_its_stage() -> None:
    draft, total = model(BF16), whole(BF16)
    for ranks in (Ranks(tp=2, pp=3), Ranks(tp=2, pp=2, layers=(1, 9))):
        assert draft_per_gpu(draft, total, ranks) == per_gpu(draft, total, Ranks(tp=2))


@pytest.mark.parametrize(
    ("given", "ranks", "rule"),
    [
        (BF16, Ranks(), ""),
        (BF16, Ranks(dp=2), "; copied to each of dp 2"),
        (
            EXPERTS,
            Ranks(tp=2, dp=4),
            "; split over tp 2, experts over tp x dp, 8, all others copied to each dp, "
            "0 to 1 % of all, and what has no heads to split, on every rank",
        ),
        (BF16, Ranks(pp=2), "; the fullest of 2 stages"),
    ],
)
def test_the_rule_says_how(given: dict[str, Any], ranks: Ranks, rule: str) -> None:
    total = whole(given)
    found = per_gpu(model(given), total, ranks)
    assert found.rule == total.rule + rule
    assert found.basis == ("estimated" if rule else "known")


@pytest.mark.parametrize(
    ("given", "basis"),
    [
        ({**MTP, "mtp_parameters": 8_000_000}, "known"),
        ({**MIXED, "mtp": 1, "mtp_parameters": 8_000_000}, "estimated"),
        ({**SMALL, "mtp": 1, "mtp_parameters": 8_000_000, "weight_bytes": 90}, "estimated"),
    ],
)
def test_layers_of_prediction_in_several_dtypes_are_an_estimate(
    given: dict[str, Any], basis: str
) -> None:
    assert whole(given).basis == basis


# what start-up logs printed for the weights of a GPU, in GiB; those of SGLang count what its
# process takes meanwhile as well
LOGS = (
    ("vLLM 0.11.0", "qwen3-vl-30b-a3b", Ranks(tp=4), 14.7708, 1.5),
    ("vLLM 0.10.2", "qwen3-next-80b-a3b", Ranks(tp=2), 74.2812, 1),
    ("vLLM, December 2024", "llama-3.1-8b", Ranks(tp=2), 7.48, 0.5),
    ("vLLM on Gaudi, February 2025", "deepseek-r1", Ranks(tp=8), 79.41, 2.5),
    ("SGLang, March 2025", "qwen2.5-32b", Ranks(tp=4), 15.54, 1.5),
    ("SGLang, February 2026", "kimi-k2.5", Ranks(tp=8), 73.58, 3),
    ("SGLang, XPU", "nemotron-3-nano-30b", Ranks(tp=4), 14.76, 1),
    ("vLLM", "qwen3-14b", Ranks(), 27.5185, 0.1),
    ("vLLM 0.10.1", "llama-3.1-8b", Ranks(), 14.9889, 0.3),
    ("SGLang, April 2026", "qwen3-8b", Ranks(), 15.28, 0.2),
    ("SGLang, February 2025", "qwen2.5-7b", Ranks(), 14.39, 1.5),
    ("vLLM", "qwen3.8-27b", Ranks(), 51.35, 0.8),
    ("SGLang, September 2026", "qwen3.8-27b", Ranks(), 51.86, 2),
)


@pytest.mark.parametrize(("name", "ranks", "printed", "percent"), [log[1:] for log in LOGS])
def test_published_logs_are_met(name: str, ranks: Ranks, printed: float, percent: float) -> None:
    published = kvcalc.load(name)
    total = weights_of(published)
    assert total is not None
    found = per_gpu(published, total, ranks)
    assert abs(found.likely / 2**30 / printed - 1) <= percent / 100
    if ranks.tp > 1:
        assert found.low <= printed * 2**30 <= found.high


def test_where_experts_of_prediction_are_not_told_apart_both_ends_are_kept() -> None:
    # 440 million are not so many times as many in any number of layers
    given = {**EXPERTS, "expert_parameters": 439_999_999, "mtp": 1, "mtp_parameters": 100_000_000}
    given = {**given, "layers": 29}
    assert dense_layers(model(given)) == 0
    found = per_gpu(model(given), whole(given), Ranks(dp=2))
    # 380 million are loaded: all of experts, or but for 100 million less
    assert (found.low, found.likely, found.high) == (190_000_000, 190_000_000, 210_000_001)


def test_of_parameters_in_use_alone_nothing_is_known() -> None:
    given = {**FILE, "expert_parameters": None, "active_parameters": 48_000_000}
    found = per_gpu(model(given), whole(given), Ranks(dp=4))
    assert (found.low, found.likely, found.high) == (120_000_000, 480_000_000, 480_000_000)
