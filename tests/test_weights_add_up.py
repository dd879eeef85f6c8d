"""What the weights of a bundled model add up to: its shapes, by hand, in the dtypes they are in."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pytest

import kvcalc
from kvcalc.bundle import bundled

# DeepSeek-V3: width 7,168, 62 layers with the multi-token-prediction module's, 59 of them mixtures
# of 257 experts. The module repeats embedding and output head, and joins two states in one.
V3_ATTENTION = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168
V3_EXPERT = 3 * 7168 * 2048
V3_NORMS = 62 * (2 * 7168 + 1536 + 512) + 7168 + 3 * 7168
V3_JOIN = 2 * 7168 * 7168
V3 = {
    "fp8": 62 * V3_ATTENTION + 3 * 3 * 7168 * 18432 + 59 * 257 * V3_EXPERT,
    "bf16": 4 * 129280 * 7168 + 59 * 256 * 7168 + V3_NORMS + V3_JOIN,
    "fp32": 59 * 256,
}

# GLM-5.2 and 5.3: width 6,144, 79 layers with the module's, 76 of them mixtures, 22 indexers.
GLM_ATTENTION = 6144 * 2048 + 2048 * 64 * 256 + 6144 * 576 + 512 * 64 * 448 + 64 * 256 * 6144
GLM_INDEXER = 2048 * 32 * 128 + 6144 * 128
GLM_NORMS = 79 * (2 * 6144 + 2048 + 512) + 6144 + 3 * 6144 + 22 * 2 * 128
GLM_FP8 = 79 * GLM_ATTENTION + 3 * 3 * 6144 * 12288 + 76 * 257 * 3 * 6144 * 2048 + 22 * GLM_INDEXER
GLM_BF16 = 2 * 154880 * 6144 + 76 * 256 * 6144 + 2 * 6144 * 6144 + GLM_NORMS + 22 * 6144 * 32


def deepseek_v4(
    layers: int, width: int, heads: int, query: int, groups: int, experts: int, expert: int,
    sparse: int, heavy: int,
) -> dict[str, int]:  # fmt: skip
    """Parameters by dtype, the one multi-token-prediction layer among the layers.

    sparse  layers that compress by 4, with an indexer; heavy: by 128
    """
    attention = width * query + query * heads * 512 + width * 512
    attention += heads * 512 // groups * groups * 1024 + groups * 1024 * width
    mlp = 3 * width * expert
    # each side of a hyper-connection mixes 24 of 4 streams; the heads of model and module mix 4
    streams = layers * 2 * (24 * 4 * width + 24 + 3) + 2 * (4 * 4 * width + 4 + 1)
    positions = sparse * 4 * (2 * 512 + 2 * 128) + heavy * 128 * 512
    compressors = sparse * (4 * width * (512 + 128) + 512 + 128) + heavy * (2 * width * 512 + 512)
    return {
        "mxfp4": layers * experts * mlp,
        "fp8": layers * (attention + mlp) + sparse * query * 64 * 128 + 2 * width * width,
        "bf16": 2 * 129280 * width + layers * (experts * width + 2 * width + query + 512)
        + compressors + sparse * width * 64 + 4 * width,
        "fp32": streams + layers * heads + (layers - 3) * experts + positions,
    }  # fmt: skip


def gpt_oss(layers: int, experts: int) -> dict[str, int]:
    """Parameters by dtype: the experts' matrices in mxfp4, with their biases all others in bf16."""
    heads = 64 * 64
    attention = 2880 * (heads + 2 * 512) + heads + 2 * 512 + heads * 2880 + 2880 + 64
    return {
        "mxfp4": layers * experts * 3 * 2880 * 2880,
        "bf16": 2 * 201088 * 2880 + 2880
        + layers * (attention + 2 * 2880 + experts * (2880 + 1) + experts * 3 * 2880),
    }  # fmt: skip


# MiniMax-M2.5: width 3,072, 62 layers of 256 experts; queries and keys are normed over all heads
MINIMAX_M2_FP8 = 62 * (2 * 3072 * 6144 + 2 * 3072 * 1024 + 256 * 3 * 3072 * 1536)
MINIMAX_M2 = {
    "fp8": MINIMAX_M2_FP8,
    "bf16": 2 * 200064 * 3072 + 3072 + 62 * (2 * 3072 + 6144 + 1024),
    "fp32": 62 * (256 * 3072 + 256) + MINIMAX_M2_FP8 // (128 * 128),
}

WEIGHTS = {
    "deepseek-r1": V3,
    "deepseek-v3": V3,
    "deepseek-v3.1": V3,
    "deepseek-v3.2": {
        "fp8": V3["fp8"] + 62 * (1536 * 64 * 128 + 7168 * 128),
        "bf16": V3["bf16"] + 62 * (7168 * 64 + 2 * 128),
        "fp32": V3["fp32"],
    },
    "deepseek-v4-flash": deepseek_v4(44, 4096, 64, 1024, 8, 256, 2048, 21, 20),
    "deepseek-v4-pro": deepseek_v4(62, 7168, 128, 1536, 16, 384, 3072, 30, 31),
    "glm-5.2": {"bf16": GLM_FP8 + GLM_BF16, "fp32": 76 * 256},
    "glm-5.3": {"fp8": GLM_FP8, "bf16": GLM_BF16, "fp32": 76 * 256},
    "gpt-oss-120b": gpt_oss(36, 128),
    "gpt-oss-20b": gpt_oss(24, 32),
    "minimax-m2.5": MINIMAX_M2,
}
# A.X K2: width 7,168, 61 layers, 60 of them mixtures of 257 experts. Query and output gate are one
# matrix, twice as deep as its rank; the norms before attention and mixture are gated at rank 16.
AXK2_ATTENTION = (
    7168 * 1536 + 2 * 1536 * 64 * (192 + 128) + 7168 * 576 + 512 * 64 * 256 + 64 * 128 * 7168
)
AXK2_INDEXER = 1536 * 64 * 128 + 7168 * 128 + 7168 * 64 + 2 * 128
AXK2_NORMS = 2 * 7168 + 1536 + 512

PARAMETERS = {
    "a.x-k2": 2 * 163840 * 7168 + 7168 + 61 * (AXK2_ATTENTION + AXK2_INDEXER + AXK2_NORMS)
    + 3 * 7168 * 18432 + 60 * (257 * 3 * 7168 * 2048 + 256 * 7168 + 256)
    + (61 + 60) * 2 * 7168 * 16,
    "command-a-03-2025": 256000 * 12288 + 12288
    + 64 * 12288 * (2 * 12288 + 2 * 1024 + 3 * 36864 + 1),
    "deepseek-v3.1": sum(V3.values()),
    "devstral-2-123b": 2 * 131072 * 12288 + 12288
    + 88 * 12288 * (2 * 12288 + 2 * 1024 + 3 * 28672 + 2),
    # as GLM-5.2 and 5.3, but with an indexer in each of the 79 layers
    "glm-5": GLM_FP8 + GLM_BF16 + 76 * 256 + 57 * (GLM_INDEXER + 6144 * 32 + 2 * 128),
    "granite-4.1-8b": 100352 * 4096 + 4096
    + 40 * 4096 * (2 * 4096 + 2 * 1024 + 3 * 12800 + 2),
    # an indexer: two projections, one of weights, and a norm with its bias
    "deepseek-v3.2": sum(V3.values())
    + 62 * (1536 * 64 * 128 + 7168 * 128 + 7168 * 64 + 2 * 128),
    "command-r-plus": 256000 * 12288 + 12288
    + 64 * (12288 * (2 * 12288 + 2 * 1024 + 3 * 33792) + 12288 + (96 + 8) * 128),
    "deepseek-67b": 2 * 102400 * 8192 + 8192
    + 95 * 8192 * (2 * 8192 + 2 * 1024 + 3 * 22016 + 2),
    "gpt2": (50257 + 1024) * 768 + 2 * 768
    + 12 * (12 * 768 * 768 + (3 + 1 + 4 + 1) * 768 + 4 * 768),
    # its MTP layer is one more of full attention that joins two states
    "qwen3.5-9b": 9_409_813_744
    + 4096 * (2 * 4096 + 2 * 1024 + 4096 + 3 * 12288 + 2 * 4096) + 5 * 4096 + 2 * 256,
    "qwen3-1.7b": 151936 * 2048 + 2048
    + 28 * (2048 * (2 * 2048 + 2 * 1024 + 3 * 6144 + 2) + 2 * 128),
    "qwen3-coder-30b-a3b": 2 * 151936 * 2048 + 2048
    + 48 * (2048 * (2 * 4096 + 2 * 512 + 128 + 128 * 3 * 768 + 2) + 2 * 128),
    "llama-3.1-8b": 2 * 128256 * 4096 + 4096
    + 32 * 4096 * (2 * 4096 + 2 * 1024 + 3 * 14336 + 2),
}  # fmt: skip
SCALED = {"mxfp4": Fraction(17, 32), "fp8": 1 + Fraction(1, 128 * 128)}
BYTES = {
    # a byte for the scale of 128 x 128, and the tables of three layers that choose by a token's id
    "deepseek-v4-flash": ({**SCALED, "bf16": 2, "fp32": 4}, 3 * 129280 * 6 * 8),
    "glm-5.2": ({"bf16": 2, "fp32": 4}, 0),
    "glm-5.3-flash": ({"fp8": 1 + Fraction(4, 128 * 128), "bf16": 2, "fp32": 4}, 0),
    "gpt-oss-120b": ({**SCALED, "bf16": 2}, 0),
    "gpt-oss-20b": ({**SCALED, "bf16": 2}, 0),
    "minimax-m2.5": ({"fp8": 1, "bf16": 2, "fp32": 4}, 0),
}


@pytest.mark.parametrize(("name", "weights"), WEIGHTS.items())
def test_weights_by_dtype_are_the_shapes(name: str, weights: dict[str, int]) -> None:
    assert dict(kvcalc.load(name).weights) == weights


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_parameters_are_the_shapes(name: str, parameters: int) -> None:
    assert kvcalc.load(name).parameters == parameters


@pytest.mark.parametrize(("name", "sizes", "tables"), [(k, *v) for k, v in BYTES.items()])
def test_bytes_are_those_of_the_dtypes(
    name: str, sizes: dict[str, int | Fraction], tables: int
) -> None:
    model = kvcalc.load(name)
    assert (
        sum(n * sizes[dtype] for dtype, n in model.weights.items()) + tables == model.weight_bytes
    )


# what a multi-token-prediction module of DeepSeek-V3 has, and of GLM-5, whose indexer it has too
V3_MODULE = V3_ATTENTION + 257 * V3_EXPERT + 256 * 7168 + 256
V3_MODULE += 5 * 7168 + 1536 + 512 + V3_JOIN + 2 * 129280 * 7168
GLM_MODULE = GLM_ATTENTION + 257 * 3 * 6144 * 2048 + 256 * 6144 + 256 + 5 * 6144 + 2048 + 512
GLM_MODULE += 2 * 6144 * 6144 + GLM_INDEXER + 6144 * 32 + 2 * 128


def deepseek_v4_module(
    width: int, heads: int, query: int, groups: int, experts: int, expert: int
) -> int:
    """A layer that neither compresses nor indexes, and what joins and mixes its states."""
    attention = width * query + query * heads * 512 + width * 512
    attention += heads * 512 // groups * groups * 1024 + groups * 1024 * width
    mixture = (experts + 1) * 3 * width * expert + experts * (width + 1)
    norms = 2 * width + query + 512 + 3 * width
    streams = 2 * (24 * 4 * width + 24 + 3) + 4 * 4 * width + 4 + 1
    return attention + mixture + norms + streams + heads + 2 * width * width


def qwen3_5_module(width: int, heads: int, kv_heads: int, mlp: int) -> int:
    """A layer of gated attention, of heads 256 wide, and what joins two states."""
    attention = width * (3 * heads + 2 * kv_heads) * 256 + 2 * 256
    return attention + mlp + 2 * width * width + 5 * width


def glm_4_5_module(width: int, experts: int, expert: int, heads: int) -> int:
    """One of GLM-4.5: 8 KV heads, biases of the queries, keys and values, copies at both ends."""
    attention = width * (2 * heads + 2 * 8) * 128 + (heads + 2 * 8) * 128
    mixture = (experts + 1) * 3 * width * expert + experts * (width + 1)
    return attention + mixture + 5 * width + 2 * width * width + 2 * 151552 * width


MTP = {
    "deepseek-v3": V3_MODULE,
    "deepseek-r1": V3_MODULE,
    "deepseek-v3.1": V3_MODULE,
    "deepseek-v3.2": V3_MODULE + 1536 * 64 * 128 + 7168 * 128 + 7168 * 64 + 2 * 128,
    "deepseek-v4-flash": deepseek_v4_module(4096, 64, 1024, 8, 256, 2048),
    "deepseek-v4-pro": deepseek_v4_module(7168, 128, 1536, 16, 384, 3072),
    **dict.fromkeys(("glm-5", "glm-5.1", "glm-5.2", "glm-5.3"), GLM_MODULE),
    # in GLM-4.5 queries and keys are normed per head, in Air they are not
    "glm-4.5": glm_4_5_module(5120, 160, 1536, 96) + 2 * 128,
    "glm-4.7": glm_4_5_module(5120, 160, 1536, 96) + 2 * 128,
    "glm-4.5-air": glm_4_5_module(4096, 128, 1408, 96),
    # as Hub counts and classes of transformers 5.24.0 differ, but for the biases of the gates
    "glm-4.7-flash": 31221488576 - 29943390976 - 46 * 64,
    "glm-5.3-flash": 321323031390 - 313786889214 - 42 * 288,
    "hy3": 298786155776 - 295033528320 - 79 * 192,
    "ling-3.0-flash": 127486405600 - 124414191072 - 40 * 512,
    "nemotron-3-super-120b-fp8": 123611012096 - 120668687360 - 40 * 512,
    "longcat-flash": 561862880256 - 560664958976 - 28 * 768,
    "qwen3.8-2.4t-a95b": 2446182725504 - 2419804697984,
    "step-3.7-flash": 3 * 809390336,
    "qwen3-next-80b-a3b": qwen3_5_module(2048, 16, 2, 513 * (3 * 2048 * 512 + 2048)),
    "qwen3.5-9b": qwen3_5_module(4096, 16, 4, 3 * 4096 * 12288),
    **dict.fromkeys(
        ("qwen3.5-27b", "qwen3.6-27b", "qwen3.8-27b"),
        qwen3_5_module(5120, 24, 4, 3 * 5120 * 17408),
    ),
    **dict.fromkeys(
        ("qwen3.5-35b-a3b", "qwen3.6-35b-a3b"),
        qwen3_5_module(2048, 16, 2, 257 * (3 * 2048 * 512 + 2048)),
    ),
    "qwen3.5-122b-a10b": qwen3_5_module(3072, 32, 2, 257 * (3 * 3072 * 1024 + 3072)),
    "qwen3.5-397b-a17b": qwen3_5_module(4096, 32, 2, 513 * (3 * 4096 * 1024 + 4096)),
}


@pytest.mark.parametrize(("name", "parameters"), MTP.items())
def test_layers_of_prediction_are_the_shapes(name: str, parameters: int) -> None:
    assert kvcalc.load(name).mtp_parameters == parameters


def test_parts_of_the_parameters_are_held_to_each_other() -> None:
    models = [kvcalc.load(path) for path in bundled().values()]
    assert {model.slug for model in models if model.mtp_parameters} == set(MTP)
    for model in models:
        experts, total = model.expert_parameters, model.parameters
        active = model.active_parameters
        if experts and total and active:
            # those that a token does not use are experts, but for MTP layers and towers
            assert total - experts > 0, model.slug
            assert experts > Fraction(93, 100) * (total - active), model.slug


def test_experts_are_the_product_beside_them() -> None:
    for name, path in bundled().items():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("expert_parameters:"):
                stated, told = line.removeprefix("expert_parameters:").split("#")
                numbers = [int(number.replace(",", "")) for number in told.split(" x ")]
                assert int(stated) == prod(numbers), name
