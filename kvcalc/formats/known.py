"""The formats and layouts that have names, what they keep beside the elements, and whose they are.

A format of somebody's own is a line in `KNOWN`, one that tells roles apart another in `LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kvcalc.formats.format import BF16, F16, F32, FP8, FP8_KEY, FP16, FP32, Format
from kvcalc.formats.layout import UNDIVIDED, Layout


@dataclass(frozen=True)
class Known:
    """A format by its name: what is stored beside its elements, and who stores it so."""

    format: Format
    scales: str
    whose: str


NO_SCALE = "none per token"
OCP = "OCP microscaling formats 1.0"
KIVI = "KIVI, arXiv 2402.02750"
GGUF = "llama.cpp"
IK = "ik_llama.cpp"
VLLM = "vLLM 0.33.0"
SGLANG = "SGLang 0.5.23"
EXL2 = "exllamav2 0.3.2"
EXL3 = "exllamav3 1.6.5"
RESIDUAL = 128
"""Tokens that transformers' quantized caches keep unquantized where nobody says otherwise."""


def _grouped(engine: str, bits: Iterable[int], residual: int = 0) -> Iterator[Format]:
    """Groups of 32, 64 and 128 elements, each with a scale and an offset of two bytes.

    Asked of the libraries themselves: mlx 0.32.4 `quantize`, for every pair, whose offset is called
    a bias; hqq 0.2.8.post1 and optimum-quanto 0.2.7 under transformers 5.24.0, with a zero point
    and a shift, in groups of 64 (hqq's 4 bits in groups of 32 too). Their others follow that rule.
    """
    for n in bits:
        # hqq puts ten elements of 3 bits into an int32, which takes a group 4 bytes more
        lost = 4 if engine == "hqq" and n == 3 else 0
        for group in (32, 64, 128):
            name = f"{engine}_q{n}_g{group}"
            yield Format(name, n, group=group, group_bytes=2 + 2 + lost, residual=residual)


KNOWN = (
    Known(FP32, NO_SCALE, "IEEE 754"),
    Known(FP16, NO_SCALE, "IEEE 754"),
    Known(BF16, NO_SCALE, "bfloat16"),
    Known(FP8, NO_SCALE, "OCP 8-bit floating point; every engine"),
    # scaled once for the whole tensor, as TensorRT-LLM and ModelOpt have it
    Known(Format("int8", 8), NO_SCALE, "TensorRT-LLM"),
    # attention/backends/triton_attn.py: an fp32 scale per token, head and side
    Known(Format("fp8_per_token_head", 8, more=4), "fp32 per head", VLLM),
    Known(Format("int8_per_token_head", 8, more=4), "fp32 per head", VLLM),
    Known(Format("int4_per_token_head", 4, more=4), "fp32 per head", VLLM),
    # section 4: groups of 32
    Known(Format("int4", 4, group=32, group_bytes=4), "fp16 scale, fp16 zero point", KIVI),
    Known(Format("int2", 2, group=32, group_bytes=4), "fp16 scale, fp16 zero point", KIVI),
    Known(Format("nvfp4", 4, group=16, group_bytes=1), "e4m3", "NVIDIA; vLLM, SGLang"),
    Known(Format("mxfp8", 8, group=32, group_bytes=1), "e8m0", f"{OCP}; SGLang"),
    Known(Format("mxfp4", 4, group=32, group_bytes=1), "e8m0", OCP),
    # mem_cache/memory_pool.py: e2m1 in blocks of 16, a byte each
    Known(Format("fp4_mx_block16", 4, group=16, group_bytes=1), "e8m0", SGLANG),
    # attention/ops/ultraquant/format.py: e2m1 in groups of 32
    Known(Format("ultraquant_4bit", 4, group=32, group_bytes=1), "e8m0", VLLM),
    # ggml-common.h: an fp16 scale, in the _1 kinds an fp16 minimum too, per 32
    Known(F32, NO_SCALE, GGUF),
    Known(F16, NO_SCALE, GGUF),
    Known(Format("q8_0", 8, group=32, group_bytes=2), "fp16", GGUF),
    Known(Format("q5_1", 5, group=32, group_bytes=4), "fp16 scale, fp16 minimum", GGUF),
    Known(Format("q5_0", 5, group=32, group_bytes=2), "fp16", GGUF),
    Known(Format("q4_1", 4, group=32, group_bytes=4), "fp16 scale, fp16 minimum", GGUF),
    Known(Format("q4_0", 4, group=32, group_bytes=2), "fp16", GGUF),
    Known(Format("iq4_nl", 4, group=32, group_bytes=2), "fp16", GGUF),
    # at 8337e4c: ggml-common.h, block_q6_0; ggml.c, blocks of 32 and row_meta_size 8
    Known(Format("q6_0", 6, group=32, group_bytes=2), "fp16", IK),
    Known(Format("q8_KV", 8, group=32, more=8), "8 B per row of keys", IK),
    # cache/quant.py: 32 elements take as many int32 as an element bits; cache.py for the older
    *(Known(Format(f"exl3_q{n}", n, group=32, group_bytes=2), "fp16", EXL3) for n in range(2, 9)),
    Known(Format("exl2_q4", 4, group=32, group_bytes=2), "fp16", EXL2),
    Known(Format("exl2_q8", 8, group=32, group_bytes=2), "fp16", EXL2),
    *(
        Known(stored, "two bytes each: scale, bias", "MLX")
        for stored in _grouped("mlx", (2, 3, 4, 5, 6, 8))
    ),
    *(
        Known(stored, "two bytes each: scale, zero point", "transformers' QuantizedCache with HQQ")
        for stored in _grouped("hqq", (1, 2, 3, 4, 8), RESIDUAL)
    ),
    *(
        Known(stored, "two bytes each: scale, shift", "transformers' QuantizedCache with quanto")
        for stored in _grouped("quanto", (2, 4), RESIDUAL)
    ),
)
FORMATS = {known.format.name: known.format for known in KNOWN}

_TURBOQUANT = "vLLM keeps the first and the last two layers of a dense model in its own dtype"


def _turboquant(name: str, key: Format, value_bits: int) -> Layout:
    """A slot [key | value] per token and head: turboquant/config.py of vLLM 0.33.0."""
    value = Format(
        f"{value_bits} bits + fp16 scale, fp16 zero point", value_bits, more=4, fills=True
    )
    note = f"{name}: every layer is counted so; {_TURBOQUANT}"
    return Layout(name, {"k": key, "v": value}, even=True, note=note, whose=VLLM)


def _normed(bits: int) -> Format:
    return Format(f"{bits} bits + fp16 norm", bits, more=2, fills=True)


def _exl3(bits: int) -> Layout:
    # cache/mla.py: a latent's RoPE key stays fp16
    stored = FORMATS[f"exl3_q{bits}"]
    roles = {**dict.fromkeys(("k", "v", "latent"), stored), "rope": FP16}
    return Layout(stored.name, roles, whose=EXL3)


_Q8_KV = {
    "k": FORMATS["q8_KV"],
    "latent": FORMATS["q8_KV"],
    "rope": replace(FORMATS["q8_KV"], name="q8_KV on the latent's row", more=0),
}

LAYOUTS = {
    layout.name: layout
    for layout in (
        # vLLM 0.33.0: 512 fp8 + 4 fp32 scales + 64 bf16 = 656 B (mla_attention.py); DeepSeek-V4:
        # 448 fp8 + 7 ue8m0 scales + 1 pad + 64 bf16 = 584 B (flashmla_sparse.py); V4.1's own
        # record: 512 fp8 + 16 ue8m0 scales = 528 B (deepseek_v41/common/ops/cache_utils.py), for
        # compute capability 10 alone: for others vLLM writes V4.1's entries into V4's 584 B
        Layout(
            "fp8_ds_mla",
            for_latent={
                (512, 64): {
                    "latent": Format("fp8 + fp32 per 128", 8, group=128, group_bytes=4),
                    "rope": BF16,
                    "index": FP8_KEY,
                },
                (448, 64): {
                    "latent": Format("fp8 + ue8m0 per 64", 8, group=64, group_bytes=1, more=1),
                    "rope": BF16,
                    "index": FP8_KEY,
                },
                (512, UNDIVIDED): {
                    "kv": FORMATS["mxfp8"],
                    "compressed": FORMATS["mxfp8"],
                    "index": FP8_KEY,
                },
            },
            whose=VLLM,
        ),
        # vLLM 0.33.0: 256 B e2m1 + 32 e4m3 scales + 64 B e4m3 = 352 B (mla_attention.py); V4.1's
        # compressed entries without the 64 B, its windows as in fp8_ds_mla (cache_utils.py)
        Layout(
            "nvfp4_ds_mla",
            for_latent={
                (512, 64): {"latent": FORMATS["nvfp4"], "rope": FP8, "index": FP8_KEY},
                (512, UNDIVIDED): {
                    "kv": FORMATS["mxfp8"],
                    "compressed": FORMATS["nvfp4"],
                    "index": FP8_KEY,
                },
            },
            whose=VLLM,
        ),
        _turboquant("turboquant_k8v4", FP8, 4),
        _turboquant("turboquant_4bit_nc", _normed(4), 4),
        _turboquant("turboquant_k3v4_nc", _normed(3), 4),
        _turboquant("turboquant_3bit_nc", _normed(3), 3),
        # ik_llama.cpp has it for keys (`-ctk q8_KV`): a row is a head's key, or latent and RoPE key
        Layout("q8_KV", _Q8_KV, whose=IK),
        *map(_exl3, range(2, 9)),
        # exllamav2 keeps keys and values alone; its Q6 is a key of 8 bits and a value of 4
        Layout("exl2_q4", dict.fromkeys(("k", "v"), FORMATS["exl2_q4"]), whose=EXL2),
        Layout("exl2_q6", {"k": FORMATS["exl2_q8"], "v": FORMATS["exl2_q4"]}, whose=EXL2),
        Layout("exl2_q8", dict.fromkeys(("k", "v"), FORMATS["exl2_q8"]), whose=EXL2),
    )
}
